//! What clients send to `POST /api/v2/log/entries`, and how it is checked.

use aws_lc_rs::digest::digest;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Deserialize;

use super::verifier::Material;
use super::{Algorithm, HashedRekord, Verifier, VerifierError};
use crate::Entry;
use crate::tile::ENTRY_MAX_BYTES;

/// The longest request in bytes: an envelope may carry a large statement.
pub const REQUEST_MAX_BYTES: usize = 4 << 20;

/// What protojson reads as base64: with or without padding, in either alphabet.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A request that was read, and not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    entry: HashedRekord,
    /// What was signed, where the request carries it.
    message: Option<Bytes>,
}

/// An entry whose signature is right: it was checked, or made by whoever says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    entry: HashedRekord,
    body: Bytes,
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It is longer than [`REQUEST_MAX_BYTES`].
    #[error("the request has more than {REQUEST_MAX_BYTES} bytes")]
    TooLong,
    /// It is no JSON of the expected form.
    #[error("the request cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// It has neither or both of the two kinds of entries.
    #[error("the request must have either hashedRekordRequestV002 or dsseRequestV002")]
    Kind,
    /// Something is missing.
    #[error("the request has no {0}")]
    Missing(&'static str),
    /// Something is not base64.
    #[error("{0} is not base64")]
    Base64(&'static str),
    /// The verifier has neither or both of the two kinds of keys.
    #[error("the verifier must have either publicKey or x509Certificate")]
    Material,
    /// The algorithm is not known.
    #[error("keyDetails is none of the known algorithms")]
    Algorithm,
    /// The digest is not one of the algorithm's hash.
    #[error("the digest has {actual} bytes, and {algorithm} needs {expected}")]
    Digest {
        /// The algorithm.
        algorithm: Algorithm,
        /// The length its hash has.
        expected: usize,
        /// The length it has.
        actual: usize,
    },
    /// An envelope has no or several signatures.
    #[error("the envelope has {0} signatures; an entry has exactly one")]
    Signatures(usize),
    /// The signature is wrong, or cannot be checked.
    #[error(transparent)]
    Verifier(#[from] VerifierError),
    /// The entry would be too long for the log.
    #[error("the entry has {0} bytes, more than the {ENTRY_MAX_BYTES} that a log can hold")]
    TooLarge(usize),
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// Where it is none. Nothing is checked yet but its form.
    pub fn parse(json: &[u8]) -> Result<Self, RequestError> {
        if json.len() > REQUEST_MAX_BYTES {
            return Err(RequestError::TooLong);
        }
        let body: Create = serde_json::from_slice(json)?;
        match (body.hashedrekord, body.dsse) {
            (Some(request), None) => Self::hashedrekord(request),
            (None, Some(request)) => Self::dsse(request),
            _ => Err(RequestError::Kind),
        }
    }

    /// The request for an entry that is made here.
    pub fn new(entry: HashedRekord) -> Self {
        Self { entry, message: None }
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// Where it is wrong, or the parts do not fit one another.
    pub fn verify(self) -> Result<Verified, RequestError> {
        let Self { entry, message } = self;
        let HashedRekord { digest, signature, verifier } = &entry;
        let algorithm = verifier.algorithm;
        let (expected, actual) = (algorithm.hash().function().output_len(), digest.len());
        if actual != expected {
            return Err(RequestError::Digest { algorithm, expected, actual });
        }
        match message {
            Some(message) => verifier.verify_message(&message, signature)?,
            None => verifier.verify_digest(digest, signature)?,
        }
        // What cannot be read could not be found either.
        verifier.identities()?;
        Verified::of(entry)
    }

    fn hashedrekord(request: HashedRekordRequest) -> Result<Self, RequestError> {
        let digest = bytes(request.digest, "digest")?;
        let sent = request.signature.ok_or(RequestError::Missing("signature"))?;
        let signature = bytes(sent.content, "signature.content")?;
        let verifier = sent.verifier.ok_or(RequestError::Missing("signature.verifier"))?;
        let entry = HashedRekord { digest, signature, verifier: verifier.read()? };
        Ok(Self { entry, message: None })
    }

    /// An envelope becomes an entry over the digest of what is signed of it.
    fn dsse(request: DsseRequest) -> Result<Self, RequestError> {
        let envelope = request.envelope.ok_or(RequestError::Missing("envelope"))?;
        let payload = bytes(envelope.payload, "envelope.payload")?;
        let kind = envelope.payload_type.unwrap_or_default();
        let count = envelope.signatures.len();
        let [signature] = <[EnvelopeSignature; 1]>::try_from(envelope.signatures)
            .map_err(|_| RequestError::Signatures(count))?;
        let signature = bytes(signature.sig, "envelope.signatures.sig")?;
        let mut verifiers = request.verifiers;
        verifiers.extend(request.verifier);
        let count = verifiers.len();
        let [verifier] = <[SentVerifier; 1]>::try_from(verifiers).map_err(|_| match count {
            0 => RequestError::Missing("verifiers"),
            _ => RequestError::Signatures(count),
        })?;
        let verifier = verifier.read()?;
        let message = pre_authentication_encoding(&kind, &payload);
        let digest = digest(verifier.algorithm.hash().function(), &message);
        let digest = Bytes::copy_from_slice(digest.as_ref());
        let entry = HashedRekord { digest, signature, verifier };
        Ok(Self { entry, message: Some(message) })
    }
}

impl Verified {
    /// An entry whose signature was made just now, in this process, with the key that it names: to
    /// check that would cost more than to make it, and say nothing new.
    ///
    /// # Errors
    /// Where the entry is too long for a log.
    pub fn signed_here(entry: HashedRekord) -> Result<Self, RequestError> {
        Self::of(entry)
    }

    fn of(entry: HashedRekord) -> Result<Self, RequestError> {
        let body = entry.to_body();
        if body.len() > ENTRY_MAX_BYTES {
            return Err(RequestError::TooLarge(body.len()));
        }
        Ok(Self { entry, body })
    }

    /// What was signed, and by whom.
    pub fn entry(&self) -> &HashedRekord {
        &self.entry
    }

    /// The canonical bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What goes into the log.
    pub fn to_entry(&self) -> Entry {
        Entry::new(self.body.clone())
    }
}

/// What is signed of an envelope (DSSE 1.0, `PAE`).
fn pre_authentication_encoding(kind: &str, payload: &[u8]) -> Bytes {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat().into()
}

fn bytes(text: Option<String>, name: &'static str) -> Result<Bytes, RequestError> {
    let text = text.filter(|text| !text.is_empty()).ok_or(RequestError::Missing(name))?;
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &PLAIN };
    engine.decode(text).map(Bytes::from).map_err(|_| RequestError::Base64(name))
}

// The forms below are protojson's: either spelling of a name, `null` for what is absent, and names
// that nobody knows are passed over.

#[derive(Deserialize)]
struct Create {
    #[serde(rename = "hashedRekordRequestV002", alias = "hashed_rekord_request_v002")]
    hashedrekord: Option<HashedRekordRequest>,
    #[serde(rename = "dsseRequestV002", alias = "dsse_request_v002")]
    dsse: Option<DsseRequest>,
}

#[derive(Deserialize)]
struct HashedRekordRequest {
    digest: Option<String>,
    signature: Option<SentSignature>,
}

#[derive(Deserialize)]
struct SentSignature {
    content: Option<String>,
    verifier: Option<SentVerifier>,
}

#[derive(Deserialize)]
struct DsseRequest {
    envelope: Option<SentEnvelope>,
    #[serde(default)]
    verifiers: Vec<SentVerifier>,
    verifier: Option<SentVerifier>,
}

#[derive(Deserialize)]
struct SentEnvelope {
    payload: Option<String>,
    #[serde(rename = "payloadType", alias = "payload_type")]
    payload_type: Option<String>,
    #[serde(default)]
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: Option<String>,
}

#[derive(Deserialize)]
struct SentVerifier {
    #[serde(rename = "publicKey", alias = "public_key")]
    public_key: Option<Raw>,
    #[serde(rename = "x509Certificate", alias = "x509_certificate")]
    certificate: Option<Raw>,
    #[serde(rename = "keyDetails", alias = "key_details")]
    key_details: Option<KeyDetails>,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "rawBytes", alias = "raw_bytes")]
    raw_bytes: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum KeyDetails {
    Name(String),
    Number(u64),
}

impl SentVerifier {
    fn read(self) -> Result<Verifier, RequestError> {
        let algorithm = match self.key_details.ok_or(RequestError::Missing("keyDetails"))? {
            KeyDetails::Name(name) => name.parse().ok(),
            KeyDetails::Number(number) => Algorithm::from_number(number),
        };
        let material = match (self.public_key, self.certificate) {
            (Some(key), None) => Material::PublicKey(bytes(key.raw_bytes, "publicKey.rawBytes")?),
            (None, Some(certificate)) => {
                Material::Certificate(bytes(certificate.raw_bytes, "x509Certificate.rawBytes")?)
            }
            _ => return Err(RequestError::Material),
        };
        Ok(Verifier { algorithm: algorithm.ok_or(RequestError::Algorithm)?, material })
    }
}
