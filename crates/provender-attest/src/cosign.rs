//! Signatures over images as cosign made them before there were bundles: signed is a text that
//! names the image's manifest (cosign's "Signature Specification", after Red Hat's simple signing),
//! and what proves the signature stands beside that text in annotations.

use der::pem;
use provender_domain::Digest;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::base64::{self, Base64};
use crate::bundle::{Bundle, BundleVersion, Content, KeyMaterial, LogEntry, MessageSignature};

/// Largest text that is read as one that names a manifest, in bytes. Real ones have some hundred.
pub const COSIGN_PAYLOAD_LIMIT_BYTES: usize = 64 * 1024;

/// What such a text says it is. Red Hat's has another word there, and another way of signing.
const PAYLOAD_TYPE: &str = "cosign container image signature";

/// A signature's annotations, as they are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CosignSignature<'a> {
    /// `dev.cosignproject.cosign/signature`: base64.
    pub signature: &'a str,
    /// `dev.sigstore.cosign/certificate`: PEM. One that was made by a key has none.
    pub certificate: Option<&'a str>,
    /// `dev.sigstore.cosign/bundle`: the log's entry and its promise, JSON.
    pub log_entry: Option<&'a str>,
    /// `dev.sigstore.cosign/rfc3161timestamp`: JSON.
    pub timestamp: Option<&'a str>,
}

/// Why annotations are no signature that can be verified.
#[derive(Debug, thiserror::Error)]
pub enum CosignError {
    /// One of them is not what it has to be.
    #[error("the annotation `{0}` does not read")]
    Malformed(&'static str),
    /// It was made by a key that somebody keeps, and nothing here says by which.
    #[error("the signature has no certificate")]
    NoCertificate,
}

impl CosignSignature<'_> {
    /// The same as a bundle over the text `payload`, of the one version for which a log's promise
    /// is enough. Nothing of it is verified.
    pub fn to_bundle(&self, payload: &[u8]) -> Result<Bundle, CosignError> {
        let signature = base64::decode(self.signature.trim());
        let signature = signature.ok_or(CosignError::Malformed("signature"))?;
        let certificate = self.certificate.ok_or(CosignError::NoCertificate)?;
        let Ok(("CERTIFICATE", certificate)) = pem::decode_vec(certificate.trim().as_bytes())
        else {
            return Err(CosignError::Malformed("certificate"));
        };
        let log_entry = self.log_entry.map(log_entry).transpose()?;
        let timestamp = self.timestamp.map(timestamp).transpose()?;
        Ok(Bundle {
            version: BundleVersion::V01,
            key: KeyMaterial::Certificates(vec![certificate]),
            log_entries: log_entry.into_iter().collect(),
            timestamps: timestamp.into_iter().collect(),
            content: Content::Message(MessageSignature {
                digest: Some(("SHA2_256".to_owned(), Sha256::digest(payload).to_vec())),
                signature,
            }),
        })
    }
}

/// The digest of the manifest that such a text names; `None` where it is no such text.
pub fn cosign_payload_digest(payload: &[u8]) -> Option<Digest> {
    if payload.len() > COSIGN_PAYLOAD_LIMIT_BYTES {
        return None;
    }
    let SimpleSigning { critical } = serde_json::from_slice(payload).ok()?;
    let digest = critical.image.docker_manifest_digest.parse().ok();
    digest.filter(|_| critical.kind == PAYLOAD_TYPE)
}

/// The annotation names no version: the entry itself says of what kind it is.
fn log_entry(annotation: &str) -> Result<LogEntry, CosignError> {
    let malformed = || CosignError::Malformed("bundle");
    let Promise { promise, payload } = serde_json::from_str(annotation).map_err(|_| malformed())?;
    let Kind { kind, version } =
        serde_json::from_slice(&payload.body.0).map_err(|_| malformed())?;
    Ok(LogEntry {
        index: u64::try_from(payload.index).map_err(|_| malformed())?,
        log_id: hex::decode(payload.log_id).map_err(|_| malformed())?,
        kind,
        kind_version: version,
        // As in bundles: the first second of 1970 is none.
        integrated_time: Some(payload.integrated_time).filter(|time| *time != 0),
        inclusion_promise: Some(promise.0),
        inclusion_proof: None,
        body: payload.body.0,
    })
}

fn timestamp(annotation: &str) -> Result<Vec<u8>, CosignError> {
    let read = serde_json::from_str::<Stamp>(annotation);
    read.map(|stamp| stamp.token.0).map_err(|_| CosignError::Malformed("rfc3161timestamp"))
}

#[derive(Deserialize)]
struct SimpleSigning {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: String,
}

#[derive(Deserialize)]
struct Promise {
    #[serde(rename = "SignedEntryTimestamp")]
    promise: Base64,
    #[serde(rename = "Payload")]
    payload: Promised,
}

#[derive(Deserialize)]
struct Promised {
    body: Base64,
    #[serde(rename = "integratedTime")]
    integrated_time: i64,
    #[serde(rename = "logIndex")]
    index: i64,
    /// In hexadecimal.
    #[serde(rename = "logID")]
    log_id: String,
}

#[derive(Deserialize)]
struct Kind {
    kind: String,
    #[serde(rename = "apiVersion")]
    version: String,
}

#[derive(Deserialize)]
struct Stamp {
    #[serde(rename = "SignedRFC3161Timestamp")]
    token: Base64,
}

#[cfg(test)]
mod tests;
