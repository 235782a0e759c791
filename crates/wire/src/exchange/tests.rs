use http::Method;
use proptest::prelude::*;

use super::*;

fn begin(method: &Method, fields: &[(&str, &str)], length: BodyLength) -> (Exchange, String) {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.append(name, value).unwrap();
    }
    let target = if *method == Method::CONNECT { "a:443" } else { "/" };
    let head = RequestHead { host: Some("a"), ..RequestHead::new(method, target, &headers) };
    let mut out = Vec::new();
    let exchange = Exchange::begin(&head, length, Limits::default(), &mut out).unwrap();
    (exchange, String::from_utf8(out).unwrap())
}

fn get() -> Exchange {
    let mut exchange = begin(&Method::GET, &[], BodyLength::Empty).0;
    exchange.finish(None, &mut Vec::new()).unwrap();
    exchange
}

/// What a driver sees of one response.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    informational: Vec<u16>,
    status: u16,
    content: Vec<u8>,
    trailers: usize,
    upgraded: bool,
    left: usize,
    persistence: Option<Persistence>,
}

/// Drives an exchange over `input`, handed out in pieces that end at `cuts`, then the end of the connection.
fn drive(mut exchange: Exchange, input: &[u8], cuts: &[usize]) -> Result<Seen, ParseError> {
    let (mut seen, mut message) = (Seen::default(), MessageBuf::default());
    let (mut at, mut cuts) = (0, cuts.iter().copied().chain([input.len()]));
    let mut end = cuts.next().unwrap();
    loop {
        let mut received = exchange.receive(&input[at..end], &mut message)?;
        if received.event == Event::NeedInput {
            at += received.used;
            match cuts.next() {
                Some(next) => {
                    end = next;
                    continue;
                }
                None => received = exchange.receive_eof(&mut message)?,
            }
        }
        at += received.used;
        match received.event {
            Event::NeedInput => panic!("more input wanted after the end"),
            Event::Informational => seen.informational.push(message.head.status.as_u16()),
            Event::Head => seen.status = message.head.status.as_u16(),
            Event::Content { len } => {
                // Take it in two steps, as a reader with a small buffer does.
                for part in [len / 2, len - len / 2] {
                    seen.content.extend_from_slice(&input[at..at + part]);
                    at += part;
                    exchange.content_consumed(part);
                }
            }
            Event::Complete | Event::Upgraded => break,
        }
    }
    seen.upgraded = exchange.receive(&[], &mut message)?.event == Event::Upgraded;
    seen.left = input.len() - at;
    seen.trailers = message.trailers.len();
    seen.persistence = exchange.persistence();
    Ok(seen)
}

/// Drives whole, byte by byte and at every single split; all must agree.
#[track_caller]
fn drive_all(exchange: &Exchange, input: &[u8]) -> Result<Seen, ParseError> {
    let whole = drive(exchange.clone(), input, &[]);
    let bytewise: Vec<_> = (0..input.len()).collect();
    assert_eq!(drive(exchange.clone(), input, &bytewise), whole, "byte by byte");
    for split in 0..input.len() {
        assert_eq!(drive(exchange.clone(), input, &[split]), whole, "split at {split}");
    }
    whole
}

#[test]
fn a_head_is_written_as_given_with_host_first() {
    #[track_caller]
    fn check(method: Method, fields: &[(&str, &str)], length: BodyLength, expected: &str) {
        assert_eq!(begin(&method, fields, length).1, expected.replace('\n', "\r\n"));
    }
    let (empty, known, unknown) = (BodyLength::Empty, BodyLength::Known(5), BodyLength::Unknown);
    check(Method::GET, &[], empty, "GET / HTTP/1.1\nHost: a\n\n");
    check(Method::GET, &[("x-B", "1"), ("X-a", "2")], empty, "GET / HTTP/1.1\nHost: a\nx-B: 1\nX-a: 2\n\n");
    check(Method::GET, &[("x", "1"), ("hOst", "b")], empty, "GET / HTTP/1.1\nx: 1\nhOst: b\n\n");
    check(Method::POST, &[("x", "1")], known, "POST / HTTP/1.1\nHost: a\nx: 1\nContent-Length: 5\n\n");
    check(Method::POST, &[], unknown, "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n");
    check(Method::POST, &[], empty, "POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n");
    check(Method::CONNECT, &[], empty, "CONNECT a:443 HTTP/1.1\nHost: a\n\n");
}

