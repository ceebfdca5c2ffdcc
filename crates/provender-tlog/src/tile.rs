//! Tiles: where they are, and what is in them (C2SP tlog-tiles).

use std::fmt;
use std::str::FromStr;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::Hash;

/// How many levels of the tree a tile holds.
pub const HEIGHT: u8 = 8;
/// How many hashes a full tile has, and how many entries a full bundle.
pub const WIDTH: u16 = 1 << HEIGHT;
/// The highest level of tiles.
pub const LEVEL_MAX: u8 = 5;
/// The longest entry in bytes: its length is written in two bytes.
pub const ENTRY_MAX_BYTES: usize = u16::MAX as usize;

/// The bytes of a length before an entry.
const LENGTH_BYTES: usize = 2;

/// Where a tile is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TilePath {
    /// What it holds.
    pub kind: TileKind,
    /// Its place among its kind, from the left.
    pub index: u64,
    width: u16,
}

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TileKind {
    /// Hashes of nodes, 8 levels above one another; level 0 holds those of entries.
    Hashes(u8),
    /// Entries.
    Entries,
}

impl TilePath {
    /// A full tile.
    pub fn full(kind: TileKind, index: u64) -> Self {
        Self { kind, index, width: WIDTH }
    }

    /// A tile that may be partial; `None` where it would be empty, or wider than a full one.
    pub fn new(kind: TileKind, index: u64, width: u16) -> Option<Self> {
        (1..=WIDTH).contains(&width).then_some(Self { kind, index, width })
    }

    /// The same tile when it has this width.
    pub(crate) fn of_width(self, width: u16) -> Option<Self> {
        Self::new(self.kind, self.index, width)
    }

    /// How many hashes or entries it holds, from 1 to [`WIDTH`].
    pub fn width(self) -> u16 {
        self.width
    }

    /// Whether nothing will ever be added to it.
    pub fn is_full(self) -> bool {
        self.width == WIDTH
    }

    /// The same tile as a tree of this size has it, or `None` where it has not begun there.
    pub fn in_tree(self, size: u64) -> Option<Self> {
        let items = match self.kind {
            TileKind::Hashes(level) => size >> (u32::from(HEIGHT) * u32::from(level)),
            TileKind::Entries => size,
        };
        let before = self.index.checked_mul(u64::from(WIDTH))?;
        let width = items.checked_sub(before)?.min(u64::from(WIDTH));
        Self::new(self.kind, self.index, u16::try_from(width).expect("at most a tile's width"))
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => write!(f, "tile/entries/")?,
        }
        write_index(f, self.index)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// Three digits a folder, all but the last marked by `x`.
pub(crate) fn write_index(f: &mut fmt::Formatter<'_>, index: u64) -> fmt::Result {
    let groups = std::iter::successors(Some(index / 1000), |rest| Some(rest / 1000));
    let folders: Vec<u64> = groups.take_while(|rest| *rest > 0).map(|rest| rest % 1000).collect();
    folders.iter().rev().try_for_each(|folder| write!(f, "x{folder:03}/"))?;
    write!(f, "{:03}", index % 1000)
}

/// A path that is not one of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the path of a tile")]
pub struct TilePathError;

impl FromStr for TilePath {
    type Err = TilePathError;

    /// Reads `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]`, in the one spelling each has.
    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let rest = path.strip_prefix("tile/").ok_or(TilePathError)?;
        let (kind, rest) = rest.split_once('/').ok_or(TilePathError)?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => TileKind::Hashes(decimal(level, 0, u64::from(LEVEL_MAX))?),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, decimal(width, 1, u64::from(WIDTH) - 1)?),
            None => (rest, WIDTH),
        };
        Ok(Self { kind, index: parse_index(index)?, width })
    }
}

