//! Any text as the date of a cookie: see `testkit::fuzz::cookie_date`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::cookie_date(data));
