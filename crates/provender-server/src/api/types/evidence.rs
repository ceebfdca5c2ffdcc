//! Evidence.

use provender_domain::{EventKind, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Actor, File, Origin, schema};

/// What evidence is wanted of.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceQuery {
    /// `sha256:` and 64 hexadecimal digits, a package URL of a package, a version or a file, or a
    /// file's name.
    pub subject: String,
    /// Only in this repository.
    pub repository: Option<String>,
}

/// Of which bytes attestations or signatures are wanted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BytesQuery {
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

/// All that is known of one file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct FileEvidence {
    /// The file's package URL.
    pub purl: String,
    /// The file, and what policy says of it.
    pub file: File,
    /// Where it came from.
    pub origin: Origin,
    /// What happened to it, oldest first; the last hundred.
    pub events: Vec<FileEvent>,
    /// What is attested of it, oldest first.
    pub attestations: Vec<Attestation>,
    /// Signatures of cosign's older form under a tag beside it, the newest first.
    #[serde(default)]
    pub signatures: Vec<TaggedSignature>,
}

/// Something that happened to a file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct FileEvent {
    /// Its place in the record of events.
    pub number: i64,
    /// What happened.
    #[schemars(schema_with = "schema::event_kind")]
    pub kind: EventKind,
    /// When, by the server's clock.
    #[schemars(schema_with = "schema::moment")]
    pub at: Timestamp,
    /// Who did it; not told to anonymous callers.
    pub actor: Option<Actor>,
    /// What happened and why, one sentence for people.
    pub message: String,
}

/// A statement about bytes, with all that proves it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Attestation {
    /// SHA-256 of the bytes that it is about, in hexadecimal.
    pub sha256: String,
    /// The file's repository, where it is about a file.
    pub repository: Option<String>,
    /// The file's name, where it is about a file.
    pub file: Option<String>,
    /// Who made it: `ours` (this server), `publisher` or `upstream`.
    pub source: String,
    /// What it says, by the URI of its predicate's type.
    pub predicate_type: String,
    /// Its index in this server's own log.
    pub log_index: Option<u64>,
    /// When it came here.
    #[schemars(schema_with = "schema::moment")]
    pub recorded_at: Timestamp,
    /// The Sigstore bundle: envelope, certificate, timestamps, and the proof that it is logged.
    pub bundle: Value,
}

/// A signature of cosign's older form, under a tag beside what it is about. Nobody has verified it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TaggedSignature {
    /// The repository of what it is about.
    pub repository: String,
    /// The name of that file.
    pub file: String,
    /// The tag.
    pub tag: String,
    /// What is signed: JSON that names the file by its digest.
    pub text: String,
    /// The signature over the text, as a Sigstore bundle.
    pub bundle: Value,
}

impl From<provender_registry::FileEvidence> for FileEvidence {
    fn from(evidence: provender_registry::FileEvidence) -> Self {
        let file = File::from(evidence.report);
        Self {
            purl: evidence.purl,
            origin: file.origin.clone(),
            file,
            events: evidence.events.into_iter().map(FileEvent::from).collect(),
            attestations: evidence.attestations.into_iter().map(Attestation::from).collect(),
            signatures: evidence.signatures.into_iter().map(TaggedSignature::from).collect(),
        }
    }
}

impl From<provender_registry::FileEvent> for FileEvent {
    fn from(event: provender_registry::FileEvent) -> Self {
        Self {
            number: event.number,
            kind: event.kind,
            at: event.at,
            actor: event.actor.map(Actor::from),
            message: event.message,
        }
    }
}

impl From<provender_store::Attestation> for Attestation {
    fn from(attestation: provender_store::Attestation) -> Self {
        let (repository, file) = match attestation.file {
            Some(key) => (Some(key.package.repository.to_string()), Some(key.name.to_string())),
            None => (None, None),
        };
        Self {
            sha256: attestation.blob.to_hex(),
            repository,
            file,
            source: attestation.source.as_str().to_owned(),
            predicate_type: attestation.predicate_type,
            log_index: attestation.log_index,
            recorded_at: attestation.recorded_at,
            bundle: serde_json::from_str(&attestation.bundle).unwrap_or(Value::Null),
        }
    }
}

impl From<provender_registry::TaggedBundle> for TaggedSignature {
    fn from(found: provender_registry::TaggedBundle) -> Self {
        Self {
            repository: found.file.package.repository.to_string(),
            file: found.file.name.to_string(),
            tag: found.tag.to_string(),
            text: found.text,
            bundle: serde_json::from_str(&found.bundle).unwrap_or(Value::Null),
        }
    }
}
