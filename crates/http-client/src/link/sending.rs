//! Sending a request: head and content, as far as the server takes it.

use std::io::{self, IoSlice};
use std::mem;
use std::time::Duration;

use conn::{Clock, Deadline, Limit, TimedOut, Transport};
use tracing::debug;
use wire::{Exchange, Headers};

use super::Link;
use crate::body::Source;
use crate::error::{Error, ErrorKind, Misuse};
use crate::policy::deadlines::Deadlines;
use crate::wiretap::{Watch, Way};

/// Content up to this size is copied behind the head, so that both leave in one packet.
const JOINED_CONTENT: usize = 4 << 10;
/// How much a reader of the caller's is asked for at a time.
const UPLOAD_SIZE: usize = 64 << 10;

/// How much of a file the kernel is asked to copy at a time.
const FILE_PIECE: usize = 1 << 20;
/// How long a write waits before it is asked whether an answer is there. Short enough for a person, long enough that an
/// upload which is merely slow pays nothing that can be measured.
pub(super) const PATIENCE: Duration = Duration::from_millis(250);

impl Link {
    /// Sends head and content. Stops early where the server does not want the content or closed its side: the response
    /// tells.
    pub(crate) fn send(
        &mut self,
        content: io::Result<Source<'_>>,
        deadlines: &Deadlines,
        clock: &dyn Clock,
    ) -> Result<(), Error> {
        let mut content = match content {
            Ok(content) => content,
            Err(error) => return Err(self.fail(Error::new(ErrorKind::Content, error))),
        };
        if self.exchange.as_ref().is_some_and(Exchange::awaits_continue) {
            self.flush(deadlines, clock)?;
            self.await_continue(deadlines, clock)?;
            if self.answered {
                return Ok(());
            }
        }
        if self.send_file(&mut content, deadlines, clock)? {
            return self.finish(deadlines, clock);
        }
        let is_at_hand = content.is_at_hand();
        let mut looked = clock.now();
        let sent = content.each(UPLOAD_SIZE, |run| -> Result<bool, Error> {
            self.send_content(run, deadlines, clock)?;
            if !is_at_hand {
                // The reader may take its time for the next run.
                self.flush(deadlines, clock)?;
                let now = clock.now();
                if now.saturating_duration_since(looked) >= PATIENCE {
                    looked = now;
                    self.look_for_answer(deadlines, clock)?;
                }
            }
            Ok(self.broken.is_none() && !self.is_cut_short())
        })?;
        match sent {
            Ok(()) => self.finish(deadlines, clock),
            Err(error) => Err(self.fail(Error::new(ErrorKind::Content, error))),
        }
    }

    /// Lets the kernel copy a file, and tells whether it did: not where the content is none, or the stream is encrypted.
    fn send_file(
        &mut self,
        content: &mut Source<'_>,
        deadlines: &Deadlines,
        clock: &dyn Clock,
    ) -> Result<bool, Error> {
        let Some((file, mut at, mut left)) = content.file() else { return Ok(false) };
        let Some(transport) = &mut self.transport else { return Ok(false) };
        if left <= JOINED_CONTENT as u64 || transport.send_file(file, at, 0).is_none() {
            return Ok(false);
        }
        if let Some(watch) = self.watch().filter(Watch::shows_content) {
            watch.remark(&format!("{left} bytes of a file follow"));
        }
        while left > 0 && self.broken.is_none() && !self.is_cut_short() {
            let piece = usize::try_from(left).unwrap_or(FILE_PIECE).min(FILE_PIECE);
            let Some(exchange) = &mut self.exchange else {
                return Err(self.named(Misuse::NotSending.into()));
            };
            let frame = match exchange.frame(piece) {
                Ok(frame) => frame,
                Err(error) => return Err(self.fail(error.into())),
            };
            self.output.extend_from_slice(frame.prefix());
            self.flush(deadlines, clock)?;
            let mut missing = piece as u64;
            while missing > 0 {
                let Some((file, ..)) = content.file() else { return Ok(false) };
                let mut is_at_end = false;
                let n = self.patiently(true, deadlines, clock, |transport| {
                    let sent = transport.send_file(file, at, missing);
                    let n = sent.unwrap_or_else(|| Err(io::ErrorKind::Unsupported.into()))?;
                    is_at_end = n == 0;
                    Ok(usize::try_from(n.max(1)).unwrap_or(usize::MAX))
                })?;
                if is_at_end {
                    let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter");
                    return Err(self.fail(Error::new(ErrorKind::Content, error)));
                }
                if n == 0 {
                    return Ok(true);
                }
                let n = (n as u64).min(missing);
                (at, missing) = (at.saturating_add(n), missing - n);
                self.sent = self.sent.saturating_add(n);
                content.note(n);
                if missing > 0 {
                    self.look_for_answer(deadlines, clock)?;
                }
            }
            self.output.extend_from_slice(frame.suffix());
            left = left.saturating_sub(piece as u64);
        }
        Ok(true)
    }

