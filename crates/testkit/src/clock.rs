//! A clock that is turned by hand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use conn::{CancelToken, Cancelled, Clock};

/// A clock that stands still until it is advanced. Clones show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    base: Instant,
    offset: Mutex<Duration>,
}

/// 2024-01-01 00:00:00 UTC: where every manual clock's wall time begins.
const WALL: Duration = Duration::from_secs(1_704_067_200);

impl ManualClock {
    /// Makes a clock that shows the present instant, and on the wall the first second of 2024.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Inner { base: Instant::now(), offset: Mutex::default() }))
    }

    /// Turns the clock forward.
    pub fn advance(&self, by: Duration) {
        *self.0.offset.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// Returns how far the clock was turned since it was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        *self.0.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.0.base + self.elapsed()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + WALL + self.elapsed()
    }

    /// Turns the clock, and takes no time.
    fn sleep(&self, time: Duration, cancel: &CancelToken) -> Result<(), Cancelled> {
        cancel.check()?;
        self.advance(time);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time() {
        let clock = ManualClock::new();
        let (other, before, wall) = (clock.clone(), clock.now(), clock.wall());
        other.advance(Duration::from_secs(3));
        assert_eq!(clock.now() - before, Duration::from_secs(3));
        assert_eq!(clock.wall().duration_since(wall).unwrap(), Duration::from_secs(3));
        assert_eq!(clock.elapsed(), Duration::from_secs(3));
    }
}
