//! Tags, their history, and what retention takes away.

use provender_domain::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// Of which package tags are wanted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TagsQuery {
    /// The repository's name.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// The package's name, in any spelling.
    pub package: String,
    /// Only tags behind this one, which need not be there.
    pub after: Option<String>,
}

/// Where a tag points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tag {
    /// The tag.
    pub tag: String,
    /// The file that it points to.
    pub file: String,
    /// Since when.
    #[schemars(schema_with = "schema::moment")]
    pub moved_at: Timestamp,
    /// When an upstream last said so, for a tag that is mirrored.
    #[schemars(schema_with = "schema::moment_if_any")]
    pub checked_at: Option<Timestamp>,
}

impl From<provender_store::TagRow> for Tag {
    fn from(row: provender_store::TagRow) -> Self {
        Self {
            tag: row.tag.to_string(),
            file: row.file.to_string(),
            moved_at: row.moved_at,
            checked_at: row.checked_at,
        }
    }
}

/// Of which package, or which tag of it, the history is wanted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TagHistoryQuery {
    /// The repository's name.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// The package's name, in any spelling.
    pub package: String,
    /// Only of this tag, which need not be there any more.
    pub tag: Option<String>,
}

/// What became of a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TagChange {
    /// The tag.
    pub tag: String,
    /// Where it pointed from then on; nothing: it was taken away.
    pub file: Option<String>,
    /// When.
    #[schemars(schema_with = "schema::moment")]
    pub at: Timestamp,
    /// Who did it; not told to anonymous callers.
    pub actor: Option<String>,
}

impl From<provender_store::TagChange> for TagChange {
    fn from(change: provender_store::TagChange) -> Self {
        Self {
            tag: change.tag.to_string(),
            file: change.file.map(String::from),
            at: change.at,
            actor: Some(change.actor).filter(|actor| !actor.is_empty()),
        }
    }
}

/// To apply the rules that say what need not be kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Only those of this repository; without: those of all.
    pub repository: Option<String>,
    /// Only tell.
    #[serde(default)]
    pub dry_run: bool,
}

/// What retention took away, or would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Expired {
    /// The tags.
    pub tags: Vec<ExpiredTag>,
    /// The files that no tag pointed to.
    pub files: Vec<ExpiredFile>,
    /// Whether they are still there.
    pub dry_run: bool,
}

/// A tag that no rule keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExpiredTag {
    /// In which repository.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// Of which package.
    pub package: String,
    /// The tag.
    pub tag: String,
    /// The file that it pointed to.
    pub file: String,
    /// Since when.
    #[schemars(schema_with = "schema::moment")]
    pub moved_at: Timestamp,
}

/// A file without tags that no rule keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExpiredFile {
    /// In which repository.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// Of which package.
    pub package: String,
    /// The file.
    pub file: String,
    /// When it came.
    #[schemars(schema_with = "schema::moment")]
    pub recorded_at: Timestamp,
}

impl From<provender_registry::Expired> for Expired {
    fn from(expired: provender_registry::Expired) -> Self {
        let tags = expired.tags.into_iter().map(|tag| ExpiredTag {
            repository: tag.repository.to_string(),
            ecosystem: tag.ecosystem,
            package: tag.package.to_string(),
            tag: tag.tag.to_string(),
            file: tag.file.to_string(),
            moved_at: tag.moved_at,
        });
        let files = expired.files.into_iter().map(|file| ExpiredFile {
            repository: file.repository.to_string(),
            ecosystem: file.ecosystem,
            package: file.package.to_string(),
            file: file.file.to_string(),
            recorded_at: file.recorded_at,
        });
        Self { tags: tags.collect(), files: files.collect(), dry_run: expired.dry_run }
    }
}
