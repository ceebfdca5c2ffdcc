//! The connections that read from the embedded database.
//!
//! A pool asks a connection that comes back whether it is alive, in a task of its own: to ask a file
//! takes as long as most questions do. It also hands out the one that has rested longest, whose
//! pages are stale. Here the last one used is the next.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, Connection as _, Executor as _};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{ACQUIRE_TIMEOUT, SQLITE_READER, SQLITE_READERS};
use crate::StoreError;

pub(super) struct EmbeddedReaders {
    options: AnyConnectOptions,
    slots: Semaphore,
    idle: Mutex<Vec<AnyConnection>>,
    is_closed: AtomicBool,
}

/// One of them. Whoever drops it halfway through a question leaves it fit for the next: its thread
/// takes the questions in order, and a transaction that was dropped is undone before.
pub(in crate::metadata) struct EmbeddedReader<'a> {
    /// `None` only while it is dropped.
    connection: Option<AnyConnection>,
    readers: &'a EmbeddedReaders,
    _slot: SemaphorePermit<'a>,
}

impl EmbeddedReaders {
    pub(super) fn new(options: AnyConnectOptions) -> Self {
        Self {
            options,
            slots: Semaphore::new(SQLITE_READERS as usize),
            idle: Mutex::default(),
            is_closed: AtomicBool::new(false),
        }
    }

    pub(super) async fn acquire(&self) -> Result<EmbeddedReader<'_>, StoreError> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let slot = tokio::time::timeout(ACQUIRE_TIMEOUT, self.slots.acquire()).await;
        let slot = slot.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let slot = slot.map_err(|_| StoreError::Closed)?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(EmbeddedReader { connection: Some(connection), readers: self, _slot: slot })
    }

    /// Waits for whoever reads, then closes every connection.
    pub(super) async fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        // That it is closed already is as good.
        let _ = self.slots.acquire_many(SQLITE_READERS).await;
        self.slots.close();
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            // It only read.
            let _ = connection.close().await;
        }
    }

    async fn connect(&self) -> Result<AnyConnection, sqlx::Error> {
        let mut connection = AnyConnection::connect_with(&self.options).await?;
        connection.execute(SQLITE_READER).await?;
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<AnyConnection>> {
        self.idle.lock().expect("nobody panics while holding it")
    }
}

impl Drop for EmbeddedReader<'_> {
    fn drop(&mut self) {
        self.readers.idle().extend(self.connection.take());
    }
}

impl Deref for EmbeddedReader<'_> {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        self.connection.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for EmbeddedReader<'_> {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        self.connection.as_mut().expect("it is there until it is dropped")
    }
}
