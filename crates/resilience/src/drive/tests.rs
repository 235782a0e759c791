use std::num::NonZeroU32;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::backoff::Backoff;
use crate::breaker::{BreakerState, CircuitBreaker};
use crate::budget::{BudgetConfig, RetryBudget};
use crate::bulkhead::Bulkhead;
use crate::rate::RateLimiter;
use crate::retry::{OnOpen, RetryPolicy};
use crate::rng::SharedRng;
use crate::sync::models::explore;

const MS: Duration = Duration::from_millis(1);
const TRANSIENT: Verdict = Verdict::failed(FailureClass::Transient);

/// Three attempts of 10 s at most, 100 ms apart; a breaker that three failures open for a second; one place; ten calls a second.
fn stack() -> Stack {
    let three = NonZeroU32::new(3).unwrap();
    let mut stack = Stack::bare(SharedRng::seeded(1));
    stack.retry.max_attempts = three;
    stack.retry.attempt_timeout = Some(10_000 * MS);
    stack.retry.backoff = Backoff::constant(100 * MS);
    stack.retry.throttled_backoff = Backoff::constant(200 * MS);
    stack.retry.server_jitter = Duration::ZERO;
    let without_trickle = BudgetConfig { trickle_permille: 0, ..BudgetConfig::default() };
    stack.budget = Some(RetryBudget::new(without_trickle));
    stack.breaker = Some(CircuitBreaker::classic(three, 1000 * MS));
    stack.limiter = Some(RateLimiter::per_second(NonZeroU32::new(10).unwrap(), three));
    stack.bulkhead = Some(Bulkhead::new(NonZeroU32::MIN));
    stack
}

fn begin(stack: &Stack, now: Instant) -> Drive<&Stack> {
    Drive::new(stack, Operation::idempotent(), now)
}

