//! Which connection serves which request, and who has to wait. Pure: the caller brings the time, makes connections and
//! drops what it is handed.

mod counters;
mod kept;
mod limits;
mod queue;

use std::time::Instant;

pub use counters::{Evicted, Eviction, Evictions, PoolSnapshot};
pub(crate) use kept::History;
pub use kept::Kept;
pub use limits::{PeerHint, PoolLimits};
pub(crate) use queue::hash_of;
use queue::{Grant, Idle, Queue, Routes, Waiter};

use crate::route::Route;

/// What a request asks of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// An idle connection if there is one.
    Any,
    /// A connection that nobody has used.
    Fresh,
}

/// The pool's answer to a request.
#[derive(Debug)]
#[must_use = "a slot that is not released is lost"]
pub enum Acquired<T> {
    /// There is a slot.
    Lent(Lent<T>),
    /// The route has no free slot: [`Pool::poll`] when a release or somebody who gave up names this ticket.
    Wait(Ticket),
}

/// A slot, with what is to fill it. It goes back by [`Pool::release`].
#[derive(Debug)]
#[must_use = "a slot that is not released is lost"]
pub enum Lent<T> {
    /// Take this connection.
    Idle(Kept<T>),
    /// Make one.
    Connect,
}

/// A place in the queue of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

/// Connections by route: a stack of idle ones for each, slots for those in use, and a queue of who waits for a slot.
///
/// Nothing that was put in is ever dropped inside: it is lent, or handed back in `evicted`, so that no connection
/// closes while the caller holds a lock. Every call looks for connections whose time has passed first.
///
/// ```
/// use conn::{Acquired, Kept, Lent, Origin, Pool, PoolLimits, Route, Want};
/// use std::time::Instant;
///
/// let (route, now) = (Route::new(Origin::https("example.com")?), Instant::now());
/// let (mut pool, mut evicted) = (Pool::new(PoolLimits::default()), Vec::new());
///
/// let first = pool.acquire(&route, Want::Any, now, &mut evicted);
/// assert!(matches!(first, Acquired::Lent(Lent::Connect)));
/// let woken = pool.release(&route, Some(Kept::new("a connection", now)), now, &mut evicted);
/// let again = pool.acquire(&route, Want::Any, now, &mut evicted);
/// assert!(matches!(again, Acquired::Lent(Lent::Idle(Kept { item: "a connection", .. }))));
/// assert!(woken.is_none() && evicted.is_empty());
/// # Ok::<_, conn::OriginError>(())
/// ```
#[derive(Debug)]
pub struct Pool<T> {
    limits: PoolLimits,
    routes: Routes<T>,
    idle: usize,
    /// No idle connection expires before.
    expires: Option<Instant>,
    /// Numbers tickets and returns in their order: instants may be equal.
    turn: u64,
    counts: PoolSnapshot,
}

impl<T> Pool<T> {
    /// Makes an empty pool.
    #[must_use]
    pub fn new(limits: PoolLimits) -> Self {
        Self {
            limits,
            routes: Routes::default(),
            idle: 0,
            expires: None,
            turn: 0,
            counts: PoolSnapshot::default(),
        }
    }

    /// Asks for a connection along `route`: the one that was returned last, the right to make one, or a place in the
    /// queue. A newcomer never overtakes a waiter.
    pub fn acquire(
        &mut self,
        route: &Route,
        want: Want,
        now: Instant,
        evicted: &mut Vec<Evicted<T>>,
    ) -> Acquired<T> {
        self.evict(now, evicted);
        if self.take_slot(route) {
            return Acquired::Lent(self.lend(route, want, now));
        }
        let ticket = Ticket(self.next_turn());
        self.counts.waited += 1;
        self.queue(route).waiting.push_back(Waiter { ticket, want });
        Acquired::Wait(ticket)
    }

    /// Asks for a slot to make an idle connection in, and tells whether it was given: `upto` idle ones are enough, and
    /// nobody is overtaken. The slot goes back by [`release`](Self::release).
    #[must_use = "a slot that is not released is lost"]
    pub fn reserve(&mut self, route: &Route, upto: usize) -> bool {
        let PoolLimits { idle_per_route, idle_total, idle_for, .. } = self.limits;
        let enough = if idle_for.is_zero() { 0 } else { upto.min(idle_per_route).min(idle_total) };
        let has_enough = self.routes.get(route).map_or(0, |queue| queue.idle.len()) >= enough;
        let reserved = !has_enough && self.take_slot(route);
        self.counts.connects += u64::from(reserved);
        reserved
    }

