//! What is remembered of each origin (scheme, host and port): its health, how busy we keep it, and
//! whether a connection is open.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use url::Url;

use crate::transport::POOL_IDLE;
use crate::{Breaker, BreakerOptions, BreakerState, FetchError, Pass};

/// Origins that are remembered. Upstreams may name any number in redirects.
const ORIGINS_MAX: usize = 1024;
/// How long requests wait for another that opens the first connection.
const OPENING_WAIT: Duration = Duration::from_secs(1);

/// How one origin is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginHealth {
    /// Scheme, host and port.
    pub origin: String,
    /// What its breaker thinks.
    pub state: BreakerState,
    /// Whether the last request was not made, as the origin's address is one that we do not go to.
    pub is_refused: bool,
    /// How often its breaker opened.
    pub openings_total: u64,
}

/// All origins that were asked lately.
pub(crate) struct Origins {
    known: Mutex<HashMap<String, Arc<Origin>>>,
    breaker: BreakerOptions,
    requests_max: usize,
}

/// One origin.
pub(crate) struct Origin {
    pub(crate) name: String,
    pub(crate) breaker: Arc<Breaker>,
    requests: Arc<Semaphore>,
    requests_max: usize,
    opening: tokio::sync::Mutex<()>,
    answered: Mutex<Option<Instant>>,
    refused: AtomicBool,
}

impl Origins {
    pub(crate) fn new(breaker: BreakerOptions, requests_max: usize) -> Self {
        Self { known: Mutex::default(), breaker, requests_max }
    }

    /// The origin of `url`, remembered from now on.
    pub(crate) fn of(&self, url: &Url) -> Arc<Origin> {
        let name = url.origin().ascii_serialization();
        let mut known = self.lock();
        if let Some(origin) = known.get(&name) {
            return Arc::clone(origin);
        }
        if known.len() >= ORIGINS_MAX {
            forget_some(&mut known);
        }
        let origin = Arc::new(Origin {
            name: name.clone(),
            breaker: Breaker::new(self.breaker),
            requests: Arc::new(Semaphore::new(self.requests_max)),
            requests_max: self.requests_max,
            opening: tokio::sync::Mutex::default(),
            answered: Mutex::default(),
            refused: AtomicBool::default(),
        });
        known.insert(name, Arc::clone(&origin));
        origin
    }

    /// How each is doing, by name.
    pub(crate) fn health(&self) -> Vec<OriginHealth> {
        let mut health: Vec<_> = self.lock().values().map(|origin| origin.health()).collect();
        health.sort_unstable_by(|a, b| a.origin.cmp(&b.origin));
        health
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Origin>>> {
        self.known.lock().expect("nothing panics while it holds the list of origins")
    }
}

/// Makes room: first those of which nothing bad is known, and if all are bad, any one.
fn forget_some(known: &mut HashMap<String, Arc<Origin>>) {
    known.retain(|_, origin| {
        let busy = Arc::strong_count(origin) > 1;
        busy || origin.breaker.state() != BreakerState::Closed { failures: 0 }
    });
    if known.len() >= ORIGINS_MAX
        && let Some(name) = known.keys().next().cloned()
    {
        known.remove(&name);
    }
}

impl Origin {
    pub(crate) fn health(&self) -> OriginHealth {
        OriginHealth {
            origin: self.name.clone(),
            state: self.breaker.state(),
            is_refused: self.refused.load(Ordering::Relaxed),
            openings_total: self.breaker.openings_total(),
        }
    }

    /// Waits for leave to have one more request under way.
    pub(crate) async fn slot(&self, wait: Duration) -> Result<OwnedSemaphorePermit, FetchError> {
        let permit = timeout(wait, Arc::clone(&self.requests).acquire_owned()).await;
        let Ok(permit) = permit else {
            let (origin, limit) = (self.name.clone(), self.requests_max);
            return Err(FetchError::Congested { origin, limit });
        };
        Ok(permit.expect("the semaphore is never closed"))
    }

    /// Held by the request that opens the first connection, while the others wait for it a
    /// moment. Whether an origin speaks HTTP/2, and so needs one connection only, is known only
    /// then; without this, fifty requests at once would open fifty.
    pub(crate) async fn opening(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        if self.is_open() {
            return None;
        }
        let turn = timeout(OPENING_WAIT, self.opening.lock()).await.ok()?;
        (!self.is_open()).then_some(turn)
    }

    /// Tells the breaker of a failure, and the operator when that was one too many.
    pub(crate) fn report_failure(
        &self,
        pass: Pass,
        error: &FetchError,
        retry_after: Option<Duration>,
    ) {
        self.report(error, || pass.fail(retry_after));
    }

    /// Tells the breaker that the body of what was asked for as `file` broke.
    pub(crate) fn report_broken_body(&self, pass: Pass, error: &FetchError, file: &Url) {
        self.report(error, || pass.break_off(file));
    }

    fn report(&self, error: &FetchError, tell: impl FnOnce()) {
        let before = self.breaker.openings_total();
        tell();
        if self.breaker.openings_total() > before {
            tracing::warn!(origin = %self.name, %error, "the upstream is left alone for a while");
        }
    }

    /// Notes that the origin answered, so that a connection to it is likely open.
    pub(crate) fn answered(&self) {
        *self.last_answer() = Some(Instant::now());
        self.refused.store(false, Ordering::Relaxed);
    }

    /// Notes that it was not asked, for its address. That is nothing that it did: the breaker is not
    /// told, and without this it would pass for one that answers.
    pub(crate) fn refused(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    fn is_open(&self) -> bool {
        self.last_answer().is_some_and(|at| at.elapsed() < POOL_IDLE)
    }

    fn last_answer(&self) -> MutexGuard<'_, Option<Instant>> {
        self.answered.lock().expect("nothing panics while it holds a time")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(host: usize) -> Url {
        format!("https://host-{host}.example/").parse().expect("a URL")
    }

    #[test]
    fn the_number_of_origins_is_bounded() {
        let origins = Origins::new(BreakerOptions::default(), 1);
        origins.of(&url(0)).breaker.enter().expect("a pass").fail(None);
        for host in 1..3 * ORIGINS_MAX {
            origins.of(&url(host));
            assert!(origins.health().len() <= ORIGINS_MAX);
        }
        let failing = origins.of(&url(0)).health();
        assert_eq!(failing.state, BreakerState::Closed { failures: 1 }, "bad news are kept");
    }

    #[test]
    fn origins_are_scheme_host_and_port() {
        let origins = Origins::new(BreakerOptions::default(), 1);
        let check = |a: &str, b: &str, same: bool| {
            let of = |text: &str| origins.of(&text.parse().expect("a URL"));
            assert_eq!(Arc::ptr_eq(&of(a), &of(b)), same, "{a} {b}");
        };
        check("https://a.example/x", "https://A.example:443/y?z", true);
        check("https://a.example/", "http://a.example/", false);
        check("https://a.example/", "https://a.example:444/", false);
        check("https://a.example/", "https://b.example/", false);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_under_way_are_bounded() {
        let origin = Origins::new(BreakerOptions::default(), 1).of(&url(0));
        let held = origin.slot(Duration::from_secs(1)).await.expect("the only slot");
        let error = origin.slot(Duration::from_secs(1)).await.expect_err("no slot is left");
        assert!(matches!(error, FetchError::Congested { limit: 1, .. }));
        drop(held);
        assert!(origin.slot(Duration::from_secs(1)).await.is_ok(), "the slot is free again");
    }
}
