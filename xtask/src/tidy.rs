//! `cargo xtask tidy`: the house rules that the compiler does not know. The tables stand in `tidy/allowed.rs`.

mod allowed;
mod arrows;
mod banned;
mod documents;
mod files;
mod modules;
mod paths;
mod source;

use std::process::Command;

use crate::workspace::Workspace;
use source::Source;

/// One thing that is wrong, where, and why it matters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
    why: &'static str,
    warning: bool,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>, why: &'static str) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), why, warning: false }
    }

    fn warning(self) -> Self {
        Self { warning: true, ..self }
    }
}

/// Prints every finding and says whether there is none but warnings.
pub(crate) fn run(workspace: &Workspace) -> bool {
    let findings = match findings(workspace) {
        Ok(findings) => findings,
        Err(why) => {
            println!("tidy: {why}");
            return false;
        }
    };
    for Finding { path, line, what, why, warning } in &findings {
        let mark = if *warning { "warning: " } else { "" };
        println!("{path}:{line}: {mark}{what}: {why}");
    }
    let failures = findings.iter().filter(|finding| !finding.warning).count();
    println!("tidy: {failures} findings, {} warnings", findings.len() - failures);
    failures == 0
}

fn findings(workspace: &Workspace) -> Result<Vec<Finding>, String> {
    let tracked = tracked(workspace)?;
    let mut findings = arrows::check(&workspace.packages);
    for package in &workspace.packages {
        let sources = sources(workspace, &package.dir, &tracked);
        let layer = allowed::LAYERS.iter().find(|layer| layer.name == package.name);
        if let Some(layer) = layer {
            findings.extend(modules::check(layer, &sources));
            findings.extend(banned::check(layer, &sources));
        }
        findings.extend(files::check_sizes(&sources));
    }
    for path in &tracked {
        if let Some(text) = workspace.read(path) {
            findings.extend(files::check_words(path, &text));
        }
    }
    findings.extend(documents::check(workspace));
    Ok(findings)
}

/// Every file that git knows or would add: what is about to be committed must be tidy too.
fn tracked(workspace: &Workspace) -> Result<Vec<String>, String> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(&workspace.root)
        .output()
        .map_err(|error| format!("git does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let mut paths: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// The Rust files of one package, with what is only compiled for tests marked as such.
fn sources(workspace: &Workspace, dir: &str, tracked: &[String]) -> Vec<Source> {
    let mut sources: Vec<Source> = tracked
        .iter()
        .filter(|path| path.ends_with(".rs"))
        .filter_map(|path| Some((path, path.strip_prefix(dir)?.strip_prefix('/')?)))
        .filter_map(|(path, inside)| Some(Source::new(path, inside, &workspace.read(path)?)))
        .collect();
    source::mark_tests(&mut sources);
    sources
}
