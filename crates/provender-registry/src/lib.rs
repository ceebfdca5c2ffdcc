//! The one path: every index and every byte goes parse → authorize → resolve → decide → serve,
//! whatever its ecosystem, and comes in by fetch → verify → inspect → record.
//!
//! This crate knows repositories, upstreams, owned names, policy and events. It knows no HTTP
//! framing (that is `provender-server`) and no package format (that is each ecosystem's crate).
//!
//! | module | its part of the path |
//! |---|---|
//! | `access` | who is calling, what they may do: [`Caller`], [`Authorized`] |
//! | `state` | repositories, tokens, accounts, issuers, owned names and upstreams, in memory, replaced whole |
//! | `read` | indexes and files out |
//! | `resolve` | the view of one package: here, or the first upstream that has it |
//! | `decide` | facts → verdict |
//! | `listing`, `mirror`, `companion` | what comes in from upstreams |
//! | `failure`, `fetch_problem`, `oversized`, `refused_address` | what does not, what its clients are told, and what others |
//! | `publish`, `turns`, `change`, `beforehand` | what comes in from people |
//! | `refusal` | what of it does not |
//! | `attestation` | what publishers attest: verified, then kept |
//! | `signing` | what this server attests of all that comes in |
//! | `authority` | what its own certificate authority and logs stand on |
//! | `cache` | rendered indexes, and when they stop being true |
//! | `served` | kept files, remembered while they may be served |
//! | `discovery` | what is said while upstreams are still being looked for |
//! | `names` | namesakes: our names held against an upstream's complete list |
//! | `garbage` | bytes that nothing refers to any more |
//! | `space` | whether there is room to write, and who is told that there was none |
//! | `admin` | repositories, tokens, accounts, issuers, names, upstreams, reports |

mod access;
mod admin;
mod attestation;
mod authority;
mod beforehand;
mod beside;
mod cache;
mod change;
mod companion;
mod composite;
mod decide;
mod discovery;
mod error;
mod failure;
mod fetch_problem;
mod garbage;
mod grant;
mod head;
mod journal;
mod listing;
mod maintenance;
mod mirror;
mod names;
mod options;
mod oversized;
mod promised;
mod publish;
mod publisher;
mod read;
mod recorded;
mod referrers;
mod refusal;
mod refused_address;
mod remote;
mod resolve;
mod retention;
mod served;
mod session;
mod signature;
mod signing;
mod slots;
mod space;
mod state;
mod statements;
mod stream;
mod tagged;
mod turns;
mod untag;
mod upload;
mod whole_version;

pub use access::{Authorized, Caller};
pub use admin::accounts::{Account, AccountChange, NewAccount, Password};
pub use admin::attest::{FileNamed, KeptAttestation, ReferencedFile};
pub use admin::chain::Link;
pub use admin::evidence::{FileEvent, FileEvidence};
pub use admin::issuers::IssuerSummary;

pub use admin::packages::{FileReport, FilesWanted, KeptPackage, PackageReport, PackageSummary};
pub use admin::policy::policy_revision;
pub use admin::sign_ins::{IssuedCertificate, SignInMethod};
pub use admin::status::{Status, UpstreamHealth};
pub use admin::tokens::{CreatedToken, NewToken, TokenSummary};
pub use admin::upstreams::{NewUpstream, UpstreamSummary};
pub use cache::{RenderedIndex, Stale, Truth};
pub use discovery::Discovering;
pub use error::RegistryError;
pub use garbage::Collected;
pub use grant::Grant;
pub use head::{Extent, FileHead};
pub use names::Namesake;
pub use options::{Clock, DEFAULT_ORIGIN, Options, SystemClock, Tuning};
pub use publish::Published;
pub use read::{Answer, FileAnswer};
pub use retention::{Expired, ExpiredFile, ExpiredTag};
pub use signature::{TaggedBundle, is_evidence};
pub use stream::{CutOff, FileStream};
pub use upload::{Begun, Upload};

use std::sync::{Arc, MutexGuard, RwLock};
use std::time::Duration;

use provender_domain::{
    Actor, EventKind, NewEvent, Problem, Repository, RepositoryName, RepositoryPolicy, Timestamp,
    Visibility,
};
use provender_ecosystem::Ecosystem;
use provender_store::{Blobs, DatabaseUrl, Metadata, PackageKey, StoredKey, Write};

use provender_upstream::SingleFlight;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cache::{IndexCache, IndexKey, Stamp};
use crate::listing::Listings;
use crate::mirror::Mirrors;
use crate::recorded::Recorded;
use crate::remote::Remotes;
use crate::served::ServedFiles;
use crate::session::Sessions;
use crate::signing::Signing;
use crate::state::State;
use crate::statements::Statements;

