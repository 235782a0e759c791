//! Retries, their budget and the circuit breaker of a client, under a manual clock.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code fails loudly")]

mod common;

use std::num::NonZeroU32;
use std::time::Duration;

use common::{Stage, get, ok, stage};
use http_client::conn::{Clock as _, ConnectError, FailedAddress};
use http_client::resilience::{Backoff, BreakerState, BudgetConfig, CircuitBreaker, GiveUp, Jitter, Stack};
use http_client::{
    BreakerConfig, CancelToken, Client, ClientConfig, ErrorKind, Origin, RetryPolicy, StatusCode, Why,
};
use testkit::peer::Script;

const S: Duration = Duration::from_secs(1);

fn policy(attempts: u32, wait: Duration) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.max_attempts = NonZeroU32::new(attempts).unwrap();
    policy.backoff = Backoff::constant(wait);
    policy.throttled_backoff = Backoff::constant(wait);
    policy.attempt_timeout = None;
    policy.server_jitter = Duration::ZERO;
    policy
}

fn retrying(scripts: impl IntoIterator<Item = Script>) -> Stage {
    let mut stage = stage(scripts);
    stage.config.retry = Some(policy(3, S));
    stage.config.seed = Some(1);
    stage
}

fn status(code: u16, lines: &str) -> String {
    format!("HTTP/1.1 {code} \r\n{lines}Content-Length: 0\r\n\r\n")
}

fn codes(attempts: &[http_client::AttemptInfo]) -> Vec<Result<u16, ErrorKind>> {
    attempts.iter().map(|attempt| attempt.outcome.map(|status| status.as_u16())).collect()
}

#[test]
fn a_failed_call_is_tried_again_after_a_wait() {
    let stage = retrying([
        Script::new().expect(get("/")).reply(status(503, "")),
        Script::new().expect(get("/")).reply(status(500, "")),
        Script::new().expect(get("/")).reply(ok("there")),
    ]);
    let client = stage.client();
    let response = client.get("http://a/").send().unwrap();
    let attempts = response.attempts();
    assert_eq!(codes(attempts), [Ok(503), Ok(500), Ok(200)]);
    assert_eq!([0, 1, 2].map(|i| attempts[i].why), [Why::First, Why::Retry, Why::Retry]);
    assert_eq!([0, 1, 2].map(|i| attempts[i].waited), [Duration::ZERO, S, S]);
    assert_eq!(response.text().unwrap(), "there");
    // What is behind a connection that brought a failure is not asked again.
    assert_eq!((stage.clock.elapsed(), stage.peer.connects()), (S * 2, 3));
    stage.finish();
}

#[test]
fn a_server_that_asks_for_patience_is_asked_again_where_it_said_so() {
    let wait = || status(429, "Retry-After: 1\r\n");
    let stage = retrying([Script::new().expect(get("/")).reply(wait()).expect(get("/")).reply(ok(""))]);
    assert_eq!(codes(stage.client().get("http://a/").send().unwrap().attempts()), [Ok(429), Ok(200)]);
    stage.finish();
}

#[test]
fn nothing_but_the_policy_for_retries_limits_an_attempt_and_that_no_further_than_to_the_head() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na";
    let slow = || Script::new().expect(get("/")).reply(head).stall(S * 30).reply("b");
    let late = || Script::new().expect(get("/")).stall(S * 30).reply(ok("late"));
    let breaker = Some(BreakerConfig::default());
    let mut own = RetryPolicy::default();
    own.max_attempts = NonZeroU32::MIN;
    for (retry, breaker, limited) in [
        (None, breaker, false),
        (Some(RetryPolicy::never()), None, false),
        (Some(own), None, true),
        (ClientConfig::standard().retry, breaker, false),
    ] {
        let mut stage = stage([slow(), late()]);
        (stage.config.retry, stage.config.breaker) = (retry, breaker);
        let client = stage.client();
        assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), "ab", "{retry:?}");
        client.close_idle();
        let response = client.get("http://a/").send();
        let limit = response.as_ref().err().and_then(http_client::Error::limit);
        assert_eq!(limit, limited.then_some(http_client::Limit::Attempt), "{retry:?} {response:?}");
    }
}

