//! Names that pure modules may not speak.

use super::Finding;
use super::allowed::{BANNED, Layer};
use super::source::Source;

/// Reports banned names in the pure modules of a crate.
pub(super) fn check(layer: &Layer, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| !source.test_only && is_pure(layer, source)) {
        for (index, line) in source.code.lines().enumerate() {
            for (word, why) in BANNED {
                let excused = layer
                    .exceptions
                    .iter()
                    .any(|exception| exception.file == source.inside && exception.word == *word);
                if !excused && speaks(line, word) {
                    let what = format!("a pure module names `{}`", word.trim_end_matches('*'));
                    findings.push(Finding::new(&source.path, index + 1, what, why));
                }
            }
        }
    }
    findings
}

fn is_pure(layer: &Layer, source: &Source) -> bool {
    let Some(module) = source.module() else { return false };
    (1..=module.len())
        .rev()
        .find_map(|n| {
            let name = module.get(..n)?.join("::");
            layer.modules.iter().find(|row| row.name == name)
        })
        .is_some_and(|row| row.pure)
}

/// Whole words only; a star at the end allows anything to follow.
fn speaks(line: &str, word: &str) -> bool {
    let (word, open) = word.strip_suffix('*').map_or((word, false), |word| (word, true));
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let ends_in_name = !open && word.ends_with(part);
    let begins_with_name = word.starts_with(part);
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        let longer = begins_with_name && before.is_some_and(part) || ends_in_name && after.is_some_and(part);
        !longer
    })
}

#[cfg(test)]
mod tests {
    use super::super::allowed::LAYERS;
    use super::*;

    #[test]
    fn only_whole_words_count() {
        assert!(speaks("let x = Instant::now();", "Instant::now"));
        assert!(!speaks("let x = MyInstant::now();", "Instant::now"));
        assert!(!speaks("operand::x", "rand::*"));
        assert!(speaks("rand::random()", "rand::*"));
        assert!(speaks("use std::net::TcpListener;", "std::net::Tcp*"));
        assert!(!speaks("TcpStreams", "TcpStream"));
        assert!(speaks("start.elapsed()", ".elapsed()"));
    }

    #[track_caller]
    fn check_file(layer: &str, inside: &str, code: &str, findings: usize) {
        let layer = LAYERS.iter().find(|row| row.name == layer).unwrap();
        assert_eq!(check(layer, &[Source::new(inside, inside, code)]).len(), findings);
    }

    #[test]
    fn pure_modules_are_kept_pure() {
        check_file("wire", "src/head.rs", "Instant::now()", 1);
        check_file("wire", "src/head.rs", "// Instant::now()\n\"Instant::now\"", 0);
        check_file("wire", "src/head.rs", "#[cfg(test)]\nmod tests { fn f() { Instant::now(); } }", 0);
        check_file("wire", "src/head/parse.rs", "tracing::debug!(x)", 1);
        check_file("conn", "src/tcp.rs", "use std::net::TcpStream;", 0);
        check_file("conn", "src/pool.rs", "TcpStream::connect(x)", 1);
        check_file("conn", "src/route.rs", "RandomState::new()", 0);
        check_file("conn", "src/pool.rs", "RandomState::new()", 1);
        check_file("http-client", "src/policy/retry.rs", "thread::sleep(x)", 1);
    }
}
