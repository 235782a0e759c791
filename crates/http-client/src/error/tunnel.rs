//! Why an HTTP proxy made no tunnel.

use std::io;

use wire::{ParseError, RequestError};

use super::StatusError;

/// Why an HTTP proxy that was reached made no tunnel: [`Error::tunnel`](crate::Error::tunnel) finds it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TunnelError {
    /// The proxy refused: 407 wants other credentials, 403 forbids, 502 and 504 did not reach the target.
    #[error("the proxy answered {}", .0.head.status)]
    Refused(Box<StatusError>),
    /// What the proxy answered is not HTTP as it should be.
    #[error("the answer of the proxy is invalid")]
    Invalid(#[from] ParseError),
    /// The target or a field cannot stand in a request.
    #[error("the proxy cannot be asked")]
    Request(#[from] RequestError),
    /// The connection to the proxy broke.
    #[error("the connection to the proxy broke")]
    Io(#[from] io::Error),
    /// The address has a zone, which names an interface of this machine.
    #[error("the zone of an IPv6 address means nothing to a proxy")]
    Zone,
    /// The route leads to a Unix domain socket.
    #[error("a proxy cannot reach a Unix domain socket of this machine")]
    UnixSocket,
}
