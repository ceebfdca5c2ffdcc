//! How bytes get into a file: gathered here, written on a thread that may wait.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinHandle};

use super::hashers::Hashers;
use super::local::Local;
use super::piece::{PIECE_BYTES, Piece};
use crate::BlobError;

/// How many pieces of a file threads have at once, beside the one that gathers: one is hashed while
/// the one before it is written, and one waits so that neither does.
const PIECES_UNDER_WAY: usize = 3;
/// How much is written at once of a file that is read meanwhile, as long as no thread is busy with
/// it, in bytes: whoever waits for its first bytes should not wait for a whole piece of them.
const EAGER_PIECE_BYTES: usize = 128 * 1024;

/// Where the bytes go. Dropping it does with the file what is to be done with one that is given
/// up.
pub(super) trait Sink: Debug + Send + Sized + 'static {
    /// What it is made of.
    type Beginning: Debug + Send + 'static;

    /// Makes or opens the file.
    fn open(beginning: Self::Beginning, local: &Local) -> Result<Self, BlobError>;

    /// Of the bytes that are in the file.
    fn hashers(&self) -> Result<Hashers, BlobError>;

    /// Writes all of this; the hashers have seen it as well.
    fn append(&mut self, local: &Local, bytes: &[u8], hashers: Hashers) -> Result<(), BlobError>;
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Writer<S: Sink> {
    local: Arc<Local>,
    piece: Piece,
    is_eager: bool,
    room: Arc<Semaphore>,
    work: Work<S>,
}

#[derive(Debug)]
enum Work<S: Sink> {
    /// The file is not made or not open yet.
    Fresh(S::Beginning),
    Idle(S),
    /// Threads have it.
    Busy(Last<S>),
    /// An error was returned.
    Failed,
}

/// The thread that has the last piece.
#[derive(Debug)]
struct Last<S> {
    /// Gives the file, when all pieces are in it.
    written: JoinHandle<Result<S, BlobError>>,
    /// Gives the hashers, sooner.
    hashed: Receiver<Hashers>,
}

