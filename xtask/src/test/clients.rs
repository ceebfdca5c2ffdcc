//! The real clients, at the versions that are pinned, and the scripts that drive them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::process::{bounded, shown};
use super::tally::Tally;

/// The clients that come from Python's registry, each with its exact version.
const REQUIREMENTS: &str = "tests/clients/requirements.txt";
/// Seconds for installing the clients.
const INSTALL_SECS: u32 = 600;
/// Seconds for one ecosystem's script.
const SCRIPT_SECS: u32 = 1200;

/// Makes sure that the clients are installed at the pinned versions, and gives their folder.
///
/// # Errors
/// Where they are not, and cannot be installed.
pub(super) fn install(root: &Path) -> anyhow::Result<PathBuf> {
    let environment = root.join("target/clients/venv");
    let programs = environment.join("bin");
    let wanted = fs::read_to_string(root.join(REQUIREMENTS)).context(REQUIREMENTS)?;
    let stamp = environment.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("the clients are there: {}", named(&wanted));
        return Ok(programs);
    }
    let mut venv = bounded(INSTALL_SECS, "python3");
    let made = shown(venv.args(["-m", "venv", "--clear"]).arg(&environment))?;
    ensure!(made.success, "no Python environment could be made for the clients");
    let mut install = bounded(INSTALL_SECS, programs.join("pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    ensure!(shown(install.arg(root.join(REQUIREMENTS)))?.success, "missing: {}", named(&wanted));
    fs::write(&stamp, &wanted)?;
    println!("installed {}", named(&wanted));
    Ok(programs)
}

/// Runs every ecosystem's script against `server`, a built program.
///
/// # Errors
/// Where a script cannot be started.
pub(super) fn drive(
    root: &Path,
    programs: &Path,
    server: &Path,
    offline: bool,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for script in scripts(root)? {
        let mut command = bounded(SCRIPT_SECS, "bash");
        command
            .arg(&script)
            .env("PROVENDER", server)
            .env("CLIENTS", programs)
            .env("OFFLINE", if offline { "1" } else { "0" });
        let ran = shown(&mut command)?;
        tally += Tally::of_lines(&ran.lines, ran.success, Tally::script);
    }
    Ok(tally)
}

/// Every `crates/*/client.sh`.
fn scripts(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join("crates"))? {
        let script = entry?.path().join("client.sh");
        if script.is_file() {
            found.push(script);
        }
    }
    found.sort();
    ensure!(!found.is_empty(), "there is no crates/*/client.sh");
    Ok(found)
}

/// The clients themselves, without what they depend on.
fn named(requirements: &str) -> String {
    let clients = ["pip", "twine", "uv"];
    let is_client = |line: &&str| clients.iter().any(|name| line.starts_with(&format!("{name}==")));
    requirements.lines().filter(is_client).collect::<Vec<_>>().join(", ")
}
