//! The timestamp itself: what is said (`TSTInfo`), signed (RFC 5652, RFC 5816).
//!
//! Each publication gets one. So what is the same in each is encoded once, and what surrounds it is
//! written around it: to build the whole as a tree and to encode that took as long as its signature.

use cms::cert::IssuerAndSerialNumber;
use cms::content_info::CmsVersion;
use cms::signed_data::SignerIdentifier;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5911::{ID_CONTENT_TYPE, ID_MESSAGE_DIGEST, ID_SIGNED_DATA, ID_SIGNING_TIME};
use const_oid::db::rfc5912::{ID_SHA_256, ID_SHA_384};
use der::asn1::{Any, GeneralizedTime, Int, OctetString, SetOfVec, UtcTime};
use der::{EncodeValue, Sequence, Tag, TagNumber, Tagged};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256, Sha384};
use spki::AlgorithmIdentifierOwned;
use x509_cert::attr::Attribute;
use x509_cert::time::Time;
use x509_tsp::{Accuracy, TspVersion, TstInfo};

use super::{Promise, TimestampRequest, wrap};
use crate::ca::Chain;
use crate::ca::certificate::{date_time, random_serial, to_der};
use crate::keys::{KeyAlgorithm, SigningFailed};

/// `id-ct-TSTInfo` (RFC 3161 section 2.4.2).
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// `id-aa-signingCertificateV2` (RFC 5035 section 3).
const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
/// `[0]` around or instead of another tag.
const CONTEXT_0: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber::N0 };

/// Makes and signs timestamps.
#[derive(Debug)]
pub(super) struct TokenSigner {
    pub(super) chain: Chain,
    constant: Constant,
}

/// What is the same in each timestamp, in DER.
#[derive(Debug)]
struct Constant {
    /// `contentType` of all.
    signed_data: Vec<u8>,
    /// `version` and `digestAlgorithms` of `SignedData`.
    opening: Vec<u8>,
    /// `eContentType`.
    tst_info: Vec<u8>,
    certificates: Vec<u8>,
    /// `version`, `sid` and `digestAlgorithm` of `SignerInfo`.
    signer: Vec<u8>,
    content_type: Vec<u8>,
    signing_certificate: Vec<u8>,
    signature_algorithm: Vec<u8>,
}

impl TokenSigner {
    pub(super) fn new(chain: Chain) -> Self {
        let constant = Constant::of(&chain);
        Self { chain, constant }
    }

    /// Makes a timestamp: a `ContentInfo` in DER.
    pub(super) fn token(
        &self,
        request: &TimestampRequest,
        now: Timestamp,
        promise: Promise,
    ) -> Result<Vec<u8>, SigningFailed> {
        let Constant { signed_data, opening, tst_info, signer, signature_algorithm, .. } =
            &self.constant;
        let statement = to_der(&statement(request, now, promise)?);
        let attributes = self.attributes(&statement, now);
        let signature = self.chain.key.sign(&wrap(Tag::Set, &[&attributes]))?;
        let signer = wrap(
            Tag::Sequence,
            &[
                signer,
                &wrap(CONTEXT_0, &[&attributes]),
                signature_algorithm,
                &wrap(Tag::OctetString, &[&signature]),
            ],
        );
        let statement = wrap(CONTEXT_0, &[&wrap(Tag::OctetString, &[&statement])]);
        let statement = wrap(Tag::Sequence, &[tst_info, &statement]);
        let certificates: &[u8] =
            if request.wants_certificates { &self.constant.certificates } else { &[] };
        let signers = wrap(Tag::Set, &[&signer]);
        let content = wrap(Tag::Sequence, &[opening, &statement, certificates, &signers]);
        Ok(wrap(Tag::Sequence, &[signed_data, &wrap(CONTEXT_0, &[&content])]))
    }

    /// What is signed: the statement's digest, what kind of statement it is, and whose certificate
    /// belongs to the signature. In the order that DER gives to a set.
    fn attributes(&self, statement: &[u8], now: Timestamp) -> Vec<u8> {
        let digest = digest(self.chain.key.algorithm(), statement);
        let digest = to_der(&attribute(ID_MESSAGE_DIGEST, &octets(&digest)));
        let time = to_der(&attribute(ID_SIGNING_TIME, &signing_time(now)));
        let Constant { content_type, signing_certificate, .. } = &self.constant;
        let mut attributes: [&[u8]; 4] = [content_type, &time, &digest, signing_certificate];
        attributes.sort_unstable();
        attributes.concat()
    }
}

