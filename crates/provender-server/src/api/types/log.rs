//! Entries of the logs.

use provender_domain::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// Which entries are wanted: by one of the two.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogEntriesQuery {
    /// `sha256:` and 64 hexadecimal digits: of what was signed, or of a file that a signed
    /// statement is about.
    pub digest: Option<String>,
    /// Who signed: the e-mail address or URI of a certificate that this server issued.
    pub identity: Option<String>,
}

/// An entry that was found.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LogEntry {
    /// Its place in the log.
    pub index: u64,
    /// The digest that was signed, in hexadecimal; of a statement, that of its envelope's encoding.
    pub digest: String,
    /// Who signed, as this server's certificate authority found out; `None` for a key without a
    /// certificate, and for one with a certificate of anybody else.
    pub identity: Option<String>,
}

/// Which certificates are wanted: by one of the two.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogCertificatesQuery {
    /// The e-mail address or URI in the certificate.
    pub identity: Option<String>,
    /// Its serial number, in hexadecimal.
    pub serial: Option<String>,
}

/// A certificate that was found in the log of certificates.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LogCertificate {
    /// Its place in the log.
    pub index: u64,
    /// Its serial number, in hexadecimal.
    pub serial: String,
    /// The names in it.
    pub identities: Vec<String>,
    /// SHA-256 of its public key, in hexadecimal.
    pub public_key: String,
    /// From when on it is valid.
    #[schemars(schema_with = "schema::moment")]
    pub not_before: Timestamp,
    /// Until when.
    #[schemars(schema_with = "schema::moment")]
    pub not_after: Timestamp,
}

/// A log of this server.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LogSummary {
    /// `transparency` or `ct`.
    pub log: String,
    /// The name in its checkpoints.
    pub origin: String,
    /// Where its checkpoint and its tiles are, below the server's own address.
    pub path: String,
    /// What its checkpoints are checked with (a verifier key of C2SP signed-note).
    pub key: String,
}
