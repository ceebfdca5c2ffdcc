//! A file that grows, and gets to the disk while it does.
//!
//! To make a large file durable takes a disk as long as receiving it takes. So what has come is
//! made durable while the rest still comes, and whoever commits the file waits for its end alone.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::fs::Advice;

use super::local::Local;
use super::pieces::Pieces;
use super::uncached::{BLOCK_BYTES, Direct};
use crate::steps::Steps;

/// Smaller pieces are left to the end: a file that consists of one is written out at once anyway.
const WRITE_OUT_FROM_BYTES: usize = 512 * 1024;
/// So much is made durable at once, if the disk is not busy with what was before it.
const SYNC_BYTES: usize = 2 * 1024 * 1024;

/// Fewer bytes at once go through the kernel's cache: they are the end of a file, or all of it.
const PAST_THE_CACHE_FROM_BYTES: usize = 512 * 1024;

/// A file that is appended to.
#[derive(Debug)]
pub(super) struct Growing {
    file: Arc<File>,
    way: Way,
    size_bytes: u64,
    /// Written since something was last begun to be made durable.
    behind_bytes: usize,
    early: Arc<EarlySync>,
}

/// How bytes get to the disk.
#[derive(Debug)]
pub(super) enum Way {
    /// Through the kernel's cache: they are read soon, or nothing else is possible.
    Cache,
    /// Past it, where that is possible.
    PastTheCache,
    /// Past it, by way of this.
    Direct(Direct),
}

/// Makes a file durable that is not whole, and remembers whether the disk failed: it says so once
/// (fsync(2)), and whoever commits the file asks it again.
#[derive(Debug, Default)]
pub(super) struct EarlySync {
    /// One at a time has been given to a thread.
    is_begun: AtomicBool,
    /// Held while the disk is waited for.
    said: Mutex<Said>,
    /// Most bytes did not go through the kernel's cache.
    is_uncached: AtomicBool,
}

#[derive(Debug, Default)]
struct Said {
    failure: Option<io::Error>,
    /// Nothing is asked any more.
    is_over: bool,
}

