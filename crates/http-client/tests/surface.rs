//! What a client's methods put on the wire.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

mod common;

use std::time::Duration;

use common::{Paper, get, ok, stage};
use http_client::{
    Client, ClientConfig, Connection, Error, ErrorKind, NotFollowed, Redirect, RedirectPolicy, Request,
    Response, Timeouts, Upgraded,
};
use testkit::peer::Script;

#[test]
fn every_verb_sends_its_method() {
    let stage = stage([["OPTIONS", "PROPFIND", "HEAD", "PUT", "PATCH", "DELETE"].into_iter().fold(
        Script::new(),
        |script, method| {
            let length = if matches!(method, "PUT" | "PATCH") { "Content-Length: 0\r\n" } else { "" };
            script
                .expect(format!("{method} / HTTP/1.1\r\nHost: a\r\n{length}\r\n"))
                .reply("HTTP/1.1 204 \r\n\r\n")
        },
    )]);
    let client = stage.client();
    for request in [
        client.options("http://a/"),
        client.request("PROPFIND", "http://a/"),
        client.head("http://a/"),
        client.put("http://a/"),
        client.patch("http://a/"),
        client.delete("http://a/"),
    ] {
        assert_eq!(request.send().unwrap().status().as_u16(), 204);
    }
    stage.finish();
}

#[test]
fn queries_and_forms_are_encoded() {
    let stage = stage([Script::new()
        .expect("POST /search?a=1&q=x+%26+y HTTP/1.1\r\nHost: a\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 29\r\n\r\nname=Ida+%C3%96&note=a%3Db%0A")
        .reply(ok(""))]);
    let client = stage.client();
    let request = client.post("http://a/search?a=1").query([("q", "x & y")]);
    request.form([("name", "Ida \u{d6}"), ("note", "a=b\n")]).send().unwrap();
    stage.finish();
}

#[test]
fn credentials_become_a_field_and_stay_out_of_errors() {
    let stage = stage([Script::new()
        .expect("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n")
        .reply(ok(""))
        .expect("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t0ken\r\n\r\n")
        .reply(ok(""))]);
    let client = stage.client();
    client.get("http://a/").basic_auth("Aladdin", "open sesame").send().unwrap();
    client.get("http://a/").bearer_auth("t0ken").send().unwrap();
    for error in [
        client.get("http://a/").bearer_auth("s3cret\r\nX: y").send().unwrap_err(),
        client.get("http://a/").basic_auth("a:b", "s3cret").send().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
    stage.finish();
}

#[test]
fn a_connection_tells_where_a_redirect_would_lead() {
    let moved = "HTTP/1.1 302 \r\nLocation: /new\r\nContent-Length: 0\r\n\r\n";
    let stage = stage([Script::new().expect(get("/old")).reply(moved).expect(get("/new")).reply(ok("here"))]);
    let mut connection = stage.connection();
    connection.request("GET", "/old").unwrap();
    let verdict = connection.response().unwrap().redirect(&RedirectPolicy::default());
    let Redirect::Follow(hop) = verdict else { panic!("{verdict:?}") };
    assert_eq!((hop.url.as_str(), hop.method.as_str(), hop.same_origin), ("http://a/new", "GET", true));
    connection.request("GET", hop.url.path()).unwrap();
    let response = connection.response().unwrap();
    assert_eq!(response.redirect(&RedirectPolicy::default()), Redirect::Deliver(NotFollowed::NoRedirect));
    assert_eq!(response.text().unwrap(), "here");
    stage.finish();
}

#[test]
fn a_client_is_shared_among_threads() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Client>();
    shared::<ClientConfig>();
    shared::<Error>();
}

#[test]
fn what_a_call_holds_moves_to_another_thread() {
    fn moves<T: Send + 'static>() {}
    moves::<Connection>();
    moves::<Response<'static>>();
    moves::<Upgraded>();
    moves::<Request>();
}

#[test]
fn a_connection_is_configured_for_the_requests_that_follow() {
    let stage = stage([Script::new()
        .expect(get("/a"))
        .reply(ok(""))
        .expect("GET /b HTTP/1.1\r\nHost: a\r\nX-Keeper: Ida\r\n\r\n")
        .stall(Duration::from_secs(9))]);
    let (paper, mut connection) = (Paper::default(), stage.connection());
    connection.request("GET", "/a").unwrap();
    connection.response().unwrap();
    connection.configure(|config| {
        config.headers.append("X-Keeper", "Ida").unwrap();
        config.timeouts = Timeouts::each(Duration::from_secs(5));
        config.wiretap = Some(paper.tap());
    });
    connection.request("GET", "/b").unwrap();
    let error = connection.response().unwrap_err();
    assert_eq!((error.is_timeout(), stage.clock.elapsed()), (true, Duration::from_secs(5)));
    assert!(paper.take().contains("> X-Keeper: Ida"));
    // One tap at a time, whichever call set it last.
    connection.debug_to(None);
    connection.configure(|config| config.decode = true);
    connection.request("GET", "/c").unwrap_err();
    assert_eq!(paper.take(), "");
    stage.finish();
}
