//! The saved inputs of the fuzz targets, replayed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use testkit::fuzz;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 4] = [
    ("chunked", fuzz::chunked),
    ("exchange_ops", fuzz::exchange_ops),
    ("request", fuzz::request),
    ("response", fuzz::response),
];

#[test]
fn every_response_holds_its_promises() {
    replay("response");
}

#[test]
fn every_chunked_body_is_read_as_by_the_reference() {
    replay("chunked");
}

#[test]
fn every_sequence_of_calls_holds_its_promises() {
    replay("exchange_ops");
}

#[test]
fn every_request_is_refused_or_read_back() {
    replay("request");
}

/// Replayed by the layer that they are about.
const ELSEWHERE: [&str; 3] = ["cookie_date", "cookies_txt", "set_cookie"];

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let mut named: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).chain(ELSEWHERE).collect();
    named.sort_unstable();
    for (folder, ending) in [("corpus", ""), ("fuzz_targets", ".rs")] {
        let names: Vec<_> = entries(&fuzz_dir().join(folder))
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().trim_end_matches(ending).to_owned())
            .collect();
        assert_eq!(names, named, "fuzz/{folder}");
    }
}

#[track_caller]
fn replay(name: &str) {
    let (_, target) = TARGETS.iter().find(|(other, _)| *other == name).unwrap();
    let dir = fuzz_dir().join("corpus").join(name);
    let inputs = entries(&dir);
    assert!(!inputs.is_empty(), "{} is empty", dir.display());
    let fails = |path: &Path| {
        let input = fs::read(path).unwrap();
        catch_unwind(|| target(&input)).is_err()
    };
    let failed: Vec<_> = inputs.iter().filter(|path| fails(path)).map(|path| path.file_name()).collect();
    assert!(failed.is_empty(), "{failed:?}: each story is told above");
}

fn fuzz_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths
}