    /// Collects what was granted to a ticket; nothing as long as its turn has not come. A ticket that was collected or
    /// given up is void.
    pub fn poll(
        &mut self,
        route: &Route,
        ticket: Ticket,
        now: Instant,
        evicted: &mut Vec<Evicted<T>>,
    ) -> Option<Lent<T>> {
        self.evict(now, evicted);
        let Grant { waiter, idle } = self.take_grant(route, ticket)?;
        let Some(idle) = idle.and_then(|idle| self.unexpired(idle, now, evicted)) else {
            return Some(self.lend(route, waiter.want, now));
        };
        self.counts.reused += 1;
        Some(Lent::Idle(idle.lend(now)))
    }

    /// Says that a connection which was just lent is of no use, and asks for another one in its slot.
    pub fn replace_stale(&mut self, route: &Route, now: Instant, evicted: &mut Vec<Evicted<T>>) -> Lent<T> {
        self.evict(now, evicted);
        self.counts.stale += 1;
        self.counts.reused = self.counts.reused.saturating_sub(1);
        self.lend(route, Want::Any, now)
    }

    /// Gives a slot back, with the connection if it may serve again. The first waiter gets both; its ticket is
    /// returned.
    #[must_use = "whoever is named has to be told"]
    pub fn release(
        &mut self,
        route: &Route,
        kept: Option<Kept<T>>,
        now: Instant,
        evicted: &mut Vec<Evicted<T>>,
    ) -> Option<Ticket> {
        self.evict(now, evicted);
        let idle = kept.and_then(|kept| match self.limits.rest(&kept, now) {
            Ok(expiry) => Some(Idle { kept, since: now, turn: self.next_turn(), expiry }),
            Err(reason) => {
                self.hand_back(kept, reason, evicted);
                None
            }
        });
        self.pass_on(route, idle, evicted)
    }

    /// Gives up waiting. What was granted meanwhile is passed on to the next waiter, whose ticket is returned.
    #[must_use = "whoever is named has to be told"]
    pub fn give_up(
        &mut self,
        route: &Route,
        ticket: Ticket,
        now: Instant,
        evicted: &mut Vec<Evicted<T>>,
    ) -> Option<Ticket> {
        self.evict(now, evicted);
        if let Some(Grant { idle, .. }) = self.take_grant(route, ticket) {
            self.counts.gave_up += 1;
            let idle = idle.and_then(|idle| self.unexpired(idle, now, evicted));
            return self.pass_on(route, idle, evicted);
        }
        let queue = self.routes.get_mut(route)?;
        let at = queue.waiting.iter().position(|waiter| waiter.ticket == ticket)?;
        queue.waiting.remove(at);
        self.counts.gave_up += 1;
        None
    }

    /// Hands back every idle connection whose time has passed, in no particular order.
    pub fn evict(&mut self, now: Instant, evicted: &mut Vec<Evicted<T>>) {
        if self.expires.is_none_or(|at| now < at) {
            return;
        }
        let before = evicted.len();
        for queue in self.routes.values_mut() {
            for idle in queue.idle.extract_if(.., |idle| idle.has_expired(now)) {
                let reason = idle.expiry.map_or(Eviction::Idle, |(_, reason)| reason);
                self.counts.evicted.count(reason);
                evicted.push(Evicted { item: idle.kept.item, reason });
            }
        }
        self.idle = self.idle.saturating_sub(evicted.len() - before);
        self.routes.retain(|_, queue| !queue.is_unused());
        let expiries = self.routes.values().flat_map(|queue| &queue.idle).filter_map(|idle| idle.expiry);
        self.expires = expiries.map(|(at, _)| at).min();
    }

    /// Hands back the connection that has been idle the longest, and tells whether there was one. For who keeps a
    /// total over several pools.
    pub fn evict_oldest(&mut self, evicted: &mut Vec<Evicted<T>>) -> bool {
        let oldest = self.routes.iter().filter_map(|(route, queue)| Some((queue.idle.first()?.turn, route)));
        let Some(route) = oldest.min_by_key(|(turn, _)| *turn).map(|(_, route)| route.clone()) else {
            return false;
        };
        self.evict_first(&route, Eviction::TotalFull, evicted);
        self.forget_if_unused(&route);
        true
    }

    /// Hands back every idle connection.
    pub fn clear(&mut self, evicted: &mut Vec<Evicted<T>>) {
        for idle in self.routes.values_mut().flat_map(|queue| queue.idle.drain(..)) {
            self.counts.evicted.count(Eviction::Cleared);
            evicted.push(Evicted { item: idle.kept.item, reason: Eviction::Cleared });
        }
        self.idle = 0;
        self.expires = None;
        self.routes.retain(|_, queue| !queue.is_unused());
    }

    /// Returns since when the oldest idle connection has been idle.
    #[must_use]
    pub fn oldest(&self) -> Option<Instant> {
        self.routes.values().filter_map(|queue| queue.idle.first()).map(|idle| idle.since).min()
    }

