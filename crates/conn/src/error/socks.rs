//! What fails between a client and its SOCKS proxy.

use std::fmt;
use std::io;

/// Why a SOCKS proxy did not make a connection. It keeps what the proxy answered, at most [`MAX_ANSWER`](Self::MAX_ANSWER)
/// bytes of it, and nothing of what it was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocksError {
    /// The protocol has no room for the name of the target.
    #[error("a SOCKS proxy takes host names of 1 to 255 bytes without NUL")]
    HostName,
    /// The dialect leaves the look-up to the client, and there was none.
    #[error("this kind of SOCKS takes addresses, not names")]
    NotAnAddress,
    /// SOCKS4 cannot name this address: it is no IPv4 address, or one of `0.0.0.0/24`, which mean something else there.
    #[error("SOCKS4 cannot reach this address, only IPv4 addresses")]
    NotIpv4,
    /// The address has a zone, which names an interface of this machine.
    #[error("the zone of an IPv6 address means nothing to a proxy")]
    Zone,
    /// The route leads to a Unix domain socket.
    #[error("a proxy cannot reach a Unix domain socket of this machine")]
    UnixSocket,
    /// The proxy speaks HTTP.
    #[error("an HTTP proxy is not asked by SOCKS: a layer above has to speak to it")]
    Http,
    /// The answer is not SOCKS.
    #[error("the proxy does not speak SOCKS{version}: it answered {}", Bytes(answer))]
    NotSocks {
        /// The version that was spoken: 4 or 5.
        version: u8,
        /// What came instead.
        answer: Vec<u8>,
    },
    /// The proxy accepts none of the ways to authenticate that were offered.
    #[error("the proxy accepts {}", if *.credentials { "no user and password" } else { "nobody without authentication" })]
    NoMethod {
        /// Whether user and password were offered.
        credentials: bool,
    },
    /// The proxy chose a way to authenticate that was not offered.
    #[error("the proxy wants authentication method {method:#04x}, which was not offered")]
    Method {
        /// The method (RFC 1928 section 3).
        method: u8,
    },
    /// The proxy refused user and password.
    #[error("the proxy refused the user and password (status {status})")]
    Credentials {
        /// The status (RFC 1929 section 2).
        status: u8,
    },
    /// The proxy did not connect to the target.
    #[error("the proxy answered: {refusal}")]
    Refused {
        /// Why not.
        refusal: SocksRefusal,
        /// The beginning of its reply.
        answer: Vec<u8>,
    },
    /// The proxy's reply holds an address of an unknown type, so that its end is unknown too.
    #[error("the reply of the proxy is malformed: {}", Bytes(answer))]
    Reply {
        /// The beginning of the reply.
        answer: Vec<u8>,
    },
    /// The proxy closed before it had answered.
    #[error("the proxy closed the connection before it had answered{}", After(answer))]
    Closed {
        /// What came of the answer.
        answer: Vec<u8>,
    },
    /// The stream to the proxy failed.
    #[error("the connection to the proxy broke")]
    Io {
        /// How.
        source: io::Error,
    },
}

impl SocksError {
    /// The most bytes that are kept of an answer.
    pub const MAX_ANSWER: usize = 64;
}

/// Why a proxy did not connect to the target, as its reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocksRefusal {
    /// SOCKS5 1: it failed.
    General,
    /// SOCKS5 2: the rules of the proxy forbid it.
    NotAllowed,
    /// SOCKS5 3: the network of the target cannot be reached. Some proxies say so when a name has no address.
    NetworkUnreachable,
    /// SOCKS5 4: the target cannot be reached. Some proxies say so when a name has no address.
    HostUnreachable,
    /// SOCKS5 5: the target refused the connection.
    ConnectionRefused,
    /// SOCKS5 6: the way is too long.
    TtlExpired,
    /// SOCKS5 7: the proxy does not connect at all.
    CommandNotSupported,
    /// SOCKS5 8: the proxy does not know names, or this kind of address.
    AddressTypeNotSupported,
    /// SOCKS4 91: rejected or failed.
    Rejected,
    /// SOCKS4 92: the proxy asked our identd for the user, and there is none.
    NoIdentd,
    /// SOCKS4 93: our identd tells another user.
    OtherUser,
    /// Any other code.
    Unknown(u8),
}

impl SocksRefusal {
    /// Reads a reply code of SOCKS5 (RFC 1928 section 6) that is not success.
    pub(crate) fn of_version_5(code: u8) -> Self {
        match code {
            1 => Self::General,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::ConnectionRefused,
            6 => Self::TtlExpired,
            7 => Self::CommandNotSupported,
            8 => Self::AddressTypeNotSupported,
            code => Self::Unknown(code),
        }
    }

    /// Reads a result code of SOCKS4 that is not success.
    pub(crate) fn of_version_4(code: u8) -> Self {
        match code {
            91 => Self::Rejected,
            92 => Self::NoIdentd,
            93 => Self::OtherUser,
            code => Self::Unknown(code),
        }
    }

    /// Says whether another address of the same name may fare better.
    pub(crate) fn concerns_the_address(self) -> bool {
        match self {
            Self::General
            | Self::NetworkUnreachable
            | Self::HostUnreachable
            | Self::ConnectionRefused
            | Self::TtlExpired
            | Self::AddressTypeNotSupported
            | Self::Rejected => true,
            Self::NotAllowed
            | Self::CommandNotSupported
            | Self::NoIdentd
            | Self::OtherUser
            | Self::Unknown(_) => false,
        }
    }

    /// Returns the code as it stood in the reply.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::General => 1,
            Self::NotAllowed => 2,
            Self::NetworkUnreachable => 3,
            Self::HostUnreachable => 4,
            Self::ConnectionRefused => 5,
            Self::TtlExpired => 6,
            Self::CommandNotSupported => 7,
            Self::AddressTypeNotSupported => 8,
            Self::Rejected => 91,
            Self::NoIdentd => 92,
            Self::OtherUser => 93,
            Self::Unknown(code) => code,
        }
    }
}

impl fmt::Display for SocksRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self {
            Self::General => "general failure",
            Self::NotAllowed => "its rules do not allow the connection",
            Self::NetworkUnreachable => "network unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::ConnectionRefused => "connection refused",
            Self::TtlExpired => "TTL expired",
            Self::CommandNotSupported => "command not supported",
            Self::AddressTypeNotSupported => "address type not supported",
            Self::Rejected => "rejected or failed",
            Self::NoIdentd => "rejected, since no identd answers here",
            Self::OtherUser => "rejected, since identd tells another user",
            Self::Unknown(_) => "unknown code",
        };
        write!(f, "{meaning} (code {})", self.code())
    }
}

struct Bytes<'a>(&'a [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

struct After<'a>(&'a [u8]);

impl fmt::Display for After<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", after {}", Bytes(self.0)) }
    }
}
