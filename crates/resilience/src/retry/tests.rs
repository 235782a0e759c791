use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::budget::{BudgetConfig, RetryBudget};
use crate::rng::SharedRng;

const MS: Duration = Duration::from_millis(1);
const TRANSIENT: Failure = Failure::new(FailureClass::Transient);

fn policy() -> RetryPolicy {
    RetryPolicy { backoff: Backoff::constant(100 * MS), ..RetryPolicy::default() }
}

#[track_caller]
fn check(policy: RetryPolicy, safety: ReplaySafety, failure: Failure, expected: Result<u128, GiveUp>) {
    let (now, rng) = (Instant::now(), SharedRng::seeded(5));
    let mut state = RetryState::new(safety, now, Some(now + 2000 * MS));
    let decided = match state.on_failure(&policy, failure, now, None, &rng) {
        Decision::Retry { after, attempt, .. } => {
            assert_eq!(attempt.get(), 2);
            Ok(after.as_millis())
        }
        Decision::GiveUp(reason) => Err(reason),
    };
    assert_eq!(decided, expected);
}

#[test]
fn the_first_reason_in_order_decides() {
    use FailureClass::{NotApplied, Permanent, Throttled, Timeout, Transient};
    use ReplaySafety::{Idempotent, Never, OnlyIfNotApplied};
    let p = policy();
    check(p, Idempotent, TRANSIENT, Ok(100));
    check(p, Idempotent, Failure::new(NotApplied), Ok(100));
    check(p, Idempotent, Failure::new(Timeout), Ok(100));
    check(p, Idempotent, Failure::new(Permanent), Err(GiveUp::Permanent));
    check(p, Idempotent, Failure::new(Permanent).refused(), Err(GiveUp::Permanent));
    check(p, Idempotent, TRANSIENT.refused(), Err(GiveUp::PushedBack));
    check(p, OnlyIfNotApplied, Failure::new(NotApplied), Ok(100));
    check(p, OnlyIfNotApplied, Failure::new(Transient), Err(GiveUp::NotReplaySafe));
    check(p, OnlyIfNotApplied, Failure::new(Timeout), Err(GiveUp::NotReplaySafe));
    check(p, OnlyIfNotApplied, Failure::new(Throttled), Err(GiveUp::NotReplaySafe));
    let throttled = RetryPolicy { throttled_backoff: Backoff::constant(300 * MS), ..p };
    check(throttled, OnlyIfNotApplied, Failure::new(Throttled).not_applied(), Ok(300));
    check(p, Never, Failure::new(Throttled).not_applied(), Err(GiveUp::NotReplaySafe));
    check(p, OnlyIfNotApplied, Failure::new(Permanent).not_applied(), Err(GiveUp::Permanent));
    check(p, Never, Failure::new(NotApplied), Err(GiveUp::NotReplaySafe));
    check(p, Idempotent, TRANSIENT.consumed(), Err(GiveUp::NotReplayable));
    check(p, OnlyIfNotApplied, Failure::new(NotApplied).consumed(), Err(GiveUp::NotReplayable));
    check(RetryPolicy::never(), Idempotent, TRANSIENT, Err(GiveUp::AttemptsExhausted { max: 1 }));
    let brief = RetryPolicy { max_elapsed: Some(100 * MS), ..p };
    check(brief, Idempotent, TRANSIENT, Err(GiveUp::ElapsedExceeded));
    let over = RetryPolicy { max_elapsed: Some(Duration::ZERO), ..p };
    check(over, Idempotent, TRANSIENT, Err(GiveUp::ElapsedExceeded));
    let asked = Duration::from_secs(31);
    let limit = Duration::from_secs(30);
    check(p, Idempotent, TRANSIENT.after(asked), Err(GiveUp::ServerDelayTooLong { asked, limit }));
    let long = RetryPolicy { backoff: Backoff::constant(1999 * MS), ..p };
    let near = GiveUp::DeadlineTooNear { needed: 2000 * MS, left: 2000 * MS };
    check(long, Idempotent, TRANSIENT, Err(near));
    let fits = RetryPolicy { backoff: Backoff::constant(1998 * MS), ..p };
    check(fits, Idempotent, TRANSIENT, Ok(1998));
}

#[test]
fn a_server_delay_is_a_floor_and_grows_by_a_tenth_at_most() {
    let (now, policy) = (Instant::now(), policy());
    let mut waits: Vec<Duration> = (0..200)
        .map(|seed| {
            let mut state = RetryState::new(ReplaySafety::Idempotent, now, None);
            match state.on_failure(&policy, TRANSIENT.after(5000 * MS), now, None, &SharedRng::seeded(seed)) {
                Decision::Retry { after, .. } => after,
                Decision::GiveUp(reason) => panic!("{reason}"),
            }
        })
        .collect();
    waits.sort_unstable();
    assert!(waits[0] >= 5000 * MS && waits[199] <= 5500 * MS);
    waits.dedup();
    assert!(waits.len() > 100);
}

