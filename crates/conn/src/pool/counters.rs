//! What a pool has done, in numbers, and why it let connections go.

use std::fmt;
use std::ops::AddAssign;

/// Why a pool let a connection go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Eviction {
    /// It was idle for [`PoolLimits::idle_for`](crate::PoolLimits::idle_for).
    Idle,
    /// It was idle for about as long as the peer keeps it.
    PeerIdle,
    /// It grew older than [`PoolLimits::lifetime`](crate::PoolLimits::lifetime).
    Lifetime,
    /// It carried as many requests as it may.
    Requests,
    /// It was the oldest of its route, and the route was full.
    RouteFull,
    /// It was the oldest of all, and the pool was full.
    TotalFull,
    /// All were asked to go.
    Cleared,
}

impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "it was idle for too long",
            Self::PeerIdle => "the peer keeps it no longer",
            Self::Lifetime => "it is too old",
            Self::Requests => "it carried as many requests as it may",
            Self::RouteFull => "its route has enough idle connections",
            Self::TotalFull => "the pool has enough idle connections",
            Self::Cleared => "all idle connections are closed",
        })
    }
}

/// A connection that the pool let go. Whoever is handed it closes it, outside of any lock.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what is handed back has to be closed"]
pub struct Evicted<T> {
    /// The connection.
    pub item: T,
    /// Why it has to go.
    pub reason: Eviction,
}

/// How many connections went for each reason since the pool was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evictions {
    /// [`Eviction::Idle`].
    pub idle: u64,
    /// [`Eviction::PeerIdle`].
    pub peer_idle: u64,
    /// [`Eviction::Lifetime`].
    pub lifetime: u64,
    /// [`Eviction::Requests`].
    pub requests: u64,
    /// [`Eviction::RouteFull`].
    pub route_full: u64,
    /// [`Eviction::TotalFull`].
    pub total_full: u64,
    /// [`Eviction::Cleared`].
    pub cleared: u64,
}

impl Evictions {
    pub(super) fn count(&mut self, reason: Eviction) {
        let counter = match reason {
            Eviction::Idle => &mut self.idle,
            Eviction::PeerIdle => &mut self.peer_idle,
            Eviction::Lifetime => &mut self.lifetime,
            Eviction::Requests => &mut self.requests,
            Eviction::RouteFull => &mut self.route_full,
            Eviction::TotalFull => &mut self.total_full,
            Eviction::Cleared => &mut self.cleared,
        };
        *counter += 1;
    }
}

/// A pool in numbers: what is there at the moment, and what has happened since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolSnapshot {
    /// Connections that wait for a request.
    pub idle: usize,
    /// Connections that are in use or being made.
    pub active: usize,
    /// Requests that wait for a connection.
    pub waiting: usize,
    /// How often a connection had to be made, whether that succeeded or not.
    pub connects: u64,
    /// How often an idle connection was lent, stale ones not counted.
    pub reused: u64,
    /// Connections that were found closed or talking when they were to be lent.
    pub stale: u64,
    /// How often a request had to wait for a connection.
    pub waited: u64,
    /// How often a request waited in vain: its deadline passed, or it was cancelled.
    pub gave_up: u64,
    /// Connections that were let go, by reason.
    pub evicted: Evictions,
}

impl AddAssign for PoolSnapshot {
    fn add_assign(&mut self, other: Self) {
        self.idle += other.idle;
        self.active += other.active;
        self.waiting += other.waiting;
        self.connects += other.connects;
        self.reused += other.reused;
        self.stale += other.stale;
        self.waited += other.waited;
        self.gave_up += other.gave_up;
        let (all, more) = (&mut self.evicted, other.evicted);
        all.idle += more.idle;
        all.peer_idle += more.peer_idle;
        all.lifetime += more.lifetime;
        all.requests += more.requests;
        all.route_full += more.route_full;
        all.total_full += more.total_full;
        all.cleared += more.cleared;
    }
}
