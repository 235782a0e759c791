use std::num::NonZeroU8;

use proptest::prelude::*;

use super::super::config::{ConsecutiveFailures, SlowCalls, WindowKind};
use super::super::window::Counts;
use super::*;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const FAILURE: Outcome = Outcome::FAILURE;

/// A machine with a clock, and the calls that run.
struct Bench {
    machine: Machine,
    base: Instant,
    now: Instant,
}

impl Bench {
    fn new(config: BreakerConfig) -> Self {
        config.validate().unwrap();
        let base = Instant::now();
        Self { machine: Machine::new(config, 9), base, now: base }
    }

    #[track_caller]
    fn admit(&mut self) -> u64 {
        self.machine.admit(self.now).0.unwrap()
    }

    #[track_caller]
    fn call(&mut self, outcome: Outcome) -> Option<Transition> {
        let generation = self.admit();
        self.machine.settle(generation, self.now, self.now, outcome)
    }

    /// One call each `step`; tells after which the breaker opened.
    fn trips_after(
        &mut self,
        outcomes: impl IntoIterator<Item = Outcome>,
        step: Duration,
    ) -> Option<(u32, Cause)> {
        for (n, outcome) in (1..).zip(outcomes) {
            if let Some(transition) = self.call(outcome) {
                return Some((n, transition.cause));
            }
            self.now += step;
        }
        None
    }

    fn open(&mut self) -> Instant {
        while self.machine.state() != BreakerState::Open {
            self.call(FAILURE);
            self.now += 250 * MS;
        }
        self.machine.until().unwrap()
    }

    fn half_open(&mut self) -> u64 {
        self.now = self.open();
        self.admit()
    }
}

fn defaults() -> BreakerConfig {
    BreakerConfig::default()
}

#[test]
fn rules_open_as_soon_as_they_may() {
    #[track_caller]
    fn check(config: BreakerConfig, healthy: usize, per_second: u32, expected: Option<(u32, Cause)>) {
        let mut bench = Bench::new(config);
        let step = SECOND / per_second;
        assert_eq!(bench.trips_after(std::iter::repeat_n(Outcome::Success, healthy), step), None);
        assert_eq!(bench.trips_after(std::iter::repeat_n(FAILURE, 2000), step), expected);
    }
    use Cause::{ConsecutiveFailures as Row, FailureRate as Rate};
    // After healthy traffic at so many calls a second: little traffic is judged by five in a row.
    check(defaults(), 10, 1, Some((10, Rate)));
    check(BreakerConfig { min_calls: 11, ..defaults() }, 10, 1, Some((5, Row)));
    check(defaults(), 50, 5, Some((16, Row)));
    check(defaults(), 100, 10, Some((16, Row)));
    check(defaults(), 200, 20, Some((21, Row)));
    check(defaults(), 1000, 100, Some((101, Row)));
    // From the first call on.
    check(defaults(), 0, 1, Some((5, Row)));
    check(defaults(), 0, 100, Some((10, Rate)));
    check(BreakerConfig { failure_permille: None, ..defaults() }, 0, 100, Some((101, Row)));
    check(BreakerConfig { failure_permille: None, consecutive: None, ..defaults() }, 0, 100, None);
    let classic = BreakerConfig::classic(NonZeroU32::new(3).unwrap(), SECOND);
    check(classic, 10, 1000, Some((3, Row)));
}

#[test]
fn a_server_with_little_traffic_is_judged_within_five_calls() {
    let mut bench = Bench::new(defaults());
    let step = 5 * SECOND;
    assert_eq!(bench.trips_after(std::iter::repeat_n(Outcome::Success, 20), step), None);
    let expected = Some((5, Cause::ConsecutiveFailures));
    assert_eq!(bench.trips_after(std::iter::repeat_n(FAILURE, 20), step), expected);
}

/// All calls on one connection fail in the same moment when it dies.
#[test]
fn failures_within_a_second_open_only_by_their_rate() {
    let mut bench = Bench::new(defaults());
    bench.trips_after(std::iter::repeat_n(Outcome::Success, 200), 10 * MS);
    assert_eq!(bench.trips_after(std::iter::repeat_n(FAILURE, 100), Duration::ZERO), None);
    let mut bench = Bench::new(defaults());
    assert_eq!(bench.trips_after(std::iter::repeat_n(FAILURE, 9), Duration::ZERO), None);
}

