//! References, and what people attest of kept files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Attestation;

/// Which reference is meant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceQuery {
    /// As the ecosystem's clients take it: `[host/]repository/package` and a tag or a digest.
    pub reference: String,
    /// Host and port by which the caller knows this server, beside its own.
    pub host: Option<String>,
}

/// The file that a reference names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Referenced {
    /// In which repository.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// Of which package.
    pub package: String,
    /// The file.
    pub file: String,
    /// The tag that points to it, where the reference has one.
    pub tag: Option<String>,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Its package URL.
    pub purl: String,
}

impl From<provender_registry::ReferencedFile> for Referenced {
    fn from(found: provender_registry::ReferencedFile) -> Self {
        Self {
            repository: found.repository.to_string(),
            ecosystem: found.ecosystem,
            package: found.package.to_string(),
            file: found.file.to_string(),
            tag: found.tag.map(String::from),
            sha256: found.blob.to_hex(),
            purl: found.purl,
        }
    }
}

/// What somebody attests of a kept file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAttestation {
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// Of which package.
    pub package: String,
    /// Of which file.
    pub file: String,
    /// A Sigstore bundle that this server's trust root verifies, with a statement about the file.
    pub bundle: serde_json::Value,
}

/// An attestation that is kept beside its file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct KeptAttestation {
    /// As it is kept.
    #[serde(flatten)]
    pub attestation: Attestation,
    /// Whom its certificate names.
    pub identity: String,
    /// Who vouched for that.
    pub issuer: String,
    /// Whether it was there before.
    pub already_there: bool,
}

impl From<provender_registry::KeptAttestation> for KeptAttestation {
    fn from(kept: provender_registry::KeptAttestation) -> Self {
        Self {
            attestation: kept.attestation.into(),
            identity: kept.identity,
            issuer: kept.issuer,
            already_there: kept.already_there,
        }
    }
}
