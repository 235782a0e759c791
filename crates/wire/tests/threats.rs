//! The threats to a client that are wire's to stop, by their numbers in the threat catalogue: framing that two readers
//! read apart, bytes that become somebody else's response, other protocols. `threats/sending.rs` has what a caller may
//! be made to send, `threats/bounds.rs` what a peer may make us hold.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "test code fails loudly"
)]

#[path = "threats/bounds.rs"]
mod bounds;
#[path = "common/drive.rs"]
mod drive;
#[path = "threats/sending.rs"]
mod sending;

use drive::{asked, check_content, check_refused, chunked, drive, drive_all, get, response};
use wire::{
    BodyLength, CloseReason, Event, Framing, Headers, Limits, MessageBuf, Method, ParseError, Persistence,
    Pipeline, PipelineError, Received, RequestHead,
};

// RUSTSEC-2020-0008, CVE-2021-32715, CVE-2022-1705
#[test]
fn t14_te_with_cl_never_keeps_the_connection() {
    let body = "3\r\nabc\r\n0\r\n\r\n";
    for lines in [
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 13\r\ntransfer-encoding: Chunked\r\nConnection: keep-alive\r\n",
        "Content-Length: nonsense\r\nTransfer-Encoding: , chunked\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let seen = check_content(response(lines, body), "abc");
        assert_eq!(seen.framing, Some(Framing::Chunked), "{lines:?}");
        assert_eq!(seen.persistence, Some(Persistence::Close(CloseReason::TwoLengths)), "{lines:?}");
    }
}

// RUSTSEC-2021-0020, CVE-2021-32715
#[test]
fn t14_lengths_that_differ_or_are_no_digits_are_refused() {
    for value in [
        "+3", "-3", "3 3", "3,4", "0x3", "3;", "3.0", "3e0", "\"3\"", "", ",", "3,", ",3", "3,+3", "\u{663}",
        "NaN", "3\t3",
    ] {
        check_refused(response(&format!("Content-Length: {value}\r\n"), "abc"), &ParseError::ContentLength);
    }
    check_refused(response("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"), &ParseError::ContentLength);
    check_refused(response("Content-Length: 3\r\ncontent-length:\r\n", "abc"), &ParseError::ContentLength);
    check_content(response("Content-Length: 3\r\ncontent-length: 3\r\n", "abc"), "abc");
    check_content(response("Content-Length: 3, 3\r\n", "abc"), "abc");
}

// CVE-2022-1705: a coding that one reader takes for chunked and another does not
#[test]
fn t14_codings_that_only_look_like_chunked_are_refused() {
    for value in [
        "xchunked",
        "chunked;q=1",
        "chunked chunked",
        "chunked, chunked",
        "\"chunked\"",
        "chunked, identity",
        "gzip",
        "gzip, chunked",
        "",
        "\u{a0}chunked",
        "chun\r\n ked",
    ] {
        let input = response(&format!("Transfer-Encoding: {value}\r\n"), "0\r\n\r\n");
        check_refused(input, &ParseError::TransferEncoding);
    }
    for lines in ["Transfer-Encoding: \x0bchunked\r\n", "Transfer-Encoding: chunked\x0c\r\n"] {
        let result = drive_all(&get(), &response(lines, "0\r\n\r\n"));
        assert!(matches!(result, Err(ParseError::Field(_))), "{lines:?}: {result:?}");
    }
    for lines in ["Transfer-Encoding : chunked\r\n", " Transfer-Encoding: chunked\r\n"] {
        let result = drive_all(&get(), &response(lines, "0\r\n\r\n"));
        assert!(matches!(result, Err(ParseError::Field(_))), "{lines:?}: {result:?}");
    }
}

// CVE-2021-32714
#[test]
fn t15_chunk_sizes_beyond_64_bits_are_refused_not_wrapped() {
    for size in ["10000000000000000", "10000000000000003", "f0000000000000003", "00ffffffffffffffff0"] {
        let body = format!("{size}\r\nabc\r\n0\r\n\r\n");
        check_refused(chunked(&body), &ParseError::Chunk("its size is beyond 64 bits"));
    }
    let largest = drive_all(&get(), &chunked("ffffffffffffffff\r\nabc"));
    assert_eq!(largest, Err(ParseError::TruncatedBody { received: 3, expected: None }));
}