#[test]
fn a_success_ends_a_row() {
    let config = BreakerConfig { failure_permille: None, ..defaults() };
    let mut bench = Bench::new(config);
    let rows = std::iter::repeat_n(FAILURE, 15).chain([Outcome::Success]).cycle().take(200);
    assert_eq!(bench.trips_after(rows, 50 * MS), None);
}

#[test]
fn slow_calls_open_even_if_they_succeed() {
    let rule = SlowCalls { longer_than: 100 * MS, permille: 500 };
    let mut bench = Bench::new(BreakerConfig { slow_calls: Some(rule), z_squared: 4, ..defaults() });
    let mut settle = |took: Duration| {
        let generation = bench.admit();
        let started = bench.now;
        bench.now += took;
        bench.machine.settle(generation, started, bench.now, Outcome::Success)
    };
    for _ in 0..9 {
        assert_eq!(settle(101 * MS), None);
    }
    assert_eq!(settle(100 * MS), None, "nine of ten are as yet no ten");
    let transition = settle(101 * MS).unwrap();
    assert_eq!((transition.cause, transition.to), (Cause::SlowCalls, BreakerState::Open));
    assert_eq!((transition.counts.calls, transition.counts.slow, transition.counts.failures), (11, 10, 0));
}

#[test]
fn a_slow_probe_speaks_against_closing() {
    let rule = SlowCalls { longer_than: 100 * MS, permille: 500 };
    let mut bench = Bench::new(BreakerConfig { slow_calls: Some(rule), z_squared: 4, ..defaults() });
    let generation = bench.half_open();
    let transition =
        bench.machine.settle(generation, bench.now, bench.now + SECOND, Outcome::Success).unwrap();
    assert_eq!((transition.to, transition.cause), (BreakerState::Open, Cause::ProbesFailed));
}

#[test]
fn an_open_breaker_rejects_until_its_time_and_then_lends_one_probe() {
    let mut bench = Bench::new(defaults());
    let until = bench.open();
    bench.now = until - MS;
    let (rejected, transition) = bench.machine.admit(bench.now);
    assert_eq!(rejected, Err(Rejected { state: BreakerState::Open, retry_after: Some(MS) }));
    assert_eq!(transition, None);
    bench.now = until;
    let (admitted, transition) = bench.machine.admit(bench.now);
    assert_eq!(admitted, Ok(2));
    assert_eq!(transition.map(|t| (t.from, t.to)), Some((BreakerState::Open, BreakerState::HalfOpen)));
    let (rejected, transition) = bench.machine.admit(bench.now);
    let retry_after = Some(PROBE_ESTIMATE);
    assert_eq!(rejected, Err(Rejected { state: BreakerState::HalfOpen, retry_after }));
    assert_eq!(transition, None);
}

#[test]
fn probes_grow_with_each_success_until_it_closes() {
    let mut bench = Bench::new(defaults());
    let mut running = vec![bench.half_open()];
    let mut rounds = 0;
    while bench.machine.state() == BreakerState::HalfOpen {
        rounds += 1;
        while let Ok(generation) = bench.machine.admit(bench.now).0 {
            running.push(generation);
        }
        for generation in running.drain(..) {
            bench.machine.settle(generation, bench.now, bench.now, Outcome::Success);
        }
    }
    assert_eq!((bench.machine.state(), rounds), (BreakerState::Closed, 4));
    assert_eq!(bench.machine.trips, 0);
    assert_eq!(bench.machine.window.counts(bench.now), Counts::default());
}

#[test]
fn each_trip_lasts_longer_up_to_the_cap_and_a_close_forgets_them() {
    let mut bench = Bench::new(BreakerConfig { open_jitter_permille: 0, ..defaults() });
    let mut lasted = Vec::new();
    bench.now = bench.open();
    for _ in 0..6 {
        let transition = bench.call(FAILURE).unwrap();
        let until = transition.until.unwrap();
        lasted.push((until - bench.now).as_secs());
        bench.now = until;
    }
    assert_eq!(lasted, [2, 3, 4, 5, 5, 5]);
    while bench.machine.state() != BreakerState::Closed {
        bench.call(Outcome::Success);
    }
    let opened = bench.now;
    let mut until = None;
    while until.is_none() {
        bench.now += 250 * MS;
        until = bench.call(FAILURE).and_then(|transition| transition.until);
    }
    assert!(until.unwrap() - bench.now == SECOND && opened < bench.now);
    bench.machine.trips = u32::MAX;
    bench.machine.trip(bench.now, Cause::FailureRate, None);
    assert_eq!(bench.machine.trips, u32::MAX);
}

