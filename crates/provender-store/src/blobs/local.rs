//! Blobs on a local file system.
//!
//! Reading whole blobs, listing and removing go through `object_store`, as a remote store's would.
//! Writing does not: its `rename` (as of 0.14, with fsync turned on) leaves the file's own fsync
//! to the caller and adds one of the staging directory, which every concurrent writer dirties; and
//! each step here must be one that a test can make fail.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use provender_domain::BlobId;
use tempfile::TempPath;
use tokio::sync::Semaphore;

use super::BlobFacts;
use super::blob::{Body, Staged};
use super::uncached::Uncached;
use super::upload::Uploads;
use crate::error::is_full_disk;
use crate::steps::Steps;
use crate::{BlobError, Space};

/// How many directories blobs are spread over: one per value of their name's first byte.
const SHARDS: usize = 256;
/// How many files at most are made durable at once before they are whole: on a slow disk, everybody
/// else's threads would wait for it.
const EARLY_SYNCS_MAX: usize = 16;

/// The blobs below one directory.
#[derive(Debug)]
pub(super) struct Local {
    blobs: PathBuf,
    staging: PathBuf,
    uploads: Uploads,
    store: LocalFileSystem,
    /// Held per shard while a name is put in place, or is looked at and taken away.
    turns: Vec<Mutex<()>>,
    early_syncs: Arc<Semaphore>,
    uncached: Uncached,
    steps: Steps,
}

impl Local {
    pub(super) fn open(root: &Path, space: &Space) -> Result<Self, BlobError> {
        let blobs = root.join("blobs");
        let (staging, uploads) = (root.join("staging"), root.join("uploads"));
        make_directories(root, &blobs, &[&staging, &uploads])?;
        empty(&staging)?;
        let store = LocalFileSystem::new_with_prefix(&blobs)?;
        let turns = std::iter::repeat_with(Mutex::default).take(SHARDS).collect();
        let uploads = Uploads::new(uploads);
        let steps = Steps::telling(space);
        let early_syncs = Arc::new(Semaphore::new(EARLY_SYNCS_MAX));
        let uncached = Uncached::new();
        let local = Self { blobs, staging, uploads, store, turns, early_syncs, uncached, steps };
        match local.try_to_write() {
            // What is kept can be read all the same; that there is no room was told.
            Err(error) if is_full_disk(&error) => {}
            tried => tried?,
        }
        Ok(local)
    }

    fn try_to_write(&self) -> io::Result<()> {
        let (mut file, _path) = self.create_staged()?;
        self.steps.file(|| file.write_all(b"can this be written?"))
    }

    pub(super) fn steps(&self) -> &Steps {
        &self.steps
    }

    /// Room for threads that make files durable which are not whole.
    pub(super) fn early_syncs(&self) -> &Arc<Semaphore> {
        &self.early_syncs
    }

    /// What goes past the kernel's cache.
    pub(super) fn uncached(&self) -> &Uncached {
        &self.uncached
    }

    pub(super) fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    /// No part of any commit: a failure is nobody's loss.
    pub(super) fn unnamed_file(&self) -> io::Result<File> {
        tempfile::tempfile_in(&self.staging)
    }

    /// An empty file in `staging/`, for its owner alone, removed with its path.
    pub(super) fn create_staged(&self) -> io::Result<(File, TempPath)> {
        let file =
            self.steps.file(|| tempfile::Builder::new().prefix("").tempfile_in(&self.staging))?;
        Ok(file.into_parts())
    }

    /// A name that is free is taken first, then bytes and directory are made durable: in one go,
    /// as most file systems write both with one journal, which saves a small file half the time.
    /// A crash before that leaves a name whose bytes may be torn; no row points to it, and whoever
    /// commits the same blob finds it taken. A name that is taken may be in use: there the bytes are
    /// durable before they replace what is there.
    pub(super) fn commit(&self, staged: Staged) -> Result<BlobId, BlobError> {
        let Staged { source, body, path, id, early, .. } = staged;
        let (file, path) = match (body, path) {
            (Body::File(file), Some(path)) => (file, path),
            (Body::Memory(bytes), _) => self.write_out(&bytes)?,
            (Body::File(_), None) => return Err(io::Error::from(io::ErrorKind::NotFound).into()),
        };
        let place = self.path(&id);
        file.set_modified(SystemTime::now())?;
        let taken = {
            let _turn = self.turn(&id);
            self.steps.file(|| take_name(path, &place))?
        };
        self.steps.file(|| file.sync_all())?;
        early.end()?;
        if let Some(path) = taken {
            let _turn = self.turn(&id);
            self.steps.file(|| path.persist(&place).map_err(io::Error::from))?;
        }
        self.steps.file(|| sync_directory(&self.shard(&id)))?;
        if early.went_past_the_cache() {
            self.uncached.note_unread(id);
        }
        source.leave();
        Ok(id)
    }

