mod model;

use std::num::NonZeroUsize;
use std::time::Duration;

use super::*;
use crate::origin::Origin;

const S: Duration = Duration::from_secs(1);

fn route(i: usize) -> Route {
    Route::new(Origin::http(&format!("host-{i}.example")).unwrap())
}

/// A pool of numbered connections under a clock that is turned by hand.
struct Stage {
    pool: Pool<u32>,
    now: Instant,
    evicted: Vec<Evicted<u32>>,
}

/// What a request got, in short.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Idle(u32),
    Connect,
    Wait(Ticket),
}

impl From<Lent<u32>> for Got {
    fn from(lent: Lent<u32>) -> Self {
        match lent {
            Lent::Idle(kept) => Self::Idle(kept.item),
            Lent::Connect => Self::Connect,
        }
    }
}

impl From<Acquired<u32>> for Got {
    fn from(acquired: Acquired<u32>) -> Self {
        match acquired {
            Acquired::Lent(lent) => lent.into(),
            Acquired::Wait(ticket) => Self::Wait(ticket),
        }
    }
}

impl Stage {
    fn new(limits: PoolLimits) -> Self {
        Self { pool: Pool::new(limits), now: Instant::now(), evicted: Vec::new() }
    }

    fn acquire(&mut self, r: usize, want: Want) -> Got {
        self.pool.acquire(&route(r), want, self.now, &mut self.evicted).into()
    }

    fn any(&mut self, r: usize) -> Got {
        self.acquire(r, Want::Any)
    }

    /// Takes a slot that is there for certain, and gives it back with connection `item`.
    fn put(&mut self, r: usize, item: u32) {
        self.put_after(r, item, PeerHint::default());
    }

    fn put_after(&mut self, r: usize, item: u32, hint: PeerHint) {
        assert_eq!(self.acquire(r, Want::Fresh), Got::Connect);
        let mut kept = Kept::new(item, self.now);
        kept.answered(hint);
        assert_eq!(self.pool.release(&route(r), Some(kept), self.now, &mut self.evicted), None);
    }

    fn give(&mut self, r: usize, item: Option<u32>) -> Option<Ticket> {
        let kept = item.map(|item| Kept::new(item, self.now));
        self.pool.release(&route(r), kept, self.now, &mut self.evicted)
    }

    fn poll(&mut self, r: usize, ticket: Ticket) -> Got {
        self.pool.poll(&route(r), ticket, self.now, &mut self.evicted).map_or(Got::Wait(ticket), Got::from)
    }

    fn give_up(&mut self, r: usize, ticket: Ticket) -> Option<Ticket> {
        self.pool.give_up(&route(r), ticket, self.now, &mut self.evicted)
    }

    #[track_caller]
    fn evicted(&mut self, expected: &[(u32, Eviction)]) {
        self.pool.evict(self.now, &mut self.evicted);
        let mut evicted: Vec<_> = self.evicted.drain(..).map(|gone| (gone.item, gone.reason)).collect();
        evicted.sort_by_key(|(item, _)| *item);
        assert_eq!(evicted, expected);
    }

    #[track_caller]
    fn wait(&mut self, r: usize, want: Want) -> Ticket {
        match self.acquire(r, want) {
            Got::Wait(ticket) => ticket,
            other => panic!("{other:?} without waiting"),
        }
    }
}

fn one_at_a_time() -> PoolLimits {
    PoolLimits { active_per_route: NonZeroUsize::new(1), ..PoolLimits::default() }
}

#[test]
fn the_connection_returned_last_is_lent_first() {
    let mut stage = Stage::new(PoolLimits::default());
    for (r, item) in [(0, 1), (0, 2), (0, 3), (1, 4)] {
        stage.put(r, item);
    }
    let lent: Vec<_> = (0..4).map(|_| stage.any(0)).collect();
    assert_eq!(lent, [Got::Idle(3), Got::Idle(2), Got::Idle(1), Got::Connect]);
    let PoolSnapshot { idle, active, connects, reused, .. } = stage.pool.snapshot();
    assert_eq!((idle, active, connects, reused), (1, 4, 5, 3));
}

