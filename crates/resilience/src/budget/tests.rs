use proptest::prelude::*;

use super::*;
use crate::sync::models;

fn budget(capacity: u16, trickle_permille: u32) -> RetryBudget {
    RetryBudget::new(BudgetConfig { capacity, trickle_permille, ..BudgetConfig::default() })
}

#[test]
fn ten_successes_pay_for_one_retry() {
    let (budget, now) = (budget(1, 0), Instant::now());
    budget.withdraw(now, 1000).unwrap().spend();
    for _ in 0..9 {
        budget.deposit(now);
        assert!(budget.withdraw(now, 1000).is_none());
    }
    budget.deposit(now);
    assert!(budget.withdraw(now, 1000).is_some());
}

#[test]
fn time_alone_pays_one_token_in_ten_seconds() {
    let (budget, now) = (budget(2, 100), Instant::now());
    budget.withdraw(now, 2000).unwrap().spend();
    assert_eq!(budget.level(now + Duration::from_secs(9)), 900);
    assert!(budget.withdraw(now + Duration::from_secs(9), 1000).is_none());
    assert_eq!(budget.level(now + Duration::from_secs(3600)), 2000);
}

#[test]
fn a_retry_that_succeeded_gives_one_token_back() {
    let now = Instant::now();
    let check = |refundable: bool, refund_on_success: bool, taken: u32, left: u32| {
        let config = BudgetConfig { refund_on_success, trickle_permille: 0, ..BudgetConfig::default() };
        let budget = RetryBudget::new(config);
        let mut token = budget.withdraw(now, taken).unwrap();
        if !refundable {
            token.forfeit_refund();
        }
        token.spend();
        token.succeeded(now);
        assert_eq!(budget.level(now), left, "{refundable} {refund_on_success} {taken}");
    };
    check(true, true, 1000, 20_000);
    check(true, true, 2000, 19_000);
    check(false, true, 1000, 19_100);
    check(true, false, 1000, 19_100);
    check(true, true, 500, 20_000);
}

#[test]
fn both_buckets_must_have_a_token() {
    let now = Instant::now();
    let parent = budget(1, 0);
    let (one, other) = (
        RetryBudget::within(&parent, BudgetConfig { trickle_permille: 0, ..BudgetConfig::default() }),
        RetryBudget::within(&parent, BudgetConfig { trickle_permille: 0, ..BudgetConfig::default() }),
    );
    let mut token = one.withdraw(now, 1000).unwrap();
    assert!(other.withdraw(now, 1000).is_none());
    assert_eq!(other.0.bucket.with(|bucket| bucket.level(now)), 20_000, "what the parent refuses comes back");
    token.spend();
    token.succeeded(now);
    assert_eq!((parent.level(now), one.level(now)), (1000, 1000));
    assert_eq!(one.0.bucket.with(|bucket| bucket.level(now)), 20_000);
    drop(other.withdraw(now, 1000));
    assert_eq!(parent.level(now), 1000);
    other.withdraw(now, 1000).unwrap().spend();
    one.deposit(now);
    assert_eq!(parent.level(now), 100);
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Deposit,
    Withdraw(u32),
    Refund,
    DropToken,
}

fn any_op() -> impl Strategy<Value = (i64, Op)> {
    let op = prop_oneof![
        Just(Op::Deposit),
        (0_u32..4000).prop_map(Op::Withdraw),
        Just(Op::Refund),
        Just(Op::DropToken),
    ];
    // Nanoseconds since the operation before, at times back.
    let step = prop_oneof![0_i64..3_000_000_000, -1_000_000_000_i64..0, Just(0), Just(7)];
    (step, op)
}

fn any_config() -> impl Strategy<Value = BudgetConfig> {
    let trickle = prop_oneof![0_u32..2000, any::<u32>()];
    (0_u16..2000, prop_oneof![0_u16..40, any::<u16>()], trickle).prop_map(
        |(ratio_permille, capacity, trickle)| BudgetConfig {
            ratio_permille,
            capacity,
            trickle_permille: trickle,
            refund_on_success: true,
        },
    )
}

/// A bucket in fractions: tokens as a numerator over 10^12, computed anew from time and events.
struct Rational {
    over_ten_to_12: i128,
    config: BudgetConfig,
    latest: i128,
}

impl Rational {
    const ONE: i128 = 1_000_000_000_000;

    fn to(&mut self, at: i128) {
        let seconds_over_ten_to_9 = (at - self.latest).max(0);
        self.latest = self.latest.max(at);
        self.change(seconds_over_ten_to_9 * i128::from(self.config.trickle_permille));
    }

    fn change(&mut self, by: i128) {
        self.over_ten_to_12 = (self.over_ten_to_12 + by).min(self.capacity());
    }

    fn is_full(&self) -> bool {
        self.over_ten_to_12 == self.capacity()
    }

    fn capacity(&self) -> i128 {
        i128::from(self.config.capacity) * Self::ONE
    }
}

