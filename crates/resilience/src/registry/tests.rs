use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::sync::models::explore;

const SECOND: Duration = Duration::from_secs(1);

fn breakers<K: Hash + Eq + Clone>(max_entries: usize) -> Registry<K, CircuitBreaker> {
    Registry::new(RegistryConfig { max_entries, ..RegistryConfig::default() })
}

fn breaker() -> CircuitBreaker {
    CircuitBreaker::classic(NonZeroU32::MIN, 1000 * SECOND)
}

fn fail(registry: &Registry<u32, CircuitBreaker>, key: u32, now: Instant) {
    let breaker = registry.get_or_insert_with(&key, now, breaker);
    let _ = breaker.try_acquire(now).unwrap().failure(now);
}

#[test]
fn a_key_keeps_its_value() {
    let (registry, now) = (breakers::<String>(2), Instant::now());
    assert!(registry.is_empty());
    let one = registry.get_or_insert_with(&"a".to_owned(), now, breaker);
    let again = registry.get_or_insert_with(&"a".to_owned(), now, || panic!("there is one"));
    assert!(Arc::ptr_eq(&one, &again));
    assert!(registry.get(&"b".to_owned(), now).is_none());
    assert_eq!(registry.entries().len(), 1);
    assert!(Arc::ptr_eq(&registry.remove(&"a".to_owned()).unwrap(), &one));
    assert!(registry.remove(&"a".to_owned()).is_none() && registry.is_empty());
}

#[test]
fn open_breakers_survive_a_crawl() {
    let (registry, now) = (breakers(100), Instant::now());
    for key in 0..50 {
        fail(&registry, key, now);
    }
    for key in 1000..11_000 {
        registry.get_or_insert_with(&key, now, breaker);
        assert!(registry.len() <= 200);
    }
    for key in 0..50 {
        assert_eq!(registry.get(&key, now).unwrap().state(), BreakerState::Open);
    }
}

#[test]
fn when_all_are_open_a_newcomer_is_not_kept() {
    let (registry, now) = (breakers(5), Instant::now());
    for key in 0..10 {
        fail(&registry, key, now);
    }
    let stranger = registry.get_or_insert_with(&99, now, breaker);
    assert!(stranger.try_acquire(now).is_ok());
    assert!(registry.get(&99, now).is_none());
    assert_eq!(registry.len(), 10);
}

#[test]
fn what_is_in_use_goes_only_when_there_is_no_other_room() {
    let (registry, now) = (breakers(4), Instant::now());
    let held: Vec<_> = (0..4).map(|key| registry.get_or_insert_with(&key, now, breaker)).collect();
    for key in 10..14 {
        registry.get_or_insert_with(&key, now, breaker);
    }
    assert!((0..4).all(|key| registry.get(&key, now).is_some()));
    drop(held);
    for key in 20..80 {
        registry.get_or_insert_with(&key, now, breaker);
    }
    assert!(registry.len() <= 8);
}

#[test]
fn what_is_asked_for_often_outlasts_what_came_by_once() {
    let (registry, now) = (breakers(8), Instant::now());
    for key in 0..1000 {
        registry.get_or_insert_with(&key, now, breaker);
        assert!(key == 0 || registry.get(&0, now).is_some(), "gone after {key}");
    }
}

#[test]
fn a_sweep_drops_what_is_idle_and_well() {
    let (registry, now) = (breakers(10), Instant::now());
    fail(&registry, 0, now);
    let held = registry.get_or_insert_with(&1, now, breaker);
    registry.get_or_insert_with(&2, now, breaker);
    registry.get_or_insert_with(&3, now, breaker);
    let busy = registry.get_or_insert_with(&4, now, breaker);
    let _ = busy.try_acquire(now).unwrap().success(now);
    drop(busy);
    assert_eq!(registry.sweep(now + 599 * SECOND), 0);
    let _ = registry.get(&3, now + 599 * SECOND);
    assert_eq!(registry.sweep(now + 600 * SECOND), 2);
    drop(held);
    assert_eq!(registry.sweep(now + 600 * SECOND), 1);
    let mut left: Vec<u32> = registry.entries().into_iter().map(|(key, _)| key).collect();
    left.sort_unstable();
    assert_eq!(left, [0, 3]);
}

proptest! {
    #[test]
    fn the_index_leads_to_the_entries(
        script in proptest::collection::vec((0_u32..40, 0_u8..6), 1..200), max in 0_usize..12,
    ) {
        let (registry, base) = (breakers::<u32>(max), Instant::now());
        let mut kept = Vec::new();
        for (n, (key, op)) in (0..).zip(script) {
            let now = base + n * 60 * SECOND;
            match op {
                0 => drop(registry.remove(&key)),
                1 => drop(registry.sweep(now)),
                2 => kept.push(registry.get_or_insert_with(&key, now, breaker)),
                3 => if let Some(breaker) = registry.get(&key, now) {
                    let _ = breaker.try_acquire(now).map(|permit| permit.failure(now));
                },
                _ => drop(registry.get_or_insert_with(&key, now, breaker)),
            }
            prop_assert!(registry.len() <= max * 2);
            registry.table.with(|table| {
                assert_eq!(table.index.len(), table.slots.len());
                for (at, slot) in table.slots.iter().enumerate() {
                    assert_eq!(table.index[&slot.key], at);
                }
            });
        }
    }
}

#[test]
fn threads_that_meet_at_one_key_get_one_value() {
    explore(|| {
        let registry = Arc::new(breakers::<u32>(1));
        let now = Instant::now();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let registry = Arc::clone(&registry);
                shuttle::thread::spawn(move || registry.get_or_insert_with(&7, now, breaker))
            })
            .collect();
        let other = Arc::clone(&registry);
        let crowd = shuttle::thread::spawn(move || drop(other.get_or_insert_with(&8, now, breaker)));
        let found: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        crowd.join().unwrap();
        assert!(found.windows(2).all(|pair| Arc::ptr_eq(&pair[0], &pair[1])));
        assert!(registry.len() <= 2);
    });
}
