//! What a log keeps, and the two interfaces through which it keeps it.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Hash;

mod encoding;
mod settlement;

pub use encoding::BatchError;
pub use settlement::{Settlement, Settler};

/// Where the tiles go: written once, never changed. One store belongs to one log.
///
/// Paths are relative, in ASCII, of lower-case letters, digits, `/`, `.` and `-`: those of
/// C2SP tlog-tiles (`tile/0/x001/234.p/56`) and those of the search index (`index/…`).
#[async_trait]
pub trait TileStore: Send + Sync {
    /// Keeps an object. When this returns, the object is durable. Writing the same bytes again
    /// succeeds, also at the same time.
    ///
    /// # Errors
    /// Where the object may not be durable; it may be there nevertheless.
    async fn put(&self, path: &str, bytes: Bytes) -> Result<(), StorageError>;

    /// An object, or `None` where there is none.
    ///
    /// # Errors
    /// Where it cannot be said.
    async fn read(&self, path: &str) -> Result<Option<Bytes>, StorageError>;

    /// Forgets an object: a partial tile of which a wider one is durable. Succeeds where there is none.
    ///
    /// # Errors
    /// Where it may still be there, which harms nobody.
    async fn remove(&self, path: &str) -> Result<(), StorageError>;
}

/// Where the state of a log is: one row that is compared and swapped, and batches beside it.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// The state of a log, or `None` before its first.
    ///
    /// # Errors
    /// Where it cannot be said.
    async fn load(&self, origin: &str) -> Result<Option<LogState>, StorageError>;

    /// Begins to replace `expected` (`None`: there was none) by `next` and to keep `batch` beside
    /// it, in one durable transaction. When this returns, the swap is handed in: those that are
    /// handed in one after another are made in that order, so that each may expect what the one
    /// before it makes. What became of it is in the [`Settlement`].
    ///
    /// The states are compared by size, root and checkpoint; `published` is neither compared nor
    /// written here.
    async fn begin_swap(
        &self,
        origin: &str,
        expected: Option<&LogState>,
        next: &LogState,
        batch: Option<&Batch>,
        haste: Haste,
    ) -> Settlement;

    /// The same, and waits. `Ok(false)`: someone else was first, nothing was written.
    ///
    /// # Errors
    /// Where it cannot be said whether it was written.
    async fn swap(
        &self,
        origin: &str,
        expected: Option<&LogState>,
        next: &LogState,
        batch: Option<&Batch>,
    ) -> Result<bool, StorageError> {
        let haste = Haste::AtOnce;
        self.begin_swap(origin, expected, next, batch, haste).await.outcome().await
    }

    /// The kept batches whose first index is at least `from`, in order.
    ///
    /// # Errors
    /// Where they cannot be read.
    async fn batches(&self, origin: &str, from: u64) -> Result<Vec<Batch>, StorageError>;

    /// The tiles up to this size are durable: its checkpoint becomes the published one, unless one
    /// of a greater size is, and batches wholly below it are forgotten.
    ///
    /// # Errors
    /// Where it cannot be said whether it was written.
    async fn publish(&self, origin: &str, size: u64, checkpoint: &str) -> Result<(), StorageError>;
}

/// When a swap is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Haste {
    /// At once: somebody waits for it.
    AtOnce,
    /// With what follows it, in one transaction; after some milliseconds without.
    WithFollower,
}

/// The state of a log: everything that appending to it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    /// How many entries there are.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// The right edge of that tree: the roots of its perfect subtrees, the largest first.
    pub frontier: Vec<Hash>,
    /// The signed checkpoint of that tree.
    pub checkpoint: String,
    /// The newest checkpoint whose tiles are durable, if there is one.
    pub published: Option<Published>,
}

impl LogState {
    /// Whether both speak of the same tree, whatever was published of it: what
    /// [`StateStore::swap`] compares.
    pub fn is_same_tree(&self, other: &Self) -> bool {
        (self.size, self.root, &self.checkpoint) == (other.size, other.root, &other.checkpoint)
    }
}

/// A checkpoint whose tiles are durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// How many entries it covers.
    pub size: u64,
    /// The signed note.
    pub checkpoint: String,
}

/// Entries that were appended at once, and the checkpoint right behind them. A store keeps it as
/// one blob ([`Batch::to_bytes`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The index of the first entry.
    pub first_index: u64,
    /// The entries, at least one.
    pub entries: Vec<Bytes>,
    /// The signed checkpoint of the tree that ends with them.
    pub checkpoint: String,
}

impl Batch {
    /// The index behind the last entry: the size of the tree that ends with them.
    pub fn end(&self) -> u64 {
        self.first_index + self.entries.len() as u64
    }
}

/// A store could not do what it was asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store of the log failed: {message}")]
pub struct StorageError {
    message: String,
    #[source]
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl StorageError {
    /// What failed, and why.
    pub fn new(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { message: message.into(), source: Some(source.into().into()) }
    }

    /// What failed, where there is no error behind it.
    pub fn message(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// Whether there was no room: the one failure of a store that makes nothing doubtful.
    pub(crate) fn is_full(&self) -> bool {
        let first =
            self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static));
        std::iter::successors(first, |error| error.source()).any(|error| {
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
        })
    }
}

#[cfg(test)]
mod tests;
