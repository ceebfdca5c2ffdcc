//! What reading answers with.

use std::fmt;

use provender_domain::{
    EcosystemId, EventKind, FileName, Listing, NamePattern, Origin, OwnedName, PackageName,
    Repository, RepositoryName, Scope, Severity, Timestamp, TokenId, Upstream,
};
use serde::{Deserialize, Serialize};

/// Which package is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageKey {
    /// In which repository.
    pub repository: RepositoryName,
    /// Of which ecosystem.
    pub ecosystem: EcosystemId,
    /// Its normalized name.
    pub package: PackageName,
}

/// A package as the database has it: its ecosystem may be one that this program does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredKey {
    /// In which repository.
    pub repository: RepositoryName,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// Its normalized name.
    pub package: PackageName,
}

/// What is known of one package's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRow {
    /// The origin that the name is bound to.
    pub origin: Option<Origin>,
    /// Grows with every change of the package's files or origin, and sometimes without one.
    pub generation: i64,
    /// When the name was first bound here.
    pub created_at: Timestamp,
}

/// One package among others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPackage {
    /// Its normalized name.
    pub name: PackageName,
    /// What is known of it.
    pub row: PackageRow,
}

/// Everything that is small enough to be loaded whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Sorted by name.
    pub repositories: Vec<Repository>,
    /// Sorted by repository, ecosystem and pattern.
    pub owned: Vec<OwnedName>,
    /// Sorted by repository, ecosystem, position and name.
    pub upstreams: Vec<Upstream>,
    /// Sorted by time and id; revoked ones too.
    pub tokens: Vec<Token>,
}

/// A token as it is kept: its text is not, only its hash.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its public part.
    pub id: TokenId,
    /// What its maker calls it.
    pub name: String,
    /// SHA-256 of the whole token text, in hexadecimal.
    pub secret_hash: String,
    /// Where it is valid; `None`: in every repository.
    pub repository: Option<RepositoryName>,
    /// What it allows.
    pub scope: Scope,
    /// For which package names; `None`: for all.
    pub pattern: Option<NamePattern>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is not valid any more.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Token")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("secret_hash", &"***")
            .field("repository", &self.repository)
            .field("scope", &self.scope)
            .field("pattern", &self.pattern)
            .field("created_at", &self.created_at)
            .field("expires_at", &self.expires_at)
            .field("revoked_at", &self.revoked_at)
            .finish()
    }
}

/// What an upstream said of a package, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredListing {
    /// What it said.
    pub outcome: ListingOutcome,
    /// Its `ETag`, to ask again with.
    pub etag: Option<String>,
    /// Its `Last-Modified`, to ask again with.
    pub last_modified: Option<String>,
    /// When it was last asked and answered, by our clock.
    pub fetched_at: Timestamp,
}

/// Whether an upstream has a package.
#[derive(Debug, Clone, PartialEq)]
pub enum ListingOutcome {
    /// It has, and lists this.
    Found(Listing),
    /// It has no package of that name.
    Missing,
}

/// Which events are wanted. The default: none of any kind is left out, but `limit` is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only those with a greater number.
    pub after: Option<i64>,
    /// Only those with a smaller number.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
    /// Whether the latest comes first, and the limit cuts off the oldest.
    pub newest_first: bool,
    /// Only these kinds; empty: all.
    pub kinds: Vec<EventKind>,
    /// Only red flags of at least this severity.
    pub minimum_severity: Option<Severity>,
    /// Only in this repository.
    pub repository: Option<RepositoryName>,
    /// Only of this ecosystem, by purl type.
    pub ecosystem: Option<String>,
    /// Only about this package.
    pub package: Option<PackageName>,
    /// Only about this file.
    pub file: Option<FileName>,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packages whose name is bound.
    pub packages: u64,
    /// Files that are not deleted.
    pub files: u64,
    /// Their sizes together, in bytes, where known; bytes that two files share count twice.
    pub bytes: u64,
    /// Recorded events.
    pub events: u64,
}
