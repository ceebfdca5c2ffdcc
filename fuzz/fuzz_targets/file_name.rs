#![no_main]
//! Feeds the target `file_name`; see `provender_fuzz`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| provender_fuzz::run("file_name", data));
