//! Leaves a server alone that fails, and finds out when it is well again.

mod config;
mod event;
mod machine;
mod score;
mod window;

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::ConfigError;
use crate::rng::Entropy;
use crate::sync::{Lock, Word};
use machine::Machine;

pub use config::{BreakerConfig, ConsecutiveFailures, SlowCalls, WindowKind};
pub use event::{BreakerSnapshot, BreakerState, Cause, Outcome, Rejected, Transition};
pub use window::Counts;

/// Admits calls while a server is well, and rejects them at once while it is not.
///
/// Ask [`try_acquire`](Self::try_acquire) before each attempt and settle the [`Permit`] with what the attempt says
/// about the server. A permit that is dropped counts as [`Outcome::Ignored`], so a panic or a cancelled future leaves
/// nothing behind. Keep one breaker for each server, since a breaker over many punishes all for one; a
/// [`Registry`](crate::Registry) keeps them. A clone is another handle to the same breaker.
///
/// Put it inside of retries, so that each attempt is evidence and an open breaker ends them.
///
/// ```
/// use std::time::{Duration, Instant};
/// use resilience::{BreakerConfig, BreakerState, CircuitBreaker, Outcome, SharedRng};
///
/// let breaker = CircuitBreaker::new(BreakerConfig::default(), &SharedRng::from_os())?;
/// let mut now = Instant::now();
/// for _ in 0..5 {
///     let permit = breaker.try_acquire(now)?;
///     now += Duration::from_secs(1);
///     permit.settle(now, Outcome::FAILURE);
/// }
/// assert_eq!(breaker.state(), BreakerState::Open);
/// assert!(breaker.try_acquire(now).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CircuitBreaker(Arc<Shared>);

impl CircuitBreaker {
    /// Makes a closed breaker. `rng` gives the seed of its jitter.
    ///
    /// # Errors
    ///
    /// Refuses rates outside of 1 to 999 thousandths, a window that cannot hold `min_calls`, a longest open time below
    /// the first, and a `close_at` below 2.
    pub fn new(config: BreakerConfig, rng: &(impl Entropy + ?Sized)) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::make(config, rng.next_u64()))
    }

    /// Makes a closed breaker with the default configuration.
    #[must_use]
    pub fn standard(rng: &(impl Entropy + ?Sized)) -> Self {
        Self::make(BreakerConfig::default(), rng.next_u64())
    }

    /// Makes the classic breaker: open after `failures` in a row, stay open for exactly `open_for`, let one probe
    /// through, close if it succeeds.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    /// use resilience::CircuitBreaker;
    ///
    /// let five = NonZeroU32::new(5).ok_or("zero")?;
    /// let breaker = CircuitBreaker::classic(five, Duration::from_secs(30));
    /// # let _ = breaker;
    /// # Ok::<(), &str>(())
    /// ```
    #[must_use]
    pub fn classic(failures: NonZeroU32, open_for: Duration) -> Self {
        // It is valid by its types, and draws no jitter that a seed would be good for.
        Self::make(BreakerConfig::classic(failures, open_for), 0)
    }

    fn make(config: BreakerConfig, seed: u64) -> Self {
        let machine = Machine::new(config, seed);
        let open_to_all = Word::new(machine.open_to_all().unwrap_or(NOT_OPEN_TO_ALL));
        let inner = Lock::new(Inner { machine, pending: VecDeque::new(), telling: false });
        Self(Arc::new(Shared { open_to_all, inner, listeners: Lock::default() }))
    }

    /// Admits a call, or says when to ask again.
    ///
    /// # Errors
    ///
    /// [`Rejected`] while it is open, or half-open with all permits lent.
    #[doc(alias = "acquirePermission")]
    #[doc(alias = "tryAcquirePermission")]
    pub fn try_acquire(&self, now: Instant) -> Result<Permit, Rejected> {
        let permit = |generation| Permit { breaker: self.clone(), generation, started: now, settled: false };
        let open_to_all = self.0.open_to_all.get();
        if open_to_all != NOT_OPEN_TO_ALL {
            return Ok(permit(open_to_all));
        }
        let (admitted, changed) = self.step(|machine| machine.admit(now));
        // The permit exists before listeners run, so that a listener that panics cannot lose the probe.
        let admitted = admitted.map(permit);
        self.tell(changed);
        admitted
    }

    /// Says whether a call would be admitted, without admitting it: to choose among servers, for instance.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn peek(&self, now: Instant) -> Result<(), Rejected> {
        self.0.inner.with(|inner| inner.machine.peek(now))
    }

    /// Tells where it stands. An open breaker whose time is over stands open until the next call.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.0.inner.with(|inner| inner.machine.state())
    }

    /// Tells all that there is to know, for metrics and for people.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> BreakerSnapshot {
        self.0.inner.with(|inner| inner.machine.snapshot(now))
    }

    /// Calls `listener` at every change of state.
    ///
    /// It is called outside of every lock, once for each change and in their order, by a thread that uses the breaker:
    /// let it be quick. It may use the breaker. Behind a listener that hangs, the 256 latest changes are kept.
    #[doc(alias = "getEventPublisher")]
    #[doc(alias = "OnOpened")]
    #[doc(alias = "OnClosed")]
    #[doc(alias = "OnHalfOpened")]
    pub fn on_transition(&self, listener: impl Fn(&Transition) + Send + Sync + 'static) {
        self.0.listeners.with(|listeners| listeners.push(Arc::new(listener)));
    }

    /// Rejects all calls until another word by hand.
    #[doc(alias = "isolate")]
    #[doc(alias = "transitionToForcedOpenState")]
    pub fn force_open(&self, now: Instant) {
        self.by_hand(|machine| machine.force_open(now));
    }

    /// Admits all calls and looks at none, until another word by hand.
    #[doc(alias = "transitionToDisabledState")]
    pub fn disable(&self, now: Instant) {
        self.by_hand(|machine| machine.disable(now));
    }

    /// Admits all calls, and tells listeners when it would have opened: to try a configuration on real traffic.
    #[doc(alias = "transitionToMetricsOnlyState")]
    pub fn shadow(&self, now: Instant) {
        self.by_hand(|machine| machine.shadow(now));
    }

    /// Closes it and forgets what was.
    #[doc(alias = "close")]
    #[doc(alias = "transitionToClosedState")]
    pub fn reset(&self, now: Instant) {
        self.by_hand(|machine| machine.reset(now));
    }

    fn by_hand(&self, turn: impl FnOnce(&mut Machine) -> Option<Transition>) {
        let ((), changed) = self.step(|machine| ((), turn(machine)));
        self.tell(changed);
    }

    fn settle(&self, permit: &Permit, now: Instant, outcome: Outcome) -> Option<Transition> {
        let (transition, changed) = self.step(|machine| {
            let transition = machine.settle(permit.generation, permit.started, now, outcome);
            (transition, transition)
        });
        self.tell(changed);
        transition
    }

    /// Takes one step under the lock, and says whether it changed the state: then listeners are to be told.
    fn step<R>(&self, step: impl FnOnce(&mut Machine) -> (R, Option<Transition>)) -> (R, bool) {
        self.0.inner.with(|inner| {
            let (result, transition) = step(&mut inner.machine);
            let Some(transition) = transition else { return (result, false) };
            self.0.open_to_all.set(inner.machine.open_to_all().unwrap_or(NOT_OPEN_TO_ALL));
            if inner.pending.len() >= MOST_PENDING {
                inner.pending.pop_front();
            }
            inner.pending.push_back(transition);
            (result, true)
        })
    }

    /// Tells listeners what is pending, unless another thread, or a caller up the stack, is about it already: it will
    /// find what was added. So they see changes in order, and no listener runs inside another.
    fn tell(&self, changed: bool) {
        if changed {
            self.tell_pending();
        }
    }

    fn tell_pending(&self) {
        let first = self.0.inner.with(|inner| {
            if inner.telling {
                return None;
            }
            let first = inner.pending.pop_front();
            inner.telling = first.is_some();
            first
        });
        let mut next = first;
        let on_unwind = Telling(self);
        while let Some(transition) = next {
            // Clones of the handles, so that no lock is held while they run.
            for listener in self.0.listeners.with(|listeners| listeners.clone()) {
                listener(&transition);
            }
            next = self.0.inner.with(|inner| {
                let next = inner.pending.pop_front();
                inner.telling = next.is_some();
                next
            });
        }
        std::mem::forget(on_unwind);
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker").field("state", &self.state()).finish_non_exhaustive()
    }
}

