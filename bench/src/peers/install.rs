//! Installing the peers and the client, each in a place of its own in `target/bench/`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::machine::{Workplace, answer};

/// The client that installs environments.
const UV: &str = "uv==0.13.9";
/// The client that verifies bundles.
const SIGSTORE: &str = "sigstore==4.5.1";

/// Runs a command that prepares something, and says what it is.
pub(super) fn run(command: &mut Command) -> anyhow::Result<()> {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    println!("$ {} {}", command.get_program().display(), words.join(" "));
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("{} could not be started", command.get_program().display()))?;
    ensure!(status.success(), "{} failed", command.get_program().display());
    Ok(())
}

/// Makes sure that Debian's packages are there, each of which brings a program of its name.
///
/// # Errors
/// Where one is missing and cannot be installed.
pub(crate) fn packaged(programs: &[&str]) -> anyhow::Result<()> {
    let is_there = |program: &&str| {
        answer(Command::new("sh").args(["-c", &format!("command -v {program}")])).is_some()
            || Path::new("/usr/sbin").join(program).exists()
    };
    if programs.iter().all(is_there) {
        return Ok(());
    }
    let as_root = fs::metadata("/proc/self")?.uid() == 0;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if as_root { "env" } else { "sudo" });
        command.args(if as_root { &[][..] } else { &["-n", "env"][..] });
        // A package's own service is not started: only ours is.
        command.args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "--quiet"]);
        run(command.args(arguments))
    };
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], programs].concat())?;
    let missing: Vec<_> = programs.iter().filter(|program| !is_there(program)).collect();
    ensure!(missing.is_empty(), "could not be installed: {missing:?}");
    Ok(())
}

/// The folder of the programs of a Python environment that has `packages`, pinned; made if it is
/// not there yet.
pub(super) fn python(workplace: &Workplace, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let folder = workplace.kept(&format!("env-{}", packages[0].replace("==", "-")));
    let (programs, stamp) = (folder.join("bin"), folder.join("complete"));
    if !stamp.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        run(Command::new(programs.join("pip")).args(["install", "--quiet"]).args(packages))?;
        std::fs::write(stamp, packages.join("\n"))?;
    }
    Ok(programs)
}

/// A program from the crate registry, compiled if it is not there yet.
pub(super) fn crate_program(
    workplace: &Workplace,
    name: &str,
    version: &str,
    program: &str,
) -> anyhow::Result<PathBuf> {
    let tools = workplace.kept("tools");
    let path = tools.join("bin").join(program);
    if !path.exists() {
        let install = |how: &[&str]| {
            let mut cargo = Command::new("cargo");
            cargo.args(["install", "--quiet", name, "--version", version, "--root"]).arg(&tools);
            run(cargo.arg("--target-dir").arg(tools.join("build")).args(how))
        };
        // Its own lock file may name a crate that was withdrawn since.
        install(&["--locked"]).or_else(|_| install(&[]))?;
    }
    Ok(path)
}

/// The client that installs environments.
///
/// # Errors
/// Where it is not there and cannot be installed.
pub(crate) fn uv(workplace: &Workplace) -> anyhow::Result<PathBuf> {
    Ok(python(workplace, &[UV])?.join("uv"))
}

/// sigstore-python's program.
///
/// # Errors
/// Where it is not there and cannot be installed.
pub(crate) fn sigstore(workplace: &Workplace) -> anyhow::Result<PathBuf> {
    Ok(python(workplace, &[SIGSTORE])?.join("sigstore"))
}

/// The address of the simple index that this machine's own client is set up to use. It is told to
/// the programs that are measured, and shown nowhere.
///
/// # Errors
/// Where the client does not say, or the upstream does not answer.
pub(crate) fn real_upstream(workplace: &Workplace) -> anyhow::Result<String> {
    let programs = python(workplace, &[UV])?;
    let ask = ["index", "versions", "pip", "--retries", "0", "--timeout", "10"];
    ensure!(
        answer(Command::new(programs.join("pip")).args(ask)).is_some(),
        "the real upstream cannot be reached"
    );
    let configured =
        answer(Command::new(programs.join("pip")).args(["config", "get", "global.index-url"]));
    let known = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)";
    std::env::var("PIP_INDEX_URL")
        .ok()
        .or(configured)
        .or_else(|| answer(Command::new(programs.join("python")).args(["-c", known])))
        .filter(|address| !address.is_empty())
        .map(|address| format!("{}/", address.trim_end_matches('/')))
        .context("pip does not say which index it uses")
}
