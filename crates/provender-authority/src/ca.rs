//! The certificate authority: who holds a key is written into a certificate of a few minutes.
//!
//! The API is Fulcio's version 2, its extensions are those of Fulcio's certificates
//! (OIDs under 1.3.6.1.4.1.57264.1), and each certificate carries the promise of a CT log.

mod answer;
pub(crate) mod certificate;
mod close_factors;
mod identity;
mod open;
mod public_key;
mod request;

pub use answer::{IssuerSummary, configuration, issued, trust_bundle};
pub use identity::{Identity, IdentityError};
pub use open::AuthorityFileError;
pub(crate) use open::{Chain, ChainPlan, Making};
pub use public_key::{ProvenKey, PublicKeyError, SubjectKey};
pub use request::{REQUEST_BYTES_MAX, RequestError, SigningCertRequest};

use std::path::Path;

use der::{Decode as _, Encode as _};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::ext::Extension;
use x509_cert::{Certificate, TbsCertificate};

use crate::generations::Place;
use crate::keys::{KeyName, KeyRing, SigningFailed};
use crate::settings::CertificateSettings;

/// How long after its end a certificate still lets what was signed under it into the log: for clients
/// that signed in its last moment, and on their way took some time.
pub const ADMISSION_GRACE: SignedDuration = SignedDuration::from_mins(5);

/// Issues certificates. The root certifies the intermediate once; only the intermediate's key is
/// needed afterwards.
#[derive(Debug)]
pub struct CertificateAuthority {
    chain: Chain,
    issuer_key_hash: [u8; 32],
    lifetime: SignedDuration,
}

/// What the authority's root key is called, when it is the first.
const ROOT_KEY: &str = "root/ca-root";

fn plan(place: Place) -> ChainPlan {
    ChainPlan {
        root: KeyName::of_generation(ROOT_KEY, place.root),
        child: KeyName::of_generation("ca-intermediate", place.current),
        root_common_name: "Provender code signing root",
        child_common_name: "Provender code signing",
        child_extensions: certificate::intermediate_extensions,
    }
}

impl CertificateAuthority {
    /// Opens the authority: its certificates are in `directory`, its keys in the ring. What is
    /// missing at the first start is made.
    ///
    /// # Errors
    /// Where certificates and keys do not belong together, or have ended.
    pub fn open(
        ring: &KeyRing,
        directory: &Path,
        settings: &CertificateSettings,
        now: Timestamp,
    ) -> Result<Self, AuthorityFileError> {
        Self::open_at(Place::default(), ring, directory, settings, None, now)
    }

    /// The same for another generation of keys; `root_keys` is where the root's key is, if it is
    /// kept elsewhere.
    pub(crate) fn open_at(
        place: Place,
        ring: &KeyRing,
        directory: &Path,
        settings: &CertificateSettings,
        root_keys: Option<&KeyRing>,
        now: Timestamp,
    ) -> Result<Self, AuthorityFileError> {
        let making = Making {
            algorithm: settings.key.into(),
            organization: settings.organization.as_str(),
            root_keys,
        };
        let chain = Chain::open(ring, directory, &plan(place), &making, now)?;
        let issuer_key_hash = Sha256::digest(chain.key.public_key_der()).into();
        Ok(Self { chain, issuer_key_hash, lifetime: settings.lifetime() })
    }

    /// Whether there are certificates in this folder, so that the authority may have issued.
    pub(crate) fn has_certificates(place: Place, directory: &Path) -> bool {
        Chain::has_files(directory, &plan(place))
    }

