//! A connected socket, TCP or Unix: blocking reads and writes that keep a deadline.

use std::fmt;
#[cfg(target_os = "linux")]
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::RecvFlags;
use socket2::Socket;

use crate::cancel::{Cancelled, Interrupt};
use crate::clock::Clock;
use crate::deadline::{Deadline, TimedOut};
use crate::transport::{Interest, Liveness, PeerFacts, Transport};

/// A connected socket of the system's: TCP, or a Unix domain socket.
///
/// It waits inside `recv` and `send` under the socket's own timeouts. Those are armed to less than the remainder, and
/// armed anew only when the remainder falls below them, so that an exchange on a kept connection costs one `send` and
/// one `recv`.
pub struct SocketTransport {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    deadline: Deadline,
    armed_read: Option<Duration>,
    armed_write: Option<Duration>,
    /// Whether the kernel may copy files here, once it was asked.
    #[cfg(target_os = "linux")]
    copies_files: Option<bool>,
    sent: u64,
    received: u64,
    facts: Arc<PeerFacts>,
}

/// What another thread needs to end a wait.
struct Shared {
    socket: Socket,
    is_interrupted: AtomicBool,
}

impl Interrupt for Shared {
    fn interrupt(&self) {
        self.is_interrupted.store(true, Ordering::SeqCst);
        // It fails only where the peer was faster: then nobody waits.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl SocketTransport {
    /// Takes over a connected, blocking socket that has no timeouts and all its options.
    pub(crate) fn wrap(socket: Socket, path: Option<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        let local = socket.local_addr().ok().and_then(|address| address.as_socket());
        let peer = socket.peer_addr().ok().and_then(|address| address.as_socket());
        Self {
            shared: Arc::new(Shared { socket, is_interrupted: AtomicBool::new(false) }),
            clock,
            deadline: Deadline::NEVER,
            armed_read: None,
            armed_write: None,
            #[cfg(target_os = "linux")]
            copies_files: None,
            sent: 0,
            received: 0,
            facts: Arc::new(PeerFacts { local, peer, path, tls: None }),
        }
    }

    fn reading(&mut self, op: impl FnMut(&Socket) -> io::Result<usize>) -> io::Result<usize> {
        let Self { shared, clock, deadline, armed_read, .. } = self;
        let result = waiting(shared, &**clock, *deadline, armed_read, Socket::set_read_timeout, op);
        let n = result.map_err(|error| self.with_progress(error))?;
        self.received = self.received.saturating_add(n as u64);
        Ok(n)
    }

    fn writing(&mut self, op: impl FnMut(&Socket) -> io::Result<usize>) -> io::Result<usize> {
        let Self { shared, clock, deadline, armed_write, .. } = self;
        let result = waiting(shared, &**clock, *deadline, armed_write, Socket::set_write_timeout, op);
        let n = result.map_err(|error| self.with_progress(error))?;
        self.sent = self.sent.saturating_add(n as u64);
        Ok(n)
    }

    fn with_progress(&self, error: io::Error) -> io::Error {
        TimedOut::in_io(&error)
            .map_or(error, |timed_out| timed_out.with_progress(self.sent, self.received).into())
    }
}

impl fmt::Debug for SocketTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketTransport")
            .field("local", &self.facts.local)
            .field("peer", &self.facts.peer)
            .field("path", &self.facts.path)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Read for SocketTransport {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reading(|mut socket| socket.read(buf))
    }
}

