//! Commands that the tour runs.

use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

/// What a command printed, to both of its outputs, in this order: standard output, standard error.
#[derive(Debug)]
pub(super) struct Printed {
    pub(super) succeeded: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Runs a command to its end, out of reach of the keyboard; killed if the tour is interrupted.
pub(super) async fn run(command: &mut Command) -> Result<Printed> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot run {program}"))?;
    Ok(Printed {
        succeeded: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

impl Printed {
    /// What it printed, if it succeeded.
    pub(super) fn expect_success(self, what: &str) -> Result<Self> {
        if self.succeeded {
            return Ok(self);
        }
        bail!("{what} failed:\n{}{}", self.stdout, self.stderr)
    }
}
