//! Repositories and what they own.

use provender_domain::{Timestamp, Visibility};
use provender_registry::policy_revision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Policy, schema};

/// A repository: one trust boundary that holds every ecosystem.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Repository {
    /// Its name.
    pub name: String,
    /// Who may read it without a token: everybody, or nobody.
    #[schemars(schema_with = "schema::visibility")]
    pub visibility: Visibility,
    /// When it was made.
    #[schemars(schema_with = "schema::moment")]
    pub created_at: Timestamp,
    /// What it asks of what it holds; not told to anonymous callers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Which policy that is, to be sent along when it is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_revision: Option<String>,
}

impl From<provender_domain::Repository> for Repository {
    fn from(repository: provender_domain::Repository) -> Self {
        Self {
            name: repository.name.to_string(),
            visibility: repository.visibility,
            created_at: repository.created_at,
            policy_revision: Some(policy_revision(&repository.policy)),
            policy: Some(repository.policy.into()),
        }
    }
}

/// Which repository's policy is meant, and which one is to be replaced.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyReplaced {
    /// The repository's name.
    pub repository: String,
    /// The `policy_revision` of the policy that was read: another is left as it is. Without:
    /// whichever there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// A repository to make.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRepository {
    /// Its name: lower-case letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Who may read it without a token; `private` unless told.
    #[serde(default = "private")]
    #[schemars(schema_with = "schema::visibility")]
    pub visibility: Visibility,
}

fn private() -> Visibility {
    Visibility::Private
}

/// What to change of a repository.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRepository {
    /// Who may read it without a token.
    #[schemars(schema_with = "schema::visibility")]
    pub visibility: Visibility,
}

/// Which repository is meant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InRepository {
    /// The repository's name.
    pub repository: String,
}

/// A name or prefix that belongs to a repository and is never asked for upstream.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct OwnedName {
    /// Whose.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// A name, or a prefix with `*` behind it.
    pub pattern: String,
    /// Since when.
    #[schemars(schema_with = "schema::moment")]
    pub created_at: Timestamp,
}

impl From<provender_domain::OwnedName> for OwnedName {
    fn from(owned: provender_domain::OwnedName) -> Self {
        Self {
            repository: owned.repository.to_string(),
            ecosystem: owned.ecosystem,
            pattern: owned.pattern.to_string(),
            created_at: owned.created_at,
        }
    }
}

/// A name or prefix to own.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOwnedName {
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// A name, or a prefix with `*` behind it.
    pub pattern: String,
}

/// Which owned name is meant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnedNameQuery {
    /// The repository's name.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// The name, or the prefix with `*` behind it.
    pub pattern: String,
}
