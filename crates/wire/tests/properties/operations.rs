//! Any sequence of calls on an exchange, in any order, by a driver that may have lost its way.

use proptest::prelude::*;
use wire::{
    BodyLength, Event, Exchange, Headers, Limits, MessageBuf, Method, ParseError, Persistence, Received,
    RequestError, RequestHead,
};

/// What responses are made of, whole and broken.
pub(crate) const PARTS: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 404 Not Found\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 \r\n",
    b"HTTP/1.1 101 Switching\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 5, 6\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"A: b\r\n",
    b" c\r\n",
    b"\tc",
    b"\r\n",
    b"\r",
    b"\n",
    b"5\r\nhello\r\n",
    b"5;a=\"b\"\r\nhello\r\n",
    b"5",
    b"hello",
    b"0\r\n\r\n",
    b"0\r\nT: 1\r\n\r\n",
    b";",
    b" ",
    b"\0",
    b"\xff",
];

#[derive(Clone, Debug)]
enum Operation {
    /// So many bytes of the input arrive.
    Arrive(usize),
    Receive,
    Eof,
    Consumed(usize),
    Direct(u64),
    Frame(usize),
    Finish(bool),
    StopWaiting,
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => (0..40_usize).prop_map(Operation::Arrive),
        6 => Just(Operation::Receive),
        1 => Just(Operation::Eof),
        4 => prop_oneof![0..10_usize, any::<usize>()].prop_map(Operation::Consumed),
        1 => prop_oneof![0..10_u64, any::<u64>()].prop_map(Operation::Direct),
        2 => prop_oneof![0..10_usize, any::<usize>()].prop_map(Operation::Frame),
        1 => any::<bool>().prop_map(Operation::Finish),
        1 => Just(Operation::StopWaiting),
    ]
}

fn begin(kind: usize) -> Exchange {
    let (method, lines, length): (_, &[(&str, &str)], _) = [
        (Method::GET, &[][..], BodyLength::Empty),
        (Method::HEAD, &[], BodyLength::Empty),
        (Method::CONNECT, &[], BodyLength::Empty),
        (Method::GET, &[("Connection", "upgrade"), ("Upgrade", "x")], BodyLength::Empty),
        (Method::PUT, &[], BodyLength::Known(5)),
        (Method::PUT, &[("Expect", "100-continue")], BodyLength::Unknown),
    ][kind]
        .clone();
    let headers = crate::drive::headers(lines);
    let target = if method == Method::CONNECT { "a:443" } else { "/" };
    let mut limits = Limits::default();
    limits.informational = 2;
    Exchange::begin(&RequestHead::new(&method, target, &headers), length, limits, &mut Vec::new()).unwrap()
}

/// What was said last on the receiving side, if it is final.
#[derive(Default)]
struct Said {
    head: bool,
    end: Option<Result<Received, ParseError>>,
    finished: bool,
}

impl Said {
    fn note(&mut self, result: &Result<Received, ParseError>, input: &[u8]) {
        if let Some(end) = &self.end {
            assert_eq!(result, end, "what was final changed");
        }
        match *result {
            Err(_) => self.end = Some(result.clone()),
            Ok(Received { used, event }) => {
                let content = if let Event::Content { len } = event { len } else { 0 };
                assert!(used + content <= input.len(), "{used} and {content} of {}", input.len());
                assert!(!matches!(event, Event::Content { len: 0 }));
                self.head |= event == Event::Head;
                if matches!(event, Event::Complete | Event::Upgraded) {
                    self.end = Some(Ok(Received { used: 0, event }));
                }
            }
        }
    }

    fn check(&self, exchange: &Exchange) {
        match &self.end {
            Some(end) => {
                let persistence = exchange.persistence().expect("known at the end");
                assert!(persistence != Persistence::KeepAlive || (end.is_ok() && self.finished && self.head));
                assert_eq!(exchange.direct_limit(), 0);
            }
            // Handed over with the head already, and told with the next call.
            None => assert_ne!(exchange.persistence(), Some(Persistence::KeepAlive)),
        }
        if self.head || self.end.is_some() || self.finished {
            assert!(!exchange.may_send_content());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_sequence_of_calls_panics_or_takes_back_what_was_final(
        kind in 0..6_usize,
        parts in prop::collection::vec(prop::sample::select(PARTS), 0..20),
        operations in prop::collection::vec(any_operation(), 0..60),
    ) {
        let (input, mut message, mut out) = (parts.concat(), MessageBuf::default(), Vec::new());
        let (mut exchange, mut said) = (begin(kind), Said::default());
        let (mut at, mut end) = (0, 0);
        for operation in operations {
            match operation {
                Operation::Arrive(n) => end = (end + n).min(input.len()),
                Operation::Receive => {
                    let result = exchange.receive(&input[at..end], &mut message);
                    said.note(&result, &input[at..end]);
                    at += result.map_or(0, |received| received.used);
                }
                Operation::Eof => {
                    let result = exchange.receive_eof(&mut message);
                    said.note(&result, b"");
                }
                Operation::Consumed(n) => {
                    exchange.content_consumed(n);
                    at = at.saturating_add(n).min(end);
                }
                Operation::Direct(n) => exchange.received_directly(n),
                Operation::Frame(len) => {
                    let framed = exchange.frame(len);
                    prop_assert!(!said.finished || framed == Err(RequestError::Finished));
                }
                Operation::Finish(with_trailers) => {
                    let mut trailers = Headers::new();
                    trailers.append("X", "y").unwrap();
                    let before = out.len();
                    let result = exchange.finish(with_trailers.then_some(&trailers), &mut out);
                    prop_assert!(result.is_ok() || out.len() == before);
                    prop_assert!(!said.finished || result == Err(RequestError::Finished));
                    said.finished |= result.is_ok();
                }
                Operation::StopWaiting => exchange.stop_waiting(),
            }
            said.check(&exchange);
        }
    }
}
