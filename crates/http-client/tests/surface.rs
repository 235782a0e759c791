//! What a client's methods put on the wire.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

mod common;

use common::{get, ok, stage};
use http_client::{Client, ErrorKind, NotFollowed, Redirect, RedirectPolicy};
use testkit::peer::Script;

#[test]
fn every_verb_sends_its_method() {
    let stage =
        stage([["HEAD", "PUT", "PATCH", "DELETE"].into_iter().fold(Script::new(), |script, method| {
            let length = if matches!(method, "PUT" | "PATCH") { "Content-Length: 0\r\n" } else { "" };
            script
                .expect(format!("{method} / HTTP/1.1\r\nHost: a\r\n{length}\r\n"))
                .reply("HTTP/1.1 204 \r\n\r\n")
        })]);
    let client = stage.client();
    for request in [
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
}

#[test]
fn fields_are_added_in_their_order() {
    let lines = vec![("X-One".to_owned(), "1"), ("X-Two".to_owned(), "2"), ("X-One".to_owned(), "3")];
    let request = Client::new().get("http://a/").header("X-Zero", "0").headers(lines).build().unwrap();
    let shown: Vec<_> = request.headers.iter().map(|(name, value)| (name, value[0])).collect();
    assert_eq!(shown, [("X-Zero", b'0'), ("X-One", b'1'), ("X-Two", b'2'), ("X-One", b'3')]);
    let error = Client::new().get("http://a/").headers([("a b", "")]).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}
