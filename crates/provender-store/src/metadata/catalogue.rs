//! The packages of several repositories in one sorted list, a page at a time.

use std::collections::HashSet;

use provender_domain::{BlobId, EcosystemId, PackageName, RepositoryName};
use sqlx::AnyConnection;

use super::codec::askable;
use super::evidence::file_key;
use super::read::name;
use super::{FileKey, Metadata};
use crate::StoreError;

impl Metadata {
    /// Packages of an ecosystem that have a present file with these bytes, in no order.
    pub async fn packages_with_blob(
        &self,
        ecosystem: EcosystemId,
        blob: &BlobId,
        limit: u32,
    ) -> Result<Vec<(RepositoryName, PackageName)>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT repository, package FROM files
             WHERE blob = $1 AND ecosystem = $2 AND state = 'present' LIMIT $3",
        )
        .bind(blob.to_hex())
        .bind(ecosystem.as_str())
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(|row| Ok((name(row, 0)?, name(row, 1)?))).collect()
    }

    /// Files of any package and in any state whose bytes are these, sorted by bytes.
    pub async fn files_with_blob(
        &self,
        blob: &BlobId,
        limit: u32,
    ) -> Result<Vec<FileKey>, StoreError> {
        let rows = sqlx::query(
            "SELECT repository, ecosystem, package, name FROM files WHERE blob = $1
             ORDER BY repository COLLATE \"binary\", ecosystem COLLATE \"binary\",
             package COLLATE \"binary\", name COLLATE \"binary\" LIMIT $2",
        )
        .bind(blob.to_hex())
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(|row| file_key(row, 0)).collect()
    }

    /// The packages of these repositories that have at least one present file, sorted by
    /// repository and name, both by bytes, behind `after`, which need not be one.
    pub async fn packages_page(
        &self,
        repositories: &[RepositoryName],
        ecosystem: EcosystemId,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<(RepositoryName, PackageName)>, StoreError> {
        let mut reader = self.reader().await?;
        // Most may have none at all, and each costs a question below.
        let with_some = repositories_with(&mut reader, ecosystem).await?;
        let mut sorted: Vec<_> = repositories.iter().filter(|r| with_some.contains(*r)).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let mut page = Vec::new();
        for repository in sorted {
            let after = match after {
                Some((passed, _)) if repository.as_str() < passed => continue,
                Some((reached, name)) if repository.as_str() == reached => name,
                _ => "",
            };
            let room = limit.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
            if room == 0 {
                break;
            }
            let names = packages(&mut reader, repository, ecosystem, after, room).await?;
            page.extend(names.into_iter().map(|name| (repository.clone(), name)));
        }
        Ok(page)
    }
}

/// The repositories that know a package of this ecosystem.
async fn repositories_with(
    connection: &mut AnyConnection,
    ecosystem: EcosystemId,
) -> Result<HashSet<RepositoryName>, StoreError> {
    let rows = sqlx::query(
        "SELECT name FROM repositories WHERE EXISTS (SELECT 1 FROM packages
         WHERE packages.repository = repositories.name AND packages.ecosystem = $1)",
    )
    .bind(ecosystem.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| name(row, 0)).collect()
}

async fn packages(
    connection: &mut AnyConnection,
    repository: &RepositoryName,
    ecosystem: EcosystemId,
    after: &str,
    limit: u32,
) -> Result<Vec<PackageName>, StoreError> {
    let rows = sqlx::query(
        "SELECT name FROM packages
         WHERE repository = $1 AND ecosystem = $2 AND name COLLATE \"binary\" > $3
         AND EXISTS (SELECT 1 FROM files WHERE files.repository = packages.repository
         AND files.ecosystem = packages.ecosystem AND files.package = packages.name
         AND files.state = 'present')
         ORDER BY name COLLATE \"binary\" LIMIT $4",
    )
    .bind(repository.as_str())
    .bind(ecosystem.as_str())
    .bind(askable(after))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| name(row, 0)).collect()
}
