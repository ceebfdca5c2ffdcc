//! Repositories and what they own.

use provender_domain::{Timestamp, Visibility};
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
}

impl From<provender_domain::Repository> for Repository {
    fn from(repository: provender_domain::Repository) -> Self {
        Self {
            name: repository.name.to_string(),
            visibility: repository.visibility,
            created_at: repository.created_at,
            policy: Some(repository.policy.into()),
        }
    }
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
