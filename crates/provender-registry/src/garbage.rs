//! Bytes that nothing refers to any more.
//!
//! A blob is committed before its row, so a crash between the two leaves bytes without a row; and
//! a deleted file leaves its bytes to whoever else refers to them. Removal takes the gate that
//! publications hold between the two commits, in small batches, so that it never races them.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt as _, stream};
use provender_domain::{BlobId, FileName, Problem, Scope, Timestamp};
use provender_ecosystem::{Delivery, Ecosystem};
use provender_store::{BlobError, BlobFacts, PackageKey, StoreError, Write};
use serde::Serialize;
use tokio::sync::RwLockWriteGuard;

use crate::error::{blob_problem, store_problem};
use crate::{Caller, Registry};

/// What a collection found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Blobs removed, or that would be.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files forgotten because nothing has referred to them for a day, or that would be: layers of
    /// images that were deleted or never came to be, and what is about images that were deleted. Their blobs are counted where nobody else
    /// has them.
    pub files: u64,
    /// Uploads that nobody went on with for a day.
    pub uploads: u64,
    /// Whether nothing was really removed.
    pub dry_run: bool,
}

/// Blobs looked at in one step; publications wait no longer than such a step takes.
const BATCH: usize = 256;
/// Blobs removed at once: those that are rows then share a commit.
const REMOVED_AT_ONCE: usize = 32;
/// Most blobs of which is remembered that they are kept.
const KNOWN_LIMIT: usize = 1_000;
/// Younger blobs are left alone: companions are fetched before the file that refers to them.
const GRACE: Duration = Duration::from_hours(1);

/// Blobs to which a row was found to point since anything was removed: until something is, they are
/// kept, whatever became of that row.
#[derive(Default)]
pub(crate) struct KnownKept(Mutex<HashSet<BlobId>>);

impl KnownKept {
    fn blobs(&self) -> MutexGuard<'_, HashSet<BlobId>> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

impl Registry {
    /// Whether a blob is kept because a row points to it: it stays while the caller holds the
    /// garbage gate, and longer if a row is committed by then that points to it too.
    pub(crate) async fn is_kept(&self, blob: BlobId) -> Result<bool, Problem> {
        let known = &self.inner.known_kept;
        if known.blobs().contains(&blob) {
            return Ok(true);
        }
        let in_use = self.inner.metadata.blobs_in_use(&[blob]).await;
        let is_in_use = in_use.map_err(|error| store_problem(&error))?.contains(&blob);
        if is_in_use {
            let mut blobs = known.blobs();
            if blobs.len() >= KNOWN_LIMIT {
                blobs.clear();
            }
            blobs.insert(blob);
        }
        Ok(is_in_use)
    }

    /// Waits for everybody who commits blobs, and keeps them out: bytes are to be removed.
    async fn removal_gate(&self) -> RwLockWriteGuard<'_, ()> {
        let gate = self.inner.garbage_gate.write().await;
        self.inner.known_kept.blobs().clear();
        gate
    }

    /// Removes every blob that no file refers to and that is older than an hour, in bounded steps
    /// beside traffic.
    pub async fn collect_garbage(
        &self,
        caller: &Caller,
        dry_run: bool,
    ) -> Result<Collected, Problem> {
        caller.require(Scope::Admin, None)?;
        let before = self.now().to_system().checked_sub(GRACE).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut collected = Collected { dry_run, ..Collected::default() };
        if !dry_run {
            let removed = self.remove_abandoned_uploads().await?;
            (collected.uploads, collected.bytes) = (removed.count, removed.bytes);
        }
        for ecosystem in self.ecosystems() {
            self.forget_orphans(&**ecosystem, &mut collected).await?;
        }
        let blobs = self.inner.blobs.list();
        let mut batches = std::pin::pin!(blobs.chunks(BATCH));
        while let Some(batch) = batches.next().await {
            let batch: Vec<BlobFacts> = batch
                .into_iter()
                .collect::<Result<_, _>>()
                .map_err(|error| blob_problem(&error))?;
            let old: Vec<BlobFacts> =
                batch.into_iter().filter(|blob| blob.committed_at < before).collect();
            self.collect_batch(&old, before, &mut collected).await?;
        }
        Ok(collected)
    }

