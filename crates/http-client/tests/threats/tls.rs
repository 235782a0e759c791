//! Who proves to be whom by TLS, which connection may be shared, and where a stream ends.
#![cfg(feature = "tls-aws-lc")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_client::conn::rustls::version::TLS13;
use http_client::conn::{ClientCertificate, Overrides, Roots, Route, TlsConfig};
use http_client::{Client, ClientConfig, ErrorKind};
use testkit::certs::rcgen::{CertificateParams, DnType};
use testkit::certs::{ServerCert, TestCa};
use testkit::peer::{Script, ScriptedListener};

use crate::common::ok;

fn trusting(ca: &TestCa) -> TlsConfig {
    let mut tls = TlsConfig::default();
    tls.roots = Roots::empty();
    tls.roots.add_pem(ca.ca_pem().as_bytes()).unwrap();
    tls
}

#[test]
fn t31_t35_a_call_that_waives_verification_shares_nothing_with_the_next() {
    let answers = |script: Script, text: &str| script.expect_head().reply(ok(text));
    let listener = ScriptedListener::start_tls(
        vec![answers(answers(Script::new(), "waived"), "waived again"), Script::new(), Script::new()],
        TestCa::new().server(&["127.0.0.1"]).server_config(),
    );
    let mut waiving = TlsConfig::default();
    waiving.danger.accept_invalid_certificates = true;
    let waiving = waiving.build().unwrap();
    let waives = Arc::new(AtomicBool::new(false));
    let mut config = ClientConfig::default();
    let asked = Arc::clone(&waives);
    config.routes = Some(Arc::new(move |origin| {
        let route = Route::new(origin);
        if asked.load(Ordering::Relaxed) { route.with_tls(Arc::clone(&waiving)) } else { route }
    }));
    let client = Client::with_config(config).unwrap();
    let url = format!("https://{}/", listener.addr());
    for (waive, expected) in
        [(true, Some("waived")), (false, None), (true, Some("waived again")), (false, None)]
    {
        waives.store(waive, Ordering::Relaxed);
        match (client.get(&url).send(), expected) {
            (Ok(response), Some(expected)) => assert_eq!(response.text().unwrap(), expected),
            (Err(error), None) => assert_eq!(error.kind(), ErrorKind::Certificate, "{error}"),
            (sent, expected) => panic!("{sent:?}, {expected:?}"),
        }
    }
    assert_eq!(listener.heads().len(), 2, "who is not trusted was asked");
    listener.finish().unwrap();
}

#[test]
fn t31_who_shows_one_certificate_does_not_get_the_connection_of_another() {
    let (ca, clients) = (TestCa::new(), TestCa::new());
    let versions = &[&TLS13];
    let answer = |text: &str| Script::new().expect_head().reply(ok(text));
    let listener = ScriptedListener::start_tls(
        vec![answer("one").expect_head().reply(ok("one again")), answer("other")],
        ca.server(&["127.0.0.1"]).serving(versions, Some(&clients)),
    );
    let known = |name: &str| {
        let ServerCert { cert_pem, key_pem, .. } = clients.client(name);
        let mut tls = trusting(&ca);
        let shown = ClientCertificate::from_pem(cert_pem.as_bytes(), key_pem.as_bytes()).unwrap();
        tls.client_certificate = Some(shown);
        tls.build().unwrap()
    };
    let (one, other) = (known("one"), known("other"));
    let is_other = Arc::new(AtomicBool::new(false));
    let mut config = ClientConfig::default();
    let asked = Arc::clone(&is_other);
    config.routes = Some(Arc::new(move |origin| {
        Route::new(origin).with_tls(Arc::clone(if asked.load(Ordering::Relaxed) { &other } else { &one }))
    }));
    let client = Client::with_config(config).unwrap();
    for expected in ["one", "other", "one again"] {
        is_other.store(expected == "other", Ordering::Relaxed);
        let response = client.get(format!("https://{}/", listener.addr())).send().unwrap();
        assert_eq!(response.text().unwrap(), expected);
    }
    listener.finish().unwrap();
}

