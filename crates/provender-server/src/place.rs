//! Places for connections: as many as may be open at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places, each taken by one connection until it ends.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    total: u32,
    is_crowded: AtomicBool,
}

impl Places {
    /// So many.
    pub(crate) fn new(total: usize) -> Arc<Self> {
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        let free = Arc::new(Semaphore::new(total as usize));
        Arc::new(Self { free, total, is_crowded: AtomicBool::new(false) })
    }

    /// A place, as soon as there is one.
    pub(crate) async fn take(&self) -> OwnedSemaphorePermit {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return place;
        }
        self.is_crowded.store(true, Ordering::Relaxed);
        let place = Arc::clone(&self.free).acquire_owned().await;
        self.is_crowded.store(false, Ordering::Relaxed);
        place.expect("the semaphore is never closed")
    }

    /// Whether somebody waits for a place, so that those who have one should not keep it idly.
    pub(crate) fn is_crowded(&self) -> bool {
        self.is_crowded.load(Ordering::Relaxed)
    }

    /// Waits until every place is free, and keeps them all.
    pub(crate) async fn all(&self) {
        if let Ok(places) = self.free.acquire_many(self.total).await {
            places.forget();
        }
    }
}
