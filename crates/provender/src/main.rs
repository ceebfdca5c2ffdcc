//! The command line: `provender serve` runs the server, `provender tour` shows it, every other
//! command is a client of its API.

mod api;
mod cli;
mod data;
mod discovery;
mod ecosystems;
mod events;
mod exit;
mod gc;
mod origin;
mod output;
mod own;
mod package;
mod quarantine;
mod repo;
mod serve;
mod status;
mod token;
mod tour;
mod upstream;
mod whoami;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}
