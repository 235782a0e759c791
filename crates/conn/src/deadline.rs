//! Timeouts as configured, deadlines as they pass: an instant, the limit that set it, the phase it ends in.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

/// Durations that bound the parts of an exchange. `None` means no limit; zero fails at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Waiting for a free connection, resolving, dialling, proxies and TLS of one attempt together. Default 10 s.
    pub connect: Option<Duration>,
    /// From when the response is waited for, its request having been sent, to its complete head. Default 60 s.
    pub response: Option<Duration>,
    /// Each single read of content and each single write. Default 60 s.
    pub idle: Option<Duration>,
    /// One attempt from its first step to the end of its body. Default none.
    pub attempt: Option<Duration>,
    /// The whole call over all attempts, to the end of the body. Default none.
    pub total: Option<Duration>,
    /// How long a request with `Expect: 100-continue` waits before it sends its content anyway. Default 1 s.
    pub expect_continue: Duration,
}

impl Timeouts {
    /// Gives each step the same time, as the one timeout of a socket does: connecting, the wait for the response head, each
    /// read and each write. The rest by default.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let timeouts = conn::Timeouts::each(Duration::from_secs(5));
    /// assert_eq!((timeouts.response, timeouts.total), (Some(Duration::from_secs(5)), None));
    /// ```
    #[must_use]
    pub fn each(time: Duration) -> Self {
        Self { connect: Some(time), response: Some(time), idle: Some(time), ..Self::default() }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Some(Duration::from_secs(10)),
            response: Some(Duration::from_secs(60)),
            idle: Some(Duration::from_secs(60)),
            attempt: None,
            total: None,
            expect_continue: Duration::from_secs(1),
        }
    }
}

/// Names what an exchange was doing when a deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting for a free connection.
    Pool,
    /// Looking up the host's addresses.
    Resolve,
    /// Dialling an address.
    Connect,
    /// Asking a proxy for the way on.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// Writing the request.
    Send,
    /// Waiting for the response head.
    Response,
    /// Reading the response's content.
    Body,
    /// Saying goodbye.
    Close,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pool => "waiting for a free connection",
            Self::Resolve => "resolving the name",
            Self::Connect => "connecting",
            Self::Proxy => "asking the proxy",
            Self::Tls => "shaking hands over TLS",
            Self::Send => "sending the request",
            Self::Response => "waiting for the response",
            Self::Body => "reading the content",
            Self::Close => "closing",
        })
    }
}

/// Names the configured limit that set a deadline: a field of [`Timeouts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`Timeouts::connect`].
    Connect,
    /// [`Timeouts::response`].
    Response,
    /// [`Timeouts::idle`].
    Idle,
    /// [`Timeouts::attempt`].
    Attempt,
    /// [`Timeouts::total`].
    Total,
    /// [`Timeouts::expect_continue`].
    ExpectContinue,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Response => "response",
            Self::Idle => "idle",
            Self::Attempt => "attempt",
            Self::Total => "total",
            Self::ExpectContinue => "expect_continue",
        })
    }
}

/// An instant that must not be passed, with the limit that set it and the phase it would end.
///
/// ```
/// use conn::{Deadline, Limit, Phase};
/// use std::time::{Duration, Instant};
///
/// let now = Instant::now();
/// let connect = Deadline::after(now, Some(Duration::from_secs(10)), Limit::Connect);
/// let total = Deadline::after(now, Some(Duration::from_secs(3)), Limit::Total);
/// let sooner = connect.min(total).during(Phase::Tls);
/// assert_eq!(sooner.remaining(now).unwrap(), Some(Duration::from_secs(3)));
///
/// let late = sooner.remaining(now + Duration::from_secs(3)).unwrap_err();
/// assert_eq!((late.phase, late.limit), (Phase::Tls, Limit::Total));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    end: Option<End>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    at: Instant,
    limit: Limit,
    allowed: Duration,
}

impl Deadline {
    /// A deadline that never passes.
    pub const NEVER: Self = Self { end: None, phase: Phase::Connect };

    /// Returns the deadline `allowed` after `now`; none, or one too far to express, never passes.
    #[must_use]
    pub fn after(now: Instant, allowed: Option<Duration>, limit: Limit) -> Self {
        let end = allowed.and_then(|allowed| now.checked_add(allowed).map(|at| End { at, limit, allowed }));
        Self { end, ..Self::NEVER }
    }

    /// Returns the earlier of the two with its limit, in this one's phase; `self` on a tie.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        let end = match (self.end, other.end) {
            (Some(a), Some(b)) if b.at < a.at => Some(b),
            (None, b) => b,
            (a, _) => a,
        };
        Self { end, phase: self.phase }
    }

    /// Returns the same deadline for another phase.
    #[must_use]
    pub fn during(self, phase: Phase) -> Self {
        Self { phase, ..self }
    }

    /// Returns the instant, or `None` if it never passes.
    #[must_use]
    pub fn at(&self) -> Option<Instant> {
        self.end.map(|end| end.at)
    }

    /// Returns what is left: `None` without a limit.
    ///
    /// # Errors
    /// [`TimedOut`] if nothing is left.
    pub fn remaining(&self, now: Instant) -> Result<Option<Duration>, TimedOut> {
        let Some(end) = self.end else { return Ok(None) };
        match end.at.saturating_duration_since(now) {
            Duration::ZERO => Err(TimedOut {
                phase: self.phase,
                limit: end.limit,
                allowed: end.allowed,
                elapsed: end.allowed.saturating_add(now.saturating_duration_since(end.at)),
                sent: 0,
                received: 0,
            }),
            left => Ok(Some(left)),
        }
    }
}

