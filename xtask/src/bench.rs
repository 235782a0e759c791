//! `cargo xtask bench LAYER`: what a layer costs, held against its budgets, and what the policies of `resilience` do.

mod callgrind;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::ci::Verdict;
use crate::workspace::{Workspace, in_path};
use table::{Cost, LAYERS, Layer};

/// Names the layers that can be measured.
pub(crate) fn layers() -> impl Iterator<Item = &'static str> {
    LAYERS.iter().map(|layer| layer.name).chain([TIMED])
}

/// The layer whose cost is a lock, which instructions do not show: it is timed, beside its peers in the same run. Times
/// drift with the machine's load, so it is measured only when it is asked for.
const TIMED: &str = "resilience";

/// Measures one layer, or all that count instructions up to the first that is over its budget.
pub(crate) fn run(workspace: &Workspace, only: Option<&str>) -> Verdict {
    if only == Some(TIMED) {
        return time(workspace);
    }
    if !in_path("valgrind") {
        let how = "valgrind is not installed, install with apt-get install valgrind";
        return Verdict::Skipped(how.to_owned());
    }
    for layer in LAYERS.iter().filter(|layer| only.is_none_or(|name| name == layer.name)) {
        let verdict = measure(workspace, layer);
        if !matches!(verdict, Verdict::Passed) {
            return verdict;
        }
    }
    Verdict::Passed
}

/// Prints what the policies cost and what they do to servers that fail.
fn time(workspace: &Workspace) -> Verdict {
    let line = ["bench", "-p", TIMED, "--bench", "policies"];
    println!("$ cargo {}", line.join(" "));
    match workspace.cargo().args(line).status() {
        Ok(status) if status.success() => Verdict::Passed,
        Ok(status) => Verdict::Failed(format!("the bench ended with {status}")),
        Err(error) => Verdict::Failed(format!("cargo bench does not start: {error}")),
    }
}

/// Builds the scenarios, counts them, prints the table and compares it with the budgets.
fn measure(workspace: &Workspace, layer: &Layer) -> Verdict {
    let costs = build(workspace, layer).and_then(|program| count(&program));
    match costs.and_then(|costs| table::rows(layer, &costs)) {
        Ok(rows) => {
            print!("{}", table::show(layer, &rows));
            let over: Vec<_> = rows.iter().filter_map(table::Row::fault).collect();
            if over.is_empty() { Verdict::Passed } else { Verdict::Failed(over.join("; ")) }
        }
        Err(why) => Verdict::Failed(why),
    }
}

/// Builds the scenarios as they ship, optimised, and says where the program stands.
fn build(workspace: &Workspace, layer: &Layer) -> Result<PathBuf, String> {
    let line = ["bench", "-p", layer.name, "--bench", "instructions", "--no-run"];
    println!("$ cargo {}", line.join(" "));
    let output = workspace
        .cargo()
        .args(line)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo bench does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo bench ended with {}", output.status));
    }
    executable(&String::from_utf8_lossy(&output.stdout))
        .ok_or_else(|| "cargo built no bench `instructions`".to_owned())
}

/// Finds the program among cargo's messages, one JSON object a line.
fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name").is_some_and(|name| name == "instructions"))
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
}

fn count(program: &Path) -> Result<BTreeMap<String, Cost>, String> {
    let output = Command::new(program)
        .arg("units")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("the bench does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("the bench ended with {}", output.status));
    }
    let mut costs = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (name, units, allocations, nanoseconds) = read_units(line)
            .ok_or_else(|| format!("the bench said `{line}`, not NAME UNITS ALLOCATIONS [NANOSECONDS]"))?;
        let instructions = callgrind::instructions(program, name)?;
        costs.insert(name.to_owned(), Cost { instructions, units, allocations, nanoseconds });
    }
    Ok(costs)
}

fn read_units(line: &str) -> Option<(&str, u64, u64, Option<u64>)> {
    let mut words = line.split_whitespace();
    let (name, units, allocations) = (words.next()?, words.next()?, words.next()?);
    let units = units.parse().ok().filter(|&units| units > 0)?;
    let nanoseconds = words.next().map(str::parse).transpose().ok()?;
    Some((name, units, allocations.parse().ok()?, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"wire","kind":["lib"]},"executable":null}
not json
{"reason":"compiler-artifact","target":{"name":"instructions","kind":["bench"]},"executable":"/t/instructions-1f"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages), Some(PathBuf::from("/t/instructions-1f")));
        assert_eq!(executable(r#"{"target":{"name":"wire"},"executable":"/t/wire"}"#), None);
        assert_eq!(executable(""), None);
    }

    #[test]
    fn units_and_allocations_are_read() {
        assert_eq!(read_units("chunked 1000 0"), Some(("chunked", 1000, 0, None)));
        assert_eq!(read_units("header 1 1 950"), Some(("header", 1, 1, Some(950))));
        for line in
            ["", "chunked", "chunked 1000", "chunked 0 0", "chunked x 0", "chunked 1 -1", "chunked 1 0 x"]
        {
            assert_eq!(read_units(line), None, "{line}");
        }
    }
}
