//! Credentials: where they come from, and where they go.
#![allow(clippy::unwrap_used, reason = "test code fails loudly")]

mod common;

use common::{ok, stage};
use http_client::{Body, ErrorKind, Request, Url, http};
use testkit::peer::Script;

const FIELD: &str = "Authorization: Basic bWU6czNjcmV0"; // me:s3cret

fn with_field(target: &str, host: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{FIELD}\r\n\r\n")
}

#[test]
fn user_info_of_a_url_is_sent_as_a_field_and_shown_nowhere() {
    let mut stage = stage([Script::new()
        .expect(with_field("/b", "a"))
        .reply(ok(""))
        .expect(with_field("/c", "a"))
        .reply(ok(""))
        .expect("GET /d HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n")
        .reply(ok(""))]);
    stage.config.base_url = Some(Url::parse("http://me:s3cret@a/").unwrap());
    let client = stage.client();
    let request = client.get("http://me:s3cret@a/b");
    assert!(!format!("{request:?}").contains("s3cret"), "{request:?}");
    let response = request.send().unwrap();
    assert_eq!(response.url().unwrap().as_str(), "http://a/b");
    drop(response);
    client.get("/c").send().unwrap();
    client.get("/d").bearer_auth("x").send().unwrap();
    assert!(!format!("{client:?}").contains("s3cret"), "{client:?}");
    stage.finish();
}

#[test]
fn credentials_of_a_url_are_in_no_error() {
    let stage = stage([]);
    let client = stage.client();
    for url in [
        "http://me%3A:s3cret@a/",
        "http://me:s3cret%0A@a/",
        "ftp://me:s3cret@a/",
        "http://me:s3cret@a:99999/",
        "http://me:s3cret@[/",
        "http://me:s3cret@a/?token=s3cret",
    ] {
        let error = client.get(url).send().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}

#[test]
fn t6_credentials_of_a_url_stay_at_its_host() {
    let moved = "HTTP/1.1 302 \r\nLocation: http://b/there\r\nContent-Length: 0\r\n\r\n";
    let stage = stage([
        Script::new().expect(with_field("/", "a")).reply(moved),
        Script::new().expect("GET /there HTTP/1.1\r\nHost: b\r\n\r\n").reply(ok("")),
        Script::new()
            .expect("GET / HTTP/1.1\r\nHost: evil\r\nAuthorization: Basic YTo=\r\n\r\n")
            .reply(ok("")),
    ]);
    let client = stage.client();
    client.get("http://me:s3cret@a/").send().unwrap();
    client.get("http://a:@evil/").send().unwrap();
    stage.finish();
}

#[test]
fn requests_and_responses_of_the_http_crate_are_taken_and_given() {
    let mut stage = stage([Script::new()
        .expect("PUT /x?y HTTP/1.1\r\nHost: a\r\nx-one: 1\r\nx-one: 2\r\nContent-Length: 2\r\n\r\nhi")
        .reply("HTTP/1.1 201 Made\r\nX-A: b\r\nContent-Length: 3\r\n\r\nyes")]);
    stage.config.base_url = Some(Url::parse("http://a/").unwrap());
    let request = http::Request::put("/x?y").header("X-One", "1").header("X-One", "2").body("hi").unwrap();
    let response = stage.client().execute(request).unwrap();
    let response: http::Response<_> = response.try_into().unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["x-a"]), (201, &"b".parse().unwrap()));
    assert_eq!(response.into_body().text().unwrap(), "yes");
    stage.finish();

    let relative = http::Request::get("/x").body(()).unwrap();
    let error = Request::try_from(relative).unwrap_err();
    assert!(error.to_string().contains("base_url"), "{error}");
    let made = Request::new("PUT", "http://a/b#c").unwrap();
    let made = http::Request::<Body>::try_from(made).unwrap();
    assert_eq!((made.method().as_str(), made.uri().to_string().as_str()), ("PUT", "http://a/b"));
}

#[test]
fn a_relative_url_without_a_base_says_what_is_missing() {
    let error = stage([]).client().get("/b?token=s3cret").send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.to_string().contains("ClientConfig::base_url"), "{error}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
}
