//! What an authority stands on in tests, of this crate and of those that use it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use provender_tlog::testing::MemoryStore;
use provender_tlog::{StateStore, StorageError, TileStore};

use crate::LogStores;
use crate::clock::Clock;
use crate::oidc::{KeySource, KeySourceError};

/// Stores in memory that survive a restart of the authority.
#[derive(Default)]
pub struct MemoryStores {
    tiles: Mutex<HashMap<String, Arc<MemoryStore>>>,
    state: Arc<MemoryStore>,
}

#[async_trait]
impl LogStores for MemoryStores {
    async fn tiles(&self, name: &str) -> Result<Arc<dyn TileStore>, StorageError> {
        let mut tiles = self.tiles.lock().expect("nothing panics while it holds this lock");
        Ok(Arc::clone(tiles.entry(name.to_owned()).or_default()) as Arc<dyn TileStore>)
    }

    fn state(&self) -> Arc<dyn StateStore> {
        Arc::clone(&self.state) as Arc<dyn StateStore>
    }
}

/// Nobody is asked for keys.
pub struct Offline;

#[async_trait]
impl KeySource for Offline {
    async fn document(&self, _issuer: &str, _url: &str) -> Result<Bytes, KeySourceError> {
        Err(KeySourceError::TooLarge)
    }
}

/// The system's clock, put forwards and back.
#[derive(Default)]
pub struct AdjustedClock {
    ahead_secs: AtomicI64,
}

impl AdjustedClock {
    /// Puts it so many seconds ahead of the system's, whatever it was before.
    pub fn set_ahead(&self, seconds: i64) {
        self.ahead_secs.store(seconds, Ordering::Relaxed);
    }

    /// Puts it so many seconds further ahead.
    pub fn advance(&self, seconds: i64) {
        self.ahead_secs.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for AdjustedClock {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.ahead_secs.load(Ordering::Relaxed))
    }
}
