//! The command line: `provender serve` runs the server, `provender tour` shows it, every other
//! command is a client of its API.

mod account;
mod api;
mod artifact;
mod attest;
mod cli;
mod connect;
mod data;
mod discovery;
mod ecosystems;
mod events;
mod exit;
mod gc;
mod input;
mod instance;
mod issuer;
mod log;
mod login;
mod origin;
mod output;
mod own;
mod package;
mod password;
mod proof;
mod quarantine;
mod reference;
mod repo;
mod retention;
mod serve;
mod sign;
mod status;
mod tag;
mod timestamp;
mod token;
mod tour;
mod trust;
mod upstream;
mod verify;
mod whoami;
mod why;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}