impl Growing {
    /// A file of so many bytes, some of which may be about to be made durable.
    pub(super) fn new(file: File, size_bytes: u64, early: Arc<EarlySync>, way: Way) -> Self {
        Self { file: Arc::new(file), way, size_bytes, behind_bytes: 0, early }
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(super) fn into_parts(self) -> (Arc<File>, Arc<EarlySync>) {
        (self.file, self.early)
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Appends bytes; where that fails, nobody knows how many of them are there. Has another thread
    /// make them durable, where they have become many and are in the kernel's memory alone.
    pub(super) fn append(&mut self, local: &Local, pieces: &Pieces) -> io::Result<()> {
        self.early.known()?;
        let length_bytes = pieces.length_bytes();
        let is_on_disk = local.steps().file(|| self.write(local, pieces))?;
        let place_bytes = self.size_bytes;
        self.size_bytes += length_bytes as u64;
        if is_on_disk {
            self.early.is_uncached.store(true, Ordering::Relaxed);
            return Ok(());
        }
        if let Some(length) = NonZeroU64::new(length_bytes as u64)
            && length_bytes >= WRITE_OUT_FROM_BYTES
        {
            // Linux starts to write what is dirty in the range. That it will not is no fault.
            let _ = rustix::fs::fadvise(&self.file, place_bytes, Some(length), Advice::DontNeed);
        }
        self.behind_bytes += length_bytes;
        if self.behind_bytes >= SYNC_BYTES && self.early.begin(&self.file, local) {
            self.behind_bytes = 0;
        }
        Ok(())
    }

    /// Whether it went past the cache, but for an end that is no whole block.
    fn write(&mut self, local: &Local, pieces: &Pieces) -> io::Result<bool> {
        let uncached = local.uncached();
        let is_aligned = self.size_bytes.is_multiple_of(BLOCK_BYTES as u64);
        let is_much = pieces.length_bytes() >= PAST_THE_CACHE_FROM_BYTES;
        if is_aligned && is_much && !uncached.is_slow() {
            if let Way::PastTheCache = self.way {
                self.way = uncached.writing(&self.file).map_or(Way::Cache, Way::Direct);
            }
            if let Way::Direct(direct) = &self.way {
                if uncached.write_all(direct, &self.file, pieces, self.size_bytes)? {
                    return Ok(true);
                }
                self.way = Way::Cache;
            }
        }
        pieces.write_all_at(&self.file, self.size_bytes)?;
        Ok(false)
    }
}

impl EarlySync {
    /// Gives a thread what is written by now; whether it did: not while one has this file already,
    /// nor while too many have others.
    fn begin(self: &Arc<Self>, file: &Arc<File>, local: &Local) -> bool {
        let Ok(room) = Arc::clone(local.early_syncs()).try_acquire_owned() else { return false };
        if self.is_begun.swap(true, Ordering::AcqRel) {
            return false;
        }
        let (early, file, steps) = (Arc::clone(self), Arc::clone(file), local.steps().clone());
        drop(tokio::task::spawn_blocking(move || {
            early.sync(&file, &steps);
            drop(room);
        }));
        true
    }

    fn sync(&self, file: &File, steps: &Steps) {
        let mut said = self.said();
        if !said.is_over
            && let Err(error) = steps.file(|| file.sync_data())
        {
            said.failure.get_or_insert(error);
        }
        self.is_begun.store(false, Ordering::Release);
    }

    /// Whether the disk took everything that it was given, as far as is known: waits for nothing.
    pub(super) fn known(&self) -> io::Result<()> {
        self.said.try_lock().map_or(Ok(()), |said| said.outcome())
    }

    /// The same for good, for whoever has asked the disk for all of the file: waits for what is under
    /// way.
    pub(super) fn end(&self) -> io::Result<()> {
        let mut said = self.said();
        said.is_over = true;
        said.outcome()
    }

    /// Whether who reads the file now would have most of it from the disk.
    pub(super) fn went_past_the_cache(&self) -> bool {
        self.is_uncached.load(Ordering::Relaxed)
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().expect("nobody panics while holding it")
    }
}

impl Said {
    fn outcome(&self) -> io::Result<()> {
        let failure = self.failure.as_ref();
        failure.map_or(Ok(()), |error| Err(io::Error::new(error.kind(), error.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use bytes::Bytes;

    use super::{Growing, Local, PAST_THE_CACHE_FROM_BYTES, Pieces, SYNC_BYTES, Way};
    use crate::blobs::uncached::tests::refusing;
    use crate::{FaultMode, Faults, Space};

    /// A file below this directory, and a store that counts its steps.
    fn growing(root: &Path, faults: &Faults, way: Way) -> (Growing, Local) {
        let local = Local::open(root, &Space::default()).unwrap();
        local.steps().attach(faults.clone());
        let file = File::create(root.join("file")).unwrap();
        (Growing::new(file, 0, Arc::default(), way), local)
    }

    fn append(growing: &mut Growing, local: &Local, length_bytes: usize) -> std::io::Result<()> {
        let mut pieces = Pieces::default();
        pieces.push(Bytes::from(vec![7; length_bytes]));
        growing.append(local, &pieces)
    }

    /// Waits until nobody is asked to make anything of it durable.
    async fn settle(growing: &Growing) {
        while growing.early.is_begun.load(Ordering::Acquire) {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn much_is_made_durable_before_the_end_and_little_is_not() {
        let root = tempfile::tempdir().unwrap();
        let faults = Faults::none();
        let (mut growing, local) = growing(root.path(), &faults, Way::Cache);
        // How many steps there were: each write is one.
        for (length_bytes, steps) in [(SYNC_BYTES - 1, 1), (1, 3), (1, 4), (SYNC_BYTES, 6)] {
            append(&mut growing, &local, length_bytes).unwrap();
            settle(&growing).await;
            assert_eq!(faults.steps(), steps);
        }
        assert_eq!(growing.size_bytes(), 2 * SYNC_BYTES as u64 + 1);
        assert_eq!(growing.file.metadata().unwrap().len(), growing.size_bytes());
        growing.early.end().unwrap();
    }

    #[tokio::test]
    async fn one_thread_waits_for_the_disk_and_few_do_for_all() {
        let root = tempfile::tempdir().unwrap();
        let faults = Faults::none();
        let (mut growing, local) = growing(root.path(), &faults, Way::Cache);
        let early = Arc::clone(&growing.early);
        // The disk is busy with it: nobody else is asked.
        let busy = early.said();
        append(&mut growing, &local, SYNC_BYTES).unwrap();
        append(&mut growing, &local, SYNC_BYTES).unwrap();
        assert_eq!(growing.behind_bytes, SYNC_BYTES);
        early.known().unwrap();
        drop(busy);
        settle(&growing).await;
        assert_eq!(faults.steps(), 3);
        // It is busy with others.
        let all = local.early_syncs().available_permits();
        let others = local.early_syncs().try_acquire_many(u32::try_from(all).unwrap()).unwrap();
        append(&mut growing, &local, 1).unwrap();
        assert_eq!((growing.behind_bytes, faults.steps()), (SYNC_BYTES + 1, 4));
        drop(others);
        append(&mut growing, &local, 1).unwrap();
        settle(&growing).await;
        assert_eq!((growing.behind_bytes, faults.steps()), (0, 6));
        // It is over: the whole file is durable.
        early.end().unwrap();
        append(&mut growing, &local, SYNC_BYTES).unwrap();
        settle(&growing).await;
        assert_eq!(faults.steps(), 7);
    }

    #[tokio::test]
    async fn much_goes_past_the_cache_where_it_can_and_little_goes_through_it() {
        let root = tempfile::tempdir().unwrap();
        let faults = Faults::none();
        let (mut growing, local) = growing(root.path(), &faults, Way::PastTheCache);
        append(&mut growing, &local, PAST_THE_CACHE_FROM_BYTES - 1).unwrap();
        assert!(matches!(growing.way, Way::PastTheCache));
        // Not at a place within a block.
        append(&mut growing, &local, PAST_THE_CACHE_FROM_BYTES).unwrap();
        assert!(matches!(growing.way, Way::PastTheCache) && growing.behind_bytes > 0);
        append(&mut growing, &local, 1).unwrap();
        let before = (faults.steps(), growing.behind_bytes);
        append(&mut growing, &local, SYNC_BYTES + 1).unwrap();
        settle(&growing).await;
        match growing.way {
            // It is on the disk: nobody has to be asked to put it there.
            Way::Direct(_) => {
                assert_eq!((faults.steps(), growing.behind_bytes), (before.0 + 1, before.1));
            }
            _ => assert_eq!((faults.steps(), growing.behind_bytes), (before.0 + 2, 0)),
        }
        let is_direct = matches!(growing.way, Way::Direct(_));
        assert_eq!(growing.early.went_past_the_cache(), is_direct);
        append(&mut growing, &local, 3).unwrap();
        let whole = std::fs::read(root.path().join("file")).unwrap();
        assert_eq!(whole.len(), 2 * PAST_THE_CACHE_FROM_BYTES + SYNC_BYTES + 4);
        assert!(whole.iter().all(|byte| *byte == 7));
    }

    #[tokio::test]
    async fn where_the_file_system_refuses_bytes_go_through_the_cache() {
        let root = tempfile::tempdir().unwrap();
        let faults = Faults::none();
        let (mut growing, local) = growing(root.path(), &faults, Way::Cache);
        growing.way = Way::Direct(refusing(local.uncached()));
        append(&mut growing, &local, SYNC_BYTES + 1).unwrap();
        assert!(matches!(growing.way, Way::Cache));
        append(&mut growing, &local, SYNC_BYTES).unwrap();
        settle(&growing).await;
        assert!(!growing.early.went_past_the_cache());
        let whole = std::fs::read(root.path().join("file")).unwrap();
        assert!(whole == vec![7; 2 * SYNC_BYTES + 1]);
    }

    #[tokio::test]
    async fn a_failure_of_the_disk_is_remembered() {
        let root = tempfile::tempdir().unwrap();
        let (mut growing, local) =
            growing(root.path(), &Faults::at(1, FaultMode::AfterPersisted), Way::Cache);
        append(&mut growing, &local, SYNC_BYTES).unwrap();
        settle(&growing).await;
        for _ in 0..2 {
            let told = growing.early.known().unwrap_err();
            assert_eq!(told.to_string(), "an injected fault");
        }
        assert!(append(&mut growing, &local, 1).is_err());
        assert_eq!(growing.size_bytes(), SYNC_BYTES as u64);
        assert!(growing.early.end().is_err());
    }
}
