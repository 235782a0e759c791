//! One `Set-Cookie` line: parsed, judged on its own, and dated.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use cookie_store::{Cookie, CookieDomain, CookieError, RawCookie};
use url::{Host, Url};

use crate::date;
use crate::error::Refusal;

/// What name and value may hold together, in bytes (RFC 6265bis §5.6).
const PAIR_LIMIT: usize = 4096;
/// Longer attribute values are ignored (RFC 6265bis §5.6).
const ATTRIBUTE_LIMIT: usize = 1024;
/// No cookie lives longer, whatever it asks for (RFC 6265bis §5.6): 400 days.
const LIFETIME_LIMIT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// A cookie that may enter the jar, if the jar's other cookies allow it.
pub(crate) struct Parsed {
    pub(crate) cookie: Cookie<'static>,
    /// `None` lives as long as the jar.
    pub(crate) expires: Option<SystemTime>,
}

/// Parses one line that came with a response from `url` at `now`.
pub(crate) fn parse(line: &[u8], url: &Url, now: SystemTime) -> Result<Parsed, Refusal> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::NotHttp);
    }
    let text = within_limits(readable(line)?);
    let (pair, attributes) = text.split_once(';').unwrap_or((&text, ""));
    let (name, value) = name_and_value(pair).ok_or(Refusal::Empty)?;
    if name.len() + value.len() > PAIR_LIMIT {
        return Err(Refusal::TooLong { limit: PAIR_LIMIT });
    }
    // `cookie_store` refuses a cookie without a name: it reads the attributes behind a stand-in.
    let mut raw = RawCookie::parse(format!("name=value;{attributes}")).map_err(|_| Refusal::Empty)?;
    raw.set_name(name.to_owned());
    raw.set_value(value.to_owned());
    match values(&text, "domain").last() {
        Some("") => raw.unset_domain(),
        Some(domain) if domain.contains(char::is_whitespace) => return Err(Refusal::InvalidDomain),
        _ => {}
    }
    let expires = expiry(&text, now);
    // Without these `cookie_store` has no cause to read the clock.
    raw.set_max_age(None);
    raw.unset_expires();
    let mut cookie = Cookie::try_from_raw_cookie(&raw, url).map_err(|error| refusal(&error))?;
    cookie.domain = judge_domain(cookie.domain, url)?;
    let secure = raw.secure().unwrap_or(false);
    if secure && !is_secure(url) {
        return Err(Refusal::SecureFromInsecure);
    }
    if !keeps_prefix(&cookie, secure) {
        return Err(Refusal::BrokenPrefix);
    }
    Ok(Parsed { cookie, expires })
}

/// The name in a line that may be refused for other reasons.
pub(crate) fn name(line: &[u8]) -> Option<String> {
    let (name, _) = name_and_value(readable(line).ok()?.split(';').next()?)?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// Whether a `Secure` cookie may come from there and go there: HTTPS, and loopback that nobody can listen to.
pub(crate) fn is_secure(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// Without a `=` all of it is the value of a cookie without a name; `None` when both are empty (RFC 6265bis §5.6).
fn name_and_value(pair: &str) -> Option<(&str, &str)> {
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    let blank = [' ', '\t'];
    let (name, value) = (name.trim_matches(blank), value.trim_matches(blank));
    (!name.is_empty() || !value.is_empty()).then_some((name, value))
}

fn readable(line: &[u8]) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(line).map_err(|_| Refusal::NotUtf8)?;
    if text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(Refusal::ControlCharacter);
    }
    Ok(text)
}

/// The line without attributes whose values are too long.
fn within_limits(line: &str) -> Cow<'_, str> {
    let fits =
        |part: &str| part.split_once('=').is_none_or(|(_, value)| value.trim().len() <= ATTRIBUTE_LIMIT);
    if line.split(';').skip(1).all(fits) {
        return Cow::Borrowed(line);
    }
    let kept = line.split(';').enumerate().filter(|(index, part)| *index == 0 || fits(part));
    Cow::Owned(kept.map(|(_, part)| part).collect::<Vec<_>>().join(";"))
}

