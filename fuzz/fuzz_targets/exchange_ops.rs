//! Any sequence of calls on one exchange: see `testkit::fuzz::exchange_ops`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::exchange_ops(data));
