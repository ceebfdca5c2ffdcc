//! Large files past the kernel's page cache.
//!
//! What is pushed is many bytes that are written once. To copy them into pages that the kernel has to
//! find first takes longer than the disk does, so they go there straight from memory (`O_DIRECT`,
//! open(2)). Then the first who reads them would fill the cache with them, to be read once more
//! perhaps never: that one is sent them straight from the disk, too ([`Unread`]), and everybody after
//! it from the cache.
//!
//! Where a file system will not, and on a disk that is much slower than a network ([`Pace`]), they go
//! through the cache, out of which they are read sooner than from there.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use provender_domain::BlobId;
use quick_cache::sync::Cache;
use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags};
use rustix::io::Errno;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::pace::Pace;
use super::pieces::Pieces;
use super::writer::BUFFER_BYTES;

mod unread;

pub use unread::Unread;

/// Where bytes have to begin and end, in memory and in their file: a multiple of a disk's blocks and
/// of the pages of memory.
pub(super) const BLOCK_BYTES: usize = 4096;
/// How many buffers are kept for those to come: getting their memory anew costs more than filling it.
const SPARES_MAX: usize = 8;
/// How many files may be written so at once, each open a second time and at times with a buffer, for as
/// long as whoever sends them likes. Others go through the cache.
const WRITING_MAX: usize = 64;
/// How many may be sent what they read first, each with up to three buffers for as long as they like.
const FIRST_READING_MAX: usize = 16;
/// Of how many blobs is known that nobody has read them.
const UNREAD_MAX: usize = 16 * 1024;

/// What all such files of one store share.
#[derive(Debug)]
pub(super) struct Uncached {
    spares: Arc<Spares>,
    pace: Pace,
    writing: Arc<Semaphore>,
    unread: Cache<BlobId, ()>,
    first_reading: Arc<Semaphore>,
}

impl Uncached {
    pub(super) fn new() -> Self {
        Self {
            spares: Arc::default(),
            pace: Pace::default(),
            writing: Arc::new(Semaphore::new(WRITING_MAX)),
            unread: Cache::new(UNREAD_MAX),
            first_reading: Arc::new(Semaphore::new(FIRST_READING_MAX)),
        }
    }

    /// The same file, to be written past the cache; `None` where that will not do.
    pub(super) fn writing(&self, file: &File) -> Option<Direct> {
        if self.is_slow() || !may_be_direct(file) {
            return None;
        }
        let room = Arc::clone(&self.writing).try_acquire_owned().ok()?;
        let file = reopen(file, OFlags::WRONLY).ok()?;
        Some(Direct { file, _room: room })
    }

    /// Whether the cache is the better way for now.
    pub(super) fn is_slow(&self) -> bool {
        self.pace.is_slow(Instant::now())
    }

    /// How fast the disk is.
    #[cfg(feature = "faults")]
    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Writes all of this to a file that was opened twice. The end that is no whole block goes through
    /// the cache. `false` where the file system refuses: then all of it has to be written through that.
    pub(super) fn write_all(
        &self,
        direct: &Direct,
        file: &File,
        pieces: &Pieces,
        offset_bytes: u64,
    ) -> io::Result<bool> {
        let mut buffer = Buffer::take(&self.spares);
        let mut offset_bytes = offset_bytes;
        for piece in pieces.iter() {
            let mut left = piece;
            while !left.is_empty() {
                if buffer.is_full() {
                    if !self.write(direct, buffer.filled(), offset_bytes)? {
                        return Ok(false);
                    }
                    offset_bytes += buffer.filled().len() as u64;
                    buffer.clear();
                }
                left = &left[buffer.fill(left)..];
            }
        }
        let end = buffer.filled();
        let (blocks, rest) = end.split_at(end.len() / BLOCK_BYTES * BLOCK_BYTES);
        if !self.write(direct, blocks, offset_bytes)? {
            return Ok(false);
        }
        file.write_all_at(rest, offset_bytes + blocks.len() as u64)?;
        Ok(true)
    }

