//! Retention and garbage collection by the clock, where the operator asks for it.
//!
//! When it was done last is told by its own event, so that neither restarts nor a server that is
//! seldom up for long put it off for ever.

use std::time::Duration;

use provender_domain::{EventKind, NewEvent, Problem, Timestamp};
use provender_store::EventFilter;

use crate::error::store_problem;
use crate::garbage::Collected;
use crate::retention::Expired;
use crate::{Caller, Registry};

/// How often is looked whether it is time: the server may sleep, and its clock be set.
const LOOK_INTERVAL: Duration = Duration::from_mins(1);

impl Registry {
    pub(crate) fn maintain_in_background(&self) {
        let Some(every) = self.inner.tuning.maintenance_interval else { return };
        let weak = std::sync::Arc::downgrade(&self.inner);
        self.spawn_watcher(async move {
            loop {
                tokio::time::sleep(LOOK_INTERVAL).await;
                let Some(inner) = weak.upgrade() else { return };
                if let Err(problem) = (Self { inner }).maintain_if_due(every).await {
                    let cause = problem.internal.as_deref();
                    tracing::warn!(cause, "maintenance was left off: {problem}");
                }
            }
        });
    }

    /// Applies every repository's retention rules, then collects garbage, if neither was done by
    /// the clock for so long. Both go in bounded steps beside traffic, and what they did is an
    /// event. Answers whether it was time.
    pub async fn maintain_if_due(&self, every: Duration) -> Result<bool, Problem> {
        let last = self.last_maintained().await?;
        let now = self.now();
        // One that is to come was noted by a clock that was ahead.
        if last.is_some_and(|last| last <= now && now.since(last) < every) {
            return Ok(false);
        }
        let caller = Caller::system();
        let expired = self.apply_retention(&caller, None, false).await?;
        let collected = self.collect_garbage(&caller, false).await?;
        let event = self.maintained_event(&caller, &expired, collected);
        let outcome = self.inner.metadata.commit_from_room(Vec::new(), vec![event]).await;
        outcome.map_err(|error| store_problem(&error))?;
        Ok(true)
    }

    async fn last_maintained(&self) -> Result<Option<Timestamp>, Problem> {
        let filter = EventFilter {
            kinds: vec![EventKind::Maintained],
            limit: 1,
            newest_first: true,
            ..EventFilter::default()
        };
        let events = self.inner.metadata.events(&filter).await;
        let events = events.map_err(|error| store_problem(&error))?;
        Ok(events.first().map(|event| event.event.at))
    }

    fn maintained_event(
        &self,
        caller: &Caller,
        expired: &Expired,
        collected: Collected,
    ) -> NewEvent {
        let counts = [
            ("tags", expired.tags.len() as u64),
            ("files", expired.files.len() as u64 + collected.files),
            ("blobs", collected.blobs),
            ("bytes", collected.bytes),
            ("uploads", collected.uploads),
        ];
        let [(_, tags), (_, files), (_, blobs), (_, bytes), (_, uploads)] = counts;
        let message = format!(
            "retention rules were applied and garbage was collected by the clock: {tags} tags, \
             {files} files, {blobs} blobs and {uploads} abandoned uploads went, {bytes} bytes"
        );
        let mut event = self.event(EventKind::Maintained, caller, message);
        for (name, count) in counts {
            event.detail.0.insert(name.to_owned(), count.into());
        }
        event
    }
}
