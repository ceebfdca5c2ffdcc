//! What a registry is opened with.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use provender_domain::Timestamp;
use provender_ecosystem::Ecosystem;
use provender_store::DatabaseUrl;
use provender_upstream::{BreakerOptions, Timeouts};

use crate::RegistryError;

/// Where time comes from, so that tests can move it.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    // The one place that reads the clock for the registry.
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        Timestamp::from_system(SystemTime::now())
    }
}

/// Limits and times that an operator or a test may change.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// How long an upstream's index counts as fresh before it is revalidated.
    pub listing_fresh: Duration,
    /// How long "there is no such package" from an upstream counts as fresh.
    pub missing_fresh: Duration,
    /// How long what an upstream says of a tag, or of what refers to a file, counts as fresh.
    pub tag_fresh: Duration,
    /// How long a file that nothing refers to is kept, so that a push under way finds it.
    pub orphan_grace: Duration,
    /// How long a stale index is served before the failing upstream is tried again.
    pub stale_retry: Duration,
    /// Largest index that is read from an upstream, in bytes, decoded.
    pub document_limit_bytes: u64,
    /// Largest complete list of names that is read from an upstream, in bytes, decoded.
    pub catalogue_limit_bytes: u64,
    /// Largest companion (metadata, provenance) that is read from an upstream, in bytes.
    pub companion_limit_bytes: u64,
    /// Largest file that is mirrored, in bytes.
    pub file_limit_bytes: u64,
    /// Files fetched from upstreams at once, and from one origin half as many; more wait.
    pub concurrent_fetches: usize,
    /// How long they wait, before their clients are told to come again. Clients themselves wait
    /// for fifteen seconds and longer.
    pub fetch_wait: Duration,
    /// Memory for rendered indexes, in bytes.
    pub index_cache_bytes: u64,
    /// Memory for upstreams' parsed indexes, in files listed (each takes about 400 bytes).
    pub listing_cache_files: u64,
    /// How often retention rules are applied and garbage is collected; `None`: when somebody says
    /// so.
    pub maintenance_interval: Option<Duration>,
    /// How often it is tried whether there is room again, where a write found no space.
    pub space_interval: Duration,
    /// How often our names are held against complete lists, where that is turned on.
    pub names_interval: Duration,
    /// How long an upstream may take to answer, and to go on answering.
    pub upstream_timeouts: Timeouts,
    /// When a failing upstream is left alone, and for how long.
    pub upstream_breaker: BreakerOptions,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            listing_fresh: Duration::from_mins(10),
            missing_fresh: Duration::from_mins(1),
            tag_fresh: Duration::from_mins(1),
            orphan_grace: Duration::from_hours(24),
            stale_retry: Duration::from_secs(30),
            document_limit_bytes: 128 << 20,
            catalogue_limit_bytes: 256 << 20,
            companion_limit_bytes: 16 << 20,
            file_limit_bytes: 8 << 30,
            concurrent_fetches: 64,
            fetch_wait: Duration::from_secs(10),
            index_cache_bytes: 48 << 20,
            listing_cache_files: 50_000,
            maintenance_interval: None,
            space_interval: Duration::from_secs(5),
            names_interval: Duration::from_hours(6),
            upstream_timeouts: Timeouts::default(),
            upstream_breaker: BreakerOptions::default(),
        }
    }
}

/// The origin of a server that was never opened under another.
pub const DEFAULT_ORIGIN: &str = "http://localhost:8080";

/// What a registry is opened with.
pub struct Options {
    /// The data directory.
    pub data: PathBuf,
    /// The metadata database; `None` for the embedded one in the data directory. It belongs to this
    /// registry alone, as the data directory does: the lock there does not keep another away from it.
    pub database: Option<DatabaseUrl>,
    /// How clients reach the server: scheme, host and port, without a slash at the end. It is in
    /// signing identities, in the log's name and in the absolute links of indexes. `None`: as the
    /// data directory was opened before, at first [`DEFAULT_ORIGIN`].
    pub origin: Option<String>,
    /// The compiled-in ecosystems.
    pub ecosystems: Vec<Arc<dyn Ecosystem>>,
    /// Limits and times.
    pub tuning: Tuning,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Options {
    /// The defaults: embedded database, the origin of before, the system's clock.
    pub fn new(data: PathBuf, ecosystems: Vec<Arc<dyn Ecosystem>>) -> Self {
        Self {
            data,
            database: None,
            origin: None,
            ecosystems,
            tuning: Tuning::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Makes the data directory, readable by its owner alone, and takes its lock for this process.
pub(crate) fn lock_data_directory(data: &Path) -> Result<File, RegistryError> {
    let unusable = |source| RegistryError::DataDirectory { path: data.to_owned(), source };
    make_private_directory(data).map_err(unusable)?;
    let path = data.join("lock");
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(RegistryError::InUse { path: data.to_owned() })
        }
        Err(std::fs::TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// The file in the data directory that remembers the origin.
const ORIGIN_FILE: &str = "origin";
/// Longest origin that is remembered, in bytes: a host name has 253 at most.
const ORIGIN_LIMIT_BYTES: u64 = 512;

/// The origin to open under: the given one, which is remembered, or the one of before.
pub(crate) fn origin(data: &Path, given: Option<String>) -> Result<String, RegistryError> {
    let unusable = |source| RegistryError::DataDirectory { path: data.to_owned(), source };
    let path = data.join(ORIGIN_FILE);
    let remembered = remembered(&path).map_err(unusable)?;
    let Some(given) = given else {
        return Ok(remembered.unwrap_or_else(|| DEFAULT_ORIGIN.to_owned()));
    };
    if remembered.as_ref() != Some(&given) {
        // Another port of this machine is no news to anybody.
        if let Some(before) = remembered.filter(|before| !before.contains("://localhost:")) {
            tracing::warn!(
                before,
                now = given,
                "this server goes by another URL than before: what it signs from now on is by other \
                 names, in a log of that name"
            );
        }
        let next = path.with_extension("next");
        std::fs::write(&next, &given).map_err(unusable)?;
        std::fs::rename(&next, &path).map_err(unusable)?;
    }
    Ok(given)
}

fn remembered(path: &Path) -> std::io::Result<Option<String>> {
    use std::io::Read as _;
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(ORIGIN_LIMIT_BYTES).read_to_string(&mut text)?;
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn make_private_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
