//! The one place where time is read, and slept through.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::cancel::{CancelToken, Cancelled, Interrupt};

/// Tells the time to drivers; pure code takes `now` as an argument instead.
pub trait Clock: Send + Sync {
    /// Returns the monotonic time, for deadlines and ages.
    fn now(&self) -> Instant;

    /// Returns the wall-clock time, for cookies and HTTP dates only.
    fn wall(&self) -> SystemTime;

    /// Waits for so long, or until the token is cancelled.
    ///
    /// # Errors
    /// [`Cancelled`].
    fn sleep(&self, time: Duration, cancel: &CancelToken) -> Result<(), Cancelled> {
        sleep(time, cancel)
    }
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

/// A sleeper that a token wakes.
#[derive(Default)]
struct Alarm {
    rang: Mutex<bool>,
    bell: Condvar,
}

impl Interrupt for Alarm {
    fn interrupt(&self) {
        *self.rang.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }
}

fn sleep(time: Duration, cancel: &CancelToken) -> Result<(), Cancelled> {
    if !cancel.can_be_cancelled() {
        std::thread::sleep(time);
        return Ok(());
    }
    let alarm = Arc::<Alarm>::default();
    let _registered = cancel.on_cancel(Arc::clone(&alarm) as Arc<dyn Interrupt>);
    let rang = alarm.rang.lock().unwrap_or_else(PoisonError::into_inner);
    let waiting = alarm.bell.wait_timeout_while(rang, time, |rang| !*rang);
    drop(waiting.unwrap_or_else(PoisonError::into_inner));
    cancel.check()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_lasts_as_long_as_it_was_asked_to() {
        let short = Duration::from_millis(20);
        for token in [&CancelToken::new(), CancelToken::never()] {
            let begun = Instant::now();
            assert_eq!(SystemClock.sleep(short, token), Ok(()));
            assert!(begun.elapsed() >= short);
        }
    }

    #[test]
    fn a_token_ends_a_sleep() {
        let token = CancelToken::new();
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| token.cancel());
            assert_eq!(SystemClock.sleep(Duration::from_secs(9), &token), Err(Cancelled));
        });
        assert!(begun.elapsed() < Duration::from_secs(3));
        assert_eq!(SystemClock.sleep(Duration::from_secs(9), &token), Err(Cancelled), "at once");
    }
}
