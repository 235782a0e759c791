//! What the last calls were, by number or by time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::config::WindowKind;
use crate::time::later;

/// What one call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) failed: bool,
    pub(super) slow: bool,
}

/// How many calls of each kind a window holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    /// All calls that were judged; what was ignored is not among them.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// Those that took longer than the limit of the slow-call rule, failed or not.
    pub slow: u64,
}

#[derive(Debug)]
pub(super) enum Window {
    Time(TimeWindow),
    Calls(CallWindow),
}

impl Window {
    pub(super) fn new(kind: WindowKind) -> Self {
        match kind {
            WindowKind::Time { buckets, width } => Self::Time(TimeWindow {
                buckets: vec![Bucket::default(); usize::from(buckets.get())].into_boxed_slice(),
                width: nanos(width).max(1),
                origin: None,
                head: 0,
                index: 0,
                head_ends: None,
            }),
            WindowKind::Calls(size) => {
                let size = usize::try_from(size.get()).unwrap_or(usize::MAX);
                Self::Calls(CallWindow { calls: VecDeque::new(), size, counts: Counts::default() })
            }
        }
    }

    pub(super) fn record(&mut self, call: Call, now: Instant) {
        match self {
            Self::Time(window) => window.record(call, now),
            Self::Calls(window) => window.record(call),
        }
    }

    pub(super) fn counts(&self, now: Instant) -> Counts {
        match self {
            Self::Time(window) => window.counts(now),
            Self::Calls(window) => window.counts,
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Time(window) => window.buckets.fill(Bucket::default()),
            Self::Calls(window) => {
                window.calls.clear();
                window.counts = Counts::default();
            }
        }
    }
}

/// A ring of buckets, each of one stretch of time. A record touches one; a look sums them all.
#[derive(Debug)]
pub(super) struct TimeWindow {
    buckets: Box<[Bucket]>,
    /// In nanoseconds.
    width: u64,
    origin: Option<Instant>,
    /// The latest stretch that was recorded in, its bucket, and its end: most records fall before it, and are spared the
    /// division.
    head: u64,
    index: usize,
    head_ends: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Which stretch of time since the origin it counts.
    stretch: u64,
    counts: Counts,
}

impl TimeWindow {
    fn record(&mut self, call: Call, now: Instant) {
        // An instant before the latest one counts as the latest: it neither clears a bucket nor revives an old one.
        if self.head_ends.is_none_or(|end| now >= end) {
            self.advance(now);
        }
        if let Some(bucket) = self.buckets.get_mut(self.index) {
            if bucket.stretch != self.head {
                *bucket = Bucket { stretch: self.head, counts: Counts::default() };
            }
            bucket.counts.add(call);
        }
    }

    fn advance(&mut self, now: Instant) {
        let origin = *self.origin.get_or_insert(now);
        self.head = self.head.max(stretch(origin, now, self.width));
        self.index = usize::try_from(self.head % self.buckets.len().max(1) as u64).unwrap_or(0);
        let ends = self.head.saturating_add(1).saturating_mul(self.width);
        self.head_ends = Some(later(origin, Duration::from_nanos(ends)));
    }

    fn counts(&self, now: Instant) -> Counts {
        let Some(origin) = self.origin else { return Counts::default() };
        let latest = self.head.max(stretch(origin, now, self.width));
        let length = self.buckets.len() as u64;
        let live = self.buckets.iter().filter(|bucket| latest - bucket.stretch < length);
        live.fold(Counts::default(), |sum, bucket| sum.and(bucket.counts))
    }
}

