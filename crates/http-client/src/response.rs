//! A response: its head, and its content as it comes.

mod coded;
mod lines;
mod upgrade;
mod whole;

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use coded::Coded;
use conn::Clock;
use resilience::GiveUp;
use url::Url;
use wire::{Headers, ResponseHead, StatusCode, Version};

use crate::call::{Passed, Trail};
use crate::config::{Limits, RedirectPolicy};
use crate::error::{AttemptInfo, Error};
use crate::info::{ConnectionInfo, Timings};
use crate::lease::Lease;
use crate::policy::deadlines::Deadlines;
use crate::policy::decode::Step;
use crate::policy::redirect::{Asked, NotFollowed, Redirect, redirect};

pub use lines::Lines;
pub use upgrade::Upgraded;

/// A response: the head is here, the content is read as it comes.
///
/// Any status is data: 404 and 500 are responses, not errors. Content that ends too early is an error. `Read` and
/// `BufRead` give the content without its framing, and [decoded](crate::Request::decode) where it came encoded; its head
/// stays as it came, [`content_length`](Self::content_length) and `Content-Encoding` with it.
///
/// ```no_run
/// use std::io::Read;
///
/// let mut response = http_client::get("https://example.com/photo.jpg").send()?;
/// println!("{} {:?} from {:?}", response.status(), response.header("Content-Type"), response.info().peer());
/// let mut first = [0; 512];
/// response.read_exact(&mut first)?;
/// response.copy_to(&mut std::io::sink())?;
/// println!("{} bytes in {:?}", response.received(), response.timings().receive);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A response of a [`Client`](crate::Client) owns its connection and gives it back in the very read that sees the end. One of a
/// [`Connection`](crate::Connection) borrows it; what is left unread when it is dropped is dealt with by the next
/// request.
pub struct Response<'c> {
    lease: Lease<'c>,
    deadlines: Deadlines,
    clock: Arc<dyn Clock>,
    buffered: u64,
    coded: Coded,
    /// Bytes of content that were taken from the wire, and that were given out.
    received: u64,
    given: u64,
    /// Content that `fill_buf` showed and `consume` has not taken.
    shown: usize,
    trail: Trail,
    watch: Option<Box<Watch>>,
}

/// Is told the bytes of content taken from the wire so far, and how many there are if that is known.
type Watch = dyn FnMut(u64, Option<u64>) + Send;

impl<'c> Response<'c> {
    pub(crate) fn new(
        lease: Lease<'c>,
        deadlines: Deadlines,
        clock: Arc<dyn Clock>,
        limits: &Limits,
        decodes: bool,
    ) -> Self {
        let coded = if decodes && !lease.is_complete() {
            Coded::of(&lease.message.head, limits.expansion)
        } else {
            Coded::Plain
        };
        let (buffered, trail) = (limits.buffered, Trail::default());
        let mut response = Self {
            lease,
            deadlines,
            clock,
            buffered,
            coded,
            received: 0,
            given: 0,
            shown: 0,
            trail,
            watch: None,
        };
        response.conclude();
        response
    }

    pub(crate) fn with_trail(self, trail: Trail) -> Self {
        Self { trail, ..self }
    }

