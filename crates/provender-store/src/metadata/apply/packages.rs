//! Packages and the origin that their names are bound to.

use provender_domain::{Origin, Timestamp};
use sqlx::{AnyConnection, Row};

use super::{Changed, Growth, hit, needs_repository, tags};
use crate::StoreError;
use crate::metadata::PackageKey;
use crate::metadata::codec::{from_json, to_json};
use crate::metadata::statement::Statement;

pub(super) async fn bind(
    connection: &mut AnyConnection,
    key: &PackageKey,
    origin: &Origin,
    at: Timestamp,
    growth: &mut Growth,
) -> Result<(), StoreError> {
    let row = binding(key, origin, at)
        .fetch_one(connection)
        .await
        .map_err(|error| needs_repository(error, &key.repository))?;
    growth.count_package(row.try_get(1)?);
    let bound: Origin = from_json("origin", row.try_get::<&str, _>(0)?)?;
    if bound != *origin {
        return Err(StoreError::OriginBound { bound });
    }
    Ok(())
}

/// Answers the origin that the name is bound to, and the generation.
pub(super) fn binding(key: &PackageKey, origin: &Origin, at: Timestamp) -> Statement {
    let (repository, ecosystem, package) = key.columns();
    Statement::new(
        "INSERT INTO packages (repository, ecosystem, name, origin, generation, created_at)
         VALUES ($1, $2, $3, $4, 0, $5)
         ON CONFLICT (repository, ecosystem, name)
         DO UPDATE SET origin = COALESCE(packages.origin, excluded.origin),
         generation = packages.generation + 1
         RETURNING origin, generation",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(to_json(origin))
    .bind(at.microseconds())
}

pub(super) async fn rebind(
    connection: &mut AnyConnection,
    key: &PackageKey,
    origin: &Origin,
    (at, actor): (Timestamp, &str),
    growth: &mut Growth,
) -> Result<(), StoreError> {
    if is_bound_elsewhere(connection, key, origin).await? {
        tags::remove_all(connection, key, at, actor).await?;
    }
    let (repository, ecosystem, package) = key.columns();
    let row = sqlx::query(
        "INSERT INTO packages (repository, ecosystem, name, origin, generation, created_at)
         VALUES ($1, $2, $3, $4, 0, $5)
         ON CONFLICT (repository, ecosystem, name)
         DO UPDATE SET origin = excluded.origin, generation = packages.generation + 1
         RETURNING generation",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(to_json(origin))
    .bind(at.microseconds())
    .fetch_one(connection)
    .await
    .map_err(|error| needs_repository(error, &key.repository))?;
    growth.count_package(row.try_get(0)?);
    Ok(())
}

async fn is_bound_elsewhere(
    connection: &mut AnyConnection,
    key: &PackageKey,
    origin: &Origin,
) -> Result<bool, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let row = sqlx::query(
        "SELECT origin FROM packages
         WHERE repository = $1 AND ecosystem = $2 AND name = $3 AND origin IS NOT NULL",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(false) };
    let bound: Origin = from_json("origin", row.try_get::<&str, _>(0)?)?;
    Ok(bound != *origin)
}

impl Changed {
    /// Notes that the package's generation has grown, or that the package is new.
    pub(super) fn note(&mut self, key: &PackageKey) {
        self.0.insert(key.clone());
    }
}

impl Growth {
    /// Only a row that was just made has generation 0: what meets it again adds 1.
    fn count_package(&mut self, generation: i64) {
        self.packages += i64::from(generation == 0);
    }
}

/// Lets the generation of a package grow whose files change, once per commit. `Missing` if there
/// is no such package.
pub(super) async fn bump(
    connection: &mut AnyConnection,
    key: &PackageKey,
    changed: &mut Changed,
) -> Result<(), StoreError> {
    if changed.0.contains(key) {
        return Ok(());
    }
    let result = growing(key).execute(connection).await?;
    hit(&result, "package", &key.package)?;
    changed.note(key);
    Ok(())
}

pub(super) fn growing(key: &PackageKey) -> Statement {
    let (repository, ecosystem, package) = key.columns();
    Statement::new(
        "UPDATE packages SET generation = generation + 1
         WHERE repository = $1 AND ecosystem = $2 AND name = $3",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
}
