//! Cancelling a call from another thread.
#![allow(clippy::unwrap_used, reason = "test code fails loudly")]

mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::ok;
use http_client::{CancelToken, Client, ClientConfig, Connection, ErrorKind, Origin};
use testkit::peer::{Script, ScriptedListener};

const LONG: Duration = Duration::from_secs(4);

/// Cancels while `wait` waits, and expects it to fail so.
#[track_caller]
fn cancelled<T>(token: &CancelToken, wait: impl FnOnce() -> Result<T, http_client::Error>) {
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(30));
            token.cancel();
        });
        let begun = Instant::now();
        let error = wait().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
        assert!(error.to_string().ends_with(": cancelled"), "{error}");
        assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
    });
}

#[test]
fn a_call_that_waits_for_its_head_or_its_content_ends() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    // Until the connection closes: an end that was cancelled is no end of the content.
    let open_end = "HTTP/1.1 200 OK\r\n\r\nhalf";
    for reply in [None, Some(head), Some(open_end)] {
        let script = reply.into_iter().fold(Script::new().expect_head(), Script::reply).stall(LONG);
        let listener = ScriptedListener::start(vec![script]);
        let (client, token) = (Client::new(), CancelToken::new());
        let url = format!("http://{}/", listener.addr());
        cancelled(&token, || client.get(&url).cancelled_by(&token).send()?.text());
    }
}

#[test]
fn a_token_reaches_its_own_call_alone() {
    let script = Script::new().expect_head().reply(ok("one")).expect_head().reply(ok("two"));
    let listener = ScriptedListener::start(vec![script]);
    let (client, token) = (Client::new(), CancelToken::new());
    let url = format!("http://{}/", listener.addr());
    assert_eq!(client.get(&url).cancelled_by(&token).send().unwrap().text().unwrap(), "one");
    token.cancel();
    let response = client.get(&url).send().unwrap();
    assert!(response.info().reused(), "the connection that the call had is not hit");
    assert_eq!(response.text().unwrap(), "two");
    let error = client.get(&url).cancelled_by(&token).send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn a_connection_in_the_hand_is_cancelled_by_its_settings() {
    let listener = ScriptedListener::start(vec![Script::new().expect_head().stall(LONG)]);
    let mut config = ClientConfig::default();
    config.cancel = CancelToken::new();
    let token = config.cancel.clone();
    let origin = Origin::http(&listener.addr().to_string()).unwrap();
    let mut connection = Connection::open(&origin, config).unwrap();
    connection.request("GET", "/").unwrap();
    cancelled(&token, || connection.response().map(drop));
    assert_eq!(connection.request("GET", "/").unwrap_err().kind(), ErrorKind::Cancelled, "for good");
}
