//! The byte stream that everything above reads and writes.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cancel::Interrupt;
use crate::deadline::Deadline;

/// A connected, blocking, bidirectional byte stream with a deadline.
///
/// `read` and `write` wait no longer than the deadline that was set last; when it passes they fail with an
/// [`io::ErrorKind::TimedOut`] that holds a [`TimedOut`](crate::TimedOut). `read` returns 0 at the end of the
/// stream. A system call that a signal interrupts is resumed inside.
///
/// Whoever wraps another transport passes `write_vectored` and [`read_spare`](Self::read_spare) on too: their defaults work,
/// and cost a system call more and a copy more.
pub trait Transport: Read + Write + Send {
    /// Bounds every following read and write until the next call. Costs no system call by itself.
    fn set_deadline(&mut self, deadline: Deadline);

    /// Tells without waiting whether an idle connection may carry another request.
    fn probe(&mut self) -> Liveness;

    /// Waits until the stream can be read or written as asked, and tells which. Bytes that are already
    /// decrypted count as readable. A deadline that has passed looks once without waiting.
    ///
    /// # Errors
    /// The deadline passed, or waiting failed.
    fn ready(&mut self, want: Interest, by: Deadline) -> io::Result<Interest>;

    /// Returns what is known of the connection's ends. It is shared, so that it can be kept without a copy.
    fn facts(&self) -> &Arc<PeerFacts>;

    /// Returns what ends a read or a write from another thread, if the stream can be ended so: it fails with
    /// [`Cancelled`](crate::Cancelled) then, and the connection is lost. Default none.
    fn interrupter(&self) -> Option<Arc<dyn Interrupt>> {
        None
    }

    /// Reads into the spare capacity of `into` and appends what came; returns 0 at the end of the stream or without
    /// spare capacity.
    ///
    /// # Errors
    /// As `read`.
    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let filled = into.len();
        into.resize(into.capacity(), 0);
        let result = match into.get_mut(filled..) {
            Some(spare) => self.read(spare),
            None => Ok(0),
        };
        into.truncate(filled + *result.as_ref().unwrap_or(&0));
        result
    }

    /// Writes up to `n` bytes of a file from offset `at` on, copied by the kernel, and returns how many; 0 at the end of the
    /// file. None where that cannot be done, for a stream that is encrypted for one: nothing was written then. With `n` of 0
    /// it only tells whether it can be done. The file's own position stays. Default none.
    ///
    /// # Errors
    /// As `write`, and those of reading the file.
    fn send_file(&mut self, file: &File, at: u64, n: u64) -> Option<io::Result<u64>> {
        let _ = (file, at, n);
        None
    }

    /// Says goodbye within the deadline, where the stream has a goodbye (TLS: `close_notify`), and shuts it down.
    /// Dropping without it tries once without waiting.
    ///
    /// # Errors
    /// The goodbye could not be sent.
    fn close(&mut self) -> io::Result<()>;
}

/// Whether an idle connection may carry another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// Open, and nothing is waiting to be read.
    Idle,
    /// Something unexpected can be read: nobody asked for it, so the connection must not be used.
    Readable,
    /// The peer closed, or the connection broke.
    Closed,
}

/// Directions of a stream, to wait for or found ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Bytes, the end, or an error can be read.
    pub read: bool,
    /// Bytes can be written.
    pub write: bool,
}

impl Interest {
    /// Reading alone.
    pub const READ: Self = Self { read: true, write: false };
    /// Writing alone.
    pub const WRITE: Self = Self { read: false, write: true };
    /// Either direction.
    pub const BOTH: Self = Self { read: true, write: true };
}

/// What is known of a connection's ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerFacts {
    /// Our own address.
    pub local: Option<SocketAddr>,
    /// The address that was dialled: the first proxy's where there is one.
    pub peer: Option<SocketAddr>,
    /// The Unix domain socket that was dialled, in place of an address.
    pub path: Option<PathBuf>,
    /// The TLS session, if there is one.
    pub tls: Option<TlsFacts>,
}

/// What a TLS handshake agreed on. It is put together once for each connection.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFacts {
    /// The protocol version, as in `TLSv1.3`.
    pub version: Cow<'static, str>,
    /// The cipher suite, as in `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: Cow<'static, str>,
    /// The group of the key exchange, as in `X25519MLKEM768`; a resumed session of TLS 1.2 has none.
    pub key_exchange: Option<Cow<'static, str>>,
    /// The application protocol that the server chose.
    pub alpn: Option<String>,
    /// Whether an earlier session was resumed. Its certificates are then those of `peer_chain`.
    pub resumed: bool,
    /// The certificates that the server sent, in DER, its own first. Connections to one server share them.
    pub peer_chain: Arc<[Vec<u8>]>,
}

impl fmt::Debug for TlsFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFacts")
            .field("version", &self.version)
            .field("cipher_suite", &self.cipher_suite)
            .field("key_exchange", &self.key_exchange)
            .field("alpn", &self.alpn)
            .field("resumed", &self.resumed)
            .field("peer_chain", &format_args!("{} certificates", self.peer_chain.len()))
            .finish()
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn set_deadline(&mut self, deadline: Deadline) {
        (**self).set_deadline(deadline);
    }

    fn probe(&mut self) -> Liveness {
        (**self).probe()
    }

    fn ready(&mut self, want: Interest, by: Deadline) -> io::Result<Interest> {
        (**self).ready(want, by)
    }

    fn facts(&self) -> &Arc<PeerFacts> {
        (**self).facts()
    }

    fn interrupter(&self) -> Option<Arc<dyn Interrupt>> {
        (**self).interrupter()
    }

    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        (**self).read_spare(into)
    }

    fn send_file(&mut self, file: &File, at: u64, n: u64) -> Option<io::Result<u64>> {
        (**self).send_file(file, at, n)
    }

    fn close(&mut self) -> io::Result<()> {
        (**self).close()
    }
}
