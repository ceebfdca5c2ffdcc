#![no_main]
//! Feeds the target `package_name`; see `provender_fuzz`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| provender_fuzz::run("package_name", data));
