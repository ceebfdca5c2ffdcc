//! Whether there is room to write. While there is none nothing can be recorded either: that there
//! was none is told once there is again, and until then the server's health says it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use provender_domain::{EventKind, Problem, Timestamp};
use tokio::sync::watch;

use crate::error::{blob_problem, store_problem};
use crate::{Caller, Registry};

/// How much has to find room before there is room again, in bytes.
const SPACE_BYTES: usize = 1 << 20;
/// How long it is not told again: files that are larger than what is left fill a disk again and
/// again.
const TELLING_INTERVAL: Duration = Duration::from_hours(1);

/// Since when there has been no room.
#[derive(Default)]
pub(crate) struct Fullness(Mutex<Option<Timestamp>>);

impl Fullness {
    pub(crate) fn since(&self) -> Option<Timestamp> {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.0.lock().expect("nothing panics while it holds a time")
    }
}

impl Registry {
    /// Waits, until the registry is closed, for writes that find no space, and then for space. The
    /// watch begins before the stores are opened: a disk may be full at the start.
    pub(crate) fn watch_space_in_background(&self, mut space: watch::Receiver<()>) {
        let weak = Arc::downgrade(&self.inner);
        let interval = self.inner.tuning.space_interval;
        self.spawn_watcher(async move {
            let mut told_at = None;
            while space.changed().await.is_ok() {
                match weak.upgrade() {
                    Some(inner) => (Self { inner }).note_full(),
                    None => return,
                }
                loop {
                    tokio::time::sleep(interval).await;
                    let Some(inner) = weak.upgrade() else { return };
                    if (Self { inner }).has_space_again(&mut told_at).await {
                        break;
                    }
                }
                // That it was tried again and again is no news.
                space.mark_unchanged();
            }
        });
    }

    fn note_full(&self) {
        tracing::error!("no space is left: nothing new is stored until somebody makes room");
        *self.inner.fullness.lock() = Some(self.now());
    }

    async fn has_space_again(&self, told_at: &mut Option<Timestamp>) -> bool {
        let Some(since) = self.inner.fullness.since() else { return true };
        match self.try_space(since, told_at).await {
            Ok(()) => {
                tracing::info!("there is room again");
                *self.inner.fullness.lock() = None;
                true
            }
            Err(problem) => {
                tracing::debug!(cause = problem.internal, "there is still no room");
                false
            }
        }
    }

    /// Writes something to where files are staged, and the event to the database.
    async fn try_space(
        &self,
        since: Timestamp,
        told_at: &mut Option<Timestamp>,
    ) -> Result<(), Problem> {
        let mut staging = self.inner.blobs.stage().await.map_err(|error| blob_problem(&error))?;
        let written = staging.write(Bytes::from(vec![0; SPACE_BYTES])).await;
        written.map_err(|error| blob_problem(&error))?;
        drop(staging.finish().await.map_err(|error| blob_problem(&error))?);
        self.inner.metadata.hold_room().map_err(|error| Problem::internal(&error))?;
        let now = self.now();
        if told_at.is_some_and(|at| now.since(at) < TELLING_INTERVAL) {
            return Ok(());
        }
        let message = format!(
            "no space was left since {since}, so that something could not be stored; there is room again"
        );
        let mut event = self.event(EventKind::StorageFull, &Caller::system(), message);
        event.detail.set_text("since", since.to_string());
        let outcome = self.inner.metadata.commit(Vec::new(), vec![event]).await;
        outcome.map_err(|error| store_problem(&error))?;
        *told_at = Some(now);
        Ok(())
    }
}
