//! Models of what others do by default. They follow the rules and numbers of those projects, not their code: read them as
//! "a client that does this", not as a measurement of a library.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use resilience::SharedRng;

use crate::policies::{Answer, Call, Next, Policy};
use crate::scenarios::chance;

/// What a client does when a call fails.
#[derive(Clone, Copy)]
pub struct Rules {
    retries: u32,
    /// The wait before each retry; the first has the number 0.
    wait: fn(u32, &SharedRng) -> Duration,
    breaker: Option<BreakerRules>,
}

#[derive(Clone, Copy)]
struct BreakerRules {
    span: Span,
    /// Fewer calls than this in the window decide nothing.
    least: usize,
    /// The share of failures that opens it.
    percent: usize,
    open_for: Duration,
    /// So many calls decide whether it closes, by the same share.
    probes: usize,
    /// Whether a rejected call is tried again like one that failed.
    retries_rejections: bool,
}

#[derive(Clone, Copy)]
enum Span {
    Calls(usize),
    Time(Duration),
}

impl Rules {
    /// One attempt.
    pub const NONE: Self = Self { retries: 0, wait: |_, _| Duration::ZERO, breaker: None };

    /// Three retries at once, as people write it.
    pub const NAIVE: Self = Self { retries: 3, ..Self::NONE };

    /// undici 7, `lib/handler/retry-handler.js`: 5 retries, 0.5 s doubling to 30 s, no jitter.
    pub const UNDICI: Self = Self { retries: 5, wait: |n, _| doubling(500, n, 30_000), breaker: None };

    /// backon 1.5, `ExponentialBuilder`: 3 retries, 1 s doubling to 60 s, no jitter.
    pub const BACKON: Self = Self { retries: 3, wait: |n, _| doubling(1000, n, 60_000), breaker: None };

    /// resilience4j 2.3, `RetryConfig` around `CircuitBreakerConfig`: 3 attempts 0.5 s apart; opens at 50 % of the last
    /// 100 calls for 60 s, 10 probes. A rejection is an exception like any other, which the retry tries again.
    pub const RESILIENCE4J: Self = Self {
        retries: 2,
        wait: |_, _| Duration::from_millis(500),
        breaker: Some(BreakerRules {
            span: Span::Calls(100),
            least: 100,
            percent: 50,
            open_for: Duration::from_secs(60),
            probes: 10,
            retries_rejections: true,
        }),
    };

    /// The standard handler of Microsoft.Extensions.Http.Resilience over Polly 8: 3 retries, 2 s exponential with jitter;
    /// opens at 10 % of at least 100 calls in 30 s for 5 s, one probe. A rejection is not tried again.
    pub const DOTNET: Self = Self {
        retries: 3,
        wait: |n, rng| {
            // Equal jitter instead of Polly's own curve, which has about the same mean.
            let wait = doubling(2000, n, 60_000);
            wait / 2 + wait.mul_f64(0.5 * chance(rng))
        },
        breaker: Some(BreakerRules {
            span: Span::Time(Duration::from_secs(30)),
            least: 100,
            percent: 10,
            open_for: Duration::from_secs(5),
            probes: 1,
            retries_rejections: false,
        }),
    };
}

fn doubling(first: u64, n: u32, cap: u64) -> Duration {
    Duration::from_millis((first << n).min(cap))
}

/// A fleet of clients by the same rules, each with a breaker of its own.
pub struct Peer {
    rules: Rules,
    breakers: Vec<Rc<RefCell<Breaker>>>,
    rng: Rc<SharedRng>,
    opens: Rc<Cell<u32>>,
}

impl Peer {
    pub fn new(rules: Rules, clients: usize, seed: u64) -> Self {
        let opens = Rc::<Cell<u32>>::default();
        let make = |rules| Rc::new(RefCell::new(Breaker::new(rules, Rc::clone(&opens))));
        let breakers = (0..clients).filter_map(|_| rules.breaker.map(make)).collect();
        Self { rules, breakers, rng: Rc::new(SharedRng::seeded(seed ^ 0x9ee5)), opens }
    }
}

