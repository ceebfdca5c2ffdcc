//! The timestamp itself: what is said (`TSTInfo`), signed (RFC 5652, RFC 5816).

use cms::cert::IssuerAndSerialNumber;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    EncapsulatedContentInfo, SignedAttributes, SignerIdentifier, SignerInfo, SignerInfos,
};
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

use super::{Promise, TimestampRequest};
use crate::ca::Chain;
use crate::ca::certificate::{date_time, random_serial, to_der};
use crate::keys::{KeyAlgorithm, SigningFailed};

/// `id-ct-TSTInfo` (RFC 3161 section 2.4.2).
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// `id-aa-signingCertificateV2` (RFC 5035 section 3).
const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

/// Makes and signs timestamps. What is the same in each is written once.
#[derive(Debug)]
pub(super) struct TokenSigner {
    pub(super) chain: Chain,
    name: SignerIdentifier,
    signing_certificate: Attribute,
    certificates: Any,
}

impl TokenSigner {
    pub(super) fn new(chain: Chain) -> Self {
        let issued = &chain.certificate.tbs_certificate;
        let name = SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: issued.issuer.clone(),
            serial_number: issued.serial_number.clone(),
        });
        let hash = octets(&Sha256::digest(chain.certificate_der()));
        let certificate = SigningCertificateV2 { certificates: vec![CertificateIdV2 { hash }] };
        let signing_certificate = attribute(SIGNING_CERTIFICATE_V2, &certificate);
        let certificates = certificates(&chain);
        Self { chain, name, signing_certificate, certificates }
    }

    /// Makes a timestamp.
    pub(super) fn token(
        &self,
        request: &TimestampRequest,
        now: Timestamp,
        promise: Promise,
    ) -> Result<ContentInfo, SigningFailed> {
        let statement = to_der(&statement(request, now, promise)?);
        let algorithm = self.chain.key.algorithm();
        let attributes = self.attributes(&statement, now);
        let signature = self.chain.key.sign(&to_der(&attributes))?;
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: self.name.clone(),
            digest_alg: digest_algorithm(algorithm),
            signed_attrs: Some(attributes),
            signature_algorithm: algorithm.signature_algorithm(),
            signature: octets(&signature),
            unsigned_attrs: None,
        };
        let content = SignedData {
            version: CmsVersion::V3,
            digest_algorithms: set([digest_algorithm(algorithm)]),
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: TST_INFO,
                econtent: Some(any(&octets(&statement))),
            },
            certificates: request.wants_certificates.then(|| self.certificates.clone()),
            signer_infos: SignerInfos(set([signer])),
        };
        Ok(ContentInfo { content_type: ID_SIGNED_DATA, content: any(&content) })
    }

    /// What is signed: the statement's digest, what kind of statement it is, and whose certificate
    /// belongs to the signature.
    fn attributes(&self, statement: &[u8], now: Timestamp) -> SignedAttributes {
        let digest = digest(self.chain.key.algorithm(), statement);
        set([
            attribute(ID_CONTENT_TYPE, &TST_INFO),
            attribute(ID_SIGNING_TIME, &signing_time(now)),
            attribute(ID_MESSAGE_DIGEST, &octets(&digest)),
            self.signing_certificate.clone(),
        ])
    }
}

/// `SignedData` (RFC 5652 section 5.1) without revocation lists, its certificates as they were
/// written.
#[derive(Sequence)]
struct SignedData {
    version: CmsVersion,
    digest_algorithms: SetOfVec<AlgorithmIdentifierOwned>,
    encap_content_info: EncapsulatedContentInfo,
    #[asn1(optional = "true")]
    certificates: Option<Any>,
    signer_infos: SignerInfos,
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

/// `CertificateSet` (RFC 5652 section 10.2.3) with its tag of [`SignedData`], `[0] IMPLICIT`: a set
/// in DER is in the order of its parts' bytes.
fn certificates(chain: &Chain) -> Any {
    let mut parts = [chain.certificate_der(), chain.root_der()];
    parts.sort_unstable();
    let tag = Tag::ContextSpecific { constructed: true, number: TagNumber::N0 };
    Any::new(tag, parts.concat()).expect("two certificates are some thousand bytes")
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
