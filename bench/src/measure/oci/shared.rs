//! Images that share all layers but one, as builds of one program do: what is there already is
//! mounted, and nothing is kept twice.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::images::{Blob, Image};
use crate::machine::Workplace;
use crate::peers::{DOCKER, OURS, Registry};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};

const IMAGES: usize = 100;
const SHARED_LAYERS: usize = 9;
const SHARED_BYTES: usize = 1_000_000;
/// Large enough to be a file in both registries.
const OWN_BYTES: usize = 100_000;
const TIME: &str = "time for 100 images";
const LAYERS: &str = "layers kept of 500 images";
const STORED: &str = "all that is kept of them";
const BYTES_PER_MB: f64 = 1e6;

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let registries = Registry::both(workplace, "shared");
    let shared: Vec<_> = (0..SHARED_LAYERS)
        .map(|number| Arc::new(Blob::layer(&format!("shared {number}"), SHARED_BYTES)))
        .collect();
    let first = Image::new("bench/shared-first", shared.clone());
    let mut figures = vec![Series::default(); registries.len()];
    for registry in &registries {
        registry.push(&first, 1)?;
    }
    for round in 0..ROUNDS {
        let images: Vec<Image> = (0..IMAGES)
            .map(|number| {
                let name = format!("bench/shared-{round}-{number}");
                let own = Arc::new(Blob::layer(&name, OWN_BYTES));
                Image::new(&name, shared.iter().cloned().chain([own]).collect())
            })
            .collect();
        for (registry, series) in registries.iter().zip(&mut figures) {
            let start = Instant::now();
            registry.each(images.len(), 1, |connection, index| {
                let image = &images[index];
                for (number, blob) in image.blobs().into_iter().enumerate() {
                    if number < SHARED_LAYERS {
                        registry.mount_blob(connection, &image.name, blob, &first.name)?;
                    } else {
                        registry.push_blob(connection, &image.name, blob)?;
                    }
                }
                registry.push_manifest(connection, &image.name, &image.tag, &image.manifest())
            })?;
            series.push(start.elapsed().as_secs_f64());
        }
    }
    let mut table = Table::default();
    for (registry, series) in registries.iter().zip(figures) {
        table.row(TIME, registry.name, "s", series);
        let layers = megabytes(bytes_in(&registry.blobs(), OWN_BYTES as u64)?);
        table.row(LAYERS, registry.name, "MB", [layers].into_iter().collect());
        let stored = megabytes(bytes_in(&registry.data, 0)?);
        table.row(STORED, registry.name, "MB", [stored].into_iter().collect());
    }
    table.note("all that is kept: ours with database, signatures, transparency log and evidence");
    table.ratio(TIME, OURS, DOCKER, Bound::AtMost(1.0));
    if let Some(layers) = table.median(LAYERS, OURS) {
        let pushed = SHARED_LAYERS * SHARED_BYTES + IMAGES * ROUNDS * OWN_BYTES;
        table.target(
            "layers kept beside different layers pushed, times",
            layers / megabytes(pushed as u64),
            Bound::AtMost(1.0),
        );
    }
    Ok(table)
}

fn megabytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a size needs no more than 52 bits")]
    let bytes = bytes as f64;
    bytes / BYTES_PER_MB
}

/// What the files of a folder hold that have at least so many bytes.
fn bytes_in(folder: &Path, at_least: u64) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let facts = entry.metadata()?;
        if facts.is_dir() {
            sum += bytes_in(&entry.path(), at_least)?;
        } else if facts.len() >= at_least {
            sum += facts.len();
        }
    }
    Ok(sum)
}
