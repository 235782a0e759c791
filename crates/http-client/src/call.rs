//! What the user asked for, as a state machine over one or more exchanges.

use std::mem;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use conn::{CancelToken, Route};
use url::Url;
use wire::{Exchange, Headers, Method, RequestHead, ResponseHead};

use crate::body::{Body, Source};
use crate::config::ClientConfig;
use crate::error::{Error, ErrorKind, RedirectError};
pub use crate::policy::deadlines::Deadlines;
use crate::policy::prepare;
use crate::policy::reask::{Circumstances, Reask, Reasked};
use crate::policy::redirect::{Asked, Hop, Redirect, carry_over, redirect};
pub use crate::policy::replay::Lost;
use crate::policy::replay::{is_idempotent, replay};
use crate::request::Request;

/// One call: a request, sent once, or again where that is harmless.
///
/// It decides and never waits. A driver calls [`step`](Self::step), does exactly what it says, reports once by
/// [`on_response`](Self::on_response) or [`on_failure`](Self::on_failure), and steps again after a failure.
#[derive(Debug)]
pub struct Call {
    request: Request,
    route: Route,
    config: Arc<ClientConfig>,
    started: Instant,
    state: State,
    attempts: u32,
    /// The present hop was replayed.
    replayed: bool,
    /// What the present hop was asked again for.
    reasked: Reasked,
    /// A server refused the expectation.
    without_expect: bool,
    trail: Trail,
}

#[derive(Debug)]
enum State {
    /// The next step is an attempt.
    Ready {
        fresh: bool,
    },
    /// An attempt is under way; its report is awaited.
    Attempted {
        fresh: bool,
        started: Instant,
    },
    Answered,
    Failed(Error),
}

/// What a driver does with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Give it to the user: the call is over.
    Deliver,
    /// Drop its content, and step again.
    Discard,
}

/// What is known of a response besides its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// The connection was idle before the request.
    pub is_reused: bool,
    /// The request was sent to its end.
    pub is_sent: bool,
}

impl Answered {
    /// States the facts.
    #[must_use]
    pub fn new(is_reused: bool, is_sent: bool) -> Self {
        Self { is_reused, is_sent }
    }
}

/// The way of a call to its response.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    /// The URL that answered; none where no URL was asked for.
    pub(crate) url: Option<Url>,
    pub(crate) history: Vec<Passed>,
}

/// A response on the way: a redirect that was followed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Passed {
    /// The URL that answered so.
    pub url: Url,
    /// Its head.
    pub head: ResponseHead,
}

/// What a driver does next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// Send the request.
    Attempt(Attempt),
    /// Give this error to the user.
    Fail(Error),
    /// Nothing: the response was delivered.
    Done,
}

/// One try.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// Where to.
    pub route: Route,
    /// Whether the connection must be a new one, never one from the pool.
    pub fresh: bool,
    /// The how-manieth try of its call, from 1.
    pub number: u32,
    /// Until when.
    pub deadlines: Deadlines,
}

impl Call {
    /// Begins a call.
    ///
    /// # Errors
    /// The URL has no origin that can be connected to.
    pub fn new(request: Request, config: Arc<ClientConfig>, now: Instant) -> Result<Self, Error> {
        let origin = prepare::origin(&request.url).map_err(|error| {
            error.for_request(prepare::label_url(request.method.as_str(), &request.url), 1)
        })?;
        let route = config.route(origin);
        Ok(Self {
            request,
            route,
            config,
            started: now,
            state: State::Ready { fresh: false },
            attempts: 0,
            replayed: false,
            reasked: Reasked::default(),
            without_expect: false,
            trail: Trail::default(),
        })
    }

    /// Says what comes next. Asked again before a report, it says the same.
    pub fn step(&mut self, now: Instant) -> Step {
        let (fresh, started) = match self.state {
            State::Answered => return Step::Done,
            State::Failed(ref error) => return Step::Fail(error.clone()),
            State::Attempted { fresh, started } => (fresh, started),
            State::Ready { fresh } => {
                self.attempts += 1;
                self.state = State::Attempted { fresh, started: now };
                (fresh, now)
            }
        };
        let timeouts = self.request.timeouts.unwrap_or(self.config.timeouts);
        let deadlines = Deadlines::new(timeouts, self.started, started);
        Step::Attempt(Attempt { route: self.route.clone(), fresh, number: self.attempts, deadlines })
    }

