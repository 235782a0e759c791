//! nginx behind a bad network: each fault in each phase, in the clear and over TLS, gives its kind of error, its phase and
//! its counts of bytes, within its deadline. nginx and Dante must be installed: `cargo xtask interop`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

use std::error::Error as _;
use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_client::conn::{CancelToken, ConnectError, Deadline, Proxy, Resolve, Route};
use http_client::wire::ParseError;
use http_client::{Body, Client, ClientConfig, Connection, Error, ErrorKind, Limit, Origin, Phase};
use testkit::certs::TestCa;
use testkit::fault::{BlackHole, Fault, FaultProxy, Flow, Plan, Refusing};
use testkit::nginx::Nginx;
use testkit::socks::SocksServer;

use End::{CutShort, EndsAnUpload, Fails, TimesOut, Well};
use Fault::{Close, HalfClose, Reset, Stall};
use Story::{Big, Little, Open, Page, Upload};

/// What a step may take that is meant to time out.
const SHORT: Duration = Duration::from_millis(250);
/// What a step may take that is not.
const LONG: Duration = Duration::from_secs(5);
/// How late a busy machine may notice.
const MARGIN: Duration = Duration::from_millis(250);
/// More than the kernel's buffers hold.
const UPLOAD: u64 = 32 << 20;
/// In the midst of the big file's content.
const INSIDE: u64 = 100_000;

/// What is done to the connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Story {
    /// A connection is opened; the plan counts from its first byte.
    Open,
    /// After one exchange, a page is asked for; the plan counts from the request.
    Page,
    /// As `Page`, for the big file.
    Big,
    /// As `Page`, and sends much content.
    Upload,
    /// As `Page`, and sends content of 4,000 bytes.
    Little,
}

/// How it ends.
#[derive(Clone, Debug)]
enum End {
    Well,
    /// During this, with so many bytes sent and received; where no connection could be made, none.
    Fails(ErrorKind, Phase, RangeInclusive<u64>, RangeInclusive<u64>),
    /// While the upload is sent, or, if all of it was, while its answer is waited for: whichever sees the end first.
    EndsAnUpload,
    /// The response is incomplete, during this, with so many bytes sent and received, the last so many of them of the head
    /// or the content that is cut.
    CutShort(Phase, RangeInclusive<u64>, RangeInclusive<u64>, RangeInclusive<u64>),
    /// During this, by this limit, with so many bytes sent and received.
    TimesOut(Phase, Limit, RangeInclusive<u64>, RangeInclusive<u64>),
}

/// Where nginx is, and how long the request for its page is.
struct Stage {
    nginx: Nginx,
    request: u64,
}

impl Stage {
    fn start() -> Self {
        let nginx = Nginx::start(&TestCa::new()).unwrap_or_else(|report| panic!("{report}"));
        let mut stage = Self { nginx, request: 0 };
        let proxy = FaultProxy::start(stage.server(false), []);
        stage.tell(Open, &proxy, false, Plan::new(), stage.config()).unwrap();
        let mut connection = stage.open(&proxy, false, stage.config()).unwrap();
        connection.request("GET", "/").unwrap();
        read(&mut connection).unwrap();
        stage.request = proxy.passed().last().unwrap().up;
        stage
    }

    fn server(&self, tls: bool) -> SocketAddr {
        let url = if tls { self.nginx.https_url() } else { self.nginx.http_url() };
        (Ipv4Addr::LOCALHOST, url.rsplit(':').next().unwrap().parse().unwrap()).into()
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::default();
        config.tls.roots.add_pem(self.nginx.ca_pem().as_bytes()).unwrap();
        config.auto_open = false;
        config.timeouts.connect = Some(LONG);
        config.timeouts.response = Some(SHORT);
        config.timeouts.idle = Some(SHORT);
        config
    }

    fn open(&self, proxy: &FaultProxy, tls: bool, config: ClientConfig) -> Result<Connection, Error> {
        Connection::open(&origin(proxy.addr(), tls), config)
    }

