//! A published tree, read from its tiles: hashes, entries and proofs.

use std::collections::HashMap;

use bytes::Bytes;

use crate::merkle::{Frontier, Node, Segment};
use crate::tile::{
    HEIGHT, TileError, TileKind, TilePath, WIDTH, cut_entries, decode_entries, decode_hashes,
};
use crate::{Hash, StorageError, TileStore};

/// What was asked for cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such entry, or no such tree, yet.
    #[error("the log has {size} entries so far, and {asked} is beyond that")]
    Beyond {
        /// What was asked for.
        asked: u64,
        /// How many entries are published.
        size: u64,
    },
    /// A tile that must be there is not.
    #[error("the tile {0} is lost")]
    Lost(TilePath),
    /// A tile holds something else.
    #[error("the tile {path} is damaged")]
    Damaged {
        /// Which.
        path: TilePath,
        /// How.
        source: TileError,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A tree of a certain size whose tiles are durable. Tiles that were read are kept as long as it.
pub(crate) struct Tree<'a> {
    tiles: &'a dyn TileStore,
    size: u64,
    hashes: HashMap<TilePath, Vec<Hash>>,
    /// The last bundle that was read: neighbours are often read one after the other.
    bundle: Option<(TilePath, Vec<Bytes>)>,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(tiles: &'a dyn TileStore, size: u64) -> Self {
        Self { tiles, size, hashes: HashMap::new(), bundle: None }
    }

    /// An entry.
    pub(crate) async fn entry(&mut self, index: u64) -> Result<Bytes, ReadError> {
        let place = usize::try_from(index % u64::from(WIDTH)).expect("less than a tile's width");
        let path = self.tile_of(TileKind::Entries, index, index)?;
        if self.bundle.as_ref().is_none_or(|(held, _)| *held != path) {
            let bytes = read(self.tiles, path).await?.ok_or(ReadError::Lost(path))?;
            self.bundle = Some((path, entries(&bytes, path)?));
        }
        let (_, entries) = self.bundle.as_ref().expect("it was just read");
        Ok(entries[place].clone())
    }

    /// The hashes of a tile of this level, as wide as it is in this tree.
    pub(crate) async fn hashes(&mut self, level: u8, index: u64) -> Result<&[Hash], ReadError> {
        let kind = TileKind::Hashes(level);
        let path = self.tile_of(kind, index.saturating_mul(u64::from(WIDTH)), index)?;
        if !self.hashes.contains_key(&path) {
            let bytes = read(self.tiles, path).await?.ok_or(ReadError::Lost(path))?;
            let hashes = decode_hashes(&bytes, path.width())
                .map_err(|source| ReadError::Damaged { path, source })?;
            self.hashes.insert(path, hashes);
        }
        Ok(&self.hashes[&path])
    }

    /// The hashes that such a proof consists of.
    pub(crate) async fn prove(&mut self, segments: &[Segment]) -> Result<Vec<Hash>, ReadError> {
        let mut proof = Vec::with_capacity(segments.len());
        for segment in segments {
            let mut nodes = HashMap::new();
            for node in segment.nodes() {
                nodes.insert(node, self.node(node).await?);
            }
            proof.push(segment.root(|node| nodes[&node]));
        }
        Ok(proof)
    }

    async fn node(&mut self, node: Node) -> Result<Hash, ReadError> {
        let (level, above) = (node.level / HEIGHT, node.level % HEIGHT);
        // The node is over 2^above neighbouring hashes of one tile.
        let first = node.index << above;
        let place = usize::try_from(first % u64::from(WIDTH)).expect("less than a tile's width");
        let hashes = self.hashes(level, first / u64::from(WIDTH)).await?;
        let mut subtree = Frontier::empty();
        subtree.extend(hashes[place..place + (1 << above)].iter().copied());
        Ok(subtree.root())
    }

    fn tile_of(&self, kind: TileKind, item: u64, asked: u64) -> Result<TilePath, ReadError> {
        let path = TilePath::full(kind, item / u64::from(WIDTH)).in_tree(self.size);
        let beyond = ReadError::Beyond { asked, size: self.size };
        let path = path.ok_or(beyond)?;
        let place = item % u64::from(WIDTH);
        if place < u64::from(path.width()) {
            Ok(path)
        } else {
            Err(ReadError::Beyond { asked, size: self.size })
        }
    }
}

/// A tile, cut from a wider one where it is gone: one is removed only when a wider one is durable.
pub(crate) async fn read(
    tiles: &dyn TileStore,
    path: TilePath,
) -> Result<Option<Bytes>, ReadError> {
    if let Some(bytes) = tiles.read(&path.to_string()).await? {
        return Ok(Some(bytes));
    }
    if path.is_full() {
        return Ok(None);
    }
    let full = TilePath::full(path.kind, path.index);
    // The full one first, as most are. Then from narrow to wide, and so to the full one again: what
    // is removed meanwhile has left a wider one, and that is still to come.
    let wider = (path.width() + 1..=WIDTH).filter_map(|width| path.of_width(width));
    for wider in std::iter::once(full).chain(wider) {
        if let Some(bytes) = tiles.read(&wider.to_string()).await? {
            return Ok(Some(cut(&bytes, wider, path.width())?));
        }
    }
    Ok(None)
}

/// The first `width` hashes or entries of a tile.
pub(crate) fn cut(bytes: &Bytes, path: TilePath, width: u16) -> Result<Bytes, ReadError> {
    let cut = match path.kind {
        TileKind::Entries => cut_entries(bytes, width),
        TileKind::Hashes(_) => {
            let (expected, actual) = (usize::from(width) * Hash::BYTES, bytes.len());
            if actual < expected {
                Err(TileError::Length { expected, actual })
            } else {
                Ok(bytes.slice(..expected))
            }
        }
    };
    cut.map_err(|source| ReadError::Damaged { path, source })
}

/// The entries of a bundle.
pub(crate) fn entries(bytes: &Bytes, path: TilePath) -> Result<Vec<Bytes>, ReadError> {
    decode_entries(bytes, path.width()).map_err(|source| ReadError::Damaged { path, source })
}
