//! A client with redirects, retries, a budget and a breaker against servers that do as they like, in memory and under a
//! manual clock.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code fails loudly")]

#[path = "client_properties/asks.rs"]
mod asks;
mod common;
#[path = "client_properties/peers.rs"]
mod peers;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use asks::{Asks, FIELDS, HEAD_BYTES, INFORMATIONAL, Kind, Policies, Reads, asks, mark, policies};
use common::{Stage, stage};
use http_client::{AttemptInfo, Error, ErrorKind, Response, Why};
use peers::{EVIL, Meets, Servers, meets};
use proptest::collection::vec;
use proptest::prelude::*;

/// In every secret.
const MARK: &str = "s3cret";
/// Output of decoding that is free of any ratio.
const FREE: u64 = 1 << 20;

/// Makes all calls with one client, holds the rules, and tells what happened.
fn play(policies: &Policies, meets: &[Meets], asks: &[Asks]) -> Result<String, TestCaseError> {
    let mut stage = stage([]);
    let servers = Servers::new(&stage.peer, meets);
    stage.config.connect = Some(servers.clone());
    policies.set(&mut stage.config);
    let told = calls(policies, &stage, &servers, asks);
    // Not all scripts need be played.
    let _ = stage.peer.finish();
    told
}

fn calls(
    policies: &Policies,
    stage: &Stage,
    servers: &Servers,
    asks: &[Asks],
) -> Result<String, TestCaseError> {
    let client = stage.client();
    let (mut trace, mut in_vain) = (String::new(), 0);
    for (id, asks) in asks.iter().enumerate() {
        let before = stage.clock.elapsed();
        let informed = Arc::new(AtomicUsize::new(0));
        let (outcome, attempts) = match asks.request(&client, id, &informed).send() {
            Ok(response) => {
                let (status, attempts) = (response.status().as_u16(), response.attempts().to_vec());
                came_back(policies, stage, id, &response)?;
                let read = read(policies, asks, response)?;
                writeln!(trace, "{read}").unwrap();
                (Ok(status), attempts)
            }
            Err(error) => {
                writeln!(trace, "{}", told(&error)?).unwrap();
                (Err(error.kind()), error.attempts().to_vec())
            }
        };
        let took = stage.clock.elapsed() - before;
        prop_assert!(policies.total.is_none_or(|total| took <= Duration::from_secs(total)), "{:?}", took);
        let informed = informed.load(Ordering::Relaxed);
        prop_assert!(informed <= INFORMATIONAL * attempts.len(), "{} informational responses", informed);
        in_vain += hops(policies, &attempts)?;
        ended(policies, outcome, &attempts)?;
        sent(policies, stage, id, asks, &attempts)?;
        writeln!(trace, "{outcome:?} {took:?} {attempts:?}").unwrap();
    }
    connections(policies, stage, servers)?;
    let hosts = stage.peer.origins().into_iter().collect::<HashSet<_>>().len();
    let is_within = policies.budget.is_none_or(|budget| in_vain <= usize::from(budget) * hosts);
    prop_assert!(is_within, "{} retries in vain at {} hosts", in_vain, hosts);
    Ok(trace)
}

/// Tells an error, which tells no secret.
fn told(error: &Error) -> Result<String, TestCaseError> {
    let told = format!("{error} {error:?}");
    prop_assert!(!told.contains(MARK), "{}", told);
    Ok(told)
}

