//! A registry on a temporary directory whose clock the test moves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt as _;
use provender_attest::Bundle;
use provender_domain::{
    Algorithm, BlobId, Event, EventKind, FileState, KeptFile, Scope, Timestamp, Visibility,
};
use provender_oci::Oci;
use provender_pypi::Pypi;
use provender_registry::{
    Caller, Clock, FilesWanted, NewToken, NewUpstream, Options, Registry, RegistryError, Tuning,
};
use provender_store::{AttestationSource, DatabaseUrl, EventFilter, Metadata, Scrub};
use provender_testing::python::{Distribution, PythonUpstream, WheelBuilder};
use provender_upstream::{BreakerOptions, Timeouts};
use tempfile::TempDir;

use crate::Client;

/// Largest file that is mirrored in these tests, in bytes.
pub(crate) const FILE_LIMIT_BYTES: u64 = 1 << 20;
/// Largest index that is read in these tests, in bytes.
pub(crate) const DOCUMENT_LIMIT_BYTES: u64 = 256 << 10;
/// How long a test waits for what happens in the background.
const PATIENCE: Duration = Duration::from_secs(10);

/// A registry, its directory and its clock.
pub(crate) struct TestRegistry {
    pub(crate) registry: Registry,
    pub(crate) clock: TestClock,
    data: PathBuf,
    /// Removed with the last who holds it; `None` where somebody else sees to that.
    directory: Option<Arc<TempDir>>,
    tuning: Tuning,
}

/// A clock that goes when it is told to.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    /// Stands at the real present: blobs are dated by the file system.
    fn new() -> Self {
        let now = Timestamp::from_system(SystemTime::now());
        Self(Arc::new(AtomicI64::new(now.microseconds())))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).expect("a test's time is short");
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl TestClock {
    pub(crate) fn go_back(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).expect("a test's time is short");
        self.0.fetch_sub(by, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microseconds(self.0.load(Ordering::SeqCst))
    }
}

/// Small limits, short patience with upstreams, and a breaker that never opens.
fn tuning() -> Tuning {
    Tuning {
        document_limit_bytes: DOCUMENT_LIMIT_BYTES,
        file_limit_bytes: FILE_LIMIT_BYTES,
        companion_limit_bytes: 64 << 10,
        space_interval: Duration::from_millis(100),
        upstream_timeouts: Timeouts {
            response: Duration::from_millis(500),
            stall: Duration::from_millis(500),
            document: Duration::from_secs(2),
            ..Timeouts::default()
        },
        upstream_breaker: BreakerOptions { failures_max: u32::MAX, ..BreakerOptions::default() },
        ..Tuning::default()
    }
}

impl TestRegistry {
    /// A fresh one, which has the public repository `main` and nothing else.
    pub(crate) async fn open() -> Self {
        Self::tuned(|_| ()).await
    }

    /// A fresh one with other limits.
    pub(crate) async fn tuned(change: impl FnOnce(&mut Tuning)) -> Self {
        let mut tuning = tuning();
        change(&mut tuning);
        let directory = directory();
        let data = directory.path().to_owned();
        Self::with(data, Some(Arc::new(directory)), tuning, TestClock::new()).await
    }

    /// On a directory that another registry, most likely of another process, has left.
    pub(crate) async fn left_behind(directory: Arc<TempDir>) -> Self {
        let data = directory.path().to_owned();
        Self::with(data, Some(directory), tuning(), TestClock::new()).await
    }

    /// On a directory that outlives it.
    pub(crate) async fn at(data: &Path) -> Self {
        Self::with(data.to_owned(), None, tuning(), TestClock::new()).await
    }

    async fn with(
        data: PathBuf,
        directory: Option<Arc<TempDir>>,
        tuning: Tuning,
        clock: TestClock,
    ) -> Self {
        let registry = open(&data, tuning.clone(), clock.clone()).await;
        Self { registry, clock, data, directory, tuning }
    }

    /// A fresh one that mirrors this upstream into `main`, under the name `up`.
    pub(crate) async fn mirroring(upstream: &PythonUpstream) -> Self {
        let registry = Self::open().await;
        registry.add_upstream("main", "up", &upstream.index_url()).await;
        registry
    }

    /// Closes it and opens the directory again.
    pub(crate) async fn reopened(self) -> Self {
        self.reopened_after(|| ()).await
    }

    /// The same with something that happens while nothing is open.
    pub(crate) async fn reopened_after(self, meanwhile: impl FnOnce()) -> Self {
        self.registry.close().await;
        let Self { registry, clock, data, directory, tuning } = self;
        drop(registry);
        meanwhile();
        Self::with(data, directory, tuning, clock).await
    }

    /// When what was begun before is done: commits queue up, so a later one's end tells.
    pub(crate) async fn settled(self) -> Self {
        let until = std::time::Instant::now() + PATIENCE;
        let mut last = (0, 0);
        while std::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = (self.events().await.len(), self.kept().await.len());
            if now == last {
                return self;
            }
            last = now;
        }
        panic!("work goes on and on");
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Whoever may do everything.
    pub(crate) fn operator(&self) -> Caller {
        self.registry.operator()
    }

