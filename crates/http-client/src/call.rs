//! What the user asked for, as a state machine over one or more exchanges.

mod asked;
mod step;
mod trail;

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use conn::{Cancelled, Deadline, Limit, Origin, Phase, Route};
use resilience::{Drive, GiveUp, Operation, ReplaySafety, Stack};
use wire::{Exchange, Headers, RequestHead, ResponseHead, StatusCode};

use crate::body::Body;
use crate::config::ClientConfig;
use crate::error::{AttemptInfo, Error, ErrorKind, RedirectError, Why};
use crate::hosts::Hosts;
use crate::info::Timings;
pub use crate::policy::deadlines::Deadlines;
use crate::policy::prepare::Given;
use crate::policy::reask::{Circumstances, Reask, Reasked};
use crate::policy::redirect::{Asked, Hop, Redirect, carry_over, defaults_left_behind, redirect};
pub use crate::policy::replay::Lost;
use crate::policy::replay::replay;
use crate::policy::retry::{self, Of};
use crate::policy::{auth, decode, prepare};
use crate::request::Request;

pub use step::{Attempt, Step, Verdict};
pub(crate) use trail::Trail;
pub use trail::{Answered, Passed};

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
    hosts: Option<Arc<Hosts>>,
    /// The policies of the present host, if it has some.
    drive: Option<Drive<Arc<Stack>>>,
    state: State,
    /// Since when the next attempt is waited for.
    waiting_since: Option<Instant>,
    /// How long was waited for the present attempt.
    waited: Duration,
    /// How long its steps took.
    took: Timings,
    attempts: u32,
    /// Why the last attempt failed, while another one may follow.
    last_error: Option<Error>,
    /// The present hop was replayed.
    replayed: bool,
    /// What the present hop was asked again for.
    reasked: Reasked,
    /// A server refused the expectation.
    without_expect: bool,
    /// A response of the present host was malformed.
    was_malformed: bool,
    trail: Trail,
}

#[derive(Debug)]
enum State {
    /// The next step is an attempt, if the host's policies let it pass.
    Ready {
        fresh: bool,
        why: Why,
    },
    /// An attempt is under way; its report is awaited.
    Attempted {
        fresh: bool,
        why: Why,
        deadlines: Deadlines,
    },
    Answered,
    Failed(Error),
}

impl Call {
    /// Begins a call without memory of hosts: nothing is retried, and no breaker is asked. Settings of the
    /// [request's own](Request::config) go before `config`.
    ///
    /// # Errors
    /// The URL has no origin that can be connected to, or user-info that no `Authorization` can hold.
    pub fn new(mut request: Request, config: Arc<ClientConfig>, now: Instant) -> Result<Self, Error> {
        let origin = auth::take_user_info(&mut request.url, &mut request.headers)
            .and_then(|()| prepare::origin(&request.url))
            .map_err(|error| error.for_request(prepare::label_url(request.method.as_str(), &request.url)))?;
        let config = request.config.take().unwrap_or(config);
        let route = config.route(origin);
        Ok(Self {
            request,
            route,
            config,
            started: now,
            hosts: None,
            drive: None,
            state: State::Ready { fresh: false, why: Why::First },
            waiting_since: None,
            waited: Duration::ZERO,
            took: Timings::default(),
            attempts: 0,
            last_error: None,
            replayed: false,
            reasked: Reasked::default(),
            without_expect: false,
            was_malformed: false,
            trail: Trail::default(),
        })
    }

    /// Lets the call take part in what is known of hosts.
    pub(crate) fn among(mut self, hosts: Arc<Hosts>) -> Self {
        self.hosts = Some(hosts);
        self.enter_host(self.started);
        self
    }

    /// Begins anew with the policies of the present host.
    fn enter_host(&mut self, now: Instant) {
        let stack = self
            .hosts
            .as_ref()
            .and_then(|hosts| hosts.stack(&self.route, self.request.retry, &self.config, now));
        self.drive = stack.map(|stack| {
            let mut operation = Operation::new(self.safety());
            operation.deadline = self.timeouts().total.and_then(|total| self.started.checked_add(total));
            Drive::new(stack, operation, now)
        });
    }