#[test]
fn t34_a_certificate_proves_the_names_that_it_holds_and_no_other() {
    let ca = TestCa::new();
    let named_outside = |params: &mut CertificateParams| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(DnType::CommonName, "a.test");
    };
    for (host, cert, is_proven) in [
        ("a.test", ca.server(&["a.test"]), true),
        ("A.TEST", ca.server(&["a.test"]), true),
        ("a.test.", ca.server(&["a.test"]), true),
        ("a.test", ca.server(&["b.test"]), false),
        ("a.test", ca.server(&["xa.test", "a.test.evil.example"]), false),
        ("a.test", ca.server_with(&["a.test"], named_outside), false),
        ("a.test", ca.expired_server(&["a.test"]), false),
        ("a.test", TestCa::new().server(&["a.test"]), false),
        ("a.test", ca.impostor().server(&["a.test"]), false),
        ("a.test", ServerCert::self_signed(&["a.test"]), false),
        ("a.b.test", ca.server(&["*.b.test"]), true),
        ("b.test", ca.server(&["*.b.test"]), false),
        ("x.a.b.test", ca.server(&["*.b.test"]), false),
        ("127.0.0.1", ca.server(&["127.0.0.1"]), true),
        ("127.0.0.1", ca.server(&["127.0.0.2"]), false),
        ("127.0.0.1", ca.server(&["localhost"]), false),
        ("localhost", ca.server(&["127.0.0.1"]), false),
    ] {
        let script = Script::new();
        let script = if is_proven { script.expect_head().reply(ok("proven")) } else { script };
        let listener = ScriptedListener::start_tls(vec![script], cert.server_config());
        let mut config = ClientConfig::default();
        config.tls = trusting(&ca);
        let here = || [listener.addr().ip()];
        let names = ["a.test", "a.test.", "a.b.test", "b.test", "x.a.b.test", "localhost"];
        let known = names.iter().fold(Overrides::default(), |known, name| known.host(name, here()));
        config.resolver = Arc::new(known);
        let sent = Client::with_config(config).unwrap();
        let sent =
            sent.get(format!("https://{host}:{}/", listener.addr().port())).bearer_auth("s3cret").send();
        match sent {
            Ok(response) => {
                assert_eq!((response.text().unwrap().as_str(), is_proven), ("proven", true), "{host}");
            }
            Err(error) => {
                assert_eq!((error.kind(), is_proven), (ErrorKind::Certificate, false), "{host}: {error}");
                assert!(listener.heads().is_empty(), "{host} was asked");
            }
        }
        listener.finish().unwrap();
    }
}

#[test]
fn t47_content_up_to_the_end_of_the_stream_needs_the_goodbye_of_tls() {
    let ca = TestCa::new();
    for (fields, is_cut, expected) in [
        ("", false, Ok("all of it")),
        ("", true, Err(ErrorKind::Truncated)),
        // What has a length of its own is complete without it.
        ("Content-Length: 9\r\n", true, Ok("all of it")),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{fields}\r\nall of it");
        let script = Script::new().expect_head().reply(head);
        let script = if is_cut { script.cut() } else { script.close() };
        let server = ca.server(&["127.0.0.1"]).server_config();
        let listener = ScriptedListener::start_tls(vec![script.clone(), script.clone(), script], server);
        let mut config = ClientConfig::default();
        config.tls = trusting(&ca);
        let client = Client::with_config(config).unwrap();
        let send = || client.get(format!("https://{}/", listener.addr())).send().unwrap();
        let kind = |error: http_client::Error| error.kind();
        assert_eq!(send().text().map_err(kind), expected.map(str::to_owned), "{fields} {is_cut}");
        let last = send().lines().last().unwrap().map_err(kind);
        assert_eq!(last, expected.map(str::to_owned), "{fields} {is_cut}");
        let copied = send().copy_to(&mut Vec::new()).map_err(kind);
        assert_eq!(copied, expected.map(|text| text.len() as u64), "{fields} {is_cut}");
        listener.finish().unwrap();
    }
}
