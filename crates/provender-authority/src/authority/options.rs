//! What an authority is opened with.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use provender_tlog::{Limits, StateStore, StorageError, TileStore};

use crate::clock::{Clock, SystemClock};
use crate::oidc::KeySource;
use crate::settings::Settings;
use crate::trust::PublicOrigin;

/// Where logs are kept.
#[async_trait]
pub trait LogStores: Send + Sync {
    /// The tiles of the log of this name. Each log has a store of its own: the name is
    /// [`PublicOrigin::log_store`] or [`PublicOrigin::ct_log_store`], a host (colons in it, if it is
    /// an address) with or without `ct@` before it.
    ///
    /// # Errors
    /// Where it cannot be opened.
    async fn tiles(&self, name: &str) -> Result<Arc<dyn TileStore>, StorageError>;

    /// The states of all logs.
    fn state(&self) -> Arc<dyn StateStore>;
}

/// What an authority is opened with.
pub struct Options {
    /// Holds the keys, certificates and the TUF repository: `keys/`, `certificates/`, `tuf/`,
    /// `logs.json` and `latest-time.json`.
    pub directory: PathBuf,
    /// The server's public origin.
    pub origin: PublicOrigin,
    /// Where the logs are kept.
    pub logs: Arc<dyn LogStores>,
    /// Fetches the keys of other issuers.
    pub key_source: Arc<dyn KeySource>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What an operator set.
    pub settings: Settings,
    /// How much each log holds before it says that it is busy. How often it publishes is a setting.
    pub limits: Limits,
}

impl Options {
    /// With the default settings and limits, and the system's clock.
    pub fn new(
        directory: PathBuf,
        origin: PublicOrigin,
        logs: Arc<dyn LogStores>,
        key_source: Arc<dyn KeySource>,
    ) -> Self {
        Self {
            directory,
            origin,
            logs,
            key_source,
            clock: Arc::new(SystemClock),
            settings: Settings::default(),
            limits: Limits::default(),
        }
    }
}
