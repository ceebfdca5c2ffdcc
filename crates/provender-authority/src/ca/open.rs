//! A root and what it certifies, as files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use der::asn1::SetOfVec;
use der::{Decode as _, DecodePem as _};
use jiff::{SignedDuration, Timestamp};
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::Extension;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use super::certificate::{self, Template, to_der};
use crate::keys::{KeyAlgorithm, KeyError, KeyName, KeyRing, SigningFailed, SigningKey, file};

/// Why the certificates of an authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityFileError {
    /// A key is missing, or unusable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate cannot be read or written.
    #[error("cannot read {}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file holds no certificate.
    #[error("{} is not a certificate in PEM form", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: der::Error,
    },
    /// A certificate is of another key than the one that is there.
    #[error(
        "{} was made for another key than {}: one of them was replaced; bring the old one back, or \
         take the certificate away to have a new one made",
        .certificate.display(), .key.display()
    )]
    ForeignKey {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// A certificate has ended.
    #[error(
        "{} ended at {not_after}: take it away to have a new one made (for which the root's key \
         must be there)",
        .certificate.display()
    )]
    Ended {
        /// The certificate.
        certificate: PathBuf,
        /// When it ended.
        not_after: Timestamp,
    },
    /// Nothing could be signed.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
}

/// How long a root and what it certifies last: ten years.
const AUTHORITY_LIFETIME: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// How far an authority's certificates reach back before their making, so that clocks that are
/// set right later do not find them invalid: a wrong time zone is at most 14 hours. Before its
/// making a key signed nothing, so that nobody can have been deceived by it.
const BACKDATED: SignedDuration = SignedDuration::from_hours(24);

/// What a root and what it certifies are called, and what the latter may.
pub(crate) struct ChainPlan {
    pub(crate) root: KeyName,
    pub(crate) child: KeyName,
    pub(crate) root_common_name: &'static str,
    pub(crate) child_common_name: &'static str,
    /// The extensions of the child, by its key and the root's.
    pub(crate) child_extensions:
        fn(&SubjectPublicKeyInfoOwned, &SubjectPublicKeyInfoOwned) -> Vec<Extension>,
}

/// How keys and certificates that are missing are made.
pub(crate) struct Making<'a> {
    pub(crate) algorithm: KeyAlgorithm,
    /// The organisation in the names.
    pub(crate) organization: &'a str,
    /// Where the root's key is, if not in the ring's own folder for such.
    pub(crate) root_keys: Option<&'a KeyRing>,
}

/// A key, its certificate, and the root above.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) key: SigningKey,
    pub(crate) certificate: Certificate,
    pub(crate) root: Certificate,
    certificate_der: Vec<u8>,
    root_der: Vec<u8>,
}

impl Chain {
    /// Loads the chain, or makes it. The root's key is needed only for making.
    pub(crate) fn open(
        ring: &KeyRing,
        directory: &Path,
        plan: &ChainPlan,
        making: &Making<'_>,
        now: Timestamp,
    ) -> Result<Self, AuthorityFileError> {
        let root = match load(directory, &plan.root)? {
            Some(root) => root,
            None => make_root(ring, directory, plan, making, now)?,
        };
        let (key, certificate) = match load(directory, &plan.child)? {
            Some(certificate) => {
                (ring.required(&plan.child, kind(&certificate, making))?, certificate)
            }
            None => make_child(ring, directory, plan, making, now, &root)?,
        };
        check_key(ring, directory, &plan.child, &key, &certificate)?;
        for (name, certificate) in [(&plan.root, &root), (&plan.child, &certificate)] {
            check_end(directory, name, certificate, now)?;
        }
        let (certificate_der, root_der) = (to_der(&certificate), to_der(&root));
        Ok(Self { key, certificate, root, certificate_der, root_der })
    }

    /// Whether the child's certificate is there.
    pub(crate) fn has_files(directory: &Path, plan: &ChainPlan) -> bool {
        path(directory, &plan.child).exists()
    }

    pub(crate) fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }

    pub(crate) fn root_der(&self) -> &[u8] {
        &self.root_der
    }

    /// Until when both are valid.
    pub(crate) fn not_after(&self) -> Timestamp {
        not_after(&self.certificate).min(not_after(&self.root))
    }

    /// From when on both are valid.
    pub(crate) fn not_before(&self) -> Timestamp {
        not_before(&self.certificate).max(self.root_not_before())
    }

    /// From when on the root is valid.
    pub(crate) fn root_not_before(&self) -> Timestamp {
        not_before(&self.root)
    }
}

fn not_before(certificate: &Certificate) -> Timestamp {
    certificate::timestamp(certificate.tbs_certificate.validity.not_before)
}

fn not_after(certificate: &Certificate) -> Timestamp {
    certificate::timestamp(certificate.tbs_certificate.validity.not_after)
}

/// The kind of key that a certificate was made for.
fn kind(certificate: &Certificate, making: &Making<'_>) -> KeyAlgorithm {
    let key = &certificate.tbs_certificate.subject_public_key_info;
    KeyAlgorithm::of(key).unwrap_or(making.algorithm)
}