    /// The certificate to be, but for its SCTs: what a CT log signs. It takes no signature yet, for
    /// the log is this server's own and signs the same bytes as over a poisoned precertificate
    /// (RFC 6962 section 3.2).
    pub fn precertificate(
        &self,
        key: &ProvenKey,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<Precertificate, SigningFailed> {
        let tbs = certificate::Template {
            issuer: self.chain.certificate.tbs_certificate.subject.clone(),
            subject: certificate::empty_name(),
            not_before: now,
            lifetime: self.lifetime,
            public_key: key.public_key().clone(),
            extensions: self.leaf_extensions(key, identity),
        }
        .tbs(self.chain.key.algorithm())?;
        let tbs_der = tbs.to_der().expect("a certificate of bounded parts has a form");
        Ok(Precertificate { tbs, tbs_der, issuer_key_hash: self.issuer_key_hash })
    }

    /// Embeds the SCTs and signs.
    pub fn finish(
        &self,
        precertificate: Precertificate,
        scts: &crate::ct::SctList,
    ) -> Result<Issued, SigningFailed> {
        let mut tbs = precertificate.tbs;
        tbs.extensions.get_or_insert_default().push(scts.extension());
        let der = certificate::sign(tbs, &self.chain.key)?;
        Ok(Issued {
            chain: vec![der, self.chain.certificate_der().to_vec(), self.chain.root_der().to_vec()],
        })
    }

    /// Whether a certificate, in DER, is one that this authority issued and that ended at most
    /// [`ADMISSION_GRACE`] ago: what is signed later than that is nobody's word.
    pub fn admits(&self, certificate: &[u8], now: Timestamp) -> bool {
        admits(self.chain.key.public_key(), certificate, now, None)
    }

    /// Whether a certificate, in DER, is one that this authority issued, whenever that was.
    pub(crate) fn has_issued(&self, certificate: &[u8]) -> bool {
        has_issued(self.chain.key.public_key(), certificate, None)
    }

    /// The intermediate and the root, in DER.
    pub fn chain(&self) -> [Vec<u8>; 2] {
        [self.chain.certificate_der().to_vec(), self.chain.root_der().to_vec()]
    }

    /// SHA-256 of the public key that certificates are issued with.
    pub(crate) fn key_id(&self) -> [u8; 32] {
        self.issuer_key_hash
    }

    /// From when on the authority may have issued.
    pub fn not_before(&self) -> Timestamp {
        self.chain.not_before()
    }

    /// From when on its root is valid.
    pub(crate) fn root_not_before(&self) -> Timestamp {
        self.chain.root_not_before()
    }

    /// Until when the authority may issue.
    pub fn not_after(&self) -> Timestamp {
        self.chain.not_after()
    }

    /// How long its certificates are valid.
    pub fn lifetime(&self) -> SignedDuration {
        self.lifetime
    }

    fn leaf_extensions(&self, key: &ProvenKey, identity: &Identity) -> Vec<Extension> {
        let mut extensions =
            certificate::leaf_extensions(key.public_key(), self.chain.key.public_key());
        extensions.extend(identity.extensions());
        extensions
    }
}

/// Whether a certificate, in DER, was signed with this key and ended at most [`ADMISSION_GRACE`] ago;
/// and until then at the latest, where that is given.
pub(crate) fn admits(
    issuer: &SubjectPublicKeyInfoOwned,
    certificate: &[u8],
    now: Timestamp,
    until: Option<Timestamp>,
) -> bool {
    let Some(not_after) = end_of_issued(issuer, certificate, until) else { return false };
    now.duration_since(not_after) <= ADMISSION_GRACE
}

/// Whether a certificate, in DER, was signed with this key, whenever that was; and ended then at the
/// latest, where that is given.
pub(crate) fn has_issued(
    issuer: &SubjectPublicKeyInfoOwned,
    certificate: &[u8],
    until: Option<Timestamp>,
) -> bool {
    end_of_issued(issuer, certificate, until).is_some()
}

/// When a certificate ends that was signed with this key; `None` where it was not, ends too late, or
/// is not written as it was signed: no other bytes may pass for it, or there would be no end of its
/// log entries.
fn end_of_issued(
    issuer: &SubjectPublicKeyInfoOwned,
    der: &[u8],
    until: Option<Timestamp>,
) -> Option<Timestamp> {
    let certificate = Certificate::from_der(der).ok()?;
    let tbs = &certificate.tbs_certificate;
    if certificate.signature_algorithm != tbs.signature || certificate.to_der().ok()? != der {
        return None;
    }
    let (signed, signature) = (tbs.to_der().ok()?, certificate.signature.as_bytes()?);
    let key = SubjectKey::new(issuer).ok()?;
    key.prove_by(certificate.signature_algorithm.oid, &signed, signature)?;
    let not_after = certificate::timestamp(tbs.validity.not_after);
    until.is_none_or(|until| not_after <= until).then_some(not_after)
}

/// A certificate that lacks its SCTs and its signature.
#[derive(Debug, Clone)]
pub struct Precertificate {
    tbs: TbsCertificate,
    tbs_der: Vec<u8>,
    issuer_key_hash: [u8; 32],
}

impl Precertificate {
    /// The `TBSCertificate` without poison and SCTs, in DER (RFC 6962 section 3.2).
    pub fn tbs_der(&self) -> &[u8] {
        &self.tbs_der
    }

    /// SHA-256 of the issuer's public key.
    pub fn issuer_key_hash(&self) -> &[u8; 32] {
        &self.issuer_key_hash
    }

    /// When the certificate will end.
    pub fn not_after(&self) -> Timestamp {
        certificate::timestamp(self.tbs.validity.not_after)
    }
}

/// A certificate with those above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    chain: Vec<Vec<u8>>,
}

impl Issued {
    /// The certificate itself, in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.chain[0]
    }

    /// Its serial number, in hexadecimal.
    pub fn serial(&self) -> String {
        let certificate = Certificate::from_der(self.certificate());
        let certificate = certificate.expect("what was just made can be read");
        hex::encode(certificate.tbs_certificate.serial_number.as_bytes())
    }

    /// The certificate, the intermediate, the root: each in DER.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }
}

#[cfg(test)]
mod tests;
