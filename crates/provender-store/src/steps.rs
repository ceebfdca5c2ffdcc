//! The durable steps of both stores, where tests inject faults.

use std::io;

/// Runs durable steps; with the feature `faults`, makes one of them fail.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps {
    #[cfg(feature = "faults")]
    faults: std::sync::Arc<std::sync::Mutex<crate::Faults>>,
}

#[cfg(not(feature = "faults"))]
impl Steps {
    /// Runs a step of the file system.
    #[expect(clippy::unused_self, reason = "the feature `faults` asks it")]
    pub(crate) fn file<T>(&self, step: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        step()
    }

    /// Runs a step of the database.
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

    /// Runs a step of the file system, unless a fault is due.
    pub(crate) fn file<T>(&self, step: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        use crate::FaultMode::{AfterPersisted, BeforePersisted};
        let fault = self.current().begin();
        match fault {
            Some(BeforePersisted) => Err(injected()),
            Some(AfterPersisted) => step().and_then(|_| Err(injected())),
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
