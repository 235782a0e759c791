//! The dependency budget: how many crates of others `http-client` brings along.

use std::collections::BTreeSet;

use super::steps::Verdict;
use crate::workspace::Workspace;

/// What is turned on, and how many crates of others that may cost.
struct Budget {
    features: &'static str,
    arguments: &'static [&'static str],
    limit: usize,
}

const BUDGETS: &[Budget] = &[
    Budget { features: "no features", arguments: &["--no-default-features"], limit: 50 },
    Budget { features: "tls alone", arguments: &["--no-default-features", "--features", "tls"], limit: 60 },
    Budget { features: "default", arguments: &[], limit: 94 },
];

/// Counts the crates for each set of features and compares them with the budget.
pub(super) fn run(workspace: &Workspace) -> Verdict {
    let own: BTreeSet<&str> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    let mut over = Vec::new();
    for budget in BUDGETS {
        let tree = match tree(workspace, budget.arguments) {
            Ok(tree) => tree,
            Err(why) => return Verdict::Failed(why),
        };
        let count = count(&tree, &own);
        println!("{:<12} {count:>3} crates of at most {}", budget.features, budget.limit);
        if count > budget.limit {
            over.push(format!("{} brings {count} crates, at most {}", budget.features, budget.limit));
        }
    }
    if over.is_empty() { Verdict::Passed } else { Verdict::Failed(over.join("; ")) }
}

fn tree(workspace: &Workspace, arguments: &[&str]) -> Result<String, String> {
    let output = workspace
        .cargo()
        .args(["tree", "-p", "http-client", "-e", "normal", "--prefix", "none"])
        .args(arguments)
        .output()
        .map_err(|error| format!("cargo tree does not start: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

/// One line is `name vVERSION` and remarks in brackets; a crate stands there as often as it is used.
fn count(tree: &str, own: &BTreeSet<&str>) -> usize {
    let crates: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .filter(|(name, _)| !own.contains(name))
        .collect();
    crates.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_crates_and_repetitions_do_not_count() {
        let tree = "http-client v0.1.0 (/src/crates/http-client)\n\
                    url v2.5.8\nidna v1.1.0\nwire v0.1.0 (/src/crates/wire)\n\
                    http v1.5.0\nurl v2.5.8 (*)\nsyn v1.0.0\nsyn v2.0.0\nthiserror-impl v2.0.0 (proc-macro)\n\n";
        let own = BTreeSet::from(["http-client", "wire"]);
        assert_eq!(count(tree, &own), 6);
    }
}
