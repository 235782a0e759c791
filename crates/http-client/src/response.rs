//! A response: its head, and its content as it comes.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use conn::Clock;
use url::Url;
use wire::{Headers, ResponseHead, StatusCode, Version};

use crate::call::{Passed, Trail};
use crate::config::RedirectPolicy;
use crate::error::{AttemptInfo, Error, ErrorKind};
use crate::info::{ConnectionInfo, Timings};
use crate::lease::Lease;
use crate::policy::deadlines::Deadlines;
use crate::policy::redirect::{Asked, NotFollowed, Redirect, redirect};

/// A response: the head is here, the content is read as it comes.
///
/// Any status is data: 404 and 500 are responses, not errors. Content that ends too early is an error. `Read` and
/// `BufRead` give the content as it stands on the wire without its framing.
///
/// A response of a [`Client`](crate::Client) owns its connection and gives it back in the very read that sees the end. One of a
/// [`Connection`](crate::Connection) borrows it; what is left unread when it is dropped is dealt with by the next
/// request.
pub struct Response<'c> {
    lease: Lease<'c>,
    deadlines: Deadlines,
    clock: Arc<dyn Clock>,
    buffered: u64,
    /// Content that `fill_buf` showed and `consume` has not taken.
    shown: usize,
    trail: Trail,
}

impl<'c> Response<'c> {
    pub(crate) fn new(lease: Lease<'c>, deadlines: Deadlines, clock: Arc<dyn Clock>, buffered: u64) -> Self {
        let mut response = Self { lease, deadlines, clock, buffered, shown: 0, trail: Trail::default() };
        response.lease.give_back();
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
        let asked = self.lease.asked_url();
        let Some(url) = self.trail.url.as_ref().or(asked.as_ref()) else {
            return Redirect::Deliver(NotFollowed::NoRedirect);
        };
        let followed = u32::try_from(self.trail.history.len()).unwrap_or(u32::MAX);
        let asked = Asked { method: self.lease.method(), url, is_replayable: true, followed };
        redirect(asked, self.status(), self.headers().get("location"), policy)
    }

    /// Lists what the call tried, in order, the attempt that answered last; empty for a
    /// [`Connection`](crate::Connection).
    #[must_use]
    pub fn attempts(&self) -> &[AttemptInfo] {
        self.trail.attempts.as_slice()
    }

    pub(crate) fn head(&self) -> &ResponseHead {
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

    /// Returns the length of the content if it is known before it is read: 0 in answer to HEAD, none for chunks.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.lease.content_length()
    }

    /// Returns the trailer fields; empty until the content was read to its end.
    #[must_use]
    pub fn trailers(&self) -> &Headers {
        &self.lease.message.trailers
    }

    /// Returns what is known of the connection that carried the response. Costs nothing.
    #[must_use]
    pub fn info(&self) -> &ConnectionInfo {
        &self.lease.info
    }

    /// Returns how long the steps up to the response head took. Costs nothing.
    #[must_use]
    pub fn timings(&self) -> &Timings {
        &self.lease.timings
    }

    /// Reads the rest of the content into memory, at most [`Limits::buffered`](crate::Limits::buffered) bytes.
    ///
    /// It takes the response, so look at the head before; [`copy_to`](Self::copy_to) and `read_to_end` do not.
    ///
    /// # Errors
    /// The content is larger than that, ends too early, or reading it fails.
    pub fn bytes(mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        loop {
            let len = self.lease.content(&self.deadlines, &*self.clock)?;
            if len == 0 {
                self.lease.give_back();
                return Ok(bytes);
            }
            if bytes.len() as u64 + len as u64 > self.buffered {
                let error = Error::new(ErrorKind::TooLarge, ContentTooLarge { limit: self.buffered });
                return Err(self.lease.named(error));
            }
            bytes.extend_from_slice(self.lease.buffered(len));
            self.advance(len);
        }
    }

    /// Reads the rest of the content as UTF-8, with U+FFFD for what is none, at most as [`bytes`](Self::bytes) does.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn text(self) -> Result<String, Error> {
        let bytes = self.bytes()?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// Writes the rest of the content to `to`, however large it is, and returns its length.
    ///
    /// # Errors
    /// The content ends too early, reading it fails, or `to` fails.
    pub fn copy_to(&mut self, to: &mut (impl Write + ?Sized)) -> Result<u64, Error> {
        let mut total = 0;
        let mut run = vec![0; 64 << 10];
        loop {
            let n = self.read_content(&mut run)?;
            if n == 0 {
                return Ok(total);
            }
            to.write_all(run.get(..n).unwrap_or_default())
                .map_err(|error| self.lease.named(Error::new(ErrorKind::Local, error)))?;
            total += n as u64;
        }
    }

    fn read_content(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        self.shown = 0;
        let n = self.lease.read(buf, &self.deadlines, &*self.clock)?;
        self.lease.give_back();
        Ok(n)
    }

    fn advance(&mut self, n: usize) {
        self.lease.consume(n);
        self.lease.give_back();
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
        self.shown = self.lease.content(&self.deadlines, &*self.clock)?;
        if self.shown == 0 {
            self.lease.give_back();
        }
        Ok(self.lease.buffered(self.shown))
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

#[derive(Debug, thiserror::Error)]
#[error(
    "the content is larger than the {limit} bytes that may be held in memory; read it as it comes, or raise limits.buffered"
)]
struct ContentTooLarge {
    limit: u64,
}
