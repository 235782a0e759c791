//! The pool against a naive one, which is a few lists and no cleverness.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const ROUTES: usize = 3;

#[derive(Clone, Debug)]
enum Op {
    Acquire {
        route: usize,
        fresh: bool,
    },
    Reserve {
        route: usize,
        upto: usize,
    },
    /// Somebody who holds a slot is done.
    Release {
        who: usize,
        keeps: bool,
        hint: PeerHint,
    },
    Stale {
        who: usize,
    },
    /// Somebody who waits looks, or goes.
    Poll {
        who: usize,
    },
    GiveUp {
        who: usize,
    },
    EvictOldest,
    Clear,
    Pass(u32),
}

fn hint() -> impl Strategy<Value = PeerHint> {
    let idle_for = proptest::option::weighted(0.3, (0..20_u32).prop_map(|s| S * s));
    let requests = proptest::option::weighted(0.3, 0..4_u64);
    (idle_for, requests).prop_map(|(idle_for, requests)| PeerHint { idle_for, requests })
}

fn op() -> impl Strategy<Value = Op> {
    let who = || 0..64_usize;
    prop_oneof![
        8 => (0..ROUTES, proptest::bool::weighted(0.2)).prop_map(|(route, fresh)| Op::Acquire { route, fresh }),
        1 => (0..ROUTES, 0..4_usize).prop_map(|(route, upto)| Op::Reserve { route, upto }),
        8 => (who(), proptest::bool::weighted(0.8), hint())
            .prop_map(|(who, keeps, hint)| Op::Release { who, keeps, hint }),
        1 => who().prop_map(|who| Op::Stale { who }),
        4 => who().prop_map(|who| Op::Poll { who }),
        2 => who().prop_map(|who| Op::GiveUp { who }),
        1 => Just(Op::EvictOldest),
        1 => Just(Op::Clear),
        4 => (0..8_u32).prop_map(Op::Pass),
    ]
}

fn limits() -> impl Strategy<Value = PoolLimits> {
    let active = proptest::option::of(1..4_usize);
    let (lifetime, requests) = (proptest::option::of(5..30_u32), proptest::option::of(0..5_u64));
    (0..4_usize, 0..6_usize, active, lifetime, requests).prop_map(
        |(idle_per_route, idle_total, active, lifetime, requests)| PoolLimits {
            idle_per_route,
            idle_total,
            idle_for: S * 10,
            active_per_route: active.and_then(NonZeroUsize::new),
            lifetime: lifetime.map(|s| S * s),
            requests,
            probe_after: Duration::ZERO,
        },
    )
}

/// A connection as the naive pool knows it.
#[derive(Clone, Copy, Debug)]
struct Thing {
    item: u32,
    made: Instant,
    requests: u64,
    /// What the peer said last, if ever.
    idle_for: Option<Duration>,
    left: Option<u64>,
    since: Instant,
    /// Instants may be equal.
    turn: u32,
}

impl Thing {
    fn has_expired(&self, limits: &PoolLimits, now: Instant) -> bool {
        let idle = now - self.since;
        let margin = |said: Duration| if said < S * 2 { said / 2 } else { S };
        idle >= limits.idle_for
            || self.idle_for.is_some_and(|said| idle >= said - margin(said))
            || limits.lifetime.is_some_and(|lifetime| now - self.made >= lifetime)
    }

    fn is_spent(&self, limits: &PoolLimits) -> bool {
        self.left == Some(0) || limits.requests.is_some_and(|limit| self.requests >= limit)
    }
}

struct Naive {
    limits: PoolLimits,
    /// Over all routes, in the order of return.
    idle: Vec<(usize, Thing)>,
    waiting: Vec<(usize, Ticket, bool)>,
    granted: Vec<(usize, Ticket, bool, Option<Thing>)>,
    evicted: Vec<u32>,
}

impl Naive {
    fn drop_expired(&mut self, now: Instant) {
        let limits = self.limits;
        let gone = self.idle.extract_if(.., |(_, thing)| thing.has_expired(&limits, now));
        self.evicted.extend(gone.map(|(_, thing)| thing.item));
    }

    /// Leaves a connection that may still be lent.
    fn unexpired(&mut self, thing: Option<Thing>, now: Instant) -> Option<Thing> {
        let limits = self.limits;
        let (good, gone) = thing.map_or((None, None), |thing| match thing.has_expired(&limits, now) {
            true => (None, Some(thing)),
            false => (Some(thing), None),
        });
        self.evicted.extend(gone.map(|thing| thing.item));
        good
    }

    fn lend(&mut self, r: usize, fresh: bool) -> Option<Thing> {
        let at = self.idle.iter().rposition(|(of, _)| *of == r && !fresh)?;
        Some(self.idle.remove(at).1)
    }

    fn rest(&mut self, r: usize, thing: Thing) {
        let of_route = |idle: &[(usize, Thing)]| idle.iter().filter(|(of, _)| *of == r).count();
        self.idle.push((r, thing));
        self.idle.sort_by_key(|(_, thing)| thing.turn);
        if of_route(&self.idle) > self.limits.idle_per_route {
            let at = self.idle.iter().position(|(of, _)| *of == r).unwrap();
            self.evicted.push(self.idle.remove(at).1.item);
        } else if self.idle.len() > self.limits.idle_total {
            self.evicted.push(self.idle.remove(0).1.item);
        }
    }

