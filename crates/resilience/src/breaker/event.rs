//! What a breaker says about itself.

use std::time::{Duration, Instant};

use super::window::Counts;

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakerState {
    /// Admits all calls and judges them.
    Closed,
    /// Rejects all calls until its time is over.
    Open,
    /// Admits a few probes, and more with each that succeeds.
    HalfOpen,
    /// Rejects all calls until somebody says otherwise.
    #[doc(alias = "Isolated")]
    ForcedOpen,
    /// Admits all calls and looks at none.
    Disabled,
    /// Admits all calls and says when it would have opened.
    #[doc(alias = "METRICS_ONLY")]
    Shadow,
}

/// What one call says about the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The server is alive, whatever it answered.
    Success,
    /// The server failed.
    Failure {
        /// For how long the server asked to be left alone; the breaker stays open at least so long if this failure
        /// opens it.
        open_for: Option<Duration>,
    },
    /// It says nothing: the caller gave up, or the fault was his own.
    Ignored,
}

impl Outcome {
    /// A failure without a word from the server.
    pub const FAILURE: Self = Self::Failure { open_for: None };
}

/// Why a breaker changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Too many of the calls failed.
    FailureRate,
    /// Too many calls in a row failed.
    ConsecutiveFailures,
    /// Too many calls were slow.
    SlowCalls,
    /// The open time is over.
    OpenTimeOver,
    /// More probes failed than succeeded.
    ProbesFailed,
    /// Enough probes succeeded.
    ProbesSucceeded,
    /// No probe came back.
    ProbesLost,
    /// Somebody said so.
    Manual,
}

/// One change of state, as listeners are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// Counts the changes of this breaker from 1; listeners see each once and in order.
    pub generation: u64,
    /// Where it stood.
    pub from: BreakerState,
    /// Where it stands. [`BreakerState::Shadow`] after itself means that it would have opened.
    pub to: BreakerState,
    /// Why.
    pub cause: Cause,
    /// What the window held when it happened.
    pub counts: Counts,
    /// When it happened.
    pub at: Instant,
    /// Until when it stays open, if it opened.
    pub until: Option<Instant>,
}

/// Tells that a call was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker rejects calls")]
#[non_exhaustive]
pub struct Rejected {
    /// Where the breaker stands.
    pub state: BreakerState,
    /// When it makes sense to ask again; `None` if it was forced open. In a half-open breaker it is an estimate.
    pub retry_after: Option<Duration>,
}

/// A breaker at one moment, for metrics and for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerSnapshot {
    /// Where it stands. An open breaker whose time is over stands open until the next call.
    pub state: BreakerState,
    /// How many times it changed its state.
    pub generation: u64,
    /// What the window holds.
    pub counts: Counts,
    /// How many calls failed in a row.
    pub consecutive_failures: u64,
    /// How often it opened since it was last closed.
    pub trips: u32,
    /// Until when it is open.
    pub open_until: Option<Instant>,
    /// How many probes may run at a time; zero unless half-open.
    pub probe_limit: u16,
    /// How many probes run.
    pub probes: u16,
    /// How many calls it rejected, ever.
    pub rejected: u64,
    /// How many results came too late to count, ever.
    pub stale: u64,
    /// How many probes were taken for lost, ever.
    pub lost: u64,
}