#[test]
fn version_and_close_speak_through_connection() {
    let none = Headers::new();
    let (v10, v11) = (Version::HTTP_10, Version::HTTP_11);
    for (version, close, add_connection, field, kept) in [
        (v11, false, true, "", true),
        (v11, true, true, "Connection: close\r\n", false),
        (v11, true, false, "", false),
        (v10, false, true, "Connection: keep-alive\r\n", true),
        (v10, false, false, "", false),
        (v10, true, true, "Connection: close\r\n", false),
    ] {
        let head =
            RequestHead { version, close, add_connection, ..RequestHead::new(&Method::GET, "/", &none) };
        let mut out = Vec::new();
        let mut exchange = Exchange::begin(&head, BodyLength::Empty, Limits::default(), &mut out).unwrap();
        exchange.finish(None, &mut Vec::new()).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.split_once("\r\n").unwrap().1, format!("{field}\r\n"));
        let seen = drive(exchange, b"HTTP/1.1 204 No\r\n\r\n", &[]).unwrap();
        assert_eq!(
            seen.persistence == Some(Persistence::KeepAlive),
            kept,
            "{version:?} {close} {add_connection}"
        );
    }
}

#[test]
fn what_cannot_be_sent_leaves_the_buffer_as_it_was() {
    let none = Headers::new();
    let mut two_hosts = Headers::new();
    two_hosts.append("Host", "a").unwrap();
    two_hosts.append("host", "b").unwrap();
    let base = RequestHead::new(&Method::GET, "/", &none);
    for head in [
        RequestHead { target: "/a b", ..base },
        RequestHead { host: Some("a\r\nX: y"), ..base },
        RequestHead { headers: &two_hosts, ..base },
        RequestHead { version: Version::HTTP_2, ..base },
    ] {
        let mut out = b"before".to_vec();
        assert!(Exchange::begin(&head, BodyLength::Empty, Limits::default(), &mut out).is_err(), "{head:?}");
        assert_eq!(out, b"before");
    }
}

#[test]
fn responses_are_read_the_same_however_they_arrive() {
    #[track_caller]
    fn check(input: &str, status: u16, content: &str, left: usize, persistence: Persistence) {
        let seen = drive_all(&get(), input.as_bytes()).unwrap();
        assert_eq!(
            (seen.status, seen.left, seen.persistence),
            (status, left, Some(persistence)),
            "{input:?}"
        );
        assert_eq!(String::from_utf8(seen.content).unwrap(), content, "{input:?}");
    }
    use Persistence::{Close, KeepAlive};
    check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 0, KeepAlive);
    check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP", 200, "hello", 4, KeepAlive);
    check("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx", 200, "", 1, KeepAlive);
    check("HTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\n", 304, "", 0, KeepAlive);
    check("HTTP/1.1 200 OK\r\n\r\nall", 200, "all", 0, Close(CloseReason::CloseDelimited));
    check("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", 0, Close(CloseReason::Http10));
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: 1\r\n\r\nmore";
    check(chunked, 200, "abcde", 4, KeepAlive);
    assert_eq!(drive(get(), chunked.as_bytes(), &[]).unwrap().trailers, 1);
}

