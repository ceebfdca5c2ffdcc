//! Pushing images that hold next to nothing: every answer means that it is durable.

use crate::images::Image;
use crate::machine::Workplace;
use crate::peers::{DOCKER, OURS, Registry};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};

const IMAGES: u32 = 100;
const LAYER_BYTES: usize = 100;
const AT_ONCE: [usize; 2] = [1, 4];

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let registries = Registry::both(workplace, "tiny");
    let mut table = Table::default();
    for at_once in AT_ONCE {
        let mut figures = vec![Series::default(); registries.len()];
        for round in 0..ROUNDS {
            let images: Vec<Image> = (0..IMAGES)
                .map(|number| {
                    let name = format!("bench/tiny-{at_once}-{round}-{number}");
                    Image::of_layers(&name, 1, LAYER_BYTES)
                })
                .collect();
            for (registry, series) in registries.iter().zip(&mut figures) {
                series.push(f64::from(IMAGES) / registry.push_all(&images, at_once)?);
            }
        }
        let work = format!("{at_once} at a time");
        for (registry, series) in registries.iter().zip(figures) {
            table.row(&work, registry.name, "/s", series);
        }
        table.ratio(&work, OURS, DOCKER, Bound::AtLeast(5.0));
    }
    Ok(table)
}
