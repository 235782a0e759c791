//! One request and its response on one connection, as a state machine.

use http::{StatusCode, Version};

use crate::chunked::{Chunk, Frame, forbidden_trailer};
use crate::content::ContentDecoder;
use crate::error::{ParseError, RequestError};
use crate::event::{Event, MessageBuf, Received};
use crate::framing::{BodyLength, Framing, RequestFacts, request_framing, response_framing};
use crate::head::{RequestHead, write_field};
use crate::headers::Headers;
use crate::leniency::{Leniency, Rules};
use crate::limits::{Limit, Limits};
use crate::persistence::{Asked, CloseReason, Persistence, asks_to_close, persistence};
use crate::section::{MAX_EMPTY_LINES, SectionEnd, skip_empty_lines};

/// One request and its response on one connection.
///
/// The machine never touches a socket. It writes the head into a buffer of the caller's, says what goes around each run
/// of content, and reads the response from a buffer of the caller's.
///
/// # How to drive it
///
/// Sending: [`begin`](Self::begin), then for each run of content [`frame`](Self::frame), then
/// [`finish`](Self::finish) once, also after an empty body. While [`may_send_content`](Self::may_send_content) is
/// false the content waits.
///
/// Receiving: call [`receive`](Self::receive) until it answers [`Event::NeedInput`] or [`Event::Complete`]. Drop
/// the `used` bytes from the front of the buffer each time. After [`Event::Content`] take any part of it, drop that
/// too, and tell [`content_consumed`](Self::content_consumed); asking once more before the content is handed
/// out shows `Complete` at once. At the end of the connection call [`receive_eof`](Self::receive_eof).
/// After an error every call returns that same error.
///
/// ```
/// use wire::{BodyLength, Event, Exchange, Headers, Limits, MessageBuf, Method, Persistence, RequestHead};
///
/// let headers = Headers::new();
/// let head = RequestHead::new(&Method::GET, "/", &headers).with_host("example.com");
/// let mut out = Vec::new();
/// let mut exchange = Exchange::begin(&head, BodyLength::Empty, Limits::default(), &mut out)?;
/// exchange.finish(None, &mut out)?;
/// assert_eq!(out, b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
///
/// let mut input = &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..];
/// let mut message = MessageBuf::default();
/// let mut content = Vec::new();
/// loop {
///     let received = exchange.receive(input, &mut message)?;
///     input = &input[received.used..];
///     match received.event {
///         Event::Content { len } => {
///             content.extend_from_slice(&input[..len]);
///             input = &input[len..];
///             exchange.content_consumed(len);
///         }
///         Event::Complete => break,
///         Event::NeedInput => panic!("everything was there"),
///         _ => {}
///     }
/// }
/// assert_eq!((message.head.status.as_u16(), &content[..]), (200, &b"hello"[..]));
/// assert_eq!(exchange.persistence(), Some(Persistence::KeepAlive));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Exchange {
    asked: RequestFacts,
    rules: Rules,
    request_asks: Option<Asked>,
    sending: Sending,
    /// The content waits for 100 (Continue).
    waiting: bool,
    informational: usize,
    empty_lines: usize,
    receiving: Receiving,
    /// How the response is framed and what the two heads allow, once its head was received.
    decided: Option<(Framing, Persistence)>,
}

#[derive(Clone, Copy, Debug)]
enum Sending {
    Length { announced: u64, left: u64 },
    Chunked,
    Finished,
}

#[derive(Clone, Debug)]
enum Receiving {
    Head(SectionEnd),
    Content(ContentDecoder),
    /// The tunnel or the new protocol begins at the next byte.
    HandedOver,
    Complete,
    Failed(ParseError),
}

impl Exchange {
    /// Appends the request head to `out` and begins the exchange.
    ///
    /// # Errors
    /// The head cannot be sent as it is; `out` is as it was.
    pub fn begin(
        head: &RequestHead<'_>,
        length: BodyLength,
        limits: Limits,
        out: &mut Vec<u8>,
    ) -> Result<Self, RequestError> {
        let (framing, field) = request_framing(head, length)?;
        let before = out.len();
        head.encode(field, out).inspect_err(|_| out.truncate(before))?;
        let request_asks = if head.close {
            Some(Asked::Close)
        } else if head.headers.contains("connection") {
            asks_to_close(head.version, head.headers)
        } else {
            // wire adds keep-alive itself where nothing was said.
            (head.version == Version::HTTP_10 && !head.add_connection).then_some(Asked::Http10)
        };
        Ok(Self {
            asked: RequestFacts::of(head),
            rules: Rules { limits, leniency: Leniency::default() },
            request_asks,
            sending: match framing {
                Framing::ContentLength(n) => Sending::Length { announced: n, left: n },
                Framing::Chunked => Sending::Chunked,
                _ => Sending::Length { announced: 0, left: 0 },
            },
            // RFC 9110 §10.1.1: without content, or to HTTP/1.0, the expectation means nothing.
            waiting: !matches!(framing, Framing::Empty | Framing::ContentLength(0))
                && head.version == Version::HTTP_11
                && head.headers.has_token("expect", "100-continue"),
            informational: 0,
            empty_lines: 0,
            receiving: Receiving::Head(SectionEnd::of_head()),
            decided: None,
        })
    }

