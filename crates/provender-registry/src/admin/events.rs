//! The record, as people read it.

use provender_domain::{Event, Problem, Scope};
use provender_store::EventFilter;

use crate::error::store_problem;
use crate::{Caller, Registry};

impl Registry {
    /// Recorded events. Who administers one repository sees that repository's.
    pub async fn events(
        &self,
        caller: &Caller,
        filter: EventFilter,
    ) -> Result<Vec<Event>, Problem> {
        match &filter.repository {
            Some(name) => drop(self.administered(caller, name.as_str())?),
            None => caller.require(Scope::Admin, None)?,
        }
        self.inner.metadata.events(&filter).await.map_err(|error| store_problem(&error))
    }

    /// The number of the last event; changes with each that is recorded here.
    pub fn watch_events(&self) -> tokio::sync::watch::Receiver<i64> {
        self.inner.metadata.watch_events()
    }
}
