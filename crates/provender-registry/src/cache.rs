//! Rendered indexes, and when they stop being true.
//!
//! An entry is true while three things hold: no setting changed, the package did not change in any
//! repository of this server, and the moment has not come at which time itself changes the answer
//! (an upstream's index is to be revalidated). The first two are counters that are read before
//! anything is resolved, so that a change during rendering makes the entry false at birth.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use provender_domain::{
    BlobId, EcosystemId, FileName, PackageName, RepositoryName, Tag, Timestamp, UpstreamName,
};
use provender_ecosystem::{Document, Presentation, Rendition, Subject};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

/// An upstream fails; this is what it said then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// When the upstream last answered for this.
    pub since: Timestamp,
    /// Which upstream.
    pub upstream: UpstreamName,
}

/// An index, rendered and ready for any number of clients.
#[derive(Debug)]
pub struct RenderedIndex {
    /// Its media type.
    pub content_type: Cow<'static, str>,
    /// Further header fields, names in lower case.
    pub fields: Vec<(&'static str, String)>,
    /// Whether it may be sent compressed: else its bytes are what a digest in its head is about.
    pub is_compressible: bool,
    /// A strong entity tag of the identity bytes, with its quotes.
    pub etag: String,
    /// The bytes.
    pub identity: Bytes,
    /// Set where an upstream fails and this is old.
    pub stale: Option<Stale>,
    gzip: OnceLock<Bytes>,
}

/// Fast rather than small: the first client waits for it, and links of an index repeat so much
/// that the higher levels gain little.
const GZIP_LEVEL: u32 = 2;

impl RenderedIndex {
    /// A small kept file, sent as it is: what its head says of its digest holds.
    pub(crate) fn of_file(presentation: Presentation, blob: BlobId, bytes: Bytes) -> Self {
        Self {
            content_type: presentation.content_type,
            fields: presentation.fields,
            is_compressible: false,
            etag: format!("\"{}\"", blob.to_hex()),
            identity: bytes,
            stale: None,
            gzip: OnceLock::new(),
        }
    }

    /// The same, served while an upstream fails.
    pub(crate) fn marked(mut self, stale: Option<Stale>) -> Self {
        self.stale = stale;
        self
    }

    pub(crate) fn new(document: Document, stale: Option<Stale>) -> Self {
        let digest: [u8; 32] = Sha256::digest(&document.body).into();
        let etag = format!("\"{}\"", &BlobId::from_bytes(digest).to_hex()[..32]);
        Self {
            content_type: document.content_type,
            fields: document.fields,
            is_compressible: true,
            etag,
            identity: document.body.into(),
            stale,
            gzip: OnceLock::new(),
        }
    }

    /// The bytes, compressed by gzip (RFC 1952); made at the first call and kept.
    pub fn gzip(&self) -> &Bytes {
        self.gzip.get_or_init(|| {
            use std::io::Write as _;
            let buffer = Vec::with_capacity(self.identity.len() / 4);
            let mut encoder = GzEncoder::new(buffer, Compression::new(GZIP_LEVEL));
            encoder
                .write_all(&self.identity)
                .and_then(|()| encoder.finish())
                .expect("writing to memory does not fail")
                .into()
        })
    }
}

/// What is kept ready in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Wanted {
    /// A rendered index.
    Index { subject: Subject, rendition: Rendition },
    /// The small file that a tag points to.
    Tagged { package: PackageName, tag: Tag },
    /// A small file by its name.
    Document { package: PackageName, file: FileName },
}

impl Wanted {
    fn package(&self) -> Option<&PackageName> {
        match self {
            Self::Index { subject, .. } => subject.package(),
            Self::Tagged { package, .. } | Self::Document { package, .. } => Some(package),
        }
    }
}

/// What a rendered index is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct IndexKey {
    pub(crate) repository: RepositoryName,
    pub(crate) ecosystem: EcosystemId,
    pub(crate) wanted: Wanted,
    /// The host of the upstream that alone may answer.
    pub(crate) host: Option<Arc<str>>,
}

