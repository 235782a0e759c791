//! Any request: see `testkit::fuzz::request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::request(data));
