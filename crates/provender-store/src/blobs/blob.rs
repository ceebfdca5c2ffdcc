//! Whole staged files, and the proof that they are what was promised.

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use provender_domain::{Algorithm, BlobId, Digest};
use tempfile::TempPath;

use super::blocking;
use super::content::Content;
use super::growing::EarlySync;
use super::hashers::{digests, without_sha256};
use super::tail::Unkept;
use super::upload::Hold;
use crate::{BlobError, VerifyError};

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
    staged: Staged,
    state: PhantomData<S>,
}

/// What a staged file is, verified or not.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) body: Body,
    /// Its file, removed with it. An upload has one also where its bytes are in memory.
    pub(super) path: Option<TempPath>,
    pub(super) id: BlobId,
    /// By the other algorithms that were asked for when it was begun.
    pub(super) digests: Vec<Digest>,
    pub(super) size_bytes: u64,
    pub(super) source: Source,
    /// What the disk said of the file so far.
    pub(super) early: Arc<EarlySync>,
}

/// Where its bytes are.
#[derive(Debug, Clone)]
pub(super) enum Body {
    File(Arc<File>),
    /// At most [`SMALL_BLOB_BYTES`](super::SMALL_BLOB_BYTES) of them.
    Memory(Bytes),
}

/// What it was before, and what hears of its end. Below the path, so that the file is gone first.
#[derive(Debug)]
pub(super) enum Source {
    Staging(Unkept),
    /// Held, so that nobody goes on with the upload.
    Upload(Hold),
}

impl Staged {
    /// It is kept elsewhere: its file goes, and its end is its owner's to say.
    pub(super) fn leave(self) {
        drop(self.path);
        self.source.leave();
    }
}

impl Source {
    /// The blob is kept.
    pub(super) fn leave(self) {
        match self {
            Self::Staging(unkept) => unkept.leave_to_owner(),
            Self::Upload(hold) => drop(hold),
        }
    }
}

impl Blob<Unverified> {
    pub(super) fn new(staged: Staged) -> Self {
        Self { staged, state: PhantomData }
    }

    /// Holds the bytes against every claim. Without claims they are trusted on first use, under
    /// their own SHA-256.
    ///
    /// SHA-256, and what was asked for in the beginning, is known from writing; for all other
    /// algorithms together the bytes are read once.
    pub async fn verify(self, claims: &[Digest]) -> Result<Blob<Verified>, VerifyError> {
        let mut known = vec![self.staged.id.digest()];
        known.extend_from_slice(&self.staged.digests);
        let mut others = without_sha256(claims.iter().map(Digest::algorithm).collect());
        others.retain(|algorithm| known.iter().all(|digest| digest.algorithm() != *algorithm));
        if !others.is_empty() {
            known.extend(self.digests(others).await.map_err(VerifyError::Io)?);
        }
        for expected in claims {
            let actual = known
                .iter()
                .find(|digest| digest.algorithm() == expected.algorithm())
                .expect("every claimed algorithm was computed");
            if actual != expected {
                return Err(VerifyError::Mismatch {
                    expected: expected.clone(),
                    actual: actual.clone(),
                    id: self.staged.id,
                    size_bytes: self.staged.size_bytes,
                });
            }
        }
        Ok(Blob { staged: self.staged, state: PhantomData })
    }

    /// By these algorithms; few bytes here and now.
    async fn digests(&self, algorithms: Vec<Algorithm>) -> Result<Vec<Digest>, BlobError> {
        let mut content = self.reader()?;
        match self.is_small() {
            true => Ok(digests(&mut content, &algorithms)?),
            false => blocking(move || Ok(digests(&mut content, &algorithms)?)).await,
        }
    }
}

impl Blob<Verified> {
    pub(super) fn into_staged(self) -> Staged {
        self.staged
    }
}

impl<S: State> Blob<S> {
    /// The bytes' SHA-256.
    pub fn id(&self) -> BlobId {
        self.staged.id
    }

    /// How many bytes there are.
    pub fn size_bytes(&self) -> u64 {
        self.staged.size_bytes
    }

    /// Whether it is in memory: then reading it does not wait.
    pub fn is_small(&self) -> bool {
        matches!(self.staged.body, Body::Memory(_))
    }

    /// Its bytes, fresh and independent, at offset 0, for inspection.
    pub fn reader(&self) -> Result<Content, BlobError> {
        match (&self.staged.body, &self.staged.path) {
            (Body::Memory(bytes), _) => Ok(bytes.clone().into()),
            (Body::File(_), Some(path)) => Ok(File::open(path)?.into()),
            (Body::File(_), None) => Err(io::Error::from(io::ErrorKind::NotFound).into()),
        }
    }
}
