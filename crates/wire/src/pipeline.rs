//! Several requests on one connection before the first is answered (RFC 9112 §9.3.2).

use std::collections::VecDeque;

use crate::error::{ParseError, RequestError};
use crate::event::{Event, MessageBuf, Received};
use crate::exchange::Exchange;
use crate::framing::BodyLength;
use crate::head::RequestHead;
use crate::leniency::Leniency;
use crate::limits::Limits;
use crate::persistence::{CloseReason, Persistence};

/// A bounded queue of exchanges over one connection, answered in their order.
///
/// Each request carries a ticket, any value that tells the caller which it is. When the connection closes or breaks,
/// [`abandon`](Self::abandon) gives back the tickets without an answer, and tells which of them the server may have
/// begun to answer.
///
/// # How to drive it
///
/// Sending: [`begin`](Self::begin) a request, send its content by [`sending`](Self::sending) (`frame`, `finish`), begin
/// the next. Receiving is as with [`Exchange`], by the methods here; after [`Event::Complete`] take the ticket by
/// [`answered`](Self::answered) and go on with the bytes that are left.
///
/// ```
/// use wire::{BodyLength, Event, Headers, Limits, MessageBuf, Method, Persistence, Pipeline, RequestHead};
///
/// let (headers, mut out) = (Headers::new(), Vec::new());
/// let mut pipeline = Pipeline::new(4);
/// for target in ["/a", "/b"] {
///     let head = RequestHead::new(&Method::GET, target, &headers).with_host("example.com");
///     pipeline.begin(&head, BodyLength::Empty, Limits::default(), &mut out, target)?;
///     pipeline.sending().unwrap().finish(None, &mut out)?;
/// }
///
/// let mut input = &b"HTTP/1.1 204 \r\n\r\nHTTP/1.1 204 \r\nConnection: close\r\n\r\n"[..];
/// let (mut message, mut answers) = (MessageBuf::default(), Vec::new());
/// while !pipeline.is_empty() {
///     let received = pipeline.receive(input, &mut message)?;
///     input = &input[received.used..];
///     if received.event == Event::Complete {
///         answers.extend(pipeline.answered());
///     }
/// }
/// assert_eq!(answers.iter().map(|(ticket, _)| *ticket).collect::<Vec<_>>(), ["/a", "/b"]);
/// assert!(matches!(answers[1].1, Persistence::Close(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pipeline<T> {
    queue: VecDeque<Entry<T>>,
    depth: usize,
    leniency: Leniency,
    closed: Option<CloseReason>,
    /// The error that ended it; every later call repeats it.
    failed: Option<ParseError>,
}

#[derive(Debug)]
struct Entry<T> {
    exchange: Exchange,
    ticket: T,
    /// A byte of the response was seen.
    is_begun: bool,
}

/// Why a request cannot enter a [`Pipeline`]. The request's bytes are not written then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// As many requests as allowed wait for their answers.
    #[error("{depth} requests wait for their answers already")]
    Full {
        /// How many are allowed.
        depth: usize,
    },
    /// The last request's content is not complete.
    #[error("the last request is not complete")]
    Unfinished,
    /// The connection will be closed.
    #[error("the connection is closing: {0}")]
    Closed(CloseReason),
    /// The request cannot be sent.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// How far a request without a complete answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// No byte of its response was seen. The server has most likely not acted on it; only what may be done twice may be
    /// sent again.
    Unprocessed,
    /// Its response had begun.
    Unknown,
}

