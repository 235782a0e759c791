//! The waiting pool: lends idle connections, makes those that are missing, and lets who comes too early wait its turn.

mod leased;
mod shards;
mod signal;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use leased::{Leased, Slot};
use shards::Shards;
use signal::Signal;
use tracing::debug;

use crate::cancel::Interrupt;
use crate::clock::Clock;
use crate::connect::{Connect, ConnectRequest, Connected, DialTimings};
use crate::deadline::Phase;
use crate::error::ConnectError;
use crate::pool::{Kept, Lent, PoolLimits, PoolSnapshot, Ticket, Want};
use crate::route::Route;
use crate::transport::{Liveness, Transport};

/// Connections that are kept for the next one who goes the same way, for any number of threads. Cloning shares all.
///
/// No lock is held while bytes move, while a connection is made, probed or closed, or while code of the user's runs.
///
/// ```
/// use conn::{
///     ConnectRequest, ConnectionPool, Connector, ConnectorConfig, Deadline, Origin, PeerHint, PoolLimits, Route, SystemClock,
/// };
/// use std::sync::Arc;
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let authority = listener.local_addr()?.to_string();
/// let connector = Arc::new(Connector::new(ConnectorConfig::default())?);
/// let pool = ConnectionPool::new(connector, PoolLimits::default(), Arc::new(SystemClock));
/// let route = Route::new(Origin::http(&authority)?);
/// let request = ConnectRequest::new(&route, Deadline::NEVER);
///
/// let mut first = pool.lease(&request)?;
/// assert!(!first.is_reused());
/// // Write a request, read its response; then, if the peer keeps the connection:
/// first.answered(PeerHint::default());
/// first.give_back();
///
/// let again = pool.lease(&request)?;
/// assert_eq!((again.is_reused(), again.requests()), (true, 1));
/// drop(again); // Closes it.
/// assert_eq!(pool.snapshot().idle, 0);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ConnectionPool(Arc<Shared>);

struct Shared {
    connect: Arc<dyn Connect>,
    clock: Arc<dyn Clock>,
    limits: PoolLimits,
    shards: Shards,
}

impl ConnectionPool {
    /// Makes an empty pool over what connects. Whoever waits its turn sleeps in real time, for as long as `clock` says is left.
    #[must_use]
    pub fn new(connect: Arc<dyn Connect>, limits: PoolLimits, clock: Arc<dyn Clock>) -> Self {
        let shards = Shards::new(limits, clock.now());
        Self(Arc::new(Shared { connect, clock, limits, shards }))
    }

    /// Lends a connection along the request's route: the idle one that was returned last and is still open and silent, or
    /// one that is made. Beyond [`PoolLimits::active_per_route`] it waits its turn, first come, first served.
    ///
    /// # Errors
    /// [`ConnectError::Timeout`] in [`Phase::Pool`] if the deadline passes while it waits, [`ConnectError::Cancelled`],
    /// or why no connection could be made.
    pub fn lease(&self, request: &ConnectRequest<'_>) -> Result<Leased, ConnectError> {
        self.lend(request, Want::Any)
    }

    /// Lends a connection that is made for this request, within the same bounds.
    ///
    /// # Errors
    /// As [`lease`](Self::lease).
    pub fn lease_fresh(&self, request: &ConnectRequest<'_>) -> Result<Leased, ConnectError> {
        self.lend(request, Want::Fresh)
    }

    /// Makes idle connections until `upto` are there, in this thread, and returns how many it made. Fewer if the limits
    /// allow no more.
    ///
    /// # Errors
    /// Why the next one could not be made; those before it stay.
    pub fn warm(&self, request: &ConnectRequest<'_>, upto: usize) -> Result<usize, ConnectError> {
        // Counted besides: others may take what is made.
        for made in 0..upto {
            request.cancel.check()?;
            let Shared { connect, clock, shards, .. } = &*self.0;
            let (route, now) = (request.route, clock.now());
            if !shards.run(route, now, |state, _| state.pool.reserve(route, upto)) {
                return Ok(made);
            }
            let mut slot = self.slot(route, now);
            let transport = connect.connect(request)?.transport;
            slot.begin();
            slot.give_back(transport);
        }
        Ok(upto)
    }

