//! The cost of a call to a server that is well, beside other crates in the same run.

use std::hint::black_box;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use resilience::{BudgetConfig, CircuitBreaker, RetryBudget, SharedRng};

const CALLS: u32 = 200_000;
/// The machine may have other things to do: the best of so many rounds counts.
const ROUNDS: usize = 15;
/// What admitting, settling and depositing may cost together, in nanoseconds.
const BUDGET: f64 = 60.0;

struct Row {
    name: &'static str,
    nanoseconds: f64,
    allocations: u64,
}

/// Prints the costs, and says whether ours keep to their budget.
pub fn print() -> bool {
    let rng = SharedRng::seeded(1);
    let breaker = CircuitBreaker::standard(&rng);
    let budget = RetryBudget::new(BudgetConfig::default());
    let now = Instant::now();
    let tower: std::sync::Arc<dyn tower::retry::budget::Budget> =
        std::sync::Arc::new(tower::retry::budget::TpsBudget::new(Duration::from_secs(10), 0, 0.1));
    let failsafe = failsafe::Config::new().build();
    let recloser = recloser::Recloser::custom().build();
    let rows = [
        row("ours: admit, settle, deposit", || {
            if let Ok(permit) = breaker.try_acquire(black_box(now)) {
                permit.success(now);
            }
            budget.deposit(now);
        }),
        row("ours: admit, settle", || {
            if let Ok(permit) = breaker.try_acquire(black_box(now)) {
                permit.success(now);
            }
        }),
        row("ours: deposit", || budget.deposit(black_box(now))),
        row("failsafe: call", || {
            use failsafe::CircuitBreaker as _;
            let _ = black_box(failsafe.call(|| Ok::<_, ()>(black_box(1))));
        }),
        row("recloser: call", || {
            let _ = black_box(recloser.call(|| Ok::<_, ()>(black_box(1))));
        }),
        row("tower: budget deposit", || black_box(&tower).deposit()),
    ];
    println!("A call to a server that is well, best of {ROUNDS} rounds of {CALLS}:");
    for Row { name, nanoseconds, allocations } in &rows {
        println!("  {name:<32}{nanoseconds:>8.1} ns{allocations:>4} allocations");
    }
    let Row { nanoseconds, allocations, .. } = &rows[0];
    println!("  budget: {BUDGET} ns and no allocation for the first line");
    *nanoseconds <= BUDGET && *allocations == 0
}

fn row(name: &'static str, mut op: impl FnMut()) -> Row {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..CALLS {
            op();
        }
        best = best.min(begun.elapsed());
    }
    let allocations = measure(&mut op).count_total;
    Row { name, nanoseconds: best.as_nanos() as f64 / f64::from(CALLS), allocations }
}
