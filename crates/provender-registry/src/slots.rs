//! Room for fetches: so many at once, and of one origin no more than half of them, so that one that
//! is slow does not keep everybody from all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use provender_domain::{Problem, ProblemCode, UpstreamTarget};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::Registry;
use crate::mirror::Errand;

/// When who found no room is to come again.
const BUSY_RETRY: Duration = Duration::from_secs(10);

/// The room there is.
pub(crate) struct Slots {
    all: Arc<Semaphore>,
    of_one_origin_max: usize,
    /// By origin, for as long as somebody fetches or waits.
    origins: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// Room for one fetch, as long as this lives.
pub(crate) struct Slot {
    _of_origin: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Slots {
    pub(crate) fn new(concurrent_fetches: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(concurrent_fetches)),
            of_one_origin_max: concurrent_fetches.div_ceil(2),
            origins: Mutex::default(),
        }
    }

    /// `None` where there was no room for so long.
    async fn take(&self, origin: String, patience: Duration) -> Option<Slot> {
        let (of_origin, all) = (self.of(origin), Arc::clone(&self.all));
        let taking = async {
            // The origin's own first: who waits for that keeps nobody else waiting.
            let of_origin = of_origin.acquire_owned().await.ok()?;
            let of_all = all.acquire_owned().await.ok()?;
            Some(Slot { _of_origin: of_origin, _of_all: of_all })
        };
        tokio::time::timeout(patience, taking).await.ok().flatten()
    }

    fn of(&self, origin: String) -> Arc<Semaphore> {
        let mut origins = self.origins.lock().expect("nothing panics while it holds this lock");
        if let Some(known) = origins.get(&origin).and_then(Weak::upgrade) {
            return known;
        }
        origins.retain(|_, semaphore| semaphore.strong_count() > 0);
        let new = Arc::new(Semaphore::new(self.of_one_origin_max));
        origins.insert(origin, Arc::downgrade(&new));
        new
    }
}

impl Registry {
    /// Waits for room to fetch a file from a remote upstream.
    pub(crate) async fn slot_for(&self, errand: &Errand) -> Result<Slot, Problem> {
        let UpstreamTarget::Remote { url, .. } = &errand.upstream.target else {
            return Err(Problem::not_found("only remote upstreams are fetched from"));
        };
        let origin = Url::parse(url).map(|url| url.origin().ascii_serialization());
        let origin = origin.unwrap_or_else(|_| url.clone());
        let slot = self.inner.mirrors.slots.take(origin, self.inner.tuning.fetch_wait).await;
        slot.ok_or_else(|| {
            let message = format!(
                "so much is being fetched, from upstream {} or from all, that {} has to wait; \
                 try again",
                errand.upstream.name, errand.file.name
            );
            Problem::new(ProblemCode::Busy, message).retry_after(BUSY_RETRY)
        })
    }
}
