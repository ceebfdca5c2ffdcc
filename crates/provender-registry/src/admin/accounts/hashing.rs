//! Passwords are hashed slowly on purpose: a few at a time, on threads that may take their time.

use std::time::Duration;

use provender_domain::{Problem, ProblemCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How many are hashed at once; each takes one core and 19 MiB.
const HASHES_AT_ONCE: usize = 2;
/// How long a caller waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// The turns.
#[derive(Debug)]
pub(crate) struct Hashing(Semaphore);

impl Default for Hashing {
    fn default() -> Self {
        Self(Semaphore::new(HASHES_AT_ONCE))
    }
}

impl Hashing {
    /// Does this when its turn comes.
    ///
    /// # Errors
    /// `Busy` where that would take too long.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let busy = || {
            let message = "too many people sign in at this moment";
            Problem::new(ProblemCode::Busy, message).retry_after(TURN_TIMEOUT)
        };
        let turn = timeout(TURN_TIMEOUT, self.0.acquire()).await.map_err(|_| busy())?;
        let done = tokio::task::spawn_blocking(work).await;
        drop(turn);
        done.map_err(|error| Problem::internal(&error))
    }
}
