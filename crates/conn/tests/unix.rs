//! Unix domain sockets.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "test code fails loudly")]

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use conn::{
    AddressPolicy, CancelToken, Clock, Connect, ConnectError, ConnectRequest, Connector, ConnectorConfig,
    Deadline, DialTo, Limit, Liveness, Origin, Phase, Route, SystemClock, Transport,
};

fn route(path: &std::path::Path) -> Route {
    Route::new(Origin::http("service.example").unwrap()).dialling(DialTo::Unix(path.to_owned()))
}

fn within(time: Duration) -> Deadline {
    Deadline::after(SystemClock.now(), Some(time), Limit::Connect)
}

#[test]
fn a_socket_in_the_file_system_is_a_transport_like_any_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut config = ConnectorConfig::default();
    // The caller named the socket: there is no address to judge.
    config.policy = AddressPolicy::public_only();
    let connector = Connector::new(config).unwrap();
    let route = route(&path);
    let mut stream =
        connector.connect(&ConnectRequest::new(&route, within(Duration::from_secs(5)))).unwrap().transport;
    let (mut peer, _) = listener.accept().unwrap();
    assert_eq!(stream.facts().path.as_deref(), Some(&*path));
    assert_eq!((stream.facts().peer, stream.facts().local), (None, None));
    assert_eq!(stream.probe(), Liveness::Idle);

    stream.write_all(b"ping").unwrap();
    let mut four = [0; 4];
    peer.read_exact(&mut four).unwrap();
    assert_eq!(&four, b"ping");
    peer.write_all(b"pong").unwrap();
    assert_eq!(stream.probe(), Liveness::Readable);
    stream.set_deadline(within(Duration::from_secs(5)));
    stream.read_exact(&mut four).unwrap();
    assert_eq!(&four, b"pong");
    drop(peer);
    assert_eq!(stream.read(&mut four).unwrap(), 0);
}

#[test]
fn a_socket_that_is_not_there_is_named() {
    let route = route(std::path::Path::new("/nowhere/server.sock"));
    let connector = Connector::new(ConnectorConfig::default()).unwrap();
    let error = connector.connect(&ConnectRequest::new(&route, Deadline::NEVER)).unwrap_err();
    assert_eq!(error.to_string(), "cannot connect to the socket /nowhere/server.sock");
    let ConnectError::Unix { source, .. } = error else { panic!("another error") };
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn a_full_queue_is_waited_for_until_the_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("full.sock");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    socket.listen(0).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let dial = |time, cancel: &CancelToken| {
        conn::SocketTransport::dial_unix(&path, &clock, within(Duration::from_millis(time)), cancel)
    };
    let queued: Vec<_> = (0..64).map_while(|_| dial(50, CancelToken::never()).ok()).collect();
    assert!(!queued.is_empty());

    let begun = Instant::now();
    let error = dial(40, CancelToken::never()).unwrap_err();
    assert!(begun.elapsed() >= Duration::from_millis(40));
    assert_eq!(error.is_timeout().unwrap().phase, Phase::Connect);

    let token = CancelToken::new();
    thread::scope(|scope| {
        scope.spawn(|| token.cancel());
        assert!(matches!(dial(5000, &token), Err(ConnectError::Cancelled(_))));
    });
}
