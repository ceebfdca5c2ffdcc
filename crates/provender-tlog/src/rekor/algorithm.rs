//! The signature algorithms of the log, by the names of Sigstore's `PublicKeyDetails`.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;

/// How a signature is made: the key and the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    EcdsaP256,
    /// ECDSA over P-384 with SHA-384.
    EcdsaP384,
    /// ECDSA over P-521 with SHA-512.
    EcdsaP521,
    /// Ed25519 over the message itself, which only an envelope carries.
    Ed25519,
    /// RSA of 2048 bits, PKCS#1 v1.5, with SHA-256.
    Rsa2048,
    /// RSA of 3072 bits, PKCS#1 v1.5, with SHA-256.
    Rsa3072,
    /// RSA of 4096 bits, PKCS#1 v1.5, with SHA-256.
    Rsa4096,
    /// RSA of 2048 bits, PSS, with SHA-256.
    RsaPss2048,
    /// RSA of 3072 bits, PSS, with SHA-256.
    RsaPss3072,
    /// RSA of 4096 bits, PSS, with SHA-256.
    RsaPss4096,
}

/// Each algorithm with its name and its number in `PublicKeyDetails`.
const NAMES: [(Algorithm, &str, u64); 10] = [
    (Algorithm::EcdsaP256, "PKIX_ECDSA_P256_SHA_256", 5),
    (Algorithm::Ed25519, "PKIX_ED25519", 7),
    (Algorithm::Rsa2048, "PKIX_RSA_PKCS1V15_2048_SHA256", 9),
    (Algorithm::Rsa3072, "PKIX_RSA_PKCS1V15_3072_SHA256", 10),
    (Algorithm::Rsa4096, "PKIX_RSA_PKCS1V15_4096_SHA256", 11),
    (Algorithm::EcdsaP384, "PKIX_ECDSA_P384_SHA_384", 12),
    (Algorithm::EcdsaP521, "PKIX_ECDSA_P521_SHA_512", 13),
    (Algorithm::RsaPss2048, "PKIX_RSA_PSS_2048_SHA256", 16),
    (Algorithm::RsaPss3072, "PKIX_RSA_PSS_3072_SHA256", 17),
    (Algorithm::RsaPss4096, "PKIX_RSA_PSS_4096_SHA256", 18),
];

impl Algorithm {
    /// Its name.
    pub fn name(self) -> &'static str {
        let named = NAMES.iter().find(|(algorithm, ..)| *algorithm == self);
        named.map(|(_, name, _)| *name).expect("each algorithm has a name")
    }

    /// The algorithm with this number.
    pub(super) fn from_number(number: u64) -> Option<Self> {
        NAMES.iter().find(|(.., own)| *own == number).map(|(algorithm, ..)| *algorithm)
    }

    /// The hash that goes with it.
    pub fn hash(self) -> HashAlgorithm {
        match self {
            Self::EcdsaP384 => HashAlgorithm::Sha384,
            Self::EcdsaP521 | Self::Ed25519 => HashAlgorithm::Sha512,
            _ => HashAlgorithm::Sha256,
        }
    }

    /// How many bits its RSA key must have.
    pub(super) fn rsa_bits(self) -> Option<usize> {
        match self {
            Self::Rsa2048 | Self::RsaPss2048 => Some(2048),
            Self::Rsa3072 | Self::RsaPss3072 => Some(3072),
            Self::Rsa4096 | Self::RsaPss4096 => Some(4096),
            _ => None,
        }
    }
}

/// A name that is none of a known algorithm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature algorithm is not known")]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = NAMES.iter().find(|(_, own, _)| *own == name);
        named.map(|(algorithm, ..)| *algorithm).ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A hash, by its name in Sigstore's `HashAlgorithm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA2_256",
            Self::Sha384 => "SHA2_384",
            Self::Sha512 => "SHA2_512",
        }
    }

    /// What computes it.
    pub(super) fn function(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}
