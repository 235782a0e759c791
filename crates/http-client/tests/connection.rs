//! `Connection` against scripted peers: what it sends, what it accepts, what it refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "test code fails loudly"
)]

mod common;

use std::error::Error as _;
use std::io::{self, BufRead, Read};
use std::time::Duration;

use common::{get, ok, stage};
use http_client::{Body, Connection, Error, ErrorKind, Limit, Misuse, Phase};
use testkit::peer::{Script, ScriptedListener};

#[track_caller]
fn assert_misuse<T: std::fmt::Debug>(result: Result<T, Error>, expected: Misuse) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert_eq!(error.source().unwrap().downcast_ref::<Misuse>(), Some(&expected));
}

#[test]
fn requests_and_responses_take_turns_on_one_connection() {
    let stage = stage([Script::new()
        .expect(get("/1"))
        .reply(ok("one"))
        .expect(get("/2"))
        .reply_bytewise(ok("two"))
        .expect("POST /3 HTTP/1.1\r\nHost: a\r\nX-Order: kept\r\nContent-Length: 5\r\n\r\nhello")
        .reply(
            "HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nthree\r\n0\r\nX-Sum: 3\r\n\r\n",
        )]);
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "one");
    conn.request("GET", "/2").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "two");
    conn.request_with("POST", "/3", &[("X-Order", "kept")], "hello").unwrap();
    let mut response = conn.response().unwrap();
    assert_eq!((response.status().as_u16(), response.reason()), (201, "Made"));
    let mut content = String::new();
    response.read_to_string(&mut content).unwrap();
    assert_eq!(content, "three");
    assert_eq!(response.trailers().get_str("x-sum"), Some("3"));
    assert!(conn.is_open());
    assert_eq!(stage.peer.connects(), 1);
    stage.finish();
}

#[test]
fn a_request_can_be_put_together_by_hand() {
    let stage = stage([Script::new()
        .expect("PUT /log HTTP/1.1\r\nHost: a\r\nx-Order: kept\r\nContent-Length: 5\r\n\r\nhello")
        .reply(ok("1"))
        .expect("PUT /log HTTP/1.1\r\nhOST: other\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        .reply(ok("2"))
        .expect(get("/none"))
        .reply(ok("3"))]);
    let mut conn = stage.connection();
    conn.put_request("PUT", "/log").unwrap();
    conn.put_header("x-Order", "kept").unwrap().put_header("Content-Length", "5").unwrap();
    conn.end_headers().unwrap().send(b"hel").unwrap().send(b"lo").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "1");

    conn.put_request("PUT", "/log").unwrap().put_header("hOST", "other").unwrap();
    conn.put_header("Transfer-Encoding", "chunked").unwrap().end_headers().unwrap();
    conn.send(b"abc").unwrap().send(b"").unwrap().send(b"de").unwrap();
    conn.finish().unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "2");

    conn.put_request("GET", "/none").unwrap().end_headers().unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "3");
    stage.finish();
}

#[test]
fn calls_out_of_order_are_refused_and_send_nothing() {
    let mut stage = stage([Script::new().expect(get("/")).reply(ok("x"))]);
    stage.config.pipelining.depth = 1;
    let mut conn = stage.connection();
    assert_misuse(conn.response(), Misuse::NoRequest);
    assert_misuse(conn.put_header("a", "b"), Misuse::NotBuilding);
    assert_misuse(conn.end_headers(), Misuse::NotBuilding);
    assert_misuse(conn.send(b"x"), Misuse::NotSending);
    assert_misuse(conn.finish(), Misuse::NotSending);
    conn.put_request("GET", "/").unwrap();
    assert_misuse(conn.request("GET", "/"), Misuse::RequestUnfinished);
    assert_misuse(conn.response(), Misuse::RequestUnfinished);
    conn.end_headers().unwrap().finish().unwrap();
    assert_misuse(conn.request("GET", "/"), Misuse::ResponsePending);
    assert_eq!(conn.response().unwrap().text().unwrap(), "x");
    assert_misuse(conn.response(), Misuse::NoRequest);
    stage.finish();
}

#[test]
fn t29_what_came_while_nothing_was_asked_ends_the_connection() {
    let first = Script::new().expect(get("/1")).reply(ok("1"));
    for first in [first.clone().close(), first.clone().reset(), first.reply(ok("forged"))] {
        let stage = stage([first, Script::new().expect(get("/2")).reply(ok("2"))]);
        let mut conn = stage.connection();
        conn.request("GET", "/1").unwrap();
        assert_eq!(conn.response().unwrap().text().unwrap(), "1");
        stage.clock.advance(Duration::from_millis(1));
        conn.request("GET", "/2").unwrap();
        assert_eq!(conn.response().unwrap().text().unwrap(), "2");
        assert_eq!(stage.peer.connects(), 2);
        stage.finish();
    }
}

