//! Attestations.

use sqlx::AnyConnection;

use super::needs_file;
use crate::StoreError;
use crate::metadata::packed::PackedBundle;
use crate::metadata::statement::Statement;
use crate::metadata::{FileKey, PackedAttestation};

pub(super) async fn record(
    connection: &mut AnyConnection,
    attestation: &PackedAttestation,
) -> Result<(), StoreError> {
    let recorded = insertion(attestation).execute(connection).await;
    match (recorded, &attestation.facts.file) {
        (Err(error), Some(file)) => Err(needs_file(error, file)),
        (recorded, _) => Ok(recorded.map(drop)?),
    }
}

/// The text of a statement that keeps one, with its bundle in this column.
macro_rules! inserting {
    ($bundle:literal) => {
        concat!(
            "INSERT INTO attestations (",
            $bundle,
            ", id, blob, repository, ecosystem, package, file, source, predicate_type, bundle,
             log_index, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $10, $11)
             ON CONFLICT DO NOTHING"
        )
    };
}

/// Keeps it, if it is not kept yet.
pub(super) fn insertion(attestation: &PackedAttestation) -> Statement {
    let PackedAttestation { id, facts: attestation, bundle } = attestation;
    let columns = attestation.file.as_ref().map(|file| (file.package.columns(), file));
    let insertion = match bundle {
        PackedBundle::Here(packed) => Statement::new(inserting!("packed")).bind(&packed[..]),
        PackedBundle::Blob(blob) => Statement::new(inserting!("bundle_blob")).bind(blob.to_hex()),
    };
    insertion
        .bind(id.as_str())
        .bind(attestation.blob.to_hex())
        .bind(columns.map(|((repository, _, _), _)| repository))
        .bind(columns.map(|((_, ecosystem, _), _)| ecosystem))
        .bind(columns.map(|((_, _, package), _)| package))
        .bind(columns.map(|(_, file)| file.name.as_str()))
        .bind(attestation.source.as_str())
        .bind(attestation.predicate_type.as_str())
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
