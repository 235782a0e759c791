//! TLS by rustls, over any stream.

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, ClientConnection, ProtocolVersion, Reader};

use crate::cancel::Interrupt;
use crate::clock::{Clock, SystemClock};
use crate::deadline::{Deadline, Limit, Phase};
use crate::error::{ConnectError, TlsError};
use crate::transport::{Interest, Liveness, PeerFacts, TlsFacts, Transport};

mod config;
mod connector;
mod incoming;

pub use config::{Roots, TlsConfig};
pub use connector::TlsConnector;
use incoming::Incoming;

/// How many records a probe works through before it gives the connection up.
const PROBE_RECORDS: usize = 16;

/// A TLS client session over another stream.
///
/// After a failed write the session must not be written to again: how much of the data left is unknown.
pub struct TlsTransport<T: Transport> {
    inner: T,
    session: ClientConnection,
    incoming: Incoming,
    deadline: Deadline,
    facts: Arc<PeerFacts>,
}

impl<T: Transport> TlsTransport<T> {
    /// Shakes hands with the server `name` (a DNS name or an IP address) over `inner`. No deadline is set afterwards.
    ///
    /// # Errors
    /// [`ConnectError::Tls`] says what failed, [`ConnectError::Timeout`] that it took too long.
    pub fn handshake(
        inner: T,
        config: Arc<ClientConfig>,
        name: &str,
        by: Deadline,
    ) -> Result<Self, ConnectError> {
        let by = by.during(Phase::Tls);
        let failed = |source| ConnectError::Tls { host: name.to_owned(), source };
        // RFC 6066 section 3: without the trailing dot.
        let server_name = ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_owned())
            .map_err(|_| ConnectError::InvalidServerName { host: name.to_owned() })?;
        let session = ClientConnection::new(config, server_name)
            .map_err(|error| failed(TlsError::Protocol { source: error.into() }))?;
        let facts = Arc::clone(inner.facts());
        let mut this = Self { inner, session, incoming: Incoming::default(), deadline: by, facts };
        this.inner.set_deadline(by);
        if let Err(error) = this.shake_hands() {
            return Err(match ConnectError::ended(&error) {
                Some(ended) => ended,
                None => failed(tls_error(error, name)),
            });
        }
        // The handshake's limit says nothing about what comes.
        this.set_deadline(Deadline::NEVER);
        let tls = TlsFacts {
            version: this.session.protocol_version().map(version_name).unwrap_or_default(),
            cipher_suite: this
                .session
                .negotiated_cipher_suite()
                .map(|suite| format!("{:?}", suite.suite()))
                .unwrap_or_default(),
            alpn: this.session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        };
        this.facts = Arc::new(PeerFacts { tls: Some(tls), ..PeerFacts::clone(&this.facts) });
        Ok(this)
    }

    fn shake_hands(&mut self) -> io::Result<()> {
        while self.session.is_handshaking() {
            if self.session.wants_write() {
                self.send_records()?;
            } else if self.receive_records()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.send_records()
    }

    /// Reads what `inner` has and decrypts it; 0 at the end of the stream.
    fn receive_records(&mut self) -> io::Result<usize> {
        let n = self.incoming.receive(&mut self.inner, &mut self.session)?;
        if let Err(error) = self.session.process_new_packets() {
            // The peer is told why, if that costs no waiting.
            self.try_send_records();
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(n)
    }

    /// As [`receive_records`](Self::receive_records) where `inner` is known to be readable, whatever the deadline is.
    fn receive_waiting_records(&mut self) -> io::Result<usize> {
        self.inner.set_deadline(Deadline::NEVER);
        let result = self.receive_records();
        self.inner.set_deadline(self.deadline);
        result
    }

    fn send_records(&mut self) -> io::Result<()> {
        let mut sent = false;
        while self.session.wants_write() {
            if self.session.write_tls(&mut self.inner)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            sent = true;
        }
        if sent { self.inner.flush() } else { Ok(()) }
    }

    /// Sends an alert if it can go without waiting: the stream has room for so little when it says that it has any.
    fn try_send_records(&mut self) {
        let now = Deadline::after(SystemClock.now(), Some(Duration::ZERO), Limit::Idle);
        if self.session.wants_write() && self.inner.ready(Interest::WRITE, now).is_ok_and(|found| found.write)
        {
            self.inner.set_deadline(Deadline::NEVER);
            // Whoever is not listening any more need not hear it.
            let _ = self.session.write_tls(&mut self.inner);
            let _ = self.inner.flush();
            self.inner.set_deadline(self.deadline);
        }
    }

    /// Takes decrypted bytes, receiving until there are some.
    fn taking<R>(&mut self, mut take: impl FnMut(&mut Reader<'_>) -> io::Result<R>) -> io::Result<R> {
        loop {
            match take(&mut self.session.reader()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the peer closed the connection without a TLS close_notify: the data may be cut short",
                    ));
                }
                result => return result,
            }
            // A key update asks for an answer.
            self.send_records()?;
            self.receive_records()?;
        }
    }

    /// Tells what a read would find without receiving: bytes, the end, or nothing.
    fn decrypted(&mut self) -> Decrypted {
        match self.session.reader().fill_buf() {
            Ok([]) => Decrypted::End,
            Ok(_) => Decrypted::Bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Decrypted::Nothing,
            Err(_) => Decrypted::End,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Decrypted {
    Nothing,
    Bytes,
    End,
}

impl<T: Transport> fmt::Debug for TlsTransport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl<T: Transport> Read for TlsTransport<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.taking(|reader| reader.read(buf))
    }
}

