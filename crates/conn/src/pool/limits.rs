//! What bounds a pool, and what a peer says about its own bounds.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use super::counters::Eviction;
use super::kept::Kept;

/// Bounds of a [`Pool`](crate::Pool) and of a [`ConnectionPool`](crate::ConnectionPool).
///
/// ```
/// use conn::PoolLimits;
/// use std::num::NonZeroUsize;
///
/// let mut limits = PoolLimits::default();
/// limits.active_per_route = NonZeroUsize::new(4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolLimits {
    /// Idle connections per route. Default 8; 0 keeps none.
    pub idle_per_route: usize,
    /// Idle connections over all routes. Default 64; 0 keeps none.
    pub idle_total: usize,
    /// How long an idle connection is kept. Default 15 s; zero keeps none.
    pub idle_for: Duration,
    /// Connections per route that are in use or being made; whoever comes beyond waits its turn. Default no bound.
    pub active_per_route: Option<NonZeroUsize>,
    /// How old a connection may grow; it is not cut while it is in use. Default no bound.
    pub lifetime: Option<Duration>,
    /// Requests that a connection may carry. Default no bound; 0 is taken as 1.
    pub requests: Option<u64>,
    /// How long a connection must have been idle to be worth the system call that asks whether it is still open and
    /// silent. Default zero: each is asked. [`Duration::MAX`] asks none.
    pub probe_after: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            idle_per_route: 8,
            idle_total: 64,
            idle_for: Duration::from_secs(15),
            active_per_route: None,
            lifetime: None,
            requests: None,
            probe_after: Duration::ZERO,
        }
    }
}

/// What a peer says of how long it keeps a connection. The default says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerHint {
    /// How long it keeps an idle connection. It is taken as less by half, at most by 1 s, so that we close first.
    pub idle_for: Option<Duration>,
    /// How many requests more it answers on the connection.
    pub requests: Option<u64>,
}

impl PeerHint {
    /// The longest time by which we close before the peer.
    const MARGIN: Duration = Duration::from_secs(1);

    /// How long we may keep the connection idle.
    fn patience(self) -> Option<Duration> {
        self.idle_for.map(|idle_for| idle_for.saturating_sub(Self::MARGIN.min(idle_for / 2)))
    }
}

/// When an idle connection has to go, and why.
pub(super) type Expiry = Option<(Instant, Eviction)>;

impl PoolLimits {
    /// Decides whether a connection may rest from `now` on, and until when.
    pub(super) fn rest<T>(&self, kept: &Kept<T>, now: Instant) -> Result<Expiry, Eviction> {
        let used_up = self.requests.is_some_and(|limit| kept.requests() >= limit);
        if used_up || kept.hint().requests == Some(0) {
            return Err(Eviction::Requests);
        }
        let after =
            |start: Instant, allowed: Option<Duration>, reason| Some((start.checked_add(allowed?)?, reason));
        let expiry = [
            after(now, Some(self.idle_for), Eviction::Idle),
            after(now, kept.hint().patience(), Eviction::PeerIdle),
            after(kept.made(), self.lifetime, Eviction::Lifetime),
        ];
        match expiry.into_iter().flatten().min_by_key(|(at, _)| *at) {
            Some((at, reason)) if at <= now => Err(reason),
            expiry => Ok(expiry),
        }
    }
}
