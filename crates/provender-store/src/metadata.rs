//! Facts, in `SQLite` or `PostgreSQL`.
//!
//! One SQL text serves both, through sqlx's driver for any database: numbered places, columns of
//! BIGINT and TEXT (and bytes where there are many), compound facts as JSON. Both sort texts differently, so what
//! is promised sorted is sorted here, or asked for in pages by the collation "binary", which the
//! schema makes where there is none. What has no common words (the schema's triggers, the type of
//! bytes, how a transaction begins) is in `schema` and in `connect`, nowhere else.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use provender_domain::{
    BlobId, EcosystemId, Event, FileName, FileState, KeptFile, NewEvent, RepositoryName, Timestamp,
    UpstreamName,
};
use sqlx::any::AnyConnectOptions;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use self::commit::{LogMember, Member, Writer};
use self::connect::{Pools, Reader};
use self::direct::Direct;
use self::url::Address;
use crate::steps::Steps;
use crate::{Space, StoreError};

mod apply;
mod at_rest;
mod catalogue;
mod codec;
mod commit;
mod connect;
mod direct;
mod events;
mod evidence;
mod file_facts;
mod identities;
mod listing_body;
mod log;
mod milestones;
mod orphans;
mod packed;
pub(crate) mod packing;
mod read;
mod references;
mod room;
mod rows;
mod schema;
mod small_blobs;
mod standing;
mod statement;
mod tags;
mod url;
mod write;

pub use milestones::Milestone;
pub use orphans::Unreferenced;
pub use packed::PackedAttestation;
pub use rows::{
    Account, Attestation, AttestationSource, Counts, EventFilter, FileKey, Issuer, ListingOutcome,
    NamedPackage, PackageKey, PackageRow, Settings, SigningKind, SigningTask, StoredKey,
    StoredListing, Token,
};
pub(crate) use small_blobs::SmallBlobFacts;
pub use standing::Standing;
pub use tags::{TagChange, TagRow};
pub use url::DatabaseUrl;
pub use write::{Committed, Write};

/// How many commits may wait for the writer before further callers wait to hand theirs in.
const QUEUE_LIMIT: usize = 256;
/// The same for changes of logs, which may hold megabytes each. A log has eight batches under way.
const LOG_QUEUE_LIMIT: usize = 16;

/// How long whoever finds the room taken that was held for such waits at first; each further wait
/// is twice as long.
const ROOM_PAUSE: Duration = Duration::from_millis(20);
/// The longest such wait.
const ROOM_PAUSE_MAX: Duration = Duration::from_millis(320);

/// The metadata of one server. Clones share it.
#[derive(Clone)]
pub struct Metadata(Arc<Shared>);

struct Shared {
    pools: Pools,
    queues: Mutex<Option<Queues>>,
    /// Ends when the writer has.
    writer: Mutex<Option<oneshot::Receiver<()>>>,
    /// What else is done as long as this lives.
    beside: Mutex<JoinSet<()>>,
    last_event: watch::Receiver<i64>,
    space: Space,
    #[cfg(feature = "faults")]
    steps: Steps,
}

/// Where changes are handed to the one that writes.
struct Queues {
    commits: mpsc::Sender<Member>,
    log: mpsc::Sender<LogMember>,
}

