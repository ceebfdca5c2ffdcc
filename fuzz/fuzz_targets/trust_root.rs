#![no_main]
//! Feeds the target `trust_root`; see `provender_fuzz`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| provender_fuzz::run("trust_root", data));
