//! Whether a call that failed is tried again, and when.

mod state;

use std::num::NonZeroU32;
use std::time::Duration;

use crate::backoff::{Backoff, Jitter};
use crate::budget::Token;

pub use state::RetryState;

/// Says how often and how patiently a call is tried again.
///
/// The default suits a call to a server that many callers share: three attempts, 100 ms doubling to at most 10 s with
/// full jitter, throttled calls more slowly. How much load retries may add is not said here but by a
/// [`RetryBudget`](crate::RetryBudget): a count per call does not protect a server.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use resilience::{Backoff, RetryPolicy};
///
/// let mut policy = RetryPolicy::default();
/// policy.max_attempts = NonZeroU32::new(5).ok_or("zero")?;
/// policy.backoff = Backoff::constant(Duration::from_millis(50));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How many attempts a call has, the first included; 3 by default.
    #[doc(alias = "MaxRetryAttempts")]
    pub max_attempts: NonZeroU32,
    /// How long to wait after a failure; by default 100 ms doubling to at most 10 s, full jitter.
    #[doc(alias = "waitDuration")]
    #[doc(alias = "intervalFunction")]
    pub backoff: Backoff,
    /// How long to wait after [`FailureClass::Throttled`]; by default 1 s doubling to at most 20 s, equal jitter, which
    /// keeps half of the wait as a floor.
    pub throttled_backoff: Backoff,
    /// For how long after its start a call may begin a retry; `None` by default.
    pub max_elapsed: Option<Duration>,
    /// How long one attempt may take; 10 s by default, `None` for as long as the deadline allows. What an attempt is, whoever
    /// drives the call says.
    pub attempt_timeout: Option<Duration>,
    /// The longest wait that a server may ask for; 30 s by default. Beyond it the call gives up at once: a thread that
    /// sleeps for hours because a server said so is a fault of its own.
    pub max_server_delay: Duration,
    /// How much may be added to the wait that a server asked for, so that not all callers come back in one moment; at
    /// most a tenth of that wait, and 1 s by default. Nothing is ever taken off it.
    pub server_jitter: Duration,
    /// How much time an attempt needs to make sense; 1 ms by default. With less than that between the end of the wait
    /// and the deadline, the call gives up at once instead of waiting for nothing.
    pub expected_attempt: Duration,
    /// What to do while the circuit breaker is open; fail fast by default.
    pub on_open: OnOpen,
}

impl RetryPolicy {
    /// Tries once, for as long as the deadline allows.
    #[must_use]
    pub fn never() -> Self {
        Self { max_attempts: NonZeroU32::MIN, attempt_timeout: None, ..Self::default() }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let (ms, secs) = (Duration::from_millis, Duration::from_secs);
        Self {
            max_attempts: NonZeroU32::MIN.saturating_add(2),
            backoff: Backoff::exponential(ms(100), secs(10)),
            throttled_backoff: Backoff::exponential(secs(1), secs(20)).jitter(Jitter::Equal),
            max_elapsed: None,
            attempt_timeout: Some(secs(10)),
            max_server_delay: secs(30),
            server_jitter: secs(1),
            expected_attempt: ms(1),
            on_open: OnOpen::FailFast,
        }
    }
}

/// Says what a call does when the circuit breaker rejects an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnOpen {
    /// Gives up at once.
    #[default]
    FailFast,
    /// Waits for the breaker's next probe, for at most this long over the whole call. It costs no attempt. Two seconds
    /// bridge a short outage where an answer is worth the wait.
    WaitUpTo(Duration),
}

/// Says whether doing the operation twice is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplaySafety {
    /// Twice is as good as once.
    Idempotent,
    /// It may be sent again only after a failure that was [not applied](Failure::not_applied).
    OnlyIfNotApplied,
    /// It is sent once, whatever happens.
    Never,
}

/// Says what one failed attempt means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureClass {
    /// The peer has provably not acted on it: the connection was refused, or the peer said so.
    NotApplied,
    /// It may have been applied, and another attempt may fare better.
    Transient,
    /// The attempt ran out of time; it may have been applied, and may still be running. A retry costs two tokens.
    Timeout,
    /// The peer sheds load. A retry waits longer, costs two tokens and never earns them back.
    #[doc(alias = "RateLimited")]
    Throttled,
    /// Another attempt would fail the same way.
    Permanent,
}

/// What the peer says about trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Pushback {
    /// Nothing.
    #[default]
    None,
    /// Not before this much time has passed.
    #[doc(alias = "Retry-After")]
    After(Duration),
    /// Not at all.
    Never,
}

