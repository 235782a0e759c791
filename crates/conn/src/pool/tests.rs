use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::origin::Origin;

const S: Duration = Duration::from_secs(1);

fn route(i: usize) -> Route {
    Route::new(Origin::http(&format!("host-{i}.example")).unwrap())
}

#[test]
fn the_connection_returned_last_is_lent_first() {
    let (mut pool, now) = (Pool::new(PoolLimits::default()), Instant::now());
    for item in [1, 2, 3] {
        assert_eq!(pool.put(route(0), item, now), None);
    }
    assert_eq!(pool.put(route(1), 4, now), None);
    let lent: Vec<_> = std::iter::from_fn(|| pool.take(&route(0), now)).collect();
    assert_eq!((lent, pool.len()), (vec![3, 2, 1], 1));
}

#[test]
fn an_expired_connection_is_handed_back_and_never_lent() {
    let (mut pool, now) = (Pool::new(PoolLimits::default()), Instant::now());
    assert_eq!(pool.put(route(0), 1, now), None);
    assert_eq!(pool.put(route(0), 2, now + S), None);
    assert_eq!(pool.take(&route(0), now + S * 16), None);
    assert_eq!(pool.evict(now + S * 15), [1]);
    assert_eq!(pool.take(&route(0), now + S * 15), Some(2));
}

#[test]
fn the_oldest_goes_when_the_pool_is_full() {
    let now = Instant::now();
    let mut pool = Pool::new(PoolLimits { idle_per_route: 2, idle_total: 3, ..PoolLimits::default() });
    for (r, item, displaced) in
        [(0, 1, None), (1, 2, None), (1, 3, None), (1, 4, Some(2)), (2, 5, Some(1)), (3, 6, Some(3))]
    {
        assert_eq!(pool.put(route(r), item, now), displaced, "{item}");
    }
    assert_eq!(pool.clear(), [4, 5, 6]);
    assert!(pool.is_empty());
}

#[test]
fn a_limit_of_zero_keeps_nothing() {
    let limits = PoolLimits::default();
    for limits in [
        PoolLimits { idle_per_route: 0, ..limits },
        PoolLimits { idle_total: 0, ..limits },
        PoolLimits { idle_for: Duration::ZERO, ..limits },
    ] {
        assert_eq!(Pool::new(limits).put(route(0), 1, Instant::now()), Some(1));
    }
}

#[derive(Clone, Debug)]
enum Op {
    Take(usize),
    Put(usize),
    Evict,
    Clear,
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..4usize).prop_map(Op::Take),
        6 => (0..4usize).prop_map(Op::Put),
        1 => Just(Op::Evict),
        1 => Just(Op::Clear),
        3 => (0..6u64).prop_map(Op::Wait),
    ]
}

/// What was put, when and where, in the order of return.
type Model = Vec<(usize, u32, Instant)>;

proptest! {
    #[test]
    fn limits_hold_nothing_expired_is_lent_and_nothing_is_lost(
        per_route in 0..4usize,
        total in 0..8usize,
        ops in proptest::collection::vec(op(), 0..80),
    ) {
        let limits = PoolLimits { idle_per_route: per_route, idle_total: total, idle_for: S * 10 };
        let routes: Vec<_> = (0..4).map(route).collect();
        let (mut pool, mut model, mut now) = (Pool::new(limits), Model::new(), Instant::now());
        let (mut next, mut out) = (0u32, HashSet::new());
        for op in ops {
            match op {
                Op::Wait(seconds) => now += S * u32::try_from(seconds).unwrap(),
                Op::Take(r) => {
                    let at = model.iter().rposition(|(mr, _, since)| *mr == r && now - *since < S * 10);
                    let expected = at.map(|at| model.remove(at).1);
                    let lent = pool.take(&routes[r], now);
                    prop_assert_eq!(lent, expected);
                    out.extend(lent);
                }
                Op::Put(r) => {
                    next += 1;
                    let of_route = model.iter().filter(|(mr, ..)| *mr == r).count();
                    let displaced = if per_route == 0 || total == 0 {
                        Some(next)
                    } else {
                        let at = if of_route == per_route {
                            model.iter().position(|(mr, ..)| *mr == r)
                        } else {
                            (model.len() == total).then_some(0)
                        };
                        let displaced = at.map(|at| model.remove(at).1);
                        model.push((r, next, now));
                        displaced
                    };
                    let handed = pool.put(routes[r].clone(), next, now);
                    prop_assert_eq!(handed, displaced);
                    out.extend(handed);
                }
                Op::Evict => {
                    let (gone, kept) = model.iter().partition::<Model, _>(|(.., since)| now - *since >= S * 10);
                    model = kept;
                    let handed = pool.evict(now);
                    prop_assert_eq!(&handed, &gone.iter().map(|(_, item, _)| *item).collect::<Vec<_>>());
                    out.extend(handed);
                }
                Op::Clear => {
                    model.clear();
                    out.extend(pool.clear());
                }
            }
            prop_assert_eq!(pool.len(), model.len());
            prop_assert!(pool.len() <= total);
        }
        out.extend(pool.clear());
        prop_assert_eq!(out.len(), usize::try_from(next).unwrap(), "every item came out exactly once");
    }
}
