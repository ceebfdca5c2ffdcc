//! The right edge of the published tree, with what it takes to write the tiles that come next.

use bytes::{Bytes, BytesMut};

use super::LogError;
use crate::audit::fault_of;
use crate::checkpoint::Checkpoint;
use crate::tile::{
    HEIGHT, LEVEL_MAX, TileKind, TilePath, WIDTH, decode_hashes, encode_hashes, put_entry,
};
use crate::tower::{Filled, Tower, partial_path};
use crate::tree::{self, ReadError};
use crate::{Batch, Hash, TileStore};

/// The unfinished tiles, and the unfinished bundle of entries.
#[derive(Clone, Default)]
pub(crate) struct Edge {
    tower: Tower,
    bundle: BytesMut,
    /// Partial tiles that are durable: to be removed once wider ones are.
    partials: Vec<TilePath>,
}

/// What a batch of entries leads to.
#[derive(Default)]
pub(crate) struct Writes {
    /// To be made durable, in any order.
    pub(crate) objects: Vec<(TilePath, Bytes)>,
    /// To be removed afterwards.
    pub(crate) superseded: Vec<TilePath>,
}

impl Edge {
    /// Reads the edge of a published tree, and checks that it is that of its checkpoint.
    pub(crate) async fn load(
        tiles: &dyn TileStore,
        checkpoint: &Checkpoint,
    ) -> Result<Self, LogError> {
        let size = checkpoint.size;
        let mut edge = Self::default();
        let mut levels = Vec::new();
        for level in 0..=LEVEL_MAX {
            if size >> (HEIGHT * level) == 0 {
                break;
            }
            let hashes = match partial_path(TileKind::Hashes(level), size) {
                None => Vec::new(),
                Some(path) => {
                    let bytes = tree::read(tiles, path).await?.ok_or(ReadError::Lost(path))?;
                    edge.partials.extend(narrower(path));
                    decode_hashes(&bytes, path.width())
                        .map_err(|source| ReadError::Damaged { path, source })?
                }
            };
            levels.push(hashes);
        }
        edge.tower = Tower::new(size, levels);
        if let Some(path) = partial_path(TileKind::Entries, size) {
            let bytes = tree::read(tiles, path).await?.ok_or(ReadError::Lost(path))?;
            tree::entries(&bytes, path)?;
            edge.partials.extend(narrower(path));
            edge.bundle.extend_from_slice(&bytes);
        }
        if edge.tower.root() != checkpoint.root {
            let fault = fault_of(tiles, checkpoint).await?;
            let unknown = LogError::Contradiction("the tiles are not those of the checkpoint");
            return Err(fault.map_or(unknown, LogError::Tile));
        }
        Ok(edge)
    }

    pub(crate) fn size(&self) -> u64 {
        self.tower.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.tower.root()
    }

    /// Adds a batch, whose leaves were hashed already.
    pub(crate) fn add(&mut self, batch: &Batch, leaves: &[Hash], writes: &mut Writes) {
        for (entry, leaf) in batch.entries.iter().zip(leaves) {
            put_entry(&mut self.bundle, entry);
            let index = self.tower.size() / u64::from(WIDTH);
            self.tower.push(*leaf, |Filled { path, hashes }| {
                writes.objects.push((path, encode_hashes(&hashes)));
            });
            if self.tower.size().is_multiple_of(u64::from(WIDTH)) {
                let path = TilePath::full(TileKind::Entries, index);
                writes.objects.push((path, self.bundle.split().freeze()));
            }
        }
    }

    /// Ends a round of batches with the partial tiles.
    pub(crate) fn finish(&mut self, writes: &mut Writes) {
        let mut partial: Vec<(TilePath, Bytes)> = self
            .tower
            .partial()
            .map(|Filled { path, hashes }| (path, encode_hashes(&hashes)))
            .collect();
        let bundle = partial_path(TileKind::Entries, self.size());
        partial.extend(bundle.map(|path| (path, Bytes::copy_from_slice(&self.bundle))));
        partial.retain(|(path, _)| !self.partials.contains(path));
        let new: Vec<TilePath> = partial.iter().map(|(path, _)| *path).collect();
        writes.objects.extend(partial);
        let is_superseded = |path: &TilePath| {
            let is_wider = |wider: &TilePath| {
                wider.width() > path.width() && wider.of_width(path.width()) == Some(*path)
            };
            writes.objects.iter().any(|(written, _)| is_wider(written))
        };
        let (superseded, kept) = self.partials.drain(..).partition(is_superseded);
        (self.partials, writes.superseded) = (kept, superseded);
        self.partials.extend(new);
    }
}

/// This partial tile and all narrower ones: nobody knows any more which of them were written.
fn narrower(path: TilePath) -> impl Iterator<Item = TilePath> {
    let widths = (1..=path.width()).rev();
    widths.filter_map(move |width| path.of_width(width))
}