    /// Marks what nothing refers to, and forgets what was marked long enough ago and is still not
    /// referred to. Two looks, so that a push that is under way finds what it was told is here.
    async fn forget_orphans(
        &self,
        ecosystem: &dyn Ecosystem,
        collected: &mut Collected,
    ) -> Result<(), Problem> {
        let metadata = &self.inner.metadata;
        let limit = u32::try_from(BATCH).expect("a small number");
        let now = self.now();
        let mut after = None;
        let mut is_at_the_end = collected.dry_run;
        while !is_at_the_end {
            let step = metadata.unreferenced(None, ecosystem.id(), "", after.as_ref(), limit).await;
            let step = step.map_err(|error| store_problem(&error))?;
            let mut marks = Vec::new();
            for (key, kept) in step.files {
                let file = kept.file.name;
                let is_content = ecosystem.delivery(&file) == Delivery::WhileFetched;
                // What it was about is gone.
                if is_content || self.subject_of(&key, &file).await?.is_some() {
                    marks.push(Write::MarkOrphan { key, file, since: now });
                }
            }
            if !marks.is_empty() {
                let marked = metadata.commit_from_room(marks, Vec::new()).await;
                marked.map_err(|error| store_problem(&error))?;
            }
            is_at_the_end = step.next.is_none();
            after = step.next;
        }
        let before = now.before(self.inner.tuning.orphan_grace);
        loop {
            let old = metadata.orphaned_before(ecosystem.id(), before, limit).await;
            let old = old.map_err(|error| store_problem(&error))?;
            if collected.dry_run || old.is_empty() {
                collected.files += old.len() as u64;
                return Ok(());
            }
            self.forget(old, before, collected).await?;
        }
    }

    /// Forgets those of these files to which still nothing refers, and takes the mark from the others.
    async fn forget(
        &self,
        marked: Vec<(PackageKey, FileName)>,
        before: Timestamp,
        collected: &mut Collected,
    ) -> Result<(), Problem> {
        let metadata = &self.inner.metadata;
        // What is about others counted for the same bytes elsewhere.
        let _changed_elsewhere = self.inner.index_cache.change_of_settings();
        for (key, name) in marked {
            let forget =
                Write::ForgetFile { key: key.clone(), name: name.clone(), marked_before: before };
            let forgotten = metadata.commit_from_room(vec![forget], Vec::new()).await;
            // Also where it failed: it may have been made all the same.
            self.package_changed(key.ecosystem, &key.package);
            match forgotten {
                Ok(_) => collected.files += 1,
                // Somebody refers to it again.
                Err(StoreError::InUse | StoreError::Missing { .. }) => {
                    let clear = Write::ClearOrphan { key, file: name };
                    let cleared = metadata.commit_from_room(vec![clear], Vec::new()).await;
                    cleared.map_err(|error| store_problem(&error))?;
                }
                Err(error) => return Err(store_problem(&error)),
            }
        }
        Ok(())
    }

    async fn collect_batch(
        &self,
        batch: &[BlobFacts],
        before: SystemTime,
        collected: &mut Collected,
    ) -> Result<(), Problem> {
        // Almost all are in use, and to see that keeps nobody out.
        let unused = self.unused(batch).await?;
        if unused.is_empty() {
            return Ok(());
        }
        if collected.dry_run {
            collected.blobs += unused.len() as u64;
            collected.bytes += unused.iter().map(|blob| blob.size_bytes).sum::<u64>();
            return Ok(());
        }
        let _gate = self.removal_gate().await;
        // Somebody may have come to refer to them before that.
        let unused = self.unused(&unused).await?;
        let removing = unused.into_iter().map(|blob| {
            let blobs = self.inner.blobs.clone();
            async move {
                let is_gone = blobs.remove_if_older(&blob.id, before).await?;
                Ok::<_, BlobError>(is_gone.then_some(blob.size_bytes))
            }
        });
        let mut removing = stream::iter(removing).buffer_unordered(REMOVED_AT_ONCE);
        while let Some(gone) = removing.next().await {
            if let Some(size_bytes) = gone.map_err(|error| blob_problem(&error))? {
                collected.blobs += 1;
                collected.bytes += size_bytes;
            }
        }
        Ok(())
    }

    /// Those of these blobs to which no row points.
    async fn unused(&self, blobs: &[BlobFacts]) -> Result<Vec<BlobFacts>, Problem> {
        let ids: Vec<BlobId> = blobs.iter().map(|blob| blob.id).collect();
        let in_use = self.inner.metadata.blobs_in_use(&ids).await;
        let in_use = in_use.map_err(|error| store_problem(&error))?;
        Ok(blobs.iter().filter(|blob| !in_use.contains(&blob.id)).copied().collect())
    }

    /// Removes the bytes of deleted files at once, where nothing else refers to them.
    pub(crate) async fn remove_unreferenced(&self, blobs: &[BlobId]) -> Result<(), Problem> {
        if blobs.is_empty() {
            return Ok(());
        }
        let _gate = self.removal_gate().await;
        let in_use = self.inner.metadata.blobs_in_use(blobs).await;
        let in_use = in_use.map_err(|error| store_problem(&error))?;
        for blob in blobs.iter().filter(|blob| !in_use.contains(blob)) {
            self.inner.blobs.remove(blob).await.map_err(|error| blob_problem(&error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
