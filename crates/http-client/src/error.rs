//! The one error of the facade: opaque, with a kind, questions to ask, and the whole chain of causes.

mod attempts;
mod convert;
mod decode;
#[cfg(feature = "json")]
mod json;
mod kind;
mod redirect;
mod status;
mod tunnel;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use conn::{ConnectError, Limit, Phase, TimedOut};
use resilience::GiveUp;
use wire::StatusCode;

pub(crate) use attempts::Attempts;
pub use attempts::{AttemptInfo, Why};
pub use decode::DecodeError;
#[cfg(feature = "json")]
pub use json::JsonError;
pub use kind::ErrorKind;
pub use redirect::{RedirectError, RefusedRedirect};
pub use status::StatusError;
pub use tunnel::TunnelError;

/// Says what went wrong, for which request, and why.
///
/// `Display` prints one line: the request without secrets, then every cause. `source()` gives the same chain as values:
/// [`conn::ConnectError`], [`conn::TimedOut`], [`wire::ParseError`], [`wire::RequestError`],
/// [`Misuse`] or [`std::io::Error`]. Its wording may change; branch on [`kind`](Self::kind).
///
/// ```no_run
/// use http_client::{Client, ClientConfig, ErrorKind};
///
/// let client = Client::with_config(ClientConfig::standard())?;
/// if let Err(error) = client.get("https://example.com/").send() {
///     match error.kind() {
///         ErrorKind::Timeout => println!("too slow while in {:?}: {:?}", error.phase(), error.limit()),
///         ErrorKind::Connect | ErrorKind::Certificate => println!("never got there: {error}"),
///         _ => println!("{error} after {} attempts, {:?}", error.attempts().len(), error.gave_up()),
///     }
/// }
/// # Ok::<(), http_client::Error>(())
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    /// The method and the URL without user-info and query.
    request: Option<String>,
    attempts: Attempts,
    gave_up: Option<GiveUp>,
    progress: Option<Progress>,
    source: Arc<dyn StdError + Send + Sync>,
}

/// How far an exchange had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What was going on.
    pub phase: Phase,
    /// Bytes of the request that were sent.
    pub sent: u64,
    /// Bytes of the response that were received; over TLS those of whole records.
    pub received: u64,
}

impl Progress {
    pub(crate) fn new(phase: Phase, sent: u64, received: u64) -> Self {
        Self { phase, sent, received }
    }
}

