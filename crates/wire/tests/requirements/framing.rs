//! How the end of a response is found.

use crate::drive::{asked, check_content, check_refused, chunked, drive_all, get, headers, response};
use wire::{CloseReason, Framing, Limits, MessageBuf, Method, ParseError, Persistence};

#[test]
fn a_refused_tunnel_is_an_ordinary_response() {
    let connect = asked(&Method::CONNECT, &[], Limits::default());
    let close = Some(Persistence::Close(CloseReason::CloseDelimited));
    for (input, framing, persistence) in [
        (
            "HTTP/1.1 407 P\r\nContent-Length: 3\r\n\r\nabc",
            Framing::ContentLength(3),
            Some(Persistence::KeepAlive),
        ),
        (
            "HTTP/1.1 502 B\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            Framing::Chunked,
            Some(Persistence::KeepAlive),
        ),
        ("HTTP/1.1 403 F\r\n\r\nabc", Framing::CloseDelimited, close),
    ] {
        let seen = drive_all(&connect, input.as_bytes()).unwrap();
        assert_eq!((seen.handed_over, &seen.content[..]), (false, &b"abc"[..]), "{input:?}");
        assert_eq!((seen.framing, seen.persistence), (Some(framing), persistence), "{input:?}");
    }
}

#[test]
fn transfer_encoding_of_http_1_0_is_refused() {
    for line in ["chunked", "gzip", "identity"] {
        let input = format!("HTTP/1.0 200 OK\r\nTransfer-Encoding: {line}\r\n\r\n0\r\n\r\n");
        check_refused(input, &ParseError::TransferEncodingInHttp10);
    }
}

#[test]
fn trailers_stay_apart_and_change_nothing() {
    let body = "3\r\nabc\r\n0\r\nContent-Length: 1\r\nTransfer-Encoding: gzip\r\nConnection: close\r\nSet-Cookie: a=b\r\nX: y\r\n\r\n";
    let seen = check_content(chunked(body), "abc");
    assert_eq!(seen.head.headers, headers(&[("Transfer-Encoding", "chunked")]));
    assert_eq!((seen.trailers.len(), seen.trailers.get_str("x")), (5, Some("y")));
    assert_eq!((seen.framing, seen.kept()), (Some(Framing::Chunked), true));
}

#[test]
fn trailers_of_one_response_do_not_show_in_the_next() {
    let input = chunked("0\r\nT: 1\r\n\r\n");
    let (mut message, next) = (MessageBuf::default(), response("Content-Length: 0\r\n", ""));
    for (bytes, trailers) in [(&input, 1), (&next, 0)] {
        let (mut exchange, mut at) = (get(), 0);
        while exchange.persistence().is_none() {
            at += exchange.receive(&bytes[at..], &mut message).unwrap().used;
        }
        assert_eq!(message.trailers.len(), trailers);
    }
}

#[test]
fn a_body_cut_short_is_an_error_that_tells_how_much_came() {
    for (input, received, expected) in [
        (response("Content-Length: 5\r\n", ""), 0, Some(5)),
        (response("Content-Length: 5\r\n", "abcd"), 4, Some(5)),
        (chunked(""), 0, None),
        (chunked("3\r\nab"), 2, None),
        (chunked("3\r\nabc\r\n"), 3, None),
        (chunked("3\r\nabc\r\n0\r\n"), 3, None),
        (chunked("3\r\nabc\r\n0\r\nT: 1\r\n\r"), 3, None),
    ] {
        check_refused(input, &ParseError::TruncatedBody { received, expected });
    }
}

#[test]
fn the_method_of_the_request_frames_the_response() {
    let input = response("Content-Length: 3\r\n", "abc");
    for (method, content, left) in [(Method::GET, 3, 0), (Method::HEAD, 0, 3), (Method::OPTIONS, 3, 0)] {
        let seen = drive_all(&asked(&method, &[], Limits::default()), &input).unwrap();
        assert_eq!((seen.content.len(), seen.left), (content, left), "{method}");
    }
    // Methods are told apart by case.
    let head = Method::from_bytes(b"head").unwrap();
    let seen = drive_all(&asked(&head, &[], Limits::default()), &input).unwrap();
    assert_eq!(seen.content, b"abc");
}
