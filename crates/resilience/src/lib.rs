//! Resilience of calls that may fail, as pure functions: no clock, no sleep, no thread, no protocol.
//!
//! What this crate knows is how long to wait before sending again. Time and randomness are arguments, so that the
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
//! * [`SharedRng`]: one random source for all callers, and [`Entropy`] for whoever brings another.
//!
//! # Not yet
//!
//! Retry policies with their budget, circuit breakers, rate limits, bulkheads and hedging.
//!
//! # Out of scope
//!
//! * HTTP or any other protocol: which failure may be tried again is the caller's knowledge.
//! * Sleeping: the caller waits, under its own deadline and cancellation.

mod backoff;
mod error;
mod rng;

pub use backoff::{Backoff, BackoffIter, Jitter};
pub use error::ConfigError;
pub use rng::{Entropy, SharedRng};
