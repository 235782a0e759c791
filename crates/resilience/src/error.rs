//! What is wrong with a configuration.

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
}