impl Metadata {
    /// Opens the database, making or migrating its schema.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] for a database of a later version of this program.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let pools = Pools::open(url).await?;
        let last = read::last_event(&mut *pools.reader().await?).await?;
        let (last_event, watching) = watch::channel(last);
        let (commits, waiting_commits) = mpsc::channel(QUEUE_LIMIT);
        let (log, waiting_log) = mpsc::channel(LOG_QUEUE_LIMIT);
        let space = Space::default();
        let steps = Steps::default();
        let writer = Writer {
            dialect: pools.dialect,
            pool: pools.writer.clone(),
            last_event,
            steps: steps.clone(),
            space: space.clone(),
            direct: match &url.0 {
                Address::Sqlite(path) => Some(Mutex::new(Direct::new(path.clone()))),
                Address::Postgres(_) => None,
            },
            held: tokio::sync::Mutex::default(),
        };
        let writer = on_a_thread(writer.run(waiting_commits, waiting_log))?;
        let mut beside = JoinSet::new();
        if let (Address::Sqlite(path), Some(room)) = (&url.0, pools.room()) {
            let options = AnyConnectOptions::clone(&pools.writer.connect_options());
            beside.spawn(at_rest::bring_in_what_rests(path.clone(), options, room.clone()));
        }
        Ok(Self(Arc::new(Shared {
            pools,
            queues: Mutex::new(Some(Queues { commits, log })),
            writer: Mutex::new(Some(writer)),
            beside: Mutex::new(beside),
            last_event: watching,
            space,
            #[cfg(feature = "faults")]
            steps,
        })))
    }

    /// Writes all of this in one atomic transaction, which is durable when this returns.
    ///
    /// Events get the numbers that follow the last one's, without gaps. Calls that wait at the
    /// same time share one transaction of the database; one that fails does not disturb the
    /// others. If the returned future is dropped, the commit happens whole or not at all.
    ///
    /// # Errors
    /// See [`Write`] for the conditions of each; on any of them nothing of this call is written.
    pub async fn commit(
        &self,
        writes: Vec<Write>,
        events: Vec<NewEvent>,
    ) -> Result<Committed, StoreError> {
        let queue = self.queues().as_ref().map(|queues| queues.commits.clone());
        let (answer, outcome) = oneshot::channel();
        let member = Member { writes, events, answer };
        queue.ok_or(StoreError::Closed)?.send(member).await.map_err(|_| StoreError::Closed)?;
        outcome.await.map_err(|_| StoreError::Closed)?
    }

    /// The same, also on a full disk, where [`Self::hold_room`] found room for it while there was some:
    /// for what closes or takes away, which is wanted most then.
    ///
    /// # Errors
    /// Those of [`Self::commit`].
    pub async fn commit_from_room(
        &self,
        writes: Vec<Write>,
        events: Vec<NewEvent>,
    ) -> Result<Committed, StoreError> {
        let outcome = self.commit(writes.clone(), events.clone()).await;
        match self.0.pools.room() {
            Some(room) if matches!(outcome, Err(StoreError::Full(_))) => {
                let options = self.0.pools.writer.connect_options();
                let committing = async {
                    let mut pause = ROOM_PAUSE;
                    loop {
                        // What the log holds that is in the database by then, is free too.
                        let _ = at_rest::bring_in(&options).await;
                        let outcome = self.commit(writes.clone(), events.clone()).await;
                        if !matches!(outcome, Err(StoreError::Full(_))) || pause > ROOM_PAUSE_MAX {
                            return outcome;
                        }
                        // Somebody else was about to use it, and gives it back.
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                };
                room.lend(committing).await
            }
            _ => outcome,
        }
    }

    /// Holds some room on the disk of the embedded database, at most 8 MiB, until it is closed and
    /// beyond; before the first call, what an earlier process held is free. To be called again where
    /// there is room again.
    ///
    /// # Errors
    /// Where there is not so much.
    pub fn hold_room(&self) -> std::io::Result<()> {
        self.0.pools.hold_room()
    }

    /// Everything small, as of one moment.
    pub async fn settings(&self) -> Result<Settings, StoreError> {
        read::settings(&mut *self.reader().await?, self.0.pools.dialect).await
    }

    /// Whether something that is done once was done.
    pub async fn is_reached(&self, milestone: Milestone) -> Result<bool, StoreError> {
        milestones::is_reached(&mut *self.reader().await?, milestone).await
    }

    /// What is known of one package's name.
    pub async fn package(&self, key: &PackageKey) -> Result<Option<PackageRow>, StoreError> {
        read::package(&mut *self.reader().await?, key).await
    }

    /// Every package of one ecosystem in a repository, sorted by name.
    pub async fn packages(
        &self,
        repository: &RepositoryName,
        ecosystem: EcosystemId,
    ) -> Result<Vec<NamedPackage>, StoreError> {
        read::packages(&mut *self.reader().await?, repository, ecosystem).await
    }

    /// The files of one package in every state, sorted by name.
    pub async fn files(&self, key: &PackageKey) -> Result<Vec<KeptFile>, StoreError> {
        read::files(&mut *self.reader().await?, key).await
    }

    /// One file of a package, in whatever state.
    pub async fn file(
        &self,
        key: &PackageKey,
        name: &FileName,
    ) -> Result<Option<KeptFile>, StoreError> {
        read::file(&mut *self.reader().await?, key, name).await
    }

    /// Every file in this state, of one repository or of all, sorted by key and name.
    pub async fn files_in_state(
        &self,
        state: FileState,
        repository: Option<&RepositoryName>,
    ) -> Result<Vec<(StoredKey, KeptFile)>, StoreError> {
        read::files_in_state(&mut *self.reader().await?, state, repository).await
    }

    /// What an upstream last said of a package.
    pub async fn listing(
        &self,
        key: &PackageKey,
        upstream: &UpstreamName,
    ) -> Result<Option<StoredListing>, StoreError> {
        read::listing(&mut *self.reader().await?, key, upstream).await
    }

    /// Every attestation about these bytes, of whichever file, oldest first.
    pub async fn attestations_of_blob(
        &self,
        blob: &BlobId,
    ) -> Result<Vec<Attestation>, StoreError> {
        evidence::attestations_of_blob(&mut *self.reader().await?, blob).await
    }

    /// The attestations that belong to one file, oldest first.
    pub async fn attestations_of_file(
        &self,
        key: &PackageKey,
        name: &FileName,
    ) -> Result<Vec<Attestation>, StoreError> {
        evidence::attestations_of_file(&mut *self.reader().await?, key, name).await
    }

    /// The files of a package about which somebody may have said something: what is about them is
    /// kept beside them, or something but this server's own word is kept about their bytes,
    /// wherever. In no order.
    pub async fn files_spoken_of(&self, key: &PackageKey) -> Result<Vec<FileName>, StoreError> {
        evidence::files_spoken_of(&mut *self.reader().await?, key).await
    }

    /// Which files of a package have attestations, and from whom: each pair once, sorted.
    pub async fn attested_files(
        &self,
        key: &PackageKey,
    ) -> Result<Vec<(FileName, AttestationSource)>, StoreError> {
        evidence::attested_files(&mut *self.reader().await?, key).await
    }

    /// What is to be signed by now, at most so much; what has waited longest first.
    pub async fn signing_tasks_due(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<SigningTask>, StoreError> {
        evidence::signing_tasks_due(&mut *self.reader().await?, now, limit).await
    }

    /// How much is still to be signed, due or not.
    pub async fn signing_tasks_pending(&self) -> Result<u64, StoreError> {
        evidence::signing_tasks_pending(&mut *self.reader().await?).await
    }

    /// Recorded events that pass the filter.
    pub async fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, StoreError> {
        events::select(&mut *self.reader().await?, filter).await
    }

    /// The number of the last event that this process knows of; changes with every commit here.
    /// Other servers on the same database do not show.
    pub fn watch_events(&self) -> watch::Receiver<i64> {
        self.0.last_event.clone()
    }

    /// Whether any file that is not deleted, a companion of one or an attestation's bundle has these
    /// bytes.
    pub async fn references(&self, blob: &BlobId) -> Result<bool, StoreError> {
        Ok(self.blobs_in_use(&[*blob]).await?.contains(blob))
    }

    /// Which of these blobs are referred to, as [`Metadata::references`] says of one.
    pub async fn blobs_in_use(&self, blobs: &[BlobId]) -> Result<HashSet<BlobId>, StoreError> {
        read::blobs_in_use(&mut *self.reader().await?, blobs).await
    }

    /// Asks the database whether it answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        read::last_event(&mut *self.reader().await?).await.map(drop)
    }

    /// How much there is, from running totals: as cheap as one row.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        read::counts(&mut *self.reader().await?).await
    }

    /// Where writes tell that they found no space: those of this database, and of the blobs that
    /// were opened with it.
    pub fn space(&self) -> &Space {
        &self.0.space
    }

    /// Waits for commits under way, then closes every connection. Later calls on any clone answer
    /// [`StoreError::Closed`].
    pub async fn close(&self) {
        drop(self.queues().take());
        let mut beside = {
            let mut held = self.0.beside.lock().expect("nobody panics while holding it");
            std::mem::take(&mut *held)
        };
        beside.shutdown().await;
        let writer = self.0.writer.lock().expect("nobody panics while holding it").take();
        if let Some(writer) = writer {
            // It ends when the last commit is done; that it panicked is known by then.
            let _ = writer.await;
        }
        self.0.pools.close().await;
    }

    /// Attaches injected faults; see [`crate::Faults`].
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn with_faults(self, faults: crate::Faults) -> Self {
        self.0.steps.attach(faults);
        self
    }

    async fn reader(&self) -> Result<Reader<'_>, StoreError> {
        self.0.pools.reader().await
    }

    fn queues(&self) -> std::sync::MutexGuard<'_, Option<Queues>> {
        self.0.queues.lock().expect("nobody panics while holding it")
    }
}

/// Does the work on a thread of its own. All commits wait for the writer, and the writer for the
/// database's answers: among other tasks it would wait for each of them to have its turn, several
/// times in every commit.
fn on_a_thread(
    work: impl Future<Output = ()> + Send + 'static,
) -> Result<oneshot::Receiver<()>, StoreError> {
    let (ended, end) = oneshot::channel();
    let work = move || {
        // Made here, so that where there is no thread none is dropped among tasks. Without one
        // whoever commits is told that the store is closed.
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
            runtime.block_on(work);
        }
        // Nobody may wait for it.
        let _ = ended.send(());
    };
    std::thread::Builder::new().name("writer".to_owned()).spawn(work).map_err(sqlx::Error::Io)?;
    Ok(end)
}
