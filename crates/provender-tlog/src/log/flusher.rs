//! Turns batches into tiles and publishes the checkpoints behind them.
//!
//! Entries are durable before: what this task has not done when the server dies is done by the
//! next that opens the log, or by another one that is running.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::edge::{Edge, Writes};
use super::{LogError, Shared};
use crate::checkpoint::Checkpoint;
use crate::{Batch, Hash, Published};

/// How many objects are written at once.
const WRITES_AT_ONCE: usize = 8;
/// How long to wait after a failure at first; each further wait is twice as long.
const BACKOFF: Duration = Duration::from_millis(50);
/// The longest wait after a failure.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How often writing is tried when the log is closed. What is left is done at the next start.
const CLOSING_TRIES: u32 = 5;

/// A batch that is durable in the state store, and not in tiles.
pub(crate) struct Swapped {
    pub(crate) batch: Batch,
    pub(crate) leaves: Vec<Hash>,
    /// What its entries take of the room for entries: given back with it.
    pub(crate) room: Vec<OwnedSemaphorePermit>,
}

/// What was found among the batches that the state store keeps.
#[derive(Default)]
struct Kept {
    /// The checkpoint behind the last that was added.
    end: Option<String>,
    /// Whether something is missing between.
    gap: bool,
}

pub(crate) struct Flusher {
    shared: Arc<Shared>,
    /// The edge of the published tree; `None` where it must be read.
    edge: Option<Edge>,
    waiting: Vec<Swapped>,
}

