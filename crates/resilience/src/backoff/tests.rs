use proptest::prelude::*;

use super::*;
use crate::rng::SharedRng;

const MILLI: u64 = 1_000_000;

#[track_caller]
fn check(backoff: Backoff, millis: &[u64]) {
    let ceilings: Vec<u64> = (1..=u32::try_from(millis.len()).unwrap())
        .map(|n| backoff.ceiling_nanos(NonZeroU32::new(n).unwrap()) / MILLI)
        .collect();
    assert_eq!(ceilings, millis);
}

#[test]
fn shapes_grow_up_to_the_cap() {
    let ms = Duration::from_millis;
    check(Backoff::constant(ms(50)), &[50, 50, 50]);
    check(Backoff::linear(ms(100), ms(30), ms(170)), &[100, 130, 160, 170, 170]);
    check(Backoff::exponential(ms(100), ms(1000)), &[100, 200, 400, 800, 1000, 1000]);
    check(
        Backoff::exponential(ms(100), ms(1000)).factor(3, 2).unwrap(),
        &[100, 150, 225, 337, 506, 759, 1000],
    );
    check(Backoff::exponential(ms(100), ms(1000)).factor(1, 1).unwrap(), &[100, 100, 100]);
    check(Backoff::exponential(ms(5000), ms(1000)), &[1000, 1000]);
    check(Backoff::exponential(ms(0), ms(1000)), &[0, 0]);
}

#[test]
fn factors_are_judged() {
    let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(9));
    assert_eq!(backoff.factor(2, 0), Err(ConfigError::ZeroDenominator { num: 2 }));
    assert_eq!(backoff.factor(2, 3), Err(ConfigError::ShrinkingFactor { num: 2, den: 3 }));
    let constant = Backoff::constant(Duration::from_secs(1));
    assert_eq!(constant.factor(2, 1), Err(ConfigError::FactorWithoutExponent));
}

#[test]
fn draws_reach_both_ends() {
    let backoff = Backoff::constant(Duration::from_nanos(1000));
    let ends = |jitter| {
        let draw = |r| backoff.jitter(jitter).sample(NonZeroU32::MIN, Duration::ZERO, r).as_nanos();
        (draw(0), draw(u64::MAX))
    };
    assert_eq!(ends(Jitter::None), (1000, 1000));
    assert_eq!(ends(Jitter::Full), (0, 1000));
    assert_eq!(ends(Jitter::Equal), (500, 1000));
    assert_eq!(ends(Jitter::Proportional { permille: 100 }), (900, 1000));
    assert_eq!(ends(Jitter::Proportional { permille: 9999 }), (0, 1000));
    let long = Backoff::exponential(Duration::from_nanos(10), Duration::from_nanos(100));
    let long = long.jitter(Jitter::Decorrelated);
    let draw = |prev, r| long.sample(NonZeroU32::MIN, Duration::from_nanos(prev), r).as_nanos();
    assert_eq!((draw(0, 0), draw(0, u64::MAX)), (10, 30));
    assert_eq!((draw(20, 0), draw(20, u64::MAX)), (10, 60));
    assert_eq!((draw(90, 0), draw(90, u64::MAX)), (10, 100));
}

#[test]
fn two_iterators_on_one_source_differ() {
    let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(60));
    let rng = SharedRng::seeded(3);
    let (mut one, mut other) = (backoff.iter(&rng), backoff.iter(&rng));
    let pairs: Vec<_> = (0..20).map(|_| (one.next(), other.next())).collect();
    assert!(pairs.iter().all(|(one, other)| one != other));
}

/// Chi-square over 32 cells: 31 degrees of freedom stay below 61.1 in 999 of 1000 runs; the seed is fixed.
#[test]
fn full_jitter_is_uniform() {
    let backoff = Backoff::constant(Duration::from_nanos(3_199)).jitter(Jitter::Full);
    let rng = SharedRng::seeded(42);
    let mut cells = [0_u32; 32];
    for wait in backoff.iter(&rng).take(32_000) {
        cells[usize::try_from(wait.as_nanos() / 100).unwrap()] += 1;
    }
    let chi_square: f64 = cells.iter().map(|n| (f64::from(*n) - 1000.0).powi(2) / 1000.0).sum();
    assert!(chi_square < 61.1, "{chi_square}");
}

