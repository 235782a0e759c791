//! A connection with its history in the pool.

use std::time::{Duration, Instant};

use super::limits::PeerHint;

/// A connection and what the pool has to know of it: it comes back with the history that it went out with.
#[derive(Debug)]
pub struct Kept<T> {
    /// The connection.
    pub item: T,
    history: History,
}

/// What has happened on a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct History {
    made: Instant,
    requests: u64,
    hint: PeerHint,
    idle_for: Duration,
}

impl<T> Kept<T> {
    /// Begins the history of a connection that was made at `made`.
    #[must_use]
    pub fn new(item: T, made: Instant) -> Self {
        Self::with_history(item, History::new(made))
    }

    pub(crate) fn with_history(item: T, history: History) -> Self {
        Self { item, history }
    }

    pub(crate) fn into_parts(self) -> (T, History) {
        (self.item, self.history)
    }

    /// Notes that a request was answered, and what the peer said of the connection's future with it.
    pub fn answered(&mut self, hint: PeerHint) {
        self.history.answered(hint);
    }

    /// Returns how many requests were answered on the connection.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.history.requests
    }

    /// Returns how long the connection was idle when it was lent.
    #[must_use]
    pub fn idle_for(&self) -> Duration {
        self.history.idle_for
    }

    /// Returns when the connection was made.
    #[must_use]
    pub fn made(&self) -> Instant {
        self.history.made
    }

    pub(super) fn hint(&self) -> PeerHint {
        self.history.hint
    }

    pub(super) fn lent_after(mut self, idle_for: Duration) -> Self {
        self.history.idle_for = idle_for;
        self
    }
}

impl History {
    pub(crate) fn new(made: Instant) -> Self {
        Self { made, requests: 0, hint: PeerHint::default(), idle_for: Duration::ZERO }
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests
    }

    pub(crate) fn idle_for(&self) -> Duration {
        self.idle_for
    }

    /// A peer that announces its bounds once holds to them: what it does not repeat is counted on.
    pub(crate) fn answered(&mut self, hint: PeerHint) {
        self.requests = self.requests.saturating_add(1);
        let left = self.hint.requests.map(|left| left.saturating_sub(1));
        self.hint.requests = hint.requests.or(left);
        self.hint.idle_for = hint.idle_for.or(self.hint.idle_for);
    }
}
