//! TLS with real certificates over the loopback interface.
#![cfg(feature = "tls-no-provider")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use conn::rustls::{ClientConfig, ServerConfig, ServerConnection, StreamOwned};
use conn::{
    CancelToken, Connect, ConnectError, ConnectRequest, Connected, Connector, ConnectorConfig, Deadline,
    Interest, Limit, Liveness, Origin, PeerFacts, Phase, Resolve, Roots, Route, SocketTransport, SystemClock,
    TcpOptions, TimedOut, TlsConfig, TlsError, TlsTransport, Transport,
};
use testkit::certs::TestCa;
use testkit::peer::{Script, ScriptedListener};

const LONG: Duration = Duration::from_secs(5);

fn within(time: Duration) -> Deadline {
    Deadline::after(Instant::now(), Some(time), Limit::Idle)
}

/// Every name stands for one address.
struct All(SocketAddr);

impl Resolve for All {
    fn resolve(
        &self,
        _: &str,
        _: u16,
        _: Deadline,
        _: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        Ok(vec![self.0])
    }
}

fn trusting(ca: &TestCa) -> TlsConfig {
    let mut tls = TlsConfig::default();
    tls.roots = Roots::empty();
    tls.roots.add_pem(ca.ca_pem().as_bytes()).unwrap();
    tls
}

fn connect(tls: TlsConfig, host: &str, to: SocketAddr, by: Deadline) -> Result<Connected, ConnectError> {
    let mut config = ConnectorConfig::default();
    config.tls = tls;
    config.resolver = Arc::new(All(to));
    let route = Route::new(Origin::https(&format!("{host}:{}", to.port())).unwrap());
    Connector::new(config).unwrap().connect(&ConnectRequest::new(&route, by))
}

/// Connects to a scripted peer with a certificate for example.com and 127.0.0.1.
fn open(script: Script) -> (ScriptedListener, Box<dyn Transport>) {
    let ca = TestCa::new();
    let server = ca.server(&["example.com", "127.0.0.1"]).server_config();
    let listener = ScriptedListener::start_tls(vec![script], server);
    let mut stream = connect(trusting(&ca), "example.com", listener.addr(), within(LONG)).unwrap().transport;
    stream.set_deadline(within(LONG));
    (listener, stream)
}

/// Accepts one connection and hands it to `serve`.
fn accept<R: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> R + Send + 'static,
) -> (SocketAddr, JoinHandle<R>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let accepting = move || {
        let stream = listener.accept().unwrap().0;
        stream.set_read_timeout(Some(LONG)).unwrap();
        serve(stream)
    };
    (addr, thread::spawn(accepting))
}

fn server<S: Read + Write>(config: &ServerConfig, stream: S) -> StreamOwned<ServerConnection, S> {
    StreamOwned::new(ServerConnection::new(Arc::new(config.clone())).unwrap(), stream)
}

fn dial(to: SocketAddr) -> SocketTransport {
    let stream = TcpStream::connect(to).unwrap();
    SocketTransport::from_tcp(stream, &TcpOptions::default(), Arc::new(SystemClock)).unwrap()
}

fn chain(error: &dyn Error) -> String {
    error.source().map_or(error.to_string(), |source| format!("{error}: {}", chain(source)))
}

#[test]
fn an_exchange_inside_tls_tells_its_facts() {
    let ca = TestCa::new();
    for host in ["example.com", "127.0.0.1", "example.com."] {
        let script = Script::new().expect("ping").reply("pong").close();
        let config = ca.server(&["example.com", "127.0.0.1"]).server_config();
        let listener = ScriptedListener::start_tls(vec![script], config);
        let Connected { mut transport, timings, .. } =
            connect(trusting(&ca), host, listener.addr(), within(LONG)).unwrap();
        assert!(timings.tls > Duration::ZERO);
        let facts = transport.facts().tls.clone().unwrap();
        assert_eq!((&*facts.version, facts.alpn.as_deref()), ("TLSv1.3", Some("http/1.1")));
        assert!(facts.cipher_suite.starts_with("TLS13_"), "{facts:?}");
        assert_eq!(transport.facts().peer, Some(listener.addr()));
        transport.write_all(b"ping").unwrap();
        let mut text = String::new();
        transport.read_to_string(&mut text).unwrap();
        assert_eq!(text, "pong", "{host}");
        transport.close().unwrap();
        listener.finish().unwrap();
    }
}

