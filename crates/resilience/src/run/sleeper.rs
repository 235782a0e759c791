//! Whoever waits brings the clock: a real one, or one for tests.

use std::future::{Ready, ready};
use std::time::{Duration, Instant};

use crate::sync::Lock;

/// Tells the time and blocks the thread, for [`run`](crate::run()).
///
/// Implement it to make waits end when a call is cancelled.
pub trait Sleeper {
    /// Tells the time.
    fn now(&self) -> Instant;

    /// Waits until then, or until the call is cancelled. A time in the past is over at once.
    fn sleep(&self, until: Instant) -> Wake;
}

/// Tells the time and waits without blocking, for [`drive`](crate::drive()).
pub trait AsyncSleeper {
    /// What waits; a boxed future where the timer's own has no name.
    type Sleep: Future<Output = Wake>;

    /// Tells the time.
    fn now(&self) -> Instant;

    /// Waits until then, or until the call is cancelled. A time in the past is over at once.
    fn sleep(&self, until: Instant) -> Self::Sleep;
}

/// Says why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wake {
    /// The time has come.
    Elapsed,
    /// The caller wants no answer any more.
    Cancelled,
}

/// Sleeps for real; nothing cancels it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadSleeper;

impl Sleeper for ThreadSleeper {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, until: Instant) -> Wake {
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
        Wake::Elapsed
    }
}

/// Sleeps by moving its own clock, so that tests take no time. It remembers how long each sleep was.
///
/// ```
/// use std::time::{Duration, Instant};
/// use resilience::{ManualSleeper, Sleeper};
///
/// let start = Instant::now();
/// let sleeper = ManualSleeper::new(start);
/// sleeper.sleep(start + Duration::from_secs(3600));
/// assert_eq!(sleeper.slept(), [Duration::from_secs(3600)]);
/// assert_eq!(sleeper.now(), start + Duration::from_secs(3600));
/// ```
#[derive(Debug)]
pub struct ManualSleeper(Lock<Manual>);

#[derive(Debug)]
struct Manual {
    now: Instant,
    slept: Vec<Duration>,
    cancel_at: Option<Instant>,
}

impl ManualSleeper {
    /// Starts its clock at `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self(Lock::new(Manual { now, slept: Vec::new(), cancel_at: None }))
    }

    /// Tells the time of its own clock.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.with(|manual| manual.now)
    }

    /// Lets time pass outside of sleeps: an attempt that takes a while.
    pub fn advance(&self, by: Duration) {
        self.0.with(|manual| manual.now = manual.now.checked_add(by).unwrap_or(manual.now));
    }

    /// Cancels the sleep in which this moment falls.
    pub fn cancel_at(&self, at: Instant) {
        self.0.with(|manual| manual.cancel_at = Some(at));
    }

    /// Tells how long each sleep was, those that were cancelled included.
    #[must_use]
    pub fn slept(&self) -> Vec<Duration> {
        self.0.with(|manual| manual.slept.clone())
    }
}

impl Sleeper for ManualSleeper {
    fn now(&self) -> Instant {
        Self::now(self)
    }

    fn sleep(&self, until: Instant) -> Wake {
        self.0.with(|manual| {
            let cancelled = manual.cancel_at.filter(|at| *at <= until);
            let end = cancelled.unwrap_or(until).max(manual.now);
            manual.slept.push(end.saturating_duration_since(manual.now));
            manual.now = end;
            if cancelled.is_some() { Wake::Cancelled } else { Wake::Elapsed }
        })
    }
}

impl AsyncSleeper for ManualSleeper {
    type Sleep = Ready<Wake>;

    fn now(&self) -> Instant {
        Self::now(self)
    }

    fn sleep(&self, until: Instant) -> Ready<Wake> {
        ready(Sleeper::sleep(self, until))
    }
}
