//! The policies that a call goes through.

use std::time::Duration;

use crate::breaker::CircuitBreaker;
use crate::budget::RetryBudget;
use crate::bulkhead::Bulkhead;
use crate::rate::RateLimiter;
use crate::retry::RetryPolicy;
use crate::rng::SharedRng;

/// Holds the policies that calls to one server go through; share it among them.
///
/// ```
/// use std::num::NonZeroU32;
/// use resilience::{Bulkhead, SharedRng, Stack};
///
/// let mut stack = Stack::standard(SharedRng::from_os());
/// stack.bulkhead = Some(Bulkhead::new(NonZeroU32::new(32).ok_or("zero")?));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
#[doc(alias = "ResiliencePipeline")]
#[doc(alias = "Decorators")]
pub struct Stack {
    /// How often and how patiently calls are tried again.
    pub retry: RetryPolicy,
    /// How many retries all calls together may make.
    pub budget: Option<RetryBudget>,
    /// Whether calls are made at all.
    pub breaker: Option<CircuitBreaker>,
    /// How many calls may begin in a stretch of time.
    pub limiter: Option<RateLimiter>,
    /// How many calls may run at a time. A call that finds no place gives up; to queue for one, take a slot around the
    /// whole call by [`Bulkhead::enter`].
    pub bulkhead: Option<Bulkhead>,
    /// How long an attempt may wait for the limiter, with all pauses that come in between; 5 s by default.
    pub max_limiter_wait: Duration,
    /// Where jitter comes from.
    pub rng: SharedRng,
}

impl Stack {
    /// Tries each call once, and nothing else: to add what is wanted.
    #[must_use]
    pub fn bare(rng: SharedRng) -> Self {
        Self {
            retry: RetryPolicy::never(),
            budget: None,
            breaker: None,
            limiter: None,
            bulkhead: None,
            max_limiter_wait: Duration::from_secs(5),
            rng,
        }
    }

    /// Retries by the default policy, within a budget, under a circuit breaker, all with their defaults.
    #[must_use]
    pub fn standard(rng: SharedRng) -> Self {
        let breaker = CircuitBreaker::standard(&rng);
        Self {
            retry: RetryPolicy::default(),
            budget: Some(RetryBudget::default()),
            breaker: Some(breaker),
            ..Self::bare(rng)
        }
    }
}
