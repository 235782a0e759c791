//! The one lock of this crate, and a word beside it for healthy paths. In model tests their steps are those of shuttle,
//! which tries interleavings.

use std::sync::PoisonError;
use std::time::Duration;

#[cfg(test)]
use models::{AtomicU64, Condvar, Mutex};
use std::sync::atomic::Ordering;
#[cfg(not(test))]
use std::sync::{Condvar, Mutex, atomic::AtomicU64};

/// Guards a plain state machine, for the length of one step.
///
/// A panic inside a step cannot leave a machine half changed that a later step could misread: steps write whole
/// values, and no code of the user runs in one. So poisoning is ignored.
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

/// Wakes those who wait for one state to change.
#[derive(Debug, Default)]
pub(crate) struct Signal(Condvar);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Takes one step.
    pub(crate) fn with<R>(&self, step: impl FnOnce(&mut T) -> R) -> R {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        step(&mut guard)
    }

    /// Waits until `holds` says no longer true, or for `limit`; the caller looks which of them it was.
    pub(crate) fn wait_while(&self, signal: &Signal, limit: Duration, holds: impl FnMut(&mut T) -> bool) {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(signal.0.wait_timeout_while(guard, limit, holds).map_err(PoisonError::into_inner));
    }
}

impl Signal {
    pub(crate) fn notify(&self) {
        self.0.notify_one();
    }
}

/// What a locked machine lets others know without the lock. Written under the lock only.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

impl Word {
    pub(crate) fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }
}

#[cfg(test)]
pub(crate) mod models;
