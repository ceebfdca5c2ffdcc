//! Entries of the transparency log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which entries are wanted: by one of the two.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogEntriesQuery {
    /// `sha256:` and 64 hexadecimal digits: of what was signed, or of a file that a signed
    /// statement is about.
    pub digest: Option<String>,
    /// Who signed: the e-mail address or URI of a certificate.
    pub identity: Option<String>,
}

/// An entry that was found.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LogEntry {
    /// Its place in the log.
    pub index: u64,
    /// The digest that was signed, in hexadecimal; of a statement, that of its envelope's encoding.
    pub digest: String,
    /// Who signed; `None` for a key without a certificate.
    pub identity: Option<String>,
}
