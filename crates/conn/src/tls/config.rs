//! How TLS connections are made: the client's side of a configuration.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, KeyLog, NamedGroup, SupportedProtocolVersion};

use super::identity::ClientCertificate;
use super::pins::Pin;
use super::revocation::Revocation;
use super::roots::Roots;
use super::verifier::Verifier;
use crate::error::TlsConfigError;

/// How TLS connections are made.
///
/// ```
/// use conn::{Roots, TlsConfig, TlsVersion};
///
/// let mut tls = TlsConfig::default();
/// tls.min_version = TlsVersion::V1_3;
/// tls.pins = vec!["sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse()?];
/// tls.roots = Roots::empty();
/// assert!(tls.roots.add_pem(b"no certificate").is_err());
/// # Ok::<_, conn::TlsConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsConfig {
    /// Whom to trust. Default [`Roots::webpki`].
    pub roots: Roots,
    /// Revocation lists. Default none: nothing is checked.
    pub revocation: Revocation,
    /// Pinned keys; any one suffices, so keep a spare. Beyond the ordinary verification, the server's own key or one above
    /// it on a path to a trusted root must be among them. With the platform's verifier or an
    /// invalid certificate that is accepted, this comes down to the server's own. Default none: every key is good.
    pub pins: Vec<Pin>,
    /// Who we are to a server that asks. Default nobody.
    pub client_certificate: Option<ClientCertificate>,
    /// The least protocol version. Default 1.2.
    pub min_version: TlsVersion,
    /// The greatest protocol version. Default 1.3.
    pub max_version: TlsVersion,
    /// The application protocols on offer, best first. Default `http/1.1`.
    pub alpn: Vec<Vec<u8>>,
    /// Whether the server is told its name in clear text (SNI), without which many servers show another certificate.
    /// Default true.
    pub sni: bool,
    /// Whether the key exchange withstands quantum computers. Default as the provider has it.
    pub post_quantum: PostQuantum,
    /// How many sessions are kept to be resumed, eight for each server (so 256 are 32 servers). They belong to the
    /// configuration that [`build`](Self::build) returns. 0 turns resumption off. Default 256.
    pub sessions: usize,
    /// Who is told the secrets of every session: whoever has them reads all of its traffic. For debugging;
    /// `Arc::new(rustls::KeyLogFile::new())` appends to the file that the environment names in `SSLKEYLOGFILE`.
    /// Default nobody.
    pub key_log: Option<Arc<dyn KeyLog>>,
    /// What not to verify. Default nothing.
    pub danger: Danger,
    /// The cryptography; it wins over the built-in ones. Default none: aws-lc-rs if it is built in, else ring.
    pub provider: Option<Arc<CryptoProvider>>,
    /// A complete configuration of the caller's own, used as it is in place of everything else here. Default none.
    pub ready: Option<Arc<ClientConfig>>,
}

/// What not to verify. Signatures of the handshake always are, and so are pins: whoever is spoken to owns the key of the
/// certificate that was shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Danger {
    /// Accepts certificates from anybody, expired, revoked or meant for something else, as long as they hold the host
    /// name. Anybody on the way can then read and change everything. Default false.
    pub accept_invalid_certificates: bool,
    /// Accepts valid certificates that were made for another host. Whoever has any can then read and change
    /// everything. Default false.
    pub accept_invalid_host_names: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// Whether a key exchange is wanted that withstands quantum computers. Only TLS 1.3 has one, and
/// [`TlsFacts`](crate::TlsFacts) tell which was agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PostQuantum {
    /// Never: the first message is about 1.2 kB shorter than with [`Prefer`](Self::Prefer).
    Off,
    /// In the order of the provider: aws-lc-rs offers it last, ring not at all.
    #[default]
    AsProvided,
    /// First of all, where the provider has one.
    Prefer,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            roots: Roots::default(),
            revocation: Revocation::default(),
            pins: Vec::new(),
            client_certificate: None,
            min_version: TlsVersion::V1_2,
            max_version: TlsVersion::V1_3,
            alpn: vec![b"http/1.1".to_vec()],
            sni: true,
            post_quantum: PostQuantum::default(),
            sessions: 256,
            key_log: None,
            danger: Danger::default(),
            provider: None,
            ready: None,
        }
    }
}

