//! Requests that are sent while earlier ones have no answer yet (RFC 9112 §9.3.2).

use conn::Origin;
use wire::{Fate, Headers, Method};

use super::{Connection, State};
use crate::body::Body;
use crate::error::{Error, ErrorKind, Misuse};
use crate::link::Sent;
use crate::policy::deadlines::Deadlines;
use crate::policy::prepare;
use crate::policy::replay::is_idempotent;
use crate::request::Request;

/// What would send a request again: its own fields, without the defaults, and its content.
pub(super) struct Kept {
    pub(super) headers: Headers,
    pub(super) body: Body,
}

/// A request behind the current one.
pub(super) struct Ahead {
    sent: Sent,
    kept: Kept,
    decodes: bool,
    deadlines: Deadlines,
}

/// A request that was sent and has no answer, because its connection ended. It can be
/// [sent again](Connection::resend) if its [fate](Self::fate) allows.
///
/// ```no_run
/// use http_client::wire::Fate;
/// use http_client::{Client, Connection, Error};
///
/// /// Sends again, by a client that has connections of its own, what no answer had begun to.
/// fn send_again(conn: &mut Connection, client: &Client) -> Result<(), Error> {
///     for request in conn.unanswered() {
///         if request.fate == Fate::Unprocessed && request.method.is_idempotent() {
///             println!("{}", client.send(request.into_request()?)?.status());
///         } else {
///             println!("{} {} may have been acted on", request.method, request.target);
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Unanswered {
    /// The method.
    pub method: Method,
    /// The target as it was given, a path with its query.
    pub target: String,
    /// The request's own fields, without the defaults, which are added again.
    pub headers: Headers,
    /// The content.
    pub body: Body,
    /// Whether a byte of its response was seen. Where none was, the server has most likely not begun with it; only what may be
    /// done twice may be sent again.
    pub fate: Fate,
    origin: Origin,
}

impl Unanswered {
    /// Makes a request for a [`Client`](crate::Client) of it.
    ///
    /// # Errors
    /// The target is none of a URL, as that of `OPTIONS *`.
    pub fn into_request(self) -> Result<Request, Error> {
        let url = prepare::url(&self.origin, &self.target)
            .ok_or_else(|| Error::new(ErrorKind::InvalidRequest, NoUrl))?;
        let mut request = Request::new(self.method, url)?;
        (request.headers, request.body) = (self.headers, self.body);
        Ok(request)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the target of the request is no path, so it has no URL")]
struct NoUrl;

/// Why a request that was sent has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection ended with an earlier response; unanswered() gives the request back")]
pub struct NotAnswered;

impl Connection {
    /// Takes the requests that were sent and have no response head, because the connection ended; in their order. Those
    /// put together by hand are not among them, nor one whose sending failed. The next request that begins anew
    /// forgets them.
    ///
    /// ```no_run
    /// # let mut conn = http_client::Connection::https("example.com")?;
    /// conn.request("GET", "/a")?;
    /// conn.request("GET", "/b")?;
    /// while let Ok(response) = conn.response() {
    ///     println!("{}", response.text()?);
    /// }
    /// for request in conn.unanswered() {
    ///     conn.resend(request)?;
    ///     println!("{}", conn.response()?.text()?);
    /// }
    /// # Ok::<(), http_client::Error>(())
    /// ```
    pub fn unanswered(&mut self) -> Vec<Unanswered> {
        if matches!(self.state, State::Answered) && !self.link.is_open() {
            self.give_up(false);
        }
        std::mem::take(&mut self.unanswered)
    }

    /// Sends a request again, as [`request_with`](Self::request_with) does, on this connection or another.
    ///
    /// # Errors
    /// As [`request`](Self::request); besides, the content was taken from a reader and cannot be read again.
    pub fn resend(&mut self, request: Unanswered) -> Result<(), Error> {
        let Unanswered { method, target, headers, body, .. } = request;
        if !body.is_replayable() {
            return Err(self.named(&method, &target, Misuse::ContentIsGone.into()));
        }
        self.dispatch(method, &target, Kept { headers, body })
    }

    /// Tells whether a request goes behind others.
    pub(super) fn is_pipelining(&self) -> bool {
        match self.state {
            State::Awaiting => true,
            State::Answered => !self.ahead.is_empty() && self.link.is_open(),
            _ => false,
        }
    }

    /// Sends a request behind those that have no answer.
    pub(super) fn push(&mut self, method: Method, target: &str, kept: Kept) -> Result<(), Error> {
        let content =
            self.may_follow(&method, &kept).map_err(|misuse| self.named(&method, target, misuse.into()))?;
        let decodes = self.fill_in(target, &kept.headers);
        let now = self.config.clock.now();
        let deadlines = Deadlines::new(self.config.timeouts, now, now);
        let exchange = self.exchange(&method, target, kept.body.length())?;
        if exchange.awaits_continue() {
            self.link.output.clear();
            return Err(self.named(&method, target, Misuse::ResponsePending.into()));
        }
        let sent = Sent::new(exchange, method, &self.route, target);
        let sent = self.link.send_ahead(sent, content, &deadlines, &*self.config.clock)?;
        self.ahead.push_back(Ahead { sent, kept, decodes, deadlines });
        Ok(())
    }

    /// Lends the content of a request that may be sent behind those without an answer.
    fn may_follow<'k>(&self, method: &Method, kept: &'k Kept) -> Result<&'k [u8], Misuse> {
        let limits = self.config.pipelining;
        let awaits = matches!(self.state, State::Awaiting);
        if self.ahead.len() + usize::from(awaits) >= limits.depth || !self.link.may_send_ahead() {
            return Err(Misuse::ResponsePending);
        }
        let current = awaits.then(|| self.link.method());
        let mut all = self.ahead.iter().map(|ahead| ahead.sent.method()).chain(current).chain([method]);
        if !limits.any_method && !all.all(is_idempotent) {
            return Err(Misuse::NotIdempotent);
        }
        kept.body.at_hand().ok_or(Misuse::ContentNotAtHand)
    }