    fn tell(
        &self,
        story: Story,
        proxy: &FaultProxy,
        tls: bool,
        plan: Plan,
        config: ClientConfig,
    ) -> Result<(), Error> {
        let mut connection = self.open(proxy, tls, config)?;
        if story == Open {
            return Ok(());
        }
        connection.request("GET", "/").unwrap();
        read(&mut connection).unwrap();
        proxy.change(plan);
        match story {
            Open | Page => connection.request("GET", "/")?,
            Big => connection.request("GET", "/100m.bin")?,
            Upload => {
                let content = Body::from(vec![0; usize::try_from(UPLOAD).unwrap()]);
                connection.request_with("PUT", "/upload/much", &[], content)?;
            }
            Little => connection.request_with("PUT", "/upload/little", &[], vec![0; 4000])?,
        }
        read(&mut connection)
    }

    /// Plays the story, and checks how it ends and that it ends in time.
    #[track_caller]
    fn check(&self, name: &str, tls: bool, story: Story, plan: Plan, end: &End) {
        let name = format!("{name}, {story:?}, {}", if tls { "TLS" } else { "plain" });
        let mut config = self.config();
        if story == Open && !matches!(end, Well) {
            config.timeouts.connect = Some(SHORT);
        }
        let first = if story == Open { plan } else { Plan::new() };
        let proxy = FaultProxy::start(self.server(tls), [first]);
        if let TimesOut(_, Limit::Total, ..) = end {
            config.timeouts.total = Some(SHORT * 2);
        }
        let started = Instant::now();
        let outcome = self.tell(story, &proxy, tls, plan, config);
        check_end(&name, outcome, end, started.elapsed());
    }
}

fn origin(addr: SocketAddr, tls: bool) -> Origin {
    let authority = addr.to_string();
    if tls { Origin::https(&authority) } else { Origin::http(&authority) }.unwrap()
}

fn read(connection: &mut Connection) -> Result<(), Error> {
    let mut response = connection.response()?;
    let mut buf = vec![0; 32 << 10];
    loop {
        match response.read(&mut buf) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.downcast::<Error>().unwrap()),
        }
    }
}

#[track_caller]
fn check_end(name: &str, outcome: Result<(), Error>, end: &End, took: Duration) {
    match (outcome, end) {
        (Ok(()), Well) => {}
        (Err(error), Fails(kind, phase, sent, received)) => {
            assert_eq!((error.kind(), error.phase()), (*kind, Some(*phase)), "{name}: {error:?}");
            assert_eq!(error.timed_out(), None, "{name}: {error:?}");
            check_progress(name, &error, sent, received);
        }
        (Err(error), EndsAnUpload) => {
            let sent = error.progress().unwrap().sent;
            let phase = if sent < UPLOAD { Phase::Send } else { Phase::Response };
            assert_eq!(
                (error.kind(), error.phase()),
                (ErrorKind::Disconnected, Some(phase)),
                "{name}: {error:?}"
            );
            check_progress(name, &error, &(INSIDE / 2..=UPLOAD + 1000), &(0..=0));
        }
        (Err(error), CutShort(phase, sent, received, expected)) => {
            assert_eq!(
                (error.kind(), error.phase()),
                (ErrorKind::Truncated, Some(*phase)),
                "{name}: {error:?}"
            );
            check_progress(name, &error, sent, received);
            let received = match error.source().and_then(|source| source.downcast_ref()) {
                Some(ParseError::TruncatedHead { received }) => u64::try_from(*received).unwrap(),
                Some(ParseError::TruncatedBody { received, .. }) => *received,
                other => panic!("{name}: {other:?}"),
            };
            assert!(expected.contains(&received), "{name}: {error}, not {expected:?}");
        }
        (Err(error), TimesOut(phase, limit, sent, received)) => {
            assert_eq!(error.kind(), ErrorKind::Timeout, "{name}: {error:?}");
            let timed_out = error.timed_out().unwrap();
            assert_eq!((timed_out.phase, timed_out.limit), (*phase, *limit), "{name}: {error}");
            assert!(sent.contains(&timed_out.sent), "{name}, sent: {error}, not {sent:?}");
            assert!(received.contains(&timed_out.received), "{name}, received: {error}, not {received:?}");
            let progress = error.progress().unwrap();
            assert_eq!(progress.phase, *phase, "{name}: {error:?}");
            if !error.is_connect() {
                let counts = (timed_out.sent, timed_out.received);
                assert_eq!((progress.sent, progress.received), counts, "{name}: {error:?}");
            }
            let (allowed, elapsed) = (timed_out.allowed, timed_out.elapsed);
            assert!(elapsed >= allowed && elapsed < allowed + MARGIN, "{name}: {elapsed:?}");
        }
        (outcome, end) => panic!("{name}: {outcome:?}, not {end:?}"),
    }
    // Connecting and a first exchange come before the step that is limited, and what is sent is limited write by write.
    assert!(took < LONG, "{name}: {took:?}");
}

