use proptest::prelude::*;

use super::*;
use crate::budget::BudgetConfig;

const DELAY: Duration = Duration::from_millis(50);

fn hedge(max_extra: u8) -> HedgeState {
    HedgeState::new(HedgePolicy::new(max_extra, DELAY).unwrap())
}

#[test]
fn copies_start_one_delay_apart() {
    let (mut hedge, now) = (hedge(2), Instant::now());
    assert_eq!(hedge.next(now, None), HedgeStep::Start(0));
    assert_eq!(hedge.next(now, None), HedgeStep::Wait(now + DELAY));
    assert_eq!(hedge.next(now + DELAY, None), HedgeStep::Start(1));
    assert_eq!(hedge.next(now + DELAY, None), HedgeStep::Wait(now + 2 * DELAY));
    assert_eq!(hedge.next(now + 2 * DELAY, None), HedgeStep::Start(2));
    assert_eq!(hedge.next(now + 9 * DELAY, None), HedgeStep::Await);
}

#[test]
fn the_first_success_wins_and_not_the_first_result() {
    let (mut hedge, now) = (hedge(2), Instant::now());
    hedge.next(now, None);
    hedge.on_result(0, HedgeVerdict::Retryable, now);
    assert_eq!(hedge.next(now, None), HedgeStep::Start(1), "at once, without the delay");
    hedge.next(now + DELAY, None);
    hedge.on_result(2, HedgeVerdict::Win, now + DELAY);
    hedge.on_result(1, HedgeVerdict::Win, now + DELAY);
    assert_eq!(hedge.next(now + DELAY, None), HedgeStep::Finish(2));
}

#[test]
fn an_answer_that_all_would_get_ends_it() {
    let (mut hedge, now) = (hedge(2), Instant::now());
    hedge.next(now, None);
    hedge.next(now + DELAY, None);
    hedge.on_result(0, HedgeVerdict::Fatal, now + DELAY);
    assert_eq!(hedge.next(now + DELAY, None), HedgeStep::Finish(0));
}

#[test]
fn when_all_have_failed_the_last_result_is_handed_over() {
    let (mut hedge, now) = (hedge(1), Instant::now());
    hedge.next(now, None);
    hedge.next(now + DELAY, None);
    hedge.on_result(1, HedgeVerdict::Retryable, now + DELAY);
    assert_eq!(hedge.next(now + DELAY, None), HedgeStep::Await);
    hedge.on_result(0, HedgeVerdict::Retryable, now + DELAY);
    assert_eq!(hedge.next(now + DELAY, None), HedgeStep::Finish(0));
}

#[test]
fn a_server_that_wants_no_more_gets_no_more() {
    let (mut hedge, now) = (hedge(3), Instant::now());
    hedge.next(now, None);
    hedge.next(now + DELAY, None);
    hedge.on_result(0, HedgeVerdict::PushedBack, now + DELAY);
    assert_eq!(hedge.next(now + 9 * DELAY, None), HedgeStep::Await);
    hedge.on_result(1, HedgeVerdict::PushedBack, now + 9 * DELAY);
    assert_eq!(hedge.next(now + 9 * DELAY, None), HedgeStep::Finish(1));
}

#[test]
fn copies_are_paid_for_and_winners_earn_their_token_back() {
    let now = Instant::now();
    let mut config = BudgetConfig::default();
    (config.capacity, config.trickle_permille) = (1, 0);
    let budget = RetryBudget::new(config);
    let (mut one, mut other) = (hedge(2), hedge(2));
    one.next(now, Some(&budget));
    other.next(now, Some(&budget));
    assert_eq!(one.next(now + DELAY, Some(&budget)), HedgeStep::Start(1));
    assert_eq!(other.next(now + DELAY, Some(&budget)), HedgeStep::Await);
    one.on_result(1, HedgeVerdict::Win, now + DELAY);
    assert_eq!(budget.level(now), 1000);
    assert_eq!(other.next(now + 2 * DELAY, Some(&budget)), HedgeStep::Await, "it was refused once");
}

#[test]
fn more_than_fifteen_copies_are_refused() {
    let refused = HedgePolicy::new(16, DELAY).unwrap_err();
    assert_eq!(refused.to_string(), "16 copies of one call are too many: 15 is the limit");
    let (mut hedge, mut now) = (hedge(15), Instant::now());
    for index in 0..16 {
        assert_eq!(hedge.next(now, None), HedgeStep::Start(index));
        now += DELAY;
    }
    assert_eq!(hedge.next(now, None), HedgeStep::Await);
}

proptest! {
    #[test]
    fn no_script_breaks_a_rule(
        max_extra in 0_u8..=15, capacity in 0_u16..6,
        script in proptest::collection::vec((0_u64..60, 0_u8..20, 0_u8..8), 1..80),
    ) {
        let mut config = BudgetConfig::default();
        (config.capacity, config.trickle_permille) = (capacity, 0);
        let budget = RetryBudget::new(config);
        let (mut hedge, mut now) = (hedge(max_extra), Instant::now());
        let (mut started, mut over, mut pushed, mut refunds) = (Vec::new(), None, false, 0);
        for (step, index, kind) in script {
            now += Duration::from_millis(step);
            match hedge.next(now, Some(&budget)) {
                HedgeStep::Start(index) => {
                    prop_assert!(over.is_none() && (!pushed || index == 0));
                    prop_assert_eq!(usize::from(index), started.len());
                    started.push(true);
                    prop_assert!(started.len() <= usize::from(max_extra) + 1);
                    prop_assert!(started.len() <= usize::from(capacity) + 1 + refunds);
                }
                HedgeStep::Wait(until) => prop_assert!(until > now && over.is_none()),
                HedgeStep::Await => prop_assert!(started.contains(&true) && over.is_none()),
                HedgeStep::Finish(index) => {
                    prop_assert_eq!(over.unwrap_or(index), index);
                    over = Some(index);
                }
            }
            let verdict = match kind {
                0 => HedgeVerdict::Win,
                1 => HedgeVerdict::Fatal,
                2 => HedgeVerdict::PushedBack,
                3 | 4 => HedgeVerdict::Retryable,
                _ => continue,
            };
            hedge.on_result(index, verdict, now);
            if started.get(usize::from(index)) == Some(&true) && over.is_none() {
                started[usize::from(index)] = false;
                match verdict {
                    HedgeVerdict::Win | HedgeVerdict::Fatal => over = Some(index),
                    HedgeVerdict::PushedBack => pushed = true,
                    HedgeVerdict::Retryable => {}
                }
                refunds += usize::from(verdict == HedgeVerdict::Win);
            }
        }
    }
}
