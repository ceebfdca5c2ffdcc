//! Attestations, and what is still to be signed, read.

use provender_domain::{BlobId, FileName, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::codec::corrupt;
use super::packed::unpack;
use super::read::{Rule, moment, name};
use super::small_blobs::kept_bytes;
use super::{
    Attestation, AttestationSource, FileKey, PackageKey, SigningKind, SigningTask, StoredKey,
};
use crate::StoreError;

/// What an [`Attestation`] is read from, in the order of [`attestation`].
macro_rules! attestations_where {
    ($condition:literal) => {
        concat!(
            "SELECT attestations.blob, attestations.repository, attestations.ecosystem,
             attestations.package, attestations.file, source, predicate_type, bundle, log_index,
             recorded_at, id, packed, bundle_blob, bundles.bytes, bundles.is_packed, bundles.size
             FROM attestations
             LEFT JOIN small_blobs AS bundles ON bundles.blob = attestations.bundle_blob ",
            $condition
        )
    };
}

pub(super) async fn attestations_of_blob(
    connection: &mut AnyConnection,
    blob: &BlobId,
) -> Result<Vec<Attestation>, StoreError> {
    let mut rows = sqlx::query(attestations_where!(
        "JOIN files ON files.repository = attestations.repository
         AND files.ecosystem = attestations.ecosystem AND files.package = attestations.package
         AND files.name = attestations.file
         WHERE files.blob = $1 AND attestations.file IS NOT NULL"
    ))
    .bind(blob.to_hex())
    .fetch_all(&mut *connection)
    .await?;
    let of_bytes =
        attestations_where!("WHERE attestations.blob = $1 AND attestations.file IS NULL");
    rows.extend(sqlx::query(of_bytes).bind(blob.to_hex()).fetch_all(connection).await?);
    in_order(&rows)
}

pub(super) async fn attestations_of_file(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
) -> Result<Vec<Attestation>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let rows = sqlx::query(attestations_where!(
        "WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4"
    ))
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
    .fetch_all(connection)
    .await?;
    in_order(&rows)
}

pub(super) async fn attested_files(
    connection: &mut AnyConnection,
    key: &PackageKey,
) -> Result<Vec<(FileName, AttestationSource)>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let rows = sqlx::query(
        "SELECT DISTINCT file, source FROM attestations
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file IS NOT NULL",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .fetch_all(connection)
    .await?;
    let attested = |row: &AnyRow| Ok((name(row, 0)?, source(row, 1)?));
    let mut files = rows.iter().map(attested).collect::<Result<Vec<_>, StoreError>>()?;
    files.sort_unstable();
    Ok(files)
}

pub(super) async fn files_spoken_of(
    connection: &mut AnyConnection,
    key: &PackageKey,
) -> Result<Vec<FileName>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let rows = sqlx::query(
        "SELECT files.name FROM files
         WHERE files.repository = $1 AND files.ecosystem = $2 AND files.package = $3
         AND (EXISTS (SELECT 1 FROM file_references AS about
         WHERE about.repository = files.repository AND about.ecosystem = files.ecosystem
         AND about.package = files.package AND about.target = files.name
         AND about.role = 'subject')
         OR EXISTS (SELECT 1 FROM files AS same JOIN attestations
         ON attestations.repository = same.repository
         AND attestations.ecosystem = same.ecosystem AND attestations.package = same.package
         AND attestations.file = same.name
         WHERE same.blob = files.blob AND attestations.file IS NOT NULL
         AND (attestations.source <> $4 OR same.name <> files.name
         OR same.package <> files.package OR same.repository <> files.repository))
         OR EXISTS (SELECT 1 FROM attestations
         WHERE attestations.blob = files.blob AND attestations.file IS NULL))",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(AttestationSource::Ours.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| name(row, 0)).collect()
}

pub(super) async fn signing_tasks_due(
    connection: &mut AnyConnection,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<SigningTask>, StoreError> {
    let rows = sqlx::query(
        "SELECT repository, ecosystem, package, file, kind, tries, next_try_at, last_error
         FROM signing_tasks WHERE next_try_at <= $1 ORDER BY next_try_at LIMIT $2",
    )
    .bind(now.microseconds())
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let task = |row: &AnyRow| {
        Ok(SigningTask {
            file: file_key(row, 0)?,
            kind: kind(row, 4)?,
            tries: u32::try_from(row.try_get::<i64, _>(5)?).unwrap_or(u32::MAX),
            next_try_at: moment(row, 6)?,
            last_error: row.try_get(7)?,
        })
    };
    rows.iter().map(task).collect()
}

pub(super) async fn signing_tasks_pending(
    connection: &mut AnyConnection,
) -> Result<u64, StoreError> {
    let row = sqlx::query("SELECT COUNT(*) FROM signing_tasks").fetch_one(connection).await?;
    Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0))
}

/// Oldest first; those of one moment always in the same order.
fn in_order(rows: &[AnyRow]) -> Result<Vec<Attestation>, StoreError> {
    let keyed = |row| {
        let found = attestation(row)?;
        Ok((found.recorded_at, row.try_get::<String, _>(10)?, found))
    };
    let mut found = rows.iter().map(keyed).collect::<Result<Vec<_>, StoreError>>()?;
    found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    Ok(found.into_iter().map(|(_, _, attestation)| attestation).collect())
}

fn attestation(row: &AnyRow) -> Result<Attestation, StoreError> {
    let blob = row.try_get::<&str, _>(0)?.parse();
    let belongs = row.try_get::<Option<&str>, _>(1)?.is_some();
    let log_index = row.try_get::<Option<i64>, _>(8)?;
    Ok(Attestation {
        blob: blob.map_err(|error| corrupt("blob name", error))?,
        file: belongs.then(|| file_key(row, 1)).transpose()?,
        source: source(row, 5)?,
        predicate_type: row.try_get(6)?,
        bundle: bundle(row)?,
        log_index: log_index.and_then(|index| u64::try_from(index).ok()),
        recorded_at: moment(row, 9)?,
    })
}

/// From wherever it is kept.
fn bundle(row: &AnyRow) -> Result<String, StoreError> {
    if let Some(packed) = row.try_get::<Option<Vec<u8>>, _>(11)? {
        return unpack(&packed);
    }
    if row.try_get::<Option<&str>, _>(12)?.is_none() {
        return Ok(row.try_get(7)?);
    }
    if row.try_get::<Option<i64>, _>(14)?.is_none() {
        return Err(corrupt("attestation", Rule("its bundle is not kept")));
    }
    String::from_utf8(kept_bytes(row, 13)?).map_err(|error| corrupt("bundle", error))
}

/// From the four columns that name a file, this one the first.
pub(super) fn file_key(row: &AnyRow, first: usize) -> Result<FileKey, StoreError> {
    let package = StoredKey {
        repository: name(row, first)?,
        ecosystem: row.try_get(first + 1)?,
        package: name(row, first + 2)?,
    };
    Ok(FileKey { package, name: name(row, first + 3)? })
}

fn source(row: &AnyRow, column: usize) -> Result<AttestationSource, StoreError> {
    let text = row.try_get::<&str, _>(column)?;
    let found = AttestationSource::ALL.into_iter().find(|source| source.as_str() == text);
    found.ok_or_else(|| corrupt("attestation", Rule("its source is none")))
}

fn kind(row: &AnyRow, column: usize) -> Result<SigningKind, StoreError> {
    let text = row.try_get::<&str, _>(column)?;
    let found = SigningKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| corrupt("signing task", Rule("its kind is none")))
}
