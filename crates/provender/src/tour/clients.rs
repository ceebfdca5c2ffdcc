//! The real clients, as somebody would type them, on a clean slate: no settings, caches or
//! credentials of whoever watches the tour.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use super::index::IndexFile;
use super::process::{self, Printed};

const BUILD_WHEEL: &str = include_str!("wheel.py");
const UPLOAD: &str = include_str!("upload.py");

/// What of the environment would change what a client does.
const SETTINGS: [&str; 6] = ["PIP_", "UV_", "TWINE_", "PYTHON", "VIRTUAL_ENV", "NETRC"];

/// Python and what comes with it.
pub(super) struct Clients {
    scratch: PathBuf,
}

/// How to publish.
#[derive(Debug, Clone)]
pub(super) enum Publisher {
    /// The twine that was installed into this folder.
    Twine(PathBuf),
    /// A uv that is installed on this machine.
    Uv,
    /// A twine that is installed on this machine.
    InstalledTwine,
    /// A few lines of Python.
    Script,
}

impl Clients {
    /// Finds out whether the clients are there.
    pub(super) async fn find(scratch: PathBuf) -> Result<Self> {
        let clients = Self { scratch };
        let asked = process::run(clients.python().args(["-m", "pip", "--version"])).await;
        match asked {
            Ok(Printed { succeeded: true, .. }) => Ok(clients),
            _ => bail!(
                "the tour drives Python's clients, and python3 with pip is not installed here"
            ),
        }
    }

    /// A client of that name on the machine, if there is one that works.
    pub(super) async fn publisher_here(&self) -> Publisher {
        for (program, publisher) in [("twine", Publisher::InstalledTwine), ("uv", Publisher::Uv)] {
            let asked = process::run(self.clean(program).arg("--version")).await;
            if asked.is_ok_and(|printed| printed.succeeded) {
                return publisher;
            }
        }
        Publisher::Script
    }

    /// `pip install`, into a folder of its own, with no cache.
    pub(super) async fn install(
        &self,
        index: &str,
        more: &[&str],
        folder: &str,
        package: &str,
    ) -> Result<Printed> {
        let mut pip = self.python();
        pip.args(["-m", "pip", "install", "--no-cache-dir", "--index-url", index]);
        pip.args(more).arg("--target").arg(self.scratch.join(folder)).arg(package);
        process::run(&mut pip).await
    }

    /// Where [`Self::install`] puts what goes into this folder.
    pub(super) fn folder(&self, folder: &str) -> PathBuf {
        self.scratch.join(folder)
    }

    /// What an installed package says its version is.
    pub(super) async fn version_of(&self, folder: &str, module: &str) -> Result<String> {
        let code = format!("import {module}; print({module}.__version__)");
        let mut python = self.python();
        python.args(["-c", &code]).env("PYTHONPATH", self.scratch.join(folder));
        let printed = process::run(&mut python).await?.expect_success(&code)?;
        Ok(printed.stdout.lines().last().unwrap_or_default().to_owned())
    }

    /// Builds a wheel that has one module, which prints `says` when it is imported.
    pub(super) async fn build(
        &self,
        package: &str,
        version: &str,
        says: &str,
    ) -> Result<IndexFile> {
        let folder = self.scratch.join(format!("dist-{package}-{version}"));
        std::fs::create_dir_all(&folder).context("cannot write to the temporary directory")?;
        let mut python = self.python();
        python.args(["-c", BUILD_WHEEL]).arg(&folder).args([package, version, says]);
        let printed = process::run(&mut python).await?.expect_success("building a wheel")?;
        let (name, sha256) =
            printed.stdout.trim().split_once(' ').context("the wheel's builder said nothing")?;
        let bytes =
            std::fs::read(folder.join(name)).context("the wheel is not where it was built")?;
        Ok(IndexFile {
            package: package.to_owned(),
            name: name.to_owned(),
            sha256: sha256.to_owned(),
            bytes: bytes.into(),
        })
    }

    /// Where [`Self::build`] put it.
    pub(super) fn built(&self, package: &str, version: &str, file: &str) -> PathBuf {
        self.scratch.join(format!("dist-{package}-{version}")).join(file)
    }

    /// Publishes a file; returns what was typed.
    pub(super) async fn publish(
        &self,
        publisher: &Publisher,
        url: &str,
        token: &str,
        (file, package, version): (&Path, &str, &str),
    ) -> Result<Printed> {
        let twine = ["upload", "--non-interactive", "--disable-progress-bar", "--repository-url"];
        let mut command = match publisher {
            Publisher::Twine(folder) => {
                let mut command = self.python();
                command.env("PYTHONPATH", folder).args(["-m", "twine"]).args(twine).arg(url);
                command
            }
            Publisher::InstalledTwine => {
                let mut command = self.clean("twine");
                command.args(twine).arg(url);
                command
            }
            Publisher::Uv => {
                let mut command = self.clean("uv");
                command.args(["publish", "--no-cache", "--publish-url", url]);
                command.args(["--username", "__token__", "--password", token]);
                command
            }
            Publisher::Script => {
                let mut command = self.python();
                command.args(["-c", UPLOAD, url]).arg(file).args([package, version]);
                command.env("TWINE_PASSWORD", token);
                return process::run(&mut command).await;
            }
        };
        command.env("TWINE_USERNAME", "__token__").env("TWINE_PASSWORD", token).arg(file);
        process::run(&mut command).await
    }

    fn python(&self) -> Command {
        self.clean("python3")
    }

    /// A program that knows nothing of whoever watches.
    fn clean(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let is_proxy = text.to_ascii_lowercase().ends_with("_proxy");
            if is_proxy || SETTINGS.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command
            .env("HOME", &self.scratch)
            .env("XDG_CONFIG_HOME", self.scratch.join("config"))
            .env("PIP_CONFIG_FILE", "/dev/null")
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_ROOT_USER_ACTION", "ignore")
            .env("PIP_NO_INPUT", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(&self.scratch);
        command
    }
}
