//! Through real SOCKS servers to a real nginx, on loopback. They must be installed: `cargo xtask interop`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conn::{
    CancelToken, Connect, ConnectError, ConnectRequest, Connected, Connector, ConnectorConfig, Deadline,
    Limit, Origin, Proxy, Resolve, Route, SocksError, SocksRefusal,
};
use testkit::certs::TestCa;
use testkit::fault::Refusing;
use testkit::nginx::Nginx;
use testkit::socks::{FORBIDDEN_PORT, Socks4aRelay, SocksServer};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Nobody here looks up a name.
struct NoNames;

impl Resolve for NoNames {
    fn resolve(
        &self,
        host: &str,
        _: u16,
        _: Deadline,
        _: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        panic!("{host} was looked up here");
    }
}

fn nginx() -> Nginx {
    Nginx::start(&TestCa::new()).unwrap_or_else(|report| panic!("{report}"))
}

fn started(server: Result<SocksServer, String>) -> SocksServer {
    server.unwrap_or_else(|report| panic!("{report}"))
}

fn proxy(kind: &str, addr: SocketAddr) -> Proxy {
    format!("{kind}://{addr}").parse().unwrap()
}

fn connect(url: &str, proxy: Proxy, config: ConnectorConfig) -> Result<Connected, ConnectError> {
    let (scheme, authority) = url.split_once("://").unwrap();
    let origin = if scheme == "https" { Origin::https(authority) } else { Origin::http(authority) };
    let route = Route::new(origin.unwrap()).through(proxy);
    let deadline = Deadline::after(Instant::now(), Some(Duration::from_secs(5)), Limit::Connect);
    Connector::new(config).unwrap().connect(&ConnectRequest::new(&route, deadline))
}

/// Fetches nginx's page in the clear and over TLS.
#[track_caller]
fn check(nginx: &Nginx, proxy: &Proxy, host: &str) {
    for url in [nginx.http_url(), nginx.https_url()] {
        let url = url.replace("localhost", host).replace("127.0.0.1", host);
        let mut config = ConnectorConfig::default();
        config.tls.roots.add_pem(nginx.ca_pem().as_bytes()).unwrap();
        if proxy.kind().resolves_names() {
            config.resolver = Arc::new(NoNames);
        }
        let mut connected =
            connect(&url, proxy.clone(), config).unwrap_or_else(|error| panic!("{url} {proxy}: {error:?}"));
        assert_eq!(connected.transport.facts().peer.unwrap().port(), proxy.port(), "{url} {proxy}");
        assert!(connected.timings.proxy > Duration::ZERO, "{url} {proxy}");
        assert_eq!(connected.transport.facts().tls.is_some(), url.starts_with("https"), "{url} {proxy}");
        connected.transport.write_all(REQUEST).unwrap();
        let mut page = String::new();
        connected.transport.read_to_string(&mut page).unwrap();
        assert!(
            page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("</html>\n"),
            "{url} {proxy}: {page}"
        );
    }
}

/// Tells why a proxy does not connect to `target`.
fn refusal(target: &str, proxy: Proxy) -> SocksError {
    match connect(&format!("http://{target}"), proxy, ConnectorConfig::default()) {
        Err(ConnectError::Proxy { source, .. }) => source,
        other => panic!("{target}: {other:?}"),
    }
}

#[track_caller]
fn check_refusal(target: &str, proxy: Proxy, expected: SocksRefusal) {
    match refusal(target, proxy) {
        SocksError::Refused { refusal, answer } => {
            assert_eq!(refusal, expected, "{target}");
            assert_eq!(answer.get(1), Some(&expected.code()), "{target}: {answer:?}");
        }
        other => panic!("{target}: {other:?}"),
    }
}

#[test]
fn microsocks_connects_with_and_without_a_password() {
    let (nginx, open) = (nginx(), started(SocksServer::microsocks(None)));
    let guarded = started(SocksServer::microsocks(Some(("ann", "secret"))));
    for kind in ["socks5", "socks5h"] {
        for host in ["localhost", "127.0.0.1"] {
            check(&nginx, &proxy(kind, open.addr()), host);
            let known = proxy(kind, guarded.addr()).with_credentials("ann", "secret").unwrap();
            check(&nginx, &known, host);
        }
        // An open proxy is not told who we are.
        check(&nginx, &proxy(kind, open.addr()).with_credentials("ann", "secret").unwrap(), "127.0.0.1");
    }
    let port = nginx.http_url().rsplit(':').next().unwrap().to_owned();
    let output = open.output();
    assert!(output.contains(&format!("connected to localhost:{port}")), "it looked up the name: {output}");

    let known = |password| proxy("socks5h", guarded.addr()).with_credentials("ann", password).unwrap();
    let target = format!("127.0.0.1:{port}");
    let wrong = refusal(&target, known("other"));
    assert!(matches!(wrong, SocksError::Credentials { .. }), "{wrong:?}");
    let unknown = refusal(&target, proxy("socks5h", guarded.addr()));
    assert!(matches!(unknown, SocksError::NoMethod { credentials: false }), "{unknown:?}");
    let refusing = Refusing::open();
    check_refusal(&refusing.addr().to_string(), known("secret"), SocksRefusal::ConnectionRefused);
}

#[test]
fn dante_connects_in_each_dialect_that_it_speaks() {
    let (nginx, dante) = (nginx(), started(SocksServer::dante()));
    for kind in ["socks4", "socks5", "socks5h"] {
        for host in ["localhost", "127.0.0.1"] {
            check(&nginx, &proxy(kind, dante.addr()), host);
        }
    }
    check(&nginx, &proxy("socks4", dante.addr()).with_credentials("ann", "").unwrap(), "127.0.0.1");

    let refusing = Refusing::open();
    let (refused, forbidden) = (refusing.addr().to_string(), format!("127.0.0.1:{FORBIDDEN_PORT}"));
    for (kind, target, expected) in [
        ("socks5", &*refused, SocksRefusal::ConnectionRefused),
        ("socks5h", &*refused, SocksRefusal::ConnectionRefused),
        ("socks4", &*refused, SocksRefusal::Rejected),
        ("socks5", &*forbidden, SocksRefusal::NotAllowed),
        ("socks4", &*forbidden, SocksRefusal::Rejected),
        ("socks5h", "no-such-host.invalid", SocksRefusal::HostUnreachable),
    ] {
        check_refusal(target, proxy(kind, dante.addr()), expected);
    }
}

#[test]
fn a_socks4a_server_looks_names_up() {
    let (nginx, relay) = (nginx(), Socks4aRelay::start(16));
    let known = proxy("socks4a", relay.addr()).with_credentials("ann", "").unwrap();
    check(&nginx, &known, "localhost");
    check(&nginx, &proxy("socks4a", relay.addr()), "127.0.0.1");
    let asked = relay.asked();
    let hosts: Vec<_> =
        asked.iter().filter_map(|asked| asked.rsplit_once(':')).map(|(host, _)| host).collect();
    assert_eq!(hosts, ["ann@localhost", "ann@localhost", "@127.0.0.1", "@127.0.0.1"]);
    let refusing = Refusing::open();
    check_refusal(&refusing.addr().to_string(), proxy("socks4a", relay.addr()), SocksRefusal::Rejected);
}