/// The repository that every server has from its first start.
pub const FIRST_REPOSITORY: &str = "main";

/// A registry on one data directory. Cheap to clone; all clones are one registry.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    metadata: Metadata,
    blobs: Blobs,
    /// Scheme, host and port, without a slash at the end.
    origin: String,
    ecosystems: Vec<Arc<dyn Ecosystem>>,
    tuning: Tuning,
    clock: Arc<dyn Clock>,
    state: RwLock<Arc<State>>,
    /// Held while settings are written and read back, so that the newest is what stays in memory.
    settings_gate: tokio::sync::Mutex<()>,
    /// Held while kept files are read, changed and written back, so that no change undoes another.
    changes_gate: tokio::sync::Mutex<()>,
    index_cache: IndexCache,
    /// With the counters in their keys: whoever asks after a change never gets what was begun before.
    index_flights: SingleFlight<(IndexKey, Stamp), Arc<RenderedIndex>, Problem>,
    served_files: ServedFiles,
    recorded: Recorded,
    listings: Listings,
    mirrors: Mirrors,
    remotes: Remotes,
    statements: Statements,
    signing: Signing,
    same_file_turns: turns::SameFileTurns,
    /// Where the logs' tiles and states are; kept to make them fail in tests.
    #[cfg(feature = "faults")]
    log_stores: Arc<authority::Stores>,
    /// Read-held from a blob's commit to its row's commit; write-held while garbage is removed.
    garbage_gate: Arc<tokio::sync::RwLock<()>>,
    closings: whole_version::Closings,
    known_kept: garbage::KnownKept,
    background: std::sync::Mutex<Background>,
    denials: access::Denials,
    access_key: grant::AccessKey,
    sessions: Sessions,
    /// Wrong passwords lately.
    attempts: admin::accounts::Attempts,
    hashing: admin::accounts::Hashing,
    searches: Arc<discovery::Searches>,
    /// Who makes a report on a package.
    reports: Semaphore,
    started_at: Timestamp,
    is_new: bool,
    /// Since when there has been no room to write.
    fullness: space::Fullness,
    /// Keeps every other process away from the data directory.
    _lock: std::fs::File,
}

/// Tasks that nobody waits for.
#[derive(Default)]
struct Background {
    /// Go on until the registry is closed.
    watchers: JoinSet<()>,
    /// End by themselves.
    tasks: JoinSet<()>,
}

/// How long closing waits for background work.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

impl Inner {
    fn background(&self) -> MutexGuard<'_, Background> {
        self.background.lock().expect("no task panics while it holds this lock")
    }
}

impl Registry {
    /// Opens a data directory, making it where it is missing.
    ///
    /// Takes the directory's lock, migrates the database and, on the first start, makes the public
    /// repository [`FIRST_REPOSITORY`] and the keys of the server's own certificate authority. Does
    /// nothing that grows with what is kept.
    pub async fn open(options: Options) -> Result<Self, RegistryError> {
        let Options { data, database, origin, ecosystems, tuning, clock } = options;
        let lock = options::lock_data_directory(&data)?;
        let database =
            database.unwrap_or_else(|| DatabaseUrl::sqlite(data.join("metadata.sqlite")));
        let metadata = Metadata::open(&database).await?;
        // Behind what left some room for it.
        let origin = options::origin(&data, origin)?;
        let space = metadata.space().watch();
        let blobs = Blobs::open(&data, metadata.clone()).await?;
        let now = clock.now();
        let mut settings = metadata.settings().await?;
        let is_new = settings.repositories.is_empty();
        if is_new {
            metadata.commit(first_repository(now), vec![initialized(now)]).await?;
            settings = metadata.settings().await?;
        }
        let access_key = grant::AccessKey::open(&data)
            .map_err(|source| RegistryError::DataDirectory { path: data.clone(), source })?;
        let sessions = Sessions::new().map_err(|error| RegistryError::DataDirectory {
            path: data.clone(),
            source: std::io::Error::other(error.to_string()),
        })?;
        let remotes = Remotes::new(tuning.upstream_breaker);
        let log_stores = Arc::new(authority::Stores::new(data.join("log"), metadata.clone()));
        let client = remotes.client.clone();
        let opening =
            authority::open(data, &origin, log_stores.clone(), client, clock.clone()).await;
        let inner = Inner {
            signing: Signing::new(Arc::new(opening?)),
            same_file_turns: turns::SameFileTurns::new(),
            #[cfg(feature = "faults")]
            log_stores,
            state: RwLock::new(Arc::new(State::new(settings))),
            settings_gate: tokio::sync::Mutex::new(()),
            changes_gate: tokio::sync::Mutex::new(()),
            index_cache: IndexCache::new(tuning.index_cache_bytes),
            index_flights: SingleFlight::new(),
            served_files: ServedFiles::default(),
            recorded: Recorded::default(),
            listings: Listings::new(tuning.listing_cache_files),
            mirrors: Mirrors::new(tuning.concurrent_fetches),
            remotes,
            statements: Statements::default(),
            garbage_gate: Arc::default(),
            closings: whole_version::Closings::default(),
            known_kept: garbage::KnownKept::default(),
            background: std::sync::Mutex::default(),
            denials: access::Denials::default(),
            access_key,
            sessions,
            attempts: admin::accounts::Attempts::default(),
            hashing: admin::accounts::Hashing::default(),
            searches: Arc::default(),
            reports: Semaphore::new(admin::packages::REPORTS_AT_ONCE),
            started_at: now,
            is_new,
            fullness: space::Fullness::default(),
            metadata,
            blobs,
            origin,
            ecosystems,
            tuning,
            clock,
            _lock: lock,
        };
        let registry = Self { inner: Arc::new(inner) };
        registry.authority().trust_issuers(registry.trusted_issuers());
        registry.watch_names_in_background();
        registry.renew_trust_in_background();
        registry.sign_in_background();
        registry.maintain_in_background();
        registry.watch_space_in_background(space);
        // Until here what an earlier process held was free: a server starts on a full disk.
        if let Err(error) = registry.inner.metadata.hold_room() {
            tracing::warn!(%error, "no room could be held for what is to go on on a full disk");
        }
        Ok(registry)
    }

