//! `cargo xtask test`: the project's one test command, for a fresh machine and for CI alike.
//!
//! It installs what is missing, runs every check and test there is, and closes with one line that
//! says how many passed, failed and were skipped. A client or server that cannot be had is a
//! failure, unless `--without` names it: nothing passes because something was not there.

mod clients;
mod containers;
mod doctor;
mod go;
mod options;
mod postgres;
mod process;
mod sigstore;
mod steps;
mod tally;
mod toolchain;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use options::Options;
use steps::{Session, Step};
use tally::Tally;

/// Runs the steps that the arguments ask for, all of them even where one fails.
///
/// # Errors
/// Where the arguments cannot be understood.
pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<ExitCode> {
    let options = Options::parse(arguments)?;
    let start = Instant::now();
    let mut session = Session::new(root, options);
    let mut total = Tally::default();
    let mut summary = Vec::new();
    for step in steps::all() {
        if !session.wants(&step) {
            continue;
        }
        println!("\n== {}", step.name);
        let began = Instant::now();
        let tally = run_step(&mut session, &step);
        summary.push(format!(
            "{:>7.1} s  {:<22} {tally}",
            began.elapsed().as_secs_f64(),
            step.name
        ));
        total += tally;
    }
    drop(session);
    println!("\n== summary ({:.0} s)\n{}", start.elapsed().as_secs_f64(), summary.join("\n"));
    println!("\n{total}");
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs one step; one that could not be carried out at all counts as one failure.
fn run_step(session: &mut Session, step: &Step) -> Tally {
    (step.run)(session).unwrap_or_else(|error| {
        println!("{}: {error:#}", step.name);
        Tally::failed(1)
    })
}
