//! A segment of the index: what it covers, where its parts are, and what is in them.

use std::fmt::Write as _;

use crate::tile;

/// How many entries a segment of level 0 covers.
pub(super) const SPAN: u64 = 4096;
/// How many segments make one of the next level, and how many parts a part is divided into there.
pub(super) const FAN: u64 = 16;
/// The bits of a key that the parts of each further level divide it by.
const FAN_BITS: u32 = FAN.ilog2();
/// The highest level, which no log will fill.
const LEVEL_MAX: u32 = 10;

/// That an entry has a key, shortened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Posting {
    pub(super) key: u64,
    pub(super) index: u64,
}

impl Posting {
    pub(super) const BYTES: usize = 16;

    fn read(bytes: &[u8]) -> Self {
        let (key, index) = bytes.split_at(Self::BYTES / 2);
        let number = |bytes: &[u8]| {
            u64::from_be_bytes(bytes.try_into().expect("a posting is two numbers of 8 bytes"))
        };
        Self { key: number(key), index: number(index) }
    }
}

/// Which segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentPath {
    pub(super) level: u32,
    pub(super) index: u64,
}

impl SegmentPath {
    fn span(self) -> u64 {
        SPAN << (FAN_BITS * self.level)
    }

    pub(super) fn start(self) -> u64 {
        self.index * self.span()
    }

    pub(super) fn end(self) -> u64 {
        self.start() + self.span()
    }

    /// Into how many parts it is divided.
    pub(super) fn parts(self) -> u64 {
        1 << (FAN_BITS * self.level)
    }

    /// In which part a key is.
    pub(super) fn part_of(self, key: u64) -> u64 {
        key.checked_shr(u64::BITS - FAN_BITS * self.level).unwrap_or(0)
    }

    /// The segments it is made of; only those above level 0 are made of others.
    pub(super) fn children(self) -> Vec<Self> {
        let level = self.level - 1;
        (self.index * FAN..(self.index + 1) * FAN).map(|index| Self { level, index }).collect()
    }

    /// Where a part of it is.
    pub(super) fn object(self, part: u64) -> String {
        let mut path = format!("index/{}/", self.level);
        let _ = write!(path, "{}", Grouped(self.index));
        let _ = write!(path, "-{part}");
        path
    }
}

/// A number as tiles write it.
struct Grouped(u64);

impl std::fmt::Display for Grouped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        tile::write_index(f, self.0)
    }
}

/// The widest segments that cover the first `end` entries, a multiple of [`SPAN`].
pub(super) fn covering(end: u64) -> Vec<SegmentPath> {
    let mut segments = Vec::new();
    let mut start = 0;
    while start < end {
        let widest = (0..=LEVEL_MAX).rev().map(|level| (level, SPAN << (FAN_BITS * level)));
        let fits = widest.filter(|(_, span)| start % span == 0 && start + span <= end);
        let (level, span) = fits.max().expect("a multiple of the smallest span");
        segments.push(SegmentPath { level, index: start / span });
        start += span;
    }
    segments
}

/// The segments that end at `end`, a multiple of [`SPAN`], the narrowest first.
pub(super) fn ending(end: u64) -> impl Iterator<Item = SegmentPath> {
    (0..=LEVEL_MAX)
        .map(|level| (level, SPAN << (FAN_BITS * level)))
        .take_while(move |(_, span)| end.is_multiple_of(*span))
        .map(move |(level, span)| SegmentPath { level, index: end / span - 1 })
}

/// The entries that a part has under a key.
pub(super) fn find(part: &[u8], key: u64) -> impl Iterator<Item = u64> {
    let count = part.len() / Posting::BYTES;
    let posting = |place: usize| Posting::read(&part[place * Posting::BYTES..][..Posting::BYTES]);
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if posting(middle).key < key { low = middle + 1 } else { high = middle }
    }
    (low..count).map(posting).take_while(move |found| found.key == key).map(|found| found.index)
}

/// All that is in a part.
pub(super) fn decode(part: &[u8]) -> impl Iterator<Item = Posting> {
    part.chunks_exact(Posting::BYTES).map(Posting::read)
}
