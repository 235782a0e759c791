//! What a peer may make us hold or do: memory is counted, and work by what a step can still look at.

use crate::drive::{asked, chunked, drive, get, response};
use wire::{Event, Exchange, Limit, Limits, MessageBuf, Method, ParseError, Received};

/// Receives all of `input` as it is repeated, and gives the number of calls and how it ended.
fn take(exchange: &mut Exchange, input: &[u8]) -> (usize, Result<Received, ParseError>) {
    let (mut message, mut at) = (MessageBuf::default(), 0);
    for calls in 1.. {
        match exchange.receive(&input[at..], &mut message) {
            Ok(Received { used, event: Event::Content { len } }) => {
                at += used + len;
                exchange.content_consumed(len);
            }
            Ok(Received { used, event: Event::Informational | Event::Head }) => at += used,
            ended => return (calls, ended),
        }
    }
    panic!("input comes to an end")
}

fn too_large(limit: Limit, allowed: usize) -> ParseError {
    ParseError::TooLarge { limit, allowed }
}

// CVE-2023-39326, CVE-2024-22019
#[test]
fn t16_chunk_extensions_are_bounded_by_chunk_and_by_message() {
    let default = Limits::default();
    let (one, all) = (default.chunk_extension_bytes, default.chunk_extensions_total);
    for (chunk, times, allowed) in [
        (format!("1;{}\r\nx\r\n", "e".repeat(one)), 1, Ok(())),
        (format!("1;{}\r\nx\r\n", "e".repeat(one + 1)), 1, Err((Limit::ChunkExtensionBytes, one))),
        (format!("1{};e\r\nx\r\n", " ".repeat(one)), 1, Err((Limit::ChunkExtensionBytes, one))),
        (format!("{}1\r\nx\r\n", "0".repeat(one)), 1, Err((Limit::ChunkExtensionBytes, one))),
        (format!("1;{}\r\nx\r\n", "e".repeat(64)), all / 64, Ok(())),
        (format!("1;{}\r\nx\r\n", "e".repeat(64)), all / 64 + 1, Err((Limit::ChunkExtensionsTotal, all))),
    ] {
        let body = format!("{}0\r\n\r\n", chunk.repeat(times));
        let result = drive(&get(), &chunked(&body), &[]).map(drop);
        assert_eq!(result, allowed.map_err(|(limit, allowed)| too_large(limit, allowed)));
    }
}

// CVE-2023-39326: an extension that never ends is not waited for, and not held
#[test]
fn t16_an_endless_extension_is_refused_while_it_comes() {
    let (mut exchange, mut message) = (get(), MessageBuf::default());
    let head = chunked("");
    assert_eq!(exchange.receive(&head, &mut message).unwrap().used, head.len());
    assert_eq!(exchange.receive(b"1;", &mut message).unwrap().used, 2);
    for _ in 0..Limits::default().chunk_extension_bytes {
        // Each byte is used: the driver keeps none.
        assert_eq!(exchange.receive(b"e", &mut message), Ok(Received { used: 1, event: Event::NeedInput }));
    }
    let allowed = Limits::default().chunk_extension_bytes;
    assert_eq!(exchange.receive(b"e", &mut message), Err(too_large(Limit::ChunkExtensionBytes, allowed)));
}

// CVE-2024-22019: chunks of one byte by the hundred thousand
#[test]
fn t16_tiny_chunks_cost_a_call_each_and_no_memory() {
    const TIMES: usize = 200_000;
    let input = format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(TIMES));
    let (mut exchange, mut message) = (get(), MessageBuf::default());
    exchange.receive(&chunked(""), &mut message).unwrap();
    let mut result = None;
    let counted = allocation_counter::measure(|| result = Some(take(&mut exchange, input.as_bytes())));
    let (calls, ended) = result.unwrap();
    // Not one for a chunk; the trailer section may make room for itself.
    assert!(counted.count_total <= 2, "{counted:?}");
    assert_eq!(calls, TIMES + 1);
    assert_eq!(ended.unwrap().event, Event::Complete);
}