fn parse_index(text: &str) -> Result<u64, TilePathError> {
    let mut index = 0_u64;
    let mut parts = text.split('/').peekable();
    let mut first = true;
    while let Some(part) = parts.next() {
        let digits = match parts.peek() {
            Some(_) => part.strip_prefix('x').ok_or(TilePathError)?,
            None => part,
        };
        // `x000/…` would be a second spelling.
        let is_idle = first && digits == "000" && parts.peek().is_some();
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) || is_idle {
            return Err(TilePathError);
        }
        let digits: u64 = digits.parse().map_err(|_| TilePathError)?;
        let shifted = index.checked_mul(1000).ok_or(TilePathError)?;
        index = shifted.checked_add(digits).ok_or(TilePathError)?;
        first = false;
    }
    Ok(index)
}

/// A number in decimal digits without leading zeros.
fn decimal<T: TryFrom<u64>>(text: &str, least: u64, most: u64) -> Result<T, TilePathError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || text.is_empty() || (text.len() > 1 && text.starts_with('0')) {
        return Err(TilePathError);
    }
    let number: u64 = text.parse().map_err(|_| TilePathError)?;
    if !(least..=most).contains(&number) {
        return Err(TilePathError);
    }
    T::try_from(number).map_err(|_| TilePathError)
}

/// Bytes that are no tile of the width they should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// A tile of hashes has another length.
    #[error("the tile has {actual} bytes instead of {expected}")]
    Length {
        /// What it should have.
        expected: usize,
        /// What it has.
        actual: usize,
    },
    /// A bundle ends within an entry.
    #[error("the bundle of entries ends too early")]
    Truncated,
    /// Something stands behind the last entry.
    #[error("{0} bytes stand behind the last entry of the bundle")]
    Trailing(usize),
}

/// Hashes as a tile.
pub fn encode_hashes(hashes: &[Hash]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(hashes.len() * Hash::BYTES);
    for hash in hashes {
        bytes.put_slice(hash.as_bytes());
    }
    bytes.freeze()
}

/// The hashes of a tile of this width.
///
/// # Errors
/// Where it has another length.
pub fn decode_hashes(bytes: &[u8], width: u16) -> Result<Vec<Hash>, TileError> {
    let expected = usize::from(width) * Hash::BYTES;
    if bytes.len() != expected {
        return Err(TileError::Length { expected, actual: bytes.len() });
    }
    Ok(bytes.chunks_exact(Hash::BYTES).filter_map(Hash::from_slice).collect())
}

/// Adds an entry to a bundle. It has at most [`ENTRY_MAX_BYTES`].
pub(crate) fn put_entry(bundle: &mut BytesMut, entry: &[u8]) {
    bundle.put_u16(u16::try_from(entry.len()).expect("an entry's length is checked at the door"));
    bundle.put_slice(entry);
}

/// The entries of a bundle of this width.
///
/// # Errors
/// Where the bytes hold fewer or more.
pub fn decode_entries(bundle: &Bytes, width: u16) -> Result<Vec<Bytes>, TileError> {
    let (entries, rest) = split_entries(bundle, width)?;
    if rest.is_empty() { Ok(entries) } else { Err(TileError::Trailing(rest.len())) }
}

/// The first bytes of a bundle: those that hold its first `width` entries.
///
/// # Errors
/// Where it holds fewer.
pub(crate) fn cut_entries(bundle: &Bytes, width: u16) -> Result<Bytes, TileError> {
    let (_, rest) = split_entries(bundle, width)?;
    Ok(bundle.slice(..bundle.len() - rest.len()))
}

fn split_entries(bundle: &Bytes, width: u16) -> Result<(Vec<Bytes>, Bytes), TileError> {
    let mut rest = bundle.clone();
    let mut entries = Vec::with_capacity(usize::from(width));
    for _ in 0..width {
        let length = rest.first_chunk::<LENGTH_BYTES>().ok_or(TileError::Truncated)?;
        let end = LENGTH_BYTES + usize::from(u16::from_be_bytes(*length));
        if rest.len() < end {
            return Err(TileError::Truncated);
        }
        entries.push(rest.split_to(end).slice(LENGTH_BYTES..));
    }
    Ok((entries, rest))
}

#[cfg(test)]
mod tests;
