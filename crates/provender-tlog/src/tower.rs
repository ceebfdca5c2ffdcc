//! Tiles of a tree that grows leaf by leaf: the unfinished one of each level, above one another.

use crate::Hash;
use crate::merkle::Frontier;
use crate::tile::{TileKind, TilePath, WIDTH};

/// The unfinished tiles at the right edge of a tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tower {
    size: u64,
    /// By level of tiles; each has fewer than [`WIDTH`] hashes.
    levels: Vec<Vec<Hash>>,
}

/// A tile and its hashes.
pub(crate) struct Filled {
    pub(crate) path: TilePath,
    pub(crate) hashes: Vec<Hash>,
}

impl Tower {
    /// The tower of a tree of this size, given what its unfinished tiles hold, from the leaves up.
    pub(crate) fn new(size: u64, levels: Vec<Vec<Hash>>) -> Self {
        Self { size, levels }
    }

    /// How many leaves there are.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf, and gives each tile that it made full.
    pub(crate) fn push(&mut self, leaf: Hash, mut full: impl FnMut(Filled)) {
        let mut hash = leaf;
        let mut items = self.size;
        for level in 0_u8.. {
            let place = usize::from(level);
            if self.levels.len() == place {
                self.levels.push(Vec::new());
            }
            let tile = &mut self.levels[place];
            tile.push(hash);
            if tile.len() < usize::from(WIDTH) {
                break;
            }
            let hashes = std::mem::take(tile);
            let mut subtree = Frontier::empty();
            subtree.extend(hashes.iter().copied());
            hash = subtree.root();
            items /= u64::from(WIDTH);
            full(Filled { path: TilePath::full(TileKind::Hashes(level), items), hashes });
        }
        self.size += 1;
    }

    /// The unfinished tiles that are not empty.
    pub(crate) fn partial(&self) -> impl Iterator<Item = Filled> {
        self.levels.iter().zip(0_u8..).filter_map(|(hashes, level)| {
            let path = partial_path(TileKind::Hashes(level), self.size)?;
            Some(Filled { path, hashes: hashes.clone() })
        })
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> Hash {
        let mut subtrees = Vec::new();
        for hashes in self.levels.iter().rev() {
            let mut tile = Frontier::empty();
            tile.extend(hashes.iter().copied());
            subtrees.extend_from_slice(tile.subtrees());
        }
        Frontier::from_subtrees(self.size, subtrees)
            .expect("the unfinished tiles hold a subtree for each bit of the size")
            .root()
    }
}

/// The unfinished tile of a kind in a tree of this size, if there is one.
pub(crate) fn partial_path(kind: TileKind, size: u64) -> Option<TilePath> {
    let items = match kind {
        TileKind::Hashes(level) => size.checked_shr(8 * u32::from(level))?,
        TileKind::Entries => size,
    };
    let width = u16::try_from(items % u64::from(WIDTH)).expect("less than a tile's width");
    TilePath::new(kind, items / u64::from(WIDTH), width)
}
