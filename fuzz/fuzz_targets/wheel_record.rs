#![no_main]
//! Feeds the target `wheel_record`; see `provender_fuzz`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| provender_fuzz::run("wheel_record", data));
