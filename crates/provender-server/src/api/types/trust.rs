//! What signatures are checked by, and the keys to it.

use provender_domain::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// What is trusted, until when, and where the keys to it are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TrustStatus {
    /// The documents that tell clients what to trust (The Update Framework).
    pub documents: Vec<TrustDocument>,
    /// The keys that sign now, and those before that are still believed.
    pub keys: Vec<TrustedKey>,
    /// The root keys that are in the data directory.
    pub root_keys: Vec<String>,
    /// Where root keys are in the data directory, if they are there.
    pub root_directory: String,
    /// Whether the root document can be renewed and its key replaced without bringing it back.
    pub has_tuf_root_key: bool,
}

/// A document, and until when clients believe it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TrustDocument {
    /// `root`, `targets`, `snapshot` or `timestamp`.
    pub role: String,
    /// Its version.
    pub version: u64,
    /// When clients will no longer believe it.
    #[schemars(schema_with = "schema::moment")]
    pub expires_at: Timestamp,
}

/// A key of a service.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TrustedKey {
    /// `ca`, `tsa` or `ct`.
    pub service: String,
    /// Since when what it signs is believed.
    #[schemars(schema_with = "schema::moment")]
    pub since: Timestamp,
    /// Until when; nothing: it is the present one.
    #[schemars(schema_with = "schema::moment_if_any")]
    pub until: Option<Timestamp>,
    /// When the certificate of the present one ends, if it has one.
    #[schemars(schema_with = "schema::moment_if_any")]
    pub certificate_ends_at: Option<Timestamp>,
}

/// Where the root keys are to go.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RootExport {
    /// A folder on the server's machine, by its absolute path; made where it is missing.
    pub to: String,
    /// Remove them from the data directory, once the copies were read back.
    #[serde(default)]
    pub remove: bool,
}

/// Where the root keys are now.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ExportedRootKeys {
    /// The copies.
    pub files: Vec<String>,
    /// Whether they are gone from the data directory.
    pub removed: bool,
}

/// A new root key that is wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RootRotation {
    /// The folder on the server's machine with the present key, by its absolute path; the new one
    /// will be there too. Nothing: the data directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
}

/// A new root key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RotatedRoot {
    /// The version of the root document that names it.
    pub version: u64,
    /// When clients will no longer believe that document.
    #[schemars(schema_with = "schema::moment")]
    pub expires_at: Timestamp,
    /// Where the new key is.
    pub key: String,
    /// Where the key is that is needed no more.
    pub former_key: String,
}

/// A new key of a service that is wanted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRotation {
    /// `ca`, `tsa` or `ct`.
    pub service: String,
    /// The folder on the server's machine with the root's key, by its absolute path. Nothing: the
    /// data directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// Make a new root too, instead.
    #[serde(default)]
    pub new_root: bool,
}

/// A new key of a service.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RotatedKey {
    /// `ca`, `tsa` or `ct`.
    pub service: String,
    /// Its number; the first was 1.
    pub generation: u32,
    /// SHA-256 of the public key, in hexadecimal.
    pub key: String,
    /// Until when what the former key signed is believed.
    #[schemars(schema_with = "schema::moment")]
    pub former_until: Timestamp,
}
