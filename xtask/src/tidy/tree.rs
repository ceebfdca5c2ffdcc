//! The files that rules look at, and what they say about them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

/// The project's files by their path from its root (`/` between folders). What is not text is
/// there too, read as well as it can be.
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Everything that git tracks, or would track if it were added, at `root`.
    ///
    /// # Errors
    /// Where git cannot be asked or a file cannot be read.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let listing = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("git, which lists the project's files, could not be started")?;
        ensure!(
            listing.status.success(),
            "git could not list the project's files: {}",
            String::from_utf8_lossy(&listing.stderr).trim()
        );
        let mut files = BTreeMap::new();
        for path in String::from_utf8_lossy(&listing.stdout).split_terminator('\0') {
            let full = root.join(path);
            // Deleted but not yet committed, or a link that leads nowhere.
            if !full.is_file() {
                continue;
            }
            let bytes = std::fs::read(&full).with_context(|| format!("reading {path}"))?;
            files.insert(path.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
        }
        Ok(Self { files })
    }

    /// A tree made up for a test.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let owned = |&(path, text): &(&str, &str)| (path.to_owned(), text.to_owned());
        Self { files: files.iter().map(owned).collect() }
    }

    /// How many files there are.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// Each file's path and text, by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files whose name ends in `.` and `extension`.
    pub(crate) fn with_extension(&self, extension: &str) -> impl Iterator<Item = (&str, &str)> {
        let wanted = extension.to_owned();
        self.files().filter(move |(path, _)| {
            Path::new(path).extension().is_some_and(|found| found == wanted.as_str())
        })
    }

    /// The text of one file, if it is there.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether `path` is a file or a folder that holds one; the empty path is the root.
    pub(crate) fn holds(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty()
            || self.files.contains_key(path)
            || self
                .files
                .range(folder.clone()..)
                .next()
                .is_some_and(|(p, _)| p.starts_with(&folder))
    }

    /// The names of the folders in `crates/` that hold a manifest.
    pub(crate) fn crates(&self) -> impl Iterator<Item = &str> {
        self.files().filter_map(|(path, _)| {
            let name = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
            (!name.contains('/')).then_some(name)
        })
    }

    /// The crates that are one ecosystem each: all that the core does not name as its own parts.
    pub(crate) fn ecosystems(&self) -> impl Iterator<Item = Ecosystem<'_>> {
        self.crates().filter(|name| !super::dependencies::is_core(name)).map(|crate_name| {
            let name = crate_name.strip_prefix("provender-").unwrap_or(crate_name);
            Ecosystem { crate_name, name }
        })
    }
}

/// An ecosystem's crate.
pub(crate) struct Ecosystem<'a> {
    /// The crate, which is also its folder's name.
    pub(crate) crate_name: &'a str,
    /// The ecosystem itself: its purl type.
    pub(crate) name: &'a str,
}

/// Something to mend, and where.
#[derive(Debug)]
pub(crate) struct Finding {
    path: String,
    line: Option<usize>,
    what: String,
}

impl Finding {
    /// About a file as a whole.
    pub(crate) fn file(path: &str, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, what: what.into() }
    }

    /// About one line; `index` counts from 0, as `enumerate` does.
    pub(crate) fn line(path: &str, index: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(index + 1), what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.what),
            None => write!(f, "{}: {}", self.path, self.what),
        }
    }
}
