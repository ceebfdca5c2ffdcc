//! Bytes, by their SHA-256.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use provender_domain::{Algorithm, BlobId};
use sha2::{Digest as _, Sha256};

use self::blob::Body;
use self::hashers::read_all;
use self::local::Local;
use self::recent::Recent;
use crate::{BlobError, Metadata, Write};

mod blob;
mod content;
mod growing;
mod hashers;
mod local;
mod pace;
mod pieces;
mod recent;
mod small;
mod staging;
mod tail;
mod uncached;
mod upload;
mod writer;

pub use blob::{Blob, State, Unverified, Verified};
pub use content::Content;
pub use small::{SMALL_BLOB_BYTES, SmallBlob};
pub use staging::Staging;
pub use tail::{HELD_BACK_BYTES, Tail, TailReader};
pub use uncached::Unread;
pub use upload::{RemovedUploads, Upload, UploadKey};

/// The blobs of one server. Clones share them.
///
/// On a local file system: `blobs/sha256/ab/<64 hexadecimal digits>` below the root, and beside it
/// `staging/` for files that are being written and `uploads/` for those that come in several
/// requests. The root belongs to one process alone; the caller sees to that. What has at most
/// [`SMALL_BLOB_BYTES`] is a row of the metadata's database, unless it has a file already.
#[derive(Clone)]
pub struct Blobs {
    local: Arc<Local>,
    metadata: Metadata,
    recent: Arc<Recent>,
}

/// A committed blob, open for reading. Removal does not disturb who has it open.
#[derive(Debug)]
pub struct OpenBlob {
    /// At offset 0.
    pub content: Content,
    /// The blob's size, in bytes.
    pub size_bytes: u64,
    /// For whoever is about to send all of a file: that nobody has read it yet.
    pub unread: Option<Unread>,
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
    pub async fn open(root: &Path, metadata: Metadata) -> Result<Self, BlobError> {
        let (root, space) = (root.to_owned(), metadata.space().clone());
        let local = blocking(move || Local::open(&root, &space)).await?;
        Ok(Self { local: Arc::new(local), metadata, recent: Arc::new(Recent::new()) })
    }

    /// Begins a new staged file. It is made with the first bytes that are written.
    pub async fn stage(&self) -> Result<Staging, BlobError> {
        self.stage_hashed(&[]).await
    }

    /// The same, hashed by these algorithms too while it is written: [`Blob::verify`] then need not
    /// read it again for claims by them.
    #[expect(clippy::unused_async, reason = "a remote store begins with a request")]
    pub async fn stage_hashed(&self, algorithms: &[Algorithm]) -> Result<Staging, BlobError> {
        Ok(Staging::new(Arc::clone(&self.local), algorithms))
    }

    /// Begins a file that comes in several requests. It is found again by its owner and its id
    /// together, with its bytes also after a restart. By which
    /// algorithms it is hashed while it is written, besides SHA-256, is not remembered over a restart.
    ///
    /// How many there may be at once is the caller's to limit; those that nobody goes on with are
    /// [`Blobs::remove_abandoned_uploads`]' to remove.
    ///
    /// # Errors
    /// [`BlobError::Io`] if this process knows one of this owner and id.
    #[expect(clippy::unused_async, reason = "a remote store begins with a request")]
    pub async fn create_upload(
        &self,
        key: UploadKey<'_>,
        algorithms: &[Algorithm],
    ) -> Result<Upload, BlobError> {
        Upload::create(&self.local, key, algorithms)
    }

    /// How many such files this process knows of.
    pub fn uploads_under_way(&self) -> usize {
        self.local.uploads().count()
    }

    /// Whether this process knows of this one: it has a place, and needs no other.
    pub fn knows_upload(&self, key: UploadKey<'_>) -> bool {
        self.local.uploads().is_known(key)
    }

