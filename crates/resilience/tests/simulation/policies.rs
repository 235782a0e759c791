//! What clients do when a call fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use resilience::{
    BreakerState, Drive, Entropy, Failure, FailureClass, OnOpen, Operation, Outcome, SharedRng, Stack, Step,
    Verdict,
};

use crate::peers::{Peer, Rules};

/// How an attempt ends for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Good,
    /// The connection was refused.
    Refused,
    /// The server said that it failed.
    Failed,
    /// It did not come in time.
    Late,
    /// The server is too busy, and asked to stay away for so long.
    Busy(Duration),
}

/// What a call does.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    Attempt,
    Sleep(Instant),
    Over,
}

pub trait Call {
    fn next(&mut self, now: Instant) -> Next;
    fn report(&mut self, answer: Answer, now: Instant);
}

pub trait Policy {
    fn begin(&mut self, client: usize, now: Instant, deadline: Instant) -> Box<dyn Call>;

    /// How often breakers have opened so far.
    fn opens(&self) -> u32 {
        0
    }
}

/// The policies that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    None,
    Naive,
    Undici,
    Backon,
    Resilience4j,
    Dotnet,
    /// Ours without the breaker.
    Budget,
    /// Ours.
    Ours,
    /// Ours, waiting up to 2 s for an open breaker.
    Patient,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Naive,
        Self::Undici,
        Self::Backon,
        Self::Resilience4j,
        Self::Dotnet,
        Self::Budget,
        Self::Ours,
        Self::Patient,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Naive => "naive 3",
            Self::Undici => "undici",
            Self::Backon => "backon",
            Self::Resilience4j => "resilience4j",
            Self::Dotnet => "dotnet standard",
            Self::Budget => "ours, no breaker",
            Self::Ours => "ours",
            Self::Patient => "ours, patient",
        }
    }

    pub fn policy(self, clients: usize, seed: u64) -> Box<dyn Policy> {
        let rules = match self {
            Self::None => Rules::NONE,
            Self::Naive => Rules::NAIVE,
            Self::Undici => Rules::UNDICI,
            Self::Backon => Rules::BACKON,
            Self::Resilience4j => Rules::RESILIENCE4J,
            Self::Dotnet => Rules::DOTNET,
            Self::Budget | Self::Ours | Self::Patient => return Box::new(Ours::new(self, clients, seed)),
        };
        Box::new(Peer::new(rules, clients, seed))
    }
}

/// Each client is a process of its own: nothing is shared among them.
pub struct Ours {
    stacks: Vec<Arc<Stack>>,
    opens: Arc<AtomicU32>,
}

impl Ours {
    fn new(kind: Kind, clients: usize, seed: u64) -> Self {
        let (seeds, opens) = (SharedRng::seeded(seed ^ 0x5eed), Arc::<AtomicU32>::default());
        let make = |_| {
            let mut stack = Stack::standard(SharedRng::seeded(seeds.next_u64()));
            stack.retry.attempt_timeout = Some(crate::engine::ATTEMPT);
            if kind == Kind::Patient {
                stack.retry.on_open = OnOpen::WaitUpTo(Duration::from_secs(2));
            }
            if kind == Kind::Budget {
                stack.breaker = None;
            }
            if let Some(breaker) = &stack.breaker {
                let opens = Arc::clone(&opens);
                breaker.on_transition(move |transition| {
                    if transition.from == BreakerState::Closed && transition.to == BreakerState::Open {
                        opens.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            Arc::new(stack)
        };
        Self { stacks: (0..clients).map(make).collect(), opens }
    }
}

impl Ours {
    /// One process whose callers all share `stack`.
    pub fn shared(stack: Stack, callers: usize) -> Self {
        let stack = Arc::new(stack);
        Self { stacks: (0..callers).map(|_| Arc::clone(&stack)).collect(), opens: Arc::default() }
    }
}

impl Policy for Ours {
    fn begin(&mut self, client: usize, now: Instant, deadline: Instant) -> Box<dyn Call> {
        let stack = Arc::clone(&self.stacks[client]);
        Box::new(Drive::new(stack, Operation::idempotent().by(deadline), now))
    }

    fn opens(&self) -> u32 {
        self.opens.load(Ordering::Relaxed)
    }
}

impl Call for Drive<Arc<Stack>> {
    fn next(&mut self, now: Instant) -> Next {
        match Drive::next(self, now) {
            Step::Attempt(_) => Next::Attempt,
            Step::Sleep { until, .. } => Next::Sleep(until),
            _ => Next::Over,
        }
    }

    fn report(&mut self, answer: Answer, now: Instant) {
        let verdict = match answer {
            Answer::Good => Verdict::DONE,
            Answer::Refused => Verdict::failed(FailureClass::NotApplied),
            Answer::Failed => Verdict::failed(FailureClass::Transient),
            Answer::Late => Verdict::failed(FailureClass::Timeout),
            Answer::Busy(pause) => {
                Verdict::Failed(Failure::new(FailureClass::Throttled).after(pause), Outcome::Success)
            }
        };
        Drive::report(self, verdict, now);
    }
}
