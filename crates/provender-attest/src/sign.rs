//! Signing: an ephemeral key, a certificate for it, a signature, a timestamp, a log entry, a bundle.

mod request;

use std::error::Error;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

pub use request::CertificateRequest;

use crate::base64;
use crate::bundle::{
    Bundle, BundleError, BundleVersion, Content, KeyMaterial, LogEntry, MessageSignature,
};
use crate::envelope::{Envelope, IN_TOTO_PAYLOAD_TYPE, pre_authentication_encoding};
use crate::key::{KeyError, PrivateKey};
use crate::statement::Statement;
use crate::timestamp::{TimestampError, TimestampRequest};

/// The log's name of the one kind of key that signs here.
const KEY_DETAILS: &str = "PKIX_ECDSA_P256_SHA_256";
/// Most certificates of an authority's answer.
const CHAIN_LIMIT: usize = 16;

/// The authority, the timestamp authority and the log behind a signature: over HTTP, or in the
/// same process. Who the signer is, the backend knows (it holds the token, or is asked by one
/// repository); what it answers, a verifier checks.
pub trait SigningBackend: Send + Sync {
    /// Gives a certificate for the request's key: DER, the leaf first, then whatever is between
    /// it and the root.
    fn certificate(
        &self,
        request: &CertificateRequest,
    ) -> impl Future<Output = Result<Vec<Vec<u8>>, Box<dyn Error + Send + Sync>>> + Send;

    /// Answers an RFC 3161 request, DER, with a response, DER.
    fn timestamp(
        &self,
        request: &[u8],
    ) -> impl Future<Output = Result<Vec<u8>, Box<dyn Error + Send + Sync>>> + Send;

    /// Puts an entry into the log: the body of Rekor v2's `POST /api/v2/log/entries`. The answer
    /// is its `TransparencyLogEntry`; when it returns, the entry is in the log.
    fn log(
        &self,
        entry: Value,
    ) -> impl Future<Output = Result<Value, Box<dyn Error + Send + Sync>>> + Send;
}

