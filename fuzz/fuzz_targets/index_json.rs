#![no_main]
//! Feeds the target `index_json`; see `provender_fuzz`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| provender_fuzz::run("index_json", data));
