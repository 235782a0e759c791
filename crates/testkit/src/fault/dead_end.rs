//! Addresses that nobody can connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// An address that gives no answer: a listener on loopback whose queue is full, so that the system drops what else
/// comes. It answers none while this value lives.
#[derive(Debug)]
pub struct BlackHole {
    addr: SocketAddr,
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    /// Opens one on 127.0.0.1.
    ///
    /// # Panics
    /// There is no loopback interface, or it accepts however full the queue is.
    #[must_use]
    pub fn v4() -> Self {
        Self::open(Ipv4Addr::LOCALHOST.into(), 0)
    }

    /// Opens one on `[::1]` with this port; 0 takes a free one.
    ///
    /// # Panics
    /// There is no IPv6 loopback interface, the port is taken, or it accepts however full the queue is.
    #[must_use]
    pub fn v6(port: u16) -> Self {
        Self::open(Ipv6Addr::LOCALHOST.into(), port)
    }

    fn open(ip: IpAddr, port: u16) -> Self {
        const MORE_THAN_ANY_QUEUE: usize = 16;
        let listener = Socket::new(Domain::for_address((ip, port).into()), Type::STREAM, None);
        let listener = listener.expect("a socket of this family");
        listener.bind(&SocketAddr::from((ip, port)).into()).expect("a free port on the loopback interface");
        listener.listen(0).expect("a listener");
        let addr = listener.local_addr().ok().and_then(|addr| addr.as_socket()).expect("its address");
        let mut queued = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(50)) {
            queued.push(stream);
            assert!(queued.len() < MORE_THAN_ANY_QUEUE, "this system accepts behind a full queue");
        }
        Self { addr, _listener: listener, _queued: queued }
    }

    /// Returns the address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// An address on 127.0.0.1 that refuses: its port is taken, so that no other program gets it, and nobody listens.
#[derive(Debug)]
pub struct Refusing {
    addr: SocketAddr,
    _bound: Socket,
}

impl Refusing {
    /// Takes a free port.
    ///
    /// # Panics
    /// There is no loopback interface.
    #[must_use]
    pub fn open() -> Self {
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        bound.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        let addr = bound.local_addr().ok().and_then(|addr| addr.as_socket()).expect("its address");
        Self { addr, _bound: bound }
    }

    /// Returns the address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}
