//! Owned names, and the origins that names are bound to.

use std::sync::Arc;

use provender_domain::{
    EventKind, NamePattern, NewEvent, Origin, OwnedName, Problem, ProblemCode, Timestamp,
};
use provender_ecosystem::Ecosystem;
use provender_store::{NamedPackage, PackageKey, Write};

use super::repositories::invalid;
use crate::error::{shown, store_problem};
use crate::state::RepositoryState;
use crate::{Caller, Registry};

impl Registry {
    /// The names and prefixes that a repository owns.
    pub fn owned_names(
        &self,
        caller: &Caller,
        repository: &str,
    ) -> Result<Vec<OwnedName>, Problem> {
        Ok(self.administered(caller, repository)?.owned.clone())
    }

    /// Makes a name or prefix owned: it is never asked for upstream any more. Names that were
    /// mirrored so far are claimed: their origin is here now, the mirrored files, which stay kept,
    /// are no longer served, and their tags are gone.
    pub async fn own(
        &self,
        caller: &Caller,
        repository: &str,
        ecosystem: &str,
        pattern: &str,
    ) -> Result<OwnedName, Problem> {
        let repository = self.administered(caller, repository)?;
        let ecosystem = self.known_ecosystem(ecosystem)?;
        let pattern = ecosystem.name_pattern(pattern).map_err(|error| invalid(&error))?;
        // What is on its way in is bound before, and claimed, or finds the name owned.
        let _alone = self.inner.garbage_gate.write().await;
        let now = self.now();
        let owned = OwnedName {
            repository: repository.repository.name.clone(),
            ecosystem: ecosystem.id().to_string(),
            pattern: pattern.clone(),
            created_at: now,
        };
        let mut writes = vec![Write::Own(owned.clone())];
        let mut events =
            vec![self.ownership_event(EventKind::NameOwned, caller, &owned, "is owned now")];
        for package in self.mirrored_packages(&repository, &ecosystem, &pattern).await? {
            let (write, event) = self.claim(caller, &repository, &ecosystem, package, now);
            writes.push(write);
            events.push(event);
        }
        self.write_settings(writes, events).await?;
        Ok(owned)
    }

    /// Gives a name or prefix up. What was published under it stays published here.
    pub async fn disown(
        &self,
        caller: &Caller,
        repository: &str,
        ecosystem: &str,
        pattern: &str,
    ) -> Result<(), Problem> {
        let repository = self.administered(caller, repository)?;
        let ecosystem = self.known_ecosystem(ecosystem)?;
        let owned = OwnedName {
            repository: repository.repository.name.clone(),
            ecosystem: ecosystem.id().to_string(),
            pattern: ecosystem.name_pattern(pattern).map_err(|error| invalid(&error))?,
            created_at: self.now(),
        };
        let event =
            self.ownership_event(EventKind::NameDisowned, caller, &owned, "is owned no more");
        let OwnedName { repository, ecosystem, pattern, .. } = owned;
        let write = Write::Disown { repository, ecosystem, pattern };
        self.write_settings(vec![write], vec![event]).await
    }

    /// Binds a name to another origin: an administrator's word against "first come, first kept".
    /// `None` binds it to what is published here. Tags that the name had by its origin before go.
    pub async fn set_origin(
        &self,
        caller: &Caller,
        repository: &str,
        ecosystem: &str,
        package: &str,
        upstream: Option<&str>,
    ) -> Result<(), Problem> {
        let repository = self.administered(caller, repository)?;
        let ecosystem = self.known_ecosystem(ecosystem)?;
        let package = ecosystem.package_name(package).map_err(|error| invalid(&error))?;
        let origin = match upstream {
            None => Origin::Published,
            // It would be bound, and never asked for all the same.
            Some(_) if repository.owns(ecosystem.id().as_str(), &package) => {
                let owner = &repository.repository.name;
                let message =
                    format!("{package} is owned by {owner}; `provender own remove` first");
                return Err(Problem::new(ProblemCode::Conflict, message));
            }
            Some(name) => {
                let found = repository
                    .upstreams_of(ecosystem.id().as_str())
                    .find(|upstream| upstream.name.as_str() == name);
                let unknown = || Problem::not_found(format!("no upstream {} here", shown(name)));
                Origin::Mirrored { upstream: found.ok_or_else(unknown)?.name.clone() }
            }
        };
        let key = PackageKey {
            repository: repository.repository.name.clone(),
            ecosystem: ecosystem.id(),
            package,
        };
        let message = match &origin {
            Origin::Published => format!("{} is bound to what is published here", key.package),
            Origin::Mirrored { upstream } => {
                format!("{} is bound to upstream {upstream}", key.package)
            }
        };
        let event = self.package_event(EventKind::NameClaimed, caller, &key, message);
        let actor = caller.actor().to_string();
        let write = Write::RebindName { key, origin, at: self.now(), actor };
        self.write_settings(vec![write], vec![event]).await
    }

    pub(crate) fn known_ecosystem(&self, id: &str) -> Result<Arc<dyn Ecosystem>, Problem> {
        self.ecosystem(id).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.ecosystems().iter().map(|e| e.id().as_str()).collect();
            let message = format!("no ecosystem {}; there is: {}", shown(id), known.join(", "));
            Problem::new(ProblemCode::NotFound, message)
        })
    }

    async fn mirrored_packages(
        &self,
        repository: &RepositoryState,
        ecosystem: &Arc<dyn Ecosystem>,
        pattern: &NamePattern,
    ) -> Result<Vec<NamedPackage>, Problem> {
        let packages =
            self.inner.metadata.packages(&repository.repository.name, ecosystem.id()).await;
        let mut packages = packages.map_err(|error| store_problem(&error))?;
        packages.retain(|package| {
            pattern.matches(&package.name)
                && matches!(package.row.origin, Some(Origin::Mirrored { .. }))
        });
        Ok(packages)
    }

    fn claim(
        &self,
        caller: &Caller,
        repository: &RepositoryState,
        ecosystem: &Arc<dyn Ecosystem>,
        package: NamedPackage,
        at: Timestamp,
    ) -> (Write, NewEvent) {
        let key = PackageKey {
            repository: repository.repository.name.clone(),
            ecosystem: ecosystem.id(),
            package: package.name,
        };
        let tags = if ecosystem.has_tags() { ", and its tags are gone" } else { "" };
        let message = format!(
            "{} was mirrored and is claimed for publishing here; its mirrored files are no longer served{tags}",
            key.package
        );
        let event = self.package_event(EventKind::NameClaimed, caller, &key, message);
        let actor = caller.actor().to_string();
        (Write::RebindName { key, origin: Origin::Published, at, actor }, event)
    }

    fn ownership_event(
        &self,
        kind: EventKind,
        caller: &Caller,
        owned: &OwnedName,
        what: &str,
    ) -> NewEvent {
        let mut event = self.event(kind, caller, format!("{} {what}", owned.pattern));
        event.repository = Some(owned.repository.clone());
        event.ecosystem = Some(owned.ecosystem.clone());
        event.detail.set_text("pattern", owned.pattern.to_string());
        event
    }
}
