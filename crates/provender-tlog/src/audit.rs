//! Checking a whole log from its tiles, with nothing but its public key.

use std::fmt;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::note::NoteVerifier;
use crate::tile::{TileError, TileKind, TilePath, WIDTH, decode_hashes};
use crate::tower::{Filled, Tower};
use crate::tree::{self, ReadError};
use crate::{Hash, StorageError, TileStore};

/// What a log was found to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// How many entries the checkpoint speaks of.
    pub size: u64,
    /// How many entries were read and are what their tile says.
    pub entries: u64,
    /// The bytes of those entries.
    pub entry_bytes: u64,
    /// How many tiles of hashes were read and are right.
    pub tiles: u64,
    /// The first thing that is wrong, with which the audit ended.
    pub fault: Option<Fault>,
}

impl Audit {
    /// Whether everything that the checkpoint speaks of is there and right.
    pub fn is_sound(&self) -> bool {
        self.fault.is_none()
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, entries, entry_bytes, tiles, fault } = self;
        write!(f, "{entries} of {size} entries ({entry_bytes} bytes) and {tiles} tiles are right")?;
        match fault {
            Some(fault) => write!(f, "; then {fault}"),
            None => Ok(()),
        }
    }
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The checkpoint is not the log's.
    #[error("the checkpoint is wrong: {0}")]
    Checkpoint(CheckpointError),
    /// A tile is not there.
    #[error("the tile {0} is lost")]
    Lost(TilePath),
    /// A tile is not as long as it must be, or no tile: an old one, or damage.
    #[error("the tile {path} is damaged: {reason}")]
    Damaged {
        /// Which.
        path: TilePath,
        /// How.
        reason: TileError,
    },
    /// An entry and a hash differ: either of the two tiles is damaged.
    #[error(
        "entry {index} in {path} is not the one whose hash is in {hashes}; one of the two is damaged"
    )]
    Entry {
        /// Which.
        index: u64,
        /// Where the entry is.
        path: TilePath,
        /// Where the hash is.
        hashes: TilePath,
    },
    /// A tile has another hash than the entries below it have.
    #[error("hash {place} of the tile {path} is not that of what is below it")]
    Hash {
        /// Which tile.
        path: TilePath,
        /// Which hash of it, from 0.
        place: usize,
    },
    /// The tree has another root than the checkpoint.
    #[error("the tree has the root {found}, and the checkpoint says {expected}")]
    Root {
        /// What the checkpoint says.
        expected: Hash,
        /// What the entries lead to.
        found: Hash,
    },
}

/// Reads all entries and tiles that a checkpoint speaks of, and computes all hashes anew.
///
/// It needs memory for a few tiles, however large the log is.
///
/// # Errors
/// Where the store fails. What is wrong with the log is in the report.
pub async fn audit(
    tiles: &dyn TileStore,
    origin: &str,
    key: &NoteVerifier,
    checkpoint: &str,
) -> Result<Audit, StorageError> {
    let mut audit = Audit::default();
    let fault = match Checkpoint::verify(checkpoint, origin, key) {
        Ok(checkpoint) => {
            audit.size = checkpoint.size;
            examine(tiles, &checkpoint, &mut audit).await
        }
        Err(error) => Err(Found::Fault(Fault::Checkpoint(error))),
    };
    match fault {
        Ok(()) => Ok(audit),
        Err(Found::Fault(fault)) => Ok(Audit { fault: Some(fault), ..audit }),
        Err(Found::Failure(error)) => Err(error),
    }
}

/// What is wrong with the tiles of a log whose edge does not lead to its checkpoint; `None` where
/// that is not in the tiles.
pub(crate) async fn fault_of(
    tiles: &dyn TileStore,
    checkpoint: &Checkpoint,
) -> Result<Option<Fault>, StorageError> {
    match examine(tiles, checkpoint, &mut Audit::default()).await {
        Ok(()) => Ok(None),
        Err(Found::Fault(fault)) => Ok(Some(fault)),
        Err(Found::Failure(error)) => Err(error),
    }
}

/// Why an audit ended before its end.
enum Found {
    Fault(Fault),
    Failure(StorageError),
}

impl From<ReadError> for Found {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Storage(error) => Self::Failure(error),
            ReadError::Lost(path) => Self::Fault(Fault::Lost(path)),
            ReadError::Damaged { path, source } => {
                Self::Fault(Fault::Damaged { path, reason: source })
            }
            ReadError::Beyond { asked, .. } => {
                Self::Fault(Fault::Lost(TilePath::full(TileKind::Entries, asked)))
            }
        }
    }
}

async fn examine(
    tiles: &dyn TileStore,
    checkpoint: &Checkpoint,
    audit: &mut Audit,
) -> Result<(), Found> {
    let size = checkpoint.size;
    let mut tower = Tower::default();
    for bundle in 0..size.div_ceil(u64::from(WIDTH)) {
        let path = TilePath::full(TileKind::Entries, bundle).in_tree(size);
        let path = path.expect("the bundle is within the tree");
        let bytes = tree::read(tiles, path).await?.ok_or(ReadError::Lost(path))?;
        let entries = tree::entries(&bytes, path)?;
        let level = TilePath::full(TileKind::Hashes(0), bundle).in_tree(size);
        let level = level.expect("there are as many hashes as entries");
        let leaves = hashes(tiles, level).await?;
        let mut full = Vec::new();
        for ((entry, leaf), index) in entries.iter().zip(leaves).zip(audit.entries..) {
            if Hash::leaf(entry) != leaf {
                return Err(Found::Fault(Fault::Entry { index, path, hashes: level }));
            }
            tower.push(leaf, |filled| full.push(filled));
            audit.entry_bytes += entry.len() as u64;
        }
        audit.entries += entries.len() as u64;
        for filled in full {
            compare(tiles, filled, audit).await?;
        }
    }
    for filled in tower.partial() {
        compare(tiles, filled, audit).await?;
    }
    let found = tower.root();
    if found != checkpoint.root {
        return Err(Found::Fault(Fault::Root { expected: checkpoint.root, found }));
    }
    Ok(())
}

/// Compares a tile with what it must hold.
async fn compare(tiles: &dyn TileStore, filled: Filled, audit: &mut Audit) -> Result<(), Found> {
    let Filled { path, hashes: expected } = filled;
    // Level 0 was compared entry by entry.
    if path.kind != TileKind::Hashes(0) {
        let kept = hashes(tiles, path).await?;
        let differs = kept.iter().zip(&expected).position(|(kept, expected)| kept != expected);
        if let Some(place) = differs {
            return Err(Found::Fault(Fault::Hash { path, place }));
        }
    }
    audit.tiles += 1;
    Ok(())
}

async fn hashes(tiles: &dyn TileStore, path: TilePath) -> Result<Vec<Hash>, Found> {
    let bytes = tree::read(tiles, path).await?.ok_or(ReadError::Lost(path))?;
    let hashes = decode_hashes(&bytes, path.width());
    Ok(hashes.map_err(|source| ReadError::Damaged { path, source })?)
}

#[cfg(test)]
mod tests;
