//! Certificates made on the spot: an authority that only the test trusts, and servers signed by it.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate authority that nothing trusts until a test says so.
#[derive(Debug)]
pub struct TestCa {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A server's certificate chain and its key.
#[derive(Clone)]
pub struct ServerCert {
    /// The server's certificate, then its authority's.
    pub cert_pem: String,
    /// The private key, PKCS #8.
    pub key_pem: String,
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
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key for the authority");
        // Two authorities of one name would be taken for one that signs wrongly.
        let id = key.public_key_raw().iter().rev().take(4).fold(0u32, |id, byte| id << 8 | u32::from(*byte));
        params.distinguished_name.push(DnType::CommonName, format!("testkit authority {id:08x}"));
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("the authority signs itself") }
    }

    /// Returns the authority's own certificate, for a client to trust.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.issuer.pem()
    }

    /// Signs a certificate for these DNS names and IP addresses.
    ///
    /// # Panics
    /// A name cannot stand in a certificate.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> ServerCert {
        self.sign(&server_params(names))
    }

    /// Signs a certificate that expired in 2001.
    ///
    /// # Panics
    /// A name cannot stand in a certificate.
    #[must_use]
    pub fn expired_server(&self, names: &[&str]) -> ServerCert {
        let mut params = server_params(names);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> ServerCert {
        let key = KeyPair::generate().expect("a key for the server");
        let cert = params.signed_by(&key, &self.issuer).expect("the authority signs the server");
        ServerCert { cert_pem: cert.pem() + &self.issuer.pem(), key_pem: key.serialize_pem() }
    }
}

fn server_params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let common_name = names.first().cloned().unwrap_or_else(|| "nobody".to_owned());
    // Names that parse as IP addresses become IP entries.
    let mut params = CertificateParams::new(names).expect("names that can stand in a certificate");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
    params.use_authority_key_identifier_extension = true;
    params
}

impl ServerCert {
    /// Returns a rustls configuration that serves this certificate and speaks `http/1.1`.
    ///
    /// # Panics
    /// The certificate or the key was edited into something else.
    #[must_use]
    pub fn server_config(&self) -> ServerConfig {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(self.cert_pem.as_bytes())
            .collect::<Result<_, _>>()
            .expect("a chain in PEM");
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).expect("a key in PEM");
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider's versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("the key fits the certificate");
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
        for cert in [ca.server(&["localhost", "127.0.0.1", "::1"]), ca.expired_server(&["localhost"])] {
            assert_eq!(cert.server_config().alpn_protocols, [b"http/1.1"]);
            assert_eq!(cert.cert_pem.matches("BEGIN CERTIFICATE").count(), 2);
            assert!(!format!("{cert:?}").contains("PRIVATE"));
        }
    }
}
