use proptest::prelude::*;

use super::*;
use crate::sync::models::explore;

const MS: Duration = Duration::from_millis(1);

fn limiter(per_second: u32, burst: u32) -> RateLimiter {
    RateLimiter::per_second(NonZeroU32::new(per_second).unwrap(), NonZeroU32::new(burst).unwrap())
}

fn waits(limiter: &RateLimiter, now: Instant) -> u128 {
    limiter.try_acquire(now, 1).map_or_else(|limited| limited.wait.as_millis(), |()| 0)
}

#[test]
fn a_burst_passes_and_then_the_plain_rate() {
    let (limiter, now) = (limiter(10, 3), Instant::now());
    let first: Vec<u128> = (0..5).map(|_| waits(&limiter, now)).collect();
    assert_eq!(first, [0, 0, 0, 100, 100]);
    assert_eq!(waits(&limiter, now + 99 * MS), 1);
    assert_eq!(waits(&limiter, now + 100 * MS), 0);
    let later: Vec<u128> = (0..5).map(|_| waits(&limiter, now + 10_000 * MS)).collect();
    assert_eq!(later, [0, 0, 0, 100, 100]);
}

#[test]
fn slots_are_taken_together_or_not_at_all() {
    let (limiter, now) = (limiter(10, 3), Instant::now());
    assert_eq!(limiter.try_acquire(now, 4), Err(RateLimited { wait: Duration::MAX }));
    assert_eq!(limiter.try_acquire(now, 0), Ok(()));
    assert_eq!(limiter.try_acquire(now, 2), Ok(()));
    assert_eq!(limiter.try_acquire(now, 2), Err(RateLimited { wait: 100 * MS }));
    assert_eq!(limiter.try_acquire(now, 1), Ok(()));
}

#[test]
fn a_reservation_that_is_dropped_gives_its_slot_back() {
    let (limiter, now) = (limiter(10, 1), Instant::now());
    limiter.reserve(now, 1, Duration::ZERO).unwrap().redeem();
    let mut second = limiter.reserve(now, 1, 100 * MS).unwrap();
    assert_eq!(second.ready_at(), now + 100 * MS);
    assert_eq!(limiter.reserve(now, 1, 100 * MS).unwrap_err(), RateLimited { wait: 200 * MS });
    drop(second);
    assert_eq!(limiter.reserve(now, 1, 100 * MS).unwrap().ready_at(), now + 100 * MS);
}

#[test]
fn a_slot_in_the_middle_stays_empty() {
    let (limiter, now) = (limiter(10, 1), Instant::now());
    let first = limiter.reserve(now, 1, Duration::ZERO).unwrap();
    let mut second = limiter.reserve(now, 1, 100 * MS).unwrap();
    drop(first);
    assert_eq!(second.ready_at(), now + 100 * MS);
    assert_eq!(waits(&limiter, now), 200);
    drop(second);
    assert_eq!(waits(&limiter, now), 0, "and goes back with the one behind it");
}

#[test]
fn a_penalty_holds_for_all_and_calls_resume_one_by_one() {
    let (limiter, now) = (limiter(10, 5), Instant::now());
    let mut reserved = limiter.reserve(now, 1, Duration::ZERO).unwrap();
    limiter.penalize(now + 2000 * MS);
    limiter.penalize(now + 1000 * MS);
    assert_eq!(reserved.ready_at(), now + 2000 * MS);
    assert_eq!(waits(&limiter, now), 2100, "behind the one that waits already");
    drop(reserved);
    assert_eq!(waits(&limiter, now + 1999 * MS), 1, "what is given back opens nothing early");
    let after: Vec<u128> = (0..4).map(|_| waits(&limiter, now + 2000 * MS)).collect();
    assert_eq!(after, [0, 100, 100, 100]);
}

#[test]
fn those_who_waited_for_a_slot_do_not_all_begin_at_the_end_of_a_pause() {
    let (limiter, now) = (limiter(10, 2), Instant::now());
    let mut reserved: Vec<_> = (0..6).map(|_| limiter.reserve(now, 1, 1000 * MS).unwrap()).collect();
    let ready = |reserved: &mut [Reservation]| -> Vec<u128> {
        reserved.iter_mut().map(|reservation| (reservation.ready_at() - now).as_millis()).collect()
    };
    assert_eq!(ready(&mut reserved), [0, 0, 100, 200, 300, 400]);
    // The last keeps its slot, which lies behind the pause.
    limiter.penalize(now + 400 * MS);
    assert_eq!(ready(&mut reserved), [500, 600, 700, 800, 900, 400]);
    assert_eq!(ready(&mut reserved), [500, 600, 700, 800, 900, 400], "once is enough");
}