/// A head that comes whole takes a short way; what that way does not take must end as on the long one.
#[test]
fn the_short_way_for_whole_heads_gives_the_same() {
    let fields = |n: usize| "X-Field: value\r\n".repeat(n);
    let sized = |len: usize| {
        let frame = "HTTP/1.1 204 No\r\nX: \r\n\r\n".len();
        format!("HTTP/1.1 204 No\r\nX: {}\r\n\r\n", "y".repeat(len - frame))
    };
    let good = |fields: &str| format!("HTTP/1.1 204 No\r\n{fields}\r\n");
    let too_large = |limit, allowed| Err(ParseError::TooLarge { limit, allowed });
    for (input, expected) in [
        (good(""), Ok(0)),
        (good("A:\r\nB: \t\r\nC: c \t\r\n"), Ok(3)),
        (good(&fields(48)), Ok(48)),
        (good(&fields(49)), Ok(49)),
        (good(&fields(256)), Ok(256)),
        (good(&fields(257)), too_large(Limit::Fields, 256)),
        (good("A: b\r\n c\r\nD: e\r\n"), Ok(2)),
        (good("A: b\nC: d\r\n"), Err(ParseError::BareLf)),
        (good("A: b\r\nC: d\n"), Err(ParseError::BareLf)),
        (good("A: b\r\n\n"), Err(ParseError::BareLf)),
        (sized(64 << 10), Ok(1)),
        (sized((64 << 10) + 1), too_large(Limit::HeadBytes, 64 << 10)),
    ] {
        let mut message = MessageBuf::default();
        message.head.headers.append("Left", "over").unwrap();
        let whole = get().receive(input.as_bytes(), &mut message).map(|_| message.head.headers.len());
        assert_eq!(whole, expected, "{:.60}", input);
        let mut dripped = (get(), MessageBuf::default());
        let drip = (1..=input.len()).find_map(|end| {
            match dripped.0.receive(&input.as_bytes()[..end], &mut dripped.1) {
                Ok(Received { event: Event::NeedInput, .. }) => None,
                other => Some(other.map(|_| dripped.1.head.clone())),
            }
        });
        assert_eq!(drip.unwrap().map(|head| head.headers.len()), expected, "{:.60}", input);
        assert!(expected.is_err() || dripped.1.head == message.head, "{:.60}", input);
    }
}

#[test]
fn informational_responses_are_seen_and_bounded() {
    let input = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let seen = drive_all(&get(), input.as_bytes()).unwrap();
    assert_eq!((seen.informational, seen.status), (vec![100, 103], 200));

    let endless = "HTTP/1.1 103 E\r\n\r\n".repeat(17);
    let error = drive(get(), endless.as_bytes(), &[]).unwrap_err();
    assert_eq!(error, ParseError::TooLarge { limit: Limit::Informational, allowed: 16 });
}

#[test]
fn connections_are_handed_over_at_the_right_byte() {
    let (mut connect, _) = begin(&Method::CONNECT, &[], BodyLength::Empty);
    connect.finish(None, &mut Vec::new()).unwrap();
    let fields = [("Connection", "upgrade"), ("Upgrade", "websocket")];
    let (mut upgrade, _) = begin(&Method::GET, &fields, BodyLength::Empty);
    upgrade.finish(None, &mut Vec::new()).unwrap();
    for (exchange, head) in [
        (connect, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"),
        (upgrade, "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n"),
    ] {
        let seen = drive_all(&exchange, format!("{head}raw").as_bytes()).unwrap();
        assert_eq!((seen.upgraded, seen.left), (true, 3));
        assert_eq!(seen.persistence, Some(Persistence::Close(CloseReason::HandedOver)));
    }
}

#[test]
fn a_response_that_is_cut_short_is_an_error_at_every_byte() {
    for (input, framed) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\n\r\nhello", false),
    ] {
        let head = input.find("\r\n\r\n").unwrap() + 4;
        for cut in 0..input.len() {
            let result = drive(get(), &input.as_bytes()[..cut], &[]);
            match cut {
                0 => assert_eq!(result, Err(ParseError::NoResponse)),
                cut if cut < head => assert_eq!(result, Err(ParseError::TruncatedHead { received: cut })),
                _ if framed => assert!(matches!(result, Err(ParseError::TruncatedBody { .. })), "{result:?}"),
                _ => assert!(result.is_ok()),
            }
        }
    }
    let error = drive(get(), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", &[]).unwrap_err();
    assert_eq!(error, ParseError::TruncatedBody { received: 3, expected: Some(5) });
    assert_eq!(error.to_string(), "the connection was closed inside the message body, after 3 bytes of 5");
}

#[test]
fn other_protocols_are_refused_before_a_line_ends() {
    for (input, error) in [
        ("\x16\x03\x01", ParseError::NotHttp),
        ("<html>", ParseError::NotHttp),
        ("SSH-2.0", ParseError::NotHttp),
        ("HTTP/2", ParseError::Version),
        ("HTTP/1.\r ", ParseError::Version),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", ParseError::NotHttp),
    ] {
        assert_eq!(get().receive(input.as_bytes(), &mut MessageBuf::default()), Err(error), "{input:?}");
    }
}

#[test]
fn a_head_without_end_stops_at_its_limit() {
    // What stands beyond the limit does not matter.
    for end in ["", "\n", "\r\n\r\n"] {
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}{end}", "y".repeat(70_000));
        let error = get().receive(endless.as_bytes(), &mut MessageBuf::default()).unwrap_err();
        assert_eq!(error, ParseError::TooLarge { limit: Limit::HeadBytes, allowed: 64 << 10 });
    }
}

