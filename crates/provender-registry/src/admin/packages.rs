//! What is kept, as people look at it.

use provender_domain::{
    Facts, FileState, KeptFile, Origin, PackageName, Problem, Repository, RepositoryName, Scope,
    Timestamp, Verdict, Visibility,
};
use provender_ecosystem::Ecosystem;
use provender_store::PackageKey;
use serde::Serialize;

use super::repositories::invalid;
use crate::decide::decide;
use crate::error::store_problem;
use crate::resolve::{Query, bound_origin};
use crate::signature::is_evidence;
use crate::{Caller, Registry};

/// One package of a repository.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PackageSummary {
    /// Its name.
    pub package: PackageName,
    /// What its name is bound to.
    pub origin: Option<Origin>,
    /// Whether the name is owned here.
    pub is_owned: bool,
    /// Since when it is known here.
    pub created_at: Timestamp,
}

/// One package with its kept files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PackageReport {
    /// In which repository.
    pub repository: RepositoryName,
    /// Of which ecosystem.
    pub ecosystem: String,
    /// Its name.
    pub package: PackageName,
    /// What its name is bound to.
    pub origin: Option<Origin>,
    /// Whether the name is owned here.
    pub is_owned: bool,
    /// Those of its kept files that were asked for, by name; tombstones and quarantined ones too.
    pub files: Vec<FileReport>,
    /// Whether there are more behind the last of them.
    pub has_more: bool,
}

/// Which files of a package are to be reported on.
#[derive(Debug, Clone, Copy)]
pub struct FilesWanted<'a> {
    /// Those behind this name.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: usize,
}

impl FilesWanted<'_> {
    /// All of them.
    pub const ALL: Self = Self { after: None, limit: usize::MAX };
}

/// One package and what is kept of it. What policy says of a file is asked of those that are looked at
/// ([`Registry::reports_on`]): it may take a while to find out who signed one.
pub struct KeptPackage {
    pub(crate) query: Query,
    /// What the name is bound to.
    pub origin: Option<Origin>,
    /// Whether the name is owned here.
    pub is_owned: bool,
    /// Its kept files by their names, tombstones and quarantined ones too.
    pub files: Vec<KeptFile>,
}

impl KeptPackage {
    /// In which repository.
    pub fn repository(&self) -> &RepositoryName {
        &self.query.repository.repository.name
    }

    /// Of which ecosystem.
    pub fn ecosystem(&self) -> &dyn Ecosystem {
        &*self.query.ecosystem
    }

    /// Its name.
    pub fn name(&self) -> &PackageName {
        &self.query.package
    }
}

/// One kept file and what policy says of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileReport {
    /// In which repository.
    pub repository: RepositoryName,
    /// Of which ecosystem.
    pub ecosystem: String,
    /// Of which package.
    pub package: PackageName,
    /// The file and its facts.
    #[serde(flatten)]
    pub kept: KeptFile,
    /// Whether it is a statement about another file, such as a signature.
    pub is_statement: bool,
    /// What policy says of serving it now.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// How many reports on packages are made at once: one on ten thousand files keeps a connection to the
/// database, of which there are few more, and a core for a second.
pub(crate) const REPORTS_AT_ONCE: usize = 2;

/// Of so many files it is asked one by one who signed them; of more, what all of them have in common.
const FEW: usize = 200;

impl Registry {
    /// The packages that a repository knows: published here, or with a file mirrored. A token for some
    /// names is told of those.
    pub async fn packages(
        &self,
        caller: &Caller,
        repository: &str,
        ecosystem: &str,
    ) -> Result<Vec<PackageSummary>, Problem> {
        let found = self.readable(caller, repository, None)?;
        let is_read_by_all = found.repository.visibility == Visibility::Public;
        let may_read = |package: &PackageName| {
            is_read_by_all || caller.holds(Scope::Read, Some(&found.repository.name), Some(package))
        };
        let ecosystem = self.known_ecosystem(ecosystem)?;
        let packages = self.inner.metadata.packages(&found.repository.name, ecosystem.id()).await;
        let packages = packages.map_err(|error| store_problem(&error))?;
        let theirs = packages.into_iter().filter(|package| may_read(&package.name));
        let summaries = theirs.map(|package| {
            let is_owned = found.owns(ecosystem.id().as_str(), &package.name);
            PackageSummary {
                origin: bound_origin(is_owned, Some(&package.row)),
                is_owned,
                created_at: package.row.created_at,
                package: package.name,
            }
        });
        Ok(summaries.collect())
    }