    /// Sends one run of content behind what waits in `output`; a short one waits there for more.
    pub(crate) fn send_content(
        &mut self,
        content: &[u8],
        deadlines: &Deadlines,
        clock: &dyn Clock,
    ) -> Result<(), Error> {
        if let Some(watch) = self.watch() {
            watch.content(Way::Sent, content);
        }
        let Some(exchange) = &mut self.exchange else { return Err(self.named(Misuse::NotSending.into())) };
        let frame = match exchange.frame(content.len()) {
            Ok(frame) => frame,
            // The head promised another length: nothing sane can follow on this connection.
            Err(error) => return Err(self.fail(error.into())),
        };
        self.output.extend_from_slice(frame.prefix());
        if content.len() <= JOINED_CONTENT {
            self.output.extend_from_slice(content);
            self.output.extend_from_slice(frame.suffix());
            return Ok(());
        }
        let mut output = mem::take(&mut self.output);
        let result = self.write([&output, content, frame.suffix()], deadlines, clock);
        output.clear();
        self.output = output;
        result
    }

    /// Ends the request.
    pub(crate) fn finish(&mut self, deadlines: &Deadlines, clock: &dyn Clock) -> Result<(), Error> {
        self.finish_with(None, deadlines, clock)
    }

    /// Ends the request with trailers.
    pub(crate) fn finish_with(
        &mut self,
        trailers: Option<&Headers>,
        deadlines: &Deadlines,
        clock: &dyn Clock,
    ) -> Result<(), Error> {
        if self.is_cut_short() {
            self.output.clear();
            return Ok(());
        }
        let Some(exchange) = &mut self.exchange else { return Err(self.named(Misuse::NotSending.into())) };
        if self.broken.is_none()
            && let Err(error) = exchange.finish(trailers, &mut self.output)
        {
            return Err(self.fail(error.into()));
        }
        self.flush(deadlines, clock)?;
        self.patiently(true, deadlines, clock, |transport| transport.flush().map(|()| 1))?;
        let now = clock.now();
        self.timings.send = now.saturating_duration_since(self.send_began.unwrap_or(now));
        if self.broken.is_none() && !self.is_cut_short() {
            self.sent_at = Some(now);
        }
        Ok(())
    }

    /// Sends what waits in `output`.
    pub(crate) fn flush(&mut self, deadlines: &Deadlines, clock: &dyn Clock) -> Result<(), Error> {
        let mut output = mem::take(&mut self.output);
        let result = self.write([&output, &[], &[]], deadlines, clock);
        output.clear();
        self.output = output;
        result
    }

    fn write(&mut self, parts: [&[u8]; 3], deadlines: &Deadlines, clock: &dyn Clock) -> Result<(), Error> {
        let mut left: usize = parts.iter().map(|part| part.len()).sum();
        let mut slices = parts.map(IoSlice::new);
        let mut rest = &mut slices[..];
        IoSlice::advance_slices(&mut rest, 0);
        // The first write of a request without content keeps its full time: nothing can answer it early.
        let mut watches = self.sent > 0 || parts.get(1).is_some_and(|content| !content.is_empty());
        while left > 0 {
            let n = self.patiently(watches, deadlines, clock, |transport| transport.write_vectored(rest))?;
            if n == 0 {
                break;
            }
            let n = n.min(left);
            left -= n;
            self.sent = self.sent.saturating_add(n as u64);
            IoSlice::advance_slices(&mut rest, n);
            watches = true;
            if left > 0 {
                // A short write says that the peer does not keep up.
                self.look_for_answer(deadlines, clock)?;
            }
        }
        Ok(())
    }

    /// Runs one write. It waits in short turns while an answer may come: a server that has answered and does not read on
    /// would hold it until the idle timeout. Gives 0 where nothing more can be or is to be sent.
    fn patiently(
        &mut self,
        watches: bool,
        deadlines: &Deadlines,
        clock: &dyn Clock,
        mut write: impl FnMut(&mut dyn Transport) -> io::Result<usize>,
    ) -> Result<usize, Error> {
        let began = clock.now();
        self.send_began.get_or_insert(began);
        let limit = deadlines.send(began);
        while self.broken.is_none() && !self.is_cut_short() {
            let Some(transport) = &mut self.transport else {
                return Err(self.failed.clone().unwrap_or_else(|| self.named(Misuse::Closed.into())));
            };
            let turn = Deadline::after(clock.now(), watches.then_some(PATIENCE), Limit::Idle);
            transport.set_deadline(limit.min(turn));
            let error = match write(&mut **transport) {
                Ok(n @ 1..) => return Ok(n),
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            let timed_out = TimedOut::in_io(&error).is_some();
            if timed_out && watches && limit.remaining(clock.now()).is_ok() {
                self.look_for_answer(deadlines, clock)?;
                continue;
            }
            let error = match limit.remaining(clock.now()) {
                // The turn's own error would tell the turn's time.
                Err(passed) if timed_out => passed.into(),
                _ => error,
            };
            let error = self.broke(error);
            // RFC 9112 §9.5: a server may answer and close before it has read everything; look for its answer.
            if timed_out || self.sent == 0 {
                return Err(self.fail(error));
            }
            debug!(%error, sent = self.sent, "the request broke off");
            self.broken = Some(error.at(self.progress()));
        }
        Ok(0)
    }

    /// Tells whether an answer made the rest of the content pointless. Content goes on under a 2xx: such a server may
    /// answer while it reads.
    fn is_cut_short(&self) -> bool {
        self.answered && (self.complete || self.message.head.status.as_u16() >= 300)
    }
}
