//! The defaults against servers that fail in many ways, beside what others do. `cargo xtask bench resilience` prints all of it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    unreachable_pub,
    dead_code,
    reason = "test code fails loudly, and the bench shares it"
)]

#[path = "simulation/engine.rs"]
mod engine;
#[path = "simulation/policies.rs"]
mod policies;
#[path = "simulation/scenarios.rs"]
mod scenarios;

use engine::{History, play};
use policies::Kind;
use scenarios::Scenario;

const SEEDS: [u64; 3] = [1, 2, 3];

/// One history for each seed, with how often breakers opened.
fn histories(scenario: Scenario, kind: Kind) -> [(History, u32); 3] {
    SEEDS.map(|seed| {
        let setting = scenario.setting();
        let mut policy = kind.policy(setting.clients, seed);
        let history = play(setting, &mut *policy, seed);
        (history, policy.opens())
    })
}

/// The mean over the seeds of what `measure` finds.
fn mean(runs: &[(History, u32); 3], measure: impl Fn(&History) -> f64) -> f64 {
    runs.iter().map(|(history, _)| measure(history)).sum::<f64>() / 3.0
}

#[track_caller]
fn at_most(name: &str, found: f64, limit: f64) {
    assert!(found <= limit, "{name}: {found:.3}, at most {limit}");
}

#[track_caller]
fn at_least(name: &str, found: f64, limit: f64) {
    assert!(found >= limit, "{name}: {found:.3}, at least {limit}");
}

/// A service that never recovered took the rest of the time.
fn recovery(history: &History) -> f64 {
    history.recovery().unwrap_or(f64::INFINITY)
}

#[test]
fn a_an_outage_is_met_with_a_tenth_of_the_load_and_no_herd_after_it() {
    let ours = histories(Scenario::Outage, Kind::Ours);
    at_most("amplification", mean(&ours, History::amplification), 0.10);
    at_most("recovery", mean(&ours, recovery), 7.0);
    at_most("peak", mean(&ours, History::peak), 1.1);
    let budget = histories(Scenario::Outage, Kind::Budget);
    at_most("amplification without a breaker", mean(&budget, History::amplification), 1.10);
    for (kind, more_than) in [(Kind::Naive, 3.9), (Kind::Backon, 3.5), (Kind::Undici, 4.0)] {
        at_least(kind.name(), mean(&histories(Scenario::Outage, kind), History::amplification), more_than);
    }
}

#[test]
fn b_silence_is_met_with_an_eighth_of_the_load() {
    let ours = histories(Scenario::BlackHole, Kind::Ours);
    at_most("amplification", mean(&ours, History::amplification), 0.12);
    at_most("recovery", mean(&ours, recovery), 8.0);
}

#[test]
fn c_random_failures_of_a_fifth_are_retried_and_open_no_breaker() {
    let ours = histories(Scenario::BrownOut20, Kind::Ours);
    at_least("goodput", mean(&ours, History::goodput), 0.985);
    at_most("amplification", mean(&ours, History::amplification), 1.26);
    assert_eq!(ours.map(|(_, opens)| opens), [0; 3]);
}

#[test]
fn d_random_failures_of_two_fifths_are_bounded_by_the_budget_and_open_no_breaker() {
    let ours = histories(Scenario::BrownOut40, Kind::Ours);
    at_least("goodput", mean(&ours, History::goodput), 0.70);
    at_most("amplification", mean(&ours, History::amplification), 1.25);
    assert_eq!(ours.map(|(_, opens)| opens), [0; 3]);
}

#[test]
fn e_a_bad_shard_does_not_cost_the_others() {
    let ours = histories(Scenario::BadShard, Kind::Ours);
    at_least("healthy keys", mean(&ours, |history| history.goodput_of(|call| call.key != 0)), 0.999);
    at_most("amplification", mean(&ours, History::amplification), 1.12);
    assert_eq!(ours.map(|(_, opens)| opens), [0; 3]);
}

#[test]
fn f_an_overloaded_queue_is_given_room_to_recover() {
    let ours = histories(Scenario::Overload, Kind::Ours);
    at_most("recovery", mean(&ours, recovery), 9.0);
    at_most("amplification", mean(&ours, History::amplification), 0.6);
    // The storm: retries at once keep the queue full for ever.
    assert_eq!(histories(Scenario::Overload, Kind::Naive)[0].0.recovery(), None);
}

#[test]
fn g_a_flapping_server_is_used_while_it_is_up() {
    at_least("goodput", mean(&histories(Scenario::Flapping, Kind::Ours), History::goodput), 0.26);
    at_least("patient", mean(&histories(Scenario::Flapping, Kind::Patient), History::goodput), 0.35);
}

#[test]
fn h_a_server_that_comes_back_slowly_meets_no_herd() {
    let ours = histories(Scenario::SlowStart, Kind::Ours);
    at_most("recovery", mean(&ours, recovery), 19.0);
    at_most("peak", mean(&ours, History::peak), 1.1);
    at_most("amplification", mean(&ours, History::amplification), 0.2);
    assert_eq!(histories(Scenario::SlowStart, Kind::Naive)[0].0.recovery(), None);
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let run = |seed| {
        let setting = Scenario::Overload.setting();
        let mut policy = Kind::Ours.policy(setting.clients, seed);
        play(setting, &mut *policy, seed).attempts
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