    /// Whether one more may be begun, where so many may be known of at most. To make room, those are
    /// forgotten that were begun, got no bytes and are held by nobody, the oldest first;
    /// [`Blobs::resume_begun_upload`] goes on with them all the same. Where that does not do, the
    /// publisher who has most loses the one that nobody has gone on with for longest, with its bytes:
    /// nobody who has fewer is kept waiting. It is false only while somebody holds every one.
    pub async fn make_room_for_upload(&self, limit: usize) -> Result<bool, BlobError> {
        upload::make_room(&self.local, limit).await
    }

    /// Whether any was forgotten to make room.
    pub fn has_forgotten_uploads(&self) -> bool {
        self.local.uploads().has_forgotten()
    }

    /// Goes on with such a file, behind the last byte that was written; `None` if there is none.
    ///
    /// # Errors
    /// [`BlobError::Busy`] while somebody holds it.
    pub async fn resume_upload(&self, key: UploadKey<'_>) -> Result<Option<Upload>, BlobError> {
        Upload::resume(Arc::clone(&self.local), key, false).await
    }

    /// The same for one that was begun, as the caller knows, and did not end: where nothing is known
    /// of it, it was begun by an earlier process, or forgotten to make room, and got no bytes.
    ///
    /// # Errors
    /// [`BlobError::Busy`] while somebody holds it.
    pub async fn resume_begun_upload(&self, key: UploadKey<'_>) -> Result<Upload, BlobError> {
        let upload = Upload::resume(Arc::clone(&self.local), key, true).await?;
        upload.ok_or(BlobError::Abandoned)
    }

    /// Removes every upload that nobody holds and nobody has written to since this moment, without
    /// keeping a thread for long.
    pub async fn remove_abandoned_uploads(
        &self,
        older_than: SystemTime,
    ) -> Result<RemovedUploads, BlobError> {
        upload::remove_abandoned(Arc::clone(&self.local), older_than).await
    }

    /// Keeps a verified blob. When this returns, its bytes and its name are durable. Committing
    /// what is there already is fine, also at the same moment: it renews
    /// [`BlobFacts::committed_at`], and bytes that the disk has damaged since.
    pub async fn commit(&self, blob: Blob<Verified>) -> Result<BlobId, BlobError> {
        let id = blob.id();
        if let Some(keep) = self.commit_with_row(blob).await? {
            self.metadata.commit(vec![keep], Vec::new()).await?;
        }
        Ok(id)
    }

    /// The same, for who is about to commit a row that points to the blob: one that is small is
    /// left to that commit. What is returned has to stand in it, before the row. Without it, and
    /// until then, the blob is not there.
    #[must_use = "a small blob is not kept before this is committed"]
    pub async fn commit_with_row(&self, blob: Blob<Verified>) -> Result<Option<Write>, BlobError> {
        let (local, staged) = (Arc::clone(&self.local), blob.into_staged());
        match &staged.body {
            // What has a file keeps it: the bytes are not kept twice, and the file is mended.
            Body::Memory(bytes) if !local.has(&staged.id)? => {
                let keep = Write::KeepBytes(SmallBlob::new(staged.id, bytes.clone()));
                staged.leave();
                Ok(Some(keep))
            }
            _ => blocking(move || local.commit(staged)).await.map(|_| None),
        }
    }

    /// Opens a blob; `None` if there is none of that name.
    ///
    /// This is on the path of every download, so it makes its two system calls (open, fstat) here
    /// and now: a few microseconds, less than handing them to another thread. They read
    /// directories and inodes, which the kernel keeps in memory for all that is asked for often.
    /// What has no file is asked of the database, if it was not read lately.
    pub async fn open_blob(&self, id: &BlobId) -> Result<Option<OpenBlob>, BlobError> {
        if let Some(bytes) = self.recent.find(id) {
            return Ok(Some(bytes.into()));
        }
        let reading = self.recent.begin();
        let open = self.open_stored(id).await?;
        if let Some(OpenBlob { content: Content::Memory(bytes), .. }) = &open {
            self.recent.keep(&reading, *id, bytes.get_ref().clone());
        }
        Ok(open)
    }

