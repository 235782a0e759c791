//! Receiving a response: its head, its content, and what becomes of the connection.

use std::io;
use std::time::Duration;

use conn::{Clock, Deadline, Interest, Limit, TimedOut};
use tracing::{debug, trace};
use wire::{CloseReason, Event, Exchange, ParseError, Persistence};

use super::Link;
use crate::error::{Error, ErrorKind, Misuse};
use crate::policy::deadlines::Deadlines;
use crate::wiretap::Way;

/// Room for one read from the transport.
const READ_SIZE: usize = 16 << 10;
/// A read straight into the caller's buffer must be worth its system call.
const DIRECT_READ: usize = 8 << 10;
/// How long the rest of an early answer's head is waited for before content goes on.
const EARLY_ANSWER: Duration = Duration::from_millis(50);

/// Why the next event did not come.
enum Stop {
    Transport(io::Error),
    Peer(ParseError),
    NoExchange,
}

impl Link {
    /// Waits for 100 (Continue), a final response, or the end of the patience for either.
    pub(super) fn await_continue(&mut self, deadlines: &Deadlines, clock: &dyn Clock) -> Result<(), Error> {
        let deadline = deadlines.expect_continue(clock.now());
        while !self.answered && self.exchange.as_ref().is_some_and(Exchange::awaits_continue) {
            match self.next_event(|| deadline) {
                Ok(event) => self.note(event),
                Err(Stop::Transport(error))
                    if TimedOut::in_io(&error).is_some_and(|t| t.limit == Limit::ExpectContinue) =>
                {
                    trace!("no 100 (Continue) came; sending the content");
                    self.exchange.as_mut().map(Exchange::stop_waiting).unwrap_or_default();
                }
                Err(stop) => return Err(self.stopped(stop)),
            }
        }
        Ok(())
    }

    /// Takes the answer that came while content is still being sent, if one did. Never waits for its beginning.
    pub(super) fn look_for_answer(&mut self, deadlines: &Deadlines, clock: &dyn Clock) -> Result<(), Error> {
        if self.answered && !self.complete {
            // Whoever answers while reading reads on when heard. What goes wrong here shows itself in the next read.
            let _ = self.take_in(clock);
        }
        while !self.answered {
            let Some(transport) = &mut self.transport else { return Ok(()) };
            let at_once = Deadline::after(clock.now(), Some(Duration::ZERO), Limit::Idle);
            if transport.ready(Interest::READ, at_once).is_err() {
                return Ok(());
            }
            // What can be read may be no more than a ticket of TLS.
            let briefly = deadlines.briefly(clock.now(), EARLY_ANSWER);
            match self.next_event(|| briefly.body(clock.now())) {
                Ok(event) => self.note(event),
                Err(Stop::Transport(error)) if TimedOut::in_io(&error).is_some() => return Ok(()),
                Err(stop) => return Err(self.stopped(stop)),
            }
        }
        Ok(())
    }

    /// Waits for the final response head and puts it into `message`.
    pub(crate) fn receive_head(&mut self, deadlines: &Deadlines, clock: &dyn Clock) -> Result<(), Error> {
        let asked = clock.now();
        // Whoever asks late still gives the server its time.
        let deadline = deadlines.response(asked);
        while !self.answered {
            match self.next_event(|| deadline) {
                Ok(event) => self.note(event),
                Err(stop) => return Err(self.stopped(stop)),
            }
        }
        let sent = self.sent_at.unwrap_or(asked);
        let now = clock.now();
        self.timings.wait = now.saturating_duration_since(sent);
        self.head_at = Some(now);
        Ok(())
    }

    fn note(&mut self, event: Event) {
        if matches!(event, Event::Informational | Event::Head)
            && let Some(watch) = self.watch()
        {
            watch.response(&self.message.head);
        }
        let status = self.message.head.status.as_u16();
        match event {
            Event::Informational => {
                debug!({ http.response.status_code = status }, "informational response");
                if let Some(told) = &self.on_informational {
                    told.tell(&self.message.head);
                }
            }
            Event::Head => {
                self.answered = true;
                debug!({ http.response.status_code = status }, "response");
                // A message without content is complete with its head.
                self.settle();
            }
            _ => {}
        }
    }

