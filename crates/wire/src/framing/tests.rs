use super::*;
use crate::headers::Headers;

const GET: RequestFacts = RequestFacts { head: false, connect: false, upgrade: false };
const HEAD: RequestFacts = RequestFacts { head: true, ..GET };
const CONNECT: RequestFacts = RequestFacts { connect: true, ..GET };
const UPGRADE: RequestFacts = RequestFacts { upgrade: true, ..GET };

fn headers(lines: &str) -> Headers {
    let mut headers = Headers::new();
    for line in lines.lines() {
        let (name, value) = line.split_once(':').unwrap();
        headers.append(name, value).unwrap();
    }
    headers
}

#[track_caller]
fn check(asked: RequestFacts, status: u16, lines: &str, expected: Result<Framing, ParseError>) {
    let head = ResponseHead {
        status: StatusCode::from_u16(status).unwrap(),
        headers: headers(lines),
        ..ResponseHead::default()
    };
    assert_eq!(response_framing(asked, &head), expected, "{asked:?} {status} {lines:?}");
}

#[test]
fn statuses_and_methods_without_content_beat_the_fields() {
    for (asked, status) in [(HEAD, 200), (HEAD, 404), (GET, 204), (GET, 304), (GET, 103)] {
        for lines in ["", "Content-Length: 5", "Transfer-Encoding: chunked", "Content-Length: x"] {
            check(asked, status, lines, Ok(Framing::Empty));
        }
    }
}

#[test]
fn te_beats_content_length() {
    check(GET, 200, "Transfer-Encoding: chunked\nContent-Length: 5", Ok(Framing::Chunked));
    check(GET, 200, "Content-Length: x\nTransfer-Encoding: Chunked", Ok(Framing::Chunked));
}

#[test]
fn only_chunked_is_understood() {
    for value in ["gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "\"chunked\"", ""]
    {
        let lines = format!("Transfer-Encoding: {value}");
        check(GET, 200, &lines, Err(ParseError::TransferEncoding));
    }
    check(GET, 200, "Transfer-Encoding: ,chunked,", Ok(Framing::Chunked));
    check(GET, 200, "Transfer-Encoding: chunked\nTransfer-Encoding: gzip", Err(ParseError::TransferEncoding));
    let head = ResponseHead {
        version: Version::HTTP_10,
        headers: headers("Transfer-Encoding: chunked"),
        ..ResponseHead::default()
    };
    assert_eq!(response_framing(GET, &head), Err(ParseError::TransferEncodingInHttp10));
}

#[test]
fn content_length_is_digits_and_one_number() {
    let length = |n| Ok(Framing::ContentLength(n));
    check(GET, 200, "Content-Length: 0", length(0));
    check(GET, 200, "Content-Length: 007", length(7));
    check(GET, 200, "Content-Length: 5\nContent-Length: 5", length(5));
    check(GET, 200, "Content-Length: 5 , 5", length(5));
    check(GET, 200, "Content-Length: 9223372036854775807", length(i64::MAX as u64));
    for value in
        ["", "+5", "-5", "5a", "0x5", "5 5", "5,6", "5,", "9223372036854775808", "99999999999999999999"]
    {
        check(GET, 200, &format!("Content-Length: {value}"), Err(ParseError::ContentLength));
    }
    check(GET, 200, "Content-Length: 5\nContent-Length: 6", Err(ParseError::ContentLength));
}

#[test]
fn without_a_length_the_end_is_the_close() {
    check(GET, 200, "", Ok(Framing::CloseDelimited));
    check(CONNECT, 407, "", Ok(Framing::CloseDelimited));
}

#[test]
fn connections_are_handed_over_only_when_asked() {
    check(CONNECT, 200, "Content-Length: 5", Ok(Framing::Tunnel));
    check(CONNECT, 299, "Transfer-Encoding: chunked", Ok(Framing::Tunnel));
    check(CONNECT, 407, "Content-Length: 5", Ok(Framing::ContentLength(5)));
    check(UPGRADE, 101, "Content-Length: 5", Ok(Framing::Upgraded));
    check(GET, 101, "", Err(ParseError::UnaskedUpgrade));
    check(HEAD, 101, "", Err(ParseError::UnaskedUpgrade));
}

