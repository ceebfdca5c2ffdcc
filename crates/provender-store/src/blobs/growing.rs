//! A file that grows, and gets to the disk while it does.
//!
//! To make a large file durable takes a disk as long as receiving it takes. So what has come is
//! made durable while the rest still comes, and whoever commits the file waits for its end alone.

use std::fs::{self, File};
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::fs::Advice;

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
    path: PathBuf,
    size_bytes: u64,
    /// Written, and not made durable nor about to be.
    behind_bytes: usize,
    early: Option<Arc<Early>>,
}

/// Makes a file durable that is not whole.
///
/// It has opened the file for itself. So where the disk fails, whoever commits is told as well: who
/// opened a file is told of each failure once (fsync(2), since Linux 4.13).
#[derive(Debug)]
struct Early {
    file: File,
    path: PathBuf,
    turn: Mutex<()>,
}

impl Growing {
    /// A file of so many bytes, under this path.
    pub(super) fn new(file: File, path: PathBuf, size_bytes: u64) -> Self {
        Self { file: Arc::new(file), path, size_bytes, behind_bytes: 0, early: None }
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(super) fn into_file(self) -> Arc<File> {
        self.file
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Appends bytes; where that fails, nobody knows how many of them are there.
    pub(super) fn append(&mut self, steps: &Steps, pieces: &Pieces) -> io::Result<()> {
        steps.file(|| pieces.write_all(&self.file))?;
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
        if self.behind_bytes >= SYNC_BYTES {
            self.sync_early();
        }
        Ok(())
    }

    /// Has another thread do so. To be called on one that may wait.
    fn sync_early(&mut self) {
        if self.early.is_none() {
            self.early = Early::open(&self.path).ok().map(Arc::new);
        }
        let Some(early) = self.early.as_ref().filter(|early| early.is_idle()) else { return };
        let early = Arc::clone(early);
        self.behind_bytes = 0;
        drop(tokio::task::spawn_blocking(move || early.sync()));
    }
}

impl Early {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, path: path.to_owned(), turn: Mutex::default() })
    }

    fn is_idle(&self) -> bool {
        self.turn.try_lock().is_ok()
    }

    /// Where it fails nobody can trust the file any more, not even who opens it later and is not
    /// told: it goes.
    fn sync(&self) {
        let Ok(_turn) = self.turn.try_lock() else { return };
        if self.file.sync_data().is_err() {
            // Where it has its final name already, whoever gave it that is told.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;

    use super::{Early, Growing, Pieces, SYNC_BYTES};
    use crate::steps::Steps;

    fn growing(path: &Path) -> Growing {
        Growing::new(File::create(path).unwrap(), path.to_owned(), 0)
    }

    /// Appends so much, and waits for what other threads do with it.
    async fn append(growing: &mut Growing, length_bytes: usize) {
        let pieces = Pieces::from(Bytes::from(vec![7; length_bytes]));
        growing.append(&Steps::default(), &pieces).unwrap();
        while growing.early.as_ref().is_some_and(|early| !early.is_idle()) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn much_is_made_durable_before_the_end_and_little_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut growing = growing(&path);
        append(&mut growing, SYNC_BYTES - 1).await;
        assert_eq!((growing.behind_bytes, growing.early.is_some()), (SYNC_BYTES - 1, false));
        append(&mut growing, 1).await;
        assert_eq!((growing.behind_bytes, growing.early.is_some()), (0, true));
        append(&mut growing, 1).await;
        assert_eq!(growing.behind_bytes, 1);
        assert_eq!(growing.size_bytes(), SYNC_BYTES as u64 + 1);
        assert_eq!(path.metadata().unwrap().len(), growing.size_bytes());
    }

    #[tokio::test]
    async fn who_is_busy_with_the_disk_is_not_told_twice() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut growing = growing(&path);
        let early = Arc::new(Early::open(&path).unwrap());
        growing.early = Some(Arc::clone(&early));
        let busy = early.turn.lock().unwrap();
        let pieces = Pieces::from(Bytes::from(vec![7; SYNC_BYTES]));
        growing.append(&Steps::default(), &pieces).unwrap();
        assert_eq!(growing.behind_bytes, SYNC_BYTES);
        drop(busy);
        append(&mut growing, 1).await;
        assert_eq!(growing.behind_bytes, 0);
    }

    #[test]
    fn a_file_that_the_disk_fails_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "bytes").unwrap();
        let early = Early::open(&path).unwrap();
        early.sync();
        assert!(path.exists());
        // What cannot be made durable: this device says so.
        let file = File::open("/dev/null").unwrap();
        assert!(file.sync_data().is_err());
        Early { file, path: path.clone(), turn: Mutex::default() }.sync();
        assert!(!path.exists());
    }
}
