//! Which addresses a connector dials, and when, on the loopback interface.
#![expect(clippy::unwrap_used, reason = "test code fails loudly")]

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use conn::{
    AddressPolicy, CancelToken, Connect, ConnectError, ConnectRequest, Connected, Connector, ConnectorConfig,
    Deadline, DenyReason, Limit, Network, Origin, Phase, Resolve, Route,
};
use testkit::fault::BlackHole;

const LONG: Duration = Duration::from_secs(5);
const STAGGER: Duration = Duration::from_millis(250);

/// Knows one host, at these addresses.
struct Fixed(Vec<SocketAddr>);

impl Resolve for Fixed {
    fn resolve(
        &self,
        _: &str,
        _: u16,
        _: Deadline,
        _: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        Ok(self.0.clone())
    }
}

fn config(addresses: &[SocketAddr]) -> ConnectorConfig {
    let mut config = ConnectorConfig::default();
    config.resolver = Arc::new(Fixed(addresses.to_vec()));
    config
}

fn connect(config: ConnectorConfig, authority: &str, within: Duration) -> Result<Connected, ConnectError> {
    let route = Route::new(Origin::http(authority).unwrap());
    let deadline = Deadline::after(Instant::now(), Some(within), Limit::Connect);
    Connector::new(config).unwrap().connect(&ConnectRequest::new(&route, deadline))
}

fn peer(connected: &Connected) -> SocketAddr {
    connected.transport.facts().peer.unwrap()
}

fn listening() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn refusing() -> SocketAddr {
    listening().1
}

#[test]
fn an_address_that_never_answers_costs_one_stagger() {
    let (hole, (_listener, good)) = (BlackHole::v4(), listening());
    let started = Instant::now();
    let connected = connect(config(&[hole.addr(), good]), "example.com", LONG).unwrap();
    let took = started.elapsed();
    assert_eq!(peer(&connected), good);
    assert!(took >= STAGGER && took < Duration::from_millis(400), "{took:?}");
}

#[test]
fn the_stagger_can_be_set() {
    let (hole, (_listener, good)) = (BlackHole::v4(), listening());
    let mut config = config(&[hole.addr(), good]);
    config.tcp.stagger = Duration::from_millis(20);
    let started = Instant::now();
    assert_eq!(peer(&connect(config, "example.com", LONG).unwrap()), good);
    assert!(started.elapsed() < Duration::from_millis(200), "{:?}", started.elapsed());
}

#[test]
fn a_refusal_does_not_wait_for_the_stagger() {
    let (_listener, good) = listening();
    let started = Instant::now();
    let connected = connect(config(&[refusing(), refusing(), good]), "example.com", LONG).unwrap();
    assert_eq!(peer(&connected), good);
    assert!(started.elapsed() < STAGGER, "{:?}", started.elapsed());
}

#[test]
fn the_first_address_wins_when_it_answers() {
    let ((_one, first), (two, second)) = (listening(), listening());
    assert_eq!(peer(&connect(config(&[first, second]), "example.com", LONG).unwrap()), first);
    two.set_nonblocking(true).unwrap();
    assert!(two.accept().is_err(), "the second is not dialled");
}

#[test]
fn all_that_refuse_are_listed_in_order() {
    let all = [refusing(), refusing(), refusing()];
    let error = connect(config(&all), "example.com", LONG).unwrap_err();
    let ConnectError::Dial { attempts, .. } = &error else { panic!("{error}") };
    assert_eq!(attempts.iter().map(|attempt| attempt.address).collect::<Vec<_>>(), all);
    for attempt in attempts {
        assert_eq!(attempt.error.kind(), std::io::ErrorKind::ConnectionRefused);
    }
    assert_eq!(error.is_timeout(), None);
}