    /// Frees a slot, and names whom it goes to.
    fn free(&mut self, r: usize, thing: Option<Thing>) -> Option<Ticket> {
        let waiter = self.waiting.iter().position(|(of, ..)| *of == r).map(|at| self.waiting.remove(at));
        let takes = matches!(waiter, Some((.., false)));
        if let Some(thing) = thing.filter(|_| !takes) {
            self.rest(r, thing);
        }
        let (_, ticket, fresh) = waiter?;
        self.granted.push((r, ticket, fresh, thing.filter(|_| takes)));
        Some(ticket)
    }

    /// Those who wait, and those who do not know yet that they need not.
    fn ticket(&self, who: usize) -> Option<(usize, Ticket)> {
        let waiting = self.waiting.iter().map(|(r, ticket, _)| (*r, *ticket));
        let all: Vec<_> = waiting.chain(self.granted.iter().map(|(r, ticket, ..)| (*r, *ticket))).collect();
        all.get(who % all.len().max(1)).copied()
    }

    fn take_grant(&mut self, ticket: Ticket) -> Option<(bool, Option<Thing>)> {
        let at = self.granted.iter().position(|(_, granted, ..)| *granted == ticket)?;
        let (.., fresh, thing) = self.granted.remove(at);
        Some((fresh, thing))
    }
}

/// A connection as both pools know it; none where it has to be made.
type Held = Option<(Kept<u32>, Thing)>;

/// Both pools, and those who hold slots of them.
struct Race {
    pool: Pool<u32>,
    naive: Naive,
    holders: Vec<(usize, Held)>,
    now: Instant,
    evicted: Vec<Evicted<u32>>,
    made: u32,
    turns: u32,
}

impl Race {
    fn active(&self, r: usize) -> usize {
        let granted = self.naive.granted.iter().filter(|(of, ..)| *of == r).count();
        granted + self.holders.iter().filter(|(of, _)| *of == r).count()
    }

    fn is_free(&self, r: usize) -> bool {
        self.naive.limits.active_per_route.is_none_or(|limit| self.active(r) < limit.get())
    }

    /// Checks what was lent, and lets somebody hold it.
    fn hold(&mut self, r: usize, lent: Option<Thing>, got: Lent<u32>) -> Result<(), TestCaseError> {
        let held = match (got, lent) {
            (Lent::Idle(kept), Some(thing)) => {
                prop_assert_eq!(
                    (kept.item, kept.made(), kept.requests(), kept.idle_for()),
                    (thing.item, thing.made, thing.requests, self.now - thing.since)
                );
                Some((kept, thing))
            }
            (Lent::Connect, None) => None,
            (got, lent) => return Err(TestCaseError::fail(format!("{got:?} instead of {lent:?}"))),
        };
        self.holders.push((r, held));
        Ok(())
    }

    fn release(&mut self, who: usize, keeps: bool, hint: PeerHint) -> Result<(), TestCaseError> {
        let (now, limits) = (self.now, self.naive.limits);
        let (r, held) = self.holders.swap_remove(who % self.holders.len());
        let (mut kept, mut thing) = held.unwrap_or_else(|| {
            self.made += 1;
            let (item, made) = (self.made, now);
            let thing = Thing { item, made, requests: 0, idle_for: None, left: None, since: now, turn: 0 };
            (Kept::new(item, now), thing)
        });
        kept.answered(hint);
        thing.requests += 1;
        thing.since = now;
        self.turns += 1;
        thing.turn = self.turns;
        thing.idle_for = hint.idle_for.or(thing.idle_for);
        thing.left = hint.requests.or(thing.left.map(|left| left.saturating_sub(1)));
        let told = self.pool.release(&route(r), keeps.then_some(kept), now, &mut self.evicted);

        self.naive.drop_expired(now);
        let mut thing = Some(thing).filter(|_| keeps);
        let spent = thing.take_if(|thing| thing.is_spent(&limits));
        self.naive.evicted.extend(spent.map(|thing| thing.item));
        let thing = self.naive.unexpired(thing, now);
        prop_assert_eq!(told, self.naive.free(r, thing));
        Ok(())
    }

