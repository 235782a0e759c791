//! The client's side of a SOCKS handshake, bytes in and bytes out.

use std::fmt;
use std::net::Ipv4Addr;

use crate::error::{SocksError, SocksRefusal};
use crate::origin::Host;
use crate::proxy::Proxy;

const VERSION_4: u8 = 4;
const VERSION_5: u8 = 5;
const CONNECT: u8 = 1;
/// The version of the user and password negotiation (RFC 1929).
const AUTHENTICATION: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
/// What a SOCKS4 proxy says when it has connected.
const GRANTED: u8 = 90;

/// Asks a SOCKS proxy for a connection, without moving a byte itself: SOCKS5 (RFC 1928, RFC 1929), SOCKS4 (Ying-Da Lee's memo
/// "SOCKS: A protocol for TCP proxy across firewalls") and SOCKS4a (its extension for names).
///
/// Do what [`step`](Self::step) says until it says [`Done`](SocksStep::Done), and hand what comes from the proxy to
/// [`receive`](Self::receive). It never asks for a byte that stands behind the proxy's reply: those belong to the target.
/// A whole handshake takes at most 266 bytes.
///
/// ```
/// use conn::{Host, SocksHandshake, SocksStep};
///
/// let proxy = "socks5h://proxy.example".parse()?;
/// let mut handshake = SocksHandshake::new(&proxy, Host::Name("a.example"), 80)?;
/// assert_eq!(handshake.step(), SocksStep::Send(b"\x05\x01\x00".to_vec()));
/// assert_eq!(handshake.step(), SocksStep::Receive(2));
/// handshake.receive(b"\x05\x00")?;
/// assert_eq!(handshake.step(), SocksStep::Send(b"\x05\x01\x00\x03\x09a.example\x00\x50".to_vec()));
///
/// let came = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00hello";
/// let used = handshake.receive(came)?;
/// assert_eq!((handshake.step(), &came[used..]), (SocksStep::Done, &b"hello"[..]));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct SocksHandshake {
    stage: Stage,
    /// What is to be sent.
    out: Vec<u8>,
    /// What is to be sent after it.
    queued: Vec<Vec<u8>>,
    /// The reply that is awaited, as far as it came, and how long it is as far as is known.
    reply: Vec<u8>,
    wanted: usize,
    offers_credentials: bool,
}

/// What a [`SocksHandshake`] needs.
#[derive(Clone, PartialEq, Eq)]
pub enum SocksStep {
    /// Send these bytes. They are handed out once, and may hold the password.
    Send(Vec<u8>),
    /// Read from the proxy, no more bytes than this.
    Receive(usize),
    /// The proxy is connected to the target: whatever comes next is the target's.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Method,
    Authentication,
    /// The reply of SOCKS5 to the first byte of its address, which tells how long it is.
    ReplyHead,
    ReplyTail,
    Reply4,
    Done,
}

impl SocksHandshake {
    /// Begins to ask `proxy` for a connection to `host` and `port`.
    ///
    /// # Errors
    /// The dialect of the proxy cannot name the target: [`SocksError::HostName`], [`SocksError::NotAnAddress`] or
    /// [`SocksError::NotIpv4`]. There is no way around by another dialect or another look-up.
    pub fn new(proxy: &Proxy, host: Host<'_>, port: u16) -> Result<Self, SocksError> {
        if let Host::Name(name) = host {
            if !proxy.kind().resolves_names() {
                return Err(SocksError::NotAnAddress);
            }
            // RFC 1928 section 5 gives one byte to the length.
            if name.is_empty() || name.len() > 255 || name.contains('\0') {
                return Err(SocksError::HostName);
            }
        }
        if proxy.kind().is_version_4() {
            let user = proxy.credentials().map_or(&[][..], |(user, _)| user);
            return Ok(Self {
                stage: Stage::Reply4,
                out: request_4(host, port, user)?,
                queued: Vec::new(),
                reply: Vec::new(),
                wanted: 8,
                offers_credentials: false,
            });
        }
        let mut queued = vec![request_5(host, port)?];
        let mut out = vec![VERSION_5, 1, NO_AUTHENTICATION];
        if let Some((user, password)) = proxy.credentials() {
            out = vec![VERSION_5, 2, NO_AUTHENTICATION, USER_AND_PASSWORD];
            queued.push(authentication(user, password));
        }
        let offers_credentials = proxy.has_credentials();
        Ok(Self { stage: Stage::Method, out, queued, reply: Vec::new(), wanted: 2, offers_credentials })
    }

