//! TCP: options of its sockets, and dialling.

mod dialling;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::deadline::{Deadline, Phase};
use crate::error::ConnectError;
use crate::socket::SocketTransport;

/// How TCP connections are dialled, and their socket options.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpOptions {
    /// Sends small segments at once (`TCP_NODELAY`). Default true.
    pub nodelay: bool,
    /// Asks the kernel to probe a silent peer after this long (`SO_KEEPALIVE`, whole seconds). Default none.
    pub keepalive: Option<Duration>,
    /// How long data may stay unacknowledged before the kernel gives the connection up (`TCP_USER_TIMEOUT`, whole
    /// milliseconds). Linux only; elsewhere dialling fails if it is set. Default none: the kernel's own, many minutes.
    pub user_timeout: Option<Duration>,
    /// Bytes of the kernel's receive buffer (`SO_RCVBUF`). Default none: the kernel's own, which adapts.
    pub receive_buffer: Option<usize>,
    /// Bytes of the kernel's send buffer (`SO_SNDBUF`). Default none: the kernel's own, which adapts.
    pub send_buffer: Option<usize>,
    /// The address of this machine to dial from. Addresses of the other family fail then. Default none: the kernel
    /// chooses.
    pub local_address: Option<IpAddr>,
    /// The network interface to dial through, such as `eth0` (`SO_BINDTODEVICE`). Linux only, elsewhere dialling fails
    /// if it is set; older kernels want privileges. Default none.
    pub interface: Option<String>,
    /// How long a dialled address has for its answer before the next one is dialled beside it. Default 250 ms, at least
    /// 10 ms (RFC 8305).
    pub stagger: Duration,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            keepalive: None,
            user_timeout: None,
            receive_buffer: None,
            send_buffer: None,
            local_address: None,
            interface: None,
            stagger: Duration::from_millis(250),
        }
    }
}

impl TcpOptions {
    /// Sets what can be set on a socket that may be connected.
    fn apply(&self, socket: &Socket) -> io::Result<()> {
        socket.set_tcp_nodelay(self.nodelay)?;
        if let Some(time) = self.keepalive {
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time))?;
        }
        if let Some(size) = self.receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        if let Some(size) = self.send_buffer {
            socket.set_send_buffer_size(size)?;
        }
        if let Some(time) = self.user_timeout {
            set_user_timeout(socket, time)?;
        }
        Ok(())
    }

    /// Sets what has to be set before a socket connects to `to`.
    fn bind(&self, socket: &Socket, to: SocketAddr) -> io::Result<()> {
        if let Some(name) = &self.interface {
            bind_device(socket, name)?;
        }
        match self.local_address {
            None => Ok(()),
            Some(local) if local.is_ipv4() == to.is_ipv4() => socket.bind(&SocketAddr::new(local, 0).into()),
            Some(local) => Err(io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                format!("the local address {local} is of the other family"),
            )),
        }
    }
}

#[cfg(target_os = "linux")]
fn set_user_timeout(socket: &Socket, time: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(time))
}

#[cfg(target_os = "linux")]
fn bind_device(socket: &Socket, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(not(target_os = "linux"))]
fn set_user_timeout(_: &Socket, _: Duration) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "a user timeout can be set on Linux only"))
}

#[cfg(not(target_os = "linux"))]
fn bind_device(_: &Socket, _: &str) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "an interface can be chosen on Linux only"))
}

impl SocketTransport {
    /// Dials the addresses of `host` until one accepts (Happy Eyeballs, RFC 8305): the families alternate, beginning with
    /// the first address's; the next address starts [`TcpOptions::stagger`] after the last, or as soon as one fails. The
    /// first that is connected wins, the others are closed. At most 16 addresses are tried. `host` stands in errors only.
    ///
    /// # Errors
    /// [`ConnectError::Dial`] with every address that was tried, [`ConnectError::Timeout`] before the first, or
    /// [`ConnectError::Cancelled`].
    pub fn dial_tcp(
        host: &str,
        addresses: &[SocketAddr],
        options: &TcpOptions,
        clock: &Arc<dyn Clock>,
        by: Deadline,
        cancel: &CancelToken,
    ) -> Result<Self, ConnectError> {
        let by = by.during(Phase::Connect);
        let socket = dialling::dial(host, addresses, options, &**clock, by, cancel)?;
        Ok(Self::wrap(socket, None, Arc::clone(clock)))
    }

    /// Takes over a connected, blocking stream.
    ///
    /// # Errors
    /// The socket refuses an option.
    pub fn from_tcp(stream: TcpStream, options: &TcpOptions, clock: Arc<dyn Clock>) -> io::Result<Self> {
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        let socket = Socket::from(stream);
        options.apply(&socket)?;
        Ok(Self::wrap(socket, None, clock))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn the_options_reach_the_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = || Socket::from(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let plain = socket();
        TcpOptions::default().apply(&plain).unwrap();
        assert!(plain.tcp_nodelay().unwrap() && !plain.keepalive().unwrap());

        let mut options = TcpOptions {
            nodelay: false,
            keepalive: Some(Duration::from_secs(30)),
            // The kernel doubles what it is asked for, and has a least size.
            receive_buffer: Some(32 << 10),
            send_buffer: Some(32 << 10),
            ..TcpOptions::default()
        };
        if cfg!(target_os = "linux") {
            options.user_timeout = Some(Duration::from_secs(20));
        }
        let tuned = socket();
        options.apply(&tuned).unwrap();
        assert!(!tuned.tcp_nodelay().unwrap() && tuned.keepalive().unwrap());
        assert!((32 << 10..=64 << 10).contains(&tuned.recv_buffer_size().unwrap()));
        assert!((32 << 10..=64 << 10).contains(&tuned.send_buffer_size().unwrap()));
        #[cfg(target_os = "linux")]
        {
            assert_eq!(tuned.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
            assert_eq!(tuned.tcp_user_timeout().unwrap(), Some(Duration::from_secs(20)));
        }
    }

    #[test]
    fn a_stream_that_is_taken_over_loses_its_own_timeouts() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let copy = stream.try_clone().unwrap();
        let transport =
            SocketTransport::from_tcp(stream, &TcpOptions::default(), Arc::new(SystemClock)).unwrap();
        assert_eq!(copy.read_timeout().unwrap(), None);
        drop(transport);
    }
}
