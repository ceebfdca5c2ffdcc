//! What is asked to be timestamped (RFC 3161 section 2.4.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_SHA_256, ID_SHA_384, ID_SHA_512};
use der::asn1::{AnyRef, Int, OctetString};
use der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use serde::Deserialize;
use spki::AlgorithmIdentifierOwned;
use x509_tsp::{MessageImprint, TimeStampReq};

use super::status::Failure;

/// Larger requests are not read. One in JSON with the largest hash has some 300 bytes.
pub const REQUEST_BYTES_MAX: usize = 4096;

/// Longer nonces serve nobody.
const NONCE_BYTES_MAX: usize = 64;

/// Why a request for a timestamp is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampRequestError {
    /// It is too large.
    #[error("the request is larger than {REQUEST_BYTES_MAX} bytes")]
    TooLarge,
    /// It is no request.
    #[error("the request is not a TimeStampReq in DER")]
    Malformed,
    /// It is no request in JSON.
    #[error("the request is not a timestamp request in JSON: {0}")]
    MalformedJson(String),
    /// The hash is unknown or weak.
    #[error("only hashes by SHA-256, SHA-384 and SHA-512 are timestamped")]
    Hash,
    /// The hash is not as long as its algorithm makes it.
    #[error("the hash is not as long as its algorithm makes it")]
    HashLength,
    /// The nonce is too long.
    #[error("the nonce has more than {NONCE_BYTES_MAX} bytes")]
    Nonce,
    /// Another policy is asked for.
    #[error("timestamps are made under the policy {policy} only")]
    Policy {
        /// Under which they are made.
        policy: ObjectIdentifier,
    },
    /// The policy that is asked for is none, or cannot be one under which timestamps are made.
    #[error("the policy is no object identifier that is understood here")]
    PolicySyntax,
    /// There are extensions.
    #[error("requests with extensions are not accepted")]
    Extensions,
}

impl TimestampRequestError {
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::TooLarge | Self::Nonce => Failure::BadRequest,
            Self::Malformed | Self::MalformedJson(_) | Self::HashLength => Failure::BadDataFormat,
            Self::Hash => Failure::BadAlgorithm,
            Self::Policy { .. } | Self::PolicySyntax => Failure::UnacceptedPolicy,
            Self::Extensions => Failure::UnacceptedExtension,
        }
    }
}

/// A request that will be answered with a timestamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampRequest {
    pub(super) imprint: MessageImprint,
    pub(super) nonce: Option<Int>,
    pub(super) wants_certificates: bool,
    policy: Option<ObjectIdentifier>,
}

impl TimestampRequest {
    /// For a SHA-256, without certificates in the answer: whoever checks it has them with the trust
    /// root, and takes no others.
    pub fn sha256(digest: [u8; 32]) -> Self {
        let imprint = imprint(algorithm(ID_SHA_256), digest.to_vec());
        Self { imprint, nonce: None, wants_certificates: false, policy: None }
    }

    /// Reads a `TimeStampReq`.
    pub fn from_der(der: &[u8]) -> Result<Self, TimestampRequestError> {
        if der.len() > REQUEST_BYTES_MAX {
            return Err(TimestampRequestError::TooLarge);
        }
        let request = TimeStampReq::from_der(der).map_err(|_| {
            match has_odd_policy(der).unwrap_or(false) {
                true => TimestampRequestError::PolicySyntax,
                false => TimestampRequestError::Malformed,
            }
        })?;
        if request.extensions.is_some() {
            return Err(TimestampRequestError::Extensions);
        }
        let hash = request.message_imprint.hash_algorithm;
        // RFC 5754 section 2: the parameters of SHA-2 are absent, or NULL. The answer has what the
        // request had (RFC 3161 section 2.4.2).
        if hash.parameters.as_ref().is_some_and(|parameters| parameters.tag() != Tag::Null) {
            return Err(TimestampRequestError::Hash);
        }
        let digest = request.message_imprint.hashed_message.into_bytes();
        Ok(Self {
            imprint: checked_imprint(hash, digest)?,
            nonce: request.nonce.map(check_nonce).transpose()?,
            wants_certificates: request.cert_req,
            policy: request.req_policy,
        })
    }

