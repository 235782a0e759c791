//! Calls that take part in what is known of hosts, whatever they meet: retries, budgets, breakers and what they hold.

mod asks;

use std::convert::Infallible;
use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use resilience::{BreakerSnapshot, BreakerState};

use super::*;
use asks::{Asks, CONTENT, Content, Meets, Policies, What, asks, meets, policies};

const HOSTS: [&str; 2] = ["a", "b"];

/// The client and its time.
struct World<'a> {
    policies: &'a Policies,
    config: Arc<ClientConfig>,
    hosts: Arc<Hosts>,
    began: Instant,
    now: Instant,
    trace: String,
}

/// What the last attempt came to.
#[derive(Clone, Copy, Debug)]
enum Last {
    Nothing,
    Answer {
        status: u16,
        says_when: bool,
        /// Of `Retry-After`.
        seconds: Option<u64>,
        /// The server may have waited for the request in vain.
        unheard: bool,
    },
    Lost {
        is_reused: bool,
        sent: u64,
        received: u64,
    },
    NoConnection,
}

/// What a call did so far.
struct Seen {
    last: Last,
    /// Since when the next attempt is waited for.
    since: Instant,
    attempts: u32,
    reports: u32,
    retries: u32,
    hops: u32,
    /// Of the present hop.
    of_hop: [u32; 3],
    /// Content was taken from what can be read once.
    is_gone: bool,
}

impl Seen {
    fn new(since: Instant) -> Self {
        let last = Last::Nothing;
        Self { last, since, attempts: 0, reports: 0, retries: 0, hops: 0, of_hop: [0; 3], is_gone: false }
    }
}

fn is_idempotent(asks: &Asks, call: &Call) -> bool {
    asks.idempotent.unwrap_or_else(|| matches!(call.method().as_str(), "GET" | "HEAD" | "PUT" | "DELETE"))
}

