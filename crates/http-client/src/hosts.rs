//! What a client remembers of each host: its circuit breaker, its retry budget, and whether it is of HTTP/1.0.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use conn::Route;
use resilience::{
    CircuitBreaker, Entropy, Evictable, Registry, RegistryConfig, RetryBudget, RetryPolicy, SharedRng, Stack,
    Worth,
};
use wire::Version;

use crate::config::ClientConfig;

/// The policies that all calls to one host share, and their state: [`Client::host`](crate::Client::host) returns it.
///
/// ```
/// use http_client::{Client, ClientConfig, Origin};
/// use std::time::Instant;
///
/// let client = Client::with_config(ClientConfig::standard())?;
/// let api = Origin::https("api.example.com")?;
/// if let Some(breaker) = client.host(&api).and_then(|host| host.breaker().cloned()) {
///     breaker.force_open(Instant::now()); // nothing is sent there
///     breaker.reset(Instant::now()); // until it may be again
/// }
/// # Ok::<(), http_client::Error>(())
/// ```
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

    /// The same state for a call with policies of its own.
    fn stack_for(&self, own: Own) -> Stack {
        let mut stack = Stack::bare(SharedRng::seeded(self.0.rng.next_u64()));
        stack.retry = own.retry.unwrap_or(self.0.retry);
        stack.budget.clone_from(&self.0.budget);
        stack.breaker = self.0.breaker.clone().filter(|_| !own.without_breaker);
        stack.limiter.clone_from(&self.0.limiter);
        stack.bulkhead.clone_from(&self.0.bulkhead);
        stack.max_limiter_wait = self.0.max_limiter_wait;
        stack
    }
}

impl Evictable for HostState {
    fn worth(&self, now: Instant) -> Worth {
        self.breaker().map_or(Worth::Little, |breaker| breaker.worth(now))
    }
}

/// The policies in which a call differs from its client.
#[derive(Clone, Copy)]
struct Own {
    retry: Option<RetryPolicy>,
    without_breaker: bool,
}

/// The hosts of one client. The way belongs to the key: a host behind a proxy fails for other reasons.
pub(crate) struct Hosts {
    registry: Registry<Route, HostState>,
    config: Arc<ClientConfig>,
    /// What the budgets of all hosts together are within.
    budget: Option<RetryBudget>,
    rng: SharedRng,
    /// Those whose last response was one of HTTP/1.0, hardly ever any.
    old: Mutex<HashMap<Route, Version>>,
    has_old: AtomicBool,
}

/// More of them are not remembered.
const MAX_OLD: usize = 1024;

impl Hosts {
    pub(crate) fn new(config: Arc<ClientConfig>) -> Self {
        let rng = config.seed.map_or_else(SharedRng::from_os, SharedRng::seeded);
        let (old, has_old) = (Mutex::default(), AtomicBool::new(false));
        let budget = config.client_retry_budget.map(RetryBudget::new);
        Self { registry: Registry::new(RegistryConfig::default()), config, budget, rng, old, has_old }
    }

    /// Takes note of what a host speaks.
    pub(crate) fn note_version(&self, route: &Route, version: Version) {
        let is_old = version < Version::HTTP_11;
        if !is_old && !self.has_old.load(Ordering::Relaxed) {
            return;
        }
        let mut old = self.old();
        if !is_old {
            old.remove(route);
        } else if old.len() < MAX_OLD {
            old.insert(route.clone(), version);
        }
        self.has_old.store(!old.is_empty(), Ordering::Relaxed);
    }

    /// Returns what a host spoke last, if it is old.
    pub(crate) fn spoke(&self, route: &Route) -> Option<Version> {
        self.has_old.load(Ordering::Relaxed).then(|| self.old().get(route).copied())?
    }

    /// A panic elsewhere leaves the map whole.
    fn old(&self) -> MutexGuard<'_, HashMap<Route, Version>> {
        self.old.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the state of a host; none where the client has no policy.
    pub(crate) fn state(&self, route: &Route, now: Instant) -> Option<HostState> {
        let Self { config, .. } = self;
        let has_policy = config.retry.is_some() || config.breaker.is_some() || config.policies.is_some();
        has_policy.then(|| self.known(route, now))
    }

    /// Returns the policies for one call; none where neither it nor the client has one. `retry` goes before `config`, in
    /// which only what differs from the client's settings counts.
    pub(crate) fn stack(
        &self,
        route: &Route,
        retry: Option<RetryPolicy>,
        config: &ClientConfig,
        now: Instant,
    ) -> Option<Arc<Stack>> {
        let changed = || config.retry.unwrap_or_else(RetryPolicy::never);
        let own = Own {
            retry: retry.or_else(|| (config.retry != self.config.retry).then(changed)),
            without_breaker: config.breaker.is_none() && self.config.breaker.is_some(),
        };
        if own.retry.is_none() && !own.without_breaker {
            return Some(self.state(route, now)?.0);
        }
        Some(Arc::new(self.known(route, now).stack_for(own)))
    }

    fn known(&self, route: &Route, now: Instant) -> HostState {
        let make = || HostState(Arc::new(self.make(route)));
        HostState::clone(&self.registry.get_or_insert_with(route, now, make))
    }

    fn make(&self, route: &Route) -> Stack {
        let (config, rng) = (&self.config, SharedRng::seeded(self.rng.next_u64()));
        if let Some(policies) = &config.policies {
            return policies(route.origin(), rng);
        }
        let breaker = config.breaker.as_ref().and_then(|breaker| CircuitBreaker::new(*breaker, &rng).ok());
        let mut stack = Stack::bare(rng);
        stack.retry = config.retry.unwrap_or_else(RetryPolicy::never);
        stack.budget = config.retry_budget.map(|own| match &self.budget {
            Some(all) => RetryBudget::within(all, own),
            None => RetryBudget::new(own),
        });
        stack.breaker = breaker;
        stack
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts").field("known", &self.registry.len()).finish_non_exhaustive()
    }
}
