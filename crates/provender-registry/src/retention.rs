//! What need not be kept: tags that a repository's rules name, and files that no tag points to.
//!
//! Nothing goes that another file needs or may have. A file whose last tag goes stays until a rule
//! for files without tags names it; its bytes go by garbage collection.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use provender_domain::{
    EventKind, FileName, FileState, KeptFile, NewEvent, PackageName, Problem, RepositoryName,
    RetentionRule, Scope, Tag, Timestamp,
};
use provender_ecosystem::{Delivery, Ecosystem};
use provender_store::{PackageKey, StoreError, TagRow, Write};
use serde::Serialize;

use crate::error::store_problem;
use crate::{Caller, Registry};

/// Tags of one package, or files, that are looked at in one step.
const BATCH: u32 = 1_000;
const DAY: Duration = Duration::from_hours(24);

/// What retention took away, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Expired {
    /// Tags that were taken away.
    pub tags: Vec<ExpiredTag>,
    /// Files without tags that were removed.
    pub files: Vec<ExpiredFile>,
    /// Whether nothing was really taken away.
    pub dry_run: bool,
}

/// A tag that a rule does not keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpiredTag {
    /// In which repository.
    pub repository: RepositoryName,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// Of which package.
    pub package: PackageName,
    /// Which tag.
    pub tag: Tag,
    /// The file that it pointed to.
    pub file: FileName,
    /// Since when.
    pub moved_at: Timestamp,
}

/// A file without tags that a rule does not keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpiredFile {
    /// In which repository.
    pub repository: RepositoryName,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// Of which package.
    pub package: PackageName,
    /// Which file.
    pub file: FileName,
    /// When it came.
    pub recorded_at: Timestamp,
}

impl Expired {
    fn tags_in(
        &self,
        repository: &RepositoryName,
        ecosystem: &dyn Ecosystem,
    ) -> impl Iterator<Item = &ExpiredTag> {
        let ecosystem = ecosystem.id();
        self.tags.iter().filter(move |expired| {
            expired.repository == *repository && expired.ecosystem == ecosystem.as_str()
        })
    }

    fn add_file(&mut self, key: PackageKey, kept: KeptFile) {
        self.files.push(ExpiredFile {
            repository: key.repository,
            ecosystem: key.ecosystem.to_string(),
            package: key.package,
            file: kept.file.name,
            recorded_at: kept.recorded_at,
        });
    }
}

impl Registry {
    /// Takes away what the rules of a repository, or of all, do not keep.
    pub async fn apply_retention(
        &self,
        caller: &Caller,
        repository: Option<&str>,
        dry_run: bool,
    ) -> Result<Expired, Problem> {
        let state = self.state();
        let repositories: Vec<_> = match repository {
            Some(name) => vec![self.administered(caller, name)?],
            None => {
                caller.require(Scope::Admin, None)?;
                state.repositories().cloned().collect()
            }
        };
        let mut expired = Expired { dry_run, ..Expired::default() };
        for repository in repositories {
            // Tags first, in whatever order the rules were given: files lose their last one by that.
            let rules = &repository.repository.policy.retention;
            let (of_tags, of_files): (Vec<_>, Vec<_>) =
                rules.iter().partition(|rule| rule.tags.is_some());
            for rule in of_tags.into_iter().chain(of_files) {
                let Some(ecosystem) = self.ecosystem(&rule.ecosystem).cloned() else { continue };
                let name = &repository.repository.name;
                match rule.tags {
                    Some(_) => {
                        self.expire_tags(caller, name, &*ecosystem, rule, &mut expired).await?;
                    }
                    None => {
                        self.expire_files(caller, name, &*ecosystem, rule, &mut expired).await?;
                    }
                }
            }
        }
        Ok(expired)
    }

    async fn expire_tags(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        ecosystem: &dyn Ecosystem,
        rule: &RetentionRule,
        expired: &mut Expired,
    ) -> Result<(), Problem> {
        // By another rule before; where nothing is really taken away, they are still there.
        let gone: HashSet<(PackageName, Tag)> = expired
            .tags_in(repository, ecosystem)
            .map(|gone| (gone.package.clone(), gone.tag.clone()))
            .collect();
        let packages = self.inner.metadata.packages(repository, ecosystem.id()).await;
        for package in packages.map_err(|error| store_problem(&error))? {
            if !rule.packages.matches(&package.name) {
                continue;
            }
            let key = PackageKey {
                repository: repository.clone(),
                ecosystem: ecosystem.id(),
                package: package.name,
            };
            let mut tags = self.all_tags(&key).await?;
            tags.retain(|row| !gone.contains(&(key.package.clone(), row.tag.clone())));
            for row in not_kept(tags, rule, self.now()) {
                if !expired.dry_run && !self.expire_tag(caller, &key, &row).await? {
                    continue;
                }
                expired.tags.push(ExpiredTag {
                    repository: key.repository.clone(),
                    ecosystem: key.ecosystem.to_string(),
                    package: key.package.clone(),
                    tag: row.tag,
                    file: row.file,
                    moved_at: row.moved_at,
                });
            }
        }
        Ok(())
    }

