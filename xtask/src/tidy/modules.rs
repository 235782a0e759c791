//! Ranks of modules inside a crate: a file uses what stands below it.

use std::collections::BTreeMap;

use super::Finding;
use super::allowed::{Layer, Module};
use super::paths;
use super::source::Source;

const WHY: &str =
    "a module uses lower ranks only, or its row names the neighbour (xtask/src/tidy/allowed.rs)";

/// Reports modules without a row and paths that lead up or sideways.
pub(super) fn check(layer: &Layer, sources: &[Source]) -> Vec<Finding> {
    let exported = exported(sources);
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| !source.test_only) {
        let Some(module) = source.module().filter(|module| !module.is_empty()) else { continue };
        let Some(row) = row(layer, &module) else {
            let what = format!("module `{}` has no rank, add it to ALLOWED", module.join("::"));
            findings.push(Finding::new(&source.path, 1, what, WHY));
            continue;
        };
        for (line, path) in paths::relative(&source.code) {
            let Some(target) = paths::absolute(&module, &path) else { continue };
            let target = match target.first().and_then(|first| exported.get(first)) {
                Some(home) if row_of(layer, &target).is_none() => home.clone(),
                _ => target,
            };
            if let Some(what) = judge(row, row_of(layer, &target), &path) {
                findings.push(Finding::new(&source.path, line, what, WHY));
            }
        }
    }
    findings
}

fn judge(from: &Module, to: Option<&Module>, path: &[String]) -> Option<String> {
    let path = path.join("::");
    let Some(to) = to else {
        return Some(format!("`{path}` leads to no module of the table; the root of the crate is above all"));
    };
    let fine = to.rank < from.rank || to.name == from.name || from.beside.contains(&to.name);
    (!fine).then(|| format!("`{}` (rank {}) uses `{path}` (rank {})", from.name, from.rank, to.rank))
}

/// The longest row that the path lies under.
fn row<'a>(layer: &'a Layer, path: &[&str]) -> Option<&'a Module> {
    (1..=path.len()).rev().find_map(|n| {
        let name = path.get(..n)?.join("::");
        layer.modules.iter().find(|module| module.name == name)
    })
}

fn row_of<'a>(layer: &'a Layer, path: &[String]) -> Option<&'a Module> {
    row(layer, &path.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What `lib.rs` exports under a shorter path, and where it lives.
fn exported(sources: &[Source]) -> BTreeMap<String, Vec<String>> {
    let mut exported = BTreeMap::new();
    let Some(root) = sources.iter().find(|source| source.inside == "src/lib.rs") else { return exported };
    let modules = sources.iter().filter_map(|source| source.module()?.first().copied());
    for module in modules.collect::<std::collections::BTreeSet<_>>() {
        for (_, path) in paths::starting_with(&root.code, module) {
            if let Some(name) = path.last().cloned() {
                exported.insert(name, path);
            }
        }
    }
    exported
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn module(rank: u8, name: &'static str, beside: &'static [&'static str]) -> Module {
        Module { rank, name, pure: true, beside }
    }

    const LAYER: Layer = Layer {
        name: "wire",
        modules: &[
            module(0, "error", &[]),
            module(1, "head", &["chunked"]),
            module(1, "chunked", &[]),
            module(2, "policy", &[]),
            module(2, "policy::retry", &["policy::replay"]),
            module(2, "policy::replay", &[]),
        ],
        exceptions: &[],
    };

    #[track_caller]
    fn check_file(inside: &str, code: &str, findings: usize) {
        let sources = [
            Source::new(
                "lib.rs",
                "src/lib.rs",
                "mod error; mod head; pub use head::{Head, Tail}; pub use error::E;",
            ),
            Source::new("error.rs", "src/error.rs", ""),
            Source::new("head.rs", "src/head.rs", ""),
            Source::new("file.rs", inside, code),
        ];
        assert_eq!(check(&LAYER, &sources).len(), findings, "{:?}", check(&LAYER, &sources));
    }

    #[test]
    fn modules_use_what_is_below() {
        check_file("src/chunked.rs", "use crate::error::E;", 0);
        check_file("src/chunked.rs", "use crate::head::Head;", 1);
        check_file("src/chunked.rs", "use super::head::Head;", 1);
        check_file("src/chunked.rs", "use crate::{error::E, head::Head};", 1);
        check_file("src/chunked/size.rs", "use crate::chunked::Size; use super::Size;", 0);
        check_file("src/head/size.rs", "use crate::chunked::Size;", 0);
        check_file("src/policy/retry.rs", "use super::replay::R; use crate::head::Head;", 0);
        check_file("src/policy/replay.rs", "use super::retry::R;", 1);
    }

    #[test]
    fn a_shorter_path_does_not_hide_the_arrow() {
        check_file("src/chunked.rs", "use crate::E;", 0);
        check_file("src/chunked.rs", "use crate::{Head, Tail};", 2);
        check_file("src/chunked.rs", "use crate::Unknown;", 1);
    }

    #[test]
    fn comments_and_tests_may_name_anything() {
        check_file(
            "src/chunked.rs",
            "/// [`crate::head::Head`]\n#[cfg(test)]\nmod tests { use crate::head::Head; }",
            0,
        );
    }

    #[test]
    fn a_module_without_a_row_is_reported() {
        check_file("src/stranger.rs", "", 1);
        check_file("tests/stranger.rs", "", 0);
    }
}
