//! A part of a file as memory, so that a response's body is honest bytes which need not be read.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use memmap2::{Mmap, MmapOptions};

/// A part of a blob's file, mapped, with the file that it came from.
pub(crate) struct Mapping {
    memory: Mmap,
    file: File,
    offset_bytes: u64,
}

impl Mapping {
    /// Maps `length_bytes` bytes, at least one, of a blob's file from `offset_bytes` on.
    ///
    /// The file has to be a committed blob: those are written under another name, complete before
    /// they get their own, never written again, never truncated, and only ever unlinked, which
    /// takes nothing from who has them open.
    #[allow(unsafe_code, reason = "sendfile needs to know its bytes by address; argued below")]
    pub(crate) fn new(file: File, offset_bytes: u64, length_bytes: u64) -> io::Result<Self> {
        let length = usize::try_from(length_bytes).map_err(io::Error::other)?;
        // Mapping beyond the end works; touching those pages would be fatal.
        if file.metadata()?.len() < offset_bytes.saturating_add(length_bytes) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the blob is truncated"));
        }
        let mut options = MmapOptions::new();
        options.offset(offset_bytes).len(length);
        // SAFETY: a mapping is unsound where another writes to the file while it is read as
        // memory. Blobs are immutable (see above), the mapping is read-only, and the blob
        // directory belongs to this process alone (mode 0700, data directory locked). On the
        // one transport there is, the bytes are not even read through this address: `Transport`
        // hands the file to sendfile, which only reports an early end if a stranger truncates it.
        let memory = unsafe { options.map(&file)? };
        Ok(Self { memory, file, offset_bytes })
    }

    /// All of it, as bytes that keep the mapping alive.
    pub(crate) fn bytes(self: &Arc<Self>) -> Bytes {
        Bytes::from_owner(Owner(Arc::clone(self)))
    }

    /// The file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Where in the file these bytes are, if they are bytes of this mapping.
    pub(crate) fn locate(&self, bytes: &[u8]) -> Option<u64> {
        let distance = bytes.as_ptr().addr().checked_sub(self.memory.as_ptr().addr())?;
        let fits = distance.checked_add(bytes.len())? <= self.memory.len();
        (fits && !bytes.is_empty()).then_some(self.offset_bytes + distance as u64)
    }
}

struct Owner(Arc<Mapping>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0.memory
    }
}
