//! Several requests first, responses later: what is sent when, what comes back when the connection ends.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "test code fails loudly")]

mod common;

use std::error::Error as _;
use std::io::Read;
use std::time::Duration;

use common::{get, ok, stage};
use http_client::wire::Fate;
use http_client::{Body, Connection, Error, ErrorKind, Limit, Method, Misuse, NotAnswered, Request};
use testkit::peer::{Script, ScriptedListener};

#[track_caller]
fn assert_misuse<T: std::fmt::Debug>(result: Result<T, Error>, expected: Misuse) {
    let error = result.unwrap_err();
    assert_eq!(error.source().unwrap().downcast_ref::<Misuse>(), Some(&expected), "{error}");
}

/// The method, the target and the fate of what has no answer.
#[track_caller]
fn assert_unanswered(conn: &mut Connection, expected: &[(&str, &str, Fate)]) {
    let found = conn.unanswered();
    let found: Vec<_> =
        found.iter().map(|one| (one.method.as_str(), one.target.as_str(), one.fate)).collect();
    assert_eq!(found, expected);
}

const HEAD_OF_5: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
const LAST: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\none";

#[test]
fn requests_leave_at_once_and_responses_come_in_order() {
    let requests = get("/1") + "HEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n" + &get("/3");
    let put = "PUT /4 HTTP/1.1\r\nHost: a\r\nX-Own: 1\r\nContent-Length: 5\r\n\r\nhello";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nthree\r\n0\r\nX-Sum: 3\r\n\r\n";
    let responses = format!("HTTP/1.1 103 \r\n\r\n{}{HEAD_OF_5}{chunked}{}", ok("one"), ok("four"));
    let all = requests + put;
    for script in [
        Script::new().expect(&all).reply(&responses),
        Script::new().expect(&all).reply_bytewise(&responses),
        Script::new().expect(&all).reply_split(&responses, &[9, 70, 100]),
    ] {
        let stage = stage([script.expect(get("/5")).reply(ok("five"))]);
        let mut conn = stage.connection();
        conn.request("GET", "/1").unwrap();
        conn.request("HEAD", "/2").unwrap();
        conn.request("GET", "/3").unwrap();
        conn.request_with("PUT", "/4", &[("X-Own", "1")], "hello").unwrap();
        assert_eq!(conn.response().unwrap().text().unwrap(), "one");
        let head = conn.response().unwrap();
        assert_eq!(head.header("content-length"), Some("5"));
        assert_eq!(head.text().unwrap(), "");
        let mut third = conn.response().unwrap();
        assert_eq!(third.info().requests(), 3);
        let mut content = String::new();
        third.read_to_string(&mut content).unwrap();
        assert_eq!((content.as_str(), third.trailers().get_str("x-sum")), ("three", Some("3")));
        assert_eq!(conn.response().unwrap().text().unwrap(), "four");
        assert_misuse(conn.response(), Misuse::NoRequest);
        assert!(conn.is_open());
        conn.request("GET", "/5").unwrap();
        assert_eq!(conn.response().unwrap().text().unwrap(), "five");
        assert_unanswered(&mut conn, &[]);
        stage.finish();
    }
}

#[test]
fn a_request_may_follow_while_a_response_is_half_read() {
    let stage = stage([Script::new()
        .expect(get("/1") + &get("/2"))
        .reply(HEAD_OF_5.to_owned() + "first")
        .expect(get("/3"))
        .reply(ok("second"))
        .reply(ok("third"))]);
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    conn.request("GET", "/2").unwrap();
    let mut first = conn.response().unwrap();
    first.read_exact(&mut [0; 2]).unwrap();
    conn.request("GET", "/3").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "second");
    assert_eq!(conn.response().unwrap().text().unwrap(), "third");
    stage.finish();
}