#[track_caller]
fn check_progress(name: &str, error: &Error, sent: &RangeInclusive<u64>, received: &RangeInclusive<u64>) {
    let progress = error.progress().unwrap();
    assert_eq!(Some(progress.phase), error.phase(), "{name}: {error:?}");
    assert!(sent.contains(&progress.sent), "{name}, sent: {progress:?}, not {sent:?}");
    assert!(received.contains(&progress.received), "{name}, received: {progress:?}, not {received:?}");
}

fn up(flow: Flow) -> Plan {
    Plan::new().up(flow)
}

fn down(flow: Flow) -> Plan {
    Plan::new().down(flow)
}

fn at(byte: u64, fault: Fault) -> Flow {
    Flow::new().at(byte, fault)
}

fn drip(bytes: usize, millis: u64) -> Flow {
    Flow::new().drip(bytes, Duration::from_millis(millis))
}

#[test]
fn connecting() {
    let (stage, refusing, hole) = (Stage::start(), Refusing::open(), BlackHole::v4());
    let no_answer = TimesOut(Phase::Connect, Limit::Connect, 0..=0, 0..=0);
    for (addr, end) in
        [(refusing.addr(), Fails(ErrorKind::Connect, Phase::Connect, 0..=0, 0..=0)), (hole.addr(), no_answer)]
    {
        for tls in [false, true] {
            let mut config = stage.config();
            config.timeouts.connect = Some(SHORT);
            let started = Instant::now();
            let outcome = Connection::open(&origin(addr, tls), config);
            let is_connect = outcome.as_ref().is_err_and(Error::is_connect);
            assert!(is_connect, "{addr} {tls}");
            check_end(&format!("{addr} {tls}"), outcome.map(drop), &end, started.elapsed());
        }
    }
    // Whoever is accepted late is accepted.
    for tls in [false, true] {
        stage.check("delay", tls, Open, Plan::new().delay(Duration::from_millis(100)), &Well);
    }
}

#[test]
fn shaking_hands() {
    let stage = Stage::start();
    let broken = Fails(ErrorKind::Connect, Phase::Tls, 0..=0, 0..=0);
    let hello = 200..=4000;
    // Nothing of a handshake's bytes is the request's, so the counts are the connection's.
    let stuck = |at| TimesOut(Phase::Tls, Limit::Connect, 200..=4000, at..=at);
    for at_byte in [0, 10, 700] {
        stage.check("stall", true, Open, down(at(at_byte, Stall)), &stuck(at_byte));
        for fault in [Close, HalfClose, Reset] {
            let name = format!("{fault:?} at {at_byte}");
            stage.check(&name, true, Open, down(at(at_byte, fault)), &broken);
        }
    }
    for at_byte in [0, 100] {
        stage.check("stall upwards", true, Open, up(at(at_byte, Stall)), &stuck(0));
        for fault in [Close, HalfClose, Reset] {
            let name = format!("{fault:?} upwards at {at_byte}");
            stage.check(&name, true, Open, up(at(at_byte, fault)), &broken);
        }
    }
    stage.check("accept and stall", true, Open, Plan::stall(), &stuck(0));
    let slow = TimesOut(Phase::Tls, Limit::Connect, hello.clone(), 1..=20);
    stage.check("drip", true, Open, down(drip(1, 20)), &slow);
    let slow = TimesOut(Phase::Tls, Limit::Connect, hello, 0..=0);
    stage.check("drip upwards", true, Open, up(drip(1, 20)), &slow);
    stage.check("pieces", true, Open, down(Flow::new().pieces(7)).up(Flow::new().pieces(3)), &Well);
}

