//! The one lock of this crate. In model tests its steps are those of shuttle, which tries interleavings.

use std::sync::PoisonError;
use std::time::Duration;

#[cfg(test)]
use models::{Condvar, Mutex};
#[cfg(not(test))]
use std::sync::{Condvar, Mutex};

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

#[cfg(test)]
pub(crate) mod models;
