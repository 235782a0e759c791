//! The client against a real nginx on loopback. It must be installed: `cargo xtask interop`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

use std::fs::File;
use std::io::{BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http_client::conn::rustls::crypto::aws_lc_rs::default_provider;
use http_client::conn::rustls::pki_types::{CertificateDer, pem::PemObject};
use http_client::conn::rustls::version::{TLS12, TLS13};
use http_client::conn::rustls::{ClientConfig as TlsClientConfig, RootCertStore};
use http_client::conn::{CancelToken, ConnectError, Connector, ConnectorConfig, Deadline, Resolve};
use http_client::{Body, Client, ClientConfig, Connection, ErrorKind, Origin, Response};
use testkit::certs::TestCa;
use testkit::nginx::{BIG, Nginx};
use testkit::site::{fill_pattern, pattern, pattern_reader, sha256_hex};

const TEN_MIB: u64 = 10 << 20;

fn start() -> (Nginx, ClientConfig) {
    let nginx = Nginx::start(&TestCa::new()).unwrap_or_else(|report| panic!("{report}"));
    let mut config = ClientConfig::default();
    config.tls.roots.add_pem(nginx.ca_pem().as_bytes()).unwrap();
    // What is meant to go over one connection may not go over two.
    config.auto_open = false;
    (nginx, config)
}

/// Runs a story over http and over https.
fn over_both(nginx: &Nginx, story: impl Fn(&str)) {
    for base in [nginx.http_url(), nginx.https_url()] {
        story(&base);
    }
}

fn open(base: &str, config: &ClientConfig) -> Connection {
    let (scheme, authority) = base.split_once("://").unwrap();
    let origin = if scheme == "https" { Origin::https(authority) } else { Origin::http(authority) };
    Connection::open(&origin.unwrap(), config.clone()).unwrap()
}

fn client(config: &ClientConfig) -> Client {
    Client::with_config(config.clone()).unwrap()
}

/// Checks that the log has exactly these lines, in groups that each were one connection of its own.
#[track_caller]
fn assert_log<const N: usize>(nginx: &Nginx, connections: &[[&str; N]]) {
    let log = nginx.access_log_of(connections.len() * N);
    let mut lines = log.iter().map(|line| line.split_once(' ').unwrap());
    let mut numbers = Vec::new();
    for (group, expected) in connections.iter().enumerate() {
        for (place, expected) in expected.iter().enumerate() {
            let (number, line) = lines.next().unwrap_or_else(|| panic!("{expected} is missing in {log:#?}"));
            assert_eq!(line, format!("{} {expected}", place + 1), "connection {group} in {log:#?}");
            match place {
                0 => assert!(!numbers.contains(&number), "connection {group} was used before: {log:#?}"),
                _ => assert_eq!(numbers.last(), Some(&number), "connection {group} in {log:#?}"),
            }
            numbers.push(number);
        }
    }
    assert_eq!(lines.next(), None, "{log:#?}\n{}", nginx.error_log());
}

/// The most memory that this process ever had, where the system tells: Linux must.
fn peak_memory() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    Some(line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10)
}

#[test]
fn a_page_comes_and_its_connection_is_kept() {
    let (nginx, config) = start();
    over_both(&nginx, |base| {
        let mut conn = open(base, &config);
        let client = client(&config);
        for _ in 0..2 {
            conn.request("GET", "/").unwrap();
            let response = conn.response().unwrap();
            assert_eq!((response.status().as_u16(), response.reason()), (200, "OK"));
            assert_eq!(response.header("content-type"), Some("text/html"));
            assert!(response.text().unwrap().contains("The Store House of Curlew Rock"));
        }
        for _ in 0..2 {
            let page = client.get(format!("{base}/")).send().unwrap().text().unwrap();
            assert!(page.contains("The Store House of Curlew Rock"));
        }
    });
    assert_log(&nginx, &[["GET / 200"; 2]; 4]);
}

#[test]
fn both_versions_of_tls_are_spoken() {
    let (nginx, mut config) = start();
    for (version, name) in [(&TLS12, "TLSv1.2"), (&TLS13, "TLSv1.3")] {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(nginx.ca_pem().as_bytes()).unwrap()).unwrap();
        let ready = TlsClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.tls.ready = Some(Arc::new(ready));
        let mut conn = open(&nginx.https_url(), &config);
        assert_eq!(conn.peer().unwrap().tls.as_ref().unwrap().version, name);
        for _ in 0..2 {
            conn.request("GET", "/").unwrap();
            assert!(conn.response().unwrap().text().unwrap().ends_with("</html>\n"));
        }
        conn.close().unwrap();
    }
    assert_log(&nginx, &[["GET / 200"; 2]; 2]);
}

