//! A circuit breaker: an upstream that fails is left alone for a while.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

/// Failures in a row after which an upstream is left alone.
const FAILURES_MAX: u32 = 5;
/// How long an upstream is left alone the first time.
const PAUSE_MIN: Duration = Duration::from_secs(2);
/// How long an upstream is left alone at most, also by its own `Retry-After`.
const PAUSE_MAX: Duration = Duration::from_mins(5);

/// How patient a [`Breaker`] is.
#[derive(Clone, Copy, Debug)]
pub struct BreakerOptions {
    /// Failures in a row after which the upstream is left alone.
    pub failures_max: u32,
    /// The first pause; each next one is twice as long.
    pub pause_min: Duration,
    /// The longest pause, also where the upstream itself asks for a longer one.
    pub pause_max: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self { failures_max: FAILURES_MAX, pause_min: PAUSE_MIN, pause_max: PAUSE_MAX }
    }
}

/// What a breaker thinks of its upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests pass; the last so many in a row failed.
    Closed {
        /// Failures in a row.
        failures: u32,
    },
    /// Requests are refused for this much longer.
    Open {
        /// How long.
        retry_after: Duration,
    },
    /// The pause is over: the next request, or the one under way, decides.
    Probing,
}

/// Counts the failures of one upstream and refuses requests while it is down.
///
/// After [`failures_max`](BreakerOptions::failures_max) failures in a row it opens for a pause,
/// which doubles each time up to a limit and is shortened at random by up to half, so that many
/// servers do not come back at once. After the pause one request goes through as a probe: its
/// success closes the breaker, its failure opens it again. A failure that came with a
/// `Retry-After` opens it at once, for that long.
///
/// A body that breaks after a good head says more about its file than about the upstream: the same
/// file counts once among the failures in a row, however often it is asked for. So one broken file
/// closes nobody's way to the others, and an upstream that cuts off whatever is asked for is left
/// alone all the same.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    /// Seeded at random: no upstream can choose addresses that count as one.
    files: RandomState,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    /// Pauses since the last success; they grow with it.
    pauses: u32,
    openings_total: u64,
}

#[derive(Debug)]
enum Phase {
    Closed {
        failures: u32,
        /// The files among them whose bodies broke, by hash; fewer than `failures_max`.
        broken: Vec<u64>,
    },
    Open {
        until: Instant,
    },
    Probing {
        under_way: bool,
    },
}

impl Breaker {
    /// A breaker that lets requests through.
    pub fn new(options: BreakerOptions) -> Arc<Self> {
        let inner = Mutex::new(Inner { phase: Phase::closed(), pauses: 0, openings_total: 0 });
        Arc::new(Self { options, files: RandomState::new(), inner })
    }

    /// Asks to make a request.
    ///
    /// # Errors
    /// How long to wait, where the upstream is to be left alone.
    pub fn enter(self: &Arc<Self>) -> Result<Pass, Duration> {
        let mut inner = self.lock();
        let pass = |probe| Pass { breaker: Arc::clone(self), probe, told: false };
        match &mut inner.phase {
            Phase::Closed { .. } => Ok(pass(false)),
            Phase::Open { until } => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    return Err(left);
                }
                inner.phase = Phase::Probing { under_way: true };
                Ok(pass(true))
            }
            // How long the probe takes is not known; its outcome will be soon.
            Phase::Probing { under_way: true } => Err(self.options.pause_min),
            Phase::Probing { under_way } => {
                *under_way = true;
                Ok(pass(true))
            }
        }
    }

    /// What the breaker thinks now.
    pub fn state(&self) -> BreakerState {
        match self.lock().phase {
            Phase::Closed { failures, .. } => BreakerState::Closed { failures },
            Phase::Probing { .. } => BreakerState::Probing,
            Phase::Open { until } => {
                let retry_after = until.saturating_duration_since(Instant::now());
                if retry_after.is_zero() {
                    return BreakerState::Probing;
                }
                BreakerState::Open { retry_after }
            }
        }
    }

    /// How often it opened since the start.
    pub fn openings_total(&self) -> u64 {
        self.lock().openings_total
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nothing panics while it holds the breaker")
    }

    fn succeeded(&self, probe: bool) {
        let mut inner = self.lock();
        if probe || matches!(inner.phase, Phase::Closed { .. }) {
            inner.phase = Phase::closed();
            inner.pauses = 0;
        }
    }

    /// `file` is said where a body broke.
    fn failed(&self, probe: bool, retry_after: Option<Duration>, file: Option<&Url>) {
        let file = file.map(|file| self.files.hash_one(file.as_str()));
        let mut inner = self.lock();
        let failures_in_row = match &mut inner.phase {
            Phase::Closed { broken, .. } if file.is_some_and(|file| broken.contains(&file)) => {
                return;
            }
            Phase::Closed { failures, broken } => {
                *failures += 1;
                broken.extend(file);
                *failures
            }
            Phase::Probing { .. } | Phase::Open { .. } if probe => self.options.failures_max,
            // A request from before the pause: what it says is known already.
            Phase::Probing { .. } | Phase::Open { .. } => return,
        };
        if failures_in_row < self.options.failures_max && retry_after.is_none() {
            return;
        }
        let pause = match retry_after {
            Some(asked) => asked.min(self.options.pause_max),
            None => jittered(self.pause(inner.pauses)),
        };
        inner.phase = Phase::Open { until: Instant::now() + pause };
        inner.pauses = inner.pauses.saturating_add(1);
        inner.openings_total += 1;
    }

    fn abandoned(&self) {
        let mut inner = self.lock();
        if let Phase::Probing { under_way } = &mut inner.phase {
            *under_way = false;
        }
    }

    /// The pause after so many before it.
    fn pause(&self, before: u32) -> Duration {
        let factor = 2_u32.checked_pow(before).unwrap_or(u32::MAX);
        self.options.pause_min.saturating_mul(factor).min(self.options.pause_max)
    }
}

impl Phase {
    const fn closed() -> Self {
        Self::Closed { failures: 0, broken: Vec::new() }
    }
}

/// Leave to make one request, and the duty to tell how it went.
///
/// Dropped without a word, it says nothing about the upstream.
#[derive(Debug)]
#[must_use]
pub struct Pass {
    breaker: Arc<Breaker>,
    probe: bool,
    told: bool,
}

impl Pass {
    /// The upstream answered. That something does not exist is an answer.
    pub fn succeed(mut self) {
        self.told = true;
        self.breaker.succeeded(self.probe);
    }

    /// The upstream failed; it may have said for how long it wants to be left alone.
    pub fn fail(mut self, retry_after: Option<Duration>) {
        self.told = true;
        self.breaker.failed(self.probe, retry_after, None);
    }

    /// The answer began well, and its body broke. `file` is what was asked for: where redirects
    /// led may be another address each time.
    pub fn break_off(mut self, file: &Url) {
        self.told = true;
        self.breaker.failed(self.probe, None, Some(file));
    }

    /// An answer has begun. That settles a probe; for other requests its end decides.
    pub(crate) fn begin(&mut self) {
        if self.probe {
            self.probe = false;
            self.breaker.succeeded(true);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.probe && !self.told {
            self.breaker.abandoned();
        }
    }
}

/// Between half of `pause` and all of it.
fn jittered(pause: Duration) -> Duration {
    // A hasher is seeded at random; that is random enough to spread servers.
    let random = RandomState::new().build_hasher().finish() % 1024;
    let share = u32::try_from(random).expect("less than 1024");
    pause / 2 + pause / 2 * share / 1024
}

#[cfg(test)]
mod tests;