#[test]
fn sending() {
    let stage = Stage::start();
    for tls in [false, true] {
        // The kernel and the proxy take some.
        let stuck = TimesOut(Phase::Send, Limit::Idle, 100..=UPLOAD - 1, 0..=0);
        for at_byte in [0, INSIDE] {
            stage.check("stall", tls, Upload, up(at(at_byte, Stall)), &stuck);
        }
        stage.check("drip", tls, Upload, up(drip(1000, 20)), &stuck);
        for fault in [Close, HalfClose, Reset] {
            let name = format!("{fault:?}");
            // Whoever closes in good order still takes what comes; the end is seen where an answer is looked for.
            let broken = match fault {
                Reset => Fails(ErrorKind::Disconnected, Phase::Send, INSIDE / 2..=UPLOAD, 0..=0),
                _ => EndsAnUpload,
            };
            stage.check(&name, tls, Upload, up(at(INSIDE, fault)), &broken);
        }
        stage.check("pieces", tls, Little, up(Flow::new().pieces(100)), &Well);
        stage.check("slow, yet fast enough", tls, Little, up(drip(1000, 5)), &Well);
    }
}

#[test]
fn waiting_for_the_head() {
    let stage = Stage::start();
    for tls in [false, true] {
        let (sent, response) = (stage.request..=stage.request, Phase::Response);
        let silent = TimesOut(response, Limit::Response, sent.clone(), 0..=0);
        let broken = Fails(ErrorKind::Disconnected, response, sent, 0..=0);
        stage.check("stall", tls, Page, down(at(0, Stall)), &silent);
        stage.check("stall upwards", tls, Page, up(at(0, Stall)), &silent);
        stage.check("stall within the request", tls, Page, up(at(20, Stall)), &silent);
        stage.check("stall both ways", tls, Page, Plan::stall(), &silent);
        for fault in [Close, HalfClose, Reset] {
            for (way, plan) in
                [("down", down(at(0, fault))), ("up", up(at(0, fault))), ("up, late", up(at(20, fault)))]
            {
                let name = format!("{fault:?} {way}");
                stage.check(&name, tls, Page, plan, &broken);
            }
        }
        stage.check("slow, yet fast enough", tls, Page, up(drip(20, 5)), &Well);
    }
}

#[test]
fn within_the_head() {
    let stage = Stage::start();
    for tls in [false, true] {
        // A record that is not whole gives no byte.
        let came = if tls { 0 } else { 20 };
        let sent = stage.request..=stage.request;
        let stuck = TimesOut(Phase::Response, Limit::Response, sent.clone(), came..=came);
        stage.check("stall", tls, Page, down(at(20, Stall)), &stuck);
        let broken = |received| Fails(ErrorKind::Disconnected, Phase::Response, sent.clone(), received);
        let truncated =
            if tls { broken(0..=0) } else { CutShort(Phase::Response, sent.clone(), 20..=20, 20..=20) };
        stage.check("close", tls, Page, down(at(20, Close)), &truncated);
        stage.check("half-close", tls, Page, down(at(20, HalfClose)), &truncated);
        stage.check("reset", tls, Page, down(at(20, Reset)), &broken(0..=came));
        let slow = TimesOut(Phase::Response, Limit::Response, sent.clone(), 0..=20);
        stage.check("drip", tls, Page, down(drip(1, 20)), &slow);
        stage.check("pieces", tls, Page, down(Flow::new().pieces(3)), &Well);
    }
}

#[test]
fn within_the_content() {
    let stage = Stage::start();
    for tls in [false, true] {
        // Head and records take their part, and a record that is not whole gives no byte.
        let came = if tls { INSIDE - 18_000..=INSIDE } else { INSIDE..=INSIDE };
        let request = stage.request + 8;
        let stuck = TimesOut(Phase::Body, Limit::Idle, request..=request, came);
        stage.check("stall", tls, Big, down(at(INSIDE, Stall)), &stuck);
        // The head is not counted. TLS tells that it was cut, not where.
        let fails = |kind, received| Fails(kind, Phase::Body, request..=request, received);
        let cut = if tls {
            fails(ErrorKind::Truncated, INSIDE - 18_000..=INSIDE)
        } else {
            CutShort(Phase::Body, request..=request, INSIDE..=INSIDE, INSIDE - 400..=INSIDE - 100)
        };
        stage.check("close", tls, Big, down(at(INSIDE, Close)), &cut);
        stage.check("half-close", tls, Big, down(at(INSIDE, HalfClose)), &cut);
        stage.check("reset", tls, Big, down(at(INSIDE, Reset)), &fails(ErrorKind::Disconnected, 0..=INSIDE));
        let slow = TimesOut(Phase::Body, Limit::Total, request..=request, 1000..=INSIDE);
        stage.check("drip", tls, Big, down(drip(1000, 10)), &slow);
        stage.check("pieces", tls, Page, down(Flow::new().pieces(100)), &Well);
    }
}

