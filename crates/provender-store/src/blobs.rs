//! Bytes, by their SHA-256.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::Stream;
use provender_domain::{Algorithm, BlobId};

use self::local::Local;
use crate::BlobError;

mod blob;
mod hashers;
mod local;
mod staging;
mod tail;
mod upload;
mod writer;

pub use blob::{Blob, State, Unverified, Verified};
pub use staging::Staging;
pub use tail::{HELD_BACK_BYTES, Tail, TailReader};
pub use upload::{RemovedUploads, Upload};

/// The blobs of one server. Clones share them.
///
/// On a local file system: `blobs/sha256/ab/<64 hexadecimal digits>` below the root, and beside it
/// `staging/` for files that are being written and `uploads/` for those that come in several
/// requests. The root belongs to one process alone; the caller sees to that.
#[derive(Debug, Clone)]
pub struct Blobs(Arc<Local>);

/// A committed blob, open for reading. Removal does not disturb who has it open.
#[derive(Debug)]
pub struct OpenBlob {
    /// At offset 0.
    pub file: std::fs::File,
    /// The blob's size, in bytes.
    pub size_bytes: u64,
}

/// One blob in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobFacts {
    /// Its name.
    pub id: BlobId,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// When it was last committed, also when it was there already.
    pub committed_at: SystemTime,
}

/// What reading a blob again shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scrub {
    /// Its bytes still have its name.
    Intact,
    /// They do not.
    Damaged {
        /// What they hash to.
        actual: BlobId,
    },
    /// There is no such blob.
    Missing,
}

impl Blobs {
    /// Opens the blobs below this directory, making directories (mode 0700) as needed, emptying
    /// `staging/` of what a crash left, and checking that it can write.
    pub async fn open(root: &Path) -> Result<Self, BlobError> {
        let root = root.to_owned();
        let local = blocking(move || Local::open(&root)).await?;
        Ok(Self(Arc::new(local)))
    }

    /// Begins a new staged file. It is made with the first bytes that are written.
    pub async fn stage(&self) -> Result<Staging, BlobError> {
        self.stage_hashed(&[]).await
    }

    /// The same, hashed by these algorithms too while it is written: [`Blob::verify`] then need not
    /// read it again for claims by them.
    #[expect(clippy::unused_async, reason = "a remote store begins with a request")]
    pub async fn stage_hashed(&self, algorithms: &[Algorithm]) -> Result<Staging, BlobError> {
        Ok(Staging::new(Arc::clone(&self.0), algorithms))
    }

    /// Begins a file that comes in several requests. It is found again by this owner and this id
    /// together, which nobody should be able to guess; also after a restart. By which algorithms
    /// it is hashed while it is written, besides SHA-256, is not remembered over a restart.
    ///
    /// How many there may be at once is the caller's to limit; those that nobody goes on with are
    /// [`Blobs::remove_abandoned_uploads`]' to remove.
    ///
    /// # Errors
    /// [`BlobError::Io`] if there is one of this owner and id.
    pub async fn create_upload(
        &self,
        owner: &str,
        id: &str,
        algorithms: &[Algorithm],
    ) -> Result<Upload, BlobError> {
        Upload::create(Arc::clone(&self.0), owner, id, algorithms).await
    }

    /// How many such files this process knows of.
    pub fn uploads_under_way(&self) -> usize {
        self.0.uploads().count()
    }

    /// Goes on with such a file, behind the last byte that was written; `None` if there is none.
    ///
    /// # Errors
    /// [`BlobError::Busy`] while somebody holds it.
    pub async fn resume_upload(&self, owner: &str, id: &str) -> Result<Option<Upload>, BlobError> {
        Upload::resume(Arc::clone(&self.0), owner, id).await
    }

    /// Removes every upload that nobody holds and nobody has written to since this moment, without
    /// keeping a thread for long.
    pub async fn remove_abandoned_uploads(
        &self,
        older_than: SystemTime,
    ) -> Result<RemovedUploads, BlobError> {
        upload::remove_abandoned(Arc::clone(&self.0), older_than).await
    }

    /// Keeps a verified blob. When this returns, its bytes, its name and its directory entry are
    /// durable. Committing what is there already is fine, also at the same moment: it renews
    /// [`BlobFacts::committed_at`], and bytes that the disk has damaged since.
    pub async fn commit(&self, blob: Blob<Verified>) -> Result<BlobId, BlobError> {
        let local = Arc::clone(&self.0);
        blocking(move || local.commit(blob.into_staged())).await
    }

    /// Opens a blob; `None` if there is none of that name.
    ///
    /// This is on the path of every download, so it makes its two system calls (open, fstat) here
    /// and now: a few microseconds, less than handing them to another thread. They read
    /// directories and inodes, which the kernel keeps in memory for all that is asked for often.
    #[expect(clippy::unused_async, reason = "a remote store opens with a request")]
    pub async fn open_blob(&self, id: &BlobId) -> Result<Option<OpenBlob>, BlobError> {
        self.0.open_blob(id)
    }

    /// Reads a small blob whole; `None` if there is none of that name.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] if it has more than `limit_bytes`.
    pub async fn read(&self, id: &BlobId, limit_bytes: u64) -> Result<Option<Bytes>, BlobError> {
        self.0.read(id, limit_bytes).await
    }

    /// Removes a blob; one that is not there is fine.
    pub async fn remove(&self, id: &BlobId) -> Result<(), BlobError> {
        self.0.remove(id).await
    }

    /// Removes a blob unless it was committed (anew) at or after this moment. Answers whether it
    /// was there and is gone.
    ///
    /// Never races a [`Blobs::commit`] of the same blob in this process. So garbage collection
    /// that removes nothing younger than the longest publication takes, and asks which blobs are
    /// in use after it took that moment, never takes bytes from under a row.
    pub async fn remove_if_older(&self, id: &BlobId, than: SystemTime) -> Result<bool, BlobError> {
        let (local, id) = (Arc::clone(&self.0), *id);
        blocking(move || local.remove_if_older(&id, than)).await
    }

    /// Every committed blob, in no order, in bounded memory.
    pub fn list(&self) -> impl Stream<Item = Result<BlobFacts, BlobError>> + Send + use<> {
        self.0.list()
    }

    /// Reads a blob again and hashes it.
    pub async fn scrub(&self, id: &BlobId) -> Result<Scrub, BlobError> {
        let (local, id) = (Arc::clone(&self.0), *id);
        blocking(move || local.scrub(&id)).await
    }

    /// A file without a name, gone when it is closed: for bytes that nobody keeps and the kernel is
    /// to send.
    pub fn unnamed_file(&self) -> std::io::Result<std::fs::File> {
        self.0.unnamed_file()
    }

    /// Attaches injected faults; see [`crate::Faults`].
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn with_faults(self, faults: crate::Faults) -> Self {
        self.0.steps().attach(faults);
        self
    }
}

/// Runs file work on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(BlobError::Io(std::io::Error::other(error))))
}