/// A deadline passed: what was going on, which limit fired, how long it allowed, and how far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimedOut {
    /// What was going on.
    pub phase: Phase,
    /// The limit that fired.
    pub limit: Limit,
    /// How long that limit allowed.
    pub allowed: Duration,
    /// How long it took until that was noticed, from where the limit counts.
    pub elapsed: Duration,
    /// Bytes sent by then. A [`Transport`](crate::Transport) counts what the connection carried; whoever knows
    /// messages says [of which](Self::with_progress).
    pub sent: u64,
    /// Bytes received by then, counted alike.
    pub received: u64,
}

impl TimedOut {
    /// Finds the timeout inside an error that a [`Transport`](crate::Transport) returned.
    #[must_use]
    pub fn in_io(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }

    /// Returns the same timeout with other counts of bytes.
    #[must_use]
    pub fn with_progress(self, sent: u64, received: u64) -> Self {
        Self { sent, received, ..self }
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, limit, allowed, elapsed, sent, received } = self;
        write!(f, "timed out while {phase}: the {limit} limit of {allowed:?} has passed")?;
        // A wake comes a little late: worth a word only where somebody held the thread up.
        if elapsed.saturating_sub(*allowed) >= Duration::from_millis(100) {
            write!(f, ", noticed after {elapsed:.1?}")?;
        }
        if *sent > 0 || *received > 0 {
            write!(f, " ({sent} bytes sent, {received} received)")?;
        }
        Ok(())
    }
}

impl std::error::Error for TimedOut {}

impl From<TimedOut> for io::Error {
    fn from(timed_out: TimedOut) -> Self {
        Self::new(io::ErrorKind::TimedOut, timed_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn one_limit_for_each_step_leaves_the_whole_unbounded() {
        let Timeouts { connect, response, idle, attempt, total, expect_continue } = Timeouts::each(S * 5);
        assert_eq!([connect, response, idle], [Some(S * 5); 3]);
        assert_eq!((attempt, total, expect_continue), (None, None, S));
    }

    #[test]
    fn the_earlier_deadline_wins_and_keeps_its_cause() {
        let now = Instant::now();
        let a = Deadline::after(now, Some(S * 5), Limit::Connect);
        let b = Deadline::after(now, Some(S * 3), Limit::Total);
        for (left, right, limit) in [
            (a, b, Limit::Total),
            (b, a, Limit::Total),
            (a, Deadline::NEVER, Limit::Connect),
            (Deadline::NEVER, b, Limit::Total),
            (a, Deadline::after(now, Some(S * 5), Limit::Attempt), Limit::Connect),
        ] {
            let end = left.min(right).end.map(|end| end.limit);
            assert_eq!(end, Some(limit), "{left:?} {right:?}");
        }
        assert_eq!(Deadline::NEVER.min(Deadline::NEVER).at(), None);
    }

    #[test]
    fn a_zero_timeout_has_passed_at_once() {
        let now = Instant::now();
        let zero = Deadline::after(now, Some(Duration::ZERO), Limit::Response).during(Phase::Response);
        let error = zero.remaining(now).unwrap_err();
        assert_eq!(
            error.to_string(),
            "timed out while waiting for the response: the response limit of 0ns has passed"
        );
    }

    #[test]
    fn a_timeout_tells_how_far_it_came() {
        let now = Instant::now();
        let deadline = Deadline::after(now, Some(S * 2), Limit::Idle).during(Phase::Body);
        let passed = |after: Duration| deadline.remaining(now + after).unwrap_err();
        assert_eq!(passed(S * 2).elapsed, S * 2);
        for (timed_out, rest) in [
            (passed(S * 2), ""),
            (passed(S * 2 + S / 20).with_progress(90, 0), " (90 bytes sent, 0 received)"),
            (passed(S * 3).with_progress(90, 1), ", noticed after 3.0s (90 bytes sent, 1 received)"),
        ] {
            let text = format!("timed out while reading the content: the idle limit of 2s has passed{rest}");
            assert_eq!(timed_out.to_string(), text);
        }
    }

    #[test]
    fn a_timeout_beyond_the_clock_never_passes() {
        let now = Instant::now();
        let far = Deadline::after(now, Some(Duration::MAX), Limit::Total);
        assert_eq!(far.remaining(now), Ok(None));
    }

    #[test]
    fn the_timeout_is_found_again_inside_an_io_error() {
        let now = Instant::now();
        let passed = Deadline::after(now, Some(S), Limit::Idle).during(Phase::Body);
        let timed_out = passed.remaining(now + S).unwrap_err().with_progress(10, 5);
        let error = io::Error::from(timed_out);
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(TimedOut::in_io(&error), Some(timed_out));
        assert_eq!(TimedOut::in_io(&io::Error::other("else")), None);
    }
}
