//! What was uploaded lately, remembered so that the requests of one push need not ask the database
//! about each other.
//!
//! It stays true for as long as what is served does, and by the same counters ([`crate::cache`]).
//! It spares early answers alone: whatever refers to what is remembered here is held to it by its
//! own commit.

use provender_domain::FileName;
use provender_store::PackageKey;
use quick_cache::sync::Cache;

use crate::Registry;
use crate::cache::Stamp;

/// Most names and files that are remembered. Each takes about a quarter of a kilobyte.
const CAPACITY: usize = 4_000;

/// Names that are ours, and files that are present and ours under them. `None` for the name alone.
pub(crate) struct Recorded(Cache<(PackageKey, Option<FileName>), Stamp>);

impl Default for Recorded {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

impl Registry {
    /// A file was uploaded; `stamp` is the package's from before its commit.
    pub(crate) fn remember_recorded(&self, key: PackageKey, file: FileName, stamp: Stamp) {
        let recorded = &self.inner.recorded.0;
        recorded.insert((key.clone(), None), stamp);
        recorded.insert((key, Some(file)), stamp);
    }

    /// Whether this name is bound to what is published here, as far as is remembered; where a file
    /// is given, whether that is present under it.
    pub(crate) fn was_recorded(&self, key: &PackageKey, file: Option<&FileName>) -> bool {
        let stamp = self.package_stamp(key);
        self.inner.recorded.0.get(&(key.clone(), file.cloned())) == Some(stamp)
    }

    /// By these counters what is known of a package stays true.
    pub(crate) fn package_stamp(&self, key: &PackageKey) -> Stamp {
        self.inner.index_cache.stamp_of(key.ecosystem, Some(&key.package))
    }
}
