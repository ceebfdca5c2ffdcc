//! The most memory that the server takes while large layers come in from many clients.

use std::fs;
use std::sync::Arc;

use crate::images::Blob;
use crate::machine::Workplace;
use crate::peers::{DOCKER, OURS, Registry};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};
use crate::wheel::noise;

const CLIENTS: usize = 8;
/// A layer is the same 16 MB so many times over: 1 GB.
const BLOCK_BYTES: usize = 16 * 1024 * 1024;
const REPEATS: usize = 64;
const WORK: &str = "8 clients, 1 GB each";
const PEAK_MB_MAX: f64 = 200.0;

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let block: Arc<[u8]> = Arc::from(noise(1, BLOCK_BYTES));
    let layers: Vec<Blob> = (0..CLIENTS)
        .map(|client| Blob::large(&format!("client {client}"), &block, REPEATS))
        .collect();
    let mut peaks = Series::default();
    for round in 0..ROUNDS {
        match Registry::ours(workplace, &format!("memory-{round}"), None) {
            Ok(ours) => peaks.push(peak_mb(ours, &layers)?),
            Err(error) => println!("{OURS} is left out: {error:#}"),
        }
    }
    let mut table = Table::default();
    if !peaks.figures().is_empty() {
        table.target("peak, MB", peaks.median(), Bound::AtMost(PEAK_MB_MAX));
        table.row(WORK, OURS, "MB", peaks);
    }
    // Once is enough to say of what kind its figure is.
    let docker = peak_mb(Registry::docker(workplace, "memory", None)?, &layers)?;
    table.row(WORK, DOCKER, "MB", [docker].into_iter().collect());
    Ok(table)
}

/// The registry's peak once every client has pushed its layer; what it kept is removed.
fn peak_mb(registry: Registry, layers: &[Blob]) -> anyhow::Result<f64> {
    registry.each(layers.len(), CLIENTS, |connection, index| {
        registry.push_blob(connection, "bench/memory", &layers[index])
    })?;
    let peak = registry.server.peak_memory_mb();
    let data = registry.data.clone();
    drop(registry);
    fs::remove_dir_all(data)?;
    Ok(peak)
}
