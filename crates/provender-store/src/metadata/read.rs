//! Every question the database is asked, but those about events, evidence, identities and logs.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::LazyLock;

use futures_util::TryStreamExt;
use provender_domain::{
    BlobId, EcosystemId, FileName, FileState, KeptFile, NameError, OwnedName, Repository,
    RepositoryName, Timestamp, Upstream, UpstreamName,
};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};

use super::codec::{corrupt, from_json};
use super::connect::Dialect;
use super::file_facts::{self, FileColumns};
use super::identities;
use super::listing_body;
use super::statement::Statement;
use super::{
    Counts, ListingOutcome, NamedPackage, PackageKey, PackageRow, Settings, StoredKey,
    StoredListing, Token,
};
use crate::StoreError;

/// What an upstream's answer is asked for anew with.
#[derive(Serialize, Deserialize)]
pub(super) struct Validators {
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
}

/// How a state is written in its column.
pub(super) const fn state_name(state: FileState) -> &'static str {
    match state {
        FileState::Present => "present",
        FileState::Quarantined => "quarantined",
        FileState::Deleted => "deleted",
    }
}

pub(super) async fn settings(
    connection: &mut AnyConnection,
    dialect: Dialect,
) -> Result<Settings, StoreError> {
    let mut moment = connection.begin_with(dialect.begin_read()).await?;
    let mut settings = Settings {
        repositories: repositories(&mut moment).await?,
        owned: owned(&mut moment).await?,
        upstreams: upstreams(&mut moment).await?,
        tokens: tokens(&mut moment).await?,
        accounts: identities::accounts(&mut moment).await?,
        issuers: identities::issuers(&mut moment).await?,
    };
    moment.commit().await?;
    // Sorted here, since the databases sort texts differently.
    settings.repositories.sort_by(|a, b| a.name.cmp(&b.name));
    settings.owned.sort_by(|a, b| {
        (&a.repository, &a.ecosystem, &a.pattern).cmp(&(&b.repository, &b.ecosystem, &b.pattern))
    });
    settings.upstreams.sort_by(|a, b| {
        (&a.repository, &a.ecosystem, a.position, &a.name).cmp(&(
            &b.repository,
            &b.ecosystem,
            b.position,
            &b.name,
        ))
    });
    settings.tokens.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    settings.accounts.sort_by(|a, b| a.name.cmp(&b.name));
    settings.issuers.sort_by(|a, b| a.url.cmp(&b.url));
    Ok(settings)
}

async fn repositories(connection: &mut AnyConnection) -> Result<Vec<Repository>, StoreError> {
    let rows = sqlx::query("SELECT name, visibility, created_at, policy FROM repositories")
        .fetch_all(connection)
        .await?;
    let repository = |row: &AnyRow| {
        let visibility = row.try_get::<&str, _>(1)?.parse();
        Ok(Repository {
            name: name(row, 0)?,
            visibility: visibility.map_err(|rule| corrupt("visibility", Rule(rule)))?,
            created_at: moment(row, 2)?,
            policy: from_json("policy", row.try_get::<&str, _>(3)?)?,
        })
    };
    rows.iter().map(repository).collect()
}

async fn owned(connection: &mut AnyConnection) -> Result<Vec<OwnedName>, StoreError> {
    let rows = sqlx::query("SELECT repository, ecosystem, pattern, created_at FROM owned_names")
        .fetch_all(connection)
        .await?;
    let owned = |row: &AnyRow| {
        let pattern = row.try_get::<String, _>(2)?.try_into();
        Ok(OwnedName {
            repository: name(row, 0)?,
            ecosystem: row.try_get(1)?,
            pattern: pattern.map_err(|error| corrupt("name pattern", error))?,
            created_at: moment(row, 3)?,
        })
    };
    rows.iter().map(owned).collect()
}

async fn upstreams(connection: &mut AnyConnection) -> Result<Vec<Upstream>, StoreError> {
    let rows = sqlx::query("SELECT facts FROM upstreams").fetch_all(connection).await?;
    rows.iter().map(|row| from_json("upstream", row.try_get::<&str, _>(0)?)).collect()
}

async fn tokens(connection: &mut AnyConnection) -> Result<Vec<Token>, StoreError> {
    let rows = sqlx::query("SELECT facts, revoked_at FROM tokens").fetch_all(connection).await?;
    let token = |row: &AnyRow| {
        let token: Token = from_json("token", row.try_get::<&str, _>(0)?)?;
        let revoked_at = row.try_get::<Option<i64>, _>(1)?.map(Timestamp::from_microseconds);
        Ok(Token { revoked_at, ..token })
    };
    rows.iter().map(token).collect()
}

