//! How many manifests a second, by tag and by digest.

use std::fs;

use crate::images::{Image, MANIFEST, digest};
use crate::machine::Workplace;
use crate::peers::{self, DOCKER, NGINX, OURS, Registry};
use crate::program::Program;
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};
use crate::wrk;

const IMAGE: &str = "bench/manifests";
/// So many layers make a manifest of about 1 KB.
const LAYERS: usize = 5;
const LAYER_BYTES: usize = 1000;
const CONNECTIONS: usize = 32;
/// Seconds that each round takes, and one before the first that counts.
const ROUND_SECS: u32 = 4;
const WARM_UP_SECS: u32 = 1;

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let registries = Registry::both(workplace, "manifests");
    let image = Image::of_layers(IMAGE, LAYERS, LAYER_BYTES);
    let manifest = image.manifest();
    let shelf = workplace.fresh("shelf-manifests")?;
    fs::write(shelf.join("manifest"), &manifest)?;
    let nginx = peers::serve_folder(workplace, &shelf, "manifests")?;
    for registry in &registries {
        registry.push(&image, 1)?;
    }
    let mut table = Table::default();
    table.note(format!("the manifest, which nginx serves too, has {} bytes", manifest.len()));
    for (work, reference) in [("by tag", image.tag.clone()), ("by digest", digest(&manifest))] {
        let mut subjects: Vec<(&str, &Program, String)> = registries
            .iter()
            .map(|registry| {
                let path = registry.path(IMAGE, &format!("manifests/{reference}"));
                (registry.name, &registry.server, path)
            })
            .collect();
        subjects.push((NGINX, &nginx.server, "/manifest".to_owned()));
        measure(&mut table, work, &subjects)?;
        table.ratio(work, OURS, DOCKER, Bound::AtLeast(20.0));
        table.ratio(work, OURS, NGINX, Bound::AtLeast(0.5));
    }
    Ok(table)
}

/// Adds a row for each subject.
pub(super) fn measure(
    table: &mut Table,
    work: &str,
    subjects: &[(&'static str, &Program, String)],
) -> anyhow::Result<()> {
    let mut figures = vec![Series::default(); subjects.len()];
    for (_, server, path) in subjects {
        wrk::ask_for(server, path, MANIFEST, CONNECTIONS, WARM_UP_SECS)?;
    }
    for _ in 0..ROUNDS {
        for ((_, server, path), series) in subjects.iter().zip(&mut figures) {
            let asked = wrk::ask_for(server, path, MANIFEST, CONNECTIONS, ROUND_SECS)?;
            series.push(asked.requests_per_sec);
        }
    }
    for ((name, ..), series) in subjects.iter().zip(figures) {
        table.row(work, name, "/s", series);
    }
    Ok(())
}
