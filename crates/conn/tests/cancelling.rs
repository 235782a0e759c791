//! Cancelling from another thread: whoever waits on a socket returns at once.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use conn::{
    CancelToken, Cancelled, Clock, Connect, ConnectError, ConnectRequest, Connector, ConnectorConfig,
    Deadline, Limit, Origin, Route, SocketTransport, SystemClock, TcpOptions, Transport,
};
use socket2::{Domain, Socket, Type};

/// What the issue of cancelling is about.
const SOON: Duration = Duration::from_millis(10);
/// How often a slow machine may be late.
const TRIES: usize = 5;
const LONG: Duration = Duration::from_secs(5);

/// Runs `wait` in this thread, cancels it from another one, and expects it back soon: not in every try, the machine may
/// have other things to do, but it has to be possible.
#[track_caller]
fn check(name: &str, mut wait: impl FnMut(&CancelToken)) {
    let mut fastest = LONG;
    for _ in 0..TRIES {
        let token = CancelToken::new();
        let took = thread::scope(|scope| {
            let canceller = scope.spawn(|| {
                // Long enough to be waiting; too early is cancelled all the same.
                thread::sleep(Duration::from_millis(30));
                let cancelled = Instant::now();
                token.cancel();
                cancelled
            });
            wait(&token);
            let returned = Instant::now();
            returned.saturating_duration_since(canceller.join().unwrap())
        });
        assert!(took < LONG, "{name}: {took:?}");
        fastest = fastest.min(took);
        if fastest < SOON {
            return;
        }
    }
    panic!("{name}: {fastest:?} at best");
}

fn deadline() -> Deadline {
    Deadline::after(SystemClock.now(), Some(LONG), Limit::Idle)
}

fn silent() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn open(address: SocketAddr) -> SocketTransport {
    let stream = TcpStream::connect(address).unwrap();
    let mut transport =
        SocketTransport::from_tcp(stream, &TcpOptions::default(), Arc::new(SystemClock)).unwrap();
    transport.set_deadline(deadline());
    transport
}

#[test]
fn a_read_returns() {
    let (_listener, address) = silent();
    check("read", |token| {
        let mut stream = open(address);
        let _registered = token.on_cancel(stream.interrupter().unwrap());
        let error = stream.read(&mut [0; 16]).unwrap_err();
        assert!(Cancelled::is_in(&error), "{error}");
        assert!(Cancelled::is_in(&stream.read(&mut [0; 16]).unwrap_err()), "and the connection is lost");
    });
}

#[test]
fn a_write_returns() {
    let (_listener, address) = silent();
    check("write", |token| {
        let mut stream = open(address);
        let _registered = token.on_cancel(stream.interrupter().unwrap());
        let filled: io::Result<()> = (0..1000).try_for_each(|_| stream.write_all(&[0; 1 << 16]));
        assert!(Cancelled::is_in(&filled.unwrap_err()));
    });
}

#[test]
fn a_dial_returns() {
    let hole = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    hole.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    hole.listen(0).unwrap();
    let address = hole.local_addr().unwrap().as_socket().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(50));
    let _queued: Vec<_> = std::iter::from_fn(|| connect().ok()).collect();
    let route = Route::new(Origin::http(&address.to_string()).unwrap());
    let connector = Connector::new(ConnectorConfig::default()).unwrap();
    check("dial", |token| {
        let request = ConnectRequest::new(&route, deadline()).cancelled_by(token);
        let error = connector.connect(&request).unwrap_err();
        assert!(matches!(error, ConnectError::Cancelled(_)), "{error}");
    });
}

#[cfg(feature = "tls-no-provider")]
#[test]
fn a_handshake_returns() {
    let (_listener, address) = silent();
    let route = Route::new(Origin::https(&address.to_string()).unwrap());
    let connector = Connector::new(ConnectorConfig::default()).unwrap();
    check("handshake", |token| {
        let request = ConnectRequest::new(&route, deadline()).cancelled_by(token);
        let error = connector.connect(&request).unwrap_err();
        assert!(matches!(error, ConnectError::Cancelled(_)), "{error}");
    });
}

#[test]
fn what_was_cancelled_before_does_not_begin() {
    let (listener, address) = silent();
    listener.set_nonblocking(true).unwrap();
    let token = CancelToken::new();
    token.cancel();
    let route = Route::new(Origin::http(&address.to_string()).unwrap());
    let connector = Connector::new(ConnectorConfig::default()).unwrap();
    let request = ConnectRequest::new(&route, Deadline::NEVER).cancelled_by(&token);
    assert!(matches!(connector.connect(&request), Err(ConnectError::Cancelled(_))));
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "nobody dialled");
}

#[test]
fn a_connection_that_went_on_to_others_is_not_hit() {
    let (listener, address) = silent();
    let mut stream = open(address);
    let (mut peer, _) = listener.accept().unwrap();
    let token = CancelToken::new();
    drop(token.on_cancel(stream.interrupter().unwrap()));
    token.cancel();
    peer.write_all(b"x").unwrap();
    assert_eq!(stream.read(&mut [0; 4]).unwrap(), 1);
}
