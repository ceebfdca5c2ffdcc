//! Files that are being written.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use provender_domain::BlobId;
use sha2::{Digest, Sha256};
use tempfile::TempPath;
use tokio::task::JoinHandle;

use super::blob::{Blob, Staged, Unverified};
use super::local::Local;
use crate::BlobError;

/// How many bytes are gathered before a thread hashes and writes them, in bytes.
///
/// At most two such pieces per file are in memory: one that is being written while the next one
/// gathers. A smaller file goes to another thread once.
pub(super) const BUFFER_BYTES: usize = 1024 * 1024;

/// A file that is being written. Dropping it removes it.
#[derive(Debug)]
pub struct Staging {
    local: Arc<Local>,
    buffer: Vec<u8>,
    size_bytes: u64,
    work: Work,
}

#[derive(Debug)]
enum Work {
    /// Nothing has been written yet.
    Fresh,
    Idle(Writing),
    /// A thread has the file, and a buffer to give back.
    Busy(JoinHandle<Result<(Writing, Vec<u8>), BlobError>>),
    /// An error was returned.
    Failed,
}

/// A staged file and what its bytes hash to so far.
#[derive(Debug)]
struct Writing {
    file: File,
    path: TempPath,
    hasher: Sha256,
}

impl Staging {
    pub(super) fn new(local: Arc<Local>) -> Self {
        Self { local, buffer: Vec::new(), size_bytes: 0, work: Work::Fresh }
    }

    /// Appends bytes. May return before they are hashed and written; an error then shows later.
    ///
    /// Dropping the future before it is done appends nothing.
    ///
    /// # Errors
    /// [`BlobError::Abandoned`] after any other error.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), BlobError> {
        if !self.buffer.is_empty() && self.buffer.len() + chunk.len() > BUFFER_BYTES {
            self.flush().await?;
        }
        self.buffer.extend_from_slice(&chunk);
        self.size_bytes += chunk.len() as u64;
        Ok(())
    }

    /// How many bytes were appended.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Writes and hashes what is left.
    pub async fn finish(mut self) -> Result<Blob<Unverified>, BlobError> {
        self.settle().await?;
        if matches!(self.work, Work::Fresh) || !self.buffer.is_empty() {
            self.flush().await?;
            self.settle().await?;
        }
        let Work::Idle(writing) = std::mem::replace(&mut self.work, Work::Failed) else {
            return Err(BlobError::Abandoned);
        };
        Ok(Blob::new(Staged {
            file: writing.file,
            path: writing.path,
            id: BlobId::from_bytes(writing.hasher.finalize().into()),
            size_bytes: self.size_bytes,
        }))
    }

    /// Hands the buffer to a thread, once the one before it is written.
    async fn flush(&mut self) -> Result<(), BlobError> {
        let spare = self.settle().await?;
        let writing = match std::mem::replace(&mut self.work, Work::Failed) {
            Work::Fresh => None,
            Work::Idle(writing) => Some(writing),
            Work::Busy(_) | Work::Failed => return Err(BlobError::Abandoned),
        };
        let buffer = std::mem::replace(&mut self.buffer, spare);
        let local = Arc::clone(&self.local);
        self.work = Work::Busy(tokio::task::spawn_blocking(move || {
            let mut writing = match writing {
                Some(writing) => writing,
                None => Writing::create(&local)?,
            };
            writing.append(&local, &buffer)?;
            Ok((writing, buffer))
        }));
        Ok(())
    }

    /// Waits for the thread that has the file; gives its buffer back, empty.
    async fn settle(&mut self) -> Result<Vec<u8>, BlobError> {
        let Work::Busy(thread) = &mut self.work else {
            return match self.work {
                Work::Failed => Err(BlobError::Abandoned),
                _ => Ok(Vec::new()),
            };
        };
        let outcome = thread.await;
        self.work = Work::Failed;
        let (writing, mut buffer) =
            outcome.unwrap_or_else(|error| Err(BlobError::Io(std::io::Error::other(error))))?;
        self.work = Work::Idle(writing);
        buffer.clear();
        Ok(buffer)
    }
}

impl Writing {
    fn create(local: &Local) -> Result<Self, BlobError> {
        let (file, path) = local.create_staged()?;
        Ok(Self { file, path, hasher: Sha256::new() })
    }

    fn append(&mut self, local: &Local, bytes: &[u8]) -> Result<(), BlobError> {
        self.hasher.update(bytes);
        local.steps().file(|| self.file.write_all(bytes))?;
        Ok(())
    }
}
