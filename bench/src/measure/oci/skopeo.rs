//! The same by a real client, which hashes what it copies and asks what is there already: held
//! against its own copy from folder to folder.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};

use crate::images::Image;
use crate::machine::Workplace;
use crate::peers::{self, DOCKER, OURS, Registry};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};

const LAYERS: usize = 10;
const LAYER_BYTES: usize = 20_000_000;
const COPY: &str = "folder to folder";
/// How much slower than a copy from folder to folder either way may be.
const SLOWER_AT_MOST: f64 = 1.15;

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    peers::packaged(&["skopeo"])?;
    let registries = Registry::both(workplace, "skopeo");
    let mut copies = Series::default();
    let mut pushes = vec![Series::default(); registries.len()];
    let mut pulls = pushes.clone();
    for round in 0..ROUNDS {
        let folder = workplace.fresh("skopeo")?;
        let name = format!("bench/skopeo-{round}");
        lay_out(&Image::of_layers(&name, LAYERS, LAYER_BYTES), &folder.join("image"))?;
        let own = |name: &str| format!("dir:{}", folder.join(name).display());
        copies.push(copy(&folder, &own("image"), &own("copy"), None)?);
        for (index, registry) in registries.iter().enumerate() {
            let there = format!("docker://{}:1", registry.reference(&name));
            let token = registry.token.as_deref();
            pushes[index].push(copy(&folder, &own("image"), &there, token)?);
            pulls[index].push(copy(&folder, &there, &own(registry.name), token)?);
        }
    }
    let mut table = Table::default();
    for (work, figures) in [("push", pushes), ("pull", pulls)] {
        table.row(work, COPY, "s", copies.clone());
        for (registry, series) in registries.iter().zip(figures) {
            table.row(work, registry.name, "s", series);
        }
        table.ratio(work, OURS, COPY, Bound::AtMost(SLOWER_AT_MOST));
        table.ratio(work, OURS, DOCKER, Bound::AtMost(1.0));
    }
    Ok(table)
}

/// Writes an image as skopeo keeps one in a folder: blobs by their digest, and the manifest.
fn lay_out(image: &Image, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("version"), "Directory Transport Version: 1.1\n")?;
    fs::write(folder.join("manifest.json"), image.manifest())?;
    for blob in image.blobs() {
        fs::write(folder.join(blob.digest().trim_start_matches("sha256:")), blob.parts().concat())?;
    }
    Ok(())
}

/// The seconds that a copy took, by a client that knows nothing of earlier ones.
fn copy(folder: &Path, from: &str, to: &str, token: Option<&str>) -> anyhow::Result<f64> {
    let home = folder.join("home");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    fs::create_dir_all(&home)?;
    let mut command = Command::new("skopeo");
    command.args(["--insecure-policy", "copy", "--quiet"]);
    command.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
    if let Some(token) = token {
        let side = if to.starts_with("docker:") { "--dest-creds" } else { "--src-creds" };
        command.args([side, &format!("bench:{token}")]);
    }
    // Its memory of where blobs are is in the home of who runs it, unless that is root.
    command.args([from, to]).env("HOME", &home).env("XDG_RUNTIME_DIR", &home);
    command.env("XDG_DATA_HOME", &home).env("REGISTRY_AUTH_FILE", home.join("none.json"));
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output().context("skopeo could not be started")?;
    let secs = start.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "skopeo copied nothing to {to}: {said}");
    Ok(secs)
}