#[test]
fn why_a_call_was_not_tried_again_is_told() {
    let stage = retrying([Script::new().expect_head().expect("hi").reply(status(503, ""))]);
    let client = stage.client();
    let response = client.post("http://a/").body("hi").send().unwrap();
    assert_eq!(response.gave_up(), Some(GiveUp::NotReplaySafe));
    drop(response);
    stage.peer.push_error(ConnectError::NoAddress { host: "a".into() });
    client.close_idle();
    assert_eq!(client.get("http://a/").send().unwrap_err().gave_up(), Some(GiveUp::Permanent));
    assert_eq!(Client::new().get("x:").send().unwrap_err().gave_up(), None);
}

#[test]
fn content_that_fails_tells_what_its_call_tried() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut";
    let stage = retrying([
        Script::new().expect(get("/")).reply(status(503, "")),
        Script::new().expect(get("/")).reply(cut).close(),
    ]);
    let error = stage.client().get("http://a/").send().unwrap().text().unwrap_err();
    assert_eq!((error.kind(), codes(error.attempts())), (ErrorKind::Truncated, vec![Ok(503), Ok(200)]));
}

#[test]
fn a_retry_is_replayed_as_a_first_attempt_is() {
    let (again, well) = (status(429, "Retry-After: 1\r\n"), ok("well"));
    let stage = retrying([
        Script::new().expect(get("/")).reply(ok("")).expect(get("/")).close(),
        Script::new().expect(get("/")).reply(again).expect(get("/")).close(),
        Script::new().expect(get("/")).reply(well),
    ]);
    let client = stage.client();
    client.get("http://a/").send().unwrap().text().unwrap();
    let response = client.get("http://a/").send().unwrap();
    let whys: Vec<_> = response.attempts().iter().map(|attempt| attempt.why).collect();
    assert_eq!(whys, [Why::First, Why::Replay, Why::Retry, Why::Replay]);
    stage.finish();
}

#[test]
fn the_last_response_is_delivered_when_the_attempts_are_used_up() {
    let busy = || Script::new().expect(get("/")).reply("HTTP/1.1 503 \r\nContent-Length: 4\r\n\r\nbusy");
    let stage = retrying([busy(), busy(), busy()]);
    let client = stage.client();
    let response = client.get("http://a/").send().unwrap();
    assert_eq!((response.status(), response.attempts().len()), (StatusCode::SERVICE_UNAVAILABLE, 3));
    assert_eq!(response.text().unwrap(), "busy");
    stage.finish();
}

#[test]
fn nothing_is_retried_unless_it_is_asked_for() {
    let stage = stage([Script::new().expect(get("/")).reply(status(503, "Retry-After: 1\r\n"))]);
    let client = stage.client();
    assert_eq!(client.get("http://a/").send().unwrap().status().as_u16(), 503);
    assert!(client.host(&Origin::http("a").unwrap()).is_none());
    assert_eq!(stage.clock.elapsed(), Duration::ZERO);
    stage.finish();
}

#[test]
fn retry_after_is_a_floor_and_bounded() {
    for (asked, tries, waited) in [("3", 2, S * 3), ("0", 2, S), ("31", 1, Duration::ZERO)] {
        let reply = status(503, &format!("Retry-After: {asked}\r\n"));
        let mut script = Script::new().expect(get("/")).reply(reply);
        if tries == 2 {
            script = script.expect(get("/")).reply(ok(""));
        }
        let stage = retrying([script]);
        let client = stage.client();
        let response = client.get("http://a/").send().unwrap();
        assert_eq!((response.attempts().len(), stage.clock.elapsed()), (tries, waited), "{asked}");
        stage.finish();
    }
}

