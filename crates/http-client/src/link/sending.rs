//! Sending a request: head and content, as far as the server takes it.

use std::io::{self, IoSlice, Read};
use std::mem;

use conn::{Clock, TimedOut};
use tracing::debug;
use wire::Exchange;

use super::Link;
use crate::body::Source;
use crate::error::{Error, ErrorKind, Misuse};
use crate::policy::deadlines::Deadlines;

/// Content up to this size is copied behind the head, so that both leave in one packet.
const JOINED_CONTENT: usize = 4 << 10;
/// How much a reader of the caller's is asked for at a time.
const UPLOAD_SIZE: usize = 64 << 10;

impl Link {
    /// Sends head and content. Stops early where the server does not want the content or closed its side: the response
    /// tells.
    pub(crate) fn send(
        &mut self,
        source: Source<'_>,
        deadlines: &Deadlines,
        clock: &dyn Clock,
    ) -> Result<(), Error> {
        if self.exchange.as_ref().is_some_and(Exchange::awaits_continue) {
            self.flush(deadlines, clock)?;
            self.await_continue(deadlines, clock)?;
        }
        match source {
            _ if self.answered => return Ok(()),
            Source::Bytes(bytes) => self.send_content(bytes, deadlines, clock)?,
            Source::Reader(reader) => self.send_reader(reader, deadlines, clock)?,
        }
        self.finish(deadlines, clock)
    }

    fn send_reader(
        &mut self,
        reader: &mut dyn Read,
        deadlines: &Deadlines,
        clock: &dyn Clock,
    ) -> Result<(), Error> {
        let mut run = vec![0; UPLOAD_SIZE];
        while self.broken.is_none() {
            let n = match reader.read(&mut run) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.fail(Error::new(ErrorKind::Content, error))),
            };
            self.send_content(run.get(..n).unwrap_or_default(), deadlines, clock)?;
            // The reader may take its time for the next run.
            self.flush(deadlines, clock)?;
        }
        Ok(())
    }

    /// Sends one run of content behind what waits in `output`; a short one waits there for more.
    pub(crate) fn send_content(
        &mut self,
        content: &[u8],
        deadlines: &Deadlines,
        clock: &dyn Clock,
    ) -> Result<(), Error> {
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
        let Some(exchange) = &mut self.exchange else { return Err(self.named(Misuse::NotSending.into())) };
        if self.broken.is_none()
            && let Err(error) = exchange.finish(None, &mut self.output)
        {
            return Err(self.fail(error.into()));
        }
        self.flush(deadlines, clock)?;
        let now = clock.now();
        self.timings.send = now.saturating_duration_since(self.send_began.unwrap_or(now));
        self.sent_at = Some(now);
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
        while left > 0 && self.broken.is_none() {
            let Some(transport) = &mut self.transport else {
                return Err(self.failed.clone().unwrap_or_else(|| self.named(Misuse::Closed.into())));
            };
            let now = clock.now();
            self.send_began.get_or_insert(now);
            transport.set_deadline(deadlines.send(now));
            let error = match transport.write_vectored(rest) {
                Ok(n @ 1..) => {
                    let n = n.min(left);
                    left -= n;
                    self.sent = self.sent.saturating_add(n as u64);
                    IoSlice::advance_slices(&mut rest, n);
                    continue;
                }
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            let timed_out = TimedOut::in_io(&error).is_some();
            let error = self.broke(error);
            // RFC 9112 §9.5: a server may answer and close before it has read everything; look for its answer.
            if timed_out || self.sent == 0 {
                return Err(self.fail(error));
            }
            debug!(%error, sent = self.sent, "the request broke off");
            self.broken = Some(error.at(self.progress()));
        }
        Ok(())
    }
}
