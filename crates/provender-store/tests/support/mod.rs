//! What the tests of the store are made of.

// Each test binary takes what it needs.
#![allow(dead_code)]

use std::io::Write as _;
use std::path::Path;

use bytes::Bytes;
use provender_domain::{
    Actor, Attributes, BlobId, EcosystemId, EventKind, File, FileName, FileState, KeptFile,
    NewEvent, Origin, PackageName, Reference, ReferenceRole, Repository, RepositoryName,
    RepositoryPolicy, Tag, Timestamp, UpstreamName, Visibility,
};
use provender_store::{Blob, Blobs, DatabaseUrl, Metadata, PackageKey, Unverified, Write};
use provender_tlog::{Batch, Hash, LogState};

pub(crate) const ECOSYSTEM: EcosystemId = EcosystemId::new("generic");

/// Says past the test runner's capture that something was not tested.
pub(crate) fn skip(what: &str) {
    let _ = writeln!(std::io::stderr(), "skip - {what}");
}

pub(crate) fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_microseconds(1_750_000_000_000_000 + seconds * 1_000_000)
}

pub(crate) fn repository_name(text: &str) -> RepositoryName {
    RepositoryName::new(text).unwrap()
}

pub(crate) fn upstream_name(text: &str) -> UpstreamName {
    UpstreamName::new(text).unwrap()
}

pub(crate) fn tag(text: &str) -> Tag {
    Tag::new(text).unwrap()
}

pub(crate) fn file_name(text: &str) -> FileName {
    FileName::new(text).unwrap()
}

pub(crate) fn repository(name: &str) -> Repository {
    Repository {
        name: repository_name(name),
        visibility: Visibility::Public,
        created_at: moment(0),
        policy: RepositoryPolicy::default(),
    }
}

pub(crate) fn key(repository: &str, package: &str) -> PackageKey {
    PackageKey {
        repository: repository_name(repository),
        ecosystem: ECOSYSTEM,
        package: PackageName::new(package).unwrap(),
    }
}

/// A blob's name that stands for these bytes without being their hash.
pub(crate) fn blob(number: u8) -> BlobId {
    BlobId::from_bytes([number; 32])
}

pub(crate) fn mirrored(upstream: &str) -> Origin {
    Origin::Mirrored { upstream: upstream_name(upstream) }
}

pub(crate) fn kept(name: &str, blob: BlobId) -> KeptFile {
    let file = File {
        name: file_name(name),
        version: None,
        url: None,
        digests: vec![blob.digest()],
        size_bytes: Some(100),
        uploaded_at: None,
        yank: None,
        attributes: Attributes::default(),
        companions: vec![],
    };
    KeptFile {
        file,
        blob,
        origin: Origin::Published,
        recorded_at: moment(1),
        publisher: None,
        state: FileState::Present,
        state_reason: None,
    }
}

pub(crate) fn bind(key: &PackageKey) -> Write {
    Write::BindName { key: key.clone(), origin: Origin::Published, at: moment(1) }
}

pub(crate) fn record(key: &PackageKey, file: KeptFile) -> Write {
    Write::RecordFile { key: key.clone(), file }
}

pub(crate) fn reference(file: &str, role: ReferenceRole) -> Reference {
    Reference { file: file_name(file), role }
}

pub(crate) fn refer(key: &PackageKey, file: &str, references: &[Reference]) -> Write {
    let references = references.to_vec();
    Write::RecordReferences { key: key.clone(), file: file_name(file), references }
}

pub(crate) fn event(kind: EventKind, message: &str) -> NewEvent {
    NewEvent::new(kind, moment(2), Actor::System, message)
}

/// Blobs beside a database of their own.
pub(crate) async fn open_blobs(root: &Path) -> Blobs {
    let metadata = Metadata::open(&DatabaseUrl::sqlite(root.join("blobs.db"))).await.unwrap();
    Blobs::open(root, metadata).await.unwrap()
}

pub(crate) async fn staged(
    blobs: &Blobs,
    bytes: &[u8],
) -> Result<Blob<Unverified>, provender_store::BlobError> {
    let mut staging = blobs.stage().await?;
    staging.write(Bytes::copy_from_slice(bytes)).await?;
    staging.finish().await
}

/// The state of a log of this size, whose hashes stand for a tree's without being one's.
pub(crate) fn log_state(size: u64) -> LogState {
    LogState {
        size,
        root: Hash::of(&size.to_be_bytes()),
        frontier: (0..size.count_ones()).map(|part| Hash::of(&part.to_be_bytes())).collect(),
        checkpoint: format!("log.example\n{size}\n\n\u{2014} signed\n"),
        published: None,
    }
}

/// So many entries from this index on.
pub(crate) fn one_batch(first_index: u64, entries: u64) -> Batch {
    let indexes = first_index..first_index + entries;
    Batch {
        first_index,
        entries: indexes.map(|index| Bytes::from(format!("entry {index}"))).collect(),
        checkpoint: format!("checkpoint {}", first_index + entries),
    }
}
