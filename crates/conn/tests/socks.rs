//! Through SOCKS proxies that play a script, in memory under a manual clock, and on loopback where sockets matter.
#![expect(clippy::unwrap_used, reason = "test code fails loudly")]

use std::error::Error;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use conn::{
    AddressPolicy, CancelToken, Clock, Connect, ConnectError, ConnectRequest, Connected, Connector,
    ConnectorConfig, Deadline, DenyReason, DialTo, Dialer, Host, Limit, Origin, Phase, Proxy, Resolve, Route,
    SocksConnector, SocksError, SocksRefusal,
};
use testkit::clock::ManualClock;
use testkit::peer::{Script, ScriptedConnect, ScriptedListener};

const S: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(5);

/// Knows every name, at these addresses, and remembers what it was asked for.
#[derive(Clone, Default)]
struct Names {
    addresses: Vec<IpAddr>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Resolve for Names {
    fn resolve(
        &self,
        host: &str,
        port: u16,
        _: Deadline,
        _: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        self.asked.lock().unwrap().push(host.to_owned());
        Ok(self.addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect())
    }
}

/// One connection through one proxy: what is asked for, by whom, and which peers there are.
struct Case {
    proxy: Proxy,
    target: &'static str,
    addresses: &'static [&'static str],
    policy: AddressPolicy,
    within: Option<Duration>,
}

impl Case {
    fn new(proxy: &str, target: &'static str) -> Self {
        let (start, host) = proxy.split_once('@').unwrap_or(("", proxy));
        let proxy: Proxy = match start.split_once("://") {
            None => host.parse().unwrap(),
            Some((kind, user)) => {
                let (user, password) = user.split_once(':').unwrap_or((user, ""));
                let proxy: Proxy = format!("{kind}://{host}").parse().unwrap();
                proxy.with_credentials(user, password).unwrap()
            }
        };
        Self { proxy, target, addresses: &[], policy: AddressPolicy::any(), within: None }
    }

    fn at(self, addresses: &'static [&'static str]) -> Self {
        Self { addresses, ..self }
    }

    fn policy(self, policy: AddressPolicy) -> Self {
        Self { policy, ..self }
    }

    fn within(self, within: Duration) -> Self {
        Self { within: Some(within), ..self }
    }

    /// Plays the scripts, one for each connection to the proxy, and returns what came of it, which names were looked up
    /// here, and how long it took.
    fn run(
        self,
        scripts: impl IntoIterator<Item = Script>,
    ) -> (Result<Connected, ConnectError>, Vec<String>, Duration) {
        let clock = ManualClock::new();
        let peers = ScriptedConnect::new(clock.clone(), scripts);
        let names = Names {
            addresses: self.addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
            ..Names::default()
        };
        let mut dialer = Dialer::default();
        dialer.policy = self.policy;
        dialer.resolver = Arc::new(names.clone());
        dialer.clock = Arc::new(clock.clone());
        let connector = SocksConnector::new(peers.clone(), dialer);
        let route = Route::new(Origin::http(self.target).unwrap()).through(self.proxy);
        let deadline = Deadline::after(clock.now(), self.within, Limit::Connect);
        let outcome = connector.connect(&ConnectRequest::new(&route, deadline));
        peers.finish().unwrap();
        let asked = names.asked.lock().unwrap().clone();
        (outcome, asked, clock.elapsed())
    }

    fn fails(self, scripts: impl IntoIterator<Item = Script>) -> ConnectError {
        self.run(scripts).0.unwrap_err()
    }
}

fn line(error: &ConnectError) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

const METHOD: &[u8] = b"\x05\x01\0";
const BY_NAME: &[u8] = b"\x05\x01\0\x03\x09a.example\0\x50";
const BY_V4: &[u8] = b"\x05\x01\0\x01\xc0\0\x02\x07\0\x50";
const BY_V6: &[u8] = b"\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\0\x50";
const CONNECTED: &[u8] = b"\x05\0\0\x01\x7f\0\0\x01\x12\x34";
const GRANTED: &[u8] = b"\0\x5a\0\0\0\0\0\0";

