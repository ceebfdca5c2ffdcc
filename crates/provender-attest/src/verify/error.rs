//! Which link of the chain broke.

use provender_domain::Digest;
use sigstore_verify::{CertificateError, Error, TimestampError, TransparencyLogError};

use crate::bundle::{Bundle, KeyMaterial};
use crate::policy::Policy;
use crate::statement::StatementError;

/// What exactly was found, for people; the variant around it says which link it broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Cause(String);

impl Cause {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Why a bundle does not prove what was asked: the link that broke.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The bundle contradicts itself, or a part of it does not read.
    #[error("the bundle is malformed")]
    Malformed(#[source] Cause),
    /// A kind of key, digest or entry that cannot be checked here.
    #[error("the bundle uses what cannot be checked here")]
    Unsupported(#[source] Cause),
    /// It was signed with a certificate and a key was given, or the other way round.
    #[error("the bundle was signed with {actual}, and {expected} was expected")]
    OtherMaterial {
        /// What the policy asks for.
        expected: &'static str,
        /// What the bundle has.
        actual: &'static str,
    },
    /// The signer's certificate does not read, or names nobody.
    #[error("the signer's certificate cannot be used")]
    Certificate(#[source] Cause),
    /// No certificate authority of the trust root issued the certificate.
    #[error("the certificate is from an authority that the trust root does not know")]
    UnknownAuthority(#[source] Cause),
    /// The certificate's chain is broken.
    #[error("the certificate's chain is broken")]
    CertificateChain(#[source] Cause),
    /// The certificate was not valid when it was signed.
    #[error("the certificate was not valid when it was used")]
    CertificateTime(#[source] Cause),
    /// The certificate is not shown to be in a certificate log of the trust root.
    #[error("the certificate's own log entry (SCT) does not hold")]
    Sct(#[source] Cause),
    /// The log is not one of the trust root's.
    #[error("the entry is in a log that the trust root does not know: {log_id}")]
    UnknownLog {
        /// The log's identifier, in hexadecimal.
        log_id: String,
    },
    /// The proof does not lead from the entry to the tree's root.
    #[error("the proof that the entry is in the log does not hold")]
    InclusionProof(#[source] Cause),
    /// The tree's root is not signed by the log.
    #[error("the log's checkpoint does not hold")]
    Checkpoint(#[source] Cause),
    /// The log's promise is not signed by the log.
    #[error("the log's promise of inclusion does not hold")]
    InclusionPromise(#[source] Cause),
    /// The entry speaks of another signature, key or artifact.
    #[error("the log entry speaks of something else")]
    EntryMismatch(#[source] Cause),
    /// No timestamp authority of the trust root made the timestamp.
    #[error("the timestamp is from an authority that the trust root does not know")]
    UnknownTimestampAuthority(#[source] Cause),
    /// A timestamp, or a log's signed time, does not hold.
    #[error("the timestamp does not hold")]
    Timestamp(#[source] Cause),
    /// Nobody says when it was signed, so the certificate proves nothing.
    #[error("nothing proves when it was signed")]
    NoTime(#[source] Cause),
    /// The signature is not one by this key.
    #[error("the signature does not hold")]
    Signature(#[source] Cause),
    /// The signature is over another artifact.
    #[error("it is not this artifact that was signed")]
    Digest(#[source] Cause),
    /// The artifact could not be read.
    #[error("the artifact cannot be read")]
    Artifact(#[source] std::io::Error),
    /// Signed by somebody else.
    #[error("signed by {actual}, and {expected} was expected")]
    Identity {
        /// Whom the policy asks for.
        expected: String,
        /// Who signed.
        actual: String,
    },
    /// The signer was vouched for by somebody else.
    #[error("the signer was vouched for by {actual}, and {expected} was expected", actual = actual.as_deref().unwrap_or("nobody"))]
    Issuer {
        /// Whom the policy asks for.
        expected: String,
        /// Who vouched.
        actual: Option<String>,
    },
    /// What was signed is no statement.
    #[error("what was signed is no statement")]
    Statement(#[source] StatementError),
    /// The trust root cannot be used.
    #[error("the trust root cannot be used")]
    TrustRoot(#[source] Cause),
}

impl VerifyError {
    /// The link that broke, as a word for programs.
    pub const fn link(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "bundle",
            Self::Unsupported(_) => "unsupported",
            Self::OtherMaterial { .. } => "key-material",
            Self::Certificate(_) => "certificate",
            Self::UnknownAuthority(_) => "certificate-authority",
            Self::CertificateChain(_) => "certificate-chain",
            Self::CertificateTime(_) => "certificate-time",
            Self::Sct(_) => "sct",
            Self::UnknownLog { .. } => "log",
            Self::InclusionProof(_) => "inclusion-proof",
            Self::Checkpoint(_) => "checkpoint",
            Self::InclusionPromise(_) => "inclusion-promise",
            Self::EntryMismatch(_) => "log-entry",
            Self::UnknownTimestampAuthority(_) => "timestamp-authority",
            Self::Timestamp(_) => "timestamp",
            Self::NoTime(_) => "time",
            Self::Signature(_) => "signature",
            Self::Digest(_) => "artifact",
            Self::Artifact(_) => "artifact-unreadable",
            Self::Identity { .. } => "identity",
            Self::Issuer { .. } => "issuer",
            Self::Statement(_) => "statement",
            Self::TrustRoot(_) => "trust-root",
        }
    }
}

/// What the library could not even be given.
pub(super) fn unfit(error: &crate::bundle::Unfit) -> VerifyError {
    use crate::bundle::Unfit;
    let cause = Cause::new(error.to_string());
    match error {
        Unfit::Kind { .. } | Unfit::DigestAlgorithm(_) => VerifyError::Unsupported(cause),
        Unfit::Library(sigstore_types::Error::InvalidCheckpoint(_)) => {
            VerifyError::Checkpoint(cause)
        }
        Unfit::Time | Unfit::Library(_) => VerifyError::Malformed(cause),
    }
}

/// What the library refused.
pub(super) fn refusal(error: Error, bundle: &Bundle, policy: &Policy) -> VerifyError {
    if let Some(other) = other_material(bundle, policy) {
        return other;
    }
    let cause = Cause::new(error.to_string());
    match error {
        Error::Certificate(error) => certificate(&error, cause),
        Error::TransparencyLog(error) => log(error, cause),
        Error::Timestamp(TimestampError::NoVerifiedTimestamp(_)) => VerifyError::NoTime(cause),
        Error::Timestamp(_) => timestamp(cause.0),
        Error::Bundle(error) => structure(&error, cause),
        Error::SignatureInvalid(_) | Error::Crypto(_) => VerifyError::Signature(cause),
        // The signature holds by then, so it is the entry that speaks of something else.
        Error::ArtifactMismatch(text) if text.contains("hashedrekord entry") => {
            VerifyError::EntryMismatch(cause)
        }
        Error::ArtifactMismatch(_) => VerifyError::Digest(cause),
        Error::ArtifactRead(error) => VerifyError::Artifact(error),
        Error::UnsupportedArtifact(_) | Error::UnsupportedBundle(_) => {
            VerifyError::Unsupported(cause)
        }
        Error::InvalidTrustRoot(_) | Error::TrustRoot(_) | Error::TrustedCertificate(_) => {
            VerifyError::TrustRoot(cause)
        }
        // The library may learn new reasons; every one of them is a refusal.
        _ => VerifyError::Malformed(cause),
    }
}

fn other_material(bundle: &Bundle, policy: &Policy) -> Option<VerifyError> {
    const KEY: &str = "a key";
    const CERTIFICATE: &str = "a certificate";
    match (&bundle.key, policy) {
        (KeyMaterial::Certificates(_), Policy::Key(_)) => {
            Some(VerifyError::OtherMaterial { expected: KEY, actual: CERTIFICATE })
        }
        (KeyMaterial::PublicKeyHint(_), Policy::Certificate(_)) => {
            Some(VerifyError::OtherMaterial { expected: CERTIFICATE, actual: KEY })
        }
        _ => None,
    }
}

fn certificate(error: &CertificateError, cause: Cause) -> VerifyError {
    match error {
        CertificateError::Malformed(_) => VerifyError::Certificate(cause),
        CertificateError::NoValidAuthority { .. } => VerifyError::UnknownAuthority(cause),
        CertificateError::NotYetValid { .. } | CertificateError::Expired { .. } => {
            VerifyError::CertificateTime(cause)
        }
        CertificateError::Sct(_) => VerifyError::Sct(cause),
        // The library gives the reasons of a broken chain as text only.
        CertificateError::ChainInvalid(text) if text.contains("UnknownIssuer") => {
            VerifyError::UnknownAuthority(cause)
        }
        CertificateError::ChainInvalid(text)
            if text.contains("CertExpired") || text.contains("CertNotValidYet") =>
        {
            VerifyError::CertificateTime(cause)
        }
        _ => VerifyError::CertificateChain(cause),
    }
}

fn log(error: TransparencyLogError, cause: Cause) -> VerifyError {
    match error {
        TransparencyLogError::UnknownLog { log_id } => VerifyError::UnknownLog { log_id },
        TransparencyLogError::InclusionProof(_) => VerifyError::InclusionProof(cause),
        TransparencyLogError::Checkpoint(_) => VerifyError::Checkpoint(cause),
        TransparencyLogError::InclusionPromise(_) => VerifyError::InclusionPromise(cause),
        TransparencyLogError::IntegratedTime(_) => VerifyError::Timestamp(cause),
        _ => VerifyError::EntryMismatch(cause),
    }
}

fn structure(error: &sigstore_bundle::Error, cause: Cause) -> VerifyError {
    use sigstore_bundle::Error;
    match error {
        Error::MissingInclusionProof(_) | Error::LogIndexOutOfRange { .. } => {
            VerifyError::InclusionProof(cause)
        }
        Error::MissingInclusionPromise(_) => VerifyError::InclusionPromise(cause),
        Error::MissingCheckpoint | Error::CheckpointRootMismatch => VerifyError::Checkpoint(cause),
        Error::MissingSigningTimeEvidence | Error::MissingTimestamp => VerifyError::NoTime(cause),
        _ => VerifyError::Malformed(cause),
    }
}

/// What the signed text names instead of the manifest in question.
pub(super) fn other_manifest(named: Option<&Digest>) -> VerifyError {
    let cause = match named {
        Some(named) => format!("the text that is signed names {named}"),
        None => "the text that is signed names no image".to_owned(),
    };
    VerifyError::Digest(Cause::new(cause))
}

/// The library gives the reasons of a timestamp's refusal as text only.
pub(super) fn timestamp(why: String) -> VerifyError {
    let is_unknown =
        ["any trusted TSA certificate", "names no authority", "no timestamp authorities"]
            .iter()
            .any(|text| why.contains(text));
    if is_unknown {
        VerifyError::UnknownTimestampAuthority(Cause(why))
    } else {
        VerifyError::Timestamp(Cause(why))
    }
}