    /// Says what comes next. Asked again before a report or before the time has come, it says the same.
    pub fn step(&mut self, now: Instant) -> Step {
        let (fresh, why) = match self.state {
            State::Answered => return Step::Done,
            State::Failed(ref error) => return Step::Fail(error.clone()),
            State::Attempted { fresh, deadlines, .. } => return self.attempt(fresh, deadlines),
            State::Ready { fresh, why } => (fresh, why),
        };
        let mut until_head = None;
        match self.drive.as_mut().map(|drive| drive.next(now)) {
            None => {}
            Some(resilience::Step::Attempt(attempt)) => {
                until_head = attempt.deadline.map(|deadline| deadline.saturating_duration_since(now));
            }
            Some(resilience::Step::Sleep { until, .. }) => {
                self.waiting_since.get_or_insert(now);
                return Step::Wait { until };
            }
            Some(resilience::Step::Finished(Err(reason))) => return self.rejected(reason, now),
            Some(_) => return self.rejected(GiveUp::Cancelled, now),
        }
        if let Some(since) = self.waiting_since.take() {
            self.waited = now.saturating_duration_since(since);
        }
        self.attempts += 1;
        let deadlines = Deadlines::new(self.timeouts(), self.started, now).with_head_within(until_head, now);
        self.state = State::Attempted { fresh, why, deadlines };
        self.attempt(fresh, deadlines)
    }

    fn attempt(&self, fresh: bool, deadlines: Deadlines) -> Step {
        Step::Attempt(Attempt { route: self.route.clone(), fresh, number: self.attempts, deadlines })
    }

    /// The policies let no attempt pass: what failed before says more, if there was something.
    fn rejected(&mut self, reason: GiveUp, now: Instant) -> Step {
        self.trail.gave_up = Some(reason);
        let total = Deadline::after(self.started, self.timeouts().total, Limit::Total).during(Phase::Pool);
        let refused = || match total.remaining(now) {
            Err(passed) => Error::transport(passed.into()),
            Ok(_) => Error::new(ErrorKind::Rejected, reason),
        };
        let error = self.last_error.take().unwrap_or_else(refused);
        let error = self.failed(error);
        self.state = State::Failed(error.clone());
        Step::Fail(error)
    }

    /// Appends the request head to `out`, with `fields` as room for its lines, and begins the exchange.
    ///
    /// # Errors
    /// The request cannot be sent as it is.
    pub fn begin(&self, now: SystemTime, fields: &mut Headers, out: &mut Vec<u8>) -> Result<Exchange, Error> {
        let Request { method, url, headers, without, body, .. } = &self.request;
        let cookies = if self.request.cookies { prepare::cookies(&self.config, url, now) } else { None };
        let given = Given {
            method,
            defaults: &self.config.headers,
            own: headers,
            without,
            cookies: cookies.as_deref(),
            media_type: body.media_type(),
        };
        prepare::fields(given, fields)?;
        prepare::may_send_chunks(
            self.hosts.as_ref().and_then(|hosts| hosts.spoke(&self.route)),
            body.length(),
        )?;
        if self.without_expect {
            fields.remove("expect");
        } else if self.expects() && !fields.contains("expect") {
            fields.append("Expect", "100-continue")?;
        }
        if self.decodes() {
            decode::offer(fields);
        }
        let head = RequestHead::new(method, self.target(), fields).with_host(self.route.origin().authority());
        let exchange = Exchange::begin(&head, body.length(), self.config.limits.message, out)?;
        Ok(exchange.with_leniency(self.config.leniency))
    }

    /// Takes note of how long the steps of the present attempt took, for the [list](AttemptInfo) of attempts; to be told, where
    /// it is known, before what became of the attempt.
    pub fn took(&mut self, timings: Timings) {
        self.took = timings;
    }

    /// Takes note of the final response head, and says what becomes of it: asked again, retried, followed, or delivered.
    pub fn on_response(
        &mut self,
        head: &ResponseHead,
        answered: Answered,
        now: Instant,
        wall: SystemTime,
    ) -> Verdict {
        if self.request.cookies {
            prepare::store_cookies(&self.config, &self.request.url, &head.headers, wall);
        }
        if let Some(hosts) = &self.hosts {
            hosts.note_version(&self.route, head.version);
        }
        self.note(Ok(head.status));
        let circumstances = Circumstances {
            is_reused: answered.is_reused,
            is_sent: answered.is_sent,
            expects: self.expects(),
            is_replayable: self.request.body.is_replayable(),
        };
        if let Some(reask) = self.reasked.judge(head.status, circumstances) {
            self.without_expect |= reask == Reask::WithoutExpect;
            self.state = State::Ready { fresh: reask == Reask::Elsewhere, why: Why::Reask };
            return Verdict::Discard;
        }
        let of = Of { unapplied: answered.is_reused || !answered.is_sent, ..self.of() };
        let verdict = retry::of_response(head.status, &head.headers, of, wall);
        if self.goes_on(verdict, now) {
            self.last_error = None;
            self.retry(retry::needs_another_connection(verdict));
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
            Redirect::Deliver(reason) => {
                self.trail.not_followed = Some(reason);
                self.state = State::Answered;
                return Verdict::Deliver;
            }
            Redirect::Refuse(reason) => {
                let error = Error::new(ErrorKind::Redirect, RedirectError { reason, head: head.clone() });
                self.state = State::Failed(self.failed(error));
            }
            Redirect::Follow(hop) => match prepare::origin(&hop.url) {
                Ok(origin) => self.follow(hop, origin, head, now),
                Err(error) => self.state = State::Failed(self.failed(error)),
            },
        }
        Verdict::Discard
    }

