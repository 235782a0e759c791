//! Why a connection could not be made.

mod socks;
mod tls;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::address_policy::Denied;
use crate::cancel::Cancelled;
use crate::deadline::{Phase, TimedOut};

pub use socks::{SocksError, SocksRefusal};
pub use tls::{TlsConfigError, TlsError};

/// Why a connection could not be made. Every message tells its own level; `source()` tells the next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The look-up of the name failed.
    #[error("cannot resolve {host}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The name exists but has no address.
    #[error("{host} has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// The policy refuses every address of the host.
    #[error("{host} may not be dialled: {}", Refusals(denied))]
    Denied {
        /// The name or the IP address.
        host: String,
        /// Every address that was found, in order, and why it is refused.
        denied: Vec<Denied>,
    },
    /// No address accepted. [`is_timeout`](Self::is_timeout) tells if the deadline ended the search.
    #[error("cannot connect to {host}: {}", Attempts(attempts))]
    Dial {
        /// Host and port.
        host: String,
        /// Every address that was tried, in order.
        attempts: Vec<FailedAddress>,
    },
    /// The Unix domain socket did not accept.
    #[error("cannot connect to the socket {}", path.display())]
    Unix {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The proxy would look up the name, so that the address policy cannot judge what is reached.
    #[error("{host} may not be asked of a proxy: its addresses cannot be judged here")]
    DeniedName {
        /// The name.
        host: String,
    },
    /// The SOCKS proxy was reached, and did not connect to the target.
    #[error("cannot connect to {target} through {proxy}")]
    Proxy {
        /// The proxy, without credentials.
        proxy: String,
        /// Host and port.
        target: String,
        /// What failed.
        source: SocksError,
    },
    /// The proxy that is asked by a layer above this crate was reached, and did not connect to the target.
    #[error("cannot connect to {target} through {proxy}")]
    Tunnel {
        /// The proxy, without credentials.
        proxy: String,
        /// Host and port.
        target: String,
        /// What failed.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The deadline passed.
    #[error(transparent)]
    Timeout(#[from] TimedOut),
    /// The token was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The TLS handshake failed.
    #[error("the TLS handshake with {host} failed")]
    Tls {
        /// The server as it was named in the handshake.
        host: String,
        /// What failed.
        source: TlsError,
    },
    /// The host cannot be named in a TLS handshake.
    #[error("{host:?} cannot be named in a TLS handshake")]
    InvalidServerName {
        /// The host.
        host: String,
    },
    /// `https` was asked of a build without TLS.
    #[error("https is not possible: conn was built without a TLS feature")]
    TlsNotBuilt,
    /// The origin is malformed.
    #[error(transparent)]
    Origin(#[from] OriginError),
}

impl ConnectError {
    /// Returns the timeout that ended the attempt, if one did.
    #[must_use]
    pub fn is_timeout(&self) -> Option<TimedOut> {
        match self {
            Self::Timeout(timed_out) => Some(*timed_out),
            Self::Dial { attempts, .. } => timeout_in(attempts),
            _ => None,
        }
    }

    /// Returns what was going on; none where nothing was begun.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        match self {
            Self::Resolve { .. } | Self::NoAddress { .. } => Some(Phase::Resolve),
            Self::Dial { .. } | Self::Unix { .. } => Some(Phase::Connect),
            Self::Proxy { .. } | Self::Tunnel { .. } => Some(Phase::Proxy),
            Self::Tls { .. } => Some(Phase::Tls),
            Self::Timeout(timed_out) => Some(timed_out.phase),
            _ => None,
        }
    }

    /// Finds the end that the caller set in the error of a transport: a deadline that passed, or a cancelled token.
    #[must_use]
    pub fn ended(error: &io::Error) -> Option<Self> {
        if Cancelled::is_in(error) {
            return Some(Cancelled.into());
        }
        TimedOut::in_io(error).map(Self::Timeout)
    }

    /// Tells whether the server's certificate was refused.
    #[must_use]
    pub fn is_certificate(&self) -> bool {
        matches!(self, Self::Tls { source, .. } if source.is_certificate())
    }
}

/// An address that did not accept, and why.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedAddress {
    /// The address.
    pub address: SocketAddr,
    /// Why it failed.
    pub error: io::Error,
}

