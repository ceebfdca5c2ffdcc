//! The log itself: one that appends, publishes, proves, and is searched.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex as AsyncMutex, Notify, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::audit::{self, Audit, Fault};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::merkle::{Segment, consistency, inclusion};
use crate::note::{NoteError, NoteSigner, NoteVerifier};
use crate::search::{Hits, Index, indexer};
use crate::tile::{ENTRY_MAX_BYTES, TilePath};
use crate::tree::{self, Tree};
use crate::{
    Hash, LogState, Published, ReadError, SearchKey, Settlement, StateStore, StorageError,
    TileStore,
};

mod edge;
mod flusher;
mod publication;
mod recent;
mod sequencer;
mod watched;

use flusher::Flusher;
use publication::Publication;
use sequencer::{Outcome, Request, Sequencer, Wants};

/// When somebody who was told that the log is busy may try again.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// What an entry counts for beside its bytes, so that very many empty ones are bounded too.
const ENTRY_OVERHEAD_BYTES: usize = 512;

/// How long somebody waits for this server to publish an entry before the store is asked whether
/// another server did.
const PATIENCE: Duration = Duration::from_millis(150);

/// What a log is opened with.
pub struct LogOptions {
    /// The name of the log: the first line of its checkpoints.
    pub origin: String,
    /// Signs them. Its name is the origin, as a rule.
    pub signer: NoteSigner,
    /// Where the tiles go.
    pub tiles: Arc<dyn TileStore>,
    /// Where the state is.
    pub state: Arc<dyn StateStore>,
    /// What an entry is found by. It always gives the same for the same bytes.
    pub keys: fn(&[u8]) -> Vec<SearchKey>,
    /// How much is held at once.
    pub limits: Limits,
}

impl LogOptions {
    /// A log that cannot be searched, with the usual limits.
    pub fn new(
        origin: &str,
        signer: NoteSigner,
        tiles: Arc<dyn TileStore>,
        state: Arc<dyn StateStore>,
    ) -> Self {
        let (origin, limits) = (origin.to_owned(), Limits::default());
        Self { origin, signer, tiles, state, keys: |_| Vec::new(), limits }
    }
}

/// How much a log holds at once before it says that it is busy.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries that wait for their batch.
    pub queue_max: usize,
    /// Bytes of entries that wait for their batch or whose tiles are not durable yet.
    pub held_max_bytes: usize,
    /// How often at most tiles are written. Entries are durable before.
    pub flush_interval: Duration,
    /// How many recent entries are known again when they come a second time.
    pub recent_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_max: 8192,
            held_max_bytes: 64 << 20,
            flush_interval: Duration::from_millis(100),
            recent_max: 65_536,
        }
    }
}

/// Something to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes, at most [`ENTRY_MAX_BYTES`].
    pub body: Bytes,
}

impl Entry {
    /// The entry with these bytes.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { body: body.into() }
    }
}

/// Where an entry is, and the proof of it. The checkpoint is durable, and published a moment later
/// at the latest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The index of the entry. One that was appended before has its former index.
    pub index: u64,
    /// The size of the tree in which it is proved to be.
    pub size: u64,
    /// The root of that tree.
    pub root: Hash,
    /// The hashes that lead from the entry to the root (RFC 6962 section 2.1.1).
    pub proof: Vec<Hash>,
    /// The signed checkpoint of that tree.
    pub checkpoint: Arc<str>,
}

/// Where an entry will be, before that is durable. Nobody may be shown it, and nothing may refer
/// to it, before the swap that leads there is durable, or in the same transaction: if that fails,
/// the place is another's.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its place, and the proof of it.
    pub appended: Appended,
    /// What becomes of the swap.
    pub settlement: Settlement,
}

/// Why an entry was not appended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// Too much waits already. Nothing was appended.
    #[error("the log is busy; try again in {} s", retry_after.as_secs())]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// It is longer than [`ENTRY_MAX_BYTES`].
    #[error("the entry has {0} bytes, more than the {ENTRY_MAX_BYTES} that a log can hold")]
    TooLarge(usize),
    /// The store failed. The entry may have been appended nevertheless; appending it again does no
    /// harm.
    #[error("the log could not be written")]
    Storage(#[source] Arc<LogError>),
    /// The log is being closed.
    #[error("the log is being closed")]
    Closed,
}