    /// Counts the idle connections.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.idle
    }

    /// Returns the pool in numbers. A grant that was not collected yet counts as active.
    #[must_use]
    pub fn snapshot(&self) -> PoolSnapshot {
        PoolSnapshot {
            idle: self.idle,
            active: self.routes.values().map(|queue| queue.active).sum(),
            waiting: self.routes.values().map(|queue| queue.waiting.len()).sum(),
            ..self.counts
        }
    }

    /// Finds the route, or begins it.
    fn queue(&mut self, route: &Route) -> &mut Queue<T> {
        self.routes.entry(route.clone()).or_default()
    }

    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    /// A slot is free only when nobody waits: [`pass_on`](Self::pass_on) frees none before.
    fn take_slot(&mut self, route: &Route) -> bool {
        let limit = self.limits.active_per_route;
        let queue = self.queue(route);
        let is_free = limit.is_none_or(|limit| queue.active < limit.get());
        queue.active += usize::from(is_free);
        is_free
    }

    /// Fills a slot that was taken.
    fn lend(&mut self, route: &Route, want: Want, now: Instant) -> Lent<T> {
        let queue = self.routes.get_mut(route).filter(|_| want == Want::Any);
        if let Some(idle) = queue.and_then(|queue| queue.idle.pop()) {
            self.idle -= 1;
            self.counts.reused += 1;
            return Lent::Idle(idle.lend(now));
        }
        self.counts.connects += 1;
        Lent::Connect
    }

    fn take_grant(&mut self, route: &Route, ticket: Ticket) -> Option<Grant<T>> {
        let granted = &mut self.routes.get_mut(route)?.granted;
        let at = granted.iter().position(|grant| grant.waiter.ticket == ticket)?;
        Some(granted.remove(at))
    }

    /// Frees a slot: to the first waiter, who gets the connection too unless it wants a fresh one.
    fn pass_on(
        &mut self,
        route: &Route,
        idle: Option<Idle<T>>,
        evicted: &mut Vec<Evicted<T>>,
    ) -> Option<Ticket> {
        let queue = self.queue(route);
        let Some(waiter) = queue.waiting.pop_front() else {
            queue.active = queue.active.saturating_sub(1);
            if let Some(idle) = idle {
                self.rest(route, idle, evicted);
            }
            self.forget_if_unused(route);
            return None;
        };
        let (for_waiter, for_others) = match waiter.want {
            Want::Any => (idle, None),
            Want::Fresh => (None, idle),
        };
        queue.granted.push(Grant { waiter, idle: for_waiter });
        if let Some(idle) = for_others {
            self.rest(route, idle, evicted);
        }
        Some(waiter.ticket)
    }

    /// Keeps an idle connection; the oldest of the route or of all goes if there is no room.
    fn rest(&mut self, route: &Route, idle: Idle<T>, evicted: &mut Vec<Evicted<T>>) {
        let PoolLimits { idle_per_route, idle_total, .. } = self.limits;
        let expires = idle.expiry.map(|(at, _)| at);
        self.expires = [self.expires, expires].into_iter().flatten().min();
        let of_route = &mut self.queue(route).idle;
        // What a waiter gave up was returned before others.
        let place = of_route.partition_point(|other| other.turn < idle.turn);
        of_route.insert(place, idle);
        let is_route_full = of_route.len() > idle_per_route;
        self.idle += 1;
        if is_route_full {
            self.evict_first(route, Eviction::RouteFull, evicted);
        } else if self.idle > idle_total {
            self.evict_oldest(evicted);
        }
    }

    fn unexpired(&mut self, idle: Idle<T>, now: Instant, evicted: &mut Vec<Evicted<T>>) -> Option<Idle<T>> {
        match idle.expiry {
            Some((at, reason)) if at <= now => {
                self.hand_back(idle.kept, reason, evicted);
                None
            }
            _ => Some(idle),
        }
    }

    fn evict_first(&mut self, route: &Route, reason: Eviction, evicted: &mut Vec<Evicted<T>>) {
        let Some(queue) = self.routes.get_mut(route).filter(|queue| !queue.idle.is_empty()) else { return };
        let idle = queue.idle.remove(0);
        self.idle -= 1;
        self.hand_back(idle.kept, reason, evicted);
    }

    fn hand_back(&mut self, kept: Kept<T>, reason: Eviction, evicted: &mut Vec<Evicted<T>>) {
        self.counts.evicted.count(reason);
        evicted.push(Evicted { item: kept.item, reason });
    }

    fn forget_if_unused(&mut self, route: &Route) {
        if self.routes.get(route).is_some_and(Queue::is_unused) {
            self.routes.remove(route);
        }
    }
}

#[cfg(test)]
mod tests;
