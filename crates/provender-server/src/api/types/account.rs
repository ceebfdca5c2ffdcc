//! People's accounts.

use std::fmt;

use provender_domain::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// Somebody who can sign in with a password.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// What they sign in as.
    pub name: String,
    /// The e-mail address that their certificates are for.
    pub email: String,
    /// When it was made.
    #[schemars(schema_with = "schema::moment")]
    pub created_at: Timestamp,
    /// Since when they may not sign in.
    #[schemars(schema_with = "schema::moment_if_any")]
    pub disabled_at: Option<Timestamp>,
}

impl From<provender_registry::Account> for Account {
    fn from(account: provender_registry::Account) -> Self {
        Self {
            name: account.name,
            email: account.email,
            created_at: account.created_at,
            disabled_at: account.disabled_at,
        }
    }
}

/// An account to make.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// What to sign in as: `a` to `z`, digits, `.`, `_` and `-`.
    pub name: String,
    /// The e-mail address that certificates will be for. Whoever makes the account vouches for it.
    pub email: String,
    /// The first password, of at least 8 characters.
    pub password: Password,
}

/// What is to be otherwise about an account; what is not given stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAccount {
    /// Another e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Another password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
    /// Whether signing in is forbidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// Which account is meant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountQuery {
    /// The account's name.
    pub account: String,
}

/// A password. Kept only hashed, and never shown.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}