#[test]
fn rates_change_and_never_round_up() {
    let (limiter, now) = (limiter(3, 1), Instant::now());
    let mut at = now;
    for _ in 0..3 {
        assert_eq!(waits(&limiter, at), 0);
        at += Duration::from_nanos(333_333_333);
        assert!(limiter.try_acquire(at, 1).is_err());
        at += Duration::from_nanos(1);
    }
    limiter.set_rate(NonZeroU32::new(1).unwrap(), Duration::MAX);
    assert!(limiter.try_acquire(at, 1).is_ok());
    assert!(limiter.try_acquire(at + Duration::from_secs(1_000_000), 1).is_err());
}

proptest! {
    /// In any stretch, no more calls begin than the burst and the rate allow; a clock that steps back mints nothing.
    #[test]
    fn the_rate_holds_in_every_stretch(
        per_second in 1_u32..50, burst in 1_u32..10,
        script in proptest::collection::vec((-200_i64..400, 0_u32..4, 0_u8..6), 1..200),
    ) {
        let limiter = limiter(per_second, burst);
        let base = Instant::now() + Duration::from_secs(3600);
        let (mut at, mut latest) = (0_i64, 0_i64);
        let mut begun: Vec<(Instant, u32)> = Vec::new();
        let mut held = Vec::new();
        for (step, slots, kind) in script {
            at = (at + step).max(0);
            latest = latest.max(at);
            let now = base + Duration::from_millis(at.unsigned_abs());
            match kind {
                0 => if let Ok(mut reservation) = limiter.reserve(now, slots, Duration::from_secs(1)) {
                    prop_assert!(reservation.ready_at() <= now + Duration::from_secs(1));
                    begun.push((reservation.ready_at(), slots));
                    reservation.redeem();
                },
                1 => held.extend(limiter.reserve(now, slots, Duration::from_secs(1)).ok()),
                2 if !held.is_empty() => drop(held.swap_remove(slots as usize % held.len())),
                _ => if limiter.try_acquire(now, slots).is_ok() {
                    begun.push((now, slots));
                },
            }
        }
        begun.sort_unstable();
        for (i, from) in begun.iter().enumerate() {
            let mut sum = 0;
            for to in &begun[i..] {
                sum += to.1;
                let stretch = (to.0 - from.0).as_nanos();
                let allowed = u128::from(burst) * 1_000_000_000 + stretch * u128::from(per_second);
                prop_assert!(u128::from(sum) * 1_000_000_000 <= allowed + 1);
            }
        }
    }
}

proptest! {
    /// Whoever reserved before a pause or in it, nobody begins before its end, and all keep to the rate after it.
    #[test]
    fn the_rate_holds_after_a_pause(
        per_second in 1_u32..50, burst in 1_u32..10, pauses in proptest::collection::vec(1_u64..3000, 1..4),
        reservations in proptest::collection::vec((0_u64..50, 1_u32..3), 1..60),
    ) {
        let (limiter, base) = (limiter(per_second, burst), Instant::now());
        let (mut now, mut held) = (base, Vec::new());
        let mut until = base;
        for (n, (step, slots)) in reservations.into_iter().enumerate() {
            now += Duration::from_millis(step);
            held.extend(limiter.reserve(now, slots.min(burst), Duration::MAX).ok().map(|taken| (taken, slots.min(burst))));
            if let Some(pause) = pauses.get(n / 7).filter(|_| n % 7 == 3) {
                until = until.max(now + Duration::from_millis(*pause));
                limiter.penalize(now + Duration::from_millis(*pause));
            }
        }
        let mut begun: Vec<_> = held.iter_mut().map(|(taken, slots)| (taken.ready_at(), *slots)).collect();
        begun.sort_unstable();
        prop_assert!(begun[0].0 >= until);
        for (i, from) in begun.iter().enumerate() {
            let mut sum = 0;
            for to in &begun[i..] {
                sum += to.1;
                let stretch = (to.0 - from.0).as_nanos();
                let allowed = u128::from(burst) * 1_000_000_000 + stretch * u128::from(per_second);
                prop_assert!(u128::from(sum) * 1_000_000_000 <= allowed + 1);
            }
        }
    }
}

#[test]
fn reservations_penalties_and_refunds_in_any_order_lose_no_slot() {
    explore(|| {
        let (limiter, now) = (limiter(10, 2), Instant::now());
        let acts: [fn(&RateLimiter, Instant); 3] = [
            |limiter, now| drop(limiter.reserve(now, 1, 1000 * MS)),
            |limiter, now| limiter.penalize(now + 500 * MS),
            |limiter, now| drop(limiter.reserve(now, 2, 1000 * MS)),
        ];
        let threads: Vec<_> = acts
            .into_iter()
            .map(|act| {
                let limiter = limiter.clone();
                shuttle::thread::spawn(move || act(&limiter, now))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(limiter.try_acquire(now + 499 * MS, 1).is_err());
        assert!(limiter.try_acquire(now + 500 * MS, 1).is_ok());
    });
}
