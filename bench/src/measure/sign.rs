//! Signing one file from the command line: identity, certificate, timestamp, log entry, bundle.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};

use crate::machine::Workplace;
use crate::peers::{OURS, Provender, Subject};
use crate::report::Table;
use crate::rounds::{ROUNDS, Series};

/// What is signed.
pub(super) const ARTIFACT: &str = "artifact.bin";
const ARTIFACT_BYTES: usize = 64 * 1024;
/// Processes in a round.
const PROCESSES: u32 = 20;

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let folder = workplace.fresh("sign")?;
    let (server, token) = start(workplace, &folder)?;
    let mut series = Series::default();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..PROCESSES {
            ask(workplace, &folder, &server, &token, &["sign", "--quiet", ARTIFACT])?;
        }
        series.push(start.elapsed().as_secs_f64() * 1000.0 / f64::from(PROCESSES));
    }
    let mut table = Table::default();
    table.row("sign, whole process", OURS, "ms", series);
    Ok(table)
}

/// A folder with a signed artifact and the trust root, as `ARTIFACT` and `trust.json`.
pub(super) fn signed(workplace: &Workplace, name: &str) -> anyhow::Result<PathBuf> {
    let folder = workplace.fresh(name)?;
    let (server, token) = start(workplace, &folder)?;
    ask(workplace, &folder, &server, &token, &["sign", "--quiet", ARTIFACT])?;
    ask(workplace, &folder, &server, &token, &["trust", "export", "-o", "trust.json"])?;
    Ok(folder)
}

fn start(workplace: &Workplace, folder: &Path) -> anyhow::Result<(Subject, String)> {
    fs::write(folder.join(ARTIFACT), vec![0x5a; ARTIFACT_BYTES])?;
    let provender = Provender::new(workplace, &folder.join("data"), None);
    let server = provender.start()?;
    Ok((server, provender.token()?))
}

fn ask(
    workplace: &Workplace,
    folder: &Path,
    server: &Subject,
    token: &str,
    arguments: &[&str],
) -> anyhow::Result<()> {
    let url = format!("http://{}", server.server.address());
    let mut command = Command::new(workplace.provender());
    command.args(arguments).args(["--server", &url]);
    command.env("PROVENDER_TOKEN", token).current_dir(folder);
    let output = command.output().context("it could not be started")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "it refused: {complaint}");
    Ok(())
}