/// A call came out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// A response was asked for, but no request was sent.
    #[error("no request was sent, so there is no response to read")]
    NoRequest,
    /// A request was begun that may not be sent before earlier ones are answered: as many as
    /// [`Pipelining::depth`](crate::Pipelining::depth) wait already, it is put together by hand, or the last one ends the connection.
    #[error(
        "as many requests wait for their responses as may, or the last one ends the connection: call response() first"
    )]
    ResponsePending,
    /// A request would follow one without an answer, and not both may be done twice.
    #[error("only idempotent requests can be sent before earlier ones are answered: call response() first")]
    NotIdempotent,
    /// A request would follow one without an answer, and its content is not in memory.
    #[error("only content in memory can be sent before earlier requests are answered: call response() first")]
    ContentNotAtHand,
    /// A request was to be sent again whose content was read from its reader already.
    #[error("the content was taken from a reader and cannot be sent again")]
    ContentIsGone,
    /// A request was begun inside another.
    #[error("the last request is not complete: call end_headers() and send() first")]
    RequestUnfinished,
    /// A header was put, or headers were ended, without `put_request`.
    #[error("no request is being built: call put_request() first")]
    NotBuilding,
    /// Content was sent before the headers were ended or after the request was complete.
    #[error("no content can be sent here: call put_request() and end_headers() first")]
    NotSending,
    /// A connection was to be taken over that goes on with HTTP.
    #[error("the response hands no connection over: it is neither 101 nor 2xx to CONNECT")]
    NotUpgraded,
    /// The connection is closed and may not be dialled again.
    #[error("the connection is closed")]
    Closed,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            request: None,
            attempts: Attempts::None,
            gave_up: None,
            progress: None,
            source: source.into().into(),
        }))
    }

    /// Names the request, as a method and a URL whose secrets were taken out, unless it is named already.
    pub(crate) fn for_request(self, request: String) -> Self {
        self.with(|inner| {
            inner.request.get_or_insert(request);
        })
    }

    /// Adds what its call tried, and why it did not go on.
    pub(crate) fn after(self, attempts: Attempts, gave_up: Option<GiveUp>) -> Self {
        self.with(|inner| (inner.attempts, inner.gave_up) = (attempts, gave_up))
    }

    /// Says how far the exchange had come, unless that is said already.
    pub(crate) fn at(self, progress: Progress) -> Self {
        self.with(|inner| {
            inner.progress.get_or_insert(progress);
        })
    }

    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Tells whether a deadline passed.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
    }

    /// Tells whether no connection could be made, for whatever reason: no byte of the request was sent.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        self.find::<ConnectError>().is_some()
    }

    /// Returns what was going on when a deadline passed, the connection broke, or none could be made.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        let timed_out = self.timed_out().map(|timed_out| timed_out.phase);
        timed_out.or_else(|| self.progress().map(|progress| progress.phase))
    }

    /// Returns how far the exchange had come when it failed: no byte of it moved where no connection could be made. None
    /// where nothing was begun.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        let unconnected = || Some(Progress::new(self.connect_error()?.phase()?, 0, 0));
        self.0.progress.or_else(unconnected)
    }

    /// Returns the limit whose deadline passed.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        self.timed_out().map(|timed_out| timed_out.limit)
    }

    /// Lists what a [`Client`](crate::Client)'s call tried, in order; empty where there was no call.
    #[must_use]
    pub fn attempts(&self) -> &[AttemptInfo] {
        self.0.attempts.as_slice()
    }

    /// Returns why the policies of a [`Client`](crate::Client) did not have the call tried again; none where it has none.
    #[must_use]
    pub fn gave_up(&self) -> Option<GiveUp> {
        self.0.gave_up
    }

    /// Returns why no connection could be made.
    #[must_use]
    pub fn connect_error(&self) -> Option<&ConnectError> {
        self.find()
    }

    /// Returns all that is known of the deadline that passed: phase, limit, elapsed time, and the bytes of this request
    /// and its response that had moved by then.
    #[must_use]
    pub fn timed_out(&self) -> Option<TimedOut> {
        self.find::<TimedOut>().copied().or_else(|| self.find::<ConnectError>()?.is_timeout())
    }

    /// Returns the redirect that was refused, with the head of its response.
    #[must_use]
    pub fn redirect(&self) -> Option<&RedirectError> {
        self.find()
    }

    /// Returns the response whose status is the error.
    #[must_use]
    pub fn response(&self) -> Option<&StatusError> {
        self.find()
    }

    /// Returns the status of the response that is the error: one that says so itself, or a refused redirect.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        let failed = self.response().map(|response| response.head.status);
        failed.or_else(|| Some(self.redirect()?.head.status))
    }

    /// Returns why an HTTP proxy made no tunnel.
    #[must_use]
    pub fn tunnel(&self) -> Option<&TunnelError> {
        self.find()
    }

    /// Returns the content that is no JSON of the type that was asked for.
    #[cfg(feature = "json")]
    #[must_use]
    pub fn json(&self) -> Option<&JsonError> {
        self.find()
    }

    /// Finds a cause of one type in the chain: a [`Misuse`], a [`wire::ParseError`], a [`wire::RequestError`], an
    /// [`io::Error`], or what a transport of the caller's failed with.
    ///
    /// ```
    /// use http_client::{Client, wire::RequestError};
    ///
    /// let error = Client::new().get("http://a/").header("X-Two words", "").send().unwrap_err();
    /// assert!(matches!(error.find(), Some(RequestError::FieldName { .. })));
    /// ```
    #[must_use]
    pub fn find<E: StdError + 'static>(&self) -> Option<&E> {
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            // An io::Error shows what it wraps through get_ref alone where it is transparent.
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(found) = wrapped.and_then(|wrapped| wrapped.downcast_ref()) {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0.source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for part in self.0.request.as_deref().into_iter().chain(self.0.kind.says()) {
            write!(f, "{between}{part}")?;
            between = ": ";
        }
        let (mut cause, mut last) = (self.source(), String::new());
        while let Some(error) = cause {
            let text = error.to_string();
            // A transparent layer repeats the one below it.
            if text != last {
                write!(f, "{between}{text}")?;
                between = ": ";
            }
            (cause, last) = (error.source(), text);
        }
        Ok(())
    }
}

