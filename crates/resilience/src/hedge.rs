//! When to send a second copy of a call that is slow.

mod quantile;

use std::time::{Duration, Instant};

use crate::budget::{RetryBudget, Token};
use crate::error::ConfigError;
use crate::time::later;

pub use quantile::LatencyQuantile;

/// Says when copies of a slow call are sent, and how many.
///
/// Hedging cuts the slow tail of a service that is otherwise well: most calls never need a copy. It is for idempotent
/// operations only, and it is load: give it the same [`RetryBudget`] as retries, since a server is slow exactly when it
/// has too much to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HedgePolicy {
    max_extra: u8,
    delay: Duration,
}

impl HedgePolicy {
    /// Sends at most `max_extra` copies, each `delay` after the one before. A good delay is what nineteen of twenty
    /// calls stay below; [`LatencyQuantile`] measures it.
    ///
    /// # Errors
    ///
    /// Refuses more than 15 copies.
    #[doc(alias = "MaxHedgedAttempts")]
    pub const fn new(max_extra: u8, delay: Duration) -> Result<Self, ConfigError> {
        if max_extra > MOST_EXTRA {
            return Err(ConfigError::TooManyHedges { asked: max_extra, limit: MOST_EXTRA });
        }
        Ok(Self { max_extra, delay })
    }
}

/// What one copy came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HedgeVerdict {
    /// The answer that is wanted. The other copies are to be cancelled, and never waited for.
    Win,
    /// A failure that another copy may avoid; the next is sent at once.
    Retryable,
    /// An answer that every copy would get.
    Fatal,
    /// A failure after which the server wants no further copies.
    PushedBack,
}

/// Says what the driver of a hedged call does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeStep {
    /// Sends the copy with this number; the call itself is 0.
    Start(u8),
    /// Waits for an answer, but not past this time.
    Wait(Instant),
    /// Waits for an answer.
    Await,
    /// Hands over the answer of this copy, and cancels what still runs.
    Finish(u8),
}

/// Schedules the copies of one call. It sends nothing: ask [`next`](Self::next), do that, report each answer, ask again.
///
/// ```
/// use std::time::{Duration, Instant};
/// use resilience::{HedgePolicy, HedgeState, HedgeStep, HedgeVerdict};
///
/// let (delay, start) = (Duration::from_millis(50), Instant::now());
/// let mut hedge = HedgeState::new(HedgePolicy::new(1, delay)?);
/// assert_eq!(hedge.next(start, None), HedgeStep::Start(0));
/// assert_eq!(hedge.next(start, None), HedgeStep::Wait(start + delay));
/// assert_eq!(hedge.next(start + delay, None), HedgeStep::Start(1));
/// hedge.on_result(1, HedgeVerdict::Win, start + 2 * delay);
/// assert_eq!(hedge.next(start + 2 * delay, None), HedgeStep::Finish(1));
/// # Ok::<(), resilience::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct HedgeState {
    policy: HedgePolicy,
    started: u8,
    running: Running,
    /// When the next copy is due.
    due: Option<Instant>,
    /// No further copies: the server wants none, or the budget has none left.
    closed: bool,
    finished: Option<u8>,
    last: Option<u8>,
    tokens: Vec<(u8, Token)>,
}

impl HedgeState {
    /// Begins with nothing sent.
    #[must_use]
    pub const fn new(policy: HedgePolicy) -> Self {
        Self {
            policy,
            started: 0,
            running: Running(0),
            due: None,
            closed: false,
            finished: None,
            last: None,
            tokens: Vec::new(),
        }
    }

    /// Says what to do now. A copy that the budget does not pay for is not sent; what runs is waited for.
    pub fn next(&mut self, now: Instant, budget: Option<&RetryBudget>) -> HedgeStep {
        if let Some(index) = self.finished {
            return HedgeStep::Finish(index);
        }
        if self.started == 0 {
            return self.start(now);
        }
        let more = !self.closed && self.started <= self.policy.max_extra;
        match self.due {
            Some(due) if more && now >= due => {
                let token = budget.map(|budget| budget.withdraw(now, 1000));
                if let Some(None) = token {
                    self.closed = true;
                    return self.wait_or_finish();
                }
                if let Some(Some(mut token)) = token {
                    token.spend();
                    self.tokens.push((self.started, token));
                }
                self.start(now)
            }
            Some(due) if more => HedgeStep::Wait(due),
            _ => self.wait_or_finish(),
        }
    }

    /// Takes the answer of one copy. What comes after the end, or from a copy that never started, is ignored.
    pub fn on_result(&mut self, index: u8, verdict: HedgeVerdict, now: Instant) {
        if self.finished.is_some() || !self.running.remove(index) {
            return;
        }
        self.last = Some(index);
        match verdict {
            HedgeVerdict::Win => {
                self.finished = Some(index);
                let token = self.tokens.iter().position(|(of, _)| *of == index);
                if let Some(at) = token {
                    self.tokens.swap_remove(at).1.succeeded(now);
                }
            }
            HedgeVerdict::Fatal => self.finished = Some(index),
            HedgeVerdict::Retryable => self.due = Some(now),
            HedgeVerdict::PushedBack => self.closed = true,
        }
    }

    fn start(&mut self, now: Instant) -> HedgeStep {
        let index = self.started;
        self.started = self.started.saturating_add(1);
        self.running.insert(index);
        self.due = Some(later(now, self.policy.delay));
        HedgeStep::Start(index)
    }

    fn wait_or_finish(&mut self) -> HedgeStep {
        match self.last {
            Some(last) if self.running.is_empty() => {
                self.finished = Some(last);
                HedgeStep::Finish(last)
            }
            _ => HedgeStep::Await,
        }
    }
}

const MOST_EXTRA: u8 = 15;

/// Which copies run, one bit each.
#[derive(Clone, Copy, Debug)]
struct Running(u16);

impl Running {
    fn insert(&mut self, index: u8) {
        self.0 |= Self::bit(index);
    }

    fn remove(&mut self, index: u8) -> bool {
        let was = self.0 & Self::bit(index) != 0;
        self.0 &= !Self::bit(index);
        was
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(index: u8) -> u16 {
        1_u16.checked_shl(u32::from(index)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