/// `Max-Age` beats `Expires` (RFC 6265bis §5.7); the last one that can be read counts; both are capped.
fn expiry(line: &str, now: SystemTime) -> Option<SystemTime> {
    let latest = now.checked_add(LIFETIME_LIMIT)?;
    if let Some(lifetime) = values(line, "max-age").filter_map(lifetime).last() {
        return Some(now.checked_add(lifetime).map_or(latest, |end| end.min(latest)));
    }
    Some(values(line, "expires").filter_map(date::parse).last()?.min(latest))
}

/// A number of seconds; below zero counts as zero (RFC 6265bis §5.6.2).
fn lifetime(value: &str) -> Option<Duration> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than fit are as good as for ever.
    let seconds = if digits.len() < value.len() { 0 } else { digits.parse().unwrap_or(u64::MAX) };
    Some(Duration::from_secs(seconds))
}

/// The values of an attribute, in order.
fn values<'a>(line: &'a str, attribute: &str) -> impl Iterator<Item = &'a str> {
    line.split(';').skip(1).filter_map(move |part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case(attribute).then_some(value.trim())
    })
}

/// What stands in for a public suffix list: one label alone is nobody's domain, but may be the host itself
/// (RFC 6265bis §5.7).
fn judge_domain(domain: CookieDomain, url: &Url) -> Result<CookieDomain, Refusal> {
    match domain {
        CookieDomain::Suffix(name) if !name.contains('.') => {
            if url.host_str() == Some(&name) {
                CookieDomain::host_only(url).map_err(|_| Refusal::NotHttp)
            } else {
                Err(Refusal::DomainTooWide)
            }
        }
        domain => Ok(domain),
    }
}

