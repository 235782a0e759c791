//! Which deadline bounds what.

use std::time::{Duration, Instant};

use conn::{Deadline, Limit, Phase, Timeouts};

/// The deadlines of one attempt: those of the call and the attempt, and what each step may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    timeouts: Timeouts,
    /// The earlier of the attempt's and the call's.
    outer: Deadline,
    /// Until when the response head must be there.
    head: Deadline,
}

impl Deadlines {
    /// Starts an attempt of a call that began at `called`.
    #[must_use]
    pub fn new(timeouts: Timeouts, called: Instant, now: Instant) -> Self {
        let total = Deadline::after(called, timeouts.total, Limit::Total);
        let attempt = Deadline::after(now, timeouts.attempt, Limit::Attempt);
        Self { timeouts, outer: total.min(attempt), head: Deadline::NEVER }
    }

    /// Allows no more than `time` for all up to the response head: an attempt of the retry policy ends there.
    #[must_use]
    pub(crate) fn with_head_within(mut self, time: Option<Duration>, now: Instant) -> Self {
        self.head = Deadline::after(now, time, Limit::Attempt);
        self
    }

    /// Allows another time for the response head.
    #[must_use]
    pub(crate) fn with_response(mut self, allowed: Duration) -> Self {
        self.timeouts.response = Some(allowed);
        self
    }

    /// Allows no more than `time` for all that follows; none for no limit.
    #[must_use]
    pub(crate) fn briefly(self, now: Instant, time: impl Into<Option<Duration>>) -> Self {
        let brief = Deadline::after(now, time.into(), Limit::Idle);
        Self { outer: self.outer.min(brief), ..self }
    }

    /// Returns the deadline of making a connection.
    #[must_use]
    pub fn connect(&self, now: Instant) -> Deadline {
        self.step(now, self.timeouts.connect, Limit::Connect, Phase::Connect)
            .min(self.head.during(Phase::Connect))
    }

    /// Returns the deadline of the next write.
    #[must_use]
    pub fn send(&self, now: Instant) -> Deadline {
        self.step(now, self.timeouts.idle, Limit::Idle, Phase::Send).min(self.head.during(Phase::Send))
    }

    /// Returns the deadline of waiting for 100 (Continue).
    #[must_use]
    pub fn expect_continue(&self, now: Instant) -> Deadline {
        self.step(now, Some(self.timeouts.expect_continue), Limit::ExpectContinue, Phase::Response)
    }

    /// Returns the deadline of the complete response head.
    #[must_use]
    pub fn response(&self, now: Instant) -> Deadline {
        let own = self.step(now, self.timeouts.response, Limit::Response, Phase::Response);
        own.min(self.head.during(Phase::Response))
    }

    /// Returns the deadline of the next read of content.
    #[must_use]
    pub fn body(&self, now: Instant) -> Deadline {
        self.step(now, self.timeouts.idle, Limit::Idle, Phase::Body)
    }

    /// Returns the deadline of saying goodbye.
    #[must_use]
    pub fn close(&self, now: Instant) -> Deadline {
        self.step(now, self.timeouts.connect, Limit::Connect, Phase::Close)
    }

    /// Returns how long a read or a write may wait.
    pub(crate) fn idle(&self) -> Option<Duration> {
        self.timeouts.idle
    }

    fn step(&self, now: Instant, allowed: Option<Duration>, limit: Limit, phase: Phase) -> Deadline {
        Deadline::after(now, allowed, limit).min(self.outer).during(phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn each_step_has_its_own_limit_and_the_outer_ones_bound_all() {
        let start = Instant::now();
        let mut timeouts = Timeouts::default();
        timeouts.connect = Some(S * 10);
        timeouts.response = Some(S * 20);
        timeouts.idle = Some(S * 30);
        timeouts.attempt = Some(S * 25);
        timeouts.total = Some(S * 40);

        let first = Deadlines::new(timeouts, start, start);
        let second = Deadlines::new(timeouts, start, start + S * 30);
        for (deadline, seconds) in [
            (first.connect(start), 10),
            (first.response(start), 20),
            (first.response(start + S * 10), 25),
            (first.body(start), 25),
            (second.connect(start + S * 30), 40),
            (second.send(start + S * 30), 40),
        ] {
            assert_eq!(deadline.at(), Some(start + S * seconds), "{deadline:?}");
        }
        let late = second.body(start + S * 30).remaining(start + S * 40).unwrap_err();
        assert_eq!((late.limit, late.phase), (Limit::Total, Phase::Body));
    }
}