    async fn all_tags(&self, key: &PackageKey) -> Result<Vec<TagRow>, Problem> {
        let mut tags: Vec<TagRow> = Vec::new();
        loop {
            let after = tags.last().map(|row| row.tag.as_str().to_owned());
            let page = self.inner.metadata.tags(key, after.as_deref(), BATCH).await;
            let page = page.map_err(|error| store_problem(&error))?;
            if page.is_empty() {
                return Ok(tags);
            }
            tags.extend(page);
        }
    }

    /// Whether the tag was still there.
    async fn expire_tag(
        &self,
        caller: &Caller,
        key: &PackageKey,
        row: &TagRow,
    ) -> Result<bool, Problem> {
        let _gate = self.inner.changes_gate.lock().await;
        // It may have been moved since it was looked at.
        let now_there = self.inner.metadata.tag(key, &row.tag).await;
        if now_there.map_err(|error| store_problem(&error))?.as_ref() != Some(row) {
            return Ok(false);
        }
        let remove = Write::RemoveTag {
            key: key.clone(),
            tag: row.tag.clone(),
            at: self.now(),
            actor: caller.actor().to_string(),
            // Publications do not wait for this.
            unless_moved: Some((row.file.clone(), row.moved_at)),
        };
        let message = format!(
            "tag {} of {} was taken away by a retention rule; it pointed to {}",
            row.tag, key.package, row.file
        );
        let mut event = self.package_event(EventKind::TagRemoved, caller, key, message);
        event.file = Some(row.file.clone());
        event.detail.set_text("tag", row.tag.as_str());
        let outcome = self.inner.metadata.commit_from_room(vec![remove], vec![event]).await;
        self.package_changed(key.ecosystem, &key.package);
        match outcome {
            Ok(_) => Ok(true),
            Err(StoreError::Missing { .. }) => Ok(false),
            Err(error) => Err(store_problem(&error)),
        }
    }

