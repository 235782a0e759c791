//! State for each of many keys, in bounded room.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::breaker::{BreakerState, CircuitBreaker};
use crate::sync::Lock;

/// Keeps one value for each key: a breaker, or a breaker with its budget and its limiter, for each server.
///
/// Its room is bounded, so that a client that visits a million servers does not keep a million breakers; and what is
/// worth keeping stays: a breaker that is open is never evicted, however many servers are visited. Keep the [`Arc`]
/// with a connection to save the look-up.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::{Duration, Instant};
/// use resilience::{CircuitBreaker, Registry, RegistryConfig};
///
/// let five = NonZeroU32::new(5).ok_or("zero")?;
/// let breakers = Registry::new(RegistryConfig::default());
/// let make = || CircuitBreaker::classic(five, Duration::from_secs(30));
/// let breaker = breakers.get_or_insert_with(&"example.com", Instant::now(), make);
/// # let _ = breaker;
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug)]
pub struct Registry<K, V> {
    table: Lock<Table<K, V>>,
    config: RegistryConfig,
}

/// How much a [`Registry`] keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegistryConfig {
    /// How many values it keeps; 1024 by default. While all of them are of worth or in use it holds up to twice as
    /// many.
    pub max_entries: usize,
    /// After how long without use [`Registry::sweep`] drops a value that is not worth keeping; 10 min by default.
    pub idle: Duration,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self { max_entries: 1024, idle: Duration::from_secs(600) }
    }
}

/// Says what would be lost with a value.
pub trait Evictable {
    /// Judges the value at `now`. It is called under the registry's lock: it must not use the registry.
    fn worth(&self, now: Instant) -> Worth;
}

/// What would be lost with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Worth {
    /// Nothing: a fresh one is as good.
    Nothing,
    /// A little: statistics of a server that is well.
    Little,
    /// What it is kept for: it goes only when it is removed by hand.
    Much,
}

impl Evictable for CircuitBreaker {
    /// Open, half-open and what was set by hand is worth much; closed is worth a little while its window holds calls.
    fn worth(&self, now: Instant) -> Worth {
        let snapshot = self.snapshot(now);
        match snapshot.state {
            BreakerState::Closed if snapshot.counts.calls == 0 && snapshot.consecutive_failures == 0 => {
                Worth::Nothing
            }
            BreakerState::Closed => Worth::Little,
            _ => Worth::Much,
        }
    }
}

impl<K: Hash + Eq + Clone, V: Evictable> Registry<K, V> {
    /// Makes an empty registry.
    #[must_use]
    pub fn new(config: RegistryConfig) -> Self {
        Self { table: Lock::new(Table { slots: Vec::new(), index: HashMap::new(), hand: 0 }), config }
    }

    /// Hands out the value of `key`, and makes one if there is none.
    ///
    /// `make` runs outside of the lock; if two threads make one for the same key, both get the one that was first in.
    /// When twice the bound is full of values of worth, a key without one gets a value that is not kept: what is there
    /// cannot be flushed by visiting many servers.
    pub fn get_or_insert_with(&self, key: &K, now: Instant, make: impl FnOnce() -> V) -> Arc<V> {
        if let Some(found) = self.table.with(|table| table.find(key, now)) {
            return found;
        }
        let fresh = Arc::new(make());
        let (value, evicted) = self.table.with(|table| match table.find(key, now) {
            Some(found) => (found, None),
            None => {
                let evicted = table.insert(key, Arc::clone(&fresh), now, self.config.max_entries);
                (Arc::clone(&fresh), evicted)
            }
        });
        // Whatever dropping it runs, it runs outside of the lock.
        drop(evicted);
        value
    }

    /// Hands out the value of `key`, if there is one.
    #[must_use]
    pub fn get(&self, key: &K, now: Instant) -> Option<Arc<V>> {
        self.table.with(|table| table.find(key, now))
    }

    /// Takes the value of `key` out, whatever it is worth. Who holds it keeps it.
    pub fn remove(&self, key: &K) -> Option<Arc<V>> {
        self.table
            .with(|table| table.index.get(key).copied().and_then(|at| table.remove(at)))
            .map(|slot| slot.value)
    }