    /// One package with kept files of it and what policy says of each.
    pub async fn package(
        &self,
        caller: &Caller,
        repository: &str,
        ecosystem: &str,
        package: &str,
        wanted: FilesWanted<'_>,
    ) -> Result<PackageReport, Problem> {
        let kept = self.kept_package(caller, repository, ecosystem, package).await?;
        let is_before = |kept: &KeptFile| wanted.after >= Some(kept.file.name.as_str());
        let behind = &kept.files[kept.files.partition_point(is_before)..];
        let files: Vec<&KeptFile> = behind.iter().take(wanted.limit).collect();
        let has_more = behind.len() > files.len();
        let files = self.reports_on(&kept, &files).await?;
        Ok(PackageReport {
            repository: kept.repository().clone(),
            ecosystem: kept.ecosystem().id().to_string(),
            package: kept.name().clone(),
            origin: kept.origin,
            is_owned: kept.is_owned,
            files,
            has_more,
        })
    }

    /// One package with its kept files.
    pub async fn kept_package(
        &self,
        caller: &Caller,
        repository: &str,
        ecosystem: &str,
        package: &str,
    ) -> Result<KeptPackage, Problem> {
        let ecosystem = self.known_ecosystem(ecosystem)?;
        let package = ecosystem.package_name(package).map_err(|error| invalid(&error))?;
        let repository = self.readable(caller, repository, Some(&package))?;
        self.check_readable(caller, &repository.repository, Some(&package))?;
        let query = Query { repository, ecosystem, package, depth: 0, host: None };
        let key = query.key();
        let row = self.inner.metadata.package(&key).await.map_err(|error| store_problem(&error))?;
        let is_owned = query.repository.owns(key.ecosystem.as_str(), &key.package);
        if row.is_none() && !is_owned {
            let message = format!("nothing of {} is kept in {}", key.package, key.repository);
            return Err(Problem::not_found(message));
        }
        let origin = bound_origin(is_owned, row.as_ref());
        let _turn = self.inner.reports.acquire().await.expect("it is never closed");
        let files = self.inner.metadata.files(&key).await.map_err(|error| store_problem(&error))?;
        Ok(KeptPackage { query, origin, is_owned, files })
    }

    /// What policy says of these files of a package, in their order.
    pub async fn reports_on(
        &self,
        package: &KeptPackage,
        files: &[&KeptFile],
    ) -> Result<Vec<FileReport>, Problem> {
        let KeptPackage { query, origin, .. } = package;
        let _turn = self.inner.reports.acquire().await.expect("it is never closed");
        let covered = match files.len() {
            ..=FEW => None,
            _ => self.covered(query, &package.files, origin.as_ref()).await?,
        };
        let key = query.key();
        let mut reports = Vec::with_capacity(files.len());
        for kept in files {
            let verdict = self.verdict_on(query, kept, origin.clone(), covered.as_ref()).await?;
            reports.push(file_report(&key, (*kept).clone(), verdict));
        }
        Ok(reports)
    }

    /// Files in quarantine, in one repository or in all that the caller administers.
    pub async fn quarantined(
        &self,
        caller: &Caller,
        repository: Option<&str>,
    ) -> Result<Vec<FileReport>, Problem> {
        let repository = match repository {
            Some(name) => Some(self.administered(caller, name)?.repository.name.clone()),
            None => {
                caller.require(Scope::Admin, None)?;
                None
            }
        };
        let state = FileState::Quarantined;
        let found = self.inner.metadata.files_in_state(state, repository.as_ref()).await;
        let found = found.map_err(|error| store_problem(&error))?;
        let reports = found.into_iter().filter_map(|(stored, kept)| {
            let ecosystem = self.ecosystem(&stored.ecosystem)?.id();
            let key =
                PackageKey { repository: stored.repository, ecosystem, package: stored.package };
            let verdict = decide(&Facts::of(&kept, None));
            Some(file_report(&key, kept, verdict))
        });
        Ok(reports.collect())
    }

    /// A kept file, and what policy says of serving it to whoever asks now.
    pub(super) async fn report_on(
        &self,
        query: &Query,
        kept: KeptFile,
        name_origin: Option<Origin>,
    ) -> Result<FileReport, Problem> {
        let verdict = self.verdict_on(query, &kept, name_origin, None).await?;
        Ok(file_report(&query.key(), kept, verdict))
    }

    /// A token for some names may read those names only, also in reports.
    pub(crate) fn check_readable(
        &self,
        caller: &Caller,
        repository: &Repository,
        package: Option<&PackageName>,
    ) -> Result<(), Problem> {
        let is_public = repository.visibility == Visibility::Public;
        if is_public || caller.holds(Scope::Read, Some(&repository.name), package) {
            return Ok(());
        }
        Err(self.denied(caller, &repository.name, Scope::Read))
    }
}

fn file_report(key: &PackageKey, kept: KeptFile, verdict: Verdict) -> FileReport {
    FileReport {
        repository: key.repository.clone(),
        ecosystem: key.ecosystem.to_string(),
        package: key.package.clone(),
        is_statement: is_evidence(&kept),
        kept,
        verdict,
    }
}