/// The kind and the one line of `Display`: what `main` prints when it returns the error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use conn::{Deadline, Origin};
    use wire::ParseError;

    use super::*;

    fn timed_out() -> TimedOut {
        let now = std::time::Instant::now();
        Deadline::after(now, Some(Duration::ZERO), Limit::Idle)
            .during(Phase::Body)
            .remaining(now)
            .unwrap_err()
    }

    #[test]
    fn one_line_tells_the_request_and_every_cause() {
        for (error, line) in [
            (
                Error::from(ParseError::BareLf),
                "GET http://a/: the response is invalid: a line of the head or of the trailers ends with LF without CR",
            ),
            (
                Error::transport(timed_out().into()),
                "GET http://a/: timed out while reading the content: the idle limit of 0ns has passed",
            ),
            (
                Error::from(Misuse::NoRequest),
                "GET http://a/: no request was sent, so there is no response to read",
            ),
        ] {
            assert_eq!(error.for_request("GET http://a/".into()).to_string(), line);
        }
    }

    #[test]
    fn questions_are_answered_from_the_causes() {
        let error = Error::transport(timed_out().into()).for_request("GET http://a/".into());
        assert_eq!((error.phase(), error.limit()), (Some(Phase::Body), Some(Limit::Idle)));
        assert_eq!((error.is_timeout(), error.is_connect(), error.attempts().len()), (true, false, 0));

        let refused = |source| ConnectError::Tls { host: "a".into(), source };
        let error = Error::from(refused(conn::TlsError::PeerClosed { source: None }));
        assert_eq!(error.phase(), Some(Phase::Tls));
        assert_eq!(error.progress(), Some(Progress::new(Phase::Tls, 0, 0)));
        let error = error.at(Progress::new(Phase::Send, 1, 2));
        assert_eq!(error.progress(), Some(Progress::new(Phase::Send, 1, 2)));

        let no_origin = Origin::http("").unwrap_err();
        assert_eq!(Error::new(ErrorKind::InvalidRequest, no_origin).phase(), None);
    }

    #[test]
    fn an_error_survives_the_way_through_io() {
        let error = Error::from(ParseError::TruncatedBody { received: 1, expected: Some(2) });
        let io = io::Error::from(error);
        assert_eq!(io.kind(), io::ErrorKind::UnexpectedEof);
        let back = Error::transport(io);
        assert_eq!(back.kind(), ErrorKind::Truncated);
        assert_eq!(Error::from_io(back.into()).unwrap().kind(), ErrorKind::Truncated);
        assert_eq!(
            Error::from_io(io::ErrorKind::NotFound.into()).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn an_invalid_url_origin_or_proxy_is_an_invalid_request_and_is_not_repeated() {
        for error in [
            Error::from(url::Url::parse("http://ida:s3cret@[").unwrap_err()),
            Error::from(Origin::http("ida:s3cret@a").unwrap_err()),
            Error::from("http://ida:s3cret@a".parse::<conn::Proxy>().unwrap_err()),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
