//! Conditions that the store can meet.

use std::io;
use std::sync::Arc;

use provender_domain::{BlobId, Digest, FileName, FileState, Origin};

/// Why metadata was not read or written.
///
/// When [`Metadata::commit`](crate::Metadata::commit) returns one of the conditions up to
/// [`StoreError::InUse`], nothing was written. After any other error from `commit` the transaction
/// is normally undone too, but if the failure hit the very moment of committing, it may have
/// happened whole; repeating it is safe and then answers [`StoreError::SameFile`],
/// [`StoreError::Exists`] or [`StoreError::Missing`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Something of this name is there already.
    #[error("the {what} {name} exists already")]
    Exists {
        /// What kind of thing: `repository`, `upstream`, …
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There is nothing of this name.
    #[error("there is no {what} {name}")]
    Missing {
        /// What kind of thing: `repository`, `package`, …
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The file is recorded already, with the same bytes, and is not deleted.
    #[error("this file is recorded already, with the same bytes")]
    SameFile,
    /// The file's name is taken, by other bytes or by a tombstone.
    #[error("the file's name is taken by the bytes {existing}")]
    FileExists {
        /// The bytes that have the name.
        existing: BlobId,
        /// Their state; for a tombstone they may be equal to the new ones.
        state: FileState,
    },
    /// The package's name is bound to another origin.
    #[error("the package's name is bound to another origin: {bound:?}")]
    OriginBound {
        /// The origin it is bound to.
        bound: Origin,
    },
    /// The tag may not be moved, and points to another file.
    #[error("the tag points to {file} and may not be moved")]
    TagTaken {
        /// Where it points.
        file: FileName,
    },
    /// A file needs another of its package that is not there.
    #[error("{target}, which the file needs, is not there")]
    MissingReference {
        /// What it needs.
        target: FileName,
    },
    /// What the commit follows is not in its log: the swap failed, or somebody else was faster.
    #[error("the entry that this follows is not in its log")]
    NotLogged,
    /// A tag or another file refers to the file, or it was not unreferred to for long enough.
    #[error("the file is in use")]
    InUse,
    /// The database was written by a newer version of this program.
    #[error(
        "the database has schema {found}, this version knows only up to {known}; run the newer version again"
    )]
    NewerSchema {
        /// The database's schema.
        found: i64,
        /// The newest schema that this version knows.
        known: i64,
    },
    /// The database takes texts in another encoding than UTF-8, and so not all of them.
    #[error(
        "the database has the encoding {found}; make one with TEMPLATE template0 ENCODING 'UTF8'"
    )]
    Encoding {
        /// Its encoding.
        found: String,
    },
    /// The disk, or the database's quota, is full.
    #[error("no space is left for the database")]
    Full(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A row says what this program never writes.
    #[error("the database holds a malformed {what}")]
    Corrupt {
        /// Which kind of fact.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The address is neither an `SQLite` path nor a `PostgreSQL` URL.
    #[error("a database address is postgres://… or sqlite:PATH")]
    UnknownDatabase,
    /// The store has been closed, or the runtime that it lives in is shutting down.
    #[error("the database is closed")]
    Closed,
    /// The database failed.
    #[error("the database failed")]
    Database(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed) {
            return Self::Closed;
        }
        let full = is_full(&error);
        Self::of_database(error, full)
    }
}

impl StoreError {
    fn of_database(error: impl std::error::Error + Send + Sync + 'static, full: bool) -> Self {
        let source = Arc::new(error);
        if full { Self::Full(source) } else { Self::Database(source) }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|error| error.extended_code.to_string());
        Self::of_database(error, code.is_some_and(|code| FULL_CODES.contains(&&*code)))
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        sqlx::Error::Io(error).into()
    }
}

/// What the databases call a full disk: `SQLITE_FULL`; `SQLITE_IOERR_SHMSIZE`, since the shared
/// index of `SQLite`'s log fails to grow for no other reason; `disk_full` of `PostgreSQL`.
const FULL_CODES: [&str; 3] = ["13", "4874", "53100"];

fn is_full(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => is_full_disk(error),
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| FULL_CODES.contains(&&*code))
        }
        _ => false,
    }
}

pub(crate) fn is_full_disk(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Why bytes were not read or written.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The disk, or the user's quota, is full.
    #[error("no space is left for blobs")]
    Full(#[source] io::Error),
    /// The operating system forbids it.
    #[error("the blob directory may not be accessed")]
    PermissionDenied(#[source] io::Error),
    /// The blob is larger than the caller wants to hold in memory.
    #[error("the blob has {size_bytes} bytes, more than the {limit_bytes} asked for")]
    TooLarge {
        /// The blob's size, in bytes.
        size_bytes: u64,
        /// What the caller allowed, in bytes.
        limit_bytes: u64,
    },
    /// An earlier write to this staged file failed, and its error was returned then.
    #[error("an earlier write to this staged file failed")]
    Abandoned,
    /// Somebody else is at this upload.
    #[error("somebody else is at this upload")]
    Busy,
    /// The file that was read while it was written is not kept after all.
    #[error("the file that is read is not kept after all")]
    Withdrawn,
    /// The database, which keeps what is small.
    #[error("the database that keeps small blobs failed")]
    Database(#[source] StoreError),
    /// Anything else that goes wrong with files.
    #[error("the blob store failed")]
    Io(#[source] io::Error),
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            _ if is_full_disk(&error) => Self::Full(error),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::PermissionDenied(error)
            }
            _ => Self::Io(error),
        }
    }
}

impl From<StoreError> for BlobError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(_) => Self::Full(io::Error::new(io::ErrorKind::StorageFull, error)),
            error => Self::Database(error),
        }
    }
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        let kind = io_kind(&error).unwrap_or(io::ErrorKind::Other);
        io::Error::new(kind, error).into()
    }
}

/// The kind of the first I/O error in the chain of causes.
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        cause = current.source();
    }
    None
}

/// Why staged bytes were not taken for verified. The staged file is removed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The bytes are not those that somebody claimed.
    #[error("{expected} was promised, the {size_bytes} bytes have {actual}")]
    Mismatch {
        /// The claim that does not hold.
        expected: Digest,
        /// The bytes' digest of the same algorithm.
        actual: Digest,
        /// The bytes' SHA-256.
        id: BlobId,
        /// How many there are.
        size_bytes: u64,
    },
    /// The staged file could not be read again.
    #[error("the staged file could not be read")]
    Io(#[source] BlobError),
}
