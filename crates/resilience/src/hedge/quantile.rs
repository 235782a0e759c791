//! How long calls take, as a histogram that forgets.

use std::time::Duration;

/// Measures the latency that a share of calls stays below.
///
/// A histogram with eight steps to each doubling, so that an answer is at most an eighth too high; it forgets by halving
/// when it holds `memory` samples. Feed it the copies that lost as well, by
/// [`record_at_least`](Self::record_at_least): the quantile of the winners alone sinks with every hedge, and more and
/// more would be sent.
///
/// ```
/// use std::time::Duration;
/// use resilience::LatencyQuantile;
///
/// let mut latency = LatencyQuantile::new(1000);
/// for ms in 1..=100 {
///     latency.record(Duration::from_millis(ms));
/// }
/// let p95 = latency.quantile(950).ok_or("too few")?;
/// assert!(p95 >= Duration::from_millis(95) && p95 <= Duration::from_millis(107));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct LatencyQuantile {
    steps: Box<[u32]>,
    total: u32,
    memory: u32,
}

impl LatencyQuantile {
    /// Makes an empty histogram that weighs about the last `memory` samples.
    #[must_use]
    pub fn new(memory: u32) -> Self {
        Self { steps: vec![0; STEPS].into_boxed_slice(), total: 0, memory: memory.max(1) }
    }

    /// Adds a call that took `latency`.
    pub fn record(&mut self, latency: Duration) {
        if self.total >= self.memory {
            self.forget();
        }
        if let Some(count) = self.steps.get_mut(step(latency)) {
            *count = count.saturating_add(1);
            self.total = self.total.saturating_add(1);
        }
    }

    /// Adds a call that was cancelled after `latency`: it would have taken longer, and nobody knows how long. It
    /// counts as twice as much.
    pub fn record_at_least(&mut self, latency: Duration) {
        self.record(latency.saturating_mul(2));
    }

    /// Computes what `permille` thousandths of the calls stay below; `None` without any.
    #[must_use]
    pub fn quantile(&self, permille: u16) -> Option<Duration> {
        let rank = (u64::from(self.total) * u64::from(permille.min(1000))).div_ceil(1000).max(1);
        let mut seen = 0;
        self.steps.iter().enumerate().find_map(|(index, count)| {
            seen += u64::from(*count);
            (seen >= rank).then(|| upper_end(index))
        })
    }

    /// Tells how many samples it holds; with fewer than 50, a quantile is a guess.
    #[must_use]
    pub const fn samples(&self) -> u32 {
        self.total
    }

    fn forget(&mut self) {
        for count in &mut self.steps {
            *count /= 2;
        }
        self.total = self.steps.iter().sum();
    }
}

/// Eight steps for each power of two of microseconds: the first eight are single ones, and 2^40 µs are twelve days.
const STEPS: usize = 8 * 38;

fn step(latency: Duration) -> usize {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    let doublings = micros.max(8).ilog2().saturating_sub(3);
    let within = micros >> doublings;
    let index = u64::from(doublings) * 8 + within;
    usize::try_from(index).map_or(STEPS - 1, |index| index.min(STEPS - 1))
}

/// The longest latency of a step.
fn upper_end(index: usize) -> Duration {
    let index = index as u64;
    // Below sixteen, steps are single microseconds.
    let doublings = (index / 8).saturating_sub(1);
    let within = index - doublings * 8;
    Duration::from_micros(((within + 1) << doublings) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_histogram_knows_nothing() {
        assert_eq!(LatencyQuantile::new(10).quantile(500), None);
    }

    #[test]
    fn the_cancelled_count_as_slower_than_they_were_seen() {
        let mut latency = LatencyQuantile::new(1000);
        for _ in 0..9 {
            latency.record(Duration::from_millis(10));
        }
        latency.record_at_least(Duration::from_millis(10));
        assert!(latency.quantile(1000).unwrap() >= Duration::from_millis(20));
        assert!(latency.quantile(900).unwrap() < Duration::from_millis(12));
    }

    #[test]
    fn old_samples_fade() {
        let mut latency = LatencyQuantile::new(100);
        for _ in 0..100 {
            latency.record(Duration::from_secs(1));
        }
        for _ in 0..300 {
            latency.record(Duration::from_millis(1));
        }
        assert!(latency.quantile(900).unwrap() < Duration::from_millis(2));
        assert!(latency.samples() <= 100);
    }

    proptest! {
        #[test]
        fn a_quantile_is_at_most_an_eighth_too_high(
            mut micros in proptest::collection::vec(prop_oneof![0_u64..100, 0_u64..1_000_000_000_000], 1..200),
            permille in 0_u16..=1000,
        ) {
            let mut latency = LatencyQuantile::new(1000);
            micros.iter().for_each(|us| latency.record(Duration::from_micros(*us)));
            micros.sort_unstable();
            let rank = (micros.len() as u64 * u64::from(permille)).div_ceil(1000).max(1);
            let exact = Duration::from_micros(micros[usize::try_from(rank - 1).unwrap()]);
            let found = latency.quantile(permille).unwrap();
            prop_assert!(exact <= found && found <= exact + exact / 8 + Duration::from_micros(1));
        }

        #[test]
        fn no_latency_is_too_long(us in any::<u64>()) {
            let mut latency = LatencyQuantile::new(3);
            latency.record(Duration::from_micros(us));
            latency.record_at_least(Duration::MAX);
            prop_assert_eq!(latency.samples(), 2);
        }
    }
}
