//! TCP on the loopback interface.
#![expect(clippy::unwrap_used, reason = "test code fails loudly")]

use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use conn::{
    CancelToken, Connect, ConnectError, ConnectRequest, Connected, Connector, ConnectorConfig, Deadline,
    Interest, Limit, Liveness, Origin, Phase, Resolve, Route, TimedOut, Transport,
};
use testkit::peer::{Script, ScriptedListener};

const LONG: Duration = Duration::from_secs(5);

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

fn within(time: Duration) -> Deadline {
    Deadline::after(Instant::now(), Some(time), Limit::Idle).during(Phase::Body)
}

fn connect_to(addresses: &[SocketAddr]) -> Result<Connected, ConnectError> {
    let mut config = ConnectorConfig::default();
    config.resolver = Arc::new(Fixed(addresses.to_vec()));
    let route = Route::new(Origin::http("example.com").unwrap());
    let deadline = Deadline::after(Instant::now(), Some(LONG), Limit::Connect);
    Connector::new(config).unwrap().connect(&ConnectRequest::new(&route, deadline))
}

fn open(script: Script) -> (ScriptedListener, Box<dyn Transport>) {
    let listener = ScriptedListener::start(vec![script]);
    let mut stream = connect_to(&[listener.addr()]).unwrap().transport;
    stream.set_deadline(within(LONG));
    (listener, stream)
}

fn refusing() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_refused_connection_lists_every_address() {
    let (a, b) = (refusing(), refusing());
    let error = connect_to(&[a, b]).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("cannot connect to example.com:80: {a}: ")), "{text}");
    assert!(text.contains(&format!("; {b}: ")) && text.contains("refused"), "{text}");
    assert_eq!(error.is_timeout(), None);
}

#[test]
fn the_next_address_is_dialled_when_one_refuses() {
    let listener = ScriptedListener::start(vec![Script::new()]);
    let connected = connect_to(&[refusing(), listener.addr()]).unwrap();
    assert_eq!(connected.transport.facts().peer, Some(listener.addr()));
    assert!(connected.transport.facts().local.is_some());
    assert!(connected.timings.connect > Duration::ZERO);
    assert_eq!(connected.timings.tls, Duration::ZERO);
    drop(connected);
    listener.finish().unwrap();
}

#[test]
fn a_name_without_addresses_says_so() {
    assert!(matches!(connect_to(&[]), Err(ConnectError::NoAddress { .. })));
}

#[test]
fn a_passed_deadline_fails_before_dialling() {
    let route = Route::new(Origin::http(&refusing().to_string()).unwrap());
    let passed = Deadline::after(Instant::now(), Some(Duration::ZERO), Limit::Total);
    let connector = Connector::new(ConnectorConfig::default()).unwrap();
    let error = connector.connect(&ConnectRequest::new(&route, passed)).unwrap_err();
    let timed_out = error.is_timeout().unwrap();
    assert_eq!((timed_out.phase, timed_out.limit), (Phase::Connect, Limit::Total));
}

#[test]
fn a_read_that_takes_too_long_says_phase_and_limit() {
    let (listener, mut stream) = open(Script::new().stall(LONG));
    // 40 ms arm the socket to 32 ms: the wake before the deadline must not end the wait.
    let (started, allowed) = (Instant::now(), Duration::from_millis(40));
    stream.set_deadline(within(allowed));
    let error = stream.read(&mut [0; 8]).unwrap_err();
    let timed_out = TimedOut::in_io(&error).unwrap();
    assert!(started.elapsed() >= allowed);
    assert_eq!((timed_out.phase, timed_out.limit, timed_out.allowed), (Phase::Body, Limit::Idle, allowed));
    listener.finish().unwrap();
}

#[test]
fn a_short_deadline_leaves_no_trace_on_the_next_read() {
    let (listener, mut stream) = open(Script::new().expect("a").stall(Duration::from_millis(20)).reply("b"));
    stream.set_deadline(within(Duration::from_millis(1)));
    assert!(TimedOut::in_io(&stream.read(&mut [0; 8]).unwrap_err()).is_some());
    for deadline in [within(LONG), Deadline::NEVER] {
        stream.set_deadline(deadline);
    }
    stream.write_all(b"a").unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
    listener.finish().unwrap();
}

#[test]
fn a_passed_deadline_fails_although_bytes_are_waiting() {
    let (_listener, mut stream) = open(Script::new().reply("x"));
    assert_eq!(stream.ready(Interest::READ, within(LONG)).unwrap(), Interest::READ);
    stream.set_deadline(within(Duration::ZERO));
    assert!(TimedOut::in_io(&stream.read(&mut [0; 8]).unwrap_err()).is_some());
    assert!(TimedOut::in_io(&stream.write(b"x").unwrap_err()).is_some());
    // Looking once costs no time.
    assert_eq!(stream.ready(Interest::BOTH, within(Duration::ZERO)).unwrap(), Interest::BOTH);
}

#[test]
fn a_write_that_nobody_reads_times_out() {
    let (_listener, mut stream) = open(Script::new().stall(LONG));
    stream.set_deadline(within(Duration::from_millis(30)));
    let block = vec![0; 1 << 20];
    let error = (0..1024).find_map(|_| stream.write_all(&block).err()).unwrap();
    assert!(TimedOut::in_io(&error).is_some(), "{error}");
    assert!(TimedOut::in_io(&stream.ready(Interest::WRITE, within(Duration::ZERO)).unwrap_err()).is_some());
}

#[test]
fn a_probe_tells_idle_readable_and_closed_apart() {
    let (_listener, mut stream) = open(Script::new().expect("go"));
    assert_eq!(stream.probe(), Liveness::Idle);
    for (script, expected) in [
        (Script::new().reply("x"), Liveness::Readable),
        (Script::new().close(), Liveness::Closed),
        (Script::new().reset(), Liveness::Closed),
    ] {
        let (listener, mut stream) = open(script);
        stream.ready(Interest::READ, within(LONG)).unwrap();
        assert_eq!(stream.probe(), expected);
        listener.finish().unwrap();
    }
}

#[test]
fn read_spare_fills_the_spare_capacity_and_no_more() {
    let (listener, mut stream) = open(Script::new().reply("hello").close());
    let mut buf = Vec::with_capacity(4);
    buf.push(b'>');
    while buf.len() < 4 {
        assert!(stream.read_spare(&mut buf).unwrap() > 0);
    }
    assert_eq!((buf.as_slice(), buf.capacity()), (&b">hel"[..], 4));
    assert_eq!(stream.read_spare(&mut buf).unwrap(), 0, "without spare capacity");
    assert_eq!(stream.read_spare(&mut Vec::new()).unwrap(), 0, "without any capacity");
    buf.clear();
    assert_eq!(stream.read_spare(&mut buf).unwrap(), 2);
    assert_eq!(stream.read_spare(&mut buf).unwrap(), 0, "at the end");
    listener.finish().unwrap();
}

#[test]
fn several_buffers_leave_in_one_write() {
    let (listener, mut stream) = open(Script::new().expect("head body").reply("ok"));
    let n =
        stream.write_vectored(&[IoSlice::new(b"head "), IoSlice::new(b""), IoSlice::new(b"body")]).unwrap();
    assert_eq!((n, stream.read(&mut [0; 8]).unwrap()), (9, 2));
    stream.close().unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    assert_eq!(stream.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    listener.finish().unwrap();
}
