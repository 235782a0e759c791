use http::Method;
use proptest::prelude::*;

use super::*;
use crate::headers::Headers;

/// Begins requests with their index as ticket.
fn pipeline(methods: &[Method], depth: usize) -> (Pipeline<usize>, Vec<u8>) {
    let (mut pipeline, mut out, headers) = (Pipeline::new(depth), Vec::new(), Headers::new());
    for (ticket, method) in methods.iter().enumerate() {
        let head = RequestHead::new(method, "/", &headers).with_host("a");
        pipeline.begin(&head, BodyLength::Empty, Limits::default(), &mut out, ticket).unwrap();
        pipeline.sending().unwrap().finish(None, &mut out).unwrap();
    }
    (pipeline, out)
}

#[derive(Debug, Default, PartialEq)]
struct Seen {
    answers: Vec<(usize, Vec<u8>)>,
    abandoned: Vec<(usize, Fate)>,
    error: Option<ParseError>,
    left: usize,
}

/// Drives over `input` in pieces that end at `cuts`; `eof` tells whether the connection ends then.
fn drive(mut pipeline: Pipeline<usize>, input: &[u8], cuts: &[usize], eof: bool) -> Seen {
    let (mut seen, mut message, mut content) = (Seen::default(), MessageBuf::default(), Vec::new());
    let (mut at, mut ends) = (0, cuts.iter().copied().chain([input.len()]));
    let mut end = ends.next().unwrap();
    loop {
        let received = match pipeline.receive(&input[at..end], &mut message) {
            Ok(Received { used, event: Event::NeedInput }) => {
                at += used;
                match ends.next() {
                    Some(next) => {
                        end = next;
                        continue;
                    }
                    None if eof && !pipeline.is_empty() => pipeline.receive_eof(&mut message),
                    None => break,
                }
            }
            received => received,
        };
        match received {
            Err(error) => {
                seen.error = Some(error);
                break;
            }
            Ok(Received { used, event }) => {
                at += used;
                if let Event::Content { len } = event {
                    content.extend_from_slice(&input[at..at + len]);
                    at += len;
                    pipeline.receiving().unwrap().content_consumed(len);
                }
                if matches!(event, Event::Complete | Event::Upgraded) {
                    let (ticket, persistence) = pipeline.answered().unwrap();
                    seen.answers.push((ticket, std::mem::take(&mut content)));
                    if matches!(persistence, Persistence::Close(_)) {
                        break;
                    }
                }
            }
        }
    }
    seen.abandoned = pipeline.abandon().collect();
    seen.left = input.len() - at;
    seen
}

fn ok(content: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}", content.len())
}

#[test]
fn responses_answer_requests_in_their_order_at_any_split() {
    let (_, out) = pipeline(&[Method::GET, Method::HEAD, Method::GET], 3);
    let request = |method| format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(out, [request("GET"), request("HEAD"), request("GET")].concat().as_bytes());

    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n";
    let input =
        [ok("zero"), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_owned(), chunked.to_owned()].concat();
    for split in 0..=input.len() {
        let (pipeline, _) = pipeline(&[Method::GET, Method::HEAD, Method::GET], 3);
        let seen = drive(pipeline, input.as_bytes(), &[split], false);
        let answers = vec![(0, b"zero".to_vec()), (1, Vec::new()), (2, b"two".to_vec())];
        assert_eq!(seen, Seen { answers, ..Seen::default() }, "split at {split}");
    }
}

#[test]
fn what_a_close_leaves_unanswered_is_given_back() {
    use Fate::{Unknown, Unprocessed};
    let closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    let truncated = ParseError::TruncatedBody { received: 1, expected: Some(2) };
    for (input, eof, answers, abandoned, error) in [
        (closing.to_owned(), false, 1, vec![(1, Unprocessed), (2, Unprocessed)], None),
        (closing.to_owned() + &ok("y"), false, 1, vec![(1, Unprocessed), (2, Unprocessed)], None),
        (ok("x"), true, 1, vec![(1, Unprocessed), (2, Unprocessed)], Some(ParseError::NoResponse)),
        (
            ok("x") + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\ny",
            true,
            1,
            vec![(1, Unknown), (2, Unprocessed)],
            Some(truncated),
        ),
        (ok("x") + "nonsense", false, 1, vec![(1, Unknown), (2, Unprocessed)], Some(ParseError::NotHttp)),
        (
            String::new(),
            true,
            0,
            vec![(0, Unprocessed), (1, Unprocessed), (2, Unprocessed)],
            Some(ParseError::NoResponse),
        ),
    ] {
        let (pipeline, _) = pipeline(&[Method::GET, Method::GET, Method::GET], 3);
        let seen = drive(pipeline, input.as_bytes(), &[], eof);
        assert_eq!(
            (seen.answers.len(), seen.abandoned, seen.error),
            (answers, abandoned, error),
            "{input:?}"
        );
    }
}

