//! What an archive says of one of its members.

use crate::ArchivePath;

/// One member of an archive, its path checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it would be unpacked, below the root.
    pub path: ArchivePath,
    /// What it is.
    pub kind: Kind,
    /// Its length when unpacked, in bytes. Zero for all but files and, in a zip, symbolic links.
    pub size: u64,
    /// The bytes it takes in the archive: compressed in a zip, equal to `size` in a tar.
    pub packed_size: u64,
    /// Whether any of the three execute permissions is set. False where the archive has none.
    pub executable: bool,
}

/// What a member is. Devices, pipes and sockets are refused, so they have no name here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file with bytes.
    File,
    /// A directory. Directories that hold entries need not have one of their own.
    Directory,
    /// A symbolic link.
    Symlink {
        /// As written in the archive. Relative, and proved to stay below the root; it need not exist.
        target: Box<str>,
    },
    /// Another name for a file that came earlier in the same archive (tar only).
    HardLink {
        /// The earlier entry. That it exists is proved only when the walk has ended without error.
        target: ArchivePath,
    },
}

/// What a visitor wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Check the rest of this entry and go on to the next.
    Continue,
    /// Stop here. What was not read has not been checked: only for archives verified before.
    Stop,
}

/// Two paths that are one on file systems which ignore case. Legitimate packages have such pairs, so
/// it is reported and not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseCollision {
    /// The one that came first.
    pub first: ArchivePath,
    /// The one that would overwrite it.
    pub second: ArchivePath,
}