#[test]
fn an_expired_connection_is_handed_back_and_never_lent() {
    let mut stage = Stage::new(PoolLimits::default());
    stage.put(0, 1);
    stage.now += S;
    stage.put(0, 2);
    stage.put(1, 3);
    stage.now += S * 14;
    assert_eq!(stage.any(0), Got::Idle(2));
    stage.evicted(&[(1, Eviction::Idle)]);
    stage.now += S;
    stage.evicted(&[(3, Eviction::Idle)]);
    assert_eq!(stage.pool.snapshot().evicted, Evictions { idle: 2, ..Evictions::default() });
}

#[test]
fn the_oldest_goes_when_the_pool_is_full() {
    let limits = PoolLimits { idle_per_route: 2, idle_total: 3, ..PoolLimits::default() };
    let mut stage = Stage::new(limits);
    let (full, total) = (Eviction::RouteFull, Eviction::TotalFull);
    for (r, item, gone) in [
        (0, 1, None),
        (1, 2, None),
        (1, 3, None),
        (1, 4, Some((2, full))),
        (2, 5, Some((1, total))),
        (3, 6, Some((3, total))),
    ] {
        stage.put(r, item);
        stage.evicted(gone.as_slice());
    }
    stage.pool.clear(&mut stage.evicted);
    let cleared = Eviction::Cleared;
    stage.evicted(&[(4, cleared), (5, cleared), (6, cleared)]);
    assert_eq!(stage.pool.idle(), 0);
    assert!(stage.pool.routes.is_empty());
}

#[test]
fn a_limit_ends_a_connection_for_its_own_reason() {
    #[track_caller]
    fn check(limits: PoolLimits, hint: PeerHint, rests: u64, reason: Eviction) {
        let mut stage = Stage::new(limits);
        stage.put_after(0, 1, hint);
        if rests > 0 {
            stage.now += S * u32::try_from(rests).unwrap() - Duration::from_nanos(1);
            stage.evicted(&[]);
            stage.now += Duration::from_nanos(1);
        }
        stage.evicted(&[(1, reason)]);
    }
    let limits = PoolLimits::default();
    let says =
        |idle_for: u64| PeerHint { idle_for: Some(S * u32::try_from(idle_for).unwrap()), requests: None };
    let answers = |requests| PeerHint { idle_for: None, requests: Some(requests) };
    let silent = PeerHint::default();

    check(limits, silent, 15, Eviction::Idle);
    check(PoolLimits { idle_per_route: 0, ..limits }, silent, 0, Eviction::RouteFull);
    check(PoolLimits { idle_total: 0, ..limits }, silent, 0, Eviction::TotalFull);
    check(PoolLimits { idle_for: Duration::ZERO, ..limits }, silent, 0, Eviction::Idle);
    check(PoolLimits { lifetime: Some(S * 9), ..limits }, silent, 9, Eviction::Lifetime);
    check(PoolLimits { lifetime: Some(S * 16), ..limits }, silent, 15, Eviction::Idle);
    check(PoolLimits { requests: Some(1), ..limits }, silent, 0, Eviction::Requests);
    check(PoolLimits { requests: Some(0), ..limits }, silent, 0, Eviction::Requests);
    check(PoolLimits { requests: Some(2), ..limits }, silent, 15, Eviction::Idle);
    // One second earlier than the peer, or half the time if that is less.
    check(limits, says(5), 4, Eviction::PeerIdle);
    check(limits, says(2), 1, Eviction::PeerIdle);
    check(limits, says(0), 0, Eviction::PeerIdle);
    check(limits, says(16), 15, Eviction::Idle);
    check(PoolLimits { idle_for: Duration::MAX, ..limits }, says(100), 99, Eviction::PeerIdle);
    check(limits, answers(0), 0, Eviction::Requests);
    check(limits, answers(1), 15, Eviction::Idle);
}

