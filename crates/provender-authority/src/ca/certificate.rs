//! Certificates, byte by byte (RFC 5280).

use const_oid::db::rfc5280::{ID_KP_CODE_SIGNING, ID_KP_TIME_STAMPING};
use const_oid::{AssociatedOid, ObjectIdentifier};
use der::asn1::{BitString, GeneralizedTime, OctetString, UtcTime};
use der::pem::LineEnding;
use der::{DateTime, Encode};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::certificate::{CertificateInner, TbsCertificateInner, Version};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate};

use crate::keys::{KeyAlgorithm, SigningFailed, SigningKey};

/// What a certificate will say.
pub(crate) struct Template {
    pub(crate) issuer: Name,
    pub(crate) subject: Name,
    pub(crate) not_before: Timestamp,
    pub(crate) lifetime: SignedDuration,
    pub(crate) public_key: SubjectPublicKeyInfoOwned,
    pub(crate) extensions: Vec<Extension>,
}

impl Template {
    /// The part that is signed, with a new serial number.
    pub(crate) fn tbs(self, algorithm: KeyAlgorithm) -> Result<TbsCertificate, SigningFailed> {
        Ok(TbsCertificateInner {
            version: Version::V3,
            serial_number: serial_number()?,
            signature: algorithm.signature_algorithm(),
            issuer: self.issuer,
            validity: validity(self.not_before, self.lifetime),
            subject: self.subject,
            subject_public_key_info: self.public_key,
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(self.extensions),
        })
    }
}

/// Signs; the certificate in DER.
pub(crate) fn sign(tbs: TbsCertificate, key: &SigningKey) -> Result<Vec<u8>, SigningFailed> {
    let signature = key.sign(&to_der(&tbs))?;
    let certificate: Certificate = CertificateInner {
        signature_algorithm: tbs.signature.clone(),
        tbs_certificate: tbs,
        signature: BitString::from_bytes(&signature).expect("a signature is short"),
    };
    Ok(to_der(&certificate))
}

/// In PEM form.
pub(crate) fn to_pem(der: &[u8]) -> String {
    der::pem::encode_string("CERTIFICATE", LineEnding::LF, der)
        .expect("a certificate is short and its label valid")
}

const SERIAL_BYTES: usize = 16;

/// 126 random bits; positive and of a constant length, because the first bits are fixed.
pub(crate) fn random_serial() -> Result<[u8; SERIAL_BYTES], SigningFailed> {
    let mut bytes = [0; SERIAL_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SigningFailed)?;
    bytes[0] = bytes[0] & 0x3f | 0x40;
    Ok(bytes)
}

fn serial_number() -> Result<SerialNumber, SigningFailed> {
    Ok(SerialNumber::new(&random_serial()?).expect("sixteen bytes are within the twenty allowed"))
}

fn validity(not_before: Timestamp, lifetime: SignedDuration) -> Validity {
    let not_after = not_before.checked_add(lifetime).unwrap_or(Timestamp::MAX);
    Validity { not_before: time(not_before), not_after: time(not_after) }
}

/// `UTCTime` until 2049, then `GeneralizedTime` (RFC 5280 section 4.1.2.5); moments that a certificate
/// cannot name are moved to the next one that it can.
fn time(moment: Timestamp) -> Time {
    let date = date_time(moment);
    match UtcTime::from_date_time(date) {
        Ok(time) => Time::UtcTime(time),
        Err(_) => Time::GeneralTime(GeneralizedTime::from_date_time(date)),
    }
}

/// Whole seconds, between 1970 and 9999.
pub(crate) fn date_time(moment: Timestamp) -> DateTime {
    let seconds = u64::try_from(moment.as_second()).unwrap_or(0);
    DateTime::from_unix_duration(std::time::Duration::from_secs(seconds))
        .unwrap_or(DateTime::INFINITY)
}

/// The moment that a certificate names.
pub(crate) fn timestamp(time: Time) -> Timestamp {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

/// Extensions of a root.
pub(crate) fn root_extensions(key: &SubjectPublicKeyInfoOwned) -> Vec<Extension> {
    vec![
        extension(true, &KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign)),
        extension(true, &BasicConstraints { ca: true, path_len_constraint: None }),
        subject_key_identifier(key),
        authority_key_identifier(key),
    ]
}

/// Extensions of the intermediate that issues code signing certificates, and nothing else.
pub(crate) fn intermediate_extensions(
    key: &SubjectPublicKeyInfoOwned,
    issuer: &SubjectPublicKeyInfoOwned,
) -> Vec<Extension> {
    vec![
        extension(true, &KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign)),
        extension(false, &ExtendedKeyUsage(vec![ID_KP_CODE_SIGNING])),
        extension(true, &BasicConstraints { ca: true, path_len_constraint: Some(0) }),
        subject_key_identifier(key),
        authority_key_identifier(issuer),
    ]
}

/// Extensions of a timestamp authority's certificate (RFC 3161 section 2.3: time stamping only,
/// and critical).
pub(crate) fn timestamping_extensions(
    key: &SubjectPublicKeyInfoOwned,
    issuer: &SubjectPublicKeyInfoOwned,
) -> Vec<Extension> {
    vec![
        extension(true, &KeyUsage(KeyUsages::DigitalSignature.into())),
        extension(true, &ExtendedKeyUsage(vec![ID_KP_TIME_STAMPING])),
        extension(true, &BasicConstraints { ca: false, path_len_constraint: None }),
        subject_key_identifier(key),
        authority_key_identifier(issuer),
    ]
}

/// Extensions of a code signing certificate, but for whose it is.
pub(crate) fn leaf_extensions(
    key: &SubjectPublicKeyInfoOwned,
    issuer: &SubjectPublicKeyInfoOwned,
) -> Vec<Extension> {
    vec![
        extension(true, &KeyUsage(KeyUsages::DigitalSignature.into())),
        extension(false, &ExtendedKeyUsage(vec![ID_KP_CODE_SIGNING])),
        subject_key_identifier(key),
        authority_key_identifier(issuer),
    ]
}

/// An extension of a kind that knows its OID.
pub(crate) fn extension<T: Encode + AssociatedOid>(critical: bool, value: &T) -> Extension {
    raw_extension(T::OID, critical, to_der(value))
}

/// An extension of these bytes.
pub(crate) fn raw_extension(oid: ObjectIdentifier, critical: bool, value: Vec<u8>) -> Extension {
    let extn_value = OctetString::new(value).expect("extensions are short");
    Extension { extn_id: oid, critical, extn_value }
}

fn subject_key_identifier(key: &SubjectPublicKeyInfoOwned) -> Extension {
    extension(false, &SubjectKeyIdentifier(key_identifier(key)))
}

fn authority_key_identifier(issuer: &SubjectPublicKeyInfoOwned) -> Extension {
    let key_identifier = Some(key_identifier(issuer));
    let identifier = AuthorityKeyIdentifier { key_identifier, ..Default::default() };
    extension(false, &identifier)
}

/// The leftmost 160 bits of SHA-256 over the key's bits (RFC 7093 section 2, method 1).
fn key_identifier(key: &SubjectPublicKeyInfoOwned) -> OctetString {
    let digest = Sha256::digest(key.subject_public_key.raw_bytes());
    OctetString::new(&digest[..20]).expect("twenty bytes are few")
}

/// The subject of a certificate whose owner is in the alternative name.
pub(crate) fn empty_name() -> Name {
    Name::default()
}

/// DER of what was made here, of parts with limits.
pub(crate) fn to_der<T: Encode>(value: &T) -> Vec<u8> {
    value.to_der().expect("what is made here of bounded parts has a form")
}
