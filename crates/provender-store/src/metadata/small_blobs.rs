//! Small blobs, read.

use bytes::Bytes;
use provender_domain::{BlobId, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::Metadata;
use super::codec::corrupt;
use super::packing;
use super::read::moment;
use crate::StoreError;

/// One row, but for its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SmallBlobFacts {
    pub(crate) id: BlobId,
    pub(crate) size_bytes: u64,
    pub(crate) committed_at: Timestamp,
}

impl Metadata {
    /// The bytes of a blob that is kept in the database.
    pub(crate) async fn small_blob(&self, id: &BlobId) -> Result<Option<Bytes>, StoreError> {
        bytes(&mut *self.reader().await?, id).await
    }

    /// What is known of one.
    pub(crate) async fn small_blob_facts(
        &self,
        id: &BlobId,
    ) -> Result<Option<SmallBlobFacts>, StoreError> {
        let row = sqlx::query("SELECT blob, size, committed_at FROM small_blobs WHERE blob = $1")
            .bind(id.to_hex())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(facts).transpose()
    }

    /// The next ones in an order of the database's own.
    pub(crate) async fn small_blobs(
        &self,
        after: Option<&BlobId>,
        limit: u32,
    ) -> Result<Vec<SmallBlobFacts>, StoreError> {
        let rows = sqlx::query(
            "SELECT blob, size, committed_at FROM small_blobs
             WHERE blob > $1 ORDER BY blob LIMIT $2",
        )
        .bind(after.map(|id| id.to_hex()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(facts).collect()
    }
}

async fn bytes(connection: &mut AnyConnection, id: &BlobId) -> Result<Option<Bytes>, StoreError> {
    let row = sqlx::query("SELECT bytes, is_packed, size FROM small_blobs WHERE blob = $1")
        .bind(id.to_hex())
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok(kept_bytes(&row, 0)?.into())).transpose()
}

/// From the columns `bytes`, `is_packed` and `size` of a small blob, this one the first.
pub(super) fn kept_bytes(row: &AnyRow, first: usize) -> Result<Vec<u8>, StoreError> {
    let bytes = row.try_get::<Vec<u8>, _>(first)?;
    if row.try_get::<i64, _>(first + 1)? == 0 {
        return Ok(bytes);
    }
    packing::unpack(&bytes, usize::try_from(row.try_get::<i64, _>(first + 2)?).unwrap_or(0))
}

fn facts(row: &AnyRow) -> Result<SmallBlobFacts, StoreError> {
    let id = row.try_get::<&str, _>(0)?.parse();
    let size_bytes = u64::try_from(row.try_get::<i64, _>(1)?);
    Ok(SmallBlobFacts {
        id: id.map_err(|error| corrupt("blob name", error))?,
        size_bytes: size_bytes.map_err(|error| corrupt("blob size", error))?,
        committed_at: moment(row, 2)?,
    })
}