// CVE-2021-3737
#[test]
fn t17_endless_informational_responses_end_at_their_limit_with_flat_memory() {
    let allowed = Limits::default().informational;
    let large = format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", "x".repeat(60_000));
    let endless = large.repeat(allowed + 5);
    let (mut exchange, mut result) = (get(), None);
    let counted = allocation_counter::measure(|| result = Some(take(&mut exchange, endless.as_bytes())));
    assert_eq!(result.unwrap(), (allowed + 1, Err(too_large(Limit::Informational, allowed))));
    assert!(counted.bytes_max < 2 * large.len() as u64, "{counted:?}");

    for code in ["100 Continue", "102 Processing", "199 ?"] {
        let endless = format!("HTTP/1.1 {code}\r\n\r\n").repeat(allowed + 1);
        assert_eq!(drive(&get(), endless.as_bytes(), &[]), Err(too_large(Limit::Informational, allowed)));
    }
}

// CVE-2023-38039, CVE-2013-1752
#[test]
fn t18_a_head_that_dribbles_on_stops_at_its_limit() {
    let allowed = Limits::default().head_bytes;
    for line in [
        "X: y\r\n".to_owned(),
        format!("X: {}", "y".repeat(90_000)),
        format!("X: y\r\n{}", " z\r\n".repeat(30_000)),
    ] {
        let endless = response(&line.repeat(200_000 / line.len()), "");
        let mut limits = Limits::default();
        limits.fields = usize::MAX >> 8;
        let mut exchange = asked(&Method::GET, &[], limits);
        let mut message = MessageBuf::default();
        let counted = allocation_counter::measure(|| {
            for end in (0..allowed).step_by(1000).skip(1) {
                let received = exchange.receive(&endless[..end], &mut message);
                assert_eq!(received, Ok(Received { used: 0, event: Event::NeedInput }));
            }
            let last = exchange.receive(&endless[..=allowed], &mut message);
            assert_eq!(last, Err(too_large(Limit::HeadBytes, allowed)));
        });
        assert_eq!(counted.count_total, 0, "nothing is held of a head that has no end");
    }
}

// CVE-2013-1752: one less is taken, one more is an error, and nothing is cut off
#[test]
fn t18_heads_and_trailers_are_taken_up_to_their_limits() {
    let limits = Limits::default();
    let fields = |count| "a: b\r\n".repeat(count);
    let padded = |total: usize| {
        let rest = response("X: \r\nContent-Length: 0\r\n", "").len();
        response(&format!("X: {}\r\nContent-Length: 0\r\n", "y".repeat(total - rest)), "")
    };
    let trailers = |total: usize| chunked(&format!("0\r\nX: {}\r\n\r\n", "y".repeat(total - 7)));
    let (head, count, trailer) = (limits.head_bytes, limits.fields, limits.trailer_bytes);
    for (input, allowed) in [
        (padded(head), Ok(())),
        (padded(head + 1), Err((Limit::HeadBytes, head))),
        (response(&fields(count), ""), Ok(())),
        (response(&fields(count + 1), ""), Err((Limit::Fields, count))),
        (trailers(trailer), Ok(())),
        (trailers(trailer + 1), Err((Limit::TrailerBytes, trailer))),
        (chunked(&format!("0\r\n{}\r\n", fields(count))), Ok(())),
        (chunked(&format!("0\r\n{}\r\n", fields(count + 1))), Err((Limit::Fields, count))),
    ] {
        let bytewise: Vec<_> = (1..input.len()).step_by(7).collect();
        for cuts in [&[][..], &bytewise] {
            let result = drive(&get(), &input, cuts).map(drop);
            assert_eq!(result, allowed.map_err(|(limit, allowed)| too_large(limit, allowed)));
        }
    }
}

// CVE-2025-13836
#[test]
fn t19_a_content_length_reserves_nothing() {
    check_reserves_nothing(&response("Content-Length: 4611686018427387904\r\n", "x"));
}

// CVE-2025-13836
#[test]
fn t19_a_chunk_size_reserves_nothing() {
    check_reserves_nothing(&chunked("ffffffffffffffff\r\nx"));
}