/// `__Secure-` promises `Secure`; `__Host-` also one host and the whole site (RFC 6265bis §4.1.3).
fn keeps_prefix(cookie: &Cookie<'_>, secure: bool) -> bool {
    let begins = |prefix: &str| {
        let text = if cookie.name().is_empty() { cookie.value() } else { cookie.name() };
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    // Sent without a name, such a value would look like a name that was never earned.
    if cookie.name().is_empty() && (begins("__Host-") || begins("__Secure-")) {
        return false;
    }
    if begins("__Host-") {
        let whole_site = cookie.path.is_from_path_attr() && &*cookie.path == "/";
        secure && whole_site && matches!(cookie.domain, CookieDomain::HostOnly(_))
    } else {
        secure || !begins("__Secure-")
    }
}

fn refusal(error: &CookieError) -> Refusal {
    match error {
        CookieError::DomainMismatch => Refusal::ForeignDomain,
        CookieError::NonHttpScheme | CookieError::NonRelativeScheme => Refusal::NotHttp,
        // The name and value were parsed before: what is left to fail is the domain.
        _ => Refusal::InvalidDomain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(n * 86_400)
    }

    #[track_caller]
    fn check_expiry(attributes: &str, expected: Option<SystemTime>) {
        assert_eq!(expiry(&format!("a=b; {attributes}"), day(20_000)), expected, "{attributes}");
    }

    #[test]
    fn expiry_is_judged_by_the_given_time() {
        check_expiry("Path=/", None);
        check_expiry("Max-Age=86400", Some(day(20_001)));
        check_expiry("max-age=0", Some(day(20_000)));
        check_expiry("Max-Age=-5", Some(day(20_000)));
        check_expiry("Max-Age=", None);
        check_expiry("Max-Age=1x; Max-Age=86400; Max-Age=y", Some(day(20_001)));
        check_expiry("Max-Age=99999999999999999999999", Some(day(20_400)));
        check_expiry("Expires=Sat, 05 Oct 2024 00:00:00 GMT", Some(day(20_001)));
        check_expiry("Max-Age=0; Expires=Sat, 05 Oct 2024 00:00:00 GMT", Some(day(20_000)));
        check_expiry("Expires=Thu, 01 Jan 1970 00:00:00 GMT", Some(day(0)));
        check_expiry("Expires=Fri, 31 Dec 9999 23:59:59 GMT", Some(day(20_400)));
        check_expiry("Expires=soon", None);
    }

    #[track_caller]
    fn check(url: &str, line: &[u8], expected: Option<Refusal>) {
        let url = Url::parse(url).unwrap();
        let found = parse(line, &url, day(20_000)).err();
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(line));
    }

    #[test]
    fn lines_are_refused_with_their_reason() {
        let (http, https) = ("http://www.example.com/a/b", "https://www.example.com/a/b");
        check(http, b"a=b", None);
        check(http, b"a=\tb", None);
        check(http, "a=\u{e9}".as_bytes(), None);
        check(http, b"a=\xe9", Some(Refusal::NotUtf8));
        check(http, b"a=b\0", Some(Refusal::ControlCharacter));
        check(http, b"a=b; Path=/\x7f", Some(Refusal::ControlCharacter));
        check(http, b"a", None);
        check(http, b"=b", None);
        check(http, b"", Some(Refusal::Empty));
        check(http, b" = ; Path=/", Some(Refusal::Empty));
        check(http, format!("a={}", "b".repeat(4095)).as_bytes(), None);
        check(http, format!("a={}", "b".repeat(4096)).as_bytes(), Some(Refusal::TooLong { limit: 4096 }));
        check(http, b"a=b; Domain=example.com", None);
        check(http, b"a=b; Domain=.EXAMPLE.com", None);
        check(http, b"a=b; Domain=com", Some(Refusal::DomainTooWide));
        check(http, b"a=b; Domain=.com", Some(Refusal::DomainTooWide));
        check(http, b"a=b; Domain=other.com", Some(Refusal::ForeignDomain));
        check(http, b"a=b; Domain=ple.com", Some(Refusal::ForeignDomain));
        check(http, b"a=b; Domain=x.www.example.com", Some(Refusal::ForeignDomain));
        check(http, b"a=b; Domain=xn--a", Some(Refusal::InvalidDomain));
        check(http, b"a=b; Domain=. example.com", Some(Refusal::InvalidDomain));
        check(http, b"a=b; Domain=other.com; Domain=", None);
        check("http://localhost/", b"a=b; Domain=localhost", None);
        check("http://192.0.2.1/", b"a=b; Domain=0.2.1", Some(Refusal::ForeignDomain));
        check("data:text/plain,x", b"a=b", Some(Refusal::NotHttp));
        check("ftp://example.com/", b"a=b", Some(Refusal::NotHttp));
        check(http, b"a=b; Secure", Some(Refusal::SecureFromInsecure));
        check(https, b"a=b; Secure", None);
        check("http://127.0.0.1/", b"a=b; Secure", None);
        check(https, b"__secure-a=b", Some(Refusal::BrokenPrefix));
        check(https, b"=__Secure-a=b; Secure", Some(Refusal::BrokenPrefix));
        check(https, b"__Secure-a=b; Secure", None);
        check(https, b"__Host-a=b; Secure; Path=/", None);
        check(https, b"__Host-a=b; Secure", Some(Refusal::BrokenPrefix));
        check(https, b"__HOST-a=b; Secure; Path=/; Domain=www.example.com", Some(Refusal::BrokenPrefix));
    }

    #[test]
    fn long_attributes_are_ignored() {
        let url = Url::parse("http://example.com/a/b").unwrap();
        let path = |length: usize| {
            let line = format!("a=b; Path=/{}; Max-Age=5", "p".repeat(length - 1));
            parse(line.as_bytes(), &url, day(0)).unwrap().cookie.path.len()
        };
        assert_eq!(path(1024), 1024);
        assert_eq!(path(1025), "/a".len());
    }

    #[test]
    fn names_are_told_without_values() {
        assert_eq!(name(b" a =secret; Secure").as_deref(), Some("a"));
        assert_eq!(name(b"secret"), None);
        assert_eq!(name(b"a\xff=secret"), None);
    }
}
