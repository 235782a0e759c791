//! From a request as the user built it to the origin, the target and the fields that are sent.

use std::time::SystemTime;

use conn::{Origin, Scheme};
use url::{Position, Url};
use wire::{BodyLength, Headers, is_secret_field};

use crate::config::ClientConfig;
use crate::error::{Error, ErrorKind};
use crate::policy::redirect::Hop;
use crate::request::redacted;

/// Why a URL cannot be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("only http and https URLs can be requested")]
    Scheme,
    #[error("the URL has no host")]
    NoHost,
}

/// Finds the origin of a URL.
pub(crate) fn origin(url: &Url) -> Result<Origin, Error> {
    let scheme = match url.scheme() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return Err(Error::new(ErrorKind::InvalidRequest, UrlError::Scheme)),
    };
    let host = url.host_str().ok_or_else(|| Error::new(ErrorKind::InvalidRequest, UrlError::NoHost))?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Origin::new(scheme, host, url.port()).map_err(|error| Error::new(ErrorKind::InvalidRequest, error))
}

/// Returns the request target in origin-form (RFC 9112 §3.2.1): path and query, never the fragment.
pub(crate) fn target(url: &Url) -> &str {
    &url[Position::BeforePath..Position::AfterQuery]
}

/// Puts together the fields to send: defaults that the request does not have and does not leave out, the request's own in
/// their order, and the jar's cookies unless the request brings its own.
pub(crate) fn fields(
    defaults: &Headers,
    own: &Headers,
    without: &[String],
    cookies: Option<&str>,
    into: &mut Headers,
) {
    into.clear();
    into.extend_from(defaults);
    into.retain(|name, _| !own.contains(name) && !without.iter().any(|out| out.eq_ignore_ascii_case(name)));
    into.extend_from(own);
    if let Some(cookies) = cookies.filter(|_| !into.contains("cookie")) {
        // The jar refuses control characters, so this cannot fail; without the field the request stays valid.
        let _ = into.append("Cookie", cookies);
    }
}

/// Names the default fields that do not go along a redirect, and none after it either: secrets where it leads to an origin
/// that must not see them, a `Host` where it leads to another.
pub(crate) fn defaults_left_behind<'d>(defaults: &'d Headers, hop: &Hop) -> impl Iterator<Item = &'d str> {
    let (keeps_secrets, same_origin) = (hop.keeps_secrets, hop.same_origin);
    let stays = move |name: &str| {
        !keeps_secrets && is_secret_field(name) || !same_origin && name.eq_ignore_ascii_case("host")
    };
    defaults.iter().map(|(name, _)| name).filter(move |name| stays(name))
}

/// Tells whether content is so long that the server is asked first whether it wants it (RFC 9110 §10.1.1). One of unknown
/// length is sent as it comes: most streams are short, and a server that ignores the question would make each wait.
pub(crate) fn expects(above: Option<u64>, length: BodyLength) -> bool {
    matches!((above, length), (Some(above), BodyLength::Known(length)) if length > above && length > 0)
}

/// Returns what the configured jar has for a URL.
#[cfg(feature = "cookies")]
pub(crate) fn cookies(config: &ClientConfig, url: &Url, now: SystemTime) -> Option<String> {
    config.cookies.as_ref()?.cookie_header(url, now)
}

/// Puts the cookies of a response to `url` into the configured jar; what the jar refuses is its verdict, not an error.
#[cfg(feature = "cookies")]
pub(crate) fn store_cookies(config: &ClientConfig, url: &Url, headers: &Headers, now: SystemTime) {
    if let Some(jar) = &config.cookies {
        jar.store(url, headers.get_all("set-cookie"), now);
    }
}

#[cfg(not(feature = "cookies"))]
pub(crate) fn cookies(_: &ClientConfig, _: &Url, _: SystemTime) -> Option<String> {
    None
}

#[cfg(not(feature = "cookies"))]
pub(crate) fn store_cookies(_: &ClientConfig, _: &Url, _: &Headers, _: SystemTime) {}

/// Returns the URL of a target in origin-form, for what goes by URLs.
pub(crate) fn url(origin: &Origin, target: &str) -> Option<Url> {
    Url::parse(&format!("{origin}{target}")).ok().filter(|_| target.starts_with('/'))
}

