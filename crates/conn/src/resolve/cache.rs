//! Addresses remembered for a while.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Resolve;
use crate::cancel::CancelToken;
use crate::clock::{Clock, SystemClock};
use crate::deadline::Deadline;
use crate::error::ConnectError;

/// A resolver that remembers what another one found. Nothing uses it unless it is asked to.
///
/// Failures are not remembered. The system's resolver does not tell how long its answers hold, so the time is the
/// caller's choice: a name that moves is looked for at its old place until that is over. Cloning shares what is
/// remembered.
///
/// ```
/// use conn::{CacheLimits, CachingResolver, CancelToken, Deadline, Resolve, SystemResolver};
/// use std::sync::Arc;
///
/// let resolver = CachingResolver::new(Arc::new(SystemResolver::default()), CacheLimits::default());
/// let found = resolver.resolve("localhost", 80, Deadline::NEVER, CancelToken::never())?;
/// assert!(found.iter().all(|address| address.ip().is_loopback()));
/// resolver.clear();
/// # Ok::<_, conn::ConnectError>(())
/// ```
#[derive(Clone)]
pub struct CachingResolver {
    rest: Arc<dyn Resolve>,
    clock: Arc<dyn Clock>,
    cache: Arc<Mutex<Cache>>,
}

/// How much a [`CachingResolver`] remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheLimits {
    /// How long an answer is used. Default 30 s; zero remembers nothing.
    pub keep_for: Duration,
    /// How many names are remembered; the oldest answer goes for one more. Default 256.
    pub names: usize,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { keep_for: Duration::from_secs(30), names: 256 }
    }
}

impl CachingResolver {
    /// Makes a resolver that asks `rest` for what it does not remember.
    #[must_use]
    pub fn new(rest: Arc<dyn Resolve>, limits: CacheLimits) -> Self {
        Self::with_clock(rest, limits, Arc::new(SystemClock))
    }

    /// As [`new`](Self::new), with another clock.
    #[must_use]
    pub fn with_clock(rest: Arc<dyn Resolve>, limits: CacheLimits, clock: Arc<dyn Clock>) -> Self {
        let cache = Cache { limits, answers: HashMap::new() };
        Self { rest, clock, cache: Arc::new(Mutex::new(cache)) }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().answers.clear();
    }

    /// A panic elsewhere leaves the map whole.
    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CachingResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachingResolver").field("names", &self.lock().answers.len()).finish_non_exhaustive()
    }
}

impl Resolve for CachingResolver {
    fn resolve(
        &self,
        host: &str,
        port: u16,
        by: Deadline,
        cancel: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let now = self.clock.now();
        let known = self.lock().find(host, port, now);
        if let Some(known) = known {
            return Ok(known);
        }
        let found = self.rest.resolve(host, port, by, cancel)?;
        let now = self.clock.now();
        self.lock().keep(host, port, &found, now);
        Ok(found)
    }
}

/// What is remembered, by host and port: a resolver may answer differently for another port.
struct Cache {
    limits: CacheLimits,
    answers: HashMap<(Box<str>, u16), Answer>,
}

struct Answer {
    addresses: Vec<SocketAddr>,
    since: Instant,
}

impl Cache {
    fn find(&self, host: &str, port: u16, now: Instant) -> Option<Vec<SocketAddr>> {
        let answer = self.answers.get(&(host.into(), port))?;
        let is_fresh = now.saturating_duration_since(answer.since) < self.limits.keep_for;
        is_fresh.then(|| answer.addresses.clone())
    }

    fn keep(&mut self, host: &str, port: u16, addresses: &[SocketAddr], now: Instant) {
        let CacheLimits { keep_for, names } = self.limits;
        if keep_for.is_zero() || names == 0 || host.parse::<IpAddr>().is_ok() {
            return;
        }
        self.answers.retain(|_, answer| now.saturating_duration_since(answer.since) < keep_for);
        let key = (host.into(), port);
        if self.answers.len() >= names && !self.answers.contains_key(&key) {
            let oldest = self.answers.iter().min_by_key(|(_, answer)| answer.since);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.answers.remove(&oldest);
            }
        }
        self.answers.insert(key, Answer { addresses: addresses.to_vec(), since: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn an_answer_is_used_until_it_is_too_old() {
        let start = Instant::now();
        let mut cache = Cache { limits: CacheLimits { keep_for: S * 3, names: 2 }, answers: HashMap::new() };
        let address = |last: u8| vec![SocketAddr::from(([192, 0, 2, last], 80))];
        cache.keep("a.example", 80, &address(1), start);
        assert_eq!(cache.find("a.example", 80, start + S * 2), Some(address(1)));
        assert_eq!(cache.find("a.example", 81, start + S), None);
        assert_eq!(cache.find("b.example", 80, start + S), None);
        assert_eq!(cache.find("a.example", 80, start + S * 3), None);

        cache.keep("b.example", 80, &address(2), start + S);
        cache.keep("b.example", 80, &address(3), start + S * 2);
        cache.keep("c.example", 80, &address(4), start + S * 2);
        let left = ["a.example", "b.example", "c.example"].map(|host| cache.find(host, 80, start + S * 2));
        assert_eq!(left, [None, Some(address(3)), Some(address(4))], "the oldest went");
    }

    #[test]
    fn nothing_is_kept_where_nothing_may_be() {
        let now = Instant::now();
        for limits in
            [CacheLimits { keep_for: Duration::ZERO, names: 9 }, CacheLimits { keep_for: S, names: 0 }]
        {
            let mut cache = Cache { limits, answers: HashMap::new() };
            cache.keep("a.example", 80, &[SocketAddr::from(([192, 0, 2, 1], 80))], now);
            assert!(cache.answers.is_empty(), "{limits:?}");
        }
    }
}