#[test]
fn invalid_requests_are_refused_before_a_byte_is_sent() {
    let stage = stage([Script::new().expect(get("/")).reply(ok("x"))]);
    let mut conn = stage.connection();
    for result in [
        conn.request("GE T", "/"),
        conn.request("GET", "/a b"),
        conn.request("GET", "/\r\nX: y"),
        conn.request_with("GET", "/", &[("X", "a\r\nb")], ()),
        conn.request_with("GET", "/", &[("Content-Length", "5")], "hell"),
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidRequest);
    }
    conn.request("GET", "/").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "x");
    stage.finish();
}

#[test]
fn an_unread_body_never_breaks_the_next_request() {
    let big = ok(&"x".repeat(200_000));
    for (reply, read, connections) in
        [(ok("short"), 0, 1), (ok(&"x".repeat(40_000)), 1, 1), (big.clone(), 0, 2), (big, 7, 2)]
    {
        let first = Script::new().expect(get("/1")).reply(reply);
        let next = |script: Script| script.expect(get("/2")).reply(ok("next"));
        let stage = match connections {
            1 => stage([next(first)]),
            _ => stage([first, next(Script::new())]),
        };
        let mut conn = stage.connection();
        conn.request("GET", "/1").unwrap();
        conn.response().unwrap().read_exact(&mut vec![0; read]).unwrap();
        conn.request("GET", "/2").unwrap();
        assert_eq!(conn.response().unwrap().text().unwrap(), "next");
        assert_eq!(stage.peer.connects(), connections);
    }
}

#[test]
fn a_closed_connection_dials_again_unless_told_not_to() {
    let last = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nlast";
    let closing = || Script::new().expect(get("/")).reply(last).close();
    let stage_1 = stage([closing(), closing()]);
    let mut conn = stage_1.connection();
    for _ in 0..2 {
        conn.request("GET", "/").unwrap();
        assert_eq!(conn.response().unwrap().text().unwrap(), "last");
        assert!(!conn.is_open());
    }
    assert_eq!(stage_1.peer.connects(), 2);
    stage_1.finish();

    let mut stage_2 =
        stage([Script::new().expect(get("/")).reply("HTTP/1.1 204 No\r\nConnection: close\r\n\r\n")]);
    stage_2.config.auto_open = false;
    let mut conn = stage_2.connection();
    conn.request("GET", "/").unwrap();
    assert_eq!(conn.response().unwrap().status().as_u16(), 204);
    assert!(!conn.is_open());
    assert_misuse(conn.request("GET", "/"), Misuse::Closed);
    stage_2.finish();
}

#[test]
fn a_body_that_is_cut_short_is_an_error_however_it_is_read() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let script = || Script::new().expect(get("/")).reply(reply).close();
        let stage = stage([script(), script(), script(), script()]);
        let mut conn = stage.connection();

        conn.request("GET", "/").unwrap();
        let mut response = conn.response().unwrap();
        let error = response.copy_to(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated);
        assert!(error.to_string().starts_with("GET http://a/: the response is incomplete: "), "{error}");
        assert_eq!(response.bytes().unwrap_err().kind(), ErrorKind::Truncated, "the error stays");

        conn.request("GET", "/").unwrap();
        assert_eq!(
            conn.response().unwrap().copy_to(&mut Vec::new()).unwrap_err().kind(),
            ErrorKind::Truncated
        );

        conn.request("GET", "/").unwrap();
        let mut seen = Vec::new();
        let error = conn.response().unwrap().read_to_end(&mut seen).unwrap_err();
        assert_eq!((error.kind(), &seen[..]), (io::ErrorKind::UnexpectedEof, &b"hello"[..]));

        conn.request("GET", "/").unwrap();
        let mut response = conn.response().unwrap();
        assert_eq!(response.fill_buf().unwrap(), b"hello");
        response.consume(5);
        assert!(response.fill_buf().is_err());
        drop(response);
        assert!(!conn.is_open());
        stage.finish();
    }
}

#[test]
fn content_can_be_read_by_lines() {
    let stage = stage([Script::new().expect(get("/")).reply_split(ok("one\ntwo\nthree"), &[45, 48])]);
    let mut conn = stage.connection();
    conn.request("GET", "/").unwrap();
    let lines: Vec<_> = conn.response().unwrap().lines().map(Result::unwrap).collect();
    assert_eq!(lines, ["one", "two", "three"]);
    assert!(conn.is_open());
    stage.finish();
}

