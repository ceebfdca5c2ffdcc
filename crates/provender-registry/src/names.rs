//! Namesakes: our names held against an upstream's complete list of names.
//!
//! Nobody is told a private name: the list is fetched whole, and compared here. It is large, so
//! this is off unless the operator turns it on for an upstream.

use std::collections::HashSet;
use std::sync::Arc;

use provender_domain::{
    EventKind, Origin, PackageName, Problem, ProblemCode, RepositoryName, Scope, Upstream,
    UpstreamName,
};
use provender_ecosystem::{Ecosystem, UpstreamDocument};
use provender_store::{EventFilter, PackageKey};
use provender_upstream::Document;
use serde::Serialize;

use crate::error::store_problem;
use crate::state::RepositoryState;
use crate::{Caller, Registry};

/// A name of ours that an upstream has too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Namesake {
    /// Whose name it is.
    pub repository: RepositoryName,
    /// Of which ecosystem.
    pub ecosystem: String,
    /// The name.
    pub package: PackageName,
    /// Which upstream has it too.
    pub upstream: UpstreamName,
    /// Whether nobody knew before.
    pub is_new: bool,
}

impl Registry {
    /// Holds a repository's names against the complete lists of those of its upstreams for which
    /// the operator turned that on, now. Each new collision is an event and a red flag.
    pub async fn check_names(
        &self,
        caller: &Caller,
        repository: &str,
    ) -> Result<Vec<Namesake>, Problem> {
        let repository = self.readable(caller, repository, None)?;
        caller.require(Scope::Admin, Some(&repository.repository.name))?;
        let mut namesakes = Vec::new();
        for upstream in repository.upstreams.iter().filter(|upstream| upstream.watch_names) {
            namesakes.extend(self.namesakes_at(caller, &repository, upstream).await?);
        }
        Ok(namesakes)
    }

    /// Does the same from time to time for every repository.
    pub(crate) fn watch_names_in_background(&self) {
        let weak = Arc::downgrade(&self.inner);
        let interval = self.inner.tuning.names_interval;
        self.spawn_watcher(async move {
            loop {
                tokio::time::sleep(interval).await;
                let Some(inner) = weak.upgrade() else { return };
                Registry { inner }.check_all_names().await;
            }
        });
    }

    async fn check_all_names(&self) {
        let repositories: Vec<_> = self.state().repositories().cloned().collect();
        for repository in repositories {
            let name = repository.repository.name.as_str();
            if let Err(problem) = self.check_names(&Caller::system(), name).await {
                tracing::warn!(
                    repository = name,
                    cause = problem.internal,
                    "names could not be checked: {problem}"
                );
            }
        }
    }

    async fn namesakes_at(
        &self,
        caller: &Caller,
        repository: &RepositoryState,
        upstream: &Upstream,
    ) -> Result<Vec<Namesake>, Problem> {
        let Some(ecosystem) = self.ecosystem(&upstream.ecosystem).cloned() else {
            return Ok(Vec::new());
        };
        let published = self.published_names(repository, &ecosystem).await?;
        let theirs = self.complete_list(upstream, ecosystem.clone()).await?;
        let mut namesakes = Vec::new();
        for package in theirs {
            let is_ours =
                published.contains(&package) || repository.owns(ecosystem.id().as_str(), &package);
            if is_ours {
                let key = PackageKey {
                    repository: repository.repository.name.clone(),
                    ecosystem: ecosystem.id(),
                    package,
                };
                namesakes.push(self.note_namesake(caller, key, upstream).await?);
            }
        }
        Ok(namesakes)
    }

    async fn published_names(
        &self,
        repository: &RepositoryState,
        ecosystem: &Arc<dyn Ecosystem>,
    ) -> Result<HashSet<PackageName>, Problem> {
        let packages =
            self.inner.metadata.packages(&repository.repository.name, ecosystem.id()).await;
        let packages = packages.map_err(|error| store_problem(&error))?;
        let published = packages
            .into_iter()
            .filter(|package| package.row.origin == Some(Origin::Published))
            .map(|package| package.name);
        Ok(published.collect())
    }

    async fn complete_list(
        &self,
        upstream: &Upstream,
        ecosystem: Arc<dyn Ecosystem>,
    ) -> Result<Vec<PackageName>, Problem> {
        let Some(remote) = self.remote_of(upstream)? else {
            return Ok(Vec::new());
        };
        let Some(request) = ecosystem.upstream_catalogue(remote.base()) else {
            return Ok(Vec::new());
        };
        let limit = self.inner.tuning.catalogue_limit_bytes;
        let client = &self.inner.remotes.client;
        let document = client.document(&remote, &request.url, request.accept, None, limit).await;
        let document = document.map_err(|error| self.failed_to_fetch(upstream, None, None, &error));
        let Document::Modified(page) = document? else {
            let message = format!("upstream {} has no complete list of names", upstream.name);
            return Err(Problem::new(ProblemCode::UpstreamFailed, message));
        };
        let document = UpstreamDocument {
            link: None,
            url: page.final_url,
            content_type: page.content_type,
            body: page.body.into(),
        };
        let parse = move || ecosystem.read_upstream_catalogue(&document);
        let names = tokio::task::spawn_blocking(parse).await;
        names.map_err(|error| Problem::internal(&error))?.map_err(|error| {
            let message = format!("upstream {} sent a list that makes no sense", upstream.name);
            Problem::new(ProblemCode::UpstreamFailed, message).because(&error)
        })
    }

    async fn note_namesake(
        &self,
        caller: &Caller,
        key: PackageKey,
        upstream: &Upstream,
    ) -> Result<Namesake, Problem> {
        let is_new = !self.is_known_namesake(&key, upstream).await?;
        if is_new {
            let message = format!(
                "upstream {} has a package {} too; the name is this repository's own, theirs is not looked at",
                upstream.name, key.package
            );
            let mut event = self.package_event(EventKind::Namesake, caller, &key, message);
            event.detail.set_text("upstream", upstream.name.as_str());
            let outcome = self.inner.metadata.commit(Vec::new(), vec![event]).await;
            outcome.map_err(|error| store_problem(&error))?;
        }
        Ok(Namesake {
            repository: key.repository,
            ecosystem: key.ecosystem.to_string(),
            package: key.package,
            upstream: upstream.name.clone(),
            is_new,
        })
    }

    async fn is_known_namesake(
        &self,
        key: &PackageKey,
        upstream: &Upstream,
    ) -> Result<bool, Problem> {
        /// A name has a handful of upstreams at most.
        const EARLIER_EVENTS_LIMIT: u32 = 100;
        let filter = EventFilter {
            kinds: vec![EventKind::Namesake],
            repository: Some(key.repository.clone()),
            ecosystem: Some(key.ecosystem.to_string()),
            package: Some(key.package.clone()),
            limit: EARLIER_EVENTS_LIMIT,
            ..EventFilter::default()
        };
        let events = self.inner.metadata.events(&filter).await;
        let events = events.map_err(|error| store_problem(&error))?;
        Ok(events
            .iter()
            .any(|event| event.event.detail.text("upstream") == Some(upstream.name.as_str())))
    }
}
