//! Keys that somebody keeps: the alternative to certificates.

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use der::pem;
use der::{Decode as _, Encode as _};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// Largest key file, in bytes.
const KEY_LIMIT_BYTES: usize = 64 * 1024;

/// A P-256 key to sign with. Its `Debug` shows nothing.
pub struct PrivateKey {
    pair: EcdsaKeyPair,
}

/// A public key as `SubjectPublicKeyInfo`, DER.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PEM.
    #[error("a key is read from PEM")]
    NotPem,
    /// Under a passphrase.
    #[error("this key is encrypted; decrypt it first, such as with `openssl pkey`")]
    Encrypted,
    /// PEM of something else.
    #[error("`{0}` is not the kind of key that is wanted")]
    OtherLabel(String),
    /// Not P-256, or broken.
    #[error(
        "only ECDSA keys on the curve P-256 can be used: logs of tiles take signatures over a digest of no other kind"
    )]
    NotP256,
    /// The public key does not read.
    #[error("this is no public key")]
    NotPublicKey,
    /// The system's source of randomness or the signing itself failed.
    #[error("the key could not be made or used")]
    Failed,
}

impl PrivateKey {
    /// A new key, kept in memory only.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|_| KeyError::Failed)?;
        Ok(Self { pair })
    }

    /// From PEM: PKCS #8 (`PRIVATE KEY`) or SEC 1 (`EC PRIVATE KEY`).
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (label, der) = decode_pem(text)?;
        if label.contains("ENCRYPTED") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = match label.as_str() {
            "PRIVATE KEY" => EcdsaKeyPair::from_pkcs8(algorithm, &der),
            "EC PRIVATE KEY" => EcdsaKeyPair::from_private_key_der(algorithm, &der),
            _ => return Err(KeyError::OtherLabel(label)),
        };
        Ok(Self { pair: pair.map_err(|_| KeyError::NotP256)? })
    }

    /// Its public half.
    pub fn public_key(&self) -> PublicKey {
        let point = self.pair.public_key().as_ref();
        PublicKey([SPKI_P256_PREFIX, point].concat())
    }

    /// Signs a message; ASN.1 form.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        signature.map(|signature| signature.as_ref().to_vec()).map_err(|_| KeyError::Failed)
    }

    /// Signs a message whose SHA-256 is known; ASN.1 form.
    pub(crate) fn sign_digest(&self, sha256: &[u8; 32]) -> Result<Vec<u8>, KeyError> {
        let digest = digest::Digest::import_less_safe(sha256, &digest::SHA256)
            .map_err(|_| KeyError::Failed)?;
        let signature = self.pair.sign_digest(&digest).map_err(|_| KeyError::Failed)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PrivateKey(…)")
    }
}

/// `SubjectPublicKeyInfo` of a P-256 key up to its uncompressed point (RFC 5480).
const SPKI_P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

impl PublicKey {
    /// From PEM (`PUBLIC KEY`).
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (label, der) = decode_pem(text)?;
        if label != "PUBLIC KEY" {
            return Err(KeyError::OtherLabel(label));
        }
        Self::from_der(&der)
    }

    /// From `SubjectPublicKeyInfo`, DER.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoOwned::from_der(der).map_err(|_| KeyError::NotPublicKey)?;
        info.to_der().map(Self).map_err(|_| KeyError::NotPublicKey)
    }

    /// `SubjectPublicKeyInfo`, DER.
    pub fn as_der(&self) -> &[u8] {
        &self.0
    }

    /// As PEM.
    pub fn to_pem(&self) -> String {
        pem::encode_string("PUBLIC KEY", pem::LineEnding::LF, &self.0)
            .expect("the label is valid and a key is short")
    }

    /// The SHA-256 of its DER, in hexadecimal: what people compare.
    pub fn fingerprint(&self) -> String {
        hex::encode(digest::digest(&digest::SHA256, &self.0))
    }

    /// The hint that bundles carry: the same in base64, as cosign writes it.
    pub(crate) fn hint(&self) -> String {
        crate::base64::encode(digest::digest(&digest::SHA256, &self.0).as_ref())
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "PublicKey({})", self.fingerprint())
    }
}

/// The first PEM block; whatever stands before it (`openssl` writes curve parameters) is skipped.
fn decode_pem(text: &str) -> Result<(String, Vec<u8>), KeyError> {
    if text.len() > KEY_LIMIT_BYTES {
        return Err(KeyError::NotPem);
    }
    let after_parameters = text.split("-----END EC PARAMETERS-----").last().unwrap_or(text);
    let start = after_parameters.find("-----BEGIN ").ok_or(KeyError::NotPem)?;
    let block = after_parameters[start..].trim_end();
    if block.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    let (label, der) = pem::decode_vec(block.as_bytes()).map_err(|_| KeyError::NotPem)?;
    Ok((label.to_owned(), der))
}

#[cfg(test)]
mod tests {
    use super::{KeyError, PrivateKey, PublicKey};

    #[test]
    fn public_keys_read_as_they_are_written() {
        let key = PrivateKey::generate().unwrap();
        let public = key.public_key();
        assert_eq!(PublicKey::from_pem(&public.to_pem()), Ok(public.clone()));
        assert_eq!(PublicKey::from_der(public.as_der()), Ok(public.clone()));
        assert_eq!(public.fingerprint().len(), 64);
        assert_eq!(format!("{key:?}"), "PrivateKey(…)");
    }

    #[test]
    fn what_is_no_private_key() {
        let check = |text: &str, expected: &KeyError| {
            assert_eq!(PrivateKey::from_pem(text).err().as_ref(), Some(expected), "{text}");
        };
        let block = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        check("", &KeyError::NotPem);
        check("hello", &KeyError::NotPem);
        check(&block("PRIVATE KEY"), &KeyError::NotP256);
        check(&block("EC PRIVATE KEY"), &KeyError::NotP256);
        check(&block("ENCRYPTED PRIVATE KEY"), &KeyError::Encrypted);
        check(&block("ENCRYPTED SIGSTORE PRIVATE KEY"), &KeyError::Encrypted);
        check(&block("PUBLIC KEY"), &KeyError::OtherLabel("PUBLIC KEY".to_owned()));
        let old = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----\n";
        check(old, &KeyError::Encrypted);
    }
}
