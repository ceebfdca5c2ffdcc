//! Conditions, and what each becomes for a client.

use std::path::PathBuf;
use std::time::Duration;

use provender_domain::{Problem, ProblemCode};
use provender_store::{BlobError, StoreError};

/// Why a registry could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Another process has the data directory.
    #[error("the data directory {path} is in use by another process", path = path.display())]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// The data directory can't be made, locked or written.
    #[error("the data directory {path} cannot be used", path = path.display())]
    DataDirectory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The metadata database can't be opened.
    #[error("the metadata database cannot be opened")]
    Metadata(#[from] StoreError),
    /// What the server is to be known by is no origin.
    #[error("{origin} cannot be this server's public address: {reason}")]
    Origin {
        /// What was given.
        origin: String,
        /// Why not.
        reason: String,
    },
    /// What an operator set of the authority is not understood.
    #[error("the settings of the server's own certificate authority are not taken")]
    Settings(#[source] provender_authority::settings::SettingsError),
    /// The certificate authority or a log can't be opened.
    #[error("the server's own certificate authority cannot be opened")]
    Authority(#[source] provender_authority::error::OpenError),
    /// The blob store can't be opened.
    #[error("the blob store cannot be opened")]
    Blobs(#[from] BlobError),
}

const STORAGE_RETRY: Duration = Duration::from_mins(1);

fn storage_full(error: &(dyn std::error::Error + 'static)) -> Problem {
    let message =
        "the server's disk is full; nothing was stored, try again when its operator has made room";
    Problem::new(ProblemCode::StorageFull, message).because(error).retry_after(STORAGE_RETRY)
}

/// What a failure of the metadata store is to a client.
pub(crate) fn store_problem(error: &StoreError) -> Problem {
    match error {
        StoreError::Full { .. } => storage_full(error),
        _ => Problem::internal(error),
    }
}

/// What a failure of the blob store is to a client.
pub(crate) fn blob_problem(error: &BlobError) -> Problem {
    match error {
        BlobError::Full { .. } => storage_full(error),
        _ => Problem::internal(error),
    }
}

/// What a caller sent, fit for one line of a message.
pub(crate) fn shown(text: &str) -> String {
    /// Characters of it that are shown: a digest is shown whole.
    const SHOWN_CHARS: usize = 80;
    let mut characters = text.chars();
    let shown = characters.by_ref().take(SHOWN_CHARS).flat_map(char::escape_debug);
    let shown: String = shown.collect();
    if characters.next().is_some() { shown + "…" } else { shown }
}
