//! Credentials as fields.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;
use wire::Headers;

use crate::error::{Error, ErrorKind};

/// Why a user and a password cannot be written as Basic authentication (RFC 7617 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadCredentials {
    /// It ends the user name.
    #[error("a user name for Basic authentication cannot hold a colon")]
    Colon,
    #[error("a user name or password for Basic authentication cannot hold control characters")]
    Control,
}

/// The value of `Authorization` for a user and a password, both in UTF-8.
pub(crate) fn basic(user: &[u8], password: &[u8]) -> Result<String, Error> {
    let invalid = |error| Err(Error::new(ErrorKind::InvalidRequest, error));
    if user.contains(&b':') {
        return invalid(BadCredentials::Colon);
    }
    if [user, password].concat().iter().any(u8::is_ascii_control) {
        return invalid(BadCredentials::Control);
    }
    Ok(encoded(user, password))
}

/// As [`basic`], for what is known to be valid.
pub(crate) fn encoded(user: &[u8], password: &[u8]) -> String {
    format!("Basic {}", BASE64_STANDARD.encode([user, b":", password].concat()))
}

/// Moves the user-info of a URL into `Authorization`, unless that is there already.
pub(crate) fn take_user_info(url: &mut Url, headers: &mut Headers) -> Result<(), Error> {
    let Some(password) = url.password().or_else(|| (!url.username().is_empty()).then_some("")) else {
        return Ok(());
    };
    if !headers.contains("authorization") {
        let decoded = |text| Cow::<[u8]>::from(percent_decode_str(text));
        headers.set("Authorization", basic(&decoded(url.username()), &decoded(password))?)?;
    }
    // Only a URL without a host refuses this, and it has no user-info.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_written_as_the_rfc_writes_them() {
        for (user, password, expected) in [
            ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("test", "123\u{a3}", "Basic dGVzdDoxMjPCow=="),
            ("", "", "Basic Og=="),
            ("a", "b:c", "Basic YTpiOmM="),
        ] {
            let found = basic(user.as_bytes(), password.as_bytes()).unwrap();
            assert_eq!(found, expected, "{user} {password}");
        }
        for user in ["a:b", "a\nb", "\0"] {
            let error = basic(user.as_bytes(), b"s3cret").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{user:?}");
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
    }

    /// The WHATWG parser decides where user-info ends, and nothing looks at the text again.
    #[test]
    fn t44_the_user_info_of_a_url_becomes_a_field_and_its_host_stays_the_host() {
        #[track_caller]
        fn check(url: &str, left: &str, field: Option<&str>) {
            let (mut url, mut headers) = (Url::parse(url).unwrap(), Headers::new());
            take_user_info(&mut url, &mut headers).unwrap();
            let expected = field.map(|pair| basic(pair.split_once(' ').unwrap()));
            assert_eq!((url.as_str(), headers.get_str("authorization")), (left, expected.as_deref()));
        }
        fn basic((user, password): (&str, &str)) -> String {
            super::basic(user.as_bytes(), password.as_bytes()).unwrap()
        }
        check("http://a/b", "http://a/b", None);
        check("http://me:pw@a:81/b?c#d", "http://a:81/b?c#d", Some("me pw"));
        check("http://me@a/", "http://a/", Some("me "));
        check("http://:pw@a/", "http://a/", Some(" pw"));
        check("http://m%65:p%40%3A%2F@a/", "http://a/", Some("me p@:/"));
        check("http://m%C3%B6:+@a/", "http://a/", Some("m\u{f6} +"));
        check("http://good.example:@evil/", "http://evil/", Some("good.example "));
        check("http://a@b@c/", "http://c/", Some("a@b "));
        check("http://good.example\\@evil/", "http://good.example/@evil/", None);
        check("http://good.example#@evil/", "http://good.example/#@evil/", None);
        check("http://good.example/@evil", "http://good.example/@evil", None);
    }

    #[test]
    fn a_field_of_the_callers_own_beats_user_info() {
        let (mut url, mut headers) = (Url::parse("http://me:pw@a/").unwrap(), Headers::new());
        headers.set("authorization", "Bearer x").unwrap();
        take_user_info(&mut url, &mut headers).unwrap();
        assert_eq!((url.as_str(), headers.get_str("authorization")), ("http://a/", Some("Bearer x")));
        let mut url = Url::parse("http://a%3Ab:s3cret@a/").unwrap();
        let error = take_user_info(&mut url, &mut Headers::new()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}
