//! What an operator may set of the authority: one file, of which every part may be left out.
//!
//! It is read when the authority is opened. What is not known or out of bounds is refused, with the
//! line: a limit that silently is another than the one that was meant protects nobody.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use const_oid::ObjectIdentifier;
use jiff::SignedDuration;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::keys::KeyAlgorithm;
use crate::oidc::DEFAULT_AUDIENCE;
use crate::trust::PublicOrigin;
use crate::tsa;

/// The file's name in the data directory.
pub const SETTINGS_FILE: &str = "authority.json";

/// Everything that may be set. Keys that are there already stay of their kind: kinds and names count
/// when a key or a certificate is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What the certificate authority issues.
    pub certificates: CertificateSettings,
    /// What the timestamp authority says.
    pub timestamps: TimestampSettings,
    /// How long what clients are told to trust stays believable.
    pub trust: TrustSettings,
    /// Identity tokens of this server's own issuer.
    pub identity: IdentitySettings,
    /// The transparency log.
    pub log: LogSettings,
}

/// What the certificate authority issues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CertificateSettings {
    /// How long certificates are valid. There is no revocation: a stolen key is good until then.
    pub lifetime_minutes: Bounded<1, { 24 * 60 }, 10>,
    /// The kind of the authority's keys.
    pub key: CertifiedKey,
    /// The organisation in the names of both authorities.
    pub organization: Organization,
}

impl CertificateSettings {
    /// How long certificates are valid.
    pub fn lifetime(&self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.lifetime_minutes.value()))
    }
}

/// What the timestamp authority says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimestampSettings {
    /// How far from the truth its times may be. They are told in whole seconds, so one at least.
    pub accuracy_seconds: Bounded<1, 60, 1>,
    /// The policy that its timestamps name.
    pub policy: Policy,
    /// The kind of the authority's keys.
    pub key: CertifiedKey,
}

/// How long what clients are told to trust stays believable, and when it is renewed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrustSettings {
    /// The root document. It is renewed only where the root key is at hand, so it lives long.
    pub root_days: Bounded<30, 3650, 730>,
    /// The list of targets.
    pub targets_days: Bounded<2, 730, 180>,
    /// The snapshot.
    pub snapshot_days: Bounded<1, 365, 30>,
    /// The timestamp: how long somebody may hide from a client that anything is newer.
    pub timestamp_days: Bounded<1, 90, 7>,
    /// How much of a document's life may be gone before it is renewed. It is looked at every three
    /// hours, so the shortest life must leave more than that.
    pub renew_after_percent: Bounded<10, 75, 50>,
}

/// Identity tokens of this server's own issuer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentitySettings {
    /// The audience that the certificate authority wants its own issuer's tokens to be for.
    pub audience: Audience,
    /// How long an identity token may be used.
    pub token_minutes: Bounded<1, 60, 5>,
}

impl IdentitySettings {
    /// How long an identity token may be used.
    pub fn token_life(&self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.token_minutes.value()))
    }
}

/// The transparency log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// How often at most a checkpoint is published. Entries are durable and proved before.
    pub checkpoint_interval_ms: Bounded<10, 1000, 100>,
    /// Where clients reach the log, where that is another host than the server's public one: the log
    /// is named after this host. `None`: the public origin.
    #[serde(deserialize_with = "origin")]
    pub origin: Option<PublicOrigin>,
}

/// A whole number between two bounds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounded<const MIN: u32, const MAX: u32, const DEFAULT: u32>(u32);

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> Bounded<MIN, MAX, DEFAULT> {
    /// The number.
    pub fn value(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> Default for Bounded<MIN, MAX, DEFAULT> {
    fn default() -> Self {
        const { assert!(MIN <= DEFAULT && DEFAULT <= MAX) }
        Self(DEFAULT)
    }
}

impl<'de, const MIN: u32, const MAX: u32, const DEFAULT: u32> Deserialize<'de>
    for Bounded<MIN, MAX, DEFAULT>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = u64::deserialize(deserializer)?;
        let within = u32::try_from(given).ok().filter(|number| (MIN..=MAX).contains(number));
        let number = within
            .ok_or_else(|| D::Error::custom(format!("{given} is not between {MIN} and {MAX}")))?;
        Ok(Self(number))
    }
}

/// The kinds of keys that an authority with certificates may have: those that all clients verify.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertifiedKey {
    /// ECDSA on the curve P-256, with SHA-256.
    #[default]
    EcdsaP256,
    /// ECDSA on the curve P-384, with SHA-384.
    EcdsaP384,
}

impl From<CertifiedKey> for KeyAlgorithm {
    fn from(kind: CertifiedKey) -> Self {
        match kind {
            CertifiedKey::EcdsaP256 => Self::EcdsaP256,
            CertifiedKey::EcdsaP384 => Self::EcdsaP384,
        }
    }
}

/// The organisation in the names of authorities: 1 to 64 characters (RFC 5280 appendix A.1), none of
/// which is a control character.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Organization(String);

const ORGANIZATION_CHARS_MAX: usize = 64;

impl Organization {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Organization {
    fn default() -> Self {
        Self("Provender".to_owned())
    }
}

impl TryFrom<String> for Organization {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let length = name.chars().count();
        let is_name = (1..=ORGANIZATION_CHARS_MAX).contains(&length)
            && name.trim() == name
            && !name.chars().any(char::is_control);
        is_name.then_some(Self(name)).ok_or("an organisation has a name of 1 to 64 characters")
    }
}

/// The policy of timestamps, as an object identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Policy(ObjectIdentifier);

impl Policy {
    /// The identifier.
    pub fn oid(self) -> ObjectIdentifier {
        self.0
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self(tsa::POLICY)
    }
}

impl TryFrom<String> for Policy {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let oid = ObjectIdentifier::new(&text);
        oid.map(Self).map_err(|_| "a policy is an object identifier, such as 1.3.6.1.4.1.57264.2")
    }
}

/// Whom identity tokens are for: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Audience(String);

const AUDIENCE_BYTES_MAX: usize = 255;

impl Audience {
    /// The audience.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Audience {
    fn default() -> Self {
        Self(DEFAULT_AUDIENCE.to_owned())
    }
}

impl TryFrom<String> for Audience {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_audience = (1..=AUDIENCE_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_audience.then_some(Self(text)).ok_or("an audience has 1 to 255 visible characters")
    }
}

fn origin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PublicOrigin>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let url = Url::parse(&text).map_err(D::Error::custom)?;
    PublicOrigin::try_from(&url).map(Some).map_err(D::Error::custom)
}

/// Why settings are not taken.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is there and cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It says something that is not known, or out of bounds.
    #[error("{} is not understood", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What, and in which line.
        #[source]
        source: serde_json::Error,
    },
}

impl Settings {
    /// Those of a data directory; the defaults where there is no file.
    pub fn read(directory: &Path) -> Result<Self, SettingsError> {
        let path = directory.join(SETTINGS_FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(SettingsError::Read { path, source }),
        };
        serde_json::from_slice(&text).map_err(|source| SettingsError::Malformed { path, source })
    }
}

#[cfg(test)]
mod tests;
