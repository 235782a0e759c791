//! Pinned public keys: beyond the ordinary verification, a key of the verified chain must be a known one.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::SupportedCipherSuite;
use rustls::crypto::CryptoProvider;
use rustls::crypto::hash::{Hash, HashAlgorithm};

use crate::error::TlsConfigError;

const PREFIX: &str = "sha256/";

/// How long 32 bytes are in base64.
const BASE64_LEN: usize = 44;

/// The SHA-256 hash of a public key (`SubjectPublicKeyInfo` in DER), written `sha256/BASE64` as curl and OkHttp do (curl
/// with two slashes, which are taken too).
///
/// ```
/// let pin: conn::Pin = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse()?;
/// assert_eq!(pin.to_string(), "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
/// assert_eq!(conn::Pin::from_sha256(*pin.as_sha256()), pin);
/// # Ok::<_, conn::TlsConfigError>(())
/// ```
///
/// A server's pin is printed by
///
/// ```text
/// openssl x509 -in cert.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin([u8; 32]);

impl Pin {
    /// Takes the hash as it is.
    #[must_use]
    pub fn from_sha256(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// Returns the hash.
    #[must_use]
    pub fn as_sha256(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Pin {
    type Err = TlsConfigError;

    /// Reads `sha256/BASE64`; the prefix may be missing.
    ///
    /// # Errors
    /// [`TlsConfigError::BadPin`]: what follows is not 32 bytes in base64.
    fn from_str(text: &str) -> Result<Self, TlsConfigError> {
        let hash = match text.strip_prefix(PREFIX) {
            // The hash itself can begin with a slash.
            Some(rest) if rest.len() > BASE64_LEN => rest.strip_prefix('/').unwrap_or(rest),
            Some(rest) => rest,
            None => text,
        };
        let bytes = BASE64_STANDARD.decode(hash).map_err(|_| TlsConfigError::BadPin)?;
        bytes.try_into().map(Self).map_err(|_| TlsConfigError::BadPin)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

/// The pins of one configuration, with the hash that they need.
pub(super) struct PinSet {
    pins: Vec<Pin>,
    sha256: &'static dyn Hash,
}

impl PinSet {
    /// Prepares `pins`; `None` if there are none.
    pub(super) fn new(pins: &[Pin], provider: &CryptoProvider) -> Result<Option<Self>, TlsConfigError> {
        if pins.is_empty() {
            return Ok(None);
        }
        let sha256 = provider.cipher_suites.iter().find_map(sha256_of).ok_or(TlsConfigError::NoSha256)?;
        Ok(Some(Self { pins: pins.to_vec(), sha256 }))
    }

    /// Hashes a `SubjectPublicKeyInfo`; `None` if the provider's hash is no SHA-256 after all.
    pub(super) fn pin_of(&self, spki: &[u8]) -> Option<Pin> {
        self.sha256.hash(spki).as_ref().try_into().ok().map(Pin)
    }

    pub(super) fn holds(&self, spki: &[u8]) -> bool {
        self.pin_of(spki).is_some_and(|pin| self.pins.contains(&pin))
    }
}

impl fmt::Debug for PinSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PinSet").field(&self.pins).finish()
    }
}

/// A suite with SHA-256 brings the hash along, so that no library of its own is needed for it.
fn sha256_of(suite: &SupportedCipherSuite) -> Option<&'static dyn Hash> {
    let hash = match suite {
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
    };
    (hash.algorithm() == HashAlgorithm::SHA256).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_others_write_it() {
        let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        for text in [base64.to_owned(), format!("sha256/{base64}"), format!("sha256//{base64}")] {
            let pin: Pin = text.parse().unwrap();
            assert_eq!(pin.as_sha256()[..3], [0, 1, 2]);
            assert_eq!(format!("{pin:?}"), format!("Pin(sha256/{base64})"));
        }
        let slash = "/wECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        for text in [slash.to_owned(), format!("sha256/{slash}"), format!("sha256//{slash}")] {
            let pin: Pin = text.parse().unwrap();
            assert_eq!(pin.as_sha256()[..3], [255, 1, 2], "{text}");
            assert_eq!(pin.to_string(), format!("sha256/{slash}"));
        }
        for text in ["", "sha256/", "sha256/AAEC", "sha1/AAEC", "sha256/\u{e4}", &base64[..43], "sha256///"] {
            assert!(matches!(text.parse::<Pin>(), Err(TlsConfigError::BadPin)), "{text}");
        }
    }
}