#[test]
fn asking_a_proxy() {
    let stage = Stage::start();
    let socks = SocksServer::dante().unwrap_or_else(|report| panic!("{report}"));
    let check = |name: &str, tls: bool, plan: Plan, end: &End| {
        let name = format!("{name}, {}", if tls { "TLS" } else { "plain" });
        let network = FaultProxy::start(socks.addr(), [plan]);
        let proxy: Proxy = format!("socks5://{}", network.addr()).parse().unwrap();
        let mut config = stage.config();
        config.timeouts.connect = Some(if matches!(end, Well) { LONG } else { SHORT });
        config.routes = Some(Arc::new(move |origin| Route::new(origin).through(proxy.clone())));
        let started = Instant::now();
        let outcome = Connection::open(&origin(stage.server(tls), tls), config);
        check_end(&name, outcome.map(drop), end, started.elapsed());
    };
    for tls in [false, true] {
        // Three bytes ask for the method, ten for the target.
        let stuck = |sent, received| TimesOut(Phase::Proxy, Limit::Connect, sent..=sent, received..=received);
        check("stall", tls, down(at(0, Stall)), &stuck(3, 0));
        check("stall upwards", tls, up(at(1, Stall)), &stuck(3, 0));
        check("accept and stall", tls, Plan::stall(), &stuck(3, 0));
        check("stall before the reply", tls, down(at(2, Stall)), &stuck(13, 2));
        check("stall within the reply", tls, down(at(9, Stall)), &stuck(13, 9));
        check("drip", tls, down(drip(1, 100)), &TimesOut(Phase::Proxy, Limit::Connect, 3..=13, 1..=3));
        for at_byte in [0, 2, 9] {
            for fault in [Close, HalfClose, Reset] {
                let name = format!("{fault:?} at {at_byte}");
                check(
                    &name,
                    tls,
                    down(at(at_byte, fault)),
                    &Fails(ErrorKind::Connect, Phase::Proxy, 0..=0, 0..=0),
                );
            }
        }
        check("pieces", tls, down(Flow::new().pieces(1)).up(Flow::new().pieces(1)), &Well);
    }
}

/// Knows every name at both addresses of this machine, IPv6 first.
struct Ipv6First;

impl Resolve for Ipv6First {
    fn resolve(
        &self,
        _: &str,
        port: u16,
        _: Deadline,
        _: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        Ok(vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()])
    }
}

#[test]
fn a_host_whose_ipv6_never_answers_is_reached_by_ipv4_within_400_ms() {
    let stage = Stage::start();
    // nginx listens on IPv4 alone, so the same port is free on IPv6.
    let hole = BlackHole::v6(stage.server(false).port());
    // The hole is one: else the test would say nothing.
    let mut config = stage.config();
    config.timeouts.connect = Some(SHORT);
    let error = Connection::open(&origin(hole.addr(), false), config).unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Some(Phase::Connect)), "{error}");

    let mut config = stage.config();
    config.resolver = Arc::new(Ipv6First);
    config.timeouts.response = Some(LONG);
    let client = Client::with_config(config).unwrap();
    let url = format!("http://both.example:{}/", hole.addr().port());
    let started = Instant::now();
    let response = client.get(&url).send().unwrap();
    let took = started.elapsed();
    assert_eq!(response.status().as_u16(), 200);
    assert!(took < Duration::from_millis(400), "{took:?}");
    // It was tried first: nobody goes round it without waiting for the stagger.
    assert!(took >= Duration::from_millis(250), "{took:?}");
}
