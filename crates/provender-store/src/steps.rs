//! The durable steps of both stores: where a full disk is seen, and where tests inject faults.

use std::io;

use crate::Space;
use crate::error::is_full_disk;

/// Runs durable steps, and tells where one found no space; with the feature `faults`, makes one of
/// them fail.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps {
    space: Space,
    #[cfg(feature = "faults")]
    faults: std::sync::Arc<std::sync::Mutex<crate::Faults>>,
}

impl Steps {
    /// Steps that tell this of a full disk.
    pub(crate) fn telling(space: &Space) -> Self {
        Self {
            space: space.clone(),
            #[cfg(feature = "faults")]
            faults: std::sync::Arc::default(),
        }
    }

    /// Runs a step of the file system.
    pub(crate) fn file<T>(&self, step: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.run(step).inspect_err(|error| {
            if is_full_disk(error) {
                self.space.ran_out();
            }
        })
    }
}

#[cfg(not(feature = "faults"))]
impl Steps {
    #[expect(clippy::unused_self, reason = "the feature `faults` asks it")]
    pub(crate) fn run<T, E>(&self, step: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        step()
    }

    /// Runs a step of the database. That one found no space is told by whoever answers for it.
    pub(crate) async fn sql(
        &self,
        step: impl Future<Output = Result<(), sqlx::Error>>,
    ) -> Result<(), sqlx::Error> {
        step.await
    }
}

#[cfg(feature = "faults")]
impl Steps {
    pub(crate) fn attach(&self, faults: crate::Faults) {
        *self.current() = faults;
    }

    /// Runs a step, unless a fault is due.
    pub(crate) fn run<T, E: From<io::Error>>(
        &self,
        step: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        use crate::FaultMode::{AfterPersisted, BeforePersisted};
        let fault = self.current().begin();
        match fault {
            Some(BeforePersisted) => Err(injected().into()),
            Some(AfterPersisted) => step().and_then(|_| Err(injected().into())),
            None => step(),
        }
    }

    /// Runs a step of the database, unless a fault is due.
    pub(crate) async fn sql(
        &self,
        step: impl Future<Output = Result<(), sqlx::Error>>,
    ) -> Result<(), sqlx::Error> {
        use crate::FaultMode::{AfterPersisted, BeforePersisted};
        let fault = self.current().begin();
        match fault {
            Some(BeforePersisted) => Err(injected().into()),
            Some(AfterPersisted) => step.await.and_then(|()| Err(injected().into())),
            None => step.await,
        }
    }

    fn current(&self) -> std::sync::MutexGuard<'_, crate::Faults> {
        self.faults.lock().expect("nobody panics while holding it")
    }
}

#[cfg(feature = "faults")]
fn injected() -> io::Error {
    io::Error::other("an injected fault")
}
