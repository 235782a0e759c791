//! How many calls may begin in a stretch of time.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sync::Lock;
use crate::time::later;

/// Spaces calls out, with bursts, and lets all of them pause when the server asks for it.
///
/// It is a generic cell rate algorithm (GCRA): no window that resets, so no double burst at its edge, and no thread that
/// refills anything. A clone is another handle to the same limiter.
///
/// Use it where the server states a limit. Against a server that suffers use a [`CircuitBreaker`](crate::CircuitBreaker)
/// and a [`RetryBudget`](crate::RetryBudget), against too many calls at a time a [`Bulkhead`](crate::Bulkhead).
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::{Duration, Instant};
/// use resilience::RateLimiter;
///
/// let ten = NonZeroU32::new(10).ok_or("zero")?;
/// let limiter = RateLimiter::per_second(ten, NonZeroU32::MIN);
/// let now = Instant::now();
/// assert!(limiter.try_acquire(now, 1).is_ok());
/// let wait = limiter.try_acquire(now, 1).err().ok_or("no wait")?;
/// assert_eq!(wait.wait, Duration::from_millis(100));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct RateLimiter(Arc<Lock<Gcra>>);

/// Tells that no slot is free yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rate limit has no slot for {wait:?}")]
#[non_exhaustive]
pub struct RateLimited {
    /// How long until there is one; [`Duration::MAX`] if more slots were asked for than a burst has.
    pub wait: Duration,
}

impl RateLimiter {
    /// Allows `count` calls in a second, and `burst` of them at once.
    #[must_use]
    pub fn per_second(count: NonZeroU32, burst: NonZeroU32) -> Self {
        Self::new(count, Duration::from_secs(1), burst)
    }

    /// Allows `count` calls in each `period`, and `burst` of them at once.
    #[must_use]
    #[doc(alias = "limitForPeriod")]
    #[doc(alias = "PermitLimit")]
    pub fn new(count: NonZeroU32, period: Duration, burst: NonZeroU32) -> Self {
        let gcra = Gcra {
            spacing: spacing(count, period),
            burst: burst.get(),
            arrival: None,
            closed_until: None,
            holes: Vec::new(),
        };
        Self(Arc::new(Lock::new(gcra)))
    }

    /// Takes `slots`, or says how long until they are free.
    ///
    /// # Errors
    ///
    /// [`RateLimited`] if they are not free at `now`.
    pub fn try_acquire(&self, now: Instant, slots: u32) -> Result<(), RateLimited> {
        self.0.with(|gcra| gcra.take(now, slots, Duration::ZERO)).map(|_| ())
    }

    /// Takes `slots` that are free within `max_wait`, for the caller to wait until then.
    ///
    /// # Errors
    ///
    /// [`RateLimited`] if they are not free so soon.
    pub fn reserve(&self, now: Instant, slots: u32, max_wait: Duration) -> Result<Reservation, RateLimited> {
        let taken = self.0.with(|gcra| gcra.take(now, slots, max_wait))?;
        Ok(Reservation { limiter: self.clone(), taken, used: false })
    }

    /// Lets nobody through before `until`, and then one at a time: the server has asked to wait.
    ///
    /// One answer of this kind speaks for all calls to the server, so that not each of them has to be told by itself.
    pub fn penalize(&self, until: Instant) {
        self.0.with(|gcra| gcra.penalize(until));
    }

    /// Changes the rate, for servers that tell theirs. What was taken stays taken.
    pub fn set_rate(&self, count: NonZeroU32, period: Duration) {
        self.0.with(|gcra| gcra.spacing = spacing(count, period));
    }
}

/// Slots that were taken in advance; made by [`RateLimiter::reserve`].
///
/// Dropped before [`Reservation::redeem`], they go back, but not while others are reserved behind them: those were told a
/// time that counts on them. The rate is never passed for a slot in the middle.
#[derive(Debug)]
#[must_use = "dropping a reservation gives the slots back"]
pub struct Reservation {
    limiter: RateLimiter,
    taken: Taken,
    used: bool,
}

