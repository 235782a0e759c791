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
#[path = "simulation/peers.rs"]
mod peers;
#[path = "simulation/policies.rs"]
mod policies;
#[path = "simulation/scenarios.rs"]
mod scenarios;

use std::num::NonZeroU32;
use std::time::Duration;

use engine::{History, Server, Setting, play};
use policies::{Answer, Kind, Ours};
use resilience::{RateLimiter, SharedRng, Stack};
use scenarios::{QUICK, Scenario, chance};

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

/// Peaks are of chance in part: the same calls, each sent once, may have a high one. Ours are not above those.
#[track_caller]
fn no_herd(ours: &[(History, u32); 3], scenario: Scenario) {
    for ((ours, _), (plain, _)) in ours.iter().zip(&histories(scenario, Kind::None)) {
        at_most("peak beside that of single attempts", ours.peak(), 1.05 * plain.peak());
    }
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
    no_herd(&ours, Scenario::Outage);
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
    // A breaker that opens at a bare tenth does more harm than the fault, which leaves four fifths.
    at_most("a tenth", mean(&histories(Scenario::BrownOut20, Kind::Dotnet), History::goodput), 0.70);
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
    let others = |history: &History| Scenario::BadShard.goodput(history);
    at_least("healthy keys", mean(&ours, others), 0.999);
    at_most("amplification", mean(&ours, History::amplification), 1.12);
    assert_eq!(ours.map(|(_, opens)| opens), [0; 3]);
    // Retries of the bad fifth carry a bare half of the last hundred calls over its limit.
    at_most("a half", mean(&histories(Scenario::BadShard, Kind::Resilience4j), others), 0.50);
}

#[test]
fn f_an_overloaded_queue_is_given_room_to_recover() {
    let ours = histories(Scenario::Overload, Kind::Ours);
    at_most("recovery", mean(&ours, recovery), 9.0);
    at_most("amplification", mean(&ours, History::amplification), 0.6);
    // The storm: retries at once keep the queue full for ever.
    for (history, _) in histories(Scenario::Overload, Kind::Naive) {
        assert_eq!(history.recovery(), None);
    }
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
    no_herd(&ours, Scenario::SlowStart);
    at_most("amplification", mean(&ours, History::amplification), 0.2);
    for (history, _) in histories(Scenario::SlowStart, Kind::Naive) {
        assert_eq!(history.recovery(), None);
    }
}

/// How a process fares that sends up to 50 a second with 20 callers, to a server that tells half of those that come to
/// stay away for five seconds.
struct Told {
    attempts: usize,
    /// Attempts of the process while it knew that it was to stay away.
    early: usize,
    /// Attempts that 50 a second outside of the pauses would be.
    slots: f64,
    pauses: u32,
}

fn be_told(seed: u64, keeps: bool) -> Told {
    let (pause, end) = (Duration::from_secs(5), Duration::from_secs(120));
    let server: Server = Box::new(move |at, _, rng| {
        (at + QUICK, if chance(rng) < 0.5 { Answer::Busy(pause) } else { Answer::Good })
    });
    let mut stack = Stack::standard(SharedRng::seeded(seed));
    let (rate, burst) = (NonZeroU32::new(50).unwrap(), NonZeroU32::new(5).unwrap());
    stack.limiter = keeps.then(|| RateLimiter::per_second(rate, burst));
    let setting = Setting { clients: 20, rate: 10.0, keys: 1, fault: (Duration::ZERO, end), end, server };
    let history = play(setting, &mut Ours::shared(stack, 20), seed);
    // The burst of the first stretch, and one call of each other, however short.
    let mut found = Told { attempts: history.attempts.len(), early: 0, slots: 5.0, pauses: 0 };
    let heard = history.answers.iter().filter(|(_, answer)| *answer == Answer::Busy(pause));
    let mut heard = heard.map(|(at, _)| *at).peekable();
    let mut closed_until = Duration::ZERO;
    for at in history.attempts {
        while let Some(told) = heard.next_if(|told| *told < at) {
            // A word that comes in a pause makes it longer.
            if let Some(open) = told.checked_sub(closed_until) {
                found.slots += 50.0 * open.as_secs_f64() + 1.0;
                found.pauses += 1;
            }
            closed_until = told + pause;
        }
        found.early += usize::from(at < closed_until);
    }
    found
}

#[test]
fn j_what_one_call_is_told_holds_for_all_of_a_process() {
    for seed in SEEDS {
        let Told { attempts, early, slots, pauses } = be_told(seed, true);
        assert!(pauses > 20, "no pause is followed by another for want of calls: {pauses}");
        assert_eq!(early, 0, "nobody comes before the time that was asked for");
        at_most("attempts", attempts as f64, 1.05 * slots);
        // Each call by itself: the others do not know.
        assert!(be_told(seed, false).early > 1000);
    }
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
