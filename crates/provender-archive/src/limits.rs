//! How much an archive may ask of us.

use crate::ArchiveError;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Bounds on one archive. Start from the default and change what a format needs:
/// `Limits { entries: 10, ..Limits::default() }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries; in a tar every header counts, extension headers too. See [`Self::ENTRIES`].
    pub entries: u64,
    /// Bytes of all names and link targets together, which are all that is kept in memory for each
    /// entry. See [`Self::NAMES_BYTES`].
    pub names_bytes: u64,
    /// Bytes of a zip's central directory. See [`Self::DIRECTORY_BYTES`].
    pub directory_bytes: u64,
    /// Bytes of all entries unpacked; for a tar, of the whole uncompressed stream. See
    /// [`Self::UNPACKED_BYTES`].
    pub unpacked_bytes: u64,
    /// Bytes of one entry unpacked. See [`Self::ENTRY_BYTES`].
    pub entry_bytes: u64,
    /// Bytes unpacked for each byte of the archive. See [`Self::RATIO`].
    pub ratio: u64,
    /// Unpacked bytes up to which `ratio` is not looked at. See [`Self::RATIO_FLOOR_BYTES`].
    pub ratio_floor_bytes: u64,
    /// Bytes of one path or link target. See [`Self::PATH_BYTES`].
    pub path_bytes: usize,
    /// Segments of one path. See [`Self::PATH_DEPTH`].
    pub path_depth: usize,
    /// Bytes of one entry read into memory, whatever the caller asks for. See
    /// [`Self::MEMORY_BYTES`].
    pub memory_bytes: u64,
    /// Bytes of one tar extension header (pax records, GNU long name). See
    /// [`Self::EXTENSION_BYTES`].
    pub extension_bytes: u64,
}

impl Limits {
    /// The largest published packages hold some 50,000 files; twice that costs about 20 MB while
    /// the archive is open.
    pub const ENTRIES: u64 = 100_000;
    /// 300 bytes for each of [`Self::ENTRIES`], four times what real packages use.
    pub const NAMES_BYTES: u64 = 32 * MIB;
    /// Names plus fixed fields and extra fields of [`Self::ENTRIES`] records.
    pub const DIRECTORY_BYTES: u64 = 64 * MIB;
    /// GPU libraries unpack to a few GiB. Reading this much takes some tens of seconds.
    pub const UNPACKED_BYTES: u64 = 16 * GIB;
    /// The largest a ustar size field can say.
    pub const ENTRY_BYTES: u64 = 8 * GIB;
    /// Real packages stay under 50; deflate ends at 1032, which only bombs come near.
    pub const RATIO: u64 = 200;
    /// A small archive of zeros is harmless: 64 MiB are inflated in a fraction of a second.
    pub const RATIO_FLOOR_BYTES: u64 = 64 * MIB;
    /// A quarter of Linux's `PATH_MAX`, which leaves room for the directory it is unpacked into.
    pub const PATH_BYTES: usize = 1024;
    /// Deeper trees exhaust the stack of tools that recurse.
    pub const PATH_DEPTH: usize = 64;
    /// Manifests are kilobytes; a list of [`Self::ENTRIES`] files with their hashes is 15 MB.
    pub const MEMORY_BYTES: u64 = 32 * MIB;
    /// A path, a link target and some dozen extended attributes.
    pub const EXTENSION_BYTES: u64 = 256 * KIB;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: Self::ENTRIES,
            names_bytes: Self::NAMES_BYTES,
            directory_bytes: Self::DIRECTORY_BYTES,
            unpacked_bytes: Self::UNPACKED_BYTES,
            entry_bytes: Self::ENTRY_BYTES,
            ratio: Self::RATIO,
            ratio_floor_bytes: Self::RATIO_FLOOR_BYTES,
            path_bytes: Self::PATH_BYTES,
            path_depth: Self::PATH_DEPTH,
            memory_bytes: Self::MEMORY_BYTES,
            extension_bytes: Self::EXTENSION_BYTES,
        }
    }
}

/// What one archive has used of its limits so far.
#[derive(Debug)]
pub(crate) struct Ledger {
    limits: Limits,
    entries: u64,
    names_bytes: u64,
    unpacked_bytes: u64,
}

impl Ledger {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, entries: 0, names_bytes: 0, unpacked_bytes: 0 }
    }

    pub(crate) fn unpacked_bytes(&self) -> u64 {
        self.unpacked_bytes
    }

    pub(crate) fn spend_entry(&mut self) -> Result<(), ArchiveError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(ArchiveError::TooManyEntries { limit: self.limits.entries });
        }
        Ok(())
    }

    pub(crate) fn spend_name(&mut self, name: &str) -> Result<(), ArchiveError> {
        self.names_bytes = self.names_bytes.saturating_add(name.len() as u64);
        if self.names_bytes > self.limits.names_bytes {
            return Err(ArchiveError::NamesTooLarge { limit_bytes: self.limits.names_bytes });
        }
        Ok(())
    }

    pub(crate) fn spend_unpacked(&mut self, bytes: u64) -> Result<(), ArchiveError> {
        self.unpacked_bytes = self.unpacked_bytes.saturating_add(bytes);
        if self.unpacked_bytes > self.limits.unpacked_bytes {
            return Err(ArchiveError::UnpackedTooLarge { limit_bytes: self.limits.unpacked_bytes });
        }
        Ok(())
    }
}

/// Refuses `unpacked` bytes out of `packed` ones where that is more than [`Limits::ratio`] allows.
pub(crate) fn check_ratio(
    limits: &Limits,
    packed_bytes: u64,
    unpacked_bytes: u64,
) -> Result<(), ArchiveError> {
    if unpacked_bytes <= limits.ratio_floor_bytes
        || unpacked_bytes <= packed_bytes.saturating_mul(limits.ratio)
    {
        return Ok(());
    }
    Err(ArchiveError::RatioTooHigh { limit: limits.ratio })
}
