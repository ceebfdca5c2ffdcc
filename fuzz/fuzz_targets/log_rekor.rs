#![no_main]
//! Feeds the target `log_rekor`; see `provender_fuzz`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| provender_fuzz::run("log_rekor", data));
