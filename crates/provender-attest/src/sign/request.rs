//! The request for a certificate (PKCS #10, RFC 2986).

use der::asn1::{BitString, SetOfVec};
use der::{Decode as _, Encode as _};
use x509_cert::der::oid::db::rfc5912::ECDSA_WITH_SHA_256;
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, Version};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::key::{KeyError, PrivateKey, PublicKey};

/// A request for a certificate: the key, and proof that the asker holds it.
///
/// It names no subject: who asks is known from the token, and a name in the request would only be
/// a claim.
#[derive(Debug, Clone)]
pub struct CertificateRequest {
    public_key: PublicKey,
    der: Vec<u8>,
}

impl CertificateRequest {
    pub(super) fn new(key: &PrivateKey) -> Result<Self, KeyError> {
        let public_key = key.public_key();
        let info = CertReqInfo {
            version: Version::V1,
            subject: Name::default(),
            public_key: SubjectPublicKeyInfoOwned::from_der(public_key.as_der())
                .map_err(|_| KeyError::NotPublicKey)?,
            attributes: SetOfVec::new(),
        };
        let signed = info.to_der().map_err(|_| KeyError::Failed)?;
        let request = CertReq {
            info,
            algorithm: AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA_256, parameters: None },
            signature: BitString::from_bytes(&key.sign(&signed)?).map_err(|_| KeyError::Failed)?,
        };
        let der = request.to_der().map_err(|_| KeyError::Failed)?;
        Ok(Self { public_key, der })
    }

    /// The key that the certificate is for.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The request, DER.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The request, PEM.
    pub fn to_pem(&self) -> String {
        der::pem::encode_string("CERTIFICATE REQUEST", der::pem::LineEnding::LF, &self.der)
            .expect("the label is valid and a request is short")
    }
}