/// Why a log cannot be opened, or goes no further.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A tile cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The origin cannot stand in a checkpoint.
    #[error("the origin cannot stand in a checkpoint")]
    Origin(#[source] NoteError),
    /// What the store holds is not a state of this log: another key or another origin, or damage.
    #[error("the state in the store is not one of this log")]
    Checkpoint(#[from] CheckpointError),
    /// The parts of the state contradict one another.
    #[error("the state in the store contradicts itself: {0}")]
    Contradiction(&'static str),
    /// A tile is lost or damaged.
    #[error(transparent)]
    Tile(Fault),
    /// Another server was faster again and again.
    #[error("other servers were faster too often")]
    Contended,
    /// A task of the log died.
    #[error("a task of the log died")]
    Died(#[source] tokio::task::JoinError),
}

/// A transparency log. Clones are the same log.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
    sequencer: Arc<AsyncMutex<Sequencer>>,
    queue: mpsc::Sender<Request>,
}

/// What the tasks of a log have in common.
pub(crate) struct Shared {
    pub(crate) origin: String,
    pub(crate) verifier: NoteVerifier,
    pub(crate) tiles: Arc<dyn TileStore>,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) limits: Limits,
    pub(crate) publication: Publication,
    pub(crate) index: Index,
    room: Arc<Semaphore>,
    closing: Notify,
    /// Told when there may be batches that the flusher was not given.
    unflushed: Notify,
    /// Told when nothing more will be appended.
    sequenced: Notify,
    /// Told when something is under way of which the sequencer's task does not know.
    flown: Notify,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Log {
    /// Opens a log, and begins it where there is none. Batches whose tiles were not written before
    /// a crash are turned into tiles now.
    ///
    /// # Errors
    /// Where the store fails, or what it holds is not this log.
    pub async fn open(options: LogOptions) -> Result<Self, LogError> {
        let LogOptions { origin, signer, tiles, state, keys, limits } = options;
        let held = limits.held_max_bytes.min(Semaphore::MAX_PERMITS);
        let shared = Arc::new(Shared {
            origin,
            verifier: signer.verifier().clone(),
            tiles,
            state,
            limits,
            publication: Publication::new(),
            index: Index::new(keys),
            room: Arc::new(Semaphore::new(held)),
            closing: Notify::new(),
            unflushed: Notify::new(),
            sequenced: Notify::new(),
            flown: Notify::new(),
            tasks: Mutex::default(),
        });
        let (swapped, batches) = mpsc::unbounded_channel();
        let mut sequencer = Sequencer::new(Arc::clone(&shared), signer, swapped);
        sequencer.begin().await?;
        let mut flusher = Flusher::new(Arc::clone(&shared));
        flusher.recover().await?;
        sequencer.remember().await?;
        let (queue, requests) = mpsc::channel(limits.queue_max.max(1));
        let sequencer = Arc::new(AsyncMutex::new(sequencer));
        let (grown, sizes) = tokio::sync::watch::channel(shared.publication.size());
        let tasks = vec![
            tokio::spawn(Sequencer::run(Arc::clone(&sequencer), requests)),
            tokio::spawn(flusher.run(batches, grown)),
            tokio::spawn(indexer(Arc::clone(&shared), sizes)),
        ];
        *shared.tasks() = tasks;
        Ok(Self { shared, sequencer, queue })
    }

    /// Appends an entry. When this returns, the entry is durable and in the tree for ever. An
    /// entry that is among the recent ones is not appended again.
    ///
    /// An append that is abandoned may still happen.
    ///
    /// # Errors
    /// Where it was not appended, or nobody can say.
    pub async fn append(&self, entry: Entry) -> Result<Appended, AppendError> {
        Ok(self.request(entry, Wants::Durability).await?.appended)
    }

    /// Gives an entry its place, for somebody who makes something durable that must not be there
    /// without the entry: the store makes both in their order, and who waits waits once. Where the
    /// swap then fails, the entry has to be given a place anew.
    ///
    /// # Errors
    /// Where it got no place.
    pub async fn place(&self, entry: Entry) -> Result<Placed, AppendError> {
        self.request(entry, Wants::Place).await
    }

    async fn request(&self, entry: Entry, wants: Wants) -> Result<Placed, AppendError> {
        let body = entry.body;
        if body.len() > ENTRY_MAX_BYTES {
            return Err(AppendError::TooLarge(body.len()));
        }
        let busy = || AppendError::Busy { retry_after: RETRY_AFTER };
        let weight = u32::try_from(body.len() + ENTRY_OVERHEAD_BYTES).map_err(|_| busy())?;
        let room = Arc::clone(&self.shared.room).try_acquire_many_owned(weight);
        let room = room.map_err(|_| busy())?;
        let (answer, outcome) = oneshot::channel();
        let leaf = Hash::leaf(&body);
        let request = Request { body, leaf, room, wants, answer };
        let outcome = match self.at_once(request) {
            Ok(outcome) => outcome,
            Err(request) => {
                self.queue.try_send(request).map_err(|error| match error {
                    mpsc::error::TrySendError::Full(_) => busy(),
                    mpsc::error::TrySendError::Closed(_) => AppendError::Closed,
                })?;
                outcome.await.map_err(|_| AppendError::Closed)?
            }
        };
        match outcome {
            Outcome::Placed(placed) => Ok(placed),
            Outcome::Known(index) => {
                let appended = self.shared.known(index).await?;
                Ok(Placed { appended, settlement: Settlement::durable() })
            }
            Outcome::Failed(error) => Err(AppendError::Storage(error)),
        }
    }

    /// A place, if that is wanted and can be given without waiting for anybody.
    fn at_once(&self, request: Request) -> Result<Outcome, Request> {
        if request.wants != Wants::Place || self.queue.is_closed() {
            return Err(request);
        }
        match self.sequencer.try_lock() {
            Ok(mut sequencer) => sequencer.place_at_once(request),
            Err(_) => Err(request),
        }
    }

    /// The name of the log.
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// The key that its checkpoints are checked with.
    pub fn verifier(&self) -> &NoteVerifier {
        &self.shared.verifier
    }

    /// The published checkpoint: the newest whose tiles can be read. On a log of several servers
    /// it may be a tenth of a second old.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub async fn checkpoint(&self) -> Result<Arc<Published>, LogError> {
        self.shared.published().await
    }

    /// A tile or a bundle of entries, `None` where the published tree has none at least as wide.
    ///
    /// # Errors
    /// Where it cannot be read, or is damaged.
    pub async fn tile(&self, path: &TilePath) -> Result<Option<Bytes>, LogError> {
        let size = self.shared.published().await?.size;
        let Some(widest) = path.in_tree(size).filter(|tile| tile.width() >= path.width()) else {
            return Ok(None);
        };
        // As wide as it is now it is there, nearly always; what is narrower was removed.
        let bytes = tree::read(&*self.shared.tiles, widest).await?;
        let bytes = bytes.ok_or(ReadError::Lost(widest))?;
        Ok(Some(tree::cut(&bytes, widest, path.width())?))
    }

    /// The bytes of a published entry.
    ///
    /// # Errors
    /// Where there is none yet, or it cannot be read.
    pub async fn entry(&self, index: u64) -> Result<Bytes, LogError> {
        let size = self.shared.published().await?.size;
        Ok(Tree::new(&*self.shared.tiles, size).entry(index).await?)
    }

    /// The proof that entry `index` is in the tree of `size`, which is not greater than the
    /// published one (RFC 6962 section 2.1.1).
    ///
    /// # Errors
    /// Where there is no such entry or tree yet, or a tile cannot be read.
    pub async fn prove(&self, index: u64, size: u64) -> Result<Vec<Hash>, LogError> {
        if index >= size {
            return Err(ReadError::Beyond { asked: index, size }.into());
        }
        self.shared.prove(size, &inclusion(index, size)).await
    }

    /// The proof that the tree of `size` begins with the one of `from` (RFC 6962 section 2.1.2).
    ///
    /// # Errors
    /// Where there is no such tree yet, or a tile cannot be read.
    pub async fn prove_consistency(&self, from: u64, size: u64) -> Result<Vec<Hash>, LogError> {
        if from > size {
            return Err(ReadError::Beyond { asked: from, size }.into());
        }
        let segments = if from == 0 { Vec::new() } else { consistency(from, size) };
        self.shared.prove(size, &segments).await
    }

    /// The published entries that have this key, the newest first, at most
    /// [`HITS_MAX`](crate::HITS_MAX). Each was read and looked at.
    ///
    /// # Errors
    /// Where the index or an entry cannot be read.
    pub async fn search(&self, key: &SearchKey) -> Result<Vec<u64>, LogError> {
        Ok(self.search_for(key, &|_| true).await?.indexes)
    }

    /// The same of those entries alone that are meant by whoever asks, by their bytes.
    ///
    /// # Errors
    /// Where the index or an entry cannot be read.
    pub async fn search_for(
        &self,
        key: &SearchKey,
        is_meant: &(dyn Fn(&[u8]) -> bool + Send + Sync),
    ) -> Result<Hits, LogError> {
        let size = self.shared.published().await?.size;
        Ok(self.shared.index.search(&*self.shared.tiles, size, key, is_meant).await?)
    }

    /// Reads every entry and every tile of the published tree and computes everything anew.
    ///
    /// # Errors
    /// Where the store fails; whatever else is wrong is in the report.
    pub async fn verify(&self) -> Result<Audit, LogError> {
        let published = self.shared.published().await?;
        let tiles = &*self.shared.tiles;
        let key = &self.shared.verifier;
        Ok(audit::audit(tiles, &self.shared.origin, key, &published.checkpoint).await?)
    }

    /// Whether a task of the log died: until it is opened anew, nothing is appended any more, or not
    /// published.
    pub fn has_died(&self) -> bool {
        // They end when the log is closed, and then they were taken out.
        self.shared.tasks().iter().any(JoinHandle::is_finished)
    }

    /// Takes nothing more, appends what waits, writes and publishes the tiles, and ends.
    ///
    /// # Errors
    /// Where a task of the log died. What was acknowledged is durable even then.
    pub async fn close(&self) -> Result<(), LogError> {
        let tasks = std::mem::take(&mut *self.shared.tasks());
        self.shared.closing.notify_one();
        for task in tasks {
            task.await.map_err(LogError::Died)?;
        }
        Ok(())
    }
}

impl Shared {
    fn tasks(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().expect("nothing panics while it holds this lock")
    }

    /// Returns once the log is to be closed.
    async fn closing(&self) {
        self.closing.notified().await;
    }

    /// The published checkpoint, asked for again where it may be old.
    async fn published(&self) -> Result<Arc<Published>, LogError> {
        if self.publication.is_fresh() {
            return Ok(self.publication.current());
        }
        let state = self.state.load(&self.origin).await?;
        if let Some(published) = state.and_then(|state| state.published) {
            self.publication.advance(published);
        }
        Ok(self.publication.current())
    }

    /// Where an entry is that was appended before.
    async fn known(&self, index: u64) -> Result<Appended, AppendError> {
        let published = self.reaching(index + 1).await?;
        let size = published.size;
        let proved = async {
            let checkpoint =
                Checkpoint::verify(&published.checkpoint, &self.origin, &self.verifier)?;
            let proof = self.prove(size, &inclusion(index, size)).await?;
            Ok((checkpoint.root, proof))
        };
        let (root, proof) =
            proved.await.map_err(|error: LogError| AppendError::Storage(Arc::new(error)))?;
        Ok(Appended { index, size, root, proof, checkpoint: published.checkpoint.as_str().into() })
    }

    /// The first published checkpoint of at least this size, whoever publishes it.
    async fn reaching(&self, size: u64) -> Result<Arc<Published>, AppendError> {
        loop {
            let reaching = self.publication.reaching(size);
            match tokio::time::timeout(PATIENCE, reaching).await {
                Ok(published) => return published.ok_or(AppendError::Closed),
                Err(_) => self.unflushed.notify_one(),
            }
            let published = self.published().await;
            published.map_err(|error| AppendError::Storage(Arc::new(error)))?;
        }
    }

    async fn prove(&self, size: u64, segments: &[Segment]) -> Result<Vec<Hash>, LogError> {
        let published = self.published().await?.size;
        if size > published {
            return Err(ReadError::Beyond { asked: size, size: published }.into());
        }
        Ok(Tree::new(&*self.tiles, published).prove(segments).await?)
    }

    /// The state of the log, checked: its signature, and that its parts agree.
    async fn state(&self) -> Result<Option<LogState>, LogError> {
        let Some(state) = self.state.load(&self.origin).await? else { return Ok(None) };
        let signed = Checkpoint::verify(&state.checkpoint, &self.origin, &self.verifier)?;
        if (signed.size, signed.root) != (state.size, state.root) {
            return Err(LogError::Contradiction("size or root is not the checkpoint's"));
        }
        if let Some(published) = &state.published {
            let signed = Checkpoint::verify(&published.checkpoint, &self.origin, &self.verifier)?;
            if signed.size != published.size || published.size > state.size {
                return Err(LogError::Contradiction("what is published is not within the log"));
            }
        }
        Ok(Some(state))
    }
}

#[cfg(test)]
pub(crate) mod tests;
