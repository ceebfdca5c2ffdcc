//! What can go wrong with the whole.

use provender_tlog::note::NoteError;
use provender_tlog::rekor;
use provender_tlog::{AppendError, LogError, StorageError};

use crate::ca::{AuthorityFileError, IdentityError, RequestError};
use crate::clock::{ClockWentBack, LatestTimeError};
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
