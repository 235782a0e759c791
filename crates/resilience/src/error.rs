//! What is wrong with a configuration.

use std::time::Duration;

/// Tells which value of a configuration makes no sense, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The factor of an exponential backoff has a denominator of zero.
    #[error("the backoff factor {num}/0 has no value")]
    ZeroDenominator {
        /// What stood above the line.
        num: u16,
    },
    /// The factor of an exponential backoff is below one, so that waits would shrink.
    #[error("the backoff factor {num}/{den} is below one: waits would shrink")]
    ShrinkingFactor {
        /// What stood above the line.
        num: u16,
        /// What stood below the line.
        den: u16,
    },
    /// A factor was given to a backoff that is not exponential.
    #[error("only an exponential backoff has a factor")]
    FactorWithoutExponent,
    /// A rate that no share of calls can be compared with.
    #[error("a rate of {permille} thousandths is never or always exceeded: 1 to 999 make sense")]
    RateOutOfRange {
        /// The rate.
        permille: u16,
    },
    /// A half-open breaker would close before its first probe has succeeded.
    #[error("a breaker that closes at {close_at} calls at a time never probes: 2 is the least")]
    ClosesAtOnce {
        /// At how many calls it would close.
        close_at: u16,
    },
    /// The first open time lies above the longest.
    #[error("a breaker cannot stay open for {open_for:?} and at most {max_open:?}")]
    ShrinkingOpenTime {
        /// The first open time.
        open_for: Duration,
        /// The longest.
        max_open: Duration,
    },
    /// The stretches of a window are of no length.
    #[error("a window whose stretches last no time holds no calls")]
    EmptyWindow,
    /// The window can never hold the calls that it must hold before it is judged.
    #[error("a window of {size} calls never holds the {min_calls} that a rate needs")]
    WindowTooSmall {
        /// How many calls it holds.
        size: u32,
        /// How many it must hold.
        min_calls: u32,
    },
    /// More copies of one call than can be told apart.
    #[error("{asked} copies of one call are too many: {limit} is the limit")]
    TooManyHedges {
        /// How many were asked for.
        asked: u8,
        /// How many there can be.
        limit: u8,
    },
}
