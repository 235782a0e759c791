//! How many calls may run at a time.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::{Lock, Signal};

/// Limits how many calls run at a time, so that one slow server does not hold every thread and connection.
///
/// [`try_enter`](Self::try_enter) never waits; [`enter`](Self::enter) queues, first come, first served. Enter after
/// the breaker has admitted the call, and leave before waiting for a retry. A clone is another handle to the same
/// bulkhead.
///
/// ```
/// use std::num::NonZeroU32;
/// use resilience::Bulkhead;
///
/// let bulkhead = Bulkhead::new(NonZeroU32::MIN);
/// let slot = bulkhead.try_enter()?;
/// assert!(bulkhead.try_enter().is_err());
/// drop(slot);
/// assert!(bulkhead.try_enter().is_ok());
/// # Ok::<(), resilience::BulkheadFull>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "ConcurrencyLimiter")]
pub struct Bulkhead(Arc<Lock<Inner>>);

/// Tells that no place is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {limit} places of the bulkhead are taken")]
#[non_exhaustive]
pub struct BulkheadFull {
    /// How many places there are.
    pub limit: u32,
}

impl Bulkhead {
    /// Lets `limit` calls run at a time, and at most 1024 wait.
    #[must_use]
    #[doc(alias = "maxConcurrentCalls")]
    #[doc(alias = "PermitLimit")]
    pub fn new(limit: NonZeroU32) -> Self {
        Self::with_queue(limit, 1024)
    }

    /// Lets `limit` calls run at a time, and at most `queue` wait.
    #[must_use]
    #[doc(alias = "QueueLimit")]
    pub fn with_queue(limit: NonZeroU32, queue: usize) -> Self {
        let inner = Inner { limit: limit.get(), running: 0, waiting: VecDeque::new(), queue, next_ticket: 0 };
        Self(Arc::new(Lock::new(inner)))
    }

    /// Takes a place if one is free and nobody waits for it.
    ///
    /// # Errors
    ///
    /// [`BulkheadFull`] if none is.
    pub fn try_enter(&self) -> Result<Slot, BulkheadFull> {
        self.0.with(Inner::try_enter)?;
        Ok(Slot(self.clone()))
    }

    /// Takes a place, and blocks the thread for at most `max_wait` until it has one.
    ///
    /// # Errors
    ///
    /// [`BulkheadFull`] if none is free so soon, or too many wait already.
    #[doc(alias = "maxWaitDuration")]
    pub fn enter(&self, max_wait: Duration) -> Result<Slot, BulkheadFull> {
        let Some((ticket, signal)) = self.0.with(Inner::join)? else { return Ok(Slot(self.clone())) };
        self.0.wait_while(&signal, max_wait, |inner| inner.waits(ticket));
        self.stop_waiting(ticket)
    }

    /// Leaves the queue, or takes the place that was handed over, perhaps after the wait had ended.
    fn stop_waiting(&self, ticket: u64) -> Result<Slot, BulkheadFull> {
        self.0.with(|inner| if inner.leave(ticket) { Err(inner.full()) } else { Ok(()) })?;
        Ok(Slot(self.clone()))
    }

    /// Changes how many calls may run. It never waits: calls beyond a smaller limit run to their end.
    pub fn set_limit(&self, limit: NonZeroU32) {
        self.0.with(|inner| {
            inner.limit = limit.get();
            inner.hand_over();
        });
    }

    /// Tells how many calls run and how many wait.
    #[must_use]
    pub fn load(&self) -> BulkheadLoad {
        self.0.with(|inner| BulkheadLoad {
            limit: inner.limit,
            running: inner.running,
            waiting: inner.waiting.len(),
        })
    }
}

/// How full a [`Bulkhead`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkheadLoad {
    /// How many calls may run.
    pub limit: u32,
    /// How many run; above the limit only after it shrank.
    pub running: u32,
    /// How many wait.
    pub waiting: usize,
}

/// One place in a [`Bulkhead`]; dropped, it is free.
#[derive(Debug)]
#[must_use = "a slot that is dropped is free at once"]
pub struct Slot(Bulkhead);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.0.with(Inner::exit);
    }
}

#[derive(Debug)]
struct Inner {
    limit: u32,
    running: u32,
    waiting: VecDeque<(u64, Arc<Signal>)>,
    queue: usize,
    next_ticket: u64,
}

impl Inner {
    fn full(&self) -> BulkheadFull {
        BulkheadFull { limit: self.limit }
    }

    fn try_enter(&mut self) -> Result<(), BulkheadFull> {
        // Who waits comes first. With a free place nobody does, because places are handed over.
        if self.running >= self.limit {
            return Err(self.full());
        }
        self.running += 1;
        Ok(())
    }

    /// Takes a place, or one in the queue.
    fn join(&mut self) -> Result<Option<(u64, Arc<Signal>)>, BulkheadFull> {
        if self.try_enter().is_ok() {
            return Ok(None);
        }
        if self.waiting.len() >= self.queue {
            return Err(self.full());
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let signal = Arc::new(Signal::default());
        self.waiting.push_back((ticket, Arc::clone(&signal)));
        Ok(Some((ticket, signal)))
    }

    fn waits(&self, ticket: u64) -> bool {
        self.waiting.iter().any(|waiter| waiter.0 == ticket)
    }

    /// Leaves the queue; false if the place was handed over before.
    fn leave(&mut self, ticket: u64) -> bool {
        let waited = self.waiting.len();
        self.waiting.retain(|waiter| waiter.0 != ticket);
        self.waiting.len() < waited
    }

    fn exit(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.hand_over();
    }

    /// Gives free places to those who wait longest: a place that lay free would go to whoever comes by.
    fn hand_over(&mut self) {
        while self.running < self.limit
            && let Some((_, signal)) = self.waiting.pop_front()
        {
            self.running += 1;
            signal.notify();
        }
    }
}

#[cfg(test)]
mod tests;
