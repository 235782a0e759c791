//! Records on their way from the stream to rustls.

use std::io::{self, Read};

use rustls::ClientConnection;

use crate::transport::Transport;

/// rustls asks for this much at a time, a quarter of a full record.
const PIECE: usize = 4096;

/// Room for a full record.
const ROOM: usize = 16 * 1024 + 256;

/// Lets rustls read from the stream itself as long as little comes, and reads ahead of it when much does: a
/// download then costs one system call per record, and an idle session holds no buffer.
#[derive(Default)]
pub(super) struct Incoming {
    ahead: Vec<u8>,
    used: usize,
    is_busy: bool,
}

impl Incoming {
    /// Tells whether something was read ahead.
    pub(super) fn is_ahead(&self) -> bool {
        self.used < self.ahead.len()
    }

    /// Moves a piece on; 0 at the end of the stream.
    pub(super) fn receive<T: Transport>(
        &mut self,
        inner: &mut T,
        session: &mut ClientConnection,
    ) -> io::Result<usize> {
        if !self.is_ahead() {
            if !self.is_busy {
                let n = session.read_tls(inner)?;
                self.is_busy = n >= PIECE;
                return Ok(n);
            }
            self.ahead.clear();
            self.used = 0;
            self.ahead.reserve_exact(ROOM);
            self.is_busy = inner.read_spare(&mut self.ahead)? >= PIECE;
        }
        // At the end of the stream this is empty, and rustls takes note of it.
        let mut rest = self.ahead.get(self.used..).unwrap_or_default();
        let n = session.read_tls(&mut rest)?;
        self.used += n;
        Ok(n)
    }

    /// Gives the buffers back once all that was read is worked through: the connection may be idle for long. Even a
    /// download pays little for it, since rustls grows and shrinks its own with every record.
    pub(super) fn release(&mut self, session: &mut ClientConnection) {
        if !self.is_ahead() {
            self.ahead = Vec::new();
            self.used = 0;
            // rustls shrinks before it reads, and there is nothing to read.
            let _ = session.read_tls(&mut Nothing);
        }
    }

    /// Expects little: the connection was idle.
    pub(super) fn rest(&mut self) {
        self.is_busy = false;
    }
}

/// A stream on which nothing came yet.
struct Nothing;

impl Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// How much of the peer's first bytes is kept for an error message.
const BEGAN: usize = 16;

/// The first bytes of a peer, which show what it speaks if it does not speak TLS.
#[derive(Default)]
pub(super) struct Opening {
    began: [u8; BEGAN],
    len: usize,
}

impl Opening {
    /// Moves a piece on; 0 at the end of the stream.
    pub(super) fn receive(
        &mut self,
        inner: &mut impl Read,
        session: &mut ClientConnection,
    ) -> io::Result<usize> {
        session.read_tls(&mut Watched { inner, opening: self })
    }

    pub(super) fn began(&self) -> &[u8] {
        self.began.get(..self.len).unwrap_or_default()
    }
}

struct Watched<'a, R> {
    inner: &'a mut R,
    opening: &'a mut Opening,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        let Opening { began, len } = &mut self.opening;
        for (to, from) in began.iter_mut().skip(*len).zip(buf.iter().take(n)) {
            *to = *from;
            *len += 1;
        }
        Ok(n)
    }
}