/// Checks that the proxy is asked so, whatever the cuts in its answers, that the names in `asked` alone are looked up here,
/// and that the tunnel begins with its first byte.
#[track_caller]
fn check(case: impl Fn() -> Case, talk: &[(&[u8], &[u8])], asked: &[&str]) {
    for cut in ["whole", "bytewise", "split"] {
        let mut script = Script::new();
        for (i, (sent, answer)) in talk.iter().enumerate() {
            let mut answer = answer.to_vec();
            if i + 1 == talk.len() {
                answer.extend(b"tunnel");
            }
            script = script.expect(sent);
            script = match cut {
                "whole" => script.reply(answer),
                "bytewise" => script.reply_bytewise(answer),
                _ => script.reply_split(answer, &[1]),
            };
        }
        let (outcome, names, _) = case().run([script.close()]);
        let mut heard = String::new();
        outcome.unwrap().transport.read_to_string(&mut heard).unwrap();
        assert_eq!((&*heard, names), ("tunnel", asked.iter().map(ToString::to_string).collect()), "{cut}");
    }
}

#[test]
fn every_dialect_reaches_its_target() {
    const V4: &[&str] = &["192.0.2.7"];
    let agreed: (&[u8], &[u8]) = (METHOD, b"\x05\0");
    let by = |sent| [agreed, (sent, CONNECTED)];
    check(|| Case::new("socks5h://p", "a.example"), &by(BY_NAME), &[]);
    check(|| Case::new("socks5h://p", "192.0.2.7"), &by(BY_V4), &[]);
    check(|| Case::new("socks5h://p", "[2001:db8::7]"), &by(BY_V6), &[]);
    check(|| Case::new("socks5://p", "a.example").at(V4), &by(BY_V4), &["a.example"]);
    check(|| Case::new("socks5://p", "a.example").at(&["2001:db8::7"]), &by(BY_V6), &["a.example"]);
    check(|| Case::new("socks5://p", "192.0.2.7"), &by(BY_V4), &[]);

    let by_v4 = [(&b"\x04\x01\0\x50\xc0\0\x02\x07\0"[..], GRANTED)];
    let as_ann = [(&b"\x04\x01\0\x50\0\0\0\x01ann\0a.example\0"[..], GRANTED)];
    check(|| Case::new("socks4://p", "a.example").at(V4), &by_v4, &["a.example"]);
    check(|| Case::new("socks4://p", "a.example").at(&["::1", "192.0.2.7"]), &by_v4, &["a.example"]);
    check(|| Case::new("socks4a://p", "192.0.2.7"), &by_v4, &[]);
    check(|| Case::new("socks4a://ann@p", "a.example"), &as_ann, &[]);

    let password: (&[u8], &[u8]) = (b"\x01\x03ann\x06secret", b"\x01\0");
    let talk = [(&b"\x05\x02\0\x02"[..], &b"\x05\x02"[..]), password, (BY_NAME, CONNECTED)];
    check(|| Case::new("socks5h://ann:secret@p", "a.example"), &talk, &[]);
}

#[test]
fn a_failure_keeps_what_the_proxy_answered() {
    let agreed = || Script::new().expect(METHOD).reply(b"\x05\0").expect(BY_NAME);
    let start = "cannot connect to a.example:80 through socks5h://p:1080: ";
    for (name, script, expected) in [
        (
            "refused",
            agreed().reply(b"\x05\x05\0\x01\0\0\0\0\0\0"),
            "the proxy answered: connection refused (code 5)",
        ),
        (
            "refused and closed",
            agreed().reply(b"\x05\x02").close(),
            "the proxy answered: its rules do not allow the connection (code 2)",
        ),
        (
            "closed at once",
            Script::new().expect(METHOD).close(),
            "the proxy closed the connection before it had answered",
        ),
        (
            "closed in the reply",
            agreed().reply(b"\x05\0\0").close(),
            "the proxy closed the connection before it had answered, after \"\\x05\\x00\\x00\"",
        ),
        ("reset", Script::new().expect(METHOD).reset(), "the connection to the proxy broke"),
        (
            "wants a password",
            Script::new().expect(METHOD).reply(b"\x05\xff"),
            "the proxy accepts nobody without authentication",
        ),
        (
            "another protocol, told as far as it came",
            Script::new().expect(METHOD).reply("HTTP/1.1 400 Bad Request\r\n\r\n"),
            "the proxy does not speak SOCKS5: it answered \"HTTP/1.1 400 Bad Request\\r\\n\\r\\n\"",
        ),
        (
            "a flood, of which little is kept",
            Script::new().expect(METHOD).reply([b'x'; 5000]).close(),
            &format!("the proxy does not speak SOCKS5: it answered \"{}\"", "x".repeat(64)),
        ),
    ] {
        let error = Case::new("socks5h://p", "a.example").fails([script]);
        assert_eq!(line(&error), format!("{start}{expected}"), "{name}");
        assert!(error.is_timeout().is_none() && !error.is_certificate(), "{name}");
    }

    let error = Case::new("socks5h://annabel:sesame@p", "a.example").fails([Script::new()
        .expect(b"\x05\x02\0\x02")
        .reply(b"\x05\x02")
        .expect(b"\x01\x07annabel\x06sesame")
        .reply(b"\x01\x07")]);
    let ConnectError::Proxy { source: SocksError::Credentials { status: 7 }, .. } = error else {
        panic!("{error:?}");
    };
    assert!(!format!("{error:?} {}", line(&error)).contains("sesame"));

    let refusal = agreed().reply(b"\x05\x04\0\x01\0\0\0\0\0\0");
    let error = Case::new("socks5h://p", "a.example").fails([refusal]);
    let ConnectError::Proxy { source: SocksError::Refused { refusal, answer }, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (refusal, refusal.code(), &*answer),
        (SocksRefusal::HostUnreachable, 4, &b"\x05\x04\0\x01\0"[..])
    );
}

