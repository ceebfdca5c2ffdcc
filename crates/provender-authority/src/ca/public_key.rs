//! Keys of others: which are accepted, and what their signatures look like.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5912, rfc8410};
use der::asn1::{BitString, UintRef};
use der::{Decode as _, Encode as _, Sequence};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::close_factors::has_close_factors;
use crate::keys::SigningKey;

/// Why a public key is not certified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// It cannot be read.
    #[error("the public key is not a SubjectPublicKeyInfo in PEM form (\"PUBLIC KEY\")")]
    Malformed,
    /// It is of a kind that is not accepted.
    #[error(
        "keys of this kind are not accepted: use ECDSA on P-256, P-384 or P-521, Ed25519, or RSA"
    )]
    Kind,
    /// An Ed25519 key for which anybody can sign.
    #[error("the Ed25519 key is weak: its point has a small order")]
    SmallOrder,
    /// An RSA key of a size that is not accepted.
    #[error(
        "RSA keys of {bits} bits are not accepted: they must have {RSA_BITS_MIN} to {RSA_BITS_MAX}"
    )]
    RsaSize {
        /// Its size.
        bits: usize,
    },
    /// An RSA key of an exponent that nobody uses with good reason.
    #[error("RSA keys of another exponent than 65537 are not accepted")]
    RsaExponent,
    /// An RSA key whose modulus anybody can factor.
    #[error("the RSA key is weak: its modulus has a small factor, or two that are too close")]
    RsaModulus,
}

const RSA_BITS_MIN: usize = 2048;
/// Checking a signature of a larger one costs more than it is worth.
const RSA_BITS_MAX: usize = 8192;
const RSA_EXPONENT: &[u8] = &[1, 0, 1];

/// A public key that may be certified, if its owner proves to hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectKey {
    kind: Kind,
    info: SubjectPublicKeyInfoOwned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    P256,
    P384,
    P521,
    Ed25519,
    Rsa,
}

/// A public key whose owner has proved to hold the private one. Only a verified signature makes
/// one, or holding the private key here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenKey(SubjectKey);

impl ProvenKey {
    /// A key that this server holds itself.
    pub fn of(key: &SigningKey) -> Self {
        let key = SubjectKey::new(key.public_key());
        Self(key.expect("keys that are made here are of kinds that are accepted here"))
    }

    /// The key.
    pub fn public_key(&self) -> &SubjectPublicKeyInfoOwned {
        &self.0.info
    }
}

impl SubjectKey {
    /// Reads a key in PEM form.
    pub fn from_pem(pem: &[u8]) -> Result<Self, PublicKeyError> {
        let (label, der) = der::pem::decode_vec(pem).map_err(|_| PublicKeyError::Malformed)?;
        if label != "PUBLIC KEY" {
            return Err(PublicKeyError::Malformed);
        }
        let info = SubjectPublicKeyInfoOwned::from_der(&der);
        Self::new(&info.map_err(|_| PublicKeyError::Malformed)?)
    }

    /// Checks a key, and writes it in its one proper form.
    pub fn new(info: &SubjectPublicKeyInfoOwned) -> Result<Self, PublicKeyError> {
        let kind = kind(&info.algorithm)?;
        let bits = info.subject_public_key.as_bytes().ok_or(PublicKeyError::Malformed)?;
        match kind {
            Kind::P256 => check_point(bits, 32)?,
            Kind::P384 => check_point(bits, 48)?,
            Kind::P521 => check_point(bits, 66)?,
            Kind::Ed25519 if bits.len() != 32 => return Err(PublicKeyError::Malformed),
            Kind::Ed25519 if has_small_order(bits) => return Err(PublicKeyError::SmallOrder),
            Kind::Ed25519 => (),
            Kind::Rsa => check_rsa(bits)?,
        }
        let subject_public_key =
            BitString::from_bytes(bits).map_err(|_| PublicKeyError::Malformed)?;
        let info = SubjectPublicKeyInfoOwned { algorithm: kind.algorithm(), subject_public_key };
        Ok(Self { kind, info })
    }

