//! What the certificate authority, the logs and the issuer of this server stand on: its stores, its
//! clock, and its one way out.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use provender_authority::oidc::{DOCUMENT_LIMIT_BYTES, KeySource, KeySourceError};
use provender_authority::settings::Settings;
use provender_authority::trust::PublicOrigin;
use provender_authority::{Authority, LogStores};
use provender_domain::Timestamp;
use provender_store::{LogTiles, Metadata};
use provender_tlog::{StateStore, StorageError, TileStore};
use provender_upstream::{Client, Document, PrivateAddresses, Remote};
use url::Url;

use crate::{Clock, Registry, RegistryError};

/// Opens the authority of this data directory.
pub(crate) async fn open(
    data: PathBuf,
    origin: &str,
    stores: Arc<Stores>,
    client: Client,
    clock: Arc<dyn Clock>,
) -> Result<Authority, RegistryError> {
    let wrong = |reason: String| RegistryError::Origin { origin: origin.to_owned(), reason };
    let url = Url::parse(origin).map_err(|error| wrong(error.to_string()))?;
    let origin = PublicOrigin::try_from(&url).map_err(|error| wrong(error.to_string()))?;
    let keys = Arc::new(Issuers { client });
    let settings = Settings::read(&data).map_err(RegistryError::Settings)?;
    let mut options = provender_authority::Options::new(data, origin, stores, keys);
    options.settings = settings;
    options.clock = Arc::new(AuthorityClock(clock));
    Authority::open(options).await.map_err(RegistryError::Authority)
}

/// Where the logs are: their states in the database, their tiles in files.
pub(crate) struct Stores {
    root: PathBuf,
    metadata: Metadata,
    opened: Mutex<Vec<LogTiles>>,
}

impl Stores {
    /// Each log's tiles in a directory of its own below `root`.
    pub(crate) fn new(root: PathBuf, metadata: Metadata) -> Self {
        Self { root, metadata, opened: Mutex::default() }
    }

    /// Makes durable steps of the tiles fail.
    #[cfg(feature = "faults")]
    pub(crate) fn inject_faults(&self, faults: &provender_store::Faults) {
        let opened = self.opened.lock().expect("nothing panics while it holds this list");
        for tiles in opened.iter() {
            drop(tiles.clone().with_faults(faults.clone()));
        }
    }
}

#[async_trait]
impl LogStores for Stores {
    async fn tiles(&self, name: &str) -> Result<Arc<dyn TileStore>, StorageError> {
        let (root, space) = (self.root.join(name), self.metadata.space());
        let tiles = LogTiles::open_telling(&root, space).await;
        let tiles = tiles.map_err(|error| StorageError::new("the tiles of a log", error))?;
        self.opened.lock().expect("nothing panics while it holds this list").push(tiles.clone());
        Ok(Arc::new(tiles))
    }

    fn state(&self) -> Arc<dyn StateStore> {
        Arc::new(self.metadata.clone())
    }
}

/// How often it is looked whether trusted keys' metadata would expire.
const RENEWAL_INTERVAL: Duration = Duration::from_hours(3);
/// How often it is looked whether it is time for that by the clock that clients have: a machine that
/// was asleep has waited for less.
const CLOCK_INTERVAL: Duration = Duration::from_mins(1);

impl Registry {
    /// Renews what would expire while the server runs: clients refuse expired metadata.
    pub(crate) fn renew_trust_in_background(&self) {
        let weak = Arc::downgrade(&self.inner);
        let mut renewed_at = self.now();
        self.spawn_watcher(async move {
            loop {
                tokio::time::sleep(CLOCK_INTERVAL).await;
                let Some(inner) = weak.upgrade() else { return };
                let registry = Registry { inner };
                let now = registry.now();
                if is_renewal_due(renewed_at, now) {
                    registry.renew_trust().await;
                    renewed_at = now;
                }
            }
        });
    }

    /// Does so once; what fails is tried again the next time.
    async fn renew_trust(&self) {
        let authority = Arc::clone(self.authority());
        match tokio::task::spawn_blocking(move || authority.renew()).await {
            Ok(Ok(renewed)) if renewed.needs_root_key => tracing::warn!(
                expires = %renewed.root_expires,
                "the root of the trusted keys is about to expire; put its key back into keys/root and restart"
            ),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "the trusted keys' metadata could not be renewed");
            }
            Err(error) => tracing::error!(%error, "renewing the trusted keys' metadata died"),
        }
    }
}

/// Also where the clock was set back: nobody knows how long ago that was then.
fn is_renewal_due(renewed_at: Timestamp, now: Timestamp) -> bool {
    now < renewed_at || now >= renewed_at.plus(RENEWAL_INTERVAL)
}

/// The registry's clock as the authority wants it.
struct AuthorityClock(Arc<dyn Clock>);

impl provender_authority::clock::Clock for AuthorityClock {
    fn now(&self) -> jiff::Timestamp {
        let microseconds = self.0.now().microseconds();
        jiff::Timestamp::from_microsecond(microseconds).unwrap_or(jiff::Timestamp::MAX)
    }
}

/// Fetches what other issuers publish, by the one client and its checks.
struct Issuers {
    client: Client,
}

#[async_trait]
impl KeySource for Issuers {
    async fn document(&self, issuer: &str, url: &str) -> Result<Bytes, KeySourceError> {
        let url = Url::parse(url).map_err(KeySourceError::request)?;
        let issuer = Url::parse(issuer).map_err(KeySourceError::request)?;
        // The operator named the issuer, which may be of the organisation's own network; where its
        // documents or redirects send us elsewhere, the usual rules hold.
        let remote = Remote::new(issuer)
            .map_err(KeySourceError::request)?
            .private_addresses(PrivateAddresses::ThisOrigin);
        let limit = u64::try_from(DOCUMENT_LIMIT_BYTES).expect("a small number");
        let document = self.client.document(&remote, &url, "application/json", None, limit).await;
        match document.map_err(KeySourceError::request)? {
            Document::Modified(page) => Ok(page.body),
            _ => Err(KeySourceError::request(NoDocument)),
        }
    }
}

/// The issuer has nothing at the address.
#[derive(Debug, thiserror::Error)]
#[error("the issuer has no such document")]
struct NoDocument;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use provender_domain::Timestamp;

    use super::{RENEWAL_INTERVAL, is_renewal_due};

    #[test]
    fn renewals_follow_the_clock_that_clients_have() {
        let renewed_at = Timestamp::from_microseconds(1_000_000_000_000);
        let after = |passed: Duration| is_renewal_due(renewed_at, renewed_at.plus(passed));
        assert!(!after(Duration::ZERO));
        assert!(!after(RENEWAL_INTERVAL.saturating_sub(Duration::from_secs(1))));
        assert!(after(RENEWAL_INTERVAL));
        assert!(after(Duration::from_hours(8 * 24)), "after a week asleep");
        assert!(is_renewal_due(renewed_at, Timestamp::from_microseconds(1)), "it was set back");
    }
}
