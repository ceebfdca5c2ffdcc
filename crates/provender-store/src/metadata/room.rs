//! Room on the disk for what `SQLite` needs to read at all, held while the database is not open.
//!
//! The shared index of its log (`-shm`) goes with the last connection and comes with the next first
//! one. On a full disk somebody else would have taken its room by then, and the server could not
//! start to serve what it keeps.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What the index takes of a log that is as long as ours may be left, in bytes.
const ROOM_BYTES: usize = 32 << 10;

/// That room, beside a database.
pub(super) struct Room(PathBuf);

impl Room {
    pub(super) fn beside(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-room");
        Self(path.into())
    }

    /// Lets `SQLite` have it.
    pub(super) fn give(&self) {
        // There is none at the first start and after a crash, which leaves the index itself.
        let _ = fs::remove_file(&self.0);
    }

    /// Takes what there is of it, at most all: nothing else depends on it.
    pub(super) fn hold(&self) {
        let _ = File::create(&self.0).and_then(|mut file| file.write_all(&vec![0; ROOM_BYTES]));
    }
}
