//! Files that nothing refers to, found and marked.

use provender_domain::{EcosystemId, FileName, KeptFile, RepositoryName, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::read::{kept_file, name};
use super::{Metadata, PackageKey};
use crate::StoreError;

/// Whether a row of `files` is kept by something else than tags: another file that needs it or may
/// have it, or that it is itself about another. Files that are deleted name nothing; those in
/// quarantine may yet be released, so what they name is in use. One that is about another is kept
/// as long as that is here, and also where that never came: it may be yet to come. Whoever forgets
/// a file marks what is about it, as no tombstone tells of it.
macro_rules! referred_to {
    () => {
        "(EXISTS (SELECT 1 FROM file_references
         WHERE file_references.repository = files.repository
         AND file_references.ecosystem = files.ecosystem
         AND file_references.package = files.package AND file_references.target = files.name
         AND file_references.role IN ('required', 'optional'))
         OR EXISTS (SELECT 1 FROM file_references LEFT JOIN files AS subjects
         ON subjects.repository = file_references.repository
         AND subjects.ecosystem = file_references.ecosystem
         AND subjects.package = file_references.package
         AND subjects.name = file_references.target
         WHERE file_references.repository = files.repository
         AND file_references.ecosystem = files.ecosystem
         AND file_references.package = files.package AND file_references.file = files.name
         AND file_references.role = 'subject'
         AND (subjects.state <> 'deleted' OR (subjects.state IS NULL
         AND NOT EXISTS (SELECT 1 FROM orphans AS marks WHERE marks.repository = files.repository
         AND marks.ecosystem = files.ecosystem AND marks.package = files.package
         AND marks.file = files.name)))))"
    };
}
pub(in crate::metadata) use referred_to;

/// Whether something keeps a row of `files` from being collected: a tag, or what
/// [`referred_to`] names.
macro_rules! in_use {
    () => {
        concat!(
            "(EXISTS (SELECT 1 FROM tags WHERE tags.repository = files.repository
         AND tags.ecosystem = files.ecosystem AND tags.package = files.package
         AND tags.file = files.name) OR ",
            $crate::metadata::orphans::referred_to!(),
            ")"
        )
    };
}
pub(in crate::metadata) use in_use;

/// Some of an ecosystem's files, looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreferenced {
    /// Those of them that nothing refers to.
    pub files: Vec<(PackageKey, KeptFile)>,
    /// The last one that was looked at, to go on behind; `None`: there are no more.
    pub next: Option<(PackageKey, FileName)>,
}

impl Metadata {
    /// Looks at the next `limit` present files of an ecosystem whose names begin like this, in one
    /// repository or in all, in an order of the database's own, behind `after`, and answers which of them nothing keeps: no
    /// tag points to them, no file that is not deleted needs them or may have them, and they are
    /// not about another file, unless that was here and is gone. To look at all, go on until there
    /// is no `next`.
    pub async fn unreferenced(
        &self,
        repository: Option<&RepositoryName>,
        ecosystem: EcosystemId,
        name_prefix: &str,
        after: Option<&(PackageKey, FileName)>,
        limit: u32,
    ) -> Result<Unreferenced, StoreError> {
        let mut walk = Walk {
            ecosystem,
            name_prefix,
            room: i64::from(limit),
            found: Unreferenced { files: Vec::new(), next: after.cloned() },
        };
        walk.go(&mut *self.reader().await?, repository, after).await?;
        Ok(walk.found)
    }

    /// This file, if it is present and nothing but tags keeps it.
    pub async fn kept_by_tags_alone(
        &self,
        key: &PackageKey,
        file: &FileName,
    ) -> Result<Option<KeptFile>, StoreError> {
        let (repository, ecosystem, package) = key.columns();
        let row = sqlx::query(concat!(
            "SELECT name, blob, state, facts FROM files
             WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND name = $4
             AND state = 'present' AND NOT ",
            referred_to!(),
        ))
        .bind(repository)
        .bind(ecosystem)
        .bind(package)
        .bind(file.as_str())
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        row.map(|row| kept_file(&row, 0)).transpose()
    }

    /// Present files of an ecosystem that were marked before this moment, those marked first
    /// before others.
    pub async fn orphaned_before(
        &self,
        ecosystem: EcosystemId,
        moment: Timestamp,
        limit: u32,
    ) -> Result<Vec<(PackageKey, FileName)>, StoreError> {
        marked(&mut *self.reader().await?, ecosystem, moment, limit).await
    }

