//! File rows, and which blobs they keep in use.

use provender_domain::{Algorithm, FileName, FileState, KeptFile};
use sqlx::AnyConnection;

use super::{Growth, hit, missing, orphans, references, tags};
use crate::StoreError;
use crate::metadata::PackageKey;
use crate::metadata::file_facts;
use crate::metadata::read::{asking_file, kept_file, state_name};
use crate::metadata::statement::Statement;

pub(super) async fn record(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &KeptFile,
    growth: &mut Growth,
) -> Result<(), StoreError> {
    if !insert(connection, key, file).await? {
        return Err(taken(connection, key, file).await?);
    }
    growth.add(file);
    keep_companions(connection, key, file).await
}

/// Whether the name was free, and has this file now.
async fn insert(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &KeptFile,
) -> Result<bool, StoreError> {
    let result = insertion(key, file).execute(connection).await?;
    Ok(result.rows_affected() > 0)
}

/// Writes one row, where the name is free.
pub(super) fn insertion(key: &PackageKey, file: &KeptFile) -> Statement {
    let (repository, ecosystem, package) = key.columns();
    Statement::new(
        "INSERT INTO files (repository, ecosystem, package, name, blob, state, facts)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (repository, ecosystem, package, name) DO NOTHING",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.file.name.as_str())
    .bind(file.blob.to_hex())
    .bind(state_name(file.state))
    .bind(file_facts::encode(file))
}

pub(super) async fn update(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &KeptFile,
    growth: &mut Growth,
) -> Result<(), StoreError> {
    let name = &file.file.name;
    let old = recorded(connection, key, name).await?.ok_or_else(|| missing("file", name))?;
    if old.blob != file.blob {
        return Err(StoreError::FileExists { existing: old.blob, state: old.state });
    }
    let (repository, ecosystem, package) = key.columns();
    sqlx::query(
        "UPDATE files SET state = $5, facts = $6
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND name = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(name.as_str())
    .bind(state_name(file.state))
    .bind(file_facts::encode(file))
    .execute(&mut *connection)
    .await?;
    growth.subtract(&old);
    growth.add(file);
    if kept_companions(&old).ne(kept_companions(file)) {
        drop_companions(connection, key, &old).await?;
        keep_companions(connection, key, file).await?;
    }
    if file.state == FileState::Deleted {
        tags::none_points_to(connection, key, name).await?;
        references::forget(connection, key, name).await?;
        orphans::clear(connection, key, name).await?;
    }
    Ok(())
}

/// Records a file whose name is its digest, whatever became of it before, but for one that was
/// closed.
pub(super) async fn keep(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &KeptFile,
    growth: &mut Growth,
) -> Result<(), StoreError> {
    if insert(connection, key, file).await? {
        growth.add(file);
        return keep_companions(connection, key, file).await;
    }
    let name = &file.file.name;
    let old = recorded(connection, key, name).await?.ok_or_else(|| missing("file", name))?;
    if old.blob != file.blob || old.is_closed() {
        let state = if old.is_closed() { FileState::Quarantined } else { old.state };
        return Err(StoreError::FileExists { existing: old.blob, state });
    }
    orphans::clear(connection, key, name).await?;
    match may_stay(&old, file) {
        true => Ok(()),
        false => update(connection, key, file, growth).await,
    }
}

/// Whether what is there of a file need not be written anew to keep it.
pub(super) fn may_stay(there: &KeptFile, file: &KeptFile) -> bool {
    there.blob == file.blob
        && there.state == FileState::Present
        && there.origin == file.origin
        && !there.is_closed()
}

/// Removes the row of a file in this state.
pub(super) async fn remove(
    connection: &mut AnyConnection,
    key: &PackageKey,
    name: &FileName,
    state: FileState,
    growth: &mut Growth,
) -> Result<(), StoreError> {
    let what = match state {
        FileState::Quarantined => "quarantined file",
        FileState::Present | FileState::Deleted => "file",
    };
    let old = recorded(connection, key, name)
        .await?
        .filter(|file| file.state == state)
        .ok_or_else(|| missing(what, name))?;
    let (repository, ecosystem, package) = key.columns();
    let result = sqlx::query(
        "DELETE FROM files
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND name = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(name.as_str())
    .execute(&mut *connection)
    .await?;
    hit(&result, "file", name)?;
    growth.subtract(&old);
    drop_companions(connection, key, &old).await
}

/// Why the name of a new file is not free.
async fn taken(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &KeptFile,
) -> Result<StoreError, StoreError> {
    let name = &file.file.name;
    let old = recorded(connection, key, name).await?.ok_or_else(|| missing("file", name))?;
    if old.blob == file.blob && old.state != FileState::Deleted {
        return Ok(StoreError::SameFile);
    }
    Ok(StoreError::FileExists { existing: old.blob, state: old.state })
}

async fn recorded(
    connection: &mut AnyConnection,
    key: &PackageKey,
    name: &FileName,
) -> Result<Option<KeptFile>, StoreError> {
    let row = asking_file(key, name).fetch_optional(connection).await?;
    row.map(|row| kept_file(&row, 0)).transpose()
}

/// The blobs, in hexadecimal, of companions that the file keeps in use.
fn kept_companions(file: &KeptFile) -> impl Iterator<Item = &str> {
    let in_use = file.state != FileState::Deleted;
    let companions = file.file.companions.iter().filter(move |_| in_use);
    companions
        .filter(|companion| companion.url.is_none())
        .filter_map(|companion| companion.digest.as_ref())
        .filter(|digest| digest.algorithm() == Algorithm::Sha256)
        .map(provender_domain::Digest::hex)
}

async fn keep_companions(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &KeptFile,
) -> Result<(), StoreError> {
    for insertion in companion_insertions(key, file) {
        insertion.execute(connection).await?;
    }
    Ok(())
}

/// One for each companion that the file keeps in use.
pub(super) fn companion_insertions(
    key: &PackageKey,
    file: &KeptFile,
) -> impl Iterator<Item = Statement> {
    let (repository, ecosystem, package) = key.columns();
    kept_companions(file).map(move |blob| {
        Statement::new(
            "INSERT INTO companion_blobs (blob, repository, ecosystem, package, file)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (blob, repository, ecosystem, package, file) DO NOTHING",
        )
        .bind(blob)
        .bind(repository)
        .bind(ecosystem)
        .bind(package)
        .bind(file.file.name.as_str())
    })
}

async fn drop_companions(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &KeptFile,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    for blob in kept_companions(file) {
        sqlx::query(
            "DELETE FROM companion_blobs WHERE blob = $1 AND repository = $2
             AND ecosystem = $3 AND package = $4 AND file = $5",
        )
        .bind(blob)
        .bind(repository)
        .bind(ecosystem)
        .bind(package)
        .bind(file.file.name.as_str())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

impl Growth {
    pub(super) fn add(&mut self, file: &KeptFile) {
        let (files, bytes) = size(file);
        self.files += files;
        self.bytes += bytes;
    }

    fn subtract(&mut self, file: &KeptFile) {
        let (files, bytes) = size(file);
        self.files -= files;
        self.bytes -= bytes;
    }
}

/// What the file counts for: a tombstone for nothing.
fn size(file: &KeptFile) -> (i64, i64) {
    if file.state == FileState::Deleted {
        return (0, 0);
    }
    let bytes = file.file.size_bytes.unwrap_or(0);
    (1, i64::try_from(bytes).unwrap_or(i64::MAX))
}
