//! Whether a rate is above its limit by more than chance explains.

/// Says whether `hits` of `calls` lie above `permille` thousandths, by at least √`z_squared` standard deviations.
///
/// A limit on the bare ratio trips by chance when calls are few or the true rate is near the limit. The score test
/// asks how far `hits` lie above what the limit leads to expect, measured in the deviation that chance gives. With
/// nine as the square (three deviations) and 500 permille that is 17 of 20, 36 of 50, 65 of 100, 548 of 1000; zero gives
/// the bare ratio. Whole numbers throughout: no rounding decides.
pub(super) fn exceeds(hits: u64, calls: u64, permille: u16, z_squared: u16) -> bool {
    let (hits, calls, limit) = (u128::from(hits), u128::from(calls), u128::from(permille.min(1000)));
    let Some(above) = (hits * 1000).checked_sub(calls * limit) else { return false };
    let variance = limit * (1000 - limit) * calls;
    above > 0 && above.saturating_mul(above) >= variance.saturating_mul(u128::from(z_squared))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_least_count_that_exceeds_a_half() {
        let check = |calls: u64, z_squared: u16, least: u64| {
            let found = (0..=calls).find(|hits| exceeds(*hits, calls, 500, z_squared));
            assert_eq!(found, Some(least), "of {calls}");
        };
        check(10, 4, 9);
        check(20, 4, 15);
        check(50, 4, 33);
        check(100, 4, 60);
        check(1000, 4, 532);
        check(10, 9, 10);
        check(20, 9, 17);
        check(50, 9, 36);
        check(100, 9, 65);
        check(1000, 9, 548);
        check(10, 0, 6);
        check(100, 0, 51);
    }

    #[test]
    fn ends_of_the_scale() {
        assert!(!exceeds(0, 0, 500, 0));
        assert!(!exceeds(0, 100, 0, 0));
        assert!(exceeds(1, 100, 0, 9));
        assert!(!exceeds(100, 100, 1000, 0));
        assert!(exceeds(u64::MAX, u64::MAX, 999, 4));
        assert!(!exceeds(u64::MAX / 2, u64::MAX, 500, u16::MAX));
    }

    proptest! {
        #[test]
        fn a_failure_never_speaks_for_health_nor_a_success_against_it(
            hits in 0_u64..5000, more in 0_u64..5000, permille in 0_u16..=1000, z_squared in 0_u16..20,
        ) {
            let calls = hits + more;
            if exceeds(hits, calls, permille, z_squared) {
                prop_assert!(exceeds(hits + 1, calls + 1, permille, z_squared));
            } else {
                prop_assert!(!exceeds(hits, calls + 1, permille, z_squared));
            }
        }

        #[test]
        fn it_agrees_with_the_formula_in_floating_point(
            hits in 0_u32..2000, more in 0_u32..2000, permille in 1_u16..1000, z_squared in 1_u16..16,
        ) {
            let (n, f, t) = (f64::from(hits + more), f64::from(hits), f64::from(permille) / 1000.0);
            let score = (f - n * t) / (n * t * (1.0 - t)).sqrt();
            let distance = score - f64::from(z_squared).sqrt();
            prop_assume!(distance.abs() > 1e-9);
            prop_assert_eq!(
                exceeds(u64::from(hits), u64::from(hits + more), permille, z_squared), distance > 0.0
            );
        }
    }
}
