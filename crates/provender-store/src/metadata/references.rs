//! What files of a package name, read.

use provender_domain::{FileName, KeptFile, Reference, ReferenceRole};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::codec::corrupt;
use super::connect::Dialect;
use super::read::{Rule, kept_file, name};
use super::statement::Statement;
use super::{Metadata, PackageKey};
use crate::StoreError;

/// Files of a package that name one of its files, in the order of this expression, falling.
macro_rules! newest_by {
    ($recorded_at:literal) => {
        concat!(
            "SELECT name, blob, state, facts FROM files
             WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND name IN (
                 SELECT file FROM file_references WHERE repository = $1 AND ecosystem = $2
                 AND package = $3 AND target = $4 AND role IN ($5, $6))
             ORDER BY ",
            $recorded_at,
            " DESC, name COLLATE \"binary\" LIMIT $7"
        )
    };
}

impl Metadata {
    /// The present files that are about this one, which need not be here; sorted by name.
    pub async fn referrers(
        &self,
        key: &PackageKey,
        subject: &FileName,
    ) -> Result<Vec<KeptFile>, StoreError> {
        about(&mut *self.reader().await?, key, subject).await
    }

    /// The names of the files, not deleted, that name this one in one of these roles; each once,
    /// sorted.
    pub async fn referring(
        &self,
        key: &PackageKey,
        target: &FileName,
        roles: &[ReferenceRole],
    ) -> Result<Vec<FileName>, StoreError> {
        naming(&mut *self.reader().await?, key, target, roles).await
    }

    /// The files themselves that name this one in one of these roles, at most so many: those that
    /// were recorded last, the last first.
    pub async fn newest_referring(
        &self,
        key: &PackageKey,
        target: &FileName,
        roles: [ReferenceRole; 2],
        limit: u32,
    ) -> Result<Vec<KeptFile>, StoreError> {
        let question = asking_newest(self.0.pools.dialect, key, target, roles, limit);
        let rows = question.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(|row| kept_file(row, 0)).collect()
    }

    /// Which files of a package, not deleted, need or may have which others, in no order: the one
    /// that names and the one that is named.
    pub async fn references_within(
        &self,
        key: &PackageKey,
    ) -> Result<Vec<(FileName, FileName)>, StoreError> {
        within(&mut *self.reader().await?, key).await
    }

    /// What this file names; nothing, once it is deleted. Sorted.
    pub async fn references_of(
        &self,
        key: &PackageKey,
        file: &FileName,
    ) -> Result<Vec<Reference>, StoreError> {
        named_by(&mut *self.reader().await?, key, file).await
    }
}

async fn about(
    connection: &mut AnyConnection,
    key: &PackageKey,
    subject: &FileName,
) -> Result<Vec<KeptFile>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let rows = sqlx::query(
        "SELECT files.name, files.blob, files.state, files.facts FROM file_references JOIN files
         ON files.repository = file_references.repository
         AND files.ecosystem = file_references.ecosystem
         AND files.package = file_references.package AND files.name = file_references.file
         WHERE file_references.repository = $1 AND file_references.ecosystem = $2
         AND file_references.package = $3 AND file_references.target = $4
         AND file_references.role = 'subject' AND files.state = 'present'",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(subject.as_str())
    .fetch_all(connection)
    .await?;
    let mut files = rows.iter().map(|row| kept_file(row, 0)).collect::<Result<Vec<_>, _>>()?;
    files.sort_by(|a, b| a.file.name.cmp(&b.file.name));
    Ok(files)
}

async fn naming(
    connection: &mut AnyConnection,
    key: &PackageKey,
    target: &FileName,
    roles: &[ReferenceRole],
) -> Result<Vec<FileName>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let rows = sqlx::query(
        "SELECT file, role FROM file_references
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND target = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(target.as_str())
    .fetch_all(connection)
    .await?;
    let mut files = Vec::new();
    for row in &rows {
        if roles.contains(&role(row, 1)?) {
            files.push(name(row, 0)?);
        }
    }
    files.sort_unstable();
    files.dedup();
    Ok(files)
}

async fn within(
    connection: &mut AnyConnection,
    key: &PackageKey,
) -> Result<Vec<(FileName, FileName)>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let rows = sqlx::query(
        "SELECT file, target FROM file_references
         WHERE repository = $1 AND ecosystem = $2 AND package = $3
         AND role IN ('required', 'optional')",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((name(row, 0)?, name(row, 1)?))).collect()
}

/// When a file was recorded stands among its facts, which each database reads in its own way. Among
/// them are texts of whoever made the file: `PostgreSQL` reads none that has an escaped zero, so it gets
/// an escaped blank instead, of as many characters, before which a backslash may stand as well.
fn asking_newest(
    dialect: Dialect,
    key: &PackageKey,
    target: &FileName,
    roles: [ReferenceRole; 2],
    limit: u32,
) -> Statement {
    let (repository, ecosystem, package) = key.columns();
    Statement::new(match dialect {
        Dialect::Sqlite => newest_by!("json_extract(facts, '$.r')"),
        Dialect::Postgres => {
            newest_by!("(REPLACE(facts, '\\u0000', '\\u0020')::json ->> 'r')::bigint")
        }
    })
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(target.as_str())
    .bind(roles[0].as_str())
    .bind(roles[1].as_str())
    .bind(i64::from(limit))
}

async fn named_by(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
) -> Result<Vec<Reference>, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let rows = sqlx::query(
        "SELECT target, role FROM file_references
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
    .fetch_all(connection)
    .await?;
    let reference = |row| Ok(Reference { file: name(row, 0)?, role: role(row, 1)? });
    let mut references = rows.iter().map(reference).collect::<Result<Vec<_>, StoreError>>()?;
    references.sort_unstable();
    Ok(references)
}

fn role(row: &AnyRow, column: usize) -> Result<ReferenceRole, StoreError> {
    let text = row.try_get::<&str, _>(column)?;
    let found = ReferenceRole::ALL.into_iter().find(|role| role.as_str() == text);
    found.ok_or_else(|| corrupt("reference", Rule("its role is none")))
}
