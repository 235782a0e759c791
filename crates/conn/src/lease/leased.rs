//! A connection on loan, and the slot that it fills.

use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use crate::connect::DialTimings;
use crate::pool::{History, Kept, PeerHint};
use crate::route::Route;
use crate::transport::Transport;

/// A connection on loan from a [`ConnectionPool`](crate::ConnectionPool): a [`Transport`] that goes home by
/// [`give_back`](Self::give_back). Dropping it closes the connection and frees its slot.
pub struct Leased {
    // Dropped in this order: a slot is free when its connection is closed.
    transport: Box<dyn Transport>,
    slot: Slot,
    timings: DialTimings,
    waited: Duration,
}

impl Leased {
    pub(super) fn new(
        transport: Box<dyn Transport>,
        slot: Slot,
        timings: DialTimings,
        waited: Duration,
    ) -> Self {
        Self { transport, slot, timings, waited }
    }

    /// Says whether the connection was idle in the pool before.
    #[must_use]
    pub fn is_reused(&self) -> bool {
        self.slot.is_reused
    }

    /// Returns how many requests were answered on the connection so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.slot.requests()
    }

    /// Returns how long the steps of making the connection took; all zero if it is reused.
    #[must_use]
    pub fn timings(&self) -> DialTimings {
        self.timings
    }

    /// Returns how long this request waited for its turn.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Notes that a request was answered, and what the peer said of the connection's future with it.
    pub fn answered(&mut self, hint: PeerHint) {
        self.slot.answered(hint);
    }

    /// Lends the connection to the next one. Only for a connection on which nothing is outstanding, and which the peer
    /// keeps.
    pub fn give_back(self) {
        self.slot.give_back(self.transport);
    }

    /// Takes the connection and its slot apart, for who keeps connections in a shape of its own. As long as the slot is
    /// held, the connection counts as active.
    #[must_use]
    pub fn into_parts(self) -> (Box<dyn Transport>, Slot) {
        (self.transport, self.slot)
    }
}

impl Deref for Leased {
    type Target = dyn Transport;

    fn deref(&self) -> &Self::Target {
        &*self.transport
    }
}

impl DerefMut for Leased {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.transport
    }
}

impl fmt::Debug for Leased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leased")
            .field("facts", self.transport.facts())
            .field("slot", &self.slot)
            .field("timings", &self.timings)
            .field("waited", &self.waited)
            .finish()
    }
}

/// The right to one active connection along a route. Dropping it frees it for the next who waits.
pub struct Slot {
    shared: Arc<Shared>,
    route: Route,
    history: History,
    is_reused: bool,
    is_free: bool,
}

impl Slot {
    pub(super) fn new(shared: Arc<Shared>, route: Route, now: Instant) -> Self {
        Self { shared, route, history: History::new(now), is_reused: false, is_free: false }
    }

    /// Fills it with a connection that was made this moment.
    pub(super) fn begin(&mut self) {
        self.history = History::new(self.shared.clock.now());
    }

    /// Fills it with a connection that was idle.
    pub(super) fn resume(&mut self, history: History) {
        self.history = history;
        self.is_reused = true;
    }

    /// Says whether the connection was idle in the pool before.
    #[must_use]
    pub fn is_reused(&self) -> bool {
        self.is_reused
    }

    /// Returns how many requests were answered on the connection so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.history.requests()
    }

    /// As [`Leased::answered`].
    pub fn answered(&mut self, hint: PeerHint) {
        self.history.answered(hint);
    }

    /// As [`Leased::give_back`], with the connection that came with this slot.
    pub fn give_back(mut self, transport: Box<dyn Transport>) {
        self.is_free = true;
        self.shared.release(&self.route, Some(Kept::with_history(transport, self.history)));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !mem::replace(&mut self.is_free, true) {
            self.shared.release(&self.route, None);
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("route", &self.route)
            .field("history", &self.history)
            .field("is_reused", &self.is_reused)
            .finish_non_exhaustive()
    }
}
