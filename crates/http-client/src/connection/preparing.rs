//! Making a connection ready for a request, and the head of the request.

use std::time::Duration;

use conn::ConnectRequest;
use tracing::debug;
use url::Url;
use wire::{BodyLength, Exchange, Method, RequestHead};

use super::pipelining::Kept;
use super::{Connection, State};
use crate::error::{Error, Misuse};
use crate::link::Provenance;
use crate::policy::deadlines::Deadlines;
use crate::policy::prepare::Given;
use crate::policy::{decode, prepare};

/// After this long without a request the connection is probed before the next one. The probe is a system call, which a
/// loop of requests must not pay for each.
const QUIET: Duration = Duration::from_millis(1);

impl Connection {
    /// Makes the connection ready for a request: in order, rid of an unread response, and open.
    pub(super) fn start(&mut self, method: &Method, target: &str) -> Result<(), Error> {
        match self.state {
            State::Building { .. } | State::Sending => return Err(Misuse::RequestUnfinished.into()),
            State::Awaiting => return Err(Misuse::ResponsePending.into()),
            State::Answered if self.is_pipelining() => return Err(Misuse::ResponsePending.into()),
            State::Idle => {}
            State::Answered => {
                self.dispose();
                self.state = State::Idle;
            }
        }
        self.unanswered.clear();
        self.give_up(false);
        self.current = None;
        let now = self.config.clock.now();
        self.deadlines = Deadlines::new(self.config.timeouts, now, now);
        let was_quiet = now.saturating_duration_since(self.quiet_since) >= QUIET;
        if (was_quiet || self.link.is_unseen_behind()) && !self.link.is_quiet() {
            let reason = "the connection ended, or something came that nobody asked for";
            debug!("{reason}");
            self.link.remark_closed(&reason);
            drop(self.link.detach());
        }
        if !self.link.is_open() {
            if !self.config.auto_open {
                return Err(Misuse::Closed.into());
            }
            self.dial()?;
        }
        self.link.prepare(method, &self.route, target);
        self.link.on_informational.clone_from(&self.on_informational);
        Ok(())
    }

    /// Rids the connection of what is left of the last response, or closes it.
    pub(super) fn dispose(&mut self) {
        let (limits, clock) = (self.config.limits, &*self.config.clock);
        // For the sake of those that wait behind it the rest of a response is worth more time than a connection is.
        let time = if self.ahead.is_empty() { Some(limits.drain_for) } else { self.deadlines.idle() };
        let briefly = self.deadlines.briefly(clock.now(), time);
        if self.link.is_handed_over() {
            drop(self.link.detach());
        } else if !self.link.is_complete() && !self.link.drain(limits.drain, &briefly, clock) {
            let reason = "too much of the last response is unread";
            debug!("{reason}");
            self.link.remark_closed(&reason);
            drop(self.link.detach());
        }
    }

    pub(super) fn dial(&mut self) -> Result<(), Error> {
        let by = self.deadlines.connect(self.config.clock.now());
        let request = ConnectRequest::new(&self.route, by).cancelled_by(&self.config.cancel);
        let connected = self.connect.connect(&request).map_err(|error| {
            Error::from(error).for_request(format!("connection to {}", self.route.origin()))
        })?;
        let made = Provenance { dial: connected.timings, ..Provenance::default() };
        self.link.attach(connected.transport, made, &self.config.cancel);
        self.quiet_since = self.config.clock.now();
        Ok(())
    }

    /// Writes the head of the lines in `link.fields` and begins the exchange.
    pub(super) fn begin(&mut self, method: &Method, target: &str, length: BodyLength) -> Result<(), Error> {
        let exchange = self.exchange(method, target, length)?;
        self.link.begin(exchange);
        Ok(())
    }

    pub(super) fn exchange(
        &mut self,
        method: &Method,
        target: &str,
        length: BodyLength,
    ) -> Result<Exchange, Error> {
        let link = &mut self.link;
        // RFC 9110 §7.2: `Host` names the target, which for CONNECT is not the proxy that is asked.
        let host = if *method == Method::CONNECT { target } else { self.route.origin().authority() };
        let head = RequestHead::new(method, target, &link.fields).with_host(host);
        let begun = Exchange::begin(&head, length, self.config.limits.message, &mut link.output);
        let exchange = begun.map_err(|error| self.named(method, target, error.into()))?;
        debug!(
            { http.request.method = %method, server.address = self.route.origin().host_str(),
              server.port = self.route.origin().port() },
            "request"
        );
        Ok(exchange.with_leniency(self.config.leniency))
    }

    /// Names a request in an error.
    pub(super) fn named(&self, method: &Method, target: &str, error: Error) -> Error {
        error.for_request(prepare::label(method.as_str(), self.route.origin(), target))
    }

    /// Puts the fields to send into `link.fields`, and says whether the response is decoded.
    pub(super) fn fill_in(&mut self, method: &Method, target: &str, kept: &Kept) -> Result<bool, Error> {
        let url = self.cookie_url(target);
        let cookies = url.and_then(|url| prepare::cookies(&self.config, &url, self.config.clock.wall()));
        let given = Given {
            method,
            defaults: &self.config.headers,
            own: &kept.headers,
            without: &[],
            cookies: cookies.as_deref(),
            media_type: kept.body.media_type(),
        };
        prepare::fields(given, &mut self.link.fields).map_err(|error| self.named(method, target, error))?;
        Ok(self.config.decode && decode::offer(&mut self.link.fields))
    }

    /// Returns the URL that cookies go by, if they are kept.
    pub(super) fn cookie_url(&self, target: &str) -> Option<Url> {
        if self.config.keeps_cookies() { prepare::url(self.route.origin(), target) } else { None }
    }
}
