//! What a response tells of the connection that carried it and of the time it took.
#![allow(clippy::unwrap_used, reason = "test code fails loudly")]

mod common;

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use common::{get, ok, stage};
use http_client::Client;
use testkit::peer::{Script, ScriptedListener};

#[test]
fn the_facts_stay_when_the_connection_has_gone_home() {
    let script = Script::new().expect_head().reply(ok("one")).expect_head().reply(ok("two"));
    let listener = ScriptedListener::start(vec![script]);
    let client = Client::new();
    let url = format!("http://{}/", listener.addr());

    let whole = || {
        let mut response = client.get(&url).send().unwrap();
        assert_eq!(io::copy(&mut response, &mut io::sink()).unwrap(), 3);
        response
    };
    let (first, second) = (whole(), whole());
    for (response, reused, requests) in [(&first, false, 1), (&second, true, 2)] {
        let info = response.info();
        assert_eq!((info.reused(), info.requests()), (reused, requests));
        assert_eq!(info.peer(), Some(listener.addr()));
        assert!(info.local().is_some() && info.tls().is_none() && info.path().is_none());
        assert_eq!(response.timings().dial.connect.is_zero(), reused, "{:?}", response.timings());
    }
    assert_eq!(first.info().local(), second.info().local());
    drop(client);
    listener.finish().unwrap();
}

#[test]
fn the_time_until_the_head_is_told() {
    let second = Duration::from_secs(1);
    let script = Script::new().expect(get("/1")).stall(second * 3).reply(ok("a"));
    let stage = stage([script.expect(get("/2")).stall(second).reply(ok("b"))]);
    let client = stage.client();
    for (path, wait) in [("/1", second * 3), ("/2", second)] {
        let response = client.get(format!("http://a{path}")).send().unwrap();
        assert_eq!((response.timings().wait, response.timings().send), (wait, Duration::ZERO));
    }
    let mut connection_stage = common::stage([Script::new().expect(get("/1")).stall(second).reply(ok("a"))]);
    connection_stage.config.headers.clear();
    let mut connection = connection_stage.connection();
    connection.request("GET", "/1").unwrap();
    // The caller was busy: waiting counts from the last byte sent.
    connection_stage.clock.advance(second * 5);
    let waited = connection.response().unwrap().timings().wait;
    assert_eq!(waited, second * 5);
    connection_stage.finish();
    stage.finish();
}

#[test]
fn every_attempt_tells_its_time_and_the_last_that_of_its_content() {
    let second = Duration::from_secs(1);
    let redirect = "HTTP/1.1 302 \r\nLocation: /2\r\nContent-Length: 0\r\n\r\n";
    let script = Script::new().expect(get("/1")).stall(second * 2).reply(redirect);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    let script = script.expect(get("/2")).stall(second).reply(head).stall(second * 4).reply("ok");
    let stage = stage([script.expect_head().expect("x").stall(second * 3).reset()]);
    let client = stage.client();
    let mut response = client.get("http://a/1").send().unwrap();
    assert_eq!(response.timings().receive, Duration::ZERO);
    io::copy(&mut response, &mut io::sink()).unwrap();
    assert_eq!((response.timings().wait, response.timings().receive), (second, second * 4));
    let waits: Vec<_> = response.attempts().iter().map(|attempt| attempt.timings.wait).collect();
    assert_eq!(waits, [second * 2, second]);
    drop(response);
    let error = client.post("http://a/3").body("x").send().unwrap_err();
    assert_eq!(error.attempts().len(), 1);
    stage.finish();
}

#[test]
fn a_download_tells_how_far_it_is() {
    let known = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    for (script, total) in [
        (
            Script::new()
                .expect(get("/"))
                .reply(known)
                .reply("abc")
                .stall(Duration::from_secs(1))
                .reply("def"),
            Some(6),
        ),
        (Script::new().expect(get("/")).reply(chunked).reply("3\r\ndef\r\n0\r\n\r\n"), None),
    ] {
        let stage = stage([script]);
        let (tell, told) = mpsc::channel();
        let response = stage.client().get("http://a/").send().unwrap();
        let response = response.watched(move |received, total| tell.send((received, total)).unwrap());
        assert_eq!(response.text().unwrap(), "abcdef");
        assert_eq!(told.iter().collect::<Vec<_>>(), [(3, total), (6, total)]);
        stage.finish();
    }
}
