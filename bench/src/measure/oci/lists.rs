//! How long a client waits for the first byte of a long list.

use crate::images::{Image, digest};
use crate::machine::Workplace;
use crate::peers::{OURS, Registry};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series, median};

const IMAGE: &str = "bench/lists";
const TAGS: usize = 10_000;
const IMAGES: usize = 1_000;
const REFERRERS: usize = 1_000;
const LAYER_BYTES: usize = 100;
const AT_ONCE: usize = 8;
/// Requests in a round, whose median counts.
const REQUESTS: usize = 20;
const FIRST_BYTE_MS_MAX: f64 = 20.0;

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let registries = Registry::both(workplace, "lists");
    let image = Image::of_layers(IMAGE, 1, LAYER_BYTES);
    for registry in &registries {
        println!("filling {}", registry.name);
        fill(registry, &image)?;
    }
    let tags = format!("10,000 tags, {TAGS} asked for");
    let works = [
        ("a page of tags".to_owned(), "tags/list?n=100".to_owned()),
        (tags, format!("tags/list?n={TAGS}")),
        ("1,000 referrers".to_owned(), format!("referrers/{}", digest(&image.manifest()))),
    ];
    let mut table = Table::default();
    for (work, rest) in &works {
        measure(&mut table, &registries, work, |registry| registry.path(IMAGE, rest))?;
    }
    for (work, path) in
        [("a catalogue of 1,000", "/v2/_catalog?n=1000"), ("a page of it", "/v2/_catalog?n=100")]
    {
        measure(&mut table, &registries, work, |_| path.to_owned())?;
    }
    Ok(table)
}

/// Pushes one image under many names and tags, and much that refers to it.
fn fill(registry: &Registry, image: &Image) -> anyhow::Result<()> {
    let manifest = image.manifest();
    registry.push(image, 1)?;
    registry.each(TAGS, AT_ONCE, |connection, number| {
        registry.push_manifest(connection, IMAGE, &format!("v1.{number}"), &manifest)
    })?;
    registry.each(REFERRERS, AT_ONCE, |connection, number| {
        let referrer = image.referrer(number);
        registry.push_manifest(connection, IMAGE, &digest(&referrer), &referrer)
    })?;
    registry.each(IMAGES, AT_ONCE, |connection, number| {
        let name = format!("{IMAGE}-{number}");
        for blob in image.blobs() {
            registry.mount_blob(connection, &name, blob, IMAGE)?;
        }
        registry.push_manifest(connection, &name, &image.tag, &manifest)
    })
}

/// Adds a row for each registry that has such a list.
fn measure(
    table: &mut Table,
    registries: &[Registry],
    work: &str,
    path: impl Fn(&Registry) -> String,
) -> anyhow::Result<()> {
    let mut figures = vec![Series::default(); registries.len()];
    for round in 0..=ROUNDS {
        for (registry, series) in registries.iter().zip(&mut figures) {
            let (mut connection, path) = (registry.connect()?, path(registry));
            let mut waits = Vec::new();
            for _ in 0..REQUESTS {
                let (wait, answer) = connection.until_head(&path, "")?;
                if answer.status == 200 {
                    waits.push(wait.as_secs_f64() * 1e3);
                }
            }
            // The first round is to warm up.
            if round > 0 && waits.len() == REQUESTS {
                series.push(median(&waits));
            }
        }
    }
    for (registry, series) in registries.iter().zip(figures) {
        if series.figures().is_empty() {
            table.note(format!("{work}: {} has no such list", registry.name));
        } else {
            table.row(work, registry.name, "ms", series);
        }
    }
    if let Some(wait) = table.median(work, OURS) {
        table.target(&format!("{work}, first byte, ms"), wait, Bound::AtMost(FIRST_BYTE_MS_MAX));
    }
    Ok(())
}