/// Every leniency opens what it says and nothing else.
#[test]
fn leniency_is_taken_switch_by_switch() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    let chunked = |body: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    let inputs = [
        ("HTTP/1.1 200 OK\nA: b\nContent-Length: 1\n\nx".to_owned(), "bare_lf"),
        (chunked("1\r\nx\r\n0\r\nT: 1\n\n"), "bare_lf"),
        (format!("\r\n\r\n{ok}"), "leading_empty_lines"),
        (format!("HTTP/1.1 100 C\r\n\r\n\r\n{ok}"), "leading_empty_lines"),
        (chunked("1  \r\nx\r\n0\t\r\n\r\n"), "padded_chunk_size"),
        (format!("{}A: b\r\n c\r\n\r\nx", &ok[..36]), "obs_fold"),
        (chunked("1\nx\r\n0\r\n\r\n"), "never"),
        (format!("{}{ok}", "\r\n".repeat(9)), "never"),
        (format!("\n{ok}"), "never"),
        ("HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n".to_owned(), "never"),
        ("HTTP/1.1 200 OK\r\n A: b\r\n\r\n".to_owned(), "never"),
    ];
    let strict = Leniency { obs_fold: false, ..Leniency::default() };
    for (name, leniency) in [
        ("strict", strict),
        ("bare_lf", Leniency { bare_lf: true, ..strict }),
        ("leading_empty_lines", Leniency { leading_empty_lines: true, ..strict }),
        ("padded_chunk_size", Leniency { padded_chunk_size: true, ..strict }),
        ("obs_fold", Leniency { obs_fold: true, ..strict }),
    ] {
        for (input, needs) in &inputs {
            let result = drive_all(&get().with_leniency(leniency), input.as_bytes());
            assert_eq!(result.is_ok(), *needs == name, "{name}: {input:?}: {result:?}");
            assert!(result.is_err() || result.unwrap().content == b"x", "{name}: {input:?}");
        }
    }
}

#[test]
fn errors_stick() {
    let (mut exchange, mut message) = (get(), MessageBuf::default());
    let error = exchange.receive(b"nonsense", &mut message).unwrap_err();
    assert_eq!(exchange.receive(b"HTTP/1.1 200 OK\r\n\r\n", &mut message), Err(error.clone()));
    assert_eq!(exchange.receive_eof(&mut message), Err(error));
    assert_eq!(exchange.persistence(), Some(Persistence::Close(CloseReason::Failed)));
}

#[test]
fn promises_about_length_are_kept() {
    let (mut exchange, _) = begin(&Method::PUT, &[], BodyLength::Known(5));
    let mut out = Vec::new();
    assert_eq!(exchange.frame(3).unwrap(), Frame::BARE);
    assert_eq!(
        exchange.finish(None, &mut out),
        Err(RequestError::ContentTooShort { announced: 5, missing: 2 })
    );
    assert_eq!(exchange.frame(3), Err(RequestError::ContentTooLong { announced: 5 }));
    assert_eq!(exchange.frame(2).unwrap(), Frame::BARE);
    assert_eq!(exchange.finish(None, &mut out), Ok(()));
    assert_eq!(exchange.finish(None, &mut out), Err(RequestError::Finished));
    assert_eq!(exchange.frame(1), Err(RequestError::Finished));
    assert!(out.is_empty());
}

