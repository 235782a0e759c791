//! One call's way through its policy: a pure function of what happened, when, and of the random numbers.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::{Decision, Failure, FailureClass, GiveUp, OnOpen, Pushback, ReplaySafety, RetryPolicy};
use crate::backoff::{Backoff, Jitter};
use crate::budget::RetryBudget;
use crate::rng::Entropy;
use crate::time::later;

/// Decides for one call, attempt after attempt, whether to try again.
///
/// It sleeps not and sends nothing: tell it of each failure, and do what it says.
///
/// ```
/// use std::time::Instant;
/// use resilience::{Decision, Failure, FailureClass, ReplaySafety, RetryPolicy, RetryState, SharedRng};
///
/// let (policy, rng, now) = (RetryPolicy::default(), SharedRng::seeded(1), Instant::now());
/// let mut state = RetryState::new(ReplaySafety::Idempotent, now, None);
/// let failure = Failure::new(FailureClass::Transient);
/// match state.on_failure(&policy, failure, now, None, &rng) {
///     Decision::Retry { after, attempt, .. } => println!("attempt {attempt} after {after:?}"),
///     Decision::GiveUp(reason) => println!("{reason}"),
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RetryState {
    safety: ReplaySafety,
    started: Instant,
    deadline: Option<Instant>,
    attempt: NonZeroU32,
    /// Failures by class of backoff, because each has its own course.
    retries: u32,
    throttled: u32,
    prev: Duration,
    waited_on_open: Duration,
    transparent_used: bool,
}

impl RetryState {
    /// Begins a call with its first attempt; nothing is waited for past `deadline`.
    #[must_use]
    pub const fn new(safety: ReplaySafety, now: Instant, deadline: Option<Instant>) -> Self {
        Self {
            safety,
            started: now,
            deadline,
            attempt: NonZeroU32::MIN,
            retries: 0,
            throttled: 0,
            prev: Duration::ZERO,
            waited_on_open: Duration::ZERO,
            transparent_used: false,
        }
    }

    /// Tells the number of the attempt that runs or is waited for; the first is 1.
    #[must_use]
    pub const fn attempt(&self) -> NonZeroU32 {
        self.attempt
    }

    /// Tells how long the call has taken so far.
    #[must_use]
    pub fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// Tells when the whole call must be over.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Computes when an attempt that begins at `now` must be over: the attempt's timeout or the call's deadline,
    /// whichever is first.
    #[must_use]
    pub fn attempt_deadline(&self, policy: &RetryPolicy, now: Instant) -> Option<Instant> {
        let own = policy.attempt_timeout.map(|timeout| later(now, timeout));
        match (own, self.deadline) {
            (Some(own), Some(deadline)) => Some(own.min(deadline)),
            (own, deadline) => own.or(deadline),
        }
    }

    /// Says whether what the peer provably did not see may be sent once more without a wait, an attempt or a token;
    /// true at most once per attempt.
    #[must_use]
    pub fn transparent(&mut self) -> bool {
        let allowed = !self.transparent_used && self.safety != ReplaySafety::Never;
        self.transparent_used = true;
        allowed
    }

    /// Decides what follows a failed attempt. The budget is asked last, and only if all else speaks for a retry.
    pub fn on_failure(
        &mut self,
        policy: &RetryPolicy,
        failure: Failure,
        now: Instant,
        budget: Option<&RetryBudget>,
        rng: &(impl Entropy + ?Sized),
    ) -> Decision {
        if let Some(reason) = self.forbidden(policy, failure, now) {
            return Decision::GiveUp(reason);
        }
        let (wait, drawn) = self.wait(policy, failure, rng);
        if let Pushback::After(asked) = failure.pushback
            && asked > policy.max_server_delay
        {
            return Decision::GiveUp(GiveUp::ServerDelayTooLong { asked, limit: policy.max_server_delay });
        }
        if policy.max_elapsed.is_some_and(|max| self.elapsed(now).saturating_add(wait) >= max) {
            return Decision::GiveUp(GiveUp::ElapsedExceeded);
        }
        if let Some(reason) = self.too_late(policy, wait, now) {
            return Decision::GiveUp(reason);
        }
        let mut token = None;
        if let Some(budget) = budget {
            let Some(mut paid) = budget.withdraw(now, cost(failure.class)) else {
                return Decision::GiveUp(GiveUp::BudgetExhausted);
            };
            if failure.class == FailureClass::Throttled {
                paid.forfeit_refund();
            }
            token = Some(paid);
        }
        self.attempt = self.attempt.saturating_add(1);
        match failure.class {
            FailureClass::Throttled => self.throttled = self.throttled.saturating_add(1),
            _ => self.retries = self.retries.saturating_add(1),
        }
        self.prev = drawn;
        self.transparent_used = false;
        Decision::Retry { after: wait, attempt: self.attempt, token }
    }