#[test]
fn what_may_have_been_applied_is_not_repeated() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let keyed = "POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: 7\r\nContent-Length: 2\r\n\r\nhi";
    for (request, key, said, tries) in [
        (post, None, None, 1),
        (post, None, Some(true), 2),
        (keyed, Some("7"), None, 2),
        (keyed, Some("7"), Some(false), 1),
    ] {
        let again = (tries == 2).then(|| Script::new().expect(request).reply(ok("")));
        let stage = retrying([Script::new().expect(request).reply(status(500, ""))].into_iter().chain(again));
        let client = stage.client();
        let mut builder = client.post("http://a/").body("hi");
        if let Some(key) = key {
            builder = builder.header("Idempotency-Key", key);
        }
        if let Some(said) = said {
            builder = builder.idempotent(said);
        }
        assert_eq!(builder.send().unwrap().attempts().len(), tries, "{key:?} {said:?}");
        stage.finish();
    }
}

#[test]
fn a_connection_that_cannot_be_made_is_tried_again_with_any_method() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let mut stage = retrying([]);
    stage.config.retry = Some(policy(2, S));
    stage.peer.push_error(ConnectError::NoAddress { host: "a".into() });
    let client = stage.client();
    // A name without an address will have none in a second.
    let error = client.post("http://a/").body("hi").send().unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Connect, 1));
    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    let attempts = vec![FailedAddress::new(([192, 0, 2, 1], 80).into(), refused)];
    stage.peer.push_error(ConnectError::Dial { host: "a:80".into(), attempts });
    stage.peer.push(Script::new().expect(post).reply(ok("made")));
    let response = client.post("http://a/").body("hi").send().unwrap();
    assert_eq!(codes(response.attempts()), [Err(ErrorKind::Connect), Ok(200)]);
    stage.finish();
}

#[test]
fn a_replay_costs_no_attempt_and_no_wait() {
    let stage = retrying([
        Script::new().expect(get("/")).reply(ok("1")).expect(get("/")).close(),
        Script::new().expect(get("/")).close(),
        Script::new().expect(get("/")).reply(ok("2")),
    ]);
    let client = stage.client();
    assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), "1");
    let response = client.get("http://a/").send().unwrap();
    let why: Vec<Why> = response.attempts().iter().map(|attempt| attempt.why).collect();
    assert_eq!(why, [Why::First, Why::Replay, Why::Retry]);
    assert_eq!((response.text().unwrap().as_str(), stage.clock.elapsed()), ("2", S));
    stage.finish();
}

#[test]
fn the_total_limit_spans_attempts_and_waits() {
    let stage = retrying([Script::new().expect(get("/")).stall(S * 3).reply(status(503, ""))]);
    let client = stage.client();
    // A wait of one second would leave nothing for another attempt.
    let response = client.get("http://a/").timeout(S * 4).send().unwrap();
    assert_eq!((response.status().as_u16(), stage.clock.elapsed()), (503, S * 3));
    stage.finish();
}

#[test]
fn a_call_that_waits_can_be_cancelled() {
    let mut stage = retrying([Script::new().expect(get("/")).reply(status(503, ""))]);
    let token = CancelToken::new();
    token.cancel();
    stage.config.retry = Some(policy(2, S));
    let client = stage.client();
    // Cancelled before it begins: nothing is sent.
    let error = client.get("http://a/").cancelled_by(&token).send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    drop(client);
    let _ = stage.peer.finish();

    // In the midst of the wait, for real.
    let listener = testkit::peer::ScriptedListener::start(vec![
        Script::new().expect_head().reply(status(503, "Retry-After: 9\r\n")),
    ]);
    let client = Client::with_config(ClientConfig::standard()).unwrap();
    let token = CancelToken::new();
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            token.cancel();
        });
        client.get(format!("http://{}/", listener.addr())).cancelled_by(&token).send().unwrap_err()
    });
    assert_eq!((error.kind(), codes(error.attempts())), (ErrorKind::Cancelled, vec![Ok(503)]));
    assert!(error.to_string().starts_with("GET http://127.0.0.1:"), "{error}");
}

