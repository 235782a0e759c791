//! Arrows between our crates, held against the table.

use super::Finding;
use super::allowed::ARROWS;
use crate::workspace::Package;

const WHY: &str =
    "the leaves know nothing of each other and nothing points up (ARROWS in xtask/src/tidy/allowed.rs)";

/// Reports every use of one of our crates by another that the table does not allow.
pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let manifest = format!("{}/Cargo.toml", package.dir);
        let Some(arrows) = ARROWS.iter().find(|arrows| arrows.name == package.name) else {
            let what = format!("crate `{}` is not in the table, add it to ARROWS", package.name);
            findings.push(Finding::new(&manifest, 1, what, WHY));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.local) {
            let (allowed, how) = if dependency.dev {
                (arrows.dev, "for its tests")
            } else {
                (arrows.normal, "as a dependency")
            };
            if !allowed.contains(&dependency.name.as_str()) {
                let what = format!("`{}` uses `{}` {how}", package.name, dependency.name);
                findings.push(Finding::new(&manifest, 1, what, WHY));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    #[track_caller]
    fn check_arrow(from: &str, to: &str, dev: bool, local: bool, allowed: bool) {
        let dependency = Dependency { name: to.to_owned(), dev, local };
        let package = Package { name: from.to_owned(), dependencies: vec![dependency], ..Package::default() };
        assert_eq!(check(&[package]).is_empty(), allowed, "{from} -> {to}");
    }

    #[test]
    fn arrows_point_down() {
        check_arrow("http-client", "wire", false, true, true);
        check_arrow("wire", "conn", false, true, false);
        check_arrow("conn", "http-client", true, true, false);
        check_arrow("wire", "testkit", true, true, true);
        check_arrow("wire", "testkit", false, true, false);
        check_arrow("wire", "httparse", false, false, true);
        check_arrow("newcomer", "httparse", false, false, false);
    }
}
