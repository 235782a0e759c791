//! From what the caller calls a URL to an absolute one.

use std::fmt;

use url::{ParseError, Position, Url};

use crate::error::{Error, ErrorKind};

/// Why something is no URL that can be requested. The text itself is not repeated: it may hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("the URL is invalid")]
    Invalid(#[source] ParseError),
    #[error("the URL is relative, and there is no base URL: write it out, or set ClientConfig::base_url")]
    NoBase,
    /// A path that begins with two slashes is no path (RFC 3986 §4.2), though whoever passed it on may have thought so.
    #[error(
        "the relative URL begins with // and names another host than the base URL: write it out with its scheme"
    )]
    OtherHost,
}

/// What a URL can be given as: `&str`, `String`, a [`Url`], or a [`http::Uri`]. A relative one needs a
/// [base URL](crate::ClientConfig::base_url).
pub trait IntoUrl: sealed::Sealed {
    /// Parses the URL, which must be absolute unless there is a base.
    ///
    /// # Errors
    /// It is no URL, or a relative one without a base.
    fn into_url(self, base: Option<&Url>) -> Result<Url, Error>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for String {}
    impl Sealed for &String {}
    impl Sealed for url::Url {}
    impl Sealed for &url::Url {}
    impl Sealed for http::Uri {}
    impl Sealed for &http::Uri {}
}

impl IntoUrl for &str {
    fn into_url(self, base: Option<&Url>) -> Result<Url, Error> {
        parse(self, base).map_err(|error| Error::new(ErrorKind::InvalidRequest, error))
    }
}

/// Resolves by RFC 3986 §5.2.
fn parse(text: &str, base: Option<&Url>) -> Result<Url, UrlError> {
    match (Url::parse(text), base) {
        (Ok(url), _) => Ok(url),
        (Err(ParseError::RelativeUrlWithoutBase), None) => Err(UrlError::NoBase),
        (Err(ParseError::RelativeUrlWithoutBase), Some(base)) => {
            let url = base.join(text).map_err(UrlError::Invalid)?;
            let authority = |of: &Url| of[Position::BeforeUsername..Position::AfterPort].to_owned();
            if authority(&url) == authority(base) { Ok(url) } else { Err(UrlError::OtherHost) }
        }
        (Err(error), _) => Err(UrlError::Invalid(error)),
    }
}

/// Shows a URL without user-info, and whether it has a query, which may hold secrets.
pub(crate) fn redacted(url: &Url) -> impl fmt::Display {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    let query = if url.query().is_some() { "?..." } else { "" };
    format!("{}://{host}{port}{}{query}", url.scheme(), url.path())
}

impl IntoUrl for String {
    fn into_url(self, base: Option<&Url>) -> Result<Url, Error> {
        self.as_str().into_url(base)
    }
}

impl IntoUrl for &String {
    fn into_url(self, base: Option<&Url>) -> Result<Url, Error> {
        self.as_str().into_url(base)
    }
}

impl IntoUrl for Url {
    fn into_url(self, _: Option<&Url>) -> Result<Url, Error> {
        Ok(self)
    }
}

impl IntoUrl for &Url {
    fn into_url(self, _: Option<&Url>) -> Result<Url, Error> {
        Ok(self.clone())
    }
}

impl IntoUrl for http::Uri {
    fn into_url(self, base: Option<&Url>) -> Result<Url, Error> {
        (&self).into_url(base)
    }
}

impl IntoUrl for &http::Uri {
    fn into_url(self, base: Option<&Url>) -> Result<Url, Error> {
        self.to_string().into_url(base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_taken_as_its_text() {
        let base = Url::parse("https://a/api/").unwrap();
        for (uri, expected) in [
            ("http://b:81/x?y", Some("http://b:81/x?y")),
            ("/x?y", Some("https://a/x?y")),
            ("//evil/x", None),
        ] {
            let uri: http::Uri = uri.parse().unwrap();
            let url = (&uri).into_url(Some(&base)).ok();
            assert_eq!(url.as_ref().map(Url::as_str), expected, "{uri}");
            assert_eq!(uri.into_url(Some(&base)).ok(), url);
        }
    }

    #[test]
    fn t10_a_relative_url_stays_at_the_host_of_its_base() {
        #[track_caller]
        fn check(text: &str, base: &str, expected: Result<&str, UrlError>) {
            let base = Url::parse(base).ok();
            let found = parse(text, base.as_ref());
            assert_eq!(found.as_ref().map(Url::as_str), expected.as_ref().copied(), "{text:?} at {base:?}");
        }
        let base = "https://me:pw@a:81/api/v1?x#y";
        check("/b?c#d", base, Ok("https://me:pw@a:81/b?c#d"));
        check("b", base, Ok("https://me:pw@a:81/api/b"));
        check("../../../b", base, Ok("https://me:pw@a:81/b"));
        check("?q", base, Ok("https://me:pw@a:81/api/v1?q"));
        check("", base, Ok("https://me:pw@a:81/api/v1?x"));
        check("b", "https://a/api/", Ok("https://a/api/b"));
        check("http://b/", base, Ok("http://b/"));
        check("//me:pw@a:81/b", base, Ok("https://me:pw@a:81/b"));
        for other in ["//evil", "/\\evil", "\\\\evil", "/\t/evil", " //evil", "//a/b", "//evil:pw@a:81/"] {
            check(other, base, Err(UrlError::OtherHost));
        }
        check("/b", "", Err(UrlError::NoBase));
        check("a/b", "", Err(UrlError::NoBase));
        check("http://[", "", Err(UrlError::Invalid(ParseError::InvalidIpv6Address)));
        check("/a\r\nX: y", "http://a", Ok("http://a/aX:%20y"));
    }
}
