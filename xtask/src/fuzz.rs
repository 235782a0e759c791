//! `cargo xtask fuzz`: one fuzz target for a while.

use std::env;
use std::fs;
use std::process::{Command, Stdio};

use crate::workspace::Workspace;

const TARGETS: &str = "fuzz/fuzz_targets";

/// What is asked for; with no target, which ones there are.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) target: Option<String>,
    pub(crate) seconds: Option<u64>,
}

/// Runs a target, or lists all of them. Tells whether nothing was found.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<bool, String> {
    let targets = targets(workspace)?;
    let Some(target) = &options.target else {
        println!("Targets for `cargo xtask fuzz TARGET SECONDS`:\n");
        for (name, about) in targets {
            println!("  {name:<14}{about}");
        }
        return Ok(true);
    };
    if !targets.iter().any(|(name, _)| name == target) {
        let names: Vec<_> = targets.into_iter().map(|(name, _)| name).collect();
        return Err(format!("there is no fuzz target `{target}`, only {}", names.join(", ")));
    }
    let seconds = options.seconds.ok_or("how many seconds? cargo xtask fuzz TARGET SECONDS")?;
    if !has_cargo_fuzz(workspace) {
        eprintln!("cargo-fuzz is missing, install with: cargo install cargo-fuzz --locked");
        return Ok(false);
    }
    let limit = format!("-max_total_time={seconds}");
    let mut command = workspace.cargo();
    command.args(["fuzz", "run", target, "--", &limit]);
    let mut shown = format!("cargo fuzz run {target} -- {limit}");
    if needs_bootstrap(&rustc_version()) {
        // The sanitizers are flags that stable does not take otherwise.
        command.env("RUSTC_BOOTSTRAP", "1");
        shown.insert_str(0, "RUSTC_BOOTSTRAP=1 ");
    }
    println!("$ {shown}");
    match command.status() {
        Ok(status) => Ok(status.success()),
        Err(error) => Err(format!("`{shown}` does not start: {error}")),
    }
}

/// The names of the targets, and what each says of itself in its first line.
fn targets(workspace: &Workspace) -> Result<Vec<(String, String)>, String> {
    let files = fs::read_dir(workspace.root.join(TARGETS)).map_err(|error| format!("{TARGETS}: {error}"))?;
    let mut targets: Vec<_> = files
        .filter_map(|file| file.ok()?.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
        .map(|name| {
            let text = workspace.read(&format!("{TARGETS}/{name}.rs")).unwrap_or_default();
            (name, about(&text))
        })
        .collect();
    targets.sort();
    Ok(targets)
}

/// The first line of a file's documentation, up to where it points elsewhere.
fn about(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim_start_matches("//!").trim();
    line.split_once(": see").map_or(line, |(about, _)| about).to_owned()
}

fn has_cargo_fuzz(workspace: &Workspace) -> bool {
    let mut command = workspace.cargo();
    command.args(["fuzz", "--version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn rustc_version() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// Whether a compiler takes unstable flags only when told so.
fn needs_bootstrap(version: &str) -> bool {
    !version.contains("-nightly") && !version.contains("-dev")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_and_beta_need_to_be_told() {
        for (version, wanted) in [
            ("rustc 1.95.0 (59807616e 2026-04-14)", true),
            ("rustc 1.96.0-beta.3 (59807616e 2026-04-14)", true),
            ("rustc 1.97.0-nightly (59807616e 2026-04-14)", false),
            ("rustc 1.97.0-dev", false),
        ] {
            assert_eq!(needs_bootstrap(version), wanted, "{version}");
        }
    }

    #[test]
    fn a_target_tells_what_it_is_in_its_first_line() {
        assert_eq!(about("//! Any request: see `testkit::fuzz::request`.\n#![no_main]\n"), "Any request");
        assert_eq!(about("#![no_main]\n"), "#![no_main]");
        assert_eq!(about(""), "");
    }
}
