//! The loops that wait: blocking, and async without a runtime.

mod sleeper;

use std::fmt;
use std::time::{Duration, Instant};

use crate::breaker::{BreakerState, CircuitBreaker, Transition};
use crate::drive::{Attempt, Drive, Operation, Pause, Stack, Step, Verdict};
use crate::retry::GiveUp;

pub use sleeper::{AsyncSleeper, ManualSleeper, Sleeper, ThreadSleeper, Wake};

/// Makes a call by the policies of `stack`, and blocks the thread while it waits.
///
/// `op` makes one attempt, within its deadline; `judge` says what a result means. Whatever `op` does, a panic
/// included, leaves no permit, slot or token behind.
///
/// ```
/// use std::time::Instant;
/// use resilience::{FailureClass, ManualSleeper, Operation, SharedRng, Stack, Verdict};
///
/// let stack = Stack::standard(SharedRng::from_os());
/// // `ThreadSleeper` waits for real.
/// let sleeper = ManualSleeper::new(Instant::now());
/// let ran = resilience::run(
///     &stack,
///     &sleeper,
///     Operation::idempotent(),
///     |attempt| if attempt.number.get() < 3 { Err("connection reset") } else { Ok(42) },
///     |result| if result.is_ok() { Verdict::DONE } else { Verdict::failed(FailureClass::Transient) },
/// );
/// assert_eq!((ran.attempts, ran.into_result().ok()), (3, Some(42)));
/// ```
pub fn run<T, E>(
    stack: &Stack,
    sleeper: &(impl Sleeper + ?Sized),
    operation: Operation,
    mut op: impl FnMut(Attempt) -> Result<T, E>,
    mut judge: impl FnMut(&Result<T, E>) -> Verdict,
) -> Ran<T, E> {
    let mut drive = Drive::new(stack, operation, sleeper.now());
    let mut last = None;
    loop {
        match drive.next(sleeper.now()) {
            Step::Attempt(attempt) => {
                // What an earlier attempt left is closed before the next begins.
                drop(last.take());
                let result = op(attempt);
                drive.report(judge(&result), sleeper.now());
                last = Some(result);
            }
            Step::Sleep { until, pause } => {
                log_pause(&drive, until, pause, sleeper.now());
                if sleeper.sleep(until) == Wake::Cancelled {
                    drive.cancel();
                }
            }
            Step::Finished(result) => return finish(&drive, result, last, sleeper.now()),
        }
    }
}

/// Makes a call by the policies of `stack`, in whatever runtime polls it: `sleeper` brings the timer.
///
/// As [`run`](crate::run()), but `op` gives a future. Dropped, it leaves no permit, slot or unspent token behind.
///
/// ```
/// use std::future::ready;
/// use std::time::Instant;
/// use resilience::{FailureClass, ManualSleeper, Operation, SharedRng, Stack, Verdict};
///
/// # async fn example() {
/// let stack = Stack::standard(SharedRng::from_os());
/// let sleeper = ManualSleeper::new(Instant::now());
/// let ran = resilience::drive(
///     &stack,
///     &sleeper,
///     Operation::idempotent(),
///     |_| ready(Ok::<_, &str>(42)),
///     |result| if result.is_ok() { Verdict::DONE } else { Verdict::failed(FailureClass::Transient) },
/// )
/// .await;
/// assert_eq!(ran.into_result().ok(), Some(42));
/// # }
/// ```
pub async fn drive<T, E, F: Future<Output = Result<T, E>>>(
    stack: &Stack,
    sleeper: &(impl AsyncSleeper + ?Sized),
    operation: Operation,
    mut op: impl FnMut(Attempt) -> F,
    mut judge: impl FnMut(&Result<T, E>) -> Verdict,
) -> Ran<T, E> {
    let mut drive = Drive::new(stack, operation, sleeper.now());
    let mut last = None;
    loop {
        match drive.next(sleeper.now()) {
            Step::Attempt(attempt) => {
                drop(last.take());
                let result = op(attempt).await;
                drive.report(judge(&result), sleeper.now());
                last = Some(result);
            }
            Step::Sleep { until, pause } => {
                log_pause(&drive, until, pause, sleeper.now());
                if sleeper.sleep(until).await == Wake::Cancelled {
                    drive.cancel();
                }
            }
            Step::Finished(result) => return finish(&drive, result, last, sleeper.now()),
        }
    }
}