impl Flusher {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, edge: None, waiting: Vec::new() }
    }

    /// Writes what was swapped in before the log was opened. On a full disk that is left for when
    /// there is room, as it is once the log is open: what is published can be read meanwhile.
    pub(crate) async fn recover(&mut self) -> Result<(), LogError> {
        match self.flush().await {
            Err(LogError::Storage(error)) if error.is_full() => {
                tracing::warn!(%error, origin = self.shared.origin, "tiles are written later");
                self.shared.unflushed.notify_one();
                Ok(())
            }
            done => done,
        }
    }

    /// Writes until nothing more comes.
    pub(crate) async fn run(
        mut self,
        mut swapped: mpsc::UnboundedReceiver<Swapped>,
        grown: watch::Sender<u64>,
    ) {
        let mut failures = 0;
        let mut open = true;
        while open || !self.waiting.is_empty() {
            if self.waiting.is_empty() {
                tokio::select! {
                    batch = swapped.recv() => match batch {
                        Some(batch) => self.waiting.push(batch),
                        None => break,
                    },
                    () = self.shared.unflushed.notified() => {}
                }
            }
            while let Ok(batch) = swapped.try_recv() {
                self.waiting.push(batch);
            }
            open = !swapped.is_closed() || !swapped.is_empty();
            let begun = Instant::now();
            let pause = match self.flush().await {
                Ok(()) => {
                    failures = 0;
                    self.shared.limits.flush_interval
                }
                Err(error) => {
                    tracing::warn!(%error, origin = self.shared.origin, "writing tiles failed");
                    failures += 1;
                    // What is to be written may be in the store alone, and nobody tells of it twice.
                    self.shared.unflushed.notify_one();
                    if !open && failures >= CLOSING_TRIES {
                        break;
                    }
                    BACKOFF.saturating_mul(1 << failures.min(10)).min(BACKOFF_MAX)
                }
            };
            grown.send_replace(self.shared.publication.size());
            if open {
                self.pause(begun + pause).await;
            }
        }
        self.shared.publication.end();
    }

    /// Waits, but for the end of the log. What comes meanwhile need not wake anybody.
    async fn pause(&self, until: Instant) {
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = self.shared.sequenced.notified() => {}
        }
    }

    /// Writes and publishes all that is swapped in.
    async fn flush(&mut self) -> Result<(), LogError> {
        let mut edge = match self.edge.take() {
            Some(edge) => edge,
            None => self.load().await?,
        };
        let mut writes = Writes::default();
        let end = self.gather(&mut edge, &mut writes).await?;
        if let Some(last) = end {
            edge.finish(&mut writes);
            let published = self.agreed(&edge, last)?;
            self.write(writes.objects).await?;
            let (origin, checkpoint) = (&self.shared.origin, &published.checkpoint);
            self.shared.state.publish(origin, published.size, checkpoint).await?;
            self.shared.publication.advance(published);
            for path in writes.superseded {
                // It costs some room where it fails, and nothing else.
                let _ = self.shared.tiles.remove(&path.to_string()).await;
            }
        }
        let open = self.waiting.iter().position(|waiting| waiting.batch.end() > edge.size());
        for Swapped { room, .. } in self.waiting.drain(..open.unwrap_or(self.waiting.len())) {
            drop(room);
        }
        self.edge = Some(edge);
        Ok(())
    }

    /// Adds all batches behind the edge to it, and gives the checkpoint behind the last.
    async fn gather(
        &self,
        edge: &mut Edge,
        writes: &mut Writes,
    ) -> Result<Option<String>, LogError> {
        let mut end = None;
        for Swapped { batch, leaves, .. } in &self.waiting {
            if batch.first_index == edge.size() {
                edge.add(batch, leaves, writes);
                end = Some(batch.checkpoint.clone());
            }
        }
        let last = self.waiting.last().map_or(0, |waiting| waiting.batch.end());
        if end.is_some() && edge.size() >= last {
            return Ok(end);
        }
        // Other servers appended between, or the log was just opened.
        let kept = self.gather_kept(edge, writes).await?;
        end = kept.end.or(end);
        if kept.gap || edge.size() < last {
            // Another server published what is between, and its batches are forgotten.
            (*edge, *writes) = (self.load().await?, Writes::default());
            end = self.gather_kept(edge, writes).await?.end;
        }
        if edge.size() < last {
            return Err(LogError::Contradiction("a batch is neither kept nor published"));
        }
        Ok(end)
    }

    /// The same with the batches that the state store keeps.
    async fn gather_kept(&self, edge: &mut Edge, writes: &mut Writes) -> Result<Kept, LogError> {
        let mut kept = Kept::default();
        let Shared { origin, state, .. } = &*self.shared;
        for batch in state.batches(origin, edge.size()).await? {
            kept.gap |= batch.first_index > edge.size();
            if batch.first_index == edge.size() {
                let leaves: Vec<Hash> =
                    batch.entries.iter().map(|entry| Hash::leaf(entry)).collect();
                edge.add(&batch, &leaves, writes);
                kept.end = Some(batch.checkpoint);
            }
        }
        Ok(kept)
    }

    /// The checkpoint to publish, if it is one of exactly this tree.
    fn agreed(&self, edge: &Edge, checkpoint: String) -> Result<Published, LogError> {
        let Shared { origin, verifier, .. } = &*self.shared;
        let signed = Checkpoint::verify(&checkpoint, origin, verifier)?;
        if (signed.size, signed.root) != (edge.size(), edge.root()) {
            return Err(LogError::Contradiction("a batch is not that of its checkpoint"));
        }
        Ok(Published { size: signed.size, checkpoint })
    }

    async fn load(&self) -> Result<Edge, LogError> {
        let Shared { origin, verifier, tiles, .. } = &*self.shared;
        let state = self.shared.state().await?;
        let published = match state.map(|state| (state.published, state.size, state.checkpoint)) {
            Some((Some(published), ..)) => published,
            // The checkpoint of the empty tree needs no tiles.
            Some((None, 0, checkpoint)) => {
                self.shared.state.publish(origin, 0, &checkpoint).await?;
                Published { size: 0, checkpoint }
            }
            _ => return Ok(Edge::default()),
        };
        let checkpoint = Checkpoint::verify(&published.checkpoint, origin, verifier)?;
        self.shared.publication.advance(published);
        Edge::load(&**tiles, &checkpoint).await
    }

    async fn write(
        &self,
        objects: Vec<(crate::tile::TilePath, bytes::Bytes)>,
    ) -> Result<(), LogError> {
        let mut writing = JoinSet::new();
        let mut done = Ok(());
        for (path, bytes) in objects {
            if writing.len() == WRITES_AT_ONCE {
                done = done.and(joined(writing.join_next().await));
            }
            let tiles = Arc::clone(&self.shared.tiles);
            writing.spawn(async move { tiles.put(&path.to_string(), bytes).await });
        }
        while !writing.is_empty() {
            done = done.and(joined(writing.join_next().await));
        }
        done
    }
}

fn joined(
    done: Option<Result<Result<(), crate::StorageError>, tokio::task::JoinError>>,
) -> Result<(), LogError> {
    match done {
        Some(result) => Ok(result.map_err(LogError::Died)??),
        None => Ok(()),
    }
}