    /// Makes the next hop the request.
    fn follow(&mut self, hop: Hop, origin: Origin, head: &ResponseHead, now: Instant) {
        carry_over(&mut self.request.headers, &hop);
        let stays = defaults_left_behind(&self.config.headers, &hop);
        self.request.without.extend(stays);
        if !hop.keeps_content {
            self.request.body = Body::empty();
        }
        self.route = self.config.route(origin);
        self.request.method = hop.method;
        let url = mem::replace(&mut self.request.url, hop.url);
        self.trail.history.push(Passed { url, head: head.clone() });
        (self.replayed, self.reasked, self.last_error) = (false, Reasked::default(), None);
        (self.was_malformed, self.trail.gave_up) = (false, None);
        self.state = State::Ready { fresh: false, why: Why::Redirect };
        self.enter_host(now);
    }

    /// Takes note that the attempt failed; `lost` tells how far it came on its connection, if it had one.
    pub fn on_failure(&mut self, error: Error, lost: Option<Lost>, now: Instant) {
        self.note(Err(error.kind()));
        // A deadline that passed, or a peer that broke the protocol, is no lost connection.
        let lost = lost.filter(|_| error.kind() == ErrorKind::Disconnected);
        let is_idempotent = self.safety() == ReplaySafety::Idempotent;
        let may_replay = lost.is_some_and(|lost| {
            replay(lost, is_idempotent, self.request.body.is_replayable(), self.replayed).is_ok()
        });
        if may_replay {
            self.replayed = true;
            self.state = State::Ready { fresh: true, why: Why::Replay };
            return;
        }
        let verdict = retry::of_error(&error, lost, self.of());
        self.was_malformed |= error.kind() == ErrorKind::Protocol;
        if self.goes_on(verdict, now) {
            self.last_error = Some(error);
            // Not on what may be as dead as the one before.
            self.retry(true);
        } else {
            self.state = State::Failed(self.failed(error));
        }
    }

    /// Makes the next step an attempt that may be replayed as any other.
    fn retry(&mut self, fresh: bool) {
        self.replayed = false;
        self.state = State::Ready { fresh, why: Why::Retry };
    }

    fn of(&self) -> Of {
        Of {
            is_replayable: self.request.body.is_replayable(),
            repeats_throttled: self.config.retry_throttled,
            unapplied: false,
            was_malformed: self.was_malformed,
        }
    }

    /// Reports the attempt to the host's policies, and asks them whether the call goes on.
    fn goes_on(&mut self, verdict: resilience::Verdict, now: Instant) -> bool {
        let Some(drive) = &mut self.drive else { return false };
        drive.report(verdict, now);
        if let Some(result) = drive.finished() {
            self.trail.gave_up = result.err();
            return false;
        }
        // The wait counts from here.
        self.waiting_since = Some(now);
        true
    }

    /// Puts the attempt that ends into the list.
    fn note(&mut self, outcome: Result<StatusCode, ErrorKind>) {
        let why = if let State::Attempted { why, .. } = self.state { why } else { Why::First };
        let (waited, timings) = (mem::take(&mut self.waited), mem::take(&mut self.took));
        self.trail.attempts.push(AttemptInfo { why, waited, timings, outcome });
    }

    fn failed(&self, error: Error) -> Error {
        self.trail.complete(error.for_request(self.label()))
    }

    /// Ends a call that was cancelled while it waited for its next attempt.
    pub(crate) fn cancelled(&self) -> Error {
        self.failed(Error::new(ErrorKind::Cancelled, Cancelled))
    }

    /// Gives the way to the response away.
    pub(crate) fn into_trail(self) -> Trail {
        Trail { url: Some(self.request.url), ..self.trail }
    }
}

#[cfg(test)]
mod tests;