#[test]
fn half_a_second_is_left_of_a_peer_that_keeps_for_one() {
    let mut stage = Stage::new(PoolLimits::default());
    stage.put_after(0, 1, PeerHint { idle_for: Some(S), requests: None });
    stage.now += S / 2 - Duration::from_nanos(1);
    stage.evicted(&[]);
    stage.now += Duration::from_nanos(1);
    stage.evicted(&[(1, Eviction::PeerIdle)]);
}

#[test]
fn what_the_peer_said_once_is_counted_on() {
    let mut kept = Kept::new(1, Instant::now());
    kept.answered(PeerHint { idle_for: Some(S * 5), requests: Some(2) });
    for (left, rests) in [(1, true), (0, false)] {
        kept.answered(PeerHint::default());
        assert_eq!(kept.hint(), PeerHint { idle_for: Some(S * 5), requests: Some(left) });
        assert_eq!(PoolLimits::default().rest(&kept, Instant::now()).is_ok(), rests);
    }
    assert_eq!(kept.requests(), 3);
}

#[test]
fn history_goes_out_and_comes_back() {
    let (mut stage, home) = (Stage::new(PoolLimits::default()), route(0));
    stage.put(0, 1);
    let made = stage.now;
    for carried in 1..4 {
        stage.now += S;
        let Acquired::Lent(Lent::Idle(mut kept)) =
            stage.pool.acquire(&home, Want::Any, stage.now, &mut stage.evicted)
        else {
            panic!("it is there")
        };
        assert_eq!((kept.made(), kept.requests(), kept.idle_for()), (made, carried, S));
        kept.answered(PeerHint::default());
        assert_eq!(stage.pool.release(&home, Some(kept), stage.now, &mut stage.evicted), None);
    }
}

#[test]
fn waiters_are_served_in_order_and_never_overtaken() {
    let mut stage = Stage::new(one_at_a_time());
    assert_eq!(stage.any(0), Got::Connect);
    let [first, second] = [0, 0].map(|r| stage.wait(r, Want::Any));
    assert_eq!(stage.any(1), Got::Connect, "another route does not wait");

    assert_eq!(stage.give(0, Some(7)), Some(first));
    let third = stage.wait(0, Want::Any);
    assert_eq!(stage.poll(0, second), Got::Wait(second));
    assert_eq!(stage.poll(0, first), Got::Idle(7));
    assert_eq!(stage.give(0, None), Some(second));
    assert_eq!(stage.poll(0, second), Got::Connect);
    assert_eq!(stage.give(0, Some(8)), Some(third));
    assert_eq!(stage.poll(0, third), Got::Idle(8));
    assert_eq!(stage.give(0, Some(8)), None);
    let PoolSnapshot { idle, active, waiting, waited, gave_up, .. } = stage.pool.snapshot();
    assert_eq!((idle, active, waiting, waited, gave_up), (1, 1, 0, 3, 0));
}

#[test]
fn a_grant_that_raced_with_giving_up_is_passed_on() {
    let mut stage = Stage::new(one_at_a_time());
    assert_eq!(stage.any(0), Got::Connect);
    let [first, second, third] = [0, 0, 0].map(|r| stage.wait(r, Want::Any));
    assert_eq!(stage.give_up(0, second), None);
    assert_eq!(stage.give(0, Some(7)), Some(first));
    assert_eq!(stage.give_up(0, first), Some(third));
    assert_eq!(stage.give_up(0, third), None);
    assert_eq!(stage.any(0), Got::Idle(7));
    assert_eq!(stage.pool.snapshot().gave_up, 3);
}

