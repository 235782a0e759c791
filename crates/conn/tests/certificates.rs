//! The certificate matrix: what is refused and how it is called, and what each waiver lets through.
#![cfg(feature = "tls-aws-lc")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conn::rustls::ServerConfig;
use conn::rustls::pki_types::pem::PemObject;
use conn::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use conn::rustls::server::{ClientHello, ResolvesServerCert};
use conn::rustls::sign::CertifiedKey;
use conn::{
    ConnectError, Deadline, Limit, Revocation, Roots, SocketTransport, SystemClock, TcpOptions, TlsConfig,
    TlsError, TlsFacts, TlsTransport, Transport,
};
use testkit::certs::rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use testkit::certs::{ServerCert, TestCa};
use testkit::peer::{Script, ScriptedListener};

fn trusting(ca: &TestCa) -> TlsConfig {
    let mut tls = TlsConfig::default();
    tls.roots = Roots::empty();
    tls.roots.add_pem(ca.ca_pem().as_bytes()).unwrap();
    tls
}

/// Shakes hands as `host` with a server that shows `cert`.
fn shake(
    tls: &TlsConfig,
    cert: &ServerCert,
    is_tls12: bool,
    host: &str,
) -> Result<TlsFacts, Box<(TlsError, bool)>> {
    shake_with(tls, if is_tls12 { cert.tls12_config() } else { cert.server_config() }, host)
}

fn shake_with(tls: &TlsConfig, server: ServerConfig, host: &str) -> Result<TlsFacts, Box<(TlsError, bool)>> {
    let listener = ScriptedListener::start_tls(vec![Script::new()], server);
    let tcp = TcpStream::connect(listener.addr()).unwrap();
    let tcp = SocketTransport::from_tcp(tcp, &TcpOptions::default(), Arc::new(SystemClock)).unwrap();
    let by = Deadline::after(Instant::now(), Some(Duration::from_secs(10)), Limit::Connect);
    let result = TlsTransport::handshake(tcp, tls.build().unwrap(), host, by);
    let result = result.map(|stream| stream.facts().tls.clone().unwrap());
    listener.finish().unwrap();
    result.map_err(|error| {
        let is_certificate = error.is_certificate();
        match error {
            ConnectError::Tls { source, .. } => Box::new((source, is_certificate)),
            other => panic!("{other}"),
        }
    })
}

/// What is wrong with a certificate: itself, the name, or both.
struct Faults {
    certificate: Option<fn(&TlsError) -> bool>,
    has_wrong_name: bool,
}

fn no_fault() -> Faults {
    Faults { certificate: None, has_wrong_name: false }
}

fn fault(certificate: fn(&TlsError) -> bool) -> Faults {
    Faults { certificate: Some(certificate), has_wrong_name: false }
}

fn wrong_name() -> Faults {
    Faults { certificate: None, has_wrong_name: true }
}

fn is_wrong_name(error: &TlsError) -> bool {
    matches!(error, TlsError::WrongName { presented: Some(_), .. })
}

/// Shows `cert` under both versions of TLS and every combination of waivers: a fault ends the handshake by its own error
/// unless it is waived, and waiving one fault waives no other.
#[track_caller]
fn check(what: &str, tls: &TlsConfig, cert: &ServerCert, host: &str, faults: &Faults) {
    for (certificates, names) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut tls = tls.clone();
        tls.danger.accept_invalid_certificates = certificates;
        tls.danger.accept_invalid_host_names = names;
        let certificate = faults.certificate.filter(|_| !certificates);
        let expected = certificate.or((faults.has_wrong_name && !names).then_some(is_wrong_name));
        for is_tls12 in [false, true] {
            let result = shake(&tls, cert, is_tls12, host);
            let case = format!("{what}, {:?}, TLS 1.2 {is_tls12}: {result:?}", tls.danger);
            match (result, expected) {
                (Ok(facts), None) => assert!(!facts.peer_chain.is_empty(), "{case}"),
                (Err(error), Some(is_expected)) => assert!(is_expected(&error.0) && error.1, "{case}"),
                _ => panic!("{case}"),
            }
        }
    }
}

fn with_sans(ca: &TestCa, sans: &[&str]) -> ServerCert {
    let sans = sans.iter().map(|name| SanType::DnsName((*name).try_into().unwrap())).collect();
    ca.server_with(&["unused.example"], |params| params.subject_alt_names = sans)
}

