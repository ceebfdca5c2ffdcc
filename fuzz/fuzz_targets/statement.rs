#![no_main]
//! Feeds the target `statement`; see `provender_fuzz`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| provender_fuzz::run("statement", data));
