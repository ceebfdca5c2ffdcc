//! Room on the disk that is held for what has to go on when there is none: for `SQLite`, which needs
//! some to read at all, for a start, and for changes that close something or make room.
//!
//! The shared index of `SQLite`'s log (`-shm`) goes with the last connection and comes with the next
//! first one. On a full disk somebody else would have taken its room by then, and the server could
//! not start to serve what it keeps. And whoever removes files writes first that they are removed.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;

/// What the index takes of a log that is as long as ours may be left, in bytes: so much at least.
const ROOM_MIN_BYTES: u64 = 32 << 10;
/// As much at most: the log may grow by some thousand pages before its pages find their places.
const ROOM_MAX_BYTES: u64 = 8 << 20;
/// Which part of what is free it may be.
const ROOM_PART: u64 = 8;

/// That room, beside a database.
pub(super) struct Room {
    path: PathBuf,
    /// Held while somebody uses it.
    lent: tokio::sync::Mutex<()>,
}

impl Room {
    pub(super) fn beside(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-room");
        Self { path: path.into(), lent: tokio::sync::Mutex::default() }
    }

    /// Leaves it to whoever writes next.
    pub(super) fn give(&self) {
        // There is none at the first start.
        let _ = fs::remove_file(&self.path);
    }

    /// Leaves it to what is done, and holds it again afterwards.
    pub(super) async fn lend<T>(&self, work: impl Future<Output = T>) -> T {
        let _lent = self.lent.lock().await;
        let held = fs::metadata(&self.path).map_or(0, |file| file.len());
        self.give();
        let done = work.await;
        // Whoever used it may have made more; if not, that is held which is left.
        let _ = self.hold_at_least(held);
        done
    }

    /// Takes as much of it as there should be, if it is neither held already nor lent.
    ///
    /// # Errors
    /// Where there is not so much: what there is is held.
    pub(super) fn hold(&self) -> io::Result<()> {
        match self.lent.try_lock() {
            Ok(_not_lent) => self.hold_at_least(ROOM_MIN_BYTES),
            Err(_) => Ok(()),
        }
    }

    fn hold_at_least(&self, bytes: u64) -> io::Result<()> {
        let mut options = File::options();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        let held = file.metadata()?.len();
        let free = rustix::fs::fstatvfs(&file)?;
        let part = (free.f_bavail * free.f_frsize).saturating_add(held) / ROOM_PART;
        let missing = part.min(ROOM_MAX_BYTES).max(bytes).saturating_sub(held);
        if missing == 0 {
            return Ok(());
        }
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), held, missing) {
            Ok(()) => Ok(()),
            // Not every file system can promise room, and some take back what they promised a part of.
            Err(_) => io::copy(&mut io::repeat(0).take(missing), &mut file).map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{ROOM_MAX_BYTES, ROOM_MIN_BYTES, Room};

    #[tokio::test]
    async fn is_there_but_while_somebody_uses_it() {
        let place = tempfile::tempdir().unwrap();
        let room = Room::beside(&place.path().join("database"));
        let bytes = || fs::metadata(&room.path).map(|file| file.len()).ok();
        assert_eq!(bytes(), None);
        room.give();
        room.hold().unwrap();
        let held = bytes().unwrap();
        assert!((ROOM_MIN_BYTES..=ROOM_MAX_BYTES).contains(&held), "{held}");
        room.hold().unwrap();
        assert_eq!(bytes(), Some(held));
        let meanwhile = async {
            room.hold().unwrap();
            bytes()
        };
        assert_eq!(room.lend(meanwhile).await, None);
        assert_eq!(bytes(), Some(held));
    }
}
