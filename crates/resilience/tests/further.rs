//! Further scenarios: waits beyond the deadline, clocks that jump, probes that get lost, callers that give up, crawls, hedges and
//! layers. Time is simulated throughout.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::panic,
    reason = "test code fails loudly"
)]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use resilience::{
    Backoff, BreakerConfig, BreakerState, CircuitBreaker, Drive, Entropy, Failure, FailureClass, GiveUp,
    HedgePolicy, HedgeState, HedgeStep, HedgeVerdict, Operation, Outcome, Registry, RegistryConfig,
    RetryBudget, SharedRng, Stack, Step, Verdict,
};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn count(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

/// Runs one call to its end; `serve` answers each attempt. Returns the end and the result.
fn call(
    stack: &Stack,
    operation: Operation,
    mut now: Instant,
    mut serve: impl FnMut(Instant) -> (Duration, Verdict),
) -> (Instant, Result<(), GiveUp>) {
    let mut drive = Drive::new(stack, operation, now);
    loop {
        match drive.next(now) {
            Step::Attempt(_) => {
                let (took, verdict) = serve(now);
                now += took;
                drive.report(verdict, now);
            }
            Step::Sleep { until, .. } => now = now.max(until),
            Step::Finished(result) => return (now, result),
        }
    }
}

#[test]
fn k_a_wait_beyond_the_deadline_is_not_begun() {
    let stack = Stack::standard(SharedRng::seeded(1));
    let now = Instant::now();
    let failure = Failure::new(FailureClass::Throttled).after(20 * S);
    let verdict = Verdict::Failed(failure, Outcome::Success);
    let (end, result) = call(&stack, Operation::idempotent().by(now + 5 * S), now, |_| (20 * MS, verdict));
    assert_eq!(end - now, 20 * MS, "no sleep at all");
    assert!(matches!(result, Err(GiveUp::DeadlineTooNear { .. })), "{result:?}");
}

#[test]
fn l_a_clock_that_repeats_itself_or_steps_back_trips_at_the_same_time() {
    let trip = |jump: fn(u64) -> i64| {
        let breaker = CircuitBreaker::standard(&SharedRng::seeded(1));
        let base = Instant::now() + 60 * S;
        for n in 0..2000_u64 {
            let at = i64::try_from(n * 100).unwrap() + jump(n);
            let now = base + Duration::from_millis(u64::try_from(at.max(0)).unwrap());
            if let Ok(permit) = breaker.try_acquire(now) {
                permit.settle(now, if n < 300 { Outcome::Success } else { Outcome::FAILURE });
            }
            if breaker.state() == BreakerState::Open {
                return n;
            }
        }
        u64::MAX
    };
    let straight = trip(|_| 0);
    // One bucket of the window is a second: ten calls.
    for jump in [(|n| -(i64::try_from(n % 7).unwrap() * 100)) as fn(u64) -> i64, |n| {
        if n % 2 == 0 { 1000 } else { -1000 }
    }] {
        assert!(trip(jump).abs_diff(straight) <= 10, "{} against {straight}", trip(jump));
    }
}

#[test]
fn m_a_probe_that_is_lost_holds_nobody_for_longer_than_the_probe_timeout() {
    let config = BreakerConfig::default();
    let breaker = CircuitBreaker::new(config, &SharedRng::seeded(1)).unwrap();
    let mut now = Instant::now();
    while breaker.state() != BreakerState::Open {
        breaker.try_acquire(now).unwrap().failure(now);
        now += 200 * MS;
    }
    let rejected = breaker.try_acquire(now).unwrap_err();
    now += rejected.retry_after.unwrap();
    // The caller hangs for ten minutes.
    let hung = breaker.try_acquire(now).unwrap();
    let (lost, round_trip) = (now, 20 * MS);
    let mut first = None;
    while breaker.state() != BreakerState::Closed {
        now += round_trip;
        if let Ok(permit) = breaker.try_acquire(now) {
            first.get_or_insert(now);
            permit.success(now);
        }
        assert!(now <= lost + config.probe_timeout + S, "service does not resume");
    }
    assert!(first.unwrap() <= lost + config.probe_timeout + round_trip);
    // What it says then is of the past.
    assert_eq!(hung.failure(lost + 600 * S), None);
    assert_eq!(breaker.snapshot(now).stale, 1);
}

#[test]
fn n_callers_who_give_up_neither_open_a_breaker_nor_close_one() {
    let (stack, rng) = (Stack::standard(SharedRng::seeded(1)), SharedRng::seeded(3));
    let breaker = stack.breaker.as_ref().unwrap();
    let mut now = Instant::now();
    let mut calls = |count: u32, verdict: Verdict| {
        for _ in 0..count {
            let verdict = if rng.next_u64() % 2 == 0 { Verdict::Cancelled } else { verdict };
            (now, _) = call(&stack, Operation::idempotent(), now, |_| (20 * MS, verdict));
        }
        breaker.snapshot(now)
    };
    let well = calls(5000, Verdict::DONE);
    assert_eq!((well.state, well.counts.failures), (BreakerState::Closed, 0));
    // The other half decides as it would alone: a row of failures opens, a row of successes closes.
    let ill = calls(400, Verdict::Failed(Failure::new(FailureClass::Permanent), Outcome::FAILURE));
    assert_eq!(ill.state, BreakerState::Open);
    now = ill.open_until.unwrap();
    let probe = |verdict| call(&stack, Operation::idempotent(), now, |_| (MS, verdict));
    for _ in 0..100 {
        let _ = probe(Verdict::Cancelled);
    }
    let probing = breaker.snapshot(now);
    assert_eq!((probing.state, probing.probe_limit, probing.probes), (BreakerState::HalfOpen, 1, 0));
    for _ in 0..16 {
        let _ = probe(Verdict::DONE);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn o_an_outage_in_little_traffic_is_seen_within_five_calls() {
    let breaker = CircuitBreaker::standard(&SharedRng::seeded(1));
    let mut now = Instant::now();
    for _ in 0..20 {
        breaker.try_acquire(now).unwrap().success(now);
        now += 5 * S;
    }
    let mut failures = 0;
    while breaker.state() == BreakerState::Closed {
        breaker.try_acquire(now).unwrap().failure(now);
        failures += 1;
        now += 5 * S;
    }
    assert!(failures <= 5, "{failures}");
}

#[test]
fn p_a_crawl_of_ten_thousand_hosts_keeps_to_its_bound_and_to_what_is_open() {
    let mut config = RegistryConfig::default();
    config.max_entries = 500;
    let registry = Registry::new(config);
    let (mut now, mut most) = (Instant::now(), 0);
    let make = || CircuitBreaker::classic(count(1), 3600 * S);
    for host in 0..100_u32 {
        registry.get_or_insert_with(&host, now, make).try_acquire(now).unwrap().failure(now);
    }
    for host in 100..10_100_u32 {
        let breaker = registry.get_or_insert_with(&host, now, make);
        breaker.try_acquire(now).unwrap().success(now);
        now += 10 * MS;
        most = most.max(registry.len());
    }
    // Full of breakers that have seen calls, it makes room up to twice before it gives one of them up.
    assert!(most <= 2 * config.max_entries, "{most}");
    let open = (0..100_u32)
        .filter(|host| registry.get(host, now).is_some_and(|breaker| breaker.state() == BreakerState::Open));
    assert_eq!(open.count(), 100, "an open breaker is never evicted");
}

#[test]
fn q_a_hedge_cuts_the_slow_hundredth_for_a_few_more_calls() {
    let rng = SharedRng::seeded(5);
    let latency = |slow_of_100: u64| if rng.next_u64() % 100 < slow_of_100 { 2000 * MS } else { 20 * MS };
    let policy = HedgePolicy::new(1, 100 * MS).unwrap();
    let run = |slow_of_100, budget: Option<&RetryBudget>| {
        let (mut base, mut sent, mut took) = (Instant::now(), 0_u32, Vec::new());
        for _ in 0..10_000 {
            let mut state = HedgeState::new(policy);
            let (mut now, mut ends) = (base, Vec::new());
            loop {
                match state.next(now, budget) {
                    HedgeStep::Start(index) => {
                        sent += 1;
                        ends.push((now + latency(slow_of_100), index));
                    }
                    HedgeStep::Wait(until) if ends.iter().all(|(end, _)| until < *end) => now = until,
                    HedgeStep::Wait(_) | HedgeStep::Await => {
                        let (end, index) = *ends.iter().min().unwrap();
                        now = end;
                        state.on_result(index, HedgeVerdict::Win, now);
                    }
                    HedgeStep::Finish(_) => break,
                }
            }
            took.push(now - base);
            base += 100 * MS;
        }
        took.sort_unstable();
        (took[took.len() * 99 / 100], f64::from(sent) / 10_000.0)
    };
    let (p99, load) = run(1, None);
    assert!(p99 < 300 * MS, "{p99:?}");
    assert!(load <= 1.06, "{load}");
    // Everything is slow: the budget bounds what hedges add.
    let (_, load) = run(100, Some(&RetryBudget::default()));
    assert!(load <= 1.12, "{load}");
    assert!(run(100, None).1 > 1.99);
}

#[test]
fn r_three_layers_of_retries_do_not_multiply() {
    // Each layer calls the one below; the lowest is down.
    fn layer(stacks: &[Arc<Stack>], now: Instant, sent: &mut u32) -> (Instant, bool) {
        let Some((stack, below)) = stacks.split_first() else {
            *sent += 1;
            return (now + MS, false);
        };
        let mut end = now;
        let (_, result) = call(stack, Operation::idempotent(), now, |at| {
            let (done, good) = layer(below, at, sent);
            end = done;
            let verdict = if good { Verdict::DONE } else { Verdict::failed(FailureClass::Transient) };
            (done - at, verdict)
        });
        (end, result.is_ok())
    }
    let amplification = |budgeted: bool| {
        let make = |seed| {
            let mut stack = Stack::standard(SharedRng::seeded(seed));
            stack.breaker = None;
            stack.retry.backoff = Backoff::constant(MS);
            if !budgeted {
                stack.budget = None;
            }
            Arc::new(stack)
        };
        let stacks: Vec<_> = (0..3).map(make).collect();
        let (mut now, mut sent, calls) = (Instant::now(), 0, 3000);
        for _ in 0..calls {
            layer(&stacks, now, &mut sent);
            now += 100 * MS;
        }
        f64::from(sent) / f64::from(calls)
    };
    assert!(amplification(true) <= 1.1_f64.powi(3), "{}", amplification(true));
    assert!(amplification(false) > 26.0, "{}", amplification(false));
}