    /// Appends the request head to `out`, with `fields` as room for its lines, and begins the exchange.
    ///
    /// # Errors
    /// The request cannot be sent as it is.
    pub fn begin(&self, now: SystemTime, fields: &mut Headers, out: &mut Vec<u8>) -> Result<Exchange, Error> {
        let cookies = prepare::cookies(&self.config, &self.request.url, now);
        prepare::fields(&self.config.headers, &self.request.headers, cookies.as_deref(), fields);
        if self.without_expect {
            fields.remove("expect");
        }
        let head = RequestHead::new(&self.request.method, self.target(), fields)
            .with_host(self.route.origin().authority());
        let exchange = Exchange::begin(&head, self.request.body.length(), self.config.limits.message, out)?;
        Ok(exchange.with_leniency(self.config.leniency))
    }

    /// Takes note of the final response head, and says what becomes of it.
    pub fn on_response(&mut self, head: &ResponseHead, answered: Answered, now: SystemTime) -> Verdict {
        prepare::store_cookies(&self.config, &self.request.url, &head.headers, now);
        let circumstances = Circumstances {
            is_reused: answered.is_reused,
            is_sent: answered.is_sent,
            expects: !self.without_expect && self.request.headers.contains("expect"),
            is_replayable: self.request.body.is_replayable(),
        };
        if let Some(reask) = self.reasked.judge(head.status, circumstances) {
            self.without_expect |= reask == Reask::WithoutExpect;
            self.state = State::Ready { fresh: reask == Reask::Elsewhere };
            return Verdict::Discard;
        }
        let asked = Asked {
            method: &self.request.method,
            url: &self.request.url,
            is_replayable: circumstances.is_replayable,
            followed: u32::try_from(self.trail.history.len()).unwrap_or(u32::MAX),
        };
        let policy = self.request.redirect.as_ref().unwrap_or(&self.config.redirect);
        match redirect(asked, head.status, head.headers.get("location"), policy) {
            Redirect::Deliver(_) => {
                self.state = State::Answered;
                Verdict::Deliver
            }
            Redirect::Refuse(reason) => {
                let error = Error::new(ErrorKind::Redirect, RedirectError { reason, head: head.clone() });
                self.state = State::Failed(error.for_request(self.label(), self.attempts));
                Verdict::Discard
            }
            Redirect::Follow(hop) => {
                self.state = match self.follow(hop, head) {
                    Ok(()) => State::Ready { fresh: false },
                    Err(error) => State::Failed(error),
                };
                Verdict::Discard
            }
        }
    }

    /// Makes the next hop the request.
    fn follow(&mut self, hop: Hop, head: &ResponseHead) -> Result<(), Error> {
        let origin =
            prepare::origin(&hop.url).map_err(|error| error.for_request(self.label(), self.attempts))?;
        carry_over(&mut self.request.headers, &hop);
        if !hop.keeps_content {
            self.request.body = Body::empty();
        }
        self.route = self.config.route(origin);
        self.request.method = hop.method;
        let url = mem::replace(&mut self.request.url, hop.url);
        self.trail.history.push(Passed { url, head: head.clone() });
        (self.replayed, self.reasked) = (false, Reasked::default());
        Ok(())
    }

    /// Takes note that the attempt failed; `lost` tells how far it came on its connection, if it had one.
    pub fn on_failure(&mut self, error: Error, lost: Option<Lost>) {
        // A deadline that passed, or a peer that broke the protocol, is no lost connection.
        let lost = lost.filter(|_| error.kind() == ErrorKind::Disconnected);
        let verdict = lost.map(|lost| {
            let idempotent = is_idempotent(&self.request.method);
            replay(lost, idempotent, self.request.body.is_replayable(), self.replayed)
        });
        self.state = match verdict {
            Some(Ok(())) => {
                self.replayed = true;
                State::Ready { fresh: true }
            }
            Some(Err(_)) | None => State::Failed(error.for_request(self.label(), self.attempts)),
        };
    }

    /// Gives the way to the response away.
    pub(crate) fn into_trail(self) -> Trail {
        Trail { url: Some(self.request.url), ..self.trail }
    }

    fn label(&self) -> String {
        prepare::label(self.request.method.as_str(), self.route.origin(), self.target())
    }

