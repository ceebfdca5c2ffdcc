//! What upstreams said.

use provender_domain::{RepositoryName, Timestamp, UpstreamName};
use sqlx::AnyConnection;

use super::hit;
use crate::StoreError;
use crate::metadata::codec::to_json;
use crate::metadata::read::Validators;
use crate::metadata::{ListingOutcome, PackageKey, StoredListing};

pub(super) async fn put(
    connection: &mut AnyConnection,
    key: &PackageKey,
    upstream: &UpstreamName,
    listing: &StoredListing,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let validators =
        Validators { etag: listing.etag.clone(), last_modified: listing.last_modified.clone() };
    sqlx::query(
        "INSERT INTO listings (repository, ecosystem, package, upstream, validators, fetched_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (repository, ecosystem, package, upstream)
         DO UPDATE SET validators = excluded.validators, fetched_at = excluded.fetched_at",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(upstream.as_str())
    .bind(to_json(&validators))
    .bind(listing.fetched_at.microseconds())
    .execute(&mut *connection)
    .await?;
    match &listing.outcome {
        ListingOutcome::Found(found) => put_body(connection, key, upstream, to_json(found)).await,
        ListingOutcome::Missing => drop_body(connection, key, upstream).await,
    }
}

async fn put_body(
    connection: &mut AnyConnection,
    key: &PackageKey,
    upstream: &UpstreamName,
    body: String,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    sqlx::query(
        "INSERT INTO listing_bodies (repository, ecosystem, package, upstream, body)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (repository, ecosystem, package, upstream)
         DO UPDATE SET body = excluded.body",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(upstream.as_str())
    .bind(body)
    .execute(connection)
    .await?;
    Ok(())
}

async fn drop_body(
    connection: &mut AnyConnection,
    key: &PackageKey,
    upstream: &UpstreamName,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    sqlx::query(
        "DELETE FROM listing_bodies
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND upstream = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(upstream.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn touch(
    connection: &mut AnyConnection,
    key: &PackageKey,
    upstream: &UpstreamName,
    fetched_at: Timestamp,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let result = sqlx::query(
        "UPDATE listings SET fetched_at = $5
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND upstream = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(upstream.as_str())
    .bind(fetched_at.microseconds())
    .execute(connection)
    .await?;
    hit(&result, "listing", package)
}

/// Forgets everything that an upstream said, so that another of the same name starts afresh.
pub(super) async fn forget(
    connection: &mut AnyConnection,
    repository: &RepositoryName,
    ecosystem: &str,
    upstream: &UpstreamName,
) -> Result<(), StoreError> {
    for table in [
        "DELETE FROM listings WHERE repository = $1 AND ecosystem = $2 AND upstream = $3",
        "DELETE FROM listing_bodies WHERE repository = $1 AND ecosystem = $2 AND upstream = $3",
    ] {
        sqlx::query(table)
            .bind(repository.as_str())
            .bind(ecosystem)
            .bind(upstream.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
