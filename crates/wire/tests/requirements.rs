//! What RFC 9110 and 9112 ask of a client and no other test holds, see `docs/checklist.md`: here what is about parsing,
//! in `requirements/` what is about framing, requests and connections.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "test code fails loudly"
)]

#[path = "common/drive.rs"]
mod drive;
#[path = "requirements/framing.rs"]
mod framing;
#[path = "requirements/requests.rs"]
mod requests;

use drive::{asked, check_content, check_refused, chunked, drive, drive_all, get, response};
use wire::{CloseReason, Limit, Limits, Method, ParseError, Persistence};

#[test]
fn every_octet_that_may_stand_in_a_value_comes_through_as_it_is() {
    let octets: Vec<u8> = (b'!'..=0xff).filter(|&byte| byte != 0x7f).collect();
    let input =
        [b"HTTP/1.1 200 ", &octets[..], b"\r\nX: ", &octets, b"\r\nContent-Length: 0\r\n\r\n"].concat();
    let seen = drive_all(&get(), &input).unwrap();
    assert_eq!(seen.head.headers.get("x"), Some(&octets[..]));
    // A sequence that is not UTF-8 is not taken for text.
    assert_eq!(seen.field("x"), None);
    let reason: Vec<_> = seen.head.reason.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert_eq!(reason, octets);
}

#[test]
fn cr_and_nul_and_other_controls_are_refused_wherever_they_stand() {
    for control in (0..b' ').chain([0x7f]).filter(|control| !b"\t\n".contains(control)).map(char::from) {
        for lines in
            [format!("X: a{control}b\r\n"), format!("X{control}: a\r\n"), format!("X: a{control}\r\n")]
        {
            let result = drive_all(&get(), &response(&lines, ""));
            // A second CR before CRLF is as bare as any.
            assert!(matches!(result, Err(ParseError::Field(_))), "{lines:?}: {result:?}");
            let result = drive_all(&get(), &chunked(&format!("0\r\n{lines}\r\n")));
            assert!(matches!(result, Err(ParseError::Field(_))), "{lines:?}: {result:?}");
        }
        let line = format!("HTTP/1.1 200 O{control}K\r\n\r\n");
        check_refused(line, &ParseError::StatusLine);
    }
}

#[test]
fn lf_alone_ends_no_line_of_head_or_trailers() {
    for input in [
        "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: 1\n\r\n",
    ] {
        check_refused(input, &ParseError::BareLf);
    }
}

#[test]
fn a_line_that_begins_with_white_space_before_the_first_field_is_refused() {
    for lines in [" Content-Length: 3\r\n", "\tX: y\r\nContent-Length: 3\r\n", " \r\nContent-Length: 3\r\n"] {
        let name = ParseError::Field("its name is not a token before a colon");
        check_refused(response(lines, "abc"), &name);
    }
}

