//! What a caller may be made to send: split requests, smuggled ones, content that nothing frames.

use crate::drive::{begin, headers};
use wire::{
    BodyLength, CloseReason, Event, Exchange, Headers, Limits, MessageBuf, Method, Persistence, RequestError,
    RequestHead,
};

/// Every byte that would end or bend a line, and every one that ASCII text has not.
fn not_graphic() -> impl Iterator<Item = char> {
    (0..=0xff_u8).filter(|byte| !byte.is_ascii_graphic()).map(char::from)
}

#[track_caller]
fn check_not_sent(head: &RequestHead<'_>) {
    let mut out = b"before".to_vec();
    let begun = Exchange::begin(head, BodyLength::Empty, Limits::default(), &mut out);
    assert!(begun.is_err(), "{head:?} was sent: {:?}", String::from_utf8_lossy(&out));
    assert_eq!(out, b"before", "{head:?}");
}

// CVE-2020-26116
#[test]
fn t9_a_method_holds_no_line_end() {
    // A request takes http's Method, so what that refuses cannot be sent.
    for bad in not_graphic().chain("\"(),/:;<=>?@[\\]{}".chars()) {
        for method in [format!("GET{bad}X: y"), format!("{bad}GET"), format!("GET{bad}")] {
            assert!(Method::from_bytes(method.as_bytes()).is_err(), "{method:?}");
        }
    }
    assert!(Method::from_bytes(b"").is_err());
    assert!(Method::from_bytes(b"GET / HTTP/1.1\r\nX: y\r\n\r\n").is_err());
}

// CVE-2019-9740, CVE-2019-9947, CVE-2019-18348, CVE-2014-8150
#[test]
fn t10_a_target_holds_no_space_and_no_line_end() {
    let none = Headers::new();
    for bad in not_graphic() {
        for target in
            [format!("/{bad}"), format!("/a{bad}b"), format!("/?q={bad}HTTP/1.1"), format!("http://a/{bad}")]
        {
            check_not_sent(&RequestHead::new(&Method::GET, &target, &none).with_host("a"));
        }
    }
    check_not_sent(&RequestHead::new(&Method::GET, "/ HTTP/1.1\r\nX: y", &none).with_host("a"));
}

// CVE-2022-35949
#[test]
fn t10_a_path_of_two_slashes_stays_a_path() {
    let none = Headers::new();
    let mut out = Vec::new();
    let head = RequestHead::new(&Method::GET, "//evil/x", &none).with_host("a");
    Exchange::begin(&head, BodyLength::Empty, Limits::default(), &mut out).unwrap();
    assert_eq!(out, b"GET //evil/x HTTP/1.1\r\nHost: a\r\n\r\n");
}

// CVE-2016-5699, CVE-2022-31150, CVE-2022-35948, CVE-2023-23936
#[test]
fn t11_names_values_and_host_hold_no_line_end() {
    let none = Headers::new();
    for bad in not_graphic() {
        let host = format!("a{bad}X: y");
        check_not_sent(&RequestHead::new(&Method::GET, "/", &none).with_host(&host));
        let (mut lines, name) = (headers(&[("A", "1")]), format!("B{bad}C"));
        let before = lines.clone();
        let refused = |result| matches!(result, Err(RequestError::FieldName { .. }));
        assert!(refused(lines.append(&name, "v")) && refused(lines.set(&name, "v")), "{name:?}");
        assert_eq!(lines, before);
    }
    for bad in (0..=0xff_u8).filter(|byte| byte.is_ascii_control() && *byte != b'\t') {
        let mut lines = headers(&[("A", "1")]);
        let before = lines.clone();
        for value in [[&[bad], &b"X: y"[..]].concat(), [b"v", &[bad][..], b"X: y"].concat(), vec![b'v', bad]]
        {
            let refused = |result| matches!(result, Err(RequestError::FieldValue { .. }));
            assert!(refused(lines.append("A", &value)) && refused(lines.set("A", &value)), "{value:?}");
        }
        assert_eq!(lines, before);
    }
}

// CVE-2026-1502
#[test]
fn t12_the_authority_of_connect_holds_no_line_end() {
    let none = Headers::new();
    for bad in not_graphic().chain("/?#@".chars()) {
        for target in
            [format!("a{bad}:443"), format!("a:443{bad}"), format!("a:443{bad}X: y"), format!("{bad}a:443")]
        {
            check_not_sent(&RequestHead::new(&Method::CONNECT, &target, &none).with_host("a"));
        }
    }
    for target in ["a", "a:", ":443", "a:x", "a:443:", "/", "*", ""] {
        check_not_sent(&RequestHead::new(&Method::CONNECT, target, &none).with_host("a"));
    }
    check_not_sent(&RequestHead::new(&Method::CONNECT, "a:443", &none).with_host("a:443\r\nX: y"));
}

/// Takes a request apart, by nothing of the crate: the lines of its fields, and its body as it stands on the wire.
fn take_apart(sent: &[u8]) -> (Vec<String>, &[u8]) {
    let end = sent.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&sent[..end]).unwrap();
    (head.split("\r\n").skip(1).map(str::to_ascii_lowercase).collect(), &sent[end + 4..])
}

