//! What clients are told: what to trust, and where to sign.
//!
//! The documents are those of Sigstore's protobuf-specs in their JSON form: `TrustedRoot` 0.1,
//! `SigningConfig` 0.2 and `ClientTrustConfig` 0.1.

mod origin;
mod terms;

pub use origin::{PublicOrigin, PublicOriginError};
pub(crate) use terms::record;
pub use terms::{LogTerm, TermsError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use const_oid::ObjectIdentifier;
use der::Decode as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;

/// What `trusted_root.json` says it is.
pub const TRUSTED_ROOT_MEDIA_TYPE: &str =
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
/// What `signing_config.v0.2.json` says it is.
pub const SIGNING_CONFIG_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
/// What both together say they are.
pub const CLIENT_TRUST_CONFIG_MEDIA_TYPE: &str =
    "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json";

/// Everything that a client is told.
#[derive(Debug, Clone)]
pub struct Trust {
    pub(crate) origin: PublicOrigin,
    /// The certificate authorities over time, the present one last.
    pub(crate) authorities: Vec<CertifiedService>,
    /// The timestamp authorities over time, the present one last.
    pub(crate) timestamping: Vec<CertifiedService>,
    /// The keys of the log of certificates over time, the present one last.
    pub(crate) ct: Vec<CtService>,
    /// The transparency logs over time; the one without an end is the present one.
    pub(crate) logs: Vec<LogTerm>,
}

/// A service whose word is checked with certificates.
#[derive(Debug, Clone)]
pub(crate) struct CertifiedService {
    /// In DER, the root last.
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) since: Timestamp,
    /// Until when what it says is believed; `None` for the present one.
    pub(crate) until: Option<Timestamp>,
}

/// The log of certificates.
#[derive(Debug, Clone)]
pub(crate) struct CtService {
    pub(crate) public_key_der: Vec<u8>,
    pub(crate) log_id: [u8; 32],
    pub(crate) since: Timestamp,
    /// Until when what it says is believed; `None` for the present one.
    pub(crate) until: Option<Timestamp>,
}

impl CtService {
    pub(crate) fn new(public_key_der: Vec<u8>, since: Timestamp, until: Option<Timestamp>) -> Self {
        let log_id = Sha256::digest(&public_key_der).into();
        Self { public_key_der, log_id, since, until }
    }
}

impl Trust {
    /// `TrustedRoot`: with which keys and certificates to verify.
    pub fn trusted_root(&self) -> Value {
        json!({
            "mediaType": TRUSTED_ROOT_MEDIA_TYPE,
            "tlogs": self.logs.iter().map(transparency_log).collect::<Vec<_>>(),
            "certificateAuthorities": certified(&self.authorities, &self.origin.ca()),
            "ctlogs": certificate_logs(&self.ct, &self.origin.ct()),
            "timestampAuthorities": certified(&self.timestamping, &self.origin.tsa()),
        })
    }

    /// `SigningConfig`: where to sign.
    pub fn signing_config(&self) -> Value {
        let service = |url: String, major_version: u32, since: Timestamp| {
            json!([{
                "url": url,
                "majorApiVersion": major_version,
                "validFor": { "start": since },
                "operator": self.origin.hostname(),
            }])
        };
        let log_since = self.logs.iter().find(|log| log.until.is_none()).map(|log| log.since);
        let since = |services: &[CertifiedService]| {
            services.last().map_or(Timestamp::UNIX_EPOCH, |present| present.since)
        };
        let (ca_since, tsa_since) = (since(&self.authorities), since(&self.timestamping));
        let log_since = log_since.unwrap_or(ca_since);
        json!({
            "mediaType": SIGNING_CONFIG_MEDIA_TYPE,
            // Version 1, although the paths of its API begin with /api/v2.
            "caUrls": service(self.origin.ca(), 1, ca_since),
            "oidcUrls": service(self.origin.oidc(), 1, ca_since),
            "rekorTlogUrls": service(self.origin.log(), 2, log_since),
            "rekorTlogConfig": { "selector": "ANY" },
            "tsaUrls": service(self.origin.tsa_timestamp(), 1, tsa_since),
            "tsaConfig": { "selector": "ANY" },
        })
    }

    /// `ClientTrustConfig`: both in one, as a file for clients without a network.
    pub fn client_trust_config(&self) -> Value {
        json!({
            "mediaType": CLIENT_TRUST_CONFIG_MEDIA_TYPE,
            "trustedRoot": self.trusted_root(),
            "signingConfig": self.signing_config(),
        })
    }

    /// The transparency logs over time.
    pub fn logs(&self) -> &[LogTerm] {
        &self.logs
    }
}

/// A `TransparencyLogInstance`. The `checkpointKeyId` is the `logId` where it is left out.
fn transparency_log(log: &LogTerm) -> Value {
    json!({
        "baseUrl": log.base_url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": log.public_key,
            "keyDetails": "PKIX_ED25519",
            "validFor": valid_for(log.since, log.until),
        },
        "logId": { "keyId": log.log_id },
    })
}

fn valid_for(since: Timestamp, until: Option<Timestamp>) -> Value {
    match until {
        Some(until) => json!({ "start": since, "end": until }),
        None => json!({ "start": since }),
    }
}

fn certificate_logs(keys: &[CtService], url: &str) -> Value {
    let log = |key: &CtService| {
        json!({
            "baseUrl": url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": STANDARD.encode(&key.public_key_der),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": valid_for(key.since, key.until),
            },
            "logId": { "keyId": STANDARD.encode(key.log_id) },
        })
    };
    keys.iter().map(log).collect()
}

fn certified(services: &[CertifiedService], uri: &str) -> Value {
    services.iter().map(|service| certificate_authority(service, uri)).collect()
}

fn certificate_authority(service: &CertifiedService, uri: &str) -> Value {
    let certificate = |der: &Vec<u8>| json!({ "rawBytes": STANDARD.encode(der) });
    let certificates: Vec<_> = service.chain.iter().map(certificate).collect();
    json!({
        "subject": {
            "organization": root_name(service, const_oid::db::rfc4519::O).unwrap_or_default(),
            "commonName": root_name(service, const_oid::db::rfc4519::CN).unwrap_or_default(),
        },
        "uri": uri,
        "certChain": { "certificates": certificates },
        "validFor": valid_for(service.since, service.until),
    })
}

/// A part of the name of the root.
fn root_name(service: &CertifiedService, part: ObjectIdentifier) -> Option<String> {
    let root = Certificate::from_der(service.chain.last()?).ok()?;
    let names = root.tbs_certificate.subject.0;
    let mut attributes = names.iter().flat_map(|name| name.0.iter());
    let name = attributes.find(|attribute| attribute.oid == part)?;
    name.value.decode_as::<der::asn1::Utf8StringRef<'_>>().ok().map(|name| name.to_string())
}

#[cfg(test)]
mod tests;