    /// Gives the number of content bytes that wait in [`buffered`](Self::buffered); 0 at the end of the message.
    pub(crate) fn content(&mut self, deadlines: &Deadlines, clock: &dyn Clock) -> Result<usize, Error> {
        loop {
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            if self.complete {
                return Ok(0);
            }
            match self.next_event(|| deadlines.body(clock.now())) {
                Ok(Event::Content { len }) => return Ok(len),
                Ok(Event::Complete | Event::Upgraded) => self.conclude(),
                Ok(event) => self.note(event),
                Err(stop) => return Err(self.stopped(stop)),
            }
        }
    }

    /// Returns the first `len` bytes that wait.
    pub(crate) fn buffered(&self, len: usize) -> &[u8] {
        self.input.get(self.taken..).and_then(|rest| rest.get(..len)).unwrap_or_default()
    }

    /// Takes `n` bytes of content out of the buffer.
    pub(crate) fn consume(&mut self, n: usize) {
        let n = n.min(self.input.len() - self.taken);
        if let Some(watch) = self.watch() {
            watch.content(Way::Received, self.buffered(n));
        }
        self.taken += n;
        if let Some(exchange) = &mut self.exchange {
            exchange.content_consumed(n);
        }
        self.settle();
    }

    /// Reads content into `buf`; 0 at the end of the message.
    pub(crate) fn read(
        &mut self,
        buf: &mut [u8],
        deadlines: &Deadlines,
        clock: &dyn Clock,
    ) -> Result<usize, Error> {
        let direct = self.exchange.as_ref().map_or(0, Exchange::direct_limit);
        let direct = usize::try_from(direct).unwrap_or(usize::MAX).min(buf.len());
        if direct >= DIRECT_READ && self.taken == self.input.len() && self.failed.is_none() && !self.complete
        {
            return self.read_directly(buf.get_mut(..direct).unwrap_or_default(), deadlines, clock);
        }
        let len = self.content(deadlines, clock)?.min(buf.len());
        if let Some(to) = buf.get_mut(..len) {
            to.copy_from_slice(self.buffered(len));
        }
        if len > 0 {
            self.consume(len);
        }
        Ok(len)
    }

    fn read_directly(
        &mut self,
        buf: &mut [u8],
        deadlines: &Deadlines,
        clock: &dyn Clock,
    ) -> Result<usize, Error> {
        let (Some(transport), Some(exchange)) = (&mut self.transport, &mut self.exchange) else {
            return Err(self.named(Misuse::Closed.into()));
        };
        transport.set_deadline(deadlines.body(clock.now()));
        match retry_interrupted(|| transport.read(buf)) {
            Ok(0) => match exchange.receive_eof(&mut self.message) {
                Ok(_) => {
                    self.conclude();
                    Ok(0)
                }
                Err(error) => Err(self.stopped(Stop::Peer(error))),
            },
            Ok(n) => {
                self.received = self.received.saturating_add(n as u64);
                exchange.received_directly(n as u64);
                if let Some(watch) = self.watch() {
                    watch.content(Way::Received, buf.get(..n).unwrap_or_default());
                }
                // No more was asked for than the content.
                self.is_unseen_behind = true;
                self.settle();
                Ok(n)
            }
            Err(error) => Err(self.stopped(Stop::Transport(error))),
        }
    }

    /// Reads and drops what is left of the response, at most `limit` bytes. Tells whether that was all of it.
    pub(crate) fn drain(&mut self, limit: u64, deadlines: &Deadlines, clock: &dyn Clock) -> bool {
        let mut dropped = 0_u64;
        while dropped <= limit && self.failed.is_none() {
            let announced = self.exchange.as_ref().map_or(0, Exchange::direct_limit);
            if announced > limit - dropped && announced > 0 {
                return false;
            }
            match self.content(deadlines, clock) {
                Ok(0) => return self.complete,
                Ok(n) => {
                    dropped = dropped.saturating_add(n as u64);
                    self.consume(n);
                }
                Err(_) => return false,
            }
        }
        false
    }

