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
use crate::steps::Steps;

/// Smaller pieces are left to the end: a file that consists of one is written out at once anyway.
const WRITE_OUT_FROM_BYTES: usize = 512 * 1024;
/// So much is made durable at once, if the disk is not busy with what was before it.
const SYNC_BYTES: usize = 2 * 1024 * 1024;

/// A file, open behind its last byte.
#[derive(Debug)]
pub(super) struct Growing {
    file: Arc<File>,
    size_bytes: u64,
    /// Written since something was last begun to be made durable.
    behind_bytes: usize,
    early: Arc<EarlySync>,
}

/// Makes a file durable that is not whole, and remembers whether the disk failed: it says so once
/// (fsync(2)), and whoever commits the file asks it again.
#[derive(Debug, Default)]
pub(super) struct EarlySync {
    /// One at a time has been given to a thread.
    is_begun: AtomicBool,
    /// Held while the disk is waited for.
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    failure: Option<io::Error>,
    /// Nothing is asked any more.
    is_over: bool,
}

impl Growing {
    /// A file of so many bytes, some of which may be about to be made durable.
    pub(super) fn new(file: File, size_bytes: u64, early: Arc<EarlySync>) -> Self {
        Self { file: Arc::new(file), size_bytes, behind_bytes: 0, early }
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
    /// make them durable, where they have become many.
    pub(super) fn append(&mut self, local: &Local, pieces: &Pieces) -> io::Result<()> {
        self.early.known()?;
        local.steps().file(|| pieces.write_all(&self.file))?;
        let length_bytes = pieces.length_bytes();
        if let Some(length) = NonZeroU64::new(length_bytes as u64)
            && length_bytes >= WRITE_OUT_FROM_BYTES
        {
            // Linux starts to write what is dirty in the range. That it will not is no fault.
            let _ =
                rustix::fs::fadvise(&self.file, self.size_bytes, Some(length), Advice::DontNeed);
        }
        self.size_bytes += length_bytes as u64;
        self.behind_bytes += length_bytes;
        if self.behind_bytes >= SYNC_BYTES && self.early.begin(&self.file, local) {
            self.behind_bytes = 0;
        }
        Ok(())
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

    use super::{Growing, Local, Pieces, SYNC_BYTES};
    use crate::{FaultMode, Faults, Space};

    /// A file below this directory, and a store that counts its steps.
    fn growing(root: &Path, faults: &Faults) -> (Growing, Local) {
        let local = Local::open(root, &Space::default()).unwrap();
        local.steps().attach(faults.clone());
        let file = File::create(root.join("file")).unwrap();
        (Growing::new(file, 0, Arc::default()), local)
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
        let (mut growing, local) = growing(root.path(), &faults);
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
        let (mut growing, local) = growing(root.path(), &faults);
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
    async fn a_failure_of_the_disk_is_remembered() {
        let root = tempfile::tempdir().unwrap();
        let (mut growing, local) = growing(root.path(), &Faults::at(1, FaultMode::AfterPersisted));
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
