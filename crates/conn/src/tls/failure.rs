//! From rustls's errors to ours: which check failed, and what is known of it.

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, ExtendedKeyPurpose, OtherError, PeerIncompatible};

use super::verifier::Refusal;
use crate::error::TlsError;

/// What the first bytes of a TLS record are: an alert or a handshake message of version 3.x.
const RECORD_STARTS: [u8; 2] = [21, 22];

/// Explains why the stream below ended a handshake.
pub(super) fn broken(error: io::Error) -> TlsError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => TlsError::PeerClosed { source: None },
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            TlsError::PeerClosed { source: Some(error) }
        }
        _ => TlsError::Io { source: error },
    }
}

/// Says what the peer speaks in place of TLS, if `began`, the first of what it sent, is no TLS.
pub(super) fn not_tls(began: &[u8]) -> Option<TlsError> {
    let first = began.first()?;
    if RECORD_STARTS.contains(first) {
        return None;
    }
    Some(TlsError::NotTls { began: String::from_utf8_lossy(began).into_owned() })
}

/// Explains an error of a session with the server `name`.
pub(super) fn explain(error: rustls::Error, name: &str) -> TlsError {
    match error {
        rustls::Error::InvalidCertificate(reason) => certificate(reason, name),
        rustls::Error::NoCertificatesPresented => TlsError::NoCertificate,
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => TlsError::NoCommonVersion { source: error.into() },
        rustls::Error::AlertReceived(alert) => TlsError::Alert { code: alert.into() },
        // A list that fits is not signed as it should be, so nothing is known.
        rustls::Error::InvalidCertRevocationList(_) => TlsError::Certificate { source: error.into() },
        other => TlsError::Protocol { source: other.into() },
    }
}

fn certificate(reason: CertificateError, name: &str) -> TlsError {
    let expected = || name.to_owned();
    match reason {
        CertificateError::UnknownIssuer => TlsError::UnknownIssuer,
        CertificateError::Expired => TlsError::Expired { not_after: None, ago: None },
        CertificateError::ExpiredContext { time, not_after } => {
            TlsError::Expired { not_after: absolute(not_after), ago: between(not_after, time) }
        }
        CertificateError::NotValidYet => TlsError::NotValidYet { not_before: None, begins_in: None },
        CertificateError::NotValidYetContext { time, not_before } => {
            TlsError::NotValidYet { not_before: absolute(not_before), begins_in: between(time, not_before) }
        }
        CertificateError::NotValidForName => TlsError::WrongName { expected: expected(), presented: None },
        CertificateError::NotValidForNameContext { presented, .. } => TlsError::WrongName {
            expected: expected(),
            presented: Some(presented.iter().map(|text| bare_name(text)).collect()),
        },
        CertificateError::Revoked => TlsError::Revoked,
        CertificateError::UnknownRevocationStatus => TlsError::UnknownRevocation,
        CertificateError::ExpiredRevocationList => {
            TlsError::RevocationListExpired { next_update: None, ago: None }
        }
        CertificateError::ExpiredRevocationListContext { time, next_update } => {
            TlsError::RevocationListExpired {
                next_update: absolute(next_update),
                ago: between(next_update, time),
            }
        }
        CertificateError::InvalidPurpose => TlsError::WrongPurpose { presented: Vec::new() },
        CertificateError::InvalidPurposeContext { presented, .. } => {
            TlsError::WrongPurpose { presented: presented.iter().map(purpose).collect() }
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id, ..
        } => TlsError::UnsupportedSignature { algorithm: algorithm(&signature_algorithm_id) },
        CertificateError::BadSignature => TlsError::BadSignature,
        CertificateError::Other(OtherError(ref other)) => match other.downcast_ref() {
            Some(Refusal::SelfSigned) => TlsError::SelfSigned,
            Some(Refusal::KeyUsage) => TlsError::WrongKeyUsage,
            Some(Refusal::Pins(presented)) => TlsError::PinMismatch { presented: presented.clone() },
            None => TlsError::Certificate { source: rustls::Error::from(reason).into() },
        },
        other => {
            let source: Box<dyn Error + Send + Sync> = rustls::Error::from(other).into();
            TlsError::Certificate { source }
        }
    }
}

fn absolute(time: UnixTime) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()))
}

fn between(earlier: UnixTime, later: UnixTime) -> Option<Duration> {
    Some(Duration::from_secs(later.as_secs().saturating_sub(earlier.as_secs())))
}

/// Takes the name out of rustls's `DnsName("example.com")`; what does not look so stays as it is.
fn bare_name(text: &str) -> String {
    let inner = text.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(text);
    inner.trim_matches('"').to_owned()
}

fn purpose(purpose: &ExtendedKeyPurpose) -> String {
    match purpose {
        ExtendedKeyPurpose::ClientAuth => "client authentication".to_owned(),
        ExtendedKeyPurpose::ServerAuth => "server authentication".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Names the algorithm of an `AlgorithmIdentifier` in DER, without its outer tag.
// RFC 8017 appendix A.2.4 and RFC 3279 section 2.2.3.
fn algorithm(id: &[u8]) -> String {
    const PKCS1: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    let known = match id {
        [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01, ..] => Some("ECDSA and SHA-1"),
        _ => match id.strip_prefix(PKCS1) {
            Some([0x02, ..]) => Some("RSA and MD2"),
            Some([0x04, ..]) => Some("RSA and MD5"),
            Some([0x05, ..]) => Some("RSA and SHA-1"),
            _ => None,
        },
    };
    known.map_or_else(|| format!("the algorithm {}", hexadecimal(id)), ToOwned::to_owned)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