    /// Closes every idle connection. Those that are lent come back.
    pub fn close_idle(&self) {
        self.0.shards.clear();
    }

    /// Returns the pool in numbers. While other threads use it, the numbers are taken a moment apart.
    #[must_use]
    pub fn snapshot(&self) -> PoolSnapshot {
        self.0.shards.snapshot()
    }

    fn lend(&self, request: &ConnectRequest<'_>, want: Want) -> Result<Leased, ConnectError> {
        request.cancel.check()?;
        let Shared { connect, clock, limits, shards } = &*self.0;
        let (route, began) = (request.route, clock.now());
        let (mut lent, waited) = match shards
            .run(route, began, |state, gone| state.acquire(route, want, began, gone))
        {
            Ok(lent) => (lent, Duration::ZERO),
            Err((ticket, signal)) => {
                let lent = Waiting { shared: &self.0, route, ticket: Some(ticket) }.wait(request, &signal)?;
                (lent, clock.now().saturating_duration_since(began))
            }
        };
        // Frees the slot however this ends, by a panic of a connector too.
        let mut slot = self.slot(route, began);
        while let Lent::Idle(kept) = lent {
            let (mut transport, history) = kept.into_parts();
            let is_young = history.idle_for() < limits.probe_after;
            let liveness = if is_young { Liveness::Idle } else { transport.probe() };
            if liveness == Liveness::Idle {
                slot.resume(history);
                return Ok(Leased::new(transport, slot, DialTimings::default(), waited));
            }
            debug!(target: "conn", { server.address = route.origin().host_str(), ?liveness }, "a stale connection is closed");
            drop(transport);
            let now = clock.now();
            lent = shards.run(route, now, |state, gone| state.pool.replace_stale(route, now, gone));
        }
        let Connected { transport, timings, .. } = connect.connect(request)?;
        slot.begin();
        Ok(Leased::new(transport, slot, timings, waited))
    }

    fn slot(&self, route: &Route, now: Instant) -> Slot {
        Slot::new(Arc::clone(&self.0), route.clone(), now)
    }
}

impl fmt::Debug for ConnectionPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { limits, shards, .. } = &*self.0;
        f.debug_struct("ConnectionPool")
            .field("limits", limits)
            .field("snapshot", &shards.snapshot())
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Frees a slot, with the connection if it may serve again, and tells the first who waits for it.
    fn release(&self, route: &Route, kept: Option<Kept<Box<dyn Transport>>>) {
        let now = self.clock.now();
        let next = self.shards.run(route, now, |state, gone| state.release(route, kept, now, gone));
        if let Some(signal) = next {
            signal.raise();
        }
    }
}

/// A place in the queue; dropping it gives it up.
struct Waiting<'a> {
    shared: &'a Shared,
    route: &'a Route,
    /// None once the slot is ours.
    ticket: Option<Ticket>,
}

impl Waiting<'_> {
    fn wait(
        mut self,
        request: &ConnectRequest<'_>,
        signal: &Arc<Signal>,
    ) -> Result<Lent<Box<dyn Transport>>, ConnectError> {
        let Shared { clock, shards, .. } = self.shared;
        let by = request.deadline.during(Phase::Pool);
        let _registered = request.cancel.on_cancel(Arc::clone(signal) as Arc<dyn Interrupt>);
        debug!(target: "conn", { server.address = self.route.origin().host_str() }, "waiting for a free connection");
        loop {
            let now = clock.now();
            let lent = self.ticket.and_then(|ticket| {
                shards.run(self.route, now, |state, gone| state.pool.poll(self.route, ticket, now, gone))
            });
            if let Some(lent) = lent {
                self.ticket = None;
                return Ok(lent);
            }
            request.cancel.check()?;
            signal.wait(by.remaining(now)?);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let now = self.shared.clock.now();
        let next = self
            .shared
            .shards
            .run(self.route, now, |state, gone| state.give_up(self.route, ticket, now, gone));
        if let Some(signal) = next {
            signal.raise();
        }
    }
}
