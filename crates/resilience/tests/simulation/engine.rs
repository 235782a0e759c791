//! A world of clients and one server, event by event: the same seed gives the same history.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use resilience::{Entropy, SharedRng};

use crate::policies::{Answer, Call, Next, Policy};

/// How long an attempt may take.
pub const ATTEMPT: Duration = Duration::from_secs(1);
/// How long a call may take with all its attempts.
pub const CALL: Duration = Duration::from_secs(10);

/// Says when an attempt that comes at `now` is answered, and how.
pub type Server = Box<dyn FnMut(Duration, u32, &SharedRng) -> (Duration, Answer)>;

/// Who calls, how often, and what happens to the server when.
pub struct Setting {
    pub clients: usize,
    /// Calls a second of each client, in a Poisson process.
    pub rate: f64,
    /// Calls are spread over so many keys.
    pub keys: u32,
    /// When the fault begins and ends.
    pub fault: (Duration, Duration),
    pub end: Duration,
    pub server: Server,
}

/// What became of one call.
#[derive(Clone, Debug)]
pub struct Record {
    pub arrived: Duration,
    pub key: u32,
    pub succeeded: bool,
}

/// What happened.
pub struct History {
    pub calls: Vec<Record>,
    /// When each attempt began.
    pub attempts: Vec<Duration>,
    /// What clients heard, and when.
    pub answers: Vec<(Duration, Answer)>,
    pub fault: (Duration, Duration),
    pub end: Duration,
}

enum Event {
    Arrival(usize),
    /// The call asks its policy what to do.
    Step(usize),
    /// The attempt of that number ends for the client.
    Answer(usize, u32, Answer),
}

struct Running {
    call: Box<dyn Call>,
    attempt: u32,
    deadline: Duration,
}

/// Plays a setting under a policy.
pub fn play(mut setting: Setting, policy: &mut dyn Policy, seed: u64) -> History {
    let (rng, base) = (SharedRng::seeded(seed), Instant::now());
    let mut history = History {
        calls: Vec::new(),
        attempts: Vec::new(),
        answers: Vec::new(),
        fault: setting.fault,
        end: setting.end,
    };
    let mut running: Vec<Option<Running>> = Vec::new();
    let mut queue = Queue::default();
    for client in 0..setting.clients {
        queue.push(exponential(&rng, setting.rate), Event::Arrival(client));
    }
    while let Some((at, event)) = queue.pop() {
        let now = base + at;
        let id = match event {
            Event::Arrival(client) => {
                if at < setting.end {
                    queue.push(at + exponential(&rng, setting.rate), Event::Arrival(client));
                }
                let deadline = at + CALL;
                let call = policy.begin(client, now, base + deadline);
                let key = u32::try_from(rng.next_u64() % u64::from(setting.keys)).unwrap();
                history.calls.push(Record { arrived: at, key, succeeded: false });
                running.push(Some(Running { call, attempt: 0, deadline }));
                running.len() - 1
            }
            Event::Step(id) => id,
            Event::Answer(id, attempt, answer) => {
                let Some(call) = running[id].as_mut().filter(|running| running.attempt == attempt) else {
                    continue;
                };
                history.calls[id].succeeded |= answer == Answer::Good;
                history.answers.push((at, answer));
                call.call.report(answer, now);
                id
            }
        };
        let Some(call) = &mut running[id] else { continue };
        match call.call.next(now) {
            Next::Attempt => {
                call.attempt += 1;
                history.attempts.push(at);
                let (answered, answer) = (setting.server)(at, history.calls[id].key, &rng);
                let patience = call.deadline.min(at + ATTEMPT);
                let (when, answer) =
                    if answered <= patience { (answered, answer) } else { (patience, Answer::Late) };
                queue.push(when, Event::Answer(id, call.attempt, answer));
            }
            Next::Sleep(until) => queue.push(until.saturating_duration_since(base).max(at), Event::Step(id)),
            Next::Over => running[id] = None,
        }
    }
    history
}

impl History {
    fn in_fault(&self) -> impl Iterator<Item = &Record> {
        self.calls.iter().filter(|call| (self.fault.0..self.fault.1).contains(&call.arrived))
    }

    /// Attempts for each call while the fault lasted.
    pub fn amplification(&self) -> f64 {
        let attempts = self.attempts.iter().filter(|at| (self.fault.0..self.fault.1).contains(at)).count();
        attempts as f64 / self.in_fault().count() as f64
    }

    /// The share of calls that came in the fault and succeeded.
    pub fn goodput(&self) -> f64 {
        self.goodput_of(|_| true)
    }

    /// The same, of some calls.
    pub fn goodput_of(&self, which: impl Fn(&Record) -> bool) -> f64 {
        let (mut all, mut good) = (0, 0);
        for call in self.in_fault().filter(|call| which(call)) {
            all += 1;
            good += usize::from(call.succeeded);
        }
        good as f64 / f64::from(all)
    }

    /// Seconds from the end of the fault until five seconds in a row had 95 % of goodput; none if that never came.
    pub fn recovery(&self) -> Option<f64> {
        let seconds = usize::try_from((self.end - self.fault.1).as_secs()).unwrap();
        let mut counts = vec![(0_u32, 0_u32); seconds];
        for call in &self.calls {
            let Some(since) = call.arrived.checked_sub(self.fault.1) else { continue };
            if let Some((all, good)) = counts.get_mut(usize::try_from(since.as_secs()).unwrap()) {
                *all += 1;
                *good += u32::from(call.succeeded);
            }
        }
        let is_well = |(all, good): &(u32, u32)| f64::from(*good) >= 0.95 * f64::from(*all);
        let first = counts.windows(5).position(|five| five.iter().all(is_well))?;
        Some(first as f64)
    }

    /// The most attempts in 100 ms after the fault, in relation to the most before it.
    pub fn peak(&self) -> f64 {
        let worst = |from: Duration, to: Duration| {
            let mut buckets = vec![0_u32; usize::try_from((to - from).as_millis() / 100).unwrap() + 1];
            for at in self.attempts.iter().filter(|at| (from..to).contains(at)) {
                buckets[usize::try_from((*at - from).as_millis() / 100).unwrap()] += 1;
            }
            f64::from(buckets.into_iter().max().unwrap_or(0))
        };
        worst(self.fault.1, self.end) / worst(Duration::ZERO, self.fault.0)
    }
}

/// A time between two events of a Poisson process.
fn exponential(rng: &SharedRng, rate: f64) -> Duration {
    let uniform = ((rng.next_u64() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
    Duration::from_secs_f64(-uniform.ln() / rate)
}

/// Events by time; of one time, in the order in which they were made.
#[derive(Default)]
struct Queue {
    heap: BinaryHeap<Reverse<(Duration, usize)>>,
    events: Vec<Option<Event>>,
}

impl Queue {
    fn push(&mut self, at: Duration, event: Event) {
        self.heap.push(Reverse((at, self.events.len())));
        self.events.push(Some(event));
    }

    fn pop(&mut self) -> Option<(Duration, Event)> {
        let Reverse((at, id)) = self.heap.pop()?;
        self.events[id].take().map(|event| (at, event))
    }
}
