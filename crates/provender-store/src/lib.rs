//! What is known and what is kept: metadata in an SQL database, bytes in content-addressed blobs.
//!
//! [`Metadata`] holds every fact: repositories, owned names, upstreams, tokens, accounts, issuers,
//! packages, files, upstream listings, attestations, and the append-only record of events. `SQLite`
//! (embedded, the default) and `PostgreSQL` take the same SQL.
//!
//! [`Blobs`] holds bytes by their SHA-256. Bytes enter through [`Staging`] or, in several requests,
//! through [`Upload`], are [`Blob<Unverified>`](Blob) until they were held against every digest
//! that anybody claimed for them, and only a [`Blob<Verified>`](Blob) can be committed: the types
//! prove it. Who may not wait for that reads along by [`Tail`], all but the end.
//!
//! The order that keeps the two consistent is the caller's duty: commit the blob first, then the
//! row that points to it. [`Blobs::commit`] is durable when it returns, and what is left to the
//! row's own commit ([`Blobs::commit_with_row`]) becomes durable with it, so no row ever points to
//! bytes that a crash could take away.
//!
//! Both halves of a transparency log's storage are here too: [`Metadata`] is its
//! [`StateStore`](provender_tlog::StateStore), [`LogTiles`] its
//! [`TileStore`](provender_tlog::TileStore).
//!
//! Nothing here knows an ecosystem, a policy or a protocol.

mod blobs;
mod error;
#[cfg(feature = "faults")]
mod faults;
mod log_tiles;
mod metadata;
mod space;
mod steps;

pub use blobs::{
    Blob, BlobFacts, Blobs, Content, HELD_BACK_BYTES, OpenBlob, RemovedUploads, SMALL_BLOB_BYTES,
    Scrub, SmallBlob, Staging, State, Tail, TailReader, Unread, Unverified, Upload, UploadKey,
    Verified,
};
pub use error::{BlobError, StoreError, VerifyError};
#[cfg(feature = "faults")]
pub use faults::{FaultMode, Faults};
pub use log_tiles::LogTiles;
pub use metadata::{
    Account, Attestation, AttestationSource, Committed, Counts, DatabaseUrl, EventFilter, FileKey,
    Issuer, ListingOutcome, Metadata, Milestone, NamedPackage, PackageKey, PackageRow,
    PackedAttestation, Settings, SigningKind, SigningTask, Standing, StoredKey, StoredListing,
    TagChange, TagRow, Token, Unreferenced, Write,
};
pub use space::Space;
