//! The body of an entry: `hashedrekord` 0.0.2, in the one spelling that every client rebuilds.

use std::cell::RefCell;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use super::verifier::Material;
use super::{Algorithm, KIND, VERSION, Verifier, digest_key, identity_key, public_key_key};
use crate::SearchKey;

/// What an entry says: somebody signed a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashedRekord {
    /// The digest, made with the hash of the verifier's algorithm.
    pub digest: Bytes,
    /// The signature: DER for ECDSA.
    pub signature: Bytes,
    /// What the signature is checked with.
    pub verifier: Verifier,
}

/// Bytes that are no body of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no hashedrekord 0.0.2")]
pub struct BodyError;

impl HashedRekord {
    /// The canonical bytes. Names stand in their order and no value needs escaping, so they can be
    /// written down as they are.
    pub fn to_body(&self) -> Bytes {
        let Self { digest, signature, verifier } = self;
        let (name, der) = match &verifier.material {
            Material::PublicKey(der) => ("publicKey", der),
            Material::Certificate(der) => ("x509Certificate", der),
        };
        let (digest, signature) = (STANDARD.encode(digest), STANDARD.encode(signature));
        let (algorithm, der) = (verifier.algorithm, STANDARD.encode(der));
        let hash = algorithm.hash().name();
        let mut body = format!(
            r#"{{"apiVersion":"{VERSION}","kind":"{KIND}","spec":{{"hashedRekordV002":{{"data":{{"algorithm":"{hash}","digest":"{digest}"}},"signature":{{"content":"{signature}","verifier":{{"keyDetails":"{algorithm}","#
        );
        let _ = write!(body, r#""{name}":{{"rawBytes":"{der}"}}}}}}}}}}}}"#);
        body.into()
    }

    /// What [`HashedRekord::to_body`] wrote; other spellings are refused.
    ///
    /// # Errors
    /// Where it is anything else.
    pub fn from_body(body: &[u8]) -> Result<Self, BodyError> {
        let read: Body = serde_json::from_slice(body).map_err(|_| BodyError)?;
        let Signature { content, verifier } = read.spec.hashedrekord.signature;
        let decode = |text: &str| STANDARD.decode(text).map(Bytes::from).map_err(|_| BodyError);
        let material = match (verifier.public_key, verifier.certificate) {
            (Some(key), None) => Material::PublicKey(decode(key.raw_bytes)?),
            (None, Some(certificate)) => Material::Certificate(decode(certificate.raw_bytes)?),
            _ => return Err(BodyError),
        };
        let algorithm: Algorithm = verifier.algorithm.parse().map_err(|_| BodyError)?;
        let found = Self {
            digest: decode(read.spec.hashedrekord.data.digest)?,
            signature: decode(content)?,
            verifier: Verifier { algorithm, material },
        };
        if found.to_body() == body { Ok(found) } else { Err(BodyError) }
    }
}

/// What an entry is found by: its digest, and who signed it. What is no entry of this kind is
/// found by nothing. For [`LogOptions::keys`](crate::LogOptions).
pub fn keys(body: &[u8]) -> Vec<SearchKey> {
    let Ok(entry) = HashedRekord::from_body(body) else { return Vec::new() };
    let mut keys = vec![digest_key(&entry.digest)];
    match &entry.verifier.material {
        Material::PublicKey(der) => keys.push(public_key_key(der)),
        Material::Certificate(der) => keys.extend(identity_keys(der, &entry.verifier)),
    }
    keys
}

thread_local! {
    /// The certificate that was read last, and what it is found by: most entries have the one that
    /// the entry before them has.
    static READ_LAST: RefCell<(Bytes, Vec<SearchKey>)> = RefCell::default();
}

fn identity_keys(der: &Bytes, verifier: &Verifier) -> Vec<SearchKey> {
    READ_LAST.with_borrow_mut(|(read, keys)| {
        if read != der {
            let identities = verifier.identities().unwrap_or_default();
            *keys = identities.iter().map(|identity| identity_key(identity)).collect();
            read.clone_from(der);
        }
        keys.clone()
    })
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    spec: Spec<'a>,
}

#[derive(Deserialize)]
struct Spec<'a> {
    #[serde(borrow, rename = "hashedRekordV002")]
    hashedrekord: Content<'a>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    data: Data<'a>,
    #[serde(borrow)]
    signature: Signature<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    digest: &'a str,
}

#[derive(Deserialize)]
struct Signature<'a> {
    content: &'a str,
    #[serde(borrow)]
    verifier: SignedWith<'a>,
}

#[derive(Deserialize)]
struct SignedWith<'a> {
    #[serde(rename = "keyDetails")]
    algorithm: &'a str,
    #[serde(borrow, rename = "publicKey")]
    public_key: Option<Raw<'a>>,
    #[serde(borrow, rename = "x509Certificate")]
    certificate: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    raw_bytes: &'a str,
}
