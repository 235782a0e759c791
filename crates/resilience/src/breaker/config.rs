//! When a breaker opens, for how long, and how it closes.

use std::num::{NonZeroU8, NonZeroU32};
use std::time::Duration;

use crate::error::ConfigError;

/// What a [`CircuitBreaker`](crate::CircuitBreaker) counts and decides by.
///
/// Any of three rules opens it; `None` turns one off:
/// 1. **failure rate**: too many of the calls in the window failed, by more than chance explains;
/// 2. **consecutive failures**: many in a row, over at least a second. It is quick when a server dies, and the only rule
///    that can judge a server with little traffic;
/// 3. **slow calls**: too many took too long. Off by default: it needs knowledge of the service.
///
/// Then it stays open for one second, two after the next trip, and so on up to five; growth by doubling would add as
/// much dead time as the outage itself. Then it recovers as TCP starts: one probe, with each success one more at a
/// time, until at sixteen it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerConfig {
    /// Which calls the rates look at; the last ten seconds by default.
    #[doc(alias = "SamplingDuration")]
    #[doc(alias = "slidingWindowType")]
    pub window: WindowKind,
    /// How many calls the window must hold before a rate is judged; 10 by default.
    #[doc(alias = "MinimumThroughput")]
    #[doc(alias = "minimumNumberOfCalls")]
    pub min_calls: u32,
    /// Above which share of failures it opens, in thousandths from 1 to 999; 500 by default.
    #[doc(alias = "FailureRatio")]
    #[doc(alias = "failureRateThreshold")]
    pub failure_permille: Option<u16>,
    /// How far above the limit a rate must lie, as the square of the number of standard deviations; 9 by default, three
    /// deviations: the rate is looked at with every failure, and with two a server that fails two calls of five would be
    /// cut off by chance once in a while. Zero compares the bare ratio, with `>`, as other libraries do: it trips by chance.
    pub z_squared: u16,
    /// How many failures in a row open it; 16, or 5 in little traffic, over at least 1 s by default.
    pub consecutive: Option<ConsecutiveFailures>,
    /// Which calls are slow, and how many of them open it; `None` by default.
    #[doc(alias = "slowCallRateThreshold")]
    #[doc(alias = "slowCallDurationThreshold")]
    pub slow_calls: Option<SlowCalls>,
    /// How long it stays open after the first trip, and how much longer after each further one; 1 s by default.
    #[doc(alias = "BreakDuration")]
    #[doc(alias = "waitDurationInOpenState")]
    pub open_for: Duration,
    /// The longest it stays open, without jitter; 5 s by default.
    pub max_open: Duration,
    /// How much may be added to that, in thousandths; 250 by default, so that a fleet does not probe in step.
    pub open_jitter_permille: u16,
    /// The longest it stays open because the server asked for it; 60 s by default.
    pub max_hint: Duration,
    /// At how many calls at a time a half-open breaker closes, from 2; 16 by default. It starts with one, each success
    /// adds one, each failure takes one, and at none it opens again.
    #[doc(alias = "permittedNumberOfCallsInHalfOpenState")]
    pub close_at: u16,
    /// How long a half-open breaker that has lent all its permits waits for one to be settled, before it takes them
    /// for lost and probes afresh; 30 s by default. Set it above the longest call.
    #[doc(alias = "maxWaitDurationInHalfOpenState")]
    pub probe_timeout: Duration,
}

/// Which calls a rate looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowKind {
    /// Those of the last stretches of time. A look costs one sum over the buckets.
    #[doc(alias = "TIME_BASED")]
    Time {
        /// How many stretches.
        buckets: NonZeroU8,
        /// How long each is.
        width: Duration,
    },
    /// So many last calls, however old; memory grows with them.
    #[doc(alias = "COUNT_BASED")]
    Calls(NonZeroU32),
}

/// How many failures in a row open a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsecutiveFailures {
    /// How many, where the window holds enough calls to be judged.
    pub count: NonZeroU32,
    /// How many in little traffic, where it does not.
    pub sparse: NonZeroU32,
    /// How long the row must have lasted. A second keeps the death of one connection, with all the calls on it, from
    /// opening the circuit.
    pub lasting: Duration,
}

/// Which calls are slow, and how many open a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowCalls {
    /// A call that takes longer is slow, even if it succeeds. In a half-open breaker it counts as a failure.
    pub longer_than: Duration,
    /// Above which share of slow calls the breaker opens, in thousandths from 1 to 999.
    pub permille: u16,
}

impl BreakerConfig {
    /// Describes the classic breaker: it opens after so many failures in a row, stays open for exactly so long, lets
    /// one probe through and closes if that succeeds.
    #[must_use]
    pub fn classic(failures: NonZeroU32, open_for: Duration) -> Self {
        let consecutive = ConsecutiveFailures { count: failures, sparse: failures, lasting: Duration::ZERO };
        Self {
            failure_permille: None,
            consecutive: Some(consecutive),
            open_for,
            max_open: open_for,
            open_jitter_permille: 0,
            close_at: 2,
            ..Self::default()
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let rates = [self.failure_permille, self.slow_calls.map(|slow| slow.permille)];
        for permille in rates.into_iter().flatten() {
            if permille == 0 || permille >= 1000 {
                return Err(ConfigError::RateOutOfRange { permille });
            }
        }
        if self.close_at < 2 {
            return Err(ConfigError::ClosesAtOnce { close_at: self.close_at });
        }
        if self.max_open < self.open_for {
            return Err(ConfigError::ShrinkingOpenTime { open_for: self.open_for, max_open: self.max_open });
        }
        match self.window {
            WindowKind::Time { width: Duration::ZERO, .. } => Err(ConfigError::EmptyWindow),
            WindowKind::Calls(size) if size.get() < self.min_calls => {
                Err(ConfigError::WindowTooSmall { size: size.get(), min_calls: self.min_calls })
            }
            _ => Ok(()),
        }
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self {
            window: WindowKind::Time { buckets: NonZeroU8::MIN.saturating_add(9), width: second },
            min_calls: 10,
            failure_permille: Some(500),
            z_squared: 9,
            consecutive: Some(ConsecutiveFailures {
                count: NonZeroU32::MIN.saturating_add(15),
                sparse: NonZeroU32::MIN.saturating_add(4),
                lasting: second,
            }),
            slow_calls: None,
            open_for: second,
            max_open: 5 * second,
            open_jitter_permille: 250,
            max_hint: 60 * second,
            close_at: 16,
            probe_timeout: 30 * second,
        }
    }
}
