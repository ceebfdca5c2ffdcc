//! Reading a staged file while it is written.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::blob::Body;
use super::blocking;
use crate::BlobError;

/// How many bytes at the end of what is written a reader does not get before the file is known to
/// be kept, in bytes: so nobody ever has the whole of a file that turned out wrong.
pub const HELD_BACK_BYTES: u64 = 64 * 1024;

/// A staged file, for those who read it while it is written. Clones are of the same file.
///
/// It has failed when the [`Staging`](super::Staging), or the blob that came of it, is dropped
/// without being committed, and when nobody is left who could say how it ends. That it is kept,
/// its owner has to say.
#[derive(Debug, Clone)]
pub struct Tail(Arc<watch::Sender<Progress>>);

/// One reader of such a file. It keeps the file open, or the bytes in memory, also after it has its final name or is
/// removed.
#[derive(Debug)]
pub struct TailReader {
    progress: watch::Receiver<Progress>,
    offset_bytes: u64,
}

/// How far the file is.
#[derive(Debug, Default)]
struct Progress {
    body: Option<Body>,
    written_bytes: u64,
    is_kept: bool,
    end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Complete,
    Failed,
}

impl Tail {
    pub(super) fn new() -> (Self, Unkept) {
        let progress = Arc::new(watch::Sender::new(Progress::default()));
        (Self(Arc::clone(&progress)), Unkept(progress))
    }

    /// A new reader, at the first byte.
    pub fn open(&self) -> TailReader {
        TailReader { progress: self.0.subscribe(), offset_bytes: 0 }
    }

    /// The blob is committed: readers get the rest, then the end.
    pub fn complete(&self) {
        self.end(End::Complete);
    }

    /// Nothing will come of it: readers get no more.
    pub fn fail(&self) {
        self.end(End::Failed);
    }

    fn end(&self, end: End) {
        end_once(&self.0, end);
    }
}

impl TailReader {
    /// The next bytes, at most so many; waits for them. `None` after the last one of a file that
    /// is kept. Until that is known, the last [`HELD_BACK_BYTES`] are held back.
    ///
    /// # Errors
    /// [`BlobError::Withdrawn`] for a file that is not kept after all: what was read of it must
    /// not be taken for whole.
    pub async fn next(&mut self, limit_bytes: usize) -> Result<Option<Bytes>, BlobError> {
        loop {
            let ready = self.ready(limit_bytes)?;
            match ready {
                Ready::Bytes { body, count } => return self.read(body, count).await.map(Some),
                Ready::End => return Ok(None),
                Ready::Nothing => {}
            }
            self.progress.changed().await.map_err(|_| BlobError::Withdrawn)?;
        }
    }

    fn ready(&mut self, limit_bytes: usize) -> Result<Ready, BlobError> {
        let progress = self.progress.borrow_and_update();
        let offered = match progress.end {
            Some(End::Failed) => return Err(BlobError::Withdrawn),
            Some(End::Complete) => progress.written_bytes,
            None => progress.written_bytes.saturating_sub(HELD_BACK_BYTES),
        };
        let count = offered.saturating_sub(self.offset_bytes);
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(limit_bytes.max(1));
        Ok(match &progress.body {
            Some(body) if count > 0 => Ready::Bytes { body: body.clone(), count },
            _ if progress.end.is_some() => Ready::End,
            _ => Ready::Nothing,
        })
    }

    async fn read(&mut self, body: Body, count: usize) -> Result<Bytes, BlobError> {
        let bytes = match body {
            Body::File(file) => read_at(file, self.offset_bytes, count).await?,
            Body::Memory(bytes) => {
                let offset = usize::try_from(self.offset_bytes).expect("it is in memory");
                bytes.slice(offset..offset + count)
            }
        };
        self.offset_bytes += count as u64;
        Ok(bytes)
    }
}

async fn read_at(file: Arc<File>, offset_bytes: u64, count: usize) -> Result<Bytes, BlobError> {
    blocking(move || {
        let mut bytes = vec![0; count];
        file.read_exact_at(&mut bytes, offset_bytes)?;
        Ok(Bytes::from(bytes))
    })
    .await
}

enum Ready {
    Bytes { body: Body, count: usize },
    Nothing,
    End,
}

/// What the one who writes the file holds of it: dropped before the file is kept, it fails it.
#[derive(Debug)]
pub(super) struct Unkept(Arc<watch::Sender<Progress>>);

impl Unkept {
    pub(super) fn is_there(&self, body: &Body) {
        self.0.send_modify(|progress| progress.body = Some(body.clone()));
    }

    pub(super) fn has_grown(&self, written_bytes: u64) {
        self.0.send_modify(|progress| progress.written_bytes = written_bytes);
    }

    /// From here on, its end is the owner's to say.
    pub(super) fn leave_to_owner(self) {
        self.0.send_if_modified(|progress| {
            progress.is_kept = true;
            false
        });
    }
}

impl Drop for Unkept {
    fn drop(&mut self) {
        let is_kept = self.0.borrow().is_kept;
        if !is_kept {
            end_once(&self.0, End::Failed);
        }
    }
}

/// The first end stays.
fn end_once(progress: &watch::Sender<Progress>, end: End) {
    progress.send_if_modified(|progress| {
        let is_first = progress.end.is_none();
        progress.end = progress.end.or(Some(end));
        is_first
    });
}
