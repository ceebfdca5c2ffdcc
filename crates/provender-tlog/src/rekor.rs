//! Rekor v2: what Sigstore's clients send to a log, what it keeps, and what it answers.
//!
//! The one kind of entry is `hashedrekord` 0.0.2: a digest, a signature over it, and the key or
//! certificate that the signature is checked with. A DSSE envelope is kept as one over the digest
//! of its pre-authentication encoding. Clients build the bytes of an entry anew, so they are those
//! of Go's protojson after JCS (RFC 8785), to the last byte.

mod algorithm;
mod body;
mod request;
mod verifier;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

pub use algorithm::{Algorithm, HashAlgorithm, UnknownAlgorithm};
pub use body::{BodyError, HashedRekord, keys};
pub use request::{REQUEST_MAX_BYTES, Request, RequestError, Verified};
pub use verifier::{Material, Verifier, VerifierError};

use crate::note::NoteVerifier;
use crate::{Appended, Hash, SearchKey};

/// The kind of every entry.
pub const KIND: &str = "hashedrekord";
/// The version of that kind.
pub const VERSION: &str = "0.0.2";

/// What finds the entries about this digest.
pub fn digest_key(digest: &[u8]) -> SearchKey {
    SearchKey::new("digest", digest)
}

/// What finds the entries signed by this identity: an e-mail address, a URI or another name from
/// the subject of a certificate.
pub fn identity_key(identity: &str) -> SearchKey {
    SearchKey::new("identity", identity.as_bytes())
}

/// What finds the entries signed by this public key (SPKI DER) without a certificate.
pub fn public_key_key(spki_der: &[u8]) -> SearchKey {
    SearchKey::new("public-key", spki_der)
}

/// An entry and the proof of it, as clients put it in their bundles: `TransparencyLogEntry` of
/// Sigstore's protobuf-specs in its JSON form. It is serialized with serde.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransparencyLogEntry {
    log_index: String,
    log_id: LogId,
    kind_version: KindVersion,
    inclusion_proof: InclusionProof,
    canonicalized_body: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct KindVersion {
    kind: &'static str,
    version: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct InclusionProof {
    log_index: String,
    root_hash: String,
    tree_size: String,
    hashes: Vec<String>,
    checkpoint: Envelope,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Envelope {
    envelope: String,
}

impl TransparencyLogEntry {
    /// The answer about an entry with this body, appended to the log that has this key.
    pub fn new(log: &NoteVerifier, body: &[u8], appended: &Appended) -> Self {
        let log_index = appended.index.to_string();
        Self {
            log_index: log_index.clone(),
            log_id: LogId { key_id: log.id().to_base64() },
            kind_version: KindVersion { kind: KIND, version: VERSION },
            inclusion_proof: InclusionProof {
                log_index,
                root_hash: appended.root.to_base64(),
                tree_size: appended.size.to_string(),
                hashes: appended.proof.iter().map(Hash::to_base64).collect(),
                checkpoint: Envelope { envelope: appended.checkpoint.as_ref().to_owned() },
            },
            canonicalized_body: STANDARD.encode(body),
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it consists of strings")
    }
}

#[cfg(test)]
mod tests;
