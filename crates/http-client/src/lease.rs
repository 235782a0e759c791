//! Connections on loan: a hand-held one is borrowed, a pooled one goes home in the very read that ends its response.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use conn::{Clock, Liveness, Pool, PoolLimits, Route, Transport};
use tracing::debug;

use crate::link::Link;

/// Shells beyond this many are dropped: more requests than that at once are rare.
const MAX_SHELLS: usize = 16;

/// The idle connections of a client, and the buffers that no connection uses.
pub(crate) struct Depot {
    idle: Mutex<Pool<Idle>>,
    shells: Mutex<Vec<Link>>,
    clock: Arc<dyn Clock>,
}

struct Idle {
    transport: Box<dyn Transport>,
    served: u64,
}

impl Depot {
    pub(crate) fn new(limits: PoolLimits, clock: Arc<dyn Clock>) -> Self {
        Self { idle: Mutex::new(Pool::new(limits)), shells: Mutex::default(), clock }
    }

    /// Lends a connection that is open and silent, if there is one. Each candidate is probed outside the lock.
    pub(crate) fn idle(&self, route: &Route) -> Option<(Box<dyn Transport>, u64)> {
        loop {
            let (candidate, expired) = {
                let now = self.clock.now();
                let mut idle = lock(&self.idle);
                (idle.take(route, now), idle.evict(now))
            };
            // Closing may cost system calls: after the lock.
            drop(expired);
            let Idle { mut transport, served } = candidate?;
            match transport.probe() {
                Liveness::Idle => return Some((transport, served)),
                stale => {
                    debug!({ server.address = route.origin().host_str(), ?stale }, "a stale connection is dropped");
                }
            }
        }
    }

    /// Lends buffers without a connection.
    pub(crate) fn shell(&self) -> Link {
        lock(&self.shells).pop().unwrap_or_default()
    }

    fn keep(&self, route: Route, transport: Box<dyn Transport>, served: u64) {
        let now = self.clock.now();
        let (expired, displaced) = {
            let mut idle = lock(&self.idle);
            (idle.evict(now), idle.put(route, Idle { transport, served }, now))
        };
        // Closing may cost system calls: after the lock.
        drop((expired, displaced));
    }

    fn keep_shell(&self, shell: Link) {
        let mut shells = lock(&self.shells);
        if shells.len() < MAX_SHELLS {
            shells.push(shell);
        }
    }

    /// Closes every idle connection.
    pub(crate) fn close_idle(&self) {
        let all = lock(&self.idle).clear();
        drop(all);
    }
}

/// A panic elsewhere leaves both lists whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A link on loan.
#[expect(clippy::large_enum_variant, reason = "boxing the pooled link would cost an allocation per request")]
pub(crate) enum Lease<'c> {
    /// From a [`Connection`](crate::Connection); whatever is left of the response is its business.
    Borrowed(&'c mut Link),
    /// From a client.
    Pooled(Pooled),
}

/// A link whose connection and buffers go back to the depot.
pub(crate) struct Pooled {
    link: Link,
    depot: Arc<Depot>,
    route: Route,
}

impl Pooled {
    pub(crate) fn new(link: Link, depot: Arc<Depot>, route: Route) -> Self {
        Self { link, depot, route }
    }

    pub(crate) fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    fn give_back(&mut self) {
        if self.link.is_complete()
            && let Some((transport, served)) = self.link.detach()
        {
            self.depot.keep(self.route.clone(), transport, served);
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        // DESIGN §6: drained if all of it is here, else closed; dropping never waits.
        self.link.drain_buffered();
        self.give_back();
        drop(self.link.detach());
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
