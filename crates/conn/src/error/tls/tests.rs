use std::time::UNIX_EPOCH;

use super::*;
use crate::error::ConnectError;

const DAY: Duration = Duration::from_secs(86400);

#[test]
fn a_refused_certificate_says_what_is_wrong_with_it() {
    let names = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect());
    let expected = || "c.example".to_owned();
    // 6 November 1994, as in the example of RFC 9110.
    let date = Some(UNIX_EPOCH + Duration::from_secs(784_111_777));
    for (source, text) in [
        (TlsError::UnknownIssuer, "the certificate is not trusted: its issuer is unknown"),
        (TlsError::SelfSigned, "the certificate is not trusted: it is signed by itself"),
        (TlsError::Expired { not_after: None, ago: None }, "the certificate has expired"),
        (
            TlsError::Expired { not_after: date, ago: Some(DAY) },
            "the certificate has expired 1 day ago (Sun, 06 Nov 1994 08:49:37 GMT)",
        ),
        (
            TlsError::Expired { not_after: Some(UNIX_EPOCH - DAY), ago: Some(DAY * 2) },
            "the certificate has expired 2 days ago",
        ),
        (
            TlsError::NotValidYet { not_before: date, begins_in: Some(Duration::from_secs(7200)) },
            "the certificate is not valid yet: its time begins in 2 hours (Sun, 06 Nov 1994 08:49:37 GMT)",
        ),
        (
            TlsError::RevocationListExpired { next_update: date, ago: Some(Duration::from_secs(60)) },
            "the revocation list has expired 1 minute ago (Sun, 06 Nov 1994 08:49:37 GMT)",
        ),
        (
            TlsError::WrongName { expected: expected(), presented: names(&["a.example", "b.example"]) },
            "the certificate is not valid for c.example: it names a.example, b.example",
        ),
        (
            TlsError::WrongName { expected: expected(), presented: names(&[]) },
            "the certificate is not valid for c.example: it names no host (a common name alone does not count)",
        ),
        (
            TlsError::WrongName { expected: expected(), presented: None },
            "the certificate is not valid for c.example",
        ),
        (
            TlsError::WrongPurpose { presented: vec!["client authentication".to_owned()] },
            "the certificate is not meant for a server: it is meant for client authentication",
        ),
        (
            TlsError::PinMismatch { presented: vec!["sha256/AA".to_owned(), "sha256/BB".to_owned()] },
            "none of the server's keys is pinned: it presents sha256/AA, sha256/BB",
        ),
    ] {
        assert_eq!(source.to_string(), text);
        let error = ConnectError::Tls { host: "c.example".into(), source };
        assert!(error.is_certificate());
        assert_eq!(error.source().unwrap().to_string(), text);
    }
    let closed =
        ConnectError::Tls { host: "c.example".into(), source: TlsError::PeerClosed { source: None } };
    assert!(!closed.is_certificate());
}

#[test]
fn an_alert_says_what_it_most_likely_means() {
    for (code, text) in [
        (116, "the server sent the alert certificate_required (116): it wants a client certificate"),
        (112, "the server sent the alert unrecognized_name (112): it serves no host of this name"),
        (47, "the server sent the alert illegal_parameter (47)"),
        (255, "the server sent the alert unknown (255)"),
    ] {
        let error = TlsError::Alert { code };
        assert_eq!(error.to_string(), text);
        assert!(!error.is_certificate());
        let inside = io::Error::new(io::ErrorKind::InvalidData, error);
        assert!(matches!(TlsError::in_io(&inside), Some(TlsError::Alert { .. })));
    }
    assert!(TlsError::in_io(&io::ErrorKind::InvalidData.into()).is_none());
}

#[test]
fn a_peer_that_does_not_speak_tls_is_named_where_it_can_be() {
    for (began, text) in [
        ("HTTP/1.1 400 Bad", "the peer does not speak TLS: it answers in plain HTTP"),
        ("SSH-2.0", "the peer does not speak TLS: it began with \"SSH-2.0\""),
    ] {
        assert_eq!(TlsError::NotTls { began: began.to_owned() }.to_string(), text);
    }
}