#[test]
fn each_fault_of_a_certificate_has_its_own_error() {
    type Edit = fn(&mut CertificateParams);
    let ca = TestCa::new();
    let tls = trusting(&ca);
    let rows: [(&str, Edit, Faults); 8] = [
        ("good", |_| (), no_fault()),
        (
            "expired",
            |params| params.not_after = date_time_ymd(2001, 1, 1),
            fault(|error| {
                let TlsError::Expired { not_after: Some(at), ago: Some(ago) } = error else { return false };
                at.elapsed().unwrap().abs_diff(*ago) < Duration::from_secs(60)
            }),
        ),
        (
            "not yet valid",
            |params| params.not_before = date_time_ymd(3000, 1, 1),
            fault(|error| {
                matches!(error, TlsError::NotValidYet { not_before: Some(_), begins_in: Some(left) }
                    if *left > Duration::from_secs(900 * 365 * 86400))
            }),
        ),
        (
            "for clients",
            |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            fault(
                |error| matches!(error, TlsError::WrongPurpose { presented } if *presented == ["client authentication"]),
            ),
        ),
        ("for any purpose that is not named", |params| params.extended_key_usages.clear(), no_fault()),
        (
            "not for signatures",
            |params| params.key_usages = vec![KeyUsagePurpose::KeyAgreement],
            fault(|error| matches!(error, TlsError::WrongKeyUsage)),
        ),
        ("for any usage that is not named", |params| params.key_usages.clear(), no_fault()),
        (
            "an authority",
            |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            fault(|error| matches!(error, TlsError::Certificate { .. })),
        ),
    ];
    for (what, edit, faults) in rows {
        check(what, &tls, &ca.server_with(&["example.com"], edit), "example.com", &faults);
        // Whatever else is wrong with it, a name that fits no more is not waived along.
        let both = Faults { has_wrong_name: true, ..faults };
        check(what, &tls, &ca.server_with(&["example.com"], edit), "example.org", &both);
    }
}

#[test]
fn a_certificate_of_somebody_unknown_is_refused() {
    let ca = TestCa::new();
    let tls = trusting(&ca);
    let names = ["example.com"];
    let unknown = fault(|error| matches!(error, TlsError::UnknownIssuer));
    let self_signed = fault(|error| matches!(error, TlsError::SelfSigned));
    let forged = fault(|error| matches!(error, TlsError::BadSignature));
    check("unknown authority", &tls, &TestCa::new().server(&names), "example.com", &unknown);
    check("self-signed", &tls, &ServerCert::self_signed(&names), "example.com", &self_signed);
    check("forged", &tls, &ca.impostor().server(&names), "example.com", &forged);
    check("intermediate", &tls, &ca.intermediate().server(&names), "example.com", &no_fault());
    let mut incomplete = ca.intermediate().server(&names);
    let end = incomplete.cert_pem.find("-----BEGIN").map(|at| at + 1).unwrap();
    let end = end + incomplete.cert_pem[end..].find("-----BEGIN").unwrap();
    incomplete.cert_pem.truncate(end);
    check("intermediate not sent", &tls, &incomplete, "example.com", &unknown);
}

#[test]
fn a_certificate_signed_with_sha_1_is_refused() {
    let pem = include_str!("../testdata/sha1.pem");
    let mut tls = TlsConfig::default();
    tls.roots = Roots::empty();
    tls.roots.add_pem(pem.as_bytes()).unwrap();
    let cert = ServerCert::from_pem(pem, pem);
    let refused = fault(
        |error| matches!(error, TlsError::UnsupportedSignature { algorithm } if algorithm == "RSA and SHA-1"),
    );
    check("SHA-1", &tls, &cert, "example.com", &refused);
}

