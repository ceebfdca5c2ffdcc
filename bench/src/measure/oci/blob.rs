//! How fast a layer leaves the registry.

use std::fs;
use std::time::Duration;

use crate::images::Image;
use crate::machine::Workplace;
use crate::peers::{self, DOCKER, NGINX, OURS, Registry};
use crate::program::Program;
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};
use crate::transfer;

const IMAGE: &str = "bench/blob";
const LAYER_BYTES: usize = 20_000_000;
const CONNECTIONS: [usize; 2] = [4, 32];
const ROUND_TIME: Duration = Duration::from_secs(2);

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let registries = Registry::both(workplace, "blob");
    let image = Image::of_layers(IMAGE, 1, LAYER_BYTES);
    let layer = image.blobs()[0];
    let shelf = workplace.fresh("shelf-blob")?;
    fs::write(shelf.join("layer"), layer.parts().concat())?;
    let nginx = peers::serve_folder(workplace, &shelf, "blob")?;
    let mut subjects: Vec<(&str, &Program, String)> = Vec::new();
    for registry in &registries {
        registry.push(&image, 1)?;
        let path = registry.path(IMAGE, &format!("blobs/{}", layer.digest()));
        subjects.push((registry.name, &registry.server, path));
    }
    subjects.push((NGINX, &nginx.server, "/layer".to_owned()));
    let mut table = Table::default();
    for connections in CONNECTIONS {
        let mut figures = vec![Series::default(); subjects.len()];
        for (_, server, path) in &subjects {
            let path = [path.clone()];
            transfer::requests(server.address(), &path, connections, connections)?;
        }
        for _ in 0..ROUNDS {
            for ((_, server, path), series) in subjects.iter().zip(&mut figures) {
                let address = server.address();
                series.push(transfer::megabytes_per_sec(address, path, connections, ROUND_TIME)?);
            }
        }
        let work = format!("{connections} connections");
        for ((name, ..), series) in subjects.iter().zip(figures) {
            table.row(&work, name, "MB/s", series);
        }
        table.ratio(&work, OURS, NGINX, Bound::AtLeast(0.9));
        table.ratio(&work, OURS, DOCKER, Bound::AtLeast(1.2));
    }
    Ok(table)
}