#[track_caller]
fn attempt(drive: &mut Drive<&Stack>, now: Instant) -> Attempt {
    match drive.next(now) {
        Step::Attempt(attempt) => attempt,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn gave_up(drive: &mut Drive<&Stack>, now: Instant) -> GiveUp {
    match drive.next(now) {
        Step::Finished(Err(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// What is taken at this moment: places, probes, millitokens short of full.
fn taken(stack: &Stack, now: Instant) -> (u32, u16, u32) {
    (
        stack.bulkhead.as_ref().unwrap().load().running,
        stack.breaker.as_ref().unwrap().snapshot(now).probes,
        20_000 - stack.budget.as_ref().unwrap().level(now),
    )
}

#[test]
fn a_call_that_goes_well_is_one_attempt() {
    let (stack, now) = (stack(), Instant::now());
    let mut drive = begin(&stack, now);
    let first = attempt(&mut drive, now);
    assert_eq!((first.number.get(), first.deadline), (1, Some(now + 10_000 * MS)));
    assert_eq!(drive.next(now), Step::Attempt(first), "asked again it repeats itself");
    assert_eq!(taken(&stack, now), (1, 0, 0));
    drive.report(Verdict::DONE, now);
    assert_eq!(drive.next(now), Step::Finished(Ok(())));
    drive.report(TRANSIENT, now);
    drive.cancel();
    assert_eq!(drive.next(now), Step::Finished(Ok(())));
    assert_eq!((drive.attempts(), taken(&stack, now)), (1, (0, 0, 0)));
}

#[test]
fn a_failure_waits_without_a_place_and_a_retry_that_helps_is_free() {
    let (stack, now) = (stack(), Instant::now());
    let mut drive = begin(&stack, now);
    attempt(&mut drive, now);
    drive.report(TRANSIENT, now);
    let sleep = Step::Sleep { until: now + 100 * MS, pause: Pause::Backoff };
    assert_eq!((drive.next(now), drive.next(now + 99 * MS)), (sleep, sleep));
    assert_eq!(taken(&stack, now), (0, 0, 1000));
    assert_eq!(attempt(&mut drive, now + 100 * MS).number.get(), 2);
    drive.report(Verdict::DONE, now + 100 * MS);
    assert_eq!(drive.next(now + 100 * MS), Step::Finished(Ok(())));
    assert_eq!(taken(&stack, now + 100 * MS), (0, 0, 0));
}

#[test]
fn an_open_breaker_ends_the_retries() {
    let (mut stack, now) = (stack(), Instant::now());
    stack.retry.max_attempts = NonZeroU32::new(9).unwrap();
    stack.limiter = None;
    let mut drive = begin(&stack, now);
    for n in 0..3 {
        attempt(&mut drive, now + n * 100 * MS);
        drive.report(TRANSIENT, now + n * 100 * MS);
    }
    assert_eq!(stack.breaker.as_ref().unwrap().state(), BreakerState::Open);
    // At once, not after the backoff: the breaker would still be open then.
    let reason = gave_up(&mut drive, now + 200 * MS);
    assert_eq!(reason, GiveUp::CircuitOpen { retry_after: Some(1000 * MS) });
    assert_eq!(taken(&stack, now).2, 2000, "the third retry was not made and costs nothing");
}

#[test]
fn an_open_breaker_can_be_waited_for() {
    let (mut stack, now) = (stack(), Instant::now());
    stack.retry.on_open = OnOpen::WaitUpTo(2000 * MS);
    let breaker = stack.breaker.clone().unwrap();
    for _ in 0..3 {
        let _ = breaker.try_acquire(now).unwrap().failure(now);
    }
    let mut drive = begin(&stack, now);
    let then = now + 1000 * MS;
    assert_eq!(drive.next(now), Step::Sleep { until: then, pause: Pause::CircuitOpen });
    assert_eq!(attempt(&mut drive, then).number.get(), 1);
    assert_eq!(taken(&stack, then), (1, 1, 0));
    drive.report(Verdict::Done(Outcome::Ignored), then);
    assert_eq!(taken(&stack, then), (0, 0, 0));
}

#[test]
fn a_slot_of_the_rate_is_waited_for_without_holding_a_probe() {
    let (stack, now) = (stack(), Instant::now());
    let breaker = stack.breaker.clone().unwrap();
    for _ in 0..3 {
        let _ = breaker.try_acquire(now).unwrap().failure(now);
        stack.limiter.as_ref().unwrap().try_acquire(now + 1000 * MS, 1).unwrap();
    }
    let then = now + 1000 * MS;
    let mut drive = begin(&stack, then);
    assert_eq!(drive.next(then), Step::Sleep { until: then + 100 * MS, pause: Pause::RateLimit });
    assert_eq!(taken(&stack, then), (0, 0, 0));
    attempt(&mut drive, then + 100 * MS);
    assert_eq!(taken(&stack, then), (1, 1, 0));
}

#[test]
fn each_attempt_uses_up_a_slot_of_the_rate() {
    let (stack, now) = (stack(), Instant::now());
    for _ in 0..3 {
        let mut drive = begin(&stack, now);
        attempt(&mut drive, now);
        drive.report(Verdict::DONE, now);
    }
    let limited = Step::Sleep { until: now + 100 * MS, pause: Pause::RateLimit };
    assert_eq!(begin(&stack, now).next(now), limited);
}

#[test]
fn a_pause_that_comes_while_one_waits_counts_as_the_same_wait() {
    let (stack, now) = (stack(), Instant::now());
    let limiter = stack.limiter.as_ref().unwrap();
    limiter.try_acquire(now, 3).unwrap();
    let (mut first, mut second) = (begin(&stack, now), begin(&stack, now));
    let limited = |until| Step::Sleep { until, pause: Pause::RateLimit };
    assert_eq!(first.next(now), limited(now + 100 * MS));
    assert_eq!(second.next(now), limited(now + 200 * MS));
    limiter.penalize(now + 4900 * MS);
    assert_eq!(first.next(now + 100 * MS), limited(now + 4900 * MS));
    assert_eq!(second.next(now + 200 * MS), limited(now + 5000 * MS));
    // The second has waited for its five seconds when the server asks again.
    attempt(&mut first, now + 4900 * MS);
    limiter.penalize(now + 5050 * MS);
    assert!(matches!(gave_up(&mut second, now + 5000 * MS), GiveUp::RateLimited { .. }));
}

#[test]
fn limits_that_cannot_be_kept_end_the_call() {
    let (stack, now) = (stack(), Instant::now());
    stack.limiter.as_ref().unwrap().penalize(now + 5001 * MS);
    assert_eq!(gave_up(&mut begin(&stack, now), now), GiveUp::RateLimited { wait: 5001 * MS });
    let mut late = Drive::new(&stack, Operation::idempotent().by(now + 1000 * MS), now + 1000 * MS);
    assert!(matches!(gave_up(&mut late, now + 1000 * MS), GiveUp::DeadlineTooNear { .. }));
    let later = now + 6000 * MS;
    let _slot = stack.bulkhead.as_ref().unwrap().try_enter().unwrap();
    assert_eq!(gave_up(&mut begin(&stack, later), later), GiveUp::BulkheadFull { limit: 1 });
    // It took no slot of the rate along: after the penalty there is one at a time.
    assert!(stack.limiter.as_ref().unwrap().try_acquire(later, 3).is_ok());
}

#[test]
fn a_wait_for_the_rate_keeps_the_deadline_and_moves_with_a_penalty() {
    let (stack, now) = (stack(), Instant::now());
    let limiter = stack.limiter.clone().unwrap();
    limiter.try_acquire(now, 3).unwrap();
    let mut drive = begin(&stack, now);
    assert_eq!(drive.next(now), Step::Sleep { until: now + 100 * MS, pause: Pause::RateLimit });
    limiter.penalize(now + 2000 * MS);
    let moved = Step::Sleep { until: now + 2000 * MS, pause: Pause::RateLimit };
    assert_eq!(drive.next(now + 100 * MS), moved);
    let mut hasty = Drive::new(&stack, Operation::idempotent().by(now + 1500 * MS), now);
    assert!(matches!(gave_up(&mut hasty, now), GiveUp::RateLimited { .. }));
}

#[test]
fn what_a_throttling_server_asks_of_one_call_holds_for_all() {
    let (stack, now) = (stack(), Instant::now());
    let (mut one, mut other) = (begin(&stack, now), begin(&stack, now));
    attempt(&mut one, now);
    let failure = Failure::new(FailureClass::Throttled).after(3000 * MS);
    one.report(Verdict::Failed(failure, Outcome::Success), now);
    assert_eq!(one.next(now), Step::Sleep { until: now + 3000 * MS, pause: Pause::Backoff });
    assert_eq!(other.next(now), Step::Sleep { until: now + 3000 * MS, pause: Pause::RateLimit });
}

#[test]
fn cancelling_gives_everything_back() {
    let now = Instant::now();
    // While it waits.
    let stack1 = stack();
    let mut drive = begin(&stack1, now);
    attempt(&mut drive, now);
    drive.report(TRANSIENT, now);
    drive.cancel();
    assert_eq!((gave_up(&mut drive, now), taken(&stack1, now)), (GiveUp::Cancelled, (0, 0, 0)));
    // While it runs, and by its own verdict: neither is evidence.
    for by_verdict in [true, false] {
        let stack = stack();
        let mut drive = begin(&stack, now);
        attempt(&mut drive, now);
        if by_verdict {
            drive.report(Verdict::Cancelled, now);
        } else {
            drive.cancel();
        }
        assert_eq!((gave_up(&mut drive, now), taken(&stack, now)), (GiveUp::Cancelled, (0, 0, 0)));
        assert_eq!(stack.breaker.as_ref().unwrap().snapshot(now).counts.calls, 0);
    }
}

#[test]
fn a_shared_stack_needs_no_borrow() {
    let now = Instant::now();
    let mut drive: Drive<Arc<Stack>> = Drive::new(Arc::new(stack()), Operation::idempotent(), now);
    assert!(matches!(drive.next(now), Step::Attempt(_)));
}

#[test]
fn several_calls_under_one_stack_return_all_they_took() {
    explore(|| {
        let (stack, now) = (Arc::new(stack()), Instant::now());
        let threads: Vec<_> = (0..3_u32)
            .map(|n| {
                let stack = Arc::clone(&stack);
                shuttle::thread::spawn(move || {
                    let (mut drive, mut now) = (Drive::new(&*stack, Operation::idempotent(), now), now);
                    for round in 0..20 {
                        match drive.next(now) {
                            Step::Attempt(_) if n == 0 && round == 2 => return,
                            Step::Attempt(_) if round < 2 => drive.report(TRANSIENT, now),
                            Step::Attempt(_) => drive.report(Verdict::DONE, now),
                            Step::Sleep { until, .. } => now = until,
                            Step::Finished(_) => return,
                        }
                    }
                    panic!("a call goes on for ever");
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let (places, probes, _) = taken(&stack, now);
        assert_eq!((places, probes), (0, 0));
    });
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    let class = prop_oneof![
        1 => Just(FailureClass::NotApplied),
        4 => Just(FailureClass::Transient),
        2 => Just(FailureClass::Timeout),
        2 => Just(FailureClass::Throttled),
        1 => Just(FailureClass::Permanent),
    ];
    prop_oneof![
        3 => class.clone().prop_map(Verdict::failed),
        1 => (class, 0_u64..3000).prop_map(|(class, ms)| Verdict::Failed(
            Failure::new(class).after(Duration::from_millis(ms)), Outcome::FAILURE)),
        2 => Just(Verdict::DONE),
        1 => Just(Verdict::Cancelled),
        1 => Just(Verdict::Done(Outcome::FAILURE)),
    ]
}

proptest! {
    /// Many calls one after the other over one stack: whatever comes back, each ends, keeps its policy and its deadline,
    /// and leaves nothing behind.
    #[test]
    fn every_call_ends_and_leaves_nothing_behind(
        calls in proptest::collection::vec(
            (proptest::collection::vec((any_verdict(), 0_u64..400), 1..8), proptest::option::of(1_u64..3000)), 1..20),
    ) {
        let mut stack = stack();
        stack.retry.on_open = OnOpen::WaitUpTo(1500 * MS);
        let policy: RetryPolicy = stack.retry;
        let mut now = Instant::now();
        for (verdicts, limit) in calls {
            let mut operation = Operation::idempotent();
            operation.deadline = limit.map(|ms| now + Duration::from_millis(ms));
            let mut drive = Drive::new(&stack, operation, now);
            let mut verdicts = verdicts.into_iter().cycle();
            let mut steps = 0;
            loop {
                steps += 1;
                prop_assert!(steps < 100, "a call goes on for ever");
                match drive.next(now) {
                    Step::Attempt(attempt) => {
                        prop_assert_eq!(drive.attempts(), attempt.number.get());
                        prop_assert!(attempt.number <= policy.max_attempts);
                        prop_assert!(operation.deadline.is_none_or(|deadline| now < deadline));
                        prop_assert!(attempt.deadline <= operation.deadline || operation.deadline.is_none());
                        let (verdict, took) = verdicts.next().unwrap();
                        now += Duration::from_millis(took);
                        drive.report(verdict, now);
                    }
                    Step::Sleep { until, .. } => {
                        prop_assert!(until >= now);
                        prop_assert!(operation.deadline.is_none_or(|deadline| until < deadline));
                        now = until;
                    }
                    Step::Finished(_) => break,
                }
            }
            let (places, probes, _) = taken(&stack, now);
            prop_assert_eq!((places, probes), (0, 0));
        }
    }
}