    /// The key is proven if it signed the message, by any scheme that is usual for its kind.
    pub fn prove(self, message: &[u8], signature: &[u8]) -> Option<ProvenKey> {
        let is_signed = |scheme| self.verifies(scheme, message, signature);
        self.kind.schemes().iter().any(|(_, scheme)| is_signed(*scheme)).then_some(ProvenKey(self))
    }

    /// The key is proven if it signed the message by the scheme of this identifier.
    pub(super) fn prove_by(
        self,
        algorithm: ObjectIdentifier,
        message: &[u8],
        signature: &[u8],
    ) -> Option<ProvenKey> {
        let mut schemes = self.kind.schemes().iter().filter(|(oid, _)| *oid == algorithm);
        let is_signed = schemes.any(|(_, scheme)| self.verifies(*scheme, message, signature));
        is_signed.then_some(ProvenKey(self))
    }

    fn verifies(
        &self,
        scheme: &'static dyn VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let bits = self.info.subject_public_key.raw_bytes();
        UnparsedPublicKey::new(scheme, bits).verify(message, signature).is_ok()
    }
}

impl Kind {
    fn algorithm(self) -> AlgorithmIdentifierOwned {
        let curve = |oid: &ObjectIdentifier| AlgorithmIdentifierOwned {
            oid: rfc5912::ID_EC_PUBLIC_KEY,
            parameters: Some(oid.into()),
        };
        match self {
            Self::P256 => curve(&rfc5912::SECP_256_R_1),
            Self::P384 => curve(&rfc5912::SECP_384_R_1),
            Self::P521 => curve(&rfc5912::SECP_521_R_1),
            Self::Ed25519 => {
                AlgorithmIdentifierOwned { oid: rfc8410::ID_ED_25519, parameters: None }
            }
            Self::Rsa => AlgorithmIdentifierOwned {
                oid: rfc5912::RSA_ENCRYPTION,
                parameters: Some(der::asn1::Null.into()),
            },
        }
    }

    /// Clients differ in the hash: Go signs with SHA-256 by any curve, others by one of its size.
    fn schemes(self) -> &'static [(ObjectIdentifier, &'static dyn VerificationAlgorithm)] {
        match self {
            Self::P256 => &[
                (rfc5912::ECDSA_WITH_SHA_256, &signature::ECDSA_P256_SHA256_ASN1),
                (rfc5912::ECDSA_WITH_SHA_384, &signature::ECDSA_P256_SHA384_ASN1),
                (rfc5912::ECDSA_WITH_SHA_512, &signature::ECDSA_P256_SHA512_ASN1),
            ],
            Self::P384 => &[
                (rfc5912::ECDSA_WITH_SHA_384, &signature::ECDSA_P384_SHA384_ASN1),
                (rfc5912::ECDSA_WITH_SHA_256, &signature::ECDSA_P384_SHA256_ASN1),
                (rfc5912::ECDSA_WITH_SHA_512, &signature::ECDSA_P384_SHA512_ASN1),
            ],
            Self::P521 => &[
                (rfc5912::ECDSA_WITH_SHA_512, &signature::ECDSA_P521_SHA512_ASN1),
                (rfc5912::ECDSA_WITH_SHA_256, &signature::ECDSA_P521_SHA256_ASN1),
                (rfc5912::ECDSA_WITH_SHA_384, &signature::ECDSA_P521_SHA384_ASN1),
            ],
            Self::Ed25519 => &[(rfc8410::ID_ED_25519, &signature::ED25519)],
            Self::Rsa => &[
                (rfc5912::SHA_256_WITH_RSA_ENCRYPTION, &signature::RSA_PKCS1_2048_8192_SHA256),
                (rfc5912::SHA_384_WITH_RSA_ENCRYPTION, &signature::RSA_PKCS1_2048_8192_SHA384),
                (rfc5912::SHA_512_WITH_RSA_ENCRYPTION, &signature::RSA_PKCS1_2048_8192_SHA512),
                (rfc5912::ID_RSASSA_PSS, &signature::RSA_PSS_2048_8192_SHA256),
                (rfc5912::ID_RSASSA_PSS, &signature::RSA_PSS_2048_8192_SHA384),
                (rfc5912::ID_RSASSA_PSS, &signature::RSA_PSS_2048_8192_SHA512),
            ],
        }
    }
}

