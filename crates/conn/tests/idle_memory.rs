//! What an idle connection holds on the heap: a pool keeps many of them.
//!
//! Counted is what Rust allocates on this thread: this crate's and rustls's share. The cryptography in C allocates for
//! the keys of a session besides, and so does the kernel for every socket.
#![cfg(feature = "tls-aws-lc")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code fails loudly")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use conn::rustls::{ServerConfig, ServerConnection, StreamOwned};
use conn::{
    Deadline, Limit, Liveness, Roots, SocketTransport, SystemClock, TcpOptions, TlsConfig, TlsTransport,
    Transport,
};
use testkit::certs::TestCa;
use testkit::certs::rcgen::CustomExtension;

const CONNECTIONS: usize = 1000;
const PLAIN_BUDGET: u64 = 2 * 1024;
const TLS_BUDGET: u64 = 12 * 1024;

/// What moved over each connection before it went idle.
const CONTENT: usize = 20 * 1024;

/// Serves `CONNECTIONS` connections, one after the other: content for a byte, and then silence until all are there.
fn serve(listener: TcpListener, tls: Option<ServerConfig>) -> thread::JoinHandle<()> {
    let tls = tls.map(Arc::new);
    thread::spawn(move || {
        let content = vec![7; CONTENT];
        let mut plain = Vec::new();
        let mut secure = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut stream = listener.accept().unwrap().0;
            stream.set_nodelay(true).unwrap();
            if let Some(tls) = &tls {
                let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(tls)).unwrap(), stream);
                stream.read_exact(&mut [0]).unwrap();
                stream.write_all(&content).unwrap();
                stream.flush().unwrap();
                secure.push(stream);
            } else {
                stream.read_exact(&mut [0]).unwrap();
                stream.write_all(&content).unwrap();
                plain.push(stream);
            }
        }
        // All stay open until the client closes the first.
        let mut all: Vec<_> = plain.into_iter().chain(secure.into_iter().map(|stream| stream.sock)).collect();
        let _ = all[0].read(&mut [0; 64]);
    })
}

/// Opens all connections, uses each once, and returns the bytes that one holds while it is idle.
fn measure(open: impl Fn(SocketTransport) -> Box<dyn Transport>, tls: Option<ServerConfig>) -> u64 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = serve(listener, tls);
    let clock = Arc::new(SystemClock);
    let mut idle = Vec::with_capacity(CONNECTIONS);
    let mut buf = Vec::with_capacity(64 * 1024);
    let allocated = allocation_counter::measure(|| {
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(addr).unwrap();
            let mut stream =
                open(SocketTransport::from_tcp(stream, &TcpOptions::default(), clock.clone()).unwrap());
            stream.set_deadline(Deadline::after(Instant::now(), Some(Duration::from_secs(10)), Limit::Idle));
            stream.write_all(b"a").unwrap();
            let mut left = CONTENT;
            while left > 0 {
                buf.clear();
                left -= stream.read_spare(&mut buf).unwrap();
            }
            // As the pool does before it lends one.
            assert_eq!(stream.probe(), Liveness::Idle);
            idle.push(stream);
        }
    });
    drop(idle);
    server.join().unwrap();
    u64::try_from(allocated.bytes_current).unwrap() / CONNECTIONS as u64
}

#[test]
fn an_idle_connection_holds_little() {
    // Both ends of every connection are in this process.
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();

    let plain = measure(|stream| Box::new(stream), None);
    let ca = TestCa::new();
    let mut tls = TlsConfig::default();
    tls.roots = Roots::empty();
    tls.roots.add_pem(ca.ca_pem().as_bytes()).unwrap();
    let config = tls.build().unwrap();
    let open = |stream| -> Box<dyn Transport> {
        let by = Deadline::after(Instant::now(), Some(Duration::from_secs(10)), Limit::Connect);
        Box::new(TlsTransport::handshake(stream, Arc::clone(&config), "example.com", by).unwrap())
    };
    // As long a chain as public servers show.
    let cert = ca.server_with(&["example.com"], |params| {
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 200], vec![4; 3000]));
    });
    let tls = measure(open, Some(cert.server_config()));
    println!("plain {plain} bytes, TLS {tls} bytes");
    assert!(plain <= PLAIN_BUDGET, "{plain} bytes for a plain connection");
    assert!(tls <= TLS_BUDGET, "{tls} bytes for a TLS connection");
}
