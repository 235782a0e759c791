//! TLS by rustls, over any stream.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::SupportedKxGroup;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, Reader};

use crate::cancel::Interrupt;
use crate::clock::{Clock, SystemClock};
use crate::deadline::{Deadline, Limit, Phase, TimedOut};
use crate::error::{ConnectError, TlsError};
use crate::transport::{Interest, Liveness, PeerFacts, TlsFacts, Transport};

mod chains;
mod config;
mod connector;
mod failure;
mod identity;
mod incoming;
mod key_usage;
mod pins;
mod revocation;
mod roots;
mod verifier;

pub use config::{Danger, PostQuantum, TlsConfig, TlsVersion};
pub use connector::TlsConnector;
pub use identity::ClientCertificate;
use incoming::{Incoming, Opening};
pub use pins::Pin;
pub use revocation::Revocation;
pub use roots::Roots;

/// How many records a probe works through before it gives the connection up.
const PROBE_RECORDS: usize = 16;

/// A TLS client session over another stream.
///
/// After a failed write the session must not be written to again: how much of the data left is unknown.
pub struct TlsTransport<T: Transport> {
    inner: T,
    session: ClientConnection,
    incoming: Incoming,
    /// The last time that records were to be sent, some were left.
    is_backed_up: bool,
    /// Something came that no session goes on after.
    is_broken: bool,
    deadline: Deadline,
    facts: Arc<PeerFacts>,
}

impl<T: Transport> TlsTransport<T> {
    /// Shakes hands with the server `name` (a DNS name or an IP address) over `inner`: that name is sent (SNI) and
    /// verified, whatever host `inner` leads to. No deadline is set afterwards.
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
        let server_name = ServerName::try_from(verified_name(name).to_owned())
            .map_err(|_| ConnectError::InvalidServerName { host: name.to_owned() })?;
        let session = ClientConnection::new(config, server_name)
            .map_err(|error| failed(failure::explain(error, name)))?;
        let facts = Arc::clone(inner.facts());
        let mut this = Self {
            inner,
            session,
            incoming: Incoming::default(),
            is_backed_up: false,
            is_broken: false,
            deadline: by,
            facts,
        };
        this.inner.set_deadline(by);
        if let Err(error) = this.shake_hands(name) {
            return Err(match error {
                Broken::Stream(error) => match ConnectError::ended(&error) {
                    Some(ended) => ended,
                    None => failed(failure::broken(error)),
                },
                Broken::Session(error) => failed(error),
            });
        }
        // The handshake's limit says nothing about what comes.
        this.set_deadline(Deadline::NEVER);
        let tls = Some(facts_of(&this.session));
        this.facts = Arc::new(PeerFacts { tls, ..PeerFacts::clone(&this.facts) });
        Ok(this)
    }

    fn shake_hands(&mut self, name: &str) -> Result<(), Broken> {
        let mut opening = Opening::default();
        while self.session.is_handshaking() {
            if self.session.wants_write() {
                self.send_records()?;
                continue;
            }
            if opening.receive(&mut self.inner, &mut self.session)? == 0 {
                return Err(Broken::Stream(io::ErrorKind::UnexpectedEof.into()));
            }
            if let Err(error) = self.session.process_new_packets() {
                // The peer is told why, if that costs no waiting.
                self.try_send_records();
                let other = failure::not_tls(opening.began());
                return Err(Broken::Session(other.unwrap_or_else(|| failure::explain(error, name))));
            }
        }
        Ok(self.send_records()?)
    }

    /// Reads what `inner` has and decrypts it; 0 at the end of the stream.
    fn receive_records(&mut self) -> io::Result<usize> {
        // A session that broke says so again; there is nothing to wait for.
        let n = if self.is_broken { 0 } else { self.incoming.receive(&mut self.inner, &mut self.session)? };
        if let Err(error) = self.session.process_new_packets() {
            self.is_broken = true;
            // The peer is told why, if that costs no waiting.
            self.try_send_records();
            // No certificate is verified after the handshake, so the name matters no more.
            return Err(io::Error::new(io::ErrorKind::InvalidData, failure::explain(error, "")));
        }
        self.incoming.release(&mut self.session);
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
            self.is_backed_up = true;
            if self.session.write_tls(&mut self.inner)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            sent = true;
        }
        self.is_backed_up = false;
        if sent { self.inner.flush() } else { Ok(()) }
    }

    /// Sends the records of `n` bytes that the session took. What a deadline leaves behind goes with the next write or flush:
    /// told as an error, the bytes would be written twice.
    fn send_taken(&mut self, n: usize) -> io::Result<usize> {
        match self.send_records() {
            Err(error) if n > 0 && TimedOut::in_io(&error).is_some() => Ok(n),
            result => result.map(|()| n),
        }
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
            // A key update asks for an answer. What a peer does not take must not keep its own words from being heard.
            if !self.is_backed_up {
                self.send_records()?;
            }
            if let Err(error) = self.receive_records() {
                // What came before the fault is good.
                return match take(&mut self.session.reader()) {
                    Err(_) => Err(error),
                    taken => taken,
                };
            }
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
        self.send_taken(n)
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.send_records()?;
        let n = self.session.writer().write_vectored(bufs)?;
        self.send_taken(n)
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
        for _ in 0..PROBE_RECORDS {
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
        // A peer that sends nothing but such records must not hold anybody here.
        Ok(Interest::READ)
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

/// What ended a handshake.
enum Broken {
    /// The stream below.
    Stream(io::Error),
    /// One of the two sides.
    Session(TlsError),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Stream(error)
    }
}

/// Leaves what a certificate can hold.
fn verified_name(host: &str) -> &str {
    // RFC 6066 section 3: without the trailing dot.
    let name = host.strip_suffix('.').unwrap_or(host);
    // RFC 4007 section 11.2: a zone means something on this machine alone.
    match name.split_once('%') {
        Some((address, _)) if address.parse::<Ipv6Addr>().is_ok() => address,
        _ => name,
    }
}

fn facts_of(session: &ClientConnection) -> TlsFacts {
    let suite = session.negotiated_cipher_suite().map(|suite| suite.suite());
    let group = session.negotiated_key_exchange_group().map(SupportedKxGroup::name);
    let or_debug = |name: Option<&'static str>, debug: String| name.map_or(Cow::Owned(debug), Cow::Borrowed);
    TlsFacts {
        version: session.protocol_version().map(version_name).unwrap_or_default(),
        cipher_suite: suite.map(|suite| or_debug(suite.as_str(), format!("{suite:?}"))).unwrap_or_default(),
        key_exchange: group.map(|group| or_debug(group.as_str(), format!("{group:?}"))),
        alpn: session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        peer_chain: chains::shared(session.peer_certificates().unwrap_or_default()),
    }
}

/// Names a version as people and tools do.
fn version_name(version: ProtocolVersion) -> Cow<'static, str> {
    match version {
        ProtocolVersion::TLSv1_2 => Cow::Borrowed("TLSv1.2"),
        ProtocolVersion::TLSv1_3 => Cow::Borrowed("TLSv1.3"),
        other => Cow::Owned(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_verified_without_its_trailing_dot_and_its_zone() {
        for (host, expected) in [
            ("example.com", "example.com"),
            ("example.com.", "example.com"),
            ("example.com..", "example.com."),
            ("fe80::1%eth0", "fe80::1"),
            ("a%b", "a%b"),
        ] {
            assert_eq!(verified_name(host), expected);
        }
    }
}
