//! Made-up responses, right and wrong, as wire reads them and as Python's http.client and h11 do: where they differ, a
//! class in `differential/classes.rs` says why. Needs a Python with h11: `cargo xtask interop` runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "test code fails loudly"
)]

#[path = "differential/asking.rs"]
mod asking;
#[path = "differential/classes.rs"]
mod classes;
#[path = "common/drive.rs"]
mod drive;
#[path = "differential/generator.rs"]
mod generator;

use std::collections::BTreeMap;

use asking::{Message, Ours, Outcome, ask_peers, ask_wire};
use classes::{CLASSES, Peer};
use generator::{Case, cases};

const SEED: u64 = 9112;
const COUNT: usize = 3000;

/// How a peer differs from wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// wire refuses, the peer does not.
    OnlyPeerAccepts,
    /// The peer refuses, wire does not.
    OnlyWireAccepts,
    /// Both accept, and see different messages.
    Content(&'static str),
}

fn difference(ours: &Ours, theirs: &Outcome) -> Option<Difference> {
    match (&ours.outcome, theirs) {
        (Err(_), Err(_)) => None,
        (Err(_), Ok(_)) => Some(Difference::OnlyPeerAccepts),
        (Ok(_), Err(_)) => Some(Difference::OnlyWireAccepts),
        (Ok(ours), Ok(theirs)) => content_difference(ours, theirs).map(Difference::Content),
    }
}

fn content_difference(ours: &Message, theirs: &Message) -> Option<&'static str> {
    let differ = |theirs: bool, equal: bool| theirs && !equal;
    [
        ("status", ours.status != theirs.status),
        ("headers", ours.headers != theirs.headers),
        ("body", ours.body != theirs.body),
        ("trailers", differ(theirs.trailers.is_some(), ours.trailers == theirs.trailers)),
        ("informational", differ(theirs.informational.is_some(), ours.informational == theirs.informational)),
        ("left", ours.left != theirs.left),
    ]
    .into_iter()
    .find_map(|(what, differs)| differs.then_some(what))
}

fn report(case: &Case, peer: Peer, difference: Difference, ours: &Ours, theirs: &Outcome) -> String {
    let input = case.input.escape_ascii();
    format!(
        "case {} ({:?}), {} against {peer:?}: {difference:?}\n  {input}\n  wire: {:?}\n  peer: {theirs:?}",
        case.number, case.faults, case.method, ours.outcome
    )
}

#[test]
fn every_difference_to_other_parsers_has_its_reason() {
    let cases = cases(SEED, COUNT);
    let answers = ask_peers(&cases);
    let (mut unexplained, mut counts, mut agreed, mut accepted) = (Vec::new(), BTreeMap::new(), 0, 0);
    for (case, answers) in cases.iter().zip(&answers) {
        let ours = ask_wire(case);
        accepted += usize::from(ours.outcome.is_ok());
        let mut agrees = true;
        for (peer, theirs) in [Peer::HttpClient, Peer::H11].into_iter().zip(answers) {
            let Some(difference) = difference(&ours, theirs) else { continue };
            agrees = false;
            let mut classes = CLASSES.iter().filter(|class| class.peer == peer);
            match classes.find(|class| class.explains(difference, case, &ours, theirs)) {
                Some(class) => *counts.entry((peer, class.reason)).or_insert(0) += 1,
                None => unexplained.push(report(case, peer, difference, &ours, theirs)),
            }
        }
        agreed += usize::from(agrees);
        let alone = ours.outcome.is_ok() && answers.iter().all(Result::is_err);
        if alone && !classes::is_right_alone(case, &ours) {
            unexplained.push(format!("wire alone accepts:\n{}", case.input.escape_ascii()));
        }
    }
    println!("{COUNT} cases, {accepted} accepted by wire, {agreed} alike for all three");
    for ((peer, reason), count) in &counts {
        println!("{count:5} {peer:?}: {reason}");
    }
    let shown: Vec<_> = unexplained.iter().take(20).map(String::as_str).collect();
    assert!(
        unexplained.is_empty(),
        "{} differences without a reason:\n{}",
        unexplained.len(),
        shown.join("\n")
    );
    for class in CLASSES {
        assert!(
            counts.contains_key(&(class.peer, class.reason)),
            "never seen: {:?}: {}",
            class.peer,
            class.reason
        );
    }
}