// RUSTSEC-2020-0008: content after a head that announces none is the next request
#[test]
fn t13_whatever_the_method_one_field_frames_the_content() {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"];
    let own: [&[(&str, &str)]; 8] = [
        &[],
        &[("Content-Length", "5")],
        &[("Content-Length", "5"), ("content-length", "5")],
        &[("Content-Length", "6")],
        &[("Transfer-Encoding", "chunked")],
        &[("Transfer-Encoding", "gzip, chunked")],
        &[("Transfer-Encoding", "identity")],
        &[("Content-Length", "5"), ("Transfer-Encoding", "chunked")],
    ];
    let mut sent = 0;
    for method in methods.map(|method| Method::from_bytes(method.as_bytes()).unwrap()) {
        for (lines, length) in own.into_iter().flat_map(|lines| {
            [BodyLength::Empty, BodyLength::Known(5), BodyLength::Unknown].map(|length| (lines, length))
        }) {
            let Ok((mut exchange, mut out)) = begin(&method, lines, length, Limits::default()) else {
                continue;
            };
            if length != BodyLength::Empty {
                let frame = exchange.frame(5).unwrap();
                out.extend([frame.prefix(), b"hello", frame.suffix()].concat());
            }
            // Six bytes were announced, so that five are a promise broken.
            if exchange.finish(None, &mut out).is_err() {
                assert_eq!((lines, length), (own[3], BodyLength::Unknown));
                continue;
            }
            let (fields, body) = take_apart(&out);
            let framed_by: Vec<_> = fields
                .iter()
                .filter(|line| line.starts_with("content-length:") || line.starts_with("transfer-encoding:"))
                .map(String::as_str)
                .collect();
            let shown = String::from_utf8_lossy(&out);
            match (&framed_by[..], length) {
                ([] | ["content-length: 0"], BodyLength::Empty) => assert_eq!(body, b"", "{shown}"),
                (["content-length: 5"], _) => assert_eq!(body, b"hello", "{shown}"),
                (["transfer-encoding: chunked" | "transfer-encoding: gzip, chunked"], _) => {
                    assert_eq!(body, b"5\r\nhello\r\n0\r\n\r\n", "{shown}");
                }
                _ => panic!("{length:?} is framed by {framed_by:?}"),
            }
            sent += 1;
        }
    }
    // None and one that fits for content of either kind, and none of a request without.
    assert_eq!(sent, methods.len() * 9);
}

// RUSTSEC-2020-0008: a promise that is broken leaves bytes that the next request would fill in
#[test]
fn t13_content_is_neither_longer_nor_shorter_than_announced() {
    let (mut exchange, mut out) = begin(&Method::PUT, &[], BodyLength::Known(5), Limits::default()).unwrap();
    let head = out.len();
    assert_eq!(exchange.frame(6), Err(RequestError::ContentTooLong { announced: 5 }));
    exchange.frame(4).unwrap();
    assert_eq!(exchange.frame(2), Err(RequestError::ContentTooLong { announced: 5 }));
    let short = Err(RequestError::ContentTooShort { announced: 5, missing: 1 });
    assert_eq!(exchange.finish(None, &mut out), short);
    assert_eq!(out.len(), head);

    let mut message = MessageBuf::default();
    exchange.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &mut message).unwrap();
    exchange.receive(&[], &mut message).unwrap();
    let unfinished = Persistence::Close(CloseReason::RequestUnfinished);
    assert_eq!(exchange.persistence(), Some(unfinished));
}

// CVE-2024-24791: content sent although the final response came instead of 100 (Continue)
#[test]
fn t13_a_final_response_instead_of_continue_ends_the_connection() {
    for status in ["200 OK", "204 No Content", "417 Expectation Failed", "413 Content Too Large"] {
        for length in [BodyLength::Known(5), BodyLength::Unknown] {
            let lines = [("Expect", "100-continue")];
            let (mut exchange, _) = begin(&Method::PUT, &lines, length, Limits::default()).unwrap();
            let mut message = MessageBuf::default();
            assert!(!exchange.may_send_content());
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            let event = exchange.receive(head.as_bytes(), &mut message).unwrap().event;
            assert_eq!((event, exchange.may_send_content()), (Event::Head, false), "{status}");
            exchange.stop_waiting();
            assert!(!exchange.may_send_content(), "{status}");
            assert_eq!(exchange.receive(&[], &mut message).unwrap().event, Event::Complete);
            let unfinished = Persistence::Close(CloseReason::RequestUnfinished);
            assert_eq!(exchange.persistence(), Some(unfinished), "{status}");
        }
    }
}

// CVE-2016-5699, in the section that is checked last
#[test]
fn t11_trailers_hold_no_line_end_and_no_framing() {
    let unknown = || begin(&Method::PUT, &[], BodyLength::Unknown, Limits::default()).unwrap();
    for name in
        ["Transfer-Encoding", "content-length", "Host", "Authorization", "Cookie", "Trailer", "Connection"]
    {
        let ((mut exchange, mut out), trailers) = (unknown(), headers(&[("A", "1"), (name, "0")]));
        let before = out.clone();
        let refused = exchange.finish(Some(&trailers), &mut out);
        assert_eq!(refused, Err(RequestError::Trailer { name: name.to_owned() }));
        assert_eq!(out, before, "nothing was sent with {name}");
    }
    let mut trailers = Headers::new();
    assert!(trailers.append("A", "1\r\n\r\nGET /evil HTTP/1.1").is_err());
    assert!(trailers.append("A\r\n\r\nGET /evil HTTP/1.1\r\nB", "1").is_err());
}
