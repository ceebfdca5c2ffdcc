//! Requests for a certificate (Fulcio's API v2, `CreateSigningCertificateRequest`).

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use der::asn1::{AnyRef, BitStringRef};
use der::{Decode as _, Encode as _, Sequence};
use serde::Deserialize;
use spki::AlgorithmIdentifierRef;
use x509_cert::request::CertReqInfo;
use zeroize::Zeroizing;

use super::public_key::{ProvenKey, PublicKeyError, SubjectKey};

/// Larger requests are not read.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// Why a request for a certificate is refused.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It is too large.
    #[error("the request is larger than {REQUEST_BYTES_MAX} bytes")]
    TooLarge,
    /// It is no request.
    #[error("the request is not a CreateSigningCertificateRequest")]
    Malformed(#[source] serde_json::Error),
    /// It says not once how the key is proved.
    #[error("the request must have either publicKeyRequest or certificateSigningRequest")]
    NotOneProof,
    /// It carries no identity token.
    #[error(
        "the request has no identity token, neither in credentials.oidcIdentityToken nor as a \
         bearer token"
    )]
    NoToken,
    /// A field that should be in base64 is not.
    #[error("{field} is not in base64")]
    Base64 {
        /// The field.
        field: &'static str,
    },
    /// The key is not accepted.
    #[error(transparent)]
    PublicKey(#[from] PublicKeyError),
    /// The signing request cannot be read.
    #[error(
        "certificateSigningRequest is not a signing request in PEM form (PKCS #10, \"CERTIFICATE \
         REQUEST\")"
    )]
    SigningRequest,
    /// The signing request was made without its key, or changed.
    #[error("the signing request is not signed by the key that it names")]
    SigningRequestSignature,
    /// The proof was made without the key, or of another token.
    #[error(
        "proofOfPossession is not a signature of the token's subject (or e-mail address) by the \
         public key"
    )]
    Possession,
}

/// A request for a certificate, read but not yet believed.
pub struct SigningCertRequest {
    token: Option<Zeroizing<String>>,
    proof: Proof,
}

/// As it came: a key takes its time to be looked at, which nobody gets who has not said who they are.
enum Proof {
    /// A key, in PEM, and its signature of who the token says its owner is, in base64.
    Signature { key: String, signature: String },
    /// A signing request, which proves itself, in PEM, in base64.
    SigningRequest(String),
}

impl fmt::Debug for SigningCertRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningCertRequest").finish_non_exhaustive()
    }
}

impl SigningCertRequest {
    /// Reads a request. Names are accepted in both forms that protojson has.
    pub fn from_json(json: &[u8]) -> Result<Self, RequestError> {
        if json.len() > REQUEST_BYTES_MAX {
            return Err(RequestError::TooLarge);
        }
        let document: Document = serde_json::from_slice(json).map_err(RequestError::Malformed)?;
        let token = document.credentials.and_then(|credentials| credentials.token);
        let token = token.filter(|token| !token.is_empty()).map(Zeroizing::new);
        let proof = match (document.public_key_request, document.certificate_signing_request) {
            (Some(request), None) => Proof::Signature {
                key: request.public_key.content,
                signature: request.proof_of_possession,
            },
            (None, Some(request)) => Proof::SigningRequest(request),
            _ => return Err(RequestError::NotOneProof),
        };
        Ok(Self { token, proof })
    }

    /// The identity token in the request.
    pub fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.as_str())
    }

    /// The key, if its owner proved to hold it. `challenge` is what the proof must sign: the subject
    /// of the token, or its e-mail address where that is what the certificate will name.
    pub fn prove(self, challenge: &str) -> Result<ProvenKey, RequestError> {
        match self.proof {
            Proof::Signature { key, signature } => {
                let key = SubjectKey::from_pem(key.as_bytes())?;
                let signature = base64("proofOfPossession", &signature)?;
                key.prove(challenge.as_bytes(), &signature).ok_or(RequestError::Possession)
            }
            Proof::SigningRequest(request) => {
                let pem = base64("certificateSigningRequest", &request)?;
                read_signing_request(&pem)
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    credentials: Option<Credentials>,
    #[serde(alias = "public_key_request")]
    public_key_request: Option<PublicKeyRequest>,
    #[serde(alias = "certificate_signing_request")]
    certificate_signing_request: Option<String>,
}

#[derive(Deserialize)]
struct Credentials {
    #[serde(rename = "oidcIdentityToken", alias = "oidc_identity_token")]
    token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicKeyRequest {
    #[serde(alias = "public_key")]
    public_key: PublicKey,
    #[serde(alias = "proof_of_possession")]
    proof_of_possession: String,
}

/// Its `algorithm` is not read: the key says itself what it is.
#[derive(Deserialize)]
struct PublicKey {
    content: String,
}

/// As protojson reads bytes: either alphabet, with padding or without.
fn base64(field: &'static str, text: &str) -> Result<Vec<u8>, RequestError> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
    let text = text.replace('-', "+").replace('_', "/");
    STANDARD.decode(text).map_err(|_| RequestError::Base64 { field })
}

/// RFC 2986 section 4.2, with the signed part as it came.
#[derive(Sequence)]
struct SignedRequest<'a> {
    info: AnyRef<'a>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: BitStringRef<'a>,
}

fn read_signing_request(pem: &[u8]) -> Result<ProvenKey, RequestError> {
    let (label, der) = der::pem::decode_vec(pem).map_err(|_| RequestError::SigningRequest)?;
    if !matches!(label, "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST") {
        return Err(RequestError::SigningRequest);
    }
    let request = SignedRequest::from_der(&der).map_err(|_| RequestError::SigningRequest)?;
    let info_der = request.info.to_der().map_err(|_| RequestError::SigningRequest)?;
    let info = CertReqInfo::from_der(&info_der).map_err(|_| RequestError::SigningRequest)?;
    let signature = request.signature.as_bytes().ok_or(RequestError::SigningRequest)?;
    // Only the key is taken over: who owns it is for the token to say.
    SubjectKey::new(&info.public_key)?
        .prove_by(request.algorithm.oid, &info_der, signature)
        .ok_or(RequestError::SigningRequestSignature)
}
