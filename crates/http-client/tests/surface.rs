//! What a client's methods put on the wire.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

mod common;

use std::io::Read;

use common::{get, ok, stage};
use http_client::{
    Client, Connection, Error, ErrorKind, NotFollowed, Origin, Proxy, Redirect, RedirectPolicy, Url,
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
    connection.request("GET", hop.target()).unwrap();
    let response = connection.response().unwrap();
    assert_eq!(response.redirect(&RedirectPolicy::default()), Redirect::Deliver(NotFollowed::NoRedirect));
    assert_eq!(response.text().unwrap(), "here");
    stage.finish();
}

#[test]
fn what_can_move_to_other_threads_does() {
    fn shared<T: Send + Sync + 'static>() {}
    fn moved<T: Send + 'static>() {}
    shared::<Client>();
    shared::<http_client::ClientConfig>();
    shared::<Error>();
    moved::<Connection>();
    moved::<http_client::Request>();
    moved::<http_client::RequestBuilder>();
    moved::<http_client::Response<'static>>();
    moved::<http_client::Upgraded>();
    moved::<http_client::Unanswered>();
}

#[test]
fn settings_of_a_connection_change_between_requests() {
    let stage = stage([Script::new()
        .expect(get("/1"))
        .reply(ok("long"))
        .expect("GET /2 HTTP/1.1\r\nHost: a\r\nX-Own: 1\r\n\r\n")
        .reply(ok("long"))]);
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    conn.response().unwrap().text().unwrap();
    conn.configure(|config| {
        config.limits.buffered = 3;
        config.headers.append("X-Own", "1").unwrap();
    });
    conn.request("GET", "/2").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap_err().kind(), ErrorKind::TooLarge);
    stage.finish();
}

#[test]
fn errors_of_urls_origins_and_proxies_are_errors_of_requests() {
    fn fails() -> Vec<Error> {
        let url = || -> Result<Url, Error> { Ok("http://[s3cret".parse()?) };
        let origin = || -> Result<Origin, Error> { Ok(Origin::http("")?) };
        let proxy = || -> Result<Proxy, Error> { Ok("s3cret".parse()?) };
        vec![url().unwrap_err(), origin().unwrap_err(), proxy().unwrap_err()]
    }
    for error in fails() {
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[test]
fn an_error_comes_back_from_a_reader() {
    let stage = stage([Script::new()
        .expect(get("/"))
        .reply("HTTP/1.1 200 \r\nContent-Length: 9\r\n\r\ncut")
        .close()]);
    let mut response = stage.client().get("http://a/").send().unwrap();
    let error = Error::from_io(response.read_to_end(&mut Vec::new()).unwrap_err()).unwrap();
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Truncated, 1));
    assert!(error.find::<wire::ParseError>().is_some());
    let strange = std::io::Error::from(std::io::ErrorKind::NotFound);
    assert_eq!(Error::from_io(strange).unwrap_err().kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn a_uri_of_http_is_a_url_too() {
    let client = Client::new();
    let uri: http::Uri = "http://a/b?c".parse().unwrap();
    assert_eq!(client.get(&uri).build().unwrap().url.as_str(), "http://a/b?c");
    assert_eq!(client.get(uri).build().unwrap().url.as_str(), "http://a/b?c");
    let relative: http::Uri = "/b".parse().unwrap();
    assert_eq!(client.get(relative).build().unwrap_err().kind(), ErrorKind::InvalidRequest);
}

#[test]
fn a_single_request_needs_no_client() {
    assert_eq!(http_client::options("http://a/").build().unwrap().method, "OPTIONS");
    assert_eq!(http_client::request("REPORT", "http://a/").build().unwrap().method, "REPORT");
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
