//! Blobs so small that a file of their own costs more than they do: they are rows of the database,
//! and become durable in the very commit that records them.

use std::collections::VecDeque;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use provender_domain::{BlobId, Timestamp};

use super::BlobFacts;
use crate::metadata::packing::pack_if_worth_it;
use crate::{BlobError, Metadata, StoreError, Write};

/// Largest blob that is kept in the database, in bytes.
///
/// A row of this size is nine pages there, and is read whole; for larger ones a file of their own
/// is cheaper, out of which the kernel serves. Manifests, configs, metadata of wheels and signatures
/// are mostly smaller.
pub const SMALL_BLOB_BYTES: usize = 32 * 1024;

/// How many rows one question for a list answers.
const LIST_PAGE: u32 = 256;

/// A verified blob on its way into the database, in a [`Write::KeepBytes`]. Only
/// [`Blobs::commit_with_row`](super::Blobs::commit_with_row) makes one, of a
/// [`Blob<Verified>`](super::Blob).
#[derive(Debug, Clone)]
pub struct SmallBlob {
    pub(crate) id: BlobId,
    pub(crate) bytes: Bytes,
    /// The bytes as they are kept, where that is less: by whoever commits, not by the one writer.
    pub(crate) packed: Option<Vec<u8>>,
    pub(crate) committed_at: Timestamp,
}

impl SmallBlob {
    /// The caller has seen the proof that these bytes have this name.
    pub(super) fn new(id: BlobId, bytes: Bytes) -> Self {
        // Anything else is compressed already, mostly.
        let is_json = bytes.first() == Some(&b'{');
        let packed = is_json.then(|| pack_if_worth_it(&bytes)).flatten();
        Self { id, bytes, packed, committed_at: Timestamp::from_system(SystemTime::now()) }
    }

    /// The bytes' SHA-256.
    pub fn id(&self) -> BlobId {
        self.id
    }
}

/// Removes a blob from the database, if it is there and was committed before this moment; whether
/// that was so.
pub(super) async fn remove(
    metadata: &Metadata,
    id: &BlobId,
    before: Option<SystemTime>,
) -> Result<bool, BlobError> {
    let before = before.map(Timestamp::from_system);
    // Most blobs are files: asking is cheaper than a commit that does nothing.
    let facts = metadata.small_blob_facts(id).await?;
    if facts.is_none_or(|facts| before.is_some_and(|before| facts.committed_at >= before)) {
        return Ok(false);
    }
    let remove = Write::RemoveBytes { blob: *id, before };
    match metadata.commit_from_room(vec![remove], Vec::new()).await {
        Ok(_) => Ok(true),
        Err(StoreError::Missing { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Every blob in the database, in pages.
pub(super) fn list(
    metadata: Metadata,
) -> impl Stream<Item = Result<BlobFacts, BlobError>> + Send + use<> {
    let begin = Page { metadata, rows: VecDeque::new(), after: None, is_last: false };
    stream::unfold(begin, async |mut page| {
        let next = page.next().await.transpose()?;
        Some((next, page))
    })
    .boxed()
}

/// A page of the list, and where it ends.
struct Page {
    metadata: Metadata,
    rows: VecDeque<BlobFacts>,
    after: Option<BlobId>,
    is_last: bool,
}

impl Page {
    async fn next(&mut self) -> Result<Option<BlobFacts>, BlobError> {
        if self.rows.is_empty() && !self.is_last {
            // Should it fail, nobody shall ask for the same again without end.
            self.is_last = true;
            let rows = self.metadata.small_blobs(self.after.as_ref(), LIST_PAGE).await?;
            self.after = rows.last().map(|facts| facts.id);
            self.is_last = rows.is_empty();
            self.rows = rows.into_iter().map(BlobFacts::from).collect();
        }
        Ok(self.rows.pop_front())
    }
}

impl From<crate::metadata::SmallBlobFacts> for BlobFacts {
    fn from(facts: crate::metadata::SmallBlobFacts) -> Self {
        let committed_at = facts.committed_at.to_system();
        Self { id: facts.id, size_bytes: facts.size_bytes, committed_at }
    }
}
