//! Packages and their files.

use provender_domain::{FileState, Timestamp, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// Where something came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Origin {
    /// Published here.
    Published,
    /// Fetched from an upstream and kept.
    Mirrored {
        /// Which upstream of the repository.
        upstream: String,
    },
}

impl From<provender_domain::Origin> for Origin {
    fn from(origin: provender_domain::Origin) -> Self {
        match origin {
            provender_domain::Origin::Published => Self::Published,
            provender_domain::Origin::Mirrored { upstream } => {
                Self::Mirrored { upstream: upstream.to_string() }
            }
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Published => formatter.write_str("published here"),
            Self::Mirrored { upstream } => write!(formatter, "mirrored from {upstream}"),
        }
    }
}

/// Which packages are meant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackagesQuery {
    /// The repository's name.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
}

/// A package of which something is kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PackageSummary {
    /// Its normalized name.
    pub name: String,
    /// The origin that its name is bound to.
    pub origin: Option<Origin>,
    /// Whether the name is owned here, so that it is never asked for upstream.
    pub is_owned: bool,
    /// Since when it is known here.
    #[schemars(schema_with = "schema::moment")]
    pub created_at: Timestamp,
}

impl From<provender_registry::PackageSummary> for PackageSummary {
    fn from(summary: provender_registry::PackageSummary) -> Self {
        Self {
            name: summary.package.to_string(),
            origin: summary.origin.map(Origin::from),
            is_owned: summary.is_owned,
            created_at: summary.created_at,
        }
    }
}

/// Which package is meant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackageQuery {
    /// The repository's name.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// The package's name, in any spelling.
    pub name: String,
    /// Only files behind the one of this name, by the order of their names.
    pub after: Option<String>,
    /// At most so many files; 1000 unless told, never more.
    pub limit: Option<u32>,
}

/// A package with files that are kept of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Package {
    /// In which repository.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// Its normalized name.
    pub name: String,
    /// The origin that its name is bound to.
    pub origin: Option<Origin>,
    /// Whether the name is owned here, so that it is never asked for upstream.
    pub is_owned: bool,
    /// Its files by their names, those not served included.
    pub files: Vec<File>,
    /// The last of them where there are more: what to ask with as `after`.
    pub next: Option<String>,
}

impl From<provender_registry::PackageReport> for Package {
    fn from(report: provender_registry::PackageReport) -> Self {
        let last = report.files.last().filter(|_| report.has_more);
        Self {
            next: last.map(|file| file.kept.file.name.to_string()),
            repository: report.repository.to_string(),
            ecosystem: report.ecosystem,
            name: report.package.to_string(),
            origin: report.origin.map(Origin::from),
            is_owned: report.is_owned,
            files: report.files.into_iter().map(File::from).collect(),
        }
    }
}

/// A file that is, or was, kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// In which repository.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// Of which package.
    pub package: String,
    /// Its name.
    pub name: String,
    /// The version that it belongs to.
    pub version: Option<String>,
    /// Where it came from.
    pub origin: Origin,
    /// Whether it may be served.
    #[schemars(schema_with = "schema::file_state")]
    pub state: FileState,
    /// Why it is quarantined or was deleted.
    pub state_reason: Option<String>,
    /// What policy says of serving it now.
    pub verdict: VerdictWord,
    /// Why the verdict is what it is, in sentences.
    pub reasons: Vec<String>,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Its size, in bytes.
    pub size_bytes: Option<u64>,
    /// When it was uploaded: by our clock if published here, else what the upstream claims.
    #[schemars(schema_with = "schema::moment_if_any")]
    pub uploaded_at: Option<Timestamp>,
    /// When it was recorded here, by our clock.
    #[schemars(schema_with = "schema::moment")]
    pub recorded_at: Timestamp,
    /// Who published it, for what was published here; not told to anonymous callers.
    pub publisher: Option<String>,
    /// Whether it is yanked.
    pub yanked: bool,
    /// Why it is yanked.
    pub yank_reason: Option<String>,
}

/// What policy says of serving a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerdictWord {
    /// It is served.
    Allow,
    /// It is served, and something is said about it.
    Warn,
    /// It is neither listed nor served until somebody has looked.
    Quarantine,
    /// It is neither listed nor served.
    Deny,
}

impl From<provender_registry::FileReport> for File {
    fn from(report: provender_registry::FileReport) -> Self {
        let reasons = report.verdict.reasons().iter().map(|reason| reason.message.clone());
        let kept = report.kept;
        Self {
            repository: report.repository.to_string(),
            ecosystem: report.ecosystem,
            package: report.package.to_string(),
            name: kept.file.name.to_string(),
            version: kept.file.version.map(String::from),
            origin: kept.origin.into(),
            state: kept.state,
            state_reason: kept.state_reason,
            reasons: reasons.collect(),
            verdict: match report.verdict {
                Verdict::Allow => VerdictWord::Allow,
                Verdict::Warn(_) => VerdictWord::Warn,
                Verdict::Quarantine(_) => VerdictWord::Quarantine,
                Verdict::Deny(_) => VerdictWord::Deny,
            },
            sha256: kept.blob.to_hex(),
            size_bytes: kept.file.size_bytes,
            uploaded_at: kept.file.uploaded_at,
            recorded_at: kept.recorded_at,
            publisher: kept.publisher,
            yanked: kept.file.yank.is_some(),
            yank_reason: kept.file.yank.and_then(|yank| yank.reason),
        }
    }
}

/// Which quarantined files are wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuarantineQuery {
    /// Only in this repository.
    pub repository: Option<String>,
}

/// What to change: one version, or one file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// Of which package.
    pub package: String,
    /// All files of this version; where files have tags, the one that a tag points to, or that has
    /// this digest. Either this or `file`.
    pub version: Option<String>,
    /// This file. Either this or `version`.
    pub file: Option<String>,
    /// Why; shown to whoever asks for it.
    pub reason: Option<String>,
}

/// What a change changed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ChangedFiles {
    /// The names of the files; none if all was so already.
    pub files: Vec<String>,
}

/// What a package's name is to be bound to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetOrigin {
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// Which package.
    pub package: String,
    /// The upstream that its files are to come from; without: it is published here.
    pub upstream: Option<String>,
}
