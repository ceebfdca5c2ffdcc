//! A repository's signature under a statement, with all that proves it: certificate, timestamp,
//! place in the log.

use provender_attest::{
    Bundle, BundleVersion, Content, Envelope, IN_TOTO_PAYLOAD_TYPE, InclusionProof, KeyMaterial,
    LogEntry, Statement, StatementError,
};
use provender_authority::error::CertificateError;
use provender_authority::keys::SigningFailed;
use provender_authority::oidc::San;
use provender_authority::tsa::TimestampError;
use provender_authority::{Authority, SignedMessage};
use provender_domain::Problem;
use provender_store::StoreError;
use provender_tlog::rekor::{KIND, VERSION, Verified};
use provender_tlog::{AppendError, Appended, Placed, Settlement};

/// Why something was not signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningFailure {
    /// The repository got no certificate.
    #[error("the repository got no certificate")]
    Certificate(#[from] CertificateError),
    /// Its key could not be used.
    #[error("the repository's key could not be used")]
    Key(#[from] SigningFailed),
    /// There is no timestamp.
    #[error("the signature got no timestamp")]
    Timestamp(#[from] TimestampError),
    /// The log did not take the entry.
    #[error("the log did not take the signature")]
    Log(#[from] AppendError),
    /// There is nothing to say about the file.
    #[error("nothing can be stated about the file")]
    Statement(#[from] StatementError),
    /// What is known of it could not be read, or its attestation not be kept.
    #[error("the attestation could not be kept")]
    Store(#[from] StoreError),
    /// The files that clients look for could not be kept.
    #[error("the files that hold it for clients could not be kept")]
    Evidence(#[source] Problem),
    /// It was queued by a program with more ecosystems.
    #[error("this program does not have the file's ecosystem")]
    UnknownEcosystem,
}

impl SigningFailure {
    /// Whether it comes of the server's end, and is nobody's trouble.
    pub(super) fn is_the_end(&self) -> bool {
        matches!(
            self,
            Self::Log(AppendError::Closed)
                | Self::Certificate(CertificateError::Log(AppendError::Closed))
                | Self::Store(StoreError::Closed)
        )
    }
}

/// Signs by the name of a repository. The timestamp comes first, so that an entry in the log
/// always has one. When this returns, the entry has its place; it is in the log for ever once the
/// settlement says so, and until then nobody may be shown the bundle.
pub(super) async fn sign(
    authority: &Authority,
    repository: &str,
    statement: &Statement,
) -> Result<(Bundle, Settlement), SigningFailure> {
    let name = San::Uri(authority.origin().repository(repository));
    let identity = authority.identity(&name).await?;
    let mut envelope = Envelope {
        payload_type: IN_TOTO_PAYLOAD_TYPE.to_owned(),
        payload: statement.to_json(),
        signature: Vec::new(),
    };
    let message = envelope.signed_bytes();
    let SignedMessage { signature, entry } = identity.sign_for_log(&message)?;
    let timestamp = authority.timestamp_over(&signature)?;
    envelope.signature = signature;
    let Placed { appended, settlement } = authority.place(&entry).await?;
    let bundle = Bundle {
        version: BundleVersion::V03,
        key: KeyMaterial::Certificates(vec![identity.certificate().to_vec()]),
        log_entries: vec![log_entry(authority, &entry, &appended)],
        timestamps: vec![timestamp],
        content: Content::Envelope(envelope),
    };
    Ok((bundle, settlement))
}

fn log_entry(authority: &Authority, entry: &Verified, appended: &Appended) -> LogEntry {
    LogEntry {
        index: appended.index,
        log_id: authority.log_id().as_bytes().to_vec(),
        kind: KIND.to_owned(),
        kind_version: VERSION.to_owned(),
        integrated_time: None,
        inclusion_promise: None,
        inclusion_proof: Some(InclusionProof {
            index: appended.index,
            root: appended.root.as_bytes().to_vec(),
            size: appended.size,
            hashes: appended.proof.iter().map(|hash| hash.as_bytes().to_vec()).collect(),
            checkpoint: appended.checkpoint.as_ref().to_owned(),
        }),
        body: entry.body().to_vec(),
    }
}
