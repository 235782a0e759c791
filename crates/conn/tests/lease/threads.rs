//! Many threads at one pool.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use conn::{
    CancelToken, Clock, ConnectError, ConnectRequest, ConnectionPool, Deadline, Limit, Phase, PoolLimits,
    PoolSnapshot, Route, SystemClock,
};
use proptest::prelude::*;

use super::memory::{Event, Memory};
use super::{counts, lease, one_at_a_time, route, use_once};

const LONG: Duration = Duration::from_secs(10);

fn pool(memory: &Memory, limits: PoolLimits) -> ConnectionPool {
    ConnectionPool::new(Arc::new(memory.clone()), limits, Arc::new(SystemClock))
}

fn within(time: Duration) -> Deadline {
    Deadline::after(SystemClock.now(), Some(time), Limit::Connect)
}

/// Lets other threads run until so many wait.
#[track_caller]
fn until_waiting(pool: &ConnectionPool, count: usize) {
    let began = Instant::now();
    while pool.snapshot().waiting != count {
        assert!(began.elapsed() < LONG, "{:?}", pool.snapshot());
        thread::yield_now();
    }
}

#[test]
fn waiters_are_served_in_the_order_in_which_they_came() {
    let (memory, home, served) = (Memory::default(), route("a"), Mutex::new(Vec::new()));
    let pool = pool(&memory, one_at_a_time());
    let held = lease(&pool, &home);
    thread::scope(|scope| {
        for number in 0..16 {
            let (pool, home, served) = (&pool, &home, &served);
            scope.spawn(move || {
                let leased = pool.lease(&ConnectRequest::new(home, within(LONG))).unwrap();
                served.lock().unwrap().push(number);
                assert!(leased.waited() > Duration::ZERO);
                // Every other one fails its connection, and the next one makes another.
                if number % 2 == 0 { leased.give_back() } else { drop(leased) }
            });
            until_waiting(pool, number + 1);
        }
        held.give_back();
    });
    assert_eq!(served.into_inner().unwrap(), (0..16).collect::<Vec<_>>());
    let PoolSnapshot { waited, gave_up, connects, reused, .. } = counts(&pool, 0, 0);
    assert_eq!((waited, gave_up, connects, reused), (16, 0, 8, 9));
}

#[test]
fn waiting_ends_with_the_deadline_and_leaves_the_queue() {
    let (memory, home) = (Memory::default(), route("a"));
    let pool = pool(&memory, one_at_a_time());
    let held = lease(&pool, &home);
    let began = Instant::now();
    let error = pool.lease(&ConnectRequest::new(&home, within(Duration::from_millis(20)))).unwrap_err();
    let took = began.elapsed();
    assert_eq!(error.is_timeout().unwrap().phase, Phase::Pool);
    assert!((Duration::from_millis(20)..LONG).contains(&took), "{took:?}");
    held.give_back();
    assert_eq!(counts(&pool, 1, 0).gave_up, 1);
}

#[test]
fn waiting_ends_within_10_ms_when_it_is_cancelled() {
    let (memory, home) = (Memory::default(), route("a"));
    let pool = pool(&memory, one_at_a_time());
    let held = lease(&pool, &home);
    // Not in every try, the machine may have other things to do; but it has to be possible.
    let fastest = (0..5).map(|_| {
        let cancel = CancelToken::new();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let request = ConnectRequest::new(&home, within(LONG)).cancelled_by(&cancel);
                let error = pool.lease(&request).unwrap_err();
                assert!(matches!(error, ConnectError::Cancelled(_)), "{error}");
                Instant::now()
            });
            until_waiting(&pool, 1);
            let cancelled = Instant::now();
            cancel.cancel();
            waiter.join().unwrap() - cancelled
        })
    });
    let fastest = fastest.min().unwrap();
    assert!(fastest < Duration::from_millis(10), "{fastest:?} at best");
    until_waiting(&pool, 0);
    drop(held);
    counts(&pool, 0, 0);
}

#[test]
fn a_waiter_gets_the_slot_of_a_connect_that_failed() {
    let (memory, home) = (Memory::default(), route("a"));
    let pool = pool(&memory, one_at_a_time());
    let (begun, go_on) = (mpsc::channel(), mpsc::channel::<()>());
    let (begun_at, go_on_at) = (Mutex::new(begun.0), Mutex::new(go_on.1));
    let calls = AtomicUsize::new(0);
    memory.hook(move |event| {
        if event == Event::Connect && calls.fetch_add(1, Ordering::SeqCst) == 0 {
            begun_at.lock().unwrap().send(()).unwrap();
            go_on_at.lock().unwrap().recv_timeout(LONG).unwrap();
            return Err(ConnectError::NoAddress { host: "a".into() });
        }
        Ok(())
    });
    let request = ConnectRequest::new(&home, within(LONG));
    thread::scope(|scope| {
        let failing = scope.spawn(|| pool.lease(&request).map(drop));
        begun.1.recv_timeout(LONG).unwrap();
        let waiting = scope.spawn(|| pool.lease(&request).map(drop));
        until_waiting(&pool, 1);
        go_on.0.send(()).unwrap();
        assert!(failing.join().unwrap().is_err());
        assert!(waiting.join().unwrap().is_ok());
    });
    counts(&pool, 0, 0);
}

