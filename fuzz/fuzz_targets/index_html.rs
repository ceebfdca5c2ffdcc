#![no_main]
//! Feeds the target `index_html`; see `provender_fuzz`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| provender_fuzz::run("index_html", data));
