use std::cell::{Cell, RefCell};
use std::future::ready;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;
use crate::backoff::Backoff;
use crate::breaker::Outcome;
use crate::retry::{Failure, FailureClass};
use crate::rng::SharedRng;

const MS: Duration = Duration::from_millis(1);

fn stack() -> Stack {
    let mut stack = Stack::standard(SharedRng::seeded(3));
    stack.retry.backoff = Backoff::constant(100 * MS);
    stack
}

fn judge(result: &Result<u32, String>) -> Verdict {
    match result {
        Ok(503) => Verdict::failed(FailureClass::Transient),
        Ok(_) => Verdict::DONE,
        Err(_) => Verdict::failed(FailureClass::Transient),
    }
}

/// Polls a future that is never pending.
fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

#[track_caller]
fn check(results: &[Result<u32, &str>], expected: Result<u32, &str>, slept: usize) {
    let sleeper = ManualSleeper::new(Instant::now());
    let mut results = results.iter().map(|result| result.map_err(str::to_owned));
    let ran = run(&stack(), &sleeper, Operation::idempotent(), |_| results.next().unwrap(), judge);
    assert_eq!(ran.elapsed, 100 * MS * u32::try_from(slept).unwrap());
    assert_eq!(ran.into_result().map_err(|error| error.to_string()), expected.map_err(str::to_owned));
    assert_eq!(sleeper.slept(), vec![100 * MS; slept]);
}

#[test]
fn the_last_result_is_handed_back_whatever_it_is() {
    check(&[Ok(200)], Ok(200), 0);
    check(&[Err("reset"), Ok(200)], Ok(200), 1);
    check(&[Err("reset"), Ok(503), Ok(503)], Ok(503), 2);
    check(
        &[Ok(503), Err("reset"), Err("refused")],
        Err("failed after 3 attempts in 200ms: all 3 attempts failed"),
        2,
    );
}

#[test]
fn an_error_tells_its_story_and_has_the_last_error_as_its_source() {
    let sleeper = ManualSleeper::new(Instant::now());
    let fail = |_: Attempt| Err::<u32, _>(fmt::Error);
    let error =
        run(&stack(), &sleeper, Operation::idempotent(), fail, |_| Verdict::failed(FailureClass::Permanent))
            .into_result()
            .unwrap_err();
    assert_eq!(error.to_string(), "failed after 1 attempt in 0ns: another attempt would fail the same way");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), fmt::Error.to_string());
    let error = run(&stack(), &sleeper, Operation::idempotent(), fail, |_| Verdict::Done(Outcome::Success))
        .into_result()
        .unwrap_err();
    assert_eq!((error.to_string().as_str(), error.gave_up), ("failed after 1 attempt in 0ns", None));
}

#[test]
fn a_call_that_is_rejected_has_no_result_and_says_why() {
    let (stack, sleeper) = (stack(), ManualSleeper::new(Instant::now()));
    stack.breaker.as_ref().unwrap().force_open(sleeper.now());
    let ran = run(
        &stack,
        &sleeper,
        Operation::idempotent(),
        |_| -> Result<u32, String> { panic!("it is open") },
        judge,
    );
    assert_eq!(ran.attempts, 0);
    let error = ran.into_result().unwrap_err();
    assert_eq!(error.to_string(), "failed after 0 attempts in 0ns: the circuit breaker is open");
}

#[test]
fn a_cancelled_sleep_hands_back_what_there_is_and_returns_the_token() {
    let (stack, start) = (stack(), Instant::now());
    let sleeper = ManualSleeper::new(start);
    sleeper.cancel_at(start + 50 * MS);
    let ran = run(&stack, &sleeper, Operation::idempotent(), |_| Ok::<_, String>(503), judge);
    assert_eq!((ran.last, ran.gave_up, ran.attempts), (Some(Ok(503)), Some(GiveUp::Cancelled), 1));
    assert_eq!((ran.elapsed, stack.budget.as_ref().unwrap().level(start)), (50 * MS, 20_000));
}

#[test]
fn a_panic_in_an_attempt_or_a_verdict_leaves_nothing_behind() {
    for in_verdict in [false, true] {
        let mut stack = stack();
        stack.bulkhead = Some(crate::bulkhead::Bulkhead::new(std::num::NonZeroU32::MIN));
        let sleeper = ManualSleeper::new(Instant::now());
        let panicking = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let op = |_: Attempt| if in_verdict { Ok(1) } else { panic!("the attempt") };
            run(&stack, &sleeper, Operation::idempotent(), op, |_: &Result<u32, String>| {
                panic!("the verdict")
            })
        }));
        assert!(panicking.is_err());
        assert_eq!(stack.bulkhead.as_ref().unwrap().load().running, 0);
        assert_eq!(stack.budget.as_ref().unwrap().level(sleeper.now()), 20_000);
        let snapshot = stack.breaker.as_ref().unwrap().snapshot(sleeper.now());
        assert_eq!((snapshot.counts.calls, snapshot.probes), (0, 0));
    }
}

