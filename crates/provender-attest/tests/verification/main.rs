//! Bundles that a whole instance signed, verified, and verified no more after each kind of change.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cosign;
mod instance;
mod mutation;
mod refusals;
mod signing;
