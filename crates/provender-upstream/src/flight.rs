//! One execution for all who want the same thing at the same time.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;

/// How long work goes on when everybody who wanted it is gone. Clients that lost patience ask
/// again; a little later they find it done.
const ORPHAN_GRACE: Duration = Duration::from_secs(30);

/// Lets many callers of the same key share one execution.
///
/// The work runs as a task of its own: it does not end with the caller who began it, and when all
/// are gone it goes on for half a minute in case somebody comes back. Results are shared with
/// those who wait, and then forgotten: nothing is cached, least of all errors.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use provender_upstream::SingleFlight;
///
/// let flights = SingleFlight::<&str, u32, std::io::Error>::new();
/// assert_eq!(flights.run("answer", || async { Ok(42) }).await.unwrap(), 42);
/// # });
/// ```
pub struct SingleFlight<K, V, E> {
    flights: Arc<Flights<K, V, E>>,
}

struct Flights<K, V, E> {
    under_way: Mutex<HashMap<K, Arc<Announcer<V, E>>>>,
    grace: Duration,
}

/// Tells all who wait; `None` until there is an outcome.
struct Announcer<V, E>(watch::Sender<Option<Result<V, Arc<E>>>>);

/// Why a shared execution gave no value.
#[derive(Debug, thiserror::Error)]
pub enum FlightError<E> {
    /// It failed; everybody who waited got the same error.
    #[error(transparent)]
    Failed(Arc<E>),
    /// It panicked, or the runtime is shutting down.
    #[error("the shared work ended without a result: it panicked, or the server is stopping")]
    Lost,
}

impl<E> Clone for FlightError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::Lost => Self::Lost,
        }
    }
}

impl<K, V, E> SingleFlight<K, V, E>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// With nothing under way.
    pub fn new() -> Self {
        Self::with_grace(ORPHAN_GRACE)
    }

    fn with_grace(grace: Duration) -> Self {
        Self { flights: Arc::new(Flights { under_way: Mutex::default(), grace }) }
    }

    /// Joins the execution for `key` that is under way, or begins one with `work`.
    ///
    /// Must be called within a Tokio runtime. Dropping the returned future is safe at any time.
    ///
    /// # Errors
    /// [`FlightError::Failed`] with the error of the shared work, [`FlightError::Lost`] where it
    /// ended without a result.
    pub async fn run<F, W>(&self, key: K, work: F) -> Result<V, FlightError<E>>
    where
        F: FnOnce() -> W + Send + 'static,
        W: Future<Output = Result<V, E>> + Send + 'static,
    {
        let mut outcome = self.join(key, work);
        let outcome = match outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            Err(_) => None,
        };
        outcome.ok_or(FlightError::Lost)?.map_err(FlightError::Failed)
    }

    /// How many executions are under way.
    pub fn under_way(&self) -> usize {
        self.flights.lock().len()
    }

    fn join<F, W>(&self, key: K, work: F) -> watch::Receiver<Option<Result<V, Arc<E>>>>
    where
        F: FnOnce() -> W + Send + 'static,
        W: Future<Output = Result<V, E>> + Send + 'static,
    {
        let mut under_way = self.flights.lock();
        if let Some(announcer) = under_way.get(&key) {
            return announcer.0.subscribe();
        }
        let (sender, receiver) = watch::channel(None);
        let announcer = Arc::new(Announcer(sender));
        under_way.insert(key.clone(), Arc::clone(&announcer));
        let entry = Entry { flights: Arc::clone(&self.flights), key, removed: false };
        tokio::spawn(fly(entry, announcer, work));
        receiver
    }
}

impl<K, V, E> Default for SingleFlight<K, V, E>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V, E> Clone for SingleFlight<K, V, E> {
    fn clone(&self) -> Self {
        Self { flights: Arc::clone(&self.flights) }
    }
}

impl<K, V, E> Flights<K, V, E> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Announcer<V, E>>>> {
        self.under_way.lock().expect("nothing panics while it holds the list of flights")
    }
}

async fn fly<K, V, E, F, W>(mut entry: Entry<K, V, E>, announcer: Arc<Announcer<V, E>>, work: F)
where
    K: Eq + Hash,
    F: FnOnce() -> W,
    W: Future<Output = Result<V, E>>,
{
    let mut work = std::pin::pin!(async move { work().await });
    let grace = entry.flights.grace;
    let outcome = loop {
        tokio::select! {
            biased;
            outcome = &mut work => break outcome,
            () = announcer.0.closed() => {}
        }
        tokio::select! {
            biased;
            outcome = &mut work => break outcome,
            () = tokio::time::sleep(grace) => {}
        }
        if entry.remove_if_unwanted(&announcer) {
            return;
        }
    };
    // Gone from the list first: who comes now gets a new execution, not an old result.
    entry.remove();
    announcer.0.send_replace(Some(outcome.map_err(Arc::new)));
}

/// The flight's place in the list, given up when it ends in whatever way, panics included.
struct Entry<K: Eq + Hash, V, E> {
    flights: Arc<Flights<K, V, E>>,
    key: K,
    removed: bool,
}

impl<K: Eq + Hash, V, E> Entry<K, V, E> {
    fn remove(&mut self) {
        if !std::mem::replace(&mut self.removed, true) {
            self.flights.lock().remove(&self.key);
        }
    }

    fn remove_if_unwanted(&mut self, announcer: &Announcer<V, E>) -> bool {
        let mut under_way = self.flights.lock();
        // Nobody can join while the list is held.
        if announcer.0.receiver_count() > 0 {
            return false;
        }
        under_way.remove(&self.key);
        self.removed = true;
        true
    }
}

impl<K: Eq + Hash, V, E> Drop for Entry<K, V, E> {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests;