/// T34 of the threat catalogue.
#[test]
fn t34_a_host_name_fits_as_a_whole_or_by_one_left_most_wildcard() {
    let ca = TestCa::new();
    let tls = trusting(&ca);
    for (sans, host, fits) in [
        (&["example.com"][..], "example.com", true),
        (&["EXAMPLE.com"], "example.com", true),
        (&["other.example", "example.com"], "example.com", true),
        (&["example.com"], "www.example.com", false),
        (&["www.example.com"], "example.com", false),
        // One trailing dot is stripped, and changes nothing else.
        (&["example.com"], "example.com.", true),
        (&["example.com"], "example.org.", false),
        (&["*.example.com"], "www.example.com", true),
        (&["*.example.com"], "www.example.com.", true),
        (&["*.example.com"], "example.com", false),
        (&["*.example.com"], "a.b.example.com", false),
        (&["www.*.example.com"], "www.a.example.com", false),
        (&["*.*.example.com"], "www.a.example.com", false),
        (&["w*.example.com"], "www.example.com", false),
        (&["*"], "localhost", false),
        (&["xn--bcher-kva.example"], "xn--bcher-kva.example", true),
        (&["xn--bcher-kva.example"], "bcher-kva.example", false),
        // What follows NUL once did not count (CVE-2009-2408).
        (&["example.com\0.evil.example"], "example.com", false),
        // A DNS entry is no IP address.
        (&["127.0.0.1"], "127.0.0.1", false),
        (&["example.com"], "127.0.0.1", false),
        (&["example.com"], "::1", false),
    ] {
        let faults = if fits { no_fault() } else { wrong_name() };
        check(&format!("{sans:?} as {host}"), &tls, &with_sans(&ca, sans), host, &faults);
    }
    for (host, fits) in [("127.0.0.1", true), ("127.0.0.2", false), ("::1", true), ("fe80::1%lo", true)] {
        let faults = if fits { no_fault() } else { wrong_name() };
        let cert = ca.server(&["127.0.0.1", "::1", "fe80::1"]);
        check(&format!("addresses as {host}"), &tls, &cert, host, &faults);
    }
}

/// T34 of the threat catalogue.
#[test]
fn t34_a_common_name_alone_does_not_count() {
    let ca = TestCa::new();
    let cert = ca.server_with(&["example.com"], |params| params.subject_alt_names.clear());
    check("common name", &trusting(&ca), &cert, "example.com", &wrong_name());
    let error = shake(&trusting(&ca), &cert, false, "example.com").unwrap_err().0;
    assert!(error.to_string().ends_with("it names no host (a common name alone does not count)"), "{error}");
}

/// T35 of the threat catalogue.
#[test]
fn t35_a_waiver_does_not_leak_into_another_configuration() {
    let cert = ServerCert::self_signed(&["example.com"]);
    let secure = TlsConfig::default();
    let mut insecure = secure.clone();
    insecure.danger.accept_invalid_certificates = true;
    let scripts = || Script::new().expect("a").reply("b").close();
    for server in [cert.server_config(), cert.tls12_config()] {
        let (secure, insecure) = (secure.build().unwrap(), insecure.build().unwrap());
        let listener = ScriptedListener::start_tls(vec![scripts(), scripts(), Script::new()], server);
        for (config, expected) in [(&insecure, Some(false)), (&insecure, Some(true)), (&secure, None)] {
            let tcp = TcpStream::connect(listener.addr()).unwrap();
            let tcp = SocketTransport::from_tcp(tcp, &TcpOptions::default(), Arc::new(SystemClock)).unwrap();
            let by = Deadline::after(Instant::now(), Some(Duration::from_secs(10)), Limit::Connect);
            let result = TlsTransport::handshake(tcp, Arc::clone(config), "example.com", by);
            match expected {
                None => assert!(result.unwrap_err().is_certificate()),
                Some(resumed) => {
                    let mut stream = result.unwrap();
                    assert_eq!(stream.facts().tls.as_ref().unwrap().resumed, resumed);
                    stream.set_deadline(by);
                    std::io::Write::write_all(&mut stream, b"a").unwrap();
                    assert_eq!(std::io::read_to_string(&mut stream).unwrap(), "b");
                }
            }
        }
        listener.finish().unwrap();
    }
}

