//! The examples: all build, and each one runs to its end.

use std::time::{Duration, Instant};

use super::steps::{Verdict, cargo};
use crate::workspace::{Example, Workspace};

/// What an example is given that does nothing without it.
const ARGUMENTS: &[(&str, &[&str])] = &[("fetch", &["--help"])];

/// How long one may take, once it is built.
const LIMITS: &[(&str, Duration)] = &[("tour", Duration::from_secs(10))];

/// Builds them as `cargo run --example NAME` does, without features, and runs each with those that it requires.
pub(super) fn run(workspace: &Workspace) -> Verdict {
    let examples =
        workspace.package("examples").map(|package| package.examples.as_slice()).unwrap_or_default();
    if examples.is_empty() {
        return Verdict::Failed("there is no example".to_owned());
    }
    let built = cargo(workspace, &["build", "-p", "examples", "--examples"]);
    if !matches!(built, Verdict::Passed) {
        return built;
    }
    for example in examples {
        let line = run_line(example);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let began = Instant::now();
        let verdict = cargo(workspace, &line);
        if !matches!(verdict, Verdict::Passed) {
            return verdict;
        }
        let (took, limit) = (began.elapsed(), LIMITS.iter().find(|(name, _)| *name == example.name));
        if let Some((name, limit)) = limit.filter(|(_, limit)| took > *limit) {
            return Verdict::Failed(format!("{name} took {took:.1?}, and {limit:?} is its limit"));
        }
    }
    Verdict::Passed
}

fn run_line(example: &Example) -> Vec<String> {
    let mut line =
        ["run", "--quiet", "-p", "examples", "--example", &example.name].map(str::to_owned).to_vec();
    if !example.features.is_empty() {
        line.extend(["--features".to_owned(), example.features.join(",")]);
    }
    if let Some((_, arguments)) = ARGUMENTS.iter().find(|(name, _)| *name == example.name) {
        line.push("--".to_owned());
        line.extend(arguments.iter().copied().map(str::to_owned));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_runs_with_what_it_needs() {
        #[track_caller]
        fn check(name: &str, features: &[&str], expected: &str) {
            let features = features.iter().copied().map(str::to_owned).collect();
            let line = run_line(&Example { name: name.to_owned(), features });
            assert_eq!(line.join(" "), format!("run --quiet -p examples --example {expected}"));
        }
        check("get", &[], "get");
        check("scrape", &["scrape", "more"], "scrape --features scrape,more");
        check("fetch", &["fetch"], "fetch --features fetch -- --help");
    }
}