    /// Returns the URL that answered, after all redirects; none for a [`Connection`](crate::Connection), which is asked
    /// for targets.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        self.trail.url.as_ref()
    }

    /// Returns the redirects that led here, each with its head, the first one first.
    #[must_use]
    pub fn history(&self) -> &[Passed] {
        &self.trail.history
    }

    /// Judges by a policy whether the response is a redirect, and where it would lead: for a
    /// [`Connection`](crate::Connection), which follows none, or a client that is told not to.
    ///
    /// ```no_run
    /// use http_client::{Connection, Redirect, RedirectPolicy};
    ///
    /// let mut conn = Connection::https("example.com")?;
    /// conn.request("GET", "/old")?;
    /// let response = conn.response()?;
    /// if let Redirect::Follow(hop) = response.redirect(&RedirectPolicy::default()) {
    ///     println!("{} {}", hop.method, hop.url);
    /// }
    /// # Ok::<(), http_client::Error>(())
    /// ```
    #[must_use]
    pub fn redirect(&self, policy: &RedirectPolicy) -> Redirect {
        let is_replayable = self.trail.not_followed != Some(NotFollowed::ContentConsumed);
        let asked = self.lease.asked_url();
        let Some(url) = self.trail.url.as_ref().or(asked.as_ref()) else {
            return Redirect::Deliver(NotFollowed::NoRedirect);
        };
        let followed = u32::try_from(self.trail.history.len()).unwrap_or(u32::MAX);
        let asked = Asked { method: self.lease.method(), url, is_replayable, followed };
        redirect(asked, self.status(), self.headers().get("location"), policy)
    }

    /// Lists what the call tried, in order, the attempt that answered last; empty for a
    /// [`Connection`](crate::Connection).
    #[must_use]
    pub fn attempts(&self) -> &[AttemptInfo] {
        self.trail.attempts.as_slice()
    }

    /// Returns why a client delivered the response instead of following it elsewhere; none for a
    /// [`Connection`](crate::Connection), which follows nothing.
    #[must_use]
    pub fn not_followed(&self) -> Option<NotFollowed> {
        self.trail.not_followed
    }

    /// Returns why a client's policies did not have the call tried again, where they have an opinion on the response: all
    /// attempts were made, the budget is used up, the method allows none.
    #[must_use]
    pub fn gave_up(&self) -> Option<GiveUp> {
        self.trail.gave_up
    }

    /// Returns the head: version, status, reason and field lines.
    #[must_use]
    pub fn head(&self) -> &ResponseHead {
        &self.lease.message.head
    }

    /// Returns the status code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.head().status
    }

    /// Returns the reason phrase, which may be empty.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.head().reason
    }

    /// Returns the protocol version of the response.
    #[must_use]
    pub fn version(&self) -> Version {
        self.head().version
    }

    /// Returns the field lines in the order and case in which they came.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.head().headers
    }

    /// Returns the first value of a field if it is there and is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get_str(name)
    }

    /// Returns the length of the content on the wire, before decoding, if it is known before it is read: 0 in answer to HEAD,
    /// none for chunks.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.lease.content_length()
    }

    /// Tells whether the content is decoded: it is not where nothing was offered, or where a coding is unknown.
    #[must_use]
    pub fn is_decoded(&self) -> bool {
        !matches!(self.coded, Coded::Plain)
    }

    /// Counts the bytes of content taken from the wire so far, before decoding and without framing.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Counts the bytes of content read so far, after decoding.
    #[must_use]
    pub fn decoded(&self) -> u64 {
        self.given
    }

    /// Calls `watch` while the content is read, with the bytes taken from the wire so far, before decoding, and the
    /// [length](Self::content_length) if it is known.
    ///
    /// ```no_run
    /// let response = http_client::get("https://example.com/large").send()?;
    /// let mut response = response.watched(|received, total| eprintln!("{received} of {total:?} bytes"));
    /// response.copy_to(&mut std::io::sink())?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    #[must_use]
    pub fn watched(mut self, watch: impl FnMut(u64, Option<u64>) + Send + 'static) -> Self {
        self.watch = Some(Box::new(watch));
        self
    }

    /// Returns the trailer fields; empty until the content was read to its end, which
    /// [`read_bytes`](Self::read_bytes) does without taking the response.
    #[must_use]
    pub fn trailers(&self) -> &Headers {
        &self.lease.message.trailers
    }

    /// Returns what is known of the connection that carried the response. Costs nothing.
    #[must_use]
    pub fn info(&self) -> &ConnectionInfo {
        &self.lease.info
    }

    /// Returns how long the steps took; those of the content once it was read to its end. Costs nothing.
    #[must_use]
    pub fn timings(&self) -> &Timings {
        &self.lease.timings
    }

    /// Gives the connection back where the response is complete.
    fn conclude(&mut self) {
        if self.lease.is_complete() {
            self.lease.note_end(self.clock.now());
        }
        self.lease.give_back();
    }

    /// Counts content taken from the wire.
    fn count(&mut self, n: usize) {
        self.received += n as u64;
        if n > 0
            && let Some(watch) = &mut self.watch
        {
            watch(self.received, self.lease.content_length());
        }
    }

    fn read_content(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        self.shown = 0;
        let n = match &mut self.coded {
            Coded::Plain => {
                let n = self.lease.read(buf, &self.deadlines, &*self.clock);
                let n = n.map_err(|error| self.fault(error))?;
                self.conclude();
                self.count(n);
                n
            }
            coded if coded.takes_directly(buf.len()) => self.decode(Some(buf))?,
            _ => {
                let n = self.fill()?.min(buf.len());
                if let Some(to) = buf.get_mut(..n) {
                    to.copy_from_slice(self.waiting(n));
                }
                self.coded.consume(n);
                n
            }
        };
        self.given += n as u64;
        Ok(n)
    }

    /// Gives the number of content bytes that wait, decoded if so; 0 at the end.
    fn fill(&mut self) -> Result<usize, Error> {
        if !matches!(self.coded, Coded::Plain) {
            return self.decode(None);
        }
        let len = self.content()?;
        if len == 0 {
            self.conclude();
        }
        Ok(len)
    }

    fn content(&mut self) -> Result<usize, Error> {
        self.lease.content(&self.deadlines, &*self.clock).map_err(|error| self.fault(error))
    }

    /// Completes an error by the request, and by what its call tried.
    fn fault(&self, error: Error) -> Error {
        self.trail.complete(self.lease.named(error))
    }

    /// Returns the first `len` bytes that wait.
    fn waiting(&self, len: usize) -> &[u8] {
        self.coded.waiting(len).unwrap_or_else(|| self.lease.buffered(len))
    }

    /// Takes `n` of the bytes that wait.
    fn advance(&mut self, n: usize) {
        self.given += n as u64;
        if self.is_decoded() {
            self.coded.consume(n);
        } else {
            self.lease.consume(n);
            self.conclude();
            self.count(n);
        }
    }

    /// Decodes into `buf`, or into what waits. The connection goes home in the read that ends the message, though decoded
    /// content may still wait here.
    fn decode(&mut self, mut buf: Option<&mut [u8]>) -> Result<usize, Error> {
        loop {
            match self.coded.step(buf.as_deref_mut()) {
                Ok(Step::Made(n)) => return Ok(n),
                Ok(Step::End) => return Ok(0),
                Ok(Step::Hungry) => {}
                Err(error) => return Err(self.fault(error.into())),
            }
            let len = self.content()?;
            self.coded.feed(self.lease.buffered(len));
            if len > 0 {
                self.lease.consume(len);
                self.count(len);
            }
            self.conclude();
        }
    }
}

impl Read for Response<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        Ok(self.read_content(buf)?)
    }
}

impl BufRead for Response<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.shown = self.fill()?;
        Ok(self.waiting(self.shown))
    }

    fn consume(&mut self, n: usize) {
        let n = n.min(self.shown);
        self.shown -= n;
        if n > 0 {
            self.advance(n);
        }
    }
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("version", &self.version())
            .field("status", &self.status())
            .field("reason", &self.reason())
            .field("headers", &self.headers())
            .finish_non_exhaustive()
    }
}