fn kind(algorithm: &AlgorithmIdentifierOwned) -> Result<Kind, PublicKeyError> {
    match algorithm.oid {
        rfc5912::ID_EC_PUBLIC_KEY => {
            let parameters = algorithm.parameters.as_ref().ok_or(PublicKeyError::Kind)?;
            // A curve by its name only: parameters of one's own make keys that look like others'.
            match parameters.decode_as().map_err(|_| PublicKeyError::Kind)? {
                rfc5912::SECP_256_R_1 => Ok(Kind::P256),
                rfc5912::SECP_384_R_1 => Ok(Kind::P384),
                rfc5912::SECP_521_R_1 => Ok(Kind::P521),
                _ => Err(PublicKeyError::Kind),
            }
        }
        rfc8410::ID_ED_25519 => Ok(Kind::Ed25519),
        rfc5912::RSA_ENCRYPTION => Ok(Kind::Rsa),
        _ => Err(PublicKeyError::Kind),
    }
}

/// An uncompressed point (SEC 1 section 2.3.3). That it is on the curve shows when a signature is
/// verified with it.
fn check_point(bits: &[u8], coordinate_bytes: usize) -> Result<(), PublicKeyError> {
    if bits.len() != 1 + 2 * coordinate_bytes || bits[0] != 4 {
        return Err(PublicKeyError::Malformed);
    }
    Ok(())
}

/// The y coordinates, little-endian, of the eight points whose order divides the cofactor, each as
/// small as can be and, where that fits into 255 bits too, with the prime added.
const SMALL_ORDER: [[u8; 32]; 7] = [
    ED25519_ZERO,
    with_first(1, ED25519_ZERO),
    with_first(0xec, ED25519_PRIME), // -1
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    ED25519_PRIME,                   // 0 again
    with_first(0xee, ED25519_PRIME), // 1 again
];
const ED25519_ZERO: [u8; 32] = [0; 32];
/// 2^255 - 19.
const ED25519_PRIME: [u8; 32] = {
    let mut bytes = with_first(0xed, [0xff; 32]);
    bytes[31] = 0x7f;
    bytes
};

const fn with_first(first: u8, mut bytes: [u8; 32]) -> [u8; 32] {
    bytes[0] = first;
    bytes
}

/// Whether the point is one of those under which everybody can make signatures, whatever its sign
/// bit says.
fn has_small_order(bits: &[u8]) -> bool {
    let Ok(mut y) = <[u8; 32]>::try_from(bits) else { return false };
    y[31] &= 0x7f;
    SMALL_ORDER.contains(&y)
}

/// RFC 8017 appendix A.1.1.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

fn check_rsa(bits: &[u8]) -> Result<(), PublicKeyError> {
    let key = RsaPublicKey::from_der(bits).map_err(|_| PublicKeyError::Malformed)?;
    if key.to_der().as_deref() != Ok(bits) {
        return Err(PublicKeyError::Malformed);
    }
    let modulus = key.modulus.as_bytes();
    let leading_zeros = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    let size = modulus.len() * 8 - leading_zeros;
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&size) {
        return Err(PublicKeyError::RsaSize { bits: size });
    }
    if key.exponent.as_bytes() != RSA_EXPONENT {
        return Err(PublicKeyError::RsaExponent);
    }
    if has_small_factor(modulus) || has_close_factors(modulus) {
        return Err(PublicKeyError::RsaModulus);
    }
    Ok(())
}

/// The primes below this are tried as factors.
const SMALL_FACTOR_MAX: u32 = 752;

/// Composite divisors are tried too: they cost little and find nothing new.
fn has_small_factor(modulus: &[u8]) -> bool {
    let remainder = |divisor: u32| {
        modulus.iter().fold(0, |remainder, byte| (remainder * 256 + u32::from(*byte)) % divisor)
    };
    (2..SMALL_FACTOR_MAX).any(|divisor| remainder(divisor) == 0)
}
