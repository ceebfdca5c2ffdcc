//! Measures Provender beside the programs that it is compared with, in one run on one machine.
//!
//! Every figure is the median of several rounds, and what counts is the ratio: the peers run at
//! the same time, are asked by the same client, and take turns. All load goes to loopback and is
//! bounded in count and in time; only the two install measurements also ask the upstream that
//! this machine's own client is set up to use. Results go to `target/bench/results.json`.

mod http;
mod images;
mod machine;
mod measure;
mod peers;
mod program;
mod report;
mod rounds;
mod shelf;
mod transfer;
mod uploads;
mod wheel;
mod wrk;

use std::path::Path;
use std::process::ExitCode;

use machine::Workplace;
use report::Report;

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    run(&names).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Runs the measurements that are named, or all of them.
fn run(names: &[String]) -> anyhow::Result<ExitCode> {
    if names.iter().any(|name| name == "--list") {
        for measurement in measure::all() {
            println!("{:<14} {}", measurement.name, measurement.title);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = names.iter().find(|name| measure::all().all(|m| m.name != **name)) {
        eprintln!("there is no measurement {unknown}; --list names them");
        return Ok(ExitCode::from(2));
    }
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = own.parent().expect("this crate is a folder of the workspace");
    let workplace = Workplace::prepare(root)?;
    println!("{}", workplace.facts());
    let mut report = Report::default();
    for measurement in measure::all() {
        if !names.is_empty() && !names.iter().any(|name| name == measurement.name) {
            continue;
        }
        println!("\n== {}: {}", measurement.name, measurement.title);
        match (measurement.run)(&workplace) {
            Ok(table) => {
                report.add(measurement.name, &table);
                workplace.clear();
            }
            // What is left may say why.
            Err(error) => {
                println!("could not be measured: {error:#}");
                report.fail(measurement.name, &error);
            }
        }
    }
    report.write(&workplace)?;
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
