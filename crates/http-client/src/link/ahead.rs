//! Sending a request while earlier ones have no answer yet, and turning to its response when theirs are here.

use std::io::{self, IoSlice};
use std::mem;
use std::time::{Duration, Instant};

use conn::{Clock, Deadline, DialTimings, Interest, Limit, Route, TimedOut, Transport};
use wire::{Exchange, Method};

use super::sending::PATIENCE;
use super::{Label, Link};
use crate::error::Error;
use crate::policy::deadlines::Deadlines;
use crate::policy::prepare;
use crate::wiretap::Way;

/// How much of the answers is taken in while a request cannot be written, because the server waits to be read.
const TAKEN_IN: usize = 1 << 20;

/// A request that was sent behind others.
pub(crate) struct Sent {
    exchange: Exchange,
    label: Label,
    sent: u64,
    began: Option<Instant>,
    sent_at: Option<Instant>,
}

impl Sent {
    pub(crate) fn new(exchange: Exchange, method: Method, route: &Route, target: &str) -> Self {
        let label = Label { method, route: Some(route.clone()), target: target.to_owned() };
        Self { exchange, label, sent: 0, began: None, sent_at: None }
    }

    pub(crate) fn method(&self) -> &Method {
        &self.label.method
    }

    pub(crate) fn target(&self) -> &str {
        &self.label.target
    }

    pub(crate) fn into_request_line(self) -> (Method, String) {
        (self.label.method, self.label.target)
    }
}

impl Link {
    /// Tells whether a request may be sent behind the current one.
    pub(crate) fn may_send_ahead(&self) -> bool {
        let last = self.exchange.as_ref().and_then(Exchange::may_be_last);
        self.is_open() && !self.is_cut && self.broken.is_none() && last.is_none()
    }

    /// Tells whether a byte of the current response was received.
    pub(crate) fn has_received(&self) -> bool {
        self.received > 0
    }

    /// Tells whether bytes were received that no response has taken.
    pub(crate) fn has_left_over(&self) -> bool {
        self.taken < self.input.len()
    }

    /// Sends what waits in `output`, with content behind it, as a request whose answer comes later.
    ///
    /// # Errors
    /// It could not be sent to its end: no other may follow, but those before it may be answered.
    pub(crate) fn send_ahead(
        &mut self,
        mut request: Sent,
        content: &[u8],
        deadlines: &Deadlines,
        clock: &dyn Clock,
    ) -> Result<Sent, Error> {
        let mut output = mem::take(&mut self.output);
        request.began = Some(clock.now());
        if let Some(watch) = self.watch() {
            watch.request(&output, &self.fields);
            watch.content(Way::Sent, content);
        }
        let sent = frame(&mut request.exchange, content, &mut output)
            .and_then(|end| self.write_ahead([&output, content, &end], &mut request.sent, deadlines, clock));
        output.clear();
        self.output = output;
        if let Err(error) = sent {
            // Part of a request may be there: whatever followed would be taken for the rest of it.
            self.is_cut = true;
            let Label { method, route, target } = &request.label;
            return Err(match route {
                Some(route) => error.for_request(prepare::label(method.as_str(), route.origin(), target)),
                None => error,
            });
        }
        request.sent_at = Some(clock.now());
        if let Some(last) = request.exchange.may_be_last() {
            tracing::debug!(%last, "no request follows");
            self.is_cut = true;
        }
        self.outstanding += 1;
        Ok(request)
    }

    fn write_ahead(
        &mut self,
        parts: [&[u8]; 3],
        sent: &mut u64,
        deadlines: &Deadlines,
        clock: &dyn Clock,
    ) -> Result<(), Error> {
        let mut left: usize = parts.iter().map(|part| part.len()).sum();
        let mut slices = parts.map(IoSlice::new);
        let mut rest = &mut slices[..];
        IoSlice::advance_slices(&mut rest, 0);
        while left > 0 {
            let n = self.write_in_turns(deadlines, clock, |transport| transport.write_vectored(rest))?;
            let n = n.min(left);
            left -= n;
            *sent = sent.saturating_add(n as u64);
            IoSlice::advance_slices(&mut rest, n);
        }
        self.write_in_turns(deadlines, clock, |transport| transport.flush().map(|()| 1))?;
        Ok(())
    }

