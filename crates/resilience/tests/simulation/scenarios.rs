//! What happens to the server: scenarios A to H.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use resilience::{Entropy, SharedRng};

use crate::engine::{History, Server, Setting};
use crate::policies::Answer;

/// How long a server that is well takes.
pub const QUICK: Duration = Duration::from_millis(20);
/// How long a refusal takes.
const REFUSAL: Duration = Duration::from_millis(1);
/// Longer than anybody waits.
const NEVER: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Refuses every connection for a minute.
    Outage,
    /// Answers nothing for a minute.
    BlackHole,
    /// Fails a fifth of the attempts at random, for two minutes.
    BrownOut20,
    /// Fails two fifths.
    BrownOut40,
    /// One of five keys always fails.
    BadShard,
    /// A queue at three quarters of its capacity loses three quarters of it for 15 s.
    Overload,
    /// Five seconds down, five seconds up.
    Flapping,
    /// A queue is dead for a minute, and comes back slowly: a fifth of its capacity at first, all of it after 20 s.
    SlowStart,
}

impl Scenario {
    pub const ALL: [Self; 8] = [
        Self::Outage,
        Self::BlackHole,
        Self::BrownOut20,
        Self::BrownOut40,
        Self::BadShard,
        Self::Overload,
        Self::Flapping,
        Self::SlowStart,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Outage => "A outage, refused",
            Self::BlackHole => "B outage, silent",
            Self::BrownOut20 => "C 20 % fail",
            Self::BrownOut40 => "D 40 % fail",
            Self::BadShard => "E bad shard: others",
            Self::Overload => "F overload",
            Self::Flapping => "G flapping",
            Self::SlowStart => "H slow start",
        }
    }

    /// The share of calls that succeed in the fault, of those that could.
    pub fn goodput(self, history: &History) -> f64 {
        history.goodput_of(|call| self != Self::BadShard || call.key != 0)
    }

    pub fn setting(self) -> Setting {
        let s = Duration::from_secs;
        let (clients, rate, fault, end) = match self {
            Self::Outage | Self::BlackHole | Self::Flapping => (20, 10.0, (s(30), s(90)), s(130)),
            Self::BrownOut20 | Self::BrownOut40 | Self::BadShard => (20, 10.0, (s(30), s(150)), s(230)),
            Self::Overload => (20, 7.5, (s(30), s(45)), s(120)),
            Self::SlowStart => (40, 4.0, (s(30), s(90)), s(190)),
        };
        let is_on = move |at: Duration| (fault.0..fault.1).contains(&at);
        let server: Server = match self {
            Self::Outage => Box::new(move |at, _, _| outage(at, is_on(at))),
            Self::BlackHole => {
                Box::new(
                    move |at, _, _| {
                        if is_on(at) { (at + NEVER, Answer::Good) } else { (at + QUICK, Answer::Good) }
                    },
                )
            }
            Self::BrownOut20 => Box::new(move |at, _, rng| fail_if(at, is_on(at) && chance(rng) < 0.2)),
            Self::BrownOut40 => Box::new(move |at, _, rng| fail_if(at, is_on(at) && chance(rng) < 0.4)),
            Self::BadShard => Box::new(move |at, key, _| fail_if(at, is_on(at) && key == 0)),
            Self::Flapping => {
                Box::new(move |at, _, _| outage(at, is_on(at) && (at - fault.0).as_secs() % 10 < 5))
            }
            Self::Overload => {
                let mut queue = Workers::new(10);
                Box::new(move |at, _, _| {
                    let done = queue.serve(at, |began| s(1) / if is_on(began) { 5 } else { 20 });
                    (done, Answer::Good)
                })
            }
            Self::SlowStart => {
                let mut queue = Workers::new(10);
                Box::new(move |at, _, _| {
                    if is_on(at) {
                        return outage(at, true);
                    }
                    let done = queue.serve(at, |began| {
                        let back = began.saturating_sub(fault.1).as_secs_f64();
                        let capacity = if began < fault.0 { 1.0 } else { (0.2 + 0.04 * back).min(1.0) };
                        Duration::from_secs_f64(0.05 / capacity)
                    });
                    (done, Answer::Good)
                })
            }
        };
        let keys = if self == Self::BadShard { 5 } else { 1 };
        Setting { clients, rate, keys, fault, end, server }
    }
}

/// A number from 0 to 1.
pub fn chance(rng: &SharedRng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

fn outage(at: Duration, is_on: bool) -> (Duration, Answer) {
    if is_on { (at + REFUSAL, Answer::Refused) } else { (at + QUICK, Answer::Good) }
}

fn fail_if(at: Duration, fails: bool) -> (Duration, Answer) {
    (at + QUICK, if fails { Answer::Failed } else { Answer::Good })
}

/// Workers that take what comes in order, and do not stop when the client gives up.
struct Workers {
    free_at: BinaryHeap<Reverse<Duration>>,
}

impl Workers {
    fn new(count: usize) -> Self {
        Self { free_at: (0..count).map(|_| Reverse(Duration::ZERO)).collect() }
    }

    /// Returns when work that comes at `at` is done.
    fn serve(&mut self, at: Duration, takes: impl FnOnce(Duration) -> Duration) -> Duration {
        let Reverse(free) = self.free_at.pop().unwrap_or(Reverse(Duration::ZERO));
        let began = free.max(at);
        let done = began + takes(began);
        self.free_at.push(Reverse(done));
        done
    }
}
