//! The repository's folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::keys::{KeyError, file};

/// The repository's folder cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// A file or folder cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file or folder cannot be written, or others may read the folder.
    #[error("the folder of the TUF repository cannot be used")]
    Write(#[from] KeyError),
}

/// The highest versions that may ever have been published.
///
/// Written before the documents themselves, so that whatever happens in between, the next version is higher
/// than any that somebody may have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Versions {
    pub(super) targets: u64,
    pub(super) snapshot: u64,
    pub(super) timestamp: u64,
}

/// The folder.
#[derive(Debug)]
pub(super) struct Disk {
    directory: PathBuf,
}

const VERSIONS: &str = "versions.json";
const TARGETS: &str = "targets";

impl Disk {
    pub(super) fn open(directory: &Path) -> Result<Self, DiskError> {
        file::private_directory(directory)?;
        file::private_directory(&directory.join(TARGETS))?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// Every file that clients may ask for, by its path.
    pub(super) fn files(&self) -> Result<BTreeMap<String, Bytes>, DiskError> {
        let mut files = BTreeMap::new();
        for (prefix, directory) in
            [("", self.directory.clone()), ("targets/", self.directory.join(TARGETS))]
        {
            for entry in fs::read_dir(&directory).map_err(read_error(&directory))? {
                let entry = entry.map_err(read_error(&directory))?;
                let name = entry.file_name().into_string().unwrap_or_default();
                let is_file = entry.file_type().map_err(read_error(&entry.path()))?.is_file();
                let has_suffix =
                    Path::new(&name).extension().is_some_and(|suffix| suffix == "json");
                if is_file && has_suffix && name != VERSIONS {
                    let bytes = fs::read(entry.path()).map_err(read_error(&entry.path()))?;
                    files.insert(format!("{prefix}{name}"), Bytes::from(bytes));
                }
            }
        }
        Ok(files)
    }

    /// The versions that were kept; `None` where there are none, or nothing that can be read.
    pub(super) fn versions(&self) -> Result<Option<Versions>, DiskError> {
        let path = self.directory.join(VERSIONS);
        match fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(read_error(&path)(error)),
        }
    }

    /// Keeps the versions. When this returns, they are durable.
    pub(super) fn keep_versions(&self, versions: Versions) -> Result<(), DiskError> {
        let json = serde_json::to_vec(&versions).expect("three numbers can be written");
        self.keep(VERSIONS, &json)
    }

    /// Keeps a file under the path that clients ask for. When this returns, it is durable.
    pub(super) fn keep(&self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        Ok(file::replace(&self.directory.join(path), bytes, file::PUBLIC_MODE)?)
    }
}

fn read_error(path: &Path) -> impl Fn(io::Error) -> DiskError + '_ {
    move |source| DiskError::Read { path: path.to_owned(), source }
}
