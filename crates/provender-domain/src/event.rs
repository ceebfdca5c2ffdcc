//! Events: the append-only record of what happened.

use serde::{Deserialize, Serialize};

use crate::{Actor, Attributes, FileName, PackageName, RepositoryName, Timestamp, Version};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The server came up on this data directory for the first time.
    Initialized,
    /// A file was published here.
    Published,
    /// A file was fetched from an upstream for the first time, verified and kept.
    Mirrored,
    /// A file or version was yanked.
    Yanked,
    /// A yank was taken back.
    Unyanked,
    /// An administrator deleted a file; its tombstone stays.
    Deleted,
    /// An administrator put a file into quarantine.
    Quarantined,
    /// An administrator released a file from quarantine.
    Released,
    /// Somebody attested something of a file that is kept: a signature, or another statement.
    Attested,
    /// A tag was pointed to another file than before.
    TagMoved,
    /// A tag was taken away; its history stays.
    TagRemoved,
    /// A publication was refused.
    PublicationRefused,
    /// A token was used where it gives no right.
    AccessDenied,
    /// A repository was made.
    RepositoryCreated,
    /// A repository's settings changed.
    RepositoryChanged,
    /// A name or prefix became owned.
    NameOwned,
    /// A name or prefix is owned no more.
    NameDisowned,
    /// A mirrored name was claimed for publishing here: its origin changed.
    NameClaimed,
    /// An upstream was added to a repository.
    UpstreamAdded,
    /// An upstream was removed.
    UpstreamRemoved,
    /// A token was made.
    TokenCreated,
    /// A token was revoked.
    TokenRevoked,
    /// A person's account was made.
    AccountCreated,
    /// An account's password or address changed, or it was disabled or enabled.
    AccountChanged,
    /// An account was removed.
    AccountRemoved,
    /// An issuer of identity tokens was trusted, or is trusted otherwise than before.
    IssuerTrusted,
    /// An issuer is trusted no more.
    IssuerRemoved,
    /// A person signed in and got an identity token.
    SignedIn,
    /// Somebody was refused who tried to sign in.
    SignInRefused,
    /// A token of this server was exchanged for an identity token.
    IdentityIssued,
    /// A certificate was issued to whoever showed an identity token.
    CertificateIssued,
    /// A key of this server's own Sigstore was replaced.
    KeyRotated,
    /// The keys that certify others were copied or moved out of the data directory.
    RootKeysExported,
    /// Red flag: fetched bytes disagree with the digest their index promised.
    DigestMismatch,
    /// Red flag: an upstream now promises other bytes for a file that is kept.
    UpstreamChanged,
    /// Red flag: an upstream withholds a package that it had, as it suspects it.
    UpstreamQuarantined,
    /// Red flag: an archive is hostile, or contradicts its own name or index.
    ArchiveRefused,
    /// Red flag: an upstream has a package of a name that is owned or published here.
    Namesake,
    /// Red flag: another upstream than the one a name is bound to offers that name.
    OriginConflict,
    /// Red flag: an upstream led to an address that this server does not go to.
    AddressRefused,
    /// Red flag: somebody, or an upstream, would have moved a tag where tags are immutable.
    ImmutableTagMoved,
    /// A file could not be fetched from an upstream; told once for each file and hour.
    FetchFailed,
    /// An upstream fails; what is kept is served on.
    UpstreamFailing,
    /// An upstream answers again.
    UpstreamRecovered,
    /// Red flag: what should be signed can't be; publications are turned away until it can.
    SigningFailing,
    /// What should be signed is signed again.
    SigningRecovered,
    /// Red flag: there was no space to store anything; recorded once there is.
    StorageFull,
    /// Retention rules were applied and garbage was collected by the clock.
    Maintained,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 48] = [
        Self::Initialized,
        Self::Published,
        Self::Mirrored,
        Self::Yanked,
        Self::Unyanked,
        Self::Deleted,
        Self::Quarantined,
        Self::Released,
        Self::Attested,
        Self::TagMoved,
        Self::TagRemoved,
        Self::PublicationRefused,
        Self::AccessDenied,
        Self::RepositoryCreated,
        Self::RepositoryChanged,
        Self::NameOwned,
        Self::NameDisowned,
        Self::NameClaimed,
        Self::UpstreamAdded,
        Self::UpstreamRemoved,
        Self::TokenCreated,
        Self::TokenRevoked,
        Self::AccountCreated,
        Self::AccountChanged,
        Self::AccountRemoved,
        Self::IssuerTrusted,
        Self::IssuerRemoved,
        Self::SignedIn,
        Self::SignInRefused,
        Self::IdentityIssued,
        Self::CertificateIssued,
        Self::KeyRotated,
        Self::RootKeysExported,
        Self::DigestMismatch,
        Self::UpstreamChanged,
        Self::UpstreamQuarantined,
        Self::ArchiveRefused,
        Self::Namesake,
        Self::OriginConflict,
        Self::AddressRefused,
        Self::ImmutableTagMoved,
        Self::FetchFailed,
        Self::UpstreamFailing,
        Self::UpstreamRecovered,
        Self::SigningFailing,
        Self::SigningRecovered,
        Self::StorageFull,
        Self::Maintained,
    ];

    /// The kind's stable name, `published`, `digest-mismatch`, …
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initialized => "initialized",
            Self::Published => "published",
            Self::Mirrored => "mirrored",
            Self::Yanked => "yanked",
            Self::Unyanked => "unyanked",
            Self::Deleted => "deleted",
            Self::Quarantined => "quarantined",
            Self::Released => "released",
            Self::Attested => "attested",
            Self::TagMoved => "tag-moved",
            Self::TagRemoved => "tag-removed",
            Self::PublicationRefused => "publication-refused",
            Self::AccessDenied => "access-denied",
            Self::RepositoryCreated => "repository-created",
            Self::RepositoryChanged => "repository-changed",
            Self::NameOwned => "name-owned",
            Self::NameDisowned => "name-disowned",
            Self::NameClaimed => "name-claimed",
            Self::UpstreamAdded => "upstream-added",
            Self::UpstreamRemoved => "upstream-removed",
            Self::TokenCreated => "token-created",
            Self::TokenRevoked => "token-revoked",
            Self::AccountCreated => "account-created",
            Self::AccountChanged => "account-changed",
            Self::AccountRemoved => "account-removed",
            Self::IssuerTrusted => "issuer-trusted",
            Self::IssuerRemoved => "issuer-removed",
            Self::SignedIn => "signed-in",
            Self::SignInRefused => "sign-in-refused",
            Self::IdentityIssued => "identity-issued",
            Self::CertificateIssued => "certificate-issued",
            Self::KeyRotated => "key-rotated",
            Self::RootKeysExported => "root-keys-exported",
            Self::DigestMismatch => "digest-mismatch",
            Self::UpstreamChanged => "upstream-changed",
            Self::UpstreamQuarantined => "upstream-quarantined",
            Self::ArchiveRefused => "archive-refused",
            Self::Namesake => "namesake",
            Self::OriginConflict => "origin-conflict",
            Self::AddressRefused => "address-refused",
            Self::ImmutableTagMoved => "immutable-tag-moved",
            Self::FetchFailed => "fetch-failed",
            Self::UpstreamFailing => "upstream-failing",
            Self::UpstreamRecovered => "upstream-recovered",
            Self::SigningFailing => "signing-failing",
            Self::SigningRecovered => "signing-recovered",
            Self::StorageFull => "storage-full",
            Self::Maintained => "maintained",
        }
    }

    /// How bad it is that this happened: a red flag has a severity, other events have none.
    pub const fn severity(self) -> Option<Severity> {
        match self {
            Self::DigestMismatch
            | Self::UpstreamChanged
            | Self::UpstreamQuarantined
            | Self::ArchiveRefused
            | Self::ImmutableTagMoved => Some(Severity::High),
            Self::Namesake
            | Self::OriginConflict
            | Self::AddressRefused
            | Self::SigningFailing
            | Self::StorageFull => Some(Severity::Medium),
            Self::NameClaimed | Self::FetchFailed | Self::UpstreamFailing => Some(Severity::Low),
            _ => None,
        }
    }
}

