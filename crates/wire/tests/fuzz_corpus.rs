//! The saved inputs of the fuzz target `exchange`, replayed.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

#[test]
fn saved_inputs_hold_every_promise() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/exchange");
    let files = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut inputs: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{} is empty", dir.display());
    let fails = |path: &Path| {
        let input = fs::read(path).unwrap();
        catch_unwind(|| testkit::fuzz::exchange(&input)).is_err()
    };
    let failed: Vec<_> = inputs.iter().filter(|path| fails(path)).map(|path| path.file_name()).collect();
    assert!(failed.is_empty(), "{failed:?}: each story is told above");
}
