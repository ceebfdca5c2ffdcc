//! Bytes, by their SHA-256.

use std::marker::PhantomData;
use std::path::Path;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::Stream;
use provender_domain::{BlobId, Digest};

use crate::{BlobError, VerifyError};

/// The blobs of one server. Clones share them.
///
/// On a local file system: `blobs/sha256/ab/<64 hexadecimal digits>` below the root, and
/// `staging/` beside it for files that are being written. The root belongs to one process alone;
/// the caller sees to that.
#[derive(Debug, Clone)]
pub struct Blobs;

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
    pub async fn open(_root: &Path) -> Result<Self, BlobError> {
        unimplemented!()
    }

    /// Begins a new staged file.
    pub async fn stage(&self) -> Result<Staging, BlobError> {
        unimplemented!()
    }

    /// Keeps a verified blob. When this returns, its bytes, its name and its directory entry are
    /// durable. Committing what is there already is fine, also at the same moment, and renews
    /// [`BlobFacts::committed_at`].
    pub async fn commit(&self, _blob: Blob<Verified>) -> Result<BlobId, BlobError> {
        unimplemented!()
    }

    /// Opens a blob; `None` if there is none of that name.
    pub async fn open_blob(&self, _id: &BlobId) -> Result<Option<OpenBlob>, BlobError> {
        unimplemented!()
    }

    /// Reads a small blob whole; `None` if there is none of that name.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] if it has more than `limit_bytes`.
    pub async fn read(&self, _id: &BlobId, _limit_bytes: u64) -> Result<Option<Bytes>, BlobError> {
        unimplemented!()
    }

    /// Removes a blob; one that is not there is fine.
    pub async fn remove(&self, _id: &BlobId) -> Result<(), BlobError> {
        unimplemented!()
    }

    /// Removes a blob unless it was committed (anew) at or after this moment. Answers whether it
    /// is gone. Never races a [`Blobs::commit`] of the same blob: garbage collection should use
    /// this, with the moment before it asked which blobs are in use, less a publication's time.
    pub async fn remove_if_older(
        &self,
        _id: &BlobId,
        _than: SystemTime,
    ) -> Result<bool, BlobError> {
        unimplemented!()
    }

    /// Every committed blob, in no order, in bounded memory.
    pub fn list(&self) -> impl Stream<Item = Result<BlobFacts, BlobError>> + Send + use<> {
        futures_util::stream::empty()
    }

    /// Reads a blob again and hashes it.
    pub async fn scrub(&self, _id: &BlobId) -> Result<Scrub, BlobError> {
        unimplemented!()
    }

    /// Attaches injected faults; see [`crate::Faults`].
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn with_faults(self, _faults: crate::Faults) -> Self {
        unimplemented!()
    }
}

/// A file that is being written. Dropping it removes it.
#[derive(Debug)]
pub struct Staging;

impl Staging {
    /// Appends bytes. May return before they are hashed and written; an error then shows later.
    pub async fn write(&mut self, _chunk: Bytes) -> Result<(), BlobError> {
        unimplemented!()
    }

    /// How many bytes were appended.
    pub fn size_bytes(&self) -> u64 {
        unimplemented!()
    }

    /// Writes and hashes what is left.
    pub async fn finish(self) -> Result<Blob<Unverified>, BlobError> {
        unimplemented!()
    }
}

/// Nobody has held the bytes against what was promised of them.
#[derive(Debug)]
pub enum Unverified {}

/// The bytes have every digest that was promised of them.
#[derive(Debug)]
pub enum Verified {}

/// [`Unverified`] or [`Verified`]; nothing else can be.
pub trait State: sealed::Sealed + Send + Sync + 'static {}

impl State for Unverified {}
impl State for Verified {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Unverified {}
    impl Sealed for super::Verified {}
}

/// A whole staged file, not committed yet. Dropping it removes it.
#[derive(Debug)]
pub struct Blob<S: State> {
    state: PhantomData<S>,
}

impl Blob<Unverified> {
    /// Holds the bytes against every claim. Without claims they are trusted on first use, under
    /// their own SHA-256.
    pub async fn verify(self, _claims: &[Digest]) -> Result<Blob<Verified>, VerifyError> {
        let _ = self.state;
        unimplemented!()
    }
}

impl<S: State> Blob<S> {
    /// The bytes' SHA-256.
    pub fn id(&self) -> BlobId {
        unimplemented!()
    }

    /// How many bytes there are.
    pub fn size_bytes(&self) -> u64 {
        unimplemented!()
    }

    /// A fresh, independent handle at offset 0, for inspection.
    pub fn reader(&self) -> Result<std::fs::File, BlobError> {
        unimplemented!()
    }
}