/// Names a request for an error or a log: the target without its query, which may hold secrets.
pub(crate) fn label(method: &str, origin: &Origin, target: &str) -> String {
    // RFC 9112 §3.2.3: the target of CONNECT is an authority, and no path at the origin.
    if method == "CONNECT" {
        return format!("{method} {target}");
    }
    match target.split_once('?') {
        Some((path, _)) => format!("{method} {origin}{path}?..."),
        None => format!("{method} {origin}{target}"),
    }
}

/// As [`label`] for a URL that may have no origin; what user-info it has is left out.
pub(crate) fn label_url(method: &str, url: &Url) -> String {
    format!("{method} {}", redacted(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.append(name, value).unwrap();
        }
        headers
    }

    #[test]
    fn urls_become_origin_and_target() {
        #[track_caller]
        fn check(url: &str, expected: Option<(&str, &str)>) {
            let url = Url::parse(url).unwrap();
            let found = origin(&url).ok().map(|origin| (origin.to_string(), target(&url)));
            let expected = expected.map(|(origin, target)| (origin.to_owned(), target));
            assert_eq!(found, expected, "{url}");
        }
        check("http://a", Some(("http://a", "/")));
        check("http://A:80/b?c#d", Some(("http://a", "/b?c")));
        check("https://a:8443?q", Some(("https://a:8443", "/?q")));
        check("http://[::1]:81/", Some(("http://[::1]:81", "/")));
        check("http://bücher.example/ü ber", Some(("http://xn--bcher-kva.example", "/%C3%BC%20ber")));
        check("http://127.1/", Some(("http://127.0.0.1", "/")));
        check("ftp://a/", None);
        check("data:x", None);
        check("http://user:secret@a/", Some(("http://a", "/")));
    }

    #[test]
    fn defaults_yield_to_the_requests_own_fields() {
        #[track_caller]
        fn check(own: &[(&str, &str)], cookies: Option<&str>, expected: &[(&str, &str)]) {
            let defaults = headers(&[("User-Agent", "us"), ("Accept", "*/*")]);
            let mut into = headers(&[("Left", "over")]);
            fields(&defaults, &headers(own), &[], cookies, &mut into);
            assert_eq!(into, headers(expected));
        }
        check(&[], None, &[("User-Agent", "us"), ("Accept", "*/*")]);
        check(&[("x", "1"), ("accept", "a")], None, &[("User-Agent", "us"), ("x", "1"), ("accept", "a")]);
        check(&[], Some("a=b"), &[("User-Agent", "us"), ("Accept", "*/*"), ("Cookie", "a=b")]);
        let own = [("cookie", "mine")];
        check(&own, Some("a=b"), &[("User-Agent", "us"), ("Accept", "*/*"), ("cookie", "mine")]);
    }

    #[test]
    fn a_default_can_be_left_out_but_not_a_field_of_the_requests_own() {
        let defaults = headers(&[("User-Agent", "us"), ("Accept", "*/*")]);
        let mut into = Headers::new();
        let without = ["ACCEPT".to_owned(), "x".to_owned()];
        fields(&defaults, &headers(&[("X", "1")]), &without, None, &mut into);
        assert_eq!(into, headers(&[("User-Agent", "us"), ("X", "1")]));
    }

    #[test]
    fn only_long_content_asks_first() {
        for (above, length, expected) in [
            (Some(10), BodyLength::Known(11), true),
            (Some(10), BodyLength::Known(10), false),
            (Some(0), BodyLength::Known(1), true),
            (Some(0), BodyLength::Known(0), false),
            (Some(0), BodyLength::Empty, false),
            (Some(0), BodyLength::Unknown, false),
            (None, BodyLength::Known(u64::MAX), false),
        ] {
            assert_eq!(expects(above, length), expected, "{above:?} {length:?}");
        }
    }

    #[test]
    fn labels_hide_the_query() {
        let origin = Origin::https("a").unwrap();
        assert_eq!(label("GET", &origin, "/b"), "GET https://a/b");
        assert_eq!(label("GET", &origin, "/b?token=s3cret"), "GET https://a/b?...");
        let url = Url::parse("ftp://me:s3cret@a:21/b?token=s3cret#f").unwrap();
        assert_eq!(label_url("GET", &url), "GET ftp://a/b?...");
    }
}
