//! Responses that are too large, too many, too slow or too twisted.

use std::error::Error as _;
use std::io::{self, Read};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use allocation_counter::measure;
use http_client::wire::{self, ParseError};
use http_client::{Body, Error, ErrorKind, Limit, Phase, Response};
use testkit::clock::ManualClock;
use testkit::peer::Script;

use crate::common::{get, ok, stage};
use crate::{answered, assert_parse_error};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[track_caller]
fn assert_too_large(error: &Error, expected: wire::Limit) {
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    let Some(ParseError::TooLarge { limit, .. }) = error.source().unwrap().downcast_ref() else {
        panic!("{error:?}")
    };
    assert_eq!(*limit, expected, "{error}");
}

#[test]
fn t16_chunk_extensions_are_bounded_one_by_one_and_together() {
    let one = format!("{CHUNKED}5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(5 << 10));
    let many = format!("1;{}\r\nx\r\n", "y".repeat(4000)).repeat(20);
    let together = format!("{CHUNKED}{many}0\r\n\r\n");
    for (response, limit) in [
        (one, wire::Limit::ChunkExtensionBytes),
        (together, wire::Limit::ChunkExtensionsTotal),
        (format!("{CHUNKED}0;{}", "x".repeat(1 << 20)), wire::Limit::ChunkExtensionBytes),
    ] {
        assert_too_large(&answered(&response).unwrap().text().unwrap_err(), limit);
        let mut response = answered(&response).unwrap();
        assert_too_large(&response.copy_to(&mut io::sink()).unwrap_err(), limit);
    }
}

#[test]
fn t16_chunks_of_one_byte_cost_no_memory_each() {
    const CHUNKS: u64 = 200_000;
    let content = "1\r\nx\r\n".repeat(usize::try_from(CHUNKS).unwrap());
    let mut response = answered(&format!("{CHUNKED}{content}0\r\n\r\n")).unwrap();
    let info = measure(|| assert_eq!(response.copy_to(&mut io::sink()).unwrap(), CHUNKS));
    // The peer allocates once for each piece that it gives.
    assert!(info.bytes_max < 256 << 10 && info.count_total < 1000, "{info:?}");
}

#[test]
fn t17_informational_responses_do_not_put_the_end_off() {
    let hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let second = Duration::from_secs(1);
    let script = (0..60).fold(Script::new().expect(get("/")), |script, _| script.reply(hint).stall(second));
    let mut stage = stage([script]);
    stage.config.limits.message.informational = 100;
    stage.config.timeouts.response = Some(second * 5);
    let error = stage.client().get("http://a/").send().unwrap_err();
    assert_eq!(
        (error.kind(), error.limit(), error.phase()),
        (ErrorKind::Timeout, Some(Limit::Response), Some(Phase::Response)),
        "{error}"
    );
    assert_eq!(stage.clock.elapsed(), second * 5);
    stage.finish();
}

/// Notes at which time it is first read.
struct Noting(ManualClock, Arc<OnceLock<Duration>>);

impl Read for Noting {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let _ = self.1.set(self.0.elapsed());
        (&b"hello"[..]).read(buf)
    }
}

#[test]
fn t17_informational_responses_do_not_put_the_content_off() {
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let pause = Duration::from_millis(300);
    let hints = (0..10).fold(Script::new().expect(head), |script, _| {
        script.reply("HTTP/1.1 103 Early Hints\r\n\r\n").stall(pause)
    });
    let mut stage = stage([hints.expect("hello").reply(ok("got"))]);
    stage.config.timeouts.expect_continue = Duration::from_secs(1);
    let at = Arc::default();
    let body = Body::sized(Noting(stage.clock.clone(), Arc::clone(&at)), 5);
    let response = stage.client().put("http://a/").header("Expect", "100-continue").body(body).send();
    assert_eq!(response.unwrap().text().unwrap(), "got");
    assert_eq!(at.get(), Some(&Duration::from_secs(1)));
    stage.finish();
}

