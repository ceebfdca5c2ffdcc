//! Files that are being written, from the first byte to the last in one go.

use std::sync::Arc;

use bytes::Bytes;
use provender_domain::Algorithm;
use tempfile::TempPath;

use super::blob::{Blob, Body, Source, Staged, Unverified};
use super::growing::{Growing, Way};
use super::hashers::Hashers;
use super::local::Local;
use super::pieces::Pieces;
use super::small::SMALL_BLOB_BYTES;
use super::tail::{Tail, Unkept};
use super::writer::{Sink, Writer};
use crate::BlobError;

/// A file that is being written. Dropping it removes it.
#[derive(Debug)]
pub struct Staging {
    writer: Writer<StagedFile>,
    tail: Tail,
    size_bytes: u64,
}

/// What a staged file is made of.
#[derive(Debug)]
pub(super) struct Beginning {
    hashers: Hashers,
    unkept: Unkept,
}

/// A staged file and what its bytes hash to so far.
#[derive(Debug)]
pub(super) struct StagedFile {
    file: Growing,
    path: TempPath,
    hashers: Hashers,
    unkept: Unkept,
}

impl Staging {
    pub(super) fn new(local: Arc<Local>, algorithms: &[Algorithm]) -> Self {
        let (tail, unkept) = Tail::new();
        let beginning = Beginning { hashers: Hashers::new(algorithms), unkept };
        Self { writer: Writer::new(local, beginning), tail, size_bytes: 0 }
    }

    /// A handle for reading the file while it is written. From now on bytes reach the file in
    /// smaller pieces.
    pub fn tail(&mut self) -> Tail {
        self.writer.be_eager();
        self.tail.clone()
    }

    /// Appends bytes. May return before they are hashed and written; an error then shows later.
    ///
    /// Dropping the future before it is done appends nothing.
    ///
    /// # Errors
    /// [`BlobError::Abandoned`] after any other error.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), BlobError> {
        let length = chunk.len() as u64;
        self.writer.write(chunk, || ()).await?;
        self.size_bytes += length;
        Ok(())
    }

    /// How many bytes were appended.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Writes and hashes what is left. Whoever reads the file meanwhile waits on, until
    /// [`Tail::complete`] or [`Tail::fail`].
    pub async fn finish(mut self) -> Result<Blob<Unverified>, BlobError> {
        if let Some((beginning, bytes)) = self.writer.take_small(SMALL_BLOB_BYTES) {
            let Beginning { mut hashers, unkept } = beginning;
            hashers.update(&bytes);
            let size_bytes = bytes.len() as u64;
            let body = Body::Memory(bytes);
            unkept.is_there(&body);
            unkept.has_grown(size_bytes);
            let (id, digests) = hashers.finish();
            let source = Source::Staging(unkept);
            let early = Arc::default();
            return Ok(Blob::new(Staged {
                body,
                path: None,
                id,
                digests,
                size_bytes,
                source,
                early,
            }));
        }
        let StagedFile { file, path, hashers, unkept } = self.writer.finish(()).await?;
        let (id, digests) = hashers.finish();
        let size_bytes = file.size_bytes();
        let (file, early) = file.into_parts();
        let (body, path) = (Body::File(file), Some(path));
        let source = Source::Staging(unkept);
        Ok(Blob::new(Staged { body, path, id, digests, size_bytes, source, early }))
    }
}

impl Sink for StagedFile {
    type Beginning = Beginning;
    /// Hashed where it is written: by many algorithms, that takes longer than the network does.
    type Mark = ();

    fn open(beginning: Beginning, local: &Local) -> Result<Self, BlobError> {
        let Beginning { hashers, unkept } = beginning;
        let (file, path) = local.create_staged()?;
        // Whoever checks it reads it at once.
        let file = Growing::new(file, 0, Arc::default(), Way::Cache);
        unkept.is_there(&Body::File(Arc::clone(file.file())));
        Ok(Self { file, path, hashers, unkept })
    }

    fn append(&mut self, local: &Local, pieces: &Pieces, (): ()) -> Result<(), BlobError> {
        for bytes in pieces.iter() {
            self.hashers.update(bytes);
        }
        self.file.append(local, pieces)?;
        self.unkept.has_grown(self.file.size_bytes());
        Ok(())
    }
}
