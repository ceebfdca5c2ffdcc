//! Repositories, owned names, upstreams, tokens.

use provender_domain::{
    NamePattern, OwnedName, Repository, RepositoryName, RepositoryPolicy, Timestamp, TokenId,
    Upstream, UpstreamName, Visibility,
};
use sqlx::AnyConnection;

use super::{exists, hit, needs_repository};
use crate::StoreError;
use crate::metadata::Token;
use crate::metadata::codec::to_json;

pub(super) async fn create_repository(
    connection: &mut AnyConnection,
    repository: &Repository,
) -> Result<(), StoreError> {
    let result = sqlx::query(
        "INSERT INTO repositories (name, visibility, created_at, policy) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(repository.name.as_str())
    .bind(repository.visibility.as_str())
    .bind(repository.created_at.microseconds())
    .bind(to_json(&repository.policy))
    .execute(connection)
    .await?;
    if result.rows_affected() == 0 {
        return Err(exists("repository", &repository.name));
    }
    Ok(())
}

pub(super) async fn set_visibility(
    connection: &mut AnyConnection,
    repository: &RepositoryName,
    visibility: Visibility,
) -> Result<(), StoreError> {
    let result = sqlx::query("UPDATE repositories SET visibility = $2 WHERE name = $1")
        .bind(repository.as_str())
        .bind(visibility.as_str())
        .execute(connection)
        .await?;
    hit(&result, "repository", repository)
}

pub(super) async fn set_policy(
    connection: &mut AnyConnection,
    repository: &RepositoryName,
    policy: &RepositoryPolicy,
) -> Result<(), StoreError> {
    let result = sqlx::query("UPDATE repositories SET policy = $2 WHERE name = $1")
        .bind(repository.as_str())
        .bind(to_json(policy))
        .execute(connection)
        .await?;
    hit(&result, "repository", repository)
}

pub(super) async fn own(
    connection: &mut AnyConnection,
    owned: &OwnedName,
) -> Result<(), StoreError> {
    let pattern = owned.pattern.to_string();
    let result = sqlx::query(
        "INSERT INTO owned_names (repository, ecosystem, pattern, created_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (repository, ecosystem, pattern) DO NOTHING",
    )
    .bind(owned.repository.as_str())
    .bind(owned.ecosystem.as_str())
    .bind(pattern.as_str())
    .bind(owned.created_at.microseconds())
    .execute(connection)
    .await
    .map_err(|error| needs_repository(error, &owned.repository))?;
    if result.rows_affected() == 0 {
        return Err(exists("owned name", pattern));
    }
    Ok(())
}

pub(super) async fn disown(
    connection: &mut AnyConnection,
    repository: &RepositoryName,
    ecosystem: &str,
    pattern: &NamePattern,
) -> Result<(), StoreError> {
    let pattern = pattern.to_string();
    let result = sqlx::query(
        "DELETE FROM owned_names WHERE repository = $1 AND ecosystem = $2 AND pattern = $3",
    )
    .bind(repository.as_str())
    .bind(ecosystem)
    .bind(pattern.as_str())
    .execute(connection)
    .await?;
    hit(&result, "owned name", pattern)
}

pub(super) async fn add_upstream(
    connection: &mut AnyConnection,
    upstream: &Upstream,
) -> Result<(), StoreError> {
    let result = sqlx::query(
        "INSERT INTO upstreams (repository, ecosystem, name, facts) VALUES ($1, $2, $3, $4)
         ON CONFLICT (repository, ecosystem, name) DO NOTHING",
    )
    .bind(upstream.repository.as_str())
    .bind(upstream.ecosystem.as_str())
    .bind(upstream.name.as_str())
    .bind(to_json(upstream))
    .execute(connection)
    .await
    .map_err(|error| needs_repository(error, &upstream.repository))?;
    if result.rows_affected() == 0 {
        return Err(exists("upstream", &upstream.name));
    }
    Ok(())
}

pub(super) async fn remove_upstream(
    connection: &mut AnyConnection,
    repository: &RepositoryName,
    ecosystem: &str,
    name: &UpstreamName,
) -> Result<(), StoreError> {
    let result =
        sqlx::query("DELETE FROM upstreams WHERE repository = $1 AND ecosystem = $2 AND name = $3")
            .bind(repository.as_str())
            .bind(ecosystem)
            .bind(name.as_str())
            .execute(connection)
            .await?;
    hit(&result, "upstream", name)
}

pub(super) async fn create_token(
    connection: &mut AnyConnection,
    token: &Token,
) -> Result<(), StoreError> {
    let result = sqlx::query(
        "INSERT INTO tokens (id, facts, revoked_at) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(token.id.0.as_str())
    .bind(to_json(token))
    .bind(token.revoked_at.map(Timestamp::microseconds))
    .execute(connection)
    .await?;
    if result.rows_affected() == 0 {
        return Err(exists("token", &token.id));
    }
    Ok(())
}

pub(super) async fn revoke_token(
    connection: &mut AnyConnection,
    id: &TokenId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let result =
        sqlx::query("UPDATE tokens SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1")
            .bind(id.0.as_str())
            .bind(at.microseconds())
            .execute(connection)
            .await?;
    hit(&result, "token", id)
}
