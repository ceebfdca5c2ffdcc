//! Keys that sign.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _,
};
use der::pem::LineEnding;
use der::{Decode as _, Encode as _};
use sha2::{Digest as _, Sha256};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use zeroize::Zeroizing;

/// The kinds of keys that this server makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// ECDSA on the curve P-256, with SHA-256.
    EcdsaP256,
    /// ECDSA on the curve P-384, with SHA-384.
    EcdsaP384,
    /// Ed25519 (RFC 8032).
    Ed25519,
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::EcdsaP256 => "ECDSA P-256",
            Self::EcdsaP384 => "ECDSA P-384",
            Self::Ed25519 => "Ed25519",
        })
    }
}

impl KeyAlgorithm {
    /// The identifier of its signatures in certificates (RFC 5758, RFC 8410).
    pub fn signature_algorithm(self) -> AlgorithmIdentifierOwned {
        let oid = match self {
            Self::EcdsaP256 => const_oid::db::rfc5912::ECDSA_WITH_SHA_256,
            Self::EcdsaP384 => const_oid::db::rfc5912::ECDSA_WITH_SHA_384,
            Self::Ed25519 => const_oid::db::rfc8410::ID_ED_25519,
        };
        AlgorithmIdentifierOwned { oid, parameters: None }
    }

    fn public_key_algorithm(self) -> AlgorithmIdentifierOwned {
        let curve = |oid: const_oid::ObjectIdentifier| AlgorithmIdentifierOwned {
            oid: const_oid::db::rfc5912::ID_EC_PUBLIC_KEY,
            parameters: Some((&oid).into()),
        };
        match self {
            Self::EcdsaP256 => curve(const_oid::db::rfc5912::SECP_256_R_1),
            Self::EcdsaP384 => curve(const_oid::db::rfc5912::SECP_384_R_1),
            Self::Ed25519 => self.signature_algorithm(),
        }
    }

    /// The kind of a public key; `None` for one that is not made here.
    pub(crate) fn of(key: &SubjectPublicKeyInfoOwned) -> Option<Self> {
        let kinds = [Self::EcdsaP256, Self::EcdsaP384, Self::Ed25519];
        kinds.into_iter().find(|kind| kind.public_key_algorithm() == key.algorithm)
    }
}

/// No signature could be made: the system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no signature could be made: the system gave no randomness")]
pub struct SigningFailed;

/// A private key. It does not show itself, and its bytes leave it only within this crate.
pub struct SigningKey {
    pair: Pair,
    public_key: SubjectPublicKeyInfoOwned,
    public_key_der: Vec<u8>,
}

enum Pair {
    Ecdsa(KeyAlgorithm, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key_id = hex::encode(self.key_id());
        formatter.debug_struct("SigningKey").field("key_id", &key_id).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new key that is kept nowhere.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, SigningFailed> {
        let pair = match ecdsa(algorithm) {
            Some(scheme) => EcdsaKeyPair::generate(scheme).map(|pair| Pair::Ecdsa(algorithm, pair)),
            None => Ed25519KeyPair::generate().map(Pair::Ed25519),
        };
        Ok(Self::of(pair.map_err(|_| SigningFailed)?))
    }

    /// A key in PKCS #8 DER form; `None` if it is not one of this kind.
    pub fn from_pkcs8_der(algorithm: KeyAlgorithm, der: &[u8]) -> Option<Self> {
        let pair = match ecdsa(algorithm) {
            Some(scheme) => {
                EcdsaKeyPair::from_pkcs8(scheme, der).map(|pair| Pair::Ecdsa(algorithm, pair))
            }
            None => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Ed25519),
        };
        pair.ok().map(Self::of)
    }

    /// Signs a message: ECDSA over its SHA-256 or SHA-384 as an ASN.1 sequence, Ed25519 as its 64
    /// bytes.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let signature = match &self.pair {
            Pair::Ecdsa(_, pair) => pair.sign(&SystemRandom::new(), message),
            Pair::Ed25519(pair) => pair.try_sign(message),
        };
        Ok(signature.map_err(|_| SigningFailed)?.as_ref().to_vec())
    }

    /// Which kind it is.
    pub fn algorithm(&self) -> KeyAlgorithm {
        match self.pair {
            Pair::Ecdsa(algorithm, _) => algorithm,
            Pair::Ed25519(_) => KeyAlgorithm::Ed25519,
        }
    }

    /// The public key as `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
    pub fn public_key(&self) -> &SubjectPublicKeyInfoOwned {
        &self.public_key
    }

    /// The same in DER.
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key_der
    }

    /// The same in PEM.
    pub fn public_key_pem(&self) -> String {
        der::pem::encode_string("PUBLIC KEY", LineEnding::LF, &self.public_key_der)
            .expect("a public key is short and its label valid")
    }

    /// SHA-256 of the public key in DER: the identifier of a CT log (RFC 6962 section 3.2).
    pub fn key_id(&self) -> [u8; 32] {
        Sha256::digest(&self.public_key_der).into()
    }

    /// The private key in PKCS #8 DER form (version 1, which every tool reads), for modules that
    /// sign through another library.
    pub(crate) fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, SigningFailed> {
        let document = match &self.pair {
            Pair::Ecdsa(_, pair) => pair.to_pkcs8v1(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1(),
        };
        Ok(Zeroizing::new(document.map_err(|_| SigningFailed)?.as_ref().to_vec()))
    }

    fn of(pair: Pair) -> Self {
        let (algorithm, bits) = match &pair {
            Pair::Ecdsa(algorithm, pair) => (*algorithm, pair.public_key().as_ref()),
            Pair::Ed25519(pair) => (KeyAlgorithm::Ed25519, pair.public_key().as_ref()),
        };
        let public_key = SubjectPublicKeyInfoOwned {
            algorithm: algorithm.public_key_algorithm(),
            subject_public_key: der::asn1::BitString::from_bytes(bits)
                .expect("a public key is far shorter than a bit string may be"),
        };
        let public_key_der = public_key.to_der().expect("a public key of known kind has a form");
        debug_assert!(SubjectPublicKeyInfoOwned::from_der(&public_key_der).is_ok());
        Self { pair, public_key, public_key_der }
    }
}

/// The scheme of a kind of keys; `None` for Ed25519, which is none of ECDSA.
fn ecdsa(algorithm: KeyAlgorithm) -> Option<&'static EcdsaSigningAlgorithm> {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => Some(&ECDSA_P256_SHA256_ASN1_SIGNING),
        KeyAlgorithm::EcdsaP384 => Some(&ECDSA_P384_SHA384_ASN1_SIGNING),
        KeyAlgorithm::Ed25519 => None,
    }
}