impl<T: Transport> Write for TlsTransport<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.send_records()?;
        let n = self.session.writer().write(buf)?;
        self.send_records()?;
        Ok(n)
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.send_records()?;
        let n = self.session.writer().write_vectored(bufs)?;
        self.send_records()?;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_records()
    }
}

impl<T: Transport> Transport for TlsTransport<T> {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
        self.inner.set_deadline(deadline);
    }

    fn probe(&mut self) -> Liveness {
        for _ in 0..PROBE_RECORDS {
            match self.decrypted() {
                Decrypted::Bytes => return Liveness::Readable,
                Decrypted::End => return Liveness::Closed,
                Decrypted::Nothing => {}
            }
            if !self.incoming.is_ahead() {
                self.incoming.rest();
                match self.inner.probe() {
                    Liveness::Readable => {}
                    other => return other,
                }
            }
            // A session ticket, most likely. An end shows itself in the next round.
            if self.receive_waiting_records().is_err() {
                return Liveness::Closed;
            }
        }
        Liveness::Readable
    }

    fn ready(&mut self, want: Interest, by: Deadline) -> io::Result<Interest> {
        loop {
            if want.read && self.decrypted() != Decrypted::Nothing {
                return Ok(Interest::READ);
            }
            let found = if want.read && self.incoming.is_ahead() {
                Interest::READ
            } else {
                self.inner.ready(want, by)?
            };
            if !found.read {
                return Ok(found);
            }
            // Records can hold nothing for the reader. An error comes again in `read`.
            let broken = self.receive_waiting_records().is_err();
            let read = broken || self.decrypted() != Decrypted::Nothing;
            if read || found.write {
                return Ok(Interest { read, write: found.write });
            }
        }
    }

    fn facts(&self) -> &Arc<PeerFacts> {
        &self.facts
    }

    fn interrupter(&self) -> Option<Arc<dyn Interrupt>> {
        self.inner.interrupter()
    }

    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let spare = into.capacity() - into.len();
        if spare == 0 {
            return Ok(0);
        }
        self.taking(|reader| {
            let chunk = reader.fill_buf()?;
            let chunk = chunk.get(..spare).unwrap_or(chunk);
            into.extend_from_slice(chunk);
            let n = chunk.len();
            reader.consume(n);
            Ok(n)
        })
    }

    fn close(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        let said = self.send_records();
        said.and(self.inner.close())
    }
}

impl<T: Transport> Drop for TlsTransport<T> {
    fn drop(&mut self) {
        // With data half sent, a goodbye would have to wait behind it.
        if !self.session.is_handshaking() && !self.session.wants_write() {
            self.session.send_close_notify();
            self.try_send_records();
        }
    }
}

/// Names a version as people and tools do.
fn version_name(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        other => format!("{other:?}"),
    }
}

fn tls_error(error: io::Error, name: &str) -> TlsError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => return TlsError::PeerClosed,
        _ => {}
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(reason)) => certificate_error(reason, name),
        Some(error @ rustls::Error::NoCertificatesPresented) => {
            TlsError::Certificate { source: error.clone().into() }
        }
        Some(error) => TlsError::Protocol { source: error.clone().into() },
        None => TlsError::Io { source: error },
    }
}

fn certificate_error(reason: &CertificateError, name: &str) -> TlsError {
    let between = |later: u64, earlier: u64| Some(Duration::from_secs(later.saturating_sub(earlier)));
    match reason {
        CertificateError::UnknownIssuer => TlsError::UnknownIssuer,
        CertificateError::Expired => TlsError::Expired { ago: None },
        CertificateError::ExpiredContext { time, not_after } => {
            TlsError::Expired { ago: between(time.as_secs(), not_after.as_secs()) }
        }
        CertificateError::NotValidYet => TlsError::NotValidYet { begins_in: None },
        CertificateError::NotValidYetContext { time, not_before } => {
            TlsError::NotValidYet { begins_in: between(not_before.as_secs(), time.as_secs()) }
        }
        CertificateError::NotValidForName => {
            TlsError::WrongName { expected: name.to_owned(), presented: Vec::new() }
        }
        CertificateError::NotValidForNameContext { presented, .. } => TlsError::WrongName {
            expected: name.to_owned(),
            presented: presented.iter().map(|text| bare_name(text)).collect(),
        },
        other => {
            let source: Box<dyn Error + Send + Sync> = rustls::Error::from(other.clone()).into();
            TlsError::Certificate { source }
        }
    }
}

/// Takes the name out of rustls's `DnsName("example.com")`; what does not look so stays as it is.
fn bare_name(text: &str) -> String {
    let inner = text.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(text);
    inner.trim_matches('"').to_owned()
}
