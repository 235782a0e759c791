//! The breaker as a plain state machine: what it is told, and when, decides everything.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::config::BreakerConfig;
use super::event::{BreakerSnapshot, BreakerState, Cause, Outcome, Rejected, Transition};
use super::score::exceeds;
use super::window::{Call, Window};
use crate::backoff::{Backoff, Jitter};
use crate::rng::{Entropy, SharedRng};
use crate::time::later;

#[derive(Debug)]
pub(super) struct Machine {
    config: BreakerConfig,
    phase: Phase,
    /// Counts changes. A permit carries it, so that a result of an earlier phase is known as such.
    generation: u64,
    trips: u32,
    window: Window,
    run: Run,
    rng: SharedRng,
    rejected: u64,
    stale: u64,
    lost: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { limit: u16, in_flight: u16, last_change: Instant },
    ForcedOpen,
    Disabled,
    Shadow,
}

/// Failures in a row.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    length: u64,
    since: Option<Instant>,
}

impl Machine {
    /// The configuration was validated.
    pub(super) fn new(config: BreakerConfig, seed: u64) -> Self {
        Self {
            config,
            phase: Phase::Closed,
            generation: 0,
            trips: 0,
            window: Window::new(config.window),
            run: Run::default(),
            rng: SharedRng::seeded(seed),
            rejected: 0,
            stale: 0,
            lost: 0,
        }
    }

    /// Admits a call of the generation that is handed back, or not; both may go with a change of state.
    pub(super) fn admit(&mut self, now: Instant) -> (Result<u64, Rejected>, Option<Transition>) {
        if let Err(rejected) = self.peek(now) {
            self.rejected += 1;
            return (Err(rejected), None);
        }
        let mut transition = None;
        match self.phase {
            Phase::Closed | Phase::Disabled | Phase::Shadow | Phase::ForcedOpen => {}
            Phase::Open { .. } => transition = Some(self.probe(now, Cause::OpenTimeOver)),
            Phase::HalfOpen { limit, in_flight, last_change } if in_flight < limit => {
                let last_change = last_change.max(now);
                self.phase = Phase::HalfOpen { limit, in_flight: in_flight + 1, last_change };
            }
            Phase::HalfOpen { in_flight, .. } => {
                self.lost += u64::from(in_flight);
                transition = Some(self.probe(now, Cause::ProbesLost));
            }
        }
        (Ok(self.generation), transition)
    }

    /// The generation that [`Machine::admit`] would hand to anybody without a change; `None` if it decides by the case.
    pub(super) fn open_to_all(&self) -> Option<u64> {
        matches!(self.phase, Phase::Closed | Phase::Disabled | Phase::Shadow).then_some(self.generation)
    }

    /// Says what [`Machine::admit`] would say, and changes nothing.
    pub(super) fn peek(&self, now: Instant) -> Result<(), Rejected> {
        let retry_after = match self.phase {
            Phase::Closed | Phase::Disabled | Phase::Shadow => return Ok(()),
            Phase::ForcedOpen => None,
            Phase::Open { until } => {
                let left = until.saturating_duration_since(now);
                if left.is_zero() {
                    return Ok(());
                }
                Some(left)
            }
            Phase::HalfOpen { limit, in_flight, last_change } => {
                let waited = now.saturating_duration_since(last_change);
                let left = self.config.probe_timeout.saturating_sub(waited);
                if in_flight < limit || left.is_zero() {
                    return Ok(());
                }
                Some(left.min(PROBE_ESTIMATE))
            }
        };
        Err(Rejected { state: self.state(), retry_after })
    }

    /// Takes the result of a call that was admitted in `generation` at `started`.
    pub(super) fn settle(
        &mut self,
        generation: u64,
        started: Instant,
        now: Instant,
        outcome: Outcome,
    ) -> Option<Transition> {
        if generation != self.generation {
            self.stale += 1;
            return None;
        }
        let took_longer = |limit| now.saturating_duration_since(started) > limit;
        let slow = self.config.slow_calls.is_some_and(|rule| took_longer(rule.longer_than));
        let (failed, hint) = match outcome {
            Outcome::Ignored => {
                self.give_back();
                return None;
            }
            Outcome::Success => (false, None),
            Outcome::Failure { open_for } => (true, open_for),
        };
        match self.phase {
            Phase::Closed | Phase::Shadow => {
                self.record(Call { failed, slow }, now);
                let cause = if failed || slow { self.verdict(now) } else { None }?;
                Some(self.trip(now, cause, hint))
            }
            Phase::HalfOpen { limit, in_flight, last_change } => {
                let last_change = last_change.max(now);
                let limit = if failed || slow { limit.saturating_sub(1) } else { limit.saturating_add(1) };
                let in_flight = in_flight.saturating_sub(1);
                self.phase = Phase::HalfOpen { limit, in_flight, last_change };
                if limit == 0 {
                    return Some(self.trip(now, Cause::ProbesFailed, hint));
                }
                (limit >= self.config.close_at).then(|| self.close(now, Cause::ProbesSucceeded))
            }
            // Nothing is admitted to be judged here.
            Phase::Open { .. } | Phase::ForcedOpen | Phase::Disabled => None,
        }
    }

