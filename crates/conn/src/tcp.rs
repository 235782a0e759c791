//! TCP: dialling, and blocking reads and writes that keep a deadline.

mod dialling;

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::RecvFlags;
use socket2::{SockRef, Socket, TcpKeepalive};

use crate::clock::Clock;
use crate::deadline::{Deadline, Phase};
use crate::error::ConnectError;
use crate::origin::Origin;
use crate::transport::{Interest, Liveness, PeerFacts, Transport};

/// How TCP connections are dialled, and their socket options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpOptions {
    /// Sends small segments at once (`TCP_NODELAY`). Default true.
    pub nodelay: bool,
    /// Asks the kernel to probe a silent peer after this long (`SO_KEEPALIVE`, whole seconds). Default none.
    pub keepalive: Option<Duration>,
    /// How long a dialled address has for its answer before the next one is dialled beside it. Default 250 ms, at least
    /// 10 ms (RFC 8305).
    pub stagger: Duration,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self { nodelay: true, keepalive: None, stagger: Duration::from_millis(250) }
    }
}

impl TcpOptions {
    fn apply(self, socket: &Socket) -> io::Result<()> {
        socket.set_tcp_nodelay(self.nodelay)?;
        if let Some(time) = self.keepalive {
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time))?;
        }
        Ok(())
    }
}

/// A TCP connection.
///
/// It waits inside `recv` and `send` under the socket's own timeouts. Those are armed to less than the remainder, and
/// armed anew only when the remainder falls below them, so that an exchange on a kept connection costs one `send` and
/// one `recv`.
pub struct TcpTransport {
    stream: TcpStream,
    clock: Arc<dyn Clock>,
    deadline: Deadline,
    armed_read: Option<Duration>,
    armed_write: Option<Duration>,
    facts: PeerFacts,
}

impl TcpTransport {
    /// Dials the addresses until one accepts (Happy Eyeballs, RFC 8305): the families alternate, beginning with the first
    /// address's; the next address starts [`TcpOptions::stagger`] after the last, or as soon as one fails. The first
    /// that is connected wins, the others are closed. At most 16 addresses are tried.
    ///
    /// # Errors
    /// [`ConnectError::Dial`] with every address that was tried, or [`ConnectError::Timeout`] before the first.
    pub fn dial(
        origin: &Origin,
        addresses: &[SocketAddr],
        options: TcpOptions,
        clock: &Arc<dyn Clock>,
        by: Deadline,
    ) -> Result<Self, ConnectError> {
        let stream = dialling::dial(origin, addresses, options, &**clock, by.during(Phase::Connect))?;
        Ok(Self::wrap(stream, Arc::clone(clock)))
    }

    /// Takes over a connected, blocking stream.
    ///
    /// # Errors
    /// The socket refuses an option.
    pub fn new(stream: TcpStream, options: TcpOptions, clock: Arc<dyn Clock>) -> io::Result<Self> {
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        options.apply(&SockRef::from(&stream))?;
        Ok(Self::wrap(stream, clock))
    }

    /// Takes over a stream that has no timeouts and all its options.
    fn wrap(stream: TcpStream, clock: Arc<dyn Clock>) -> Self {
        let facts = PeerFacts { local: stream.local_addr().ok(), peer: stream.peer_addr().ok(), tls: None };
        let deadline = Deadline::NEVER;
        Self { stream, clock, deadline, armed_read: None, armed_write: None, facts }
    }

    fn reading<R>(&mut self, op: impl FnMut(&TcpStream) -> io::Result<R>) -> io::Result<R> {
        let Self { stream, clock, deadline, armed_read, .. } = self;
        waiting(stream, &**clock, *deadline, armed_read, TcpStream::set_read_timeout, op)
    }

    fn writing<R>(&mut self, op: impl FnMut(&TcpStream) -> io::Result<R>) -> io::Result<R> {
        let Self { stream, clock, deadline, armed_write, .. } = self;
        waiting(stream, &**clock, *deadline, armed_write, TcpStream::set_write_timeout, op)
    }
}

impl fmt::Debug for TcpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpTransport")
            .field("local", &self.facts.local)
            .field("peer", &self.facts.peer)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Read for TcpTransport {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reading(|mut stream| stream.read(buf))
    }
}

