#![no_main]
//! Feeds the target `oci_route`; see `provender_fuzz`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| provender_fuzz::run("oci_route", data));