impl Policy for Peer {
    fn begin(&mut self, client: usize, _: Instant, deadline: Instant) -> Box<dyn Call> {
        let breaker = self.breakers.get(client).cloned();
        let (rules, rng) = (self.rules, Rc::clone(&self.rng));
        Box::new(PeerCall { rules, breaker, rng, deadline, retries: 0, generation: 0, next: Next::Attempt })
    }

    fn opens(&self) -> u32 {
        self.opens.get()
    }
}

struct PeerCall {
    rules: Rules,
    breaker: Option<Rc<RefCell<Breaker>>>,
    rng: Rc<SharedRng>,
    deadline: Instant,
    retries: u32,
    /// Of the breaker, when it admitted the attempt.
    generation: u32,
    next: Next,
}

impl PeerCall {
    fn after_failure(&mut self, now: Instant) {
        let until = now + (self.rules.wait)(self.retries, &self.rng);
        let may = self.retries < self.rules.retries && until < self.deadline;
        self.next = if may { Next::Sleep(until) } else { Next::Over };
        self.retries += 1;
    }
}

impl Call for PeerCall {
    fn next(&mut self, now: Instant) -> Next {
        match self.next {
            Next::Over => return Next::Over,
            Next::Sleep(until) if now < until => return self.next,
            Next::Sleep(_) | Next::Attempt => self.next = Next::Attempt,
        }
        let Some(breaker) = &self.breaker else { return Next::Attempt };
        let admitted = breaker.borrow_mut().admit(now);
        match admitted {
            Some(generation) => self.generation = generation,
            None if self.rules.breaker.is_some_and(|rules| rules.retries_rejections) => {
                self.after_failure(now);
            }
            None => self.next = Next::Over,
        }
        self.next
    }

    fn report(&mut self, answer: Answer, now: Instant) {
        let failed = answer != Answer::Good;
        if let Some(breaker) = &self.breaker {
            breaker.borrow_mut().settle(self.generation, failed, now);
        }
        if failed {
            self.after_failure(now);
        } else {
            self.next = Next::Over;
        }
    }
}

/// A breaker as most have it: a bare share within a window opens it, after a fixed time some probes decide.
struct Breaker {
    rules: BreakerRules,
    state: State,
    generation: u32,
    /// When each call of the window came back, and whether it failed.
    calls: VecDeque<(Instant, bool)>,
    failures: usize,
    opens: Rc<Cell<u32>>,
}

#[derive(Clone, Copy)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { admitted: usize },
}

impl Breaker {
    fn new(rules: BreakerRules, opens: Rc<Cell<u32>>) -> Self {
        Self { rules, state: State::Closed, generation: 0, calls: VecDeque::new(), failures: 0, opens }
    }

    fn admit(&mut self, now: Instant) -> Option<u32> {
        match &mut self.state {
            State::Closed => {}
            State::Open { until } if now < *until => return None,
            State::Open { .. } => self.turn(State::HalfOpen { admitted: 1 }),
            State::HalfOpen { admitted } if *admitted < self.rules.probes => *admitted += 1,
            State::HalfOpen { .. } => return None,
        }
        Some(self.generation)
    }

    fn settle(&mut self, generation: u32, failed: bool, now: Instant) {
        if generation != self.generation {
            return;
        }
        self.calls.push_back((now, failed));
        self.failures += usize::from(failed);
        while self.calls.front().is_some_and(|(at, _)| match self.rules.span {
            Span::Calls(most) => self.calls.len() > most,
            Span::Time(span) => *at + span < now,
        }) {
            let (_, failed) = self.calls.pop_front().unwrap();
            self.failures -= usize::from(failed);
        }
        let is_half_open = matches!(self.state, State::HalfOpen { .. });
        let least = if is_half_open { self.rules.probes } else { self.rules.least };
        if self.calls.len() < least {
            return;
        }
        if self.failures * 100 >= self.calls.len() * self.rules.percent {
            self.opens.set(self.opens.get() + u32::from(!is_half_open));
            self.turn(State::Open { until: now + self.rules.open_for });
        } else if is_half_open {
            self.turn(State::Closed);
        }
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
        self.calls.clear();
        self.failures = 0;
    }
}