// CVE-2025-43859, CVE-2025-22871, CVE-2024-52304
#[test]
fn t15_every_line_end_of_the_chunks_is_cr_lf_by_the_letter() {
    let good = "3\r\nabc\r\n2;a=b\r\nde\r\n0\r\nT: 1\r\n\r\n";
    check_content(chunked(good), "abcde");
    for (at, _) in good.match_indices("\r\n") {
        for other in ["\n", "\r", "\n\n", "\r\r", "\r\0", "xx", "\n\r", "", "\r\n\r\n"] {
            let body = format!("{}{other}{}", &good[..at], &good[at + 2..]);
            // An empty line more may end the trailers early, but then bytes are left over.
            let result = drive_all(&get(), &chunked(&body));
            assert!(!result.is_ok_and(|seen| seen.kept()), "{body:?}");
        }
    }
}

// CVE-2026-2332 (funky chunks), CVE-2023-38697
#[test]
fn t15_an_extension_hides_no_line_end() {
    for body in [
        "3;a\nabc\r\n0\r\n\r\n",
        "3;a\rabc\r\n0\r\n\r\n",
        "3;a=\"\r\nabc\r\n0\r\n\r\n",
        "3;a=\"x\n\"\r\nabc\r\n0\r\n\r\n",
        "3;a=\"x\r\n\"\r\nabc\r\n0\r\n\r\n",
        "3;a=\"\\\r\n\"\r\nabc\r\n0\r\n\r\n",
        "3;\0\r\nabc\r\n0\r\n\r\n",
    ] {
        let result = drive_all(&get(), &chunked(body));
        assert!(matches!(result, Err(ParseError::Chunk(_))), "{body:?}: {result:?}");
    }
    check_content(chunked("3;a=\"0\\\";\"\r\nabc\r\n0;z\r\n\r\n"), "abc");
}

// CVE-2023-38697: sizes with a sign, a prefix, an underscore or none at all
#[test]
fn t15_a_chunk_size_is_hexadecimal_digits_alone() {
    for size in ["", "+3", "-3", "0x3", "3_0", " 3", "\t3", "3 ", "3\t", "3 3", "3h", "\u{663}", "\0", "g"] {
        let body = format!("{size}\r\nabc\r\n0\r\n\r\n");
        let result = drive_all(&get(), &chunked(&body));
        assert!(matches!(result, Err(ParseError::Chunk(_))), "{size:?}: {result:?}");
    }
    check_content(chunked("0003\r\nabc\r\n00A\r\n0123456789\r\n00\r\n\r\n"), "abc0123456789");
}

// CVE-2026-6733: a response that nobody asked for waits to answer the next request
#[test]
fn t29_bytes_behind_a_response_are_never_taken_for_the_next() {
    let poison = "HTTP/1.1 200 Poison\r\nContent-Length: 6\r\n\r\npoison";
    for first in [
        response("Content-Length: 3\r\n", "abc"),
        response("Content-Length: 0\r\n", ""),
        chunked("3\r\nabc\r\n0\r\n\r\n"),
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n".to_vec(),
    ] {
        let seen = drive_all(&get(), &[&first, poison.as_bytes()].concat()).unwrap();
        assert_eq!((seen.left, seen.kept()), (poison.len(), false));
        assert_eq!(seen.informational, []);

        // Asked again and again, the exchange looks at nothing that follows.
        let (mut exchange, mut message) = (get(), MessageBuf::default());
        let mut at = 0;
        while at < first.len() || exchange.persistence().is_none() {
            let Received { used, event } = exchange.receive(&first[at..], &mut message).unwrap();
            let content = if let Event::Content { len } = event { len } else { 0 };
            exchange.content_consumed(content);
            at += used + content;
        }
        let before = message.head.clone();
        let complete = Ok(Received { used: 0, event: Event::Complete });
        assert_eq!(exchange.receive(poison.as_bytes(), &mut message), complete);
        assert_eq!(exchange.receive_eof(&mut message), complete);
        assert_eq!((message.head, exchange.direct_limit()), (before, 0));
    }
}

