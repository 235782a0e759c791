//! Drives an exchange over bytes as a driver does, for the tests that stand beside this folder.

#![allow(dead_code, reason = "each test uses its part")]

use wire::{
    BodyLength, Event, Exchange, Framing, Headers, Limits, MessageBuf, Method, ParseError, Persistence,
    RequestError, RequestHead, ResponseHead,
};

/// What a driver sees of one response.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) informational: Vec<ResponseHead>,
    pub(crate) head: ResponseHead,
    pub(crate) framing: Option<Framing>,
    pub(crate) content: Vec<u8>,
    pub(crate) trailers: Headers,
    pub(crate) handed_over: bool,
    /// Bytes behind the response.
    pub(crate) left: usize,
    pub(crate) persistence: Option<Persistence>,
}

impl Seen {
    pub(crate) fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    /// Whether the connection may carry another request: nothing may stand behind the response.
    pub(crate) fn kept(&self) -> bool {
        self.persistence == Some(Persistence::KeepAlive) && self.left == 0
    }

    /// The first value of a field, to be compared with text.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.headers.get_str(name)
    }
}

pub(crate) fn headers(lines: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.append(name, value).unwrap();
    }
    headers
}

/// Begins an exchange; gives the bytes that it sends too.
pub(crate) fn begin(
    method: &Method,
    lines: &[(&str, &str)],
    length: BodyLength,
    limits: Limits,
) -> Result<(Exchange, Vec<u8>), RequestError> {
    let headers = headers(lines);
    let target = if *method == Method::CONNECT { "a:443" } else { "/" };
    let mut out = Vec::new();
    let head = RequestHead::new(method, target, &headers).with_host("a");
    Exchange::begin(&head, length, limits, &mut out).map(|exchange| (exchange, out))
}

/// An exchange whose request has no content and is sent.
pub(crate) fn asked(method: &Method, lines: &[(&str, &str)], limits: Limits) -> Exchange {
    let (mut exchange, mut out) = begin(method, lines, BodyLength::Empty, limits).unwrap();
    exchange.finish(None, &mut out).unwrap();
    exchange
}

pub(crate) fn get() -> Exchange {
    asked(&Method::GET, &[], Limits::default())
}

/// Hands out `input` in pieces that end at `cuts`, then the end of the connection.
pub(crate) fn drive(exchange: &Exchange, input: &[u8], cuts: &[usize]) -> Result<Seen, ParseError> {
    let mut exchange = exchange.clone();
    let (mut seen, mut message) = (Seen::default(), MessageBuf::default());
    let mut ends = cuts.iter().copied().filter(|&cut| cut < input.len()).chain([input.len()]);
    let (mut at, mut end) = (0, ends.next().unwrap());
    loop {
        let mut received = exchange.receive(&input[at..end], &mut message)?;
        assert!(received.used <= end - at, "{} bytes used of {}", received.used, end - at);
        at += received.used;
        if received.event == Event::NeedInput {
            if let Some(next) = ends.next() {
                end = next;
                continue;
            }
            received = exchange.receive_eof(&mut message)?;
        }
        match received.event {
            Event::Informational => seen.informational.push(message.head.clone()),
            Event::Head => seen.head = message.head.clone(),
            Event::Content { len } => {
                // In two steps, as a reader with a small buffer takes it.
                for part in [len / 2, len - len / 2] {
                    seen.content.extend_from_slice(&input[at..at + part]);
                    exchange.content_consumed(part);
                    at += part;
                }
            }
            Event::Complete | Event::Upgraded => {
                seen.handed_over = received.event == Event::Upgraded;
                seen.trailers = message.trailers.clone();
                seen.framing = exchange.framing();
                seen.persistence = exchange.persistence();
                seen.left = input.len() - at;
                return Ok(seen);
            }
            event => panic!("{event:?} at the end of the connection"),
        }
    }
}

/// Drives whole, byte by byte and at every single cut; all must tell the same.
#[track_caller]
pub(crate) fn drive_all(exchange: &Exchange, input: &[u8]) -> Result<Seen, ParseError> {
    let whole = drive(exchange, input, &[]);
    let shown = String::from_utf8_lossy(input);
    let bytewise: Vec<_> = (1..input.len()).collect();
    assert_eq!(drive(exchange, input, &bytewise), whole, "byte by byte: {shown:?}");
    for cut in 1..input.len().min(400) {
        assert_eq!(drive(exchange, input, &[cut]), whole, "cut at {cut}: {shown:?}");
    }
    whole
}

/// A response with these field lines and what follows its head.
pub(crate) fn response(lines: &str, rest: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{lines}\r\n{rest}").into_bytes()
}

/// A chunked response with this body.
pub(crate) fn chunked(body: &str) -> Vec<u8> {
    response("Transfer-Encoding: chunked\r\n", body)
}

#[track_caller]
pub(crate) fn check_refused(input: impl AsRef<[u8]>, expected: &ParseError) {
    let input = input.as_ref();
    assert_eq!(drive_all(&get(), input).as_ref(), Err(expected), "{:?}", String::from_utf8_lossy(input));
}

#[track_caller]
pub(crate) fn check_content(input: impl AsRef<[u8]>, content: &str) -> Seen {
    let input = input.as_ref();
    let seen = drive_all(&get(), input).unwrap();
    assert_eq!(String::from_utf8_lossy(&seen.content), content, "{:?}", String::from_utf8_lossy(input));
    seen
}
