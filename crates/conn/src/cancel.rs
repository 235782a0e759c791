//! Ending, from another thread, what a thread waits for.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Cancels what was begun with it, from any thread; clones cancel together, once and for good.
///
/// Whoever waits in a look-up, a dial, a handshake, a read, a write or for a free connection returns at once with
/// [`Cancelled`]. A connection whose read or write is cancelled is lost.
///
/// ```
/// use conn::{CancelToken, Connect, ConnectRequest, Connector, ConnectorConfig, Deadline, Origin, Route};
/// use std::io::Read;
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let authority = listener.local_addr()?.to_string();
/// let cancel = CancelToken::new();
/// let route = Route::new(Origin::http(&authority)?);
/// let request = ConnectRequest::new(&route, Deadline::NEVER).cancelled_by(&cancel);
/// let mut silent = Connector::new(ConnectorConfig::default())?.connect(&request)?.transport;
///
/// let interrupter = silent.interrupter().ok_or("a socket has one")?;
/// let _registered = cancel.on_cancel(interrupter);
/// let other = std::thread::spawn({
///     let cancel = cancel.clone();
///     move || cancel.cancel()
/// });
/// let error = silent.read(&mut [0]).unwrap_err();
/// assert!(conn::Cancelled::is_in(&error));
/// # other.join().unwrap();
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CancelToken(Option<Arc<Inner>>);

#[derive(Default)]
struct Inner {
    is_cancelled: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    next_id: u64,
    interrupts: Vec<(u64, Arc<dyn Interrupt>)>,
}

/// Ends what another thread waits for.
pub trait Interrupt: Send + Sync {
    /// Makes the waiting thread return. It must not wait itself, nor use the token that calls it.
    fn interrupt(&self);
}

static NEVER: CancelToken = CancelToken(None);

impl CancelToken {
    /// Makes a token that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Returns the token that cannot be cancelled. It costs nothing.
    #[must_use]
    pub fn never() -> &'static Self {
        &NEVER
    }

    /// Cancels.
    pub fn cancel(&self) {
        if let Some(inner) = &self.0 {
            inner.interrupt();
        }
    }

    /// Has another token cancelled with this one, at once if this one was; until what is returned is dropped.
    #[must_use = "dropping it ends the link"]
    pub fn cancels(&self, other: &Self) -> Registration {
        match &other.0 {
            Some(inner) => self.on_cancel(Arc::<Inner>::clone(inner)),
            None => Registration(None),
        }
    }

    /// Says whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.is_cancelled.load(Ordering::SeqCst))
    }

    /// Fails if it was cancelled.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Says whether anybody could ever cancel it: not for [`never`](Self::never).
    #[must_use]
    pub fn can_be_cancelled(&self) -> bool {
        self.0.is_some()
    }

    /// Has `interrupt` called when the token is cancelled, at once if it was; until what is returned is dropped.
    #[must_use = "dropping it unregisters"]
    pub fn on_cancel(&self, interrupt: Arc<dyn Interrupt>) -> Registration {
        let Some(inner) = &self.0 else { return Registration(None) };
        let mut waiting = inner.lock();
        // Whoever cancels sets the flag before it takes the lock: one of the two sees the other.
        if self.is_cancelled() {
            interrupt.interrupt();
            return Registration(None);
        }
        let id = waiting.next_id;
        waiting.next_id += 1;
        waiting.interrupts.push((id, interrupt));
        Registration(Some((Arc::clone(inner), id)))
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.0 {
            None => "never",
            Some(_) if self.is_cancelled() => "cancelled",
            Some(_) => "open",
        };
        write!(f, "CancelToken({state})")
    }
}

impl Interrupt for Inner {
    fn interrupt(&self) {
        self.is_cancelled.store(true, Ordering::SeqCst);
        // Under the lock: a registration that has been dropped is never interrupted afterwards, or a connection that
        // went on to somebody else would be hit.
        for (_, interrupt) in self.lock().interrupts.drain(..) {
            interrupt.interrupt();
        }
    }
}

impl Inner {
    /// An interrupt that panicked leaves the list whole.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps an interrupt registered; dropping it ends that.
pub struct Registration(Option<(Arc<Inner>, u64)>);

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some((inner, id)) = self.0.take() {
            let mut waiting = inner.lock();
            let place = waiting.interrupts.iter().position(|(of, _)| *of == id);
            let removed = place.map(|place| waiting.interrupts.swap_remove(place));
            drop(waiting);
            // It may be the last owner of a socket.
            drop(removed);
        }
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registration")
    }
}

/// The token was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

impl Cancelled {
    /// Says whether a [`Transport`](crate::Transport)'s error means that it was interrupted.
    #[must_use]
    pub fn is_in(error: &io::Error) -> bool {
        let inner = error.get_ref();
        inner.and_then(|inner| inner.downcast_ref::<Self>()).is_some()
    }
}

impl From<Cancelled> for io::Error {
    fn from(cancelled: Cancelled) -> Self {
        // Not `Interrupted`: std's loops would try again.
        Self::new(io::ErrorKind::ConnectionAborted, cancelled)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Count {
        fn get(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    impl Interrupt for Count {
        fn interrupt(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn what_is_registered_is_interrupted_once() {
        let (token, count) = (CancelToken::new(), Arc::new(Count::default()));
        let kept = token.on_cancel(Arc::clone(&count) as Arc<dyn Interrupt>);
        drop(token.on_cancel(Arc::clone(&count) as Arc<dyn Interrupt>));
        assert_eq!((token.check(), count.get()), (Ok(()), 0));
        token.clone().cancel();
        token.cancel();
        assert_eq!((token.check(), count.get()), (Err(Cancelled), 1));
        drop(kept);
    }

    #[test]
    fn what_is_registered_too_late_is_interrupted_at_once() {
        let (token, count) = (CancelToken::new(), Arc::new(Count::default()));
        token.cancel();
        let _late = token.on_cancel(Arc::clone(&count) as Arc<dyn Interrupt>);
        assert_eq!(count.get(), 1);
    }

    #[test]
    fn the_token_that_never_cancels_does_not() {
        let (token, count) = (CancelToken::never(), Arc::new(Count::default()));
        let _registered = token.on_cancel(Arc::clone(&count) as Arc<dyn Interrupt>);
        token.cancel();
        assert!(!token.is_cancelled() && !token.can_be_cancelled());
        assert_eq!((count.get(), Arc::strong_count(&count)), (0, 1));
    }

    #[test]
    fn it_is_found_again_inside_an_io_error() {
        let error = io::Error::from(Cancelled);
        assert!(Cancelled::is_in(&error));
        assert_ne!(error.kind(), io::ErrorKind::Interrupted);
        assert!(!Cancelled::is_in(&io::ErrorKind::ConnectionAborted.into()));
    }

    #[test]
    fn a_token_cancels_those_that_are_linked_to_it_as_long_as_they_are() {
        let (all, one, other) = (CancelToken::new(), CancelToken::new(), CancelToken::new());
        let linked = [all.cancels(&one), one.cancels(&other), CancelToken::never().cancels(&one)];
        drop(CancelToken::new().cancels(CancelToken::never()));
        drop(all.cancels(CancelToken::never()));
        let gone = CancelToken::new();
        drop(all.cancels(&gone));
        all.cancel();
        assert_eq!([&one, &other, &gone].map(CancelToken::is_cancelled), [true, true, false]);
        let late = CancelToken::new();
        let _linked = all.cancels(&late);
        assert!(late.is_cancelled());
        drop(linked);
    }
}
