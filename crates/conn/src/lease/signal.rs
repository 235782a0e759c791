//! What wakes one waiting thread.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::cancel::Interrupt;

/// Wakes the thread that waits for it; raised early, it ends the next wait. A thread's own park token would do, but it
/// belongs to the user.
#[derive(Default)]
pub(super) struct Signal {
    is_raised: Mutex<bool>,
    raised: Condvar,
}

impl Signal {
    pub(super) fn raise(&self) {
        *self.is_raised.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.raised.notify_one();
    }

    /// Waits until it is raised, at most so long, and lowers it.
    pub(super) fn wait(&self, at_most: Option<Duration>) {
        let is_raised = self.is_raised.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_raised = match at_most {
            None => {
                self.raised.wait_while(is_raised, |raised| !*raised).unwrap_or_else(PoisonError::into_inner)
            }
            Some(time) => {
                let waited = self.raised.wait_timeout_while(is_raised, time, |raised| !*raised);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        *is_raised = false;
    }
}

impl Interrupt for Signal {
    fn interrupt(&self) {
        self.raise();
    }
}
