//! Tags, read.

use std::num::ParseIntError;

use provender_domain::{FileName, Tag, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::codec::{askable, corrupt};
use super::read::{Rule, moment, name};
use super::statement::Statement;
use super::{Metadata, PackageKey};
use crate::StoreError;

/// Where a tag points now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRow {
    /// The tag.
    pub tag: Tag,
    /// The file that it points to.
    pub file: FileName,
    /// Since when.
    pub moved_at: Timestamp,
    /// When an upstream last said so, for a tag that is mirrored.
    pub checked_at: Option<Timestamp>,
}

/// One entry in the history of a package's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagChange {
    /// The tag.
    pub tag: Tag,
    /// Where it pointed from then on; `None`: it was removed.
    pub file: Option<FileName>,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
}

impl Metadata {
    /// Where this tag of the package points.
    pub async fn tag(&self, key: &PackageKey, tag: &Tag) -> Result<Option<TagRow>, StoreError> {
        one(&mut *self.reader().await?, key, tag).await
    }

    /// The package's tags behind `after`, which need not be one, sorted by [`Tag::compare`].
    pub async fn tags(
        &self,
        key: &PackageKey,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<TagRow>, StoreError> {
        page(&mut *self.reader().await?, key, after.unwrap_or(""), limit).await
    }

    /// The tags that point to this file, sorted by bytes.
    pub async fn tags_of_file(
        &self,
        key: &PackageKey,
        file: &FileName,
    ) -> Result<Vec<Tag>, StoreError> {
        of_file(&mut *self.reader().await?, key, file).await
    }

    /// What became of one of the package's tags, or of all of them; the newest first.
    pub async fn tag_history(
        &self,
        key: &PackageKey,
        tag: Option<&Tag>,
        limit: u32,
    ) -> Result<Vec<TagChange>, StoreError> {
        history(&mut *self.reader().await?, key, tag, limit).await
    }
}

async fn one(
    connection: &mut AnyConnection,
    key: &PackageKey,
    tag: &Tag,
) -> Result<Option<TagRow>, StoreError> {
    let row = asking_tag(key, tag).fetch_optional(connection).await?;
    row.as_ref().map(tag_row).transpose()
}

/// For a [`tag_row`].
pub(super) fn asking_tag(key: &PackageKey, tag: &Tag) -> Statement {
    let (repository, ecosystem, package) = key.columns();
    Statement::new(
        "SELECT tag, file, moved_at, checked_at FROM tags
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND tag = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(tag.as_str())
}

/// All rows in one text: ten thousand, each on its own from the database's thread, would take three
/// times as long. Neither tags nor file names have slashes.
async fn page(
    connection: &mut AnyConnection,
    key: &PackageKey,
    after: &str,
    limit: u32,
) -> Result<Vec<TagRow>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let after = askable(after);
    let row = sqlx::query(
        "SELECT STRING_AGG(tag || '/' || file || '/' || CAST(moved_at AS TEXT) || '/' ||
         COALESCE(CAST(checked_at AS TEXT), ''), '/')
         FROM (SELECT tag, file, moved_at, checked_at FROM tags
         WHERE repository = $1 AND ecosystem = $2 AND package = $3
         AND (LOWER(tag COLLATE \"binary\") > $4
         OR (LOWER(tag COLLATE \"binary\") = $4 AND tag COLLATE \"binary\" > $5))
         ORDER BY LOWER(tag COLLATE \"binary\"), tag COLLATE \"binary\" LIMIT $6) AS page",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(after.to_ascii_lowercase())
    .bind(after)
    .bind(i64::from(limit))
    .fetch_one(connection)
    .await?;
    let Some(text) = row.try_get::<Option<&str>, _>(0)? else {
        return Ok(Vec::new());
    };
    let mut rows = Vec::new();
    let mut fields = text.split('/');
    while let Some(tag) = fields.next() {
        rows.push(joined_row(tag, &mut fields)?);
    }
    // No database promises in which order it joins them.
    rows.sort_by(|a, b| Tag::compare(a.tag.as_str(), b.tag.as_str()));
    Ok(rows)
}

fn joined_row<'a>(
    tag: &str,
    fields: &mut impl Iterator<Item = &'a str>,
) -> Result<TagRow, StoreError> {
    let mut field = || fields.next().ok_or_else(|| corrupt("tag", Rule("a field is missing")));
    let (file, moved_at, checked_at) = (field()?, field()?, field()?);
    let moment = |text: &str| {
        let microseconds = text.parse().map_err(|error: ParseIntError| corrupt("tag", error))?;
        Ok::<_, StoreError>(Timestamp::from_microseconds(microseconds))
    };
    Ok(TagRow {
        tag: Tag::new(tag).map_err(|error| corrupt("name", error))?,
        file: FileName::new(file).map_err(|error| corrupt("name", error))?,
        moved_at: moment(moved_at)?,
        checked_at: if checked_at.is_empty() { None } else { Some(moment(checked_at)?) },
    })
}

pub(super) fn tag_row(row: &AnyRow) -> Result<TagRow, StoreError> {
    let checked_at = row.try_get::<Option<i64>, _>(3)?;
    Ok(TagRow {
        tag: name(row, 0)?,
        file: name(row, 1)?,
        moved_at: moment(row, 2)?,
        checked_at: checked_at.map(Timestamp::from_microseconds),
    })
}

async fn of_file(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
) -> Result<Vec<Tag>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let rows = sqlx::query(
        "SELECT tag FROM tags
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
    .fetch_all(connection)
    .await?;
    let mut tags = rows.iter().map(|row| name(row, 0)).collect::<Result<Vec<Tag>, _>>()?;
    tags.sort_unstable();
    Ok(tags)
}

async fn history(
    connection: &mut AnyConnection,
    key: &PackageKey,
    tag: Option<&Tag>,
    limit: u32,
) -> Result<Vec<TagChange>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let sql = match tag {
        Some(_) => {
            "SELECT tag, file, at, actor FROM tag_history
             WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND tag = $5
             ORDER BY number DESC LIMIT $4"
        }
        None => {
            "SELECT tag, file, at, actor FROM tag_history
             WHERE repository = $1 AND ecosystem = $2 AND package = $3
             ORDER BY number DESC LIMIT $4"
        }
    };
    let mut query =
        sqlx::query(sql).bind(repository).bind(ecosystem).bind(package).bind(i64::from(limit));
    if let Some(tag) = tag {
        query = query.bind(tag.as_str());
    }
    let change = |row: &AnyRow| {
        let removed = row.try_get::<Option<&str>, _>(1)?.is_none();
        Ok(TagChange {
            tag: name(row, 0)?,
            file: if removed { None } else { Some(name(row, 1)?) },
            at: moment(row, 2)?,
            actor: row.try_get(3)?,
        })
    };
    query.fetch_all(connection).await?.iter().map(change).collect()
}