#[test]
fn a_hundred_mebibytes_come_whole_and_are_never_held() {
    let (nginx, config) = start();
    let expected = sha256_hex(pattern_reader(BIG)).unwrap();
    let before = peak_memory();
    over_both(&nginx, |base| {
        let mut conn = open(base, &config);
        let client = client(&config);
        for (path, length, coding) in
            [("/100m.bin", Some("104857600"), None), ("/100m-chunked.bin", None, Some("chunked"))]
        {
            let check = |response: &Response<'_>| {
                let found = (response.header("content-length"), response.header("transfer-encoding"));
                assert_eq!(found, (length, coding), "{base}{path}");
            };
            conn.request("GET", path).unwrap();
            let response = conn.response().unwrap();
            check(&response);
            assert_eq!(sha256_hex(response).unwrap(), expected, "{base}{path}");
            // The other way to read: by what stands in the buffer.
            let response = client.get(format!("{base}{path}")).send().unwrap();
            check(&response);
            assert_eq!(sha256_hex(BufReader::with_capacity(999, response)).unwrap(), expected);
        }
        assert!(conn.is_open());
    });
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        assert!(after - before < BIG / 4, "the peak of memory grew by {} bytes", after - before);
    }
    let both: &[_] = &["GET /100m.bin 200", "GET /100m-chunked.bin 200"];
    let log = nginx.access_log_of(8);
    assert_eq!(log.len(), 8);
    for line in both {
        assert_eq!(log.iter().filter(|logged| logged.ends_with(line)).count(), 4, "{log:#?}");
    }
}

#[test]
fn a_head_and_a_part_of_a_large_file_come_alone() {
    let (nginx, config) = start();
    over_both(&nginx, |base| {
        let mut conn = open(base, &config);
        conn.request("HEAD", "/100m.bin").unwrap();
        let response = conn.response().unwrap();
        assert_eq!(response.header("content-length"), Some("104857600"));
        assert_eq!(response.bytes().unwrap(), b"");
        conn.request_with("GET", "/100m.bin", &[("Range", "bytes=5000-5999")], ()).unwrap();
        let response = conn.response().unwrap();
        assert_eq!(response.status().as_u16(), 206);
        let mut expected = [0; 1000];
        fill_pattern(5000, &mut expected);
        assert_eq!(response.bytes().unwrap(), expected);
    });
    assert_log(&nginx, &[["HEAD /100m.bin 200", "GET /100m.bin 206"]; 2]);
}

#[test]
fn uploads_are_stored_as_they_were() {
    let (nginx, config) = start();
    let bodies: [(&str, &dyn Fn() -> Body); 3] = [
        ("bytes", &|| pattern(TEN_MIB).collect::<Vec<_>>().into()),
        ("reader", &|| Body::reader(pattern_reader(TEN_MIB))),
        ("sized", &|| Body::sized(pattern_reader(TEN_MIB), TEN_MIB)),
    ];
    let expected = sha256_hex(pattern_reader(TEN_MIB)).unwrap();
    over_both(&nginx, |base| {
        let mut conn = open(base, &config);
        let client = client(&config);
        for (name, body) in bodies {
            for expect in [&[][..], &[("Expect", "100-continue")]] {
                let path = format!("/upload/{name}");
                conn.request_with("PUT", &path, expect, body()).unwrap();
                assert_eq!(conn.response().unwrap().status().as_u16(), 201, "{base}{path}");
                let stored = File::open(nginx.uploaded(name)).unwrap();
                assert_eq!(stored.metadata().unwrap().len(), TEN_MIB);
                assert_eq!(sha256_hex(stored).unwrap(), expected, "{base}{path}");

                let deleted = client.request("DELETE", format!("{base}{path}")).send().unwrap();
                assert_eq!(deleted.status().as_u16(), 204);
                let put = client.request("PUT", format!("{base}{path}")).body(body()).send().unwrap();
                assert_eq!(put.status().as_u16(), 201);
                let back = client.get(format!("{base}{path}")).send().unwrap();
                assert_eq!(sha256_hex(back).unwrap(), expected, "{base}{path}");
                std::fs::remove_file(nginx.uploaded(name)).unwrap();
            }
            let counted = client.post(format!("{base}/post")).body(body()).send().unwrap();
            assert_eq!(counted.text().unwrap(), format!("{TEN_MIB}\n"), "{base} {name}");
        }
        assert!(conn.is_open());
    });
}

