//! The steps of `cargo xtask ci`, in the order in which they run: the cheap ones first.

use std::process::{Command, Stdio};

use super::{budget, examples};
use crate::workspace::{Workspace, in_path};
use crate::{bench, tidy};

/// One thing that must hold.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) run: fn(&Workspace) -> Verdict,
}

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    Passed,
    /// A tool is missing; the text says which and how to get it.
    Skipped(String),
    Failed(String),
}

pub(super) const STEPS: &[Step] = &[
    Step { name: "fmt", about: "the sources are formatted", run: fmt },
    Step { name: "tidy", about: "the house rules that the compiler does not know", run: tidy_step },
    Step { name: "clippy", about: "no warning anywhere, with all features", run: clippy },
    Step { name: "features", about: "each layer with no feature and with each one alone", run: features },
    Step { name: "tests", about: "unit and integration tests", run: tests },
    Step { name: "doctests", about: "the examples in the documentation", run: doctests },
    Step { name: "docs", about: "the documentation builds, all links lead somewhere", run: docs },
    Step { name: "examples", about: "each example builds, runs and ends well", run: examples::run },
    Step { name: "syscalls", about: "system calls of one exchange, counted by strace", run: syscalls },
    BENCH,
    Step { name: "crates", about: "how many crates of others the client brings along", run: budget::run },
    Step { name: "deny", about: "licences, bans and sources of dependencies", run: deny },
    Step { name: "fuzz", about: "the saved inputs of the fuzz targets, replayed", run: fuzz_corpus },
];

/// What each layer is checked with alone.
const LAYERS: &[&str] = &["wire", "conn", "cookies", "resilience", "http-client"];

pub(super) const BENCH: Step = Step {
    name: "bench",
    about: "what the layers cost, against their budgets",
    run: |workspace| bench::run(workspace, None),
};

/// The tests against real programs; not a step, since it needs them installed.
pub(super) const INTEROP: Step =
    Step { name: "interop", about: "the client against real programs on loopback", run: interop };

fn interop(workspace: &Workspace) -> Verdict {
    let tests = [
        ("wire", "differential"),
        ("cookies", "interop"),
        ("conn", "proxies"),
        ("http-client", "interop"),
        ("http-client", "interop_tls"),
        ("http-client", "interop_httpbin"),
        ("http-client", "interop_node"),
        ("http-client", "stale_race"),
        ("http-client", "faults"),
    ];
    // They start programs and measure time: one after the other.
    let behind = ["--", "--nocapture", "--test-threads=1"];
    let lines = tests.map(|(layer, test)| {
        let line = ["test", "-p", layer, "--all-features", "--test", test];
        line.into_iter().chain(behind).collect::<Vec<_>>()
    });
    all(workspace, lines.iter().map(Vec::as_slice))
}

fn fmt(workspace: &Workspace) -> Verdict {
    cargo(workspace, &["fmt", "--all", "--check"])
}

fn tidy_step(workspace: &Workspace) -> Verdict {
    if tidy::run(workspace) { Verdict::Passed } else { Verdict::Failed("tidy has findings".to_owned()) }
}

