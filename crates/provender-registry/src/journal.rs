//! Writing: settings and their copy in memory, events on their own.

use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use provender_domain::{EcosystemId, EventKind, NewEvent, PackageName, Problem, ProblemCode};
use provender_store::{StoreError, Write};
use tokio::runtime::Handle;

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
        let outcome = self.inner.metadata.commit_from_room(writes, events).await;
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
///
/// It is done where it is waited for, as a task of its own would cost two changes of threads; what
/// is left of it when nobody waits any more becomes one.
pub(crate) fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> impl Future<Output = Result<T, Problem>> + Send {
    let work = AssertUnwindSafe(work).catch_unwind().map(|outcome| {
        outcome.unwrap_or_else(|_| Err(Problem::internal(&io::Error::other("a task panicked"))))
    });
    ToTheEnd { work: Some(work.boxed()), home: Handle::current() }
}

struct ToTheEnd<T: Send + 'static> {
    /// What is left to do.
    work: Option<BoxFuture<'static, Result<T, Problem>>>,
    /// Where it goes on without anybody who waits.
    home: Handle,
}

impl<T: Send + 'static> Future for ToTheEnd<T> {
    type Output = Result<T, Problem>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let work = self.work.as_mut().expect("nobody polls what has ended");
        let outcome = ready!(work.as_mut().poll(context));
        self.work = None;
        Poll::Ready(outcome)
    }
}

impl<T: Send + 'static> Drop for ToTheEnd<T> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.home.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use provender_domain::{Problem, ProblemCode};
    use tokio::sync::oneshot;

    use super::to_the_end;

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits_any_more() {
        let (start, started) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let work = to_the_end(async move {
            started.await.map_err(|error| Problem::internal(&error))?;
            tokio::task::yield_now().await;
            end.send("ended").map_err(|_| Problem::not_found("nobody looks"))
        });
        assert!(tokio::time::timeout(Duration::from_millis(1), work).await.is_err());
        start.send(()).unwrap();
        assert_eq!(ended.await.unwrap(), "ended");
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_of_its_own() {
        let work = async {
            tokio::task::yield_now().await;
            assert!(Duration::ZERO > Duration::MAX, "on purpose");
            Ok(())
        };
        assert_eq!(to_the_end(work).await.unwrap_err().code, ProblemCode::Internal);
        assert_eq!(to_the_end(async { Ok(7) }).await.unwrap(), 7);
    }
}