#[test]
fn a_refused_certificate_is_told_plainly() {
    let ca = TestCa::new();
    let good = ca.server(&["example.com"]);
    let expired = ca.expired_server(&["example.com"]);
    let head = |host: &str| format!("the TLS handshake with {host} failed: the certificate ");
    for (host, trusted, cert, expected) in [
        ("example.com", &TestCa::new(), &good, "is not trusted: its issuer is unknown"),
        ("example.org", &ca, &good, "is not valid for example.org: it names example.com"),
        ("127.0.0.1", &ca, &good, "is not valid for 127.0.0.1: it names example.com"),
        ("example.com", &ca, &expired, "has expired "),
    ] {
        let listener = ScriptedListener::start_tls(vec![Script::new()], cert.server_config());
        let error = connect(trusting(trusted), host, listener.addr(), within(LONG)).unwrap_err();
        let text = chain(&error);
        assert!(text.starts_with(&(head(host) + expected)), "{text}");
        assert!(error.is_certificate());
        listener.finish().unwrap();
    }
}

/// How the peer closed, if not in good order.
#[track_caller]
fn closed_by(error: &ConnectError) -> Option<&io::Error> {
    match error {
        ConnectError::Tls { source: TlsError::PeerClosed { source }, .. } => source.as_ref(),
        _ => panic!("{}", chain(error)),
    }
}

#[test]
fn a_peer_that_closes_or_does_not_speak_tls_is_told_plainly() {
    // Half a close ends in good order; bytes that nobody read turn a close into a reset.
    let (addr, peer) = accept(|mut stream| {
        stream.shutdown(Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).map(drop)
    });
    let error = connect(TlsConfig::default(), "example.com", addr, within(LONG)).unwrap_err();
    assert!(closed_by(&error).is_none(), "{}", chain(&error));
    assert!(!error.is_certificate());
    peer.join().unwrap().unwrap();

    let listener = ScriptedListener::start(vec![Script::new().expect([22, 3, 1]).reset()]);
    let error = connect(TlsConfig::default(), "example.com", listener.addr(), within(LONG)).unwrap_err();
    let source = closed_by(&error).unwrap();
    assert_eq!(source.kind(), io::ErrorKind::ConnectionReset, "{}", chain(&error));
    assert!(chain(&error).ends_with(&source.to_string()), "{}", chain(&error));
    assert!(!error.is_certificate());
    listener.finish().unwrap();

    let listener =
        ScriptedListener::start(vec![Script::new().reply("HTTP/1.1 400 Bad Request\r\n\r\n").close()]);
    let error = connect(TlsConfig::default(), "example.com", listener.addr(), within(LONG)).unwrap_err();
    assert_eq!(
        chain(&error),
        "the TLS handshake with example.com failed: the peer does not speak TLS: it answers in plain HTTP"
    );
    listener.finish().unwrap();
}

#[test]
fn a_handshake_keeps_the_deadline() {
    let (addr, peer) = accept(|mut stream| stream.read_to_end(&mut Vec::new()).map(drop));
    let error = connect(TlsConfig::default(), "example.com", addr, within(Duration::from_millis(30)));
    let timed_out = error.unwrap_err().is_timeout().unwrap();
    assert_eq!((timed_out.phase, timed_out.limit), (Phase::Tls, Limit::Idle));
    peer.join().unwrap().unwrap();
}

#[test]
fn t47_an_end_without_close_notify_is_an_error() {
    let (listener, mut stream) = open(Script::new().reply("half").cut());
    let mut data = Vec::new();
    let error = stream.read_to_end(&mut data).unwrap_err();
    assert_eq!((data.as_slice(), error.kind()), (&b"half"[..], io::ErrorKind::UnexpectedEof));
    assert!(error.to_string().contains("close_notify"));
    assert_eq!(stream.probe(), Liveness::Closed);
    listener.finish().unwrap();
}