    /// Drops what is left of the response if all of it is in the buffer. Never waits.
    pub(crate) fn drain_buffered(&mut self) {
        while !self.complete && self.failed.is_none() {
            let Some(exchange) = &mut self.exchange else { return };
            match exchange.receive(self.input.get(self.taken..).unwrap_or_default(), &mut self.message) {
                Ok(received) => {
                    self.taken += received.used;
                    match received.event {
                        Event::Content { len } => self.consume(len),
                        Event::Complete => self.conclude(),
                        _ => return,
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Looks past what was taken, so that the end of the message is seen in the read that brought it.
    fn settle(&mut self) {
        let Some(exchange) = &mut self.exchange else { return };
        match exchange.receive(self.input.get(self.taken..).unwrap_or_default(), &mut self.message) {
            Ok(received) => {
                self.taken += received.used;
                if matches!(received.event, Event::Complete | Event::Upgraded) {
                    self.conclude();
                }
            }
            // What was taken is good; the next call tells.
            Err(error) => drop(self.fail(error.into())),
        }
    }

    /// Keeps or closes the connection: decided by the exchange, once.
    fn conclude(&mut self) {
        if self.complete {
            return;
        }
        self.complete = true;
        self.reused = true;
        self.served += 1;
        let left_over = self.input.len() - self.taken;
        // Where the end of the request is missing, the next one would be taken for it.
        let is_sent = self.sent_at.is_some() && self.broken.is_none();
        match self.exchange.as_ref().and_then(Exchange::persistence) {
            Some(Persistence::KeepAlive) if self.outstanding > 0 && is_sent => {}
            // Bytes that nobody asked for would be taken for the next response.
            Some(Persistence::KeepAlive) if left_over == 0 && is_sent && !self.is_cut => {
                trace!("the connection is kept");
            }
            Some(Persistence::Close(CloseReason::HandedOver)) if self.broken.is_none() => {
                debug!(left_over, "the connection is handed over");
                self.handed_over = true;
            }
            persistence => {
                let reason = match persistence {
                    Some(Persistence::Close(reason)) => reason,
                    _ => CloseReason::Failed,
                };
                debug!(%reason, left_over, "the connection is closed");
                self.remark_closed(&reason);
                drop(self.detach());
            }
        }
    }

    fn stopped(&mut self, stop: Stop) -> Error {
        let error = match stop {
            // The first failure explains the second, unless an answer came all the same.
            _ if self.broken.is_some() && !self.answered => {
                self.broken.take().unwrap_or_else(|| Misuse::Closed.into())
            }
            Stop::Transport(error) if error.kind() == io::ErrorKind::UnexpectedEof && self.received > 0 => {
                Error::new(ErrorKind::Truncated, error)
            }
            Stop::Transport(error) => self.broke(error),
            Stop::Peer(error) => error.into(),
            Stop::NoExchange => Misuse::Closed.into(),
        };
        self.fail(error)
    }

    fn next_event(&mut self, deadline: impl Fn() -> Deadline) -> Result<Event, Stop> {
        loop {
            let exchange = self.exchange.as_mut().ok_or(Stop::NoExchange)?;
            let input = self.input.get(self.taken..).unwrap_or_default();
            let received = exchange.receive(input, &mut self.message).map_err(Stop::Peer)?;
            self.taken += received.used;
            if received.event != Event::NeedInput {
                return Ok(received.event);
            }
            if self.fill(deadline()).map_err(Stop::Transport)? == 0 {
                let exchange = self.exchange.as_mut().ok_or(Stop::NoExchange)?;
                return Ok(exchange.receive_eof(&mut self.message).map_err(Stop::Peer)?.event);
            }
        }
    }

    pub(super) fn fill(&mut self, deadline: Deadline) -> io::Result<usize> {
        if self.taken == self.input.len() {
            self.input.clear();
            self.taken = 0;
        }
        if self.input.capacity() - self.input.len() < READ_SIZE / 2 {
            self.input.drain(..self.taken);
            self.taken = 0;
            self.input.reserve(READ_SIZE);
        }
        let transport = self.transport.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        transport.set_deadline(deadline);
        let n = retry_interrupted(|| transport.read_spare(&mut self.input))?;
        self.is_unseen_behind = false;
        self.received = self.received.saturating_add(n as u64);
        trace!(bytes = n, "received");
        Ok(n)
    }
}

fn retry_interrupted(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
