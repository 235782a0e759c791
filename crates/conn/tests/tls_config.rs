//! What a TLS configuration does to the handshake: versions, client certificates, pins, resumption, key log, key exchange.
#![cfg(feature = "tls-aws-lc")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use conn::rustls::version::{TLS12, TLS13};
use conn::rustls::{ClientConfig, KeyLog, ServerConfig};
use conn::{
    ClientCertificate, ConnectError, Deadline, Limit, Pin, PostQuantum, Revocation, Roots, SocketTransport,
    SystemClock, TcpOptions, TlsConfig, TlsConfigError, TlsError, TlsFacts, TlsTransport, TlsVersion,
    Transport,
};
use testkit::certs::{ServerCert, TestCa};
use testkit::peer::{Script, ScriptedListener};

const HOST: &str = "example.com";

fn trusting(ca: &TestCa) -> TlsConfig {
    let mut tls = TlsConfig::default();
    tls.roots = Roots::empty();
    tls.roots.add_pem(ca.ca_pem().as_bytes()).unwrap();
    tls
}

fn open(config: &Arc<ClientConfig>, to: SocketAddr) -> Result<TlsTransport<SocketTransport>, TlsError> {
    let tcp = TcpStream::connect(to).unwrap();
    let tcp = SocketTransport::from_tcp(tcp, &TcpOptions::default(), Arc::new(SystemClock)).unwrap();
    let by = Deadline::after(Instant::now(), Some(Duration::from_secs(10)), Limit::Connect);
    match TlsTransport::handshake(tcp, Arc::clone(config), HOST, by) {
        Ok(mut stream) => {
            stream.set_deadline(by);
            Ok(stream)
        }
        Err(ConnectError::Tls { source, .. }) => Err(source),
        Err(other) => panic!("{other}"),
    }
}

fn facts(stream: &impl Transport) -> TlsFacts {
    stream.facts().tls.clone().unwrap()
}

fn shake(tls: &TlsConfig, server: ServerConfig) -> Result<TlsFacts, TlsError> {
    let listener = ScriptedListener::start_tls(vec![Script::new()], server);
    let result = open(&tls.build().unwrap(), listener.addr()).map(|stream| facts(&stream));
    listener.finish().unwrap();
    result
}

/// Sends a byte and reads the rest: what comes after the handshake comes with it.
fn exchange(stream: &mut impl Transport) -> io::Result<String> {
    stream.write_all(b"a")?;
    io::read_to_string(stream)
}

fn exchanges(times: usize) -> Vec<Script> {
    (0..times).map(|_| Script::new().expect("a").reply("b").close()).collect()
}

#[test]
fn the_version_stays_within_its_bounds() {
    use TlsVersion::{V1_2, V1_3};
    let ca = TestCa::new();
    let cert = ca.server(&[HOST]);
    for (min, max, server, expected) in [
        (V1_2, V1_3, &[&TLS13, &TLS12][..], Some("TLSv1.3")),
        (V1_2, V1_2, &[&TLS13, &TLS12], Some("TLSv1.2")),
        (V1_3, V1_3, &[&TLS13, &TLS12], Some("TLSv1.3")),
        (V1_2, V1_3, &[&TLS12], Some("TLSv1.2")),
        (V1_3, V1_3, &[&TLS12], None),
        (V1_2, V1_2, &[&TLS13], None),
    ] {
        let mut tls = trusting(&ca);
        (tls.min_version, tls.max_version) = (min, max);
        match (shake(&tls, cert.serving(server, None)), expected) {
            (Ok(facts), Some(expected)) => assert_eq!(facts.version, expected),
            (Err(TlsError::NoCommonVersion { .. }), None) => {}
            (result, _) => panic!("{min:?} to {max:?}: {result:?}"),
        }
    }
}

