//! One `Set-Cookie` line: parsed, judged on its own, and dated.

use std::time::{Duration, SystemTime};

use cookie::{Expiration, SameSite};
use cookie_store::{Cookie, CookieDomain, CookieError, RawCookie};
use url::{Host, Url};

use crate::config::JarConfig;
use crate::date;
use crate::entry::Entry;
use crate::error::Refusal;
use crate::suffix::{is_address, is_public};

/// What name and value may hold together, in bytes (RFC 6265bis §5.6).
const PAIR_LIMIT: usize = 4096;
/// Longer attribute values are ignored (RFC 6265bis §5.6).
const ATTRIBUTE_LIMIT: usize = 1024;
/// No cookie that a server sets lives longer, whatever it asks for (RFC 6265bis §5.5): 400 days.
const LIFETIME_LIMIT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Parses one line that came with a response from `url` at `now`.
pub(crate) fn parse(line: &[u8], url: &Url, config: &JarConfig, now: SystemTime) -> Result<Entry, Refusal> {
    let text = readable(line)?;
    let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
    let (name, value) = name_and_value(pair).ok_or(Refusal::Empty)?;
    let mut raw = RawCookie::new(name, value);
    let expires = read_attributes(attributes, &mut raw, now);
    judge(&raw, expires, url, config, now)
}

/// Judges a cookie that a program made; its times are taken from it.
pub(crate) fn made(
    raw: &RawCookie<'_>,
    url: &Url,
    config: &JarConfig,
    now: SystemTime,
) -> Result<Entry, Refusal> {
    check_pair(raw.name(), raw.value())?;
    let expires = match (raw.max_age(), raw.expires()) {
        (Some(age), _) => Some(after(now, Duration::try_from(age).unwrap_or_default())),
        (None, Some(Expiration::DateTime(date))) => {
            let seconds = u64::try_from(date.unix_timestamp()).unwrap_or_default();
            Some(after(SystemTime::UNIX_EPOCH, Duration::from_secs(seconds)))
        }
        (None, _) => None,
    };
    judge(raw, expires, url, config, now)
}

/// Judges a cookie by its attributes and by where it came from (RFC 6265bis §5.7).
pub(crate) fn judge(
    raw: &RawCookie<'_>,
    expires: Option<SystemTime>,
    url: &Url,
    config: &JarConfig,
    now: SystemTime,
) -> Result<Entry, Refusal> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::NotHttp);
    }
    if raw.name().len() + raw.value().len() > PAIR_LIMIT {
        return Err(Refusal::TooLong { limit: PAIR_LIMIT });
    }
    if raw.domain().is_some_and(|domain| domain.contains(char::is_whitespace)) {
        return Err(Refusal::InvalidDomain);
    }
    let mut cookie = Cookie::try_from_raw_cookie(raw, url).map_err(|error| refusal(&error))?.into_owned();
    cookie.domain = judge_domain(cookie.domain, url, config)?;
    let secure = raw.secure() == Some(true);
    if secure && !is_secure(url, config) {
        return Err(Refusal::SecureFromInsecure);
    }
    if !keeps_prefix(&cookie, secure) {
        return Err(Refusal::BrokenPrefix);
    }
    Ok(Entry::new(cookie, expires, now))
}

