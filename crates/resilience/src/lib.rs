//! Resilience of calls that may fail, as pure functions: no clock, no sleep, no thread, no protocol.
//!
//! What this crate knows is whether and when to send again. Time and randomness are arguments, so that the
//! same seed gives the same waits in a test and two clients never wait in step in production.
//!
//! ```
//! use std::time::Duration;
//! use resilience::{Backoff, SharedRng};
//!
//! let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(10));
//! let rng = SharedRng::from_os();
//! for wait in backoff.iter(&rng).take(3) {
//!     // Try again after `wait`; it is never above ten seconds.
//!     assert!(wait <= Duration::from_secs(10));
//! }
//! ```
//!
//! # In scope
//!
//! * [`Backoff`]: constant, linear and exponential waits with a cap and [`Jitter`].
//! * [`RetryPolicy`] and [`RetryState`]: whether a failed call is tried again, and when.
//! * [`RetryBudget`]: how many retries all calls together may make.
//! * [`SharedRng`]: one random source for all callers, and [`Entropy`] for whoever brings another.
//!
//! # Not yet
//!
//! Circuit breakers, rate limits, bulkheads and hedging.
//!
//! # Out of scope
//!
//! * HTTP or any other protocol: which failure may be tried again is the caller's knowledge.
//! * Sleeping: the caller waits, under its own deadline and cancellation.

mod backoff;
mod breaker;
mod budget;
mod bulkhead;
mod error;
mod hedge;
mod rate;
mod registry;
mod retry;
mod rng;
mod sync;
mod time;

pub use backoff::{Backoff, BackoffIter, Jitter};
pub use breaker::{
    BreakerConfig, BreakerSnapshot, BreakerState, Cause, CircuitBreaker, ConsecutiveFailures, Counts,
    Outcome, Permit, Rejected, SlowCalls, Transition, WindowKind,
};
pub use budget::{BudgetConfig, RetryBudget, Token};
pub use bulkhead::{Bulkhead, BulkheadFull, BulkheadLoad, Slot};
pub use error::ConfigError;
pub use hedge::{HedgePolicy, HedgeState, HedgeStep, HedgeVerdict, LatencyQuantile};
pub use rate::{RateLimited, RateLimiter, Reservation};
pub use registry::{Evictable, Registry, RegistryConfig, Worth};
pub use retry::{
    Decision, Failure, FailureClass, GiveUp, OnOpen, Pushback, ReplaySafety, RetryPolicy, RetryState,
};
pub use rng::{Entropy, SharedRng};
