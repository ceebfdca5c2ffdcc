//! What can go wrong with the whole.

use std::path::PathBuf;

use jiff::Timestamp;
use provender_tlog::note::NoteError;
use provender_tlog::rekor;
use provender_tlog::{AppendError, LogError, StorageError};

use crate::ca::{AuthorityFileError, IdentityError, RequestError};
use crate::clock::{ClockWentBack, LatestTimeError};
pub use crate::generations::GenerationsError;
use crate::keys::{KeyError, SigningFailed};
use crate::oidc::{IssuerUrlError, TokenError};
use crate::trust::TermsError;
use crate::tuf::TufError;

/// Why an authority cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A private key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate of the authority or of the timestamp authority cannot be used.
    #[error(transparent)]
    Certificate(#[from] AuthorityFileError),
    /// The public origin cannot be that of an issuer.
    #[error("the public origin cannot be that of an issuer of identity tokens")]
    Origin(#[from] IssuerUrlError),
    /// The TUF repository cannot be used.
    #[error(transparent)]
    Tuf(#[from] TufError),
    /// The list of logs cannot be used.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The list of keys over time cannot be used.
    #[error(transparent)]
    Generations(#[from] GenerationsError),
    /// The root keys cannot be used.
    #[error(transparent)]
    RootKeys(#[from] RootKeyError),
    /// The time of before cannot be known.
    #[error(transparent)]
    LatestTime(#[from] LatestTimeError),
    /// The public origin's host cannot be the name of a log.
    #[error("the host of the public origin cannot be the name of a log")]
    LogName(#[from] NoteError),
    /// A store of a log cannot be opened.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A log cannot be opened.
    #[error("a transparency log cannot be opened")]
    Log(#[from] LogError),
    /// Nothing could be signed.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
}

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The request is refused.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The identity token is refused.
    #[error("the identity token is not accepted")]
    Token(#[from] TokenError),
    /// The identity cannot stand in a certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The clock cannot be believed.
    #[error(transparent)]
    Clock(#[from] ClockWentBack),
    /// The log of certificates did not take it.
    #[error("the certificate could not be logged")]
    Log(#[from] AppendError),
    /// Nothing could be signed.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
}

/// Why nothing was appended to the transparency log.
#[derive(Debug, thiserror::Error)]
pub enum LogEntryError {
    /// The entry is refused.
    #[error(transparent)]
    Request(#[from] rekor::RequestError),
    /// The log did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// What was not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The TUF repository cannot be written; what clients see is what they saw before.
    #[error("what clients are told to trust could not be renewed")]
    Tuf(#[from] TufError),
    /// The latest time cannot be kept.
    #[error(transparent)]
    LatestTime(#[from] LatestTimeError),
}

/// What did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// A log died before.
    #[error("a transparency log could not be closed in order")]
    Log(#[from] LogError),
    /// The latest time cannot be kept.
    #[error(transparent)]
    LatestTime(#[from] LatestTimeError),
}

/// Why a service has no new key.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The folder with the root's key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The clock cannot be believed. Nothing changed.
    #[error(transparent)]
    Clock(#[from] ClockWentBack),
    /// The root that is to certify the key is not valid yet, since it was made by a clock that was
    /// ahead. Nothing changed.
    #[error(
        "the root above is valid from {begins} on, and a key that it certifies is not before that; \
         if the clock is right now, make a new root with it: provender trust rotate {service} --new-root"
    )]
    RootNotYet {
        /// Whose root.
        service: &'static str,
        /// When it begins.
        begins: Timestamp,
    },
    /// The key or its certificate could not be made. Nothing changed.
    #[error("no new key was made")]
    Make(#[from] AuthorityFileError),
    /// The change could not be written down. Nothing changed.
    #[error(transparent)]
    Generations(#[from] GenerationsError),
    /// What was just made cannot be used. The next start tries again.
    #[error("the new key cannot be used yet: restart the server")]
    Open(#[source] Box<OpenError>),
    /// Clients could not be told. The next start tells them.
    #[error("clients could not be told of the new key: restart the server")]
    Tuf(#[from] TufError),
}

impl From<OpenError> for RotateError {
    fn from(error: OpenError) -> Self {
        Self::Open(Box::new(error))
    }
}

/// Why root keys were not exported or replaced.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// A key or its folder cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is nothing to export.
    #[error("there are no root keys in {}: they were taken elsewhere", .directory.display())]
    NoneHere {
        /// Where they would be.
        directory: PathBuf,
    },
    /// They are there already.
    #[error("{} is in the data directory, where the root keys are", .directory.display())]
    SameFolder {
        /// The folder.
        directory: PathBuf,
    },
    /// Another file is in the way.
    #[error("{} is another key: choose another folder", .path.display())]
    OtherThere {
        /// The file.
        path: PathBuf,
    },
    /// A copy is not what was written.
    #[error("{} is not what was written: nothing was removed", .path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
    },
    /// The root document could not be made.
    #[error(transparent)]
    Tuf(#[from] TufError),
}
