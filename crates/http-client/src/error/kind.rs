//! What sort of error it is.

use std::io;

/// Sorts errors by what a caller can do about them.
///
/// # From Python
/// What the exceptions of `http.client` and its neighbours are here:
///
#[doc = include_str!("from_python.md")]
///
/// What `requests` raises:
///
#[doc = include_str!("from_requests.md")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request cannot be sent as it was built: its URL, a field, or a promise about its length.
    InvalidRequest,
    /// A call came out of order; the source is a [`Misuse`](crate::Misuse).
    Misuse,
    /// No connection could be made.
    Connect,
    /// The peer's certificate was refused.
    Certificate,
    /// A deadline passed; [`Error::phase`](crate::Error::phase) tells during what.
    Timeout,
    /// The [token](conn::CancelToken) of the request was cancelled.
    Cancelled,
    /// The connection broke.
    Disconnected,
    /// The peer broke the protocol, or sent more than a limit allows.
    Protocol,
    /// The client's own circuit breaker, rate limit or bulkhead refused the attempt; the source is a
    /// [`resilience::GiveUp`].
    Rejected,
    /// The settings of a client cannot be used.
    Config,
    /// A redirect was refused, or there were too many; the source is a [`RedirectError`](crate::RedirectError).
    Redirect,
    /// The status says that the request failed, where [`error_for_status`](crate::Response::error_for_status) was asked; the
    /// source is a [`StatusError`](crate::StatusError).
    Status,
    /// The content is no JSON of the type that was asked for; the source is a `JsonError`.
    Json,
    /// The response ended before it was complete.
    Truncated,
    /// The request's content could not be made or read: its reader or file failed, or a value is no JSON.
    Content,
    /// The content is larger than may be held in memory, or grows too much by decoding
    /// ([`DecodeError::Expansion`](crate::DecodeError::Expansion)).
    TooLarge,
    /// The writer given to [`copy_to`](crate::Response::copy_to) failed.
    Local,
}

impl ErrorKind {
    /// What is said before the causes; nothing where the cause says it all.
    pub(super) fn says(self) -> Option<&'static str> {
        Some(match self {
            Self::InvalidRequest => "the request cannot be sent",
            Self::Disconnected => "the connection broke",
            Self::Protocol => "the response is invalid",
            Self::Truncated => "the response is incomplete",
            Self::Content => "the content of the request could not be read",
            Self::Local => "the content could not be written",
            // A ConnectError names its step itself.
            Self::Connect
            | Self::Certificate
            | Self::Misuse
            | Self::Timeout
            | Self::Cancelled
            | Self::Rejected
            | Self::Config
            | Self::Redirect
            | Self::Status
            | Self::Json
            | Self::TooLarge => return None,
        })
    }

    pub(super) fn io(self) -> io::ErrorKind {
        match self {
            Self::InvalidRequest | Self::Misuse | Self::Config => io::ErrorKind::InvalidInput,
            Self::Connect => io::ErrorKind::NotConnected,
            Self::Certificate | Self::Protocol | Self::Json => io::ErrorKind::InvalidData,
            Self::Timeout => io::ErrorKind::TimedOut,
            Self::Cancelled => io::ErrorKind::ConnectionAborted,
            Self::Disconnected => io::ErrorKind::ConnectionReset,
            Self::Truncated => io::ErrorKind::UnexpectedEof,
            Self::Content | Self::Rejected | Self::Redirect | Self::Status | Self::TooLarge | Self::Local => {
                io::ErrorKind::Other
            }
        }
    }
}
