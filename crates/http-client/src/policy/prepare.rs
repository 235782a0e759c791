//! From a request as the user built it to the origin, the target and the fields that are sent.

use std::time::SystemTime;

use conn::{Origin, Scheme};
use url::{Position, Url};
use wire::{BodyLength, Headers, Method, Version};

use crate::config::ClientConfig;
use crate::error::{Error, ErrorKind};
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

/// What the fields of a request are put together from.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) method: &'a Method,
    /// Added unless the request has them or leaves them out.
    pub(crate) defaults: &'a Headers,
    pub(crate) own: &'a Headers,
    pub(crate) without: &'a [String],
    /// What the jar has, for a request that brings no cookies of its own.
    pub(crate) cookies: Option<&'a str>,
    /// What the content is, for a request that does not say it.
    pub(crate) media_type: Option<&'a str>,
}

/// Puts together the fields to send, the request's own in their order.
///
/// # Errors
/// A TRACE has credentials of its own.
pub(crate) fn fields(given: Given<'_>, into: &mut Headers) -> Result<(), Error> {
    let Given { method, defaults, own, without, cookies, media_type } = given;
    into.clear();
    into.extend_from(defaults);
    into.retain(|name, _| !own.contains(name) && !without.iter().any(|out| out.eq_ignore_ascii_case(name)));
    // RFC 9110 §9.3.8: what comes in a TRACE goes out again in its response.
    if *method == Method::TRACE {
        if own.secrets().next().is_some() {
            return Err(Error::new(ErrorKind::InvalidRequest, FieldsError::Traced));
        }
        into.retain(|name, _| !defaults.is_secret(name));
        into.extend_from(own);
        return Ok(());
    }
    into.extend_from(own);
    for (name, value) in [("Cookie", cookies), ("Content-Type", media_type)] {
        if let Some(value) = value.filter(|_| !into.contains(name)) {
            // The jar refuses control characters, so this cannot fail; without the field the request stays valid.
            let _ = into.append(name, value);
        }
    }
    Ok(())
}

/// Why a request may not be sent as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FieldsError {
    #[error("a TRACE must not carry credentials: the server sends them back as content")]
    Traced,
    #[error("the server speaks HTTP/1.0 and takes no chunks: give the content a length")]
    Chunks,
}

/// Says whether content without a length may be sent to a server, by what it spoke last (RFC 9112 §6.1).
pub(crate) fn may_send_chunks(spoke: Option<Version>, length: BodyLength) -> Result<(), Error> {
    match (length, spoke) {
        (BodyLength::Unknown, Some(version)) if version < Version::HTTP_11 => {
            Err(Error::new(ErrorKind::InvalidRequest, FieldsError::Chunks))
        }
        _ => Ok(()),
    }
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

    fn given<'a>(method: &'a Method, defaults: &'a Headers, own: &'a Headers) -> Given<'a> {
        Given { method, defaults, own, without: &[], cookies: None, media_type: None }
    }

    #[test]
    fn a_trace_carries_no_credentials() {
        let defaults = headers(&[("Authorization", "s"), ("Accept", "*/*")]);
        let (mut into, own) = (Headers::new(), headers(&[("X", "1")]));
        let given = Given { cookies: Some("a=s"), ..given(&Method::TRACE, &defaults, &own) };
        fields(given, &mut into).unwrap();
        assert_eq!(into, headers(&[("Accept", "*/*"), ("X", "1")]));
        for name in ["Authorization", "cookie", "X-Api-Key"] {
            let own = headers(&[(name, "s")]);
            let error = fields(Given { own: &own, ..given }, &mut into).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{name}");
        }
    }

    #[test]
    fn what_the_content_is_is_said_once() {
        let (none, defaults) = (Headers::new(), headers(&[("content-type", "a")]));
        for (defaults, own, expected) in [
            (&none, &[][..], &[("Content-Type", "t")][..]),
            (&defaults, &[], &[("content-type", "a")]),
            (&none, &[("CONTENT-TYPE", "b")], &[("CONTENT-TYPE", "b")]),
        ] {
            let (mut into, own) = (Headers::new(), headers(own));
            let given = Given { media_type: Some("t"), ..given(&Method::POST, defaults, &own) };
            fields(given, &mut into).unwrap();
            assert_eq!(into, headers(expected));
        }
    }

    #[test]
    fn a_server_of_http_1_0_gets_no_chunks() {
        for (spoke, length, expected) in [
            (None, BodyLength::Unknown, true),
            (Some(Version::HTTP_11), BodyLength::Unknown, true),
            (Some(Version::HTTP_10), BodyLength::Unknown, false),
            (Some(Version::HTTP_10), BodyLength::Known(1), true),
            (Some(Version::HTTP_10), BodyLength::Empty, true),
        ] {
            assert_eq!(may_send_chunks(spoke, length).is_ok(), expected, "{spoke:?} {length:?}");
        }
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
            let own = headers(own);
            let given = Given { cookies, ..given(&Method::GET, &defaults, &own) };
            fields(given, &mut into).unwrap();
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
        let own = headers(&[("X", "1")]);
        fields(Given { without: &without, ..given(&Method::GET, &defaults, &own) }, &mut into).unwrap();
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
