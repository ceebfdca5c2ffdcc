//! What was proved, and what was not.

use std::collections::HashMap;
use std::fmt;

use provender_domain::Timestamp;
use sigstore_verify::{SubjectAltName, VerificationResult};

use super::error::{Cause, VerifyError};
use super::moment;
use crate::bundle::LogEntry;
use crate::statement::Statement;

/// What a bundle proved. Made by [`super::Verifier`] alone.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// Who signed.
    pub signed_by: SignedBy,
    /// When it was signed at the latest, by each source that vouches for it.
    pub times: Vec<SigningTime>,
    /// Where it is logged.
    pub log: Vec<LogPlace>,
    /// What was said, if a statement was signed rather than the artifact's bytes.
    pub statement: Option<Statement>,
    /// What nobody proved here.
    pub unproved: Vec<Unproved>,
}

impl Verified {
    /// The earliest proved time: the signature existed then.
    pub fn signed_at(&self) -> Option<SigningTime> {
        self.times.iter().copied().min_by_key(|time| time.at)
    }
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// Somebody whom a trusted authority gave a certificate.
    Certificate {
        /// The certificate's subject.
        identity: Identity,
        /// The issuer that vouched for the subject, if the certificate says so.
        issuer: Option<String>,
        /// What else the certificate says of a build: name and value.
        claims: Vec<(&'static str, String)>,
        /// From when it was valid.
        not_before: Timestamp,
        /// Until when it was valid.
        not_after: Timestamp,
    },
    /// Whoever holds the key that the caller trusts.
    Key {
        /// The SHA-256 of the public key, in hexadecimal.
        fingerprint: String,
    },
}

/// A certificate's subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A person, by e-mail address.
    Email(String),
    /// A workload, a token or a repository, by URI.
    Uri(String),
}

impl Identity {
    /// The address or the URI.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(text) | Self::Uri(text) => text,
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A moment at which the signature existed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningTime {
    /// When.
    pub at: Timestamp,
    /// Who says so.
    pub source: TimeSource,
}

/// Who vouches for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSource {
    /// A timestamp authority (RFC 3161).
    TimestampAuthority,
    /// A transparency log, which signed when it took the entry.
    TransparencyLog,
}

/// A place in a transparency log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPlace {
    /// The log's address, as the trust root has it.
    pub log: String,
    /// The entry's index.
    pub index: u64,
    /// How many entries the log had when it proved this one; zero if it only promised.
    pub size: u64,
    /// Whether inclusion is proved; otherwise the log promised it.
    pub is_proved: bool,
}

impl LogPlace {
    pub(super) fn of(entry: &LogEntry, logs: &HashMap<Vec<u8>, String>) -> Self {
        let proof = entry.inclusion_proof.as_ref();
        Self {
            log: logs.get(&entry.log_id).cloned().unwrap_or_default(),
            index: proof.map_or(entry.index, |proof| proof.index),
            size: proof.map_or(0, |proof| proof.size),
            is_proved: proof.is_some(),
        }
    }
}

/// What a verification left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproved {
    /// That the signer is one whom the caller expects: no identity was asked for.
    Identity,
    /// That the identity was vouched for by an issuer whom the caller expects.
    Issuer,
    /// When it was signed.
    Time,
    /// That the log includes the entry: it only promised to.
    Inclusion,
    /// That the log shows everybody the same entries: no witness's signature was looked at.
    SameLogForAll,
    /// That what the statement says is true: only who said it is proved.
    TruthOfStatement,
}

impl Unproved {
    /// A word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Issuer => "issuer",
            Self::Time => "time",
            Self::Inclusion => "inclusion",
            Self::SameLogForAll => "same-log-for-all",
            Self::TruthOfStatement => "truth-of-statement",
        }
    }

    /// A sentence for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Identity => "that the signer is whom you expect: no identity was asked for",
            Self::Issuer => {
                "that an issuer whom you expect vouched for the signer: none was asked for"
            }
            Self::Time => "when it was signed: no timestamp comes with it",
            Self::Inclusion => "that it stands in the log: the log only promised it",
            Self::SameLogForAll => "that the log shows everybody the same: no witness was asked",
            Self::TruthOfStatement => "that the statement is true: only who made it",
        }
    }
}

impl SignedBy {
    pub(super) fn certificate(result: &VerificationResult) -> Result<Self, VerifyError> {
        let certificate = result.certificate();
        let (Some(identity), Some(certificate)) = (result.identity(), certificate) else {
            return Err(VerifyError::Certificate(Cause::new("it names no subject")));
        };
        let identity = match identity {
            SubjectAltName::Email(email) => Identity::Email(email.clone()),
            other => Identity::Uri(other.as_str().to_owned()),
        };
        let ci = &certificate.ci_claims;
        let claims = [
            ("build signer", &ci.build_signer_uri),
            ("build signer digest", &ci.build_signer_digest),
            ("runner environment", &ci.runner_environment),
            ("source repository", &ci.source_repository_uri),
            ("source revision", &ci.source_repository_digest),
            ("source ref", &ci.source_repository_ref),
            ("source repository id", &ci.source_repository_identifier),
            ("source owner", &ci.source_repository_owner_uri),
            ("source owner id", &ci.source_repository_owner_identifier),
            ("build config", &ci.build_config_uri),
            ("build config digest", &ci.build_config_digest),
            ("build trigger", &ci.build_trigger),
            ("run", &ci.run_invocation_uri),
            ("source visibility", &ci.source_repository_visibility_at_signing),
            ("deployment environment", &ci.deployment_environment),
            ("token subject", &ci.token_subject),
        ];
        let claims = claims.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        Ok(Self::Certificate {
            identity,
            issuer: result.issuer().map(str::to_owned),
            claims: claims.collect(),
            not_before: moment(certificate.not_before),
            not_after: moment(certificate.not_after),
        })
    }
}