    /// Puts up with mistakes of the server.
    #[must_use]
    pub fn with_leniency(mut self, leniency: Leniency) -> Self {
        self.rules.leniency = leniency;
        self
    }

    /// Tells whether content may be sent: not while 100 (Continue) is awaited, and no more once the final head came.
    #[must_use]
    pub fn may_send_content(&self) -> bool {
        !self.waiting
            && matches!(self.receiving, Receiving::Head(_))
            && !matches!(self.sending, Sending::Finished)
    }

    /// Tells whether the content waits for 100 (Continue).
    #[must_use]
    pub fn awaits_continue(&self) -> bool {
        self.waiting
    }

    /// Stops waiting for 100 (Continue): a server that never heard of it must not stall the request.
    pub fn stop_waiting(&mut self) {
        self.waiting = false;
    }

    /// Tells what goes around the next `len` bytes of content, and counts them as sent.
    ///
    /// # Errors
    /// More content than was announced, or the request is finished; nothing may be sent then.
    pub fn frame(&mut self, len: usize) -> Result<Frame, RequestError> {
        match &mut self.sending {
            Sending::Length { announced, left } => {
                let announced = *announced;
                *left = left.checked_sub(len as u64).ok_or(RequestError::ContentTooLong { announced })?;
                Ok(Frame::BARE)
            }
            Sending::Chunked => Ok(Frame::chunk(len)),
            Sending::Finished => Err(RequestError::Finished),
        }
    }

    /// Ends the request and appends what closes its body to `out`: the last chunk and the trailers.
    ///
    /// # Errors
    /// Content is missing, or the trailers cannot be sent; the request stays unfinished then.
    pub fn finish(&mut self, trailers: Option<&Headers>, out: &mut Vec<u8>) -> Result<(), RequestError> {
        let trailers = trailers.filter(|trailers| !trailers.is_empty());
        match self.sending {
            Sending::Finished => return Err(RequestError::Finished),
            Sending::Length { left, announced } if left > 0 => {
                return Err(RequestError::ContentTooShort { announced, missing: left });
            }
            Sending::Length { .. } if trailers.is_some() => return Err(RequestError::TrailersNotChunked),
            Sending::Length { .. } => {}
            Sending::Chunked => {
                if let Some(name) = trailers.and_then(forbidden_trailer) {
                    return Err(RequestError::Trailer { name });
                }
                out.extend_from_slice(b"0\r\n");
                for (name, value) in trailers.iter().flat_map(|trailers| trailers.raw()) {
                    write_field(out, name, value);
                }
                out.extend_from_slice(b"\r\n");
            }
        }
        self.sending = Sending::Finished;
        Ok(())
    }

    /// Tells whether the request was sent to its end.
    #[must_use]
    pub fn is_request_finished(&self) -> bool {
        matches!(self.sending, Sending::Finished)
    }

    /// Tells why no request may follow this one before its response is complete, if so: one of the two heads says `close`, the
    /// request is one of HTTP/1.0, or it may hand the connection over.
    #[must_use]
    pub fn may_be_last(&self) -> Option<CloseReason> {
        // RFC 9112 §9.6: after `close` no further request is sent.
        if let Some((_, Persistence::Close(reason))) = self.decided {
            return Some(reason);
        }
        if self.asked.connect || self.asked.upgrade {
            return Some(CloseReason::HandedOver);
        }
        self.request_asks.map(|asked| match asked {
            Asked::Close => CloseReason::RequestSaidClose,
            Asked::Http10 => CloseReason::Http10,
        })
    }

    /// Looks at the bytes received and tells what they are. No borrow leaves the call.
    ///
    /// # Errors
    /// The peer broke the protocol; the same error comes back ever after.
    pub fn receive(&mut self, input: &[u8], into: &mut MessageBuf) -> Result<Received, ParseError> {
        let result = self.advance(input, into);
        if let Err(error) = &result {
            self.receiving = Receiving::Failed(error.clone());
        }
        result
    }

    /// Takes note that the connection ended after all bytes were received.
    ///
    /// # Errors
    /// The response is not complete.
    pub fn receive_eof(&mut self, into: &mut MessageBuf) -> Result<Received, ParseError> {
        let result = match &mut self.receiving {
            Receiving::Head(end) => Err(match end.scanned() {
                0 => ParseError::NoResponse,
                received => ParseError::TruncatedHead { received },
            }),
            Receiving::Content(content) => content.eof(),
            Receiving::HandedOver | Receiving::Complete | Receiving::Failed(_) => Ok(()),
        };
        match result {
            Ok(()) => self.receive(&[], into),
            Err(error) => {
                self.receiving = Receiving::Failed(error.clone());
                Err(error)
            }
        }
    }

