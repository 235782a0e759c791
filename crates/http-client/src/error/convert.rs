//! From the layers' own errors.

use std::io;

use conn::{Cancelled, ConnectError, OriginError, ProxyError, TimedOut};
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

impl From<OriginError> for Error {
    fn from(error: OriginError) -> Self {
        Self::new(ErrorKind::InvalidRequest, error)
    }
}

impl From<ProxyError> for Error {
    fn from(error: ProxyError) -> Self {
        Self::new(ErrorKind::InvalidRequest, error)
    }
}

/// Names no more than what is wrong: the text of a URL may hold secrets.
impl From<url::ParseError> for Error {
    fn from(error: url::ParseError) -> Self {
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
    /// Takes the error out of what a reader of `std::io` returned, such as [`Response`](crate::Response).
    ///
    /// ```no_run
    /// use http_client::Error;
    /// use std::io;
    ///
    /// let mut response = http_client::get("https://example.com/").send()?;
    /// if let Err(error) = io::copy(&mut response, &mut io::stdout()) {
    ///     match Error::from_io(error) {
    ///         Ok(error) => println!("the response: {:?} while in {:?}", error.kind(), error.phase()),
    ///         Err(error) => println!("standard output: {error}"),
    ///     }
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Gives back what holds no error of this type.
    pub fn from_io(error: io::Error) -> Result<Self, io::Error> {
        error.downcast()
    }

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

/// For readers and writers of `std::io`; the error stays inside, and [`Error::from_io`] takes it out again.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind().io(), error)
    }
}