#[test]
fn throttled_failures_follow_their_own_backoff() {
    let policy = RetryPolicy {
        throttled_backoff: Backoff::exponential(1000 * MS, 9000 * MS).jitter(Jitter::None),
        backoff: Backoff::exponential(100 * MS, 9000 * MS).jitter(Jitter::None),
        max_attempts: NonZeroU32::new(9).unwrap(),
        ..policy()
    };
    let (now, rng) = (Instant::now(), SharedRng::seeded(1));
    let mut state = RetryState::new(ReplaySafety::Idempotent, now, None);
    let waits: Vec<u128> = [TRANSIENT, Failure::new(FailureClass::Throttled)]
        .into_iter()
        .cycle()
        .take(4)
        .map(|failure| match state.on_failure(&policy, failure, now, None, &rng) {
            Decision::Retry { after, .. } => after.as_millis(),
            Decision::GiveUp(reason) => panic!("{reason}"),
        })
        .collect();
    assert_eq!(waits, [100, 1000, 200, 2000]);
}

#[test]
fn a_class_has_its_price() {
    use FailureClass::{NotApplied, Throttled, Timeout, Transient};
    let now = Instant::now();
    for (class, left) in [(NotApplied, 19_000), (Transient, 19_000), (Timeout, 18_000), (Throttled, 18_000)] {
        let budget = RetryBudget::default();
        let mut state = RetryState::new(ReplaySafety::Idempotent, now, None);
        let decision =
            state.on_failure(&policy(), Failure::new(class), now, Some(&budget), &SharedRng::seeded(1));
        assert_eq!(budget.level(now), left, "{class:?}");
        let Decision::Retry { token: Some(mut token), .. } = decision else { panic!("{decision:?}") };
        token.spend();
        token.succeeded(now);
        let back = if class == Throttled { 100 } else { 1000 };
        assert_eq!(budget.level(now), left + back, "{class:?}");
    }
}

#[test]
fn an_open_breaker_is_waited_for_as_long_as_allowed() {
    let (now, rng) = (Instant::now(), SharedRng::seeded(2));
    let policy =
        RetryPolicy { on_open: OnOpen::WaitUpTo(2000 * MS), server_jitter: Duration::ZERO, ..policy() };
    let mut state = RetryState::new(ReplaySafety::Never, now, None);
    for _ in 0..2 {
        let decision = state.on_rejected(&policy, Some(1000 * MS), now, &rng);
        let Decision::Retry { after, attempt, token: None } = decision else { panic!("{decision:?}") };
        assert_eq!((after, attempt.get()), (1000 * MS, 1));
    }
    let open = |decision| matches!(decision, Decision::GiveUp(GiveUp::CircuitOpen { .. }));
    assert!(open(state.on_rejected(&policy, Some(Duration::ZERO), now, &rng)));
    let mut state = RetryState::new(ReplaySafety::Never, now, None);
    assert!(open(state.on_rejected(&policy, None, now, &rng)));
    assert!(open(state.on_rejected(&RetryPolicy::default(), Some(MS), now, &rng)));
    let mut late = RetryState::new(ReplaySafety::Never, now, Some(now + 500 * MS));
    let decision = late.on_rejected(&policy, Some(1000 * MS), now, &rng);
    assert!(matches!(decision, Decision::GiveUp(GiveUp::DeadlineTooNear { .. })));
}

#[test]
fn what_the_peer_did_not_see_is_sent_again_once_per_attempt() {
    let (now, rng) = (Instant::now(), SharedRng::seeded(2));
    let mut state = RetryState::new(ReplaySafety::Idempotent, now, None);
    assert!(state.transparent() && !state.transparent());
    let decision = state.on_failure(&policy(), TRANSIENT, now, None, &rng);
    assert!(matches!(decision, Decision::Retry { .. }));
    assert!(state.transparent() && !state.transparent());
    assert!(!RetryState::new(ReplaySafety::Never, now, None).transparent());
}

#[test]
fn an_attempt_ends_at_the_nearer_limit() {
    let now = Instant::now();
    let check = |timeout: Option<u32>, deadline: Option<u32>, expected: Option<u32>| {
        let policy = RetryPolicy { attempt_timeout: timeout.map(|n| n * MS), ..policy() };
        let state = RetryState::new(ReplaySafety::Idempotent, now, deadline.map(|n| now + n * MS));
        assert_eq!(state.attempt_deadline(&policy, now), expected.map(|n| now + n * MS));
    };
    check(None, None, None);
    check(Some(5), None, Some(5));
    check(None, Some(7), Some(7));
    check(Some(5), Some(7), Some(5));
    check(Some(9), Some(7), Some(7));
}

