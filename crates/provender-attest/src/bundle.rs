//! Sigstore bundles: a signature with all that is needed to verify it offline.
//!
//! Written as v0.3; v0.1 and v0.2 are read. The format is protobuf's JSON: 64-bit numbers are
//! texts, bytes are base64, and a field that is not known makes the whole invalid.

mod json;
mod library;
mod write;

pub(crate) use library::Unfit;

use provender_domain::EncodedText as _;

use crate::envelope::Envelope;

/// The media type of what is written here, and of what clients exchange.
pub const BUNDLE_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Largest bundle, in bytes: a statement of the largest size in base64, and the rest.
pub const BUNDLE_LIMIT_BYTES: usize = 24 * 1024 * 1024;
/// Most log entries of one bundle.
const LOG_ENTRIES_LIMIT: usize = 32;
/// Most timestamps of one bundle.
const TIMESTAMPS_LIMIT: usize = 32;
/// Most certificates of one bundle.
const CERTIFICATES_LIMIT: usize = 16;
/// Most hashes of one inclusion proof: the depth of the largest tree there can be.
const PROOF_HASHES_LIMIT: usize = 64;

/// A bundle, read and within limits; nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Which edition of the format.
    pub version: BundleVersion,
    /// What the signature is checked with.
    pub key: KeyMaterial,
    /// Where the signature is logged.
    pub log_entries: Vec<LogEntry>,
    /// RFC 3161 responses over the signature, DER.
    pub timestamps: Vec<Vec<u8>>,
    /// What is signed, and the signature.
    pub content: Content,
}

/// The edition of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleVersion {
    /// v0.1: an inclusion promise is enough.
    V01,
    /// v0.2: an inclusion proof is needed.
    V02,
    /// v0.3: and there is but one certificate.
    V03,
}

/// What the signature is checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyMaterial {
    /// Certificates, DER; the signer's first. v0.3 has exactly one.
    Certificates(Vec<Vec<u8>>),
    /// A key that the verifier must have, and what helps to find it. Nobody vouches for the hint.
    PublicKeyHint(String),
}

/// What is signed, and the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A statement in its envelope.
    Envelope(Envelope),
    /// A file's own bytes.
    Message(MessageSignature),
}

/// A signature over a file's own bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageSignature {
    /// The file's digest as the signer gave it: algorithm (`SHA2_256`, …) and bytes.
    pub digest: Option<(String, Vec<u8>)>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// An entry of a transparency log, as the log answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place in the log.
    pub index: u64,
    /// Which log: for a log of tiles the whole key hash.
    pub log_id: Vec<u8>,
    /// The kind of entry: `hashedrekord`, …
    pub kind: String,
    /// The kind's version: `0.0.2`, …
    pub kind_version: String,
    /// When the log says it took the entry, in seconds since 1970; logs of tiles do not say.
    pub integrated_time: Option<i64>,
    /// The log's signed promise to include the entry; logs of tiles give none.
    pub inclusion_promise: Option<Vec<u8>>,
    /// The proof that the entry is included.
    pub inclusion_proof: Option<InclusionProof>,
    /// The entry itself.
    pub body: Vec<u8>,
}

/// The proof that an entry is in a log (RFC 6962, section 2.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Its place in the tree.
    pub index: u64,
    /// The tree's root; signed in the checkpoint.
    pub root: Vec<u8>,
    /// How many entries the tree has; signed in the checkpoint.
    pub size: u64,
    /// The path from the entry to the root.
    pub hashes: Vec<Vec<u8>>,
    /// The signed tree head (C2SP tlog-checkpoint).
    pub checkpoint: String,
}

/// Why bytes are no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Larger than [`BUNDLE_LIMIT_BYTES`].
    #[error("a bundle has at most {BUNDLE_LIMIT_BYTES} bytes, this one {bytes}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// Not JSON, or not of a bundle's shape.
    #[error("this is no Sigstore bundle")]
    Malformed(#[source] serde_json::Error),
    /// Of a media type that is not known here.
    #[error("`{0}` is not a type of bundle that is known here")]
    UnknownMediaType(String),
    /// Not exactly one of what there must be one of.
    #[error("a bundle has exactly one {0}")]
    NotOne(&'static str),
    /// More than any bundle needs.
    #[error("a bundle has at most {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// A number that must not be negative, or bytes of a wrong length.
    #[error("the bundle's {0} is out of its range")]
    OutOfRange(&'static str),
}

impl Bundle {
    /// Reads a bundle.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > BUNDLE_LIMIT_BYTES {
            return Err(BundleError::TooLarge { bytes: bytes.len() });
        }
        let json: json::BundleJson =
            serde_json::from_slice(bytes).map_err(BundleError::Malformed)?;
        json.try_into()
    }

    /// The bundle's text, on one line. The same bundle gives the same text.
    pub fn to_json(&self) -> String {
        self.to_text()
    }

    /// The signature's bytes: what timestamps and log entries speak of.
    pub fn signature(&self) -> &[u8] {
        match &self.content {
            Content::Envelope(envelope) => &envelope.signature,
            Content::Message(message) => &message.signature,
        }
    }

    /// Whether a signed time comes along: a timestamp, or a log's promise with its time.
    ///
    /// A log of tiles signs none, so a bundle over one proves nothing without a timestamp. Who
    /// takes such a bundle in while its certificate lasts can have a timestamp made over its
    /// [`Bundle::signature`] and add it to [`Bundle::timestamps`].
    pub fn proves_time(&self) -> bool {
        let promised =
            |entry: &LogEntry| entry.integrated_time.is_some() && entry.inclusion_promise.is_some();
        !self.timestamps.is_empty() || self.log_entries.iter().any(promised)
    }

    /// The signer's certificate, DER, if it was signed with one.
    pub fn certificate(&self) -> Option<&[u8]> {
        match &self.key {
            KeyMaterial::Certificates(certificates) => certificates.first().map(Vec::as_slice),
            KeyMaterial::PublicKeyHint(_) => None,
        }
    }
}

impl LogEntry {
    /// Reads a log's answer: Rekor's `TransparencyLogEntry` in protobuf's JSON.
    pub fn from_value(value: serde_json::Value) -> Result<Self, BundleError> {
        let json: json::LogEntryJson =
            serde_json::from_value(value).map_err(BundleError::Malformed)?;
        json.try_into()
    }
}

#[cfg(test)]
mod tests;
