//! Which files a file names.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use provender_domain::FileState::{Deleted, Present};
use provender_domain::{FileName, Reference, ReferenceRole};
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::missing;
use crate::StoreError;
use crate::metadata::PackageKey;
use crate::metadata::read::state_name;

/// How many files one question is about.
const FILES_PER_QUERY: usize = 32;
/// How many references one statement keeps.
const REFERENCES_PER_STATEMENT: usize = 16;
/// How many places of a statement say which package.
const KEY_PLACES: usize = 3;

pub(super) async fn record(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
    references: &[Reference],
) -> Result<(), StoreError> {
    let needed = references
        .iter()
        .filter(|reference| reference.role == ReferenceRole::Required)
        .map(|reference| &reference.file);
    let names: Vec<_> = std::iter::once(file).chain(needed).collect();
    let states = states(connection, key, &names).await?;
    let is_present = |name: &&FileName| {
        states.get(name.as_str()).is_some_and(|state| state == state_name(Present))
    };
    match states.get(file.as_str()) {
        Some(state) if state != state_name(Deleted) => {}
        _ => return Err(missing("file", file)),
    }
    if let Some(target) = names[1..].iter().find(|name| !is_present(name)) {
        return Err(StoreError::MissingReference { target: (*target).clone() });
    }
    for chunk in references.chunks(REFERENCES_PER_STATEMENT) {
        insert(connection, key, file, chunk).await?;
    }
    end_orphanage(connection, key, file).await
}

static STATES: LazyLock<String> = LazyLock::new(|| {
    let mut sql = "SELECT name, state FROM files
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND name IN ("
        .to_owned();
    for place in 1..=FILES_PER_QUERY {
        let comma = if place == 1 { "" } else { ", " };
        let _ = write!(sql, "{comma}${}", KEY_PLACES + place);
    }
    sql.push(')');
    sql
});

/// The states of those of these files that are recorded.
async fn states(
    connection: &mut AnyConnection,
    key: &PackageKey,
    names: &[&FileName],
) -> Result<HashMap<String, String>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let mut states = HashMap::with_capacity(names.len());
    for chunk in names.chunks(FILES_PER_QUERY) {
        let mut query = sqlx::query(AssertSqlSafe(STATES.as_str()))
            .bind(repository)
            .bind(ecosystem)
            .bind(package);
        // A short chunk asks for its last one again, so that the text stays the same.
        for place in 0..FILES_PER_QUERY {
            query = query.bind(chunk[place.min(chunk.len() - 1)].as_str());
        }
        for row in query.fetch_all(&mut *connection).await? {
            states.insert(row.try_get(0)?, row.try_get(1)?);
        }
    }
    Ok(states)
}

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let mut sql = "INSERT INTO file_references
         (repository, ecosystem, package, file, role, target) VALUES"
        .to_owned();
    for row in 0..REFERENCES_PER_STATEMENT {
        let comma = if row == 0 { "" } else { "," };
        let role = KEY_PLACES + 2 + row * 2;
        let _ = write!(sql, "{comma} ($1, $2, $3, $4, ${role}, ${})", role + 1);
    }
    sql.push_str(" ON CONFLICT (repository, ecosystem, package, file, role, target) DO NOTHING");
    sql
});

async fn insert(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
    chunk: &[Reference],
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let mut query = sqlx::query(AssertSqlSafe(INSERT.as_str()))
        .bind(repository)
        .bind(ecosystem)
        .bind(package)
        .bind(file.as_str());
    for place in 0..REFERENCES_PER_STATEMENT {
        let reference = &chunk[place.min(chunk.len() - 1)];
        query = query.bind(reference.role.as_str()).bind(reference.file.as_str());
    }
    query.execute(connection).await?;
    Ok(())
}

/// Takes the marks from what the file refers to, and from itself, if it is about another.
async fn end_orphanage(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    sqlx::query(
        "DELETE FROM orphans WHERE repository = $1 AND ecosystem = $2 AND package = $3
         AND file IN (SELECT CASE WHEN role = 'subject' THEN file ELSE target END
         FROM file_references
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4)",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what a file names that goes away.
pub(super) async fn forget(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    sqlx::query(
        "DELETE FROM file_references
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
    .execute(connection)
    .await?;
    Ok(())
}
