//! From the layers' own errors.

use std::io;

use conn::{Cancelled, ConnectError, TimedOut};
use wire::{ParseError, RequestError};

use super::{DecodeError, Error, ErrorKind, Misuse};

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::new(ErrorKind::Misuse, misuse)
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        Self::new(ErrorKind::InvalidRequest, error)
    }
}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        let kind = match error {
            ParseError::NoResponse => ErrorKind::Disconnected,
            ParseError::TruncatedHead { .. } | ParseError::TruncatedBody { .. } => ErrorKind::Truncated,
            _ => ErrorKind::Protocol,
        };
        Self::new(kind, error)
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        let kind = match error {
            DecodeError::Truncated { .. } => ErrorKind::Truncated,
            DecodeError::Expansion { .. } => ErrorKind::TooLarge,
            DecodeError::Corrupt { .. } | DecodeError::TooMany { .. } => ErrorKind::Protocol,
        };
        Self::new(kind, error)
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        let kind = if error.is_timeout().is_some() {
            ErrorKind::Timeout
        } else if matches!(error, ConnectError::Cancelled(_)) {
            ErrorKind::Cancelled
        } else if error.is_certificate() {
            ErrorKind::Certificate
        } else {
            ErrorKind::Connect
        };
        Self::new(kind, error)
    }
}

impl Error {
    /// Wraps a failure of the transport.
    pub(crate) fn transport(error: io::Error) -> Self {
        if let Some(timed_out) = TimedOut::in_io(&error) {
            return Self::new(ErrorKind::Timeout, timed_out);
        }
        if Cancelled::is_in(&error) {
            return Self::new(ErrorKind::Cancelled, Cancelled);
        }
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => Self::new(ErrorKind::Disconnected, error),
        }
    }
}

/// For readers and writers of `std::io`; the error stays inside and can be found by `get_ref`.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind().io(), error)
    }
}