proptest! {
    #[test]
    fn the_level_is_that_of_a_rational_bucket(
        config in any_config(), ops in proptest::collection::vec(any_op(), 1..200),
    ) {
        let (budget, base) = (RetryBudget::new(config), Instant::now() + Duration::from_secs(3600));
        let mut rational =
            Rational { over_ten_to_12: i128::from(config.capacity) * Rational::ONE, config, latest: 0 };
        let (mut at, mut held) = (0_i64, Vec::new());
        let _ = budget.level(base);
        for (step, op) in ops {
            at = (at + step).max(-1_000_000_000);
            let now = if at < 0 {
                base - Duration::from_nanos(at.unsigned_abs())
            } else {
                base + Duration::from_nanos(at.unsigned_abs())
            };
            match op {
                Op::Deposit => {
                    budget.deposit(now);
                    // A deposit into a full bucket leaves no trace, its time included.
                    if !rational.is_full() {
                        rational.to(i128::from(at));
                        rational.change(i128::from(config.ratio_permille) * Rational::ONE / 1000);
                    }
                }
                Op::Withdraw(millitokens) => {
                    let token = budget.withdraw(now, millitokens);
                    rational.to(i128::from(at));
                    let cost = i128::from(millitokens) * Rational::ONE / 1000;
                    prop_assert_eq!(token.is_some(), rational.over_ten_to_12 >= cost);
                    if let Some(token) = token {
                        rational.change(-cost);
                        held.push((token, cost));
                    }
                }
                Op::Refund => if let Some((mut token, cost)) = held.pop() {
                    token.spend();
                    token.succeeded(now);
                    rational.change(cost.min(Rational::ONE));
                },
                Op::DropToken => if let Some((token, cost)) = held.pop() {
                    drop(token);
                    rational.change(cost);
                },
            }
            let level = budget.0.bucket.with(|bucket| bucket.level);
            prop_assert_eq!(i128::from(level), rational.over_ten_to_12);
            prop_assert!(level <= u64::from(config.capacity) * 1000 * UNITS);
        }
    }

    /// In any stretch of time, retries ≤ capacity + ratio · successes + refunds + trickle · time.
    #[test]
    fn retries_stay_within_what_was_paid(
        config in any_config(), ops in proptest::collection::vec((0_u64..5_000_000_000, 0_u8..3), 1..300),
    ) {
        let (budget, base) = (RetryBudget::new(config), Instant::now());
        let (mut now, mut paid, mut from) = (base, vec![0_u128], vec![base]);
        let mut taken = vec![0_u128];
        for (step, op) in ops {
            now += Duration::from_nanos(step);
            let (mut pays, mut takes) = (0, 0);
            match op {
                0 => {
                    budget.deposit(now);
                    pays = u128::from(config.ratio_permille);
                }
                _ => if let Some(mut token) = budget.withdraw(now, 1000) {
                    token.spend();
                    takes = 1000;
                    if op == 2 {
                        token.succeeded(now);
                        pays = 1000;
                    }
                },
            }
            paid.push(paid.last().unwrap() + pays);
            taken.push(taken.last().unwrap() + takes);
            from.push(now);
        }
        let end = taken.len() - 1;
        for start in 0..end {
            let trickled = (from[end] - from[start]).as_nanos() * u128::from(config.trickle_permille);
            let bound = (u128::from(config.capacity) * 1000 + paid[end] - paid[start]) * u128::from(UNITS) + trickled;
            prop_assert!((taken[end] - taken[start]) * u128::from(UNITS) <= bound);
        }
    }
}

#[test]
fn extremes_of_time_and_rate_do_not_overflow() {
    let config = BudgetConfig {
        capacity: u16::MAX,
        trickle_permille: u32::MAX,
        ratio_permille: u16::MAX,
        ..BudgetConfig::default()
    };
    let (budget, now) = (RetryBudget::new(config), Instant::now());
    budget.withdraw(now, 2_000_000).unwrap().spend();
    let far = now + Duration::from_secs(u64::from(u32::MAX) * 10);
    assert_eq!(budget.level(far), u32::from(u16::MAX) * 1000);
    assert_eq!(budget.level(now), u32::from(u16::MAX) * 1000);
}

#[test]
fn of_two_withdrawals_of_one_token_one_wins() {
    models::explore(|| {
        let (budget, now) = (budget(1, 0), Instant::now());
        let other = budget.clone();
        let thread = shuttle::thread::spawn(move || other.withdraw(now, 1000).map(|mut token| token.spend()));
        let here = budget.withdraw(now, 1000).map(|mut token| token.spend());
        let there = thread.join().unwrap();
        assert!(here.is_some() != there.is_some());
    });
}

#[test]
fn deposits_and_withdrawals_conserve_tokens() {
    models::explore(|| {
        let (budget, now) = (budget(3, 0), Instant::now());
        budget.withdraw(now, 2000).unwrap().spend();
        let (one, other) = (budget.clone(), budget.clone());
        let depositing = shuttle::thread::spawn(move || (0..5).for_each(|_| one.deposit(now)));
        let withdrawing = shuttle::thread::spawn(move || {
            drop(other.withdraw(now, 1000));
            other.withdraw(now, 500).map(|mut token| token.spend()).is_some()
        });
        depositing.join().unwrap();
        let taken = withdrawing.join().unwrap();
        assert_eq!(budget.level(now), if taken { 1000 } else { 1500 });
    });
}