#[test]
fn what_is_too_large_is_refused_and_the_refusal_is_read() {
    let (nginx, config) = start();
    over_both(&nginx, |base| {
        let client = client(&config);
        for expect in ["100-continue", ""] {
            let body = Body::sized(pattern_reader(BIG), BIG);
            let builder = client.request("PUT", format!("{base}/upload/big")).header("X-None", "");
            let builder = if expect.is_empty() { builder } else { builder.header("Expect", expect) };
            let refusal = builder.body(body).send().unwrap();
            assert_eq!(refusal.status().as_u16(), 413, "{base} {expect}");
            assert!(refusal.text().unwrap().contains("413 Request Entity Too Large"));
        }
        let page = client.get(format!("{base}/")).send().unwrap();
        assert_eq!(page.status().as_u16(), 200);
    });
    assert!(!nginx.uploaded("big").exists());
}

#[test]
fn failures_are_data_and_their_connection_is_kept() {
    let (nginx, config) = start();
    over_both(&nginx, |base| {
        let mut conn = open(base, &config);
        let client = client(&config);
        for (path, status, content) in [("/missing", 404, "404 Not Found"), ("/broken", 500, "broken\n")] {
            conn.request("GET", path).unwrap();
            let by_hand = conn.response().unwrap();
            assert_eq!(by_hand.status().as_u16(), status);
            assert!(by_hand.text().unwrap().contains(content));
            let pooled = client.get(format!("{base}{path}")).send().unwrap();
            assert_eq!(pooled.status().as_u16(), status);
            assert!(pooled.text().unwrap().contains(content));
        }
        conn.request("GET", "/").unwrap();
        assert_eq!(conn.response().unwrap().status().as_u16(), 200);
    });
    let log = nginx.access_log_of(10);
    let mut connections: Vec<_> = log.iter().map(|line| line.split(' ').next().unwrap()).collect();
    connections.sort_unstable();
    connections.dedup();
    assert_eq!((log.len(), connections.len()), (10, 4), "{log:#?}");
}

#[test]
fn a_response_dropped_early_is_followed_by_the_right_one() {
    let (nginx, mut config) = start();
    config.auto_open = true;
    over_both(&nginx, |base| {
        let mut conn = open(base, &config);
        let client = client(&config);
        for path in ["/100m.bin", "/100m-chunked.bin", "/missing", "/"] {
            for read in [0, 1, 20_000] {
                conn.request("GET", path).unwrap();
                let response = conn.response().unwrap();
                response.take(read).read_to_end(&mut Vec::new()).unwrap();
                conn.request("GET", "/broken").unwrap();
                assert_eq!(conn.response().unwrap().text().unwrap(), "broken\n", "{base}{path}");

                let response = client.get(format!("{base}{path}")).send().unwrap();
                response.take(read).read_to_end(&mut Vec::new()).unwrap();
                let next = client.get(format!("{base}/broken")).send().unwrap();
                assert_eq!(next.text().unwrap(), "broken\n", "{base}{path}");
            }
        }
    });
}

/// Every name is this machine.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(
        &self,
        _: &str,
        port: u16,
        _: Deadline,
        _: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        Ok(vec![(Ipv4Addr::LOCALHOST, port).into()])
    }
}

#[test]
fn a_certificate_must_be_trusted_and_bear_the_right_name() {
    let (nginx, trusting) = start();
    let url = nginx.https_url();
    let mut distrusting = ClientConfig::default();
    distrusting.tls.roots.add_pem(TestCa::new().ca_pem().as_bytes()).unwrap();
    let mut settings = ConnectorConfig::default();
    settings.tls = trusting.tls.clone();
    settings.resolver = Arc::new(Loopback);
    let mut astray = trusting.clone();
    astray.connect = Some(Arc::new(Connector::new(settings).unwrap()));
    let other = url.replace("localhost", "other.example");

    let unknown =
        "the TLS handshake with localhost failed: the certificate is not trusted: its issuer is unknown";
    let wrong = "the TLS handshake with other.example failed: the certificate is not valid for other.example";
    for (config, url, why) in [(&distrusting, &url, unknown), (&astray, &other, wrong)] {
        let error = client(config).get(format!("{url}/")).send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Certificate, "{error}");
        assert!(error.is_connect() && !error.is_timeout(), "{error}");
        let line = error.to_string();
        assert!(line.starts_with(&format!("GET {url}/: ")) && line.contains(why), "{line}\n{why}");

        let origin = Origin::https(url.strip_prefix("https://").unwrap()).unwrap();
        let error = Connection::open(&origin, config.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Certificate, "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }

    // The same ways are open where the certificate is good.
    let by_number = url.replace("localhost", "127.0.0.1");
    for url in [&url, &by_number] {
        assert_eq!(client(&trusting).get(format!("{url}/")).send().unwrap().status().as_u16(), 200);
    }
    assert_log(&nginx, &[["GET / 200"]; 2]);
}
