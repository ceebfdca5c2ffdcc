//! Small blobs that were read lately: a wheel's metadata is asked for again and again.

use std::sync::Mutex;

use bytes::Bytes;
use provender_domain::BlobId;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// How much of them is kept in memory, in bytes.
const CAPACITY_BYTES: u64 = 4 << 20;
/// How large one of them is expected to be, in bytes.
const TYPICAL_BYTES: u64 = 2 << 10;
/// What one takes besides its bytes, roughly.
const ENTRY_BYTES: u64 = 128;

/// A cache that never has what is removed: where [`Recent::remove`] has returned, whoever looks
/// finds nothing, also if somebody else was reading meanwhile.
pub(super) struct Recent {
    cache: Cache<BlobId, Bytes, ByLength>,
    /// How often something was removed.
    removals: Mutex<u64>,
}

/// That somebody is about to read.
pub(super) struct Reading {
    removals_before: u64,
}

impl Recent {
    pub(super) fn new() -> Self {
        let items = usize::try_from(CAPACITY_BYTES / TYPICAL_BYTES).expect("a small number");
        let cache = Cache::with_weighter(items, CAPACITY_BYTES, ByLength);
        Self { cache, removals: Mutex::default() }
    }

    pub(super) fn find(&self, id: &BlobId) -> Option<Bytes> {
        self.cache.get(id)
    }

    /// To be called before the bytes are read.
    pub(super) fn begin(&self) -> Reading {
        Reading { removals_before: *self.removals() }
    }

    /// Keeps what was read, unless anything was removed since that began.
    pub(super) fn keep(&self, reading: &Reading, id: BlobId, bytes: Bytes) {
        let removals = self.removals();
        if *removals == reading.removals_before {
            self.cache.insert(id, bytes);
        }
    }

    /// To be called when the blob is removed from where it is read from.
    pub(super) fn remove(&self, id: &BlobId) {
        *self.removals() += 1;
        self.cache.remove(id);
    }

    fn removals(&self) -> std::sync::MutexGuard<'_, u64> {
        self.removals.lock().expect("nobody panics while holding it")
    }
}

#[derive(Clone)]
struct ByLength;

impl Weighter<BlobId, Bytes> for ByLength {
    fn weight(&self, _: &BlobId, bytes: &Bytes) -> u64 {
        bytes.len() as u64 + ENTRY_BYTES
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use provender_domain::BlobId;

    use super::{CAPACITY_BYTES, Recent};

    fn id(number: u8) -> BlobId {
        BlobId::from_bytes([number; 32])
    }

    #[test]
    fn what_is_removed_while_it_is_read_is_not_kept() {
        let recent = Recent::new();
        let reading = recent.begin();
        recent.keep(&reading, id(1), Bytes::from_static(b"one"));
        assert_eq!(recent.find(&id(1)).unwrap(), &b"one"[..]);
        let reading = recent.begin();
        recent.remove(&id(1));
        recent.keep(&reading, id(1), Bytes::from_static(b"one"));
        assert_eq!(recent.find(&id(1)), None);
    }

    #[test]
    fn it_has_a_limit() {
        let recent = Recent::new();
        let large = Bytes::from(vec![0; 32 << 10]);
        let reading = recent.begin();
        for number in 0..=u8::MAX {
            recent.keep(&reading, id(number), large.clone());
        }
        assert!(recent.cache.weight() <= CAPACITY_BYTES);
    }
}
