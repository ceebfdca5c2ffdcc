//! Gives entries their places: the one task that swaps the state.
//!
//! A batch begins the moment the former is durable, with all that came meanwhile; so batches are
//! small when little happens and large when much does, without a timer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::flusher::Swapped;
use super::recent::Recent;
use super::{Appended, LogError, Shared};
use crate::checkpoint::Checkpoint;
use crate::merkle::{Frontier, Growth};
use crate::note::NoteSigner;
use crate::tile::{ENTRY_MAX_BYTES, WIDTH};
use crate::tree::Tree;
use crate::{Batch, Hash, LogState};

/// The most entries of a batch.
const BATCH_MAX: usize = 2048;
/// The most bytes of entries in a batch, but for one last entry.
const BATCH_MAX_BYTES: usize = 4 << 20;
/// How often a batch is tried while the store fails.
const FAILURES_MAX: u32 = 4;
/// How long to wait before the first further try; each further wait is twice as long.
const BACKOFF: Duration = Duration::from_millis(20);
/// How often a batch is redone because other servers were faster.
const CONFLICTS_MAX: u32 = 200;

/// An entry that waits for its place.
pub(crate) struct Request {
    pub(crate) body: Bytes,
    pub(crate) leaf: Hash,
    /// What it takes of the room for entries, until its tiles are durable.
    pub(crate) room: OwnedSemaphorePermit,
    pub(crate) answer: oneshot::Sender<Outcome>,
}

/// What became of it.
pub(crate) enum Outcome {
    Appended(Appended),
    /// It is there already, at this index.
    Known(u64),
    Failed(Arc<LogError>),
}

pub(crate) struct Sequencer {
    shared: Arc<Shared>,
    signer: NoteSigner,
    /// The state as this server knows it; `None` where it must be asked for.
    tip: Option<Tip>,
    recent: Recent,
    /// Up to where entries are known again.
    remembered: u64,
}

struct Tip {
    state: LogState,
    frontier: Frontier,
}

/// A batch that is ready to be swapped in.
struct Draft {
    growth: Growth,
    next: Tip,
    batch: Batch,
    leaves: Vec<Hash>,
}

impl Sequencer {
    pub(crate) fn new(shared: Arc<Shared>, signer: NoteSigner) -> Self {
        let recent = Recent::new(shared.limits.recent_max);
        Self { shared, signer, tip: None, recent, remembered: 0 }
    }

    /// Loads the state; begins the log where there is none.
    pub(crate) async fn begin(&mut self) -> Result<(), LogError> {
        if self.shared.state().await?.is_none() {
            let frontier = Frontier::empty();
            let checkpoint = Checkpoint::of(&self.shared.origin, &frontier)
                .sign(&self.signer)
                .map_err(LogError::Origin)?;
            let first = LogState {
                size: 0,
                root: frontier.root(),
                frontier: Vec::new(),
                checkpoint,
                published: None,
            };
            let (origin, state) = (&self.shared.origin, &self.shared.state);
            // Whoever was first: the state that is loaded next counts.
            state.swap(origin, None, &first, None).await?;
        }
        self.tip = Some(self.load().await?);
        Ok(())
    }

    /// Learns the recent entries, as far back as entries are to be known again.
    pub(crate) async fn remember(&mut self) -> Result<(), LogError> {
        let size = self.tip().state.size;
        let window = self.shared.limits.recent_max as u64;
        self.remembered = size.saturating_sub(window) / u64::from(WIDTH) * u64::from(WIDTH);
        self.learn(size).await
    }

