//! Content read to its end, and what it is read as.

use std::io::Write;

use super::{Lines, Response};
#[cfg(feature = "json")]
use crate::error::JsonError;
use crate::error::{Error, ErrorKind, StatusError};
use crate::text;

impl<'c> Response<'c> {
    /// Reads the rest of the content into memory, at most [`Limits::buffered`](crate::Limits::buffered) bytes.
    ///
    /// It takes the response, so look at the head before; [`read_bytes`](Self::read_bytes) and [`copy_to`](Self::copy_to) do not.
    ///
    /// # Errors
    /// The content is larger than that, ends too early, or reading it fails.
    pub fn bytes(mut self) -> Result<Vec<u8>, Error> {
        self.read_bytes()
    }

    /// Reads the rest of the content as [`bytes`](Self::bytes) does, and leaves the response, which knows of its
    /// [trailers](Self::trailers), its [timings](Self::timings) and its length then.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn read_bytes(&mut self) -> Result<Vec<u8>, Error> {
        // Said in advance, before any of it is read.
        let left = self.content_length().map_or(0, |length| length.saturating_sub(self.received));
        if !self.is_decoded() && left > self.buffered {
            return Err(self.too_large());
        }
        let mut bytes = Vec::new();
        loop {
            let len = self.fill()?;
            if len == 0 {
                return Ok(bytes);
            }
            if bytes.len() as u64 + len as u64 > self.buffered {
                return Err(self.too_large());
            }
            bytes.extend_from_slice(self.waiting(len));
            self.advance(len);
        }
    }

    /// Reads the rest of the content as text, at most as [`bytes`](Self::bytes) does: in the charset of its byte order mark,
    /// or else of `Content-Type`, or else in UTF-8, with U+FFFD for what is none. Without the feature `charset` all is
    /// UTF-8.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn text(mut self) -> Result<String, Error> {
        let bytes = self.read_bytes()?;
        Ok(text::decode(bytes, self.headers().get("content-type"), None))
    }

    /// Reads the rest of the content as [`text`](Self::text) does, in another charset than UTF-8 where neither a byte order mark
    /// nor `Content-Type` names a known one. A `charset` that is unknown itself counts as UTF-8.
    ///
    /// ```no_run
    /// let page = http_client::get("https://example.com/1996.html").send()?.text_with("windows-1252")?;
    /// # drop(page);
    /// # Ok::<(), http_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    #[cfg(feature = "charset")]
    pub fn text_with(mut self, charset: &str) -> Result<String, Error> {
        let bytes = self.read_bytes()?;
        Ok(text::decode(bytes, self.headers().get("content-type"), Some(charset)))
    }

    /// Reads the rest of the content as JSON, at most as [`bytes`](Self::bytes) does. The status is not looked at; see
    /// [`error_for_status`](Self::error_for_status).
    ///
    /// ```no_run
    /// # let client = http_client::Client::new();
    /// let keepers: Vec<String> = client.get("https://example.com/keepers").send()?.error_for_status()?.json()?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), and [`ErrorKind::Json`] where the content is no JSON of that type: it says at which line
    /// and column, and keeps the text ([`Error::json`]).
    #[cfg(feature = "json")]
    pub fn json<T: serde::de::DeserializeOwned>(mut self) -> Result<T, Error> {
        let bytes = self.read_bytes()?;
        serde_json::from_slice(text::without_bom(&bytes))
            .map_err(|error| self.fault(JsonError::new(error, &bytes).into()))
    }

    /// Gives the rest of the content line by line, as it comes.
    ///
    /// ```no_run
    /// # let client = http_client::Client::new();
    /// for line in client.get("https://example.com/log").send()?.lines() {
    ///     println!("{}", line?);
    /// }
    /// # Ok::<(), http_client::Error>(())
    /// ```
    pub fn lines(self) -> Lines<'c> {
        Lines::new(self)
    }

    /// Returns the response unless its status is 4xx or 5xx. An error keeps the head and the first 64 KiB of the content
    /// ([`Error::response`]); the connection is free where that was all.
    ///
    /// ```no_run
    /// # let client = http_client::Client::new();
    /// match client.get("https://example.com/log").send()?.error_for_status() {
    ///     Ok(response) => println!("{}", response.text()?),
    ///     Err(error) => {
    ///         let said = error.response().map(|response| response.text());
    ///         println!("{error}: {}", said.unwrap_or_default());
    ///     }
    /// }
    /// # Ok::<(), http_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// The status is 4xx or 5xx: [`ErrorKind::Status`].
    pub fn error_for_status(mut self) -> Result<Self, Error> {
        if !self.status().is_client_error() && !self.status().is_server_error() {
            return Ok(self);
        }
        let (mut content, mut is_cut) = (Vec::new(), false);
        loop {
            // What the server said of its failure matters more than how saying it failed.
            let Ok(len) = self.fill() else {
                is_cut = true;
                break;
            };
            let room = len.min(StatusError::MAX_CONTENT.saturating_sub(content.len()));
            content.extend_from_slice(self.waiting(room));
            self.advance(room);
            if room < len {
                is_cut = true;
                break;
            }
            if len == 0 {
                break;
            }
        }
        let error = StatusError { head: self.head().clone(), content, is_cut };
        Err(self.fault(Error::new(ErrorKind::Status, error)))
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
                .map_err(|error| self.fault(Error::new(ErrorKind::Local, error)))?;
            total += n as u64;
        }
    }

    pub(super) fn too_large(&self) -> Error {
        let error = ContentTooLarge { limit: self.buffered };
        self.fault(Error::new(ErrorKind::TooLarge, error))
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the content is larger than the {limit} bytes that may be held in memory; read it as it comes, or raise limits.buffered"
)]
struct ContentTooLarge {
    limit: u64,
}