    /// Makes the next request that waits for its answer the current one, and returns its deadlines.
    pub(super) fn advance(&mut self) -> Result<Deadlines, Error> {
        self.dispose();
        let Some(next) = self.ahead.pop_front() else { return Err(Misuse::NoRequest.into()) };
        if !self.link.is_open() {
            let error = self.named(
                next.sent.method(),
                next.sent.target(),
                Error::new(ErrorKind::Disconnected, NotAnswered),
            );
            self.ahead.push_front(next);
            self.give_up(false);
            self.state = State::Idle;
            return Err(error);
        }
        let Ahead { sent, kept, decodes, deadlines } = next;
        self.link.resume(sent);
        self.link.on_informational.clone_from(&self.on_informational);
        (self.current, self.decodes, self.deadlines) = (Some(kept), decodes, deadlines);
        self.state = State::Awaiting;
        Ok(deadlines)
    }

    /// Gives back what has no answer and gets none, the current request too if it has none.
    pub(super) fn give_up(&mut self, with_current: bool) {
        let origin = self.route.origin().clone();
        if let Some(kept) = self.current.take().filter(|_| with_current) {
            let fate = if self.link.has_received() { Fate::Unknown } else { Fate::Unprocessed };
            let (method, target) = (self.link.method().clone(), self.link.target().to_owned());
            let Kept { headers, body } = kept;
            self.unanswered.push(Unanswered { method, target, headers, body, fate, origin: origin.clone() });
        }
        let mut began = self.link.is_complete() && self.link.has_left_over();
        for Ahead { sent, kept: Kept { headers, body }, .. } in self.ahead.drain(..) {
            let fate = if std::mem::take(&mut began) { Fate::Unknown } else { Fate::Unprocessed };
            let (method, target) = sent.into_request_line();
            self.unanswered.push(Unanswered { method, target, headers, body, fate, origin: origin.clone() });
        }
    }
}