/// The counters as they were before something was resolved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    settings: u64,
    package: u64,
}

#[derive(Clone)]
struct Entry {
    rendered: Arc<RenderedIndex>,
    stamp: Stamp,
    valid_until: Timestamp,
}

/// How long an answer that was given to one stranger is the answer to all: see
/// [`crate::Registry::is_still_true`].
#[derive(Debug, Clone, Copy)]
pub struct Truth {
    stamp: Stamp,
    /// Of the package's counter.
    slot: usize,
    valid_until: Timestamp,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<IndexKey, Entry> for ByBytes {
    fn weight(&self, _: &IndexKey, entry: &Entry) -> u64 {
        // The compressed form is made later and is a fraction; counted in advance.
        const OVERHEAD_BYTES: u64 = 512;
        let identity_bytes = entry.rendered.identity.len() as u64;
        identity_bytes + identity_bytes / 4 + OVERHEAD_BYTES
    }
}

/// Packages share counters by hash; a collision costs one needless rendering.
const SLOTS: usize = 4096;
/// A typical index is some tens of kilobytes; only sizes the cache's tables.
const EXPECTED_ENTRIES: usize = 2_000;

pub(crate) struct IndexCache {
    entries: Cache<IndexKey, Entry, ByBytes>,
    settings: AtomicU64,
    slots: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Default for Truth {
    /// Of an answer that is no longer one.
    fn default() -> Self {
        let valid_until = Timestamp::from_microseconds(i64::MIN);
        Self { stamp: Stamp::default(), slot: 0, valid_until }
    }
}

impl Truth {
    /// Whether it was found under these settings.
    pub(crate) fn is_under(&self, settings: u64) -> bool {
        self.stamp.settings == settings
    }
}

impl IndexCache {
    pub(crate) fn new(capacity_bytes: u64) -> Self {
        Self {
            entries: Cache::with_weighter(EXPECTED_ENTRIES, capacity_bytes, ByBytes),
            settings: AtomicU64::new(0),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }

    pub(crate) fn find(
        &self,
        key: &IndexKey,
        now: Timestamp,
    ) -> Option<(Arc<RenderedIndex>, Truth)> {
        let Entry { rendered, stamp, valid_until } = self.entries.get(key)?;
        let slot = self.slot(key.ecosystem, key.wanted.package());
        let truth = Truth { stamp, slot, valid_until };
        self.holds(&truth, now).then_some((rendered, truth))
    }

    /// Whether nothing that the answer depends on has changed, and its time has not run out.
    pub(crate) fn holds(&self, truth: &Truth, now: Timestamp) -> bool {
        let stamp = Stamp { settings: self.settings(), package: self.changes(truth.slot) };
        now < truth.valid_until && truth.stamp == stamp
    }

    pub(crate) fn keep(
        &self,
        key: IndexKey,
        rendered: Arc<RenderedIndex>,
        stamp: Stamp,
        valid_until: Timestamp,
    ) {
        self.entries.insert(key, Entry { rendered, stamp, valid_until });
    }

    pub(crate) fn stamp(&self, key: &IndexKey) -> Stamp {
        self.stamp_of(key.ecosystem, key.wanted.package())
    }

    /// The counters of a package, or of the list of all.
    pub(crate) fn stamp_of(&self, ecosystem: EcosystemId, package: Option<&PackageName>) -> Stamp {
        let slot = self.slot(ecosystem, package);
        Stamp { settings: self.settings(), package: self.changes(slot) }
    }

    /// How often settings have changed.
    pub(crate) fn settings(&self) -> u64 {
        self.settings.load(Ordering::Acquire)
    }

    pub(crate) fn settings_changed(&self) {
        self.settings.fetch_add(1, Ordering::AcqRel);
    }

    /// A change in several steps, of which some may have been made although a later one failed: it
    /// counts as a change of settings, once, when what this returns is dropped.
    pub(crate) fn change_of_settings(&self) -> SettingsChange<'_> {
        SettingsChange(self)
    }