#[test]
fn a_proxy_that_cannot_reach_one_address_is_asked_for_the_next() {
    let case = || Case::new("socks5://p", "a.example").at(&["2001:db8::7", "192.0.2.7"]);
    let refusing = |by: &[u8], code| {
        Script::new().expect(METHOD).reply(b"\x05\0").expect(by).reply([5, code, 0, 1, 0, 0, 0, 0, 0, 0])
    };
    let good = || Script::new().expect(METHOD).reply(b"\x05\0").expect(BY_V4).reply(CONNECTED);
    for code in [1, 3, 4, 5, 6, 8] {
        assert!(case().run([refusing(BY_V6, code), good()]).0.is_ok(), "{code}");
    }
    // What is said of one address holds for the others too.
    for code in [2, 7, 9] {
        let error = case().fails([refusing(BY_V6, code)]);
        assert!(error.to_string().starts_with("cannot connect to [2001:db8::7]:80 through"), "{error}");
    }
    let error = case().fails([refusing(BY_V6, 8), refusing(BY_V4, 5)]);
    assert_eq!(
        line(&error),
        "cannot connect to 192.0.2.7:80 through socks5://p:1080: the proxy answered: connection refused (code 5)"
    );
    let many = &["192.0.2.7"; 40];
    let error = Case::new("socks5://p", "a.example").at(many).fails((0..4).map(|_| refusing(BY_V4, 5)));
    assert!(matches!(error, ConnectError::Proxy { .. }), "no more than four: {error}");
}

#[test]
fn what_cannot_be_asked_for_is_an_error_before_the_proxy_is_dialled() {
    for (case, expected) in [
        (
            Case::new("socks4://p", "[::1]"),
            "cannot connect to [::1]:80 through socks4://p:1080: SOCKS4 cannot reach this address, only IPv4 addresses",
        ),
        (
            Case::new("socks4a://p", "[::1]"),
            "cannot connect to [::1]:80 through socks4a://p:1080: SOCKS4 cannot reach this address, only IPv4 addresses",
        ),
        (
            Case::new("socks4://p", "a.example").at(&["::1"]),
            "cannot connect to a.example:80 through socks4://p:1080: SOCKS4 cannot reach this address, only IPv4 addresses",
        ),
        (Case::new("socks5://p", "a.example"), "a.example has no address"),
        (
            Case::new("socks5h://p", "[fe80::1%1]"),
            "cannot connect to [fe80::1%1]:80 through socks5h://p:1080: the zone of an IPv6 address means nothing to a proxy",
        ),
    ] {
        assert_eq!(line(&case.fails([])), expected);
    }
    let socks = SocksConnector::new(Dialer::default(), Dialer::default());
    let route = Route::new(Origin::http("a.example").unwrap())
        .through("socks5://p".parse().unwrap())
        .dialling(DialTo::Unix("/run/a.sock".into()));
    let error = socks.connect(&ConnectRequest::new(&route, Deadline::NEVER)).unwrap_err();
    assert!(line(&error).ends_with("a proxy cannot reach a Unix domain socket of this machine"), "{error}");
}