/// Describes one failed attempt.
///
/// ```
/// use std::time::Duration;
/// use resilience::{Failure, FailureClass};
///
/// let failure = Failure::new(FailureClass::Throttled).after(Duration::from_secs(3));
/// # let _ = failure;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What it means.
    pub class: FailureClass,
    /// What the peer says about trying again.
    pub pushback: Pushback,
    /// Whether what was sent can be sent once more: false for a stream that was read.
    pub replayable: bool,
    /// Whether the peer is believed not to have acted on it, though its class is not
    /// [`NotApplied`](FailureClass::NotApplied).
    pub not_applied: bool,
}

impl Failure {
    /// Describes a failure without a word from the peer, of something that can be sent again.
    #[must_use]
    pub const fn new(class: FailureClass) -> Self {
        Self { class, pushback: Pushback::None, replayable: true, not_applied: false }
    }

    /// Adds that the peer asked to wait.
    #[must_use]
    pub const fn after(self, wait: Duration) -> Self {
        Self { pushback: Pushback::After(wait), ..self }
    }

    /// Adds that the peer forbade another attempt.
    #[must_use]
    pub const fn refused(self) -> Self {
        Self { pushback: Pushback::Never, ..self }
    }

    /// Adds that the peer is believed not to have acted on it: one that sheds load, where the caller trusts its word.
    #[must_use]
    pub const fn not_applied(self) -> Self {
        Self { not_applied: true, ..self }
    }

    /// Adds that what was sent is gone.
    #[must_use]
    pub const fn consumed(self) -> Self {
        Self { replayable: false, ..self }
    }
}

/// Says what follows a failed attempt.
#[derive(Debug)]
#[must_use = "a retry that is not made wastes nothing only if its token is dropped"]
pub enum Decision {
    /// Waits, then tries again.
    Retry {
        /// How long to wait.
        after: Duration,
        /// The number of the attempt to come; the first was 1.
        attempt: NonZeroU32,
        /// What the budget gave. [`Token::spend`] it when the attempt begins; dropped before, it goes back.
        token: Option<Token>,
    },
    /// Hands the last result to the caller.
    GiveUp(GiveUp),
}

/// Says why no further attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GiveUp {
    /// Another attempt would fail the same way.
    #[error("another attempt would fail the same way")]
    Permanent,
    /// The peer forbade another attempt.
    #[error("the peer asked not to try again")]
    PushedBack,
    /// It may have been applied, and twice would do harm.
    #[error("it may have been applied, and is not safe to repeat")]
    NotReplaySafe,
    /// What was sent cannot be sent again.
    #[error("what was sent cannot be sent again")]
    NotReplayable,
    /// All attempts that the policy allows were made.
    #[error("all {max} attempts failed")]
    AttemptsExhausted {
        /// How many the policy allows.
        max: u32,
    },
    /// The call has taken longer than the policy allows, or would have after the wait.
    #[error("the time for retries is over")]
    ElapsedExceeded,
    /// There is not enough time before the deadline for the wait and one attempt.
    #[error("a retry needs {needed:?} and the deadline leaves {left:?}")]
    DeadlineTooNear {
        /// The wait and the attempt.
        needed: Duration,
        /// What the deadline leaves.
        left: Duration,
    },
    /// The peer asked for a longer wait than the policy allows.
    #[error("the peer asked to wait for {asked:?}, and {limit:?} is the limit")]
    ServerDelayTooLong {
        /// What the peer asked for.
        asked: Duration,
        /// What the policy allows.
        limit: Duration,
    },
    /// Too many calls fail for retries to be paid for.
    #[error("the retry budget is used up")]
    BudgetExhausted,
    /// The circuit breaker rejects calls.
    #[error("the circuit breaker is open")]
    CircuitOpen {
        /// When it may let a probe through; `None` if it was forced open.
        retry_after: Option<Duration>,
    },
    /// The rate limit has no slot within the wait that is allowed.
    #[error("the rate limit would make it wait for {wait:?}")]
    RateLimited {
        /// How long a slot would take.
        wait: Duration,
    },
    /// As many calls run as the bulkhead allows.
    #[error("all {limit} places of the bulkhead are taken")]
    BulkheadFull {
        /// How many it allows.
        limit: u32,
    },
    /// The caller wants no answer any more.
    #[error("cancelled")]
    Cancelled,
}

#[cfg(test)]
mod tests;
