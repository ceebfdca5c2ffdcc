#![no_main]
//! Feeds the target `archive_path`; see `provender_fuzz`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| provender_fuzz::run("archive_path", data));
