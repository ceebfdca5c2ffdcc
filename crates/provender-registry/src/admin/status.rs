//! How the registry is doing.

use provender_domain::{Problem, Scope, Timestamp};
use provender_store::Counts;
use provender_upstream::{BreakerState, OriginHealth};
use serde::Serialize;

use crate::error::store_problem;
use crate::{Caller, Registry};

/// How the registry is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// This program's version.
    pub version: &'static str,
    /// Since when it runs.
    pub started_at: Timestamp,
    /// Repositories.
    pub repositories: u64,
    /// Packages known.
    pub packages: u64,
    /// Files kept.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Events recorded.
    pub events: u64,
    /// Attestations that are still to be signed.
    pub signing_pending: u64,
    /// Since when there has been no space to store anything; `None` while there is.
    pub storage_full_since: Option<Timestamp>,
    /// Whether a task of a transparency log died, so that nothing can be published until a restart.
    pub log_died: bool,
    /// The origins of upstreams that were asked since the start.
    pub upstreams: Vec<UpstreamHealth>,
}

/// How one upstream origin is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpstreamHealth {
    /// Scheme, host and port.
    pub origin: String,
    /// `answering`, `failing`, `left-alone`, or `refused` where its address is one that this server does
    /// not go to.
    pub state: &'static str,
}

impl Registry {
    /// [`Self::status`] for who may know which upstreams there are and how much is kept.
    pub async fn status_for(&self, caller: &Caller) -> Result<Status, Problem> {
        caller.require(Scope::Admin, None)?;
        self.status().await
    }

    /// How the registry is doing; also shows that the database answers.
    pub async fn status(&self) -> Result<Status, Problem> {
        let counts = self.inner.metadata.counts().await;
        let Counts { packages, files, bytes, events } =
            counts.map_err(|error| store_problem(&error))?;
        let pending = self.inner.metadata.signing_tasks_pending().await;
        let signing_pending = pending.map_err(|error| store_problem(&error))?;
        let upstreams = self
            .inner
            .remotes
            .health()
            .into_iter()
            .map(|health| UpstreamHealth { state: word(&health), origin: health.origin });
        Ok(Status {
            version: env!("CARGO_PKG_VERSION"),
            started_at: self.inner.started_at,
            repositories: self.state().repositories().count() as u64,
            packages,
            files,
            bytes,
            events,
            signing_pending,
            storage_full_since: self.inner.fullness.since(),
            log_died: self.authority().has_lost_a_log(),
            upstreams: upstreams.collect(),
        })
    }
}

fn word(health: &OriginHealth) -> &'static str {
    match health.state {
        BreakerState::Closed { failures: 0 } if health.is_refused => "refused",
        BreakerState::Closed { failures: 0 } => "answering",
        BreakerState::Closed { .. } | BreakerState::Probing => "failing",
        BreakerState::Open { .. } => "left-alone",
    }
}