impl Write for TcpTransport {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.writing(|mut stream| stream.write(buf))
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.writing(|stream| send_vectored(stream, bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for TcpTransport {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    fn probe(&mut self) -> Liveness {
        loop {
            return match peek(&self.stream) {
                Ok(0) => Liveness::Closed,
                Ok(_) => Liveness::Readable,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Liveness::Idle,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => Liveness::Closed,
            };
        }
    }

    fn ready(&mut self, want: Interest, by: Deadline) -> io::Result<Interest> {
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, want.read);
        events.set(PollFlags::OUT, want.write);
        let mut last_look = false;
        loop {
            let timeout = match by.remaining(self.clock.now()) {
                Ok(left) => left,
                Err(timed_out) if last_look => return Err(timed_out.into()),
                Err(_) => Some(Duration::ZERO),
            };
            last_look = timeout == Some(Duration::ZERO);
            // A wait too long for the kernel's type is cut short by the loop anyway.
            let timeout = timeout.map(|left| Timespec::try_from(left).unwrap_or(LONG));
            let mut fds = [PollFd::new(&self.stream, events)];
            match rustix::event::poll(&mut fds, timeout.as_ref()) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => {
                    let [fd] = &fds;
                    let found = fd.revents();
                    let broken = found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
                    let read = want.read && (broken || found.contains(PollFlags::IN));
                    let write = want.write && (broken || found.contains(PollFlags::OUT));
                    return Ok(Interest { read, write });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn facts(&self) -> &PeerFacts {
        &self.facts
    }

    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        if into.len() == into.capacity() {
            return Ok(0);
        }
        self.reading(|stream| {
            let (n, _) = rustix::net::recv(stream, spare_capacity(into), RecvFlags::empty())?;
            Ok(n)
        })
    }

    fn close(&mut self) -> io::Result<()> {
        match self.stream.shutdown(Shutdown::Both) {
            // The peer was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

const LONG: Timespec = Timespec { tv_sec: 86_400, tv_nsec: 0 };

/// Runs one blocking system call until it succeeds, fails or the deadline passes.
fn waiting<R>(
    stream: &TcpStream,
    clock: &dyn Clock,
    deadline: Deadline,
    armed: &mut Option<Duration>,
    arm: impl Fn(&TcpStream, Option<Duration>) -> io::Result<()>,
    mut op: impl FnMut(&TcpStream) -> io::Result<R>,
) -> io::Result<R> {
    let mut woke = false;
    loop {
        let left = deadline.remaining(clock.now())?;
        if let Some(timeout) = rearm(*armed, left, woke) {
            arm(stream, timeout)?;
            *armed = timeout;
        }
        match op(stream) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Unix says WouldBlock when the socket's timeout fires, Windows says TimedOut; the kernel's own verdict
            // that the peer is gone (ETIMEDOUT) is final.
            Err(error) if woke_up(&error) => woke = true,
            result => return result,
        }
    }
}

fn woke_up(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || (cfg!(windows) && error.kind() == io::ErrorKind::TimedOut)
}

/// What the socket's timeout has to become before the next system call: `None` leaves it, `Some(None)` waits for ever.
///
/// Rounding down to a power of two keeps what is armed below the remainder of the next exchanges too. A wake before
/// the deadline means that it is armed too short: then the remainder itself, in whole milliseconds.
fn rearm(armed: Option<Duration>, left: Option<Duration>, woke: bool) -> Option<Option<Duration>> {
    let wanted = match left {
        None if woke => None,
        None => return None,
        Some(left) if woke => Some(whole_millis(left)),
        Some(left) if armed.is_some_and(|armed| armed <= left) => return None,
        Some(left) => Some(power_of_two(left)),
    };
    (wanted != armed).then_some(wanted)
}

fn whole_millis(left: Duration) -> Duration {
    let millis = u64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    Duration::from_millis(millis.max(1))
}

fn power_of_two(left: Duration) -> Duration {
    let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(1 << millis.ilog2())
}

#[cfg(unix)]
fn peek(stream: &TcpStream) -> io::Result<usize> {
    let mut byte = [0];
    let (_, n) = rustix::net::recv(stream, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
    Ok(n)
}

#[cfg(not(unix))]
fn peek(stream: &TcpStream) -> io::Result<usize> {
    stream.set_nonblocking(true)?;
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    peeked
}

#[cfg(target_os = "linux")]
fn send_vectored(stream: &TcpStream, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
    use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
    // std would call writev, which raises SIGPIPE where the program did not turn it off.
    Ok(sendmsg(stream, bufs, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)?)
}

#[cfg(not(target_os = "linux"))]
fn send_vectored(mut stream: &TcpStream, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
    stream.write_vectored(bufs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_armed_below_the_remainder_and_only_when_needed() {
        let ms = |ms: u64| Some(Duration::from_millis(ms));
        let micros = |us: u64| Some(Duration::from_micros(us));
        for (name, armed, left, woke, expected) in [
            ("never waits for ever as it is", None, None, false, None),
            ("the first deadline arms", None, ms(60_000), false, Some(ms(32_768))),
            ("a full remainder costs nothing", ms(32_768), ms(60_000), false, None),
            ("the armed time itself costs nothing", ms(1024), ms(1024), false, None),
            ("a shorter remainder arms", ms(32_768), ms(32_767), false, Some(ms(16_384))),
            ("less than a millisecond is one", ms(2), micros(300), false, Some(ms(1))),
            ("one millisecond is not armed again", ms(1), micros(300), false, None),
            ("no deadline leaves what is armed", ms(16), None, false, None),
            ("no deadline after a wake waits for ever", ms(16), None, true, Some(None)),
            ("a wake arms up to the remainder", ms(16), ms(60_000), true, Some(ms(60_000))),
            ("a wake arms down to the remainder", ms(16), ms(9), true, Some(ms(9))),
            ("a wake rounds up to whole milliseconds", ms(16), micros(2_100), true, Some(ms(3))),
            ("a wake in the last millisecond", ms(1), micros(10), true, None),
        ] {
            assert_eq!(rearm(armed, left, woke), expected, "{name}");
        }
        assert_eq!(power_of_two(Duration::MAX), Duration::from_millis(1 << 63));
    }
}
