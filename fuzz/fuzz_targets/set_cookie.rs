//! Any lines of `Set-Cookie`: see `testkit::fuzz::set_cookie`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::set_cookie(data));