    /// From where it is kept.
    async fn open_stored(&self, id: &BlobId) -> Result<Option<OpenBlob>, BlobError> {
        if let Some(file) = self.local.open_blob(id)? {
            let size_bytes = file.metadata().map_err(BlobError::Io)?.len();
            let unread = Unread::of(&self.local, id);
            return Ok(Some(OpenBlob { content: file.into(), size_bytes, unread }));
        }
        Ok(self.metadata.small_blob(id).await?.map(OpenBlob::from))
    }

    /// Reads a small blob whole; `None` if there is none of that name.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] if it has more than `limit_bytes`.
    pub async fn read(&self, id: &BlobId, limit_bytes: u64) -> Result<Option<Bytes>, BlobError> {
        if self.local.has(id)?
            && let Some(bytes) = self.local.read(id, limit_bytes).await?
        {
            return Ok(Some(bytes));
        }
        let bytes = self.metadata.small_blob(id).await?;
        match bytes.as_ref().map(|bytes| bytes.len() as u64) {
            Some(size_bytes) if size_bytes > limit_bytes => {
                Err(BlobError::TooLarge { size_bytes, limit_bytes })
            }
            _ => Ok(bytes),
        }
    }

    /// Removes a blob; one that is not there is fine.
    pub async fn remove(&self, id: &BlobId) -> Result<(), BlobError> {
        self.local.remove(id).await?;
        let removed = small::remove(&self.metadata, id, None).await;
        self.recent.remove(id);
        removed.map(drop)
    }

    /// Removes a blob unless it was committed (anew) at or after this moment. Answers whether it
    /// was there and is gone.
    ///
    /// Never races a [`Blobs::commit`] of the same blob in this process. So garbage collection
    /// that removes nothing younger than the longest publication takes, and asks which blobs are
    /// in use after it took that moment, never takes bytes from under a row.
    pub async fn remove_if_older(&self, id: &BlobId, than: SystemTime) -> Result<bool, BlobError> {
        let (local, file) = (Arc::clone(&self.local), *id);
        let had_file = blocking(move || local.remove_if_older(&file, than)).await?;
        let removed = small::remove(&self.metadata, id, Some(than)).await;
        self.recent.remove(id);
        Ok(removed? || had_file)
    }

    /// Every committed blob, in no order, in bounded memory.
    pub fn list(&self) -> impl Stream<Item = Result<BlobFacts, BlobError>> + Send + use<> {
        self.local.list().chain(small::list(self.metadata.clone()))
    }

    /// Reads a blob again and hashes it.
    pub async fn scrub(&self, id: &BlobId) -> Result<Scrub, BlobError> {
        let id = *id;
        let Some(OpenBlob { mut content, .. }) = self.open_stored(&id).await? else {
            return Ok(Scrub::Missing);
        };
        blocking(move || {
            let mut hasher = Sha256::new();
            read_all(&mut content, |bytes| hasher.update(bytes))?;
            let actual = BlobId::from_bytes(hasher.finalize().into());
            Ok(if actual == id { Scrub::Intact } else { Scrub::Damaged { actual } })
        })
        .await
    }

    /// A file without a name, gone when it is closed: for bytes that nobody keeps and the kernel is
    /// to send.
    pub fn unnamed_file(&self) -> std::io::Result<std::fs::File> {
        self.local.unnamed_file()
    }

    /// Attaches injected faults; see [`crate::Faults`].
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn with_faults(self, faults: crate::Faults) -> Self {
        self.local.steps().attach(faults);
        self
    }

    /// As if the disk had been found to be slow: nothing goes past the kernel's cache for minutes.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn on_a_slow_disk(self) -> Self {
        self.local.uncached().pace().be_slow(std::time::Instant::now());
        self
    }
}

impl From<Bytes> for OpenBlob {
    fn from(bytes: Bytes) -> Self {
        Self { size_bytes: bytes.len() as u64, content: bytes.into(), unread: None }
    }
}

/// Runs file work on a thread that may wait. It is begun at once, whenever it is waited for.
fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> impl Future<Output = Result<T, BlobError>> + Send {
    let thread = tokio::task::spawn_blocking(work);
    async {
        let done = thread.await;
        done.unwrap_or_else(|error| Err(BlobError::Io(std::io::Error::other(error))))
    }
}