impl Write for SocketTransport {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.writing(|socket| send(socket, buf))
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.writing(|socket| send_vectored(socket, bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for SocketTransport {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    fn probe(&mut self) -> Liveness {
        loop {
            return match peek(&self.shared.socket) {
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
                Err(timed_out) if last_look => return Err(self.with_progress(timed_out.into())),
                Err(_) => Some(Duration::ZERO),
            };
            last_look = timeout == Some(Duration::ZERO);
            // A wait too long for the kernel's type is cut short by the loop anyway.
            let timeout = timeout.map(|left| Timespec::try_from(left).unwrap_or(LONG));
            let mut fds = [PollFd::new(&self.shared.socket, events)];
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

    fn facts(&self) -> &Arc<PeerFacts> {
        &self.facts
    }

    fn interrupter(&self) -> Option<Arc<dyn Interrupt>> {
        Some(Arc::clone(&self.shared) as Arc<dyn Interrupt>)
    }

    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        if into.len() == into.capacity() {
            return Ok(0);
        }
        self.reading(|socket| {
            let (n, _) = rustix::net::recv(socket, spare_capacity(into), RecvFlags::empty())?;
            Ok(n)
        })
    }

    #[cfg(target_os = "linux")]
    fn send_file(&mut self, file: &File, at: u64, n: u64) -> Option<io::Result<u64>> {
        // Whoever asks before an upload is told how it is now; that holds for its pieces.
        if n == 0 || self.copies_files.is_none() {
            self.copies_files = Some(sigpipe_is_harmless());
        }
        if self.copies_files != Some(true) {
            return None;
        }
        if n == 0 {
            return Some(Ok(0));
        }
        // One turn of the kernel's is bounded anyway.
        let count = usize::try_from(n).unwrap_or(usize::MAX);
        Some(self.writing(|socket| copy_file(socket, file, at, count)).map(|n| n as u64))
    }

    fn close(&mut self) -> io::Result<()> {
        match self.shared.socket.shutdown(Shutdown::Both) {
            // The peer was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

/// A wait too long for the kernel's type is cut short to this: whoever waits loops anyway.
pub(crate) const LONG: Timespec = Timespec { tv_sec: 86_400, tv_nsec: 0 };

/// Runs one blocking system call until it succeeds, fails, is interrupted, or the deadline passes.
fn waiting(
    shared: &Shared,
    clock: &dyn Clock,
    deadline: Deadline,
    armed: &mut Option<Duration>,
    arm: impl Fn(&Socket, Option<Duration>) -> io::Result<()>,
    mut op: impl FnMut(&Socket) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut woke = false;
    loop {
        let left = deadline.remaining(clock.now())?;
        if let Some(timeout) = rearm(*armed, left, woke) {
            arm(&shared.socket, timeout)?;
            *armed = timeout;
        }
        let result = op(&shared.socket);
        if !matches!(result, Ok(1..)) && shared.is_interrupted.load(Ordering::SeqCst) {
            return Err(Cancelled.into());
        }
        match result {
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
fn peek(socket: &Socket) -> io::Result<usize> {
    let mut byte = [0];
    let (_, n) = rustix::net::recv(socket, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
    Ok(n)
}

#[cfg(not(unix))]
fn peek(socket: &Socket) -> io::Result<usize> {
    socket.set_nonblocking(true)?;
    let (_, n) = match rustix::net::recv(socket, &mut [0][..], RecvFlags::PEEK) {
        Ok(found) => found,
        Err(error) => {
            socket.set_nonblocking(false)?;
            return Err(error.into());
        }
    };
    socket.set_nonblocking(false)?;
    Ok(n)
}

#[cfg(target_os = "linux")]
fn send(socket: &Socket, buf: &[u8]) -> io::Result<usize> {
    // The plain call raises SIGPIPE where the program did not turn it off.
    Ok(rustix::net::send(socket, buf, rustix::net::SendFlags::NOSIGNAL)?)
}

#[cfg(target_os = "linux")]
fn copy_file(socket: &Socket, file: &File, at: u64, count: usize) -> io::Result<usize> {
    use std::os::unix::fs::FileExt;

    use rustix::io::Errno;

    let mut offset = at;
    match rustix::fs::sendfile(socket, file, Some(&mut offset), count) {
        // Some file systems cannot.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            let mut buf = vec![0; count.min(64 << 10)];
            let n = file.read_at(&mut buf, at)?;
            if n == 0 { Ok(0) } else { send(socket, buf.get(..n).unwrap_or_default()) }
        }
        result => Ok(result?),
    }
}

/// Tells whether SIGPIPE ends the process: the kernel raises it where it copies a file to a peer that is gone, and there is
/// no flag against it. Rust ignores it from the start of `main`; a program can want it back, and a library in a program of
/// another language finds it as it is.
#[cfg(target_os = "linux")]
fn sigpipe_is_harmless() -> bool {
    const SIGPIPE: u64 = 1 << 12;
    let Ok(status) = std::fs::read_to_string("/proc/thread-self/status") else { return false };
    // Ignored, caught, or blocked.
    status.lines().filter_map(|line| line.split_once(':')).any(|(name, mask)| {
        matches!(name, "SigIgn" | "SigCgt" | "SigBlk")
            && u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & SIGPIPE != 0)
    })
}

#[cfg(not(target_os = "linux"))]
fn send(mut socket: &Socket, buf: &[u8]) -> io::Result<usize> {
    socket.write(buf)
}

#[cfg(target_os = "linux")]
fn send_vectored(socket: &Socket, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
    use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
    Ok(sendmsg(socket, bufs, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)?)
}

#[cfg(not(target_os = "linux"))]
fn send_vectored(mut socket: &Socket, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
    socket.write_vectored(bufs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_is_sent_by_the_kernel_from_where_it_is_asked() {
        use std::io::Write as _;
        use std::os::unix::net::UnixStream;

        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let clock = Arc::new(crate::clock::SystemClock);
        let mut transport =
            SocketTransport::wrap(Socket::from(std::os::fd::OwnedFd::from(ours)), None, clock);
        assert!(sigpipe_is_harmless(), "Rust ignores it");
        for (at, n, expected) in [(0, 0, 0), (0, 4, 4), (8, 9, 2), (10, 1, 0), (99, 1, 0)] {
            let sent = transport.send_file(&file, at, n).unwrap().unwrap();
            assert_eq!(sent, expected, "{at} {n}");
        }
        drop(transport);
        let mut came = String::new();
        theirs.read_to_string(&mut came).unwrap();
        assert_eq!(came, "012389");
    }

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
