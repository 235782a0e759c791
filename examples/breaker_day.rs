//! A circuit breaker's day: a server fails for twelve seconds, and ten calls a second go on as before.
//!
//! Time is simulated, so that the day takes no time and is the same each time.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::collections::VecDeque;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use resilience::{BreakerConfig, BreakerState, CircuitBreaker, Outcome, Permit, SharedRng, Transition};

const SECOND: Duration = Duration::from_secs(1);
const BETWEEN_CALLS: Duration = Duration::from_millis(100);
/// How long an answer takes.
const ANSWER: Duration = Duration::from_millis(50);

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let breaker = CircuitBreaker::new(BreakerConfig::default(), &SharedRng::seeded(1))?;
    let news: Arc<Mutex<Vec<String>>> = Arc::default();
    let board = Arc::clone(&news);
    breaker.on_transition(move |transition| {
        board.lock().unwrap_or_else(PoisonError::into_inner).push(headline(transition, start));
    });

    println!("Ten calls a second:  . went well   x failed   - rejected without a call");
    println!("The server fails from second 5 to second 17.\n");
    let (mut running, mut failed, mut rejected) = (VecDeque::<(Instant, Permit)>::new(), 0, 0);
    let mut row = String::new();
    for n in 1..=220_u32 {
        let now = start + n * BETWEEN_CALLS;
        // What was sent before has been answered by now.
        while running.front().is_some_and(|(sent, _)| *sent + ANSWER <= now)
            && let Some((sent, permit)) = running.pop_front()
        {
            let down = (start + 5 * SECOND..start + 17 * SECOND).contains(&sent);
            failed += u32::from(down);
            row.push(if down { 'x' } else { '.' });
            permit.settle(sent + ANSWER, if down { Outcome::FAILURE } else { Outcome::Success });
        }
        match breaker.try_acquire(now) {
            Ok(permit) => running.push_back((now, permit)),
            Err(_) => {
                rejected += 1;
                row.push('-');
            }
        }
        let lines = std::mem::take(&mut *news.lock().unwrap_or_else(PoisonError::into_inner));
        if n.is_multiple_of(10) || !lines.is_empty() {
            println!("{:>6.1} s  {row}", (now - start).as_secs_f64());
            row.clear();
        }
        lines.iter().for_each(|line| println!("          {line}"));
    }
    println!("\n{failed} calls failed, {rejected} were spared. Without a breaker 120 would have failed.");
    assert_eq!(breaker.state(), BreakerState::Closed, "the server is well and the breaker does not see it");
    Ok(())
}

fn headline(transition: &Transition, start: Instant) -> String {
    let Transition { from, to, cause, counts, .. } = transition;
    let evidence = if counts.calls > 0 {
        format!(", {} of {} calls failed", counts.failures, counts.calls)
    } else {
        String::new()
    };
    let until = transition
        .until
        .map_or(String::new(), |until| format!(", until {:.1} s", (until - start).as_secs_f64()));
    format!("{from:?} -> {to:?}: {cause:?}{evidence}{until}")
}
