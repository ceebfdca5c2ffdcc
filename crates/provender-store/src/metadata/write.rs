//! What writing is asked for.

use provender_domain::{
    BlobId, FileName, KeptFile, NamePattern, Origin, OwnedName, Reference, Repository,
    RepositoryName, RepositoryPolicy, Tag, TagRule, Timestamp, TokenId, Upstream, UpstreamName,
    Visibility,
};

use provender_tlog::Settlement;

use crate::blobs::SmallBlob;

use super::{
    Account, FileKey, Issuer, Milestone, PackageKey, PackedAttestation, SigningKind, StoredListing,
    Token,
};

/// One change of the metadata.
#[derive(Debug, Clone)]
pub enum Write {
    /// Makes a repository. `Exists` if there is one of that name.
    CreateRepository(Repository),
    /// Changes who may read a repository. `Missing` if there is none.
    SetVisibility {
        /// Which repository.
        repository: RepositoryName,
        /// Who may read it from now on.
        visibility: Visibility,
    },
    /// Changes what a repository asks of what it holds. `Missing` if there is none.
    SetPolicy {
        /// Which repository.
        repository: RepositoryName,
        /// What it asks from now on.
        policy: RepositoryPolicy,
    },
    /// Makes a name or prefix owned. `Exists` if it is; `Missing` without the repository.
    Own(OwnedName),
    /// Takes that back. `Missing` if it is not owned.
    Disown {
        /// Whose.
        repository: RepositoryName,
        /// Of which ecosystem, by purl type.
        ecosystem: String,
        /// Which names, as they were owned.
        pattern: NamePattern,
    },
    /// Adds an upstream. `Exists` if its name is taken; `Missing` without the repository.
    AddUpstream(Upstream),
    /// Removes an upstream and what it listed. `Missing` if there is none.
    RemoveUpstream {
        /// Whose.
        repository: RepositoryName,
        /// Of which ecosystem, by purl type.
        ecosystem: String,
        /// Which.
        name: UpstreamName,
    },
    /// Notes that something is done that is done once; done already, it stays so since then.
    Reach {
        /// What.
        milestone: Milestone,
        /// When.
        at: Timestamp,
    },
    /// Keeps a token. `Exists` if its id is taken.
    CreateToken(Token),
    /// Revokes a token; one that is revoked already stays so since then. `Missing` if there is none.
    RevokeToken {
        /// Which.
        id: TokenId,
        /// When.
        at: Timestamp,
    },
    /// Makes the package if it is missing, and binds its name to this origin if it has none yet.
    /// `OriginBound` if it has another; `Missing` without the repository.
    BindName {
        /// Which package.
        key: PackageKey,
        /// Where its files come from.
        origin: Origin,
        /// When.
        at: Timestamp,
    },
    /// Binds a package's name to this origin, whatever it was bound to: an administrator's claim.
    /// Makes the package if it is missing. Where it was bound to another origin, its tags are
    /// removed, as what they point to is not served any more; their history stays and says so.
    /// `Missing` without the repository.
    RebindName {
        /// Which package.
        key: PackageKey,
        /// Where its files come from now on.
        origin: Origin,
        /// When.
        at: Timestamp,
        /// Who did it, for the history of the tags.
        actor: String,
    },
    /// Records a new file of a package that is there. `Missing` without the package; `SameFile`
    /// if the name has these very bytes and is not deleted; `FileExists` if the name is taken
    /// otherwise. The blobs it points to must have been committed before.
    RecordFile {
        /// Which package.
        key: PackageKey,
        /// The file.
        file: KeptFile,
    },
    /// Replaces the facts of a recorded file. `Missing` if there is none; `FileExists` if the
    /// bytes are others. One that is deleted by it loses its references, and must have no tag any
    /// more (`InUse`): in the same commit, [`Write::RemoveTagsOf`] goes before it, which knows who
    /// does it and when.
    UpdateFile {
        /// Which package.
        key: PackageKey,
        /// The file with its new facts.
        file: KeptFile,
    },
    /// Forgets a quarantined file whose bytes were never kept. `Missing` if there is none in
    /// quarantine; `InUse` if a tag points to it.
    RemoveFile {
        /// Which package.
        key: PackageKey,
        /// Which file.
        name: FileName,
    },
    /// Records a file whose name is its digest: a new one; one that is there with these very bytes,
    /// which stays as it is unless it came from elsewhere, and is no orphan any more; or one in the
    /// place of its own tombstone. `Missing` without the package; `FileExists` if the name has other
    /// bytes, is in quarantine or was when it was deleted. The blobs it points to must have been
    /// committed before.
    KeepFile {
        /// Which package.
        key: PackageKey,
        /// The file.
        file: KeptFile,
    },
    /// Keeps which files of its package a file names, besides what is kept already; goes after
    /// what records the file. What is named in a role that keeps it from being collected, and a
    /// file that is about another, are no orphans any more. `Missing` unless the file is recorded
    /// and not deleted; `MissingReference` unless everything that it requires is present.
    RecordReferences {
        /// Which package.
        key: PackageKey,
        /// The file that names them.
        file: FileName,
        /// What it names.
        references: Vec<Reference>,
    },
    /// Marks a present file as one that nothing refers to, as [`Metadata::unreferenced`] says. A
    /// mark that it has stays; one that is in use by now, or gone, gets none.
    ///
    /// [`Metadata::unreferenced`]: crate::Metadata::unreferenced
    MarkOrphan {
        /// Which package.
        key: PackageKey,
        /// Which file.
        file: FileName,
        /// Since when.
        since: Timestamp,
    },
    /// Takes that mark away, if there is one: somebody is about to refer to the file. What refers
    /// to it ([`Write::PutTag`], [`Write::RecordReferences`]) takes it away as well.
    ClearOrphan {
        /// Which package.
        key: PackageKey,
        /// Which file.
        file: FileName,
    },
    /// Forgets a present file that was marked before this moment, with all that belongs to it; its
    /// name is free again, and its bytes are in use no more than others use them. `Missing` if no
    /// such file is present; `InUse` if it is not marked, was marked later, or is referred to. What is
    /// about it is marked as of the same moment.
    ForgetFile {
        /// Which package.
        key: PackageKey,
        /// Which file.
        name: FileName,
        /// When its mark must have been set, at the latest.
        marked_before: Timestamp,
    },
    /// Points a tag to a present file of its package and notes that in the tag's history, if it is
    /// new or pointed elsewhere; where it points there already, only `checked_at` is kept, if given.
    /// `Missing` without the file; `TagTaken` if it points elsewhere and may not be moved. One that
    /// an upstream moved last does not stand in the way of one that is put here.
    PutTag {
        /// Which package.
        key: PackageKey,
        /// Which tag.
        tag: Tag,
        /// To which file.
        file: FileName,
        /// When.
        at: Timestamp,
        /// Who did it, for the history.
        actor: String,
        /// When an upstream said so, for a tag that is mirrored.
        checked_at: Option<Timestamp>,
        /// Whether it may be moved.
        rule: TagRule,
    },
    /// Notes that an upstream still has a tag as it is here. `Missing` if there is no such tag.
    TouchTag {
        /// Which package.
        key: PackageKey,
        /// Which tag.
        tag: Tag,
        /// When the upstream said so.
        checked_at: Timestamp,
    },
    /// Removes a tag; its history stays and says so. `Missing` if there is no such tag, or it was
    /// moved.
    RemoveTag {
        /// Which package.
        key: PackageKey,
        /// Which tag.
        tag: Tag,
        /// When.
        at: Timestamp,
        /// Who did it, for the history.
        actor: String,
        /// Only where it points there still, since then.
        unless_moved: Option<(FileName, Timestamp)>,
    },
    /// Removes every tag that points to a file, which may be none; their history stays and says
    /// so. It goes before what deletes the file, in the same commit: then no tag that somebody
    /// moves meanwhile is left behind.
    RemoveTagsOf {
        /// Which package.
        key: PackageKey,
        /// Which file.
        file: FileName,
        /// When.
        at: Timestamp,
        /// Who did it, for the history.
        actor: String,
    },
    /// Keeps what an upstream said of a package, in place of what it said before.
    PutListing {
        /// Which package; it need not be recorded here.
        key: PackageKey,
        /// Which upstream.
        upstream: UpstreamName,
        /// What it said.
        listing: StoredListing,
    },
    /// Notes that what an upstream said is still true. `Missing` if nothing is kept.
    TouchListing {
        /// Which package.
        key: PackageKey,
        /// Which upstream.
        upstream: UpstreamName,
        /// When it said so.
        fetched_at: Timestamp,
    },
    /// Keeps an attestation; one that is kept already is fine. `Missing` if it belongs to a file
    /// that is not recorded.
    RecordAttestation(PackedAttestation),
    /// Notes that something is to be signed about a file, at once; that it was noted already is
    /// fine. `Missing` if the file is not recorded: in one commit, record it first.
    QueueSigning {
        /// About which file.
        file: FileKey,
        /// What about it.
        kind: SigningKind,
        /// Not before.
        at: Timestamp,
    },
    /// Notes that signing failed once more, and when to try again. `Missing` if it is not queued.
    PostponeSigning {
        /// About which file.
        file: FileKey,
        /// What about it.
        kind: SigningKind,
        /// Not to be tried before.
        next_try_at: Timestamp,
        /// Why it failed.
        error: String,
    },
    /// Ends a task, signed or given up. `Missing` if it is not queued: somebody else ended it, and
    /// what this call would record with it is not recorded a second time.
    EndSigning {
        /// About which file.
        file: FileKey,
        /// What about it.
        kind: SigningKind,
    },
    /// Writes nothing: all else in the commit follows a swap of a log, which may have been begun
    /// but not be durable yet, by [`StateStore::begin_swap`](provender_tlog::StateStore::begin_swap)
    /// of the same [`Metadata`](super::Metadata) or a clone. `NotLogged` if that swap is not made by
    /// the same transaction or an earlier one: then it failed, or somebody else was faster.
    Follow(Settlement),
    /// Keeps the bytes of a small blob; goes before what records the blob, in the same commit.
    /// That they are kept already is fine.
    KeepBytes(SmallBlob),
    /// Removes the bytes of a small blob. `Missing` if they are not kept, or were committed at or
    /// after that moment.
    RemoveBytes {
        /// Which.
        blob: BlobId,
        /// When they must have been committed, at the latest; `None`: whenever.
        before: Option<Timestamp>,
    },
    /// Makes an account. `Exists` if its name is taken.
    CreateAccount(Account),
    /// Replaces everything about an account but its name and when it was made. `Missing` if there
    /// is none.
    UpdateAccount(Account),
    /// Removes an account. `Missing` if there is none.
    RemoveAccount {
        /// Its name.
        name: String,
    },
    /// Trusts an issuer, in place of how it was trusted before; when it was added stays.
    PutIssuer(Issuer),
    /// Trusts an issuer no more. `Missing` if it was not trusted.
    RemoveIssuer {
        /// Its URL.
        url: String,
    },
}

/// A commit that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The number of its first event; `None` if it had none.
    pub first_event: Option<i64>,
    /// The number of its last event; `None` if it had none.
    pub last_event: Option<i64>,
}