#[test]
fn the_budget_bounds_what_retries_add() {
    let fail = || Script::new().expect(get("/")).reply(status(503, ""));
    let mut stage = retrying([fail(), fail(), fail(), fail()]);
    let mut budget = BudgetConfig::default();
    (budget.capacity, budget.ratio_permille, budget.trickle_permille) = (2, 0, 0);
    stage.config.retry_budget = Some(budget);
    let client = stage.client();
    assert_eq!(client.get("http://a/").send().unwrap().attempts().len(), 3);
    client.close_idle();
    assert_eq!(client.get("http://a/").send().unwrap().attempts().len(), 1, "the bucket is empty");
    stage.finish();
}

#[test]
fn all_hosts_together_have_a_budget_too() {
    let fail = |host: &str| {
        Script::new().expect(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).reply(status(503, "")).close()
    };
    let mut stage = retrying(["a", "a", "b", "b", "c"].map(fail));
    stage.config.retry = Some(policy(2, S));
    let mut budget = BudgetConfig::default();
    (budget.capacity, budget.ratio_permille, budget.trickle_permille) = (2, 0, 0);
    stage.config.client_retry_budget = Some(budget);
    let client = stage.client();
    for (host, attempts) in [("a", 2), ("b", 2), ("c", 1)] {
        let response = client.get(format!("http://{host}/")).send().unwrap();
        assert_eq!(response.attempts().len(), attempts, "{host}");
        let spent = (attempts == 1).then_some(GiveUp::BudgetExhausted);
        assert_eq!(response.gave_up().filter(|_| attempts == 1), spent, "{host}");
    }
    stage.finish();
}

#[test]
fn an_open_breaker_sends_nothing_until_its_time_is_over() {
    let mut stage = stage([
        Script::new().expect(get("/")).reply(status(500, "")).expect(get("/")).reply(status(500, "")),
        Script::new().expect("GET / HTTP/1.1\r\nHost: b\r\n\r\n").reply(ok("other")),
    ]);
    stage.config.breaker = Some(BreakerConfig::classic(NonZeroU32::new(2).unwrap(), S * 30));
    let client = stage.client();
    let origin = Origin::http("a").unwrap();
    for _ in 0..2 {
        assert_eq!(client.get("http://a/").send().unwrap().status().as_u16(), 500);
    }
    let error = client.get("http://a/").send().unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Rejected, 0));
    assert!(matches!(error.gave_up(), Some(GiveUp::CircuitOpen { .. })), "{:?}", error.gave_up());
    assert_eq!(error.to_string(), "GET http://a/: the circuit breaker is open");
    assert_eq!(client.get("http://b/").send().unwrap().text().unwrap(), "other", "each host has its own");

    let host = client.host(&origin).unwrap();
    assert_eq!(host.breaker().unwrap().state(), BreakerState::Open);
    stage.clock.advance(S * 31);
    stage.peer.push(Script::new().expect(get("/")).reply(ok("well")));
    client.close_idle();
    assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), "well");
    assert_eq!(host.breaker().unwrap().state(), BreakerState::Closed);
    host.breaker().unwrap().force_open(stage.clock.now());
    assert_eq!(client.get("http://a/").send().unwrap_err().kind(), ErrorKind::Rejected);
    stage.finish();
}

#[test]
fn a_failure_that_opens_the_breaker_is_handed_back_at_once() {
    let failed = "HTTP/1.1 500 \r\nContent-Length: 4\r\n\r\nwhy?";
    let mut stage = retrying([Script::new().expect(get("/")).reply(failed)]);
    stage.config.breaker = Some(BreakerConfig::classic(NonZeroU32::MIN, S * 30));
    let client = stage.client();
    let response = client.get("http://a/").send().unwrap();
    assert_eq!((response.status().as_u16(), response.attempts().len()), (500, 1));
    assert_eq!(response.text().unwrap(), "why?");
    assert_eq!(stage.clock.elapsed(), Duration::ZERO, "a wait would have been for nothing");
    assert_eq!(client.get("http://a/").send().unwrap_err().kind(), ErrorKind::Rejected);
    stage.finish();
}

