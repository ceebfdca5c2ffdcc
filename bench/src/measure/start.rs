//! Start to first answer, with very much in the store.

use std::fs;
use std::time::Instant;

use crate::machine::Workplace;
use crate::peers::{OURS, Provender, UPLOADS};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};
use crate::transfer;
use crate::uploads::{self, Target};

const FILES: usize = 100_000;
const FILES_IN_PACKAGE: usize = 100;
const AT_ONCE: usize = 8;
/// Forms that are made before they are sent, so that they fit in memory.
const BATCH: usize = 10_000;
const WHEEL_BYTES: usize = 100;

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let folder = workplace.kept("store-100000");
    let server = Provender::new(workplace, &folder.join("data"), None);
    let complete = folder.join("complete");
    if !complete.exists() {
        fill(&server, &folder)?;
        fs::write(&complete, FILES.to_string())?;
    }
    let (mut answers, mut indexes) = (Series::default(), Series::default());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let ours = server.start()?;
        answers.push(start.elapsed().as_secs_f64());
        transfer::requests(ours.server.address(), &[ours.index_path("bench-7")], 1, 1)?;
        indexes.push(start.elapsed().as_secs_f64());
    }
    let mut table = Table::default();
    let reached = indexes.median();
    table.row("start to first answer", OURS, "s", answers);
    table.row("start to first index", OURS, "s", indexes);
    table.target("start to first index, s", reached, Bound::AtMost(0.5));
    Ok(table)
}

/// Publishes the files, which is kept for the next run: it takes minutes.
fn fill(server: &Provender, folder: &std::path::Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    println!("publishing {FILES} files first, once");
    let ours = server.start()?;
    let target = Target::new(ours.server.address(), UPLOADS, &server.token()?);
    for batch in (0..FILES).step_by(BATCH) {
        let forms: Vec<Vec<u8>> = (batch..batch + BATCH).map(form).collect();
        let secs = target.publish(&forms, AT_ONCE)?.elapsed_secs;
        println!("  {} of {FILES}, the last {BATCH} in {secs:.1} s", batch + BATCH);
    }
    Ok(())
}

fn form(index: usize) -> Vec<u8> {
    let (package, version) = (index / FILES_IN_PACKAGE, index % FILES_IN_PACKAGE);
    uploads::form(&format!("bench-{package}"), &format!("1.{version}.0"), WHEEL_BYTES)
}