/// Reads a response within the limits, and tells what came.
fn read(policies: &Policies, asks: &Asks, mut response: Response<'static>) -> Result<String, TestCaseError> {
    // What a server says of its content besides its framing.
    let announced = response.header("X-Length").map(|length| length.parse::<u64>().unwrap());
    // Read as it comes, the long content of a redirect would leave the connection good for more.
    let reads = if response.status().is_redirection() { Reads::Whole } else { asks.reads };
    let (length, error) = match reads {
        Reads::Nothing => return Ok(String::new()),
        Reads::Whole => match response.bytes() {
            Ok(content) => {
                prop_assert!(content.len() as u64 <= policies.buffered, "{} bytes", content.len());
                prop_assert!(content != EVIL.as_bytes(), "an answer that nobody asked for");
                (content.len() as u64, None)
            }
            Err(error) => return told(&error),
        },
        Reads::AsItComes => {
            let error = response.copy_to(&mut io::sink()).err();
            let most = FREE.max(response.received() * policies.expansion);
            prop_assert!(
                !response.is_decoded() || response.decoded() <= most,
                "{} bytes",
                response.decoded()
            );
            (response.decoded(), error)
        }
    };
    let is_whole = asks.method == "HEAD" || error.is_some() || announced.is_none_or(|told| told == length);
    prop_assert!(is_whole, "of {:?} bytes {} came, and no error", announced, length);
    Ok(format!("{length} {}", error.as_ref().map(told).transpose()?.unwrap_or_default()))
}

/// The heads of this call, with the content before each.
fn heads(stage: &Stage, id: usize) -> Vec<String> {
    let tag = format!("X-Id: <{id}>");
    let written: Vec<_> = stage.peer.connections().into_iter().map(|connection| connection.written).collect();
    let texts = written.iter().map(|written| String::from_utf8_lossy(written));
    texts
        .flat_map(|text| text.split("\r\n\r\n").map(str::to_owned).collect::<Vec<_>>())
        .filter(|head| head.contains(&tag))
        .collect()
}

/// The target shows its query to the server that named it; the fields alone can leak.
fn shows_secret(heads: &str) -> bool {
    heads.lines().any(|line| line.contains(MARK) && !line.contains(" HTTP/1.1"))
}

/// Looks at what was delivered by its history: what stayed behind does not come back.
fn came_back(
    policies: &Policies,
    stage: &Stage,
    id: usize,
    response: &Response<'static>,
) -> Result<(), TestCaseError> {
    let urls = response.history().iter().map(|passed| &passed.url).chain(response.url());
    let origins: Vec<_> = urls.map(|url| url.origin().ascii_serialization()).collect();
    let lines = response.headers().iter().map(|(name, value)| name.len() + value.len());
    prop_assert!(response.headers().len() <= FIELDS && lines.sum::<usize>() <= HEAD_BYTES);
    prop_assert!(origins.len() <= policies.redirects as usize + 1, "{:?}", origins);
    let leaves = |pair: &[String]| pair[0] != pair[1] && policies.trusted != Some(&pair[1]);
    let Some(left) = origins.windows(2).position(leaves) else { return Ok(()) };
    let hops = response.attempts().iter().enumerate().filter(|(_, attempt)| attempt.why == Why::Redirect);
    let (attempts_before, _) = hops.clone().nth(left).unwrap();
    let with_secrets = heads(stage, id).iter().filter(|head| shows_secret(head)).count();
    prop_assert!(with_secrets <= attempts_before, "{} heads by {:?}", with_secrets, origins);
    Ok(())
}

/// Looks at each hop, and counts the retries that got no token back.
fn hops(policies: &Policies, attempts: &[AttemptInfo]) -> Result<usize, TestCaseError> {
    let mut in_vain = 0;
    let count = |hop: &[AttemptInfo], why: Why| hop.iter().filter(|attempt| attempt.why == why).count();
    prop_assert!(count(attempts, Why::Redirect) <= policies.redirects as usize, "{:?}", attempts);
    for hop in attempts.chunk_by(|_, next| next.why != Why::Redirect) {
        let [retries, replays, reasks] = [Why::Retry, Why::Replay, Why::Reask].map(|why| count(hop, why));
        prop_assert!(retries < policies.attempts as usize, "{:?}", hop);
        prop_assert!(replays <= 1 + retries && reasks <= 4, "{:?}", hop);
        // A retry that succeeds, be it by a replay, gets its token back.
        let last = hop.last().and_then(|last| last.outcome.ok());
        let is_well = last.is_some_and(|status| !matches!(status.as_u16(), 408 | 429 | 500..));
        in_vain += retries.saturating_sub(usize::from(is_well));
    }
    Ok(in_vain)
}

