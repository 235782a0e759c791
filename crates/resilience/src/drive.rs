//! All policies over one call, in their order, as a machine that neither sleeps nor sends.

mod stack;

use std::borrow::Borrow;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use crate::breaker::{BreakerState, Outcome, Permit};
use crate::budget::Token;
use crate::bulkhead::Slot;
use crate::rate::Reservation;
use crate::retry::{Decision, Failure, FailureClass, GiveUp, OnOpen, Pushback, ReplaySafety, RetryState};
use crate::time::later;

pub use stack::Stack;

/// Leads one call through its policies: retry, then breaker, then rate limit, then bulkhead, then the attempt.
///
/// This is the loop of [`run`](crate::run()) and [`drive`](crate::drive()) without their waiting, for event loops and
/// simulations: ask [`next`](Self::next), do that, [`report`](Self::report) after each attempt, ask again. Whenever it
/// is dropped, permits, slots and unspent tokens go back.
///
/// The order is fixed. The breaker stands inside of retries, so that each attempt is evidence and an open breaker ends
/// them; before the limits, so that a call that it rejects uses up neither rate nor room. No slot is held while waiting.
///
/// ```
/// use std::time::Instant;
/// use resilience::{Drive, Operation, SharedRng, Stack, Step, Verdict};
///
/// let stack = Stack::standard(SharedRng::from_os());
/// let mut drive = Drive::new(&stack, Operation::idempotent(), Instant::now());
/// loop {
///     match drive.next(Instant::now()) {
///         Step::Attempt(attempt) => {
///             // Send it, within `attempt.deadline`.
/// #           let _ = attempt;
///             drive.report(Verdict::DONE, Instant::now());
///         }
///         Step::Sleep { until, .. } => std::thread::sleep(until - Instant::now()),
///         Step::Finished(result) => break result,
///     }
/// }?;
/// # Ok::<(), resilience::GiveUp>(())
/// ```
#[derive(Debug)]
pub struct Drive<S> {
    stack: S,
    state: RetryState,
    attempts: u32,
    phase: Phase,
}

/// What a call allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// Whether doing it twice is harmless.
    pub safety: ReplaySafety,
    /// When it must be over, with all attempts and waits; `None` for no limit.
    pub deadline: Option<Instant>,
}

impl Operation {
    /// Describes a call that may be repeated, without a deadline.
    #[must_use]
    pub const fn idempotent() -> Self {
        Self::new(ReplaySafety::Idempotent)
    }

    /// Describes a call without a deadline.
    #[must_use]
    pub const fn new(safety: ReplaySafety) -> Self {
        Self { safety, deadline: None }
    }

    /// Sets when the call must be over.
    #[must_use]
    pub const fn by(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }
}

/// Says what the driver of a call does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes an attempt and reports it.
    Attempt(Attempt),
    /// Waits until then, and asks again.
    Sleep {
        /// Until when.
        until: Instant,
        /// What for.
        pause: Pause,
    },
    /// Hands over the last result; an error says why it is the last.
    Finished(Result<(), GiveUp>),
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pause {
    /// The next attempt.
    Backoff,
    /// The breaker's next probe.
    CircuitOpen,
    /// A slot of the rate limit.
    RateLimit,
}

/// One attempt that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Which it is; the first is 1.
    pub number: NonZeroU32,
    /// When it must be over: the attempt's timeout or the call's deadline.
    pub deadline: Option<Instant>,
}

/// Says what an attempt came to: for the caller, and for the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The result is final, be it good or bad.
    Done(Outcome),
    /// The attempt failed, and another may be made.
    Failed(Failure, Outcome),
    /// The caller wants no answer any more. It says nothing about the server.
    Cancelled,
}

impl Verdict {
    /// A call that went well.
    pub const DONE: Self = Self::Done(Outcome::Success);

    /// Judges a failure by its class. The breaker counts it as a failure, but for two: who throttles is alive, and what
    /// is permanent is as a rule the caller's own fault.
    #[must_use]
    pub const fn failed(class: FailureClass) -> Self {
        let outcome = match class {
            FailureClass::Throttled => Outcome::Success,
            FailureClass::Permanent => Outcome::Ignored,
            _ => Outcome::FAILURE,
        };
        Self::Failed(Failure::new(class), outcome)
    }
}

