//! Finding entries by what they are about.
//!
//! The index is made of sorted segments, each over an aligned range of entries: 4,096 of them at
//! level 0, 16 times as many at each further level. A segment of a higher level is divided into
//! parts by the first bits of the keys, so that a part has about the same size at every level, and
//! a search reads one part of each segment that covers the log. All of it follows from the entries
//! alone: any number of servers may write it at once, and what a crash left out is made later.

use std::fmt;

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::sync::{Mutex, watch};

use crate::tree::{ReadError, Tree};
use crate::{Hash, Shared, StorageError, TileStore};

mod segment;

use segment::{Posting, SPAN, SegmentPath, covering};

/// The most entries that a search gives.
pub const HITS_MAX: usize = 1_000;
/// The most entries with a key that are read to find those.
const READ_MAX: usize = 10 * HITS_MAX;

/// What a search found, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// Their indexes.
    pub indexes: Vec<u64>,
    /// Whether there may be older ones among entries that were not read: too many have the key and
    /// are not meant.
    pub has_more_unread: bool,
}

/// Something that entries are found by: a kind, such as `digest`, and a value. Only its hash is
/// kept, so the index tells nobody what is in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SearchKey(Hash);

impl SearchKey {
    /// The key of a value of some kind.
    pub fn new(kind: &str, value: &[u8]) -> Self {
        Self(Hash::of(&[kind.as_bytes(), b"\0", value].concat()))
    }

    /// What of it stands in the index.
    fn short(self) -> u64 {
        u64::from_be_bytes(*self.0.as_bytes().first_chunk().expect("a hash is longer"))
    }
}

impl fmt::Debug for SearchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SearchKey({})", self.0)
    }
}

/// The index of a log.
pub(crate) struct Index {
    keys: fn(&[u8]) -> Vec<SearchKey>,
    /// The entries behind the last segment, as far as they were read.
    tail: Mutex<Tail>,
}

#[derive(Default)]
struct Tail {
    end: u64,
    postings: Vec<Posting>,
}

impl Index {
    pub(crate) fn new(keys: fn(&[u8]) -> Vec<SearchKey>) -> Self {
        Self { keys, tail: Mutex::default() }
    }

    /// The entries of a published tree that have this key and are meant, the newest first.
    pub(crate) async fn search(
        &self,
        tiles: &dyn TileStore,
        size: u64,
        key: &SearchKey,
        is_meant: &(dyn Fn(&[u8]) -> bool + Send + Sync),
    ) -> Result<Hits, ReadError> {
        let short = key.short();
        let mut candidates = self.tail_candidates(tiles, size, short).await?;
        let covered = size / SPAN * SPAN;
        for segment in covering(covered) {
            self.candidates(tiles, size, segment, short, &mut candidates).await?;
        }
        candidates.sort_unstable();
        candidates.dedup();
        let mut tree = Tree::new(tiles, size);
        let mut hits = Hits::default();
        for (read, index) in candidates.into_iter().rev().enumerate() {
            if read == READ_MAX {
                hits.has_more_unread = true;
                break;
            }
            let entry = tree.entry(index).await?;
            if (self.keys)(&entry).contains(key) && is_meant(&entry) {
                hits.indexes.push(index);
                if hits.indexes.len() == HITS_MAX {
                    break;
                }
            }
        }
        Ok(hits)
    }

    async fn tail_candidates(
        &self,
        tiles: &dyn TileStore,
        size: u64,
        short: u64,
    ) -> Result<Vec<u64>, ReadError> {
        let start = size / SPAN * SPAN;
        let mut tail = self.tail.lock().await;
        if tail.end < start {
            *tail = Tail { end: start, postings: Vec::new() };
        }
        if tail.end < size {
            let more = self.read(tiles, size, tail.end, size).await?;
            tail.postings.extend(more);
            tail.end = size;
        }
        let found = tail.postings.iter().filter(|posting| posting.key == short);
        Ok(found.map(|posting| posting.index).collect())
    }