impl FailedAddress {
    /// Records that `address` failed with `error`.
    #[must_use]
    pub fn new(address: SocketAddr, error: io::Error) -> Self {
        Self { address, error }
    }
}

struct Attempts<'a>(&'a [FailedAddress]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, FailedAddress { address, error }) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            match TimedOut::in_io(error) {
                Some(_) => write!(f, "{separator}{address}: no answer yet")?,
                None => write!(f, "{separator}{address}: {error}")?,
            }
        }
        // One deadline is over all: said once.
        timeout_in(self.0).map_or(Ok(()), |timed_out| write!(f, "; {timed_out}"))
    }
}

/// The deadline that ended the search, if one did: whoever had not answered by then carries it.
fn timeout_in(attempts: &[FailedAddress]) -> Option<TimedOut> {
    attempts.iter().find_map(|attempt| TimedOut::in_io(&attempt.error))
}

struct Refusals<'a>(&'a [Denied]);

impl fmt::Display for Refusals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, denied) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{denied}")?;
        }
        Ok(())
    }
}

/// Why a text names no origin. No message repeats the text: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// There is no host.
    #[error("the host is empty")]
    Empty,
    /// There is something in front of the host.
    #[error("user information does not belong into an origin")]
    UserInfo,
    /// The host is written in another script.
    #[error("the host holds {0:?}: give an international name as its A-label (xn--...)")]
    NotAscii(char),
    /// The host holds a character that no host name has.
    #[error("{0:?} cannot stand in a host name")]
    Character(char),
    /// A label is empty or has more than 63 characters, or the name more than 253.
    #[error("labels of a host name have 1 to 63 characters, the whole name at most 253")]
    Length,
    /// The last label is a number, but the whole is no IPv4 address.
    #[error("a host name that ends in a number must be an IPv4 address in four decimal parts")]
    NotIpv4,
    /// What stands in brackets is no IPv6 address.
    #[error("an IPv6 address in brackets is expected, as in [::1]")]
    NotIpv6,
    /// What stands behind the `%` of an IPv6 address names no interface.
    #[error("the zone of an IPv6 address is the name or the number of an interface")]
    Zone,
    /// The port is no number from 1 to 65535.
    #[error("a port is a number from 1 to 65535")]
    Port,
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::address_policy::AddressPolicy;
    use crate::deadline::{Deadline, Limit};

    fn failed(address: &str, error: io::Error) -> FailedAddress {
        FailedAddress::new(address.parse().unwrap(), error)
    }

    #[test]
    fn a_failed_dial_lists_every_address_and_why() {
        let now = Instant::now();
        let passed = Deadline::after(now, Some(Duration::from_secs(1)), Limit::Connect);
        let timed_out = passed.during(Phase::Connect).remaining(now + Duration::from_secs(1)).unwrap_err();
        let refused = || failed("[::1]:80", io::ErrorKind::ConnectionRefused.into());
        let late = failed("127.0.0.1:80", timed_out.into());
        let error = ConnectError::Dial { host: "x:80".into(), attempts: vec![refused(), late] };
        assert_eq!(
            error.to_string(),
            "cannot connect to x:80: [::1]:80: connection refused; 127.0.0.1:80: no answer yet; timed out \
             while connecting: the connect limit of 1s has passed"
        );
        assert_eq!(error.is_timeout(), Some(timed_out));
        let error = ConnectError::Dial { host: "x:80".into(), attempts: vec![refused()] };
        assert_eq!(error.is_timeout(), None);
    }

    #[test]
    fn a_refused_host_lists_every_address_and_why() {
        let policy = AddressPolicy::public_only();
        let denied =
            ["127.0.0.1", "fd00::1"].map(|address| policy.check(address.parse().unwrap()).unwrap_err());
        let error = ConnectError::Denied { host: "inside.example".into(), denied: denied.to_vec() };
        assert_eq!(
            error.to_string(),
            "inside.example may not be dialled: 127.0.0.1 is loopback; fd00::1 is unique local"
        );
        assert_eq!(error.is_timeout(), None);
    }
}
