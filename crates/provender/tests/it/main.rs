//! The program as its users meet it: as a process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
mod containers;
mod discovery;
mod errors;
mod front;
mod help;
mod instance;
mod killed;
mod killed_images;
mod pages;
mod serving;
mod signing;
mod support;
mod verifying;