    async fn expire_files(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        ecosystem: &dyn Ecosystem,
        rule: &RetentionRule,
        expired: &mut Expired,
    ) -> Result<(), Problem> {
        let now = self.now();
        let Some(days) = rule.keep_days else { return Ok(()) };
        let is_meant = |key: &PackageKey, kept: &KeptFile| {
            rule.packages.matches(&key.package)
                && ecosystem.delivery(&kept.file.name) == Delivery::FromMemory
                && now.since(kept.recorded_at) >= DAY * days
        };
        let mut after = None;
        loop {
            let (within, after_last) = (Some(repository), after.as_ref());
            let metadata = &self.inner.metadata;
            let step = metadata.unreferenced(within, ecosystem.id(), "", after_last, BATCH).await;
            let step = step.map_err(|error| store_problem(&error))?;
            for (key, kept) in step.files {
                if is_meant(&key, &kept)
                    && (expired.dry_run || self.expire_file(caller, &key, &kept).await?)
                {
                    expired.add_file(key, kept);
                }
            }
            match step.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        if expired.dry_run {
            for (key, kept) in self.untagged_by(repository, ecosystem, expired).await? {
                if is_meant(&key, &kept) {
                    expired.add_file(key, kept);
                }
            }
        }
        Ok(())
    }

    /// The files that nothing would refer to without the tags that would be taken away, and that
    /// are not named yet.
    async fn untagged_by(
        &self,
        repository: &RepositoryName,
        ecosystem: &dyn Ecosystem,
        expired: &Expired,
    ) -> Result<Vec<(PackageKey, KeptFile)>, Problem> {
        let mut gone: HashMap<(&PackageName, &FileName), HashSet<&Tag>> = HashMap::new();
        for expired in expired.tags_in(repository, ecosystem) {
            gone.entry((&expired.package, &expired.file)).or_default().insert(&expired.tag);
        }
        let named: HashSet<(&PackageName, &FileName)> = expired
            .files
            .iter()
            .filter(|expired| {
                expired.repository == *repository && expired.ecosystem == ecosystem.id().as_str()
            })
            .map(|expired| (&expired.package, &expired.file))
            .collect();
        let metadata = &self.inner.metadata;
        let mut files = Vec::new();
        for ((package, name), gone) in gone {
            if named.contains(&(package, name)) {
                continue;
            }
            let key = PackageKey {
                repository: repository.clone(),
                ecosystem: ecosystem.id(),
                package: package.clone(),
            };
            let tags = metadata.tags_of_file(&key, name).await;
            let tags = tags.map_err(|error| store_problem(&error))?;
            if tags.iter().all(|tag| gone.contains(tag)) {
                let kept = metadata.kept_by_tags_alone(&key, name).await;
                files.extend(kept.map_err(|error| store_problem(&error))?.map(|kept| (key, kept)));
            }
        }
        files.sort_by(|(_, a), (_, b)| a.file.name.cmp(&b.file.name));
        Ok(files)
    }

    /// Whether nothing came to refer to the file since it was looked at.
    async fn expire_file(
        &self,
        caller: &Caller,
        key: &PackageKey,
        kept: &KeptFile,
    ) -> Result<bool, Problem> {
        let _gate = self.inner.changes_gate.lock().await;
        let made = self.made_about(key, std::slice::from_ref(kept)).await?;
        let name = kept.file.name.clone();
        let mut writes = vec![
            // Both hold that nothing refers to it, in the commit itself.
            Write::MarkOrphan { key: key.clone(), file: name.clone(), since: kept.recorded_at },
            Write::ForgetFile { key: key.clone(), name, marked_before: self.now() },
        ];
        writes.extend(made.into_iter().map(|made| Write::UpdateFile {
            key: key.clone(),
            file: KeptFile { state: FileState::Deleted, ..made },
        }));
        let event = self.expired_event(caller, key, kept);
        let outcome = self.inner.metadata.commit_from_room(writes, vec![event]).await;
        self.package_changed(key.ecosystem, &key.package);
        // What signs it counted for the same bytes elsewhere.
        self.inner.index_cache.settings_changed();
        match outcome {
            Ok(_) => Ok(true),
            Err(StoreError::InUse | StoreError::Missing { .. }) => Ok(false),
            Err(error) => Err(store_problem(&error)),
        }
    }

    fn expired_event(&self, caller: &Caller, key: &PackageKey, kept: &KeptFile) -> NewEvent {
        let message =
            format!("{} was removed by a retention rule: no tag points to it", kept.file.name);
        let mut event = self.package_event(EventKind::Deleted, caller, key, message);
        event.file = Some(kept.file.name.clone());
        event.detail.set_text("sha256", kept.blob.to_hex());
        event
    }
}

/// The tags that a rule names and does not keep.
fn not_kept(mut tags: Vec<TagRow>, rule: &RetentionRule, now: Timestamp) -> Vec<TagRow> {
    let Some(pattern) = &rule.tags else { return Vec::new() };
    tags.retain(|row| pattern.matches(row.tag.as_str()));
    tags.sort_by(|a, b| b.moved_at.cmp(&a.moved_at).then_with(|| b.tag.cmp(&a.tag)));
    let newest = usize::try_from(rule.keep_last.unwrap_or(0)).unwrap_or(usize::MAX);
    let is_old =
        |row: &TagRow| rule.keep_days.is_none_or(|days| now.since(row.moved_at) >= DAY * days);
    tags.into_iter().skip(newest).filter(is_old).collect()
}

#[cfg(test)]
mod tests {
    use provender_domain::{FileName, NamePattern, RetentionRule, Tag, TextPattern, Timestamp};
    use provender_store::TagRow;

    use super::{DAY, not_kept};

    #[test]
    fn rules() {
        let now = Timestamp::from_microseconds(0).plus(DAY * 1000);
        let row = |tag: &str, days_old: u32| TagRow {
            tag: Tag::new(tag).unwrap(),
            file: FileName::new("manifest@sha256:00").unwrap(),
            moved_at: Timestamp::from_microseconds(0).plus(DAY * (1000 - days_old)),
            checked_at: None,
        };
        let rows = [row("v1", 30), row("v2", 20), row("v3", 10), row("v4", 1), row("latest", 1)];
        let check = |tags: &str, keep_last, keep_days, expected: &[&str]| {
            let rule = RetentionRule {
                ecosystem: "demo".to_owned(),
                packages: NamePattern::new("*").unwrap(),
                tags: Some(TextPattern::new(tags).unwrap()),
                keep_last,
                keep_days,
            };
            let gone = not_kept(rows.to_vec(), &rule, now);
            let gone: Vec<&str> = gone.iter().map(|row| row.tag.as_str()).collect();
            assert_eq!(gone, expected, "{tags} {keep_last:?} {keep_days:?}");
        };
        check("v*", Some(2), None, &["v2", "v1"]);
        check("v*", Some(9), None, &[]);
        check("v*", None, Some(15), &["v2", "v1"]);
        check("v*", None, Some(20), &["v2", "v1"]);
        check("v*", Some(3), Some(15), &["v1"]);
        check("v*", Some(1), Some(25), &["v1"]);
        check("*", Some(0), Some(0), &["v4", "latest", "v3", "v2", "v1"]);
        check("nothing", Some(0), None, &[]);
    }
}
