//! What clients do when a call fails: ours, and models of others by their documented defaults.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use resilience::{
    BreakerState, Drive, Entropy, FailureClass, OnOpen, Operation, SharedRng, Stack, Step, Verdict,
};

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
    /// One attempt.
    None,
    /// Three retries at once, as people write it.
    Naive,
    /// undici's `RetryAgent`: 5 retries after 0.5 s doubling to 30 s, no jitter.
    Undici,
    /// backon's `ExponentialBuilder`: 3 retries after 1 s doubling, no jitter.
    Backon,
    /// Ours without the breaker.
    Budget,
    /// Ours.
    Ours,
    /// Ours, waiting up to 2 s for an open breaker.
    Patient,
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::None, Self::Naive, Self::Undici, Self::Backon, Self::Budget, Self::Ours, Self::Patient];

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Naive => "naive 3",
            Self::Undici => "undici",
            Self::Backon => "backon",
            Self::Budget => "no breaker",
            Self::Ours => "ours",
            Self::Patient => "ours, patient",
        }
    }

    pub fn policy(self, clients: usize, seed: u64) -> Box<dyn Policy> {
        let plain = |retries, first: u64, cap: u64| {
            let (first, cap) = (Duration::from_millis(first), Duration::from_millis(cap));
            Box::new(Plain { retries, first, cap }) as Box<dyn Policy>
        };
        match self {
            Self::None => plain(0, 0, 0),
            Self::Naive => plain(3, 0, 0),
            Self::Undici => plain(5, 500, 30_000),
            Self::Backon => plain(3, 1000, 60_000),
            Self::Budget | Self::Ours | Self::Patient => Box::new(Ours::new(self, clients, seed)),
        }
    }
}

/// So many retries, after waits that double.
struct Plain {
    retries: u32,
    first: Duration,
    cap: Duration,
}

struct PlainCall {
    left: u32,
    wait: Duration,
    cap: Duration,
    deadline: Instant,
    next: Next,
}

impl Policy for Plain {
    fn begin(&mut self, _: usize, _: Instant, deadline: Instant) -> Box<dyn Call> {
        let Self { retries, first, cap } = *self;
        Box::new(PlainCall { left: retries, wait: first, cap, deadline, next: Next::Attempt })
    }
}

impl Call for PlainCall {
    fn next(&mut self, now: Instant) -> Next {
        if let Next::Sleep(until) = self.next
            && until <= now
        {
            self.next = Next::Attempt;
        }
        self.next
    }

    fn report(&mut self, answer: Answer, now: Instant) {
        let until = now + self.wait;
        self.next = if answer == Answer::Good || self.left == 0 || until >= self.deadline {
            Next::Over
        } else {
            Next::Sleep(until)
        };
        self.left = self.left.saturating_sub(1);
        self.wait = (self.wait * 2).min(self.cap);
    }
}

/// Each client is a process of its own: nothing is shared among them.
struct Ours {
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
        };
        Drive::report(self, verdict, now);
    }
}