#[test]
fn bytes_that_nobody_asked_for_end_it() {
    let (pipeline, _) = pipeline(&[Method::GET], 2);
    let input = ok("x") + "HTTP/1.1 200 OK\r\n\r\n";
    let seen = drive(pipeline, input.as_bytes(), &[], false);
    assert_eq!((seen.answers.len(), seen.error, seen.left), (1, None, 19));

    let (mut idle, mut message) = (Pipeline::<()>::new(1), MessageBuf::default());
    for _ in 0..2 {
        assert_eq!(idle.receive(b"HTTP", &mut message), Err(ParseError::Unasked));
    }
}

#[test]
fn bytes_behind_the_last_answer_never_answer_the_next_request() {
    let (mut pipeline, _) = pipeline(&[Method::GET], 2);
    let input = b"HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 Poison\r\n\r\n";
    let (mut message, mut at) = (MessageBuf::default(), 0);
    while pipeline.next_answer().is_some() {
        let received = pipeline.receive(&input[at..], &mut message).unwrap();
        at += received.used;
        if received.event == Event::Complete {
            let surplus = Persistence::Close(CloseReason::Surplus);
            assert_eq!(pipeline.answered(), Some((0, surplus)));
        }
    }
    let headers = Headers::new();
    let head = RequestHead::new(&Method::GET, "/", &headers);
    let begun = pipeline.begin(&head, BodyLength::Empty, Limits::default(), &mut Vec::new(), 1);
    assert_eq!(begun, Err(PipelineError::Closed(CloseReason::Surplus)));
}

#[test]
fn only_so_many_and_only_complete_requests_enter() {
    let (mut full, _) = pipeline(&[Method::GET, Method::GET], 2);
    let (headers, mut out) = (Headers::new(), Vec::new());
    let head = RequestHead::new(&Method::GET, "/", &headers);
    let mut begin = |pipeline: &mut Pipeline<usize>, head: &RequestHead<'_>, length| {
        pipeline.begin(head, length, Limits::default(), &mut out, 9)
    };
    assert_eq!(begin(&mut full, &head, BodyLength::Empty), Err(PipelineError::Full { depth: 2 }));

    let mut unfinished = Pipeline::new(2);
    begin(&mut unfinished, &head, BodyLength::Known(1)).unwrap();
    assert_eq!(begin(&mut unfinished, &head, BodyLength::Empty), Err(PipelineError::Unfinished));

    let mut invalid = Pipeline::new(2);
    let bad = RequestHead { target: "/ ", ..head };
    assert!(matches!(begin(&mut invalid, &bad, BodyLength::Empty), Err(PipelineError::Request(_))));
    assert!(invalid.is_empty());

    let closing = RequestHead { close: true, ..head };
    let connect = RequestHead { method: &Method::CONNECT, target: "a:1", ..head };
    for (last, reason) in [(closing, CloseReason::RequestSaidClose), (connect, CloseReason::HandedOver)] {
        let mut ended = Pipeline::new(2);
        begin(&mut ended, &last, BodyLength::Empty).unwrap();
        ended.sending().unwrap().finish(None, &mut Vec::new()).unwrap();
        assert_eq!(begin(&mut ended, &head, BodyLength::Empty), Err(PipelineError::Closed(reason)));
    }
    assert_eq!(out.iter().filter(|&&b| b == b'\n').count(), 3 * 2 + 2, "only what entered was written");
}

#[test]
fn the_end_of_a_silent_connection_is_no_error() {
    let (mut pipeline, mut message) = (Pipeline::<()>::new(1), MessageBuf::default());
    assert_eq!(pipeline.receive(&[], &mut message).unwrap().event, Event::NeedInput);
    assert_eq!(pipeline.receive_eof(&mut message).unwrap().event, Event::Complete);
    let headers = Headers::new();
    let head = RequestHead::new(&Method::GET, "/", &headers);
    let begun = pipeline.begin(&head, BodyLength::Empty, Limits::default(), &mut Vec::new(), ());
    assert_eq!(begun, Err(PipelineError::Closed(CloseReason::PeerClosed)));
}

proptest! {
    /// Whatever comes, in whatever pieces: tickets come back once each, in order, answered ones first.
    #[test]
    fn no_ticket_is_lost_or_doubled(
        parts in proptest::collection::vec(prop_oneof![
            4 => Just(ok("abc")),
            1 => Just("HTTP/1.1 204 No\r\n\r\n".to_owned()),
            1 => Just("HTTP/1.1 100 C\r\n\r\n".to_owned()),
            1 => Just("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned()),
            1 => Just("x".to_owned()),
        ], 0..6),
        count in 0_usize..5,
        cut in any::<prop::sample::Index>(),
        eof in any::<bool>(),
    ) {
        let input = parts.concat();
        let make = || pipeline(&vec![Method::GET; count], 5).0;
        let whole = drive(make(), input.as_bytes(), &[], eof);
        let split = drive(make(), input.as_bytes(), &[cut.index(input.len() + 1)], eof);
        // Bytes behind the last answer end it at once, or by an error if they come later.
        prop_assert_eq!((&whole.answers, &whole.abandoned), (&split.answers, &split.abandoned));
        let answered = whole.answers.iter().map(|(ticket, _)| *ticket);
        let all: Vec<_> = answered.chain(whole.abandoned.iter().map(|(ticket, _)| *ticket)).collect();
        prop_assert_eq!(all, (0..count).collect::<Vec<_>>());
    }
}