    /// Appends until nobody asks any more, or the log is closed.
    pub(crate) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        swapped: mpsc::UnboundedSender<Swapped>,
    ) {
        let mut drawn = Vec::with_capacity(BATCH_MAX);
        let shared = Arc::clone(&self.shared);
        let mut closed = false;
        loop {
            tokio::select! {
                biased;
                () = shared.closing(), if !closed => {
                    closed = true;
                    requests.close();
                }
                count = requests.recv_many(&mut drawn, BATCH_MAX) => {
                    if count == 0 {
                        return;
                    }
                    while !drawn.is_empty() {
                        let batch = bounded(&mut drawn);
                        self.append(batch, &swapped).await;
                    }
                }
            }
        }
    }

    /// Gives every request its answer.
    async fn append(
        &mut self,
        mut requests: Vec<Request>,
        swapped: &mpsc::UnboundedSender<Swapped>,
    ) {
        let (mut failures, mut conflicts) = (0, 0);
        let error = loop {
            requests = self.answer_known(requests);
            if requests.is_empty() {
                return;
            }
            match self.try_append(&requests).await {
                Ok(Some(draft)) => return self.accept(draft, requests, swapped),
                Ok(None) if conflicts == CONFLICTS_MAX => break LogError::Contended,
                Ok(None) => conflicts += 1,
                Err(error) => {
                    tracing::warn!(%error, origin = self.shared.origin, "appending failed");
                    if failures == FAILURES_MAX {
                        break error;
                    }
                    tokio::time::sleep(BACKOFF * 2_u32.pow(failures)).await;
                    failures += 1;
                }
            }
        };
        let error = Arc::new(error);
        for request in requests {
            let _ = request.answer.send(Outcome::Failed(Arc::clone(&error)));
        }
    }

    /// Swaps a batch in. `None`: the state is another than thought, or was just asked for.
    async fn try_append(&mut self, requests: &[Request]) -> Result<Option<Draft>, LogError> {
        if self.tip.is_none() {
            let tip = self.load().await?;
            self.learn(tip.state.size).await?;
            self.tip = Some(tip);
            // Batches may be there that nobody turns into tiles: those of a swap that reported an
            // error, or of a server that died.
            self.shared.unflushed.notify_one();
            return Ok(None);
        }
        let draft = self.draft(requests)?;
        let expected = &self.tip().state;
        let (next, batch) = (&draft.next.state, Some(&draft.batch));
        let result = self.shared.state.swap(&self.shared.origin, Some(expected), next, batch).await;
        if matches!(result, Ok(true)) {
            return Ok(Some(draft));
        }
        // After an error nobody knows what was written. The state that is loaded next says it, and
        // entries that are in it already are known again then.
        self.tip = None;
        result?;
        Ok(None)
    }

    fn draft(&self, requests: &[Request]) -> Result<Draft, LogError> {
        let tip = self.tip();
        let mut leaves = Vec::with_capacity(requests.len());
        let mut entries = Vec::with_capacity(requests.len());
        let mut seen = HashSet::with_capacity(requests.len());
        for request in requests {
            if seen.insert(request.leaf) {
                leaves.push(request.leaf);
                entries.push(request.body.clone());
            }
        }
        let growth = Growth::new(&tip.frontier, &leaves);
        let frontier = growth.frontier();
        let signed = Checkpoint::of(&self.shared.origin, &frontier);
        let checkpoint = signed.sign(&self.signer).map_err(LogError::Origin)?;
        let state = LogState {
            size: signed.size,
            root: signed.root,
            frontier: frontier.subtrees().to_vec(),
            checkpoint: checkpoint.clone(),
            published: tip.state.published.clone(),
        };
        let batch = Batch { first_index: tip.state.size, entries, checkpoint };
        Ok(Draft { growth, next: Tip { state, frontier }, batch, leaves })
    }

    /// The batch is durable: everybody is told, and the tiles are begun.
    fn accept(
        &mut self,
        draft: Draft,
        requests: Vec<Request>,
        swapped: &mpsc::UnboundedSender<Swapped>,
    ) {
        let Draft { growth, next, batch, leaves } = draft;
        let places: HashMap<Hash, u64> = leaves.iter().copied().zip(batch.first_index..).collect();
        leaves.iter().zip(batch.first_index..).for_each(|(leaf, index)| {
            self.recent.insert(*leaf, index);
        });
        self.remembered = next.state.size;
        let checkpoint: Arc<str> = batch.checkpoint.as_str().into();
        let (size, root) = (next.state.size, next.state.root);
        self.tip = Some(next);
        let mut permits = Vec::with_capacity(requests.len());
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            permits.push(request.room);
            answers.push((request.answer, places[&request.leaf]));
        }
        // The flusher ends after this task, unless it died, and then close() says so.
        let _ = swapped.send(Swapped { batch, leaves, room: permits });
        for (answer, index) in answers {
            let (proof, checkpoint) = (growth.inclusion(index), Arc::clone(&checkpoint));
            let appended = Appended { index, size, root, proof, checkpoint };
            let _ = answer.send(Outcome::Appended(appended));
        }
    }

    /// Answers those whose entry is there already, and gives back the others.
    fn answer_known(&self, requests: Vec<Request>) -> Vec<Request> {
        let mut unknown = Vec::with_capacity(requests.len());
        for request in requests {
            match self.recent.find(&request.leaf) {
                Some(index) => drop(request.answer.send(Outcome::Known(index))),
                None => unknown.push(request),
            }
        }
        unknown
    }

    async fn load(&self) -> Result<Tip, LogError> {
        let state = self.shared.state().await?;
        let state = state.ok_or(LogError::Contradiction("the log is gone"))?;
        let frontier = Frontier::from_subtrees(state.size, state.frontier.clone());
        let frontier = frontier.filter(|frontier| frontier.root() == state.root);
        let frontier = frontier.ok_or(LogError::Contradiction("the edge is not the root's"))?;
        Ok(Tip { state, frontier })
    }

    /// Learns the entries behind those that are known, up to `size`: from the batches where they
    /// are still kept, from the tiles where not.
    async fn learn(&mut self, size: u64) -> Result<(), LogError> {
        if self.remembered >= size {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let batches = shared.state.batches(&shared.origin, self.remembered).await?;
        let kept = batches.first().map_or(size, |batch| batch.first_index.min(size));
        // What is not kept any more is published: its tiles have the width of that tree.
        let published = shared.state().await?.and_then(|state| state.published);
        let mut tree = Tree::new(&*shared.tiles, published.map_or(0, |published| published.size));
        while self.remembered < kept {
            let tile = self.remembered / u64::from(WIDTH);
            let first = tile * u64::from(WIDTH);
            let hashes = tree.hashes(0, tile).await?;
            for (leaf, index) in hashes.iter().zip(first..) {
                self.recent.insert(*leaf, index);
            }
            self.remembered = first + hashes.len() as u64;
        }
        for batch in batches {
            for (entry, index) in batch.entries.iter().zip(batch.first_index..) {
                self.recent.insert(Hash::leaf(entry), index);
            }
        }
        self.remembered = size;
        Ok(())
    }

    fn tip(&self) -> &Tip {
        self.tip.as_ref().expect("it is loaded before it is used")
    }
}

/// Takes the first requests, as many as fit in a batch.
fn bounded(requests: &mut Vec<Request>) -> Vec<Request> {
    const { assert!(ENTRY_MAX_BYTES < BATCH_MAX_BYTES) }
    let mut bytes = 0;
    let count = requests.iter().take_while(|request| {
        let fits = bytes < BATCH_MAX_BYTES;
        bytes += request.body.len();
        fits
    });
    let count = count.count();
    let rest = requests.split_off(count);
    std::mem::replace(requests, rest)
}