#[test]
fn what_came_before_a_broken_record_is_read_and_then_the_fault_is_told() {
    let ca = TestCa::new();
    let config = ca.server(&["127.0.0.1"]).server_config();
    let (go, may_go) = channel::<()>();
    let (addr, serving) = accept(move |stream| {
        let mut tls = server(&config, stream);
        tls.write_all(b"hi").unwrap();
        tls.flush().unwrap();
        let (mut session, mut stream) = tls.into_parts();
        session.writer().write_all(b"whole").unwrap();
        let mut records = Vec::new();
        session.write_tls(&mut records).unwrap();
        // A record of the right form that no key decrypts.
        records.extend_from_slice(&[23, 3, 3, 0, 32]);
        records.extend_from_slice(&[7; 32]);
        stream.write_all(&records).unwrap();
        let _ = may_go.recv();
    });
    let mut stream = connect(trusting(&ca), "127.0.0.1", addr, within(LONG)).unwrap().transport;
    stream.set_deadline(within(LONG));
    let mut came = Vec::new();
    let fault = loop {
        match stream.read(&mut [0; 64]) {
            Ok(n @ 1..) => came.push(n),
            other => break other,
        }
    };
    assert_eq!(came.iter().sum::<usize>(), 7, "{fault:?}");
    // The session is over: nobody waits for what would mend it.
    for _ in 0..2 {
        let began = Instant::now();
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(began.elapsed() < LONG / 2);
    }
    drop(go);
    serving.join().unwrap();
}

#[test]
fn a_session_ticket_is_no_staleness_but_data_and_the_end_are() {
    let ca = TestCa::new();
    let config = ca.server(&["example.com"]).server_config();
    let client = trusting(&ca).build().unwrap();
    let open = |script: Script| {
        let listener = ScriptedListener::start_tls(vec![script], config.clone());
        let tcp = TcpStream::connect(listener.addr()).unwrap();
        let copy = tcp.try_clone().unwrap();
        let tcp = SocketTransport::from_tcp(tcp, &TcpOptions::default(), Arc::new(SystemClock)).unwrap();
        let tls = TlsTransport::handshake(tcp, Arc::clone(&client), "example.com", within(LONG)).unwrap();
        (listener, copy, tls)
    };

    let (listener, socket, mut tls) = open(Script::new().expect("ping").reply("pong"));
    assert_eq!(socket.peek(&mut [0]).unwrap(), 1, "tickets wait");
    // A deadline long passed, as an idle connection has it.
    tls.set_deadline(within(Duration::ZERO));
    assert_eq!(tls.probe(), Liveness::Idle);
    assert!(TimedOut::in_io(&tls.ready(Interest::READ, within(Duration::ZERO)).unwrap_err()).is_some());
    tls.set_deadline(within(LONG));
    tls.write_all(b"ping").unwrap();
    assert_eq!(tls.ready(Interest::READ, within(LONG)).unwrap(), Interest::READ);
    assert_eq!(tls.probe(), Liveness::Readable);
    let mut buf = Vec::with_capacity(3);
    assert_eq!((tls.read_spare(&mut buf).unwrap(), buf.as_slice()), (3, &b"pon"[..]));
    assert_eq!(tls.read_spare(&mut buf).unwrap(), 0, "without spare capacity");
    assert_eq!(tls.ready(Interest::BOTH, within(LONG)).unwrap(), Interest::READ, "decrypted bytes count");
    drop(tls);
    listener.finish().unwrap();

    for (script, expected) in
        [(Script::new().reply("x"), Liveness::Readable), (Script::new().close(), Liveness::Closed)]
    {
        let (listener, _, mut tls) = open(script);
        tls.ready(Interest::READ, within(LONG)).unwrap();
        assert_eq!(tls.probe(), expected);
        drop(tls);
        listener.finish().unwrap();
    }
}

#[test]
fn a_dropped_session_says_goodbye_even_after_its_deadline() {
    let ca = TestCa::new();
    let config = ca.server(&["example.com"]).server_config();
    let (addr, peer) = accept(move |stream| server(&config, stream).read_to_end(&mut Vec::new()));
    let mut stream = connect(trusting(&ca), "example.com", addr, within(LONG)).unwrap().transport;
    stream.set_deadline(within(Duration::ZERO));
    drop(stream);
    assert_eq!(peer.join().unwrap().unwrap(), 0, "an end with close_notify");
}