/// Lets one call through; made by [`CircuitBreaker::try_acquire`].
///
/// Settle it with what the call says about the server. Dropped, it counts as [`Outcome::Ignored`]. It may move to
/// another thread, and into a response body if the body's end is to count.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once says that the call is of no account"]
pub struct Permit {
    breaker: CircuitBreaker,
    generation: u64,
    started: Instant,
    settled: bool,
}

impl Permit {
    /// Tells the breaker how the call went, and hands back the change of state that followed. A result from before
    /// the last change of state says nothing about the present and is only counted.
    pub fn settle(mut self, now: Instant, outcome: Outcome) -> Option<Transition> {
        self.settled = true;
        self.breaker.settle(&self, now, outcome)
    }

    /// Tells the breaker that the server is alive.
    pub fn success(self, now: Instant) -> Option<Transition> {
        self.settle(now, Outcome::Success)
    }

    /// Tells the breaker that the server failed.
    pub fn failure(self, now: Instant) -> Option<Transition> {
        self.settle(now, Outcome::FAILURE)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.settled {
            // Without a time: what is ignored is not measured.
            self.breaker.settle(self, self.started, Outcome::Ignored);
        }
    }
}

struct Shared {
    /// The generation in which all calls are admitted, so that those need no lock; else [`NOT_OPEN_TO_ALL`].
    open_to_all: Word,
    inner: Lock<Inner>,
    listeners: Lock<Vec<Listener>>,
}

type Listener = Arc<dyn Fn(&Transition) + Send + Sync>;

struct Inner {
    machine: Machine,
    pending: VecDeque<Transition>,
    /// Whether a thread is telling listeners.
    telling: bool,
}

const MOST_PENDING: usize = 256;
const NOT_OPEN_TO_ALL: u64 = u64::MAX;

/// Dropped only if a listener panics: the next change finds somebody to tell it.
struct Telling<'a>(&'a CircuitBreaker);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.0.0.inner.with(|inner| inner.telling = false);
    }
}

#[cfg(test)]
mod tests;
