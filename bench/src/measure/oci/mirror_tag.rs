//! How many answers a second for a tag that stands upstream.

use anyhow::ensure;

use super::manifests;
use crate::images::{Image, MANIFEST};
use crate::machine::Workplace;
use crate::peers::{DOCKER, OURS, Registry};
use crate::program::Program;
use crate::report::{Bound, Table};

const IMAGE: &str = "library/mirrored";
const LAYERS: usize = 5;
const LAYER_BYTES: usize = 1000;
const WORK: &str = "by tag";

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let upstream = Registry::docker(workplace, "upstream", None)?;
    let image = Image::of_layers(IMAGE, LAYERS, LAYER_BYTES);
    upstream.push(&image, 1)?;
    let url = format!("http://{}", upstream.server.address());
    let mirrors = Registry::able([
        (OURS, Registry::ours(workplace, "mirror", Some(&url))),
        (DOCKER, Registry::docker(workplace, "mirror", Some(&url))),
    ]);
    let mut subjects: Vec<(&str, &Program, String)> = Vec::new();
    for mirror in &mirrors {
        let path = mirror.path(IMAGE, &format!("manifests/{}", image.tag));
        let answer = mirror.connect()?.fetch(&path, &format!("Accept: {MANIFEST}\r\n"))?;
        ensure!(answer.body == image.manifest(), "{}: answered {}", mirror.name, answer.status);
        subjects.push((mirror.name, &mirror.server, path));
    }
    let mut table = Table::default();
    manifests::measure(&mut table, WORK, &subjects)?;
    table.ratio(WORK, OURS, DOCKER, Bound::AtLeast(20.0));
    Ok(table)
}