#[test]
fn what_waits_is_bounded_and_may_be_done_twice() {
    let mut stage = stage([Script::new()
        .expect(get("/1") + &get("/2"))
        .reply(ok("1"))
        .expect(get("/3"))
        .reply(ok("2"))
        .reply(ok("3"))
        .expect("POST /4 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        .reply(ok("4"))]);
    stage.config.pipelining.depth = 2;
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    assert_misuse(conn.request("POST", "/x"), Misuse::NotIdempotent);
    let reader = Body::reader(&b"x"[..]);
    assert_misuse(conn.request_with("PUT", "/x", &[], reader), Misuse::ContentNotAtHand);
    let expect = [("Expect", "100-continue")];
    assert_misuse(conn.request_with("PUT", "/x", &expect, "x"), Misuse::ResponsePending);
    assert_misuse(conn.put_request("GET", "/x").map(|_| ()), Misuse::ResponsePending);
    conn.request("GET", "/2").unwrap();
    assert_misuse(conn.request("GET", "/x"), Misuse::ResponsePending);
    conn.response().unwrap();
    conn.request("GET", "/3").unwrap();
    assert_misuse(conn.request("GET", "/x"), Misuse::ResponsePending);
    assert_misuse(conn.put_request("GET", "/x").map(|_| ()), Misuse::ResponsePending);
    assert_eq!(conn.response().unwrap().text().unwrap(), "2");
    assert_eq!(conn.response().unwrap().text().unwrap(), "3");
    conn.request("POST", "/4").unwrap();
    assert_misuse(conn.request("GET", "/x"), Misuse::NotIdempotent);
    assert_eq!(conn.response().unwrap().text().unwrap(), "4");
    stage.finish();
}

#[test]
fn any_method_goes_where_that_is_allowed() {
    let post = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    let mut stage = stage([Script::new().expect(post.to_owned() + &get("/2")).reply(ok("1")).reply(ok("2"))]);
    stage.config.pipelining.any_method = true;
    let mut conn = stage.connection();
    conn.request_with("POST", "/1", &[], "x").unwrap();
    conn.request("GET", "/2").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "1");
    assert_eq!(conn.response().unwrap().text().unwrap(), "2");
    stage.finish();
}

#[test]
fn nothing_follows_a_request_that_ends_the_connection() {
    for (method, target, headers) in [
        ("GET", "/", &[("Connection", "close")][..]),
        ("GET", "/", &[("Connection", "Upgrade"), ("Upgrade", "chat")]),
        ("CONNECT", "b:1", &[]),
    ] {
        let mut stage = stage([Script::new().expect_head()]);
        stage.config.pipelining.any_method = true;
        let mut conn = stage.connection();
        conn.request_with(method, target, headers, ()).unwrap();
        assert_misuse(conn.request("GET", "/x"), Misuse::ResponsePending);
    }
    let both = get("/") + "GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let stage = stage([Script::new().expect(both).reply(ok("1")).reply(LAST)]);
    let mut conn = stage.connection();
    conn.request("GET", "/").unwrap();
    conn.request_with("GET", "/2", &[("Connection", "close")], ()).unwrap();
    assert_misuse(conn.request("GET", "/x"), Misuse::ResponsePending);
    assert_eq!(conn.response().unwrap().text().unwrap(), "1");
    assert_eq!(conn.response().unwrap().text().unwrap(), "one");
    assert!(!conn.is_open());
    stage.finish();
}

#[test]
fn what_a_closing_server_left_comes_back_and_can_be_sent_again() {
    let put = "PUT /3 HTTP/1.1\r\nHost: a\r\nX-Own: 1\r\nContent-Length: 5\r\n\r\nhello";
    let stage = stage([
        Script::new().expect(get("/1") + &get("/2") + put).reply(LAST).close(),
        Script::new().expect(get("/2") + put).reply(ok("two")).reply(ok("three")),
    ]);
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    conn.request("GET", "/2").unwrap();
    conn.request_with("PUT", "/3", &[("X-Own", "1")], "hello").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "one");
    let error = conn.response().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(error.source().unwrap().is::<NotAnswered>());
    assert!(error.to_string().starts_with("GET http://a/2: the connection broke"), "{error}");
    assert_misuse(conn.response(), Misuse::NoRequest);

    let left = conn.unanswered();
    assert!(left.iter().all(|one| one.fate == Fate::Unprocessed));
    for request in left {
        conn.resend(request).unwrap();
    }
    assert_eq!(conn.response().unwrap().text().unwrap(), "two");
    assert_eq!(conn.response().unwrap().text().unwrap(), "three");
    assert_unanswered(&mut conn, &[]);
    stage.finish();
}

#[test]
fn every_end_of_the_connection_gives_back_what_has_no_answer() {
    use Fate::{Unknown, Unprocessed};
    let reset = |script: Script| script.reset();
    let close = |script: Script| script.close();
    type End = fn(Script) -> Script;
    for (replies, end, answers, left) in [
        ("", reset as End, 0, &[("/1", Unprocessed), ("/2", Unprocessed)][..]),
        ("HTTP/1.1 20", close, 0, &[("/1", Unknown), ("/2", Unprocessed)]),
        ("HTTP/1.1 garbage\r\n\r\n", close, 0, &[("/1", Unknown), ("/2", Unprocessed)]),
        ("HTTP/1.1 204 \r\n\r\n", close, 1, &[("/2", Unprocessed)]),
        ("HTTP/1.1 204 \r\n\r\nHTTP", close, 1, &[("/2", Unknown)]),
        ("HTTP/1.0 204 \r\n\r\nHTTP/1.0 204 \r\n\r\n", close, 1, &[("/2", Unknown)]),
        ("HTTP/1.1 204 \r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", close, 2, &[]),
    ] {
        let script = Script::new().expect(get("/1") + &get("/2")).reply(replies);
        let stage = stage([end(script)]);
        let mut conn = stage.connection();
        conn.request("GET", "/1").unwrap();
        conn.request("GET", "/2").unwrap();
        let mut answered = 0;
        while conn.response().is_ok() {
            answered += 1;
        }
        assert_eq!(answered, answers, "{replies:?}");
        let left: Vec<_> = left.iter().map(|(target, fate)| ("GET", *target, *fate)).collect();
        assert_unanswered(&mut conn, &left);
    }
}

#[test]
fn closing_and_beginning_anew_give_back_what_has_no_answer() {
    let stage = stage([
        Script::new().expect(get("/1") + &get("/2")),
        Script::new().expect(get("/3") + &get("/4")).reply(LAST),
        Script::new().expect(get("/5")).reply(ok("five")),
    ]);
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    conn.request("GET", "/2").unwrap();
    conn.close().unwrap();
    let two = [("GET", "/1", Fate::Unprocessed), ("GET", "/2", Fate::Unprocessed)];
    assert_unanswered(&mut conn, &two);
    conn.request("GET", "/3").unwrap();
    conn.request("GET", "/4").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "one");
    conn.request("GET", "/5").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "five");
    assert_unanswered(&mut conn, &[("GET", "/4", Fate::Unprocessed)]);
    stage.finish();
}

