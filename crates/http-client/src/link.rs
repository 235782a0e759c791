//! A connection with its buffers and the exchange that runs on it: moves bytes, decides nothing.

mod ahead;
mod receiving;
mod sending;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conn::{CancelToken, DialTimings, Liveness, PeerFacts, Phase, Registration, Route, TimedOut, Transport};
use tracing::debug;
use url::Url;
use wire::{Exchange, Framing, Headers, MessageBuf, Method};

use crate::call::Answered;
use crate::error::{Error, Progress};
use crate::info::{ConnectionInfo, Timings};
use crate::policy::prepare;
use crate::policy::replay::Lost;
use crate::request::OnInformational;
use crate::wiretap::{Watch, Wiretap};

pub(crate) use ahead::Sent;

/// A connection and all buffers that an exchange needs. Without a transport it is a shell, kept so that the next
/// exchange allocates nothing.
#[derive(Default)]
pub(crate) struct Link {
    transport: Option<Box<dyn Transport>>,
    /// As long as the transport is here.
    cancelling: Option<Registration>,
    pub(crate) info: ConnectionInfo,
    pub(crate) timings: Timings,
    /// When the first byte of the request was to be sent, and when the last one was.
    send_began: Option<Instant>,
    sent_at: Option<Instant>,
    /// When the response head was complete, until the content is.
    head_at: Option<Instant>,
    exchange: Option<Exchange>,
    pub(crate) message: MessageBuf,
    /// Who is told of informational responses to the current request.
    pub(crate) on_informational: Option<OnInformational>,
    /// Who is shown what goes over the wire.
    pub(crate) tap: Option<Wiretap>,
    /// Room for the request's field lines.
    pub(crate) fields: Headers,
    pub(crate) output: Vec<u8>,
    input: Vec<u8>,
    /// Bytes of `input` that were taken.
    taken: usize,
    /// The connection was idle before the current request, and may have been closed meanwhile.
    reused: bool,
    /// Requests that this connection carried before the current one.
    served: u64,
    sent: u64,
    received: u64,
    /// The final head stands in `message`.
    answered: bool,
    /// The response was taken to its end.
    complete: bool,
    /// Requests that were sent behind the current one.
    outstanding: usize,
    /// Nobody has looked for what may stand behind the last response.
    is_unseen_behind: bool,
    /// No further request may be sent, though those that were may be answered.
    is_cut: bool,
    /// The connection speaks another protocol from here on, and waits for whoever takes it over.
    handed_over: bool,
    /// A write failed; the response may be there all the same.
    broken: Option<Error>,
    /// The exchange failed; every later call fails alike.
    failed: Option<Error>,
    label: Label,
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Provenance {
    /// It was idle in the pool.
    pub(crate) is_reused: bool,
    /// Requests that it carried.
    pub(crate) served: u64,
    /// How long it took to make it.
    pub(crate) dial: DialTimings,
    /// How long a free one was waited for.
    pub(crate) waited: Duration,
}

/// A connection that goes on with another protocol.
pub(crate) struct HandedOver {
    pub(crate) transport: Box<dyn Transport>,
    /// What was received past the response head.
    pub(crate) early: Vec<u8>,
    /// Held as long as the token is to end it.
    pub(crate) cancelling: Option<Registration>,
}

/// What names the current request in errors; text is made of it only when one happens.
#[derive(Default)]
struct Label {
    method: Method,
    route: Option<Route>,
    target: String,
}

impl Link {
    /// Takes a connection. The token ends what it waits for.
    pub(crate) fn attach(&mut self, transport: Box<dyn Transport>, made: Provenance, cancel: &CancelToken) {
        self.cancelling = if cancel.can_be_cancelled() {
            transport.interrupter().map(|interrupter| cancel.on_cancel(interrupter))
        } else {
            None
        };
        self.info.facts = Some(Arc::clone(transport.facts()));
        (self.timings.pool, self.timings.dial) = (made.waited, made.dial);
        (self.reused, self.served) = (made.is_reused, made.served);
        (self.outstanding, self.is_cut, self.is_unseen_behind) = (0, false, false);
        self.transport = Some(transport);
        if !self.reused
            && let Some(watch) = self.watch()
        {
            watch.remark(&connected(self.info.facts.as_deref()));
        }
        self.input.clear();
        self.taken = 0;
    }

    /// Gives the connection away.
    pub(crate) fn detach(&mut self) -> Option<Box<dyn Transport>> {
        // Whoever gets it next has a token of their own.
        self.cancelling = None;
        self.transport.take()
    }

    /// Tells whether the connection is to be taken over: it carries no further request.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.handed_over
    }

    /// Gives away a connection that was handed over.
    pub(crate) fn take_over(&mut self) -> Option<HandedOver> {
        if !self.handed_over {
            return None;
        }
        let early = self.input.get(self.taken..).unwrap_or_default().to_vec();
        self.input.clear();
        self.taken = 0;
        let cancelling = self.cancelling.take();
        Some(HandedOver { transport: self.detach()?, early, cancelling })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.transport.is_some()
    }