impl World<'_> {
    /// The breakers and what is left of the budgets.
    fn state(&self) -> Vec<(Option<BreakerSnapshot>, u32)> {
        let state = |host: &&str| {
            let route = self.config.route(Origin::http(host).unwrap());
            let state = self.hosts.state(&route, self.now).unwrap();
            let breaker = state.breaker().map(|breaker| breaker.snapshot(self.now));
            (breaker, state.budget().map_or(0, |budget| budget.level(self.now)))
        };
        HOSTS.iter().map(state).collect()
    }

    fn call(&mut self, asks: &Asks, script: &[Meets]) -> Result<(), TestCaseError> {
        let (before, started) = (self.state(), self.now);
        let end = self.policies.total.map(|total| started + Duration::from_secs(total));
        let request = self.policies.request(asks);
        let mut call =
            Call::new(request, Arc::clone(&self.config), started).unwrap().among(Arc::clone(&self.hosts));
        let mut seen = Seen::new(started);
        let mut script = script.iter().cycle();
        for step in 0.. {
            prop_assert!(step < 1000, "a call must end");
            if asks.dropped == Some(step) {
                break;
            }
            match call.step(self.now) {
                Step::Attempt(attempt) => {
                    self.attempt(asks, &call, &attempt, &mut seen, end)?;
                    self.report(asks, &mut call, script.next().unwrap(), &mut seen)?;
                }
                Step::Wait { until } => {
                    prop_assert!(
                        until > self.now && end.is_none_or(|end| until < end),
                        "{:?}",
                        until - started
                    );
                    let again = matches!(call.step(self.now), Step::Wait { until: same } if same == until);
                    prop_assert!(again, "a step before its time is the same step");
                    self.now = until;
                }
                Step::Fail(error) => {
                    prop_assert_eq!(error.attempts().len(), seen.attempts as usize);
                    writeln!(self.trace, "{error} {:?}", error.attempts()).unwrap();
                    break;
                }
                Step::Done => break,
            }
        }
        writeln!(self.trace, "{:?} {:?}", self.now - self.began, call.trail.attempts).unwrap();
        if asks.dropped.is_none() {
            self.went_on(asks, &call, &seen)?;
        }
        drop(call);
        self.settled(&before, started, &seen)
    }

    /// Looks at an attempt that is about to be made.
    fn attempt(
        &self,
        asks: &Asks,
        call: &Call,
        attempt: &Attempt,
        seen: &mut Seen,
        end: Option<Instant>,
    ) -> Result<(), TestCaseError> {
        let State::Attempted { why, .. } = call.state else { panic!("an attempt is under way") };
        seen.attempts += 1;
        prop_assert_eq!(attempt.number, seen.attempts);
        match why {
            Why::First => prop_assert!(seen.attempts == 1),
            Why::Redirect => {
                seen.hops += 1;
                seen.of_hop = [0; 3];
                seen.is_gone &= !matches!(call.request.body.length(), wire::BodyLength::Empty);
            }
            Why::Replay => seen.of_hop[0] += 1,
            Why::Reask => seen.of_hop[1] += 1,
            Why::Retry => {
                seen.of_hop[2] += 1;
                seen.retries += 1;
            }
        }
        // One replay for each time that the policy let it go, and one re-ask for each reason.
        let [replays, reasks, retries] = seen.of_hop;
        prop_assert!(
            seen.hops <= self.policies.redirects && retries < asks.own.unwrap_or(self.policies.attempts)
        );
        prop_assert!(replays <= 1 + retries && reasks <= 4, "{:?}", call.trail.attempts);

        let is_idempotent = is_idempotent(asks, call);
        let may = match (why, seen.last) {
            (Why::First, last) => matches!(last, Last::Nothing),
            (Why::Redirect, Last::Answer { status, .. }) => matches!(status, 301 | 302 | 303 | 307 | 308),
            (Why::Reask, Last::Answer { status, .. }) => matches!(status, 408 | 417 | 421 | 425),
            (Why::Replay, Last::Lost { is_reused, sent, received }) => {
                is_reused && received == 0 && (is_idempotent || sent == 0)
            }
            (Why::Retry, Last::Answer { status, says_when, unheard, .. }) => {
                let is_opted_in = self.policies.retry_throttled && matches!(status, 429 | 503 | 529);
                // RFC 9110 §15.5.14: refused before it was acted on.
                let is_unapplied = status == 413 && says_when || status == 408 && unheard;
                status >= 408 && (is_idempotent || is_opted_in || is_unapplied)
            }
            (Why::Retry, Last::Lost { sent, .. }) => is_idempotent || sent == 0,
            (Why::Retry, Last::NoConnection) => true,
            _ => false,
        };
        prop_assert!(may, "{:?} of {} after {:?}", why, call.method(), seen.last);
        // What is behind the last connection may be as broken as it was.
        let must_be_fresh = match seen.last {
            Last::Answer { status, .. } => why == Why::Retry && matches!(status, 500 | 502 | 504),
            last => !matches!(last, Last::Nothing),
        };
        prop_assert!(attempt.fresh || !must_be_fresh, "{:?} after {:?}", why, seen.last);
        prop_assert!(!seen.is_gone && call.request.body.is_replayable(), "{:?} after content is gone", why);

        let waited = self.now - seen.since;
        prop_assert_eq!(call.waited, waited);
        if let (Why::Retry, Last::Answer { seconds: Some(seconds), .. }) = (why, seen.last) {
            prop_assert!(waited.as_secs() >= seconds, "{:?} where {} s were asked for", waited, seconds);
        }

        let deadlines = attempt.deadlines;
        let all = [deadlines.connect(self.now), deadlines.send(self.now), deadlines.response(self.now)];
        let attempt_end =
            self.policies.attempt_timeout.map(|timeout| self.now + Duration::from_secs(timeout));
        for end in [end, attempt_end].into_iter().flatten() {
            prop_assert!(all.iter().all(|deadline| deadline.at().is_some_and(|at| at <= end)), "{:?}", all);
        }
        // What costs nothing follows at once, and runs into its deadline by itself.
        let is_free = matches!(why, Why::Replay | Why::Reask);
        prop_assert!(is_free || end.is_none_or(|end| self.now < end), "{:?} too late", why);
        let state = self.hosts.state(&attempt.route, self.now).unwrap();
        let admits = state.breaker().is_none_or(|breaker| breaker.state() != BreakerState::Open);
        prop_assert!(admits, "{:?} past an open breaker", why);
        Ok(())
    }

    /// Where nothing speaks against a retry, it was made.
    fn went_on(&self, asks: &Asks, call: &Call, seen: &Seen) -> Result<(), TestCaseError> {
        let Policies { attempts, budget: None, breaker: None, total: None, .. } = *self.policies else {
            return Ok(());
        };
        let is_used_up = seen.of_hop[2] + 1 == asks.own.unwrap_or(attempts);
        let is_passing = match seen.last {
            Last::Answer { status, says_when, .. } => matches!(status, 500 | 502 | 503 | 504) && !says_when,
            _ => false,
        };
        let may_again = is_idempotent(asks, call) && !seen.is_gone;
        prop_assert!(is_used_up || !is_passing || !may_again, "given up after {:?}", seen.last);
        Ok(())
    }

    /// Takes content, lets time pass, and reports what the attempt met.
    fn report(
        &mut self,
        asks: &Asks,
        call: &mut Call,
        meets: &Meets,
        seen: &mut Seen,
    ) -> Result<(), TestCaseError> {
        let has_content = !matches!(call.request.body.length(), wire::BodyLength::Empty);
        // Only a driver out of step takes more where some of it is gone.
        let (was_gone, mut taken) = (seen.is_gone, Vec::new());
        if meets.pulls > 0 {
            let take = |run: &[u8]| {
                taken.extend_from_slice(run);
                Ok::<_, Infallible>(taken.len() < meets.pulls)
            };
            call.content().unwrap().each(1, take).unwrap().unwrap();
            seen.is_gone |= has_content && asks.content == Content::Reader;
        }
        prop_assert!(was_gone || CONTENT.starts_with(&taken), "content begins at its beginning: {:?}", taken);
        self.now += Duration::from_secs(meets.seconds);
        (seen.reports, seen.since) = (seen.reports + 1, self.now);
        match &meets.what {
            What::Answer { status, retry_after, location, facts } => {
                let mut head = ResponseHead::default();
                head.status = StatusCode::from_u16(*status).unwrap();
                if let Some(asked) = retry_after {
                    head.headers.append("Retry-After", asked).unwrap();
                }
                if let Some(location) = location {
                    head.headers.append("Location", location).unwrap();
                }
                let text = retry_after.as_deref().and_then(|asked| str::from_utf8(asked).ok());
                let seconds = text.filter(|text| !text.starts_with('+')).and_then(|text| text.parse().ok());
                seen.last = Last::Answer {
                    status: *status,
                    says_when: text.is_some(),
                    seconds,
                    unheard: facts.0 || !facts.1,
                };
                let wall = SystemTime::UNIX_EPOCH + (self.now - self.began);
                let verdict = call.on_response(&head, Answered::new(facts.0, facts.1), self.now, wall);
                writeln!(self.trace, "{status} {verdict:?}").unwrap();
            }
            What::Lost(fails, (is_reused, sent, received)) => {
                let (is_reused, sent, received) = (*is_reused, *sent, *received);
                seen.last = Last::Lost { is_reused, sent, received };
                call.on_failure(fails.error(), Some(Lost::new(is_reused, sent, received)), self.now);
            }
            What::NoConnection(fails) => {
                seen.last = Last::NoConnection;
                call.on_failure(fails.error(), None, self.now);
            }
        }
        Ok(())
    }

    /// Looks for what a call that is over still holds.
    fn settled(
        &self,
        before: &[(Option<BreakerSnapshot>, u32)],
        started: Instant,
        seen: &Seen,
    ) -> Result<(), TestCaseError> {
        let after = self.state();
        for ((was, _), (is, _)) in before.iter().zip(&after) {
            let (Some(was), Some(is)) = (was, is) else { continue };
            prop_assert_eq!(is.probes, 0, "a permit is out: {:?}", is);
            // What time alone changes is no matter of the call.
            if seen.reports == 0 && was.state == BreakerState::Closed && started == self.now {
                prop_assert_eq!(was, is, "nothing was reported");
            }
        }
        let level = |state: &[(_, u32)]| state.iter().map(|(_, level)| *level).sum::<u32>();
        let spent = level(before) - level(&after);
        // A retry costs one token, or two; one that was waited for in vain costs none.
        let is_paid = (1000 * seen.retries..=2000 * seen.retries).contains(&spent);
        prop_assert!(self.policies.budget.is_none() || is_paid, "{} for {} retries", spent, seen.retries);
        Ok(())
    }
}