#[test]
fn a_proxy_is_asked_for_the_place_that_is_dialled_instead() {
    let script = Script::new().expect(METHOD).reply(b"\x05\0").expect(BY_NAME).reply(CONNECTED);
    let peers = ScriptedConnect::new(ManualClock::new(), [script]);
    let route = Route::new(Origin::http("other.example").unwrap())
        .through("socks5h://p".parse().unwrap())
        .dialling(DialTo::host("a.example", 80).unwrap());
    let socks = SocksConnector::new(peers.clone(), Dialer::default());
    socks.connect(&ConnectRequest::new(&route, Deadline::NEVER)).unwrap();
    peers.finish().unwrap();
}

#[test]
fn t42_a_name_too_long_for_the_protocol_is_an_error_and_is_looked_up_nowhere() {
    let long = "h".repeat(256);
    for proxy in ["socks5h://p", "socks4a://p"] {
        let names = Names { addresses: vec![[192, 0, 2, 7].into()], ..Names::default() };
        let mut dialer = Dialer::default();
        dialer.resolver = Arc::new(names.clone());
        let peers = ScriptedConnect::new(ManualClock::new(), []);
        let socks = SocksConnector::new(peers.clone(), dialer);
        let route = Route::new(Origin::http("a.example").unwrap()).through(proxy.parse().unwrap());
        let request = ConnectRequest::new(&route, Deadline::NEVER);
        let mut hop = request.hop;
        hop.host = Host::Name(&long);
        let error = socks.connect(&request.to(hop)).unwrap_err();
        assert!(matches!(error, ConnectError::Proxy { source: SocksError::HostName, .. }), "{error:?}");
        assert!(names.asked.lock().unwrap().is_empty());
        assert_eq!(peers.connects(), 0);
    }
}

#[test]
fn t20_a_slow_proxy_is_given_up_at_the_deadline() {
    let agreed = || Script::new().expect(METHOD).reply(b"\x05\0").expect(BY_NAME);
    let drip = CONNECTED.iter().fold(agreed(), |script, byte| script.stall(S).reply([*byte]));
    for (name, script) in [
        ("silent from the start", Script::new().expect(METHOD)),
        ("silent after the method", agreed()),
        ("silent within the reply", agreed().reply(b"\x05\0\0")),
        ("one byte a second", drip.clone()),
    ] {
        let clock_says = {
            let clock = ManualClock::new();
            let peers = ScriptedConnect::new(clock.clone(), [script]);
            let mut dialer = Dialer::default();
            dialer.clock = Arc::new(clock.clone());
            let route =
                Route::new(Origin::http("a.example").unwrap()).through("socks5h://p".parse().unwrap());
            let deadline = Deadline::after(clock.now(), Some(S * 3), Limit::Connect);
            let socks = SocksConnector::new(peers.clone(), dialer);
            let error = socks.connect(&ConnectRequest::new(&route, deadline)).unwrap_err();
            // It may still have steps to play.
            let _ = peers.finish();
            let timed_out = error.is_timeout().unwrap();
            assert_eq!((timed_out.phase, timed_out.limit), (Phase::Proxy, Limit::Connect), "{name}");
            clock.elapsed()
        };
        assert_eq!(clock_says, S * 3, "{name}");
    }
    // The same drip is fast enough for more time, and the time counts as the proxy's.
    let (outcome, _, took) = Case::new("socks5h://p", "a.example").within(S * 11).run([drip]);
    assert_eq!((outcome.unwrap().timings.proxy, took), (S * 10, S * 10));
}

