//! Encoded content, as clients and connections meet it.
#![cfg(feature = "gzip")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

mod common;

use std::io::{BufRead, Read, Write};

use common::{get, ok, stage};
use flate2::{Compression, write::GzEncoder};
use http_client::{Body, DecodeError, ErrorKind};
use testkit::peer::Script;

/// What a GET for `path` looks like where content may come encoded.
fn offering(path: &str) -> String {
    let offer = match (cfg!(feature = "brotli"), cfg!(feature = "zstd")) {
        (false, false) => "gzip, deflate",
        (true, false) => "gzip, deflate, br",
        (false, true) => "gzip, deflate, zstd",
        (true, true) => "gzip, deflate, br, zstd",
    };
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {offer}\r\n\r\n")
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn response(fields: &str, content: &[u8]) -> Vec<u8> {
    let mut response =
        format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", content.len()).into_bytes();
    response.extend_from_slice(content);
    response
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    response("Content-Encoding: gzip\r\n", &gzip(content))
}

#[test]
fn encoded_content_is_decoded_however_it_is_read() {
    let text = "the keeper writes by night\n".repeat(3000);
    let encoded = gzip(text.as_bytes()).len() as u64;
    let script = (0..5).fold(Script::new(), |script, _| {
        script.expect(offering("/")).reply_split(gzipped(text.as_bytes()), &[20, 100, 200])
    });
    let mut stage = stage([script]);
    stage.config.decode = true;
    let client = stage.client();
    let send = || client.get("http://a/").send().unwrap();

    let response = send();
    assert_eq!((response.content_length(), response.is_decoded()), (Some(encoded), true));
    assert_eq!(response.header("content-encoding"), Some("gzip"));
    assert_eq!(response.text().unwrap(), text);

    let mut response = send();
    let mut copied = Vec::new();
    assert_eq!(response.copy_to(&mut copied).unwrap(), text.len() as u64);
    assert_eq!((response.received(), response.decoded()), (encoded, text.len() as u64));
    assert_eq!(copied, text.as_bytes());

    let (mut response, mut bytewise) = (send(), Vec::new());
    let mut byte = [0];
    while response.read(&mut byte).unwrap() > 0 {
        bytewise.extend_from_slice(&byte);
    }
    assert_eq!(bytewise, text.as_bytes());

    let response = send();
    assert_eq!(response.lines().map(Result::unwrap).count(), 3000);

    let mut response = send();
    let seen = response.fill_buf().unwrap().len();
    response.consume(seen);
    let mut rest = String::new();
    response.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, text[seen..]);
    assert_eq!(stage.peer.connects(), 1);
    stage.finish();
}

#[test]
fn the_connection_goes_home_before_the_decoded_content_is_read_to_its_end() {
    let text = "x".repeat(100_000);
    let mut stage = stage([Script::new()
        .expect(offering("/1"))
        .reply(gzipped(text.as_bytes()))
        .expect(offering("/2"))
        .reply(ok("two"))]);
    stage.config.decode = true;
    let client = stage.client();
    let mut first = client.get("http://a/1").send().unwrap();
    first.read_exact(&mut [0; 10]).unwrap();
    assert_eq!(client.get("http://a/2").send().unwrap().text().unwrap(), "two");
    assert_eq!(stage.peer.connects(), 1);
    assert_eq!(first.text().unwrap().len(), text.len() - 10);
    stage.finish();
}

#[test]
fn a_connection_decodes_what_it_asked_for_and_nothing_else() {
    let by_hand = "GET /raw HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";
    let mut stage = stage([Script::new()
        .expect(offering("/"))
        .reply(gzipped(b"decoded"))
        .expect(by_hand)
        .reply(gzipped(b"raw"))
        .expect(get("/raw"))
        .reply(gzipped(b"raw"))]);
    stage.config.decode = true;
    let mut connection = stage.connection();
    connection.request("GET", "/").unwrap();
    assert_eq!(connection.response().unwrap().text().unwrap(), "decoded");

    connection.request_with("GET", "/raw", &[("Accept-Encoding", "gzip")], Body::empty()).unwrap();
    assert_eq!(connection.response().unwrap().bytes().unwrap(), gzip(b"raw"));
    connection.put_request("GET", "/raw").unwrap().end_headers().unwrap();
    assert_eq!(connection.response().unwrap().bytes().unwrap(), gzip(b"raw"));
    stage.finish();
}

#[test]
fn whoever_offers_codings_or_asks_for_none_gets_what_came() {
    let own = "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";
    let range = "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=5-\r\n\r\n";
    let mut stage = stage([Script::new()
        .expect(own)
        .reply(gzipped(b"x"))
        .expect(range)
        .reply(gzipped(b"x"))
        .expect(get("/"))
        .reply(gzipped(b"x"))]);
    stage.config.decode = true;
    let client = stage.client();
    for request in [
        client.get("http://a/").header("Accept-Encoding", "gzip"),
        client.get("http://a/").header("Range", "bytes=5-"),
        client.get("http://a/").without_decoding(),
    ] {
        let response = request.send().unwrap();
        assert!(!response.is_decoded());
        assert_eq!(response.bytes().unwrap(), gzip(b"x"));
    }
    stage.finish();
}

