//! What becomes of a swap that was handed in.

use tokio::sync::watch;

use crate::StorageError;

/// Whether a swap is durable, for whoever must not go ahead of it. Clones speak of the same swap.
#[derive(Clone, Debug)]
pub struct Settlement(watch::Receiver<Option<Result<bool, StorageError>>>);

/// The store's end of it. Dropped without a word it settles as a failure: nobody knows then what
/// was written.
#[derive(Debug)]
pub struct Settler(watch::Sender<Option<Result<bool, StorageError>>>);

impl Settlement {
    /// That of a swap which was just handed in, and the end by which it is settled.
    pub fn pair() -> (Settler, Self) {
        let (settler, settlement) = watch::channel(None);
        (Settler(settler), Self(settlement))
    }

    /// That of a swap which is durable.
    pub fn durable() -> Self {
        Self(watch::channel(Some(Ok(true))).1)
    }

    /// Waits until it is settled. `Ok(true)`: it is durable; `Ok(false)`: someone else was first,
    /// nothing was written.
    ///
    /// # Errors
    /// Where it cannot be said whether it was written.
    pub async fn outcome(&self) -> Result<bool, StorageError> {
        let mut watched = self.0.clone();
        let outcome = watched.wait_for(Option::is_some).await;
        outcome.ok().and_then(|outcome| outcome.clone()).unwrap_or_else(|| Err(unsettled()))
    }

    /// What became of it, if that is known by now.
    pub fn settled(&self) -> Option<Result<bool, StorageError>> {
        let settled = self.0.borrow().clone();
        settled.or_else(|| self.0.has_changed().is_err().then(|| Err(unsettled())))
    }

    /// Whether it is durable by now.
    pub fn is_durable(&self) -> bool {
        matches!(*self.0.borrow(), Some(Ok(true)))
    }
}

impl Settler {
    /// Tells whoever waits. To be called when what it says holds.
    pub fn settle(self, outcome: Result<bool, StorageError>) {
        self.0.send_replace(Some(outcome));
    }

    /// Whether this is the other end of that one.
    pub fn settles(&self, settlement: &Settlement) -> bool {
        self.0.subscribe().same_channel(&settlement.0)
    }
}

fn unsettled() -> StorageError {
    StorageError::message("the store ended before it said what became of a swap")
}
