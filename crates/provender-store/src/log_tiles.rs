//! A transparency log's tiles on a local file system.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use provender_tlog::{StorageError, TileStore};
use tokio::task::spawn_blocking;

use self::directories::Directories;
use self::place::Place;
use crate::steps::Steps;
use crate::{BlobError, Space};

mod directories;
mod place;

/// Below the root: what is being written. No name of an object begins with a dot.
const STAGING: &str = ".staging";
/// How often writing begins anew because its directory was removed at that moment.
const TRIES: u32 = 8;

/// The tiles of one log, below a directory of its own: each object is the file of its name.
///
/// An object is written under another name, made durable, and only then gets its name, so that
/// what is there is whole. One that is there with other bytes is never replaced: a log that says
/// two things about one place is broken, and which of the two is true is not for a store to say.
#[derive(Debug, Clone)]
pub struct LogTiles(Arc<Tiles>);

#[derive(Debug)]
struct Tiles {
    root: PathBuf,
    directories: Directories,
    steps: Steps,
}

impl LogTiles {
    /// Opens the tiles below this directory, making it (mode 0700) where it is missing and
    /// emptying it of what a crash left half written.
    ///
    /// The directory belongs to one process alone; the caller sees to that.
    pub async fn open(root: &Path) -> Result<Self, BlobError> {
        Self::open_telling(root, &Space::default()).await
    }

    /// The same; a write that finds no space tells `space`.
    pub async fn open_telling(root: &Path, space: &Space) -> Result<Self, BlobError> {
        let (root, space) = (root.to_owned(), space.clone());
        let opened = spawn_blocking(move || Tiles::open(root, &space)).await;
        let tiles = opened.unwrap_or_else(|error| Err(io::Error::other(error)))?;
        Ok(Self(Arc::new(tiles)))
    }

    /// Attaches injected faults; see [`crate::Faults`].
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn with_faults(self, faults: crate::Faults) -> Self {
        self.0.steps.attach(faults);
        self
    }

    /// Runs file work on a thread that may wait.
    async fn blocking<T: Send + 'static>(
        &self,
        path: &str,
        work: impl FnOnce(&Tiles, &Place) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let place = Place::parse(path)?;
        let tiles = Arc::clone(&self.0);
        let done = spawn_blocking(move || work(&tiles, &place)).await;
        let done = done.unwrap_or_else(|error| Err(io::Error::other(error)));
        done.map_err(|error| StorageError::new(format!("the object {path}"), error))
    }
}

#[async_trait]
impl TileStore for LogTiles {
    async fn put(&self, path: &str, bytes: Bytes) -> Result<(), StorageError> {
        self.blocking(path, move |tiles, place| tiles.put(place, &bytes)).await
    }

    async fn read(&self, path: &str) -> Result<Option<Bytes>, StorageError> {
        self.blocking(path, Tiles::read).await
    }

    async fn remove(&self, path: &str) -> Result<(), StorageError> {
        self.blocking(path, Tiles::remove).await
    }
}

impl Tiles {
    fn open(root: PathBuf, space: &Space) -> io::Result<Self> {
        let steps = Steps::telling(space);
        let directories = Directories::make_root(&root, &steps)?;
        let staging = root.join(STAGING);
        directories::make(&staging)?;
        for entry in fs::read_dir(&staging)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(Self { root, directories, steps })
    }

    fn put(&self, place: &Place, bytes: &[u8]) -> io::Result<()> {
        let mut last = None;
        for _ in 0..TRIES {
            match self.try_put(place, bytes) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // Somebody removed the last object of the directory, and the directory.
                    self.directories.forget(place);
                    last = Some(error);
                }
                done => return done,
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
    }

    /// Bytes first, then the name, then the directory that has the name.
    fn try_put(&self, place: &Place, bytes: &[u8]) -> io::Result<()> {
        let path = place.below(&self.root);
        let parent = path.parent().unwrap_or(&self.root);
        if !is_there(&path, bytes)? {
            self.directories.ensure(&self.root, place, &self.steps)?;
            let staging = self.root.join(STAGING);
            let mut staged =
                self.steps.file(|| tempfile::Builder::new().prefix("").tempfile_in(&staging))?;
            self.steps.file(|| staged.write_all(bytes))?;
            self.steps.file(|| staged.as_file().sync_all())?;
            match self.steps.file(|| staged.persist_noclobber(&path).map_err(io::Error::from)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    is_there(&path, bytes)?;
                }
                named => drop(named?),
            }
        }
        // Also for what was there: whoever named it may not have come to this.
        self.steps.file(|| directories::sync(parent))
    }

    fn read(&self, place: &Place) -> io::Result<Option<Bytes>> {
        Ok(present(fs::read(place.below(&self.root)))?.map(Bytes::from))
    }

    /// The directory goes too if it is empty then: each partial tile has had one for its widths.
    fn remove(&self, place: &Place) -> io::Result<()> {
        let path = place.below(&self.root);
        present(self.steps.file(|| fs::remove_file(&path)))?;
        if let Some(parent) = path.parent().filter(|parent| *parent != self.root)
            && fs::remove_dir(parent).is_ok()
        {
            self.directories.forget(place);
        }
        Ok(())
    }
}

/// Whether the object is there already.
fn is_there(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    match present(fs::read(path))? {
        None => Ok(false),
        Some(kept) if kept == bytes => Ok(true),
        Some(_) => {
            let message = "it is there with other bytes, and is not replaced";
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        }
    }
}

fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