    pub(super) fn force_open(&mut self, now: Instant) -> Option<Transition> {
        self.turn_by_hand(Phase::ForcedOpen, now)
    }

    pub(super) fn disable(&mut self, now: Instant) -> Option<Transition> {
        self.turn_by_hand(Phase::Disabled, now)
    }

    pub(super) fn shadow(&mut self, now: Instant) -> Option<Transition> {
        self.turn_by_hand(Phase::Shadow, now)
    }

    /// Closes and forgets what was.
    pub(super) fn reset(&mut self, now: Instant) -> Option<Transition> {
        if self.phase == Phase::Closed {
            self.forget();
            self.trips = 0;
            return None;
        }
        Some(self.close(now, Cause::Manual))
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
            Phase::ForcedOpen => BreakerState::ForcedOpen,
            Phase::Disabled => BreakerState::Disabled,
            Phase::Shadow => BreakerState::Shadow,
        }
    }

    pub(super) fn snapshot(&self, now: Instant) -> BreakerSnapshot {
        let (probe_limit, probes) = match self.phase {
            Phase::HalfOpen { limit, in_flight, .. } => (limit, in_flight),
            _ => (0, 0),
        };
        BreakerSnapshot {
            state: self.state(),
            generation: self.generation,
            counts: self.window.counts(now),
            consecutive_failures: self.run.length,
            trips: self.trips,
            open_until: self.until(),
            probe_limit,
            probes,
            rejected: self.rejected,
            stale: self.stale,
            lost: self.lost,
        }
    }

    fn record(&mut self, call: Call, now: Instant) {
        self.window.record(call, now);
        if call.failed {
            self.run.length += 1;
            self.run.since.get_or_insert(now);
        } else {
            self.run = Run::default();
        }
    }

    fn verdict(&self, now: Instant) -> Option<Cause> {
        let config = &self.config;
        let counts = self.window.counts(now);
        let dense = counts.calls >= u64::from(config.min_calls);
        if let (Some(rule), Some(since)) = (config.consecutive, self.run.since) {
            let least = if dense { rule.count } else { rule.sparse };
            let lasted = now.saturating_duration_since(since);
            if self.run.length >= u64::from(least.get()) && lasted >= rule.lasting {
                return Some(Cause::ConsecutiveFailures);
            }
        }
        let above = |hits, permille| dense && exceeds(hits, counts.calls, permille, config.z_squared);
        if config.failure_permille.is_some_and(|permille| above(counts.failures, permille)) {
            return Some(Cause::FailureRate);
        }
        config.slow_calls.is_some_and(|rule| above(counts.slow, rule.permille)).then_some(Cause::SlowCalls)
    }

    /// Opens, or says that it would have.
    fn trip(&mut self, now: Instant, cause: Cause, hint: Option<Duration>) -> Transition {
        if self.phase == Phase::Shadow {
            let transition = self.turn(Phase::Shadow, now, cause);
            self.forget();
            return transition;
        }
        let open_for = self.open_time(hint);
        let transition = self.turn(Phase::Open { until: later(now, open_for) }, now, cause);
        self.trips = self.trips.saturating_add(1);
        self.forget();
        transition
    }

    fn open_time(&mut self, hint: Option<Duration>) -> Duration {
        let config = self.config;
        let grown = config.open_for.saturating_mul(self.trips.saturating_add(1)).min(config.max_open);
        let jitter = grown.saturating_mul(u32::from(config.open_jitter_permille)) / 1000;
        let extra = Backoff::constant(jitter).jitter(Jitter::Full);
        let extra = extra.sample(NonZeroU32::MIN, Duration::ZERO, self.rng.next_u64());
        grown.saturating_add(extra).max(hint.unwrap_or_default().min(config.max_hint))
    }

    fn probe(&mut self, now: Instant, cause: Cause) -> Transition {
        self.turn(Phase::HalfOpen { limit: 1, in_flight: 1, last_change: now }, now, cause)
    }

    fn close(&mut self, now: Instant, cause: Cause) -> Transition {
        let transition = self.turn(Phase::Closed, now, cause);
        self.trips = 0;
        self.forget();
        transition
    }

    fn turn_by_hand(&mut self, to: Phase, now: Instant) -> Option<Transition> {
        if self.phase == to {
            return None;
        }
        let transition = self.turn(to, now, Cause::Manual);
        self.trips = 0;
        self.forget();
        Some(transition)
    }

    fn turn(&mut self, to: Phase, now: Instant, cause: Cause) -> Transition {
        let from = self.state();
        let counts = self.window.counts(now);
        self.phase = to;
        self.generation += 1;
        let (to, until) = (self.state(), self.until());
        Transition { generation: self.generation, from, to, cause, counts, at: now, until }
    }

    fn until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until } => Some(until),
            _ => None,
        }
    }

    fn forget(&mut self) {
        self.window.clear();
        self.run = Run::default();
    }

    fn give_back(&mut self) {
        if let Phase::HalfOpen { in_flight, .. } = &mut self.phase {
            *in_flight = in_flight.saturating_sub(1);
        }
    }
}

/// When to ask a half-open breaker again that has lent all its permits: nobody knows when the next comes back.
const PROBE_ESTIMATE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