/// What a call came to, with nothing lost: the last result is here whether or not it was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ran<T, E> {
    /// The result of the last attempt; `None` if none was made.
    pub last: Option<Result<T, E>>,
    /// Why no further attempt was made; `None` if the last result was final.
    pub gave_up: Option<GiveUp>,
    /// How many attempts were made.
    pub attempts: u32,
    /// How long it took, waits included.
    pub elapsed: Duration,
}

impl<T, E> Ran<T, E> {
    /// Takes the last result, with the story of the call if it is an error. A value that was judged a failure, such as
    /// a response of status 503, is handed over as the value that it is.
    ///
    /// # Errors
    ///
    /// [`RunError`] if the last attempt failed, or none was made.
    pub fn into_result(self) -> Result<T, RunError<E>> {
        let Self { last, gave_up, attempts, elapsed } = self;
        match last {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(RunError { last: Some(error), gave_up, attempts, elapsed }),
            None => Err(RunError { last: None, gave_up, attempts, elapsed }),
        }
    }
}

/// Tells why a call came to nothing, with the last error as its source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunError<E> {
    /// The error of the last attempt; `None` if none was made.
    pub last: Option<E>,
    /// Why no further attempt was made; `None` if the error was final.
    pub gave_up: Option<GiveUp>,
    /// How many attempts were made.
    pub attempts: u32,
    /// How long it took, waits included.
    pub elapsed: Duration,
}

impl<E> fmt::Display for RunError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.attempts == 1 { "" } else { "s" };
        write!(f, "failed after {} attempt{plural} in {:?}", self.attempts, self.elapsed)?;
        match &self.gave_up {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for RunError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.last.as_ref().map(|last| last as _)
    }
}

/// Logs every change of state of a breaker with `tracing`: to open is a warning, the rest is information.
///
/// `name` tells which breaker it is; do not put secrets there.
pub fn log_transitions(breaker: &CircuitBreaker, name: impl Into<String>) {
    let name = name.into();
    breaker.on_transition(move |transition| log_transition(&name, transition));
}

fn log_transition(name: &str, transition: &Transition) {
    let Transition { from, to, cause, counts, generation, .. } = transition;
    let open_ms = transition.until.map(|until| millis(until.saturating_duration_since(transition.at)));
    let (calls, failures, slow) = (counts.calls, counts.failures, counts.slow);
    match (from, to) {
        (BreakerState::Shadow, BreakerState::Shadow) => {
            tracing::warn!(
                breaker = name,
                ?cause,
                calls,
                failures,
                slow,
                "circuit breaker would have opened"
            );
        }
        (_, BreakerState::Open | BreakerState::ForcedOpen) => {
            tracing::warn!(
                breaker = name,
                ?cause,
                calls,
                failures,
                slow,
                open_ms,
                generation,
                "circuit breaker opened"
            );
        }
        _ => tracing::info!(breaker = name, ?from, ?to, ?cause, generation, "circuit breaker changed"),
    }
}

fn log_pause(drive: &Drive<&Stack>, until: Instant, pause: Pause, now: Instant) {
    let delay_ms = millis(until.saturating_duration_since(now));
    tracing::debug!(attempts = drive.attempts(), delay_ms, ?pause, "waiting before the next attempt");
}

fn finish<T, E>(
    drive: &Drive<&Stack>,
    result: Result<(), GiveUp>,
    last: Option<Result<T, E>>,
    now: Instant,
) -> Ran<T, E> {
    let (gave_up, attempts, elapsed) = (result.err(), drive.attempts(), drive.elapsed(now));
    if let Some(reason) = &gave_up {
        tracing::info!(attempts, elapsed_ms = millis(elapsed), %reason, "gave up");
    }
    Ran { last, gave_up, attempts, elapsed }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