// CVE-2026-6733, aiohttp #13656
#[test]
fn t29_a_pipeline_with_nothing_outstanding_takes_no_byte() {
    let none = Headers::new();
    let head = RequestHead::new(&Method::GET, "/", &none).with_host("a");
    let begin = |pipeline: &mut Pipeline<u8>, ticket| {
        pipeline.begin(&head, BodyLength::Empty, Limits::default(), &mut Vec::new(), ticket)
    };
    let mut message = MessageBuf::default();
    // Before any request, and behind the answer to the only one.
    for answered in [0, 1] {
        let mut pipeline = Pipeline::new(2);
        for ticket in 0..answered {
            begin(&mut pipeline, ticket).unwrap();
            pipeline.sending().unwrap().finish(None, &mut Vec::new()).unwrap();
            let answer = response("Content-Length: 0\r\n", "");
            assert_eq!(pipeline.receive(&answer, &mut message).unwrap().event, Event::Head);
            assert_eq!(pipeline.receive(&[], &mut message).unwrap().event, Event::Complete);
            assert_eq!(pipeline.answered(), Some((ticket, Persistence::KeepAlive)));
        }
        let poison = response("Content-Length: 0\r\n", "");
        assert_eq!(pipeline.receive(&poison, &mut message), Err(ParseError::Unasked));
        assert_eq!(begin(&mut pipeline, 9), Err(PipelineError::Closed(CloseReason::Failed)));
        assert_eq!(pipeline.receive(&[], &mut message), Err(ParseError::Unasked));
    }
}

// Go's TestReadResponseCloseInMiddle: what was not read stands before the next response
#[test]
fn t30_an_unread_body_is_no_complete_exchange() {
    for (input, body) in [
        (response("Content-Length: 1000000\r\n", ""), 1_000_000),
        (chunked("f4240\r\n"), 1_000_000),
        (response("", ""), 0),
    ] {
        let (mut exchange, mut message) = (get(), MessageBuf::default());
        let head = exchange.receive(&input, &mut message).unwrap();
        assert_eq!((head.event, exchange.persistence()), (Event::Head, None));
        let read = [&input[head.used..], b"x"].concat();
        let Received { used, event } = exchange.receive(&read, &mut message).unwrap();
        assert_eq!((event, read.len() - used), (Event::Content { len: 1 }, 1));
        exchange.content_consumed(1);
        assert_eq!(exchange.persistence(), None, "one byte of {body} was read");
        assert_eq!(exchange.receive(&[], &mut message).unwrap().event, Event::NeedInput);
    }
}

// hyper-util #313, bun #35965: bytes of the tunnel that came with the head
#[test]
fn t32_bytes_of_the_tunnel_are_left_where_they_are() {
    let connect = asked(&Method::CONNECT, &[], Limits::default());
    for head in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 299 Yes\r\nContent-Length: nonsense\r\n\r\n",
    ] {
        let seen = drive_all(&connect, format!("{head}\x16\x03\x01raw").as_bytes()).unwrap();
        assert_eq!((seen.handed_over, seen.left, seen.content), (true, 6, Vec::new()), "{head:?}");
        assert_eq!(seen.persistence, Some(Persistence::Close(CloseReason::HandedOver)), "{head:?}");
    }
}

// mint #493: a proxy's answer taken too lightly
#[test]
fn t32_only_a_plain_2xx_opens_a_tunnel() {
    let connect = asked(&Method::CONNECT, &[], Limits::default());
    for line in
        ["HTTP/1.1 2000 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2oo OK", "HTTP/1.1  200 OK", "HTTP/1.1200 OK"]
    {
        let result = drive_all(&connect, format!("{line}\r\n\r\nraw").as_bytes());
        assert_eq!(result, Err(ParseError::StatusLine), "{line:?}");
    }
    for status in ["300", "302", "400", "403", "407", "502", "599"] {
        let refusal = format!("HTTP/1.1 {status} No\r\nContent-Length: 3\r\n\r\nno!");
        let seen = drive_all(&connect, refusal.as_bytes()).unwrap();
        assert_eq!((seen.handed_over, &seen.content[..]), (false, &b"no!"[..]), "{status}");
    }
    let unasked = drive_all(&connect, b"HTTP/1.1 101 Switching\r\n\r\nraw");
    assert_eq!(unasked, Err(ParseError::UnaskedUpgrade));
}

// RFC 9112 §6.3 (1)
#[test]
fn t38_no_body_where_none_can_be_and_surplus_ends_the_connection() {
    let (get, head) = (get(), asked(&Method::HEAD, &[], Limits::default()));
    for (exchange, line) in [(&get, "204 No Content"), (&get, "304 Not Modified"), (&head, "200 OK")] {
        for lines in ["", "Content-Length: 4\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: -\r\n"]
        {
            let message = format!("HTTP/1.1 {line}\r\n{lines}\r\n");
            let alone = drive_all(exchange, message.as_bytes()).unwrap();
            assert_eq!((alone.framing, alone.kept()), (Some(Framing::Empty), true), "{message:?}");
            let surplus = drive_all(exchange, format!("{message}body").as_bytes()).unwrap();
            assert_eq!((surplus.content.len(), surplus.left, surplus.kept()), (0, 4, false), "{message:?}");
        }
    }
}

