//! Publications whose log another server appends to at the same time: a place that was given
//! before it was durable may turn out to be the other's.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use provender_authority::oidc::{KeySource, KeySourceError, San};
use provender_authority::trust::PublicOrigin;
use provender_authority::{Authority, LogStores, Options};
use provender_store::{LogTiles, Metadata};
use provender_tlog::{AppendError, Entry, StateStore, StorageError, TileStore};

use crate::registry::metadata_of;
use crate::{TestRegistry, wheel};

/// Publications at once, and how many rounds of them.
const AT_ONCE: usize = 6;
const ROUNDS: usize = 8;

/// The logs of a registry, as another server has them.
struct SharedLogs {
    root: PathBuf,
    metadata: Metadata,
}

#[async_trait]
impl LogStores for SharedLogs {
    async fn tiles(&self, name: &str) -> Result<Arc<dyn TileStore>, StorageError> {
        Ok(Arc::new(LogTiles::open(&self.root.join(name)).await.unwrap()))
    }

    fn state(&self) -> Arc<dyn StateStore> {
        Arc::new(self.metadata.clone())
    }
}

/// Nobody is asked for keys.
struct Offline;

#[async_trait]
impl KeySource for Offline {
    async fn document(&self, _issuer: &str, _url: &str) -> Result<Bytes, KeySourceError> {
        Err(KeySourceError::TooLarge)
    }
}

/// The authority of another server on the same data.
async fn another(registry: &TestRegistry) -> Authority {
    let metadata = metadata_of(registry.data()).await;
    let logs = SharedLogs { root: registry.data().join("log"), metadata };
    let origin = PublicOrigin::try_from(&"http://localhost:8080".parse().unwrap()).unwrap();
    let directory = registry.data().to_owned();
    let options = Options::new(directory, origin, Arc::new(logs), Arc::new(Offline));
    Authority::open(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publication_whose_log_entry_fails_is_signed_anew() {
    let registry = TestRegistry::open().await;
    registry.main().publish(&wheel("first", "1.0")).await.unwrap();
    let other = Arc::new(another(&registry).await);
    let done = Arc::new(AtomicBool::new(false));
    let appending = tokio::spawn({
        let (other, done) = (Arc::clone(&other), Arc::clone(&done));
        async move {
            let mut appended = 0_u64;
            while !done.load(Ordering::SeqCst) {
                let entry = Entry::new(format!("of another server: {appended}"));
                match other.log().append(entry).await {
                    Ok(_) => appended += 1,
                    Err(AppendError::Busy { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            appended
        }
    });
    for round in 0..ROUNDS {
        let mut publishing = tokio::task::JoinSet::new();
        for number in 0..AT_ONCE {
            let (client, demo) = (registry.main(), wheel(&format!("demo-{round}-{number}"), "1.0"));
            publishing.spawn(async move { client.publish(&demo).await });
        }
        for published in publishing.join_all().await {
            published.unwrap();
        }
    }
    done.store(true, Ordering::SeqCst);
    assert!(appending.await.unwrap() > 0);
    assert!(other.identity(&San::Email("ann@packages.example".to_owned())).await.is_ok());
    other.close().await.unwrap();
    assert_eq!(registry.kept().await.len(), 1 + ROUNDS * AT_ONCE);
    assert_eq!(registry.registry.status().await.unwrap().signing_pending, 0);
    registry.assert_sound().await;
    let audit = registry.registry.authority().log().verify().await.unwrap();
    assert!(audit.is_sound(), "{audit:?}");
}