#[test]
fn no_lock_is_held_while_code_of_the_users_runs() {
    let memory = Memory::default();
    let mut limits = PoolLimits::default();
    limits.idle_per_route = 1;
    let pool = pool(&memory, limits);
    let (done, is_done) = mpsc::channel();
    // A lock held would never be had by the same thread again.
    thread::spawn({
        let (memory, pool) = (memory.clone(), pool.clone());
        move || {
            let inner = pool.clone();
            memory.hook(move |_| {
                inner.close_idle();
                assert!(inner.snapshot().active <= 2);
                Ok(())
            });
            let home = route("a");
            use_once(&pool, &home);
            use_once(&pool, &home);
            for leased in [(); 2].map(|()| lease(&pool, &home)) {
                leased.give_back();
            }
            pool.warm(&ConnectRequest::new(&home, Deadline::NEVER), 1).unwrap();
            pool.close_idle();
            // Ends the circle of pool, connector and hook.
            memory.hook(|_| Ok(()));
            done.send(memory.open()).unwrap();
        }
    });
    assert_eq!(is_done.recv_timeout(LONG), Ok(0), "nothing deadlocks, and all is closed");
}

/// What one thread does with a connection that it is lent.
#[derive(Clone, Copy, Debug)]
struct Act {
    route: usize,
    fresh: bool,
    keeps: bool,
    fails: bool,
    /// Milliseconds that it waits for its turn at most.
    patience: u64,
}

fn act() -> impl Strategy<Value = Act> {
    let rarely = || proptest::bool::weighted(0.1);
    (0..3_usize, rarely(), proptest::bool::weighted(0.8), rarely(), 0..3_u64)
        .prop_map(|(route, fresh, keeps, fails, patience)| Act { route, fresh, keeps, fails, patience })
}

thread_local! {
    /// Whether the next connect of this thread fails.
    static FAILS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    /// What the next connect of this thread counts itself in.
    static BUSY: std::cell::RefCell<Option<Arc<Busy>>> = const { std::cell::RefCell::new(None) };
}

/// Connections of a route that are in use or being made, and the most there ever were.
#[derive(Default)]
struct Busy {
    count: AtomicUsize,
    most: AtomicUsize,
}

impl Busy {
    fn enter(&self) {
        let count = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(count, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One thread's life. A connection that is made counts from the beginning of its connect on.
fn live(pool: &ConnectionPool, routes: &[(Route, Arc<Busy>)], acts: &[Act]) {
    for act in acts {
        let (route, busy) = &routes[act.route];
        FAILS.set(act.fails);
        BUSY.set(Some(Arc::clone(busy)));
        let request = ConnectRequest::new(route, within(Duration::from_millis(act.patience)));
        let leased = if act.fresh { pool.lease_fresh(&request) } else { pool.lease(&request) };
        let Ok(leased) = leased else { continue };
        if leased.is_reused() {
            busy.enter();
        }
        thread::yield_now();
        busy.leave();
        if act.keeps { leased.give_back() } else { drop(leased) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_more_are_active_than_may_be_whatever_threads_do(
        limit in 1..4_usize,
        idle_total in 0..4_usize,
        lives in proptest::collection::vec(proptest::collection::vec(act(), 0..40), 2..8),
    ) {
        let memory = Memory::default();
        memory.hook(|event| {
            if event != Event::Connect {
                return Ok(());
            }
            let busy = BUSY.with_borrow(|busy| busy.clone().expect("a life has begun"));
            busy.enter();
            if FAILS.get() {
                busy.leave();
                return Err(ConnectError::NoAddress { host: "a".into() });
            }
            Ok(())
        });
        let mut limits = PoolLimits::default();
        limits.active_per_route = NonZeroUsize::new(limit);
        limits.idle_total = idle_total;
        let pool = pool(&memory, limits);
        let routes: Vec<_> = ["a", "b", "c"].map(|host| (route(host), Arc::<Busy>::default())).into();
        thread::scope(|scope| {
            for acts in &lives {
                scope.spawn(|| live(&pool, &routes, acts));
            }
        });
        for (route, busy) in &routes {
            let most = busy.most.load(Ordering::SeqCst);
            prop_assert!(most <= limit, "{} active along {:?}", most, route);
        }
        let snapshot = pool.snapshot();
        prop_assert_eq!((snapshot.active, snapshot.waiting), (0, 0));
        prop_assert!(snapshot.idle <= idle_total);
        prop_assert_eq!(memory.open(), snapshot.idle, "{:?}", snapshot);
    }
}
