//! Who we are to a server that asks for a certificate.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::TlsConfigError;

/// A client certificate with those above it, and its private key. `Debug` does not show the key.
///
/// ```
/// use conn::{ClientCertificate, TlsConfigError};
///
/// let chain = include_bytes!("../../testdata/sha1.pem");
/// let error = ClientCertificate::from_pem(chain, b"no key").unwrap_err();
/// assert!(matches!(error, TlsConfigError::NoPrivateKey));
///
/// let certificate = ClientCertificate::from_pem(chain, chain)?;
/// let mut tls = conn::TlsConfig::default();
/// tls.client_certificate = Some(certificate);
/// # Ok::<_, TlsConfigError>(())
/// ```
#[derive(Clone)]
pub struct ClientCertificate(Arc<Inner>);

struct Inner {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ClientCertificate {
    /// Reads the chain, our own certificate first, and the key (PKCS #8, PKCS #1 or SEC 1) from PEM texts. Both may
    /// stand in one text, which is then given twice.
    ///
    /// # Errors
    /// The certificate or the key is missing, encrypted or malformed. Whether the two belong together shows when the
    /// configuration is built.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        let mut certificates = Vec::new();
        for cert in CertificateDer::pem_slice_iter(chain) {
            let number = certificates.len() + 1;
            certificates
                .push(cert.map_err(|error| TlsConfigError::BadCertificate { number, source: error.into() })?);
        }
        if certificates.is_empty() {
            return Err(TlsConfigError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
            if is_encrypted(key) {
                return TlsConfigError::EncryptedPrivateKey;
            }
            match error {
                pem::Error::NoItemsFound => TlsConfigError::NoPrivateKey,
                other => TlsConfigError::BadPrivateKey { source: other.into() },
            }
        })?;
        Ok(Self(Arc::new(Inner { chain: certificates, key })))
    }

    /// Takes the chain, our own certificate first, and the key (PKCS #8, PKCS #1 or SEC 1) in DER.
    ///
    /// # Errors
    /// The chain is empty, or the key is none of the three.
    pub fn from_der(chain: Vec<Vec<u8>>, key: Vec<u8>) -> Result<Self, TlsConfigError> {
        if chain.is_empty() {
            return Err(TlsConfigError::NoCertificate);
        }
        let key = PrivateKeyDer::try_from(key)
            .map_err(|why| TlsConfigError::BadPrivateKey { source: why.into() })?;
        Ok(Self(Arc::new(Inner { chain: chain.into_iter().map(Into::into).collect(), key })))
    }

    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.0.chain.clone()
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.0.key.clone_key()
    }
}

/// Both ways to protect a key in PEM: that of PKCS #8 (RFC 5958) and that of RFC 1421.
fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({} certificates)", self.0.chain.len())
    }
}
