//! The promise of a certificate transparency log (RFC 6962): that a certificate is in it.
//!
//! An entry of the log is the `MerkleTreeLeaf` of RFC 6962 section 3.4, so that its hash in a tile
//! log is the hash that RFC 6962 gives it. An SCT signs the very same bytes (section 3.2), because
//! the two kinds of structure begin alike.

use const_oid::ObjectIdentifier;
use der::asn1::OctetStringRef;
use der::{Decode as _, Encode as _};
use jiff::Timestamp;
use provender_tlog::{SearchKey, rekor};
use sha2::{Digest as _, Sha256};
use x509_cert::TbsCertificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::ca::Precertificate;
use crate::ca::certificate::{raw_extension, timestamp, to_der};
use crate::keys::{KeyAlgorithm, KeyError, KeyName, KeyRing, SigningFailed, SigningKey};

/// Signs SCTs.
#[derive(Debug)]
pub struct SctSigner {
    key: SigningKey,
}

/// What the log's key is called, when it is the first.
const KEY: &str = "ct";

impl SctSigner {
    /// With the key of the CT log, the first or a later one: ECDSA on P-256, the only kind that all clients verify.
    pub fn open(ring: &KeyRing, generation: u32) -> Result<Self, KeyError> {
        let name = KeyName::of_generation(KEY, generation);
        Ok(Self { key: ring.load_or_generate(&name, KeyAlgorithm::EcdsaP256)? })
    }

    /// With the key, which must be there: certificates may carry its promises, and clients believe no
    /// other's.
    ///
    /// # Errors
    /// [`KeyError::Missing`] where it is lost.
    pub fn required(ring: &KeyRing, generation: u32) -> Result<Self, KeyError> {
        let name = KeyName::of_generation(KEY, generation);
        Ok(Self { key: ring.required(&name, KeyAlgorithm::EcdsaP256)? })
    }

    /// Promises that the certificate is in the log, and gives what must be appended to it.
    pub fn sign(
        &self,
        precertificate: &Precertificate,
        now: Timestamp,
    ) -> Result<(Sct, LogEntry), SigningFailed> {
        let timestamp_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let entry = LogEntry::new(precertificate, timestamp_ms);
        let signature = self.key.sign(entry.as_bytes())?;
        Ok((Sct { log_id: self.log_id(), timestamp_ms, signature }, entry))
    }

    /// The log's identifier: SHA-256 of its public key.
    pub fn log_id(&self) -> [u8; 32] {
        self.key.key_id()
    }

    /// The log's public key, as `SubjectPublicKeyInfo` in DER.
    pub fn public_key_der(&self) -> &[u8] {
        self.key.public_key_der()
    }
}

/// An entry of the CT log: `MerkleTreeLeaf` (RFC 6962 section 3.4) of a precertificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry(Vec<u8>);

/// The bytes of an entry that are no certificate.
const ENTRY_FRAME_BYTES: usize = 1 + 1 + 8 + 2 + 32 + 3 + 2;

impl LogEntry {
    fn new(precertificate: &Precertificate, timestamp_ms: u64) -> Self {
        let tbs = precertificate.tbs_der();
        let length = u32::try_from(tbs.len()).expect("certificates are short").to_be_bytes();
        let mut bytes = Vec::with_capacity(ENTRY_FRAME_BYTES + tbs.len());
        bytes.push(VERSION_1);
        bytes.push(0); // a timestamped entry; and in an SCT, the signature of a certificate
        bytes.extend(timestamp_ms.to_be_bytes());
        bytes.extend(PRECERTIFICATE_ENTRY);
        bytes.extend(precertificate.issuer_key_hash());
        bytes.extend(&length[1..]);
        bytes.extend(tbs);
        bytes.extend(NO_EXTENSIONS);
        Self(bytes)
    }

