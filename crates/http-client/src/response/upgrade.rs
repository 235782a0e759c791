//! A connection that goes on with another protocol.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use conn::{Clock, Deadline, Limit, PeerFacts, Phase, Transport};

use super::Response;
use crate::error::{Error, Misuse};
use crate::link::HandedOver;

impl Response<'_> {
    /// Takes the connection over that a 101 (Switching Protocols) or a 2xx to CONNECT hands out. It belongs to no pool and
    /// no [`Connection`](crate::Connection) any more; a `Connection` dials anew for its next request.
    ///
    /// ```no_run
    /// use std::io::{Read, Write};
    ///
    /// let mut connection = http_client::Connection::https("example.com")?;
    /// let fields = [("Connection", "Upgrade"), ("Upgrade", "echo")];
    /// connection.request_with("GET", "/echo", &fields, http_client::Body::empty())?;
    /// let mut stream = connection.response()?.upgrade()?;
    /// stream.write_all(b"hello")?;
    /// stream.read_exact(&mut [0; 5])?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The response hands nothing over: [`Misuse::NotUpgraded`].
    pub fn upgrade(mut self) -> Result<Upgraded, Error> {
        let Some(stream) = self.lease.take_over() else {
            return Err(self.lease.named(Misuse::NotUpgraded.into()));
        };
        let (idle, clock) = (self.deadlines.idle(), Arc::clone(&self.clock));
        Ok(Upgraded { stream, taken: 0, idle, clock })
    }
}

/// A connection that speaks another protocol: bytes in both directions, those first that came with the response head.
///
/// Each read and write may wait as long as [`Timeouts::idle`](conn::Timeouts::idle) of the request allowed; the other limits
/// are over. The token of the request still ends it. Dropping it closes the connection.
pub struct Upgraded {
    stream: HandedOver,
    /// What was read of the early bytes.
    taken: usize,
    idle: Option<Duration>,
    clock: Arc<dyn Clock>,
}

impl Upgraded {
    /// Bounds each following read and write; none waits as long as it takes.
    pub fn set_timeout(&mut self, idle: Option<Duration>) {
        self.idle = idle;
    }

    /// Returns what is known of the connection's ends.
    #[must_use]
    pub fn peer(&self) -> &PeerFacts {
        self.stream.transport.facts()
    }

    /// Takes the stream apart: the transport, and the bytes that came already and were not read. Cancelling ends here.
    #[must_use]
    pub fn into_parts(mut self) -> (Box<dyn Transport>, Vec<u8>) {
        self.stream.early.drain(..self.taken);
        (self.stream.transport, self.stream.early)
    }

    /// Closes the connection, saying goodbye where TLS has one. Dropping it does so without waiting.
    ///
    /// # Errors
    /// The goodbye could not be sent; the connection is closed all the same.
    pub fn close(mut self) -> io::Result<()> {
        self.arm(Phase::Close);
        self.stream.transport.close()
    }

    fn arm(&mut self, phase: Phase) {
        let deadline = Deadline::after(self.clock.now(), self.idle, Limit::Idle);
        self.stream.transport.set_deadline(deadline.during(phase));
    }
}

impl Read for Upgraded {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut early = self.stream.early.get(self.taken..).unwrap_or_default();
        if !early.is_empty() {
            let n = early.read(buf)?;
            self.taken += n;
            return Ok(n);
        }
        self.arm(Phase::Body);
        self.stream.transport.read(buf)
    }
}

impl Write for Upgraded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.arm(Phase::Send);
        self.stream.transport.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.arm(Phase::Send);
        self.stream.transport.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.arm(Phase::Send);
        self.stream.transport.flush()
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded")
            .field("peer", self.peer())
            .field("early", &format_args!("{} bytes", self.stream.early.len() - self.taken))
            .field("timeout", &self.idle)
            .field("can_be_cancelled", &self.stream.cancelling.is_some())
            .finish()
    }
}
