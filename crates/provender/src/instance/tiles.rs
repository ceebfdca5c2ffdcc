//! A log's tiles over the network, to read only.

use async_trait::async_trait;
use bytes::Bytes;
use provender_tlog::{StorageError, TileStore};

use super::Instance;

/// The tiles of an instance's log.
pub(crate) struct RemoteTiles<'a> {
    pub(crate) instance: &'a Instance,
    /// The log's path on the server, with a slash behind: `-/log/api/v2/`.
    pub(crate) prefix: &'static str,
}

#[async_trait]
impl TileStore for RemoteTiles<'_> {
    async fn put(&self, path: &str, _: Bytes) -> Result<(), StorageError> {
        Err(StorageError::message(format!("{path} is on another machine and can only be read")))
    }

    async fn read(&self, path: &str) -> Result<Option<Bytes>, StorageError> {
        let found = self.instance.if_any(&format!("{}{path}", self.prefix)).await;
        found.map_err(|error| StorageError::message(format!("{error:#}")))
    }

    async fn remove(&self, path: &str) -> Result<(), StorageError> {
        Err(StorageError::message(format!("{path} is on another machine and can only be read")))
    }
}