#[test]
fn timeouts_name_phase_and_limit_and_come_on_time() {
    let second = Duration::from_secs(1);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    let drip = |mut script: Script| {
        for byte in b"HTTP/1.1 ".chunks(1) {
            script = script.stall(second * 2).reply(byte);
        }
        script
    };
    for (script, total, phase, limit, elapsed) in [
        (Script::new().expect_head().stall(second * 90), None, Phase::Response, Limit::Response, 60),
        (Script::new().expect_head().reply(head).stall(second * 90), None, Phase::Body, Limit::Idle, 60),
        (drip(Script::new().expect_head().reply(head)), Some(second * 5), Phase::Body, Limit::Total, 5),
        (drip(Script::new().expect_head()), Some(second * 5), Phase::Response, Limit::Total, 5),
    ] {
        let mut stage = stage([script]);
        stage.config.timeouts.total = total;
        let mut conn = stage.connection();
        conn.request("GET", "/").unwrap();
        let error = match conn.response() {
            Ok(response) => response.bytes().unwrap_err(),
            Err(error) => error,
        };
        assert_eq!((error.phase(), error.limit()), (Some(phase), Some(limit)), "{error}");
        assert!(error.is_timeout());
        assert_eq!(stage.clock.elapsed(), second * elapsed, "{error}");
        assert!(!conn.is_open());
    }
}

#[test]
fn zero_timeouts_fail_at_once() {
    let mut stage = stage([Script::new()]);
    stage.config.timeouts.idle = Some(Duration::ZERO);
    let mut conn = stage.connection();
    let error = conn.request("GET", "/").unwrap_err();
    assert_eq!((error.phase(), error.limit()), (Some(Phase::Send), Some(Limit::Idle)));
    assert_eq!(stage.peer.connection(0).written, b"");
}

#[test]
fn a_reader_of_known_length_must_keep_its_promise() {
    let short = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhello";
    let stage = stage([Script::new().expect(short), Script::new().expect(get("/")).reply(ok("x"))]);
    let mut conn = stage.connection();
    let error = conn.request_with("PUT", "/", &[], Body::sized(&b"hello"[..], 6)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    assert!(!conn.is_open(), "half a request cannot be taken back");
    conn.request("GET", "/").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "x");
    stage.finish();
}

/// The stream of another connection, for one: its end may come in an hour.
struct Endless(&'static [u8]);

impl Read for Endless {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        assert!(!self.0.is_empty(), "asked for more than was announced");
        self.0.read(buf)
    }
}

#[test]
fn a_reader_is_not_asked_for_more_than_was_announced() {
    let put = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let script = (0..3).fold(Script::new(), |script, _| script.expect(put).reply(ok("x")));
    let stage = stage([script]);
    let mut conn = stage.connection();
    let factory = Body::factory(Some(5), || Ok(Endless(b"hello")));
    for body in [Body::sized(Endless(b"hello"), 5), factory, Body::sized(&b"hello, you"[..], 5)] {
        conn.request_with("PUT", "/", &[], body).unwrap();
        assert_eq!(conn.response().unwrap().text().unwrap(), "x");
    }
    stage.finish();
}

#[test]
fn what_is_left_of_a_slow_stream_holds_nobody_for_long() {
    let stream = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n";
    let slow = (0..99).fold(Script::new().expect(get("/events")).reply(stream), |script, _| {
        script.stall(Duration::from_secs(10)).reply("3\r\ntwo\r\n")
    });
    let stage = stage([slow, Script::new().expect(get("/x")).reply(ok("x"))]);
    let mut conn = stage.connection();
    conn.request("GET", "/events").unwrap();
    conn.response().unwrap().read_exact(&mut [0; 3]).unwrap();
    conn.request("GET", "/x").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "x");
    assert!(stage.clock.elapsed() <= stage.config.limits.drain_for, "{:?}", stage.clock.elapsed());
    stage.finish();
}

#[test]
fn t29_what_stands_behind_content_read_past_the_buffer_ends_the_connection() {
    let content = "x".repeat(100 << 10);
    let forged = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";
    let stage = stage([
        Script::new().expect(get("/1")).reply(ok(&content) + forged),
        Script::new().expect(get("/2")).reply(ok("true")),
    ]);
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    conn.response().unwrap().read_exact(&mut vec![0; 100 << 10]).unwrap();
    conn.request("GET", "/2").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "true");
    stage.finish();
}

#[test]
fn the_rest_of_large_content_is_held_where_it_is_small() {
    let mut stage = stage([Script::new().expect(get("/")).reply(ok("0123456789"))]);
    stage.config.limits.buffered = 4;
    let mut conn = stage.connection();
    conn.request("GET", "/").unwrap();
    let mut response = conn.response().unwrap();
    response.read_exact(&mut [0; 6]).unwrap();
    assert_eq!(response.bytes().unwrap(), b"6789");
    stage.finish();
}

