//! The cost of a call to a server that is well, beside other crates in the same run.

use std::hint::black_box;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use failsafe::CircuitBreaker as _;
use resilience::{BudgetConfig, CircuitBreaker, RetryBudget, SharedRng};

const CALLS: u32 = 200_000;
/// The machine may have other things to do: the best of so many rounds counts. Rounds of all rows take turns, so that
/// nobody alone meets a busy time.
const ROUNDS: usize = 15;
/// What admitting, settling and depositing may cost together, in nanoseconds.
const BUDGET: f64 = 60.0;
/// How far apart calls come: buckets of the breaker's window turn while it is measured.
const GAP: Duration = Duration::from_micros(50);

struct Row {
    name: &'static str,
    /// Makes [`CALLS`] calls.
    round: Box<dyn FnMut()>,
    best: Duration,
}

/// Prints the costs, and says whether ours keep to their budget.
pub fn print() -> bool {
    let (mut rows, allocations) = (rows(), "allocations");
    for _ in 0..ROUNDS {
        for row in &mut rows {
            let begun = Instant::now();
            (row.round)();
            row.best = row.best.min(begun.elapsed());
        }
    }
    println!("A call to a server that is well, best of {ROUNDS} rounds of {CALLS}, and its share of ours:");
    let nanoseconds = |row: &Row| row.best.as_nanos() as f64 / f64::from(CALLS);
    let ours = nanoseconds(&rows[0]);
    let mut within = ours <= BUDGET;
    for (n, row) in rows.iter_mut().enumerate() {
        let count = measure(&mut row.round).count_total;
        within &= n > 0 || count == 0;
        let (name, nanoseconds) = (row.name, nanoseconds(row));
        println!("  {name:<42}{nanoseconds:>8.1} ns{:>8.2}{count:>4} {allocations}", nanoseconds / ours);
    }
    println!("  budget of the first line: {BUDGET} ns, and no allocation in {CALLS} calls");
    within
}

/// Ours are told the time, which a caller reads once for all policies; the others read it themselves where they need it.
fn rows() -> Vec<Row> {
    let rng = SharedRng::seeded(1);
    let row = |name, round| Row { name, round, best: Duration::MAX };

    let (all, all_budget) = (CircuitBreaker::standard(&rng), RetryBudget::default());
    let (read, read_budget) = (all.clone(), all_budget.clone());
    let (alone, full) = (CircuitBreaker::standard(&rng), RetryBudget::default());
    let mut config = BudgetConfig::default();
    (config.ratio_permille, config.trickle_permille) = (0, 0);
    let not_full = RetryBudget::new(config);
    if let Some(mut token) = not_full.withdraw(Instant::now(), 1000) {
        token.spend();
    }
    let failsafe = failsafe::Config::new().build();
    let recloser = recloser::Recloser::custom().build();
    let tower: std::sync::Arc<dyn tower::retry::budget::Budget> =
        std::sync::Arc::new(tower::retry::budget::TpsBudget::new(Duration::from_secs(10), 0, 0.1));

    vec![
        row(
            "ours: admit, settle, deposit",
            each(move |now| {
                succeed(&all, now);
                all_budget.deposit(now);
            }),
        ),
        row(
            "ours: the same, and two looks at the clock",
            each(move |_| {
                if let Ok(permit) = read.try_acquire(Instant::now()) {
                    let now = Instant::now();
                    permit.success(now);
                    read_budget.deposit(now);
                }
            }),
        ),
        row("ours: admit, settle", each(move |now| succeed(&alone, now))),
        row("ours: deposit", each(move |now| full.deposit(now))),
        row("ours: deposit after retries", each(move |now| not_full.deposit(now))),
        row("failsafe: call", each(move |_| drop(black_box(failsafe.call(|| Ok::<_, ()>(black_box(1))))))),
        row("recloser: call", each(move |_| drop(black_box(recloser.call(|| Ok::<_, ()>(black_box(1))))))),
        row("tower: budget deposit", each(move |_| black_box(&tower).deposit())),
        row("nothing: what measuring costs", each(|_| ())),
    ]
}

fn succeed(breaker: &CircuitBreaker, now: Instant) {
    if let Ok(permit) = breaker.try_acquire(now) {
        permit.success(now);
    }
}

fn each(mut call: impl FnMut(Instant) + 'static) -> Box<dyn FnMut()> {
    let mut now = Instant::now();
    Box::new(move || {
        for _ in 0..CALLS {
            now += GAP;
            call(black_box(now));
        }
    })
}
