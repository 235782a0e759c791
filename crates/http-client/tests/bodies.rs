//! Content that is sent again, asked for, or watched.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

mod common;

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use common::{get, ok, stage};
use http_client::{Body, Client, ErrorKind};
use testkit::peer::Script;

fn file(content: &[u8]) -> Body {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    Body::file(file.path()).unwrap()
}

#[test]
fn what_can_be_made_anew_follows_a_redirect_and_a_replay() {
    let head = |path: &str| format!("PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    let moved = "HTTP/1.1 307 \r\nLocation: /there\r\nContent-Length: 0\r\n\r\n";
    for body in [Body::text("hello"), file(b"hello"), Body::factory(Some(5), || Ok(&b"hello"[..]))] {
        let name = format!("{body:?}");
        let stage = stage([
            Script::new().expect(head("/")).reply(moved).expect(head("/there")).close(),
            Script::new().expect(head("/there")).reply(ok(&name)),
        ]);
        let response = stage.client().put("http://a/").body(body).send().unwrap();
        assert_eq!(response.text().unwrap(), name);
        stage.finish();
    }
}

#[test]
fn a_factory_is_asked_once_for_each_attempt_and_may_fail() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let make = move || match count.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(&b"x"[..]),
        _ => Err(io::Error::other("no more")),
    };
    let moved = "HTTP/1.1 307 \r\nLocation: /there\r\nContent-Length: 0\r\n\r\n";
    let first = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    let stage = stage([Script::new().expect(first).reply(moved)]);
    let error = stage.client().put("http://a/").body(Body::factory(Some(1), make)).send().unwrap_err();
    assert_eq!((error.kind(), asked.load(Ordering::Relaxed)), (ErrorKind::Content, 2));
    assert!(error.to_string().ends_with("no more"), "{error}");
}

#[test]
fn long_content_is_asked_about_and_sent_plainly_where_the_server_refuses_the_question() {
    let asking = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let plain = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let refusal = "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n";
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    let run = |scripts: Vec<Script>, send: &dyn Fn(&Client)| {
        let mut stage = stage(scripts);
        stage.config.expect_above = Some(4);
        send(&stage.client());
        stage.finish();
    };
    let put = |client: &Client| client.put("http://a/").body("hello");
    run(vec![Script::new().expect(asking).reply(go_on).expect("hello").reply(ok(""))], &|client| {
        put(client).send().unwrap();
    });
    run(
        vec![Script::new().expect(asking).reply(refusal), Script::new().expect(plain).reply(ok(""))],
        &|client| {
            assert_eq!(put(client).send().unwrap().attempts().len(), 2);
        },
    );
    run(vec![Script::new().expect(plain).reply(ok("")).expect(get("/")).reply(ok(""))], &|client| {
        put(client).without_header("Expect").send().unwrap();
        client.get("http://a/").send().unwrap();
    });
}

/// RFC 9112 §9.3: half a request behind an early answer must not be taken for the next one.
#[test]
fn t13_content_that_was_refused_takes_its_connection_along() {
    let asking = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut stage = stage([
        Script::new().expect(asking).reply("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"),
        Script::new().expect(get("/")).reply(ok("")),
    ]);
    stage.config.expect_above = Some(4);
    let client = stage.client();
    assert_eq!(client.put("http://a/").body("hello").send().unwrap().status().as_u16(), 401);
    client.get("http://a/").send().unwrap();
    stage.finish();
}

/// Framing and bytes match, whatever the method is.
#[test]
fn t13_content_of_any_method_is_framed() {
    let framed =
        |method: &str| format!("{method} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        let content = "5\r\nhello\r\n0\r\n\r\n";
        let stage = stage([Script::new().expect(framed(method) + content).reply("HTTP/1.1 204 \r\n\r\n")]);
        let body = Body::reader(&b"hello"[..]);
        stage.client().request(method, "http://a/").body(body).send().unwrap();
        stage.finish();
    }
}

#[test]
fn an_upload_tells_how_far_it_is() {
    const LEN: usize = 150 << 10;
    let head = format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {LEN}\r\n\r\n");
    let stage = stage([Script::new().expect(head + &"x".repeat(LEN)).reply(ok(""))]);
    let (tell, told) = mpsc::channel();
    let body = Body::bytes(vec![b'x'; LEN]).watched(move |sent, total| tell.send((sent, total)).unwrap());
    stage.client().put("http://a/").body(body).send().unwrap();
    let told: Vec<_> = told.iter().collect();
    let expected = [64 << 10, 128 << 10, 150 << 10].map(|sent| (sent, Some(150 << 10)));
    assert_eq!(told, expected);
    stage.finish();
}

#[test]
fn pieces_of_an_iterator_are_chunks() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n";
    let stage = stage([Script::new().expect(head.to_owned() + chunks).reply(ok(""))]);
    let pieces = ["ab", "", "cde"].map(String::from);
    stage.client().post("http://a/").body(Body::iterator(pieces)).send().unwrap();
    stage.finish();
}

#[test]
fn no_content_is_none_even_for_trace() {
    let stage = stage([Script::new().expect("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").reply(ok(""))]);
    let client = stage.client();
    client.request("TRACE", "http://a/").body("").send().unwrap();
    client.request("TRACE", "http://a/").body("x").send().unwrap_err();
    stage.finish();
}

#[test]
fn a_server_of_http_1_0_gets_no_chunks() {
    let old = "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n";
    let put = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let scripts =
        || [Script::new().expect(get("/")).reply(old).close(), Script::new().expect(put).reply(ok(""))];
    let (own, chunks) = (stage(scripts()), || Body::reader(&b"hi"[..]));
    let client = own.client();
    client.get("http://a/").send().unwrap();
    let error = client.put("http://a/").body(chunks()).send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.to_string().ends_with("takes no chunks: give the content a length"), "{error}");
    // What has a length goes there.
    client.put("http://a/").body("hi").send().unwrap();
    own.finish();

    let stage = stage(scripts());
    let mut conn = stage.connection();
    conn.request("GET", "/").unwrap();
    conn.response().unwrap();
    let error = conn.request_with("PUT", "/", &[], chunks()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    conn.request_with("PUT", "/", &[], "hi").unwrap();
    conn.response().unwrap();
    stage.finish();
}

#[test]
fn a_trace_brings_no_credentials_back() {
    let trace = "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n";
    let script = || Script::new().expect(trace).reply(ok(""));
    let mut stage = stage([script(), script()]);
    stage.config.headers.append("Authorization", "s3cret").unwrap();
    let client = stage.client();
    let error = client.request("TRACE", "http://a/").bearer_auth("s3cret").send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    client.request("TRACE", "http://a/").send().unwrap();
    let (mut conn, own) = (stage.connection(), [("X-Api-Key", "s3cret")]);
    assert_eq!(conn.request_with("TRACE", "/", &own, ()).unwrap_err().kind(), ErrorKind::InvalidRequest);
    conn.request("TRACE", "/").unwrap();
    conn.response().unwrap();
    stage.finish();
}
