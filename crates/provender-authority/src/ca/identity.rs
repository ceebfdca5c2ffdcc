//! Whose a certificate is.

use const_oid::ObjectIdentifier;
use der::asn1::{Ia5String, Utf8StringRef};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::certificate::{extension, raw_extension, to_der};
use crate::oidc::{self, San, VerifiedIdentity};

/// Whose a certificate is, who says so, and what else is known: of a form and length that a
/// certificate can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    name: GeneralName,
    issuer: String,
    extensions: Vec<(oidc::Extension, String)>,
}

/// What is known cannot stand in a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The name is empty, not of visible ASCII, or too long.
    #[error("a certificate's name is of visible ASCII, and of at most {NAME_BYTES_MAX} bytes")]
    Name,
    /// Too much is said.
    #[error("what a certificate says of its owner has at most {TEXT_BYTES_MAX} bytes")]
    TooLong,
}

const NAME_BYTES_MAX: usize = 2048;

/// For the issuer and all extensions together. A certificate is in every bundle and in the log.
const TEXT_BYTES_MAX: usize = 16 * 1024;

impl Identity {
    /// Of this name, by the word of this issuer (its URL), with these extensions; those without
    /// content are left out.
    pub fn new(
        san: &San,
        issuer: &str,
        mut extensions: Vec<(oidc::Extension, String)>,
    ) -> Result<Self, IdentityError> {
        let text = san.as_str();
        let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !is_visible {
            return Err(IdentityError::Name);
        }
        let name = Ia5String::new(text).map_err(|_| IdentityError::Name)?;
        extensions.retain(|(_, value)| !value.is_empty());
        extensions.sort();
        let length: usize = extensions.iter().map(|(_, value)| value.len()).sum();
        if length + issuer.len() > TEXT_BYTES_MAX {
            return Err(IdentityError::TooLong);
        }
        let name = match san {
            San::Email(_) => GeneralName::Rfc822Name(name),
            San::Uri(_) => GeneralName::UniformResourceIdentifier(name),
        };
        Ok(Self { name, issuer: issuer.to_owned(), extensions })
    }

    /// Of whom a token proved to be.
    pub fn of(identity: &VerifiedIdentity) -> Result<Self, IdentityError> {
        Self::new(&identity.san, identity.issuer.as_str(), identity.extensions.clone())
    }

    /// The alternative name (critical, for the subject is empty: RFC 5280 section 4.2.1.6), the
    /// issuer in its old and its new form, and the rest in the order of their numbers.
    pub(super) fn extensions(&self) -> Vec<Extension> {
        let names = SubjectAltName(vec![self.name.clone()]);
        let issuer = &self.issuer;
        let mut extensions = vec![
            extension(true, &names),
            raw_extension(ISSUER, false, issuer.clone().into_bytes()),
            text_extension(ISSUER_V2, issuer),
        ];
        extensions.extend(self.extensions.iter().map(|(kind, value)| {
            let oid = FULCIO.push_arc(kind.arc()).expect("one number more fits in an identifier");
            match kind.is_raw() {
                true => raw_extension(oid, false, value.clone().into_bytes()),
                false => text_extension(oid, value),
            }
        }));
        extensions
    }
}

const FULCIO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1");
const ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.1");
const ISSUER_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8");

fn text_extension(oid: ObjectIdentifier, text: &str) -> Extension {
    let text = Utf8StringRef::new(text).expect("checked to be short when it was made");
    raw_extension(oid, false, to_der(&text))
}
