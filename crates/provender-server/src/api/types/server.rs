//! The server itself.

use provender_domain::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Actor, schema};

/// Nothing to say in path and query.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}

/// Who the caller is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct WhoAmI {
    /// As events will name them.
    pub actor: Actor,
    /// How the server calls itself: scheme, host and port.
    #[serde(default)]
    pub origin: String,
}

/// How the server is doing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// Since when it runs.
    #[schemars(schema_with = "schema::moment")]
    pub started_at: Timestamp,
    /// How many repositories there are.
    pub repositories: u64,
    /// How many packages are known.
    pub packages: u64,
    /// How many files are kept.
    pub files: u64,
    /// How large they are together, in bytes; bytes that two files share count twice.
    pub bytes: u64,
    /// How many events are recorded.
    pub events: u64,
    /// How many attestations are still to be signed.
    pub signing_pending: u64,
    /// Since when there has been no space to store anything.
    #[serde(default)]
    #[schemars(schema_with = "schema::moment_if_any")]
    pub storage_full_since: Option<Timestamp>,
    /// Whether a task of a transparency log died, so that nothing can be published until a restart.
    #[serde(default)]
    pub log_died: bool,
    /// The upstreams that were asked since the start.
    pub upstreams: Vec<UpstreamHealth>,
}

/// How one upstream is doing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct UpstreamHealth {
    /// Scheme, host and port.
    pub origin: String,
    /// `answering`, `failing`, `left-alone` for a while, or `refused` for its address.
    pub state: String,
}

impl From<provender_registry::Status> for Status {
    fn from(status: provender_registry::Status) -> Self {
        let upstreams = status
            .upstreams
            .into_iter()
            .map(|health| UpstreamHealth { origin: health.origin, state: health.state.to_owned() });
        Self {
            version: status.version.to_owned(),
            started_at: status.started_at,
            repositories: status.repositories,
            packages: status.packages,
            files: status.files,
            bytes: status.bytes,
            events: status.events,
            signing_pending: status.signing_pending,
            storage_full_since: status.storage_full_since,
            log_died: status.log_died,
            upstreams: upstreams.collect(),
        }
    }
}

/// Whether to remove what is found.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GarbageCollection {
    /// Only count.
    #[serde(default)]
    pub dry_run: bool,
}

/// What was, or would have been, removed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Collected {
    /// How many blobs.
    pub blobs: u64,
    /// How large they are together, in bytes.
    pub bytes: u64,
    /// How many files were forgotten because nothing has referred to them for a day.
    #[serde(default)]
    pub files: u64,
    /// How many uploads that nobody went on with for a day; not counted beforehand.
    #[serde(default)]
    pub uploads: u64,
    /// Whether they are still there.
    pub dry_run: bool,
}

/// What went wrong (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The status.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// What kind of problem: `not-found`, `permission-denied`, …
    pub code: String,
    /// What to change.
    pub detail: String,
}
