//! How a batch becomes one blob.
//!
//! A version byte; the first index; the length of the checkpoint and the checkpoint; the number of
//! entries; then each entry after its length. Integers are big-endian, of 4 bytes but for the
//! index, which has 8. Nothing follows.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use super::Batch;

/// The only version there is.
const VERSION: u8 = 1;
/// The bytes of a length before what it measures.
const LENGTH_BYTES: usize = 4;

/// Bytes that are no batch: the store did not keep what it was given.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// It was written by something newer.
    #[error("the batch has version {0}, which is not known")]
    Version(u8),
    /// It ends too early.
    #[error("the batch ends too early")]
    Truncated,
    /// Something stands behind its end.
    #[error("{0} bytes stand behind the end of the batch")]
    Trailing(usize),
    /// Its checkpoint is not text.
    #[error("the checkpoint of the batch is not UTF-8")]
    NotText,
    /// It has no entries, or ends behind the last index there is.
    #[error("the batch has an impossible number of entries")]
    Count,
}

impl Batch {
    /// As one blob, for a store to keep.
    pub fn to_bytes(&self) -> Bytes {
        let entries: usize = self.entries.iter().map(|entry| LENGTH_BYTES + entry.len()).sum();
        let mut bytes = BytesMut::with_capacity(32 + self.checkpoint.len() + entries);
        bytes.put_u8(VERSION);
        bytes.put_u64(self.first_index);
        put_measured(&mut bytes, self.checkpoint.as_bytes());
        bytes.put_u32(length(self.entries.len()));
        for entry in &self.entries {
            put_measured(&mut bytes, entry);
        }
        bytes.freeze()
    }

    /// What [`Batch::to_bytes`] wrote.
    ///
    /// # Errors
    /// Where the bytes are anything else.
    pub fn from_bytes(mut bytes: Bytes) -> Result<Self, BatchError> {
        let version = bytes.try_get_u8().map_err(|_| BatchError::Truncated)?;
        if version != VERSION {
            return Err(BatchError::Version(version));
        }
        let first_index = bytes.try_get_u64().map_err(|_| BatchError::Truncated)?;
        let checkpoint =
            String::from_utf8(measured(&mut bytes)?.to_vec()).map_err(|_| BatchError::NotText)?;
        let count = bytes.try_get_u32().map_err(|_| BatchError::Truncated)?;
        if count == 0 || first_index.checked_add(u64::from(count)).is_none() {
            return Err(BatchError::Count);
        }
        let entries =
            (0..count).map(|_| measured(&mut bytes)).collect::<Result<Vec<_>, BatchError>>()?;
        if bytes.has_remaining() {
            return Err(BatchError::Trailing(bytes.remaining()));
        }
        Ok(Self { first_index, entries, checkpoint })
    }
}

fn put_measured(bytes: &mut BytesMut, part: &[u8]) {
    bytes.put_u32(length(part.len()));
    bytes.put_slice(part);
}

fn length(length: usize) -> u32 {
    u32::try_from(length).expect("a batch is bounded to some megabytes")
}

/// Takes a length and so many bytes, without a copy.
fn measured(bytes: &mut Bytes) -> Result<Bytes, BatchError> {
    let length = bytes.try_get_u32().map_err(|_| BatchError::Truncated)?;
    let length = usize::try_from(length).map_err(|_| BatchError::Truncated)?;
    if length > bytes.remaining() {
        return Err(BatchError::Truncated);
    }
    Ok(bytes.split_to(length))
}