    /// The entry.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The entry, for the log to keep.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// What an entry is found by: the names in its certificate, as in the transparency log, the public
/// key, and the serial number. What is no entry is found by nothing. For
/// [`LogOptions::keys`](provender_tlog::LogOptions).
pub fn keys(entry: &[u8]) -> Vec<SearchKey> {
    let Some(tbs) = certificate_in(entry) else { return Vec::new() };
    let mut keys = vec![serial_key(tbs.serial_number.as_bytes())];
    keys.extend(tbs.subject_public_key_info.to_der().ok().map(|key| rekor::public_key_key(&key)));
    keys.extend(names(&tbs).iter().map(|name| rekor::identity_key(name)));
    keys
}

/// E-mail addresses and URIs.
fn names(tbs: &TbsCertificate) -> Vec<String> {
    let names = tbs.get::<SubjectAltName>().ok().flatten();
    let names = names.map(|(_, SubjectAltName(names))| names).unwrap_or_default();
    let text = |name: &GeneralName| match name {
        GeneralName::Rfc822Name(text) | GeneralName::UniformResourceIdentifier(text) => {
            Some(text.to_string())
        }
        _ => None,
    };
    names.iter().filter_map(text).collect()
}

/// What an entry says of its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedCertificate {
    /// Its serial number, in hexadecimal.
    pub serial: String,
    /// The names in it: e-mail addresses and URIs.
    pub identities: Vec<String>,
    /// SHA-256 of its public key, in hexadecimal.
    pub public_key: String,
    /// From when on it is valid.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

impl LoggedCertificate {
    /// Reads an entry; `None` for what is none.
    pub fn read(entry: &[u8]) -> Option<Self> {
        let tbs = certificate_in(entry)?;
        let key = tbs.subject_public_key_info.to_der().ok()?;
        Some(Self {
            serial: hex::encode(tbs.serial_number.as_bytes()),
            identities: names(&tbs),
            public_key: hex::encode(Sha256::digest(key)),
            not_before: timestamp(tbs.validity.not_before),
            not_after: timestamp(tbs.validity.not_after),
        })
    }
}

/// The key of certificates with this serial number: the bytes of its INTEGER.
pub fn serial_key(serial: &[u8]) -> SearchKey {
    SearchKey::new("serial", serial)
}

/// The certificate that an entry is about.
fn certificate_in(entry: &[u8]) -> Option<TbsCertificate> {
    let (frame, rest) = entry.split_at_checked(ENTRY_FRAME_BYTES - NO_EXTENSIONS.len())?;
    let (&[version, kind], end) = (frame.first_chunk()?, frame.last_chunk::<3>()?);
    let is_precertificate =
        version == VERSION_1 && kind == 0 && frame[10..12] == PRECERTIFICATE_ENTRY;
    let length = usize::try_from(u32::from_be_bytes([0, end[0], end[1], end[2]])).ok()?;
    let (tbs, extensions) = rest.split_at_checked(length)?;
    if !is_precertificate || extensions != NO_EXTENSIONS {
        return None;
    }
    TbsCertificate::from_der(tbs).ok()
}

const VERSION_1: u8 = 0;
const PRECERTIFICATE_ENTRY: [u8; 2] = [0, 1];
const NO_EXTENSIONS: [u8; 2] = [0, 0];
/// `sha256` and `ecdsa` of RFC 5246 section 7.4.1.4.1.
const ECDSA_WITH_SHA_256: [u8; 2] = [4, 3];

/// A signed certificate timestamp (RFC 6962 section 3.2), version 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sct {
    log_id: [u8; 32],
    timestamp_ms: u64,
    signature: Vec<u8>,
}

impl Sct {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION_1];
        bytes.extend(self.log_id);
        bytes.extend(self.timestamp_ms.to_be_bytes());
        bytes.extend(NO_EXTENSIONS);
        bytes.extend(ECDSA_WITH_SHA_256);
        bytes.extend(with_length(&self.signature));
        bytes
    }
}

/// The SCTs that a certificate carries (RFC 6962 section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SctList(Vec<Sct>);

impl SctList {
    /// Of these.
    pub fn new(scts: Vec<Sct>) -> Self {
        Self(scts)
    }

    pub(crate) fn extension(&self) -> Extension {
        let scts: Vec<u8> = self.0.iter().flat_map(|sct| with_length(&sct.to_bytes())).collect();
        let list = with_length(&scts);
        let list = OctetStringRef::new(&list).expect("a list of SCTs is short");
        raw_extension(SCT_LIST, false, to_der(&list))
    }
}

/// The extension that holds SCTs.
pub const SCT_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");

/// A vector of RFC 5246: two bytes of length, then the bytes.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a few hundred bytes");
    [&length.to_be_bytes(), bytes].concat()
}
