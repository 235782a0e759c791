//! A request put together by hand: its head line by line, its content piece by piece.

use std::error::Error as StdError;

use wire::{BodyLength, Headers, Method};

use super::{Connection, State, parse_method};
use crate::error::{Error, Misuse};
use crate::link::Link;

impl Connection {
    /// Begins a request whose fields are given one by one. Only `Host` and what frames the content are added to them.
    ///
    /// # Errors
    /// As [`request`](Self::request); nothing is sent yet.
    pub fn put_request<M>(&mut self, method: M, target: &str) -> Result<&mut Self, Error>
    where
        M: TryInto<Method>,
        M::Error: StdError + Send + Sync + 'static,
    {
        let method = parse_method(method)?;
        self.start(&method, target)?;
        self.link.fields.clear();
        self.decodes = false;
        self.state = State::Building { method, target: target.to_owned() };
        Ok(self)
    }

    /// Adds a field line, in exactly this case and order.
    ///
    /// # Errors
    /// No request is being built, or the field is invalid.
    pub fn put_header(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<&mut Self, Error> {
        if !matches!(self.state, State::Building { .. }) {
            return Err(Misuse::NotBuilding.into());
        }
        self.link.fields.append(name, value).map_err(|error| self.link.named(error.into()))?;
        Ok(self)
    }

    /// Sends the head. Content may follow if a `Content-Length` or `Transfer-Encoding: chunked` was put.
    ///
    /// # Errors
    /// No request is being built, the request is invalid, or sending fails.
    pub fn end_headers(&mut self) -> Result<&mut Self, Error> {
        let State::Building { method, target } = std::mem::replace(&mut self.state, State::Idle) else {
            return Err(Misuse::NotBuilding.into());
        };
        // The length is what the fields say.
        let framed =
            ["content-length", "transfer-encoding"].iter().any(|name| self.link.fields.contains(name));
        let no_content = self.link.fields.get("content-length").is_some_and(|length| length == b"0");
        let length = if framed && !no_content { BodyLength::Unknown } else { BodyLength::Empty };
        self.begin(&method, &target, length)?;
        self.state = State::Sending;
        self.sent(Link::flush)?;
        Ok(self)
    }

    /// Sends content as it is given: in a chunk, or as a part of the announced length.
    ///
    /// # Errors
    /// The headers are not ended, there is more content than announced, or sending fails.
    pub fn send(&mut self, content: &[u8]) -> Result<&mut Self, Error> {
        if !matches!(self.state, State::Sending) {
            return Err(Misuse::NotSending.into());
        }
        self.sent(|link, deadlines, clock| {
            link.send_content(content, deadlines, clock)?;
            link.flush(deadlines, clock)
        })?;
        Ok(self)
    }

    /// Ends the content of a request; [`response`](Self::response) does it where it was not done.
    ///
    /// # Errors
    /// The headers are not ended, there is less content than announced, or sending fails.
    pub fn finish(&mut self) -> Result<(), Error> {
        if !matches!(self.state, State::Sending) {
            return Err(Misuse::NotSending.into());
        }
        self.sent(Link::finish)?;
        self.state = State::Awaiting;
        Ok(())
    }

    /// Ends chunks with trailer fields (RFC 9110 §6.5).
    ///
    /// ```no_run
    /// let mut conn = http_client::Connection::https("example.com")?;
    /// conn.put_request("PUT", "/log")?.put_header("Transfer-Encoding", "chunked")?.put_header("Trailer", "X-Lines")?;
    /// conn.end_headers()?.send(b"all is well\n")?.finish_with(&[("X-Lines", "1")])?;
    /// println!("{}", conn.response()?.status());
    /// # Ok::<(), http_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`finish`](Self::finish); besides, a field is invalid or none that may stand there, or the content is not sent in
    /// chunks.
    pub fn finish_with(&mut self, trailers: &[(&str, &str)]) -> Result<(), Error> {
        if !matches!(self.state, State::Sending) {
            return Err(Misuse::NotSending.into());
        }
        let mut fields = Headers::new();
        for (name, value) in trailers {
            fields.append(name, value).map_err(|error| self.link.named(error.into()))?;
        }
        self.sent(|link, deadlines, clock| link.finish_with(Some(&fields), deadlines, clock))?;
        self.state = State::Awaiting;
        Ok(())
    }
}
