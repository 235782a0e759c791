//! Certificates made on the spot: an authority that only the test trusts, those below it, servers and clients signed by
//! them, and lists of what they revoked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use rcgen;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
    date_time_ymd,
};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// A certificate authority that nothing trusts until a test says so.
#[derive(Debug)]
pub struct TestCa {
    issuer: CertifiedIssuer<'static, KeyPair>,
    name: String,
    /// Those above it, nearest first, in PEM.
    above: String,
}

/// The chain and the key of a server or a client.
#[derive(Clone)]
pub struct ServerCert {
    /// The certificate, then its authority's, and so on.
    pub cert_pem: String,
    /// The private key, PKCS #8.
    pub key_pem: String,
    serial: SerialNumber,
}

impl std::fmt::Debug for ServerCert {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCert").field("cert_pem", &self.cert_pem).finish_non_exhaustive()
    }
}

impl Default for TestCa {
    fn default() -> Self {
        Self::new()
    }
}

impl TestCa {
    /// Makes a new authority with a new key.
    #[must_use]
    pub fn new() -> Self {
        let key = authority_key();
        // Two authorities of one name would be taken for one that signs wrongly.
        let id = key.public_key_raw().iter().rev().take(4).fold(0u32, |id, byte| id << 8 | u32::from(*byte));
        Self::self_signed(format!("testkit authority {id:08x}"), key)
    }

    /// Makes an authority of this one's name with a key of its own: what it signs is forged.
    #[must_use]
    pub fn impostor(&self) -> Self {
        Self::self_signed(self.name.clone(), authority_key())
    }

    fn self_signed(name: String, key: KeyPair) -> Self {
        let issuer = CertifiedIssuer::self_signed(authority(&name), key).expect("the authority signs itself");
        Self { issuer, name, above: String::new() }
    }

    /// Makes an authority below this one. What it signs brings its certificate along.
    #[must_use]
    pub fn intermediate(&self) -> Self {
        let name = format!("below {}", self.name);
        let issuer = CertifiedIssuer::signed_by(authority(&name), authority_key(), &self.issuer)
            .expect("the authority signs another");
        Self { issuer, name, above: self.ca_pem() + &self.above }
    }

    /// Returns the authority's own certificate, for a client to trust.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.issuer.pem()
    }

    /// Returns the authority's own certificate in DER.
    #[must_use]
    pub fn ca_der(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    /// Signs a certificate for these DNS names and IP addresses.
    ///
    /// # Panics
    /// A name cannot stand in a certificate.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> ServerCert {
        self.server_with(names, |_| ())
    }

    /// Signs a certificate that expired in 2001.
    ///
    /// # Panics
    /// A name cannot stand in a certificate.
    #[must_use]
    pub fn expired_server(&self, names: &[&str]) -> ServerCert {
        self.server_with(names, |params| {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        })
    }

    /// Signs a certificate for these names after `edit` has changed what is unlike others.
    ///
    /// # Panics
    /// What is asked for cannot stand in a certificate.
    #[must_use]
    pub fn server_with(&self, names: &[&str], edit: impl FnOnce(&mut CertificateParams)) -> ServerCert {
        let (params, serial) = edited(names, edit);
        let key = KeyPair::generate().expect("a key for the server");
        let cert = params.signed_by(&key, &self.issuer).expect("the authority signs the server");
        let cert_pem = cert.pem() + &self.issuer.pem() + &self.above;
        ServerCert { cert_pem, key_pem: key.serialize_pem(), serial }
    }

    /// Signs a certificate for a client of this name.
    ///
    /// # Panics
    /// The name cannot stand in a certificate.
    #[must_use]
    pub fn client(&self, name: &str) -> ServerCert {
        self.server_with(&[name], |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }

    /// Signs a list, in PEM, that revokes these and is due for renewal at the start of `next_year`.
    ///
    /// # Panics
    /// The list cannot be made.
    #[must_use]
    pub fn revocation_list(&self, revoked: &[&ServerCert], next_year: i32) -> String {
        let revoked_certs = revoked.iter().map(|cert| RevokedCertParams {
            serial_number: cert.serial.clone(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(next_year, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).and_then(|list| list.pem()).expect("the authority signs a list")
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority_key() -> KeyPair {
    KeyPair::generate().expect("a key for the authority")
}

/// Puts together what all certificates have in common, and lets `edit` change it.
fn edited(names: &[&str], edit: impl FnOnce(&mut CertificateParams)) -> (CertificateParams, SerialNumber) {
    static SERIALS: AtomicU64 = AtomicU64::new(1);
    let serial = SerialNumber::from(SERIALS.fetch_add(1, Ordering::Relaxed));
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let common_name = names.first().cloned().unwrap_or_else(|| "nobody".to_owned());
    // Names that parse as IP addresses become IP entries.
    let mut params = CertificateParams::new(names).expect("names that can stand in a certificate");
    params.serial_number = Some(serial.clone());
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
    params.use_authority_key_identifier_extension = true;
    edit(&mut params);
    (params, serial)
}

impl ServerCert {
    /// Makes a certificate for these names that is signed by its own key alone.
    ///
    /// # Panics
    /// A name cannot stand in a certificate.
    #[must_use]
    pub fn self_signed(names: &[&str]) -> Self {
        let (params, serial) = edited(names, |_| ());
        let key = KeyPair::generate().expect("a key for the server");
        let cert = params.self_signed(&key).expect("the server signs itself");
        Self { cert_pem: cert.pem(), key_pem: key.serialize_pem(), serial }
    }

    /// Takes a certificate and its key that were made elsewhere.
    #[must_use]
    pub fn from_pem(cert_pem: &str, key_pem: &str) -> Self {
        Self { cert_pem: cert_pem.to_owned(), key_pem: key_pem.to_owned(), serial: SerialNumber::from(0) }
    }

    /// Returns a rustls configuration that serves this certificate and speaks `http/1.1`.
    ///
    /// # Panics
    /// The certificate or the key was edited into something else.
    #[must_use]
    pub fn server_config(&self) -> ServerConfig {
        self.serving(&[&TLS13, &TLS12], None)
    }

    /// As [`server_config`](Self::server_config), but with TLS 1.2 alone.
    #[must_use]
    pub fn tls12_config(&self) -> ServerConfig {
        self.serving(&[&TLS12], None)
    }

    /// As [`server_config`](Self::server_config), with these versions, and demanding a client certificate that
    /// `clients` signed if it is given.
    ///
    /// # Panics
    /// The certificate or the key was edited into something else.
    #[must_use]
    pub fn serving(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        clients: Option<&TestCa>,
    ) -> ServerConfig {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(self.cert_pem.as_bytes())
            .collect::<Result<_, _>>()
            .expect("a chain in PEM");
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).expect("a key in PEM");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("the provider's versions");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(ca.issuer.der().clone()).expect("an authority");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .expect("a verifier with one root");
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).expect("the key fits the certificate");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_certificate_can_be_served() {
        let ca = TestCa::new();
        assert!(ca.ca_pem().starts_with("-----BEGIN CERTIFICATE-----"));
        for (cert, length) in [
            (ca.server(&["localhost", "127.0.0.1", "::1"]), 2),
            (ca.expired_server(&["localhost"]), 2),
            (ca.intermediate().client("somebody"), 3),
            (ServerCert::self_signed(&["localhost"]), 1),
        ] {
            assert_eq!(cert.server_config().alpn_protocols, [b"http/1.1"]);
            assert_eq!(cert.cert_pem.matches("BEGIN CERTIFICATE").count(), length);
            assert!(!format!("{cert:?}").contains("PRIVATE"));
        }
    }
}
