//! Redirects through a client: what is sent where, and what is told of the way.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code fails loudly")]

mod common;

use common::{ok, redirect, stage};
use http_client::{Body, ErrorKind, Jar, RedirectPolicy, RefusedRedirect};
use testkit::peer::Script;

#[test]
fn a_redirect_within_an_origin_uses_the_same_connection() {
    let stage = stage([Script::new()
        .expect("GET /old HTTP/1.1\r\nHost: a\r\nAuthorization: s3cret\r\n\r\n")
        .reply(redirect(301, "/new#part"))
        .expect("GET /new HTTP/1.1\r\nHost: a\r\nAuthorization: s3cret\r\n\r\n")
        .reply(ok("here"))]);
    let client = stage.client();
    let response = client.get("http://a/old").header("Authorization", "s3cret").send().unwrap();
    assert_eq!(response.url().unwrap().as_str(), "http://a/new#part");
    let [passed] = response.history() else { panic!("{:?}", response.history()) };
    assert_eq!((passed.url.as_str(), passed.head.status.as_u16()), ("http://a/old", 301));
    assert_eq!(response.text().unwrap(), "here");
    stage.finish();
}

#[test]
fn t4_what_was_stripped_stays_stripped() {
    let own = "GET /1 HTTP/1.1\r\nHost: a\r\nAuthorization: s3cret\r\nX-Api-Key: k\r\nAccept: x\r\n\r\n";
    let bare = |path: &str, host: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: x\r\n\r\n");
    let stage = stage([
        Script::new().expect(own).reply(redirect(302, "http://b/2")).expect(bare("/4", "a")).reply(ok("end")),
        Script::new()
            .expect(bare("/2", "b"))
            .reply(redirect(302, "/3"))
            .expect(bare("/3", "b"))
            .reply(redirect(302, "http://a/4")),
    ]);
    let client = stage.client();
    let request = client.get("http://a/1").header("Authorization", "s3cret").header("X-Api-Key", "k");
    let response = request.header("Accept", "x").send().unwrap();
    assert_eq!(response.history().len(), 3);
    assert_eq!(response.text().unwrap(), "end");
    stage.finish();
}

#[test]
fn cookies_of_a_redirect_are_stored_and_sent_where_they_belong() {
    let set = "HTTP/1.1 302 \r\nSet-Cookie: id=7\r\nLocation: /in\r\nContent-Length: 0\r\n\r\n";
    let mut stage = stage([
        Script::new()
            .expect("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nuser")
            .reply(set)
            .expect("GET /in HTTP/1.1\r\nHost: a\r\nCookie: id=7\r\n\r\n")
            .reply(redirect(302, "http://b/out")),
        Script::new().expect("GET /out HTTP/1.1\r\nHost: b\r\n\r\n").reply(ok("out")),
    ]);
    stage.config.cookies = Some(Jar::new());
    let client = stage.client();
    assert_eq!(client.post("http://a/login").body("user").send().unwrap().text().unwrap(), "out");
    stage.finish();
}

#[test]
fn content_goes_along_as_the_status_says() {
    for (status, second) in [
        (307, "POST /b HTTP/1.1\r\nHost: a\r\nContent-Type: t\r\nContent-Length: 4\r\n\r\ndata"),
        (303, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ] {
        let first = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: t\r\nContent-Length: 4\r\n\r\ndata";
        let stage =
            stage([Script::new().expect(first).reply(redirect(status, "/b")).expect(second).reply(ok("ok"))]);
        let client = stage.client();
        let request = client.post("http://a/").header("Content-Type", "t").body("data");
        assert_eq!(request.send().unwrap().status().as_u16(), 200, "{status}");
        stage.finish();
    }
}

#[test]
fn content_that_is_gone_leaves_the_redirect_to_the_caller() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let stage =
        stage([Script::new().expect(head).expect("4\r\ndata\r\n0\r\n\r\n").reply(redirect(307, "/b"))]);
    let client = stage.client();
    let response = client.post("http://a/").body(Body::reader(&b"data"[..])).send().unwrap();
    assert_eq!((response.status().as_u16(), response.history().len()), (307, 0));
    stage.finish();
}

#[test]
fn t22_a_loop_ends_at_the_limit_with_the_last_head() {
    let scripts = (0..4).fold(Script::new(), |script, _| script.expect_head().reply(redirect(302, "/again")));
    let mut stage = stage([scripts]);
    stage.config.redirect = RedirectPolicy::limited(3);
    let client = stage.client();
    let error = client.get("http://a/").send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect);
    let refused = error.redirect().unwrap();
    assert_eq!(refused.reason, RefusedRedirect::TooMany { limit: 3 });
    assert_eq!(refused.head.headers.get("location"), Some(&b"/again"[..]));
    assert_eq!(error.to_string(), "GET http://a/again: more than 3 redirects (302)");
    stage.finish();
}

#[test]
fn redirects_are_off_where_they_are_off() {
    let script = || Script::new().expect_head().reply(redirect(302, "/b"));
    let mut stage = stage([script(), script().expect_head().reply(ok("b"))]);
    let mut request = http_client::Request::new("GET", "http://a/").unwrap();
    request.redirect = Some(RedirectPolicy::none());
    let client = stage.client();
    assert_eq!(client.send(request).unwrap().status().as_u16(), 302);
    stage.config.redirect = RedirectPolicy::none();
    client.close_idle();
    assert_eq!(client.get("http://a/").send().unwrap().status().as_u16(), 200);
    stage.finish();
}

