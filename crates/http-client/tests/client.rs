//! `Client` against scripted peers: its pool, its replay, its cookies.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "test code fails loudly"
)]

mod common;

use std::io::Read;
use std::time::Duration;

use common::{get, ok, stage};
use http_client::{Body, ErrorKind, Jar, Phase};
use testkit::peer::Script;

#[test]
fn a_connection_goes_home_in_the_read_that_ends_its_response() {
    let stage = stage([Script::new().expect(get("/1")).reply(ok("one")).expect(get("/2")).reply(ok("two"))]);
    let client = stage.client();
    let mut first = client.get("http://a/1").send().unwrap();
    let mut content = [0; 3];
    first.read_exact(&mut content).unwrap();
    // The first response is alive, but its connection is free.
    assert_eq!(client.get("http://a/2").send().unwrap().text().unwrap(), "two");
    assert_eq!((first.status().as_u16(), &content), (200, b"one"));
    assert_eq!(stage.peer.connects(), 1);
    assert_eq!(stage.peer.connection(0).probes, 1, "one probe per reuse");
    stage.finish();
}

#[test]
fn a_response_dropped_early_drains_what_is_here_and_closes_otherwise() {
    let whole = Script::new().expect(get("/")).reply(ok("short"));
    let rest = Script::new().expect(get("/")).reply_split(ok("longer"), &[42]);
    for (script, connects) in [(whole.expect(get("/")).reply(ok("next")), 1), (rest, 2)] {
        let mut scripts = vec![script];
        scripts.extend((connects == 2).then(|| Script::new().expect(get("/")).reply(ok("next"))));
        let stage = stage(scripts);
        let client = stage.client();
        drop(client.get("http://a/").send().unwrap());
        assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), "next");
        assert_eq!(stage.peer.connects(), connects);
    }
}

#[test]
fn origins_do_not_share_connections() {
    let stage = stage([
        Script::new().expect(get("/")).reply(ok("http")),
        Script::new().expect(get("/")).reply(ok("https")),
        Script::new().expect("GET / HTTP/1.1\r\nHost: a:81\r\n\r\n").reply(ok("81")),
    ]);
    let client = stage.client();
    for (url, text) in [("http://a/", "http"), ("https://a/", "https"), ("http://a:81/", "81")] {
        assert_eq!(client.get(url).send().unwrap().text().unwrap(), text);
    }
    assert_eq!(stage.peer.origins(), ["http://a", "https://a", "http://a:81"]);
    stage.finish();
}

#[test]
fn idle_connections_are_forgotten_after_a_while() {
    let one = || Script::new().expect(get("/")).reply(ok("x"));
    let stage = stage([one(), one()]);
    let client = stage.client();
    client.get("http://a/").send().unwrap().text().unwrap();
    stage.clock.advance(Duration::from_secs(15));
    client.get("http://a/").send().unwrap().text().unwrap();
    assert_eq!(stage.peer.connects(), 2);
    assert!(stage.peer.connection(0).is_closed && !stage.peer.connection(1).is_closed);
    stage.finish();
}

#[test]
fn a_connection_that_died_in_the_pool_is_noticed_by_the_probe() {
    let stage = stage([
        Script::new().expect(get("/")).reply(ok("x")).close(),
        Script::new().expect("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").reply(ok("y")),
    ]);
    let client = stage.client();
    client.get("http://a/").send().unwrap().text().unwrap();
    assert_eq!(client.post("http://a/").body("x").send().unwrap().text().unwrap(), "y");
    stage.finish();
}

#[test]
fn a_request_lost_with_a_reused_connection_is_replayed_once_if_harmless() {
    let dying = |next: &str| Script::new().expect(get("/")).reply(ok("x")).expect(next).close();
    let put = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    for (method, head, replayed) in [("PUT", put, true), ("POST", post, false)] {
        let mut scripts = vec![dying(head)];
        scripts.extend(replayed.then(|| Script::new().expect(head).reply(ok("again"))));
        let stage = stage(scripts);
        let client = stage.client();
        client.get("http://a/").send().unwrap().text().unwrap();
        let result = client.request(method, "http://a/").body("x").send();
        match replayed {
            true => assert_eq!(result.unwrap().text().unwrap(), "again"),
            false => assert_eq!(result.unwrap_err().kind(), ErrorKind::Disconnected),
        }
        stage.finish();
    }
}