    /// Somebody without a token.
    pub(crate) fn anonymous(&self) -> Caller {
        self.registry.identify(None, None).expect("nobody is always known")
    }

    /// The bearer of a new token.
    pub(crate) async fn bearer(
        &self,
        repository: Option<&str>,
        scope: Scope,
        pattern: Option<&str>,
    ) -> Caller {
        let secret = self.token(repository, scope, pattern).await;
        self.registry.identify(Some(&secret), None).expect("a token just made")
    }

    /// The text of a new token.
    pub(crate) async fn token(
        &self,
        repository: Option<&str>,
        scope: Scope,
        pattern: Option<&str>,
    ) -> String {
        let request = NewToken {
            name: "a test's".to_owned(),
            repository: repository.map(str::to_owned),
            scope,
            pattern: pattern.map(str::to_owned),
            lifetime: None,
        };
        let created = self.registry.create_token(&self.operator(), request).await;
        created.expect("the operator makes any token").secret
    }

    /// `main`, as the operator sees it.
    pub(crate) fn main(&self) -> Client {
        self.client("main", self.operator())
    }

    /// A repository as this caller sees it.
    pub(crate) fn client(&self, repository: &str, caller: Caller) -> Client {
        Client::new(self.registry.clone(), repository, caller)
    }

    pub(crate) async fn repository(&self, name: &str, visibility: Visibility) -> Client {
        let made = self.registry.create_repository(&self.operator(), name, visibility).await;
        made.expect("a new repository");
        self.client(name, self.operator())
    }

    pub(crate) async fn add_upstream(&self, repository: &str, name: &str, url: &str) {
        self.add(NewUpstream {
            repository: repository.to_owned(),
            name: Some(name.to_owned()),
            url: Some(url.to_owned()),
            ..NewUpstream::default()
        })
        .await;
    }

    /// Puts one repository behind another.
    pub(crate) async fn put_behind(&self, front: &str, behind: &str) {
        self.add(NewUpstream {
            repository: front.to_owned(),
            from_repository: Some(behind.to_owned()),
            ..NewUpstream::default()
        })
        .await;
    }

    pub(crate) async fn add(&self, upstream: NewUpstream) {
        let ecosystem = match upstream.ecosystem.as_str() {
            "" => "pypi".to_owned(),
            other => other.to_owned(),
        };
        let upstream = NewUpstream { ecosystem, ..upstream };
        let added = self.registry.add_upstream(&self.operator(), upstream).await;
        added.expect("a new upstream");
    }

    pub(crate) async fn own(&self, pattern: &str) {
        let owned = self.registry.own(&self.operator(), "main", "pypi", pattern).await;
        owned.expect("the operator owns what they like");
    }