#[test]
fn sessions_nest_and_move_much_data() {
    let ca = TestCa::new();
    let config = ca.server(&["outer.example", "inner.example"]).server_config();
    let (addr, peer) = accept(move |stream| {
        let mut stream = server(&config, server(&config, stream));
        let mut data = vec![0; 1 << 20];
        stream.read_exact(&mut data)?;
        stream.write_all(&data)?;
        stream.flush()?;
        stream.read(&mut data)
    });
    let client: Arc<ClientConfig> = trusting(&ca).build().unwrap();
    let outer =
        TlsTransport::handshake(dial(addr), Arc::clone(&client), "outer.example", within(LONG)).unwrap();
    let mut inner = TlsTransport::handshake(outer, client, "inner.example", within(LONG)).unwrap();
    inner.set_deadline(within(LONG));
    let data: Vec<u8> = (0..1u32 << 20).map(|i| (i % 251) as u8).collect();
    inner.write_all(&data).unwrap();
    let mut back = Vec::with_capacity(data.len());
    while back.len() < data.len() {
        assert!(inner.read_spare(&mut back).unwrap() > 0);
    }
    assert!(back == data);
    inner.close().unwrap();
    assert_eq!(peer.join().unwrap().unwrap(), 0);
}

/// Counts the reads of the stream below.
struct Counting {
    inner: SocketTransport,
    reads: Arc<AtomicUsize>,
}

impl Read for Counting {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.read(buf)
    }
}

impl Write for Counting {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.inner.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Transport for Counting {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.inner.set_deadline(deadline);
    }

    fn probe(&mut self) -> Liveness {
        self.inner.probe()
    }

    fn ready(&mut self, want: Interest, by: Deadline) -> io::Result<Interest> {
        self.inner.ready(want, by)
    }

    fn facts(&self) -> &Arc<PeerFacts> {
        self.inner.facts()
    }

    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.read_spare(into)
    }

    fn close(&mut self) -> io::Result<()> {
        self.inner.close()
    }
}

#[test]
fn a_download_costs_about_one_read_per_record() {
    const RECORDS: usize = 8;
    let ca = TestCa::new();
    let config = ca.server(&["example.com"]).server_config();
    let (sent, all_sent) = channel();
    let (addr, peer) = accept(move |stream| {
        let mut stream = server(&config, stream);
        stream.read_exact(&mut [0])?;
        stream.write_all(&vec![7; RECORDS * 16 * 1024])?;
        stream.flush()?;
        // From here on the count does not depend on how fast the peer was.
        let _ = sent.send(());
        stream.read(&mut [0])
    });
    let reads = Arc::new(AtomicUsize::new(0));
    let counting = Counting { inner: dial(addr), reads: Arc::clone(&reads) };
    let client = trusting(&ca).build().unwrap();
    let mut tls = TlsTransport::handshake(counting, client, "example.com", within(LONG)).unwrap();
    tls.set_deadline(within(LONG));
    tls.write_all(b"x").unwrap();
    all_sent.recv_timeout(LONG).unwrap();
    reads.store(0, Ordering::Relaxed);
    let (mut left, mut buf) = (RECORDS * 16 * 1024, Vec::with_capacity(16 * 1024));
    while left > 0 {
        buf.clear();
        left -= tls.read_spare(&mut buf).unwrap();
        assert!(buf.iter().all(|byte| *byte == 7));
    }
    assert!(reads.load(Ordering::Relaxed) < RECORDS * 2, "{reads:?} reads");
    assert_eq!(tls.probe(), Liveness::Idle);
    drop(tls);
    assert_eq!(peer.join().unwrap().unwrap(), 0);
}

#[test]
fn a_host_that_no_certificate_can_name_is_refused() {
    let (addr, peer) = accept(drop);
    let tls =
        TlsTransport::handshake(dial(addr), trusting(&TestCa::new()).build().unwrap(), "a b", within(LONG));
    assert!(matches!(tls, Err(ConnectError::InvalidServerName { .. })));
    peer.join().unwrap();
}

#[cfg(feature = "tls-ring")]
#[test]
fn a_provider_that_is_handed_in_serves() {
    use conn::rustls::crypto::ring;

    let ca = TestCa::new();
    let mut tls = trusting(&ca);
    let provider = Arc::new(ring::default_provider());
    tls.provider = Some(Arc::clone(&provider));
    assert!(Arc::ptr_eq(tls.build().unwrap().crypto_provider(), &provider));
    let config = ca.server(&["example.com"]).server_config();
    let listener = ScriptedListener::start_tls(vec![Script::new().expect("a").reply("b")], config);
    let mut stream = connect(tls, "example.com", listener.addr(), within(LONG)).unwrap().transport;
    stream.write_all(b"a").unwrap();
    assert_eq!(stream.read(&mut [0; 2]).unwrap(), 1);
    drop(stream);
    listener.finish().unwrap();
}