#[test]
fn an_unknown_status_is_handled_as_its_class_and_given_as_it_is() {
    for status in [299, 399, 499, 599, 218, 420] {
        let input = format!("HTTP/1.1 {status} ?\r\nLocation: /\r\nContent-Length: 3\r\n\r\nabc");
        let seen = drive_all(&get(), input.as_bytes()).unwrap();
        assert_eq!((seen.status(), &seen.content[..], seen.kept()), (status, &b"abc"[..], true));
    }
    let seen = drive_all(&get(), b"HTTP/1.1 199 ?\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert_eq!((seen.informational[0].status.as_u16(), seen.status()), (199, 204));
}

#[test]
fn a_status_outside_100_to_599_is_an_error() {
    for status in [0, 1, 47, 99, 600, 666, 999] {
        check_refused(format!("HTTP/1.1 {status:03} ?\r\n\r\n"), &ParseError::StatusCode(status));
    }
}

#[test]
fn informational_responses_come_through_with_their_fields() {
    let input = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\nContent-Length: 9\r\n\r\n\
                 HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    let seen = check_content(input, "abc");
    let links: Vec<_> = seen.informational.iter().map(|head| head.headers.get_str("link")).collect();
    assert_eq!(links, [Some("</a>"), Some("</b>"), None]);
    assert_eq!(seen.field("link"), None);
    assert!(seen.kept());
}

#[test]
fn protocols_are_switched_only_when_asked() {
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw";
    let upgrade = [("Connection", "keep-alive, Upgrade"), ("Upgrade", "x")];
    for (lines, good) in [(&upgrade[..], true), (&upgrade[..1], false), (&upgrade[1..], false), (&[], false)]
    {
        let result = drive_all(&asked(&Method::GET, lines, Limits::default()), switch);
        match result {
            Ok(seen) => assert!(good && seen.handed_over && seen.left == 3, "{lines:?}"),
            Err(error) => assert!(!good && error == ParseError::UnaskedUpgrade, "{lines:?}: {error}"),
        }
    }
}

#[test]
fn a_field_name_is_a_token() {
    for name in ["", "A B", "A\u{b}", "A(", "A/B", "\"A\"", "A=", "\u{fc}", "A ", "A\t", "[A]", "A\u{0}"] {
        let result = drive_all(&get(), &response(&format!("{name}: v\r\n"), ""));
        assert!(matches!(result, Err(ParseError::Field(_))), "{name:?}: {result:?}");
    }
    let token = "!#$%&'*+-.^_`|~09AZaz";
    let seen = check_content(response(&format!("{token}: v\r\n"), ""), "");
    assert_eq!(seen.field(token), Some("v"));
}

#[test]
fn only_space_and_tab_are_taken_off_a_value() {
    let nbsp = b"HTTP/1.1 200 OK\r\nX: \t \xa0v\xa0 \t\r\nY:v\r\nZ:\r\nContent-Length:\t0 \r\n\r\n";
    let seen = drive_all(&get(), nbsp).unwrap();
    let values: Vec<_> = seen.head.headers.iter().map(|(_, value)| value).collect();
    assert_eq!(values, [&b"\xa0v\xa0"[..], b"v", b"", b"0"]);
    for other in ["\x0b", "\x0c"] {
        let result = drive_all(&get(), &response(&format!("X: {other}v\r\n"), ""));
        assert!(matches!(result, Err(ParseError::Field(_))), "{other:?}");
    }
}

#[test]
fn a_fold_becomes_a_space_and_hides_no_field() {
    let seen = check_content(response("A: b\r\n c\r\n \t \r\nContent-Length: 3\r\n", "abcd"), "abc");
    assert_eq!((seen.field("a"), seen.left), (Some("b c"), 1));
    // What stands in a fold is a value, however much it looks like a field.
    let seen = check_content(response("A: b\r\n Content-Length: 1\r\nContent-Length: 3\r\n", "abc"), "abc");
    assert_eq!(seen.field("a"), Some("b Content-Length: 1"));
    check_refused(response("Content-Length: 1\r\n 0\r\n", "abc"), &ParseError::ContentLength);
}

#[test]
fn lines_of_one_name_keep_their_order_and_are_never_joined() {
    let seen = check_content(response("Set-Cookie: a=1, b\r\nX: y\r\nset-cookie: c=2\r\n", ""), "");
    let lines: Vec<_> = seen.head.headers.iter().collect();
    let expected = [("Set-Cookie", &b"a=1, b"[..]), ("X", b"y"), ("set-cookie", b"c=2")];
    assert_eq!(lines, expected);
}

/// What is set; a response that goes beyond; the limit, its value, and how it is shown.
type Row = (fn(&mut Limits), Vec<u8>, Limit, usize, &'static str);

#[test]
fn each_limit_can_be_set_and_the_error_names_it_and_its_value() {
    let tight = |set: fn(&mut Limits)| {
        let mut limits = Limits::default();
        set(&mut limits);
        asked(&Method::GET, &[], limits)
    };
    let rows: [Row; 6] = [
        (|l| l.head_bytes = 20, response("X: y\r\n", ""), Limit::HeadBytes, 20, "20 bytes of head"),
        (|l| l.fields = 1, response("X: y\r\nZ: a\r\n", ""), Limit::Fields, 1, "1 field lines"),
        (
            |l| l.chunk_extension_bytes = 2,
            chunked("1;abc\r\nx\r\n0\r\n\r\n"),
            Limit::ChunkExtensionBytes,
            2,
            "2 bytes of extension on one chunk",
        ),
        (
            |l| l.chunk_extensions_total = 2,
            chunked("1;ab\r\nx\r\n0;c\r\n\r\n"),
            Limit::ChunkExtensionsTotal,
            2,
            "2 bytes of chunk extensions",
        ),
        (
            |l| l.trailer_bytes = 9,
            chunked("0\r\nX: yyyy\r\n\r\n"),
            Limit::TrailerBytes,
            9,
            "9 bytes of trailers",
        ),
        (
            |l| l.informational = 0,
            b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 204 N\r\n\r\n".to_vec(),
            Limit::Informational,
            0,
            "0 informational responses",
        ),
    ];
    for (set, input, limit, allowed, shown) in rows {
        let error = drive_all(&tight(set), &input).unwrap_err();
        assert_eq!(error, ParseError::TooLarge { limit, allowed });
        assert!(error.to_string().ends_with(shown), "{error}");
        assert!(drive(&get(), &input, &[]).is_ok(), "{limit} is generous by default");
    }
}

#[test]
fn empty_members_of_a_list_mean_nothing() {
    let seen = check_content(response("Connection: , ,close,, \r\nContent-Length: 0\r\n", ""), "");
    assert_eq!(seen.persistence, Some(Persistence::Close(CloseReason::ResponseSaidClose)));
    check_content(response("Transfer-Encoding: , ,chunked,\r\n", "0\r\n\r\n"), "");
    let seen = check_content(response("Connection: ,,\r\nConnection:\r\nContent-Length: 0\r\n", ""), "");
    assert!(seen.kept());
}