// lengths beyond what integers hold
#[test]
fn t39_a_content_length_that_overflows_is_refused() {
    for value in [
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551619",
        "100000000000000000003",
        "340282366920938463463374607431768211459",
    ] {
        check_refused(response(&format!("Content-Length: {value}\r\n"), "abc"), &ParseError::ContentLength);
    }
    let zeros = format!("Content-Length: {}3\r\n", "0".repeat(100));
    check_content(response(&zeros, "abc"), "abc");
    let largest = drive_all(&get(), &response("Content-Length: 9223372036854775807\r\n", "abc"));
    assert_eq!(largest, Err(ParseError::TruncatedBody { received: 3, expected: Some(i64::MAX as u64) }));
}

// h11's early detection; curl refuses HTTP/0.9 by default
#[test]
fn t41_what_is_not_http_1_is_refused_at_the_first_byte_that_tells() {
    for (input, telling, error) in [
        ("\x16\x03\x01\x02", 1, ParseError::NotHttp),
        ("\x15\x03\x03\x02", 1, ParseError::NotHttp),
        ("<html>", 1, ParseError::NotHttp),
        ("hello", 1, ParseError::NotHttp),
        ("HELLO", 2, ParseError::NotHttp),
        ("http/1.1 200 OK", 1, ParseError::NotHttp),
        ("HTTP 200", 5, ParseError::NotHttp),
        ("HTTP/0.9", 6, ParseError::Version),
        ("HTTP/2 200", 6, ParseError::Version),
        ("HTTP/12.1", 7, ParseError::Version),
        ("\r\nHTTP/1.1", 1, ParseError::NotHttp),
        ("\0", 1, ParseError::NotHttp),
    ] {
        for len in 1..=input.len() {
            let received = get().receive(&input.as_bytes()[..len], &mut MessageBuf::default());
            let expected = if len < telling {
                Ok(Received { used: 0, event: Event::NeedInput })
            } else {
                Err(error.clone())
            };
            assert_eq!(received, expected, "{:?}", &input[..len]);
        }
    }
}

// RFC 9112 §8, §9.8
#[test]
fn t47_a_message_cut_short_is_an_error_unless_only_the_close_ends_it() {
    for (input, framed) in [
        (response("Content-Length: 5\r\n", "hello"), true),
        (chunked("5\r\nhello\r\n0\r\nT: 1\r\n\r\n"), true),
        (response("", "hello"), false),
    ] {
        let head = input.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        for cut in 0..input.len() {
            let result = drive(&get(), &input[..cut], &[]);
            match (cut, result) {
                (0, result) => assert_eq!(result, Err(ParseError::NoResponse)),
                (_, Err(ParseError::TruncatedHead { received })) => assert!(cut < head && received == cut),
                (_, Err(ParseError::TruncatedBody { .. })) => assert!(cut >= head && framed),
                // The driver must know that the close was meant: a TLS stream says so, and TCP cannot.
                (_, Ok(seen)) => assert!(cut >= head && !framed && seen.content == input[head..cut]),
                (_, Err(error)) => panic!("cut at {cut}: {error}"),
            }
        }
    }
}

// RUSTSEC's history of fuzzing: one byte other than expected, at every place
#[test]
fn t48_no_byte_at_any_place_panics_or_splits_the_verdict() {
    let seeds = [
        response("Content-Length: 3\r\nA: b\r\n c\r\n", "abc"),
        chunked("3;a=\"b\"\r\nabc\r\n0\r\nT: 1\r\n\r\n"),
        b"HTTP/1.1 103 Hints\r\nLink: <a>\r\n\r\nHTTP/1.0 404 Not Found\r\n\r\nabc".to_vec(),
    ];
    let exchange = get();
    for seed in seeds {
        let bytewise: Vec<_> = (1..seed.len() + 1).collect();
        for at in 0..seed.len() {
            for byte in *b"\0\t\n\r \"0:;A\x7f\x80\xff" {
                let (mut replaced, mut inserted) = (seed.clone(), seed.clone());
                replaced[at] = byte;
                inserted.insert(at, byte);
                for input in [replaced, inserted] {
                    let whole = drive(&exchange, &input, &[]);
                    let shown = String::from_utf8_lossy(&input);
                    assert_eq!(drive(&exchange, &input, &bytewise), whole, "{shown:?}");
                }
            }
        }
    }
}
