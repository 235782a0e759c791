//! The pool of a `Client`: who gets which connection, and when there is none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code fails loudly"
)]

mod common;

use std::io::Read;
use std::num::NonZeroUsize;
use std::time::Duration;

use common::{Stage, get, ok, stage};
use http_client::{Client, ErrorKind, Phase, Timeouts};
use testkit::peer::Script;

const S: Duration = Duration::from_secs(1);

fn fetch(client: &Client) -> String {
    client.get("http://a/").send().unwrap().text().unwrap()
}

/// A peer that answers each of `responses` in turn.
fn answering(responses: &[&str]) -> Script {
    responses.iter().fold(Script::new(), |script, response| script.expect(get("/")).reply(response))
}

#[test]
fn t29_a_response_that_nobody_asked_for_is_never_read() {
    let forged = ok("forged");
    let stage = stage([
        // Behind the response, but in a piece of its own: it is seen by the probe.
        answering(&[&ok("one")]).reply(&forged),
        answering(&[&ok("two")]),
    ]);
    let client = stage.client();
    assert_eq!((fetch(&client), fetch(&client)), ("one".to_owned(), "two".to_owned()));
    assert_eq!((client.pool().stale, stage.peer.connects()), (1, 2));
    assert!(stage.peer.connection(0).is_closed);
}

#[test]
fn t30_a_body_left_unread_takes_its_connection_along() {
    let large = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{}", "x".repeat(1000));
    let stage = stage([answering(&[&large]), answering(&[&ok("next")])]);
    let client = stage.client();
    let mut response = client.get("http://a/").send().unwrap();
    response.read_exact(&mut [0]).unwrap();
    assert_eq!(client.pool().active, 1);
    drop(response);
    assert_eq!((client.pool().active, client.pool().idle), (0, 0));
    assert_eq!(fetch(&client), "next");
    stage.finish();
}

#[test]
fn what_the_server_says_of_its_patience_is_held_to() {
    #[track_caller]
    fn check(field: &str, rests: Duration, connects: usize) {
        let first = format!("HTTP/1.1 200 OK\r\n{field}Content-Length: 0\r\n\r\n");
        let mut scripts = vec![answering(&[&first])];
        match connects {
            1 => scripts = vec![answering(&[&first, &ok("next")])],
            _ => scripts.push(answering(&[&ok("next")])),
        }
        let stage = stage(scripts);
        let client = stage.client();
        fetch(&client);
        stage.clock.advance(rests);
        assert_eq!((fetch(&client).as_str(), stage.peer.connects()), ("next", connects), "{field}");
        stage.finish();
    }
    check("", S * 14, 1);
    check("Keep-Alive: timeout=5\r\n", S * 3, 1);
    check("Keep-Alive: timeout=5\r\n", S * 4, 2);
    check("Keep-Alive: timeout=100\r\n", S * 15, 2);
    check("Keep-Alive: timeout=5, max=1\r\n", S, 1);
    check("Keep-Alive: timeout=5, max=0\r\n", S, 2);
}

/// A stage on which each origin has one connection at a time.
fn narrow(scripts: impl IntoIterator<Item = Script>) -> Stage {
    let mut stage = stage(scripts);
    stage.config.pool.active_per_route = NonZeroUsize::new(1);
    stage
}

#[test]
fn a_request_beyond_the_limit_waits_until_its_deadline() {
    let stage = narrow([answering(&[&ok("one"), &ok("two")])]);
    let client = stage.client();
    let held = client.request("GET", "http://a/").send().unwrap();
    // The whole response is here, so its connection is home again.
    assert_eq!((client.pool().active, client.pool().idle), (1, 0));
    let mut at_once = Timeouts::default();
    at_once.connect = Some(Duration::ZERO);
    let error = client.get("http://a/").timeouts(at_once).send().unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Some(Phase::Pool)));
    assert_eq!(
        error.to_string(),
        "GET http://a/: timed out while waiting for a free connection: the connect limit of 0ns has passed"
    );
    drop(held);
    assert_eq!(fetch(&client), "two");
    assert_eq!(client.pool().gave_up, 1);
    stage.finish();
}

#[test]
fn a_connection_that_is_not_kept_leaves_its_place_when_its_response_ends() {
    let closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    let stage = narrow([answering(&[closing]), answering(&[&ok("next")])]);
    let client = stage.client();
    let mut first = client.get("http://a/").send().unwrap();
    first.read_exact(&mut [0]).unwrap();
    assert_eq!(fetch(&client), "next");
    assert_eq!(first.status().as_u16(), 200);
    stage.finish();
}

#[test]
fn a_connection_that_breaks_leaves_its_place() {
    let stage = narrow([Script::new().expect(get("/")).reset(), answering(&[&ok("next")])]);
    let client = stage.client();
    assert_eq!(client.get("http://a/").send().unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(fetch(&client), "next");
    stage.finish();
}

#[test]
fn a_warm_client_has_its_connections_ahead_of_time() {
    let stage = stage([Script::new(), answering(&[&ok("x")])]);
    let client = stage.client();
    assert_eq!(client.warm("http://a/", 2).unwrap(), 2);
    assert_eq!(client.warm("http://a/elsewhere", 2).unwrap(), 0);
    assert_eq!(fetch(&client), "x");
    let pool = client.pool();
    assert_eq!((pool.idle, pool.active, pool.connects, pool.reused), (2, 0, 2, 1));
    client.close_idle();
    assert_eq!((client.pool().idle, client.pool().evicted.cleared), (0, 2));
    stage.finish();
}

#[test]
fn warming_tells_why_it_failed() {
    let stage = stage([]);
    let client = stage.client();
    let error = client.warm("http://a/", 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().starts_with("connection to http://a: cannot connect to"), "{error}");
    assert_eq!(client.warm("ftp://a/", 1).unwrap_err().kind(), ErrorKind::InvalidRequest);
}

#[test]
fn a_request_lost_on_a_connection_that_was_warmed_is_replayed() {
    // It lay idle like any other: the peer may have been closing it.
    let stage = stage([Script::new().expect(get("/")).close(), answering(&[&ok("again")])]);
    let client = stage.client();
    client.warm("http://a/", 1).unwrap();
    assert_eq!(fetch(&client), "again");
    stage.finish();
}
