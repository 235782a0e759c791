//! What a client remembers of each host: its circuit breaker and its retry budget.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use conn::Route;
use resilience::{
    CircuitBreaker, Entropy, Evictable, Registry, RegistryConfig, RetryBudget, RetryPolicy, SharedRng, Stack,
    Worth,
};

use crate::config::ClientConfig;

/// The policies that all calls to one host share, and their state.
#[derive(Clone, Debug)]
pub struct HostState(Arc<Stack>);

impl HostState {
    /// Returns the circuit breaker: to read its state, and to open or close it by hand. Clones are handles to the same.
    #[must_use]
    pub fn breaker(&self) -> Option<&CircuitBreaker> {
        self.0.breaker.as_ref()
    }

    /// Returns the retry budget.
    #[must_use]
    pub fn budget(&self) -> Option<&RetryBudget> {
        self.0.budget.as_ref()
    }

    pub(crate) fn stack(&self) -> Arc<Stack> {
        Arc::clone(&self.0)
    }

    /// The same state under another policy of retries.
    pub(crate) fn with_retry(&self, retry: RetryPolicy) -> Arc<Stack> {
        let mut stack = Stack::bare(SharedRng::seeded(self.0.rng.next_u64()));
        stack.retry = retry;
        stack.budget.clone_from(&self.0.budget);
        stack.breaker.clone_from(&self.0.breaker);
        stack.limiter.clone_from(&self.0.limiter);
        stack.bulkhead.clone_from(&self.0.bulkhead);
        stack.max_limiter_wait = self.0.max_limiter_wait;
        Arc::new(stack)
    }
}

impl Evictable for HostState {
    fn worth(&self, now: Instant) -> Worth {
        self.breaker().map_or(Worth::Little, |breaker| breaker.worth(now))
    }
}

/// The hosts of one client. The way belongs to the key: a host behind a proxy fails for other reasons.
pub(crate) struct Hosts {
    registry: Registry<Route, HostState>,
    rng: SharedRng,
}

impl Hosts {
    pub(crate) fn new(rng: SharedRng) -> Self {
        Self { registry: Registry::new(RegistryConfig::default()), rng }
    }

    /// Returns the state of a host; none where no policy is set.
    pub(crate) fn state(&self, route: &Route, config: &ClientConfig, now: Instant) -> Option<HostState> {
        if config.retry.is_none() && config.breaker.is_none() && config.policies.is_none() {
            return None;
        }
        let make = || HostState(Arc::new(self.stack(route, config)));
        Some(HostState::clone(&self.registry.get_or_insert_with(route, now, make)))
    }

    fn stack(&self, route: &Route, config: &ClientConfig) -> Stack {
        let rng = SharedRng::seeded(self.rng.next_u64());
        if let Some(policies) = &config.policies {
            return policies(route.origin(), rng);
        }
        let breaker = config.breaker.as_ref().and_then(|breaker| CircuitBreaker::new(*breaker, &rng).ok());
        let mut stack = Stack::bare(rng);
        stack.retry = config.retry.unwrap_or_else(RetryPolicy::never);
        stack.budget = config.retry.and(config.retry_budget).map(RetryBudget::new);
        stack.breaker = breaker;
        stack
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts").field("known", &self.registry.len()).finish_non_exhaustive()
    }
}
