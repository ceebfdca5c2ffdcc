//! Tags, and the history of where each has pointed.

use provender_domain::{FileName, Tag, TagRule, Timestamp};
use sqlx::{AnyConnection, Row};

use super::{Changed, hit, missing, orphans, packages};
use crate::StoreError;
use crate::metadata::PackageKey;
use crate::metadata::codec::storable;
use crate::metadata::read::name;
use crate::metadata::statement::Statement;

/// Something that is done to a tag.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) key: &'a PackageKey,
    pub(super) tag: &'a Tag,
    pub(super) at: Timestamp,
    pub(super) actor: &'a str,
}

pub(super) async fn put(
    connection: &mut AnyConnection,
    step: Step<'_>,
    file: &FileName,
    checked_at: Option<Timestamp>,
    rule: TagRule,
    changed: &mut Changed,
) -> Result<(), StoreError> {
    let Step { key, tag, .. } = step;
    match before(connection, step, file).await? {
        Some((there, _)) if there == *file => {
            let Some(checked_at) = checked_at else {
                return Ok(());
            };
            return touch(connection, key, tag, checked_at).await;
        }
        // What an upstream pointed it to is not served where the name is ours by now.
        Some((_, Mover::Upstream)) if checked_at.is_none() => {}
        Some((file, _)) if rule == TagRule::Immutable => return Err(StoreError::TagTaken { file }),
        _ => {}
    }
    packages::bump(connection, key, changed).await?;
    pointing(step, file, checked_at).execute(connection).await?;
    orphans::clear(connection, key, file).await?;
    noting(step, Some(file)).execute(connection).await?;
    Ok(())
}

/// Points the tag to the file, wherever it pointed before.
pub(super) fn pointing(
    step: Step<'_>,
    file: &FileName,
    checked_at: Option<Timestamp>,
) -> Statement {
    let (repository, ecosystem, package) = step.key.columns();
    Statement::new(
        "INSERT INTO tags (repository, ecosystem, package, tag, file, moved_at, checked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (repository, ecosystem, package, tag)
         DO UPDATE SET file = excluded.file, moved_at = excluded.moved_at,
         checked_at = excluded.checked_at",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(step.tag.as_str())
    .bind(file.as_str())
    .bind(step.at.microseconds())
    .bind(checked_at.map(Timestamp::microseconds))
}

pub(super) async fn touch(
    connection: &mut AnyConnection,
    key: &PackageKey,
    tag: &Tag,
    checked_at: Timestamp,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let result = sqlx::query(
        "UPDATE tags SET checked_at = $5
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND tag = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(tag.as_str())
    .bind(checked_at.microseconds())
    .execute(connection)
    .await?;
    hit(&result, "tag", tag)
}

pub(super) async fn remove(
    connection: &mut AnyConnection,
    step: Step<'_>,
    unless_moved: Option<&(FileName, Timestamp)>,
    changed: &mut Changed,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = step.key.columns();
    let sql = "DELETE FROM tags
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND tag = $4";
    let still = "DELETE FROM tags
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND tag = $4
         AND file = $5 AND moved_at = $6";
    let query = sqlx::query(if unless_moved.is_some() { still } else { sql })
        .bind(repository)
        .bind(ecosystem)
        .bind(package)
        .bind(step.tag.as_str());
    let query = match unless_moved {
        Some((file, moved_at)) => query.bind(file.as_str()).bind(moved_at.microseconds()),
        None => query,
    };
    let result = query.execute(&mut *connection).await?;
    hit(&result, "tag", step.tag)?;
    packages::bump(connection, step.key, changed).await?;
    noting(step, None).execute(connection).await?;
    Ok(())
}

pub(super) async fn remove_all_of(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
    at: Timestamp,
    actor: &str,
    changed: &mut Changed,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let rows = sqlx::query(
        "SELECT tag FROM tags
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
    .fetch_all(&mut *connection)
    .await?;
    let mut tags = rows.iter().map(|row| name(row, 0)).collect::<Result<Vec<Tag>, _>>()?;
    tags.sort_unstable();
    for tag in &tags {
        remove(connection, Step { key, tag, at, actor }, None, changed).await?;
    }
    Ok(())
}

/// Removes every tag of a package, however many.
pub(super) async fn remove_all(
    connection: &mut AnyConnection,
    key: &PackageKey,
    at: Timestamp,
    actor: &str,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let history = "INSERT INTO tag_history
         (repository, ecosystem, package, number, tag, file, at, actor)
         SELECT repository, ecosystem, package, ROW_NUMBER() OVER (ORDER BY tag) +
         (SELECT COALESCE(MAX(number), 0) FROM tag_history
         WHERE repository = $1 AND ecosystem = $2 AND package = $3), tag, NULL, $4, $5
         FROM tags WHERE repository = $1 AND ecosystem = $2 AND package = $3";
    sqlx::query(history)
        .bind(repository)
        .bind(ecosystem)
        .bind(package)
        .bind(at.microseconds())
        .bind(storable(actor))
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM tags WHERE repository = $1 AND ecosystem = $2 AND package = $3")
        .bind(repository)
        .bind(ecosystem)
        .bind(package)
        .execute(connection)
        .await?;
    Ok(())
}

/// `InUse` if a tag points to the file.
pub(super) async fn none_points_to(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let tagged = sqlx::query(
        "SELECT 1 FROM tags
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4 LIMIT 1",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
    .fetch_optional(connection)
    .await?;
    if tagged.is_some() { Err(StoreError::InUse) } else { Ok(()) }
}

/// Who moved a tag last.
#[derive(Clone, Copy)]
enum Mover {
    Publisher,
    Upstream,
}

/// Where the tag points; `Missing` unless the file that it is to point to is present.
async fn before(
    connection: &mut AnyConnection,
    step: Step<'_>,
    file: &FileName,
) -> Result<Option<(FileName, Mover)>, StoreError> {
    let row = question(step, file)
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| missing("file", file))?;
    if row.try_get::<Option<&str>, _>(0)?.is_none() {
        return Ok(None);
    }
    let mover = match row.try_get::<Option<i64>, _>(1)? {
        Some(_) => Mover::Upstream,
        None => Mover::Publisher,
    };
    Ok(Some((name(&row, 0)?, mover)))
}

/// Answers a row if the file is present, with where the tag points, if there is one.
pub(super) fn question(step: Step<'_>, file: &FileName) -> Statement {
    let (repository, ecosystem, package) = step.key.columns();
    Statement::new(
        "SELECT tags.file, tags.checked_at FROM files LEFT JOIN tags ON tags.repository = files.repository
         AND tags.ecosystem = files.ecosystem AND tags.package = files.package AND tags.tag = $5
         WHERE files.repository = $1 AND files.ecosystem = $2 AND files.package = $3
         AND files.name = $4 AND files.state = 'present'",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
    .bind(step.tag.as_str())
}

/// Appends to the tag's history.
pub(super) fn noting(step: Step<'_>, file: Option<&FileName>) -> Statement {
    let (repository, ecosystem, package) = step.key.columns();
    Statement::new(
        "INSERT INTO tag_history (repository, ecosystem, package, number, tag, file, at, actor)
         SELECT $1, $2, $3, COALESCE(MAX(number), 0) + 1, $4, $5, $6, $7 FROM tag_history
         WHERE repository = $1 AND ecosystem = $2 AND package = $3",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(step.tag.as_str())
    .bind(file.map(FileName::as_str))
    .bind(step.at.microseconds())
    .bind(storable(step.actor))
}