impl<T> Pipeline<T> {
    /// Makes a pipeline that lets `depth` requests wait for their answers; at least one.
    #[must_use]
    pub fn new(depth: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            depth: depth.max(1),
            leniency: Leniency::default(),
            closed: None,
            failed: None,
        }
    }

    /// Puts up with mistakes of the server in the requests that are begun from here on.
    #[must_use]
    pub fn with_leniency(self, leniency: Leniency) -> Self {
        Self { leniency, ..self }
    }

    /// Returns the number of requests without a complete answer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Tells whether every request was answered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Returns the ticket whose response comes next or is coming.
    #[must_use]
    pub fn next_answer(&self) -> Option<&T> {
        self.queue.front().map(|entry| &entry.ticket)
    }

    /// Appends a request head to `out` and queues its exchange.
    ///
    /// # Errors
    /// The pipeline is full or closing, the last request is not complete, or the request is invalid; `out` is as it was.
    pub fn begin(
        &mut self,
        head: &RequestHead<'_>,
        length: BodyLength,
        limits: Limits,
        out: &mut Vec<u8>,
        ticket: T,
    ) -> Result<(), PipelineError> {
        if let Some(reason) = self.closed {
            return Err(PipelineError::Closed(reason));
        }
        if self.queue.len() >= self.depth {
            return Err(PipelineError::Full { depth: self.depth });
        }
        if let Some(last) = self.queue.back().map(|entry| &entry.exchange) {
            if !last.is_request_finished() {
                return Err(PipelineError::Unfinished);
            }
            // RFC 9112 §9.6: nothing may follow a request that says close; behind a CONNECT or an upgrade nothing is
            // sure to be HTTP.
            if let Some(reason) = last.may_be_last() {
                return Err(PipelineError::Closed(reason));
            }
        }
        let exchange = Exchange::begin(head, length, limits, out)?.with_leniency(self.leniency);
        self.queue.push_back(Entry { exchange, ticket, is_begun: false });
        Ok(())
    }

    /// Lends the exchange whose request is not finished, to send its content.
    pub fn sending(&mut self) -> Option<&mut Exchange> {
        let last = &mut self.queue.back_mut()?.exchange;
        (!last.is_request_finished()).then_some(last)
    }

    /// Looks at the bytes received for the response that comes next; see [`Exchange::receive`]. With nothing
    /// outstanding it answers [`Event::NeedInput`] as long as there are no bytes.
    ///
    /// # Errors
    /// The peer broke the protocol, or sent bytes that nobody asked for; the same error comes back ever after.
    pub fn receive(&mut self, input: &[u8], into: &mut MessageBuf) -> Result<Received, ParseError> {
        let received = self.advance(!input.is_empty(), |exchange| exchange.receive(input, into))?;
        // RFC 9112 §9.2: what stands behind the last response outstanding must never answer the request to come.
        if received.event == Event::Complete && self.queue.len() == 1 && input.len() > received.used {
            self.closed.get_or_insert(CloseReason::Surplus);
        }
        Ok(received)
    }

    /// Takes note that the connection ended after all bytes were received. With nothing outstanding that is no error, and
    /// the answer is [`Event::Complete`].
    ///
    /// # Errors
    /// A response is outstanding and not complete.
    pub fn receive_eof(&mut self, into: &mut MessageBuf) -> Result<Received, ParseError> {
        if self.queue.is_empty() && self.failed.is_none() {
            self.closed.get_or_insert(CloseReason::PeerClosed);
            return Ok(Received { used: 0, event: Event::Complete });
        }
        self.advance(false, |exchange| exchange.receive_eof(into))
    }

    fn advance(
        &mut self,
        has_input: bool,
        receive: impl FnOnce(&mut Exchange) -> Result<Received, ParseError>,
    ) -> Result<Received, ParseError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = match self.queue.front_mut() {
            Some(entry) => {
                entry.is_begun |= has_input;
                receive(&mut entry.exchange)
            }
            // RFC 9112 §9.2: never a response to the request to come.
            None if has_input => Err(ParseError::Unasked),
            None => Ok(Received { used: 0, event: Event::NeedInput }),
        };
        if let Err(error) = &result {
            self.closed = Some(CloseReason::Failed);
            self.failed = Some(error.clone());
        }
        result
    }

    /// Lends the exchange whose response is coming, for [`content_consumed`](Exchange::content_consumed) and its like.
    pub fn receiving(&mut self) -> Option<&mut Exchange> {
        self.queue.front_mut().map(|entry| &mut entry.exchange)
    }

    /// Takes the ticket of a response that is complete or handed the connection over, and whether the connection lives on.
    pub fn answered(&mut self) -> Option<(T, Persistence)> {
        let persistence = self.queue.front()?.exchange.persistence()?;
        if self.failed.is_some() {
            return None;
        }
        let persistence = match (persistence, self.closed) {
            (Persistence::KeepAlive, Some(reason)) => Persistence::Close(reason),
            _ => persistence,
        };
        if let Persistence::Close(reason) = persistence {
            self.closed = Some(reason);
        }
        self.queue.pop_front().map(|entry| (entry.ticket, persistence))
    }

    /// Closes the pipeline and gives back every request without a complete answer, in order.
    pub fn abandon(&mut self) -> impl Iterator<Item = (T, Fate)> {
        self.closed.get_or_insert(CloseReason::Failed);
        self.queue.drain(..).map(|entry| {
            let fate = if entry.is_begun { Fate::Unknown } else { Fate::Unprocessed };
            (entry.ticket, fate)
        })
    }
}

#[cfg(test)]
mod tests;