#[test]
fn the_server_can_ask_to_be_left_alone_for_longer() {
    #[track_caller]
    fn check(hint: Duration, expected: Duration) {
        let mut bench = Bench::new(BreakerConfig { open_jitter_permille: 0, ..defaults() });
        bench.half_open();
        let generation = bench.machine.generation;
        let outcome = Outcome::Failure { open_for: Some(hint) };
        let transition = bench.machine.settle(generation, bench.now, bench.now, outcome).unwrap();
        assert_eq!(transition.until.unwrap() - bench.now, expected);
    }
    check(Duration::ZERO, 2 * SECOND);
    check(30 * SECOND, 30 * SECOND);
    check(Duration::MAX, 60 * SECOND);
}

#[test]
fn open_times_of_a_fleet_spread() {
    let mut lasted: Vec<Duration> = (0..1000)
        .map(|seed| Machine::new(defaults(), seed).open_time(None))
        .inspect(|time| assert!((SECOND..=SECOND + 250 * MS).contains(time)))
        .collect();
    lasted.sort_unstable();
    lasted.dedup();
    assert!(lasted.len() > 990);
}

#[test]
fn a_result_from_before_the_last_change_is_only_counted() {
    let mut bench = Bench::new(defaults());
    let early = bench.admit();
    bench.half_open();
    let before = bench.machine.snapshot(bench.now);
    for outcome in [Outcome::Success, FAILURE, Outcome::Ignored] {
        assert_eq!(bench.machine.settle(early, bench.now, bench.now, outcome), None);
    }
    assert_eq!(bench.machine.snapshot(bench.now), BreakerSnapshot { stale: 3, ..before });
}

#[test]
fn a_probe_that_says_nothing_gives_its_place_to_the_next() {
    let mut bench = Bench::new(defaults());
    for _ in 0..5 {
        let generation =
            if bench.machine.state() == BreakerState::HalfOpen { bench.admit() } else { bench.half_open() };
        bench.machine.settle(generation, bench.now, bench.now, Outcome::Ignored);
        let snapshot = bench.machine.snapshot(bench.now);
        assert_eq!((snapshot.probe_limit, snapshot.probes), (1, 0));
    }
}

#[test]
fn lost_probes_are_replaced_and_come_back_too_late() {
    let mut bench = Bench::new(defaults());
    let lost = bench.half_open();
    bench.now += 30 * SECOND - MS;
    assert!(bench.machine.admit(bench.now).0.is_err());
    bench.now += MS;
    let (admitted, transition) = bench.machine.admit(bench.now);
    assert_eq!(transition.map(|t| t.cause), Some(Cause::ProbesLost));
    let fresh = admitted.unwrap();
    assert_eq!(bench.machine.settle(lost, bench.now, bench.now, FAILURE), None);
    assert_eq!(bench.machine.state(), BreakerState::HalfOpen);
    assert_eq!(bench.machine.settle(fresh, bench.now, bench.now, Outcome::Success), None);
    let snapshot = bench.machine.snapshot(bench.now);
    assert_eq!((snapshot.lost, snapshot.stale, snapshot.probe_limit), (1, 1, 2));
}

#[test]
fn a_probe_after_a_long_silence_is_not_taken_for_lost() {
    let mut bench = Bench::new(defaults());
    let first = bench.half_open();
    bench.machine.settle(first, bench.now, bench.now, Outcome::Ignored);
    bench.now += 3600 * SECOND;
    bench.admit();
    assert!(bench.machine.admit(bench.now).0.is_err());
}

