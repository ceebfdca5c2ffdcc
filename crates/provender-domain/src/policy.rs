//! What a repository asks of what it holds.

use serde::{Deserialize, Serialize};

use crate::{NamePattern, TextPattern};

/// Whether a tag may be pointed to another file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TagRule {
    /// It may; each move is an event.
    #[default]
    Movable,
    /// It may not; an attempt is refused and is a red flag, as is a move at an upstream, which is
    /// not followed.
    Immutable,
}

impl TagRule {
    /// `movable` or `immutable`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Movable => "movable",
            Self::Immutable => "immutable",
        }
    }
}

impl std::str::FromStr for TagRule {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "movable" => Ok(Self::Movable),
            "immutable" => Ok(Self::Immutable),
            _ => Err("tags are movable or immutable"),
        }
    }
}

/// Who signed something, by a certificate that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// An address or a URI.
    pub identity: String,
    /// Who vouched for that.
    pub issuer: String,
    /// By which trust root that was verified, as in [`SignatureRule::trust`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
}

/// Whose signature a file must have before it is served. It holds for ecosystems whose signatures
/// are files of their own about others; a file must meet every rule for its name, by one signer each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureRule {
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// For which packages.
    pub packages: NamePattern,
    /// Whose: an address or a URI.
    pub identity: TextPattern,
    /// Vouched for by whom.
    pub issuer: TextPattern,
    /// By which trust root that is verified: the text of a `trusted_root.json`. `None`: by this
    /// server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
}

impl SignatureRule {
    /// Whether this signer meets the rule.
    pub fn is_met_by(&self, signer: &Signer) -> bool {
        self.identity.matches_identity(&signer.identity)
            && self.issuer.matches(&signer.issuer)
            && self.trust == signer.trust
    }
}

/// Which tags need not be kept: of each package those of the pattern that are neither among the
/// newest `keep_last` nor moved within the last `keep_days`. At least one of the two is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionRule {
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// For which packages.
    pub packages: NamePattern,
    /// Which tags; `None`: files that no tag points to and no other file refers to.
    pub tags: Option<TextPattern>,
    /// How many of them, the latest moved first, are kept whatever their age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_last: Option<u32>,
    /// How many days after they were last moved they are kept whatever their number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
}

/// What a repository asks of what it holds; nothing, unless somebody said so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryPolicy {
    /// Whether tags may move.
    #[serde(default)]
    pub tags: TagRule,
    /// Whose signatures are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<SignatureRule>,
    /// What need not be kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retention: Vec<RetentionRule>,
}
