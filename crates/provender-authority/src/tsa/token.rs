//! The timestamp itself: what is said (`TSTInfo`), signed (RFC 5652, RFC 5816).

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedAttributes, SignedData, SignerIdentifier,
    SignerInfo, SignerInfos,
};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5911::{ID_CONTENT_TYPE, ID_MESSAGE_DIGEST, ID_SIGNED_DATA, ID_SIGNING_TIME};
use const_oid::db::rfc5912::{ID_SHA_256, ID_SHA_384};
use der::asn1::{Any, GeneralizedTime, Int, OctetString, SetOfVec, UtcTime};
use der::{Decode as _, Encode, Sequence};
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

/// Makes and signs a timestamp.
pub(super) fn token(
    request: &TimestampRequest,
    now: Timestamp,
    chain: &Chain,
    promise: Promise,
) -> Result<ContentInfo, SigningFailed> {
    let statement = to_der(&statement(request, now, promise)?);
    let algorithm = chain.key.algorithm();
    let attributes = attributes(&statement, now, chain);
    let signature = chain.key.sign(&to_der(&attributes))?;
    let signer = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: chain.certificate.tbs_certificate.issuer.clone(),
            serial_number: chain.certificate.tbs_certificate.serial_number.clone(),
        }),
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
        certificates: request.wants_certificates.then(|| certificates(chain)),
        crls: None,
        signer_infos: SignerInfos(set([signer])),
    };
    Ok(ContentInfo { content_type: ID_SIGNED_DATA, content: any(&content) })
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

/// What is signed: the statement's digest, what kind of statement it is, and whose certificate
/// belongs to the signature.
fn attributes(statement: &[u8], now: Timestamp, chain: &Chain) -> SignedAttributes {
    let certificate_hash = Sha256::digest(chain.certificate_der());
    let signing_certificate = SigningCertificateV2 {
        certificates: vec![CertificateIdV2 { hash: octets(&certificate_hash) }],
    };
    set([
        attribute(ID_CONTENT_TYPE, &TST_INFO),
        attribute(ID_SIGNING_TIME, &signing_time(now)),
        attribute(ID_MESSAGE_DIGEST, &octets(&digest(chain.key.algorithm(), statement))),
        attribute(SIGNING_CERTIFICATE_V2, &signing_certificate),
    ])
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

fn certificates(chain: &Chain) -> CertificateSet {
    let choice =
        |certificate: &x509_cert::Certificate| CertificateChoices::Certificate(certificate.clone());
    CertificateSet(set([choice(&chain.certificate), choice(&chain.root)]))
}

fn attribute<T: Encode>(oid: ObjectIdentifier, value: &T) -> Attribute {
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

fn any<T: Encode>(value: &T) -> Any {
    Any::from_der(&to_der(value)).expect("what was just written can be read")
}

fn set<T: der::DerOrd, const N: usize>(items: [T; N]) -> SetOfVec<T> {
    SetOfVec::from_iter(items).expect("its parts have an order")
}