impl Reservation {
    /// Tells when the call may begin: ask again when that time has come.
    ///
    /// If the server has asked to wait for longer by then, the slots are given up for the next that are free after its
    /// pause. So those who waited do not all begin at its end.
    #[must_use]
    pub fn ready_at(&mut self) -> Instant {
        let taken = self.taken;
        self.taken = self.limiter.0.with(|gcra| gcra.take_again(taken));
        self.taken.ready
    }

    /// Keeps the slots for good: the call begins.
    pub fn redeem(mut self) {
        self.used = true;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.used {
            self.limiter.0.with(|gcra| gcra.give_back(self.taken));
        }
    }
}

/// The arithmetic, without the lock.
#[derive(Debug)]
struct Gcra {
    /// How far apart calls are at the plain rate.
    spacing: Duration,
    burst: u32,
    /// When the next call would come if all came at the plain rate: the theoretical arrival time.
    arrival: Option<Instant>,
    closed_until: Option<Instant>,
    /// What was given back with others behind it; bounded by [`MOST_HOLES`].
    holes: Vec<Taken>,
}

const MOST_HOLES: usize = 256;

/// What was taken: when it is ready, and what it did to the arrival time.
#[derive(Clone, Copy, Debug)]
struct Taken {
    slots: u32,
    ready: Instant,
    before: Option<Instant>,
    after: Option<Instant>,
}

impl Gcra {
    /// Takes slots that are free within `max_wait`.
    fn take(&mut self, now: Instant, slots: u32, max_wait: Duration) -> Result<Taken, RateLimited> {
        if slots > self.burst {
            return Err(RateLimited { wait: Duration::MAX });
        }
        let ahead = self.arrival.map_or(Duration::ZERO, |arrival| arrival.saturating_duration_since(now));
        let cost = self.spacing.saturating_mul(slots);
        let room = self.spacing.saturating_mul(self.burst);
        let closed = self.closed_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let wait = ahead.saturating_add(cost).saturating_sub(room).max(closed);
        if wait > max_wait {
            return Err(RateLimited { wait });
        }
        if ahead.is_zero() {
            // All that was reserved has had its time.
            self.holes.clear();
        }
        let before = self.arrival;
        self.arrival = Some(later(later(now, ahead), cost));
        Ok(Taken { slots, ready: later(now, wait), before, after: self.arrival })
    }

    /// Exchanges what a pause has overtaken. The old slots stay empty: they lay in the pause.
    fn take_again(&mut self, taken: Taken) -> Taken {
        let Some(until) = self.closed_until.filter(|until| taken.ready < *until) else { return taken };
        let before = self.arrival;
        let cost = self.spacing.saturating_mul(taken.slots);
        let room = self.spacing.saturating_mul(self.burst);
        let after = later(before.unwrap_or(until), cost);
        self.arrival = Some(after);
        let ready = after.checked_sub(room).map_or(until, |ready| ready.max(until));
        Taken { ready, before, after: self.arrival, ..taken }
    }

    fn give_back(&mut self, taken: Taken) {
        if self.arrival != taken.after {
            if self.holes.len() < MOST_HOLES {
                self.holes.push(taken);
            }
            return;
        }
        self.arrival = taken.before;
        while let Some(last) = self.holes.iter().position(|hole| hole.after == self.arrival) {
            self.arrival = self.holes.swap_remove(last).before;
        }
    }

    fn penalize(&mut self, until: Instant) {
        self.closed_until = self.closed_until.max(Some(until));
        // As if the burst but one were used up at that time: calls resume at the plain rate.
        let burst_but_one = self.spacing.saturating_mul(self.burst.saturating_sub(1));
        self.arrival = self.arrival.max(Some(later(until, burst_but_one)));
    }
}

/// Rounded up: never more calls than were asked for.
fn spacing(count: NonZeroU32, period: Duration) -> Duration {
    let nanos = period.as_nanos().div_ceil(u128::from(count.get()));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
