//! `cargo xtask bench`: builds what is measured and what measures, and starts the latter.

use std::path::Path;
use std::process::{Command, ExitCode};

/// Builds the release program and runs the measurements that `arguments` name, or all.
///
/// # Errors
/// Where cargo cannot be started.
pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<ExitCode> {
    let cargo = |words: &[&str], rest: &[String]| {
        Command::new("cargo").args(words).args(rest).current_dir(root).status()
    };
    if !cargo(&["build", "--release", "--locked", "--package", "provender"], &[])?.success() {
        return Ok(ExitCode::FAILURE);
    }
    let bench = ["run", "--release", "--locked", "--quiet", "--package", "provender-bench", "--"];
    Ok(if cargo(&bench, arguments)?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
