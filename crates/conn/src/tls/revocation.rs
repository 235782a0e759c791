//! Revocation lists that the caller brings.

use std::fmt;
use std::sync::Arc;

use rustls::client::{ServerCertVerifierBuilder, VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;

use super::roots::Roots;
use crate::error::TlsConfigError;

/// Certificate revocation lists, and how strictly they are read. Without a list nothing is checked: none is fetched.
///
/// ```
/// let mut revocation = conn::Revocation::default();
/// assert!(revocation.is_empty());
/// assert!(revocation.add_pem(b"no list").is_err());
/// revocation.allow_unknown = true;
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Revocation {
    lists: Vec<CertificateRevocationListDer<'static>>,
    /// Whether the server's own certificate alone is looked up. Default false: every one below the root.
    pub end_entity_only: bool,
    /// Whether a certificate passes of which no list tells anything. Default false.
    pub allow_unknown: bool,
    /// Whether a list passes whose time is over. Default false.
    pub allow_expired_lists: bool,
}

impl Revocation {
    /// Adds every list of a PEM text. On an error nothing is added.
    ///
    /// # Errors
    /// The text holds no list, or a malformed one.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), TlsConfigError> {
        let mut lists = Vec::new();
        for list in CertificateRevocationListDer::pem_slice_iter(pem) {
            let number = lists.len() + 1;
            let bad = |source| TlsConfigError::BadRevocationList { number, source };
            let list = list.map_err(|error| bad(error.into()))?;
            lists.push(readable(list).map_err(|error| bad(error.into()))?);
        }
        if lists.is_empty() {
            return Err(TlsConfigError::NoRevocationList);
        }
        self.lists.append(&mut lists);
        Ok(())
    }

    /// Adds one list in DER.
    ///
    /// # Errors
    /// The list is malformed.
    pub fn add_der(&mut self, der: &[u8]) -> Result<(), TlsConfigError> {
        let list = readable(CertificateRevocationListDer::from(der.to_vec()))
            .map_err(|error| TlsConfigError::BadRevocationList { number: 1, source: error.into() })?;
        self.lists.push(list);
        Ok(())
    }

    /// Counts the lists.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Tells whether there is no list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    pub(super) fn verifier(
        &self,
        roots: &Roots,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<WebPkiServerVerifier>, TlsConfigError> {
        let mut builder: ServerCertVerifierBuilder =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots.store), Arc::clone(provider))
                .with_crls(self.lists.iter().cloned());
        if self.end_entity_only {
            builder = builder.only_check_end_entity_revocation();
        }
        if self.allow_unknown {
            builder = builder.allow_unknown_revocation_status();
        }
        if !self.allow_expired_lists {
            builder = builder.enforce_revocation_expiration();
        }
        builder.build().map_err(|error| match error {
            VerifierBuilderError::NoRootAnchors => {
                TlsConfigError::Conflict("revocation lists need a root that they belong to")
            }
            other => TlsConfigError::BadRevocationList { number: 1, source: other.into() },
        })
    }
}

fn readable(
    list: CertificateRevocationListDer<'static>,
) -> Result<CertificateRevocationListDer<'static>, webpki::Error> {
    webpki::BorrowedCertRevocationList::from_der(&list)?;
    Ok(list)
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocation")
            .field("lists", &self.len())
            .field("end_entity_only", &self.end_entity_only)
            .field("allow_unknown", &self.allow_unknown)
            .field("allow_expired_lists", &self.allow_expired_lists)
            .finish()
    }
}
