//! What is sent, and when a connection is kept.

use crate::drive::{asked, begin, drive_all, headers, response};
use wire::{BodyLength, CloseReason, Exchange, Headers, Limits, Method, Persistence, RequestHead, Version};

fn sent(head: &RequestHead<'_>) -> String {
    let mut out = Vec::new();
    Exchange::begin(head, BodyLength::Empty, Limits::default(), &mut out)
        .unwrap()
        .finish(None, &mut out)
        .unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_request_line_is_method_target_and_version_with_single_spaces() {
    let none = Headers::new();
    let get = |target| sent(&RequestHead::new(&Method::GET, target, &none).with_host("a"));
    for (sent, expected) in [
        (get("/"), "GET / HTTP/1.1"),
        (get("/a?b=c%20d"), "GET /a?b=c%20d HTTP/1.1"),
        (get("http://a/b"), "GET http://a/b HTTP/1.1"),
        (sent(&RequestHead::new(&Method::OPTIONS, "*", &none)), "OPTIONS * HTTP/1.1"),
        (sent(&RequestHead::new(&Method::CONNECT, "[::1]:443", &none)), "CONNECT [::1]:443 HTTP/1.1"),
        (sent(&RequestHead::new(&Method::from_bytes(b"get").unwrap(), "/", &none)), "get / HTTP/1.1"),
        (
            sent(&RequestHead::new(&Method::from_bytes(b"M-SEARCH").unwrap(), "/", &none)),
            "M-SEARCH / HTTP/1.1",
        ),
    ] {
        assert_eq!(sent.split("\r\n").next(), Some(expected));
    }
}

#[test]
fn host_is_there_once_and_first_unless_the_caller_placed_it() {
    let (none, own) = (Headers::new(), headers(&[("X", "y"), ("hOST", "b")]));
    let base = RequestHead::new(&Method::GET, "/", &none);
    assert_eq!(sent(&base.with_host("[::1]:81")), "GET / HTTP/1.1\r\nHost: [::1]:81\r\n\r\n");
    let mut placed = base.with_host("a");
    placed.headers = &own;
    assert_eq!(sent(&placed), "GET / HTTP/1.1\r\nX: y\r\nhOST: b\r\n\r\n");
    let two = headers(&[("Host", "a"), ("host", "a")]);
    placed.headers = &two;
    assert!(Exchange::begin(&placed, BodyLength::Empty, Limits::default(), &mut Vec::new()).is_err());
}

#[test]
fn length_is_told_where_a_method_gives_it_a_meaning() {
    for (method, told) in
        [("POST", true), ("PUT", true), ("PATCH", true), ("GET", false), ("HEAD", false), ("DELETE", false)]
    {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let (_, out) = begin(&method, &[], BodyLength::Empty, Limits::default()).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.contains("Content-Length: 0\r\n"), told, "{out:?}");
        assert!(!out.contains("Transfer-Encoding"), "{out:?}");
    }
}

