//! Packages and the origin that their names are bound to.

use provender_domain::{Origin, Timestamp};
use sqlx::{AnyConnection, Row};

use super::{Growth, hit, needs_repository};
use crate::StoreError;
use crate::metadata::PackageKey;
use crate::metadata::codec::{from_json, to_json};

pub(super) async fn bind(
    connection: &mut AnyConnection,
    key: &PackageKey,
    origin: &Origin,
    at: Timestamp,
    growth: &mut Growth,
) -> Result<(), StoreError> {
    if create(connection, key, origin, at, growth).await? {
        return Ok(());
    }
    match bound_origin(connection, key).await? {
        Some(bound) if bound == *origin => Ok(()),
        Some(bound) => Err(StoreError::OriginBound { bound }),
        None => set_origin(connection, key, origin).await,
    }
}

pub(super) async fn rebind(
    connection: &mut AnyConnection,
    key: &PackageKey,
    origin: &Origin,
    at: Timestamp,
    growth: &mut Growth,
) -> Result<(), StoreError> {
    if create(connection, key, origin, at, growth).await? {
        return Ok(());
    }
    set_origin(connection, key, origin).await
}

/// Notes that the package's files changed. `Missing` if there is no such package.
pub(super) async fn bump(
    connection: &mut AnyConnection,
    key: &PackageKey,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let result = sqlx::query(
        "UPDATE packages SET generation = generation + 1
         WHERE repository = $1 AND ecosystem = $2 AND name = $3",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .execute(connection)
    .await?;
    hit(&result, "package", package)
}

/// Whether the package was missing, and is made.
async fn create(
    connection: &mut AnyConnection,
    key: &PackageKey,
    origin: &Origin,
    at: Timestamp,
    growth: &mut Growth,
) -> Result<bool, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let result = sqlx::query(
        "INSERT INTO packages (repository, ecosystem, name, origin, generation, created_at)
         VALUES ($1, $2, $3, $4, 0, $5)
         ON CONFLICT (repository, ecosystem, name) DO NOTHING",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(to_json(origin))
    .bind(at.microseconds())
    .execute(connection)
    .await
    .map_err(|error| needs_repository(error, &key.repository))?;
    let created = result.rows_affected() > 0;
    growth.packages += i64::from(created);
    Ok(created)
}

async fn bound_origin(
    connection: &mut AnyConnection,
    key: &PackageKey,
) -> Result<Option<Origin>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let row = sqlx::query(
        "SELECT origin FROM packages WHERE repository = $1 AND ecosystem = $2 AND name = $3",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .fetch_one(connection)
    .await?;
    row.try_get::<Option<&str>, _>(0)?.map(|text| from_json("origin", text)).transpose()
}

async fn set_origin(
    connection: &mut AnyConnection,
    key: &PackageKey,
    origin: &Origin,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    sqlx::query(
        "UPDATE packages SET origin = $4, generation = generation + 1
         WHERE repository = $1 AND ecosystem = $2 AND name = $3",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(to_json(origin))
    .execute(connection)
    .await?;
    Ok(())
}
