//! Retries a closure that fails now and then. Nothing here is HTTP: `resilience` retries whatever may fail.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use resilience::{
    Attempt, Failure, FailureClass, Operation, Outcome, Ran, ReplaySafety, SharedRng, Stack, ThreadSleeper,
    Verdict,
};

fn main() -> Result<(), Box<dyn Error>> {
    // Three attempts, 100 ms and 200 ms apart at most, within a budget and under a breaker. Share one stack among all
    // calls to one server.
    let stack = Stack::standard(SharedRng::seeded(6));
    let order = Operation::new(ReplaySafety::OnlyIfNotApplied);
    let hasty = Operation::idempotent().by(Instant::now() + Duration::from_secs(2));

    // What a call does, attempt after attempt.
    call(&stack, "a hiccup", Operation::idempotent(), &[Err(ErrorKind::ConnectionReset), Ok("hello")]);
    call(&stack, "no such thing", Operation::idempotent(), &[Err(ErrorKind::NotFound)]);
    call(
        &stack,
        "an order, refused at the door",
        order,
        &[Err(ErrorKind::ConnectionRefused), Ok("ordered once")],
    );
    call(&stack, "an order that may have arrived", order, &[Err(ErrorKind::ConnectionReset)]);
    call(&stack, "a server that asks for 10 s", hasty, &[Err(ErrorKind::ResourceBusy)]);
    let down =
        call(&stack, "a server that is down", Operation::idempotent(), &[Err(ErrorKind::ConnectionReset); 3]);

    // The last error is the source of the whole story.
    let error = down.into_result().err().ok_or("a server that is down has answered")?;
    println!("\n{error}\n  because: {}", error.source().ok_or("the last error got lost")?);
    Ok(())
}

fn call(
    stack: &Stack,
    what: &str,
    operation: Operation,
    script: &[Result<&'static str, ErrorKind>],
) -> Ran<&'static str, io::Error> {
    println!("\n{what}");
    let began = Instant::now();
    let attempt = |attempt: Attempt| {
        let number = attempt.number.get();
        let result = script.get(number as usize - 1).copied().unwrap_or(Ok("good")).map_err(io::Error::from);
        println!("  {:>4} ms  attempt {number}: {result:?}", began.elapsed().as_millis());
        result
    };
    let ran = resilience::run(stack, &ThreadSleeper, operation, attempt, judge);
    match &ran.gave_up {
        Some(reason) => println!("  {:>4} ms  gave up: {reason}", ran.elapsed.as_millis()),
        None => println!("  {:>4} ms  done", ran.elapsed.as_millis()),
    }
    ran
}

/// The only thing that the crate cannot know: what a failure means.
fn judge(result: &Result<&'static str, io::Error>) -> Verdict {
    match result.as_ref().map_err(io::Error::kind) {
        Ok(_) => Verdict::DONE,
        Err(ErrorKind::ConnectionRefused) => Verdict::failed(FailureClass::NotApplied),
        Err(ErrorKind::ConnectionReset) => Verdict::failed(FailureClass::Transient),
        Err(ErrorKind::ResourceBusy) => {
            let failure = Failure::new(FailureClass::Throttled).after(Duration::from_secs(10));
            Verdict::Failed(failure, Outcome::Success)
        }
        Err(_) => Verdict::failed(FailureClass::Permanent),
    }
}
