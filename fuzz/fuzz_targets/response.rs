//! Any bytes as a response: see `testkit::fuzz::response`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::response(data));
