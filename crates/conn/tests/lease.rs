//! The waiting pool: what it lends, when it waits, and what it never does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code fails loudly"
)]

#[path = "lease/memory.rs"]
mod memory;
#[path = "lease/threads.rs"]
mod threads;

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conn::{
    CancelToken, ConnectError, ConnectRequest, ConnectionPool, Deadline, DialTimings, DialTo, Leased, Limit,
    Origin, PeerHint, Phase, PoolLimits, PoolSnapshot, Route,
};
use memory::{Event, Memory};
use testkit::clock::ManualClock;
use testkit::peer::{Script, ScriptedConnect};

const S: Duration = Duration::from_secs(1);

fn route(host: &str) -> Route {
    Route::new(Origin::http(host).unwrap())
}

fn pool_over(memory: &Memory, limits: PoolLimits) -> (ConnectionPool, ManualClock) {
    let clock = ManualClock::new();
    (ConnectionPool::new(Arc::new(memory.clone()), limits, Arc::new(clock.clone())), clock)
}

fn lease(pool: &ConnectionPool, route: &Route) -> Leased {
    pool.lease(&ConnectRequest::new(route, Deadline::NEVER)).unwrap()
}

/// Has a connection along `route` lie idle.
fn use_once(pool: &ConnectionPool, route: &Route) {
    let mut leased = lease(pool, route);
    leased.answered(PeerHint::default());
    leased.give_back();
}

fn one_at_a_time() -> PoolLimits {
    let mut limits = PoolLimits::default();
    limits.active_per_route = NonZeroUsize::new(1);
    limits
}

#[track_caller]
fn counts(pool: &ConnectionPool, idle: usize, active: usize) -> PoolSnapshot {
    let snapshot = pool.snapshot();
    assert_eq!((snapshot.idle, snapshot.active), (idle, active), "{snapshot:?}");
    snapshot
}

#[test]
fn a_pool_is_shared_by_threads_and_a_lease_moves_between_them() {
    fn shared<T: Clone + Send + Sync>() {}
    fn moves<T: Send>() {}
    shared::<ConnectionPool>();
    moves::<Leased>();
    moves::<conn::Slot>();
}

#[test]
fn a_connection_comes_home_only_when_it_is_given_back() {
    let memory = Memory::default();
    let (pool, _) = pool_over(&memory, PoolLimits::default());
    let home = route("a");
    let mut first = lease(&pool, &home);
    counts(&pool, 0, 1);
    assert_eq!((first.is_reused(), first.requests()), (false, 0));
    first.answered(PeerHint::default());
    first.answered(PeerHint::default());
    first.give_back();
    counts(&pool, 1, 0);

    let again = lease(&pool, &home);
    assert_eq!((again.is_reused(), again.requests(), again.timings()), (true, 2, DialTimings::default()));
    drop(again);
    counts(&pool, 0, 0);
    assert_eq!((memory.made(), memory.open()), (1, 0));
}

#[test]
fn a_connection_may_be_taken_apart_from_its_slot() {
    let memory = Memory::default();
    let (pool, _) = pool_over(&memory, PoolLimits::default());
    let (transport, slot) = lease(&pool, &route("a")).into_parts();
    slot.give_back(transport);
    counts(&pool, 1, 0);
    let (transport, slot) = lease(&pool, &route("a")).into_parts();
    assert!(slot.is_reused());
    drop(transport);
    counts(&pool, 0, 1);
    drop(slot);
    counts(&pool, 0, 0);
}

#[test]
fn t29_a_connection_that_talks_unasked_is_not_lent() {
    for (script, what) in
        [(Script::new().reply("HTTP/1.1 200 OK\r\n\r\n"), "bytes"), (Script::new().close(), "end")]
    {
        let clock = ManualClock::new();
        let peer = ScriptedConnect::new(clock.clone(), [Script::new().expect("x"), script, Script::new()]);
        let pool = ConnectionPool::new(Arc::new(peer.clone()), PoolLimits::default(), Arc::new(clock));
        let home = route("a");
        let [mut sound, talking] = [(); 2].map(|()| lease(&pool, &home));
        std::io::Write::write_all(&mut *sound, b"x").unwrap();
        // The one that talks is returned last, so it is the first to be lent.
        sound.give_back();
        talking.give_back();
        let next = lease(&pool, &home);
        assert!(next.is_reused());
        assert_eq!(peer.connects(), 2);
        assert!(peer.connection(1).is_closed && !peer.connection(0).is_closed, "{what}");
        let fresh = lease(&pool, &home);
        assert!(!fresh.is_reused());
        let PoolSnapshot { stale, reused, connects, .. } = counts(&pool, 0, 2);
        assert_eq!((stale, reused, connects), (1, 1, 3), "{what}");
    }
}

