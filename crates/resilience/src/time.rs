//! Sums with instants that cannot overflow.

use std::time::{Duration, Instant};

/// Adds, or stops at a century from `now`: nobody waits that long, and `Instant` panics past its end.
pub(crate) fn later(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait.min(CENTURY)).unwrap_or(now)
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
