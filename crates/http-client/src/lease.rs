//! Connections on loan: a hand-held one is borrowed, a pooled one goes home in the very read that ends its response.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use conn::{ConnectRequest, ConnectionPool, PoolSnapshot, Slot};

use crate::error::Error;
use crate::link::{Link, Provenance};
use crate::policy::keep_alive;

/// Shells beyond this many are dropped: more requests than that at once are rare.
const MAX_SHELLS: usize = 16;

/// The connections of a client, and the buffers that no connection uses.
pub(crate) struct Depot {
    /// Or why there is none.
    pool: Result<ConnectionPool, Error>,
    shells: Mutex<Vec<Link>>,
}

impl Depot {
    pub(crate) fn new(pool: Result<ConnectionPool, Error>) -> Self {
        Self { pool, shells: Mutex::default() }
    }

    /// Lends buffers without a connection.
    pub(crate) fn shell(self: &Arc<Self>) -> Pooled {
        let link = self.shells().pop().unwrap_or_default();
        Pooled { link, slot: None, depot: Arc::clone(self) }
    }

    /// Makes idle connections until `upto` are there, and returns how many it made.
    pub(crate) fn warm(&self, request: &ConnectRequest<'_>, upto: usize) -> Result<usize, Error> {
        Ok(self.pool()?.warm(request, upto)?)
    }

    pub(crate) fn snapshot(&self) -> PoolSnapshot {
        self.pool.as_ref().map(ConnectionPool::snapshot).unwrap_or_default()
    }

    /// Closes every idle connection.
    pub(crate) fn close_idle(&self) {
        if let Ok(pool) = &self.pool {
            pool.close_idle();
        }
    }

    fn pool(&self) -> Result<&ConnectionPool, Error> {
        self.pool.as_ref().map_err(Clone::clone)
    }

    fn keep_shell(&self, shell: Link) {
        let mut shells = self.shells();
        if shells.len() < MAX_SHELLS {
            shells.push(shell);
        }
    }

    /// A panic elsewhere leaves the list whole.
    fn shells(&self) -> MutexGuard<'_, Vec<Link>> {
        self.shells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A link on loan.
#[expect(clippy::large_enum_variant, reason = "boxing the pooled link would cost an allocation per request")]
pub(crate) enum Lease<'c> {
    /// From a [`Connection`](crate::Connection); whatever is left of the response is its business.
    Borrowed(&'c mut Link),
    /// From a client.
    Pooled(Pooled),
}

/// A link whose connection goes back to the pool, and whose buffers go back to the depot.
pub(crate) struct Pooled {
    link: Link,
    /// Held as long as the link has a connection.
    slot: Option<Slot>,
    depot: Arc<Depot>,
}

impl Pooled {
    pub(crate) fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Takes a connection: an idle one if there is one and `fresh` does not forbid it.
    pub(crate) fn connect(&mut self, request: &ConnectRequest<'_>, fresh: bool) -> Result<(), Error> {
        let pool = self.depot.pool()?;
        let leased = if fresh { pool.lease_fresh(request)? } else { pool.lease(request)? };
        let made = Provenance {
            is_reused: leased.is_reused(),
            served: leased.requests(),
            dial: leased.timings(),
            waited: leased.waited(),
        };
        let (transport, slot) = leased.into_parts();
        self.link.attach(transport, made, request.cancel);
        self.slot = Some(slot);
        Ok(())
    }

    fn give_back(&mut self) {
        if !self.link.is_complete() || self.link.is_handed_over() {
            return;
        }
        // Without a connection the slot is freed here: the exchange has closed it.
        if let Some(mut slot) = self.slot.take()
            && let Some(transport) = self.link.detach()
        {
            slot.answered(keep_alive::hint(&self.link.message.head.headers));
            slot.give_back(transport);
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        // Drained if all of it is here, else closed: dropping never waits.
        self.link.drain_buffered();
        self.give_back();
        drop(self.link.detach());
        drop(self.slot.take());
        // Who waits to be let go by the caller's functions waits no longer than for the response.
        (self.link.on_informational, self.link.tap) = (None, None);
        self.depot.keep_shell(std::mem::take(&mut self.link));
    }
}

impl Lease<'_> {
    /// Sends a pooled connection home as soon as its response is complete.
    pub(crate) fn give_back(&mut self) {
        if let Self::Pooled(pooled) = self {
            pooled.give_back();
        }
    }
}

impl Deref for Lease<'_> {
    type Target = Link;

    fn deref(&self) -> &Link {
        match self {
            Self::Borrowed(link) => link,
            Self::Pooled(pooled) => &pooled.link,
        }
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Link {
        match self {
            Self::Borrowed(link) => link,
            Self::Pooled(pooled) => &mut pooled.link,
        }
    }
}
