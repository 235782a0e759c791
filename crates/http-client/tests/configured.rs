//! Settings of a client that are changed for one call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code fails loudly")]

mod common;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use common::{Paper, get, ok, redirect, stage};
use http_client::conn::{DialTo, Route};
use http_client::{BreakerConfig, ClientConfig, ErrorKind, Limit, Origin, RedirectPolicy, RetryPolicy};
use testkit::peer::Script;

/// Sends one GET with changed settings and then one without, to a server that answers `reply` each time.
fn both<T>(
    reply: &str,
    change: impl FnOnce(&mut ClientConfig),
    look: impl Fn(Result<http_client::Response<'static>, http_client::Error>) -> T,
) -> (T, T) {
    let script = Script::new().expect_head().reply(reply).close();
    let stage = stage([script.clone(), script]);
    let client = stage.client();
    let changed = look(client.get("http://a/").configure(change).send());
    client.close_idle();
    (changed, look(client.get("http://a/").send()))
}

#[test]
fn limits_hold_for_the_call_alone() {
    let kind = |response: Result<http_client::Response<'_>, _>| {
        response.and_then(http_client::Response::bytes).map_err(|error| error.kind())
    };
    let small = |config: &mut ClientConfig| config.limits.buffered = 2;
    assert_eq!(both(&ok("abc"), small, kind), (Err(ErrorKind::TooLarge), Ok(b"abc".to_vec())));
    let short = |config: &mut ClientConfig| config.limits.message.head_bytes = 16;
    assert_eq!(both(&ok("abc"), short, kind), (Err(ErrorKind::Protocol), Ok(b"abc".to_vec())));
    let lenient = |config: &mut ClientConfig| config.leniency.bare_lf = true;
    let reply = "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc";
    assert_eq!(both(reply, lenient, kind), (Ok(b"abc".to_vec()), Err(ErrorKind::Protocol)));
}

#[test]
fn fields_routes_and_redirects_are_those_of_the_call() {
    let stage = stage([
        Script::new().expect("GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n\r\n").reply(redirect(302, "/no")),
        Script::new().expect(get("/")).reply(ok("")),
    ]);
    let paper = Paper::default();
    let client = stage.client();
    let request = client.get("http://a/").configure(|config| {
        config.headers.append("X-One", "1").unwrap();
        config.redirect = RedirectPolicy::none();
        config.routes = Some(Arc::new(|origin| Route::new(origin).dialling(DialTo::host("c", 81).unwrap())));
        config.wiretap = Some(paper.tap());
    });
    assert_eq!(request.send().unwrap().status().as_u16(), 302);
    assert!(paper.take().contains("X-One"));
    // Another way is another connection.
    client.get("http://a/").send().unwrap();
    assert_eq!((stage.peer.connects(), paper.take().as_str()), (2, ""));
    stage.finish();
}

#[test]
fn what_a_call_sets_by_itself_goes_before_its_settings_whatever_the_order() {
    let stage = stage([]);
    let change = |config: &mut ClientConfig| config.timeouts.total = Some(Duration::from_secs(9));
    for request in [
        stage.client().get("http://a/").timeout(Duration::ZERO).configure(change),
        stage.client().get("http://a/").configure(change).timeout(Duration::ZERO),
    ] {
        assert_eq!(request.send().unwrap_err().limit(), Some(Limit::Total));
    }
    // One that is set leaves the others to the settings, whatever the order.
    let short = |config: &mut ClientConfig| config.timeouts.response = Some(Duration::from_secs(1));
    let long = Duration::from_secs(60);
    for timeout_first in [true, false] {
        let stage = common::stage([Script::new().expect(get("/"))]);
        let request = stage.client().get("http://a/");
        let request = if timeout_first {
            request.timeout(long).configure(short)
        } else {
            request.configure(short).timeout(long)
        };
        assert_eq!(request.send().unwrap_err().limit(), Some(Limit::Response), "{timeout_first}");
    }
}

#[test]
fn retries_and_the_breaker_can_be_left_out_or_added() {
    let failing = || Script::new().expect_head().reply("HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n").close();
    let mut stage = stage((0..4).map(|_| failing()));
    stage.config.breaker = Some(BreakerConfig::default());
    let client = stage.client();
    let a = Origin::http("a").unwrap();
    let breaker = client.host(&a).unwrap().breaker().unwrap().clone();
    breaker.force_open(stage.config.clock.now());
    assert_eq!(client.get("http://a/").send().unwrap_err().kind(), ErrorKind::Rejected);
    let around = client.get("http://a/").configure(|config| config.breaker = None);
    assert_eq!(around.send().unwrap().status().as_u16(), 503);
    let more = client.get("http://a/").configure(|config| {
        let mut policy = RetryPolicy::default();
        policy.max_attempts = NonZeroU32::new(3).unwrap();
        (config.breaker, config.retry) = (None, Some(policy));
    });
    assert_eq!(more.send().unwrap().attempts().len(), 3);
    stage.finish();
}