impl<S: Sink> Writer<S> {
    /// One that opens its file with the first bytes.
    pub(super) fn new(local: Arc<Local>, beginning: S::Beginning) -> Self {
        let room = Arc::new(Semaphore::new(PIECES_UNDER_WAY));
        let work = Work::Fresh(beginning);
        Self { local, piece: Piece::default(), is_eager: false, room, work }
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

    /// Appends bytes. May return before they are written; an error then shows later. Dropping the
    /// future before it is done appends nothing.
    pub(super) async fn write(&mut self, chunk: &[u8]) -> Result<(), BlobError> {
        let length = self.piece.len() + chunk.len();
        // Pieces are full, so that each begins in the file where the disk wants it.
        let full = if length > PIECE_BYTES { length - length % PIECE_BYTES } else { 0 };
        let is_awaited = self.is_eager && self.piece.len() >= EAGER_PIECE_BYTES && !self.is_busy();
        let mut rest = chunk;
        if full > 0 || is_awaited {
            let place = self.place().await?;
            let (last, first) = chunk.split_at(full.saturating_sub(self.piece.len()));
            self.local.pieces().append(&mut self.piece, last);
            self.hand_over(place)?;
            rest = first;
        }
        self.local.pieces().append(&mut self.piece, rest);
        Ok(())
    }

    /// Forgets what no thread has been given yet.
    pub(super) fn forget_buffered(&mut self) {
        self.piece = Piece::default();
    }

    /// Waits until everything that was appended is in the file.
    pub(super) async fn write_out(&mut self) -> Result<(), BlobError> {
        if !self.piece.is_empty() {
            let place = self.place().await?;
            self.hand_over(place)?;
        }
        self.settle().await
    }

    /// Everything that was appended, and what the file would have been made of, where that is at
    /// most so much and no thread has been given any of it: then there need be no file.
    pub(super) fn take_small(&mut self, limit_bytes: usize) -> Option<(S::Beginning, Bytes)> {
        if self.piece.len() > limit_bytes {
            return None;
        }
        match std::mem::replace(&mut self.work, Work::Failed) {
            Work::Fresh(beginning) => {
                // Copied, so that it takes no more memory than it has bytes.
                Some((beginning, Bytes::copy_from_slice(self.piece.bytes())))
            }
            other => {
                self.work = other;
                None
            }
        }
    }

    /// The file, with everything that was appended; an empty one is made as well.
    pub(super) async fn finish(mut self) -> Result<S, BlobError> {
        if !self.piece.is_empty() || matches!(self.work, Work::Fresh(_)) {
            let place = self.place().await?;
            self.hand_over(place)?;
        }
        self.settle().await?;
        match self.work {
            Work::Idle(sink) => Ok(sink),
            _ => Err(BlobError::Abandoned),
        }
    }

    fn is_busy(&self) -> bool {
        matches!(&self.work, Work::Busy(last) if !last.written.is_finished())
    }

    /// Waits until a piece may be handed over, or until that is known to be in vain.
    async fn place(&mut self) -> Result<OwnedSemaphorePermit, BlobError> {
        if !self.is_busy() {
            self.settle().await?;
        }
        let place = Arc::clone(&self.room).acquire_owned().await;
        Ok(place.expect("it is never closed"))
    }

    /// Hands the piece to a thread and begins another. The thread hashes it once the one before it
    /// is hashed, and writes it once that one is written: so what is written is never ahead of what
    /// should stand before it, and a thread that waits for the disk leaves its core to the next.
    fn hand_over(&mut self, place: OwnedSemaphorePermit) -> Result<(), BlobError> {
        let before = match std::mem::replace(&mut self.work, Work::Failed) {
            Work::Fresh(beginning) => Before::Fresh(beginning),
            Work::Idle(sink) => Before::Open(sink),
            Work::Busy(last) => Before::Piece(last),
            Work::Failed => return Err(BlobError::Abandoned),
        };
        let piece = std::mem::take(&mut self.piece);
        let local = Arc::clone(&self.local);
        let (next, hashed) = channel();
        let written = tokio::task::spawn_blocking(move || {
            let _place = place;
            let (mut hashers, file) = before.hashed(&local)?;
            hashers.update(piece.bytes());
            // Nobody waits for it behind the last piece.
            let _ = next.send(hashers.clone());
            let mut sink = file.written()?;
            sink.append(&local, piece.bytes(), hashers)?;
            local.pieces().take_back(piece);
            Ok(sink)
        });
        self.work = Work::Busy(Last { written, hashed });
        Ok(())
    }

    /// Waits for the threads that have the file.
    async fn settle(&mut self) -> Result<(), BlobError> {
        let Work::Busy(last) = &mut self.work else {
            return match self.work {
                Work::Failed => Err(BlobError::Abandoned),
                _ => Ok(()),
            };
        };
        let outcome = (&mut last.written).await;
        self.work = Work::Failed;
        self.work = Work::Idle(joined(outcome)?);
        Ok(())
    }
}

/// What is there before a piece.
enum Before<S: Sink> {
    Fresh(S::Beginning),
    Open(S),
    Piece(Last<S>),
}

/// The file, as soon as all that comes before a piece is in it.
enum File<S> {
    Ready(S),
    Awaited(JoinHandle<Result<S, BlobError>>),
}

impl<S: Sink> Before<S> {
    /// Waits until it is hashed.
    fn hashed(self, local: &Local) -> Result<(Hashers, File<S>), BlobError> {
        let sink = match self {
            Self::Fresh(beginning) => S::open(beginning, local)?,
            Self::Open(sink) => sink,
            Self::Piece(Last { written, hashed }) => {
                return match hashed.recv() {
                    Ok(hashers) => Ok((hashers, File::Awaited(written))),
                    Err(_) => {
                        Err(File::Awaited(written).written().err().unwrap_or(BlobError::Abandoned))
                    }
                };
            }
        };
        Ok((sink.hashers()?, File::Ready(sink)))
    }
}

impl<S> File<S> {
    fn written(self) -> Result<S, BlobError> {
        match self {
            Self::Ready(sink) => Ok(sink),
            Self::Awaited(thread) => joined(Handle::current().block_on(thread)),
        }
    }
}

fn joined<S>(outcome: Result<Result<S, BlobError>, JoinError>) -> Result<S, BlobError> {
    outcome.unwrap_or_else(|error| Err(BlobError::Io(std::io::Error::other(error))))
}
