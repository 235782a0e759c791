//! `Call` against every mischief of servers and networks that a script can tell, without a socket and without a clock.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code fails loudly")]

#[path = "call_properties/asked.rs"]
mod asked;
#[path = "call_properties/heads.rs"]
mod heads;
#[path = "call_properties/model.rs"]
mod model;

use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use asked::{Asked, BASIC, JARRED, MARK, asked};
use heads::{Meets, answered, error, head, lost, meets};
use http_client::ErrorKind;
use http_client::call::{Call, Step, Verdict};
use model::{Next, Rules};
use proptest::collection::vec;
use proptest::prelude::*;

/// Plays a script over and over until the call ends, and returns all that it did.
fn play(asked: &Asked, script: &[Meets]) -> Result<String, TestCaseError> {
    let started = Instant::now();
    let mut call = Call::new(asked.request(), asked.config(), started).unwrap();
    let mut rules = Rules::new(asked, started);
    for meets in script.iter().cycle() {
        let attempt = match call.step(rules.now) {
            Step::Attempt(attempt) => attempt,
            Step::Fail(error) => {
                prop_assert_eq!(error.attempts().len(), rules.attempts as usize);
                let told = format!("{error} {error:?} {:?}", error.attempts());
                prop_assert!([MARK, JARRED, BASIC].iter().all(|secret| !told.contains(secret)), "{}", told);
                let again = matches!(call.step(rules.now), Step::Fail(_));
                prop_assert!(again, "what has failed stays so");
                writeln!(rules.trace, "{told}").unwrap();
                return Ok(rules.trace);
            }
            Step::Done => return Ok(rules.trace),
            other => return Err(TestCaseError::fail(format!("{other:?} without policies"))),
        };
        rules.attempt(&call, &attempt)?;
        let again = matches!(call.step(rules.now), Step::Attempt(same) if same.number == attempt.number);
        prop_assert!(again, "a step without a report is the same step");
        report(&mut call, &mut rules, meets)?;
    }
    Err(TestCaseError::fail("the script is empty"))
}

/// Reports what an attempt met, and holds what follows against the rules.
fn report(call: &mut Call, rules: &mut Rules<'_>, meets: &Meets) -> Result<(), TestCaseError> {
    match meets {
        Meets::Answer { status, fields, answered: facts, seconds } => {
            rules.now += Duration::from_secs(*seconds);
            let head = head(*status, fields);
            let expected = rules.expected(&head, *facts);
            let verdict = call.on_response(&head, answered(*facts), rules.now, SystemTime::UNIX_EPOCH);
            let next = call.step(rules.now);
            writeln!(rules.trace, "{status} {verdict:?}").unwrap();
            match (expected, verdict, next) {
                (Next::Deliver, Verdict::Deliver, Step::Done) => {}
                (Next::Refuse, Verdict::Discard, Step::Fail(error)) => {
                    prop_assert_eq!(error.kind(), ErrorKind::Redirect);
                    let is_last = error.redirect().is_some_and(|refused| refused.head == head);
                    prop_assert!(is_last, "the refusal carries the head: {}", error);
                }
                (Next::Again, Verdict::Discard, Step::Attempt(_)) => {
                    prop_assert!(rules.again.insert(*status), "{} twice in one hop", status);
                }
                (Next::Follow(url), Verdict::Discard, Step::Attempt(_)) => rules.follow(*status, url),
                (expected, verdict, next) => {
                    let found =
                        format!("{expected:?} was expected, not {verdict:?} and {next:?}, after {head:?}");
                    return Err(TestCaseError::fail(found));
                }
            }
        }
        Meets::Failure { kind, lost: facts, seconds } => {
            rules.now += Duration::from_secs(*seconds);
            call.on_failure(error(*kind), facts.map(lost), rules.now);
            let may_go_on = *kind == ErrorKind::Disconnected
                && facts.is_some_and(|(reused, sent, received)| {
                    reused && received == 0 && (sent == 0 || rules.is_idempotent())
                })
                && rules.again.insert(0);
            let goes_on = match call.step(rules.now) {
                Step::Attempt(next) => {
                    prop_assert!(next.fresh, "a replay takes no pooled connection");
                    true
                }
                _ => false,
            };
            prop_assert_eq!(goes_on, may_go_on, "{:?} after {:?}", kind, facts);
            writeln!(rules.trace, "{kind:?} goes_on={goes_on}").unwrap();
        }
    }
    Ok(())
}

/// A report or a question that comes when nobody waits for it.
#[derive(Clone, Debug)]
enum Wild {
    Step,
    Report(Meets),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_call_keeps_every_rule_whatever_it_meets(asked in asked(), script in vec(meets(), 1..12)) {
        let trace = play(&asked, &script)?;
        prop_assert_eq!(trace, play(&asked, &script)?, "the same script gives the same trace");
    }

    #[test]
    fn a_call_out_of_step_never_panics(
        asked in asked(),
        acts in vec(prop_oneof![Just(Wild::Step), meets().prop_map(Wild::Report)], 0..30),
    ) {
        let now = Instant::now();
        let mut call = Call::new(asked.request(), asked.config(), now).unwrap();
        let mut last = 0;
        for act in acts {
            match act {
                Wild::Step => if let Step::Attempt(attempt) = call.step(now) {
                    prop_assert!(attempt.number >= last, "attempts are counted upwards");
                    last = attempt.number;
                },
                Wild::Report(Meets::Answer { status, fields, answered: facts, .. }) => {
                    let _ = call.on_response(&head(status, &fields), answered(facts), now, SystemTime::UNIX_EPOCH);
                }
                Wild::Report(Meets::Failure { kind, lost: facts, .. }) => {
                    call.on_failure(error(kind), facts.map(lost), now);
                }
            }
        }
    }
}