    /// Tells whether there may be bytes behind the last response that nobody has looked for.
    pub(crate) fn is_unseen_behind(&self) -> bool {
        self.is_unseen_behind
    }

    /// Asks the transport whether the peer has neither closed nor said anything.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.transport.as_mut().is_some_and(|transport| transport.probe() == Liveness::Idle)
    }

    /// Tells whether the response was taken to its end.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(crate) fn facts(&self) -> Option<&PeerFacts> {
        self.transport.as_deref().map(|transport| &**transport.facts())
    }

    /// Notes when the content was complete, at the first call.
    pub(crate) fn note_end(&mut self, now: Instant) {
        if let Some(head) = self.head_at.take() {
            self.timings.receive = now.saturating_duration_since(head);
        }
    }

    /// Returns the length that the response announced for its content.
    pub(crate) fn content_length(&self) -> Option<u64> {
        match self.exchange.as_ref()?.framing()? {
            Framing::ContentLength(length) => Some(length),
            Framing::Empty => Some(0),
            _ => None,
        }
    }

    /// Returns the method of the current request.
    pub(crate) fn method(&self) -> &Method {
        &self.label.method
    }

    /// Returns the URL of the current request, if its target belongs to one.
    pub(crate) fn asked_url(&self) -> Option<Url> {
        prepare::url(self.label.route.as_ref()?.origin(), &self.label.target)
    }

    /// Returns the target of the current request.
    pub(crate) fn target(&self) -> &str {
        &self.label.target
    }

    /// Tells what a broken connection means for sending the request again.
    pub(crate) fn lost(&self) -> Lost {
        Lost::new(self.reused, self.sent, self.received)
    }

    /// Tells what is known of the response besides its head.
    pub(crate) fn answered(&self) -> Answered {
        // What counts is how it was before the response, which may be complete.
        Answered::new(self.info.reused, self.sent_at.is_some() && self.broken.is_none())
    }

    /// Forgets the last exchange and names the next request.
    pub(crate) fn prepare(&mut self, method: &Method, route: &Route, target: &str) {
        self.label.method.clone_from(method);
        self.label.route = Some(route.clone());
        self.label.target.clear();
        self.label.target.push_str(target);
        self.exchange = None;
        self.on_informational = None;
        (self.send_began, self.sent_at) = (None, None);
        self.head_at = None;
        (self.timings.send, self.timings.wait, self.timings.receive) = Default::default();
        self.output.clear();
        (self.sent, self.received) = (0, 0);
        (self.answered, self.complete, self.handed_over) = (false, false, false);
        (self.broken, self.failed, self.is_unseen_behind) = (None, None, false);
    }

    /// Takes the exchange whose head stands in `output`.
    pub(crate) fn begin(&mut self, exchange: Exchange) {
        self.exchange = Some(exchange);
        if let Some(watch) = self.watch() {
            watch.request(&self.output, &self.fields);
        }
        (self.info.reused, self.info.requests) = (self.reused, self.served + 1);
        if self.reused {
            self.timings.dial = DialTimings::default();
        }
    }

    /// Returns whoever looks at what goes over the wire, if anybody does.
    fn watch(&self) -> Option<Watch<'_>> {
        Watch::new(self.tap.as_ref(), self.info.facts.as_deref())
    }

    pub(crate) fn remark_closed(&self, reason: &dyn fmt::Display) {
        if self.transport.is_some()
            && let Some(watch) = self.watch()
        {
            watch.remark(&format!("closed: {reason}"));
        }
    }

    /// Names the current request in an error.
    pub(crate) fn named(&self, error: Error) -> Error {
        let Label { method, route: Some(route), target } = &self.label else { return error };
        error.for_request(prepare::label(method.as_str(), route.origin(), target))
    }

    /// Ends the connection with an error that later calls repeat.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        let error = self.named(error).at(self.progress());
        debug!(%error, "the connection is closed");
        self.remark_closed(&error);
        drop(self.detach());
        self.failed = Some(error.clone());
        error
    }

    fn progress(&self) -> Progress {
        let phase = match (self.answered, self.sent_at) {
            (true, _) => Phase::Body,
            (false, Some(_)) => Phase::Response,
            (false, None) => Phase::Send,
        };
        Progress::new(phase, self.sent, self.received)
    }

    /// Wraps a failure of the transport; a timeout tells how far this exchange came.
    fn broke(&self, error: io::Error) -> Error {
        Error::transport(match TimedOut::in_io(&error) {
            Some(timed_out) => timed_out.with_progress(self.sent, self.received).into(),
            None => error,
        })
    }
}

fn connected(facts: Option<&PeerFacts>) -> String {
    let Some(facts) = facts else { return "connected".to_owned() };
    let place = match (&facts.peer, &facts.path) {
        (Some(peer), _) => format!(" to {peer}"),
        (None, Some(path)) => format!(" to {}", path.display()),
        (None, None) => String::new(),
    };
    let tls =
        facts.tls.as_ref().map_or_else(String::new, |tls| format!(", {} {}", tls.version, tls.cipher_suite));
    format!("connected{place}{tls}")
}
