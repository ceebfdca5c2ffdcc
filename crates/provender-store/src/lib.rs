//! What is known and what is kept: metadata in an SQL database, bytes in content-addressed blobs.
//!
//! [`Metadata`] holds every fact: repositories, owned names, upstreams, tokens, packages, files,
//! upstream listings, and the append-only record of events. `SQLite` (embedded, the default) and
//! `PostgreSQL` take the same SQL.
//!
//! [`Blobs`] holds bytes by their SHA-256. Bytes enter through [`Staging`], are
//! [`Blob<Unverified>`](Blob) until they were held against every digest that anybody claimed for
//! them, and only a [`Blob<Verified>`](Blob) can be committed: the types prove it.
//!
//! The order that keeps the two consistent is the caller's duty: commit the blob first, then the
//! row that points to it. [`Blobs::commit`] is durable when it returns, so no row ever points to
//! bytes that a crash could take away.
//!
//! Nothing here knows an ecosystem, a policy or a protocol.

mod blobs;
mod error;
#[cfg(feature = "faults")]
mod faults;
mod metadata;
mod steps;

pub use blobs::{Blob, BlobFacts, Blobs, OpenBlob, Scrub, Staging, State, Unverified, Verified};
pub use error::{BlobError, StoreError, VerifyError};
#[cfg(feature = "faults")]
pub use faults::{FaultMode, Faults};
pub use metadata::{
    Committed, Counts, DatabaseUrl, EventFilter, ListingOutcome, Metadata, NamedPackage,
    PackageKey, PackageRow, Settings, StoredKey, StoredListing, Token, Write,
};