#[test]
fn a_single_request_without_an_answer_comes_back_too() {
    let stage = stage([Script::new().expect(get("/1")).close()]);
    let mut conn = stage.connection();
    conn.request_with("GET", "/1", &[], ()).unwrap();
    assert_eq!(conn.response().unwrap_err().kind(), ErrorKind::Disconnected);
    let request: Request = conn.unanswered().remove(0).into_request().unwrap();
    assert_eq!((request.method, request.url.as_str()), (Method::GET, "http://a/1"));
    stage.finish();
}

#[test]
fn content_that_was_read_from_a_reader_is_not_sent_again() {
    let stage = stage([Script::new().expect_head().close()]);
    let mut conn = stage.connection();
    conn.request_with("PUT", "/1", &[], Body::sized(&b"x"[..], 1)).unwrap();
    conn.response().unwrap_err();
    let left = conn.unanswered().remove(0);
    assert_misuse(conn.resend(left), Misuse::ContentIsGone);
}

#[test]
fn t29_what_stands_behind_the_last_response_ends_the_connection() {
    let both = ok("1") + &ok("2") + &ok("evil");
    let stage = stage([
        Script::new().expect(get("/1") + &get("/2")).reply(both),
        Script::new().expect(get("/3")).reply(ok("3")),
    ]);
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    conn.request("GET", "/2").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "1");
    assert_eq!(conn.response().unwrap().text().unwrap(), "2");
    assert!(!conn.is_open());
    conn.request("GET", "/3").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "3");
    stage.finish();
}

#[test]
fn every_request_has_its_own_deadlines() {
    let second = Duration::from_secs(1);
    let mut stage = stage([Script::new()
        .expect(get("/1") + &get("/2"))
        .stall(second * 3)
        .reply(ok("1"))
        .stall(second * 3)
        .reply(ok("2"))]);
    stage.config.timeouts.response = Some(second * 4);
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    conn.request("GET", "/2").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "1");
    assert_eq!(conn.response_within(second).unwrap_err().limit(), Some(Limit::Response));
    assert_unanswered(&mut conn, &[("GET", "/2", Fate::Unprocessed)]);
}

#[test]
fn pipelining_works_over_tcp_with_content_in_both_directions() {
    let content = "x".repeat(1 << 20);
    let response = ok(&content);
    let listener = ScriptedListener::start(vec![
        Script::new().expect_head().reply(&response).expect_head().expect(&content).reply(&response),
    ]);
    let mut conn = Connection::http(&listener.addr().to_string()).unwrap();
    conn.request("GET", "/1").unwrap();
    conn.request_with("PUT", "/2", &[], content.as_str()).unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), content);
    assert_eq!(conn.response().unwrap().text().unwrap(), content);
    conn.close().unwrap();
    listener.finish().unwrap();
}

#[test]
fn nothing_follows_once_a_response_says_close() {
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\none";
    let stage = stage([Script::new().expect(get("/1") + &get("/2")).reply(close).close()]);
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    conn.request("GET", "/2").unwrap();
    conn.response().unwrap().read_exact(&mut [0; 1]).unwrap();
    let error = conn.request("GET", "/3").unwrap_err();
    assert_eq!(error.source().unwrap().downcast_ref(), Some(&Misuse::ResponsePending));
    conn.response().unwrap_err();
    assert_eq!(conn.unanswered().len(), 1);
    stage.finish();
}

#[test]
fn a_target_that_is_no_path_makes_no_request_of_another_host() {
    for target in ["*", "http://other/x"] {
        let head = format!("OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let stage = stage([Script::new().expect(head).close()]);
        let mut conn = stage.connection();
        conn.request("OPTIONS", target).unwrap();
        conn.response().unwrap_err();
        let [unanswered] = <[_; 1]>::try_from(conn.unanswered()).unwrap();
        assert_eq!(unanswered.into_request().unwrap_err().kind(), ErrorKind::InvalidRequest, "{target}");
        stage.finish();
    }
}