/// `Ok` names the framing and the field that is added.
#[track_caller]
fn check_request(
    method: &Method,
    version: Version,
    lines: &str,
    length: BodyLength,
    expected: Option<(Framing, Option<LengthField>)>,
) {
    let headers = headers(lines);
    let head = RequestHead { version, ..RequestHead::new(method, "/", &headers) };
    assert_eq!(request_framing(&head, length).ok(), expected, "{method} {version:?} {lines:?} {length:?}");
}

#[test]
fn requests_are_framed_by_one_field_that_matches() {
    use BodyLength::{Empty, Known, Unknown};
    use Framing::{Chunked, ContentLength};
    let (v10, v11) = (Version::HTTP_10, Version::HTTP_11);
    let (get, post) = (&Method::GET, &Method::POST);
    let own = |n| Some((ContentLength(n), None));
    let added = |n| Some((ContentLength(n), Some(LengthField::ContentLength(n))));
    check_request(get, v11, "", Empty, Some((Framing::Empty, None)));
    check_request(&Method::DELETE, v11, "", Empty, Some((Framing::Empty, None)));
    check_request(post, v11, "", Empty, Some((Framing::Empty, Some(LengthField::ContentLength(0)))));
    check_request(post, v11, "Content-Length: 0", Empty, Some((Framing::Empty, None)));
    check_request(post, v11, "", Known(5), added(5));
    check_request(get, v11, "", Known(5), added(5));
    check_request(post, v11, "Content-Length: 5", Known(5), own(5));
    check_request(post, v11, "Content-Length: 5", Unknown, own(5));
    check_request(post, v11, "", Unknown, Some((Chunked, Some(LengthField::Chunked))));
    check_request(post, v11, "Transfer-Encoding: chunked", Known(5), Some((Chunked, None)));
    check_request(post, v11, "Transfer-Encoding: gzip, chunked", Unknown, Some((Chunked, None)));
    check_request(post, v10, "", Known(5), added(5));
    check_request(&Method::TRACE, v11, "", Known(0), Some((Framing::Empty, None)));
    for (method, version, lines, length) in [
        (post, v11, "Content-Length: 5", Known(6)),
        (post, v11, "Content-Length: 5", Empty),
        (post, v11, "Content-Length: +5", Known(5)),
        (post, v11, "Content-Length: 5\nContent-Length: 5", Known(5)),
        (post, v11, "Content-Length: 5, 5", Known(5)),
        (post, v11, "Transfer-Encoding: , chunked,", Unknown),
        (post, v11, "Transfer-Encoding: x;a=\", chunked", Unknown),
        (post, v11, "Content-Length: 5\nContent-Length: 6", Unknown),
        (post, v11, "Content-Length: 5\nTransfer-Encoding: chunked", Known(5)),
        (post, v11, "Transfer-Encoding: gzip", Unknown),
        (post, v11, "Transfer-Encoding: chunked, chunked", Unknown),
        (post, v11, "Transfer-Encoding: chunked", Empty),
        (post, v10, "Transfer-Encoding: chunked", Known(5)),
        (post, v10, "", Unknown),
        (&Method::CONNECT, v11, "", Known(5)),
        (&Method::TRACE, v11, "", Unknown),
    ] {
        check_request(method, version, lines, length, None);
    }
}

#[test]
fn a_suppressed_length_field_needs_one_of_the_callers() {
    let none = Headers::new();
    let head = RequestHead { add_length: false, ..RequestHead::new(&Method::POST, "/", &none) };
    assert_eq!(request_framing(&head, BodyLength::Empty), Ok((Framing::Empty, None)));
    assert!(request_framing(&head, BodyLength::Known(5)).is_err());
    let own = headers("Content-Length: 5");
    let head = RequestHead { headers: &own, ..head };
    assert_eq!(request_framing(&head, BodyLength::Known(5)), Ok((Framing::ContentLength(5), None)));
}