impl TlsConfig {
    /// Builds what rustls wants. No process-wide provider is installed or asked for. Sessions are resumed among the
    /// connections of one result, never across two.
    ///
    /// # Errors
    /// There is no provider, or it does not fit; the client certificate and its key do not fit; no version is left;
    /// two options exclude each other.
    pub fn build(&self) -> Result<Arc<ClientConfig>, TlsConfigError> {
        if let Some(ready) = &self.ready {
            return Ok(Arc::clone(ready));
        }
        let provider = self.provider.clone().or_else(built_in).ok_or(TlsConfigError::NoProvider)?;
        let provider = self.post_quantum.applied_to(provider);
        let verifier = Verifier::new(self, &provider)?;
        let versions = self.versions()?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| TlsConfigError::Provider { source: error.into() })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.client_certificate {
            None => builder.with_no_client_auth(),
            Some(ours) => builder.with_client_auth_cert(ours.chain(), ours.key()).map_err(bad_identity)?,
        };
        config.alpn_protocols.clone_from(&self.alpn);
        config.enable_sni = self.sni;
        config.resumption = match self.sessions {
            0 => Resumption::disabled(),
            sessions => Resumption::in_memory_sessions(sessions),
        };
        if let Some(key_log) = &self.key_log {
            config.key_log = Arc::clone(key_log);
        }
        self.warn();
        Ok(Arc::new(config))
    }

    fn versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, TlsConfigError> {
        let allowed = self.min_version..=self.max_version;
        let all = [(TlsVersion::V1_3, &TLS13), (TlsVersion::V1_2, &TLS12)];
        let versions: Vec<_> =
            all.into_iter().filter(|(version, _)| allowed.contains(version)).map(|(_, it)| it).collect();
        if versions.is_empty() { Err(TlsConfigError::NoVersion) } else { Ok(versions) }
    }

    fn warn(&self) {
        if self.danger.accept_invalid_certificates {
            tracing::warn!(target: "conn", "danger: TLS accepts invalid certificates");
        }
        if self.danger.accept_invalid_host_names {
            tracing::warn!(target: "conn", "danger: TLS accepts certificates of other hosts");
        }
        if self.key_log.is_some() {
            tracing::warn!(target: "conn", "TLS secrets are logged");
        }
    }
}

impl PostQuantum {
    fn applied_to(self, provider: Arc<CryptoProvider>) -> Arc<CryptoProvider> {
        if self == Self::AsProvided {
            return provider;
        }
        let mut changed = CryptoProvider::clone(&provider);
        match self {
            Self::Off => changed.kx_groups.retain(|group| !is_post_quantum(group.name())),
            // The sort is stable.
            _ => changed.kx_groups.sort_by_key(|group| !is_post_quantum(group.name())),
        }
        Arc::new(changed)
    }
}

fn is_post_quantum(group: NamedGroup) -> bool {
    matches!(
        group,
        NamedGroup::X25519MLKEM768
            | NamedGroup::secp256r1MLKEM768
            | NamedGroup::MLKEM512
            | NamedGroup::MLKEM768
            | NamedGroup::MLKEM1024
    )
}

fn bad_identity(error: rustls::Error) -> TlsConfigError {
    match error {
        rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch) => TlsConfigError::KeyMismatch,
        rustls::Error::InvalidCertificate(_) => {
            TlsConfigError::BadCertificate { number: 1, source: error.into() }
        }
        _ => TlsConfigError::BadPrivateKey { source: error.into() },
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

    #[cfg(any(feature = "tls-aws-lc", feature = "tls-ring"))]
    #[test]
    fn options_that_leave_nothing_are_refused() {
        let mut tls = TlsConfig::default();
        (tls.min_version, tls.max_version) = (TlsVersion::V1_3, TlsVersion::V1_2);
        assert!(matches!(tls.build(), Err(TlsConfigError::NoVersion)));
    }

    #[cfg(feature = "tls-aws-lc")]
    #[test]
    fn post_quantum_groups_come_first_or_not_at_all() {
        let names = |post_quantum| {
            let tls = TlsConfig { post_quantum, ..TlsConfig::default() };
            let groups = tls.build().unwrap().crypto_provider().kx_groups.clone();
            groups.iter().map(|group| group.name()).collect::<Vec<_>>()
        };
        let provided = names(PostQuantum::AsProvided);
        assert!(provided.contains(&NamedGroup::X25519MLKEM768));
        assert_eq!(names(PostQuantum::Prefer)[0], NamedGroup::X25519MLKEM768);
        assert_eq!(names(PostQuantum::Prefer).len(), provided.len());
        assert_eq!(names(PostQuantum::Off).len(), provided.len() - 1);
        assert!(!names(PostQuantum::Off).contains(&NamedGroup::X25519MLKEM768));
    }
}
