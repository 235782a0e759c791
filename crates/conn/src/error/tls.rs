//! What fails between two sides of a TLS session, and in its configuration.

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime};

mod alert;
mod display;

use alert::{hint, name};
use display::{Ago, Began, Date, In, Names, Offered, Purposes};

/// What failed in a TLS handshake or session. Each check that a certificate can fail has a variant of its own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// No trusted root stands behind the certificate, or the server does not send all between the two.
    #[error("the certificate is not trusted: its issuer is unknown")]
    UnknownIssuer,
    /// The certificate is signed by its own key, and is no trusted root.
    #[error("the certificate is not trusted: it is signed by itself")]
    SelfSigned,
    /// The certificate is too old, or our clock is fast.
    #[error("the certificate has expired{}{}", Ago(*ago), Date(" ", *not_after))]
    Expired {
        /// When its time ended.
        not_after: Option<SystemTime>,
        /// For how long it has.
        ago: Option<Duration>,
    },
    /// The certificate is too young, or our clock is slow.
    #[error("the certificate is not valid yet{}{}", In(*begins_in), Date(" ", *not_before))]
    NotValidYet {
        /// When its time begins.
        not_before: Option<SystemTime>,
        /// How long until it is valid.
        begins_in: Option<Duration>,
    },
    /// The certificate belongs to somebody else.
    #[error("the certificate is not valid for {expected}{}", Names(presented.as_deref()))]
    WrongName {
        /// The name that was asked for.
        expected: String,
        /// The names that the certificate holds, if they are known. A common name does not count, and neither does what
        /// is no name, such as a wildcard in the middle.
        presented: Option<Vec<String>>,
    },
    /// A revocation list names the certificate or one above it.
    #[error("the certificate is revoked")]
    Revoked,
    /// No revocation list tells about the certificate or one above it.
    #[error("no revocation list tells whether the certificate is revoked")]
    UnknownRevocation,
    /// The revocation list is too old to tell.
    #[error("the revocation list has expired{}{}", Ago(*ago), Date(" ", *next_update))]
    RevocationListExpired {
        /// When the next list was due.
        next_update: Option<SystemTime>,
        /// For how long it has been.
        ago: Option<Duration>,
    },
    /// The extended key usage of the certificate, or of one above it, leaves servers out.
    #[error("the certificate is not meant for a server{}", Purposes(presented))]
    WrongPurpose {
        /// What it is meant for, as far as that is known.
        presented: Vec<String>,
    },
    /// The key usage of the certificate leaves signatures out, and the server must sign (RFC 8446 section 4.4.2.2).
    #[error("the certificate's key may not be used for signatures, as its key usage says")]
    WrongKeyUsage,
    /// A certificate is signed in a way that is not accepted, such as by SHA-1.
    #[error("the certificate is signed with {algorithm}, which is not accepted")]
    UnsupportedSignature {
        /// The algorithm's name, or its identifier in hexadecimal digits.
        algorithm: String,
    },
    /// A signature in the certificates or in the handshake is wrong.
    #[error("a signature is wrong: a certificate was changed, or the server does not own its key")]
    BadSignature,
    /// The server sent no certificate.
    #[error("the server sent no certificate")]
    NoCertificate,
    /// No key of the verified chain is pinned.
    #[error("none of the server's keys is pinned: it presents {}", Offered(presented))]
    PinMismatch {
        /// The pins of the certificates that the server sent, its own first, as in `sha256/BASE64`.
        presented: Vec<String>,
    },
    /// The certificate is refused for another reason.
    #[error("the certificate is refused")]
    Certificate {
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The peer refused us.
    #[error("the server sent the alert {} ({code}){}", name(*code), hint(*code))]
    Alert {
        /// The alert's number (RFC 8446 section 6).
        code: u8,
    },
    /// The two sides have no protocol version in common.
    #[error("the server speaks none of the TLS versions that are allowed here")]
    NoCommonVersion {
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The peer speaks something else than TLS.
    #[error("the peer does not speak TLS: {}", Began(began))]
    NotTls {
        /// The first of what it sent.
        began: String,
    },
    /// The two sides do not understand each other.
    #[error("the protocol failed")]
    Protocol {
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The peer closed before the handshake was complete. It may not speak TLS at all.
    #[error("the peer closed the connection during the handshake")]
    PeerClosed {
        /// How, if it did not close in good order: by a reset.
        source: Option<io::Error>,
    },
    /// The stream below failed.
    #[error("the connection broke during the handshake")]
    Io {
        /// How.
        source: io::Error,
    },
}

impl TlsError {
    /// Tells whether the server's certificate was refused.
    #[must_use]
    pub fn is_certificate(&self) -> bool {
        matches!(
            self,
            Self::UnknownIssuer
                | Self::SelfSigned
                | Self::Expired { .. }
                | Self::NotValidYet { .. }
                | Self::WrongName { .. }
                | Self::Revoked
                | Self::UnknownRevocation
                | Self::RevocationListExpired { .. }
                | Self::WrongPurpose { .. }
                | Self::WrongKeyUsage
                | Self::UnsupportedSignature { .. }
                | Self::BadSignature
                | Self::NoCertificate
                | Self::PinMismatch { .. }
                | Self::Certificate { .. }
        )
    }

    /// Returns the TLS error inside an I/O error of an established session, such as an alert that says that a client
    /// certificate is wanted (TLS 1.3 tells that after the handshake).
    #[must_use]
    pub fn in_io(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// Why a TLS configuration cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// No cryptography provider is built in and none was handed in.
    #[error("no cryptography provider: build with tls-aws-lc or tls-ring, or hand one in")]
    NoProvider,
    /// The text holds no certificate.
    #[error("no certificate found in the PEM text")]
    NoCertificate,
    /// A certificate cannot be read.
    #[error("certificate number {number} cannot be used")]
    BadCertificate {
        /// Its place in the input, from 1.
        number: usize,
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The text holds no private key.
    #[error("no private key found in the PEM text")]
    NoPrivateKey,
    /// The private key is protected by a password.
    #[error("the private key is encrypted: decrypt it first, as with `openssl pkey`")]
    EncryptedPrivateKey,
    /// The private key cannot be used.
    #[error("the private key cannot be used")]
    BadPrivateKey {
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The private key is not that of the certificate.
    #[error("the private key does not belong to the first certificate of the chain")]
    KeyMismatch,
    /// The text holds no revocation list.
    #[error("no revocation list found in the PEM text")]
    NoRevocationList,
    /// A revocation list cannot be read.
    #[error("revocation list number {number} cannot be used")]
    BadRevocationList {
        /// Its place in the input, from 1.
        number: usize,
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The text is no pin.
    #[error("a pin is sha256/ and 32 bytes in base64")]
    BadPin,
    /// The provider has no SHA-256, which pins need.
    #[error("the cryptography provider has no cipher suite with SHA-256, which pins need")]
    NoSha256,
    /// No protocol version is left.
    #[error("the minimum TLS version is above the maximum")]
    NoVersion,
    /// The platform's verifier does not start.
    #[error("the platform's certificate verifier does not start")]
    PlatformVerifier {
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Two options exclude each other.
    #[error("{0}")]
    Conflict(&'static str),
    /// The provider and the configuration do not fit.
    #[error("the cryptography provider cannot be used")]
    Provider {
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
}

#[cfg(test)]
mod tests;
