//! One route: its idle connections, and who waits for a slot.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::time::Instant;

use super::kept::Kept;
use super::limits::Expiry;
use super::{Ticket, Want};
use crate::route::Route;

/// Routes by their own hash.
pub(super) type Routes<T> = HashMap<Route, Queue<T>, BuildHasherDefault<OwnHash>>;

/// Everything of one route.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// In the order of their return.
    pub(super) idle: Vec<Idle<T>>,
    /// Slots in use, those of `granted` among them.
    pub(super) active: usize,
    /// First come, first served. Never holds anybody while a slot is free.
    pub(super) waiting: VecDeque<Waiter>,
    /// Who has a slot and does not know it yet.
    pub(super) granted: Vec<Grant<T>>,
}

#[derive(Debug)]
pub(super) struct Idle<T> {
    pub(super) kept: Kept<T>,
    pub(super) since: Instant,
    pub(super) turn: u64,
    pub(super) expiry: Expiry,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    pub(super) ticket: Ticket,
    pub(super) want: Want,
}

#[derive(Debug)]
pub(super) struct Grant<T> {
    pub(super) waiter: Waiter,
    pub(super) idle: Option<Idle<T>>,
}

impl<T> Queue<T> {
    /// Tells whether the route can be forgotten.
    pub(super) fn is_unused(&self) -> bool {
        self.active == 0 && self.idle.is_empty() && self.waiting.is_empty()
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { idle: Vec::new(), active: 0, waiting: VecDeque::new(), granted: Vec::new() }
    }
}

impl<T> Idle<T> {
    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.expiry.is_some_and(|(at, _)| at <= now)
    }

    pub(super) fn lend(self, now: Instant) -> Kept<T> {
        self.kept.lent_after(now.saturating_duration_since(self.since))
    }
}

/// Takes the hash that a route was given when it was made, which is keyed at random already.
#[derive(Debug, Default)]
pub(super) struct OwnHash(u64);

impl Hasher for OwnHash {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Returns the hash of a route.
pub(crate) fn hash_of(route: &Route) -> u64 {
    BuildHasherDefault::<OwnHash>::default().hash_one(route)
}
