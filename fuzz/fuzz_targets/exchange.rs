//! Any bytes as a response: see `testkit::fuzz::exchange`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::exchange(data));