#[test]
fn t31_routes_that_differ_never_share() {
    let (memory, origin) = (Memory::default(), Origin::https("example.com").unwrap());
    let (pool, _) = pool_over(&memory, PoolLimits::default());
    let direct = || Route::new(origin.clone());
    let proxy = |text: &str| text.parse::<conn::Proxy>().unwrap();
    let known = |password: &str| proxy("socks5://p").with_credentials("ann", password).unwrap();
    let routes = [
        direct(),
        Route::new(Origin::http("example.com").unwrap()),
        Route::new(Origin::https("example.com:444").unwrap()),
        Route::new(Origin::https("www.example.com").unwrap()),
        direct().through(proxy("socks5://p")),
        direct().through(proxy("socks5h://p")),
        direct().through(known("one")),
        direct().through(known("two")),
        direct().dialling(DialTo::host("other.example", 443).unwrap()),
        direct().named("other.example"),
        direct().marked("a"),
        direct().marked("b"),
    ];
    for (i, one) in routes.iter().enumerate() {
        pool.close_idle();
        use_once(&pool, one);
        for (j, other) in routes.iter().enumerate() {
            let leased = lease(&pool, other);
            assert_eq!(leased.is_reused(), i == j, "{one:?} {other:?}");
            if i == j {
                leased.give_back();
            }
        }
    }
}

#[test]
fn an_idle_connection_is_probed_once_and_only_after_a_while() {
    for (probe_after, idle_for, probes) in [
        (Duration::ZERO, Duration::ZERO, 1),
        (S * 2, S * 2, 1),
        (S * 2, S * 2 - Duration::from_nanos(1), 0),
        (Duration::MAX, S * 9, 0),
    ] {
        let clock = ManualClock::new();
        let peer = ScriptedConnect::new(clock.clone(), [Script::new()]);
        let mut limits = PoolLimits::default();
        limits.probe_after = probe_after;
        let pool = ConnectionPool::new(Arc::new(peer.clone()), limits, Arc::new(clock.clone()));
        use_once(&pool, &route("a"));
        clock.advance(idle_for);
        assert!(lease(&pool, &route("a")).is_reused());
        assert_eq!(peer.connection(0).probes, probes, "{probe_after:?} {idle_for:?}");
    }
}

#[test]
fn a_fresh_one_is_made_though_one_is_idle() {
    let memory = Memory::default();
    let (pool, _) = pool_over(&memory, PoolLimits::default());
    let home = route("a");
    use_once(&pool, &home);
    let fresh = pool.lease_fresh(&ConnectRequest::new(&home, Deadline::NEVER)).unwrap();
    assert!(!fresh.is_reused());
    counts(&pool, 1, 1);
}

#[test]
fn what_the_peer_says_of_its_patience_is_held_to() {
    let memory = Memory::default();
    let (pool, clock) = pool_over(&memory, PoolLimits::default());
    let home = route("a");
    let mut leased = lease(&pool, &home);
    leased.answered(PeerHint { idle_for: Some(S * 5), requests: None });
    leased.give_back();
    clock.advance(S * 4);
    let mut next = lease(&pool, &home);
    assert!(!next.is_reused());
    assert_eq!(memory.open(), 1);
    next.answered(PeerHint { idle_for: None, requests: Some(0) });
    next.give_back();
    let PoolSnapshot { evicted, .. } = counts(&pool, 0, 0);
    assert_eq!((evicted.peer_idle, evicted.requests, memory.open()), (1, 1, 0));
}

#[test]
fn the_total_holds_over_all_routes_and_the_oldest_goes() {
    let memory = Memory::default();
    let mut limits = PoolLimits::default();
    limits.idle_total = 10;
    let (pool, clock) = pool_over(&memory, limits);
    let routes: Vec<_> = (0..100).map(|i| route(&format!("host-{i}.example"))).collect();
    for (i, route) in routes.iter().enumerate() {
        use_once(&pool, route);
        clock.advance(Duration::from_millis(1));
        assert_eq!((pool.snapshot().idle, memory.open()), ((i + 1).min(10), (i + 1).min(10)));
    }
    assert_eq!(pool.snapshot().evicted.total_full, 90);
    for (i, route) in routes.iter().enumerate().rev() {
        assert_eq!(lease(&pool, route).is_reused(), i >= 90, "{i}");
    }
}

#[test]
fn a_route_that_nobody_asks_for_is_emptied_too() {
    let memory = Memory::default();
    let (pool, clock) = pool_over(&memory, PoolLimits::default());
    for i in 0..50 {
        use_once(&pool, &route(&format!("host-{i}.example")));
    }
    clock.advance(S * 15);
    use_once(&pool, &route("another.example"));
    counts(&pool, 1, 0);
    assert_eq!(memory.open(), 1);
}

