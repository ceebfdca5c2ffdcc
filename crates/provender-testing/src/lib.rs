//! What the tests of other crates share, and no shipped binary ever contains.
//!
//! | part | what it gives |
//! |---|---|
//! | [`FakeUpstream`] | an HTTP/1.1 server on a free loopback port whose answers, lies and silences a test scripts, and which remembers every request |
//! | [`Answer`] | one scripted answer, honest or not |
//! | [`archive`] | writers of small zip and tar archives, which also write the archives nobody should |
//! | [`python`] | a simple index with its files on top of [`FakeUpstream`], and builders of wheels and source distributions |
//!
//! Everything here panics on misuse: a test that is set up wrongly should stop at once.

pub mod archive;
pub mod python;
mod upstream;

pub use upstream::{Answer, FakeUpstream, Request};

use sha2::{Digest as _, Sha256};

/// The SHA-256 of `bytes` in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