#[test]
fn chunks_end_with_the_last_chunk_and_trailers() {
    let (mut exchange, _) = begin(&Method::PUT, &[], BodyLength::Unknown);
    let frame = exchange.frame(26).unwrap();
    assert_eq!((frame.prefix(), frame.suffix()), (&b"1A\r\n"[..], &b"\r\n"[..]));
    assert_eq!(exchange.frame(0).unwrap(), Frame::BARE);
    let (mut trailers, mut out) = (Headers::new(), Vec::new());
    trailers.append("Content-Length", "1").unwrap();
    let name = "Content-Length".to_owned();
    assert_eq!(exchange.finish(Some(&trailers), &mut out), Err(RequestError::Trailer { name }));
    trailers.clear();
    trailers.append("X-Sum", "1").unwrap();
    exchange.finish(Some(&trailers), &mut out).unwrap();
    assert_eq!(out, b"0\r\nX-Sum: 1\r\n\r\n");
}

#[test]
fn content_waits_for_continue_until_told_otherwise() {
    let begin = || begin(&Method::PUT, &[("Expect", "100-Continue")], BodyLength::Known(5)).0;
    let mut message = MessageBuf::default();

    let mut exchange = begin();
    assert!(exchange.awaits_continue() && !exchange.may_send_content());
    exchange.receive(b"HTTP/1.1 103 Hints\r\n\r\n", &mut message).unwrap();
    assert!(!exchange.may_send_content());
    exchange.receive(b"HTTP/1.1 100 Continue\r\nX: fields are allowed\r\n\r\n", &mut message).unwrap();
    assert!(exchange.may_send_content());

    for (version, length) in [(Version::HTTP_11, 0), (Version::HTTP_10, 5)] {
        let mut headers = Headers::new();
        headers.append("Expect", "100-continue").unwrap();
        let head = RequestHead { version, ..RequestHead::new(&Method::PUT, "/", &headers) };
        let exchange = Exchange::begin(&head, BodyLength::Known(length), Limits::default(), &mut Vec::new());
        assert!(!exchange.unwrap().awaits_continue(), "{version:?} {length}");
    }

    let mut exchange = begin();
    exchange.stop_waiting();
    assert!(exchange.may_send_content());

    let mut exchange = begin();
    let refusal = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
    let received = exchange.receive(refusal, &mut message).unwrap();
    assert_eq!(received, Received { used: refusal.len(), event: Event::Head });
    assert!(!exchange.may_send_content());
    assert_eq!(exchange.receive(&[], &mut message).unwrap().event, Event::Complete);
    assert_eq!(exchange.persistence(), Some(Persistence::Close(CloseReason::RequestUnfinished)));
}

#[test]
fn content_may_bypass_the_buffer_up_to_the_framing() {
    let (mut exchange, mut message) = (get(), MessageBuf::default());
    assert_eq!(exchange.direct_limit(), 0);
    exchange.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", &mut message).unwrap();
    assert_eq!(exchange.direct_limit(), 9);
    exchange.received_directly(8);
    assert_eq!(exchange.receive(b"x", &mut message).unwrap().event, Event::Content { len: 1 });
    exchange.content_consumed(1);
    assert_eq!(exchange.receive(&[], &mut message).unwrap().event, Event::Complete);
}

proptest! {
    /// Whatever the peer sends, in whatever pieces: no panic, no byte used that was not there, errors stick.
    #[test]
    fn any_bytes_are_survived(
        input in proptest::collection::vec(prop_oneof![
            Just(b"HTTP/1.1 200 OK\r\n".to_vec()),
            Just(b"HTTP/1.1 100 C\r\n\r\n".to_vec()),
            Just(b"Transfer-Encoding: chunked\r\n\r\n".to_vec()),
            Just(b"Content-Length: 7\r\n\r\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"5\r\nhello\r\n".to_vec()),
            Just(b"0\r\n\r\n".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..8),
        ], 0..10).prop_map(|parts| parts.concat()),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let whole = drive(get(), &input, &[]);
        prop_assert_eq!(drive(get(), &input, &cuts), whole);
    }
}