fn make_root(
    ring: &KeyRing,
    directory: &Path,
    plan: &ChainPlan,
    making: &Making<'_>,
    now: Timestamp,
) -> Result<Certificate, AuthorityFileError> {
    let key = ring.load_or_generate(&plan.root, making.algorithm)?;
    let name = name(making.organization, plan.root_common_name, &key);
    let template = Template {
        issuer: name.clone(),
        subject: name,
        not_before: backdated(now),
        lifetime: AUTHORITY_LIFETIME,
        public_key: key.public_key().clone(),
        extensions: certificate::root_extensions(key.public_key()),
    };
    let der = certificate::sign(template.tbs(key.algorithm())?, &key)?;
    keep(directory, &plan.root, &der)
}

fn make_child(
    ring: &KeyRing,
    directory: &Path,
    plan: &ChainPlan,
    making: &Making<'_>,
    now: Timestamp,
    root: &Certificate,
) -> Result<(SigningKey, Certificate), AuthorityFileError> {
    let here = ring.root();
    let roots = making.root_keys.unwrap_or(&here);
    let root_name = plan.root.in_root_folder();
    let root_key = roots.required(&root_name, kind(root, making))?;
    check_key(roots, directory, &root_name, &root_key, root)?;
    let key = ring.load_or_generate(&plan.child, making.algorithm)?;
    let not_before = backdated(now);
    let root_end = certificate::timestamp(root.tbs_certificate.validity.not_after);
    let template = Template {
        issuer: root.tbs_certificate.subject.clone(),
        subject: name(making.organization, plan.child_common_name, &key),
        not_before,
        lifetime: AUTHORITY_LIFETIME.min(root_end.duration_since(not_before)),
        public_key: key.public_key().clone(),
        extensions: (plan.child_extensions)(key.public_key(), root_key.public_key()),
    };
    let der = certificate::sign(template.tbs(root_key.algorithm())?, &root_key)?;
    let certificate = keep(directory, &plan.child, &der)?;
    Ok((key, certificate))
}

fn backdated(now: Timestamp) -> Timestamp {
    now.checked_sub(BACKDATED).unwrap_or(Timestamp::UNIX_EPOCH).max(Timestamp::UNIX_EPOCH)
}

/// Keeps a new certificate; where another process was first, theirs.
fn keep(directory: &Path, name: &KeyName, der: &[u8]) -> Result<Certificate, AuthorityFileError> {
    fs::create_dir_all(directory)
        .map_err(|source| AuthorityFileError::Io { path: directory.to_owned(), source })?;
    let path = path(directory, name);
    if file::create(&path, certificate::to_pem(der).as_bytes(), file::PUBLIC_MODE)? {
        return Ok(Certificate::from_der(der).expect("what was just made can be read"));
    }
    load(directory, name)?
        .ok_or_else(|| AuthorityFileError::Io { path, source: io::ErrorKind::NotFound.into() })
}

fn load(directory: &Path, name: &KeyName) -> Result<Option<Certificate>, AuthorityFileError> {
    let path = path(directory, name);
    match fs::read(&path) {
        Ok(pem) => match Certificate::from_pem(&pem) {
            Ok(certificate) => Ok(Some(certificate)),
            Err(source) => Err(AuthorityFileError::Malformed { path, source }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AuthorityFileError::Io { path, source }),
    }
}

fn path(directory: &Path, name: &KeyName) -> PathBuf {
    directory.join(format!("{}.pem", name.base()))
}

fn check_key(
    ring: &KeyRing,
    directory: &Path,
    name: &KeyName,
    key: &SigningKey,
    certificate: &Certificate,
) -> Result<(), AuthorityFileError> {
    if certificate.tbs_certificate.subject_public_key_info == *key.public_key() {
        return Ok(());
    }
    let certificate = path(directory, name);
    Err(AuthorityFileError::ForeignKey { certificate, key: ring.path(name) })
}

fn check_end(
    directory: &Path,
    name: &KeyName,
    certificate: &Certificate,
    now: Timestamp,
) -> Result<(), AuthorityFileError> {
    let not_after = not_after(certificate);
    if not_after > now {
        return Ok(());
    }
    Err(AuthorityFileError::Ended { certificate: path(directory, name), not_after })
}

/// `O=Provender, CN=… <first bytes of the key's hash>`: authorities of different servers have
/// different names.
fn name(organization: &str, common_name: &str, key: &SigningKey) -> Name {
    let common_name = format!("{common_name} {}", hex::encode(&key.key_id()[..4]));
    let attribute = |oid, text: &str| {
        let value = der::asn1::Utf8StringRef::new(text).expect("any short text is a UTF8String");
        let attribute = AttributeTypeAndValue { oid, value: value.into() };
        let set = SetOfVec::from_iter([attribute]).expect("one attribute is a set");
        RelativeDistinguishedName(set)
    };
    RdnSequence(vec![
        attribute(const_oid::db::rfc4519::O, organization),
        attribute(const_oid::db::rfc4519::CN, &common_name),
    ])
}
