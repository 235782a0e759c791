use std::sync::Mutex;

use super::*;
use crate::rng::SharedRng;
use crate::sync::models::explore;

const SECOND: Duration = Duration::from_secs(1);

fn breaker() -> CircuitBreaker {
    CircuitBreaker::new(BreakerConfig::default(), &SharedRng::seeded(4)).unwrap()
}

/// Three failures open it for a second, one success closes it.
fn classic() -> CircuitBreaker {
    CircuitBreaker::classic(NonZeroU32::new(3).unwrap(), SECOND)
}

fn open(breaker: &CircuitBreaker, now: Instant) {
    for _ in 0..3 {
        breaker.try_acquire(now).unwrap().failure(now);
    }
    assert_eq!(breaker.state(), BreakerState::Open);
}

type Seen = Arc<Mutex<Vec<(u64, BreakerState, BreakerState)>>>;

fn listen(breaker: &CircuitBreaker) -> Seen {
    let seen = Seen::default();
    let into = Arc::clone(&seen);
    breaker.on_transition(move |t| into.lock().unwrap().push((t.generation, t.from, t.to)));
    seen
}

#[test]
fn the_classic_breaker_opens_waits_probes_and_closes() {
    use BreakerState::{Closed, HalfOpen, Open};
    let (breaker, now) = (classic(), Instant::now());
    let seen = listen(&breaker);
    open(&breaker, now);
    assert!(breaker.try_acquire(now + SECOND / 2).is_err());
    let probe = breaker.try_acquire(now + SECOND).unwrap();
    assert!(breaker.try_acquire(now + SECOND).is_err());
    probe.success(now + SECOND);
    let _ = breaker.try_acquire(now + SECOND).unwrap();
    assert_eq!(*seen.lock().unwrap(), [(1, Closed, Open), (2, Open, HalfOpen), (3, HalfOpen, Closed)]);
    open(&breaker, now + 2 * SECOND);
    let _ = breaker.try_acquire(now + 3 * SECOND).unwrap().failure(now + 3 * SECOND);
    let until = breaker.snapshot(now).open_until;
    assert_eq!(until, Some(now + 4 * SECOND), "the second open time is no longer than the first");
}

#[test]
fn a_permit_that_is_dropped_says_nothing() {
    let (breaker, now) = (classic(), Instant::now());
    for _ in 0..10 {
        drop(breaker.try_acquire(now).unwrap());
    }
    assert_eq!(breaker.snapshot(now).counts, Counts::default());
    open(&breaker, now);
    drop(breaker.try_acquire(now + SECOND).unwrap());
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    let panicking = std::panic::catch_unwind(|| {
        let _permit = breaker.try_acquire(now + SECOND).unwrap();
        panic!("the call fails hard");
    });
    assert!(panicking.is_err());
    assert_eq!(breaker.snapshot(now).probes, 0);
}

#[test]
fn a_clone_is_the_same_breaker() {
    let (breaker, now) = (classic(), Instant::now());
    open(&breaker.clone(), now);
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(breaker.peek(now).is_err() && breaker.peek(now + SECOND).is_ok());
    assert_eq!(breaker.state(), BreakerState::Open, "to peek changes nothing");
    assert_eq!(format!("{breaker:?}"), "CircuitBreaker { state: Open, .. }");
}

#[test]
fn a_listener_may_use_the_breaker_and_sees_changes_in_order() {
    let (breaker, now) = (classic(), Instant::now());
    let inner = breaker.clone();
    breaker.on_transition(move |transition| {
        if transition.to == BreakerState::Open {
            inner.reset(now);
        }
    });
    let seen = listen(&breaker);
    for _ in 0..3 {
        let _ = breaker.try_acquire(now).map(|permit| permit.failure(now));
    }
    let generations: Vec<u64> = seen.lock().unwrap().iter().map(|change| change.0).collect();
    assert_eq!((generations, breaker.state()), (vec![1, 2], BreakerState::Closed));
}

#[test]
fn a_listener_that_panics_silences_no_later_change() {
    let (breaker, now) = (classic(), Instant::now());
    breaker.on_transition(|transition| assert_ne!(transition.generation, 1, "the first is too much"));
    let seen = listen(&breaker);
    assert!(std::panic::catch_unwind(|| open(&breaker, now)).is_err());
    breaker.reset(now);
    assert_eq!(*seen.lock().unwrap(), [(2, BreakerState::Open, BreakerState::Closed)]);
}

