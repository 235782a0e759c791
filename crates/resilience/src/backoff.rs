//! How long to wait before retry n. All arithmetic is whole nanoseconds, clamped to `u64` (584 years).

use std::num::NonZeroU32;
use std::time::Duration;

use crate::error::ConfigError;
use crate::rng::Entropy;

/// Computes the wait before each retry: a shape that grows, a cap, then jitter below the cap.
///
/// The cap comes first and jitter is drawn below it, so that waits still spread when all of them have reached the cap.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use resilience::{Backoff, Jitter};
///
/// let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(1))
///     .factor(3, 2)?
///     .jitter(Jitter::Equal);
/// let third = NonZeroU32::MIN.saturating_add(2);
/// assert_eq!(backoff.ceiling(third), Duration::from_millis(225));
/// // The smallest draw gives the smallest wait.
/// assert_eq!(backoff.sample(third, Duration::ZERO, 0), Duration::from_micros(112_500));
/// # Ok::<(), resilience::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    shape: Shape,
    base: u64,
    max: u64,
    jitter: Jitter,
}

/// Says how a wait is drawn below its ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Jitter {
    /// Waits for exactly the ceiling: callers that failed together come back together.
    None,
    /// Draws from zero to the ceiling; spreads best.
    Full,
    /// Draws from half the ceiling to the ceiling.
    Equal,
    /// Takes at most this share off the ceiling.
    Proportional {
        /// Thousandths of the ceiling; above 1000 counts as 1000.
        permille: u16,
    },
    /// Draws from the base to three times the last wait, at most the cap; the shape plays no part.
    Decorrelated,
}

impl Backoff {
    /// Doubles from `base` up to `max`, with [`Jitter::Full`].
    #[must_use]
    pub const fn exponential(base: Duration, max: Duration) -> Self {
        let shape = Shape::Exponential { num: 2, den: 1 };
        Self { shape, base: nanos(base), max: nanos(max), jitter: Jitter::Full }
    }

    /// Waits for the same time before every retry, without jitter.
    #[must_use]
    pub const fn constant(wait: Duration) -> Self {
        Self { shape: Shape::Constant, base: nanos(wait), max: nanos(wait), jitter: Jitter::None }
    }

    /// Adds `step` before every further retry, from `base` up to `max`, without jitter.
    #[must_use]
    pub const fn linear(base: Duration, step: Duration, max: Duration) -> Self {
        let shape = Shape::Linear { step: nanos(step) };
        Self { shape, base: nanos(base), max: nanos(max), jitter: Jitter::None }
    }

    /// Sets what an exponential backoff multiplies with, as a fraction; the default is 2/1.
    ///
    /// # Errors
    ///
    /// Refuses a denominator of zero, a factor below one, and a backoff that is not exponential.
    pub const fn factor(self, num: u16, den: u16) -> Result<Self, ConfigError> {
        if !matches!(self.shape, Shape::Exponential { .. }) {
            return Err(ConfigError::FactorWithoutExponent);
        }
        if den == 0 {
            return Err(ConfigError::ZeroDenominator { num });
        }
        if num < den {
            return Err(ConfigError::ShrinkingFactor { num, den });
        }
        Ok(Self { shape: Shape::Exponential { num, den }, ..self })
    }

    /// Sets how waits are drawn below their ceiling.
    #[must_use]
    pub const fn jitter(self, jitter: Jitter) -> Self {
        Self { jitter, ..self }
    }

    /// Computes the wait before retry `retry` without jitter: it grows with `retry` and never passes the cap.
    #[must_use]
    pub fn ceiling(&self, retry: NonZeroU32) -> Duration {
        Duration::from_nanos(self.ceiling_nanos(retry))
    }

    /// Computes the wait before retry `retry` from the random number `r`.
    ///
    /// `prev` is the last wait, zero before the first; only [`Jitter::Decorrelated`] looks at it.
    #[must_use]
    pub fn sample(&self, retry: NonZeroU32, prev: Duration, r: u64) -> Duration {
        self.draw(self.ceiling_nanos(retry), prev, r)
    }

    /// Iterates over the waits before retry 1, 2, 3, …; it never ends.
    pub fn iter<'r, E: Entropy + ?Sized>(&self, rng: &'r E) -> BackoffIter<'r, E> {
        BackoffIter { backoff: *self, rng, ceiling: self.base.min(self.max), prev: Duration::ZERO }
    }

    fn ceiling_nanos(&self, retry: NonZeroU32) -> u64 {
        let steps = retry.get() - 1;
        let mut ceiling = self.base.min(self.max);
        match self.shape {
            Shape::Constant => {}
            Shape::Linear { step } => {
                let grown = u128::from(ceiling) + u128::from(step) * u128::from(steps);
                ceiling = clamp(grown, self.max);
            }
            Shape::Exponential { .. } => {
                for _ in 0..steps {
                    let grown = self.grow(ceiling);
                    // At the cap, or so small that rounding eats the growth.
                    if grown == ceiling {
                        break;
                    }
                    ceiling = grown;
                }
            }
        }
        ceiling
    }

    /// The ceiling of the retry after the one whose ceiling is given.
    fn grow(&self, ceiling: u64) -> u64 {
        let ceiling = u128::from(ceiling);
        let grown = match self.shape {
            Shape::Constant => ceiling,
            Shape::Linear { step } => ceiling + u128::from(step),
            Shape::Exponential { num, den } => ceiling * u128::from(num) / u128::from(den.max(1)),
        };
        clamp(grown, self.max)
    }

    fn draw(&self, ceiling: u64, prev: Duration, r: u64) -> Duration {
        let wait = match self.jitter {
            Jitter::None => ceiling,
            Jitter::Full => uniform(0, ceiling, r),
            Jitter::Equal => uniform(ceiling / 2, ceiling, r),
            Jitter::Proportional { permille } => {
                let off = u128::from(ceiling) * u128::from(permille.min(1000)) / 1000;
                uniform(ceiling - clamp(off, ceiling), ceiling, r)
            }
            Jitter::Decorrelated => {
                let low = self.base.min(self.max);
                let prev = nanos(prev).max(low);
                uniform(low, clamp(u128::from(prev) * 3, self.max), r)
            }
        };
        Duration::from_nanos(wait)
    }
}

/// Iterates over waits without end; made by [`Backoff::iter`].
#[derive(Debug)]
pub struct BackoffIter<'r, E: ?Sized> {
    backoff: Backoff,
    rng: &'r E,
    ceiling: u64,
    prev: Duration,
}

impl<E: Entropy + ?Sized> Iterator for BackoffIter<'_, E> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.prev = self.backoff.draw(self.ceiling, self.prev, self.rng.next_u64());
        self.ceiling = self.backoff.grow(self.ceiling);
        Some(self.prev)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl<E: Entropy + ?Sized> std::iter::FusedIterator for BackoffIter<'_, E> {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Constant,
    Linear { step: u64 },
    Exponential { num: u16, den: u16 },
}

/// Picks a number in `low..=high` by the high half of a product: no division, and no bias worth naming.
fn uniform(low: u64, high: u64, r: u64) -> u64 {
    let span = u128::from(high.saturating_sub(low)) + 1;
    low + clamp((u128::from(r) * span) >> 64, u64::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "it is at most `max`, which is a u64")]
const fn clamp(value: u128, max: u64) -> u64 {
    if value > max as u128 { max } else { value as u64 }
}

const fn nanos(duration: Duration) -> u64 {
    clamp(duration.as_nanos(), u64::MAX)
}

#[cfg(test)]
mod tests;
