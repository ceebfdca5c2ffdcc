//! Facts, in `SQLite` or `PostgreSQL`.

use std::collections::HashSet;

use provender_domain::{
    BlobId, EcosystemId, Event, FileName, FileState, KeptFile, NewEvent, RepositoryName,
    UpstreamName,
};
use tokio::sync::watch;

use crate::StoreError;

mod rows;
mod url;
mod write;

pub use rows::{
    Counts, EventFilter, ListingOutcome, NamedPackage, PackageKey, PackageRow, Settings, StoredKey,
    StoredListing, Token,
};
pub use url::DatabaseUrl;
pub use write::{Committed, Write};

/// The metadata of one server. Clones share it.
#[derive(Clone)]
pub struct Metadata;

impl Metadata {
    /// Opens the database, making or migrating its schema.
    ///
    /// The runtime that this is called in drives all later commits.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] for a database of a later version of this program.
    pub async fn open(_url: &DatabaseUrl) -> Result<Self, StoreError> {
        unimplemented!()
    }

    /// Writes all of this in one atomic transaction, which is durable when this returns.
    ///
    /// Events get the numbers that follow the last one's, without gaps. Calls that wait at the
    /// same time share one transaction of the database; one that fails does not disturb the
    /// others. If the returned future is dropped, the commit happens whole or not at all.
    ///
    /// # Errors
    /// See [`Write`] for the conditions of each; on any of them nothing of this call is written.
    pub async fn commit(
        &self,
        _writes: Vec<Write>,
        _events: Vec<NewEvent>,
    ) -> Result<Committed, StoreError> {
        unimplemented!()
    }

    /// Everything small, as of one moment.
    pub async fn settings(&self) -> Result<Settings, StoreError> {
        unimplemented!()
    }

    /// What is known of one package's name.
    pub async fn package(&self, _key: &PackageKey) -> Result<Option<PackageRow>, StoreError> {
        unimplemented!()
    }

    /// Every package of one ecosystem in a repository, sorted by name.
    pub async fn packages(
        &self,
        _repository: &RepositoryName,
        _ecosystem: EcosystemId,
    ) -> Result<Vec<NamedPackage>, StoreError> {
        unimplemented!()
    }

    /// The files of one package in every state, sorted by name.
    pub async fn files(&self, _key: &PackageKey) -> Result<Vec<KeptFile>, StoreError> {
        unimplemented!()
    }

    /// One file of a package, in whatever state.
    pub async fn file(
        &self,
        _key: &PackageKey,
        _name: &FileName,
    ) -> Result<Option<KeptFile>, StoreError> {
        unimplemented!()
    }

    /// Every file in this state, of one repository or of all, sorted by key and name.
    pub async fn files_in_state(
        &self,
        _state: FileState,
        _repository: Option<&RepositoryName>,
    ) -> Result<Vec<(StoredKey, KeptFile)>, StoreError> {
        unimplemented!()
    }

    /// What an upstream last said of a package.
    pub async fn listing(
        &self,
        _key: &PackageKey,
        _upstream: &UpstreamName,
    ) -> Result<Option<StoredListing>, StoreError> {
        unimplemented!()
    }

    /// Recorded events that pass the filter.
    pub async fn events(&self, _filter: &EventFilter) -> Result<Vec<Event>, StoreError> {
        unimplemented!()
    }

    /// The number of the last event that this process knows of; changes with every commit here.
    /// Other servers on the same database do not show.
    pub fn watch_events(&self) -> watch::Receiver<i64> {
        unimplemented!()
    }

    /// Whether any file that is not deleted, or a companion of one, has these bytes.
    pub async fn references(&self, _blob: &BlobId) -> Result<bool, StoreError> {
        unimplemented!()
    }

    /// Which of these blobs are referred to, as [`Metadata::references`] says of one.
    pub async fn blobs_in_use(&self, _blobs: &[BlobId]) -> Result<HashSet<BlobId>, StoreError> {
        unimplemented!()
    }

    /// Asks the database whether it answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// How much there is, from running totals: as cheap as one row.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        unimplemented!()
    }

    /// Waits for commits under way, then closes every connection. Later calls on any clone answer
    /// [`StoreError::Closed`].
    pub async fn close(&self) {
        unimplemented!()
    }

    /// Attaches injected faults; see [`crate::Faults`].
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn with_faults(self, _faults: crate::Faults) -> Self {
        unimplemented!()
    }
}