    fn advance(&mut self, input: &[u8], into: &mut MessageBuf) -> Result<Received, ParseError> {
        match &mut self.receiving {
            Receiving::Head(_) => self.receive_head(input, into),
            Receiving::Content(content) => {
                let (used, chunk) = content.decode(input, &self.rules, &mut into.trailers)?;
                let event = match chunk {
                    Chunk::NeedInput => Event::NeedInput,
                    Chunk::Content { len } => Event::Content { len },
                    Chunk::Complete => {
                        self.receiving = Receiving::Complete;
                        Event::Complete
                    }
                };
                Ok(Received { used, event })
            }
            Receiving::HandedOver => Ok(Received { used: 0, event: Event::Upgraded }),
            Receiving::Complete => Ok(Received { used: 0, event: Event::Complete }),
            Receiving::Failed(error) => Err(error.clone()),
        }
    }

    fn receive_head(&mut self, input: &[u8], into: &mut MessageBuf) -> Result<Received, ParseError> {
        let Receiving::Head(end) = &mut self.receiving else { return self.advance(input, into) };
        let rules = &self.rules;
        let mut skipped = 0;
        if rules.leniency.leading_empty_lines && end.scanned() == 0 {
            skipped = skip_empty_lines(input, rules, &mut self.empty_lines);
            if input.get(skipped..) == Some(b"\r") && self.empty_lines < MAX_EMPTY_LINES {
                return Ok(Received { used: skipped, event: Event::NeedInput });
            }
        }
        let input = input.get(skipped..).unwrap_or_default();
        // What cannot become HTTP is refused before its first line ends: it may never end.
        if !input.iter().zip(b"HTTP/1.").all(|(a, b)| a == b) {
            return Err(if input.starts_with(b"HTTP/") { ParseError::Version } else { ParseError::NotHttp });
        }
        // Most heads come whole and have no fault.
        let at_once = if end.scanned() == 0 { into.head.parse_at_once(input, rules) } else { None };
        let len = if let Some(len) = at_once {
            len
        } else {
            let Some(len) = end.find(input, (Limit::HeadBytes, rules.limits.head_bytes), rules)? else {
                return Ok(Received { used: skipped, event: Event::NeedInput });
            };
            let section = input.get(..len).unwrap_or_default();
            into.head.parse(section, rules).map_err(|error| end.first_fault(section, rules, error))?;
            len
        };
        let used = skipped + len;

        let status = into.head.status;
        // RFC 9110 §15.2: any number of 1xx may come before the final response; 101 is final.
        if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
            self.informational += 1;
            if self.informational > self.rules.limits.informational {
                let allowed = self.rules.limits.informational;
                return Err(ParseError::TooLarge { limit: Limit::Informational, allowed });
            }
            self.waiting &= status != StatusCode::CONTINUE;
            self.receiving = Receiving::Head(SectionEnd::of_head());
            return Ok(Received { used, event: Event::Informational });
        }
        let framing = response_framing(self.asked, &into.head)?;
        self.decided = Some((framing, persistence(self.request_asks, &into.head, framing)));
        self.receiving = match framing {
            Framing::Tunnel | Framing::Upgraded => Receiving::HandedOver,
            framing => Receiving::Content(ContentDecoder::new(framing)),
        };
        into.trailers.clear();
        Ok(Received { used, event: Event::Head })
    }

    /// Notes that `n` bytes of the content that was announced last were taken.
    pub fn content_consumed(&mut self, n: usize) {
        self.received_directly(n as u64);
    }

    /// Tells how many bytes of content can be read past the buffer: those sure to come next without framing in between.
    #[must_use]
    pub fn direct_limit(&self) -> u64 {
        match &self.receiving {
            Receiving::Content(content) => content.contiguous(),
            _ => 0,
        }
    }

    /// Notes that `n` bytes of content, at most [`direct_limit`](Self::direct_limit), were read past the buffer.
    pub fn received_directly(&mut self, n: u64) {
        if let Receiving::Content(content) = &mut self.receiving {
            content.consumed(n);
        }
    }

    /// Tells how the body of the response is delimited, once its head was received.
    #[must_use]
    pub fn framing(&self) -> Option<Framing> {
        self.decided.map(|(framing, _)| framing)
    }

    /// Tells whether the connection may carry another request, once the response is complete, handed over
    /// or failed.
    #[must_use]
    pub fn persistence(&self) -> Option<Persistence> {
        let failed = Some(Persistence::Close(CloseReason::Failed));
        match (&self.receiving, self.sending) {
            (Receiving::Head(_) | Receiving::Content(_), _) => None,
            (Receiving::Failed(_), _) => failed,
            (Receiving::Complete, Sending::Length { .. } | Sending::Chunked) => match self.decided {
                Some((_, Persistence::KeepAlive)) => Some(Persistence::Close(CloseReason::RequestUnfinished)),
                decided => decided.map(|(_, persistence)| persistence).or(failed),
            },
            (Receiving::Complete | Receiving::HandedOver, _) => {
                self.decided.map(|(_, persistence)| persistence).or(failed)
            }
        }
    }
}

#[cfg(test)]
mod tests;