    /// Runs one write. Between its turns it takes in what the server sends: one that answers may read on only when it is
    /// read itself.
    fn write_in_turns(
        &mut self,
        deadlines: &Deadlines,
        clock: &dyn Clock,
        mut write: impl FnMut(&mut dyn Transport) -> io::Result<usize>,
    ) -> Result<usize, Error> {
        let limit = deadlines.send(clock.now());
        loop {
            let error = match &mut self.transport {
                None => io::ErrorKind::NotConnected.into(),
                Some(transport) => {
                    let turn = Deadline::after(clock.now(), Some(PATIENCE), Limit::Idle);
                    transport.set_deadline(limit.min(turn));
                    match write(&mut **transport) {
                        Ok(n @ 1..) => return Ok(n),
                        Ok(0) => io::ErrorKind::WriteZero.into(),
                        Err(error) => error,
                    }
                }
            };
            if TimedOut::in_io(&error).is_some() {
                limit.remaining(clock.now()).map_err(|passed| Error::transport(passed.into()))?;
                self.take_in(clock).map_err(Error::transport)?;
            } else if error.kind() != io::ErrorKind::Interrupted {
                return Err(Error::transport(error));
            }
        }
    }

    pub(super) fn take_in(&mut self, clock: &dyn Clock) -> io::Result<()> {
        let Some(transport) = &mut self.transport else { return Ok(()) };
        let at_once = Deadline::after(clock.now(), Some(Duration::ZERO), Limit::Idle);
        if self.input.len() - self.taken >= TAKEN_IN || transport.ready(Interest::READ, at_once).is_err() {
            return Ok(());
        }
        let briefly = Deadline::after(clock.now(), Some(PATIENCE), Limit::Idle);
        match self.fill(briefly) {
            Ok(0) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(error) if TimedOut::in_io(&error).is_none() => Err(error),
            _ => Ok(()),
        }
    }

    /// Turns to the response of a request that was sent behind others.
    pub(crate) fn resume(&mut self, request: Sent) {
        let Sent { exchange, label, sent, began, sent_at } = request;
        (self.label, self.exchange) = (label, Some(exchange));
        (self.send_began, self.sent_at) = (began, sent_at);
        let took = sent_at.zip(began).map(|(sent, began)| sent.saturating_duration_since(began));
        (self.timings.send, self.timings.wait) = (took.unwrap_or_default(), Duration::ZERO);
        (self.head_at, self.timings.receive) = (None, Duration::ZERO);
        (self.timings.pool, self.timings.dial) = (Duration::ZERO, DialTimings::default());
        (self.info.reused, self.info.requests) = (true, self.served + 1);
        // What came with the answer before it is the beginning of its own.
        (self.sent, self.received) = (sent, (self.input.len() - self.taken) as u64);
        (self.answered, self.complete, self.handed_over) = (false, false, false);
        (self.broken, self.failed, self.is_unseen_behind) = (None, None, false);
        self.outstanding = self.outstanding.saturating_sub(1);
    }
}

/// Puts what stands before the content behind the head in `output`, and returns what stands behind it.
fn frame(exchange: &mut Exchange, content: &[u8], output: &mut Vec<u8>) -> Result<Vec<u8>, Error> {
    let mut end = Vec::new();
    if !content.is_empty() {
        let frame = exchange.frame(content.len())?;
        output.extend_from_slice(frame.prefix());
        end.extend_from_slice(frame.suffix());
    }
    exchange.finish(None, &mut end)?;
    Ok(end)
}
