//! How many retries the calls that went well have paid for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sync::{Lock, Word};

/// Limits retries to a share of the calls that succeed, so that an outage is not answered with more load.
///
/// A count of retries per call does not protect a server: with three retries, a server that is down receives four
/// times its usual load. A budget looks at all calls together. It is a bucket of tokens: a success adds a tenth of
/// one, a retry takes one (after a timeout or a throttling two), and a retry that helped puts one back. In an outage
/// the bucket runs dry after a few retries, and then calls fail at once, as they would have anyway.
///
/// Keep one for each server; [`RetryBudget::within`] adds one over all of them. A clone is another handle to the same
/// bucket. Compare the retry throttling of gRPC and the retry quota of AWS; resilience4j and Polly have none.
///
/// ```
/// use std::time::Instant;
/// use resilience::{BudgetConfig, RetryBudget};
///
/// let mut config = BudgetConfig::default();
/// config.capacity = 1;
/// let (budget, now) = (RetryBudget::new(config), Instant::now());
/// let first = budget.withdraw(now, 1000);
/// assert!(first.is_some());
/// assert!(budget.withdraw(now, 1000).is_none());
/// // A token that was not spent goes back when it is dropped.
/// drop(first);
/// assert_eq!(budget.level(now), 1000);
/// ```
#[derive(Clone, Debug)]
pub struct RetryBudget(Arc<Shared>);

/// What a [`RetryBudget`] allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetConfig {
    /// What a success adds, in thousandths of a token; 100 by default, so that retries add a tenth to the load. Raise
    /// it where answers matter more than load.
    pub ratio_permille: u16,
    /// How many tokens the bucket holds, and holds at first; 20 by default: enough for a short hiccup of a busy
    /// client, and little in an outage.
    pub capacity: u16,
    /// What time alone adds, in thousandths of a token per second; 100 by default, one token in ten seconds. It lets a
    /// client retry that sends once a minute. Each client of a fleet gets it, so keep it small.
    pub trickle_permille: u32,
    /// Whether a retry that succeeded puts a token back instead of adding the share of a success; on by default. It
    /// keeps retries going where they help: when a server fails at random rather than under load.
    pub refund_on_success: bool,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self { ratio_permille: 100, capacity: 20, trickle_permille: 100, refund_on_success: true }
    }
}

impl RetryBudget {
    /// Makes a full bucket.
    #[must_use]
    pub fn new(config: BudgetConfig) -> Self {
        Self::make(config, None)
    }

    /// Makes a full bucket under another: a withdrawal needs both, and a success pays into both.
    ///
    /// ```
    /// use resilience::{BudgetConfig, RetryBudget};
    ///
    /// let all = RetryBudget::new(BudgetConfig::default());
    /// let one_server = RetryBudget::within(&all, BudgetConfig::default());
    /// # let _ = one_server;
    /// ```
    #[must_use]
    pub fn within(parent: &Self, config: BudgetConfig) -> Self {
        Self::make(config, Some(parent.clone()))
    }

    fn make(config: BudgetConfig, parent: Option<Self>) -> Self {
        let bucket = Lock::new(Bucket::new(config));
        Self(Arc::new(Shared {
            bucket,
            full: Word::new(1),
            refund_on_success: config.refund_on_success,
            parent,
        }))
    }

    /// Adds the share of one call that succeeded without a retry.
    pub fn deposit(&self, now: Instant) {
        for budget in self.chain() {
            // To fill what is full changes nothing: most successes need no lock.
            if budget.0.full.get() == 0 {
                budget.0.step(|bucket| bucket.deposit(now));
            }
        }
    }

    /// Takes `millitokens` (1000 are one token), or nothing.
    #[must_use]
    pub fn withdraw(&self, now: Instant, millitokens: u32) -> Option<Token> {
        if !self.0.step(|bucket| bucket.withdraw(now, millitokens)) {
            return None;
        }
        // From here on the drop of the token gives back what was taken, also when the parent refuses.
        let mut token =
            Token { budget: self.clone(), parent: None, millitokens, refundable: true, spent: false };
        if let Some(parent) = &self.0.parent {
            token.parent = Some(Box::new(parent.withdraw(now, millitokens)?));
        }
        Some(token)
    }