#[test]
fn codings_of_no_content_and_unknown_ones_are_no_error() {
    let head = offering("/").replace("GET", "HEAD");
    let coded =
        |status: &str| format!("HTTP/1.1 {status}\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n");
    let mut stage = stage([Script::new()
        .expect(head)
        .reply(coded("200 OK"))
        .expect(offering("/"))
        .reply("HTTP/1.1 204 \r\nContent-Encoding: gzip\r\n\r\n")
        .expect(offering("/"))
        .reply(coded("304 "))
        .expect(offering("/"))
        .reply(response("Content-Encoding: gzip\r\n", b""))
        .expect(offering("/"))
        .reply("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        .expect(offering("/"))
        .reply(response("Content-Encoding: rot13\r\n", b"uryyb"))]);
    stage.config.decode = true;
    let client = stage.client();
    assert_eq!(client.head("http://a/").send().unwrap().text().unwrap(), "");
    for content in ["", "", "", "", "uryyb"] {
        assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), content);
    }
    assert_eq!(stage.peer.connects(), 1);
    stage.finish();
}

#[test]
fn damaged_content_and_content_cut_short_have_their_errors() {
    #[track_caller]
    fn check(content: &[u8], kind: ErrorKind, words: &str) {
        let mut stage = stage([Script::new()
            .expect(offering("/"))
            .reply(response("Content-Encoding: gzip\r\n", content))]);
        stage.config.decode = true;
        let mut response = stage.client().get("http://a/").send().unwrap();
        let error = response.copy_to(&mut Vec::new()).unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains(words)), (kind, true), "{error}");
        assert!(error.to_string().starts_with("GET http://a/: "), "{error}");
        assert!(std::error::Error::source(&error).unwrap().is::<DecodeError>());
        let again = response.copy_to(&mut Vec::new()).unwrap_err();
        assert_eq!(again.to_string(), error.to_string(), "an error stays");
    }
    let whole = gzip(b"the keeper writes by night");
    check(&whole[..whole.len() - 9], ErrorKind::Truncated, "in the middle of its gzip");
    check(&whole[..5], ErrorKind::Truncated, "in the middle of its gzip");
    check(b"no gzip at all", ErrorKind::Protocol, "no valid gzip");
}

#[test]
fn a_truncated_message_is_named_before_what_was_encoded_in_it() {
    let whole = gzipped(b"the keeper writes by night");
    let mut stage = stage([Script::new().expect(offering("/")).reply(&whole[..whole.len() - 9]).close()]);
    stage.config.decode = true;
    let error = stage.client().get("http://a/").send().unwrap().text().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);
    assert!(!error.to_string().contains("gzip"), "{error}");
}

#[test]
fn t21_a_decompression_bomb_is_refused_and_bounded_by_either_limit() {
    let bomb = gzip(&vec![0; 32 << 20]);
    let one = || Script::new().expect(offering("/")).reply(response("Content-Encoding: gzip\r\n", &bomb));
    let mut stage = stage([one(), one(), one()]);
    stage.config.decode = true;
    let error = stage.client().get("http://a/").send().unwrap().bytes().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("limits.expansion"), "{error}");

    stage.config.limits.expansion = u64::MAX;
    stage.config.limits.buffered = 8 << 20;
    let error = stage.client().get("http://a/").send().unwrap().bytes().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("limits.buffered"), "{error}");
    // Read as it comes, it is bounded by the reader alone.
    let mut response = stage.client().get("http://a/").send().unwrap();
    assert_eq!(response.copy_to(&mut std::io::sink()).unwrap(), 32 << 20);
}

#[test]
fn t21_six_codings_are_refused_when_the_content_is_read() {
    let fields = "Content-Encoding: gzip, gzip, gzip\r\nContent-Encoding: gzip, gzip, gzip\r\n";
    let mut stage = stage([Script::new().expect(offering("/")).reply(response(fields, b"bytes"))]);
    stage.config.decode = true;
    let response = stage.client().get("http://a/").send().unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let error = response.bytes().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("more than 5 times"), "{error}");
}

#[test]
fn t21_a_bomb_in_a_redirect_is_drained_as_it_stands() {
    // Drained decoded, it would pass both the limit for draining and the one for growth.
    let bomb = gzip(&vec![0; 32 << 20]);
    assert!(bomb.len() < 64 << 10, "{}", bomb.len());
    let mut moved = format!(
        "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        bomb.len()
    )
    .into_bytes();
    moved.extend_from_slice(&bomb);
    let mut stage =
        stage([Script::new().expect(offering("/")).reply(moved).expect(offering("/next")).reply(ok("here"))]);
    stage.config.decode = true;
    let response = stage.client().get("http://a/").send().unwrap();
    assert_eq!((response.text().unwrap().as_str(), stage.peer.connects()), ("here", 1));
    stage.finish();
}
