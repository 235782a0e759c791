//! A mutex, a condition variable and an atomic that are shuttle's inside [`explore`] and std's elsewhere, so that unit tests and
//! models run in one binary without a cfg.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{self, Ordering};
use std::sync::{LockResult, PoisonError};
use std::time::Duration;

thread_local! {
    /// All tasks of a model run on the thread that started it.
    static MODELLED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `model` under many interleavings of its `shuttle::thread`s; a deadlock or a failed assertion fails the test.
pub(crate) fn explore(model: impl Fn() + Send + Sync + 'static) {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            MODELLED.set(false);
        }
    }
    MODELLED.set(true);
    let _leave = Leave;
    let model = std::sync::Arc::new(model);
    let first = std::sync::Arc::clone(&model);
    // Few threads with few steps: depth-first covers all their interleavings, or as many as fit; random ones and
    // those with few forced switches reach what lies deep.
    shuttle::check_dfs(move || first(), Some(2_000));
    let second = std::sync::Arc::clone(&model);
    shuttle::check_random(move || second(), 1_000);
    shuttle::check_pct(move || model(), 1_000, 3);
}

#[derive(Debug)]
pub(crate) enum Mutex<T> {
    Std(std::sync::Mutex<T>),
    Model(shuttle::sync::Mutex<T>),
}

#[derive(Debug)]
pub(crate) enum Guard<'a, T> {
    Std(std::sync::MutexGuard<'a, T>),
    Model(shuttle::sync::MutexGuard<'a, T>),
}

#[derive(Debug)]
pub(crate) enum Condvar {
    Std(std::sync::Condvar),
    Model(shuttle::sync::Condvar),
}

#[derive(Debug)]
pub(crate) enum AtomicU64 {
    Std(atomic::AtomicU64),
    Model(shuttle::sync::atomic::AtomicU64),
}

impl AtomicU64 {
    pub(crate) fn new(value: u64) -> Self {
        if MODELLED.get() {
            Self::Model(shuttle::sync::atomic::AtomicU64::new(value))
        } else {
            Self::Std(atomic::AtomicU64::new(value))
        }
    }

    pub(crate) fn load(&self, ordering: Ordering) -> u64 {
        match self {
            Self::Std(word) => word.load(ordering),
            Self::Model(word) => word.load(ordering),
        }
    }

    pub(crate) fn store(&self, value: u64, ordering: Ordering) {
        match self {
            Self::Std(word) => word.store(value, ordering),
            Self::Model(word) => word.store(value, ordering),
        }
    }
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        if MODELLED.get() {
            Self::Model(shuttle::sync::Mutex::new(value))
        } else {
            Self::Std(std::sync::Mutex::new(value))
        }
    }

    pub(crate) fn lock(&self) -> LockResult<Guard<'_, T>> {
        match self {
            Self::Std(mutex) => convert(mutex.lock(), Guard::Std),
            Self::Model(mutex) => convert(mutex.lock(), Guard::Model),
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl Default for Condvar {
    fn default() -> Self {
        if MODELLED.get() {
            Self::Model(shuttle::sync::Condvar::new())
        } else {
            Self::Std(std::sync::Condvar::new())
        }
    }
}

impl Condvar {
    /// Never times out inside a model: a wake-up that is lost is a deadlock there.
    pub(crate) fn wait_timeout_while<'a, T>(
        &self,
        guard: Guard<'a, T>,
        limit: Duration,
        holds: impl FnMut(&mut T) -> bool,
    ) -> LockResult<Guard<'a, T>> {
        match (self, guard) {
            (Self::Std(condvar), Guard::Std(guard)) => {
                convert(condvar.wait_timeout_while(guard, limit, holds), |(guard, _)| Guard::Std(guard))
            }
            (Self::Model(condvar), Guard::Model(guard)) => {
                convert(condvar.wait_while(guard, holds), Guard::Model)
            }
            _ => panic!("one of the two was made outside the model"),
        }
    }

    pub(crate) fn notify_one(&self) {
        match self {
            Self::Std(condvar) => condvar.notify_one(),
            Self::Model(condvar) => condvar.notify_one(),
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Std(guard) => guard,
            Self::Model(guard) => guard,
        }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Self::Std(guard) => guard,
            Self::Model(guard) => guard,
        }
    }
}

fn convert<A, B>(result: LockResult<A>, wrap: impl Fn(A) -> B) -> LockResult<B> {
    match result {
        Ok(guard) => Ok(wrap(guard)),
        Err(poisoned) => Err(PoisonError::new(wrap(poisoned.into_inner()))),
    }
}
