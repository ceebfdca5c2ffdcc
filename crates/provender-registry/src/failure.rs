//! Files that could not be fetched: told once for each file and hour, however many clients try.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use provender_domain::{EventKind, Problem, ProblemCode, Timestamp};

use crate::Registry;
use crate::mirror::{Errand, MirrorKey};

/// How long the same file's failure is not told of again.
const FAILURE_INTERVAL: Duration = Duration::from_hours(1);
/// Failures remembered; when there are more, all are forgotten and may be told again.
const FAILURES_LIMIT: usize = 4096;

/// Failures told of lately.
#[derive(Default)]
pub(crate) struct Failures(Mutex<HashMap<MirrorKey, Timestamp>>);

impl Failures {
    fn is_news(&self, key: MirrorKey, now: Timestamp) -> bool {
        let mut told = self.0.lock().expect("nothing panics while it holds this lock");
        if told.get(&key).is_some_and(|at| now.since(*at) < FAILURE_INTERVAL) {
            return false;
        }
        if told.len() >= FAILURES_LIMIT {
            told.clear();
        }
        told.insert(key, now);
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
