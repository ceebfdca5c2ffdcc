//! The real clients, at the versions that are pinned, and the scripts that drive them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::process::{bounded, shown};
use super::tally::Tally;

/// The clients that come from Python's registry, each with its exact version.
const REQUIREMENTS: &str = "tests/clients/requirements.txt";
/// Says what an environment holds, so that it is made anew only where that changes.
pub(super) const STAMP: &str = "installed.txt";
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
    python(&root.join(REQUIREMENTS), &environment)?;
    Ok(environment.join("bin"))
}

/// Whether a Python environment holds exactly what a file of requirements lists.
pub(super) fn python_is_there(requirements: &Path, environment: &Path) -> anyhow::Result<bool> {
    let wanted = fs::read_to_string(requirements).context("the list of clients")?;
    Ok(fs::read_to_string(environment.join(STAMP)).is_ok_and(|installed| installed == wanted))
}

/// Makes a Python environment that holds exactly what a file of requirements lists.
///
/// # Errors
/// Where it is not there, and cannot be made.
pub(super) fn python(requirements: &Path, environment: &Path) -> anyhow::Result<()> {
    let wanted = fs::read_to_string(requirements).context("the list of clients")?;
    if python_is_there(requirements, environment)? {
        println!("the clients are there: {}", named(&wanted));
        return Ok(());
    }
    let mut venv = bounded(INSTALL_SECS, "python3");
    let made = shown(venv.args(["-m", "venv", "--clear"]).arg(environment))?;
    ensure!(made.success, "no Python environment could be made for the clients");
    let mut install = bounded(INSTALL_SECS, environment.join("bin/pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    ensure!(shown(install.arg(requirements))?.success, "missing: {}", named(&wanted));
    fs::write(environment.join(STAMP), &wanted)?;
    println!("installed {}", named(&wanted));
    Ok(())
}

/// Runs every script against `server`, a built program; cases of the clients `left_out` are
/// skipped.
///
/// # Errors
/// Where a script cannot be started.
pub(super) fn drive(
    root: &Path,
    programs: &Path,
    server: &Path,
    offline: bool,
    left_out: &[&str],
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for script in scripts(root)? {
        let mut command = bounded(SCRIPT_SECS, "bash");
        command
            .arg(&script)
            .env("PROVENDER", server)
            .env("CLIENTS", programs)
            .env("WITHOUT", left_out.join(" "))
            .env("OFFLINE", if offline { "1" } else { "0" });
        let ran = shown(&mut command)?;
        tally += Tally::of_lines(&ran.lines, ran.success, Tally::script);
    }
    Ok(tally)
}

/// Every `client.sh`: one in each ecosystem, and those for clients of no ecosystem.
fn scripts(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in ["crates", "tests/clients"] {
        for entry in fs::read_dir(root.join(folder))? {
            let script = entry?.path().join("client.sh");
            if script.is_file() {
                found.push(script);
            }
        }
    }
    found.sort();
    ensure!(!found.is_empty(), "there is no client.sh");
    Ok(found)
}

/// The clients themselves, without what they depend on.
fn named(requirements: &str) -> String {
    let clients = ["pip", "sigstore", "tuf", "twine", "uv"];
    let is_client = |line: &&str| clients.iter().any(|name| line.starts_with(&format!("{name}==")));
    requirements.lines().filter(is_client).collect::<Vec<_>>().join(", ")
}
