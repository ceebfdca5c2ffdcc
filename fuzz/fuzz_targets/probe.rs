#![no_main]
//! Feeds the target `probe`; see `provender_fuzz`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| provender_fuzz::run("probe", data));
