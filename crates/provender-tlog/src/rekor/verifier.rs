//! What a signature is checked with: a public key, or a certificate that holds one.

use aws_lc_rs::digest::Digest;
use aws_lc_rs::signature::{self as lc, UnparsedPublicKey, VerificationAlgorithm};
use bytes::Bytes;
use der::asn1::UintRef;
use der::{Decode as _, Encode as _, Sequence};
use spki::SubjectPublicKeyInfoRef;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::Algorithm;

/// Fulcio's OID of a name that is neither e-mail address nor URI.
const OTHER_NAME: const_oid::ObjectIdentifier =
    const_oid::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");

/// What a signature is checked with, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The key.
    pub material: Material,
}

/// A key, by itself or in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// A public key: SPKI DER.
    PublicKey(Bytes),
    /// An X.509 certificate: DER.
    Certificate(Bytes),
}

/// Why something cannot be checked, or a check failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifierError {
    /// The certificate cannot be read.
    #[error("the certificate cannot be read")]
    Certificate,
    /// The public key cannot be read.
    #[error("the public key cannot be read")]
    PublicKey,
    /// The key is not one of the named algorithm.
    #[error("the public key is not one of {0}")]
    OtherKey(Algorithm),
    /// The signature is wrong.
    #[error("the signature is not one of this key over this digest")]
    Signature,
    /// The algorithm needs the message, and there is only a digest.
    #[error("a signature of {0} cannot be checked with a digest alone")]
    NeedsMessage(Algorithm),
}

impl Verifier {
    /// The public key, as SPKI DER.
    ///
    /// # Errors
    /// Where the certificate cannot be read.
    pub fn public_key(&self) -> Result<Bytes, VerifierError> {
        match &self.material {
            Material::PublicKey(der) => Ok(der.clone()),
            Material::Certificate(der) => {
                let certificate = certificate(der)?;
                let spki = certificate.tbs_certificate.subject_public_key_info.to_der();
                Ok(spki.map_err(|_| VerifierError::Certificate)?.into())
            }
        }
    }

    /// Checks a signature over a digest, made with the hash of the algorithm.
    ///
    /// # Errors
    /// Where the key is not of the algorithm, or the signature is wrong.
    pub(super) fn verify_digest(&self, digest: &[u8], bytes: &[u8]) -> Result<(), VerifierError> {
        let key = self.checked_key()?;
        let Some(scheme) = scheme(self.algorithm) else {
            return Err(VerifierError::NeedsMessage(self.algorithm));
        };
        let digest = Digest::import_less_safe(digest, self.algorithm.hash().function())
            .map_err(|_| VerifierError::Signature)?;
        let key = UnparsedPublicKey::new(scheme, &key);
        key.verify_digest(&digest, bytes).map_err(|_| VerifierError::Signature)
    }

    /// Checks a signature over a message.
    ///
    /// # Errors
    /// Where the key is not of the algorithm, or the signature is wrong.
    pub(super) fn verify_message(&self, message: &[u8], bytes: &[u8]) -> Result<(), VerifierError> {
        let key = self.checked_key()?;
        let scheme = scheme(self.algorithm).unwrap_or(&lc::ED25519);
        let key = UnparsedPublicKey::new(scheme, &key);
        key.verify(message, bytes).map_err(|_| VerifierError::Signature)
    }

    /// The names in the certificate, if there is one: e-mail addresses, URIs, and Fulcio's others.
    ///
    /// # Errors
    /// Where the certificate cannot be read.
    pub fn identities(&self) -> Result<Vec<String>, VerifierError> {
        let Material::Certificate(der) = &self.material else { return Ok(Vec::new()) };
        let certificate = certificate(der)?;
        let names = certificate.tbs_certificate.get::<SubjectAltName>();
        let Some((_, SubjectAltName(names))) = names.map_err(|_| VerifierError::Certificate)?
        else {
            return Ok(Vec::new());
        };
        Ok(names.iter().filter_map(identity).collect())
    }

    /// The key, if it is one of the algorithm.
    fn checked_key(&self) -> Result<Bytes, VerifierError> {
        let der = self.public_key()?;
        let spki = SubjectPublicKeyInfoRef::from_der(&der).map_err(|_| VerifierError::PublicKey)?;
        let other = VerifierError::OtherKey(self.algorithm);
        let expected = match self.algorithm {
            Algorithm::EcdsaP256 | Algorithm::EcdsaP384 | Algorithm::EcdsaP521 => {
                const_oid::db::rfc5912::ID_EC_PUBLIC_KEY
            }
            Algorithm::Ed25519 => const_oid::db::rfc8410::ID_ED_25519,
            _ => const_oid::db::rfc5912::RSA_ENCRYPTION,
        };
        if spki.algorithm.oid != expected {
            return Err(other);
        }
        let curve = match self.algorithm {
            Algorithm::EcdsaP256 => Some(const_oid::db::rfc5912::SECP_256_R_1),
            Algorithm::EcdsaP384 => Some(const_oid::db::rfc5912::SECP_384_R_1),
            Algorithm::EcdsaP521 => Some(const_oid::db::rfc5912::SECP_521_R_1),
            _ => None,
        };
        if curve.is_some() && spki.algorithm.parameters_oid().ok() != curve {
            return Err(other);
        }
        if let Some(bits) = self.algorithm.rsa_bits() {
            let key = spki.subject_public_key.as_bytes().ok_or(VerifierError::PublicKey)?;
            if RsaPublicKey::from_der(key).map_err(|_| VerifierError::PublicKey)?.bits() != bits {
                return Err(other);
            }
        }
        Ok(der)
    }
}

/// `RSAPublicKey` of RFC 8017 appendix A.1.1.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

impl RsaPublicKey<'_> {
    fn bits(&self) -> usize {
        let bytes = self.modulus.as_bytes();
        let idle = bytes.first().map_or(0, |first| first.leading_zeros() as usize);
        bytes.len() * 8 - idle
    }
}

fn certificate(der: &[u8]) -> Result<Certificate, VerifierError> {
    Certificate::from_der(der).map_err(|_| VerifierError::Certificate)
}

fn identity(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::Rfc822Name(name) | GeneralName::UniformResourceIdentifier(name) => {
            Some(name.as_str().to_owned())
        }
        GeneralName::OtherName(name) if name.type_id == OTHER_NAME => {
            name.value.decode_as::<String>().ok()
        }
        _ => None,
    }
}

/// How a digest is checked; `None` where only a message can be.
fn scheme(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match algorithm {
        Algorithm::EcdsaP256 => &lc::ECDSA_P256_SHA256_ASN1,
        Algorithm::EcdsaP384 => &lc::ECDSA_P384_SHA384_ASN1,
        Algorithm::EcdsaP521 => &lc::ECDSA_P521_SHA512_ASN1,
        Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => {
            &lc::RSA_PKCS1_2048_8192_SHA256
        }
        Algorithm::RsaPss2048 | Algorithm::RsaPss3072 | Algorithm::RsaPss4096 => {
            &lc::RSA_PSS_2048_8192_SHA256
        }
        Algorithm::Ed25519 => return None,
    })
}