impl<S: Borrow<Stack>> Drive<S> {
    /// Begins a call. The stack may be borrowed, or shared by an [`Arc`](std::sync::Arc).
    pub fn new(stack: S, operation: Operation, now: Instant) -> Self {
        let state = RetryState::new(operation.safety, now, operation.deadline);
        Self { stack, state, attempts: 0, phase: Phase::Ready(Held::default()) }
    }

    /// Says what to do now. Asked again before the report or before the time has come, it repeats itself.
    #[must_use]
    pub fn next(&mut self, now: Instant) -> Step {
        let held = match &mut self.phase {
            Phase::Ready(held) => std::mem::take(held),
            Phase::Sleeping { until, pause, .. } if now < *until => {
                return Step::Sleep { until: *until, pause: *pause };
            }
            Phase::Sleeping { held, .. } => std::mem::take(held),
            Phase::Running { attempt, .. } => return Step::Attempt(*attempt),
            Phase::Finished(result) => return Step::Finished(*result),
        };
        let (phase, step) = self.begin(held, now);
        self.phase = phase;
        step
    }

    /// Takes what the attempt came to. Without an attempt it does nothing.
    pub fn report(&mut self, verdict: Verdict, now: Instant) {
        if !matches!(self.phase, Phase::Running { .. }) {
            return;
        }
        let running = std::mem::replace(&mut self.phase, Phase::Finished(Err(GiveUp::Cancelled)));
        let Phase::Running { permit, slot, token, .. } = running else { return };
        drop(slot);
        let outcome = match verdict {
            Verdict::Done(outcome) | Verdict::Failed(_, outcome) => outcome,
            Verdict::Cancelled => Outcome::Ignored,
        };
        if let Some(permit) = permit {
            permit.settle(now, outcome);
        }
        self.phase = match verdict {
            Verdict::Done(outcome) => {
                self.pay(outcome, token, now);
                Phase::Finished(Ok(()))
            }
            Verdict::Failed(failure, _) => self.after(failure, now),
            Verdict::Cancelled => Phase::Finished(Err(GiveUp::Cancelled)),
        };
    }

    /// Returns how the call ended, if it did; unlike [`next`](Self::next) it begins nothing.
    #[must_use]
    pub const fn finished(&self) -> Option<Result<(), GiveUp>> {
        match self.phase {
            Phase::Finished(result) => Some(result),
            _ => None,
        }
    }

    /// Ends the call, because the caller wants no answer any more; what was not used goes back.
    pub fn cancel(&mut self) {
        if !matches!(self.phase, Phase::Finished(_)) {
            self.phase = Phase::Finished(Err(GiveUp::Cancelled));
        }
    }

    /// Tells how many attempts were begun.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Tells how long the call has taken so far.
    #[must_use]
    pub fn elapsed(&self, now: Instant) -> Duration {
        self.state.elapsed(now)
    }

