//! The verification of a server's certificate: the chain, the key usage, the name and the pins, each waived alone.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage};

use super::config::{Danger, TlsConfig};
use super::key_usage;
use super::pins::PinSet;
use crate::error::TlsConfigError;

/// What is refused beyond what rustls has words for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the certificate is signed by itself")]
    SelfSigned,
    #[error("the key usage leaves signatures out")]
    KeyUsage,
    #[error("no key is pinned")]
    Pins(Vec<String>),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        CertificateError::Other(OtherError(Arc::new(refusal))).into()
    }
}

#[derive(Debug)]
pub(super) struct Verifier {
    judge: Judge,
    algorithms: WebPkiSupportedAlgorithms,
    danger: Danger,
    pins: Option<PinSet>,
}

/// Who decides whether the chain is good.
#[derive(Debug)]
enum Judge {
    Roots(Arc<RootCertStore>),
    RootsAndLists(Arc<RootCertStore>, Arc<WebPkiServerVerifier>),
    #[cfg(feature = "tls-platform-verifier")]
    Platform(rustls_platform_verifier::Verifier),
}

impl Verifier {
    pub(super) fn new(config: &TlsConfig, provider: &Arc<CryptoProvider>) -> Result<Self, TlsConfigError> {
        Ok(Self {
            judge: Judge::new(config, provider)?,
            algorithms: provider.signature_verification_algorithms,
            danger: config.danger,
            pins: PinSet::new(&config.pins, provider)?,
        })
    }

    /// Fails unless a pinned key is the server's own, or one above it on a path to a root that would be trusted: a
    /// server can send any certificate besides, but cannot make it sign.
    fn check_pins(
        &self,
        pins: &PinSet,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let spki = ParsedCertificate::try_from(leaf)?.subject_public_key_info();
        if pins.holds(&spki) || self.is_issuer_pinned(pins, leaf, others, now) {
            return Ok(());
        }
        let mut presented = vec![spki];
        presented.extend(others.iter().filter_map(|cert| {
            ParsedCertificate::try_from(cert).ok().map(|cert| cert.subject_public_key_info())
        }));
        let presented = presented.iter().filter_map(|spki| pins.pin_of(spki)).map(|pin| pin.to_string());
        Err(Refusal::Pins(presented.collect()).into())
    }

    fn is_issuer_pinned(
        &self,
        pins: &PinSet,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> bool {
        let roots = match &self.judge {
            Judge::Roots(roots) | Judge::RootsAndLists(roots, _) => roots,
            // The platform does not show the path that it found.
            #[cfg(feature = "tls-platform-verifier")]
            Judge::Platform(_) => return false,
        };
        let Ok(leaf) = EndEntityCert::try_from(leaf) else { return false };
        // Other paths are tried as long as none holds a pinned key.
        let has_pin = |path: &webpki::VerifiedPath<'_>| {
            let anchor = webpki::spki_for_anchor(path.anchor());
            let mut issuers = path.intermediate_certificates();
            if pins.holds(&anchor) || issuers.any(|cert| pins.holds(&cert.subject_public_key_info())) {
                Ok(())
            } else {
                Err(webpki::Error::UnknownIssuer)
            }
        };
        // Revocation was judged before.
        leaf.verify_for_usage(
            self.algorithms.all,
            &roots.roots,
            others,
            now,
            KeyUsage::server_auth(),
            None,
            Some(&has_pin),
        )
        .is_ok()
    }
}

impl Judge {
    fn new(config: &TlsConfig, provider: &Arc<CryptoProvider>) -> Result<Self, TlsConfigError> {
        let (roots, revocation) = (&config.roots, &config.revocation);
        #[cfg(feature = "tls-platform-verifier")]
        if roots.is_platform {
            return Self::platform(config, provider);
        }
        let store = Arc::clone(&roots.store);
        Ok(if revocation.is_empty() {
            Self::Roots(store)
        } else {
            Self::RootsAndLists(store, revocation.verifier(roots, provider)?)
        })
    }

    #[cfg(feature = "tls-platform-verifier")]
    fn platform(config: &TlsConfig, provider: &Arc<CryptoProvider>) -> Result<Self, TlsConfigError> {
        use rustls_platform_verifier::Verifier as Platform;

        if !config.revocation.is_empty() {
            return Err(TlsConfigError::Conflict("the platform's verifier takes no revocation lists"));
        }
        if config.danger.accept_invalid_host_names {
            return Err(TlsConfigError::Conflict("the platform's verifier cannot leave host names aside"));
        }
        let provider = Arc::clone(provider);
        let (roots, failed) =
            (&config.roots, |error: Error| TlsConfigError::PlatformVerifier { source: error.into() });
        if roots.added.is_empty() {
            return Platform::new(provider).map(Self::Platform).map_err(failed);
        }
        #[cfg(target_os = "android")]
        return Err(TlsConfigError::Conflict("the platform's verifier takes no further roots on Android"));
        #[cfg(not(target_os = "android"))]
        Platform::new_with_extra_roots(roots.added.iter().cloned(), provider)
            .map(Self::Platform)
            .map_err(failed)
    }

    /// Verifies all but the name, which the platform alone does not leave aside.
    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<(), Error> {
        match self {
            Self::Roots(roots) => {
                let parsed = ParsedCertificate::try_from(leaf)?;
                verify_server_cert_signed_by_trust_anchor(&parsed, roots, others, now, algorithms.all)
            }
            // It looks at the name last: whoever fails by the name alone has passed the rest.
            Self::RootsAndLists(_, verifier) => {
                match verifier.verify_server_cert(leaf, others, name, ocsp, now) {
                    Err(Error::InvalidCertificate(
                        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                    )) => Ok(()),
                    other => other.map(drop),
                }
            }
            #[cfg(feature = "tls-platform-verifier")]
            Self::Platform(verifier) => verifier.verify_server_cert(leaf, others, name, ocsp, now).map(drop),
        }
        .map_err(|error| {
            if is_untrusted(&error) && is_self_signed(leaf) { Refusal::SelfSigned.into() } else { error }
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.danger.accept_invalid_certificates {
            let (judge, algorithms) = (&self.judge, &self.algorithms);
            judge.verify(end_entity, intermediates, server_name, ocsp_response, now, algorithms)?;
            // RFC 8446 section 4.4.2.2 and RFC 8422 section 5.3: all key exchanges that rustls knows are signed.
            if !key_usage::may_sign(end_entity) {
                return Err(Refusal::KeyUsage.into());
            }
        }
        if !self.danger.accept_invalid_host_names {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        }
        if let Some(pins) = &self.pins {
            self.check_pins(pins, end_entity, intermediates, now)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn is_untrusted(error: &Error) -> bool {
    let Error::InvalidCertificate(reason) = error else { return false };
    match reason {
        CertificateError::UnknownIssuer => true,
        CertificateError::Other(OtherError(other)) => {
            matches!(other.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}

fn is_self_signed(cert: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(cert).is_ok_and(|cert| cert.issuer() == cert.subject())
}