#[test]
fn a_client_certificate_is_shown_to_a_server_that_asks() {
    let (ca, clients) = (TestCa::new(), TestCa::new());
    let cert = ca.server(&[HOST]);
    let identity = |cert: &ServerCert| {
        ClientCertificate::from_pem(cert.cert_pem.as_bytes(), cert.key_pem.as_bytes()).unwrap()
    };
    for (shown, expected) in [
        (Some(identity(&clients.client("somebody"))), Ok("b")),
        (None, Err("it wants a client certificate")),
        (Some(identity(&TestCa::new().client("somebody"))), Err("the client certificate")),
    ] {
        for version in [&TLS13, &TLS12] {
            let mut tls = trusting(&ca);
            tls.client_certificate.clone_from(&shown);
            let server = cert.serving(&[version], Some(&clients));
            let listener = ScriptedListener::start_tls(exchanges(1), server);
            let result = match open(&tls.build().unwrap(), listener.addr()) {
                Err(error) => Err(error.to_string()),
                // TLS 1.3 tells after the handshake.
                Ok(mut stream) => exchange(&mut stream).map_err(|error| {
                    TlsError::in_io(&error).unwrap_or_else(|| panic!("{error:?}")).to_string()
                }),
            };
            match (&result, expected) {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected),
                (Err(text), Err(expected)) => {
                    assert!(text.contains("alert") && text.contains(expected), "{text}");
                }
                _ => panic!("{result:?}, {version:?}"),
            }
            let _ = listener.finish();
        }
    }
}

#[test]
fn a_client_certificate_says_what_it_lacks() {
    let ca = TestCa::new();
    let (one, other) = (ca.client("one"), ca.client("other"));
    let rsa = include_str!("../testdata/sha1.pem");
    let check = |chain: &str, key: &str, expected: Option<fn(&TlsConfigError) -> bool>| {
        let built = ClientCertificate::from_pem(chain.as_bytes(), key.as_bytes()).and_then(|it| {
            assert!(!format!("{it:?}").contains("BEGIN"));
            let mut tls = TlsConfig::default();
            tls.client_certificate = Some(it);
            tls.build()
        });
        match (built, expected) {
            (Ok(_), None) => {}
            (Err(error), Some(is_expected)) => assert!(is_expected(&error), "{error:?}"),
            (result, _) => panic!("{result:?}"),
        }
    };
    let encrypted = one.key_pem.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let legacy = one.key_pem.replace("KEY-----\nM", "KEY-----\nProc-Type: 4,ENCRYPTED\n\nM");
    let garbled = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    check(&one.cert_pem, &one.key_pem, None);
    for pem in [rsa, include_str!("../testdata/sec1.pem"), include_str!("../testdata/pkcs1.pem")] {
        check(pem, pem, None);
    }
    let both = one.cert_pem.clone() + &one.key_pem;
    check(&both, &both, None);
    check("", &one.key_pem, Some(|e| matches!(e, TlsConfigError::NoCertificate)));
    check(&one.key_pem, &one.key_pem, Some(|e| matches!(e, TlsConfigError::NoCertificate)));
    check(&one.cert_pem, &one.cert_pem, Some(|e| matches!(e, TlsConfigError::NoPrivateKey)));
    check(&one.cert_pem, &encrypted, Some(|e| matches!(e, TlsConfigError::EncryptedPrivateKey)));
    check(&one.cert_pem, &legacy, Some(|e| matches!(e, TlsConfigError::EncryptedPrivateKey)));
    check(&one.cert_pem, garbled, Some(|e| matches!(e, TlsConfigError::BadPrivateKey { .. })));
    check(&one.cert_pem, &other.key_pem, Some(|e| matches!(e, TlsConfigError::KeyMismatch)));
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check(garbage, &one.key_pem, Some(|e| matches!(e, TlsConfigError::BadCertificate { number: 1, .. })));
    assert!(matches!(ClientCertificate::from_der(vec![], vec![]), Err(TlsConfigError::NoCertificate)));
    assert!(matches!(
        ClientCertificate::from_der(vec![vec![1]], vec![1]),
        Err(TlsConfigError::BadPrivateKey { .. })
    ));
}

