#![no_main]
//! Feeds the target `challenge`; see `provender_fuzz`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| provender_fuzz::run("challenge", data));