    /// Begins an attempt if all agree; else waits or gives up. What it holds on the way goes back when it is dropped.
    fn begin(&mut self, mut held: Held, now: Instant) -> (Phase, Step) {
        let stack = self.stack.borrow();
        let give_up = |reason| (Phase::Finished(Err(reason)), Step::Finished(Err(reason)));
        let deadline = self.state.deadline();
        if deadline.is_some_and(|deadline| deadline <= now) {
            let needed = stack.retry.expected_attempt;
            return give_up(GiveUp::DeadlineTooNear { needed, left: Duration::ZERO });
        }
        let permit = match stack.breaker.as_ref().map(|breaker| breaker.try_acquire(now)).transpose() {
            Ok(permit) => permit,
            Err(rejected) => {
                let decision = self.state.on_rejected(&stack.retry, rejected.retry_after, now, &stack.rng);
                return match decision {
                    Decision::GiveUp(reason) => give_up(reason),
                    Decision::Retry { after, .. } => sleep(later(now, after), Pause::CircuitOpen, held),
                };
            }
        };
        if let Some(limiter) = &stack.limiter {
            let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(now));
            // A pause of the server's can send those who wait to the end of the queue: the limit is on the whole wait.
            let waited = now.saturating_duration_since(*held.limited_since.get_or_insert(now));
            let most = left.min(stack.max_limiter_wait.saturating_sub(waited));
            if held.reservation.is_none() {
                match limiter.reserve(now, 1, most) {
                    Ok(reservation) => held.reservation = Some(reservation),
                    Err(limited) => return give_up(GiveUp::RateLimited { wait: limited.wait }),
                }
            }
            let ready = held.reservation.as_mut().map_or(now, Reservation::ready_at);
            let wait = ready.saturating_duration_since(now);
            if wait > most || deadline.is_some_and(|deadline| ready >= deadline) {
                return give_up(GiveUp::RateLimited { wait });
            }
            if !wait.is_zero() {
                // The permit goes back: a probe is not to be held while nothing is sent.
                return sleep(ready, Pause::RateLimit, held);
            }
        }
        let slot = match stack.bulkhead.as_ref().map(crate::bulkhead::Bulkhead::try_enter).transpose() {
            Ok(slot) => slot,
            Err(full) => return give_up(GiveUp::BulkheadFull { limit: full.limit }),
        };
        if let Some(reservation) = held.reservation.take() {
            reservation.redeem();
        }
        let mut token = held.token.take();
        if let Some(token) = &mut token {
            token.spend();
        }
        self.attempts = self.attempts.saturating_add(1);
        let deadline = self.state.attempt_deadline(&stack.retry, now);
        let attempt = Attempt { number: self.state.attempt(), deadline };
        (Phase::Running { attempt, permit, slot, token }, Step::Attempt(attempt))
    }

    fn pay(&self, outcome: Outcome, token: Option<Token>, now: Instant) {
        if outcome != Outcome::Success {
            return;
        }
        match (token, &self.stack.borrow().budget) {
            (Some(token), _) => token.succeeded(now),
            (None, Some(budget)) => budget.deposit(now),
            (None, None) => {}
        }
    }

    fn after(&mut self, failure: Failure, now: Instant) -> Phase {
        let stack = self.stack.borrow();
        if let (FailureClass::Throttled, Pushback::After(asked), Some(limiter)) =
            (failure.class, failure.pushback, &stack.limiter)
        {
            // What the server said to this call holds for all.
            limiter.penalize(later(now, asked.min(stack.retry.max_server_delay)));
        }
        match self.state.on_failure(&stack.retry, failure, now, stack.budget.as_ref(), &stack.rng) {
            Decision::GiveUp(reason) => Phase::Finished(Err(reason)),
            Decision::Retry { after, token, .. } => {
                let until = later(now, after);
                if let Some(retry_after) = stays_open(stack, until) {
                    // The wait would end in a rejection, and whoever holds the last result would have let it go.
                    let retry_after = retry_after.map(|left| left.saturating_add(after));
                    return Phase::Finished(Err(GiveUp::CircuitOpen { retry_after }));
                }
                let held = Held { token, ..Held::default() };
                Phase::Sleeping { until, pause: Pause::Backoff, held }
            }
        }
    }
}

/// Says for how long from `at` on the breaker is known to stay open, where that ends a call; none inside where it is shut
/// by hand.
fn stays_open(stack: &Stack, at: Instant) -> Option<Option<Duration>> {
    let breaker = stack.breaker.as_ref().filter(|_| stack.retry.on_open == OnOpen::FailFast)?;
    let rejected = breaker.peek(at).err()?;
    // A probe that is out may come back well.
    (rejected.state != BreakerState::HalfOpen).then_some(rejected.retry_after)
}

fn sleep(until: Instant, pause: Pause, held: Held) -> (Phase, Step) {
    (Phase::Sleeping { until, pause, held }, Step::Sleep { until, pause })
}

#[derive(Debug)]
enum Phase {
    Ready(Held),
    Sleeping { until: Instant, pause: Pause, held: Held },
    Running { attempt: Attempt, permit: Option<Permit>, slot: Option<Slot>, token: Option<Token> },
    Finished(Result<(), GiveUp>),
}

/// What is kept while waiting.
#[derive(Debug, Default)]
struct Held {
    token: Option<Token>,
    reservation: Option<Reservation>,
    /// Since when this attempt has waited for the rate limit.
    limited_since: Option<Instant>,
}

#[cfg(test)]
mod tests;
