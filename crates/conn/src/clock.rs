//! The one place where time is read.

use std::time::{Instant, SystemTime};

/// Tells the time to drivers; pure code takes `now` as an argument instead.
pub trait Clock: Send + Sync {
    /// Returns the monotonic time, for deadlines and ages.
    fn now(&self) -> Instant;

    /// Returns the wall-clock time, for cookies and HTTP dates only.
    fn wall(&self) -> SystemTime;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}
