//! The table in `docs/checklist.md` names tests that exist.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "test code fails loudly"
)]

use std::fs;
use std::path::Path;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// Who may hold what wire does not.
const OTHERS: [&str; 3] = ["conn", "cookies", "http-client"];

struct Row {
    requirement: String,
    section: String,
    held_by: String,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(Path::new(CRATE).join("docs/checklist.md")).unwrap();
    let table = text.lines().filter(|line| line.starts_with('|')).skip(2);
    table
        .map(|line| {
            let cells: Vec<_> =
                line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
            let [requirement, section, held_by] = cells.try_into().unwrap_or_else(|_| panic!("{line}"));
            Row { requirement, section, held_by }
        })
        .collect()
}

/// The tests that a cell names: what stands in backticks.
fn named_tests(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Why a cell holds nothing, if so.
fn fault(cell: &str) -> Option<String> {
    for test in named_tests(cell) {
        let Some((file, name)) = test.split_once("::") else {
            return Some(format!("`{test}` is no file::test"));
        };
        let Ok(source) = fs::read_to_string(Path::new(CRATE).join(file)) else {
            return Some(format!("there is no {file}"));
        };
        let Some((before, _)) = source.split_once(&format!("fn {name}(")) else {
            return Some(format!("{file} has no {name}"));
        };
        // Without the attribute nothing runs it.
        if !before.trim_end().ends_with("#[test]") {
            return Some(format!("{name} in {file} is no test"));
        }
    }
    let others = cell.split_once("not wire's: ").map(|(_, others)| others.split(", "));
    if let Some(stranger) = others.clone().into_iter().flatten().find(|other| !OTHERS.contains(other)) {
        return Some(format!("{stranger} is no layer"));
    }
    (named_tests(cell).next().is_none() && others.is_none()).then(|| "no test is named".to_owned())
}

#[test]
fn every_requirement_is_held_by_a_test_that_exists() {
    let faults: Vec<_> = rows()
        .iter()
        .filter_map(|row| fault(&row.held_by).map(|fault| format!("{}: {fault}", row.requirement)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_requirement_is_left_out() {
    for (number, row) in (1..).zip(rows()) {
        assert!(row.requirement.starts_with(&format!("{number}. ")), "{} is not {number}", row.requirement);
        let (level, section) = row.section.split_once(' ').unwrap();
        assert!(
            ["MUST", "SHOULD", "MAY", "OUGHT"].contains(&level) && !section.is_empty(),
            "{}",
            row.section
        );
    }
    assert_eq!(rows().len(), 71);
}

#[test]
fn a_cell_that_holds_nothing_is_noticed() {
    let this = "tests/checklist.rs";
    for (cell, good) in [
        (format!("`{this}::no_requirement_is_left_out`"), true),
        (format!("`{this}::no_requirement_is_left_out`; the rest is not wire's: conn"), true),
        ("not wire's: cookies, http-client".to_owned(), true),
        (String::new(), false),
        ("some test".to_owned(), false),
        ("not wire's: nobody".to_owned(), false),
        (format!("`{this}::no_requirement`"), false),
        (format!("`{this}::rows`"), false),
        (format!("`{this}`"), false),
        ("`tests/none.rs::rows`".to_owned(), false),
    ] {
        assert_eq!(fault(&cell).is_none(), good, "{cell:?}: {:?}", fault(&cell));
    }
}