    /// Returns the request's method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.request.method
    }

    /// Returns the request target.
    #[must_use]
    pub fn target(&self) -> &str {
        prepare::target(&self.request.url)
    }

    /// Returns what ends the call early.
    #[must_use]
    pub fn cancel(&self) -> &CancelToken {
        self.request.cancel.as_ref().unwrap_or(&self.config.cancel)
    }

    /// Lends the content to send.
    pub(crate) fn content(&mut self) -> Source<'_> {
        self.request.body.source()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wire::ParseError;

    use super::*;

    fn call(method: &str, body: Body) -> (Call, Instant) {
        let now = Instant::now();
        let mut request = Request::new(method, "http://a/b?c").unwrap();
        request.body = body;
        (Call::new(request, Arc::default(), now).unwrap(), now)
    }

    fn broken() -> Error {
        ParseError::NoResponse.into()
    }

    /// Runs attempts that all end as `lost` and tells how many there were and whether the last was fresh.
    fn attempts(mut call: Call, now: Instant, lost: Option<Lost>) -> (u32, bool) {
        let (mut count, mut last) = (0, false);
        loop {
            match call.step(now) {
                Step::Attempt(attempt) => {
                    (count, last) = (count + 1, attempt.fresh);
                    assert!(count < 10, "a call must end");
                    call.on_failure(broken(), lost);
                }
                Step::Fail(error) => {
                    assert_eq!(error.attempts(), count);
                    return (count, last);
                }
                Step::Done => panic!("nothing was answered"),
            }
        }
    }

    #[test]
    fn a_lost_request_is_replayed_once_on_a_fresh_connection() {
        let reused = Some(Lost::new(true, 9, 0));
        let unsent = Some(Lost::new(true, 0, 0));
        let fresh = Some(Lost::new(false, 9, 0));
        for (method, lost, expected) in [
            ("GET", reused, (2, true)),
            ("PUT", reused, (2, true)),
            ("POST", reused, (1, false)),
            ("POST", unsent, (2, true)),
            ("GET", fresh, (1, false)),
            ("GET", None, (1, false)),
        ] {
            let (call, now) = call(method, Body::from("x"));
            assert_eq!(attempts(call, now, lost), expected, "{method} {lost:?}");
        }
    }

    #[test]
    fn only_a_connection_that_broke_is_lost() {
        for (error, replayed) in [
            (broken(), true),
            (Error::from(ParseError::BareLf), false),
            (Error::from(ParseError::TruncatedHead { received: 1 }), false),
            (Error::new(ErrorKind::Timeout, "too late"), false),
        ] {
            let (mut call, now) = call("GET", Body::empty());
            let _ = call.step(now);
            call.on_failure(error.clone(), Some(Lost::new(true, 9, 0)));
            assert_eq!(matches!(call.step(now), Step::Attempt(_)), replayed, "{error}");
        }
    }

    #[test]
    fn content_that_is_gone_cannot_be_replayed() {
        let (mut call, now) = call("PUT", Body::reader(&b"x"[..]));
        let _ = call.content();
        assert_eq!(attempts(call, now, Some(Lost::new(true, 9, 0))), (1, false));
    }

    #[test]
    fn a_step_asked_twice_is_the_same_attempt() {
        let (mut call, now) = call("GET", Body::empty());
        for _ in 0..3 {
            assert!(matches!(call.step(now), Step::Attempt(_)));
        }
        assert_eq!(call.attempts, 1);
        let answered = Answered::new(false, true);
        let verdict = call.on_response(&ResponseHead::default(), answered, SystemTime::UNIX_EPOCH);
        assert_eq!(verdict, Verdict::Deliver);
        assert!(matches!(call.step(now), Step::Done));
    }

    #[test]
    fn the_total_deadline_spans_the_attempts() {
        let (mut call, now) = call("GET", Body::empty());
        let mut timeouts = conn::Timeouts::default();
        timeouts.total = Some(Duration::from_secs(5));
        call.request.timeouts = Some(timeouts);
        let _ = call.step(now);
        call.on_failure(broken(), Some(Lost::new(true, 0, 0)));
        let later = now + Duration::from_secs(4);
        let Step::Attempt(attempt) = call.step(later) else { panic!("replayed") };
        assert_eq!(attempt.deadlines.response(later).at(), Some(now + Duration::from_secs(5)));
    }

    #[test]
    fn the_head_has_host_first_then_defaults_then_own_fields() {
        let (mut call, _) = call("POST", Body::from("hello"));
        call.request.headers.append("X-Order", "kept").unwrap();
        let mut out = Vec::new();
        call.begin(SystemTime::UNIX_EPOCH, &mut Headers::new(), &mut out).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!(
            "POST /b?c HTTP/1.1\r\nHost: a\r\nUser-Agent: http-client/{version}\r\nAccept: */*\r\n\
             X-Order: kept\r\nContent-Length: 5\r\n\r\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