    /// Looks into a segment; where it was not written yet, into the narrower ones it is made of.
    async fn candidates(
        &self,
        tiles: &dyn TileStore,
        size: u64,
        segment: SegmentPath,
        short: u64,
        found: &mut Vec<u64>,
    ) -> Result<(), ReadError> {
        let mut open = vec![segment];
        while let Some(segment) = open.pop() {
            let part = segment.part_of(short);
            if let Some(bytes) = tiles.read(&segment.object(part)).await? {
                found.extend(segment::find(&bytes, short));
            } else if segment.level > 0 {
                open.extend(segment.children());
            } else {
                let postings = self.read(tiles, size, segment.start(), segment.end()).await?;
                let same = postings.into_iter().filter(|posting| posting.key == short);
                found.extend(same.map(|posting| posting.index));
            }
        }
        Ok(())
    }

    /// What the entries of a range are found by.
    async fn read(
        &self,
        tiles: &dyn TileStore,
        size: u64,
        start: u64,
        end: u64,
    ) -> Result<Vec<Posting>, ReadError> {
        let mut tree = Tree::new(tiles, size);
        let mut postings = Vec::new();
        for index in start..end {
            let entry = tree.entry(index).await?;
            let keys = (self.keys)(&entry).into_iter();
            postings.extend(keys.map(|key| Posting { key: key.short(), index }));
        }
        Ok(postings)
    }

    /// Writes every segment that ends at `end`, a multiple of [`SPAN`].
    async fn write(&self, tiles: &dyn TileStore, end: u64) -> Result<(), ReadError> {
        for segment in segment::ending(end) {
            if segment.level == 0 {
                let mut postings = self.read(tiles, end, segment.start(), end).await?;
                postings.sort_unstable();
                tiles.put(&segment.object(0), encode(&postings)).await?;
            } else {
                self.merge(tiles, segment).await?;
            }
        }
        Ok(())
    }

    /// Writes a segment out of those it is made of, part by part. Its last part is written last.
    async fn merge(&self, tiles: &dyn TileStore, segment: SegmentPath) -> Result<(), ReadError> {
        let children = segment.children();
        for coarse in 0..segment.parts() / segment::FAN {
            let mut postings = Vec::new();
            for child in &children {
                let object = child.object(coarse);
                let missing = || StorageError::message(format!("the segment {object} is lost"));
                let bytes = tiles.read(&object).await?.ok_or_else(missing)?;
                postings.extend(segment::decode(&bytes));
            }
            postings.sort_unstable();
            let mut rest = postings.as_slice();
            for fine in coarse * segment::FAN..(coarse + 1) * segment::FAN {
                let count = rest.partition_point(|posting| segment.part_of(posting.key) <= fine);
                let (own, others) = rest.split_at(count);
                tiles.put(&segment.object(fine), encode(own)).await?;
                rest = others;
            }
        }
        Ok(())
    }

    /// Up to where the segments that end there are all written.
    async fn written(&self, tiles: &dyn TileStore, size: u64) -> Result<u64, StorageError> {
        let mut end = size / SPAN * SPAN;
        while end > 0 {
            let mut whole = true;
            for segment in segment::ending(end) {
                whole &= tiles.read(&segment.object(segment.parts() - 1)).await?.is_some();
            }
            if whole {
                break;
            }
            end -= SPAN;
        }
        Ok(end)
    }
}

fn encode(postings: &[Posting]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(postings.len() * Posting::BYTES);
    for posting in postings {
        bytes.put_u64(posting.key);
        bytes.put_u64(posting.index);
    }
    bytes.freeze()
}

/// Keeps the index up with the published tree, until that grows no more.
pub(crate) async fn indexer(shared: std::sync::Arc<Shared>, mut sizes: watch::Receiver<u64>) {
    let tiles = &*shared.tiles;
    let mut written = None;
    loop {
        let size = *sizes.borrow_and_update();
        let result = async {
            let mut end = match written {
                Some(end) => end,
                None => shared.index.written(tiles, size).await?,
            };
            while end + SPAN <= size {
                shared.index.write(tiles, end + SPAN).await?;
                end += SPAN;
                written = Some(end);
            }
            written = Some(end);
            Ok::<(), ReadError>(())
        };
        if let Err(error) = result.await {
            tracing::warn!(%error, origin = shared.origin, "writing the search index failed");
        }
        if sizes.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