fn clippy(workspace: &Workspace) -> Verdict {
    const ALL: &[&str] =
        &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    // Targets declared with `test = false` are not among "all targets".
    const ASIDE: &[&str] = &[
        "clippy",
        "-p",
        "conn",
        "-p",
        "http-client",
        "-p",
        "wire",
        "-p",
        "cookies",
        "--test",
        "differential",
        "--test",
        "faults",
        "--test",
        "interop",
        "--test",
        "interop_httpbin",
        "--test",
        "interop_node",
        "--test",
        "interop_tls",
        "--test",
        "proxies",
        "--test",
        "stale_race",
        "--test",
        "syscalls",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    all(workspace, [ALL, ASIDE])
}

fn features(workspace: &Workspace) -> Verdict {
    for name in LAYERS {
        let none = std::iter::once(None);
        let package = workspace.package(name);
        let each = package.into_iter().flat_map(|package| package.features.iter().map(Some));
        for feature in none.chain(each) {
            let mut line = vec!["clippy", "-p", name, "--no-default-features"];
            match feature {
                Some(feature) => line.extend(["--features", feature]),
                // The tests name the features that they need.
                None => line.push("--all-targets"),
            }
            line.extend(["--", "-D", "warnings"]);
            let verdict = cargo(workspace, &line);
            if !matches!(verdict, Verdict::Passed) {
                return verdict;
            }
        }
    }
    Verdict::Passed
}

fn tests(workspace: &Workspace) -> Verdict {
    let runner: &[&str] = if answers(workspace, &["nextest", "--version"]) {
        &["nextest", "run"]
    } else {
        &["test", "--lib", "--bins", "--tests"]
    };
    // What users get by default, and who takes nothing that can be left out, is run too, not only built.
    const SETS: [&[&str]; 3] = [
        &["--workspace", "--all-features"],
        &["-p", "http-client"],
        &["-p", "http-client", "--no-default-features"],
    ];
    let lines = SETS.map(|set| [runner, set].concat());
    all(workspace, lines.iter().map(Vec::as_slice))
}

fn doctests(workspace: &Workspace) -> Verdict {
    cargo(workspace, &["test", "--doc", "--workspace", "--all-features"])
}

fn docs(workspace: &Workspace) -> Verdict {
    let line = ["doc", "--workspace", "--no-deps", "--all-features"];
    let mut command = workspace.cargo();
    command.args(line).env("RUSTDOCFLAGS", "-D warnings");
    finish(command, &format!("RUSTDOCFLAGS='-D warnings' cargo {}", line.join(" ")))
}

fn syscalls(workspace: &Workspace) -> Verdict {
    if !in_path("strace") {
        return Verdict::Skipped("strace is missing, install with: apt-get install strace".to_owned());
    }
    cargo(workspace, &["test", "-p", "http-client", "--all-features", "--test", "syscalls"])
}

fn deny(workspace: &Workspace) -> Verdict {
    if !answers(workspace, &["deny", "--version"]) {
        let how = "cargo-deny is missing, install with: cargo install cargo-deny --locked";
        return Verdict::Skipped(how.to_owned());
    }
    // It looks at the crates of all platforms; the fetch is idle once they are there.
    const CHECK: &[&str] =
        &["deny", "--offline", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"];
    all(workspace, [&["fetch", "--locked"], CHECK])
}

fn fuzz_corpus(workspace: &Workspace) -> Verdict {
    cargo(workspace, &["test", "-p", "wire", "-p", "cookies", "--test", "fuzz_corpus"])
}

fn all<'l>(workspace: &Workspace, lines: impl IntoIterator<Item = &'l [&'l str]>) -> Verdict {
    for line in lines {
        let verdict = cargo(workspace, line);
        if !matches!(verdict, Verdict::Passed) {
            return verdict;
        }
    }
    Verdict::Passed
}

pub(super) fn cargo(workspace: &Workspace, line: &[&str]) -> Verdict {
    let mut command = workspace.cargo();
    command.args(line);
    finish(command, &format!("cargo {}", line.join(" ")))
}

/// Shows the command before it runs, so that it can be run again by hand.
fn finish(mut command: Command, shown: &str) -> Verdict {
    println!("$ {shown}");
    match command.status() {
        Ok(status) if status.success() => Verdict::Passed,
        Ok(status) => Verdict::Failed(format!("`{shown}` ended with {status}")),
        Err(error) => Verdict::Failed(format!("`{shown}` does not start: {error}")),
    }
}

/// Whether a subcommand of cargo is there.
fn answers(workspace: &Workspace, line: &[&str]) -> bool {
    let mut command = workspace.cargo();
    command.args(line).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
