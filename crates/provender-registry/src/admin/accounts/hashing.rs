//! Passwords are hashed slowly on purpose: a few at a time, on threads that may take their time.

use std::sync::Arc;
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
pub(crate) struct Hashing(Arc<Semaphore>);

impl Default for Hashing {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(HASHES_AT_ONCE)))
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
        let turn = self.0.clone().acquire_owned();
        let turn = timeout(TURN_TIMEOUT, turn).await.map_err(|_| busy())?;
        // The turn ends with the work, also where whoever asked has left.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|error| Problem::internal(&error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::{HASHES_AT_ONCE, Hashing};

    #[tokio::test]
    async fn whoever_leaves_keeps_the_turn_that_their_work_has() {
        let (hashing, running) = (Hashing::default(), Arc::new(AtomicUsize::new(0)));
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        for _ in 0..HASHES_AT_ONCE + 3 {
            let (running, held) = (running.clone(), held.clone());
            let work = move || {
                running.fetch_add(1, Ordering::SeqCst);
                let _ = held.lock().map(|held| held.recv());
            };
            let left = tokio::time::timeout(Duration::from_millis(50), hashing.run(work)).await;
            assert!(left.is_err(), "it waits for its work, or for its turn");
        }
        assert!(running.load(Ordering::SeqCst) <= HASHES_AT_ONCE);
        drop(release);
        hashing.run(|| ()).await.unwrap();
    }
}