    /// Drops what nobody used for the idle time and what is not worth much, and tells how many.
    pub fn sweep(&self, now: Instant) -> usize {
        let idle = self.config.idle;
        let swept = self.table.with(|table| table.sweep(now, idle));
        swept.len()
    }

    /// Tells how many values it keeps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.with(|table| table.slots.len())
    }

    /// Tells whether it keeps none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands out all keys and values, for metrics.
    #[must_use]
    pub fn entries(&self) -> Vec<(K, Arc<V>)> {
        let copy = |slot: &Entry<K, V>| (slot.key.clone(), Arc::clone(&slot.value));
        self.table.with(|table| table.slots.iter().map(copy).collect())
    }
}

#[derive(Debug)]
struct Table<K, V> {
    slots: Vec<Entry<K, V>>,
    /// Where in `slots` a key stands.
    index: HashMap<K, usize>,
    /// Where the search for a victim goes on.
    hand: usize,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: Arc<V>,
    used: Instant,
    /// Used since the hand came by: it is passed over once.
    recent: bool,
}

/// How many values one insertion looks at before it settles for more room: it bounds the time under the lock.
const MOST_LOOKED_AT: usize = 64;

impl<K: Hash + Eq + Clone, V: Evictable> Table<K, V> {
    fn find(&mut self, key: &K, now: Instant) -> Option<Arc<V>> {
        let entry = self.slots.get_mut(*self.index.get(key)?)?;
        entry.used = entry.used.max(now);
        entry.recent = true;
        Some(Arc::clone(&entry.value))
    }

    /// Puts a value in, and hands back the one that went for it, or itself if there is no room.
    fn insert(&mut self, key: &K, value: Arc<V>, now: Instant, max: usize) -> Option<Arc<V>> {
        let mut evicted = None;
        if self.slots.len() >= max {
            let victim = self.victim(now, Worth::Nothing, MOST_LOOKED_AT).or_else(|| {
                // A look at all of them, but only where otherwise there would be no room at all.
                let last_resort = self.slots.len() >= max.saturating_mul(2);
                last_resort.then(|| self.victim(now, Worth::Little, self.slots.len() * 2)).flatten()
            });
            evicted = victim.and_then(|at| self.remove(at)).map(|entry| entry.value);
        }
        if self.slots.len() >= max.saturating_mul(2) {
            return Some(value);
        }
        self.index.insert(key.clone(), self.slots.len());
        self.slots.push(Entry { key: key.clone(), value, used: now, recent: true });
        evicted
    }

    /// The next value of at most that worth. One that somebody holds, or that was used since the last look, is passed
    /// over as long as there is a choice.
    fn victim(&mut self, now: Instant, most: Worth, looks: usize) -> Option<usize> {
        for _ in 0..looks {
            self.hand = if self.hand + 1 < self.slots.len() { self.hand + 1 } else { 0 };
            let entry = self.slots.get_mut(self.hand)?;
            let spared = std::mem::take(&mut entry.recent);
            let held = most == Worth::Nothing && Arc::strong_count(&entry.value) > 1;
            if !spared && !held && entry.value.worth(now) <= most {
                return Some(self.hand);
            }
        }
        None
    }

    fn sweep(&mut self, now: Instant, idle: Duration) -> Vec<Entry<K, V>> {
        let mut swept = Vec::new();
        let mut at = 0;
        while let Some(entry) = self.slots.get(at) {
            let unused = now.saturating_duration_since(entry.used) >= idle;
            let held = Arc::strong_count(&entry.value) > 1;
            if unused && !held && entry.value.worth(now) < Worth::Much {
                swept.extend(self.remove(at));
            } else {
                at += 1;
            }
        }
        swept
    }

    fn remove(&mut self, at: usize) -> Option<Entry<K, V>> {
        if at >= self.slots.len() {
            return None;
        }
        let entry = self.slots.swap_remove(at);
        self.index.remove(&entry.key);
        if let Some(moved) = self.slots.get(at) {
            self.index.insert(moved.key.clone(), at);
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