#[test]
fn a_revoked_certificate_is_refused() {
    let root = TestCa::new();
    let ca = root.intermediate();
    let (good, revoked) = (ca.server(&["example.com"]), ca.server(&["example.com"]));
    let lists = |texts: &[String], edit: fn(&mut Revocation)| {
        let mut tls = trusting(&root);
        for text in texts {
            tls.revocation.add_pem(text.as_bytes()).unwrap();
        }
        edit(&mut tls.revocation);
        tls
    };
    let of_root = root.revocation_list(&[], 3000);
    let of_ca = ca.revocation_list(&[&revoked], 3000);
    let forger_list = ca.impostor().revocation_list(&[], 3000);
    let strict: fn(&mut Revocation) = |_| ();
    let is_revoked = || fault(|error| matches!(error, TlsError::Revoked));
    let is_unknown = || fault(|error| matches!(error, TlsError::UnknownRevocation));
    let is_late = || fault(|error| matches!(error, TlsError::RevocationListExpired { ago: Some(_), .. }));

    let both = lists(&[of_root.clone(), of_ca.clone()], strict);
    check("no list", &trusting(&root), &revoked, "example.com", &no_fault());
    check("not revoked", &both, &good, "example.com", &no_fault());
    check("revoked", &both, &revoked, "example.com", &is_revoked());
    let name_too = Faults { has_wrong_name: true, ..is_revoked() };
    check("revoked, and another name", &both, &revoked, "example.org", &name_too);
    check("another name", &both, &good, "example.org", &wrong_name());

    let half = lists(std::slice::from_ref(&of_ca), strict);
    check("nothing known of the intermediate", &half, &good, "example.com", &is_unknown());
    let leaf_only = lists(std::slice::from_ref(&of_ca), |it| it.end_entity_only = true);
    check("the end alone", &leaf_only, &good, "example.com", &no_fault());
    check("the end alone, revoked", &leaf_only, &revoked, "example.com", &is_revoked());
    let lenient = lists(std::slice::from_ref(&of_root), |it| it.allow_unknown = true);
    check("unknown is allowed", &lenient, &revoked, "example.com", &no_fault());

    let forged = lists(&[of_root.clone(), forger_list], strict);
    let is_refused = || fault(|error| matches!(error, TlsError::Certificate { .. }));
    check("a forged list", &forged, &good, "example.com", &is_refused());

    let old = [of_root, ca.revocation_list(&[&revoked], 2021)];
    check("an old list", &lists(&old, strict), &good, "example.com", &is_late());
    let lenient = lists(&old, |it| it.allow_expired_lists = true);
    check("an old list is allowed", &lenient, &good, "example.com", &no_fault());
    check("an old list is allowed, revoked", &lenient, &revoked, "example.com", &is_revoked());
}

/// Shows a certificate whose key it does not have.
#[derive(Debug)]
struct Thief(Arc<CertifiedKey>);

impl ResolvesServerCert for Thief {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[test]
fn whoever_does_not_own_the_key_is_refused_whatever_is_waived() {
    let ca = TestCa::new();
    let (good, own) = (ca.server(&["example.com"]), ca.server(&["example.com"]));
    let chain = CertificateDer::pem_slice_iter(good.cert_pem.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).unwrap();
    let key = good.server_config().crypto_provider().key_provider.load_private_key(key).unwrap();
    let thief = Arc::new(Thief(Arc::new(CertifiedKey::new(chain, key))));
    for mut server in [good.server_config(), good.tls12_config()] {
        server.cert_resolver = Arc::clone(&thief) as Arc<dyn ResolvesServerCert>;
        for waived in [false, true] {
            let mut tls = trusting(&ca);
            tls.danger.accept_invalid_certificates = waived;
            tls.danger.accept_invalid_host_names = waived;
            let error = shake_with(&tls, server.clone(), "example.com").unwrap_err();
            assert!(matches!(error.0, TlsError::BadSignature), "{error:?}");
        }
    }
}

#[cfg(feature = "tls-platform-verifier")]
#[test]
fn the_platforms_verifier_takes_further_roots() {
    let ca = TestCa::new();
    let mut tls = TlsConfig::default();
    tls.roots = Roots::platform();
    tls.roots.add_pem(ca.ca_pem().as_bytes()).unwrap();
    for (cert, host, is_expected) in [
        (ca.server(&["example.com"]), "example.com", None),
        (ca.server(&["example.com"]), "example.org", Some(is_wrong_name as fn(&TlsError) -> bool)),
        (
            ServerCert::self_signed(&["example.com"]),
            "example.com",
            Some(|e| matches!(e, TlsError::SelfSigned)),
        ),
    ] {
        match (shake(&tls, &cert, false, host), is_expected) {
            (Ok(_), None) => {}
            (Err(error), Some(is_expected)) => assert!(is_expected(&error.0), "{error:?}"),
            (result, _) => panic!("{result:?}"),
        }
    }
    tls.danger.accept_invalid_host_names = true;
    assert!(matches!(tls.build(), Err(conn::TlsConfigError::Conflict(_))));
}
