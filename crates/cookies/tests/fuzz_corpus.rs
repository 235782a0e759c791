//! The saved inputs of the fuzz targets for cookies, replayed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use testkit::fuzz;

#[test]
fn what_gets_into_the_jar_keeps_the_rules() {
    replay("set_cookie", fuzz::set_cookie);
}

#[test]
fn every_date_is_read_as_by_the_reference() {
    replay("cookie_date", fuzz::cookie_date);
}

#[test]
fn every_file_that_is_read_can_be_written() {
    replay("cookies_txt", fuzz::cookies_txt);
}

#[track_caller]
fn replay(name: &str, target: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let files = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert!(!paths.is_empty(), "{} is empty", dir.display());
    let fails = |path: &Path| {
        let input = fs::read(path).unwrap();
        catch_unwind(|| target(&input)).is_err()
    };
    let failed: Vec<_> = paths.iter().filter(|path| fails(path)).map(|path| path.file_name()).collect();
    assert!(failed.is_empty(), "{failed:?}: each story is told above");
}
