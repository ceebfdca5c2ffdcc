//! The words of Provender as types: names, versions, digests, files, facts, verdicts, events.
//!
//! Values here are proofs: a [`PackageName`] is normalized, a [`FileName`] is safe as one path
//! segment, a [`Digest`] has the right length. No item of this crate does I/O.

mod access;
mod digest;
mod encoded;
mod event;
mod file;
mod name;
mod pattern;
mod policy;
mod problem;
mod purl;
mod reference;
mod repository;
mod timestamp;
mod verdict;

pub use access::{Actor, NamePattern, NamePatternError, Scope, TokenId};
pub use digest::{Algorithm, BlobId, Digest, DigestError};
pub use encoded::{EncodedText, TextPieces};
pub use event::{Event, EventKind, NewEvent, Severity};
pub use file::{Attributes, Companion, File, FileState, KeptFile, Listing, Origin, Yank};
pub use name::{
    EcosystemId, FILE_NAME_LIMIT_BYTES, FileName, NameError, PACKAGE_NAME_LIMIT_BYTES, PackageName,
    REPOSITORY_NAME_LIMIT_BYTES, RepositoryName, TAG_LIMIT_BYTES, Tag, UpstreamName,
    VERSION_LIMIT_BYTES, Version, is_deceptive,
};
pub use pattern::TextPattern;
pub use policy::{RepositoryPolicy, RetentionRule, SignatureRule, Signer, TagRule};
pub use problem::{Problem, ProblemCode};
pub use purl::{PURL_LIMIT_BYTES, Purl, PurlError};
pub use reference::{Reference, ReferenceRole};
pub use repository::{OwnedName, Repository, Upstream, UpstreamTarget, Visibility};
pub use timestamp::{Timestamp, TimestampError};
pub use verdict::{Facts, Reason, Verdict};
