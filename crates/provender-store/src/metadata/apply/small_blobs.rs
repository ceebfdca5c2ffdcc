//! Small blobs.

use provender_domain::{BlobId, Timestamp};
use sqlx::AnyConnection;

use super::hit;
use crate::StoreError;
use crate::blobs::SmallBlob;
use crate::metadata::statement::Statement;

/// Its bytes are written once more where they are kept already: they may have been damaged since.
pub(super) async fn keep(
    connection: &mut AnyConnection,
    blob: &SmallBlob,
) -> Result<(), StoreError> {
    keeping(blob).execute(connection).await?;
    Ok(())
}

pub(super) fn keeping(blob: &SmallBlob) -> Statement {
    Statement::new(
        "INSERT INTO small_blobs (blob, size, committed_at, bytes, is_packed)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (blob) DO UPDATE SET committed_at = excluded.committed_at,
         bytes = excluded.bytes, is_packed = excluded.is_packed",
    )
    .bind(blob.id.to_hex())
    .bind(i64::try_from(blob.bytes.len()).unwrap_or(i64::MAX))
    .bind(blob.committed_at.microseconds())
    .bind(blob.packed.as_deref().unwrap_or(&blob.bytes))
    .bind(i64::from(blob.packed.is_some()))
}

pub(super) async fn remove(
    connection: &mut AnyConnection,
    blob: &BlobId,
    before: Option<Timestamp>,
) -> Result<(), StoreError> {
    let result = sqlx::query("DELETE FROM small_blobs WHERE blob = $1 AND committed_at < $2")
        .bind(blob.to_hex())
        .bind(before.map_or(i64::MAX, Timestamp::microseconds))
        .execute(connection)
        .await?;
    hit(&result, "blob", blob)
}