impl Constant {
    fn of(chain: &Chain) -> Self {
        let issued = &chain.certificate.tbs_certificate;
        let name = SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: issued.issuer.clone(),
            serial_number: issued.serial_number.clone(),
        });
        let hash = octets(&Sha256::digest(chain.certificate_der()));
        let certificate = SigningCertificateV2 { certificates: vec![CertificateIdV2 { hash }] };
        let algorithm = chain.key.algorithm();
        let digest_algorithm = to_der(&digest_algorithm(algorithm));
        let algorithms = wrap(Tag::Set, &[&digest_algorithm]);
        Self {
            signed_data: to_der(&ID_SIGNED_DATA),
            opening: [to_der(&CmsVersion::V3), algorithms].concat(),
            tst_info: to_der(&TST_INFO),
            certificates: certificates(chain),
            signer: [to_der(&CmsVersion::V1), to_der(&name), digest_algorithm].concat(),
            content_type: to_der(&attribute(ID_CONTENT_TYPE, &TST_INFO)),
            signing_certificate: to_der(&attribute(SIGNING_CERTIFICATE_V2, &certificate)),
            signature_algorithm: to_der(&algorithm.signature_algorithm()),
        }
    }
}

fn statement(
    request: &TimestampRequest,
    now: Timestamp,
    promise: Promise,
) -> Result<TstInfo, SigningFailed> {
    let seconds = Some(u64::from(promise.accuracy_seconds));
    Ok(TstInfo {
        version: TspVersion::V1,
        policy: promise.policy,
        message_imprint: request.imprint.clone(),
        serial_number: Int::new(&random_serial()?).expect("sixteen bytes"),
        gen_time: GeneralizedTime::from_date_time(date_time(now)),
        accuracy: Some(Accuracy { seconds, millis: None, micros: None }),
        ordering: false,
        nonce: request.nonce.clone(),
        tsa: None,
        extensions: None,
    })
}

/// RFC 5652 section 11.3: `UTCTime` until 2049.
fn signing_time(now: Timestamp) -> Time {
    let date = date_time(now);
    let general = Time::GeneralTime(GeneralizedTime::from_date_time(date));
    UtcTime::from_date_time(date).map_or(general, Time::UtcTime)
}

/// `SigningCertificateV2` (RFC 5035 section 3), without policies.
#[derive(Sequence)]
struct SigningCertificateV2 {
    certificates: Vec<CertificateIdV2>,
}

/// `ESSCertIDv2` (RFC 5035 section 4); the hash is SHA-256, which is the default and so left out.
#[derive(Sequence)]
struct CertificateIdV2 {
    hash: OctetString,
}

/// `CertificateSet` (RFC 5652 section 10.2.3) with its tag of `SignedData`, `[0] IMPLICIT`: a set
/// in DER is in the order of its parts' bytes.
fn certificates(chain: &Chain) -> Vec<u8> {
    let mut parts = [chain.certificate_der(), chain.root_der()];
    parts.sort_unstable();
    wrap(CONTEXT_0, &parts)
}

fn attribute<T: Tagged + EncodeValue>(oid: ObjectIdentifier, value: &T) -> Attribute {
    Attribute { oid, values: set([any(value)]) }
}

/// The hash that the key signs: verifiers take the one that is named here for both.
fn digest_algorithm(key: KeyAlgorithm) -> AlgorithmIdentifierOwned {
    let oid = if key == KeyAlgorithm::EcdsaP384 { ID_SHA_384 } else { ID_SHA_256 };
    AlgorithmIdentifierOwned { oid, parameters: None }
}

fn digest(key: KeyAlgorithm, bytes: &[u8]) -> Vec<u8> {
    match key {
        KeyAlgorithm::EcdsaP384 => Sha384::digest(bytes).to_vec(),
        _ => Sha256::digest(bytes).to_vec(),
    }
}

fn octets(bytes: &[u8]) -> OctetString {
    OctetString::new(bytes).expect("a few thousand bytes at most")
}

fn any<T: Tagged + EncodeValue>(value: &T) -> Any {
    Any::encode_from(value).expect("a few thousand bytes at most")
}

fn set<T: der::DerOrd, const N: usize>(items: [T; N]) -> SetOfVec<T> {
    SetOfVec::from_iter(items).expect("its parts have an order")
}