#[test]
fn a_shadow_admits_all_and_says_when_it_would_have_opened() {
    let (breaker, now) = (classic(), Instant::now());
    breaker.shadow(now);
    let seen = listen(&breaker);
    for _ in 0..7 {
        breaker.try_acquire(now).unwrap().failure(now);
    }
    let would = |generation| (generation, BreakerState::Shadow, BreakerState::Shadow);
    assert_eq!(*seen.lock().unwrap(), [would(2), would(3)]);
}

#[test]
fn threads_that_meet_at_the_end_of_the_open_time_get_one_probe() {
    explore(|| {
        let (breaker, now) = (classic(), Instant::now());
        open(&breaker, now);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let breaker = breaker.clone();
                shuttle::thread::spawn(move || breaker.try_acquire(now + SECOND).ok())
            })
            .collect();
        let permits: Vec<_> = threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(permits.len(), 1);
    });
}

#[test]
fn probes_that_end_in_any_order_leave_no_place_taken() {
    explore(|| {
        let (breaker, now) = (breaker(), Instant::now());
        breaker.0.inner.with(|inner| {
            inner.machine.admit(now).0.unwrap();
            for _ in 0..40 {
                inner.machine.settle(0, now, now, Outcome::FAILURE);
            }
        });
        let until = breaker.snapshot(now).open_until.unwrap();
        // Two probes succeed, then three may run.
        for _ in 0..2 {
            breaker.try_acquire(until).unwrap().success(until);
        }
        let before = breaker.snapshot(until);
        let ends: [fn(Permit, Instant); 3] =
            [|p, t| _ = p.success(t), |p, t| _ = p.failure(t), |p, _| drop(p)];
        let threads: Vec<_> = ends
            .into_iter()
            .map(|end| {
                let permit = breaker.try_acquire(until).unwrap();
                shuttle::thread::spawn(move || end(permit, until))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let after = breaker.snapshot(until);
        assert_eq!((after.probes, after.probe_limit), (0, before.probe_limit));
        assert_eq!(after.generation, before.generation);
    });
}

#[test]
fn changes_from_several_threads_are_told_once_each_and_in_order() {
    explore(|| {
        let (breaker, now) = (classic(), Instant::now());
        let seen = Seen::default();
        let into = Arc::clone(&seen);
        breaker.on_transition(move |t| {
            // Gives way, as a listener that does something would.
            shuttle::thread::yield_now();
            into.lock().unwrap().push((t.generation, t.from, t.to));
        });
        let acts: [fn(&CircuitBreaker, Instant); 3] =
            [|b, t| b.force_open(t), |b, t| b.reset(t), |b, t| b.shadow(t)];
        let threads: Vec<_> = acts
            .into_iter()
            .map(|act| {
                let breaker = breaker.clone();
                shuttle::thread::spawn(move || act(&breaker, now))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let snapshot = breaker.snapshot(now);
        let seen = seen.lock().unwrap();
        let generations: Vec<u64> = seen.iter().map(|change| change.0).collect();
        assert_eq!(generations, (1..=snapshot.generation).collect::<Vec<_>>());
        assert_eq!(seen.last().map(|change| change.2), Some(snapshot.state));
        assert!(seen.windows(2).all(|pair| pair[0].2 == pair[1].1), "each begins where the last ended");
    });
}

#[test]
fn a_lost_probe_that_returns_late_changes_nothing() {
    explore(|| {
        let (breaker, now) = (classic(), Instant::now());
        open(&breaker, now);
        let late = breaker.try_acquire(now + SECOND).unwrap();
        let then = now + 40 * SECOND;
        let other = breaker.clone();
        let thread = shuttle::thread::spawn(move || other.try_acquire(then));
        let changed = late.failure(then);
        let fresh = thread.join().unwrap();
        match (changed, &fresh) {
            // Settled in time: it opened again, and the other was rejected.
            (Some(t), Err(_)) => assert_eq!(t.to, BreakerState::Open),
            // Replaced first: it is stale.
            (None, Ok(_)) => assert_eq!(breaker.snapshot(then).stale, 1),
            other => panic!("{other:?}"),
        }
    });
}
