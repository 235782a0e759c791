//! What a route and the socket options change about where and how a connector dials.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use conn::{
    AddressPolicy, CachingResolver, CancelToken, Connect, ConnectError, ConnectRequest, Connector,
    ConnectorConfig, Deadline, DialTo, Dialer, Hop, Limit, Origin, Resolve, Route,
};

fn listening() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn within() -> Deadline {
    Deadline::after(Instant::now(), Some(Duration::from_secs(5)), Limit::Connect)
}

/// Knows no name at all.
struct Nobody;

impl Resolve for Nobody {
    fn resolve(
        &self,
        host: &str,
        _: u16,
        _: Deadline,
        _: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        Err(ConnectError::NoAddress { host: host.to_owned() })
    }
}

#[test]
fn a_route_that_leads_elsewhere_never_looks_up_its_origin() {
    let (_listener, address) = listening();
    let mut config = ConnectorConfig::default();
    config.resolver = Arc::new(Nobody);
    let there = DialTo::host("127.0.0.1", address.port()).unwrap();
    let route = Route::new(Origin::http("nowhere.example").unwrap()).dialling(there);
    let connected =
        Connector::new(config.clone()).unwrap().connect(&ConnectRequest::new(&route, within())).unwrap();
    assert_eq!(connected.transport.facts().peer, Some(address));

    // The place is judged as any other.
    config.policy = AddressPolicy::public_only();
    let guarded = Connector::new(config).unwrap();
    let error = guarded.connect(&ConnectRequest::new(&route, within())).unwrap_err();
    assert!(matches!(error, ConnectError::Denied { .. }), "{error}");
}

#[cfg(any(feature = "tls-aws-lc", feature = "tls-ring"))]
#[test]
fn who_is_dialled_elsewhere_still_proves_the_name_of_the_origin() {
    use conn::{Roots, TlsError};
    use testkit::certs::TestCa;
    use testkit::peer::{Script, ScriptedListener};

    let ca = TestCa::new();
    let mut config = ConnectorConfig::default();
    config.resolver = Arc::new(Nobody);
    config.tls.roots = Roots::empty();
    config.tls.roots.add_pem(ca.ca_pem().as_bytes()).unwrap();
    let connector = Connector::new(config).unwrap();
    for (origin, name, expected) in [
        ("api.example", None, None),
        ("other.example", None, Some("other.example")),
        ("other.example", Some("api.example"), None),
        ("api.example", Some("other.example"), Some("other.example")),
    ] {
        let server = ca.server(&["api.example"]).server_config();
        let listener = ScriptedListener::start_tls(vec![Script::new().reply("hello")], server);
        let there = DialTo::host("127.0.0.1", listener.addr().port()).unwrap();
        let mut route = Route::new(Origin::https(origin).unwrap()).dialling(there);
        if let Some(name) = name {
            route = route.named(name);
        }
        match (connector.connect(&ConnectRequest::new(&route, within())), expected) {
            (Ok(mut connected), None) => {
                let mut hello = [0; 5];
                connected.transport.set_deadline(within());
                connected.transport.read_exact(&mut hello).unwrap();
                assert_eq!(&hello, b"hello");
            }
            (
                Err(ConnectError::Tls { source: TlsError::WrongName { expected: asked, .. }, .. }),
                Some(expected),
            ) => {
                assert_eq!(asked, expected);
            }
            (outcome, _) => panic!("{origin} {name:?}: {outcome:?}"),
        }
    }
}

#[test]
fn an_address_in_a_zone_is_dialled_there() {
    let dialer = Dialer::default();
    for (host, scope) in [("fe80::1%1", Ok(1)), ("fe80::1%25lo", Ok(1)), ("fe80::1%nowhere0", Err(()))] {
        let origin = Origin::new(conn::Scheme::Http, host, Some(80)).unwrap();
        let found = dialer.addresses(&Hop::origin(&origin), within(), CancelToken::never());
        let scopes = found.map_err(drop).map(|found| match *found {
            [SocketAddr::V6(address)] => address.scope_id(),
            ref other => panic!("{other:?}"),
        });
        // The name of the loopback interface is Linux's.
        if cfg!(target_os = "linux") || !host.ends_with("lo") {
            assert_eq!(scopes, scope, "{host}");
        }
    }
}

#[test]
fn a_connection_comes_from_the_local_address() {
    let (listener, address) = listening();
    let mut config = ConnectorConfig::default();
    config.tcp.local_address = Some(Ipv4Addr::new(127, 0, 0, 9).into());
    let route = Route::new(Origin::http(&address.to_string()).unwrap());
    let connected = Connector::new(config).unwrap().connect(&ConnectRequest::new(&route, within())).unwrap();
    let (_peer, from) = listener.accept().unwrap();
    assert_eq!(from.ip(), IpAddr::from([127, 0, 0, 9]));
    assert_eq!(connected.transport.facts().local, Some(from));
}

#[test]
fn a_local_address_of_the_other_family_is_told() {
    let (_listener, address) = listening();
    let mut config = ConnectorConfig::default();
    config.tcp.local_address = Some("::1".parse().unwrap());
    let route = Route::new(Origin::http(&address.to_string()).unwrap());
    let error = Connector::new(config).unwrap().connect(&ConnectRequest::new(&route, within())).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot connect to {address}: {address}: the local address ::1 is of the other family")
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_interface_that_is_not_there_is_no_way_out() {
    let (_listener, address) = listening();
    let route = Route::new(Origin::http(&address.to_string()).unwrap());
    let connect = |interface: &str| {
        let mut config = ConnectorConfig::default();
        config.tcp.interface = Some(interface.to_owned());
        Connector::new(config).unwrap().connect(&ConnectRequest::new(&route, within()))
    };
    assert!(connect("nowhere0").is_err());
    // Where the kernel wants privileges that are missing it says so; it must not be ignored.
    if let Err(error) = connect("lo") {
        assert!(error.to_string().contains("not permitted"), "{error}");
    }
}

/// Counts how often it is asked.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Resolve for Counting {
    fn resolve(
        &self,
        host: &str,
        port: u16,
        _: Deadline,
        _: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let asked = self.0.fetch_add(1, Ordering::SeqCst);
        if host == "nowhere.example" {
            return Err(ConnectError::NoAddress { host: host.to_owned() });
        }
        Ok(vec![SocketAddr::from(([192, 0, 2, u8::try_from(asked).unwrap()], port))])
    }
}

#[test]
fn a_cache_asks_once_until_it_is_told_to_forget() {
    let counting = Arc::new(Counting::default());
    let cache = CachingResolver::new(Arc::clone(&counting) as Arc<dyn Resolve>, conn::CacheLimits::default());
    let ask = |host| cache.resolve(host, 80, Deadline::NEVER, CancelToken::never());
    let first = ask("a.example").unwrap();
    assert_eq!((first == ask("a.example").unwrap(), counting.0.load(Ordering::SeqCst)), (true, 1));
    for asked in [2, 3] {
        assert!(ask("nowhere.example").is_err());
        assert_eq!(counting.0.load(Ordering::SeqCst), asked, "failures are not remembered");
    }
    cache.clear();
    assert_ne!(first, ask("a.example").unwrap());
}
