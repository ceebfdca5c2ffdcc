//! The program as its users meet it: as a process.

mod commands;
mod errors;
mod help;
mod pages;
mod serving;
mod support;
