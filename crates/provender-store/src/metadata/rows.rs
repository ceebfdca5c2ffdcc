//! What reading answers with.

use std::fmt;

use provender_domain::{
    BlobId, EcosystemId, EventKind, FileName, Listing, NamePattern, Origin, OwnedName, PackageName,
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

impl From<&PackageKey> for StoredKey {
    fn from(key: &PackageKey) -> Self {
        Self {
            repository: key.repository.clone(),
            ecosystem: key.ecosystem.to_string(),
            package: key.package.clone(),
        }
    }
}

/// Which recorded file is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey {
    /// Of which package.
    pub package: StoredKey,
    /// Its name.
    pub name: FileName,
}

impl FileKey {
    /// A file of this package.
    pub fn new(package: &PackageKey, name: FileName) -> Self {
        Self { package: package.into(), name }
    }
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
    /// Sorted by name; disabled ones too.
    pub accounts: Vec<Account>,
    /// Sorted by URL.
    pub issuers: Vec<Issuer>,
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

/// A person's account as it is kept: the password is not, only its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// What they sign in as.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
    /// The password's hash, with all that checking it needs.
    pub password_hash: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Signing in counts from then on: what came of it before is void. Each that is voided has
    /// another moment.
    pub sign_ins_since: Timestamp,
    /// Since when they may not sign in.
    pub disabled_at: Option<Timestamp>,
}

impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Account")
            .field("name", &self.name)
            .field("email", &self.email)
            .field("password_hash", &"***")
            .field("created_at", &self.created_at)
            .field("sign_ins_since", &self.sign_ins_since)
            .field("disabled_at", &self.disabled_at)
            .finish()
    }
}

/// Somebody else whose identity tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The issuer's URL, as its tokens have it.
    pub url: String,
    /// What is taken from it and what it may do, as JSON; the store does not read it.
    pub definition: String,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A statement about bytes, with all that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The bytes that it is about.
    pub blob: BlobId,
    /// The file that it belongs to, if it was made or given for one.
    pub file: Option<FileKey>,
    /// Who made it.
    pub source: AttestationSource,
    /// What it says, by the URI of its predicate's type.
    pub predicate_type: String,
    /// The bundle, as JSON; the store does not read it.
    pub bundle: String,
    /// Its index in this server's own log, if it is there.
    pub log_index: Option<u64>,
    /// When it came here.
    pub recorded_at: Timestamp,
}

/// Who made an attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttestationSource {
    /// This server, about what it published or checked.
    Ours,
    /// Whoever published the file here.
    Publisher,
    /// An upstream offered it beside the file.
    Upstream,
}

impl AttestationSource {
    /// Every source.
    pub const ALL: [Self; 3] = [Self::Ours, Self::Publisher, Self::Upstream];

    /// The source's stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Publisher => "publisher",
            Self::Upstream => "upstream",
        }
    }
}

/// What is to be signed about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SigningKind {
    /// That it was published here.
    Release,
    /// What was checked when it was mirrored.
    VerificationSummary,
}

impl SigningKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Release, Self::VerificationSummary];

    /// The kind's stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::VerificationSummary => "verification-summary",
        }
    }
}

/// Something that is still to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningTask {
    /// About which file.
    pub file: FileKey,
    /// What about it.
    pub kind: SigningKind,
    /// How often it was tried and failed.
    pub tries: u32,
    /// Not to be tried (again) before.
    pub next_try_at: Timestamp,
    /// Why it failed last.
    pub last_error: Option<String>,
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
