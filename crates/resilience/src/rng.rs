//! Randomness as an argument: whoever draws is handed the source.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// Draws uniform numbers through a shared reference.
///
/// Implement it to bring another source, or a script in a test.
///
/// ```
/// use resilience::Entropy;
///
/// struct Always(u64);
/// impl Entropy for Always {
///     fn next_u64(&self) -> u64 {
///         self.0
///     }
/// }
/// assert_eq!(Always(7).next_u64(), 7);
/// ```
pub trait Entropy {
    /// Draws the next number; all 64 bits are uniform.
    fn next_u64(&self) -> u64;
}

impl<E: Entropy + ?Sized> Entropy for &E {
    fn next_u64(&self) -> u64 {
        (**self).next_u64()
    }
}

/// Draws from one SplitMix64 sequence for all threads, without a lock.
///
/// It is good enough to spread waits and too weak for secrets. It is not `Clone`: two copies would draw the same
/// numbers, and whatever they time would run in step.
///
/// ```
/// use resilience::{Entropy, SharedRng};
///
/// assert_eq!(SharedRng::seeded(7).next_u64(), SharedRng::seeded(7).next_u64());
/// ```
#[derive(Debug)]
pub struct SharedRng(AtomicU64);

impl SharedRng {
    /// Starts the sequence that belongs to a seed, for tests that must repeat.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Starts a sequence that nobody can foresee, from the keys with which the standard library hashes.
    #[must_use]
    pub fn from_os() -> Self {
        Self::seeded(RandomState::new().build_hasher().finish())
    }
}

impl Entropy for SharedRng {
    fn next_u64(&self) -> u64 {
        // Each caller takes a value of its own; no order among callers is promised.
        mix(self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA))
    }
}

/// 2^64 divided by the golden ratio, odd: the steps visit every number.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_splitmix64() {
        let rng = SharedRng::seeded(1_234_567);
        let drawn: Vec<u64> = (0..5).map(|_| rng.next_u64()).collect();
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn unseeded_sequences_differ() {
        assert_ne!(SharedRng::from_os().next_u64(), SharedRng::from_os().next_u64());
    }

    #[test]
    fn threads_never_draw_the_same_value() {
        let rng = SharedRng::seeded(1);
        let mut drawn: Vec<u64> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..500).map(|_| rng.next_u64()).collect::<Vec<_>>()))
                .collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 2_000);
    }
}
