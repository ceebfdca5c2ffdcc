//! The bundle's JSON, read: field by field, as protobuf-specs names them.

use serde::{Deserialize, Deserializer, de};

use super::{
    BUNDLE_MEDIA_TYPE, Bundle, BundleError, BundleVersion, CERTIFICATES_LIMIT, Content,
    InclusionProof, KeyMaterial, LOG_ENTRIES_LIMIT, LogEntry, MessageSignature, PROOF_HASHES_LIMIT,
    TIMESTAMPS_LIMIT,
};
use crate::base64::Base64;
use crate::envelope::Envelope;

const MEDIA_TYPE_V01: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";
const MEDIA_TYPE_V02: &str = "application/vnd.dev.sigstore.bundle+json;version=0.2";
/// How early clients wrote v0.3.
const MEDIA_TYPE_V03_EARLY: &str = "application/vnd.dev.sigstore.bundle+json;version=0.3";

/// What the type of a bundle is called.
pub(super) const fn media_type(version: BundleVersion) -> &'static str {
    match version {
        BundleVersion::V01 => MEDIA_TYPE_V01,
        BundleVersion::V02 => MEDIA_TYPE_V02,
        BundleVersion::V03 => BUNDLE_MEDIA_TYPE,
    }
}

/// Bytes of every hash of the tree.
const TREE_HASH_BYTES: usize = 32;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BundleJson {
    media_type: String,
    verification_material: MaterialJson,
    #[serde(default)]
    message_signature: Option<MessageSignatureJson>,
    #[serde(default)]
    dsse_envelope: Option<EnvelopeJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MaterialJson {
    #[serde(default)]
    certificate: Option<RawBytesJson>,
    #[serde(default)]
    x509_certificate_chain: Option<ChainJson>,
    #[serde(default)]
    public_key: Option<PublicKeyJson>,
    #[serde(default)]
    tlog_entries: Option<Vec<LogEntryJson>>,
    #[serde(default)]
    timestamp_verification_data: Option<TimestampsJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawBytesJson {
    raw_bytes: Base64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainJson {
    certificates: Vec<RawBytesJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicKeyJson {
    #[serde(default)]
    hint: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TimestampsJson {
    #[serde(default)]
    rfc3161_timestamps: Option<Vec<TimestampJson>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TimestampJson {
    signed_timestamp: Base64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MessageSignatureJson {
    #[serde(default)]
    message_digest: Option<MessageDigestJson>,
    signature: Base64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageDigestJson {
    algorithm: String,
    digest: Base64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EnvelopeJson {
    payload: Base64,
    payload_type: String,
    signatures: Vec<SignatureJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureJson {
    sig: Base64,
    /// Nobody vouches for it.
    #[serde(default, rename = "keyid")]
    _key_id: Option<String>,
}

/// Rekor's `TransparencyLogEntry`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LogEntryJson {
    #[serde(default)]
    log_index: Integer,
    log_id: LogIdJson,
    kind_version: KindVersionJson,
    #[serde(default)]
    integrated_time: Option<Integer>,
    #[serde(default)]
    inclusion_promise: Option<InclusionPromiseJson>,
    #[serde(default)]
    inclusion_proof: Option<InclusionProofJson>,
    canonicalized_body: Base64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LogIdJson {
    key_id: Base64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct KindVersionJson {
    kind: String,
    version: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InclusionPromiseJson {
    signed_entry_timestamp: Base64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InclusionProofJson {
    #[serde(default)]
    log_index: Integer,
    #[serde(default)]
    root_hash: Base64,
    #[serde(default)]
    tree_size: Integer,
    #[serde(default)]
    hashes: Option<Vec<Base64>>,
    #[serde(default)]
    checkpoint: Option<CheckpointJson>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointJson {
    envelope: String,
}

/// A 64-bit number: text, as it is to be written, or a number.
#[derive(Debug, Clone, Copy, Default)]
struct Integer(i64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Integer;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a 64-bit integer, as text or number")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Integer, E> {
                Ok(Integer(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Integer, E> {
                i64::try_from(value).map(Integer).map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Integer, E> {
                text.parse().map(Integer).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Integer {
    fn unsigned(self, what: &'static str) -> Result<u64, BundleError> {
        u64::try_from(self.0).map_err(|_| BundleError::OutOfRange(what))
    }
}

impl TryFrom<BundleJson> for Bundle {
    type Error = BundleError;

    fn try_from(json: BundleJson) -> Result<Self, BundleError> {
        let version = match json.media_type.as_str() {
            BUNDLE_MEDIA_TYPE | MEDIA_TYPE_V03_EARLY => BundleVersion::V03,
            MEDIA_TYPE_V02 => BundleVersion::V02,
            MEDIA_TYPE_V01 => BundleVersion::V01,
            _ => return Err(BundleError::UnknownMediaType(json.media_type)),
        };
        let material = json.verification_material;
        let entries = material.tlog_entries.unwrap_or_default();
        within(entries.len(), "log entries", LOG_ENTRIES_LIMIT)?;
        let timestamps =
            material.timestamp_verification_data.and_then(|data| data.rfc3161_timestamps);
        let timestamps = timestamps.unwrap_or_default();
        within(timestamps.len(), "timestamps", TIMESTAMPS_LIMIT)?;
        Ok(Self {
            version,
            key: key(material.certificate, material.x509_certificate_chain, material.public_key)?,
            log_entries: entries.into_iter().map(LogEntry::try_from).collect::<Result<_, _>>()?,
            timestamps: timestamps.into_iter().map(|json| json.signed_timestamp.0).collect(),
            content: content(json.message_signature, json.dsse_envelope)?,
        })
    }
}

fn within(number: usize, what: &'static str, limit: usize) -> Result<(), BundleError> {
    if number > limit { Err(BundleError::TooMany { what, limit }) } else { Ok(()) }
}

fn key(
    certificate: Option<RawBytesJson>,
    chain: Option<ChainJson>,
    public_key: Option<PublicKeyJson>,
) -> Result<KeyMaterial, BundleError> {
    match (certificate, chain, public_key) {
        (Some(certificate), None, None) => {
            Ok(KeyMaterial::Certificates(vec![certificate.raw_bytes.0]))
        }
        (None, Some(chain), None) if !chain.certificates.is_empty() => {
            within(chain.certificates.len(), "certificates", CERTIFICATES_LIMIT)?;
            let certificates = chain.certificates.into_iter().map(|json| json.raw_bytes.0);
            Ok(KeyMaterial::Certificates(certificates.collect()))
        }
        (None, None, Some(key)) => Ok(KeyMaterial::PublicKeyHint(key.hint)),
        _ => Err(BundleError::NotOne("certificate, certificate chain or public key")),
    }
}

fn content(
    message: Option<MessageSignatureJson>,
    envelope: Option<EnvelopeJson>,
) -> Result<Content, BundleError> {
    match (message, envelope) {
        (Some(message), None) => Ok(Content::Message(MessageSignature {
            digest: message.message_digest.map(|json| (json.algorithm, json.digest.0)),
            signature: message.signature.0,
        })),
        (None, Some(envelope)) => {
            let [signature] = <[SignatureJson; 1]>::try_from(envelope.signatures)
                .map_err(|_| BundleError::NotOne("signature in its envelope"))?;
            Ok(Content::Envelope(Envelope {
                payload_type: envelope.payload_type,
                payload: envelope.payload.0,
                signature: signature.sig.0,
            }))
        }
        _ => Err(BundleError::NotOne("message signature or envelope")),
    }
}

impl TryFrom<LogEntryJson> for LogEntry {
    type Error = BundleError;

    fn try_from(json: LogEntryJson) -> Result<Self, BundleError> {
        // Zero and absent are one in protobuf's JSON.
        let integrated_time = json.integrated_time.map(|time| time.0).filter(|time| *time != 0);
        Ok(Self {
            index: json.log_index.unsigned("log index")?,
            log_id: json.log_id.key_id.0,
            kind: json.kind_version.kind,
            kind_version: json.kind_version.version,
            integrated_time,
            inclusion_promise: json.inclusion_promise.map(|json| json.signed_entry_timestamp.0),
            inclusion_proof: json.inclusion_proof.map(TryInto::try_into).transpose()?,
            body: json.canonicalized_body.0,
        })
    }
}

impl TryFrom<InclusionProofJson> for InclusionProof {
    type Error = BundleError;

    fn try_from(json: InclusionProofJson) -> Result<Self, BundleError> {
        let hashes: Vec<_> =
            json.hashes.unwrap_or_default().into_iter().map(|hash| hash.0).collect();
        within(hashes.len(), "hashes in an inclusion proof", PROOF_HASHES_LIMIT)?;
        if hashes.iter().any(|hash| hash.len() != TREE_HASH_BYTES) {
            return Err(BundleError::OutOfRange("inclusion proof"));
        }
        if !matches!(json.root_hash.0.len(), 0 | TREE_HASH_BYTES) {
            return Err(BundleError::OutOfRange("root hash"));
        }
        Ok(Self {
            index: json.log_index.unsigned("log index")?,
            root: json.root_hash.0,
            size: json.tree_size.unsigned("tree size")?,
            hashes,
            checkpoint: json.checkpoint.map(|json| json.envelope).unwrap_or_default(),
        })
    }
}
