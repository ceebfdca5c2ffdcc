//! Clients that are built from Go modules: fetched and checked by Go itself, at pinned versions.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use super::process::{answer, shown};
use super::toolchain::Go;

/// Seconds for building the largest of them from nothing: some eight hundred packages.
const BUILD_SECS: u32 = 3600;

/// A program, by the package that it is built from and its module's version.
pub(super) struct GoProgram {
    pub(super) package: &'static str,
    pub(super) version: &'static str,
}

impl GoProgram {
    /// What the file is called.
    fn file(&self) -> &str {
        self.package.rsplit('/').next().unwrap_or(self.package)
    }

    /// Whether it stands in `folder` at this version, by what Go wrote into it.
    pub(super) fn is_there(&self, folder: &Path) -> bool {
        let path = folder.join(self.file());
        let built_of = answer(Command::new("go").args(["version", "-m"]).arg(path));
        built_of.is_some_and(|facts| {
            facts
                .lines()
                .filter(|line| line.trim_start().starts_with("mod"))
                .any(|line| line.split_whitespace().any(|word| word == self.version))
        })
    }

    /// Builds it into `folder`, with a Go that is kept in `tools` where the installed one is too
    /// old.
    ///
    /// # Errors
    /// Where it cannot be fetched or built.
    pub(super) fn install(&self, folder: &Path, tools: &Path) -> anyhow::Result<()> {
        let go = Go::at_hand(Path::new("go"), tools)?;
        let mut install = go.command(BUILD_SECS);
        // Without what only a debugger reads, which takes long to link and to write.
        install.args(["install", "-trimpath", "-ldflags=-s -w"]);
        install.arg(format!("{}@{}", self.package, self.version));
        install.env("GOBIN", folder).env("CGO_ENABLED", "0");
        ensure!(shown(&mut install)?.success, "{} could not be built", self.file());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::GoProgram;

    #[test]
    fn a_program_is_called_after_its_package() {
        let program = GoProgram { package: "example/module/cmd/tool", version: "v1.0.0" };
        assert_eq!(program.file(), "tool");
        assert!(!program.is_there(std::path::Path::new("/no/such/folder")));
    }
}