impl std::str::FromStr for EventKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// How much a red flag matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Somebody should look.
    Medium,
    /// Something tried to get in, or would have.
    High,
}

/// An event about to be recorded; the store gives it its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewEvent {
    /// What happened.
    pub kind: EventKind,
    /// When, by our clock.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// The client's address as the connection had it, where there was a connection.
    pub client: Option<String>,
    /// In which repository, if in one.
    pub repository: Option<RepositoryName>,
    /// Of which ecosystem, by purl type.
    pub ecosystem: Option<String>,
    /// About which package.
    pub package: Option<PackageName>,
    /// About which version.
    pub version: Option<Version>,
    /// About which file.
    pub file: Option<FileName>,
    /// What happened and why, one sentence for people.
    pub message: String,
    /// The facts for machines: digests, URLs, limits, …
    #[serde(default)]
    pub detail: Attributes,
}

impl NewEvent {
    /// An event of this kind, about nothing yet.
    pub fn new(kind: EventKind, at: Timestamp, actor: Actor, message: impl Into<String>) -> Self {
        Self {
            kind,
            at,
            actor,
            client: None,
            repository: None,
            ecosystem: None,
            package: None,
            version: None,
            file: None,
            message: message.into(),
            detail: Attributes::default(),
        }
    }
}

/// A recorded event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the record: 1, 2, 3, … without gaps.
    pub number: i64,
    /// How bad; `None` for what is no red flag.
    pub severity: Option<Severity>,
    /// What was recorded.
    #[serde(flatten)]
    pub event: NewEvent,
}

#[cfg(test)]
mod tests {
    use super::EventKind;

    #[test]
    fn names_round_trip_and_match_json() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