#[test]
fn what_was_set_by_hand_stays() {
    type Turn = fn(&mut Machine, Instant) -> Option<Transition>;
    let rows: [(Turn, BreakerState, bool); 3] = [
        (Machine::force_open, BreakerState::ForcedOpen, false),
        (Machine::disable, BreakerState::Disabled, true),
        (Machine::shadow, BreakerState::Shadow, true),
    ];
    for (turn, state, admits) in rows {
        let mut bench = Bench::new(defaults());
        let early = bench.admit();
        let transition = turn(&mut bench.machine, bench.now).unwrap();
        assert_eq!((transition.to, transition.cause), (state, Cause::Manual));
        assert_eq!(turn(&mut bench.machine, bench.now), None, "twice is once");
        for _ in 0..100 {
            let admitted = bench.machine.admit(bench.now).0;
            assert_eq!(admitted.is_ok(), admits);
            bench.machine.settle(admitted.unwrap_or(early), bench.now, bench.now, FAILURE);
            bench.now += SECOND;
        }
        assert_eq!(bench.machine.state(), state);
        bench.machine.reset(bench.now);
        assert_eq!(bench.machine.state(), BreakerState::Closed);
        assert_eq!(bench.trips_after([FAILURE; 4], SECOND), None, "a reset forgets");
    }
}

#[test]
fn configurations_are_judged() {
    assert_eq!(defaults().validate(), Ok(()));
    assert_eq!(BreakerConfig::classic(NonZeroU32::MAX, Duration::MAX).validate(), Ok(()));
    #[track_caller]
    fn check(config: BreakerConfig, expected: &str) {
        assert_eq!(config.validate().unwrap_err().to_string(), expected);
    }
    let never = "a rate of 1000 thousandths is never or always exceeded: 1 to 999 make sense";
    check(BreakerConfig { failure_permille: Some(1000), ..defaults() }, never);
    let slow = SlowCalls { longer_than: SECOND, permille: 0 };
    let always = "a rate of 0 thousandths is never or always exceeded: 1 to 999 make sense";
    check(BreakerConfig { slow_calls: Some(slow), ..defaults() }, always);
    let once = "a breaker that closes at 1 calls at a time never probes: 2 is the least";
    check(BreakerConfig { close_at: 1, ..defaults() }, once);
    let shrinking = "a breaker cannot stay open for 1s and at most 1ms";
    check(BreakerConfig { max_open: MS, ..defaults() }, shrinking);
    let window = WindowKind::Time { buckets: NonZeroU8::MIN, width: Duration::ZERO };
    check(BreakerConfig { window, ..defaults() }, "a window whose stretches last no time holds no calls");
    let window = WindowKind::Calls(NonZeroU32::new(9).unwrap());
    check(BreakerConfig { window, ..defaults() }, "a window of 9 calls never holds the 10 that a rate needs");
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Pass(u64),
    StepBack(u64),
    Admit,
    Settle(usize, Outcome),
    Lose(usize),
    ForceOpen,
    Disable,
    Shadow,
    Reset,
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Success),
        5 => Just(FAILURE),
        1 => (0_u64..100).prop_map(|s| Outcome::Failure { open_for: Some(Duration::from_secs(s)) }),
        1 => Just(Outcome::Ignored),
    ]
}

fn any_ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        40 => Just(Op::Admit),
        40 => (any::<usize>(), any_outcome()).prop_map(|(n, outcome)| Op::Settle(n, outcome)),
        20 => (0_u64..700).prop_map(Op::Pass),
        4 => (0_u64..40_000).prop_map(Op::Pass),
        2 => (0_u64..2000).prop_map(Op::StepBack),
        2 => any::<usize>().prop_map(Op::Lose),
        1 => Just(Op::ForceOpen),
        1 => Just(Op::Disable),
        1 => Just(Op::Shadow),
        2 => Just(Op::Reset),
    ];
    proptest::collection::vec(op, 1..400)
}

fn any_config() -> impl Strategy<Value = BreakerConfig> {
    let window = prop_oneof![
        (1_u8..12, 1_u64..2000).prop_map(|(buckets, ms)| WindowKind::Time {
            buckets: NonZeroU8::new(buckets).unwrap(),
            width: Duration::from_millis(ms),
        }),
        (12_u32..40).prop_map(|size| WindowKind::Calls(NonZeroU32::new(size).unwrap())),
    ];
    let row = (1_u32..20, 1_u32..6, 0_u64..2000).prop_map(|(count, sparse, ms)| ConsecutiveFailures {
        count: NonZeroU32::new(count).unwrap(),
        sparse: NonZeroU32::new(sparse).unwrap(),
        lasting: Duration::from_millis(ms),
    });
    let slow = (1_u64..3000, 1_u16..1000)
        .prop_map(|(ms, permille)| SlowCalls { longer_than: Duration::from_millis(ms), permille });
    (
        window,
        0_u32..12,
        proptest::option::of(1_u16..1000),
        0_u16..9,
        proptest::option::of(row),
        proptest::option::of(slow),
        2_u16..20,
    )
        .prop_map(
            |(window, min_calls, failure_permille, z_squared, consecutive, slow_calls, close_at)| {
                BreakerConfig {
                    window,
                    min_calls,
                    failure_permille,
                    z_squared,
                    consecutive,
                    slow_calls,
                    close_at,
                    ..BreakerConfig::default()
                }
            },
        )
}