fn stretch(origin: Instant, now: Instant, width: u64) -> u64 {
    nanos(now.saturating_duration_since(origin)) / width
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The last calls themselves, with a running sum.
#[derive(Debug)]
pub(super) struct CallWindow {
    calls: VecDeque<Call>,
    size: usize,
    counts: Counts,
}

impl CallWindow {
    fn record(&mut self, call: Call) {
        if self.calls.len() >= self.size
            && let Some(old) = self.calls.pop_front()
        {
            self.counts.remove(old);
        }
        self.calls.push_back(call);
        self.counts.add(call);
    }
}

impl Counts {
    fn add(&mut self, call: Call) {
        self.calls += 1;
        self.failures += u64::from(call.failed);
        self.slow += u64::from(call.slow);
    }

    fn remove(&mut self, call: Call) {
        self.calls -= 1;
        self.failures -= u64::from(call.failed);
        self.slow -= u64::from(call.slow);
    }

    fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            failures: self.failures + other.failures,
            slow: self.slow + other.slow,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU8, NonZeroU32};

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const OK: Call = Call { failed: false, slow: false };
    const BAD: Call = Call { failed: true, slow: false };

    fn seconds(buckets: u8) -> Window {
        Window::new(WindowKind::Time { buckets: NonZeroU8::new(buckets).unwrap(), width: SECOND })
    }

    #[test]
    fn a_call_counts_for_as_long_as_its_bucket_is_in_the_window() {
        let (mut window, now) = (seconds(3), Instant::now());
        window.record(BAD, now);
        window.record(OK, now + SECOND);
        assert_eq!(window.counts(now + 2 * SECOND).calls, 2);
        assert_eq!(window.counts(now + 3 * SECOND), Counts { calls: 1, failures: 0, slow: 0 });
        assert_eq!(window.counts(now + 4 * SECOND).calls, 0);
        // The ring comes round to a bucket with old counts.
        window.record(OK, now + 9 * SECOND);
        assert_eq!(window.counts(now + 9 * SECOND).calls, 1);
    }

    /// A peer of ours lets the window jump into the future for ever when its clock steps back once.
    #[test]
    fn a_clock_that_steps_back_neither_clears_nor_freezes_the_window() {
        let (mut window, now) = (seconds(10), Instant::now());
        for n in 0..10 {
            window.record(OK, now + n * SECOND);
        }
        window.record(BAD, now + 2 * SECOND);
        window.record(BAD, now);
        assert_eq!(window.counts(now), Counts { calls: 12, failures: 2, slow: 0 });
        for n in 10..30 {
            window.record(OK, now + n * SECOND);
        }
        assert_eq!(window.counts(now + 29 * SECOND), Counts { calls: 10, failures: 0, slow: 0 });
    }

    #[test]
    fn a_cleared_window_is_empty_and_usable() {
        for mut window in [seconds(3), Window::new(WindowKind::Calls(NonZeroU32::new(3).unwrap()))] {
            let now = Instant::now();
            window.record(BAD, now + SECOND);
            window.clear();
            assert_eq!(window.counts(now + SECOND), Counts::default());
            window.record(BAD, now + SECOND);
            assert_eq!(window.counts(now + SECOND).failures, 1);
        }
    }

    proptest! {
        #[test]
        fn the_time_window_holds_what_a_list_would(
            buckets in 1_u8..12,
            script in proptest::collection::vec((0_u64..2500, any::<bool>(), any::<bool>()), 1..200),
        ) {
            let (mut window, base) = (seconds(buckets), Instant::now());
            let (mut at, mut all) = (0, Vec::new());
            for (step, failed, slow) in script {
                at += step;
                window.record(Call { failed, slow }, base + Duration::from_millis(at));
                // The origin is the first record, so the list counts from there.
                all.push((at, failed, slow));
                let first = all[0].0;
                let latest = (at - first) / 1000;
                let live: Vec<_> =
                    all.iter().filter(|call| latest - (call.0 - first) / 1000 < u64::from(buckets)).collect();
                let expected = Counts {
                    calls: live.len() as u64,
                    failures: live.iter().filter(|call| call.1).count() as u64,
                    slow: live.iter().filter(|call| call.2).count() as u64,
                };
                prop_assert_eq!(window.counts(base + Duration::from_millis(at)), expected);
            }
        }

        #[test]
        fn the_call_window_holds_the_last_calls(
            size in 1_u32..20, script in proptest::collection::vec((any::<bool>(), any::<bool>()), 1..100),
        ) {
            let mut window = Window::new(WindowKind::Calls(NonZeroU32::new(size).unwrap()));
            for (n, (failed, slow)) in script.iter().enumerate() {
                window.record(Call { failed: *failed, slow: *slow }, Instant::now());
                let last = &script[(n + 1).saturating_sub(size as usize)..=n];
                let expected = Counts {
                    calls: last.len() as u64,
                    failures: last.iter().filter(|call| call.0).count() as u64,
                    slow: last.iter().filter(|call| call.1).count() as u64,
                };
                prop_assert_eq!(window.counts(Instant::now()), expected);
            }
        }
    }
}
