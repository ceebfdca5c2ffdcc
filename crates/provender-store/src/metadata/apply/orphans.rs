//! Marks on files that nothing refers to, and forgetting such files.

use provender_domain::{FileName, Timestamp};
use sqlx::AnyConnection;

use super::missing;
use crate::StoreError;
use crate::metadata::PackageKey;
use crate::metadata::orphans::in_use;
use crate::metadata::statement::Statement;

pub(super) async fn mark(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
    since: Timestamp,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    sqlx::query(concat!(
        "INSERT INTO orphans (repository, ecosystem, package, file, since)
         SELECT repository, ecosystem, package, name, $5 FROM files
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND name = $4
         AND state = 'present' AND NOT ",
        in_use!(),
        " ON CONFLICT (repository, ecosystem, package, file) DO NOTHING"
    ))
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
    .bind(since.microseconds())
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks the files that are about one whose row goes away: nothing else tells that it was here.
pub(super) async fn mark_what_is_about(
    connection: &mut AnyConnection,
    key: &PackageKey,
    subject: &FileName,
    since: Timestamp,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    sqlx::query(
        "INSERT INTO orphans (repository, ecosystem, package, file, since)
         SELECT repository, ecosystem, package, file, $5 FROM file_references
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND target = $4
         AND role = 'subject'
         ON CONFLICT (repository, ecosystem, package, file) DO NOTHING",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(subject.as_str())
    .bind(since.microseconds())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn clear(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
) -> Result<(), StoreError> {
    clearing(key, file).execute(connection).await?;
    Ok(())
}

/// Takes the mark from a file, if it has one.
pub(super) fn clearing(key: &PackageKey, file: &FileName) -> Statement {
    let (repository, ecosystem, package) = key.columns();
    Statement::new(
        "DELETE FROM orphans
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
}

/// `Missing` unless the file is present; `InUse` unless it was marked before this moment and
/// nothing has referred to it since.
pub(super) async fn may_be_forgotten(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
    marked_before: Timestamp,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let present = sqlx::query(concat!(
        "SELECT CASE WHEN ",
        in_use!(),
        " THEN NULL ELSE orphans.since END FROM files
         LEFT JOIN orphans ON orphans.repository = files.repository
         AND orphans.ecosystem = files.ecosystem AND orphans.package = files.package
         AND orphans.file = files.name
         WHERE files.repository = $1 AND files.ecosystem = $2 AND files.package = $3
         AND files.name = $4 AND files.state = 'present'",
    ))
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
    .fetch_optional(connection)
    .await?
    .ok_or_else(|| missing("file", file))?;
    let since = sqlx::Row::try_get::<Option<i64>, _>(&present, 0)?;
    match since.map(Timestamp::from_microseconds) {
        Some(since) if since < marked_before => Ok(()),
        _ => Err(StoreError::InUse),
    }
}
