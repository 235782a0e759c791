//! Blocking look-ups on a bounded number of threads: one per name at a time, and nobody waits past the deadline.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::ResolverLimits;
use crate::cancel::{CancelToken, Interrupt};
use crate::clock::{Clock, SystemClock};
use crate::deadline::Deadline;
use crate::error::ConnectError;

/// Looks up one name, and blocks for as long as it takes.
pub(super) type Blocking = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// What a look-up found, for all who asked for it.
type Answer = Result<Vec<SocketAddr>, Arc<io::Error>>;

/// The threads, and the names that are being looked up.
pub(super) struct Lookups(Arc<Shared>);

struct Shared {
    limits: ResolverLimits,
    blocking: Box<Blocking>,
    state: Mutex<State>,
    /// There is a name to look up, or the last who could ask has gone.
    work: Condvar,
}

#[derive(Default)]
struct State {
    /// Names that wait for a thread, first come, first served.
    queue: VecDeque<Arc<str>>,
    /// Every name that waits or is being looked up.
    flights: HashMap<Arc<str>, Flight>,
    threads: usize,
    /// Threads that wait for work.
    idle: usize,
    closed: bool,
}

/// One look-up.
struct Flight {
    waiters: usize,
    landing: Arc<Landing>,
}

/// Where those who asked for a name wait for its answer.
#[derive(Default)]
struct Landing {
    answer: Mutex<Option<Answer>>,
    landed: Condvar,
}

impl Lookups {
    /// Starts no thread yet.
    pub(super) fn new(limits: ResolverLimits, blocking: Box<Blocking>) -> Self {
        let limits = ResolverLimits { threads: limits.threads.max(1), ..limits };
        Self(Arc::new(Shared { limits, blocking, state: Mutex::default(), work: Condvar::new() }))
    }

    pub(super) fn limits(&self) -> &ResolverLimits {
        &self.0.limits
    }

    /// Returns the addresses of a name, none of them with a port.
    ///
    /// # Errors
    /// The look-up failed or found nothing, the deadline passed, it was cancelled, or too many names are waiting.
    pub(super) fn look_up(
        &self,
        host: &str,
        by: Deadline,
        cancel: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let failed = |source| ConnectError::Resolve { host: host.to_owned(), source };
        // A quick answer would hide it.
        cancel.check()?;
        let (landing, starts_thread) = self.0.join(host).map_err(failed)?;
        if starts_thread {
            let shared = Arc::clone(&self.0);
            let thread = thread::Builder::new().name("conn-resolver".to_owned());
            if let Err(error) = thread.spawn(move || shared.work()) {
                self.0.lost_thread(error);
            }
        }
        match landing.wait(by, cancel) {
            Ok(Ok(addresses)) if addresses.is_empty() => {
                Err(ConnectError::NoAddress { host: host.to_owned() })
            }
            Ok(Ok(addresses)) => Ok(addresses),
            // An io::Error cannot be cloned, and several may have asked.
            Ok(Err(error)) => Err(failed(io::Error::new(error.kind(), error))),
            Err(ended) => {
                self.0.leave(host, &landing);
                Err(ended)
            }
        }
    }
}

impl Drop for Lookups {
    /// Nobody can ask any more: threads end as soon as they have no work.
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the look-up of a name, or queues one. Tells whether the caller has to start a thread for it.
    fn join(&self, host: &str) -> io::Result<(Arc<Landing>, bool)> {
        let mut state = self.lock();
        if let Some(flight) = state.flights.get_mut(host) {
            flight.waiters += 1;
            return Ok((Arc::clone(&flight.landing), false));
        }
        let startable = self.limits.threads.saturating_sub(state.threads);
        let room = self.limits.queued.saturating_add(state.idle).saturating_add(startable);
        if state.queue.len() >= room {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "too many names wait to be looked up"));
        }
        let (host, landing) = (Arc::<str>::from(host), Arc::<Landing>::default());
        state.queue.push_back(Arc::clone(&host));
        state.flights.insert(host, Flight { waiters: 1, landing: Arc::clone(&landing) });
        let starts_thread = startable > 0 && state.queue.len() > state.idle;
        if starts_thread {
            state.threads += 1;
        } else {
            self.work.notify_one();
        }
        Ok((landing, starts_thread))
    }

    /// Waits no longer for a name. One that nobody waits for is not looked up, unless a thread has begun.
    fn leave(&self, host: &str, landing: &Arc<Landing>) {
        let mut state = self.lock();
        // Another look-up of the same name may have begun.
        let Some(flight) = state.flights.get_mut(host).filter(|flight| Arc::ptr_eq(&flight.landing, landing))
        else {
            return;
        };
        flight.waiters -= 1;
        if flight.waiters > 0 {
            return;
        }
        if let Some(place) = state.queue.iter().position(|queued| **queued == *host) {
            state.queue.remove(place);
            state.flights.remove(host);
        }
    }

    /// A thread could not be started. Without any, nobody would ever answer those who wait.
    fn lost_thread(&self, error: io::Error) {
        let mut state = self.lock();
        state.threads -= 1;
        if state.threads > 0 {
            return;
        }
        let State { queue, flights, .. } = &mut *state;
        let stranded: Vec<_> = queue.drain(..).filter_map(|host| flights.remove(&host)).collect();
        drop(state);
        let error = Arc::new(error);
        for flight in stranded {
            flight.landing.land(Err(Arc::clone(&error)));
        }
    }

    /// What a thread does: looks up names until it has had no work for long enough.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(host) = state.queue.pop_front() {
                drop(state);
                let found = catch_unwind(AssertUnwindSafe(|| (self.blocking)(&host)))
                    .unwrap_or_else(|_| Err(io::Error::other("the look-up panicked")));
                let flight = self.lock().flights.remove(&host);
                if let Some(flight) = flight {
                    flight.landing.land(found.map_err(Arc::new));
                }
                state = self.lock();
                continue;
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let (woken, waited) =
                self.work.wait_timeout(state, self.limits.idle).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }
}

impl Landing {
    fn land(&self, answer: Answer) {
        *self.lock() = Some(answer);
        self.landed.notify_all();
    }

    fn wait(self: &Arc<Self>, by: Deadline, cancel: &CancelToken) -> Result<Answer, ConnectError> {
        let _registered = cancel.on_cancel(Arc::clone(self) as Arc<dyn Interrupt>);
        let mut answer = self.lock();
        loop {
            if let Some(answer) = &*answer {
                return Ok(answer.clone());
            }
            cancel.check()?;
            answer = match by.remaining(SystemClock.now())? {
                Some(left) => {
                    self.landed.wait_timeout(answer, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.landed.wait(answer).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Answer>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interrupt for Landing {
    fn interrupt(&self) {
        // Under the lock: whoever has looked at the token already waits by then.
        let _answer = self.lock();
        self.landed.notify_all();
    }
}

#[cfg(test)]
mod tests;