pub(super) async fn package(
    connection: &mut AnyConnection,
    key: &PackageKey,
) -> Result<Option<PackageRow>, StoreError> {
    let row = asking_package(key).fetch_optional(connection).await?;
    row.as_ref().map(package_row).transpose()
}

/// For a [`package_row`].
pub(super) fn asking_package(key: &PackageKey) -> Statement {
    let (repository, ecosystem, package) = key.columns();
    Statement::new(
        "SELECT origin, generation, created_at FROM packages
         WHERE repository = $1 AND ecosystem = $2 AND name = $3",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
}

pub(super) fn package_row(row: &AnyRow) -> Result<PackageRow, StoreError> {
    let origin = row.try_get::<Option<&str>, _>(0)?;
    Ok(PackageRow {
        origin: origin.map(|text| from_json("origin", text)).transpose()?,
        generation: row.try_get(1)?,
        created_at: moment(row, 2)?,
    })
}

pub(super) async fn packages(
    connection: &mut AnyConnection,
    repository: &RepositoryName,
    ecosystem: EcosystemId,
) -> Result<Vec<NamedPackage>, StoreError> {
    let rows = sqlx::query(
        "SELECT origin, generation, created_at, name FROM packages
         WHERE repository = $1 AND ecosystem = $2",
    )
    .bind(repository.as_str())
    .bind(ecosystem.as_str())
    .fetch_all(connection)
    .await?;
    let package = |row| Ok(NamedPackage { name: name(row, 3)?, row: package_row(row)? });
    let mut packages = rows.iter().map(package).collect::<Result<Vec<_>, StoreError>>()?;
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

pub(super) async fn files(
    connection: &mut AnyConnection,
    key: &PackageKey,
) -> Result<Vec<KeptFile>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let mut rows = sqlx::query(
        "SELECT name, blob, state, facts FROM files
         WHERE repository = $1 AND ecosystem = $2 AND package = $3",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .fetch(connection);
    // Decoded as they come, while the database fetches the next ones.
    let mut files = Vec::new();
    while let Some(row) = rows.try_next().await? {
        files.push(kept_file(&row, 0)?);
    }
    files.sort_by(|a, b| a.file.name.cmp(&b.file.name));
    Ok(files)
}

pub(super) async fn file(
    connection: &mut AnyConnection,
    key: &PackageKey,
    name: &FileName,
) -> Result<Option<KeptFile>, StoreError> {
    let row = asking_file(key, name).fetch_optional(connection).await?;
    row.map(|row| kept_file(&row, 0)).transpose()
}

/// For a [`kept_file`], from column 0.
pub(super) fn asking_file(key: &PackageKey, name: &FileName) -> Statement {
    let (repository, ecosystem, package) = key.columns();
    Statement::new(
        "SELECT name, blob, state, facts FROM files
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND name = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(name.as_str())
}

pub(super) fn asking_not_served(key: &PackageKey) -> Statement {
    let (repository, ecosystem, package) = key.columns();
    // Written as in the partial index, which serves it.
    Statement::new(
        "SELECT name, blob, state, facts FROM files
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND state <> 'present'",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
}

macro_rules! files_in_state {
    ($condition:literal) => {
        concat!(
            "SELECT repository, ecosystem, package, name, blob, state, facts FROM files WHERE ",
            $condition,
            " AND ($1 IS NULL OR repository = $1)"
        )
    };
}

pub(super) async fn files_in_state(
    connection: &mut AnyConnection,
    state: FileState,
    repository: Option<&RepositoryName>,
) -> Result<Vec<(StoredKey, KeptFile)>, StoreError> {
    // Written out, so that the partial index serves the states that are rare.
    let sql = match state {
        FileState::Present => files_in_state!("state = 'present'"),
        FileState::Quarantined => {
            files_in_state!("state <> 'present' AND state = 'quarantined'")
        }
        FileState::Deleted => files_in_state!("state <> 'present' AND state = 'deleted'"),
    };
    let rows = sqlx::query(sql)
        .bind(repository.map(|name| name.as_str().to_owned()))
        .fetch_all(connection)
        .await?;
    let file = |row: &AnyRow| {
        let (repository, ecosystem, package) = (name(row, 0)?, row.try_get(1)?, name(row, 2)?);
        let key = StoredKey { repository, ecosystem, package };
        Ok((key, kept_file(row, 3)?))
    };
    let mut files = rows.iter().map(file).collect::<Result<Vec<(_, KeptFile)>, StoreError>>()?;
    files.sort_by(|a, b| (&a.0, &a.1.file.name).cmp(&(&b.0, &b.1.file.name)));
    Ok(files)
}

pub(super) async fn listing(
    connection: &mut AnyConnection,
    key: &PackageKey,
    upstream: &UpstreamName,
) -> Result<Option<StoredListing>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let row = sqlx::query(
        "SELECT listings.validators, listings.fetched_at, listing_bodies.body
         FROM listings LEFT JOIN listing_bodies
         ON listing_bodies.repository = listings.repository
         AND listing_bodies.ecosystem = listings.ecosystem
         AND listing_bodies.package = listings.package
         AND listing_bodies.upstream = listings.upstream
         WHERE listings.repository = $1 AND listings.ecosystem = $2
         AND listings.package = $3 AND listings.upstream = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(upstream.as_str())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let validators: Validators = from_json("listing", row.try_get::<&str, _>(0)?)?;
    let outcome = match row.try_get::<Option<String>, _>(2)? {
        Some(body) => ListingOutcome::Found(listing_body::decode(body).await?),
        None => ListingOutcome::Missing,
    };
    Ok(Some(StoredListing {
        outcome,
        etag: validators.etag,
        last_modified: validators.last_modified,
        fetched_at: moment(&row, 1)?,
    }))
}

/// How many blobs one question is about: one for what is published, one for collecting garbage.
const BLOBS_PER_QUERY: [usize; 2] = [4, 100];

static BLOBS_IN_USE: LazyLock<[String; 2]> = LazyLock::new(|| BLOBS_PER_QUERY.map(blobs_in_use_of));

/// The text of a question for those of so many blobs that are in use. Each is looked for until
/// something is found that uses it: of the smallest ones all images have a file.
fn blobs_in_use_of(places: usize) -> String {
    let mut asked = String::new();
    for place in 1..=places {
        let before = if place == 1 { "SELECT" } else { " UNION SELECT" };
        let _ = write!(asked, "{before} CAST(${place} AS TEXT) AS blob");
    }
    format!(
        "SELECT asked.blob FROM ({asked}) AS asked WHERE EXISTS
         (SELECT 1 FROM files WHERE files.blob = asked.blob AND files.state <> 'deleted')
         OR EXISTS (SELECT 1 FROM companion_blobs WHERE companion_blobs.blob = asked.blob)
         OR EXISTS (SELECT 1 FROM attestations WHERE attestations.bundle_blob = asked.blob)"
    )
}

pub(super) async fn blobs_in_use(
    connection: &mut AnyConnection,
    blobs: &[BlobId],
) -> Result<HashSet<BlobId>, StoreError> {
    let mut in_use = HashSet::new();
    let [few, many] = BLOBS_PER_QUERY;
    let is_few = blobs.len() <= few;
    let (places, sql) = if is_few { (few, &BLOBS_IN_USE[0]) } else { (many, &BLOBS_IN_USE[1]) };
    for chunk in blobs.chunks(places) {
        let mut query = sqlx::query(AssertSqlSafe(sql.as_str()));
        // A short chunk asks for its last one again, so that the text stays the same.
        for place in 0..places {
            query = query.bind(chunk[place.min(chunk.len() - 1)].to_hex());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let blob = row.try_get::<&str, _>(0)?.parse();
            in_use.insert(blob.map_err(|error| corrupt("blob name", error))?);
        }
    }
    Ok(in_use)
}

pub(super) async fn counts(connection: &mut AnyConnection) -> Result<Counts, StoreError> {
    let row = sqlx::query("SELECT packages, files, bytes, events FROM totals WHERE id = 1")
        .fetch_one(connection)
        .await?;
    let count = |column: usize| {
        Ok::<_, StoreError>(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0))
    };
    Ok(Counts { packages: count(0)?, files: count(1)?, bytes: count(2)?, events: count(3)? })
}

pub(super) async fn last_event(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT events FROM totals WHERE id = 1").fetch_one(connection).await?;
    Ok(row.try_get(0)?)
}

pub(super) fn name<T: FromStr<Err = NameError>>(
    row: &AnyRow,
    column: usize,
) -> Result<T, StoreError> {
    row.try_get::<&str, _>(column)?.parse().map_err(|error| corrupt("name", error))
}

/// From the columns `name`, `blob`, `state` and `facts` of a file, this one the first.
pub(super) fn kept_file(row: &AnyRow, first: usize) -> Result<KeptFile, StoreError> {
    let columns = FileColumns {
        name: row.try_get(first)?,
        blob: row.try_get(first + 1)?,
        state: row.try_get(first + 2)?,
    };
    file_facts::decode(&columns, row.try_get(first + 3)?)
}

pub(super) fn moment(row: &AnyRow, column: usize) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_microseconds(row.try_get(column)?))
}

/// A rule that a text breaks, as an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Rule(pub(super) &'static str);
