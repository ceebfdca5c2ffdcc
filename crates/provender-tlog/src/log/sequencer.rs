//! Gives entries their places: the one that swaps the state.
//!
//! A batch is handed to the store the moment an entry comes, with all that came by then, on top of
//! the one before it, which need not be durable yet: the store makes swaps in their order, and each
//! fails if the one before it did. Up to [`FLIGHTS_MAX`] are under way at once; then entries
//! gather. So batches are small when little happens and large when much does, without a timer.
//!
//! Who wants a place alone takes it by itself, as a batch of one, where nothing speaks against it
//! ([`Sequencer::place_at_once`]): to wake a task, and be woken by it, takes longer than the place.
//! All else is the task's, which looks now and then what became of those.
//!
//! If one fails, those under way are waited for, the state is asked for anew, and whoever waits for
//! durability gets another place; who was given a place already is told by its settlement. While
//! other servers append too, places are given when they are durable.

use std::collections::hash_map::Entry::Vacant;
use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, OwnedSemaphorePermit, mpsc, oneshot};

use super::flusher::Swapped;
use super::recent::Recent;
use super::watched::Watched;
use super::{Appended, LogError, Placed, Shared};
use crate::checkpoint::Checkpoint;
use crate::merkle::{Frontier, Growth};
use crate::note::NoteSigner;
use crate::tile::{ENTRY_MAX_BYTES, WIDTH};
use crate::tree::Tree;
use crate::{Batch, Hash, Haste, LogState, Settlement, StorageError};

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
/// How many batches may be under way to the store at once.
const FLIGHTS_MAX: usize = 8;
/// For how many batches after such a conflict nobody is given a place before it is durable.
const WARY_BATCHES: u32 = 64;

/// An entry that waits for its place.
pub(crate) struct Request {
    pub(crate) body: Bytes,
    pub(crate) leaf: Hash,
    /// What it takes of the room for entries, until its tiles are durable.
    pub(crate) room: OwnedSemaphorePermit,
    pub(crate) wants: Wants,
    pub(crate) answer: oneshot::Sender<Outcome>,
}

/// What its answer waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wants {
    Place,
    Durability,
}

/// What became of it.
pub(crate) enum Outcome {
    Placed(Placed),
    /// It is there already, at this index.
    Known(u64),
    Failed(Arc<LogError>),
}

pub(crate) struct Sequencer {
    shared: Arc<Shared>,
    signer: NoteSigner,
    /// The state as this server knows it, or as it will be when all that is under way is done;
    /// `None` where it must be asked for.
    tip: Option<Tip>,
    /// What is under way, in its order.
    flights: VecDeque<Flight>,
    /// Those who wait and whose batch failed.
    left: Vec<Request>,
    /// For how many batches nobody is given a place early.
    wary: u32,
    recent: Recent,
    /// Up to where entries are known again.
    remembered: u64,
    /// Takes the batches that are durable; `None` when the log is closed.
    swapped: Option<mpsc::UnboundedSender<Swapped>>,
    /// Whether the task knows that something is under way.
    is_watched: bool,
}

/// Why the task does something.
enum Cause {
    Closing,
    /// Something that is under way may be settled.
    Settled,
    Requests(usize),
}

struct Tip {
    state: LogState,
    frontier: Frontier,
}

/// A batch, and what it adds to the tree.
struct Draft {
    growth: Growth,
    batch: Batch,
    leaves: Vec<Hash>,
    places: HashMap<Hash, u64>,
    root: Hash,
    checkpoint: Arc<str>,
}

/// A batch that was handed to the store.
struct Flight {
    draft: Draft,
    /// Those who wait until it is durable.
    waiting: Vec<Request>,
    /// What the entries of all others take of the room.
    room: Vec<OwnedSemaphorePermit>,
    settlement: Settlement,
}