#[test]
fn the_deadline_ends_the_search_and_the_error_lists_who_did_not_answer() {
    let (one, two, refusing) = (BlackHole::v4(), BlackHole::v4(), refusing());
    let mut config = config(&[one.addr(), refusing, two.addr()]);
    config.tcp.stagger = Duration::from_millis(20);
    let (started, allowed) = (Instant::now(), Duration::from_millis(100));
    let error = connect(config, "example.com", allowed).unwrap_err();
    let took = started.elapsed();
    assert!(took >= allowed && took < Duration::from_millis(300), "{took:?}");
    let timed_out = error.is_timeout().unwrap();
    assert_eq!(
        (timed_out.phase, timed_out.limit, timed_out.allowed),
        (Phase::Connect, Limit::Connect, allowed)
    );
    let text = error.to_string();
    for part in [
        format!("cannot connect to example.com:80: {}: no answer yet; {refusing}: ", one.addr()),
        format!("{}: no answer yet; timed out while connecting", two.addr()),
    ] {
        assert!(text.contains(&part), "{text}");
    }
}

#[test]
fn an_address_that_is_denied_is_never_dialled() {
    let (listener, address) = listening();
    listener.set_nonblocking(true).unwrap();
    for authority in
        ["example.com".to_owned(), address.to_string(), format!("[::ffff:127.0.0.1]:{}", address.port())]
    {
        let mut config = config(&[address]);
        config.policy = AddressPolicy::public_only();
        let error = connect(config, &authority, LONG).unwrap_err();
        let ConnectError::Denied { host, denied } = &error else { panic!("{error}") };
        let reasons: Vec<_> = denied.iter().map(|denied| denied.reason).collect();
        assert_eq!(reasons, [DenyReason::Loopback], "{authority}");
        assert!(authority.contains(host.as_str()), "{authority}: {host}");
        assert!(listener.accept().is_err(), "{authority} was dialled");
    }
}

#[test]
fn what_remains_after_the_policy_is_dialled() {
    let (listener, address) = listening();
    let denied: SocketAddr = "127.0.0.2:9".parse().unwrap();
    let mut config = config(&[denied, address]);
    config.policy = AddressPolicy::public_only().allow(Network::from(IpAddr::from([127, 0, 0, 1])));
    assert_eq!(peer(&connect(config.clone(), "example.com", LONG).unwrap()), address);
    drop(listener);
    let error = connect(config, "example.com", LONG).unwrap_err();
    let ConnectError::Dial { attempts, .. } = &error else { panic!("{error}") };
    assert_eq!(attempts.iter().map(|attempt| attempt.address).collect::<Vec<_>>(), [address]);
}

#[test]
fn t46_a_thousand_addresses_cost_sixteen_dials_and_none_costs_no_dial() {
    let refusing = refusing();
    let all = (1..=4).flat_map(|third| (1..=250).map(move |last| [127, 1, third, last]));
    let thousand: Vec<SocketAddr> = all.map(|ip| SocketAddr::from((ip, refusing.port()))).collect();
    let error = connect(config(&thousand), "many.example", LONG).unwrap_err();
    let ConnectError::Dial { attempts, .. } = &error else { panic!("{error}") };
    assert_eq!(attempts.len(), 16);
    let error = connect(config(&[]), "none.example", LONG).unwrap_err();
    assert!(matches!(error, ConnectError::NoAddress { .. }), "{error}");
}

/// Answers differently each time, as a name does that is rebound between check and use.
struct Rebinding(std::sync::Mutex<Vec<SocketAddr>>);

impl Resolve for Rebinding {
    fn resolve(
        &self,
        _: &str,
        _: u16,
        _: Deadline,
        _: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        Ok(self.0.lock().unwrap().pop().into_iter().collect())
    }
}

#[test]
fn t46_a_name_that_is_rebound_is_judged_by_the_address_that_is_dialled() {
    let (listener, inside) = listening();
    listener.set_nonblocking(true).unwrap();
    let outside = SocketAddr::from(([192, 0, 2, 1], 80));
    let mut config = ConnectorConfig::default();
    config.policy = AddressPolicy::any().deny("127.0.0.0/8".parse::<Network>().unwrap());
    // The second answer leads inside.
    config.resolver = Arc::new(Rebinding(vec![inside, outside].into()));
    let short = Duration::from_millis(50);
    assert!(!matches!(
        connect(config.clone(), "rebound.example", short),
        Ok(_) | Err(ConnectError::Denied { .. })
    ));
    let error = connect(config, "rebound.example", short).unwrap_err();
    assert!(matches!(error, ConnectError::Denied { .. }), "{error}");
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody came");
}
