//! Upstreams, and names that exist there too.

use provender_domain::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// One of a repository's upstreams.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Upstream {
    /// Whose.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// What the operator calls it.
    pub name: String,
    /// Its place in the order of asking, lowest first.
    pub position: i64,
    /// Where it is, without user and password; nothing for a repository of this server.
    pub url: Option<String>,
    /// Which repository of this server it is.
    pub from_repository: Option<String>,
    /// Whether a user and a password are sent there.
    pub has_credentials: bool,
    /// Whether our names are held against its complete list.
    pub watch_names: bool,
    /// Whether files and redirects may lead to private addresses.
    pub allow_private_addresses: bool,
    /// The origin elsewhere that may be given the user and the password for a token.
    pub token_realm: Option<String>,
    /// When it was added.
    #[schemars(schema_with = "schema::moment")]
    pub created_at: Timestamp,
}

impl From<provender_registry::UpstreamSummary> for Upstream {
    fn from(upstream: provender_registry::UpstreamSummary) -> Self {
        Self {
            repository: upstream.repository.to_string(),
            ecosystem: upstream.ecosystem,
            name: upstream.name.to_string(),
            position: upstream.position,
            url: upstream.url,
            from_repository: upstream.from_repository.map(String::from),
            has_credentials: upstream.has_credentials,
            watch_names: upstream.watch_names,
            allow_private_addresses: upstream.allow_private_addresses,
            token_realm: upstream.token_realm,
            created_at: upstream.created_at,
        }
    }
}

/// An upstream to add.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUpstream {
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// What to call it; without: after its host, or after the repository.
    pub name: Option<String>,
    /// The base URL, as the ecosystem's clients are configured with it; may carry `user:password@`,
    /// which is sent to that URL's origin only, and to that of `token_realm`. Either this or
    /// `from_repository`.
    pub url: Option<String>,
    /// Another repository of this server. Either this or `url`.
    pub from_repository: Option<String>,
    /// Its place in the order of asking, lowest first; without: behind all others.
    pub position: Option<i64>,
    /// Whether to fetch its complete list of names from time to time and hold ours against it.
    #[serde(default)]
    pub watch_names: bool,
    /// Whether files and redirects may lead to private addresses; the base URL itself always may.
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// A URL of another origin that may be given the user and the password for a token, where the
    /// upstream says that tokens are to be had there; only its origin counts.
    pub token_realm: Option<String>,
}

/// Which upstream is meant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamQuery {
    /// The repository's name.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// What the operator calls it.
    pub upstream: String,
}

/// Nothing is needed to check names.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NameCheck {}

/// A name of ours that an upstream has too.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Namesake {
    /// Whose name it is.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// The name.
    pub package: String,
    /// Which upstream has it too.
    pub upstream: String,
    /// Whether nobody knew before.
    pub is_new: bool,
}

impl From<provender_registry::Namesake> for Namesake {
    fn from(namesake: provender_registry::Namesake) -> Self {
        Self {
            repository: namesake.repository.to_string(),
            ecosystem: namesake.ecosystem,
            package: namesake.package.to_string(),
            upstream: namesake.upstream.to_string(),
            is_new: namesake.is_new,
        }
    }
}