/// Reads the pins that a server presents out of the refusal.
fn pins_of(tls: &TlsConfig, cert: &ServerCert) -> Vec<Pin> {
    let mut tls = tls.clone();
    tls.pins = vec![Pin::from_sha256([0; 32])];
    match shake(&tls, cert.server_config()) {
        Err(TlsError::PinMismatch { presented }) => {
            presented.iter().map(|pin| pin.parse().unwrap()).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pinned_key_is_the_servers_or_one_above_it() {
    let root = TestCa::new();
    let ca = root.intermediate();
    let cert = ca.server(&[HOST]);
    let tls = trusting(&root);
    let presented = pins_of(&tls, &cert);
    assert_eq!(presented.len(), 3, "the server's own, the intermediate's and the root's");
    let spare = Pin::from_sha256([7; 32]);
    for pin in &presented {
        let mut tls = tls.clone();
        tls.pins = vec![spare, *pin];
        shake(&tls, cert.server_config()).unwrap();
    }

    // A certificate that is sent besides vouches for nobody.
    let mut stranger = root.server(&[HOST]);
    stranger.cert_pem.push_str(&ca.ca_pem());
    let mut pinned = tls.clone();
    pinned.pins = vec![presented[1]];
    assert!(matches!(shake(&pinned, stranger.server_config()), Err(TlsError::PinMismatch { .. })));

    // A pin adds to the verification: it replaces none of it.
    let own = ServerCert::self_signed(&[HOST]);
    let mut waived = tls.clone();
    waived.danger.accept_invalid_certificates = true;
    let pin = pins_of(&waived, &own);
    waived.pins.clone_from(&pin);
    shake(&waived, own.server_config()).unwrap();
    let mut strict = tls.clone();
    strict.pins = pin;
    assert!(matches!(shake(&strict, own.server_config()), Err(TlsError::SelfSigned)));
    // And waiving the verification waives no pin.
    waived.pins = vec![spare];
    assert!(matches!(shake(&waived, own.server_config()), Err(TlsError::PinMismatch { .. })));
}

#[test]
fn a_pin_is_what_openssl_prints() {
    let pem = include_str!("../testdata/sha1.pem");
    let mut tls = TlsConfig::default();
    tls.danger.accept_invalid_certificates = true;
    let expected = "sha256/tb8uhnC3eN06M6izpmmIGaMEaxyPYCOePLPgqShuS6o=";
    assert_eq!(pins_of(&tls, &ServerCert::from_pem(pem, pem))[0].to_string(), expected);
}

#[test]
fn a_session_is_resumed_on_the_next_connection() {
    let ca = TestCa::new();
    let cert = ca.server(&[HOST]);
    for (server, sessions, resumed) in [
        (cert.server_config(), 256, true),
        (cert.tls12_config(), 256, true),
        (cert.server_config(), 1, true),
        (cert.tls12_config(), 1, true),
        (cert.server_config(), 0, false),
        (cert.tls12_config(), 0, false),
    ] {
        let mut tls = trusting(&ca);
        tls.sessions = sessions;
        let config = tls.build().unwrap();
        let listener = ScriptedListener::start_tls(exchanges(3), server);
        let mut chain = Arc::default();
        for (i, config) in [&config, &config, &tls.build().unwrap()].into_iter().enumerate() {
            let mut stream = open(config, listener.addr()).unwrap();
            let facts = facts(&stream);
            assert_eq!(facts.resumed, resumed && i == 1, "connection {i}, {facts:?}");
            assert_eq!(facts.peer_chain.len(), 2);
            let has_keys = facts.key_exchange.is_some();
            assert_eq!(has_keys, !(facts.resumed && facts.version == "TLSv1.2"), "{facts:?}");
            if i == 0 {
                chain = Arc::clone(&facts.peer_chain);
            }
            assert_eq!(facts.peer_chain, chain, "a resumed session shows the certificates of the first");
            assert_eq!(exchange(&mut stream).unwrap(), "b");
        }
        listener.finish().unwrap();
    }
}

#[test]
fn the_peer_chain_begins_with_the_servers_own_certificate() {
    let ca = TestCa::new();
    let facts = shake(&trusting(&ca), ca.server(&[HOST]).server_config()).unwrap();
    assert_eq!(facts.peer_chain.len(), 2);
    assert_ne!(facts.peer_chain[0], ca.ca_der());
    assert_eq!(facts.peer_chain[1], ca.ca_der());
    assert!(format!("{facts:?}").ends_with("peer_chain: 2 certificates }"));
}

#[derive(Debug, Default)]
struct Labels(Mutex<Vec<String>>);

impl KeyLog for Labels {
    fn log(&self, label: &str, _: &[u8], _: &[u8]) {
        self.0.lock().unwrap().push(label.to_owned());
    }
}

#[test]
fn secrets_are_logged_to_whoever_is_named() {
    let ca = TestCa::new();
    let cert = ca.server(&[HOST]);
    for (server, label) in
        [(cert.server_config(), "CLIENT_TRAFFIC_SECRET_0"), (cert.tls12_config(), "CLIENT_RANDOM")]
    {
        let labels = Arc::new(Labels::default());
        let mut tls = trusting(&ca);
        tls.key_log = Some(Arc::clone(&labels) as Arc<dyn KeyLog>);
        shake(&tls, server).unwrap();
        assert!(labels.0.lock().unwrap().iter().any(|logged| logged == label));
    }
    assert!(!trusting(&ca).build().unwrap().key_log.will_log("CLIENT_RANDOM"));
}

#[test]
fn the_key_exchange_withstands_quantum_computers_where_it_is_wanted() {
    let ca = TestCa::new();
    let cert = ca.server(&[HOST]);
    for (post_quantum, is_tls12, expected) in [
        (PostQuantum::Prefer, false, "X25519MLKEM768"),
        (PostQuantum::AsProvided, false, "X25519"),
        (PostQuantum::Off, false, "X25519"),
        (PostQuantum::Prefer, true, "X25519"),
    ] {
        let mut tls = trusting(&ca);
        tls.post_quantum = post_quantum;
        let server = if is_tls12 { cert.tls12_config() } else { cert.server_config() };
        let facts = shake(&tls, server).unwrap();
        assert_eq!(facts.key_exchange.as_deref(), Some(expected), "{post_quantum:?}");
    }
}

#[test]
fn the_name_is_sent_unless_that_is_turned_off() {
    let ca = TestCa::new();
    for sni in [true, false] {
        let mut tls = trusting(&ca);
        tls.sni = sni;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let peer = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut hello = [0; 4096];
            let n = stream.read(&mut hello).unwrap();
            hello[..n].windows(HOST.len()).any(|part| part == HOST.as_bytes())
        });
        assert!(matches!(open(&tls.build().unwrap(), addr), Err(TlsError::PeerClosed { .. })));
        assert_eq!(peer.join().unwrap(), sni);
    }
}

#[test]
fn a_revocation_list_that_cannot_be_read_is_refused() {
    let mut revocation = Revocation::default();
    let garbage = b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    let good = TestCa::new().revocation_list(&[], 3000);
    let half = [good.as_bytes(), garbage].concat();
    assert!(matches!(revocation.add_pem(b""), Err(TlsConfigError::NoRevocationList)));
    assert!(matches!(revocation.add_pem(&half), Err(TlsConfigError::BadRevocationList { number: 2, .. })));
    assert!(matches!(revocation.add_der(b"x"), Err(TlsConfigError::BadRevocationList { number: 1, .. })));
    assert!(revocation.is_empty());
    revocation.add_pem(good.as_bytes()).unwrap();
    let mut tls = TlsConfig::default();
    tls.revocation = revocation;
    assert!(tls.build().is_ok());
    tls.roots = Roots::empty();
    assert!(matches!(tls.build(), Err(TlsConfigError::Conflict(_))));
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn whoever_waives_a_check_or_shows_secrets_is_warned() {
    type Edit = fn(&mut TlsConfig);
    let rows: [(Edit, &[&str]); 4] = [
        (|_| (), &[]),
        (|tls| tls.danger.accept_invalid_certificates = true, &["accepts invalid certificates"]),
        (|tls| tls.danger.accept_invalid_host_names = true, &["accepts certificates of other hosts"]),
        (|tls| tls.key_log = Some(Arc::new(Labels::default())), &["TLS secrets are logged"]),
    ];
    for (edit, expected) in rows {
        let mut tls = TlsConfig::default();
        edit(&mut tls);
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || tls.build().unwrap());
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("WARN").count(), expected.len(), "{text}");
        assert!(expected.iter().all(|part| text.contains(part)), "{text}");
    }
}
