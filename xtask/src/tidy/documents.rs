//! README, ARCHITECTURE, CHANGELOG and the guide from Python, held against the tree.

use super::Finding;
use super::allowed::PUBLISHED;
use crate::workspace::Workspace;

const FOLDERS: &[&str] = &["crates/", "examples/", "xtask/", "fuzz/", "docs/", ".ci/"];
const EXTENSIONS: &[&str] = &["json", "jsonl", "lock", "md", "rs", "sh", "toml", "txt", "yaml", "yml"];
const STALE: &str = "a document that leads nowhere is worse than none";

/// Reports documents that are missing or name what is not there.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md", "docs/from-python.md"] {
        let Some(text) = workspace.read(document) else {
            findings.push(Finding::new(document, 1, "is missing", "it is where a stranger begins"));
            continue;
        };
        for (line, path) in named_paths(&text) {
            if !workspace.root.join(&path).exists() {
                findings.push(Finding::new(document, line, format!("`{path}` does not exist"), STALE));
            }
        }
    }
    findings.extend(check_changelog(&workspace.read("CHANGELOG.md").unwrap_or_default()));
    let architecture = workspace.read("ARCHITECTURE.md").unwrap_or_default();
    for package in PUBLISHED.iter().filter_map(|name| workspace.package(name)) {
        for dependency in
            package.dependencies.iter().filter(|dependency| !dependency.dev && !dependency.local)
        {
            if !explains(&architecture, &dependency.name) {
                let manifest = format!("{}/Cargo.toml", package.dir);
                let what =
                    format!("`{}` has no row in ARCHITECTURE.md's table of dependencies", dependency.name);
                findings.push(Finding::new(&manifest, 1, what, "every dependency is there for a reason"));
            }
        }
    }
    findings
}

fn check_changelog(text: &str) -> Option<Finding> {
    let has = text.lines().any(|line| matches!(line.trim_end(), "## [Unreleased]" | "## Unreleased"));
    (!has).then(|| {
        Finding::new(
            "CHANGELOG.md",
            1,
            "has no `## [Unreleased]`",
            "what users will notice is written down at once",
        )
    })
}

fn explains(architecture: &str, dependency: &str) -> bool {
    let row = format!("| `{dependency}`");
    architecture.lines().any(|line| line.trim_start().starts_with(&row))
}

/// Paths in backticks and targets of links, outside blocks of code.
fn named_paths(text: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    let mut in_block = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            let quoted = line.split('`').skip(1).step_by(2).filter(|text| is_path(text));
            let links =
                line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
            let local = links.filter(|target| !target.contains(':') && !target.starts_with('#'));
            paths.extend(quoted.chain(local).map(|path| (index + 1, bare(path).to_owned())));
        }
    }
    paths
}

fn is_path(text: &str) -> bool {
    let strange = |c: char| c.is_whitespace() || "*{}<>$()=\"".contains(c);
    if text.contains(strange)
        || text.contains("://")
        || text.starts_with(['/', '~', '.']) && !text.starts_with(".ci/")
    {
        return false;
    }
    let path = bare(text);
    let has_extension = path.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension));
    FOLDERS.iter().any(|folder| path.starts_with(folder)) || (path.contains('/') && has_extension)
}

/// Without `./`, a line number or a section.
fn bare(path: &str) -> &str {
    let path = path.strip_prefix("./").unwrap_or(path);
    path.split(['#', ':']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_paths(text: &str, expected: &[&str]) {
        let found: Vec<String> = named_paths(text).into_iter().map(|(_, path)| path).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn paths_in_documents_are_found() {
        check_paths(
            "see `crates/wire/src/head.rs:12` and `xtask/src`",
            &["crates/wire/src/head.rs", "xtask/src"],
        );
        check_paths(
            "[a](CHANGELOG.md#unreleased) [b](https://example.com/a.md) [c](#top)",
            &["CHANGELOG.md"],
        );
        check_paths("`HTTP/1.1`, `text/html`, `a::b`, `cargo run x/y.rs`, `crates/*/src`", &[]);
        check_paths("`policy/retry.rs` and `.ci/run`", &["policy/retry.rs", ".ci/run"]);
        check_paths("```\n`crates/none`\n```\n`docs/a.md`", &["docs/a.md"]);
    }

    #[test]
    fn the_changelog_has_a_place_for_what_comes() {
        assert!(check_changelog("# Changelog\n\n## [Unreleased]\n").is_none());
        assert!(check_changelog("## Unreleased").is_none());
        assert!(check_changelog("## [0.1.0]").is_some());
    }

    #[test]
    fn a_dependency_is_explained_by_its_row() {
        assert!(explains("| `url` | parses |", "url"));
        assert!(!explains("| `urlx` | parses |", "url"));
        assert!(!explains("we use `url`", "url"));
    }
}