/// The name in a line that may be refused for other reasons.
pub(crate) fn name(line: &[u8]) -> Option<String> {
    let (name, _) = name_and_value(readable(line).ok()?.split(';').next()?)?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// Whether a `Secure` cookie may come from there and go there: HTTPS, and loopback where the caller wants it so.
pub(crate) fn is_secure(url: &Url, config: &JarConfig) -> bool {
    let loopback = || match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (config.secure_loopback && loopback())
}

/// Whether name and value, which did not come from a line, would be sent as what they are.
pub(crate) fn check_pair(name: &str, value: &str) -> Result<(), Refusal> {
    if name.is_empty() && value.is_empty() {
        return Err(Refusal::Empty);
    }
    if has_control(name) || has_control(value) {
        return Err(Refusal::ControlCharacter);
    }
    if name.contains([';', '=']) || value.contains(';') { Err(Refusal::Separator) } else { Ok(()) }
}

/// Without a `=` all of it is the value of a cookie without a name; `None` when both are empty (RFC 6265bis §5.6).
pub(crate) fn name_and_value(pair: &str) -> Option<(&str, &str)> {
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    let (name, value) = (name.trim_matches(BLANK), value.trim_matches(BLANK));
    (!name.is_empty() || !value.is_empty()).then_some((name, value))
}

const BLANK: [char; 2] = [' ', '\t'];

fn readable(line: &[u8]) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(line).map_err(|_| Refusal::NotUtf8)?;
    if has_control(text) { Err(Refusal::ControlCharacter) } else { Ok(text) }
}

/// Whether a text holds what a field line may not; a tab may stand there.
pub(crate) fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t')
}

/// Reads the attributes; of several with one name the last counts (RFC 6265bis §5.6 and §5.7). Returns the expiry:
/// `Max-Age` beats `Expires`, and both are capped.
fn read_attributes(attributes: &str, raw: &mut RawCookie<'_>, now: SystemTime) -> Option<SystemTime> {
    let (mut max_age, mut expires) = (None, None);
    for attribute in attributes.split(';') {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let (name, value) = (name.trim_matches(BLANK), value.trim_matches(BLANK));
        if value.len() > ATTRIBUTE_LIMIT {
            continue;
        }
        match name.to_ascii_lowercase().as_str() {
            "expires" => expires = date::parse_date(value).or(expires),
            "max-age" => max_age = lifetime(value).or(max_age),
            "domain" if value.is_empty() => raw.unset_domain(),
            "domain" => raw.set_domain(value.to_owned()),
            "path" => raw.set_path(value.to_owned()),
            "secure" => raw.set_secure(true),
            "httponly" => raw.set_http_only(true),
            "partitioned" => raw.set_partitioned(true),
            "samesite" => raw.set_same_site(same_site(value)),
            _ => {}
        }
    }
    let latest = after(now, LIFETIME_LIMIT);
    max_age.map(|lifetime| after(now, lifetime)).or(expires).map(|end| end.min(latest))
}

/// What is not known counts as no attribute at all (RFC 6265bis §5.6.7).
pub(crate) fn same_site(value: &str) -> Option<SameSite> {
    [("strict", SameSite::Strict), ("lax", SameSite::Lax), ("none", SameSite::None)]
        .into_iter()
        .find(|(name, _)| value.eq_ignore_ascii_case(name))
        .map(|(_, attribute)| attribute)
}

/// A time so long after another; the end of all clocks when it is beyond that.
pub(crate) fn after(start: SystemTime, by: Duration) -> SystemTime {
    /// A thousand years are for ever.
    const FOREVER: Duration = Duration::from_secs(1_000 * 366 * 24 * 60 * 60);
    start.checked_add(by).or_else(|| start.checked_add(FOREVER)).unwrap_or(start)
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

/// A public suffix is nobody's domain, but may be the host itself (RFC 6265bis §5.7); so may an address.
fn judge_domain(domain: CookieDomain, url: &Url, config: &JarConfig) -> Result<CookieDomain, Refusal> {
    match domain {
        // One dot is taken off before; what is left of several is no name.
        CookieDomain::Suffix(name) if name.starts_with('.') => Err(Refusal::InvalidDomain),
        CookieDomain::Suffix(name) if is_address(&name) || is_public(&name, &*config.suffixes) => {
            if url.host_str() == Some(&name) {
                CookieDomain::host_only(url).map_err(|_| Refusal::NotHttp)
            } else {
                Err(Refusal::PublicSuffix)
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
mod tests;
