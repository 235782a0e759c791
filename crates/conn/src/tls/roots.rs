//! Whom to trust.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::TlsConfigError;

/// Certificates that are trusted to sign servers' certificates. Cloning copies a pointer.
///
/// ```
/// use conn::Roots;
///
/// let mut roots = Roots::webpki();
/// let count = roots.len();
/// // A company's own authority, in addition:
/// # let pem = include_bytes!("../../testdata/sha1.pem");
/// roots.add_pem(pem)?;
/// assert!(roots.len() > count);
/// # Ok::<_, conn::TlsConfigError>(())
/// ```
#[derive(Clone)]
pub struct Roots {
    pub(super) store: Arc<RootCertStore>,
    /// Whether the platform's verifier decides, which then takes `added` besides its own.
    #[cfg(feature = "tls-platform-verifier")]
    pub(super) is_platform: bool,
    #[cfg(feature = "tls-platform-verifier")]
    pub(super) added: Vec<CertificateDer<'static>>,
}

impl Roots {
    /// Trusts what Mozilla trusts, as of the build.
    #[must_use]
    pub fn webpki() -> Self {
        let mut store = RootCertStore::empty();
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        Self::of(store)
    }

    /// Trusts nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(RootCertStore::empty())
    }

    /// Trusts what the operating system trusts, and lets it verify where it does so itself (macOS, Windows, Android).
    ///
    /// Revocation lists of [`TlsConfig`](crate::TlsConfig) and a waiver for host names do not go with it: building
    /// refuses them.
    #[cfg(feature = "tls-platform-verifier")]
    #[must_use]
    pub fn platform() -> Self {
        Self { is_platform: true, ..Self::empty() }
    }

    fn of(store: RootCertStore) -> Self {
        Self {
            store: Arc::new(store),
            #[cfg(feature = "tls-platform-verifier")]
            is_platform: false,
            #[cfg(feature = "tls-platform-verifier")]
            added: Vec::new(),
        }
    }

    /// Trusts every certificate of a PEM text. On an error nothing is added.
    ///
    /// # Errors
    /// The text holds no certificate, or one that cannot be used.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), TlsConfigError> {
        let mut all = self.clone();
        for (i, cert) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let bad = |error| TlsConfigError::BadCertificate { number: i + 1, source: Box::new(error) };
            all.add(i + 1, cert.map_err(bad)?)?;
        }
        if all.len() == self.len() {
            return Err(TlsConfigError::NoCertificate);
        }
        *self = all;
        Ok(())
    }

    /// Trusts one certificate in DER.
    ///
    /// # Errors
    /// The certificate cannot be used.
    pub fn add_der(&mut self, der: &[u8]) -> Result<(), TlsConfigError> {
        self.add(1, CertificateDer::from(der.to_vec()))
    }

    fn add(&mut self, number: usize, cert: CertificateDer<'static>) -> Result<(), TlsConfigError> {
        Arc::make_mut(&mut self.store)
            .add(cert.clone())
            .map_err(|error| TlsConfigError::BadCertificate { number, source: error.into() })?;
        #[cfg(feature = "tls-platform-verifier")]
        self.added.push(cert);
        Ok(())
    }

    /// Counts the certificates, without those of the platform.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Tells whether nothing is trusted, the platform left aside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.store.is_empty()
    }
}

impl Default for Roots {
    fn default() -> Self {
        Self::webpki()
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(feature = "tls-platform-verifier")]
        if self.is_platform {
            return write!(f, "Roots(platform and {} certificates)", self.len());
        }
        write!(f, "Roots({} certificates)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused_and_nothing_is_added() {
        let mut roots = Roots::empty();
        let garbage = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let half = [include_bytes!("../../testdata/sha1.pem"), garbage.as_slice()].concat();
        assert!(matches!(roots.add_pem(b""), Err(TlsConfigError::NoCertificate)));
        assert!(matches!(roots.add_pem(garbage), Err(TlsConfigError::BadCertificate { number: 1, .. })));
        assert!(matches!(roots.add_pem(&half), Err(TlsConfigError::BadCertificate { number: 3, .. })));
        assert!(matches!(roots.add_der(b"x"), Err(TlsConfigError::BadCertificate { number: 1, .. })));
        assert!(roots.is_empty());
    }
}