#[test]
fn t18_heads_and_trailers_without_end_are_an_error_and_not_held() {
    use wire::Limit::{Fields, HeadBytes, TrailerBytes};
    const MUCH: usize = 8 << 20;
    let head = "HTTP/1.1 200 OK\r\n";
    let trailers = format!("{CHUNKED}1\r\nx\r\n0\r\n");
    let long = format!("X: {}", "y".repeat(MUCH));
    let many = "X: y\r\n".repeat(MUCH / 6);
    let folded = format!("X: y\r\n{}", " y\r\n".repeat(MUCH / 4));
    for (name, begin, rest, limit) in [
        ("a long reason", "HTTP/1.1 200 ", &"y".repeat(MUCH), HeadBytes),
        ("a long field", head, &long, HeadBytes),
        ("a long name", head, &"X".repeat(MUCH), HeadBytes),
        ("many fields", head, &many, Fields),
        ("folded lines", head, &folded, HeadBytes),
        ("a long trailer", &trailers, &long, TrailerBytes),
        ("many trailers", &trailers, &many, Fields),
        ("folded trailers", &trailers, &folded, TrailerBytes),
    ] {
        // In one piece of the peer's, which is not given back before its end: it would hide what the client holds.
        let whole = stage([Script::new().expect(get("/")).reply(format!("{begin}{rest}"))]);
        let client = whole.client();
        let info = measure(|| {
            let error = client.get("http://a/").send().and_then(Response::text).unwrap_err();
            assert_too_large(&error, limit);
        });
        assert!(info.bytes_max < 1 << 20, "{name}: {info:?}");

        let dribble = Script::new().expect(get("/")).reply_bytewise(format!("{begin}{}", &rest[..70_000]));
        let error = stage([dribble]).client().get("http://a/").send().and_then(Response::text).unwrap_err();
        assert_too_large(&error, limit);
    }
}

#[test]
fn t39_lengths_that_overflow_are_refused_and_huge_ones_are_not_believed() {
    let with = |length: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nhello");
    for length in [
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551621",
        "100000000000000000005",
        "99999999999999999999999999999999999999999",
    ] {
        assert_parse_error(&answered(&with(length)).unwrap_err(), &ParseError::ContentLength);
    }
    let largest = with("9223372036854775807");
    let error = answered(&largest).unwrap().bytes().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    let mut content = Vec::new();
    let error = answered(&largest).unwrap().copy_to(&mut content).unwrap_err();
    assert_eq!((error.kind(), &*content), (ErrorKind::Truncated, &b"hello"[..]), "{error}");
    for size in ["10000000000000000", "ffffffffffffffff5", "100000000000000000005"] {
        let error = answered(&format!("{CHUNKED}{size}\r\nhello\r\n0\r\n\r\n")).unwrap().text().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{size}: {error}");
    }
}

#[test]
fn t43_heads_byte_by_byte_and_folded_lines_take_time_in_proportion() {
    const GROWTH: u32 = 8;
    let bytewise = |n: usize| {
        Script::new().expect_head().reply_bytewise(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(n)))
    };
    let folded = |n: usize| {
        let head = format!("HTTP/1.1 200 OK\r\nX: y\r\n{}\r\n", " y\r\n".repeat(n));
        Script::new().expect_head().reply_bytewise(head)
    };
    let trailers = |n: usize| {
        Script::new().expect_head().reply_bytewise(format!("{CHUNKED}0\r\nX: {}\r\n\r\n", "y".repeat(n)))
    };
    let kinds: [(&str, &dyn Fn(usize) -> Script); 3] =
        [("head", &bytewise), ("folded", &folded), ("trailers", &trailers)];
    for (name, script) in kinds {
        // The best of three: whoever else uses the machine makes it slower, never faster.
        let time = |n: usize| {
            let once = || {
                let mut stage = stage([script(n).close()]);
                (stage.config.limits.message.head_bytes, stage.config.limits.message.trailer_bytes) =
                    (8 << 20, 8 << 20);
                let client = stage.client();
                let began = Instant::now();
                client.get("http://a/").send().unwrap().bytes().unwrap();
                began.elapsed()
            };
            (0..3).map(|_| once()).min().unwrap()
        };
        let (small, large) = (time(8 << 10), time((8 << 10) * GROWTH as usize));
        // Quadratic would be 64 times.
        assert!(large < small * GROWTH * 4, "{name}: {small:?}, and {large:?} for {GROWTH} times as much");
    }
}
