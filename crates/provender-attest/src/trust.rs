//! Trust roots: whose certificates, logs and timestamps are believed.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sigstore_trust_root::{CertificateAuthority, TrustedRoot};
use sigstore_types::{DerPublicKey, SignatureBytes};
use sigstore_verify::crypto::VerificationKey;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

/// Largest trust root, in bytes.
pub const TRUST_ROOT_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// Most authorities and logs of one kind.
const AUTHORITIES_LIMIT: usize = 256;

const TRUSTED_ROOT_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
const TRUSTED_ROOT_MEDIA_TYPE_V02: &str = "application/vnd.dev.sigstore.trustedroot.v0.2+json";
const CLIENT_TRUST_CONFIG_MEDIA_TYPE: &str =
    "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json";

/// A trust root: the certificate authorities, logs and timestamp authorities that are believed.
#[derive(Debug, Clone)]
pub struct TrustRoot {
    library: TrustedRoot,
    trusted_root: Box<RawValue>,
    signing_config: Option<Box<RawValue>>,
}

/// A transparency log that a trust root names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedLog<'a> {
    /// Its address.
    pub url: &'a str,
    /// Its identifier: for a log of tiles the whole key hash.
    pub id: &'a [u8],
    /// Its key, as `SubjectPublicKeyInfo`, DER.
    pub public_key: &'a [u8],
}

/// Why bytes are no trust root.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Larger than [`TRUST_ROOT_LIMIT_BYTES`].
    #[error("a trust root has at most {TRUST_ROOT_LIMIT_BYTES} bytes, this one {bytes}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// Not JSON, or not of a trust root's shape.
    #[error("this is neither a trusted root nor a client trust config")]
    Malformed(#[source] serde_json::Error),
    /// Of a media type that is not known here.
    #[error("`{0}` is not a type of trust root that is known here")]
    UnknownMediaType(String),
    /// More than any trust root needs.
    #[error("a trust root has at most {AUTHORITIES_LIMIT} authorities and logs of each kind")]
    TooMany,
    /// A key or certificate in it does not read, or two logs have one name.
    #[error("a key or certificate of this trust root cannot be used")]
    Unusable(#[source] Box<sigstore_verify::Error>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    media_type: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientTrustConfig {
    media_type: String,
    trusted_root: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signing_config: Option<Box<RawValue>>,
}

impl TrustRoot {
    /// Reads a `trusted_root.json`, or a client trust config, which has the addresses to sign with
    /// beside it.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustError> {
        if bytes.len() > TRUST_ROOT_LIMIT_BYTES {
            return Err(TrustError::TooLarge { bytes: bytes.len() });
        }
        let head: Head = serde_json::from_slice(bytes).map_err(TrustError::Malformed)?;
        match head.media_type.as_str() {
            TRUSTED_ROOT_MEDIA_TYPE | TRUSTED_ROOT_MEDIA_TYPE_V02 => {
                let root = serde_json::from_slice(bytes).map_err(TrustError::Malformed)?;
                Self::new(root, None)
            }
            CLIENT_TRUST_CONFIG_MEDIA_TYPE => {
                let config: ClientTrustConfig =
                    serde_json::from_slice(bytes).map_err(TrustError::Malformed)?;
                Self::new(config.trusted_root, config.signing_config)
            }
            _ => Err(TrustError::UnknownMediaType(head.media_type)),
        }
    }

    fn new(
        trusted_root: Box<RawValue>,
        signing_config: Option<Box<RawValue>>,
    ) -> Result<Self, TrustError> {
        let library: TrustedRoot =
            serde_json::from_str(trusted_root.get()).map_err(TrustError::Malformed)?;
        let numbers = [
            library.tlogs.len(),
            library.ctlogs.len(),
            library.certificate_authorities.len(),
            library.timestamp_authorities.len(),
        ];
        if numbers.into_iter().any(|number| number > AUTHORITIES_LIMIT) {
            return Err(TrustError::TooMany);
        }
        Ok(Self { library, trusted_root, signing_config })
    }

    /// The `trusted_root.json` in it, as it was read.
    pub fn trusted_root_json(&self) -> &str {
        self.trusted_root.get()
    }

    /// The signing config beside it, if there is one, as it was read.
    pub fn signing_config_json(&self) -> Option<&str> {
        self.signing_config.as_deref().map(RawValue::get)
    }

    /// As a client trust config: one file that other clients take too. They want the addresses
    /// to sign with in it, even where they only verify.
    pub fn to_client_trust_config(&self) -> String {
        let config = ClientTrustConfig {
            media_type: CLIENT_TRUST_CONFIG_MEDIA_TYPE.to_owned(),
            trusted_root: self.trusted_root.clone(),
            signing_config: self.signing_config.clone(),
        };
        serde_json::to_string(&config).expect("what was read as JSON can be written as JSON")
    }

    /// The logs that are believed.
    pub fn logs(&self) -> impl Iterator<Item = TrustedLog<'_>> {
        self.library.tlogs.iter().map(|log| TrustedLog {
            url: &log.base_url,
            id: log.log_id.key_id.as_bytes(),
            public_key: log.public_key.raw_bytes.as_bytes(),
        })
    }

    /// Whether a certificate authority that is believed issued this certificate, in DER, before it was to
    /// issue no more. Whoever is named in it is so by right; that they signed anything it does not say.
    pub fn has_issued(&self, certificate: &[u8]) -> bool {
        let Ok(certificate) = Certificate::from_der(certificate) else { return false };
        let mut authorities = self.library.certificate_authorities.iter();
        authorities.any(|authority| has_issued(authority, &certificate))
    }

    /// The addresses of the certificate authorities that are believed.
    pub fn certificate_authorities(&self) -> impl Iterator<Item = &str> {
        self.library.certificate_authorities.iter().map(|authority| authority.uri.as_str())
    }

    pub(crate) fn library(&self) -> &TrustedRoot {
        &self.library
    }
}