    fn step(&mut self, op: Op) -> Result<(), TestCaseError> {
        let now = self.now;
        match op {
            Op::Pass(seconds) => self.now += S * seconds,
            Op::Acquire { route: r, fresh } => {
                let want = if fresh { Want::Fresh } else { Want::Any };
                let got = self.pool.acquire(&route(r), want, now, &mut self.evicted);
                self.naive.drop_expired(now);
                if self.is_free(r) {
                    let lent = self.naive.lend(r, fresh);
                    let Acquired::Lent(got) = got else { return Err(TestCaseError::fail("needless wait")) };
                    return self.hold(r, lent, got);
                }
                let Acquired::Wait(ticket) = got else { return Err(TestCaseError::fail("beyond the limit")) };
                self.naive.waiting.push((r, ticket, fresh));
            }
            Op::Reserve { route: r, upto } => {
                let limits = self.naive.limits;
                let enough = upto.min(limits.idle_per_route).min(limits.idle_total);
                let idle = self.naive.idle.iter().filter(|(of, _)| *of == r).count();
                let reserved = idle < enough && self.is_free(r);
                prop_assert_eq!(self.pool.reserve(&route(r), upto), reserved);
                self.holders.extend(reserved.then_some((r, None)));
            }
            Op::Release { who, keeps, hint } if !self.holders.is_empty() => {
                return self.release(who, keeps, hint);
            }
            Op::Stale { who } if !self.holders.is_empty() => {
                let (r, _) = self.holders.swap_remove(who % self.holders.len());
                let got = self.pool.replace_stale(&route(r), now, &mut self.evicted);
                self.naive.drop_expired(now);
                let lent = self.naive.lend(r, false);
                return self.hold(r, lent, got);
            }
            Op::Poll { who } => {
                let Some((r, ticket)) = self.naive.ticket(who) else { return Ok(()) };
                let got = self.pool.poll(&route(r), ticket, now, &mut self.evicted);
                self.naive.drop_expired(now);
                if let Some((fresh, thing)) = self.naive.take_grant(ticket) {
                    let thing = self.naive.unexpired(thing, now);
                    let lent = thing.or_else(|| self.naive.lend(r, fresh));
                    let got = got.ok_or_else(|| TestCaseError::fail("a grant was lost"))?;
                    return self.hold(r, lent, got);
                }
                prop_assert!(got.is_none(), "{:?} too early", got);
            }
            Op::GiveUp { who } => {
                let Some((r, ticket)) = self.naive.ticket(who) else { return Ok(()) };
                let told = self.pool.give_up(&route(r), ticket, now, &mut self.evicted);
                self.naive.drop_expired(now);
                self.naive.waiting.retain(|(_, waiting, _)| *waiting != ticket);
                let next = self.naive.take_grant(ticket).and_then(|(_, thing)| {
                    let thing = self.naive.unexpired(thing, now);
                    self.naive.free(r, thing)
                });
                prop_assert_eq!(told, next);
            }
            Op::EvictOldest => {
                let oldest = (!self.naive.idle.is_empty()).then(|| self.naive.idle.remove(0).1.item);
                self.naive.evicted.extend(oldest);
                prop_assert_eq!(self.pool.evict_oldest(&mut self.evicted), oldest.is_some());
            }
            Op::Clear => {
                self.naive.evicted.extend(self.naive.idle.drain(..).map(|(_, thing)| thing.item));
                self.pool.clear(&mut self.evicted);
            }
            Op::Release { .. } | Op::Stale { .. } => {}
        }
        Ok(())
    }

    fn compare(&mut self) -> Result<(), TestCaseError> {
        let (handed, expected) = (self.evicted.len(), self.naive.evicted.len());
        prop_assert_eq!(handed, expected);
        let evicted: BTreeSet<_> = self.evicted.drain(..).map(|gone| gone.item).collect();
        prop_assert_eq!(evicted, self.naive.evicted.drain(..).collect());
        let snapshot = self.pool.snapshot();
        prop_assert_eq!(snapshot.idle, self.naive.idle.len());
        prop_assert_eq!(self.pool.idle(), self.naive.idle.len());
        prop_assert_eq!(snapshot.waiting, self.naive.waiting.len());
        prop_assert_eq!(snapshot.active, self.holders.len() + self.naive.granted.len());
        prop_assert_eq!(self.pool.oldest(), self.naive.idle.first().map(|(_, thing)| thing.since));
        for r in 0..ROUTES {
            let limit = self.naive.limits.active_per_route.map_or(usize::MAX, NonZeroUsize::get);
            prop_assert!(self.active(r) <= limit, "more active than allowed");
            let waits = self.naive.waiting.iter().any(|(of, ..)| *of == r);
            prop_assert!(!waits || self.active(r) == limit, "somebody waits beside a free slot");
        }
        Ok(())
    }

    fn run(&mut self, op: Op) -> Result<(), TestCaseError> {
        self.step(op)?;
        self.compare()
    }
}

proptest! {
    #[test]
    fn the_pool_does_what_a_naive_one_does(
        limits in limits(),
        ops in proptest::collection::vec(op(), 0..120),
    ) {
        let naive =
            Naive { limits, idle: Vec::new(), waiting: Vec::new(), granted: Vec::new(), evicted: Vec::new() };
        let (pool, now) = (Pool::new(limits), Instant::now());
        let mut race = Race { pool, naive, holders: Vec::new(), now, evicted: Vec::new(), made: 0, turns: 0 };
        for op in ops {
            race.run(op)?;
        }
        while race.naive.ticket(0).is_some() {
            race.run(Op::GiveUp { who: 0 })?;
        }
        while !race.holders.is_empty() {
            race.run(Op::Release { who: 0, keeps: false, hint: PeerHint::default() })?;
        }
        race.run(Op::Clear)?;
        prop_assert!(race.pool.routes.is_empty(), "a route was not forgotten");
    }
}