    /// Whether this was the first start on this data directory.
    pub fn is_new(&self) -> bool {
        self.inner.is_new
    }

    /// How clients reach the server: scheme, host and port, without a slash at the end.
    pub fn origin(&self) -> &str {
        &self.inner.origin
    }

    /// The compiled-in ecosystems.
    pub fn ecosystems(&self) -> &[Arc<dyn Ecosystem>] {
        &self.inner.ecosystems
    }

    /// One of them, by purl type.
    pub fn ecosystem(&self, id: &str) -> Option<&Arc<dyn Ecosystem>> {
        self.inner.ecosystems.iter().find(|ecosystem| ecosystem.id().as_str() == id)
    }

    /// A package as it is kept, if its ecosystem is one of them.
    pub(crate) fn key_of(&self, package: &StoredKey) -> Option<PackageKey> {
        Some(PackageKey {
            repository: package.repository.clone(),
            ecosystem: self.ecosystem(&package.ecosystem)?.id(),
            package: package.package.clone(),
        })
    }

    /// Ends what repeats, waits until what was begun is recorded, and closes logs and database.
    pub async fn close(&self) {
        let (mut watchers, mut tasks) = {
            let mut background = self.inner.background();
            (std::mem::take(&mut background.watchers), std::mem::take(&mut background.tasks))
        };
        watchers.shutdown().await;
        let finished = tokio::time::timeout(CLOSE_TIMEOUT, async {
            while tasks.join_next().await.is_some() {}
        });
        if finished.await.is_err() {
            tracing::warn!("background work did not end in time and was stopped");
        }
        if let Err(error) = self.authority().close().await {
            tracing::warn!(
                cause = Problem::internal(&error).internal,
                "a log did not end in order"
            );
        }
        self.inner.metadata.close().await;
    }

    /// Makes durable steps of both stores fail from now on; see [`provender_store::Faults`].
    #[cfg(feature = "faults")]
    pub fn inject_faults(&self, faults: &provender_store::Faults) {
        drop(self.inner.metadata.clone().with_faults(faults.clone()));
        drop(self.inner.blobs.clone().with_faults(faults.clone()));
        self.inner.log_stores.inject_faults(faults);
    }

    /// Where the bytes are.
    #[cfg(feature = "faults")]
    pub fn blobs(&self) -> &Blobs {
        &self.inner.blobs
    }

    /// How many files on their way in are waited for, or read while they are fetched.
    #[cfg(feature = "faults")]
    pub fn streams_under_way(&self) -> usize {
        self.inner.mirrors.streams.count()
    }

    fn state(&self) -> Arc<State> {
        self.inner.state.read().expect("state is replaced, never changed, under this lock").clone()
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}

fn first_repository(now: Timestamp) -> Vec<Write> {
    let name = RepositoryName::new(FIRST_REPOSITORY).expect("a constant and valid name");
    let (visibility, policy) = (Visibility::Public, RepositoryPolicy::default());
    let repository = Repository { name, visibility, created_at: now, policy };
    vec![Write::CreateRepository(repository)]
}

fn initialized(now: Timestamp) -> NewEvent {
    let message = "the data directory was made, with the public repository main in it";
    NewEvent::new(EventKind::Initialized, now, Actor::System, message)
}