    /// All events so far.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let filter = EventFilter { limit: u32::MAX, ..EventFilter::default() };
        self.registry.events(&self.operator(), filter).await.expect("the record")
    }

    /// The events of this kind as soon as there are `count`: some are recorded in the background.
    pub(crate) async fn events_of(&self, kind: EventKind, count: usize) -> Vec<Event> {
        let mut changes = self.registry.watch_events();
        let wait = async {
            loop {
                changes.mark_unchanged();
                let events = of_kind(self.events().await, kind);
                if events.len() >= count {
                    return events;
                }
                changes.changed().await.expect("the registry is open");
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, wait).await;
        in_time.unwrap_or_else(|late| panic!("no {count} events {kind:?}: {late}"))
    }

    /// Closes the registry and returns everything that was ever recorded, background included.
    pub(crate) async fn record(self) -> Vec<Event> {
        self.registry.close().await;
        let metadata = metadata_of(self.data()).await;
        let filter = EventFilter { limit: u32::MAX, ..EventFilter::default() };
        let events = metadata.events(&filter).await.expect("the record");
        metadata.close().await;
        events
    }

    /// Closes the registry and counts what was recorded of each of these kinds.
    pub(crate) async fn assert_recorded(self, expected: &[(EventKind, usize)]) {
        let events = self.record().await;
        for (kind, count) in expected {
            let found = of_kind(events.clone(), *kind);
            assert_eq!(found.len(), *count, "{kind:?}: {found:#?}");
        }
    }

    /// How many files lie in the staging directory.
    pub(crate) fn staged(&self) -> usize {
        std::fs::read_dir(self.data().join("staging")).expect("a staging directory").count()
    }

    /// The names of all blobs, wherever they are kept.
    pub(crate) async fn blobs(&self) -> Vec<String> {
        let listed = self.registry.blobs().list();
        let mut names: Vec<String> =
            listed.map_ok(|found| found.id.to_hex()).try_collect().await.expect("blobs");
        names.sort();
        names
    }

    pub(crate) async fn has_blob(&self, hex: &str) -> bool {
        self.registry.blobs().open_blob(&hex.parse().unwrap()).await.unwrap().is_some()
    }

    /// Every kept file of every package, in every state.
    pub(crate) async fn kept(&self) -> Vec<KeptFile> {
        let operator = self.operator();
        let mut kept = Vec::new();
        for repository in self.registry.repositories(&operator) {
            let name = repository.name.as_str();
            for ecosystem in ["pypi", "oci"] {
                let packages = self.registry.packages(&operator, name, ecosystem).await;
                for package in packages.unwrap() {
                    let package = package.package;
                    let report = self
                        .registry
                        .package(&operator, name, ecosystem, package.as_str(), FilesWanted::ALL)
                        .await;
                    kept.extend(report.unwrap().files.into_iter().map(|file| file.kept));
                }
            }
        }
        kept
    }

    /// What must be true at any moment of rest, after whatever happened.
    pub(crate) async fn assert_sound(&self) {
        assert_eq!(self.staged(), 0, "half a file was left behind");
        for kept in self.kept().await {
            if kept.state == FileState::Present {
                let size_bytes = self.assert_bytes(&kept.blob, &kept.file.name).await;
                assert_eq!(kept.file.size_bytes, Some(size_bytes), "{:?}", kept.file.name);
                for companion in kept.file.companions.iter().filter(|found| found.url.is_none()) {
                    let Some(digest) = &companion.digest else {
                        // Made of our own attestation when somebody asks.
                        assert_eq!(companion.kind, "provenance");
                        continue;
                    };
                    assert_eq!(digest.algorithm(), Algorithm::Sha256);
                    self.assert_bytes(&digest.hex().parse().unwrap(), &companion.kind).await;
                }
            }
        }
        let numbers: Vec<i64> = self.events().await.iter().map(|event| event.number).collect();
        let expected: Vec<i64> = (1..=i64::try_from(numbers.len()).unwrap()).collect();
        assert_eq!(numbers, expected, "the record has gaps");
        self.assert_logged().await;
    }

    /// Whatever this server signed and kept is in its log, where and as it says.
    async fn assert_logged(&self) {
        for kept in self.kept().await {
            let subject = format!("sha256:{}", kept.blob.to_hex());
            let found = self.registry.evidence(&self.operator(), &subject, None).await;
            let found = found.into_iter().flatten().flat_map(|file| file.attestations);
            for attestation in found.filter(|found| found.source == AttestationSource::Ours) {
                let bundle = Bundle::parse(attestation.bundle.as_bytes()).unwrap();
                let [entry] = &bundle.log_entries[..] else { panic!("one entry: {bundle:?}") };
                assert_eq!(self.logged(entry.index).await, entry.body, "{:?}", kept.file.name);
            }
        }
    }

    /// An entry of the log, once that is published.
    async fn logged(&self, index: u64) -> Vec<u8> {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            match self.registry.authority().log().entry(index).await {
                Ok(entry) => return entry.to_vec(),
                Err(error) => assert!(std::time::Instant::now() < deadline, "{index}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// They are there and whole; how many there are.
    async fn assert_bytes(&self, blob: &BlobId, what: &(dyn std::fmt::Debug + Sync)) -> u64 {
        let blobs = self.registry.blobs();
        assert_eq!(blobs.scrub(blob).await.unwrap(), Scrub::Intact, "{what:?}");
        blobs.open_blob(blob).await.unwrap().expect("it is intact").size_bytes
    }
}

/// In memory where the system has such a place: these tests open some hundred registries, and
/// what a disk takes for their fsyncs says nothing here.
pub(crate) fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a temporary directory")
}

async fn open(data: &Path, tuning: Tuning, clock: TestClock) -> Registry {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let options = Options {
            tuning: tuning.clone(),
            clock: Arc::new(clock.clone()),
            ..Options::new(data.to_owned(), vec![Arc::new(Pypi), Arc::new(Oci)])
        };
        match Registry::open(options).await {
            Ok(registry) => return registry,
            // Shared work that nobody waits for any more ends by itself.
            Err(RegistryError::InUse { .. }) if std::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// The database, beside the registry.
pub(crate) async fn metadata_of(data: &Path) -> Metadata {
    let url = DatabaseUrl::sqlite(data.join("metadata.sqlite"));
    Metadata::open(&url).await.expect("the database opens again")
}

pub(crate) fn of_kind(events: Vec<Event>, kind: EventKind) -> Vec<Event> {
    events.into_iter().filter(|event| event.event.kind == kind).collect()
}

/// A small wheel, right in every respect.
pub(crate) fn wheel(name: &str, version: &str) -> Distribution {
    WheelBuilder::new(name, version).build()
}

/// How many events of each kind there are.
pub(crate) fn tally(events: &[Event]) -> BTreeMap<&'static str, usize> {
    let mut tally = BTreeMap::new();
    for event in events {
        *tally.entry(event.event.kind.as_str()).or_default() += 1;
    }
    tally
}

pub(crate) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) const fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

pub(crate) const fn hours(count: u64) -> Duration {
    Duration::from_hours(count)
}
