//! What is told once in a while, however often it happens; among it, files that could not be fetched.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;

use provender_domain::{EventKind, Problem, ProblemCode, Timestamp};

use crate::Registry;
use crate::mirror::Errand;

/// How long the same is not told of again where nothing else is said.
const TELLING_INTERVAL: Duration = Duration::from_hours(1);
/// How much is remembered of what was told; when there is more, all is forgotten and may be told
/// again.
const TOLD_LIMIT: usize = 4096;

/// What was told of lately.
pub(crate) struct Lately<K> {
    interval: Duration,
    told: Mutex<HashMap<K, Timestamp>>,
}

impl<K> Default for Lately<K> {
    fn default() -> Self {
        Self::within(TELLING_INTERVAL)
    }
}

impl<K> Lately<K> {
    /// The same is not told of again for so long.
    pub(crate) fn within(interval: Duration) -> Self {
        Self { interval, told: Mutex::default() }
    }
}

impl<K: Eq + Hash> Lately<K> {
    /// Whether it was not told of for that long; it is from now on.
    pub(crate) fn is_news(&self, what: K, now: Timestamp) -> bool {
        let mut told = self.told.lock().expect("nothing panics while it holds this lock");
        if told.get(&what).is_some_and(|at| now.since(*at) < self.interval) {
            return false;
        }
        if told.len() >= TOLD_LIMIT {
            told.clear();
        }
        told.insert(what, now);
        true
    }
}

impl Registry {
    /// In the log each time; as an event where it was not told of lately.
    pub(crate) fn tell_of_failed_fetch(&self, errand: &Errand, problem: &Problem) {
        let (upstream, file) = (&errand.upstream.name, &errand.file.name);
        tracing::warn!(%upstream, %file, cause = problem.internal, "a file could not be fetched");
        // What was asked for without being listed may well not be there: that is an answer.
        let is_answer = problem.code == ProblemCode::NotFound && errand.request.is_some();
        if is_answer || !self.inner.mirrors.failures.is_news(errand.key(), self.now()) {
            return;
        }
        let message = format!("{file} could not be fetched: {}", problem.public);
        let mut event = errand.event(self, EventKind::FetchFailed, message);
        event.detail.set_text("code", problem.code.as_str());
        self.record_in_background(event);
    }
}
