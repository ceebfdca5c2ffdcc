//! What a token's claims become in a certificate.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use super::preset::{Preset, Subject};
use super::template::{Template, TemplateError};
use super::{Claims, TokenError};

/// The longest name that a certificate is given for.
const SAN_LIMIT_BYTES: usize = 2048;

/// The name that a certificate is for: its subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum San {
    /// A person (rfc822Name).
    Email(String),
    /// A machine, a workflow, a repository (uniformResourceIdentifier).
    Uri(String),
}

/// What a certificate of Fulcio's kind says beside the name, below OID 1.3.6.1.4.1.57264.1.
///
/// The issuer (1 and 8) is not among them: every certificate has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(
    missing_docs,
    reason = "the names are those of Fulcio's directory of OIDs, which explains them"
)]
pub enum Extension {
    GithubWorkflowTrigger = 2,
    GithubWorkflowSha = 3,
    GithubWorkflowName = 4,
    GithubWorkflowRepository = 5,
    GithubWorkflowRef = 6,
    BuildSignerUri = 9,
    BuildSignerDigest = 10,
    RunnerEnvironment = 11,
    SourceRepositoryUri = 12,
    SourceRepositoryDigest = 13,
    SourceRepositoryRef = 14,
    SourceRepositoryIdentifier = 15,
    SourceRepositoryOwnerUri = 16,
    SourceRepositoryOwnerIdentifier = 17,
    BuildConfigUri = 18,
    BuildConfigDigest = 19,
    BuildTrigger = 20,
    RunInvocationUri = 21,
    SourceRepositoryVisibilityAtSigning = 22,
    DeploymentEnvironment = 23,
    TokenSubject = 24,
}

impl Extension {
    /// The last arc of the OID.
    pub fn arc(self) -> u32 {
        self as u32
    }

    /// Whether the value stands there without any encoding (2 to 6) instead of as a `UTF8String` in DER.
    pub fn is_raw(self) -> bool {
        self.arc() <= 6
    }
}

/// How an issuer's claims are read: a preset, templates of one's own, or a preset with changes.
///
/// ```json
/// {"preset": "github-actions", "server": "https://ci.example"}
/// {"subject": {"uri": "https://ci.example/jobs/{job}"}, "extensions": {"build-trigger": "{cause}"}}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Described", into = "Described")]
pub struct ClaimMapping {
    described: Described,
    subject: SubjectTemplate,
    extensions: BTreeMap<Extension, Template>,
}

/// A mapping as it is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preset: Option<Preset>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<SubjectTemplate>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    extensions: BTreeMap<Extension, Template>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SubjectTemplate {
    Email(Template),
    Uri(Template),
}

/// Why a mapping cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// Neither a preset nor a template says who the certificate is for.
    #[error("a mapping needs a preset or a subject")]
    NoSubject,
    /// `{server}` occurs, and nobody said where that is.
    #[error("this mapping needs `server`: the address that people know the system by")]
    NoServer,
    /// The server is no address that begins with `https://` or `http://`.
    #[error("`server` is no address that begins with https:// or http://")]
    Server,
    /// An address is to be made of another claim than the one that the issuer vouches for.
    #[error(
        "an e-mail address is taken as it is: the subject must be {{\"email\": \"{{email}}\"}}"
    )]
    Email,
    /// A template is written wrongly.
    #[error("a template is written wrongly")]
    Template(#[from] TemplateError),
}

impl ClaimMapping {
    /// A preset; `server` is the address that people know the system by, where the preset names it.
    pub fn preset(preset: Preset, server: Option<&str>) -> Result<Self, MappingError> {
        let server = server.map(str::to_owned);
        Described { preset: Some(preset), server, ..Described::default() }.try_into()
    }