    /// Decides what follows an attempt that the circuit breaker rejected. The attempt did not happen and keeps its
    /// number.
    ///
    /// `retry_after` is the breaker's word; `None` means that it is shut by hand.
    pub fn on_rejected(
        &mut self,
        policy: &RetryPolicy,
        retry_after: Option<Duration>,
        now: Instant,
        rng: &(impl Entropy + ?Sized),
    ) -> Decision {
        let open = Decision::GiveUp(GiveUp::CircuitOpen { retry_after });
        let (OnOpen::WaitUpTo(limit), Some(wait)) = (policy.on_open, retry_after) else { return open };
        // A wait of nothing would turn waiting into spinning.
        let wait = raised(wait.max(Duration::from_millis(1)), policy.server_jitter, rng.next_u64());
        let waited = self.waited_on_open.saturating_add(wait);
        if waited > limit {
            return open;
        }
        if let Some(reason) = self.too_late(policy, wait, now) {
            return Decision::GiveUp(reason);
        }
        self.waited_on_open = waited;
        Decision::Retry { after: wait, attempt: self.attempt, token: None }
    }

    fn forbidden(&self, policy: &RetryPolicy, failure: Failure, now: Instant) -> Option<GiveUp> {
        if failure.class == FailureClass::Permanent {
            return Some(GiveUp::Permanent);
        }
        if failure.pushback == Pushback::Never {
            return Some(GiveUp::PushedBack);
        }
        let safe = match self.safety {
            ReplaySafety::Idempotent => true,
            ReplaySafety::OnlyIfNotApplied => {
                failure.not_applied || failure.class == FailureClass::NotApplied
            }
            ReplaySafety::Never => false,
        };
        if !safe {
            return Some(GiveUp::NotReplaySafe);
        }
        if !failure.replayable {
            return Some(GiveUp::NotReplayable);
        }
        if self.attempt >= policy.max_attempts {
            return Some(GiveUp::AttemptsExhausted { max: policy.max_attempts.get() });
        }
        policy.max_elapsed.is_some_and(|max| self.elapsed(now) >= max).then_some(GiveUp::ElapsedExceeded)
    }

    /// The wait, and what the backoff alone drew.
    fn wait(
        &self,
        policy: &RetryPolicy,
        failure: Failure,
        rng: &(impl Entropy + ?Sized),
    ) -> (Duration, Duration) {
        let (backoff, made) = match failure.class {
            FailureClass::Throttled => (policy.throttled_backoff, self.throttled),
            _ => (policy.backoff, self.retries),
        };
        let drawn = backoff.sample(NonZeroU32::MIN.saturating_add(made), self.prev, rng.next_u64());
        let wait = match failure.pushback {
            // RFC 9110 §10.2.3: the peer says how long to wait *before* following up, so it is a floor.
            Pushback::After(asked) => drawn.max(raised(asked, policy.server_jitter, rng.next_u64())),
            _ => drawn,
        };
        (wait, drawn)
    }

    fn too_late(&self, policy: &RetryPolicy, wait: Duration, now: Instant) -> Option<GiveUp> {
        let left = self.deadline?.saturating_duration_since(now);
        let needed = wait.saturating_add(policy.expected_attempt);
        (needed >= left).then_some(GiveUp::DeadlineTooNear { needed, left })
    }
}

/// What a retry takes from the budget, in thousandths of a token.
const fn cost(class: FailureClass) -> u32 {
    match class {
        // What timed out may still burden the peer, and what was throttled certainly burdens it.
        FailureClass::Timeout | FailureClass::Throttled => 2000,
        _ => 1000,
    }
}

/// Adds up to a tenth, and at most `jitter`.
fn raised(wait: Duration, jitter: Duration, r: u64) -> Duration {
    let most = Backoff::constant(jitter.min(wait / 10)).jitter(Jitter::Full);
    wait.saturating_add(most.sample(NonZeroU32::MIN, Duration::ZERO, r))
}