/// Signs with one key: an ephemeral one that got a certificate, or one that somebody keeps.
pub struct Signer<'a, B> {
    backend: &'a B,
    key: PrivateKey,
    certificate: Option<Vec<u8>>,
    expires_at: Option<jiff::Timestamp>,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The key could not be made or used.
    #[error("the key cannot be used")]
    Key(#[source] KeyError),
    /// The authority gave no certificate.
    #[error("no certificate was given")]
    Certificate(#[source] Box<dyn Error + Send + Sync>),
    /// The authority gave one that does not read, or for another key.
    #[error("the authority's answer is no certificate for this key")]
    WrongCertificate,
    /// The timestamp authority gave no timestamp.
    #[error("no timestamp was given")]
    Timestamp(#[source] Box<dyn Error + Send + Sync>),
    /// The timestamp authority's answer holds none.
    #[error("no timestamp was given")]
    NoTimestamp(#[source] TimestampError),
    /// The log did not take the entry.
    #[error("the log did not take the entry")]
    Log(#[source] Box<dyn Error + Send + Sync>),
    /// The log's answer is no entry.
    #[error("the log's answer is not understood")]
    WrongLogEntry(#[source] BundleError),
}

impl<'a, B: SigningBackend> Signer<'a, B> {
    /// Makes a key and asks for a certificate for it. The key never leaves this value and ends
    /// with it.
    pub async fn with_certificate(backend: &'a B) -> Result<Self, SignError> {
        let key = PrivateKey::generate().map_err(SignError::Key)?;
        let request = CertificateRequest::new(&key).map_err(SignError::Key)?;
        let chain = backend.certificate(&request).await.map_err(SignError::Certificate)?;
        if chain.len() > CHAIN_LIMIT {
            return Err(SignError::WrongCertificate);
        }
        let leaf = chain.into_iter().next().ok_or(SignError::WrongCertificate)?;
        let expires_at = expiry(&leaf, &key).ok_or(SignError::WrongCertificate)?;
        Ok(Self { backend, key, certificate: Some(leaf), expires_at: Some(expires_at) })
    }

    /// Signs with a key that somebody keeps. Its public half stands in the log, not in the bundle.
    pub fn with_key(backend: &'a B, key: PrivateKey) -> Self {
        Self { backend, key, certificate: None, expires_at: None }
    }

    /// When the certificate ends, and with it the use of this signer.
    pub fn expires_at(&self) -> Option<provender_domain::Timestamp> {
        let micros = self.expires_at?.as_microsecond();
        Some(provender_domain::Timestamp::from_microseconds(micros))
    }

    /// Signs a statement.
    pub async fn sign_statement(&self, statement: &Statement) -> Result<Bundle, SignError> {
        self.sign_payload(statement.to_json()).await
    }

    /// Signs a statement whose bytes were made elsewhere.
    pub async fn sign_payload(&self, payload: Vec<u8>) -> Result<Bundle, SignError> {
        let encoded = pre_authentication_encoding(IN_TOTO_PAYLOAD_TYPE, &payload);
        let signature = self.key.sign(&encoded).map_err(SignError::Key)?;
        let hash = digest(&SHA256, &encoded);
        let content = Content::Envelope(Envelope {
            payload_type: IN_TOTO_PAYLOAD_TYPE.to_owned(),
            payload,
            signature,
        });
        self.bundle(content, hash.as_ref()).await
    }

    /// Signs a file's bytes, known by their SHA-256.
    pub async fn sign_digest(&self, sha256: &[u8; 32]) -> Result<Bundle, SignError> {
        let signature = self.key.sign_digest(sha256).map_err(SignError::Key)?;
        let content = Content::Message(MessageSignature {
            digest: Some(("SHA2_256".to_owned(), sha256.to_vec())),
            signature,
        });
        self.bundle(content, sha256).await
    }

    /// The timestamp comes first: an entry in the log always has one.
    async fn bundle(&self, content: Content, hash: &[u8]) -> Result<Bundle, SignError> {
        let mut bundle = Bundle {
            version: BundleVersion::V03,
            key: self.key_material(),
            log_entries: Vec::new(),
            timestamps: Vec::new(),
            content,
        };
        let request =
            TimestampRequest::for_message(bundle.signature()).map_err(SignError::NoTimestamp)?;
        let response = self.backend.timestamp(request.as_der()).await;
        let response = response.map_err(SignError::Timestamp)?;
        request.accept(&response).map_err(SignError::NoTimestamp)?;
        bundle.timestamps.push(response);

        let entry = self.entry_request(hash, bundle.signature());
        let answer = self.backend.log(entry).await.map_err(SignError::Log)?;
        let entry = LogEntry::from_value(answer).map_err(SignError::WrongLogEntry)?;
        bundle.log_entries.push(entry);
        Ok(bundle)
    }

    fn key_material(&self) -> KeyMaterial {
        match &self.certificate {
            Some(certificate) => KeyMaterial::Certificates(vec![certificate.clone()]),
            None => KeyMaterial::PublicKeyHint(self.key.public_key().hint()),
        }
    }

    fn entry_request(&self, hash: &[u8], signature: &[u8]) -> Value {
        let raw = |bytes: &[u8]| json!({ "rawBytes": base64::encode(bytes) });
        let mut verifier = match &self.certificate {
            Some(certificate) => json!({ "x509Certificate": raw(certificate) }),
            None => json!({ "publicKey": raw(self.key.public_key().as_der()) }),
        };
        verifier["keyDetails"] = json!(KEY_DETAILS);
        json!({
            "hashedRekordRequestV002": {
                "digest": base64::encode(hash),
                "signature": { "content": base64::encode(signature), "verifier": verifier },
            }
        })
    }
}

/// When the certificate ends, if it is one for this key.
fn expiry(certificate: &[u8], key: &PrivateKey) -> Option<jiff::Timestamp> {
    use x509_cert::der::Encode as _;
    let certificate = Certificate::from_der(certificate).ok()?.tbs_certificate;
    let public_key = certificate.subject_public_key_info.to_der().ok()?;
    if public_key != key.public_key().as_der() {
        return None;
    }
    jiff::Timestamp::try_from(certificate.validity.not_after.to_system_time()).ok()
}