#[test]
fn nothing_stands_between_two_requests() {
    let mut out = Vec::new();
    let none = Headers::new();
    let head = RequestHead::new(&Method::POST, "/", &none).with_host("a");
    for length in [BodyLength::Known(3), BodyLength::Unknown, BodyLength::Empty] {
        let mut exchange = Exchange::begin(&head, length, Limits::default(), &mut out).unwrap();
        if length != BodyLength::Empty {
            let frame = exchange.frame(3).unwrap();
            out.extend([frame.prefix(), b"abc", frame.suffix()].concat());
        }
        exchange.finish(None, &mut out).unwrap();
    }
    let expected = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
                    POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
                    POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn an_expectation_without_content_is_not_waited_for() {
    let lines = [("Expect", "100-continue")];
    for (method, length, waits) in [
        (Method::GET, BodyLength::Empty, false),
        (Method::POST, BodyLength::Empty, false),
        (Method::POST, BodyLength::Known(1), true),
        (Method::POST, BodyLength::Unknown, true),
    ] {
        let (exchange, _) = begin(&method, &lines, length, Limits::default()).unwrap();
        assert_eq!(exchange.awaits_continue(), waits, "{method} {length:?}");
    }
}

#[test]
fn a_final_response_ends_the_wish_for_content_and_the_connection() {
    let (exchange, _) = begin(&Method::PUT, &[], BodyLength::Known(5), Limits::default()).unwrap();
    assert!(exchange.may_send_content());
    let refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno";
    let seen = drive_all(&exchange, refusal).unwrap();
    assert_eq!((seen.status(), &seen.content[..]), (413, &b"no"[..]));
    assert_eq!(seen.persistence, Some(Persistence::Close(CloseReason::RequestUnfinished)));
}

/// Field lines of the request; version and field lines of the response; what is decided.
type Row = (&'static [(&'static str, &'static str)], &'static str, &'static str, Option<Persistence>);

#[test]
fn a_connection_is_kept_only_when_both_heads_and_the_framing_allow_it() {
    let close = |reason| Some(Persistence::Close(reason));
    let keep = Some(Persistence::KeepAlive);
    let rows: [Row; 12] = [
        (&[], "1.1", "Content-Length: 0", keep),
        (&[], "1.1", "Content-Length: 0\r\nConnection: keep-alive", keep),
        (&[], "1.1", "Content-Length: 0\r\nConnection: not-close, closed", keep),
        (
            &[],
            "1.1",
            "Content-Length: 0\r\nConnection: x\r\nCONNECTION: y, ClOsE",
            close(CloseReason::ResponseSaidClose),
        ),
        (
            &[],
            "1.1",
            "Content-Length: 0\r\nConnection: keep-alive, close",
            close(CloseReason::ResponseSaidClose),
        ),
        (&[], "1.1", "X: y", close(CloseReason::CloseDelimited)),
        (&[], "1.0", "Content-Length: 0", close(CloseReason::Http10)),
        (&[], "1.0", "Content-Length: 0\r\nConnection: Keep-Alive", keep),
        (&[], "1.9", "Content-Length: 0", keep),
        (&[("Connection", "close")], "1.1", "Content-Length: 0", close(CloseReason::RequestSaidClose)),
        (
            &[("Connection", "x"), ("connection", "Close")],
            "1.1",
            "Content-Length: 0",
            close(CloseReason::RequestSaidClose),
        ),
        (
            &[("Connection", "close")],
            "1.1",
            "Content-Length: 0\r\nConnection: keep-alive",
            close(CloseReason::RequestSaidClose),
        ),
    ];
    for (request, version, lines, expected) in rows {
        let input = format!("HTTP/{version} 200 OK\r\n{lines}\r\n\r\n");
        let seen = drive_all(&asked(&Method::GET, request, Limits::default()), input.as_bytes()).unwrap();
        assert_eq!(seen.persistence, expected, "{request:?} {input:?}");
    }
}

#[test]
fn a_request_in_http_1_0_asks_to_keep_the_connection_or_closes() {
    let none = Headers::new();
    let mut head = RequestHead::new(&Method::GET, "/", &none);
    head.version = Version::HTTP_10;
    assert_eq!(sent(&head), "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    head.add_connection = false;
    let mut out = Vec::new();
    let mut exchange = Exchange::begin(&head, BodyLength::Empty, Limits::default(), &mut out).unwrap();
    exchange.finish(None, &mut out).unwrap();
    let seen = drive_all(&exchange, &response("Content-Length: 0\r\n", "")).unwrap();
    assert_eq!(seen.persistence, Some(Persistence::Close(CloseReason::Http10)));
    let chunks = Exchange::begin(&head, BodyLength::Unknown, Limits::default(), &mut out);
    assert!(chunks.is_err(), "a peer of HTTP/1.0 reads no chunks");
}
