//! Kept files that policy serves, remembered so that asking for the same one again asks no
//! database.
//!
//! They stay true for as long as a rendered index does, and by the same counters
//! ([`crate::cache`]): no setting changed, nor did the package, in any repository of this server.
//! Time alone changes nothing about a file that is kept.

use std::sync::Arc;

use provender_domain::{FileName, KeptFile, Problem};
use provender_store::PackageKey;
use quick_cache::sync::Cache;

use crate::Registry;
use crate::cache::Stamp;
use crate::resolve::Query;

/// Most files that are remembered. Each takes about a kilobyte.
const CAPACITY_FILES: usize = 4_000;

/// The files that were asked for most and last.
pub(crate) struct ServedFiles(Cache<(PackageKey, FileName), (Stamp, Arc<KeptFile>)>);

impl Default for ServedFiles {
    fn default() -> Self {
        Self(Cache::new(CAPACITY_FILES))
    }
}

impl Registry {
    /// A file that is here already, and that policy serves: no upstream is asked for it.
    ///
    /// # Errors
    /// Where policy refuses it.
    pub(crate) async fn kept_and_served(
        &self,
        query: &Query,
        name: &FileName,
    ) -> Result<Option<Arc<KeptFile>>, Problem> {
        let key = (query.key(), name.clone());
        // Before anything is looked up, so that a change meanwhile is noticed.
        let stamp = self.package_stamp(&key.0);
        let is_current = self.is_current(query);
        if is_current
            && let Some((then, kept)) = self.inner.served_files.0.get(&key)
            && then == stamp
        {
            return Ok(Some(kept));
        }
        let kept = self.find_kept_and_served(query, name).await?.map(Arc::new);
        if is_current && let Some(kept) = &kept {
            self.inner.served_files.0.insert(key, (stamp, Arc::clone(kept)));
        }
        Ok(kept)
    }

    /// Whether a question is asked under its repository's present settings, and not under those
    /// that were in force when an operation began.
    fn is_current(&self, query: &Query) -> bool {
        let name = query.repository.repository.name.as_str();
        self.state().repository(name).is_some_and(|now| Arc::ptr_eq(now, &query.repository))
    }
}
