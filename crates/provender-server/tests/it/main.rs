//! The whole server, spoken to by bytes on sockets.

#![allow(clippy::unwrap_used, reason = "a test that is set up wrongly should stop at once")]

mod demo;
mod reading;
mod refusing;
mod repeating;
mod rooted;
mod scopes;
mod shelf;
mod sigstore;
mod steps;
mod streaming;
mod support;
mod uploading;