    /// Repositories may be upstreams of each other, so the package changed in all of them.
    pub(crate) fn package_changed(&self, ecosystem: EcosystemId, package: &PackageName) {
        self.slots[self.slot(ecosystem, Some(package))].fetch_add(1, Ordering::AcqRel);
        self.catalogue_changed(ecosystem);
    }

    /// A package was first heard of.
    pub(crate) fn catalogue_changed(&self, ecosystem: EcosystemId) {
        self.slots[self.slot(ecosystem, None)].fetch_add(1, Ordering::AcqRel);
    }

    fn changes(&self, slot: usize) -> u64 {
        self.slots[slot].load(Ordering::Acquire)
    }

    /// Of one package, or of the list of all.
    fn slot(&self, ecosystem: EcosystemId, package: Option<&PackageName>) -> usize {
        let hash = self.hasher.hash_one((ecosystem, package));
        usize::try_from(hash % SLOTS as u64).expect("less than SLOTS")
    }
}

/// A change under way; see [`IndexCache::change_of_settings`].
#[must_use = "it counts when it is dropped"]
pub(crate) struct SettingsChange<'a>(&'a IndexCache);

impl Drop for SettingsChange<'_> {
    fn drop(&mut self) {
        self.0.settings_changed();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::sync::Arc;

    use provender_domain::{EcosystemId, PackageName, RepositoryName, Timestamp};
    use provender_ecosystem::{Document, Rendition, Subject};

    use super::{IndexCache, IndexKey, RenderedIndex, Wanted};

    fn key(package: &str) -> IndexKey {
        IndexKey {
            repository: RepositoryName::new("main").unwrap(),
            ecosystem: EcosystemId::new("demo"),
            wanted: Wanted::Index {
                subject: Subject::Package(PackageName::new(package).unwrap()),
                rendition: Rendition(0),
            },
            host: None,
        }
    }

    fn rendered(body: &str) -> Arc<RenderedIndex> {
        let document = Document::new("text/plain", body);
        Arc::new(RenderedIndex::new(document, None))
    }

    #[test]
    fn an_entry_is_dropped_by_time_settings_and_changes_and_by_nothing_else() {
        let cache = IndexCache::new(1 << 20);
        let (early, late) = (Timestamp::from_microseconds(1), Timestamp::from_microseconds(9));
        let keep = |key: &IndexKey| {
            let stamp = cache.stamp(key);
            cache.keep(key.clone(), rendered("a"), stamp, late);
        };
        keep(&key("a"));
        assert!(cache.find(&key("a"), early).is_some());
        assert!(cache.find(&key("b"), early).is_none());
        assert!(cache.find(&key("a"), late).is_none());
        cache.package_changed(EcosystemId::new("demo"), &PackageName::new("a").unwrap());
        assert!(cache.find(&key("a"), early).is_none());
        keep(&key("a"));
        cache.settings_changed();
        assert!(cache.find(&key("a"), early).is_none());
    }

    #[test]
    fn a_change_while_rendering_makes_the_entry_false_at_birth() {
        let cache = IndexCache::new(1 << 20);
        let key = key("a");
        let stamp = cache.stamp(&key);
        cache.package_changed(key.ecosystem, &PackageName::new("a").unwrap());
        cache.keep(key.clone(), rendered("old"), stamp, Timestamp::from_microseconds(9));
        assert!(cache.find(&key, Timestamp::from_microseconds(1)).is_none());
    }

    #[test]
    fn gzip_is_the_same_bytes() {
        let rendered = rendered(&"index ".repeat(1000));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&rendered.gzip()[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text.as_bytes(), &rendered.identity[..]);
        assert!(rendered.gzip().len() < 200);
    }
}