#[test]
fn a_grant_that_was_given_up_lies_where_it_was_returned() {
    let mut limits = PoolLimits { active_per_route: NonZeroUsize::new(2), ..PoolLimits::default() };
    for (idle_per_route, lent, gone) in [
        (8, [Got::Idle(8), Got::Idle(7)], None),
        (1, [Got::Idle(8), Got::Connect], Some((7, Eviction::RouteFull))),
    ] {
        limits.idle_per_route = idle_per_route;
        let mut stage = Stage::new(limits);
        assert_eq!([stage.any(0), stage.any(0)], [Got::Connect, Got::Connect]);
        let ticket = stage.wait(0, Want::Any);
        assert_eq!(stage.give(0, Some(7)), Some(ticket));
        assert_eq!(stage.give(0, Some(8)), None);
        assert_eq!(stage.give_up(0, ticket), None);
        assert_eq!([stage.any(0), stage.any(0)], lent);
        stage.evicted(gone.as_slice());
    }
}

#[test]
fn a_grant_that_lay_too_long_is_not_lent() {
    let mut stage = Stage::new(one_at_a_time());
    assert_eq!(stage.any(0), Got::Connect);
    let ticket = stage.wait(0, Want::Any);
    assert_eq!(stage.give(0, Some(7)), Some(ticket));
    stage.now += S * 15;
    assert_eq!(stage.poll(0, ticket), Got::Connect);
    stage.evicted(&[(7, Eviction::Idle)]);
}

#[test]
fn who_waits_for_a_fresh_connection_leaves_the_idle_one_to_others() {
    let mut stage = Stage::new(one_at_a_time());
    stage.put(0, 1);
    assert_eq!(stage.acquire(0, Want::Fresh), Got::Connect);
    let (fresh, any) = (stage.wait(0, Want::Fresh), stage.wait(0, Want::Any));
    assert_eq!(stage.give(0, Some(2)), Some(fresh));
    assert_eq!(stage.poll(0, fresh), Got::Connect);
    assert_eq!(stage.give(0, None), Some(any));
    assert_eq!(stage.poll(0, any), Got::Idle(2), "a slot without a connection takes an idle one");
}

#[test]
fn a_stale_connection_is_replaced_in_its_slot() {
    let mut stage = Stage::new(one_at_a_time());
    assert_eq!(stage.any(0), Got::Connect);
    assert_eq!(stage.give(0, Some(1)), None);
    assert_eq!(stage.any(0), Got::Idle(1));
    let ticket = stage.wait(0, Want::Any);
    let another = stage.pool.replace_stale(&route(0), stage.now, &mut stage.evicted);
    assert_eq!(Got::from(another), Got::Connect);
    assert_eq!(stage.poll(0, ticket), Got::Wait(ticket));
    let PoolSnapshot { connects, reused, stale, active, .. } = stage.pool.snapshot();
    assert_eq!((connects, reused, stale, active), (2, 0, 1, 1));
}

#[test]
fn slots_for_idle_connections_are_reserved_within_the_limits() {
    let limits =
        PoolLimits { active_per_route: NonZeroUsize::new(3), idle_per_route: 2, ..PoolLimits::default() };
    let mut stage = Stage::new(limits);
    for (upto, reserved) in [(0, false), (1, true), (1, false), (9, true), (9, false)] {
        assert_eq!(stage.pool.reserve(&route(0), upto), reserved, "{upto}");
        if reserved {
            assert_eq!(stage.give(0, Some(1)), None);
        }
    }
    let mut busy = Stage::new(one_at_a_time());
    assert_eq!(busy.any(0), Got::Connect);
    assert!(!busy.pool.reserve(&route(0), 1));
}

#[test]
fn a_route_that_nobody_uses_is_forgotten() {
    let mut stage = Stage::new(one_at_a_time());
    assert_eq!(stage.any(0), Got::Connect);
    let ticket = stage.wait(0, Want::Any);
    assert_eq!(stage.give(0, None), Some(ticket));
    assert_eq!(stage.give_up(0, ticket), None);
    stage.put(1, 1);
    stage.now += S * 15;
    stage.evicted(&[(1, Eviction::Idle)]);
    assert!(stage.pool.routes.is_empty());
}