fn any_failure() -> impl Strategy<Value = Failure> {
    let class = prop_oneof![
        1 => Just(FailureClass::NotApplied),
        4 => Just(FailureClass::Transient),
        2 => Just(FailureClass::Timeout),
        2 => Just(FailureClass::Throttled),
        1 => Just(FailureClass::Permanent),
    ];
    let pushback = prop_oneof![
        6 => Just(Pushback::None),
        3 => (0_u64..40_000).prop_map(|ms| Pushback::After(Duration::from_millis(ms))),
        1 => Just(Pushback::After(Duration::MAX)),
        1 => Just(Pushback::Never),
    ];
    (class, pushback, prop::bool::weighted(0.9), prop::bool::weighted(0.1)).prop_map(
        |(class, pushback, replayable, not_applied)| Failure { class, pushback, replayable, not_applied },
    )
}

fn any_policy() -> impl Strategy<Value = RetryPolicy> {
    let ms = |n: u64| Duration::from_millis(n);
    (1_u32..8, 0_u64..5000, proptest::option::of(0_u64..20_000), 0_u64..60_000, 0_u64..5000, 0_u64..100)
        .prop_map(move |(attempts, base, elapsed, server, jitter, expected)| RetryPolicy {
            max_attempts: NonZeroU32::new(attempts).unwrap(),
            backoff: Backoff::exponential(ms(base), ms(10_000)),
            max_elapsed: elapsed.map(ms),
            max_server_delay: ms(server),
            server_jitter: ms(jitter),
            expected_attempt: ms(expected),
            ..RetryPolicy::default()
        })
}

fn any_safety() -> impl Strategy<Value = ReplaySafety> {
    prop_oneof![
        4 => Just(ReplaySafety::Idempotent),
        1 => Just(ReplaySafety::OnlyIfNotApplied),
        1 => Just(ReplaySafety::Never),
    ]
}

type Script = Vec<(u64, Failure)>;

/// Plays the script and judges every decision; hands back the trace.
fn play(
    policy: &RetryPolicy,
    safety: ReplaySafety,
    deadline: Option<u64>,
    capacity: u16,
    seed: u64,
    script: &Script,
) -> Result<Vec<String>, TestCaseError> {
    let (rng, base) = (SharedRng::seeded(seed), Instant::now());
    let deadline = deadline.map(|ms| base + Duration::from_millis(ms));
    let mut config = BudgetConfig::default();
    (config.capacity, config.trickle_permille) = (capacity, 0);
    let budget = RetryBudget::new(config);
    let mut state = RetryState::new(safety, base, deadline);
    let (mut now, mut trace) = (base, Vec::new());
    for (took, failure) in script {
        now += Duration::from_millis(*took);
        let level = budget.level(now);
        match state.on_failure(policy, *failure, now, Some(&budget), &rng) {
            Decision::Retry { after, attempt, token } => {
                prop_assert!(attempt <= policy.max_attempts);
                prop_assert!(deadline.is_none_or(|deadline| now + after < deadline));
                prop_assert!(policy.max_elapsed.is_none_or(|max| now + after - base < max));
                if let Pushback::After(asked) = failure.pushback {
                    prop_assert!(after >= asked);
                }
                prop_assert!(failure.pushback != Pushback::Never && failure.replayable);
                let safe = match safety {
                    ReplaySafety::Idempotent => failure.class != FailureClass::Permanent,
                    ReplaySafety::OnlyIfNotApplied => {
                        failure.class == FailureClass::NotApplied
                            || failure.not_applied && failure.class != FailureClass::Permanent
                    }
                    ReplaySafety::Never => false,
                };
                prop_assert!(safe);
                prop_assert!(budget.level(now) < level);
                trace.push(format!("{after:?}"));
                now += after;
                let mut token = token.unwrap();
                if took % 2 == 0 {
                    token.spend();
                } else {
                    drop(token);
                    prop_assert_eq!(budget.level(now), level, "a token that is dropped comes back");
                }
            }
            Decision::GiveUp(reason) => {
                prop_assert_eq!(budget.level(now), level, "giving up costs nothing");
                trace.push(format!("{reason:?}"));
            }
        }
    }
    Ok(trace)
}

proptest! {
    #[test]
    fn every_decision_keeps_the_policy(
        policy in any_policy(), safety in any_safety(), deadline in proptest::option::of(0_u64..60_000),
        capacity in 0_u16..10, seed in any::<u64>(),
        script in proptest::collection::vec((0_u64..3000, any_failure()), 1..20),
    ) {
        let trace = play(&policy, safety, deadline, capacity, seed, &script)?;
        let again = play(&policy, safety, deadline, capacity, seed, &script)?;
        prop_assert_eq!(trace, again, "the same script and seed give the same decisions");
    }
}