    /// Puts bytes that are in memory into a staged file.
    fn write_out(&self, bytes: &[u8]) -> io::Result<(Arc<File>, TempPath)> {
        let (mut file, path) = self.create_staged()?;
        self.steps.file(|| file.write_all(bytes))?;
        Ok((Arc::new(file), path))
    }

    /// Whether there is a file of this name.
    pub(super) fn has(&self, id: &BlobId) -> io::Result<bool> {
        self.path(id).try_exists()
    }

    pub(super) fn open_blob(&self, id: &BlobId) -> io::Result<Option<File>> {
        present(File::open(self.path(id)))
    }

    pub(super) async fn read(
        &self,
        id: &BlobId,
        limit_bytes: u64,
    ) -> Result<Option<Bytes>, BlobError> {
        let found = match self.store.get(&key(id)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            found => found?,
        };
        let size_bytes = found.meta.size;
        if size_bytes > limit_bytes {
            return Err(BlobError::TooLarge { size_bytes, limit_bytes });
        }
        Ok(Some(found.bytes().await?))
    }

    pub(super) async fn remove(&self, id: &BlobId) -> Result<(), BlobError> {
        match self.store.delete(&key(id)).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            done => Ok(done?),
        }
    }

    pub(super) fn remove_if_older(&self, id: &BlobId, than: SystemTime) -> Result<bool, BlobError> {
        let place = self.path(id);
        let _turn = self.turn(id);
        let Some(metadata) = present(fs::metadata(&place))? else {
            return Ok(false);
        };
        if metadata.modified()? >= than {
            return Ok(false);
        }
        fs::remove_file(&place)?;
        Ok(true)
    }

    pub(super) fn list(&self) -> impl Stream<Item = Result<BlobFacts, BlobError>> + Send + use<> {
        self.store.list(None).filter_map(async |found| match found {
            Ok(meta) => facts(&meta).map(Ok),
            // Removed between being listed and being looked at.
            Err(object_store::Error::NotFound { .. }) => None,
            Err(error) => Some(Err(error.into())),
        })
    }

    fn turn(&self, id: &BlobId) -> MutexGuard<'_, ()> {
        let turn = &self.turns[usize::from(id.as_bytes()[0])];
        turn.lock().expect("nobody panics while holding it")
    }

    fn shard(&self, id: &BlobId) -> PathBuf {
        self.blobs.join("sha256").join(hex::encode([id.as_bytes()[0]]))
    }

    fn path(&self, id: &BlobId) -> PathBuf {
        self.shard(id).join(id.to_hex())
    }
}

/// Gives the file this name if nothing has it; else it keeps its own, which comes back.
fn take_name(path: TempPath, name: &Path) -> io::Result<Option<TempPath>> {
    match path.persist_noclobber(name) {
        Ok(()) => Ok(None),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
            Ok(Some(refused.path))
        }
        Err(refused) => Err(refused.error),
    }
}

/// A blob's name as `object_store` has it.
fn key(id: &BlobId) -> object_store::path::Path {
    let hex = id.to_hex();
    object_store::path::Path::from_iter(["sha256", &hex[..2], &hex])
}

/// `None` for what is no blob.
fn facts(meta: &ObjectMeta) -> Option<BlobFacts> {
    let id = meta.location.filename()?.parse().ok()?;
    let committed_at = meta.last_modified.into();
    Some(BlobFacts { id, size_bytes: meta.size, committed_at })
}

pub(super) fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes every directory there will ever be, once, so that commits need not; durably.
fn make_directories(root: &Path, blobs: &Path, beside: &[&Path]) -> io::Result<()> {
    let mut directory = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
    directory.recursive(true).create(root)?;
    let names = blobs.join("sha256");
    directory.create(&names)?;
    for path in beside {
        directory.create(path)?;
    }
    directory.recursive(false);
    let mut made = false;
    for shard in 0..SHARDS {
        match directory.create(names.join(format!("{shard:02x}"))) {
            Ok(()) => made = true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    if made {
        let above = root.parent().filter(|parent| !parent.as_os_str().is_empty());
        for changed in [Some(&*names), Some(blobs), Some(root), above].into_iter().flatten() {
            sync_directory(changed)?;
        }
    }
    Ok(())
}

fn empty(staging: &Path) -> io::Result<()> {
    for entry in fs::read_dir(staging)? {
        fs::remove_file(entry?.path())?;
    }
    Ok(())
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
