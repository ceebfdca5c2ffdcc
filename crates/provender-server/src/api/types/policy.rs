//! What a repository asks of what it holds.

use provender_domain::{NamePattern, RepositoryPolicy, TagRule, TextPattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// What a repository asks of what it holds; nothing, unless somebody said so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whether tags may be pointed to other files: `movable` unless told, or `immutable`.
    #[serde(default)]
    #[schemars(schema_with = "schema::tag_rule")]
    pub tags: TagRule,
    /// Whose signatures files must have before they are served.
    #[serde(default)]
    pub signatures: Vec<SignatureRule>,
    /// What need not be kept.
    #[serde(default)]
    pub retention: Vec<RetentionRule>,
}

/// Whose signature a file must have before it is served. A file must meet every rule for its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignatureRule {
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// For which packages: a name, or a prefix with `*` behind it.
    pub packages: String,
    /// Whose: an address or a URI, with `*` for any characters.
    pub identity: String,
    /// Vouched for by whom: an issuer, with `*` for any characters.
    pub issuer: String,
    /// By which trust root signatures are verified: the text of a `trusted_root.json`. Without: by
    /// this server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
}

/// Which tags, or which files without tags, need not be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionRule {
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// For which packages: a name, or a prefix with `*` behind it.
    pub packages: String,
    /// Which tags, with `*` for any characters; without: files that no tag points to and no other
    /// file refers to.
    pub tags: Option<String>,
    /// How many of these tags of each package, the latest moved first, are kept whatever their age.
    pub keep_last: Option<u32>,
    /// How many days they are kept whatever their number.
    pub keep_days: Option<u32>,
}

impl From<RepositoryPolicy> for Policy {
    fn from(policy: RepositoryPolicy) -> Self {
        let signatures = policy.signatures.into_iter().map(|rule| SignatureRule {
            ecosystem: rule.ecosystem,
            packages: rule.packages.to_string(),
            identity: rule.identity.into(),
            issuer: rule.issuer.into(),
            trust: rule.trust,
        });
        let retention = policy.retention.into_iter().map(|rule| RetentionRule {
            ecosystem: rule.ecosystem,
            packages: rule.packages.to_string(),
            tags: rule.tags.map(String::from),
            keep_last: rule.keep_last,
            keep_days: rule.keep_days,
        });
        Self { tags: policy.tags, signatures: signatures.collect(), retention: retention.collect() }
    }
}

impl Policy {
    /// Reads the patterns; `names` normalizes a pattern of names as its ecosystem does.
    pub(in super::super) fn read<E: From<&'static str>>(
        self,
        names: impl Fn(&str, &str) -> Result<NamePattern, E>,
    ) -> Result<RepositoryPolicy, E> {
        let mut policy = RepositoryPolicy { tags: self.tags, ..RepositoryPolicy::default() };
        for rule in self.signatures {
            policy.signatures.push(provender_domain::SignatureRule {
                packages: names(&rule.ecosystem, &rule.packages)?,
                ecosystem: rule.ecosystem,
                identity: TextPattern::new(&rule.identity)?,
                issuer: TextPattern::new(&rule.issuer)?,
                trust: rule.trust,
            });
        }
        for rule in self.retention {
            policy.retention.push(provender_domain::RetentionRule {
                packages: names(&rule.ecosystem, &rule.packages)?,
                ecosystem: rule.ecosystem,
                tags: rule.tags.as_deref().map(TextPattern::new).transpose()?,
                keep_last: rule.keep_last,
                keep_days: rule.keep_days,
            });
        }
        Ok(policy)
    }
}