    /// Tells how many thousandths of a token are left; with a parent, the smaller of both.
    #[must_use]
    pub fn level(&self, now: Instant) -> u32 {
        self.chain().map(|budget| budget.0.step(|bucket| bucket.level(now))).min().unwrap_or(0)
    }

    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |budget| budget.0.parent.as_ref())
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new(BudgetConfig::default())
    }
}

#[derive(Debug)]
struct Shared {
    bucket: Lock<Bucket>,
    /// One while the bucket is full.
    full: Word,
    refund_on_success: bool,
    parent: Option<RetryBudget>,
}

impl Shared {
    fn step<R>(&self, step: impl FnOnce(&mut Bucket) -> R) -> R {
        self.bucket.with(|bucket| {
            let result = step(bucket);
            self.full.set(u64::from(bucket.level == bucket.capacity));
            result
        })
    }
}

/// What was taken for one retry. Dropped before [`Token::spend`], it goes back in full.
#[derive(Debug)]
#[must_use = "dropping a token gives it back"]
pub struct Token {
    budget: RetryBudget,
    parent: Option<Box<Self>>,
    millitokens: u32,
    refundable: bool,
    spent: bool,
}

impl Token {
    /// Says that the retry has begun: from here on the token does not come back by itself.
    pub fn spend(&mut self) {
        self.spent = true;
        if let Some(parent) = &mut self.parent {
            parent.spend();
        }
    }

    /// Says that this retry cannot earn its token back, because it takes the place of somebody else's first try.
    pub(crate) fn forfeit_refund(&mut self) {
        self.refundable = false;
        if let Some(parent) = &mut self.parent {
            parent.forfeit_refund();
        }
    }

    /// Settles a retry that succeeded: one token comes back, or the share of a success where the budget, or a
    /// throttling, forbids the refund.
    pub fn succeeded(mut self, now: Instant) {
        self.settle(now);
    }

    fn settle(&mut self, now: Instant) {
        self.spent = true;
        let refund = self.refundable && self.budget.0.refund_on_success;
        let back = self.millitokens.min(WHOLE);
        self.budget.0.step(|bucket| if refund { bucket.give_back(back) } else { bucket.deposit(now) });
        if let Some(parent) = &mut self.parent {
            parent.settle(now);
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if !self.spent {
            self.budget.0.step(|bucket| bucket.give_back(self.millitokens));
        }
    }
}

/// Millitokens of one token.
const WHOLE: u32 = 1000;
/// Units of one millitoken: with this many, what trickles in during one nanosecond is a whole number of units, so that
/// nothing is ever rounded.
const UNITS: u64 = 1_000_000_000;

/// The arithmetic, without the lock.
#[derive(Debug)]
struct Bucket {
    level: u64,
    capacity: u64,
    share: u64,
    trickle: u64,
    seen: Option<Instant>,
}

impl Bucket {
    fn new(config: BudgetConfig) -> Self {
        let capacity = u64::from(config.capacity) * u64::from(WHOLE) * UNITS;
        Self {
            level: capacity,
            capacity,
            share: u64::from(config.ratio_permille) * UNITS,
            trickle: u64::from(config.trickle_permille),
            seen: None,
        }
    }

    fn refill(&mut self, now: Instant) {
        let Some(seen) = self.seen else {
            self.seen = Some(now);
            return;
        };
        // A time before the last one adds nothing, and does not turn the clock back: it would add twice.
        let passed = now.saturating_duration_since(seen);
        if passed > Duration::ZERO {
            self.seen = Some(now);
            let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
            self.add(nanos.saturating_mul(self.trickle));
        }
    }

    fn deposit(&mut self, now: Instant) {
        self.refill(now);
        self.add(self.share);
    }

    fn withdraw(&mut self, now: Instant, millitokens: u32) -> bool {
        self.refill(now);
        let left = self.level.checked_sub(u64::from(millitokens) * UNITS);
        if let Some(left) = left {
            self.level = left;
        }
        left.is_some()
    }

    fn give_back(&mut self, millitokens: u32) {
        self.add(u64::from(millitokens) * UNITS);
    }

    fn add(&mut self, units: u64) {
        self.level = self.level.saturating_add(units).min(self.capacity);
    }

    fn level(&mut self, now: Instant) -> u32 {
        self.refill(now);
        u32::try_from(self.level / UNITS).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