#[test]
fn content_waits_for_100_continue() {
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let expect = [("Expect", "100-continue")];
    let go_on =
        Script::new().expect(head).reply("HTTP/1.1 100 Continue\r\n\r\n").expect("hello").reply(ok("x"));
    let silent = Script::new().expect(head).stall(Duration::from_secs(1)).expect("hello").reply(ok("x"));
    let refusing = Script::new().expect(head).reply("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
    for (script, status, open) in [(go_on, 200, true), (silent, 200, true), (refusing, 417, false)] {
        let stage = stage([script]);
        let mut conn = stage.connection();
        conn.request_with("PUT", "/", &expect, "hello").unwrap();
        let response = conn.response().unwrap();
        assert_eq!(response.status().as_u16(), status);
        response.bytes().unwrap();
        assert_eq!(conn.is_open(), open, "{status}");
        stage.finish();
    }
}

#[test]
fn t40_an_answer_that_comes_before_the_upload_is_done_is_delivered() {
    let refusal = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig";
    let peer = ScriptedListener::start(vec![Script::new().expect_head().reply(refusal).reset()]);
    let mut conn = Connection::http(&peer.addr().to_string()).unwrap();
    let large = Body::sized(io::repeat(b'x').take(64 << 20), 64 << 20);
    conn.request_with("PUT", "/", &[], large).unwrap();
    let response = conn.response().unwrap();
    assert_eq!(response.status().as_u16(), 413);
    assert_eq!(response.text().unwrap(), "big");
    assert!(!conn.is_open());
}

#[test]
fn bytes_that_nobody_asked_for_close_the_connection() {
    let stage = stage([
        Script::new().expect(get("/")).reply(ok("x") + "HTTP/1.1 200 OK\r\n\r\nevil"),
        Script::new().expect(get("/")).reply(ok("good")),
    ]);
    let mut conn = stage.connection();
    conn.request("GET", "/").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "x");
    assert!(!conn.is_open());
    conn.request("GET", "/").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "good");
    stage.finish();
}

#[test]
fn the_peers_faults_are_told_as_such() {
    for (reply, kind, says) in [
        ("SSH-2.0-x\r\n", ErrorKind::Protocol, "another protocol"),
        ("HTTP/1.1 200 OK\nX: y\n\n", ErrorKind::Protocol, "LF without CR"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n", ErrorKind::Protocol, "Content-Length"),
        ("HTTP/1.1 200", ErrorKind::Truncated, "inside the response head"),
        ("", ErrorKind::Disconnected, "before a response came"),
    ] {
        let mut script = Script::new().expect(get("/"));
        if !reply.is_empty() {
            script = script.reply(reply);
        }
        let stage = stage([script.close()]);
        let mut conn = stage.connection();
        conn.request("GET", "/").unwrap();
        let error = conn.response().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn secrets_do_not_reach_errors() {
    let stage = stage([Script::new().expect_head().close()]);
    let mut conn = stage.connection();
    conn.request_with("GET", "/?token=s3cret", &[("Authorization", "s3cret")], ()).unwrap();
    let error = conn.response().unwrap_err();
    assert!(!format!("{error} {error:?} {error:#?}").contains("s3cret"), "{error:?}");
    let error = conn.request_with("GET", "/", &[("Cookie", "s3cret\r\n")], ()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[test]
fn chunks_end_with_trailers_where_those_are_given() {
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n";
    let script = Script::new().expect(head).expect("0\r\nX-Sum: 7\r\n\r\n").reply(ok(""));
    let stage = stage([script, Script::new().expect(head), Script::new().expect_head().expect("hi")]);
    let chunks = |conn: &mut Connection| {
        conn.put_request("PUT", "/").unwrap().put_header("Transfer-Encoding", "chunked").unwrap();
        conn.end_headers().unwrap().send(b"hi").unwrap();
    };
    let mut conn = stage.connection();
    assert_misuse(conn.finish_with(&[]), Misuse::NotSending);
    chunks(&mut conn);
    conn.finish_with(&[("X-Sum", "7")]).unwrap();
    assert_eq!(conn.response().unwrap().status().as_u16(), 200);
    drop(conn);
    let mut conn = stage.connection();
    chunks(&mut conn);
    assert_eq!(conn.finish_with(&[("Content-Length", "7")]).unwrap_err().kind(), ErrorKind::InvalidRequest);
    let mut conn = stage.connection();
    conn.put_request("PUT", "/").unwrap().put_header("Content-Length", "2").unwrap();
    conn.end_headers().unwrap().send(b"hi").unwrap();
    assert_eq!(conn.finish_with(&[("X-Sum", "7")]).unwrap_err().kind(), ErrorKind::InvalidRequest);
    stage.finish();
}