#[test]
fn the_policy_judges_what_the_proxy_is_asked_for() {
    let inside = &["10.0.0.1", "127.0.0.1"];
    let public = AddressPolicy::public_only;
    for (case, denied) in [
        (
            Case::new("socks5://p", "a.example").at(inside),
            [DenyReason::Private, DenyReason::Loopback].as_slice(),
        ),
        (Case::new("socks5h://p", "127.0.0.1"), &[DenyReason::Loopback]),
        (Case::new("socks4a://p", "169.254.169.254"), &[DenyReason::LinkLocal]),
        (Case::new("socks5h://p", "[::ffff:127.0.0.1]"), &[DenyReason::Loopback]),
    ] {
        let policy = public().allow_names_behind_proxy();
        let error = case.policy(policy).fails([]);
        let ConnectError::Denied { denied: found, .. } = &error else { panic!("{error:?}") };
        assert_eq!(found.iter().map(|denied| denied.reason).collect::<Vec<_>>(), denied);
    }
    for proxy in ["socks5h://p", "socks4a://p"] {
        let error = Case::new(proxy, "a.example").policy(public()).fails([]);
        assert!(matches!(&error, ConnectError::DeniedName { host } if host == "a.example"), "{error:?}");
    }
    let agreed = || Script::new().expect(METHOD).reply(b"\x05\0");
    let trusting = Case::new("socks5h://p", "a.example").policy(public().allow_names_behind_proxy());
    assert!(trusting.run([agreed().expect(BY_NAME).reply(CONNECTED)]).0.is_ok());
    // What is denied is left out, the rest is asked for.
    let mixed = Case::new("socks5://p", "a.example").at(&["127.0.0.1", "192.0.2.7"]);
    let policy = AddressPolicy::any().deny("127.0.0.0/8".parse().unwrap());
    assert!(mixed.policy(policy).run([agreed().expect(BY_V4).reply(CONNECTED)]).0.is_ok());
}

/// A connector that knows every name as this machine, under a policy.
fn loopback(policy: AddressPolicy) -> Connector {
    let mut config = ConnectorConfig::default();
    config.resolver = Arc::new(Names { addresses: vec![[127, 0, 0, 1].into()], ..Names::default() });
    config.policy = policy;
    Connector::new(config).unwrap()
}

#[test]
fn the_policy_judges_the_proxy_itself_when_it_is_dialled() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "proxy.example"] {
        let proxy = format!("socks5h://{host}:{port}").parse().unwrap();
        let route = Route::new(Origin::http("93.184.215.14").unwrap()).through(proxy);
        let error = loopback(AddressPolicy::public_only())
            .connect(&ConnectRequest::new(&route, Deadline::NEVER))
            .unwrap_err();
        assert!(matches!(&error, ConnectError::Denied { host: denied, .. } if denied == host), "{error:?}");
        assert!(listener.accept().is_err(), "{host} was dialled");
    }
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let route = Route::new(Origin::http("a.example").unwrap())
        .through(format!("socks5h://{address}").parse().unwrap());
    let error =
        loopback(AddressPolicy::any()).connect(&ConnectRequest::new(&route, Deadline::NEVER)).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot connect to {address}: {address}: ")), "{error}");
}

#[test]
fn a_cancelled_handshake_returns_at_once_and_a_slow_one_at_its_deadline() {
    let silent = || Script::new().expect(METHOD);
    let listener = ScriptedListener::start(vec![silent(), silent()]);
    let route = Route::new(Origin::http("a.example").unwrap())
        .through(format!("socks5h://{}", listener.addr()).parse().unwrap());
    let connector = loopback(AddressPolicy::any());

    let token = CancelToken::new();
    let deadline = Deadline::after(Instant::now(), Some(LONG), Limit::Connect);
    let took = thread::scope(|scope| {
        let canceller = scope.spawn(|| {
            // Long enough to be waiting; too early is cancelled all the same.
            thread::sleep(Duration::from_millis(30));
            let cancelled = Instant::now();
            token.cancel();
            cancelled
        });
        let error =
            connector.connect(&ConnectRequest::new(&route, deadline).cancelled_by(&token)).unwrap_err();
        assert!(matches!(error, ConnectError::Cancelled(_)), "{error:?}");
        canceller.join().unwrap().elapsed()
    });
    assert!(took < S, "{took:?}");

    let (started, allowed) = (Instant::now(), Duration::from_millis(100));
    let deadline = Deadline::after(started, Some(allowed), Limit::Connect);
    let error = connector.connect(&ConnectRequest::new(&route, deadline)).unwrap_err();
    let (timed_out, took) = (error.is_timeout().unwrap(), started.elapsed());
    assert_eq!((timed_out.phase, timed_out.sent, timed_out.received), (Phase::Proxy, 3, 0));
    assert!(took >= allowed && took < allowed * 4, "{took:?}");
    listener.finish().unwrap();
}
