//! Any bytes as a file of cookies: see `testkit::fuzz::cookies_txt`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::cookies_txt(data));
