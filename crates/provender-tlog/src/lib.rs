//! A transparency log of tiles; it knows nothing of packages.
//!
//! A log is a list of entries that only grows. Anybody who holds two of its checkpoints can check
//! that the later contains the earlier, and that an entry is in it. What is served are static
//! tiles, so a log costs little to read and can be mirrored by anybody.
//!
//! | specification | module |
//! |---|---|
//! | RFC 6962 section 2: hashes and proofs of a Merkle tree | [`merkle`] |
//! | C2SP tlog-tiles: paths and contents of tiles | [`tile`] |
//! | C2SP signed-note | [`note`] |
//! | C2SP tlog-checkpoint | [`checkpoint`] |
//! | Rekor v2: requests, bodies and answers of Sigstore's log | [`rekor`] |
//!
//! [`Log`] is the log itself. What it keeps it keeps through two interfaces, split by what they
//! need: [`TileStore`] is written once and idempotent, [`StateStore`] compares and swaps. Any
//! number of servers may append to one log at once, and any may die at any moment: an entry that
//! was acknowledged is never lost, and the log never forks.

pub mod audit;
pub mod checkpoint;
mod hash;
mod log;
pub mod merkle;
pub mod note;
pub mod rekor;
mod search;
mod storage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tile;
mod tower;
mod tree;

pub use hash::Hash;
use log::Shared;
pub use log::{
    AppendError, Appended, Entry, Limits, Log, LogError, LogOptions, Placed, RETRY_AFTER,
};
pub use merkle::Frontier;
pub use search::{HITS_MAX, Hits, SearchKey};
pub use storage::{
    Batch, BatchError, Haste, LogState, Published, Settlement, Settler, StateStore, StorageError,
    TileStore,
};
pub use tree::ReadError;
