//! What the policies do to a server that fails, and what they cost while it is well. `cargo xtask bench resilience`
//! prints it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    unreachable_pub,
    dead_code,
    missing_docs,
    reason = "a program for people, which shares the simulation with the tests"
)]

#[path = "../tests/simulation/engine.rs"]
mod engine;
#[path = "policies/healthy.rs"]
mod healthy;
#[path = "../tests/simulation/peers.rs"]
mod peers;
#[path = "../tests/simulation/policies.rs"]
mod policies;
#[path = "../tests/simulation/scenarios.rs"]
mod scenarios;

use engine::{History, play};
use policies::Kind;
use scenarios::Scenario;

const SEEDS: [u64; 3] = [1, 2, 3];

fn main() {
    let within = healthy::print();
    println!();
    println!(
        "Each scenario under each policy, mean of {} seeds: attempts a call while the fault lasts,",
        SEEDS.len()
    );
    println!(
        "the share of calls that succeed in it, seconds until all is well after it, and the highest peak"
    );
    println!(
        "after it in relation to the highest before. \"never\" is not within the time that was simulated."
    );
    println!(
        "What is not ours are models of rules with the defaults of those projects: tests/simulation/peers.rs."
    );
    for scenario in Scenario::ALL {
        println!();
        println!("{:<20}{:>9}{:>9}{:>10}{:>7}", scenario.name(), "load", "goodput", "recovery", "peak");
        for kind in Kind::ALL {
            let runs = SEEDS.map(|seed| {
                let setting = scenario.setting();
                let mut policy = kind.policy(setting.clients, seed);
                play(setting, &mut *policy, seed)
            });
            let mean = |measure: &dyn Fn(&History) -> f64| runs.iter().map(measure).sum::<f64>() / 3.0;
            let recovery = mean(&|history| history.recovery().unwrap_or(f64::INFINITY));
            let recovery = if recovery.is_finite() { format!("{recovery:.1} s") } else { "never".to_owned() };
            println!(
                "  {:<18}{:>9.2}{:>9.3}{recovery:>10}{:>7.2}",
                kind.name(),
                mean(&History::amplification),
                mean(&|history| scenario.goodput(history)),
                mean(&History::peak),
            );
        }
    }
    if !within {
        std::process::exit(1);
    }
}