    /// The claim that a client signs to prove that it holds its key, as it is told.
    pub(crate) fn challenge_claim(&self) -> &'static str {
        match self.subject {
            SubjectTemplate::Email(_) => "email",
            SubjectTemplate::Uri(_) => "sub",
        }
    }

    /// The name that a certificate for these claims is for.
    pub(super) fn san(&self, claims: &Claims) -> Result<San, TokenError> {
        let server = self.described.server.as_deref();
        match &self.subject {
            SubjectTemplate::Email(template) => {
                if !claims.email_is_verified() {
                    return Err(TokenError::EmailNotVerified);
                }
                email(template.fill(claims, server).ok_or(TokenError::NoSubject)?)
            }
            SubjectTemplate::Uri(template) => {
                uri(template.fill(claims, server).ok_or(TokenError::NoSubject)?)
            }
        }
    }

    /// What else the certificate says: what no claim gives is left out.
    pub(super) fn extensions(&self, claims: &Claims) -> Vec<(Extension, String)> {
        let server = self.described.server.as_deref();
        let filled = |(extension, template): (&Extension, &Template)| {
            Some((*extension, template.fill(claims, server)?))
        };
        self.extensions.iter().filter_map(filled).collect()
    }
}

impl San {
    /// The name without its kind.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(name) | Self::Uri(name) => name,
        }
    }
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An e-mail address that everybody reads the same.
pub(super) fn email(address: String) -> Result<San, TokenError> {
    match is_email(&address) {
        true => Ok(San::Email(address)),
        false => Err(TokenError::BadSubject),
    }
}

/// A URI that reads the same to everybody: nothing in it has to be escaped.
pub(super) fn uri(uri: String) -> Result<San, TokenError> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte);
    let is_uri =
        uri.len() <= SAN_LIMIT_BYTES && uri.bytes().all(is_plain) && Url::parse(&uri).is_ok();
    match is_uri {
        true => Ok(San::Uri(uri)),
        false => Err(TokenError::BadSubject),
    }
}

/// Whether it can stand in a certificate as an address: ASCII (an `IA5String`), one `@` with something on
/// both sides, and nothing that a reader could take for two addresses.
pub(super) fn is_email(address: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !br#""(),:;<>[\]"#.contains(&byte);
    let Some((local, domain)) = address.split_once('@') else { return false };
    let is_short = address.len() <= EMAIL_LIMIT_BYTES;
    is_short
        && !local.is_empty()
        && !domain.is_empty()
        && !domain.contains('@')
        && address.bytes().all(is_plain)
}

/// The longest e-mail address (RFC 5321, section 4.5.3.1.3).
const EMAIL_LIMIT_BYTES: usize = 254;

/// The one template of an e-mail address.
const EMAIL: &str = "{email}";

impl TryFrom<Described> for ClaimMapping {
    type Error = MappingError;

    fn try_from(described: Described) -> Result<Self, Self::Error> {
        let preset = described.preset.map(Preset::parts);
        let mut extensions = BTreeMap::new();
        let mut subject = None;
        if let Some(parts) = preset {
            subject = Some(match parts.subject {
                Subject::Email(template) => SubjectTemplate::Email(Template::new(template)?),
                Subject::Uri(template) => SubjectTemplate::Uri(Template::new(template)?),
            });
            for (extension, template) in parts.extensions {
                extensions.insert(*extension, Template::new(*template)?);
            }
        }
        extensions.extend(described.extensions.clone());
        let subject = described.subject.clone().or(subject).ok_or(MappingError::NoSubject)?;
        // `email_verified` speaks of this claim, and of nothing that is made of it or of others.
        if matches!(&subject, SubjectTemplate::Email(template) if template.as_str() != EMAIL) {
            return Err(MappingError::Email);
        }
        let mapping = Self { described, subject, extensions };
        mapping.check_server()?;
        Ok(mapping)
    }
}

impl ClaimMapping {
    fn check_server(&self) -> Result<(), MappingError> {
        let (SubjectTemplate::Email(subject) | SubjectTemplate::Uri(subject)) = &self.subject;
        let mut templates = self.extensions.values().chain([subject]);
        match &self.described.server {
            Some(server) => match Url::parse(server) {
                Ok(url) if matches!(url.scheme(), "https" | "http") => Ok(()),
                _ => Err(MappingError::Server),
            },
            None if templates.any(Template::names_server) => Err(MappingError::NoServer),
            None => Ok(()),
        }
    }
}

impl From<ClaimMapping> for Described {
    fn from(mapping: ClaimMapping) -> Self {
        mapping.described
    }
}

#[cfg(test)]
mod tests;
