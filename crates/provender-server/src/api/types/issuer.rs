//! Issuers whose identity tokens are believed.

use std::collections::BTreeMap;

use provender_domain::{Problem, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema;

/// An issuer that is trusted, in part: its rules say for whom.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Issuer {
    /// What its tokens have as `iss`, exactly.
    pub url: String,
    /// The audiences that its tokens may be for.
    pub audiences: Vec<String>,
    /// What its claims become in a certificate.
    pub claims: Map<String, Value>,
    /// Who may have a certificate: whoever satisfies every condition of any rule.
    pub rules: Vec<BTreeMap<String, String>>,
    /// Its public keys, where they are not fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Map<String, Value>>,
    /// When it was added.
    #[schemars(schema_with = "schema::moment")]
    pub created_at: Timestamp,
}

impl Issuer {
    pub(in crate::api) fn new(issuer: &provender_registry::IssuerSummary) -> Result<Self, Problem> {
        let read = serde_json::to_value(&*issuer.issuer).and_then(serde_json::from_value);
        let NewIssuer { url, audiences, claims, rules, keys } =
            read.map_err(|error| Problem::internal(&error))?;
        let audiences = audiences.unwrap_or_default();
        Ok(Self { url, audiences, claims, rules, keys, created_at: issuer.created_at })
    }
}

/// An issuer to trust.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIssuer {
    /// What its tokens have as `iss`, exactly.
    pub url: String,
    /// The audiences that its tokens may be for; without: `sigstore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audiences: Option<Vec<String>>,
    /// What its claims become in a certificate: `preset` (`github-actions`, `gitlab`, `kubernetes` or
    /// `email`), with the `server` that people know it by where the preset names it; or templates of
    /// one's own, `subject` (`email` or `uri`) and `extensions`.
    pub claims: Map<String, Value>,
    /// Who may have a certificate: whoever satisfies every condition of any rule. A condition is a
    /// claim and a pattern, in which `*` stands for anything but `/`, and `**` for anything. Without a
    /// rule: nobody.
    #[serde(default)]
    pub rules: Vec<BTreeMap<String, String>>,
    /// Its public keys (a JSON Web Key Set), where they cannot be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Map<String, Value>>,
}

/// Which issuer is meant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerQuery {
    /// Its URL.
    pub url: String,
}
