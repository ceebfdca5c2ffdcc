//! A Go that is new enough for what is built with it: the installed one, or one that it fetches.
//!
//! Debian's stable Go is often years older than what today's clients are written for. Newer ones
//! are modules of their own, which any module proxy serves (<https://go.dev/ref/mod#toolchains>);
//! a Go of any age fetches them from the proxy that it is set up to use, and holds them against
//! the checksum database as any module. Only a recent one can also step aside for them, so that
//! is done here for all.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use super::process::{answer, bounded, shown};

/// Where it is kept, in the project.
pub(super) const TOOLS: &str = "target/tools";
/// The oldest Go that builds all clients, and the one that is fetched where there is none.
const WANTED: Version = Version { major: 1, minor: 26, patch: 8 };
/// Seconds for fetching it: about 70 MB.
const FETCH_SECS: u32 = 600;

/// A Go that is new enough.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Go {
    program: PathBuf,
}

impl Go {
    /// The `installed` one where it is new enough, else one below `tools`, fetched if need be.
    ///
    /// # Errors
    /// Where there is none, or it is too old and no newer one can be had; the message says which
    /// to install.
    pub(super) fn at_hand(installed: &Path, tools: &Path) -> anyhow::Result<Self> {
        let version = Version::of(installed).with_context(|| {
            format!("no Go answers; install Debian's golang-go, or Go {WANTED} or newer")
        })?;
        if version >= WANTED {
            return Ok(Self { program: installed.to_owned() });
        }
        let fetched = fetched(installed, &tools.join("go"));
        let program = fetched.with_context(|| {
            format!(
                "Go {version} is too old, and Go {WANTED} could not be fetched from the module \
                 proxy that `go env GOPROXY` names; install Go {WANTED} or newer"
            )
        })?;
        Ok(Self { program })
    }

    /// A command of it that is ended after `limit_secs`.
    pub(super) fn command(&self, limit_secs: u32) -> Command {
        let mut command = bounded(limit_secs, &self.program);
        // It is new enough, and must not look for its tools where an older one has its own.
        command.env("GOTOOLCHAIN", "local").env_remove("GOROOT");
        command
    }
}

/// The program of the wanted Go below `folder`, put there by `installed` if it is not.
fn fetched(installed: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let platform = answer(Command::new(installed).args(["env", "GOHOSTOS", "GOHOSTARCH"]));
    let platform = platform.context("go env says no platform")?.replace('\n', "-");
    let version = format!("v0.0.1-go{WANTED}.{platform}");
    let tree = folder.join(format!("golang.org/toolchain@{version}"));
    let program = tree.join("bin/go");
    // Made executable last, so that one that runs is whole.
    if Version::of(&program) == Some(WANTED) {
        return Ok(program);
    }
    fs::create_dir_all(folder)?;
    let mut download = bounded(FETCH_SECS, installed);
    download.args(["mod", "download", "-modcacherw"]);
    download.arg(format!("golang.org/toolchain@{version}"));
    download.env("GOMODCACHE", folder).env("GOWORK", "off").env("GOTOOLCHAIN", "local");
    ensure!(shown(download.current_dir(folder))?.success, "go mod download failed");
    unwrap(&tree)?;
    fs::remove_dir_all(folder.join("cache")).context("the fetched archive")?;
    ensure!(Version::of(&program) == Some(WANTED), "what was fetched is no Go {WANTED}");
    Ok(program)
}

/// Makes a module a tree of Go's: modules have no executable files and no modules inside, so it
/// comes without the one and with the others under another name.
fn unwrap(tree: &Path) -> anyhow::Result<()> {
    rename_modules(&tree.join("src"))?;
    let tools = fs::read_dir(tree.join("pkg/tool"))?;
    for platform in tools {
        for tool in fs::read_dir(platform?.path())? {
            make_executable(&tool?.path())?;
        }
    }
    make_executable(&tree.join("bin/gofmt"))?;
    make_executable(&tree.join("bin/go"))
}

fn rename_modules(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            rename_modules(&entry.path())?;
        } else if entry.file_name() == OsStr::new("_go.mod") {
            fs::rename(entry.path(), folder.join("go.mod"))?;
        }
    }
    Ok(())
}

fn make_executable(file: &Path) -> anyhow::Result<()> {
    let set = fs::set_permissions(file, Permissions::from_mode(0o755));
    set.with_context(|| file.display().to_string())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// What a program answers, if it is a released Go.
    fn of(program: &Path) -> Option<Self> {
        let mut ask = Command::new(program);
        // One that could step aside for another must speak for itself.
        Self::parse(&answer(ask.arg("version").env("GOTOOLCHAIN", "local"))?).ok()
    }

    /// Reads `go version go1.19.8 linux/amd64`.
    fn parse(line: &str) -> anyhow::Result<Self> {
        let Some(word) = line.strip_prefix("go version go").and_then(|rest| rest.split(' ').next())
        else {
            bail!("no version of Go: {line}");
        };
        let mut numbers = word.split('.').map(str::parse);
        let mut next = || numbers.next().unwrap_or(Ok(0));
        let (major, minor, patch) = (next()?, next()?, next()?);
        Ok(Self { major, minor, patch })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests;
