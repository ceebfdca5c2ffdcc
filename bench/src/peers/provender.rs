//! Provender itself, as an operator starts it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::{OURS, Subject};
use crate::machine::{Workplace, answer};
use crate::program::{Program, free_address};

/// Where packages are uploaded.
pub(crate) const UPLOADS: &str = "/main/pypi/";
/// What answers as soon as anything does.
const HEALTH: &str = "/-/health";

/// How to start a server on a data directory.
pub(crate) struct Provender {
    program: PathBuf,
    data: PathBuf,
    upstream: Option<String>,
    ecosystem: &'static str,
}

impl Provender {
    /// On the data directory `data`, which need not be there yet, with the given upstream or none.
    pub(crate) fn new(workplace: &Workplace, data: &Path, upstream: Option<&str>) -> Self {
        let upstream = upstream.map(str::to_owned);
        let (program, data) = (workplace.provender(), data.to_owned());
        Self { program, data, upstream, ecosystem: "pypi" }
    }

    /// The same, whose upstream holds packages of another ecosystem.
    pub(crate) fn of(self, ecosystem: &'static str) -> Self {
        Self { ecosystem, ..self }
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    /// Where it does not.
    pub(crate) fn start(&self) -> anyhow::Result<Subject> {
        let address = free_address()?;
        let mut command = Command::new(&self.program);
        command.arg("serve").arg("--data").arg(&self.data).args(["--listen", &address]);
        command.arg("--no-discover");
        if let Some(upstream) = &self.upstream {
            command.args(["--upstream", &format!("{}={upstream}", self.ecosystem)]);
        }
        let log = self.data.with_extension("log");
        let server = Program::start(&mut command, &address, HEALTH, &log)?;
        Ok(Subject { name: OURS, server, index: "/main/pypi/simple/" })
    }

    /// A new token that may publish; the server may be running.
    ///
    /// # Errors
    /// Where it is not given.
    pub(crate) fn token(&self) -> anyhow::Result<String> {
        let mut command = Command::new(&self.program);
        command.args(["token", "create", "--repo", "main", "--scope", "publish", "--quiet"]);
        answer(command.arg("--data").arg(&self.data)).context("no token could be had")
    }
}