/// Makes all calls with one memory of hosts, and tells what happened.
fn play(policies: &Policies, calls: &[(Asks, Vec<Meets>)]) -> Result<String, TestCaseError> {
    let (config, began) = (policies.config(), Instant::now());
    let hosts = Arc::new(Hosts::new(Arc::clone(&config)));
    let mut world = World { policies, config, hosts, began, now: began, trace: String::new() };
    for (asks, script) in calls {
        world.call(asks, script)?;
    }
    Ok(world.trace)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn calls_with_policies_end_in_bounds_and_give_back_what_they_hold(
        policies in policies(),
        calls in vec((asks(), vec(meets(), 1..8)), 1..8),
    ) {
        let trace = play(&policies, &calls)?;
        prop_assert_eq!(trace, play(&policies, &calls)?, "the same script gives the same trace");
    }

    #[test]
    fn calls_with_policies_out_of_step_never_panic(
        policies in policies(),
        asks in asks(),
        acts in vec((any::<bool>(), any::<bool>(), meets()), 0..30),
    ) {
        let (config, began) = (policies.config(), Instant::now());
        let hosts = Arc::new(Hosts::new(Arc::clone(&config)));
        let request = policies.request(&asks);
        let mut world = World { policies: &policies, config, hosts, began, now: began, trace: String::new() };
        let call = Call::new(request, Arc::clone(&world.config), began).unwrap();
        let mut call = call.among(Arc::clone(&world.hosts));
        let mut seen = Seen::new(began);
        for (steps, reports, meets) in acts {
            if steps {
                let _ = call.step(world.now);
            }
            if reports {
                world.report(&asks, &mut call, &meets, &mut seen)?;
            }
        }
        drop(call);
        for (breaker, _) in world.state() {
            prop_assert!(breaker.is_none_or(|breaker| breaker.probes == 0), "a permit is out: {:?}", breaker);
        }
    }
}