/// What closed and shadow judge by, as lists that are read from the start each time.
#[derive(Default)]
struct Ledger {
    first: Option<Instant>,
    latest_stretch: u128,
    calls: Vec<(u128, Call)>,
    row: Vec<Instant>,
}

impl Ledger {
    fn record(&mut self, config: &BreakerConfig, call: Call, now: Instant) {
        let first = *self.first.get_or_insert(now);
        if let WindowKind::Time { width, .. } = config.window {
            let stretch = now.saturating_duration_since(first).as_nanos() / width.as_nanos();
            self.latest_stretch = self.latest_stretch.max(stretch);
        }
        self.calls.push((self.latest_stretch, call));
        if call.failed { self.row.push(now) } else { self.row.clear() }
    }

    fn trips(&self, config: &BreakerConfig, call: Call, now: Instant) -> bool {
        let live: Vec<Call> = match config.window {
            WindowKind::Calls(size) => {
                self.calls.iter().rev().take(size.get() as usize).map(|call| call.1).collect()
            }
            WindowKind::Time { buckets, width } => {
                let first = self.first.unwrap();
                let here = now.saturating_duration_since(first).as_nanos() / width.as_nanos();
                let latest = here.max(self.latest_stretch);
                let live = self.calls.iter().filter(|call| latest - call.0 < u128::from(buckets.get()));
                live.map(|call| call.1).collect()
            }
        };
        let calls = live.len() as u64;
        let dense = calls >= u64::from(config.min_calls);
        let row = config.consecutive.is_some_and(|rule| {
            let least = if dense { rule.count } else { rule.sparse }.get() as usize;
            self.row.len() >= least
                && self.row.first().is_some_and(|since| now.saturating_duration_since(*since) >= rule.lasting)
        });
        let count = |pick: fn(&Call) -> bool| live.iter().filter(|call| pick(call)).count() as u64;
        let above = |hits, permille| dense && exceeds(hits, calls, permille, config.z_squared);
        let rate = config.failure_permille.is_some_and(|permille| above(count(|call| call.failed), permille));
        let slow = config.slow_calls.is_some_and(|rule| above(count(|call| call.slow), rule.permille));
        (call.failed || call.slow) && (row || rate || slow)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_script_breaks_an_invariant(config in any_config(), ops in any_ops()) {
        let mut bench = Bench::new(config);
        let mut ledger = Ledger::default();
        let mut running: Vec<(u64, Instant)> = Vec::new();
        for op in ops {
            let before = bench.machine.snapshot(bench.now);
            let mut transition = None;
            let mut by_hand = false;
            let now = bench.now;
            match op {
                Op::Pass(ms) => bench.now += Duration::from_millis(ms),
                Op::StepBack(ms) => {
                    let back = Duration::from_millis(ms);
                    bench.now = bench.now.checked_sub(back).unwrap_or(bench.now).max(bench.base);
                }
                Op::Admit => {
                    let peeked = bench.machine.peek(now);
                    let (admitted, changed) = bench.machine.admit(now);
                    prop_assert_eq!(peeked, admitted.map(|_| ()));
                    transition = changed;
                    match before.state {
                        BreakerState::Closed | BreakerState::Disabled | BreakerState::Shadow => {
                            prop_assert!(admitted.is_ok());
                        }
                        BreakerState::ForcedOpen => prop_assert!(admitted.is_err()),
                        BreakerState::Open => {
                            prop_assert_eq!(admitted.is_ok(), now >= before.open_until.unwrap());
                            prop_assert_eq!(admitted.is_ok(), changed.is_some());
                        }
                        BreakerState::HalfOpen => {
                            if before.probes < before.probe_limit {
                                prop_assert!(admitted.is_ok() && changed.is_none());
                            } else {
                                prop_assert_eq!(admitted.is_ok(), changed.is_some());
                            }
                        }
                    }
                    if let Ok(generation) = admitted {
                        running.push((generation, now));
                    }
                }
                Op::Settle(n, outcome) => {
                    if running.is_empty() { continue }
                    let (generation, started) = running.swap_remove(n % running.len());
                    let changed = bench.machine.settle(generation, started, now, outcome);
                    transition = changed;
                    let after = bench.machine.snapshot(now);
                    if generation != before.generation {
                        prop_assert_eq!(after, BreakerSnapshot { stale: before.stale + 1, ..before });
                    } else if outcome == Outcome::Ignored {
                        let returned = u16::from(before.state == BreakerState::HalfOpen);
                        prop_assert_eq!(after, BreakerSnapshot { probes: before.probes - returned, ..before });
                    } else if matches!(before.state, BreakerState::Closed | BreakerState::Shadow) {
                        let took = now.saturating_duration_since(started);
                        let slow = config.slow_calls.is_some_and(|rule| took > rule.longer_than);
                        let call = Call { failed: outcome != Outcome::Success, slow };
                        ledger.record(&config, call, now);
                        prop_assert_eq!(ledger.trips(&config, call, now), changed.is_some());
                    }
                }
                Op::Lose(n) => if !running.is_empty() {
                    let _ = running.swap_remove(n % running.len());
                },
                Op::ForceOpen => (transition, by_hand) = (bench.machine.force_open(now), true),
                Op::Disable => (transition, by_hand) = (bench.machine.disable(now), true),
                Op::Shadow => (transition, by_hand) = (bench.machine.shadow(now), true),
                Op::Reset => (transition, by_hand) = (bench.machine.reset(now), true),
            }
            let after = bench.machine.snapshot(bench.now);
            prop_assert_eq!(after.generation, before.generation + u64::from(transition.is_some()));
            prop_assert_eq!(transition.is_some_and(|t| t.from != t.to), before.state != after.state);
            if after.state == BreakerState::HalfOpen {
                prop_assert!(after.probes <= after.probe_limit);
                prop_assert!(0 < after.probe_limit && after.probe_limit < config.close_at);
            }
            let by_hand_only = [BreakerState::ForcedOpen, BreakerState::Disabled, BreakerState::Shadow];
            if by_hand_only.contains(&before.state) && !by_hand {
                prop_assert_eq!(before.state, after.state);
            }
            if let Some(Transition { to: BreakerState::Open, until: Some(until), at, .. }) = transition {
                let most = (config.max_open * 5 / 4).max(match op {
                    Op::Settle(_, Outcome::Failure { open_for: Some(hint) }) => hint.min(config.max_hint),
                    _ => Duration::ZERO,
                });
                prop_assert!(until - at <= most && until - at >= config.open_for);
            }
            if transition.is_some() || matches!(op, Op::Reset) {
                // The origin of the stretches stays where the first record was.
                ledger.calls.clear();
                ledger.row.clear();
            }
        }
    }

    #[test]
    fn from_anywhere_successes_close_and_losses_are_replaced(config in any_config(), ops in any_ops()) {
        let mut bench = Bench::new(config);
        let mut running: Vec<(u64, Instant)> = Vec::new();
        for op in ops {
            match op {
                Op::Pass(ms) => bench.now += Duration::from_millis(ms),
                Op::Admit => running.extend(bench.machine.admit(bench.now).0.ok().map(|g| (g, bench.now))),
                Op::Settle(n, outcome) if !running.is_empty() => {
                    let (generation, started) = running.swap_remove(n % running.len());
                    bench.machine.settle(generation, started, bench.now, outcome);
                }
                _ => {}
            }
        }
        // What runs is lost; whoever asks again within the open and the probe time is admitted.
        bench.now += (config.max_open * 5 / 4).max(config.max_hint).max(config.probe_timeout);
        let mut calls = 0;
        loop {
            let admitted = bench.machine.admit(bench.now).0;
            prop_assert!(admitted.is_ok());
            if bench.machine.state() == BreakerState::Closed { break }
            bench.machine.settle(admitted.unwrap(), bench.now, bench.now, Outcome::Success);
            calls += 1;
            prop_assert!(calls <= u32::from(config.close_at) + 20);
            // Some probes may be lost for good and hold a place until all are.
            bench.now += config.probe_timeout;
        }
    }
}