#[test]
fn a_client_error_does_not_open_a_breaker() {
    let script = (0..5).fold(Script::new(), |script, _| script.expect(get("/")).reply(status(404, "")));
    let mut stage = stage([script]);
    stage.config.breaker = Some(BreakerConfig::classic(NonZeroU32::MIN, S * 30));
    let client = stage.client();
    for _ in 0..5 {
        assert_eq!(client.get("http://a/").send().unwrap().status().as_u16(), 404);
    }
    stage.finish();
}

#[test]
fn a_host_may_have_policies_of_the_callers_own() {
    let mut stage = stage([Script::new().expect(get("/")).reply(status(500, ""))]);
    stage.config.policies = Some(std::sync::Arc::new(|origin, rng| {
        assert_eq!(origin.authority(), "a");
        let mut stack = Stack::bare(rng);
        stack.breaker = Some(CircuitBreaker::classic(NonZeroU32::MIN, S));
        stack
    }));
    let client = stage.client();
    assert_eq!(client.get("http://a/").send().unwrap().status().as_u16(), 500);
    assert_eq!(client.get("http://a/").send().unwrap_err().kind(), ErrorKind::Rejected);
    stage.finish();
}

#[test]
fn a_request_has_a_policy_of_its_own() {
    let fail = Script::new().expect(get("/")).reply(status(503, ""));
    let stage = retrying([fail]);
    let client = stage.client();
    let response = client.get("http://a/").retry(RetryPolicy::never()).send().unwrap();
    assert_eq!((response.status().as_u16(), response.attempts().len()), (503, 1));
    stage.finish();
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let mut config = ClientConfig::standard();
    let mut breaker = BreakerConfig::default();
    breaker.failure_permille = Some(5000);
    config.breaker = Some(breaker);
    assert_eq!(Client::with_config(config).unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn a_call_can_be_retried_by_a_client_that_has_no_policy() {
    let stage = stage([
        Script::new().expect(get("/")).reply(status(503, "")),
        Script::new().expect(get("/")).reply(ok("")),
    ]);
    let client = stage.client();
    let response = client.get("http://a/").retry(policy(2, S)).send().unwrap();
    assert_eq!(codes(response.attempts()), [Ok(503), Ok(200)]);
    assert!(client.host(&Origin::http("a").unwrap()).is_none());
    stage.finish();
}

#[test]
fn a_total_that_has_passed_is_a_timeout_under_policies_too() {
    let stage = retrying([]);
    let error = stage.client().get("http://a/").timeout(Duration::ZERO).send().unwrap_err();
    assert_eq!((error.kind(), error.limit()), (ErrorKind::Timeout, Some(http_client::Limit::Total)));
    assert_eq!((error.attempts().len(), stage.peer.connects()), (0, 0));
}

#[test]
fn waits_double_up_to_the_longest_as_the_tutorial_has_them() {
    let failing = || Script::new().expect(get("/")).reply(status(503, ""));
    let mut stage = stage((0..5).map(|_| failing()).chain([Script::new().expect(get("/")).reply(ok(""))]));
    let mut policy = policy(6, S);
    policy.backoff = Backoff::exponential(S, S * 5).jitter(Jitter::None);
    stage.config.retry = Some(policy);
    let response = stage.client().get("http://a/").send().unwrap();
    let waits: Vec<_> = response.attempts().iter().map(|attempt| attempt.waited.as_secs()).collect();
    assert_eq!((waits, stage.clock.elapsed()), (vec![0, 1, 2, 4, 5, 5], S * 17));
    stage.finish();
}