impl Sequencer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        signer: NoteSigner,
        swapped: mpsc::UnboundedSender<Swapped>,
    ) -> Self {
        Self {
            recent: Recent::new(shared.limits.recent_max),
            shared,
            signer,
            tip: None,
            flights: VecDeque::new(),
            left: Vec::new(),
            wary: 0,
            remembered: 0,
            swapped: Some(swapped),
            is_watched: false,
        }
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
    pub(crate) async fn run(sequencer: Arc<Mutex<Self>>, mut requests: mpsc::Receiver<Request>) {
        let mut drawn = Vec::with_capacity(BATCH_MAX);
        let shared = Arc::clone(&sequencer.lock().await.shared);
        let mut closed = false;
        loop {
            let (settled, is_full) = {
                let mut sequencer = sequencer.lock().await;
                (sequencer.watch(), sequencer.flights.len() >= FLIGHTS_MAX)
            };
            let cause = tokio::select! {
                biased;
                () = shared.closing(), if !closed => Cause::Closing,
                () = settled.wait(&shared) => Cause::Settled,
                count = requests.recv_many(&mut drawn, BATCH_MAX), if !is_full => {
                    Cause::Requests(count)
                }
            };
            let mut sequencer = sequencer.lock().await;
            match cause {
                Cause::Closing => {
                    closed = true;
                    requests.close();
                }
                Cause::Settled => sequencer.land_settled().await,
                Cause::Requests(0) => return sequencer.end().await,
                Cause::Requests(_) => {
                    sequencer.land_settled().await;
                    while !drawn.is_empty() {
                        let batch = bounded(&mut drawn);
                        sequencer.take(batch).await;
                    }
                }
            }
        }
    }

    /// What the task is to wait for, beside requests.
    fn watch(&mut self) -> Watched {
        self.is_watched = !self.flights.is_empty();
        let is_awaited = self.flights.iter().any(|flight| !flight.waiting.is_empty());
        match self.flights.front() {
            None => Watched::Nothing,
            Some(first) if is_awaited || self.flights.len() >= FLIGHTS_MAX => {
                Watched::Settlement(first.settlement.clone())
            }
            Some(_) => Watched::Clock,
        }
    }

    async fn end(&mut self) {
        self.land_all().await;
        // From here on nobody is given a place.
        self.swapped = None;
        self.shared.sequenced.notify_one();
    }

    /// Gives an entry its place, for somebody who wants no more; the request comes back where that
    /// is the task's to do.
    pub(crate) fn place_at_once(&mut self, request: Request) -> Result<Outcome, Request> {
        // Who waits after a failure is the task's, which has to see when nothing is under way.
        let is_calm = self.tip.is_some() && self.wary == 0 && self.left.is_empty();
        if self.swapped.is_none() || !is_calm {
            return Err(request);
        }
        while matches!(self.front_outcome(), Some(Ok(true))) {
            let first = self.flights.pop_front().expect("its outcome was just seen");
            self.accept(first);
        }
        let has_failed = self.front_outcome().is_some();
        let is_full = self.flights.len() >= FLIGHTS_MAX;
        if has_failed || is_full || self.is_under_way(&request.leaf) {
            return Err(request);
        }
        if let Some(index) = self.recent.find(&request.leaf) {
            return Ok(Outcome::Known(index));
        }
        let Ok((draft, next)) = self.draft(std::slice::from_ref(&request)) else {
            return Err(request);
        };
        // Where the store has no room for it just now, nothing was handed in.
        let Some(settlement) = ready(self.begin_swap(&draft, &next, Haste::WithFollower)) else {
            return Err(request);
        };
        let placed =
            Placed { appended: draft.appended(&request.leaf), settlement: settlement.clone() };
        self.tip = Some(next);
        let (waiting, room) = (Vec::new(), vec![request.room]);
        self.flights.push_back(Flight { draft, waiting, room, settlement });
        if !self.is_watched {
            self.is_watched = true;
            self.shared.flown.notify_one();
        }
        Ok(Outcome::Placed(placed))
    }

    /// What became of the first that is under way, if that is known.
    fn front_outcome(&self) -> Option<Result<bool, StorageError>> {
        self.flights.front().and_then(|first| first.settlement.settled())
    }

    /// Hands a batch in, and gives places to those who want no more, if nothing speaks against it.
    async fn take(&mut self, requests: Vec<Request>) {
        let is_under_way = requests.iter().any(|request| self.is_under_way(&request.leaf));
        if is_under_way || self.wary > 0 || self.tip.is_none() {
            self.land_all().await;
            return self.append(requests).await;
        }
        let requests = self.answer_known(requests);
        if requests.is_empty() {
            return;
        }
        match self.draft(&requests) {
            Ok((draft, next)) => self.hand_in(draft, next, requests).await,
            Err(error) => fail(requests, error),
        }
    }

    async fn begin_swap(&self, draft: &Draft, next: &Tip, haste: Haste) -> Settlement {
        let (expected, batch) = (Some(&self.tip().state), Some(&draft.batch));
        let (origin, state) = (&self.shared.origin, &self.shared.state);
        state.begin_swap(origin, expected, &next.state, batch, haste).await
    }

    async fn hand_in(&mut self, draft: Draft, next: Tip, requests: Vec<Request>) {
        // Who wants a place alone is about to commit what follows.
        let is_awaited = requests.iter().any(|request| request.wants == Wants::Durability);
        let haste = if is_awaited { Haste::AtOnce } else { Haste::WithFollower };
        let settlement = self.begin_swap(&draft, &next, haste).await;
        self.tip = Some(next);
        let (mut waiting, mut room) = (Vec::new(), Vec::new());
        for request in requests {
            if request.wants == Wants::Durability {
                waiting.push(request);
                continue;
            }
            let (appended, settlement) = (draft.appended(&request.leaf), settlement.clone());
            let _ = request.answer.send(Outcome::Placed(Placed { appended, settlement }));
            room.push(request.room);
        }
        self.flights.push_back(Flight { draft, waiting, room, settlement });
    }

    /// The first of those under way is settled.
    async fn land(&mut self, outcome: Result<bool, StorageError>) {
        let Some(flight) = self.flights.pop_front() else { return };
        match outcome {
            Ok(true) => self.accept(flight),
            Ok(false) => {
                self.wary = WARY_BATCHES;
                self.lose(flight);
            }
            Err(error) => {
                tracing::warn!(%error, origin = self.shared.origin, "appending failed");
                self.lose(flight);
                // It may be there, and nobody else may come who would notice.
                self.shared.unflushed.notify_one();
            }
        }
        while self.flights.is_empty() && !self.left.is_empty() {
            let batch = bounded(&mut self.left);
            self.append(batch).await;
        }
    }

    async fn land_settled(&mut self) {
        while let Some(outcome) = self.front_outcome() {
            self.land(outcome).await;
        }
    }

    async fn land_all(&mut self) {
        while let Some(first) = self.flights.front() {
            let settlement = first.settlement.clone();
            self.land(settlement.outcome().await).await;
        }
    }

    /// Nobody knows the state now, and those behind are likely to fail too.
    fn lose(&mut self, flight: Flight) {
        self.tip = None;
        self.left.extend(flight.waiting);
    }

    fn is_under_way(&self, leaf: &Hash) -> bool {
        self.flights.iter().any(|flight| flight.draft.places.contains_key(leaf))
    }

    /// Gives every request its answer, when that is durable. To be called while nothing is under
    /// way.
    async fn append(&mut self, mut requests: Vec<Request>) {
        let (mut failures, mut conflicts) = (0, 0);
        loop {
            requests = self.answer_known(requests);
            if requests.is_empty() {
                return;
            }
            match self.try_append(&requests).await {
                Ok(Some(draft)) => {
                    let (room, settlement) = (Vec::new(), Settlement::durable());
                    let flight = Flight { draft, waiting: requests, room, settlement };
                    return self.accept(flight);
                }
                Ok(None) if conflicts == CONFLICTS_MAX => {
                    return fail(requests, LogError::Contended);
                }
                Ok(None) => conflicts += 1,
                Err(error) => {
                    tracing::warn!(%error, origin = self.shared.origin, "appending failed");
                    if failures == FAILURES_MAX {
                        return fail(requests, error);
                    }
                    tokio::time::sleep(BACKOFF * 2_u32.pow(failures)).await;
                    failures += 1;
                }
            }
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
        let (draft, next) = self.draft(requests)?;
        let (expected, batch) = (Some(&self.tip().state), Some(&draft.batch));
        let (origin, state) = (&self.shared.origin, &self.shared.state);
        let result = state.swap(origin, expected, &next.state, batch).await;
        // After an error nobody knows what was written. The state that is loaded next says it, and
        // entries that are in it already are known again then.
        self.tip = None;
        if result? {
            self.tip = Some(next);
            self.wary = self.wary.saturating_sub(1);
            return Ok(Some(draft));
        }
        self.wary = WARY_BATCHES;
        Ok(None)
    }

    /// The requests as a batch, and the state that it leads to.
    fn draft(&self, requests: &[Request]) -> Result<(Draft, Tip), LogError> {
        let tip = self.tip();
        let mut leaves = Vec::with_capacity(requests.len());
        let mut entries = Vec::with_capacity(requests.len());
        let mut places = HashMap::with_capacity(requests.len());
        let first_index = tip.state.size;
        for request in requests {
            if let Vacant(place) = places.entry(request.leaf) {
                place.insert(first_index + leaves.len() as u64);
                leaves.push(request.leaf);
                entries.push(request.body.clone());
            }
        }
        let growth = Growth::new(&tip.frontier, &leaves);
        let frontier = growth.frontier();
        let signed = Checkpoint::of(&self.shared.origin, &frontier);
        let checkpoint = signed.sign(&self.signer).map_err(LogError::Origin)?;
        let (root, shared) = (signed.root, checkpoint.as_str().into());
        let state = LogState {
            size: signed.size,
            root,
            frontier: frontier.subtrees().to_vec(),
            checkpoint: checkpoint.clone(),
            published: tip.state.published.clone(),
        };
        let batch = Batch { first_index, entries, checkpoint };
        let draft = Draft { growth, batch, leaves, places, root, checkpoint: shared };
        Ok((draft, Tip { state, frontier }))
    }

    /// A batch is durable: everybody is told, and the tiles are begun.
    fn accept(&mut self, flight: Flight) {
        let Flight { draft, waiting, mut room, .. } = flight;
        for (leaf, index) in draft.leaves.iter().zip(draft.batch.first_index..) {
            self.recent.insert(*leaf, index);
        }
        // Not over a gap: what failed before it may be there, and is to be learned.
        if self.remembered == draft.batch.first_index {
            self.remembered = draft.batch.end();
        }
        let mut answers = Vec::with_capacity(waiting.len());
        for request in waiting {
            let (appended, settlement) = (draft.appended(&request.leaf), Settlement::durable());
            answers.push((request.answer, Placed { appended, settlement }));
            room.push(request.room);
        }
        let Draft { batch, leaves, .. } = draft;
        // The flusher ends after this, unless it died, and then close() says so.
        if let Some(swapped) = &self.swapped {
            let _ = swapped.send(Swapped { batch, leaves, room });
        }
        for (answer, placed) in answers {
            let _ = answer.send(Outcome::Placed(placed));
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

impl Draft {
    /// The place of one of its entries.
    fn appended(&self, leaf: &Hash) -> Appended {
        let index = self.places[leaf];
        Appended {
            index,
            size: self.batch.end(),
            root: self.root,
            proof: self.growth.inclusion(index),
            checkpoint: Arc::clone(&self.checkpoint),
        }
    }
}

/// What a future gives without being waited for.
fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn fail(requests: Vec<Request>, error: LogError) {
    let error = Arc::new(error);
    for request in requests {
        let _ = request.answer.send(Outcome::Failed(Arc::clone(&error)));
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
