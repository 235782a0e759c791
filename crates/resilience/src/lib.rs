//! Resilience of calls that may fail: retries that never storm and a circuit breaker that never lies.
//!
//! It knows no protocol: a call is a closure or a future, and the caller says what a failure means. Everything that
//! decides is a plain state machine that takes the time as an [`Instant`](std::time::Instant) and randomness as a seed,
//! so that a test or a simulation drives it without a clock. Only [`run()`] and [`drive()`] wait, and they are handed
//! the clock too.
//!
//! ```
//! use resilience::{FailureClass, Operation, SharedRng, Stack, ThreadSleeper, Verdict};
//!
//! // Retries within a budget, under a circuit breaker. Share one among all calls to a server.
//! let stack = Stack::standard(SharedRng::from_os());
//! let answer = resilience::run(
//!     &stack,
//!     &ThreadSleeper,
//!     Operation::idempotent(),
//!     |_attempt| "42".parse::<u32>(),
//!     |result| if result.is_ok() { Verdict::DONE } else { Verdict::failed(FailureClass::Permanent) },
//! )
//! .into_result()?;
//! assert_eq!(answer, 42);
//! # Ok::<(), resilience::RunError<std::num::ParseIntError>>(())
//! ```
//!
//! # When to use what
//!
//! | trouble | use | default | in [`Stack::standard`] |
//! |---|---|---|---|
//! | a call fails now and then | [`RetryPolicy`], [`RetryState`] | 3 attempts, 100 ms doubling to 10 s, full jitter | yes |
//! | retries of all callers bring a server down | [`RetryBudget`] | a tenth of the successes, 20 tokens, one more in 10 s | yes |
//! | a server is down, and callers wait for nothing | [`CircuitBreaker`] | half of the calls in 10 s, or 16 in a row; open for 1 s, 2 s, … 5 s | yes |
//! | the server states a rate, or answers "too many requests" | [`RateLimiter`] | none | no |
//! | one slow server holds all threads | [`Bulkhead`] | none | no |
//! | a few calls are much slower than the rest | [`HedgePolicy`], [`HedgeState`], [`LatencyQuantile`] | none | no |
//! | many servers | [`Registry`] of any of these | 1024 entries, 10 min | no |
//!
//! A [`Stack`] joins them in their one order, [`Drive`] leads a call through it step by step, [`run()`] and [`drive()`]
//! do the waiting. Each part also works alone.
//!
//! # Why the defaults are what they are
//!
//! * **A budget, not a count, bounds retries.** Three retries for each call are four times the load on a server that is
//!   down; a tenth of the successes is next to nothing then. A retry that helped is free, so that a server that fails at
//!   random is still retried.
//! * **A score test, not a ratio, opens the breaker.** Half of a few calls fail by chance. The test asks for more than
//!   chance explains: 15 of 20, 60 of 100.
//! * **Open time grows by a second and not by doubling**, since it is dead time after the server is well again; and a
//!   breaker closes by ever more probes at a time, as TCP starts slowly, so that a server that comes up cold is not
//!   overrun.
//! * **The wait that a server asks for is a floor.** It is never cut short; if it does not fit before the deadline the
//!   call gives up at once, with the last result in hand.
//! * **Jitter is drawn below the cap**, so that callers that have all reached the cap still spread.
//!
//! # Words that other libraries use
//!
//! | here | resilience4j | Polly |
//! |---|---|---|
//! | [`Stack`] | `Decorators` | `ResiliencePipeline` |
//! | [`RetryPolicy`], [`Backoff`] | `RetryConfig`, `IntervalFunction` | `RetryStrategyOptions`, `DelayBackoffType` |
//! | [`CircuitBreaker::try_acquire`] | `acquirePermission` | the strategy's own |
//! | [`BreakerState::ForcedOpen`], [`Shadow`](BreakerState::Shadow) | `FORCED_OPEN`, `METRICS_ONLY` | `Isolated`, none |
//! | [`BreakerConfig::failure_permille`], [`min_calls`](BreakerConfig::min_calls) | `failureRateThreshold`, `minimumNumberOfCalls` | `FailureRatio`, `MinimumThroughput` |
//! | [`Outcome::Ignored`] | `ignoreExceptions` | none |
//! | [`Attempt::deadline`] | `TimeLimiter` | `Timeout` |
//! | [`RateLimiter`], [`Bulkhead`], [`Registry`] | the same names | `RateLimiter`, `ConcurrencyLimiter`, `ResiliencePipelineRegistry` |
//!
//! # Out of scope
//!
//! * HTTP or any other protocol: which failure may be tried again is the caller's knowledge.
//! * Interrupting an attempt: it is told its deadline and keeps it.
//! * Fallbacks and caches: a `Result` has `or_else`.

mod backoff;
mod breaker;
mod budget;
mod bulkhead;
mod drive;
mod error;
mod hedge;
mod rate;
mod registry;
mod retry;
mod rng;
mod run;
mod sync;
mod time;

pub use backoff::{Backoff, BackoffIter, Jitter};
pub use breaker::{
    BreakerConfig, BreakerSnapshot, BreakerState, Cause, CircuitBreaker, ConsecutiveFailures, Counts,
    Outcome, Permit, Rejected, SlowCalls, Transition, WindowKind,
};
pub use budget::{BudgetConfig, RetryBudget, Token};
pub use bulkhead::{Bulkhead, BulkheadFull, BulkheadLoad, Slot};
pub use drive::{Attempt, Drive, Operation, Pause, Stack, Step, Verdict};
pub use error::ConfigError;
pub use hedge::{HedgePolicy, HedgeState, HedgeStep, HedgeVerdict, LatencyQuantile};
pub use rate::{RateLimited, RateLimiter, Reservation};
pub use registry::{Evictable, Registry, RegistryConfig, Worth};
pub use retry::{
    Decision, Failure, FailureClass, GiveUp, OnOpen, Pushback, ReplaySafety, RetryPolicy, RetryState,
};
pub use rng::{Entropy, SharedRng};
pub use run::{
    AsyncSleeper, ManualSleeper, Ran, RunError, Sleeper, ThreadSleeper, Wake, drive, log_transitions, run,
};
