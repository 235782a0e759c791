//! Sizes of source files, and words that no file may hold.

use super::Finding;
use super::allowed::{FORBIDDEN, LINES_ALLOWED, LINES_WARNED, TEST_LINES_ALLOWED};
use super::source::Source;

const SPLIT: &str = "split it by meaning, one subject to a file";
const MARKER: &str = concat!("TO", "DO");

/// Reports source files that are too long and test modules that ask for their own file.
pub(super) fn check_sizes(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| !source.test_only) {
        let lines = source.own_lines();
        if lines > LINES_ALLOWED {
            let what = format!("{lines} lines without tests, at most {LINES_ALLOWED}");
            findings.push(Finding::new(&source.path, 1, what, SPLIT));
        } else if lines > LINES_WARNED {
            let what = format!("{lines} lines without tests, better {LINES_WARNED}");
            findings.push(Finding::new(&source.path, 1, what, SPLIT).warning());
        }
        for block in source.test_blocks.iter().filter(|block| block.lines > TEST_LINES_ALLOWED) {
            let what = format!("{} lines of tests in the file, at most {TEST_LINES_ALLOWED}", block.lines);
            findings.push(Finding::new(&source.path, block.line, what, "long tests go to NAME/tests.rs"));
        }
    }
    findings
}

/// Reports forbidden words, and things left to do that no issue knows.
pub(super) fn check_words(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (word, why) in FORBIDDEN {
            if line.contains(word) {
                findings.push(Finding::new(path, index + 1, format!("names `{word}`"), why));
            }
        }
        if left_to_do(line) {
            let what = format!("{MARKER} without the number of an issue");
            findings.push(Finding::new(
                path,
                index + 1,
                what,
                "what nobody tracks is never done; write (#N)",
            ));
        }
        if path == "Cargo.lock" && line.starts_with("source = ") && !line.contains("/crates.io-index\"") {
            let what = "a dependency that is not from crates.io";
            findings.push(Finding::new(path, index + 1, what, "others cannot build from it"));
        }
    }
    findings
}

fn left_to_do(line: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(MARKER).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + MARKER.len()..).unwrap_or_default();
        let numbered =
            after.split_once('#').is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
        !before.is_some_and(part) && !after.starts_with(part) && !numbered
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_size(code_lines: usize, test_lines: usize, failures: usize, warnings: usize) {
        let code = "x\n".repeat(code_lines);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(test_lines));
        let findings = check_sizes(&[Source::new("a.rs", "src/a.rs", &format!("{code}{tests}"))]);
        let warned = findings.iter().filter(|finding| finding.warning).count();
        assert_eq!((findings.len() - warned, warned), (failures, warnings));
    }

    #[test]
    fn long_files_are_reported() {
        check_size(400, 10, 0, 0);
        check_size(401, 10, 0, 1);
        check_size(601, 10, 1, 0);
        check_size(10, 147, 0, 0);
        check_size(10, 148, 1, 0);
    }

    #[track_caller]
    fn check_line(path: &str, line: &str, findings: usize) {
        assert_eq!(check_words(path, line).len(), findings, "{line}");
    }

    #[test]
    fn words_are_reported() {
        check_line("a.rs", &format!("// {MARKER}: later"), 1);
        check_line("a.rs", &format!("// {MARKER}(#12): later"), 0);
        check_line("a.rs", &format!("// {MARKER}S and A{MARKER}"), 0);
        check_line("a.md", &["see https://index", "crates.io/x"].join("."), 1);
        check_line("a.md", "crates.io has other crates of this name", 0);
        check_line("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\"", 0);
        check_line("Cargo.lock", "source = \"registry+https://mirror.example/index\"", 1);
    }
}
