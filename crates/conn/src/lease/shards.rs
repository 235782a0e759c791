//! The pool in parts, each behind its own lock, so that threads on different routes seldom meet.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tracing::debug;

use super::signal::Signal;
use crate::pool::{Acquired, Evicted, Kept, Lent, Pool, PoolLimits, PoolSnapshot, Ticket, Want, hash_of};
use crate::route::Route;
use crate::transport::Transport;

type Conn = Box<dyn Transport>;

/// What has to be closed once no lock is held.
type Gone = Vec<Evicted<Conn>>;

/// More routes in use at once than this share locks, which are held for some hundred nanoseconds.
const SHARDS: usize = 32;

/// Every part, and what is kept over all of them.
pub(super) struct Shards {
    parts: Box<[Shard]>,
    /// One more, so that there is always one.
    last: Shard,
    idle_total: usize,
    /// Idle connections over all parts. Changed under the lock of the part that changes.
    idle: AtomicUsize,
    /// Held by who looks for the oldest over all parts, so that no two of them close one too many. Taken before any part.
    shrinking: Mutex<()>,
    began: Instant,
    /// The second since `began` in which every part was looked through last.
    swept: AtomicU64,
}

/// On a cache line of its own.
#[repr(align(64))]
struct Shard(Mutex<State>);

/// The routes of one part, and those who wait for them.
pub(super) struct State {
    pub(super) pool: Pool<Conn>,
    signals: HashMap<Ticket, Arc<Signal>>,
}

impl Shards {
    pub(super) fn new(limits: PoolLimits, now: Instant) -> Self {
        Self {
            parts: (1..SHARDS).map(|_| Shard::new(limits)).collect(),
            last: Shard::new(limits),
            idle_total: limits.idle_total,
            idle: AtomicUsize::new(0),
            shrinking: Mutex::new(()),
            began: now,
            swept: AtomicU64::new(0),
        }
    }

    /// Does one thing with the part of a route. What has to go is closed when no lock is held.
    pub(super) fn run<R>(
        &self,
        route: &Route,
        now: Instant,
        act: impl FnOnce(&mut State, &mut Gone) -> R,
    ) -> R {
        let mut gone = Vec::new();
        // The lower bits choose the place inside the part.
        let number = usize::try_from(hash_of(route) >> 32).unwrap_or_default() % SHARDS;
        let result = self.locked(self.parts.get(number).unwrap_or(&self.last), &mut gone, act);
        self.shrink(&mut gone);
        self.sweep(now, &mut gone);
        close(gone);
        result
    }

    /// Closes every idle connection.
    pub(super) fn clear(&self) {
        let mut gone = Vec::new();
        for shard in self.all() {
            self.locked(shard, &mut gone, |state, gone| state.pool.clear(gone));
        }
        close(gone);
    }

    pub(super) fn snapshot(&self) -> PoolSnapshot {
        let mut sum = PoolSnapshot::default();
        for shard in self.all() {
            sum += shard.lock().pool.snapshot();
        }
        sum
    }

    fn all(&self) -> impl Iterator<Item = &Shard> {
        self.parts.iter().chain([&self.last])
    }

    fn locked<R>(&self, shard: &Shard, gone: &mut Gone, act: impl FnOnce(&mut State, &mut Gone) -> R) -> R {
        let mut state = shard.lock();
        let before = state.pool.idle();
        let result = act(&mut state, gone);
        let after = state.pool.idle();
        if after > before {
            self.idle.fetch_add(after - before, Ordering::Relaxed);
        } else if after < before {
            self.idle.fetch_sub(before - after, Ordering::Relaxed);
        }
        result
    }

    /// Lets the oldest of all go while there are too many.
    fn shrink(&self, gone: &mut Gone) {
        if self.idle.load(Ordering::Relaxed) <= self.idle_total {
            return;
        }
        let _alone = self.shrinking.lock().unwrap_or_else(PoisonError::into_inner);
        while self.idle.load(Ordering::Relaxed) > self.idle_total {
            let oldest = self.all().filter_map(|shard| Some((shard.lock().pool.oldest()?, shard)));
            let Some((_, shard)) = oldest.min_by_key(|(since, _)| *since) else { return };
            self.locked(shard, gone, |state, gone| state.pool.evict_oldest(gone));
        }
    }

    /// Looks once a second through every part for what has expired: a part that nobody asks closes nothing by itself.
    fn sweep(&self, now: Instant, gone: &mut Gone) {
        let second = now.saturating_duration_since(self.began).as_secs();
        let is_due = self.swept.load(Ordering::Relaxed) < second;
        if is_due && self.swept.fetch_max(second, Ordering::Relaxed) < second {
            for shard in self.all() {
                self.locked(shard, gone, |state, gone| state.pool.evict(now, gone));
            }
        }
    }
}

impl State {
    /// Acquires, or queues with a signal for when the turn comes.
    pub(super) fn acquire(
        &mut self,
        route: &Route,
        want: Want,
        now: Instant,
        gone: &mut Gone,
    ) -> Result<Lent<Conn>, (Ticket, Arc<Signal>)> {
        match self.pool.acquire(route, want, now, gone) {
            Acquired::Lent(lent) => Ok(lent),
            Acquired::Wait(ticket) => {
                let signal = Arc::<Signal>::default();
                self.signals.insert(ticket, Arc::clone(&signal));
                Err((ticket, signal))
            }
        }
    }

    /// Frees a slot, and returns the signal of who has it next.
    pub(super) fn release(
        &mut self,
        route: &Route,
        kept: Option<Kept<Conn>>,
        now: Instant,
        gone: &mut Gone,
    ) -> Option<Arc<Signal>> {
        let next = self.pool.release(route, kept, now, gone)?;
        self.signals.remove(&next)
    }

    /// Gives up waiting, and returns the signal of who has the slot next if there was one.
    pub(super) fn give_up(
        &mut self,
        route: &Route,
        ticket: Ticket,
        now: Instant,
        gone: &mut Gone,
    ) -> Option<Arc<Signal>> {
        self.signals.remove(&ticket);
        let next = self.pool.give_up(route, ticket, now, gone)?;
        self.signals.remove(&next)
    }
}

impl Shard {
    fn new(limits: PoolLimits) -> Self {
        Self(Mutex::new(State { pool: Pool::new(limits), signals: HashMap::new() }))
    }

    /// Nothing of the user's runs under the lock, so that no panic leaves the state in parts.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn close(gone: Gone) {
    for Evicted { item, reason } in gone {
        debug!(target: "conn", { network.peer.address = ?item.facts().peer, %reason }, "an idle connection is closed");
        drop(item);
    }
}
