//! Connects to several addresses at once, as [`Dial`] says, and waits for all of them in one `poll`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::TcpOptions;
use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::dial::{Dial, Next};
use crate::error::{ConnectError, FailedAddress};
use crate::socket::LONG;
use crate::wake::Wake;

/// An address that was started: its socket while there is no answer, then why it failed.
struct Candidate {
    address: SocketAddr,
    state: io::Result<Socket>,
}

/// Connects to the address that answers first; the others are closed.
pub(super) fn dial(
    host: &str,
    addresses: &[SocketAddr],
    options: &TcpOptions,
    clock: &dyn Clock,
    by: Deadline,
    cancel: &CancelToken,
) -> Result<Socket, ConnectError> {
    let mut dial = Dial::new(addresses, options.stagger);
    let mut tried: Vec<Candidate> = Vec::new();
    let wake = Wake::new(cancel);
    loop {
        cancel.check()?;
        let now = clock.now();
        let left = match by.remaining(now) {
            Ok(left) => left,
            Err(timed_out) if tried.is_empty() => return Err(timed_out.into()),
            Err(timed_out) => return Err(failure(host, tried, || timed_out.into())),
        };
        match dial.next(now) {
            Next::Start(address) => {
                let state = begin(address, options).inspect_err(|error| log(address, error));
                tried.push(Candidate { address, state });
            }
            Next::Wait(until) => {
                let until = until.map(|until| until.saturating_duration_since(now));
                let time = [left, until, wake.look_again()].into_iter().flatten().min();
                match wait(&mut tried, &wake, time) {
                    Ok(Some(socket)) => return Ok(socket),
                    Ok(None) => {}
                    Err(error) => return Err(failure(host, tried, || error.into())),
                }
            }
            Next::Exhausted if tried.is_empty() => {
                return Err(ConnectError::NoAddress { host: host.to_owned() });
            }
            // None is open then.
            Next::Exhausted => return Err(failure(host, tried, || io::ErrorKind::NotConnected.into())),
        }
        for candidate in tried.iter().filter(|candidate| candidate.state.is_err()) {
            dial.on_failure(candidate.address);
        }
    }
}

/// Makes a socket and begins to connect. One that is connected at once shows in the next `poll`.
fn begin(address: SocketAddr, options: &TcpOptions) -> io::Result<Socket> {
    tracing::trace!(target: "conn", { network.peer.address = %address }, "dialling");
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    options.apply(&socket)?;
    options.bind(&socket, address)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if !is_under_way(&error) => Err(error),
        _ => Ok(socket),
    }
}

/// Unix says EINPROGRESS, Windows WouldBlock; an interrupted connect goes on behind.
fn is_under_way(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
        || Errno::from_io_error(error) == Some(Errno::INPROGRESS)
}

/// Waits until an open candidate answers or the time is over. Returns the first started that is connected; those that
/// failed say why.
fn wait(tried: &mut [Candidate], wake: &Wake, time: Option<Duration>) -> Result<Option<Socket>, Errno> {
    let time = time.map(|time| Timespec::try_from(time).unwrap_or(LONG));
    let open = tried.iter().filter_map(|candidate| candidate.state.as_ref().ok());
    let mut fds: Vec<_> = open.map(|socket| PollFd::new(socket, PollFlags::OUT)).collect();
    // Last, so that it stands behind every candidate in what follows.
    fds.extend(wake.poll_fd());
    match rustix::event::poll(&mut fds, time.as_ref()) {
        Ok(0) | Err(Errno::INTR) => return Ok(None),
        Ok(_) => {}
        Err(error) => return Err(error),
    }
    let answered: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
    let open = tried.iter_mut().filter(|candidate| candidate.state.is_ok());
    for (candidate, _) in open.zip(answered).filter(|(_, answered)| *answered) {
        match candidate.connected() {
            Ok(socket) => return Ok(Some(socket)),
            Err(error) => {
                log(candidate.address, &error);
                candidate.state = Err(error);
            }
        }
    }
    Ok(None)
}

impl Candidate {
    /// Takes the outcome out of a socket that has one: a blocking socket, or why there is none.
    fn connected(&mut self) -> io::Result<Socket> {
        let socket = std::mem::replace(&mut self.state, Err(io::ErrorKind::NotConnected.into()))?;
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        socket.set_nonblocking(false)?;
        Ok(socket)
    }
}

fn log(address: SocketAddr, error: &io::Error) {
    tracing::debug!(target: "conn", { network.peer.address = %address, %error }, "dial failed");
}

/// Closes all, and lists every address with its failure; for those that are open it is `open`.
fn failure(host: &str, tried: Vec<Candidate>, open: impl Fn() -> io::Error) -> ConnectError {
    let attempts = tried.into_iter().map(|candidate| {
        let error = candidate.state.err().unwrap_or_else(&open);
        FailedAddress::new(candidate.address, error)
    });
    ConnectError::Dial { host: host.to_owned(), attempts: attempts.collect() }
}