#[test]
fn the_content_of_a_redirect_is_dropped_within_limits() {
    let large = format!("HTTP/1.1 302 \r\nLocation: /b\r\nContent-Length: {}\r\n\r\n", 1 << 20);
    let small = "HTTP/1.1 302 \r\nLocation: /b\r\nContent-Length: 5\r\n\r\nmoved";
    let endless = "HTTP/1.1 302 \r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = || Script::new().expect_head().reply(ok("b"));
    for (scripts, connects) in [
        (vec![Script::new().expect_head().reply(small).expect_head().reply(ok("b"))], 1),
        (vec![Script::new().expect_head().reply(large), answer()], 2),
        (vec![Script::new().expect_head().reply(endless), answer()], 2),
    ] {
        let stage = stage(scripts);
        let client = stage.client();
        assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), "b");
        assert_eq!(stage.peer.connects(), connects);
        assert!(stage.clock.elapsed() <= stage.config.limits.drain_for, "{:?}", stage.clock.elapsed());
    }
}

#[test]
fn what_a_server_did_not_apply_is_asked_again_once() {
    let status = |code: u16| format!("HTTP/1.1 {code} \r\nContent-Length: 0\r\n\r\n");
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let stage = stage([
        Script::new().expect(post).reply(status(421)),
        Script::new().expect(post).reply(status(421)),
        Script::new().expect(post).reply(status(425)),
        Script::new().expect(post).reply(ok("done")),
    ]);
    let client = stage.client();
    // Once is enough: the second misdirection is the answer.
    assert_eq!(client.post("http://a/").body("hi").send().unwrap().status().as_u16(), 421);
    client.close_idle();
    assert_eq!(client.post("http://a/").body("hi").send().unwrap().text().unwrap(), "done");
    stage.finish();
}

#[test]
fn a_refused_expectation_is_dropped() {
    let expecting = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let plain = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let failed = "HTTP/1.1 417 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let stage = stage([
        Script::new().expect(expecting).reply(failed).close(),
        Script::new().expect(plain).reply(ok("done")),
    ]);
    let client = stage.client();
    // Nobody has read from the reader when the question is refused.
    let reader = Body::sized(&b"hi"[..], 2);
    let request = client.post("http://a/").header("Expect", "100-continue").body(reader);
    assert_eq!(request.send().unwrap().text().unwrap(), "done");
    stage.finish();
}

#[test]
fn t1_t4_default_fields_leave_their_secrets_behind_for_good() {
    let first = "GET /1 HTTP/1.1\r\nHost: own\r\nAuthorization: s3cret\r\nX-Team: t\r\n\r\n";
    let second = "GET /2 HTTP/1.1\r\nHost: own\r\nAuthorization: s3cret\r\nX-Team: t\r\n\r\n";
    let bare = |path: &str, host: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Team: t\r\n\r\n");
    let mut stage = stage([
        Script::new()
            .expect(first)
            .reply(redirect(302, "/2"))
            .expect(second)
            .reply(redirect(302, "http://b/3"))
            .expect(bare("/4", "a"))
            .reply(ok("end")),
        Script::new().expect(bare("/3", "b")).reply(redirect(302, "http://a/4")),
    ]);
    for (name, value) in [("Host", "own"), ("Authorization", "s3cret"), ("X-Team", "t")] {
        stage.config.headers.append(name, value).unwrap();
    }
    assert_eq!(stage.client().get("http://a/1").send().unwrap().history().len(), 3);
    stage.finish();
}

#[test]
fn t1_default_secrets_go_along_to_an_origin_that_is_trusted_with_them() {
    let trusted = "GET /2 HTTP/1.1\r\nHost: b\r\nAuthorization: s3cret\r\n\r\n";
    let mut stage = stage([
        Script::new().expect_head().reply(redirect(302, "http://b/2")),
        Script::new().expect(trusted).reply(ok("")),
    ]);
    stage.config.headers.append("Authorization", "s3cret").unwrap();
    stage.config.redirect.keep_headers_for.push(http_client::Origin::http("b").unwrap());
    stage.client().get("http://a/1").send().unwrap();
    stage.finish();
}

#[test]
fn a_408_to_a_whole_request_on_a_new_connection_is_the_answer() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let timeout = "HTTP/1.1 408 \r\nContent-Length: 0\r\n\r\n";
    let stage = stage([
        Script::new().expect(post).reply(timeout).expect(post).reply(timeout),
        Script::new().expect(post).reply(ok("done")),
    ]);
    let client = stage.client();
    let response = client.post("http://a/").body("hi").send().unwrap();
    assert_eq!((response.status().as_u16(), response.attempts().len()), (408, 1));
    drop(response);
    // On one that was idle the server had given up before it came.
    let response = client.post("http://a/").body("hi").send().unwrap();
    assert_eq!((response.attempts().len(), response.text().unwrap().as_str()), (2, "done"));
    stage.finish();
}

#[test]
fn t1_a_field_that_was_added_as_a_secret_stays_at_its_origin() {
    let own = "GET /1 HTTP/1.1\r\nHost: a\r\nX-Default: s3cret\r\nX-Own: s3cret\r\n\r\n";
    let mut stage = stage([
        Script::new().expect(own).reply(redirect(302, "http://b/2")),
        Script::new().expect("GET /2 HTTP/1.1\r\nHost: b\r\n\r\n").reply(ok("")),
    ]);
    stage.config.headers.append_secret("X-Default", "s3cret").unwrap();
    let paper = common::Paper::default();
    stage.config.wiretap = Some(paper.tap());
    let request = stage.client().get("http://a/1").secret_header("X-Own", "s3cret");
    assert!(!format!("{request:?}").contains("s3cret"));
    request.send().unwrap();
    let shown = paper.take();
    assert!(shown.contains("X-Own: [redacted]") && !shown.contains("s3cret"), "{shown}");
    stage.finish();
}