#[test]
fn warming_makes_as_many_as_are_asked_for_within_the_limits() {
    let memory = Memory::default();
    let (pool, _) = pool_over(&memory, PoolLimits::default());
    let home = route("a");
    let request = ConnectRequest::new(&home, Deadline::NEVER);
    for (upto, made, idle) in [(0, 0, 0), (3, 3, 3), (2, 0, 3), (4, 1, 4), (usize::MAX, 4, 8), (9, 0, 8)] {
        assert_eq!(pool.warm(&request, upto).unwrap(), made, "{upto}");
        counts(&pool, idle, 0);
    }
    let leased = lease(&pool, &home);
    assert_eq!((leased.is_reused(), leased.requests()), (true, 0));

    let (busy, _) = pool_over(&memory, one_at_a_time());
    let held = lease(&busy, &home);
    assert_eq!(busy.warm(&request, 1).unwrap(), 0, "it never waits");
    drop(held);
    assert_eq!(busy.warm(&request, 1).unwrap(), 1);
}

#[test]
fn warming_tells_why_it_stopped_and_keeps_what_it_has() {
    let (memory, home) = (Memory::default(), route("a"));
    let (pool, _) = pool_over(&memory, PoolLimits::default());
    let seen = memory.clone();
    memory.hook(move |event| match event {
        Event::Connect if seen.made() == 2 => Err(ConnectError::NoAddress { host: "a".into() }),
        _ => Ok(()),
    });
    let request = ConnectRequest::new(&home, Deadline::NEVER);
    assert!(matches!(pool.warm(&request, 5), Err(ConnectError::NoAddress { .. })));
    counts(&pool, 2, 0);
    let cancel = CancelToken::new();
    cancel.cancel();
    assert!(matches!(pool.warm(&request.cancelled_by(&cancel), 5), Err(ConnectError::Cancelled(_))));
}

#[test]
fn closing_the_idle_ones_leaves_those_in_use_alone() {
    let memory = Memory::default();
    let (pool, _) = pool_over(&memory, PoolLimits::default());
    let home = route("a");
    let held = lease(&pool, &home);
    use_once(&pool, &home);
    use_once(&pool, &route("b"));
    pool.close_idle();
    assert_eq!(counts(&pool, 0, 1).evicted.cleared, 2);
    assert_eq!(memory.open(), 1);
    held.give_back();
    counts(&pool, 1, 0);
}

#[test]
fn a_connect_that_fails_or_panics_frees_its_slot() {
    let (memory, home) = (Memory::default(), route("a"));
    let (pool, _) = pool_over(&memory, one_at_a_time());
    let panics = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&panics);
    memory.hook(move |event| match event {
        Event::Connect if seen.load(Ordering::SeqCst) => panic!("a connector of the user's"),
        Event::Connect => Err(ConnectError::NoAddress { host: "a".into() }),
        _ => Ok(()),
    });
    let request = ConnectRequest::new(&home, Deadline::NEVER);
    assert!(matches!(pool.lease(&request), Err(ConnectError::NoAddress { .. })));
    counts(&pool, 0, 0);
    panics.store(true, Ordering::SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| pool.lease(&request))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| pool.warm(&request, 1))).is_err());
    counts(&pool, 0, 0);
    memory.hook(|_| Ok(()));
    use_once(&pool, &home);
    counts(&pool, 1, 0);
}

#[test]
fn a_probe_that_panics_frees_its_slot_and_closes_the_connection() {
    let (memory, home) = (Memory::default(), route("a"));
    let (pool, _) = pool_over(&memory, one_at_a_time());
    use_once(&pool, &home);
    memory.hook(|event| {
        assert_ne!(event, Event::Probe, "a transport of the user's");
        Ok(())
    });
    assert!(catch_unwind(AssertUnwindSafe(|| lease(&pool, &home))).is_err());
    counts(&pool, 0, 0);
    assert_eq!(memory.open(), 0);
}

#[test]
fn a_deadline_that_has_passed_does_not_wait() {
    let (memory, home) = (Memory::default(), route("a"));
    let (pool, clock) = pool_over(&memory, one_at_a_time());
    let held = lease(&pool, &home);
    let now = conn::Clock::now(&clock);
    let late = Deadline::after(now, Some(Duration::ZERO), Limit::Total);
    let error = pool.lease(&ConnectRequest::new(&home, late)).unwrap_err();
    let timed_out = error.is_timeout().unwrap();
    assert_eq!((timed_out.phase, timed_out.limit), (Phase::Pool, Limit::Total));
    let PoolSnapshot { waiting, waited, gave_up, .. } = counts(&pool, 0, 1);
    assert_eq!((waiting, waited, gave_up), (0, 1, 1));
    held.give_back();
    counts(&pool, 1, 0);
}

#[test]
fn what_was_cancelled_before_takes_nothing() {
    let (memory, home) = (Memory::default(), route("a"));
    let (pool, _) = pool_over(&memory, PoolLimits::default());
    use_once(&pool, &home);
    let cancel = CancelToken::new();
    cancel.cancel();
    let request = ConnectRequest::new(&home, Deadline::NEVER).cancelled_by(&cancel);
    assert!(matches!(pool.lease(&request), Err(ConnectError::Cancelled(_))));
    counts(&pool, 1, 0);
}
