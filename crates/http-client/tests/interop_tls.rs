//! TLS with nginx: each version alone, certificates of clients, and sessions that are resumed. nginx must be installed:
//! `cargo xtask interop`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test code fails loudly")]

use http_client::conn::{ClientCertificate, ConnectError, PostQuantum, TlsError, TlsVersion};
use http_client::{Client, ClientConfig, Error, ErrorKind};
use testkit::certs::TestCa;
use testkit::nginx::{Nginx, NginxTls};

fn start(ca: &TestCa, tls: NginxTls) -> (Nginx, ClientConfig) {
    let nginx = Nginx::start_with(ca, tls).unwrap_or_else(|report| panic!("{report}"));
    let mut config = ClientConfig::default();
    config.tls.roots.add_pem(nginx.ca_pem().as_bytes()).unwrap();
    (nginx, config)
}

/// Asks for the page over a connection made for it, and tells the TLS version and whether the session was resumed.
fn visit(client: &Client, nginx: &Nginx) -> Result<(String, bool), Error> {
    client.close_idle();
    let mut response = client.get(format!("{}/", nginx.https_url())).send()?;
    std::io::copy(&mut response, &mut std::io::sink()).unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert!(!response.info().reused());
    let tls = response.info().tls().unwrap();
    Ok((tls.version.to_string(), tls.resumed))
}

/// The requests so far, as the server saw their sessions.
fn seen(nginx: &Nginx, requests: usize) -> Vec<String> {
    assert_eq!(nginx.access_log_of(requests).len(), requests, "{}", nginx.error_log());
    nginx.tls_log()
}

fn with(config: &ClientConfig, change: impl FnOnce(&mut ClientConfig)) -> Client {
    let mut config = config.clone();
    change(&mut config);
    Client::with_config(config).unwrap()
}

#[test]
fn each_version_is_spoken_alone_and_refused_where_it_is_out_of_bounds() {
    for (protocols, version, only, other) in [
        ("TLSv1.2", "TLSv1.2", TlsVersion::V1_2, TlsVersion::V1_3),
        ("TLSv1.3", "TLSv1.3", TlsVersion::V1_3, TlsVersion::V1_2),
    ] {
        let (nginx, config) = start(&TestCa::new(), NginxTls { protocols, ..NginxTls::default() });
        for client in [
            with(&config, |_| {}),
            with(&config, |config| (config.tls.min_version, config.tls.max_version) = (only, only)),
        ] {
            assert_eq!(visit(&client, &nginx).unwrap().0, version);
        }
        let excluding =
            with(&config, |config| (config.tls.min_version, config.tls.max_version) = (other, other));
        let error = visit(&excluding, &nginx).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
        let Some(ConnectError::Tls { source, .. }) = error.connect_error() else { panic!("{error}") };
        assert!(matches!(source, TlsError::NoCommonVersion { .. }), "{source:?}");
        assert!(error.to_string().contains("version"), "{error}");
        assert!(seen(&nginx, 2).iter().all(|line| line.starts_with(version)));
    }
}

#[test]
fn sessions_are_resumed_by_one_client_and_by_no_other() {
    for (protocols, version) in [("TLSv1.2", "TLSv1.2"), ("TLSv1.3", "TLSv1.3")] {
        let (nginx, config) = start(&TestCa::new(), NginxTls { protocols, ..NginxTls::default() });
        let client = with(&config, |_| {});
        let resumed: Vec<bool> = (0..3).map(|_| visit(&client, &nginx).unwrap().1).collect();
        assert_eq!(resumed, [false, true, true], "{version}");
        assert!(!visit(&with(&config, |_| {}), &nginx).unwrap().1, "another client begins anew");
        let forgetful = with(&config, |config| config.tls.sessions = 0);
        for _ in 0..2 {
            assert!(!visit(&forgetful, &nginx).unwrap().1, "{version}");
        }
        let expected = [".", "r", "r", ".", ".", "."].map(|reused| format!("{version} {reused} NONE -"));
        assert_eq!(seen(&nginx, 6), expected);
    }
}

#[test]
fn a_client_shows_its_certificate_where_it_is_asked_to() {
    for protocols in ["TLSv1.2", "TLSv1.3"] {
        let ca = TestCa::new();
        let (nginx, config) = start(&ca, NginxTls { protocols, asks_clients: true });
        let known = ca.client("keeper.example");
        let stranger = TestCa::new().client("stranger.example");
        let showing = |cert: &testkit::certs::ServerCert| {
            let certificate =
                ClientCertificate::from_pem(cert.cert_pem.as_bytes(), cert.key_pem.as_bytes()).unwrap();
            with(&config, |config| config.tls.client_certificate = Some(certificate))
        };
        visit(&showing(&known), &nginx).unwrap();
        assert_eq!(seen(&nginx, 1), [format!("{protocols} . SUCCESS CN=keeper.example")]);

        // nginx says so in HTTP: it has shaken hands before it looks.
        for client in [with(&config, |_| {}), showing(&stranger)] {
            let response = client.get(format!("{}/", nginx.https_url())).send().unwrap();
            assert_eq!(response.status().as_u16(), 400);
            assert!(response.text().unwrap().contains("certificate"));
        }
        let log = seen(&nginx, 3);
        assert!(log.iter().any(|line| line.contains("NONE")), "{log:#?}");
        assert!(log.iter().any(|line| line.contains("FAILED")), "{log:#?}");
    }
}

#[test]
fn the_key_exchange_is_told() {
    let (nginx, config) = start(&TestCa::new(), NginxTls::default());
    for (post_quantum, may_be) in [(PostQuantum::Off, false), (PostQuantum::Prefer, true)] {
        let client = with(&config, |config| config.tls.post_quantum = post_quantum);
        let response = client.get(format!("{}/", nginx.https_url())).send().unwrap();
        let group = response.info().tls().unwrap().key_exchange.clone().unwrap();
        println!("{post_quantum:?}: {group}");
        // OpenSSL knows ML-KEM from 3.5 on.
        assert!(group == "X25519" || may_be && group.contains("MLKEM"), "{post_quantum:?}: {group}");
    }
}
