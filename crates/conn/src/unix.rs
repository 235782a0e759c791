//! Unix domain sockets.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::deadline::{Deadline, Phase};
use crate::error::ConnectError;
use crate::socket::SocketTransport;

/// How long a listener whose queue is full is left alone: nothing tells when it has room.
const FULL: Duration = Duration::from_millis(5);

impl SocketTransport {
    /// Dials a Unix domain socket.
    ///
    /// # Errors
    /// [`ConnectError::Unix`] with the path, [`ConnectError::Timeout`], or [`ConnectError::Cancelled`].
    pub fn dial_unix(
        path: &Path,
        clock: &Arc<dyn Clock>,
        by: Deadline,
        cancel: &CancelToken,
    ) -> Result<Self, ConnectError> {
        let by = by.during(Phase::Connect);
        let failed = |source| ConnectError::Unix { path: path.to_owned(), source };
        let address = SockAddr::unix(path).map_err(failed)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        loop {
            cancel.check()?;
            let left = by.remaining(clock.now())?;
            match socket.connect(&address) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(left.map_or(FULL, |left| left.min(FULL)));
                }
                Err(error) => return Err(failed(error)),
            }
        }
        socket.set_nonblocking(false).map_err(failed)?;
        Ok(Self::wrap(socket, Some(path.to_owned()), Arc::clone(clock)))
    }

    /// Takes over a connected, blocking stream.
    ///
    /// # Errors
    /// The socket refuses an option.
    pub fn from_unix(stream: UnixStream, clock: Arc<dyn Clock>) -> io::Result<Self> {
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        let path = stream.peer_addr()?.as_pathname().map(Path::to_owned);
        Ok(Self::wrap(Socket::from(stream), path, clock))
    }
}