#[test]
fn a_future_that_is_dropped_returns_its_probe() {
    let (stack, start) = (stack(), Instant::now());
    let breaker = stack.breaker.clone().unwrap();
    let mut now = start;
    while breaker.try_acquire(now).map(|permit| permit.failure(now)).is_ok() {
        now += 250 * MS;
    }
    let sleeper = ManualSleeper::new(now + 10_000 * MS);
    {
        let never = |_: Attempt| std::future::pending::<Result<u32, String>>();
        let mut call = pin!(drive(&stack, &sleeper, Operation::idempotent(), never, judge));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(breaker.snapshot(sleeper.now()).probes, 1);
    }
    assert_eq!(breaker.snapshot(sleeper.now()).probes, 0);
}

#[test]
fn an_earlier_result_is_dropped_before_the_next_attempt() {
    struct Counted<'a>(&'a Cell<u32>);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
    let alive = Cell::new(0);
    let sleeper = ManualSleeper::new(Instant::now());
    let op = |_: Attempt| {
        assert_eq!(alive.get(), 0);
        alive.set(1);
        Ok::<_, String>(Counted(&alive))
    };
    let ran =
        run(&stack(), &sleeper, Operation::idempotent(), op, |_| Verdict::failed(FailureClass::Transient));
    assert_eq!((ran.attempts, alive.get()), (3, 1));
}

type Script = Vec<(Result<u32, String>, Verdict, u64)>;

/// What a call did, step by step.
type Trace = RefCell<Vec<String>>;

fn any_script() -> impl Strategy<Value = Script> {
    let verdict = prop_oneof![
        Just(Verdict::DONE),
        Just(Verdict::failed(FailureClass::Transient)),
        Just(Verdict::failed(FailureClass::Timeout)),
        Just(Verdict::Failed(Failure::new(FailureClass::Throttled).after(700 * MS), Outcome::FAILURE)),
        Just(Verdict::failed(FailureClass::Permanent)),
        Just(Verdict::Cancelled),
    ];
    let result = prop_oneof![(0_u32..600).prop_map(Ok), "[a-z]{1,3}".prop_map(Err)];
    proptest::collection::vec((result, verdict, 0_u64..2000), 1..40)
}

/// The calls of a script, by one of the three loops, over a stack of its own.
fn play(script: &Script, which: u8) -> Vec<String> {
    let mut stack = Stack::standard(SharedRng::seeded(11));
    stack.retry.on_open = crate::retry::OnOpen::WaitUpTo(3000 * MS);
    let base = Instant::now();
    let sleeper = ManualSleeper::new(base);
    let (trace, at, verdicts): (Trace, _, _) = (RefCell::default(), Cell::new(0), Cell::new(0));
    let op = |attempt: Attempt| {
        let (result, _, took) = &script[at.get() % script.len()];
        verdicts.set(at.get());
        at.set(at.get() + 1);
        let passed = sleeper.now() - base;
        trace.borrow_mut().push(format!("{} at {passed:?}", attempt.number));
        sleeper.advance(Duration::from_millis(*took));
        result.clone()
    };
    let judge = |_: &Result<u32, String>| script[verdicts.get() % script.len()].1;
    for _ in 0..10 {
        let operation = Operation::idempotent().by(sleeper.now() + 20_000 * MS);
        let ran = match which {
            0 => run(&stack, &sleeper, operation, op, judge),
            1 => block_on(drive(&stack, &sleeper, operation, |attempt| ready(op(attempt)), judge)),
            _ => {
                let (mut drive, mut last) = (Drive::new(&stack, operation, sleeper.now()), None);
                let result = loop {
                    match drive.next(sleeper.now()) {
                        Step::Attempt(attempt) => {
                            let result = op(attempt);
                            drive.report(judge(&result), sleeper.now());
                            last = Some(result);
                        }
                        Step::Sleep { until, .. } => drop(Sleeper::sleep(&sleeper, until)),
                        Step::Finished(result) => break result,
                    }
                };
                let (attempts, elapsed) = (drive.attempts(), drive.elapsed(sleeper.now()));
                Ran { last, gave_up: result.err(), attempts, elapsed }
            }
        };
        trace.borrow_mut().push(format!("{ran:?}"));
    }
    trace.into_inner()
}

proptest! {
    #[test]
    fn all_loops_do_the_same(script in any_script()) {
        let blocking = play(&script, 0);
        prop_assert_eq!(&blocking, &play(&script, 1));
        prop_assert_eq!(&blocking, &play(&script, 2));
    }
}
