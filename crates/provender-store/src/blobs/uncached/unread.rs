//! The first time that a blob is read which was written past the cache.

use std::fs::File;
use std::future::ready;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use provender_domain::BlobId;
use rustix::fs::OFlags;
use tokio::sync::OwnedSemaphorePermit;

use super::super::blocking;
use super::super::local::Local;
use super::{BUFFER_BYTES, Buffer, Uncached, is_refusal, reopen};
use crate::BlobError;

/// So many buffers are read at once, or wait to be sent.
const READ_AT_ONCE: usize = 2;

/// That nobody has read a blob since its bytes were written past the cache.
#[derive(Debug)]
pub struct Unread {
    local: Arc<Local>,
    id: BlobId,
    room: Room,
}

/// For as long as there are buffers of it.
type Room = Arc<OwnedSemaphorePermit>;

impl Unread {
    /// If that is so, and not too many others are sent what they read first.
    pub(in super::super) fn of(local: &Arc<Local>, id: &BlobId) -> Option<Self> {
        let Uncached { unread, first_reading, .. } = local.uncached();
        unread.peek(id)?;
        let room = Arc::new(Arc::clone(first_reading).try_acquire_owned().ok()?);
        Some(Self { local: Arc::clone(local), id: *id, room })
    }

    /// All bytes of its file, read past the cache. From the first on that is asked for, everybody
    /// else reads them through it. To be asked for within a runtime.
    ///
    /// # Errors
    /// Where they cannot be read, or are fewer; nothing comes behind that.
    pub fn read(
        self,
        file: File,
        size_bytes: u64,
    ) -> impl Stream<Item = Result<Bytes, BlobError>> + Send + use<> {
        let begin = async move {
            self.local.uncached().unread.remove(&self.id);
            let direct = reopen(&file, OFlags::RDONLY).ok();
            let source = Arc::new(Source { of: self, direct, file, size_bytes });
            let offsets = (0..size_bytes).step_by(BUFFER_BYTES);
            let read = move |offset_bytes| {
                let source = Arc::clone(&source);
                blocking(move || Ok(source.read(offset_bytes)?))
            };
            stream::iter(offsets).map(read).buffered(READ_AT_ONCE)
        };
        stream::once(begin).flatten().scan(false, |is_over, read| {
            let read = (!*is_over).then_some(read);
            *is_over = matches!(read, Some(Err(_)));
            ready(read)
        })
    }
}

struct Source {
    of: Unread,
    /// The same file past the cache, where that can be had.
    direct: Option<File>,
    file: File,
    size_bytes: u64,
}

/// What is on its way to a client.
struct Sent {
    buffer: Buffer,
    _room: Room,
}

impl Source {
    fn read(&self, offset_bytes: u64) -> io::Result<Bytes> {
        let mut buffer = Buffer::take(&self.of.local.uncached().spares);
        let left_bytes = self.size_bytes - offset_bytes;
        let count = usize::try_from(left_bytes).unwrap_or(BUFFER_BYTES).min(BUFFER_BYTES);
        let file = self.direct.as_ref().unwrap_or(&self.file);
        match buffer.read(file, offset_bytes, count) {
            // Nor will it go on within a block.
            Err(error) if is_refusal(&error) => buffer.read(&self.file, offset_bytes, count)?,
            read => read?,
        }
        Ok(Bytes::from_owner(Sent { buffer, _room: Arc::clone(&self.of.room) }))
    }
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        self.buffer.filled()
    }
}
