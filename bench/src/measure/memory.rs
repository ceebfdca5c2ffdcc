//! What the server holds in memory when nothing happens, and after much has.

use std::time::Duration;

use crate::machine::Workplace;
use crate::peers::{self, OURS, Provender, Subject};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};
use crate::shelf::Shelf;
use crate::transfer;

const LISTED: &str = "bench-index";
const STOCKED: &str = "bench-wheel";
const FILES: usize = 120;
const WHEEL_BYTES: usize = 2_000_000;
const CONNECTIONS: usize = 64;
const REQUESTS: usize = 10_000;
/// How long a server is left alone before it counts as idle.
const IDLE: Duration = Duration::from_secs(2);

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let shelf = Shelf::new(&workplace.fresh("shelf-memory")?)?;
    shelf.listed(LISTED, FILES)?;
    let file = shelf.stocked(STOCKED, WHEEL_BYTES)?;
    let upstream = peers::serve_folder(workplace, shelf.folder(), "upstream")?;
    let (mut idle, mut after) = (Series::default(), Series::default());
    for round in 0..ROUNDS {
        let data = workplace.fresh(&format!("memory-{round}"))?.join("data");
        let ours = Provender::new(workplace, &data, Some(&upstream.index_url())).start()?;
        let (before, then) = measure(&ours, &file)?;
        idle.push(before);
        after.push(then);
    }
    let mut table = Table::default();
    let (idle_mb, after_mb) = (idle.median(), after.median());
    table.row("idle", OURS, "MB", idle);
    table.row("after 10,000 requests", OURS, "MB", after);
    table.target("idle, MB", idle_mb, Bound::AtMost(40.0));
    table.target("after 10,000 requests on 64 connections, MB", after_mb, Bound::AtMost(150.0));
    for peer in peers::all(workplace, &upstream.index_url()) {
        match measure(&peer, &file) {
            Ok((before, then)) => {
                table.row("idle", peer.name, "MB", [before].into_iter().collect());
                table.row("after 10,000 requests", peer.name, "MB", [then].into_iter().collect());
            }
            Err(error) => table.note(format!("{}: {error:#}", peer.name)),
        }
    }
    Ok(table)
}

/// Megabytes before, and after, nine indexes to one wheel.
fn measure(subject: &Subject, file: &str) -> anyhow::Result<(f64, f64)> {
    std::thread::sleep(IDLE);
    let idle = subject.server.memory_mb();
    let mut paths = vec![subject.index_path(LISTED); 9];
    paths.push(subject.file_path(STOCKED, file)?);
    transfer::requests(subject.server.address(), &paths, CONNECTIONS, REQUESTS)?;
    Ok((idle, subject.server.memory_mb()))
}
