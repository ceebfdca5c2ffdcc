//! Tokens.

use provender_domain::{Scope, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// A token as anybody may know it: without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    /// Its public part: what it is revoked by.
    pub id: String,
    /// What its maker called it.
    pub name: String,
    /// Where it is valid; nothing: in every repository.
    pub repository: Option<String>,
    /// What it allows; each scope includes those before it.
    #[schemars(schema_with = "schema::scope")]
    pub scope: Scope,
    /// For which names of packages; nothing: for all.
    pub pattern: Option<String>,
    /// When it was made.
    #[schemars(schema_with = "schema::moment")]
    pub created_at: Timestamp,
    /// From when on it is not valid any more.
    #[schemars(schema_with = "schema::moment_if_any")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schemars(schema_with = "schema::moment_if_any")]
    pub revoked_at: Option<Timestamp>,
}

impl From<provender_registry::TokenSummary> for Token {
    fn from(token: provender_registry::TokenSummary) -> Self {
        Self {
            id: token.id.0,
            name: token.name,
            repository: token.repository.map(String::from),
            scope: token.scope,
            pattern: token.pattern.map(String::from),
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        }
    }
}

/// A token to make.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What to call it: who or what will use it.
    pub name: String,
    /// Where it is to be valid; without: in every repository.
    pub repository: Option<String>,
    /// What it is to allow.
    #[schemars(schema_with = "schema::scope")]
    pub scope: Scope,
    /// For which names of packages: a name, or a prefix with `*` behind it; without: for all.
    pub pattern: Option<String>,
    /// For how long, in seconds; without: until it is revoked.
    pub lifetime_seconds: Option<u64>,
}

/// A new token with its secret, which is shown this once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CreatedToken {
    /// The token.
    pub token: Token,
    /// What its user shows. Kept only hashed.
    pub secret: String,
}

/// Which token is meant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenQuery {
    /// The token's public part.
    pub token: String,
}
