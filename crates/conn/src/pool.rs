//! Idle connections, kept for a while. Pure: the caller brings the time and drops what it is handed.

use std::time::{Duration, Instant};

use crate::route::Route;

/// Bounds of a [`Pool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolLimits {
    /// Idle connections per route. Default 8; 0 keeps none.
    pub idle_per_route: usize,
    /// Idle connections over all routes. Default 64; 0 keeps none.
    pub idle_total: usize,
    /// How long an idle connection is kept. Default 15 s; zero keeps none.
    pub idle_for: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { idle_per_route: 8, idle_total: 64, idle_for: Duration::from_secs(15) }
    }
}

/// Idle connections by route. Nothing that was put in is ever dropped inside: it is lent by `take` or handed back by
/// `put`, `evict` and `clear`, so that no connection closes while the caller holds a lock.
///
/// ```
/// use conn::{Origin, Pool, PoolLimits, Route};
/// use std::time::{Duration, Instant};
///
/// let (route, now) = (Route::new(Origin::https("example.com")?), Instant::now());
/// let mut pool = Pool::new(PoolLimits::default());
/// assert_eq!(pool.put(route.clone(), "a connection", now), None);
/// assert_eq!(pool.take(&route, now), Some("a connection"));
/// # Ok::<_, conn::OriginError>(())
/// ```
#[derive(Debug)]
pub struct Pool<T> {
    limits: PoolLimits,
    /// In the order of their return. A scan of so few entries beats a map, and allocates nothing when one connection
    /// goes out and in.
    idle: Vec<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    route: Route,
    item: T,
    since: Instant,
}

impl<T> Pool<T> {
    /// Makes an empty pool.
    #[must_use]
    pub fn new(limits: PoolLimits) -> Self {
        Self { limits, idle: Vec::new() }
    }

    /// Lends the connection of this route that was returned last. One that was idle for too long is never lent; it
    /// stays inside until [`evict`](Self::evict) hands it back.
    pub fn take(&mut self, route: &Route, now: Instant) -> Option<T> {
        let limits = self.limits;
        let at =
            self.idle.iter().rposition(|entry| entry.route == *route && !entry.has_expired(&limits, now))?;
        Some(self.idle.remove(at).item)
    }

    /// Keeps an idle connection, and returns the one that has to go for it: the oldest of the same route or of all,
    /// or the new one itself if nothing may be kept.
    #[must_use = "what is handed back has to be closed"]
    pub fn put(&mut self, route: Route, item: T, now: Instant) -> Option<T> {
        let PoolLimits { idle_per_route, idle_total, idle_for } = self.limits;
        if idle_per_route == 0 || idle_total == 0 || idle_for.is_zero() {
            return Some(item);
        }
        let of_route = self.idle.iter().filter(|entry| entry.route == route).count();
        let displaced = if of_route >= idle_per_route {
            self.idle.iter().position(|entry| entry.route == route)
        } else {
            (self.idle.len() >= idle_total).then_some(0)
        };
        let displaced = displaced.map(|at| self.idle.remove(at).item);
        self.idle.push(Entry { route, item, since: now });
        displaced
    }

    /// Hands back every connection that was idle for too long.
    #[must_use = "what is handed back has to be closed"]
    pub fn evict(&mut self, now: Instant) -> Vec<T> {
        let limits = self.limits;
        self.idle.extract_if(.., |entry| entry.has_expired(&limits, now)).map(|entry| entry.item).collect()
    }

    /// Hands back every connection.
    #[must_use = "what is handed back has to be closed"]
    pub fn clear(&mut self) -> Vec<T> {
        self.idle.drain(..).map(|entry| entry.item).collect()
    }

    /// Counts the connections inside, with those that were idle for too long.
    #[must_use]
    pub fn len(&self) -> usize {
        self.idle.len()
    }

    /// Tells whether nothing is inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.idle.is_empty()
    }
}

impl<T> Entry<T> {
    fn has_expired(&self, limits: &PoolLimits, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= limits.idle_for
    }
}

#[cfg(test)]
mod tests;