fn any_duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        any::<u64>().prop_map(Duration::from_nanos),
        (0_u64..10_000).prop_map(Duration::from_millis),
        Just(Duration::ZERO),
        Just(Duration::MAX),
    ]
}

fn any_jitter() -> impl Strategy<Value = Jitter> {
    prop_oneof![
        Just(Jitter::None),
        Just(Jitter::Full),
        Just(Jitter::Equal),
        any::<u16>().prop_map(|permille| Jitter::Proportional { permille }),
        Just(Jitter::Decorrelated),
    ]
}

fn any_backoff() -> impl Strategy<Value = Backoff> {
    let shape = prop_oneof![
        any_duration().prop_map(Backoff::constant),
        (any_duration(), any_duration(), any_duration()).prop_map(|(b, s, m)| Backoff::linear(b, s, m)),
        (any_duration(), any_duration(), 1..=u16::MAX, 1..=u16::MAX)
            .prop_map(|(b, m, x, y)| Backoff::exponential(b, m).factor(x.max(y), x.min(y)).unwrap()),
    ];
    (shape, any_jitter()).prop_map(|(backoff, jitter)| backoff.jitter(jitter))
}

fn any_retry() -> impl Strategy<Value = NonZeroU32> {
    prop_oneof![1_u32..200, any::<u32>()].prop_map(|n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN))
}

proptest! {
    #[test]
    fn the_ceiling_grows_and_stays_below_the_cap(backoff in any_backoff(), retry in any_retry()) {
        let ceiling = backoff.ceiling_nanos(retry);
        prop_assert!(ceiling <= backoff.max);
        prop_assert!(ceiling <= backoff.ceiling_nanos(retry.saturating_add(1)));
    }

    #[test]
    fn samples_stay_in_their_interval(
        backoff in any_backoff(), retry in any_retry(), prev in any_duration(), r in any::<u64>(),
    ) {
        let ceiling = backoff.ceiling_nanos(retry);
        let sample = nanos(backoff.sample(retry, prev, r));
        let (low, high) = match backoff.jitter {
            Jitter::None => (ceiling, ceiling),
            Jitter::Full => (0, ceiling),
            Jitter::Equal => (ceiling / 2, ceiling),
            Jitter::Proportional { permille } => {
                let kept = u128::from(ceiling) * u128::from(1000 - permille.min(1000)) / 1000;
                (u64::try_from(kept).unwrap(), ceiling)
            }
            Jitter::Decorrelated => (backoff.base.min(backoff.max), backoff.max),
        };
        prop_assert!(low <= sample && sample <= high && sample <= backoff.max);
    }

    #[test]
    fn waits_spread_at_the_cap(jitter in any_jitter(), seed in any::<u64>()) {
        prop_assume!(!matches!(jitter, Jitter::None | Jitter::Proportional { permille: 0..50 }));
        let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(2)).jitter(jitter);
        let rng = SharedRng::seeded(seed);
        let mut waits: Vec<Duration> = backoff.iter(&rng).skip(10).take(1000).collect();
        waits.sort_unstable();
        waits.dedup();
        prop_assert!(waits.len() >= 64);
    }

    #[test]
    fn the_iterator_is_the_samples_in_turn(backoff in any_backoff(), seed in any::<u64>()) {
        let (rng, twin) = (SharedRng::seeded(seed), SharedRng::seeded(seed));
        let mut prev = Duration::ZERO;
        for (n, wait) in (1..).zip(backoff.iter(&rng).take(40)) {
            prev = backoff.sample(NonZeroU32::new(n).unwrap(), prev, twin.next_u64());
            prop_assert_eq!(wait, prev);
        }
    }
}
