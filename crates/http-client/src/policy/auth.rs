//! Credentials as fields.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::error::{Error, ErrorKind};

/// A user name cannot hold what ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user name for Basic authentication cannot hold a colon")]
pub(crate) struct ColonInUser;

/// The value of `Authorization` for a user and a password, both in UTF-8 (RFC 7617 §2).
pub(crate) fn basic(user: &str, password: &str) -> Result<String, Error> {
    if user.contains(':') {
        return Err(Error::new(ErrorKind::InvalidRequest, ColonInUser));
    }
    Ok(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
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
            assert_eq!(basic(user, password).unwrap(), expected, "{user} {password}");
        }
        let error = basic("a:b", "s3cret").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}