    /// Says what to do next.
    pub fn step(&mut self) -> SocksStep {
        if !self.out.is_empty() {
            SocksStep::Send(std::mem::take(&mut self.out))
        } else if self.stage == Stage::Done {
            SocksStep::Done
        } else {
            SocksStep::Receive(self.wanted.saturating_sub(self.reply.len()))
        }
    }

    /// Takes what came from the proxy, and returns how much of it belonged to the handshake. What is left over belongs
    /// to the target once the handshake is done; before that, [`step`](Self::step) first.
    ///
    /// # Errors
    /// The proxy refused, or does not speak SOCKS. Every later call returns the same error.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<usize, SocksError> {
        let mut used = 0;
        // An answer to what was not sent yet would be none.
        while self.out.is_empty() && self.stage != Stage::Done {
            let rest = bytes.get(used..).unwrap_or_default();
            let wanted = self.wanted.saturating_sub(self.reply.len());
            let piece = rest.get(..wanted).unwrap_or(rest);
            self.reply.extend_from_slice(piece);
            used += piece.len();
            if self.reply.len() < self.wanted {
                break;
            }
            self.judge()?;
        }
        Ok(used)
    }

    /// Tells what it means that the proxy closed here.
    #[must_use]
    pub fn closed(&self) -> SocksError {
        let answer = self.answer();
        match (self.stage, &*answer) {
            // The code is there: what would follow tells nothing.
            (Stage::ReplyHead, [VERSION_5, code @ (1..), ..]) => {
                SocksError::Refused { refusal: SocksRefusal::of_version_5(*code), answer }
            }
            (Stage::Reply4, [0, code, ..]) if *code != GRANTED => {
                SocksError::Refused { refusal: SocksRefusal::of_version_4(*code), answer }
            }
            _ => SocksError::Closed { answer },
        }
    }

    /// Judges a reply that is as long as was wanted, and goes on to the next.
    fn judge(&mut self) -> Result<(), SocksError> {
        match (self.stage, &*self.reply) {
            // RFC 1928 section 3.
            (Stage::Method, [VERSION_5, NO_AUTHENTICATION]) => {
                self.queued.truncate(1);
                self.ask(Stage::ReplyHead, 5);
            }
            (Stage::Method, [VERSION_5, USER_AND_PASSWORD]) if self.offers_credentials => {
                self.ask(Stage::Authentication, 2);
            }
            (Stage::Method, [VERSION_5, NO_METHOD]) => {
                return Err(SocksError::NoMethod { credentials: self.offers_credentials });
            }
            (Stage::Method, [VERSION_5, method]) => return Err(SocksError::Method { method: *method }),
            // RFC 1929 section 2.
            (Stage::Authentication, [AUTHENTICATION, 0]) => self.ask(Stage::ReplyHead, 5),
            (Stage::Authentication, [AUTHENTICATION, status]) => {
                return Err(SocksError::Credentials { status: *status });
            }
            // RFC 1928 section 6: the address follows, then the port.
            (Stage::ReplyHead, [VERSION_5, 0, _, kind, first]) => {
                let address = match *kind {
                    IPV4 => 4,
                    IPV6 => 16,
                    NAME => 1 + usize::from(*first),
                    _ => return Err(SocksError::Reply { answer: self.answer() }),
                };
                (self.stage, self.wanted) = (Stage::ReplyTail, 4 + address + 2);
            }
            (Stage::ReplyHead, [VERSION_5, code, ..]) => {
                let refusal = SocksRefusal::of_version_5(*code);
                return Err(SocksError::Refused { refusal, answer: self.answer() });
            }
            (Stage::ReplyTail, _) | (Stage::Reply4, [0, GRANTED, ..]) => self.stage = Stage::Done,
            (Stage::Reply4, [0, code, ..]) => {
                let refusal = SocksRefusal::of_version_4(*code);
                return Err(SocksError::Refused { refusal, answer: self.answer() });
            }
            (stage, _) => {
                let version = if stage == Stage::Reply4 { VERSION_4 } else { VERSION_5 };
                return Err(SocksError::NotSocks { version, answer: self.answer() });
            }
        }
        Ok(())
    }

    /// Sends what is queued next, and awaits so many bytes.
    fn ask(&mut self, stage: Stage, wanted: usize) {
        self.out = self.queued.pop().unwrap_or_default();
        self.reply.clear();
        (self.stage, self.wanted) = (stage, wanted);
    }

    fn answer(&self) -> Vec<u8> {
        self.reply.iter().copied().take(SocksError::MAX_ANSWER).collect()
    }
}

