//! Verifying one bundle: a whole process beside sigstore-python's, and many in one process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use provender_attest::{Artifact, Bundle, Policy, TrustRoot, Verifier};
use serde_json::Value;

use super::sign::{ARTIFACT, signed};
use crate::machine::Workplace;
use crate::peers::{OURS, sigstore};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};

/// What the peer is called.
const PEER: &str = "sigstore-python";
/// Processes in a round.
const PROCESSES: u32 = 40;
const PEER_PROCESSES: u32 = 3;
/// How long one core verifies in a round.
const IN_PROCESS_TIME: Duration = Duration::from_secs(2);

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let folder = signed(workplace, "verify")?;
    let mut table = Table::default();
    let ours = processes(PROCESSES, || {
        let mut command = Command::new(workplace.provender());
        command.args(["verify", "--quiet", "--trust", "trust.json", ARTIFACT]);
        command.current_dir(&folder);
        command
    })?;
    let median = ours.median();
    table.row("verify, whole process", OURS, "ms", ours);
    table.target("verify, whole process, ms", median, Bound::AtMost(12.0));
    match peer(workplace, &folder) {
        Ok(theirs) => {
            let ratio = theirs.median() / median;
            table.row("verify, whole process", PEER, "ms", theirs);
            table.target("verify: faster than sigstore-python", ratio, Bound::AtLeast(60.0));
        }
        Err(error) => table.note(format!("{PEER} is missing: {error:#}")),
    }
    let rate = in_process(&folder)?;
    let median = rate.median();
    table.row("verify, in one process", OURS, "/s", rate);
    table.target("verifications per second and core", median, Bound::AtLeast(1000.0));
    Ok(table)
}

/// Milliseconds per process.
fn processes(number: u32, command: impl Fn() -> Command) -> anyhow::Result<Series> {
    let mut series = Series::default();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..number {
            let output = command().output().context("it could not be started")?;
            let complaint = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "it refused: {complaint}");
        }
        series.push(start.elapsed().as_secs_f64() * 1000.0 / f64::from(number));
    }
    Ok(series)
}

fn peer(workplace: &Workplace, folder: &Path) -> anyhow::Result<Series> {
    let program: PathBuf = sigstore(workplace)?;
    let shown = Command::new(workplace.provender())
        .args(["verify", "--json", "--trust", "trust.json", ARTIFACT])
        .current_dir(folder)
        .output()?;
    let shown: Value = serde_json::from_slice(&shown.stdout)?;
    let text = |name: &str| shown[name].as_str().unwrap_or_default().to_owned();
    let (identity, issuer) = (text("identity"), text("issuer"));
    processes(PEER_PROCESSES, || {
        let mut command = Command::new(&program);
        command.args(["--trust-config", "trust.json", "verify", "identity", "--offline"]);
        command.args(["--cert-identity", &identity, "--cert-oidc-issuer", &issuer, ARTIFACT]);
        command.current_dir(folder);
        command
    })
}

/// Verifications per second on one core, each of which reads the bundle anew.
fn in_process(folder: &Path) -> anyhow::Result<Series> {
    let root = TrustRoot::parse(&fs::read(folder.join("trust.json"))?)?;
    let verifier = Verifier::new(&root)?;
    let text = fs::read(folder.join(format!("{ARTIFACT}.sigstore.json")))?;
    let artifact = fs::read(folder.join(ARTIFACT))?;
    let mut series = Series::default();
    for _ in 0..ROUNDS {
        let (start, mut number) = (Instant::now(), 0);
        while start.elapsed() < IN_PROCESS_TIME {
            let bundle = Bundle::parse(&text)?;
            verifier.verify(&bundle, Artifact::Bytes(&artifact), &Policy::anybody())?;
            number += 1;
        }
        series.push(f64::from(number) / start.elapsed().as_secs_f64());
    }
    Ok(series)
}