    /// Reads the JSON form of Sigstore's timestamp authority.
    pub fn from_json(json: &[u8]) -> Result<Self, TimestampRequestError> {
        if json.len() > REQUEST_BYTES_MAX {
            return Err(TimestampRequestError::TooLarge);
        }
        let malformed = |message: String| TimestampRequestError::MalformedJson(message);
        let document: Document =
            serde_json::from_slice(json).map_err(|error| malformed(error.to_string()))?;
        let digest = STANDARD
            .decode(&document.artifact_hash)
            .map_err(|_| malformed("artifactHash is not in base64".to_owned()))?;
        let policy = document.policy.filter(|policy| !policy.is_empty());
        let policy = policy.map(|policy| ObjectIdentifier::new(&policy)).transpose();
        let policy = policy.map_err(|_| TimestampRequestError::PolicySyntax)?;
        Ok(Self {
            imprint: checked_imprint(algorithm(hash_named(&document.hash_algorithm)?), digest)?,
            nonce: document.nonce.map(nonce_of),
            wants_certificates: document.certificates,
            policy,
        })
    }

    /// Whether any policy will do, or exactly the one that there is.
    pub(super) fn check_policy(
        &self,
        policy: ObjectIdentifier,
    ) -> Result<(), TimestampRequestError> {
        match self.policy {
            Some(asked) if asked != policy => Err(TimestampRequestError::Policy { policy }),
            _ => Ok(()),
        }
    }
}

/// Whether it is a request whose policy is what cannot be read: an object identifier of two bytes is
/// one, but too short for [`ObjectIdentifier`], and a long one is too long.
fn has_odd_policy(der: &[u8]) -> der::Result<bool> {
    SliceReader::new(der)?.sequence(|request| {
        u8::decode(request)?;
        MessageImprint::decode(request)?;
        let is_policy = AnyRef::decode(request)?.tag() == Tag::ObjectIdentifier;
        while !request.is_finished() {
            AnyRef::decode(request)?;
        }
        Ok(is_policy)
    })
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "artifactHash")]
    artifact_hash: String,
    #[serde(rename = "hashAlgorithm")]
    hash_algorithm: String,
    nonce: Option<u64>,
    #[serde(default)]
    certificates: bool,
    #[serde(rename = "tsaPolicyOID")]
    policy: Option<String>,
}

fn hash_named(name: &str) -> Result<ObjectIdentifier, TimestampRequestError> {
    match name.to_ascii_lowercase().as_str() {
        "sha256" => Ok(ID_SHA_256),
        "sha384" => Ok(ID_SHA_384),
        "sha512" => Ok(ID_SHA_512),
        _ => Err(TimestampRequestError::Hash),
    }
}

fn checked_imprint(
    hash: AlgorithmIdentifierOwned,
    digest: Vec<u8>,
) -> Result<MessageImprint, TimestampRequestError> {
    let length = match hash.oid {
        ID_SHA_256 => 32,
        ID_SHA_384 => 48,
        ID_SHA_512 => 64,
        _ => return Err(TimestampRequestError::Hash),
    };
    if digest.len() != length {
        return Err(TimestampRequestError::HashLength);
    }
    Ok(imprint(hash, digest))
}

/// With NULL for its parameters, as most clients write it.
fn algorithm(oid: ObjectIdentifier) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid, parameters: Some(der::asn1::Null.into()) }
}

fn imprint(hash_algorithm: AlgorithmIdentifierOwned, digest: Vec<u8>) -> MessageImprint {
    MessageImprint {
        hash_algorithm,
        hashed_message: OctetString::new(digest).expect("a hash is short"),
    }
}

fn check_nonce(nonce: Int) -> Result<Int, TimestampRequestError> {
    if nonce.as_bytes().len() > NONCE_BYTES_MAX {
        return Err(TimestampRequestError::Nonce);
    }
    Ok(nonce)
}

/// A positive INTEGER: big-endian without leading zeros, but one where the first bit is set.
fn nonce_of(nonce: u64) -> Int {
    let bytes = [&[0], nonce.to_be_bytes().as_slice()].concat();
    let is_needless = |pair: &[u8]| pair[0] == 0 && pair[1] < 0x80;
    let needless = bytes.windows(2).take_while(|pair| is_needless(pair)).count();
    Int::new(&bytes[needless..]).expect("at most nine bytes")
}
