//! What a request is made of: fields left out, cookies, content that is described, and what cannot be sent.
#![allow(clippy::unwrap_used, reason = "test code fails loudly")]

mod common;

use common::{get, ok, stage};
use http_client::{ErrorKind, Request};
use testkit::peer::Script;

#[test]
fn a_default_field_is_left_out_where_a_request_says_so() {
    let mut stage = stage([Script::new()
        .expect("GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n\r\n")
        .reply(ok(""))
        .expect("GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nX-Two: 2\r\n\r\n")
        .reply(ok(""))]);
    stage.config.headers.append("X-One", "1").unwrap();
    stage.config.headers.append("X-Two", "2").unwrap();
    let client = stage.client();
    client.get("http://a/").without_header("x-two").send().unwrap();
    client.get("http://a/").send().unwrap();
    stage.finish();
}

#[cfg(feature = "cookies")]
#[test]
fn a_request_without_cookies_sends_and_keeps_none() {
    let set = |cookie: &str| format!("HTTP/1.1 204 \r\nSet-Cookie: {cookie}\r\n\r\n");
    let with_cookie = "GET / HTTP/1.1\r\nHost: a\r\nCookie: x=1\r\n\r\n";
    let mut stage = stage([Script::new()
        .expect(get("/"))
        .reply(set("x=1"))
        .expect(get("/"))
        .reply(set("y=2"))
        .expect(with_cookie)
        .reply(ok(""))]);
    stage.config.cookies = Some(http_client::Jar::default());
    let client = stage.client();
    client.get("http://a/").send().unwrap();
    client.get("http://a/").cookies(false).send().unwrap();
    client.get("http://a/").send().unwrap();
    stage.finish();
}

#[cfg(feature = "json")]
#[test]
fn json_is_sent_and_described() {
    let stage = stage([Script::new()
        .expect("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n[1,\"a\"]")
        .reply(ok(""))
        .expect("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/x\r\nContent-Length: 4\r\n\r\nnull")
        .reply(ok(""))]);
    let client = stage.client();
    client.post("http://a/").json(&(1, "a")).send().unwrap();
    client.post("http://a/").header("Content-Type", "text/x").json(&()).send().unwrap();
    let no_json = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = client.post("http://a/").json(&no_json).send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Content);
    stage.finish();
}

#[test]
fn t9_a_method_that_is_no_token_is_refused() {
    for method in ["GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "GE T", "", "GET\n"] {
        assert_eq!(Request::new(method, "http://a/").unwrap_err().kind(), ErrorKind::InvalidRequest);
    }
}

#[test]
fn t10_control_characters_and_spaces_of_a_url_are_encoded_or_dropped() {
    let stage = stage([Script::new().expect(get("/aX:%20y?b=%20cX#d".trim_end_matches("#d"))).reply(ok(""))]);
    stage.client().get("http://a/a\r\nX: y?b= c\r\nX#d").send().unwrap();
    stage.finish();
}

#[test]
fn t11_a_line_break_in_a_field_is_refused_before_any_byte() {
    let stage = stage([]);
    let client = stage.client();
    for (name, value) in
        [("X", "a\r\nY: b"), ("X\r\nY", "b"), ("Host", "a\r\nY: b"), ("Content-Type", "a\nb")]
    {
        let error = client.get("http://a/").header(name, value).send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{name:?} {value:?}");
    }
    assert_eq!(stage.peer.connects(), 0);
}

#[test]
fn t12_a_line_break_in_a_target_of_connect_is_refused() {
    let stage = stage([Script::new()]);
    let mut connection = stage.connection();
    for target in ["b:443\r\nX: y", "b\n:443", "b :443"] {
        let error = connection.request("CONNECT", target).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{target:?}");
    }
    assert_eq!(stage.peer.connection(0).written, b"");
}

#[test]
fn what_the_content_is_is_said_once_whatever_the_order() {
    let post = |kind: &str, content: &str| {
        let length = content.len();
        format!("POST / HTTP/1.1\r\nHost: a\r\n{kind}Content-Length: {length}\r\n\r\n{content}")
    };
    let script = Script::new()
        .expect(post("Content-Type: application/x-www-form-urlencoded\r\n", "a=1"))
        .reply(ok(""))
        .expect(post("content-type: own\r\n", "a=1"))
        .reply(ok(""))
        .expect(post("content-type: own\r\n", "a=1"))
        .reply(ok(""))
        .expect(post("", "plain"))
        .reply(ok(""));
    let stage = stage([script]);
    let client = stage.client();
    let form = [("a", "1")];
    client.post("http://a/").form(form).send().unwrap();
    client.post("http://a/").form(form).header("content-type", "own").send().unwrap();
    client.post("http://a/").header("content-type", "own").form(form).send().unwrap();
    client.post("http://a/").form(form).body("plain").send().unwrap();
    stage.finish();
}

#[test]
fn a_connection_says_what_its_content_is_too() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                Content-Length: 3\r\n\r\na=1";
    let stage = stage([Script::new().expect(post).reply(ok(""))]);
    let mut conn = stage.connection();
    conn.request_with("POST", "/", &[], http_client::Body::form([("a", "1")])).unwrap();
    conn.response().unwrap();
    stage.finish();
}

#[test]
fn a_query_of_nothing_leaves_the_url_as_it_is() {
    let client = http_client::Client::new();
    let request = client.get("http://a/b").query([("a", "1"); 0]).build().unwrap();
    assert_eq!(request.url.as_str(), "http://a/b");
}
