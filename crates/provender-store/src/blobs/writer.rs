//! How bytes get into a file: gathered here as they come, written on a thread that may wait.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::local::Local;
use super::pieces::Pieces;
use crate::BlobError;

/// How many bytes are gathered before a thread writes them, in bytes.
///
/// At most twice as many per file are in memory: some that are being written while the next ones
/// gather. A smaller file goes to another thread once.
pub(super) const BUFFER_BYTES: usize = 1024 * 1024;
/// The same for a file that is read meanwhile, as long as no thread is busy with it: whoever waits
/// for its first bytes should not wait for a whole buffer of them.
const EAGER_BUFFER_BYTES: usize = 128 * 1024;

/// Where the bytes go. Dropping it does with the file what is to be done with one that is given
/// up.
pub(super) trait Sink: Debug + Send + Sized + 'static {
    /// What it is made of.
    type Beginning: Debug + Send + 'static;

    /// What is said of the bytes so far, with each piece of them.
    type Mark: Send + 'static;

    /// Makes or opens the file.
    fn open(beginning: Self::Beginning, local: &Local) -> Result<Self, BlobError>;

    /// Writes all of this, behind which the mark is true.
    fn append(&mut self, local: &Local, pieces: &Pieces, mark: Self::Mark)
    -> Result<(), BlobError>;
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Writer<S: Sink> {
    local: Arc<Local>,
    gathered: Pieces,
    is_eager: bool,
    work: Work<S>,
}

#[derive(Debug)]
enum Work<S: Sink> {
    /// The file is not made or not open yet.
    Fresh(S::Beginning),
    Idle(S),
    /// A thread has the file, and a place for pieces to give back.
    Busy(JoinHandle<Result<(S, Pieces), BlobError>>),
    /// An error was returned.
    Failed,
}

impl<S: Sink> Writer<S> {
    /// One that opens its file with the first bytes.
    pub(super) fn new(local: Arc<Local>, beginning: S::Beginning) -> Self {
        Self { local, gathered: Pieces::default(), is_eager: false, work: Work::Fresh(beginning) }
    }

    /// What the file is going to be opened with, as long as it is not.
    pub(super) fn beginning(&self) -> Option<&S::Beginning> {
        match &self.work {
            Work::Fresh(beginning) => Some(beginning),
            _ => None,
        }
    }

    /// From now on, writes smaller pieces rather than letting a thread be idle.
    pub(super) fn be_eager(&mut self) {
        self.is_eager = true;
    }

    /// Appends bytes; `mark` is said of those before them. May return before they are written; an
    /// error then shows later. Dropping the future before it is done appends nothing.
    pub(super) async fn write(
        &mut self,
        chunk: Bytes,
        mark: impl FnOnce() -> S::Mark,
    ) -> Result<(), BlobError> {
        let gathered_bytes = self.gathered.length_bytes();
        let would_overflow = gathered_bytes > 0 && gathered_bytes + chunk.len() > BUFFER_BYTES;
        let is_awaited = self.is_eager && gathered_bytes >= EAGER_BUFFER_BYTES && !self.is_busy();
        if would_overflow || is_awaited {
            self.flush(mark).await?;
        }
        self.gathered.push(chunk);
        Ok(())
    }

    /// Hands what is gathered to a thread, if anything is; the same is true of the mark.
    pub(super) async fn hand_over(
        &mut self,
        mark: impl FnOnce() -> S::Mark,
    ) -> Result<(), BlobError> {
        match self.gathered.length_bytes() {
            0 => Ok(()),
            _ => self.flush(mark).await,
        }
    }

    /// Forgets what no thread has been given yet.
    pub(super) fn forget_buffered(&mut self) {
        self.gathered.clear();
    }

    /// Waits until everything that was appended is in the file.
    pub(super) async fn write_out(
        &mut self,
        mark: impl FnOnce() -> S::Mark,
    ) -> Result<(), BlobError> {
        self.hand_over(mark).await?;
        self.settle().await.map(drop)
    }

    /// Everything that was appended, and what the file would have been made of, where that is at
    /// most so much and no thread has been given any of it: then there need be no file.
    pub(super) fn take_small(&mut self, limit_bytes: usize) -> Option<(S::Beginning, Bytes)> {
        if self.gathered.length_bytes() > limit_bytes {
            return None;
        }
        match std::mem::replace(&mut self.work, Work::Failed) {
            Work::Fresh(beginning) => {
                // Copied, so that it takes no more memory than it has bytes.
                Some((beginning, self.gathered.copied()))
            }
            other => {
                self.work = other;
                None
            }
        }
    }

    /// The file, with everything that was appended; an empty one is made as well.
    pub(super) async fn finish(mut self, mark: S::Mark) -> Result<S, BlobError> {
        self.settle().await?;
        if self.gathered.length_bytes() > 0 || matches!(self.work, Work::Fresh(_)) {
            self.flush(|| mark).await?;
            self.settle().await?;
        }
        match self.work {
            Work::Idle(sink) => Ok(sink),
            _ => Err(BlobError::Abandoned),
        }
    }

    fn is_busy(&self) -> bool {
        matches!(&self.work, Work::Busy(thread) if !thread.is_finished())
    }

    /// Hands what is gathered to a thread, once the one before it is written.
    async fn flush(&mut self, mark: impl FnOnce() -> S::Mark) -> Result<(), BlobError> {
        let spare = self.settle().await?;
        let mark = mark();
        let file = match std::mem::replace(&mut self.work, Work::Failed) {
            Work::Fresh(beginning) => Err(beginning),
            Work::Idle(sink) => Ok(sink),
            Work::Busy(_) | Work::Failed => return Err(BlobError::Abandoned),
        };
        let pieces = std::mem::replace(&mut self.gathered, spare);
        let local = Arc::clone(&self.local);
        self.work = Work::Busy(tokio::task::spawn_blocking(move || {
            let mut sink = file.or_else(|beginning| S::open(beginning, &local))?;
            sink.append(&local, &pieces, mark)?;
            Ok((sink, pieces))
        }));
        Ok(())
    }

    /// Waits for the thread that has the file; gives its place for pieces back, empty.
    async fn settle(&mut self) -> Result<Pieces, BlobError> {
        let Work::Busy(thread) = &mut self.work else {
            return match self.work {
                Work::Failed => Err(BlobError::Abandoned),
                _ => Ok(Pieces::default()),
            };
        };
        let outcome = thread.await;
        self.work = Work::Failed;
        let (sink, mut pieces) =
            outcome.unwrap_or_else(|error| Err(BlobError::Io(std::io::Error::other(error))))?;
        self.work = Work::Idle(sink);
        pieces.clear();
        Ok(pieces)
    }
}
