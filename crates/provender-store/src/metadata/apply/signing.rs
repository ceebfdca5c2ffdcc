//! What is still to be signed.

use provender_domain::Timestamp;
use sqlx::AnyConnection;

use super::{hit, needs_file};
use crate::StoreError;
use crate::metadata::codec::storable;
use crate::metadata::statement::Statement;
use crate::metadata::{FileKey, SigningKind};

pub(super) async fn queue(
    connection: &mut AnyConnection,
    file: &FileKey,
    kind: SigningKind,
    at: Timestamp,
) -> Result<(), StoreError> {
    let queued = queueing(file, kind, at).execute(connection).await;
    queued.map_err(|error| needs_file(error, file))?;
    Ok(())
}

/// Notes the task, if it is not noted yet.
pub(super) fn queueing(file: &FileKey, kind: SigningKind, at: Timestamp) -> Statement {
    let (repository, ecosystem, package) = file.package.columns();
    Statement::new(
        "INSERT INTO signing_tasks (repository, ecosystem, package, file, kind, tries, next_try_at)
         VALUES ($1, $2, $3, $4, $5, 0, $6)
         ON CONFLICT (repository, ecosystem, package, file, kind) DO NOTHING",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.name.as_str())
    .bind(kind.as_str())
    .bind(at.microseconds())
}

pub(super) async fn postpone(
    connection: &mut AnyConnection,
    file: &FileKey,
    kind: SigningKind,
    next_try_at: Timestamp,
    error: &str,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = file.package.columns();
    let result = sqlx::query(
        "UPDATE signing_tasks SET tries = tries + 1, next_try_at = $6, last_error = $7
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4 AND kind = $5",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.name.as_str())
    .bind(kind.as_str())
    .bind(next_try_at.microseconds())
    .bind(storable(error))
    .execute(connection)
    .await?;
    hit(&result, "signing task", &file.name)
}

pub(super) async fn end(
    connection: &mut AnyConnection,
    file: &FileKey,
    kind: SigningKind,
) -> Result<(), StoreError> {
    let result = ending(file, kind).execute(connection).await?;
    hit(&result, "signing task", &file.name)
}

/// Takes the task away.
pub(super) fn ending(file: &FileKey, kind: SigningKind) -> Statement {
    let (repository, ecosystem, package) = file.package.columns();
    Statement::new(
        "DELETE FROM signing_tasks
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4 AND kind = $5",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.name.as_str())
    .bind(kind.as_str())
}

/// Forgets every task of a file whose row goes away.
pub(super) async fn forget(
    connection: &mut AnyConnection,
    file: &FileKey,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = file.package.columns();
    sqlx::query(
        "DELETE FROM signing_tasks
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
