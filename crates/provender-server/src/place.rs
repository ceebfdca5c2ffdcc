//! Places for connections: as many as may be open at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places, each taken by one connection until it ends.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    total: u32,
    /// Unlike a place that is kept for whoever comes next, which is taken but not occupied.
    occupied: AtomicU32,
}

/// A place that is kept for the next connection.
pub(crate) struct Place(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

/// A place with a connection in it; free again when it is dropped.
pub(crate) struct Occupied {
    places: Arc<Places>,
    _place: Place,
}

impl Places {
    /// So many.
    pub(crate) fn new(total: usize) -> Arc<Self> {
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        let free = Arc::new(Semaphore::new(total as usize));
        Arc::new(Self { free, total, occupied: AtomicU32::new(0) })
    }

    /// A place, as soon as there is one.
    pub(crate) async fn take(&self) -> Place {
        let place = Arc::clone(&self.free).acquire_owned().await;
        Place(place.expect("the semaphore is never closed"))
    }

    /// Puts a connection in a place.
    pub(crate) fn occupy(self: &Arc<Self>, place: Place) -> Occupied {
        self.occupied.fetch_add(1, Ordering::Relaxed);
        Occupied { places: Arc::clone(self), _place: place }
    }

    /// Whether none is left for others, so that none should be kept idly.
    pub(crate) fn are_wanted(&self) -> bool {
        self.occupied.load(Ordering::Relaxed) >= self.total
    }

    /// Waits until every place is free, and keeps them all.
    pub(crate) async fn all(&self) {
        if let Ok(places) = self.free.acquire_many(self.total).await {
            places.forget();
        }
    }
}

impl Occupied {
    /// Whether there is no place for others, so that this one should not be kept idly.
    pub(crate) fn is_wanted(&self) -> bool {
        self.places.are_wanted()
    }

    /// All of them.
    pub(crate) fn places(&self) -> &Arc<Places> {
        &self.places
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.places.occupied.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[tokio::test]
    async fn places_are_wanted_once_all_are_occupied() {
        let places = Places::new(2);
        let first = places.occupy(places.take().await);
        let kept = places.take().await;
        assert!(!first.is_wanted(), "one is still kept for whoever comes next");
        let second = places.occupy(kept);
        assert!(first.is_wanted() && second.is_wanted());
        drop(second);
        assert!(!first.is_wanted());
        drop(first);
        places.all().await;
        let more = tokio::time::timeout(std::time::Duration::from_millis(10), places.take());
        assert!(more.await.is_err(), "all are kept");
    }
}
