//! A client with retries, a budget and a breaker against servers that fail as they like, in memory and under a manual clock.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code fails loudly")]

mod common;

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::time::Duration;

use common::{Stage, stage};
use http_client::conn::ConnectError;
use http_client::resilience::{Backoff, BreakerConfig, BudgetConfig};
use http_client::{ErrorKind, RetryPolicy, Why};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use testkit::peer::Script;

/// What a server does with a request.
#[derive(Clone, Copy, Debug)]
enum Does {
    Answer(u16, &'static str),
    Reset,
    Close,
    CutShort,
    Garble,
    Stall(u64),
}

/// Where a call goes next for a connection.
#[derive(Clone, Debug)]
enum Meets {
    Server(Vec<Does>),
    NoAddress,
}

#[derive(Clone, Debug)]
struct Policies {
    attempts: u32,
    wait: u64,
    budget: Option<u16>,
    breaker: Option<u32>,
    total: Option<u64>,
}

/// One call: its method, and whether it says that it is idempotent.
type Asks = (&'static str, Option<bool>);

fn does() -> impl Strategy<Value = Does> {
    let statuses = &[200, 200, 200, 404, 429, 500, 502, 503, 503][..];
    let fields = &["", "", "Connection: close\r\n", "Retry-After: 2\r\n", "Retry-After: 100000\r\n"][..];
    prop_oneof![
        6 => (select(statuses), select(fields)).prop_map(|(status, fields)| Does::Answer(status, fields)),
        1 => Just(Does::Reset),
        1 => Just(Does::Close),
        1 => Just(Does::CutShort),
        1 => Just(Does::Garble),
        1 => (1..100_u64).prop_map(Does::Stall),
    ]
}

fn meets() -> impl Strategy<Value = Meets> {
    prop_oneof![8 => vec(does(), 1..5).prop_map(Meets::Server), 1 => Just(Meets::NoAddress)]
}

fn policies() -> impl Strategy<Value = Policies> {
    (1..6_u32, 0..5_u64, option::of(0..5_u16), option::of(1..6_u32), option::of(1..200_u64)).prop_map(
        |(attempts, wait, budget, breaker, total)| Policies { attempts, wait, budget, breaker, total },
    )
}

fn asks() -> impl Strategy<Value = Asks> {
    let method = select(&["GET", "PUT", "DELETE", "HEAD", "POST", "POST", "PATCH"][..]);
    (method, option::weighted(0.2, any::<bool>()))
}

/// After all it does, a server closes over the next request.
fn script(does: &[Does]) -> Script {
    let all = does.iter().copied().chain([Does::Close]);
    all.fold(Script::new(), |script, does| {
        let script = script.expect_head();
        match does {
            Does::Answer(status, fields) => {
                script.reply(format!("HTTP/1.1 {status} \r\n{fields}Content-Length: 0\r\n\r\n"))
            }
            Does::Reset => script.reset(),
            Does::Close => script.close(),
            Does::CutShort => script.reply("HTTP/1.1 200 \r\nConte").close(),
            Does::Garble => script.reply("HTTP/1.1 2x0 \r\n\r\n"),
            Does::Stall(seconds) => script.stall(Duration::from_secs(seconds)).reply(common::ok("")),
        }
    })
}

/// Makes all calls with one client, holds the rules, and tells what happened.
fn play(policies: &Policies, meets: &[Meets], asks: &[Asks]) -> Result<String, TestCaseError> {
    let mut stage = stage([]);
    for meets in meets {
        match meets {
            Meets::Server(does) => stage.peer.push(script(does)),
            Meets::NoAddress => stage.peer.push_error(ConnectError::NoAddress { host: "a".into() }),
        }
    }
    let mut retry = RetryPolicy::default();
    retry.max_attempts = NonZeroU32::new(policies.attempts).unwrap();
    retry.backoff = Backoff::constant(Duration::from_secs(policies.wait));
    stage.config.retry = Some(retry);
    stage.config.retry_budget = policies.budget.map(|capacity| {
        let mut budget = BudgetConfig::default();
        (budget.capacity, budget.ratio_permille, budget.trickle_permille) = (capacity, 0, 0);
        budget
    });
    stage.config.breaker = policies
        .breaker
        .map(|failures| BreakerConfig::classic(NonZeroU32::new(failures).unwrap(), Duration::from_secs(30)));
    stage.config.timeouts.total = policies.total.map(Duration::from_secs);
    stage.config.seed = Some(7);
    let told = call(policies, &stage, asks);
    // Not all scripts need be played.
    let _ = stage.peer.finish();
    told
}

fn call(policies: &Policies, stage: &Stage, asks: &[Asks]) -> Result<String, TestCaseError> {
    let client = stage.client();
    let (mut trace, mut in_vain) = (String::new(), 0);
    for (id, (method, idempotent)) in asks.iter().enumerate() {
        let before = stage.clock.elapsed();
        let request = client.request(*method, "http://a/").header("X-Id", format!("<{id}>"));
        let request = if let Some(said) = idempotent { request.idempotent(*said) } else { request };
        let (outcome, attempts) = match request.send() {
            Ok(response) => (Ok(response.status().as_u16()), response.attempts().to_vec()),
            Err(error) => (Err(error.kind()), error.attempts().to_vec()),
        };
        let took = stage.clock.elapsed() - before;
        prop_assert!(policies.total.is_none_or(|total| took <= Duration::from_secs(total)), "{:?}", took);

        let count = |why: Why| attempts.iter().filter(|attempt| attempt.why == why).count();
        let retried = u32::try_from(count(Why::Retry)).unwrap();
        prop_assert!(
            retried < policies.attempts && count(Why::Replay) <= attempts.len() / 2,
            "{:?}",
            attempts
        );
        // A retry that succeeds, be it by a replay, gets its token back.
        let is_well = outcome.is_ok_and(|status| status < 429);
        in_vain += retried.saturating_sub(u32::from(is_well));
        let last = attempts.last().map(|last| last.outcome.map(|status| status.as_u16()));
        // A breaker may open while a retry is waited for: then the response before is gone already.
        let is_rejected = outcome == Err(ErrorKind::Rejected);
        let may_be_rejected =
            policies.breaker.is_some() && last.is_none_or(|last| last.is_ok_and(|status| status >= 429));
        prop_assert!(
            last == Some(outcome) || is_rejected && may_be_rejected,
            "{:?} after {:?}",
            outcome,
            attempts
        );

        let connections = stage.peer.connections();
        let tag = format!("X-Id: <{id}>");
        let written = |written: &[u8]| String::from_utf8_lossy(written).matches(&tag).count();
        let sent: usize = connections.iter().map(|connection| written(&connection.written)).sum();
        prop_assert!(sent <= attempts.len(), "sent {} times in {:?}", sent, attempts);
        let is_idempotent = idempotent.unwrap_or(!matches!(*method, "POST" | "PATCH"));
        prop_assert!(is_idempotent || sent <= 1, "{} was sent {} times: {:?}", method, sent, attempts);
        writeln!(trace, "{outcome:?} {took:?} {sent} {attempts:?}").unwrap();
    }
    let is_within = policies.budget.is_none_or(|budget| in_vain <= u32::from(budget));
    prop_assert!(is_within, "{} retries in vain", in_vain);
    Ok(trace)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn calls_end_in_bounds_and_nothing_harmful_is_sent_twice(
        policies in policies(),
        meets in vec(meets(), 0..12),
        asks in vec(asks(), 1..10),
    ) {
        let trace = play(&policies, &meets, &asks)?;
        prop_assert_eq!(trace, play(&policies, &meets, &asks)?, "the same script gives the same trace");
    }
}
