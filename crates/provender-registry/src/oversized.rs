//! Files that turned out to be larger than this server takes, where nothing had said so: up to the
//! limit is pulled to know it, so that it is remembered and not pulled again for everybody who asks.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use provender_domain::{Problem, Timestamp, UpstreamName};
use provender_ecosystem::Delivery;

use crate::Registry;
use crate::mirror::{Errand, MirrorKey};
use crate::read::DOCUMENT_LIMIT_BYTES;

/// How long such a file is not asked for again: an upstream may mend it.
const OVERSIZED_INTERVAL: Duration = Duration::from_hours(1);
/// Such files that are remembered; when there are more, all are forgotten and may be pulled again.
const OVERSIZED_LIMIT: usize = 4096;

/// Such files, and what was told of each.
#[derive(Default)]
pub(crate) struct Oversized(Mutex<HashMap<MirrorKey, Remembered>>);

struct Remembered {
    upstream: UpstreamName,
    since: Timestamp,
    problem: Problem,
}

impl Registry {
    /// The size that the upstream listed, where it is one that is taken.
    pub(crate) fn listed_size(&self, errand: &Errand) -> Option<u64> {
        errand.file.size_bytes.filter(|size_bytes| *size_bytes <= self.size_limit(errand))
    }

    /// The most bytes that are taken of a file, whatever is listed, in bytes.
    pub(crate) fn size_limit(&self, errand: &Errand) -> u64 {
        let limit = self.inner.tuning.file_limit_bytes;
        match errand.query.ecosystem.delivery(&errand.file.name) {
            Delivery::FromMemory => limit.min(DOCUMENT_LIMIT_BYTES),
            Delivery::AfterKept | Delivery::WhileFetched => limit,
        }
    }

    /// What to tell of a file without asking its upstream for it.
    pub(crate) fn known_to_be_oversized(&self, errand: &Errand) -> Option<Problem> {
        if self.listed_size(errand).is_some() {
            return None;
        }
        let (key, now) = (errand.key(), self.now());
        let mut known = self.inner.mirrors.oversized.lock();
        let found = known.get(&key)?;
        let is_over = now.since(found.since) >= OVERSIZED_INTERVAL;
        if is_over || found.upstream != errand.upstream.name {
            known.remove(&key);
            return None;
        }
        Some(found.problem.clone())
    }

    /// Remembers a file that went on beyond what is taken. Whoever asks for it is not told when to
    /// come again: some clients would wait for so long.
    pub(crate) fn remember_oversized(&self, errand: &Errand, problem: &Problem) {
        // Beyond a size that was listed it is the listing that is wrong, and little was pulled.
        if self.listed_size(errand).is_some() {
            return;
        }
        let public = format!("{}; it is not asked for again within the hour", problem.public);
        let found = Remembered {
            upstream: errand.upstream.name.clone(),
            since: self.now(),
            problem: Problem { public, ..problem.clone() },
        };
        let mut known = self.inner.mirrors.oversized.lock();
        if known.len() >= OVERSIZED_LIMIT {
            known.clear();
        }
        known.insert(errand.key(), found);
    }
}

impl Oversized {
    fn lock(&self) -> MutexGuard<'_, HashMap<MirrorKey, Remembered>> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}
