//! What to trust and how to speak: the client's side of a TLS configuration.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::TlsConfigError;

/// Certificates that are trusted to sign servers' certificates. Cloning copies a pointer.
#[derive(Clone)]
pub struct Roots(Arc<RootCertStore>);

impl Roots {
    /// Trusts what Mozilla trusts, as of the build.
    #[must_use]
    pub fn webpki() -> Self {
        let mut store = RootCertStore::empty();
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        Self(Arc::new(store))
    }

    /// Trusts nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::new(RootCertStore::empty()))
    }

    /// Trusts every certificate of a PEM text. On an error nothing is added.
    ///
    /// # Errors
    /// The text holds no certificate, or one that cannot be used.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), TlsConfigError> {
        let mut store = RootCertStore::clone(&self.0);
        let mut found = 0;
        for cert in CertificateDer::pem_slice_iter(pem) {
            found += 1;
            let bad = |source| TlsConfigError::BadCertificate { number: found, source };
            store.add(cert.map_err(|error| bad(error.into()))?).map_err(|error| bad(error.into()))?;
        }
        if found == 0 {
            return Err(TlsConfigError::NoCertificate);
        }
        self.0 = Arc::new(store);
        Ok(())
    }

    /// Trusts one certificate in DER.
    ///
    /// # Errors
    /// The certificate cannot be used.
    pub fn add_der(&mut self, der: &[u8]) -> Result<(), TlsConfigError> {
        Arc::make_mut(&mut self.0)
            .add(CertificateDer::from(der.to_vec()))
            .map_err(|error| TlsConfigError::BadCertificate { number: 1, source: error.into() })
    }

    /// Counts the certificates.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether nothing is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for Roots {
    fn default() -> Self {
        Self::webpki()
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({} certificates)", self.len())
    }
}

/// How TLS connections are made.
///
/// ```
/// let mut tls = conn::TlsConfig::default();
/// tls.roots = conn::Roots::empty();
/// assert!(tls.roots.add_pem(b"no certificate").is_err());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsConfig {
    /// Whom to trust. Default [`Roots::webpki`].
    pub roots: Roots,
    /// The cryptography; it wins over the built-in ones. Default none: aws-lc-rs if it is built in, else ring.
    pub provider: Option<Arc<CryptoProvider>>,
    /// A complete configuration of the caller's own, used as it is in place of everything else here. Default none.
    pub ready: Option<Arc<ClientConfig>>,
    /// The application protocols on offer, best first. Default `http/1.1`.
    pub alpn: Vec<Vec<u8>>,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self { roots: Roots::default(), provider: None, ready: None, alpn: vec![b"http/1.1".to_vec()] }
    }
}

impl TlsConfig {
    /// Builds what rustls wants. No process-wide provider is installed or asked for.
    ///
    /// # Errors
    /// There is no provider, or it does not fit.
    pub fn build(&self) -> Result<Arc<ClientConfig>, TlsConfigError> {
        if let Some(ready) = &self.ready {
            return Ok(Arc::clone(ready));
        }
        let provider = self.provider.clone().or_else(built_in).ok_or(TlsConfigError::NoProvider)?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsConfigError::Provider { source: error.into() })?
            .with_root_certificates(Arc::clone(&self.roots.0))
            .with_no_client_auth();
        config.alpn_protocols.clone_from(&self.alpn);
        Ok(Arc::new(config))
    }
}

fn built_in() -> Option<Arc<CryptoProvider>> {
    #[cfg(feature = "tls-aws-lc")]
    return Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(all(feature = "tls-ring", not(feature = "tls-aws-lc")))]
    return Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(any(feature = "tls-aws-lc", feature = "tls-ring")))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_handed_in_wins_as_it_is() {
        let mut tls = TlsConfig::default();
        assert!(tls.roots.len() > 50);
        tls.roots = Roots::empty();
        let built = tls.build();
        #[cfg(any(feature = "tls-aws-lc", feature = "tls-ring"))]
        {
            let built = built.unwrap();
            assert_eq!(built.alpn_protocols, [b"http/1.1"]);
            tls.ready = Some(Arc::clone(&built));
            assert!(Arc::ptr_eq(&tls.build().unwrap(), &built));
        }
        #[cfg(not(any(feature = "tls-aws-lc", feature = "tls-ring")))]
        assert!(matches!(built, Err(TlsConfigError::NoProvider)));
    }

    #[test]
    fn what_is_no_certificate_is_refused_and_nothing_is_added() {
        let mut roots = Roots::empty();
        let garbage = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(roots.add_pem(b""), Err(TlsConfigError::NoCertificate)));
        assert!(matches!(roots.add_pem(garbage), Err(TlsConfigError::BadCertificate { number: 1, .. })));
        assert!(matches!(roots.add_der(b"x"), Err(TlsConfigError::BadCertificate { number: 1, .. })));
        assert!(roots.is_empty());
    }
}