#[test]
fn a_replay_takes_a_fresh_connection_and_is_the_last_try() {
    let put = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    let stage = stage([
        Script::new().expect(get("/")).reply(ok("x")).expect(put).close(),
        Script::new().expect(put).close(),
    ]);
    let client = stage.client();
    client.get("http://a/").send().unwrap().text().unwrap();
    let error = client.request("PUT", "http://a/").body("x").send().unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Disconnected, 2));
    stage.finish();
}

#[test]
fn a_reader_that_was_begun_is_not_replayed() {
    let put = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    let stage = stage([Script::new().expect(get("/")).reply(ok("x")).expect(put).close()]);
    let client = stage.client();
    client.get("http://a/").send().unwrap().text().unwrap();
    let error = client.request("PUT", "http://a/").body(Body::sized(&b"x"[..], 1)).send().unwrap_err();
    assert_eq!(error.attempts().len(), 1);
    stage.finish();
}

#[test]
fn a_timeout_is_never_replayed() {
    let stage = stage([Script::new()
        .expect(get("/"))
        .reply(ok("x"))
        .expect(get("/"))
        .stall(Duration::from_secs(99))]);
    let client = stage.client();
    client.get("http://a/").send().unwrap().text().unwrap();
    let error = client.get("http://a/").timeout(Duration::from_secs(2)).send().unwrap_err();
    assert_eq!((error.phase(), error.attempts().len()), (Some(Phase::Response), 1));
    assert_eq!(stage.clock.elapsed(), Duration::from_secs(2));
}

#[test]
fn errors_of_building_wait_for_send() {
    let stage = stage([]);
    let client = stage.client();
    for request in [
        client.get("not a url"),
        client.get("ftp://a/"),
        client.get("http://user%3A:s3cret@a/"),
        client.request("G T", "http://a/"),
        client.get("http://a/").header("X Y", "z").header("fine", "too late"),
    ] {
        let error = request.send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    assert_eq!(stage.peer.connects(), 0);
}

#[test]
fn cookies_are_kept_for_their_site_alone() {
    let login = "HTTP/1.1 303 See\r\nSet-Cookie: id=1; Path=/\r\nSet-Cookie: b=2; Path=/x\r\nContent-Length: 0\r\n\r\n";
    let mut stage = stage([
        Script::new()
            .expect(get("/login"))
            .reply(login)
            .expect("GET / HTTP/1.1\r\nHost: a\r\nCookie: id=1\r\n\r\n")
            .reply(ok("home"))
            .expect("GET /x HTTP/1.1\r\nHost: a\r\ncookie: mine\r\n\r\n")
            .reply(ok("own")),
        Script::new().expect("GET /x HTTP/1.1\r\nHost: b\r\n\r\n").reply(ok("other")),
    ]);
    stage.config.cookies = Some(Jar::new());
    let client = stage.client();
    let status = client.get("http://a/login").send().unwrap().status();
    assert_eq!(status.as_u16(), 303, "redirects are data");
    assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), "home");
    assert_eq!(client.get("http://a/x").header("cookie", "mine").send().unwrap().text().unwrap(), "own");
    assert_eq!(client.get("http://b/x").send().unwrap().text().unwrap(), "other");
    stage.finish();
}

#[test]
fn memory_is_bounded_by_the_limit_and_streams_are_not() {
    let reply = ok(&"x".repeat(1000));
    let mut stage = stage([Script::new().expect(get("/")).reply(&reply).expect(get("/")).reply(&reply)]);
    stage.config.limits.buffered = 999;
    let client = stage.client();
    let error = client.get("http://a/").send().unwrap().bytes().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(
        error.to_string(),
        "GET http://a/: the content is larger than the 999 bytes that may be held in memory; \
         read it as it comes, or raise limits.buffered"
    );
    assert_eq!(client.get("http://a/").send().unwrap().copy_to(&mut Vec::new()).unwrap(), 1000);
    stage.finish();
}

#[test]
fn functions_of_a_call_are_let_go_with_its_response() {
    let stage = stage([Script::new().expect_head().reply("HTTP/1.1 103 \r\n\r\n").reply(ok("x"))]);
    let client = stage.client();
    let (tell, told) = std::sync::mpsc::channel();
    let request = client.get("http://a/").on_informational(move |head| tell.send(head.status).unwrap());
    request.send().unwrap().text().unwrap();
    // It would wait for ever for a sender that the client keeps.
    assert_eq!(told.into_iter().count(), 1);
}
