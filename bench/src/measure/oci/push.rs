//! How fast layers are taken in: sent by plain HTTP, and durable when answered.

use crate::images::Image;
use crate::machine::Workplace;
use crate::peers::{DOCKER, OURS, Registry};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};

const LAYERS: usize = 10;
const LAYER_BYTES: usize = 20_000_000;
const CONNECTIONS: [usize; 2] = [1, 4];
const BYTES_PER_MIB: f64 = 1_048_576.0;

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let registries = Registry::both(workplace, "push");
    let mut table = Table::default();
    for connections in CONNECTIONS {
        let mut figures = vec![Series::default(); registries.len()];
        for round in 0..ROUNDS {
            // Layers that no registry has: none is spared the work by an earlier round.
            let name = format!("bench/push-{connections}-{round}");
            let image = Image::of_layers(&name, LAYERS, LAYER_BYTES);
            let bytes: usize = image.blobs().iter().map(|blob| blob.length()).sum();
            for (registry, series) in registries.iter().zip(&mut figures) {
                series.push(mib(bytes) / registry.push(&image, connections)?);
            }
        }
        let work = format!("{connections} connections");
        for (registry, series) in registries.iter().zip(figures) {
            table.row(&work, registry.name, "MiB/s", series);
        }
        table.ratio(&work, OURS, DOCKER, Bound::AtLeast(4.0));
    }
    Ok(table)
}

fn mib(bytes: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
    let bytes = bytes as f64;
    bytes / BYTES_PER_MIB
}