fn has_issued(authority: &CertificateAuthority, certificate: &Certificate) -> bool {
    let begun = certificate.tbs_certificate.validity.not_before.to_unix_duration().as_secs();
    let end = authority.valid_for.as_ref().and_then(|period| period.end);
    let is_too_late =
        end.is_some_and(|end| i64::try_from(begun).unwrap_or(i64::MAX) > end.as_second());
    let mut chain = authority.cert_chain.certificates.iter();
    !is_too_late
        && chain.any(|issuer| is_signed_by(issuer.raw_bytes.as_bytes(), certificate).is_some())
}

/// Something, if the key in the issuer's certificate signed this one.
fn is_signed_by(issuer: &[u8], certificate: &Certificate) -> Option<()> {
    let issuer = Certificate::from_der(issuer).ok()?;
    let key = issuer.tbs_certificate.subject_public_key_info.to_der().ok()?;
    let key = VerificationKey::from_spki(&DerPublicKey::from_bytes(&key)).ok()?;
    let signed = certificate.tbs_certificate.to_der().ok()?;
    let signature = SignatureBytes::from_bytes(certificate.signature.as_bytes()?);
    key.verify(signed, &signature).ok()
}

#[cfg(test)]
mod tests {
    use super::{TRUST_ROOT_LIMIT_BYTES, TrustError, TrustRoot};

    #[test]
    fn what_is_no_trust_root() {
        let check = |text: &str, expected: &str| {
            let refused = TrustRoot::parse(text.as_bytes()).unwrap_err();
            assert!(refused.to_string().contains(expected), "{refused}");
        };
        check("", "neither");
        check("{}", "neither");
        check(r#"{"mediaType":"text/plain"}"#, "text/plain");
        let media_type = super::TRUSTED_ROOT_MEDIA_TYPE;
        check(&format!(r#"{{"mediaType":"{media_type}","tlogs":1}}"#), "neither");
        let huge = vec![b' '; TRUST_ROOT_LIMIT_BYTES + 1];
        assert!(matches!(TrustRoot::parse(&huge), Err(TrustError::TooLarge { .. })));
    }

    #[test]
    fn both_forms_hold_the_same_root() {
        let media_type = super::TRUSTED_ROOT_MEDIA_TYPE;
        let root = format!(r#"{{"mediaType":"{media_type}","tlogs":[]}}"#);
        let bare = TrustRoot::parse(root.as_bytes()).unwrap();
        let config = TrustRoot::parse(bare.to_client_trust_config().as_bytes()).unwrap();
        assert_eq!(config.trusted_root_json(), root);
        assert_eq!((config.signing_config_json(), config.logs().count()), (None, 0));
    }
}
