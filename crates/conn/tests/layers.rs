//! Connectors put into each other.
#![cfg(any(feature = "tls-aws-lc", feature = "tls-ring"))]
#![allow(clippy::unwrap_used, reason = "test code fails loudly")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use conn::rustls::{ClientConfig, ServerConfig, ServerConnection, StreamOwned};
use conn::{
    Clock, Connect, ConnectError, ConnectRequest, Connected, Deadline, Dialer, Hop, Limit, Origin, Overrides,
    Roots, Route, SystemClock, TlsConfig, TlsConnector, Transport as _,
};
use testkit::certs::TestCa;

fn server<S: Read + Write>(config: &ServerConfig, stream: S) -> StreamOwned<ServerConnection, S> {
    StreamOwned::new(ServerConnection::new(Arc::new(config.clone())).unwrap(), stream)
}

/// Asks a proxy for the way on, one line each way: what a facade's CONNECT is to this crate.
struct Tunnel<C> {
    inner: C,
    proxy: Origin,
}

impl<C: Connect> Connect for Tunnel<C> {
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        let mut connected = self.inner.connect(&to.to(Hop::origin(&self.proxy)))?;
        let failed = |source| ConnectError::Unix { path: "tunnel".into(), source };
        let stream = &mut connected.transport;
        stream.set_deadline(to.deadline);
        stream.write_all(format!("to {}\n", to.hop).as_bytes()).map_err(failed)?;
        let mut answer = [0; 3];
        stream.read_exact(&mut answer).map_err(failed)?;
        assert_eq!(&answer, b"ok\n");
        Ok(connected)
    }
}

#[test]
fn tls_over_a_tunnel_over_tls_over_tcp_is_three_values_put_into_each_other() {
    let ca = TestCa::new();
    let (proxy, origin) =
        (ca.server(&["proxy.example"]).server_config(), ca.server(&["example.com"]).server_config());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr: SocketAddr = listener.local_addr().unwrap();
    let peer = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut outer = server(&proxy, stream);
        let mut asked = [0; 19];
        outer.read_exact(&mut asked).unwrap();
        outer.write_all(b"ok\n").unwrap();
        let mut inner = server(&origin, outer);
        inner.write_all(b"hello").unwrap();
        inner.flush().unwrap();
        asked
    });
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut tls = TlsConfig::default();
    tls.roots = Roots::empty();
    tls.roots.add_pem(ca.ca_pem().as_bytes()).unwrap();
    let config: Arc<ClientConfig> = tls.build().unwrap();
    let mut dialer = Dialer::default();
    dialer.resolver = Arc::new(Overrides::default().host("proxy.example", [addr.ip()]));
    let below = TlsConnector::new(dialer, Arc::clone(&config), Arc::clone(&clock));
    let proxy = Origin::https(&format!("proxy.example:{}", addr.port())).unwrap();
    let connector = TlsConnector::new(Tunnel { inner: below, proxy }, config, clock);
    let route = Route::new(Origin::https("example.com").unwrap());
    let by = Deadline::after(Instant::now(), Some(Duration::from_secs(5)), Limit::Connect);
    let mut stream = connector.connect(&ConnectRequest::new(&route, by)).unwrap().transport;
    stream.set_deadline(by);
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"hello");
    assert_eq!(&peer.join().unwrap(), b"to example.com:443\n");
}