#[track_caller]
fn check_reserves_nothing(input: &[u8]) {
    let mut result = None;
    let counted = allocation_counter::measure(|| {
        let mut exchange = get();
        let (_, ended) = take(&mut exchange, input);
        result = Some((ended, exchange.direct_limit()));
    });
    let (ended, left) = result.unwrap();
    assert_eq!(ended.unwrap().event, Event::NeedInput);
    assert!(left > 1 << 61, "{left} bytes are to come");
    assert!(counted.bytes_max < 1024 + input.len() as u64, "{counted:?}");
}

/// Hands out `input` byte by byte and overwrites each line once it is complete: whoever looks back finds NUL and refuses.
/// The first bytes tell the protocol and are looked at each time.
#[track_caller]
fn check_never_looks_back(exchange: &mut Exchange, input: &[u8]) {
    let mut message = MessageBuf::default();
    let (mut line, mut poisoned) = (b"HTTP/1.".len(), Vec::new());
    for (at, &byte) in input[..input.len() - 1].iter().enumerate() {
        poisoned.push(byte);
        let received = exchange.receive(&poisoned, &mut message);
        assert_eq!(received, Ok(Received { used: 0, event: Event::NeedInput }), "at {at}");
        if byte == b'\n' {
            poisoned[line..at].fill(0);
            line = at + 1;
        }
    }
}

// h11's note on folding: quadratic where each byte lets everything be looked at again
#[test]
fn t43_a_head_that_comes_byte_by_byte_is_looked_at_once() {
    let mut limits = Limits::default();
    limits.head_bytes = 2 << 20;
    limits.fields = 1 << 20;
    for lines in [
        "Cookie: a=b\r\n".repeat(4000),
        format!("A: b\r\n{}", " fold\r\n".repeat(6000)),
        "A:\r\n\t\r\n".repeat(6000),
    ] {
        check_never_looks_back(&mut asked(&Method::GET, &[], limits), &response(&lines, ""));
    }
}

// h11's note on folding: within a line a byte more costs a look at that byte and the one before
#[test]
fn t43_a_line_that_grows_is_looked_at_once() {
    let mut limits = Limits::default();
    limits.head_bytes = 2 << 20;
    let (mut exchange, mut message) = (asked(&Method::GET, &[], limits), MessageBuf::default());
    let mut input = b"HTTP/1.1 200 OK\r\nCookie: xx".to_vec();
    for _ in 0..100_000 {
        input.push(b'x');
        let received = exchange.receive(&input, &mut message);
        assert_eq!(received, Ok(Received { used: 0, event: Event::NeedInput }));
        // CR alone is refused wherever it is seen.
        let before_last = input.len() - 2;
        input[before_last] = b'\r';
    }
}

// h11's note on folding: a megabyte of folds, of one list, of one name
#[test]
fn t43_large_heads_cost_memory_in_proportion() {
    let mut limits = Limits::default();
    limits.head_bytes = 2 << 20;
    for lines in [
        format!("A: b\r\n{}", " f\r\n".repeat(250_000)),
        format!("A: b\r\n{}", format!("{}\r\n", " ".repeat(999)).repeat(1000)),
        format!("Connection: {}\r\n", "a,".repeat(500_000)),
        format!("Connection: {}\r\n", ",".repeat(1_000_000)),
        format!("Cookie: {}\r\n", "a=b; ".repeat(200_000)),
        format!("Content-Length: 0{}\r\n", ", 0".repeat(300_000)),
        format!("Content-Length: {}\r\n", "0".repeat(1_000_000)),
    ] {
        let input = response(&lines, "");
        let exchange = asked(&Method::GET, &[], limits);
        let mut result = None;
        let counted = allocation_counter::measure(|| result = Some(take(&mut exchange.clone(), &input)));
        let (calls, ended) = result.unwrap();
        assert!(ended.is_ok() && calls <= 2, "{ended:?} after {calls} calls");
        assert!(counted.bytes_total <= 4 * input.len() as u64 && counted.count_total < 100, "{counted:?}");
    }
}