    /// Whether this file is marked as one that nothing refers to.
    pub async fn is_orphan(&self, key: &PackageKey, file: &FileName) -> Result<bool, StoreError> {
        is_marked(&mut *self.reader().await?, key, file).await
    }
}

/// A look at so many files, repository by repository: so each step is a range of the primary key.
struct Walk<'a> {
    ecosystem: EcosystemId,
    name_prefix: &'a str,
    room: i64,
    found: Unreferenced,
}

impl Walk<'_> {
    async fn go(
        &mut self,
        connection: &mut AnyConnection,
        only: Option<&RepositoryName>,
        after: Option<&(PackageKey, FileName)>,
    ) -> Result<(), StoreError> {
        let mut repository = match (after, only) {
            (Some((key, _)), _) => Some(key.repository.clone()),
            (None, Some(only)) => Some(only.clone()),
            (None, None) => next_repository(connection, "").await?,
        };
        let mut reached =
            after.map_or(("", ""), |(key, name)| (key.package.as_str(), name.as_str()));
        while let Some(current) = repository {
            self.look(connection, &current, reached).await?;
            if self.room <= 0 {
                return Ok(());
            }
            repository = match only {
                Some(_) => None,
                None => next_repository(connection, current.as_str()).await?,
            };
            reached = ("", "");
        }
        self.found.next = None;
        Ok(())
    }

    /// As far as there is room, in one repository.
    async fn look(
        &mut self,
        connection: &mut AnyConnection,
        repository: &RepositoryName,
        after: (&str, &str),
    ) -> Result<(), StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT package, name, blob, state, CASE WHEN ",
            in_use!(),
            " THEN NULL ELSE facts END FROM files
             WHERE repository = $1 AND ecosystem = $2 AND (package, name) > ($3, $4)
             AND state = 'present' AND SUBSTR(name, 1, LENGTH($5)) = $5
             ORDER BY package, name LIMIT $6",
        ))
        .bind(repository.as_str())
        .bind(self.ecosystem.as_str())
        .bind(after.0)
        .bind(after.1)
        .bind(self.name_prefix)
        .bind(self.room)
        .fetch_all(connection)
        .await?;
        self.room -= i64::try_from(rows.len()).unwrap_or(i64::MAX);
        for row in &rows {
            if row.try_get::<Option<&str>, _>(4)?.is_some() {
                let key = self.key(repository.clone(), row)?;
                self.found.files.push((key, kept_file(row, 1)?));
            }
        }
        if let Some(last) = rows.last() {
            self.found.next = Some((self.key(repository.clone(), last)?, name(last, 1)?));
        }
        Ok(())
    }

    fn key(&self, repository: RepositoryName, row: &AnyRow) -> Result<PackageKey, StoreError> {
        Ok(PackageKey { repository, ecosystem: self.ecosystem, package: name(row, 0)? })
    }
}

/// The repository behind this one, in the database's own order.
async fn next_repository(
    connection: &mut AnyConnection,
    after: &str,
) -> Result<Option<RepositoryName>, StoreError> {
    let row = sqlx::query("SELECT name FROM repositories WHERE name > $1 ORDER BY name LIMIT 1")
        .bind(after)
        .fetch_optional(connection)
        .await?;
    row.map(|row| name(&row, 0)).transpose()
}

async fn marked(
    connection: &mut AnyConnection,
    ecosystem: EcosystemId,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<(PackageKey, FileName)>, StoreError> {
    let rows = sqlx::query(
        "SELECT repository, package, file FROM orphans WHERE ecosystem = $1 AND since < $2
         AND EXISTS (SELECT 1 FROM files WHERE files.repository = orphans.repository
         AND files.ecosystem = orphans.ecosystem AND files.package = orphans.package
         AND files.name = orphans.file AND files.state = 'present')
         ORDER BY since LIMIT $3",
    )
    .bind(ecosystem.as_str())
    .bind(before.microseconds())
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let file = |row| {
        let key = PackageKey { repository: name(row, 0)?, ecosystem, package: name(row, 1)? };
        Ok((key, name(row, 2)?))
    };
    rows.iter().map(file).collect()
}

async fn is_marked(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
) -> Result<bool, StoreError> {
    let (repository, ecosystem, package) = key.columns();
    let row = sqlx::query(
        "SELECT since FROM orphans
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(row.is_some())
}
