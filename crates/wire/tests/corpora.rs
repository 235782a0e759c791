//! Other parsers' test cases, replayed: see `corpora/README.md` for where they come from.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "test code fails loudly"
)]

#[path = "corpora/judgements.rs"]
mod judgements;
#[path = "corpora/replay.rs"]
mod replay;

use std::collections::BTreeMap;

use judgements::{LENIENT_ORIGIN, STRICT_ORIGIN};
use replay::{Case, Class, Open, Verdict, cases, feed};

const FILES: [&str; 6] = ["h11", "httparse", "httplib", "llhttp", "llhttp_derived", "picohttpparser"];

fn all() -> impl Iterator<Item = Case> {
    FILES.into_iter().flat_map(cases)
}

#[test]
fn every_case_ends_as_the_rfc_wants() {
    let mut wrong = Vec::new();
    for case in all() {
        let outcome = feed(&case, &case.input, &[]);
        if let Err(why) = case.judge(&outcome) {
            wrong.push(format!("{} ({}, {:?}): {why}", case.id, case.name, case.class));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_must_be_known_before_the_server_closes_is_known() {
    let mut wrong = Vec::new();
    for case in all() {
        let Some(expected) = case.when_open else { continue };
        let outcome = feed(&case, &case.input, &[]);
        // Where the verdict itself is free, so is its time.
        if case.class.is_free() && outcome.is_accepted() != (expected != Open::Reject) {
            continue;
        }
        if outcome.open != expected && case.judge(&outcome).is_ok() && !case.is_settled_earlier(&outcome) {
            wrong.push(format!(
                "{} ({}): {expected:?} expected, {:?} found",
                case.id, case.name, outcome.open
            ));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_outcome_does_not_depend_on_how_the_bytes_arrive() {
    for (number, case) in all().enumerate() {
        let whole = feed(&case, &case.input, &[]);
        let bytewise: Vec<_> = (1..case.input.len()).collect();
        assert_eq!(feed(&case, &case.input, &bytewise), whole, "{} byte by byte", case.id);
        // The few cases of megabytes are as telling after a few cuts.
        let times = if case.input.len() > 100_000 { 2 } else { 20 };
        for cuts in replay::random_cuts(number as u64, case.input.len(), times) {
            assert_eq!(feed(&case, &case.input, &cuts), whole, "{} cut at {cuts:?}", case.id);
        }
    }
}

#[test]
fn bytes_behind_a_complete_message_are_left_alone() {
    for case in all() {
        let alone = feed(&case, &case.input, &[]);
        // What is complete before the end of the connection cannot change by what follows.
        if alone.open != Open::Complete {
            continue;
        }
        let longer = [&case.input[..], b"HTTP/1.1 500 Poison\r\n\r\n"].concat();
        let mut followed = feed(&case, &longer, &[]);
        assert_eq!(followed.left, alone.left + 23, "{}", case.id);
        let (Verdict::Accepted(message), Verdict::Accepted(before)) = (&mut followed.verdict, &alone.verdict)
        else {
            panic!("{} was accepted", case.id)
        };
        assert!(!message.reuse, "{}: bytes that nobody asked for end the connection", case.id);
        message.reuse = before.reuse;
        assert_eq!(followed.verdict, alone.verdict, "{}", case.id);
    }
}

#[test]
fn a_message_that_is_cut_short_is_never_taken_for_a_whole_one() {
    for case in all() {
        let whole = feed(&case, &case.input, &[]);
        let Verdict::Accepted(message) = &whole.verdict else { continue };
        let end = case.input.len() - whole.left;
        let step = (end / 300).max(1);
        for cut in (0..end).step_by(step) {
            let outcome = feed(&case, &case.input[..cut], &[]);
            match &outcome.verdict {
                Verdict::Refused(_) => {}
                // Only the end of the connection ends such a body, so every cut is a whole body.
                Verdict::Accepted(short) if message.framing == "close" => {
                    assert!(message.body.starts_with(&short.body), "{} cut at {cut}", case.id);
                }
                Verdict::Accepted(_) => panic!("{} cut at {cut} was accepted", case.id),
            }
        }
    }
}

#[test]
fn every_judgement_that_differs_from_its_origin_has_its_reason() {
    let mut listed = BTreeMap::new();
    for (accepted_here, table) in [(true, STRICT_ORIGIN), (false, LENIENT_ORIGIN)] {
        for (reason, ids) in table {
            assert!(!reason.is_empty());
            for id in *ids {
                assert_eq!(listed.insert(*id, accepted_here), None, "{id} is listed twice");
            }
        }
    }
    let mut unlisted = Vec::new();
    for case in all() {
        let ours = feed(&case, &case.input, &[]);
        let differs = case.origin_accepts.is_some_and(|accepts| accepts != ours.is_accepted());
        match (differs, listed.remove(case.id.as_str())) {
            (true, None) => unlisted.push(format!(
                "{} ({}, {:?}): {}: {}",
                case.id,
                case.name,
                case.class,
                if ours.is_accepted() { "accepted here" } else { "refused here" },
                ours.why()
            )),
            (true, Some(accepted_here)) => assert_eq!(accepted_here, ours.is_accepted(), "{}", case.id),
            (false, Some(_)) => panic!("{} does not differ", case.id),
            (false, None) => {}
        }
    }
    assert!(listed.is_empty(), "no such case: {listed:?}");
    assert!(unlisted.is_empty(), "{} cases:\n{}", unlisted.len(), unlisted.join("\n"));
}

#[test]
fn every_file_was_read() {
    let counts = FILES.map(|file| cases(file).len());
    assert_eq!(counts, [74, 46, 46, 69, 70, 63]);
    assert!(all().any(|case| matches!(case.class, Class::MustReject)));
}
