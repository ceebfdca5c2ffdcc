//! Writing: settings and their copy in memory, events on their own.

use std::sync::Arc;

use provender_domain::{EcosystemId, EventKind, NewEvent, PackageName, Problem, ProblemCode};
use provender_store::{StoreError, Write};

use crate::error::store_problem;
use crate::state::State;
use crate::{Caller, Registry};

impl Registry {
    /// An event of this kind by this caller, now.
    pub(crate) fn event(
        &self,
        kind: EventKind,
        caller: &Caller,
        message: impl Into<String>,
    ) -> NewEvent {
        let mut event = NewEvent::new(kind, self.now(), caller.actor(), message);
        event.client = caller.client().map(|address| address.to_string());
        event
    }

    /// An event about a package.
    pub(crate) fn package_event(
        &self,
        kind: EventKind,
        caller: &Caller,
        key: &provender_store::PackageKey,
        message: impl Into<String>,
    ) -> NewEvent {
        let mut event = self.event(kind, caller, message);
        event.repository = Some(key.repository.clone());
        event.ecosystem = Some(key.ecosystem.to_string());
        event.package = Some(key.package.clone());
        event
    }

    /// Writes settings and events durably, then replaces the copy in memory and drops every
    /// rendered index. When this returns, each later request sees the change.
    pub(crate) async fn write_settings(
        &self,
        writes: Vec<Write>,
        events: Vec<NewEvent>,
    ) -> Result<(), Problem> {
        self.write_settings_if(|_| Ok(()), writes, events).await
    }

    /// Does so if the settings as they are then pass a check: no other writer comes between.
    pub(crate) async fn write_settings_if(
        &self,
        check: impl FnOnce(&State) -> Result<(), Problem> + Send + 'static,
        writes: Vec<Write>,
        events: Vec<NewEvent>,
    ) -> Result<(), Problem> {
        let registry = self.clone();
        to_the_end(async move {
            let _gate = registry.inner.settings_gate.lock().await;
            check(&registry.state())?;
            registry.replace_settings(writes, events).await
        })
        .await
    }

    async fn replace_settings(
        &self,
        writes: Vec<Write>,
        events: Vec<NewEvent>,
    ) -> Result<(), Problem> {
        let outcome = self.inner.metadata.commit(writes, events).await;
        // Read back also after a failure: an error may have come after the commit was durable.
        let settings =
            self.inner.metadata.settings().await.map_err(|error| store_problem(&error))?;
        *self.inner.state.write().expect("state is replaced, never changed, under this lock") =
            Arc::new(State::new(settings));
        self.authority().trust_issuers(self.trusted_issuers());
        self.inner.index_cache.settings_changed();
        outcome.map(drop).map_err(|error| match error {
            StoreError::Exists { .. } => Problem::new(ProblemCode::Conflict, error.to_string()),
            StoreError::Missing { .. } => Problem::not_found(error.to_string()),
            _ => store_problem(&error),
        })
    }

    /// Records an event that nobody waits for. If it can't be recorded, the operator's log says so.
    pub(crate) fn record_in_background(&self, event: NewEvent) {
        let metadata = self.inner.metadata.clone();
        self.spawn(async move {
            if let Err(error) = metadata.commit(Vec::new(), vec![event.clone()]).await {
                tracing::error!(%error, kind = event.kind.as_str(), message = event.message, "an event could not be recorded");
            }
        });
    }

    /// Runs a task that [`Registry::close`] waits for.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut background = self.inner.background();
        while background.tasks.try_join_next().is_some() {}
        background.tasks.spawn(task);
    }

    /// Runs a task that goes on until [`Registry::close`].
    pub(crate) fn spawn_watcher(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.background().watchers.spawn(task);
    }

    /// What is rendered of this package is no longer true, in whatever repository.
    pub(crate) fn package_changed(&self, ecosystem: EcosystemId, package: &PackageName) {
        self.inner.index_cache.package_changed(ecosystem, package);
    }

    /// The repositories of this server may list other packages than before.
    pub(crate) fn catalogue_changed(&self, ecosystem: EcosystemId) {
        self.inner.index_cache.catalogue_changed(ecosystem);
    }
}

/// Does work to its end, also when whoever waits for it leaves: what is durable and what is in
/// memory must not part because a client hung up between the two.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work).await.map_err(|error| Problem::internal(&error))?
}