    /// Whether it was taken.
    fn write(&self, direct: &Direct, blocks: &[u8], offset_bytes: u64) -> io::Result<bool> {
        self.pace.begin(Instant::now());
        let written = direct.file.write_all_at(blocks, offset_bytes);
        self.pace.end(Instant::now(), if written.is_ok() { blocks.len() } else { 0 });
        match written {
            Err(error) if is_refusal(&error) => Ok(false),
            written => written.map(|()| true),
        }
    }

    /// A blob's file was written past the cache, and nobody has read it yet.
    pub(super) fn note_unread(&self, id: BlobId) {
        self.unread.insert(id, ());
    }
}

/// A file that was opened once more, to be written past the cache.
#[derive(Debug)]
pub(super) struct Direct {
    file: File,
    _room: OwnedSemaphorePermit,
}

/// What the file system says of itself (statx(2)). One that says nothing is tried; one that has its
/// own ways takes the bytes and keeps them in memory (ext4 with a journal for data).
fn may_be_direct(file: &File) -> bool {
    let Ok(said) = rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN) else {
        return true;
    };
    let fits = |align: u32| {
        usize::try_from(align).is_ok_and(|align| align > 0 && BLOCK_BYTES.is_multiple_of(align))
    };
    let says_it = StatxFlags::from_bits_retain(said.stx_mask).contains(StatxFlags::DIOALIGN);
    !says_it || (fits(said.stx_dio_mem_align) && fits(said.stx_dio_offset_align))
}

/// The same file once more, as all that is open of it shares its flags otherwise.
fn reopen(file: &File, way: OFlags) -> io::Result<File> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = way | OFlags::DIRECT | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Whether the file system does not do it here (open(2)), or not so. What it took before may have been
/// written.
fn is_refusal(error: &io::Error) -> bool {
    [Errno::INVAL, Errno::OPNOTSUPP]
        .map(Errno::raw_os_error)
        .map(Some)
        .contains(&error.raw_os_error())
}

/// Memory for [`BUFFER_BYTES`] at a multiple of [`BLOCK_BYTES`], some of it filled. It goes back to
/// the spares.
#[derive(Debug)]
struct Buffer {
    memory: Vec<u8>,
    /// Where the first byte is.
    begin: usize,
    filled_bytes: usize,
    spares: Arc<Spares>,
}

#[derive(Debug, Default)]
struct Spares(Mutex<Vec<Vec<u8>>>);

impl Buffer {
    fn take(spares: &Arc<Spares>) -> Self {
        let memory = spares.lock().pop();
        let memory = memory.unwrap_or_else(|| vec![0; BUFFER_BYTES + BLOCK_BYTES]);
        // Where it cannot be told, the file system refuses the place.
        let begin = memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        Self { memory, begin, filled_bytes: 0, spares: Arc::clone(spares) }
    }

    fn filled(&self) -> &[u8] {
        &self.memory[self.begin..][..self.filled_bytes]
    }

    fn is_full(&self) -> bool {
        self.filled_bytes == BUFFER_BYTES
    }

    fn clear(&mut self) {
        self.filled_bytes = 0;
    }

    /// Appends as many of these bytes as there is room for.
    fn fill(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(BUFFER_BYTES - self.filled_bytes);
        self.memory[self.begin + self.filled_bytes..][..count].copy_from_slice(&bytes[..count]);
        self.filled_bytes += count;
        count
    }

    /// Fills it with so many bytes of the file, behind what it has of them.
    fn read(&mut self, file: &File, offset_bytes: u64, count: usize) -> io::Result<()> {
        while self.filled_bytes < count {
            let room = &mut self.memory[self.begin..][self.filled_bytes..BUFFER_BYTES];
            match file.read_at(room, offset_bytes + self.filled_bytes as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(more) => self.filled_bytes += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.filled_bytes = count;
        Ok(())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut spares = self.spares.lock();
        if spares.len() < SPARES_MAX {
            spares.push(std::mem::take(&mut self.memory));
        }
    }
}

impl Spares {
    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

#[cfg(test)]
pub(super) mod tests;
