//! Attestations.

use sha2::{Digest as _, Sha256};
use sqlx::AnyConnection;

use super::needs_file;
use crate::StoreError;
use crate::metadata::codec::to_json;
use crate::metadata::packed::pack;
use crate::metadata::statement::Statement;
use crate::metadata::{Attestation, FileKey};

pub(super) async fn record(
    connection: &mut AnyConnection,
    attestation: &Attestation,
) -> Result<(), StoreError> {
    let recorded = insertion(attestation).execute(connection).await;
    match (recorded, &attestation.file) {
        (Err(error), Some(file)) => Err(needs_file(error, file)),
        (recorded, _) => Ok(recorded.map(drop)?),
    }
}

/// Keeps it, if it is not kept yet.
pub(super) fn insertion(attestation: &Attestation) -> Statement {
    let columns = attestation.file.as_ref().map(|file| (file.package.columns(), file));
    Statement::new(
        "INSERT INTO attestations (id, blob, repository, ecosystem, package, file, source,
         predicate_type, bundle, packed, log_index, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, $10, $11)
         ON CONFLICT DO NOTHING",
    )
    .bind(id(attestation))
    .bind(attestation.blob.to_hex())
    .bind(columns.map(|((repository, _, _), _)| repository))
    .bind(columns.map(|((_, ecosystem, _), _)| ecosystem))
    .bind(columns.map(|((_, _, package), _)| package))
    .bind(columns.map(|(_, file)| file.name.as_str()))
    .bind(attestation.source.as_str())
    .bind(attestation.predicate_type.as_str())
    .bind(pack(&attestation.bundle))
    .bind(attestation.log_index.map(|index| i64::try_from(index).unwrap_or(i64::MAX)))
    .bind(attestation.recorded_at.microseconds())
}

/// Forgets what belongs to a file whose row goes away.
pub(super) async fn forget(
    connection: &mut AnyConnection,
    file: &FileKey,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = file.package.columns();
    sqlx::query(
        "DELETE FROM attestations
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.name.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// The same for the same bundle about the same thing, whenever it came.
fn id(attestation: &Attestation) -> String {
    let file = attestation.file.as_ref().map(|file| (file.package.columns(), file.name.as_str()));
    let text = to_json(&(attestation.blob.to_hex(), file, attestation.bundle.as_str()));
    hex::encode(Sha256::digest(text.as_bytes()))
}