/// The last attempt says how the call ended.
fn ended(
    policies: &Policies,
    outcome: Result<u16, ErrorKind>,
    attempts: &[AttemptInfo],
) -> Result<(), TestCaseError> {
    let last = attempts.last().map(|last| last.outcome.map(|status| status.as_u16()));
    let may_be = match outcome {
        // A breaker may open while a retry is waited for: then the response before is gone already.
        Err(ErrorKind::Rejected) => {
            policies.breaker.is_some() && last.is_none_or(|last| last.is_ok_and(|status| status >= 300))
        }
        Err(ErrorKind::Redirect) => last.is_some_and(|last| last.is_ok_and(|status| status / 100 == 3)),
        // The call may be too late to follow, or to try again.
        Err(ErrorKind::Timeout) => policies.total.is_some() || last == Some(outcome),
        _ => last == Some(outcome),
    };
    prop_assert!(may_be, "{:?} after {:?}", outcome, attempts);
    Ok(())
}

/// Looks at what this call wrote.
fn sent(
    policies: &Policies,
    stage: &Stage,
    id: usize,
    asks: &Asks,
    attempts: &[AttemptInfo],
) -> Result<(), TestCaseError> {
    let heads = heads(stage, id);
    prop_assert!(heads.len() <= attempts.len(), "sent {} times in {:?}", heads.len(), attempts);
    let mark = mark(id);
    let contents: usize = stage
        .peer
        .connections()
        .iter()
        .map(|connection| String::from_utf8_lossy(&connection.written).matches(&mark).count())
        .sum();
    let is_reader = asks.content.is_some_and(|(kind, _)| kind == Kind::Reader);
    prop_assert!(!is_reader || contents <= 1, "what can be read once was sent {} times", contents);
    // It may be sent again where the server asks for it, and where the caller believes that the server has done nothing.
    let may_follow = |pair: &[AttemptInfo]| {
        let status = pair[0].outcome.map_or(0, |status| status.as_u16());
        match pair[1].why {
            Why::Reask => matches!(status, 408 | 417 | 421 | 425),
            Why::Redirect => match status {
                301 | 302 => asks.method != "POST",
                303 => matches!(asks.method, "GET" | "HEAD"),
                _ => true,
            },
            Why::Retry => policies.retry_throttled && matches!(status, 429 | 503),
            _ => false,
        }
    };
    let most = 1 + attempts.windows(2).filter(|pair| may_follow(pair)).count();
    // RFC 9110 §15.5.9: what the server did not wait for to its end it has not acted on.
    let unheard = |pair: &[AttemptInfo]| {
        pair[1].why == Why::Retry && pair[0].outcome.is_ok_and(|status| status.as_u16() == 408)
    };
    let is_cut_short = asks.expects || matches!(asks.content, Some((_, 1..)));
    let heads_at_most = most + attempts.windows(2).filter(|pair| is_cut_short && unheard(pair)).count();
    let line = format!("{} /", asks.method);
    let alike = heads.iter().filter(|head| head.contains(&line)).count();
    let is_once = asks.is_idempotent() || contents <= most && alike <= heads_at_most;
    prop_assert!(is_once, "{} was sent {} times: {:?}", asks.method, alike, attempts);
    Ok(())
}

/// Looks at all that went over each connection.
fn connections(policies: &Policies, stage: &Stage, servers: &Servers) -> Result<(), TestCaseError> {
    for (connection, made) in stage.peer.connections().iter().zip(servers.made()) {
        let written = String::from_utf8_lossy(&connection.written);
        let may_see = made.origin == "http://a" || policies.trusted == Some(&made.origin);
        prop_assert!(may_see || !shows_secret(&written), "a secret went to {}: {}", made.origin, written);
        let requests = written.matches(" HTTP/1.1\r\n").count();
        prop_assert!(
            requests <= made.carries,
            "{} requests where {} may be: {}",
            requests,
            made.carries,
            written
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn calls_end_in_bounds_and_nothing_harmful_is_sent_twice_or_told(
        policies in policies(),
        meets in vec(meets(), 0..12),
        asks in vec(asks(), 1..10),
    ) {
        let trace = play(&policies, &meets, &asks)?;
        prop_assert_eq!(trace, play(&policies, &meets, &asks)?, "the same script gives the same trace");
    }
}