/// Encodes the request of SOCKS4: an address, a user id, and in 4a a name behind it.
fn request_4(host: Host<'_>, port: u16, user: &[u8]) -> Result<Vec<u8>, SocksError> {
    let (address, name) = match host {
        // The address 0.0.0.x with x other than 0 says that a name follows.
        Host::V4(address) if matches!(address.octets(), [0, 0, 0, _]) => return Err(SocksError::NotIpv4),
        Host::V4(address) => (address, None),
        Host::Name(name) => (Ipv4Addr::new(0, 0, 0, 1), Some(name)),
        Host::V6(_) => return Err(SocksError::NotIpv4),
    };
    let mut request = vec![VERSION_4, CONNECT];
    request.extend(port.to_be_bytes());
    request.extend(address.octets());
    request.extend(user);
    request.push(0);
    if let Some(name) = name {
        request.extend(name.bytes());
        request.push(0);
    }
    Ok(request)
}

/// Encodes the request of SOCKS5 (RFC 1928 section 4).
fn request_5(host: Host<'_>, port: u16) -> Result<Vec<u8>, SocksError> {
    let mut request = vec![VERSION_5, CONNECT, 0];
    match host {
        Host::V4(address) => {
            request.push(IPV4);
            request.extend(address.octets());
        }
        Host::V6(address) => {
            request.push(IPV6);
            request.extend(address.octets());
        }
        Host::Name(name) => {
            request.extend([NAME, u8::try_from(name.len()).map_err(|_| SocksError::HostName)?]);
            request.extend(name.bytes());
        }
    }
    request.extend(port.to_be_bytes());
    Ok(request)
}

/// Encodes user and password (RFC 1929 section 2). [`Proxy`] keeps both to 255 bytes.
fn authentication(user: &[u8], password: &[u8]) -> Vec<u8> {
    let mut message = vec![AUTHENTICATION];
    for text in [user, password] {
        let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
        message.push(length);
        message.extend(text.iter().take(usize::from(length)));
    }
    message
}

impl fmt::Debug for SocksHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksHandshake")
            .field("stage", &self.stage)
            .field("reply", &self.reply)
            .finish_non_exhaustive()
    }
}

/// Shows how many bytes are to be sent, not which.
impl fmt::Debug for SocksStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(bytes) => write!(f, "Send({} bytes)", bytes.len()),
            Self::Receive(most) => write!(f, "Receive({most})"),
            Self::Done => f.write_str("Done"),
        }
    }
}

#[cfg(test)]
mod tests;
