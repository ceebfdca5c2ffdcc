//! In-toto statements: what is said about which files.

mod release;
mod summary;

pub use release::{PREDICATE_RELEASE, Release};
pub use summary::{
    PREDICATE_VERIFICATION_SUMMARY, ResourceDescriptor, VerificationResult, VerificationSummary,
};

use std::collections::BTreeMap;

use provender_domain::{BlobId, Digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The type of every in-toto statement of version 1.
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The type of version 0.1, which older clients still sign; it reads the same.
const STATEMENT_TYPE_OLD: &str = "https://in-toto.io/Statement/v0.1";

/// The predicate of a statement that says nothing but that its subject is signed: what cosign 3
/// makes of an image (its `pkg/types/predicate.go`).
pub const PREDICATE_SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// Largest statement, in bytes: a bill of materials in full is a few megabytes.
pub const STATEMENT_LIMIT_BYTES: usize = 16 * 1024 * 1024;
/// Most subjects of one statement.
const SUBJECTS_LIMIT: usize = 4096;
/// Most digests of one subject.
const DIGESTS_LIMIT: usize = 32;

/// A statement about files, known by their digests (in-toto Statement v1).
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it is about; never empty.
    pub subjects: Vec<Subject>,
    /// What kind of thing is said, as a URI.
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
}

/// A file that a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// What the signer called it; says nothing of what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its digests by algorithm, in hexadecimal. Any one names the file.
    pub digest: BTreeMap<String, String>,
}

/// What a predicate of a known type says, in a line for people; `None` of one that is not known
/// here, or lacks what it has to have.
pub fn summarize(predicate_type: &str, predicate: &Value) -> Option<String> {
    let text = |name: &str| predicate[name].as_str();
    match predicate_type {
        PREDICATE_RELEASE => Some(format!("part of {}", text("purl")?)),
        PREDICATE_VERIFICATION_SUMMARY => Some(format!(
            "{} by {}, from {}",
            text("verificationResult")?,
            predicate["verifier"]["id"].as_str()?,
            text("resourceUri")?,
        )),
        _ => None,
    }
}

/// Why bytes are no statement.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Larger than [`STATEMENT_LIMIT_BYTES`].
    #[error("a statement has at most {STATEMENT_LIMIT_BYTES} bytes, this one {bytes}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// Not JSON, or not of a statement's shape.
    #[error("this is no in-toto statement")]
    Malformed(#[source] serde_json::Error),
    /// Of another version than 1 and 0.1.
    #[error("`{0}` is not a type of statement that is known here")]
    UnknownType(String),
    /// It is about nothing, or about more than any statement needs to be.
    #[error(
        "a statement has between 1 and {SUBJECTS_LIMIT} subjects, each with between 1 and {DIGESTS_LIMIT} digests"
    )]
    Subjects,
    /// A release is of a version, and the package URL names none.
    #[error("the package URL of a release names a version")]
    NoVersion,
    /// The predicate is of another type than was asked for.
    #[error("the predicate's type is `{0}`")]
    OtherPredicate(String),
}

#[derive(Serialize, Deserialize)]
struct StatementJson<P = Value> {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    #[serde(default)]
    predicate: P,
}

impl Statement {
    /// Reads a statement. Fields that are not known are ignored, as in-toto demands.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        if bytes.len() > STATEMENT_LIMIT_BYTES {
            return Err(StatementError::TooLarge { bytes: bytes.len() });
        }
        let json: StatementJson =
            serde_json::from_slice(bytes).map_err(StatementError::Malformed)?;
        if json.kind != STATEMENT_TYPE && json.kind != STATEMENT_TYPE_OLD {
            return Err(StatementError::UnknownType(json.kind));
        }
        let digests_fit =
            json.subject.iter().all(|subject| (1..=DIGESTS_LIMIT).contains(&subject.digest.len()));
        if !digests_fit || !(1..=SUBJECTS_LIMIT).contains(&json.subject.len()) {
            return Err(StatementError::Subjects);
        }
        Ok(Self {
            subjects: json.subject,
            predicate_type: json.predicate_type,
            predicate: json.predicate,
        })
    }

    /// The bytes to sign. The same statement gives the same bytes.
    pub fn to_json(&self) -> Vec<u8> {
        let json = StatementJson {
            kind: STATEMENT_TYPE.to_owned(),
            subject: self.subjects.clone(),
            predicate_type: self.predicate_type.clone(),
            predicate: self.predicate.clone(),
        };
        serde_json::to_vec(&json).expect("keys are text, so it can be written")
    }

    /// The bytes to sign, with a predicate as somebody wrote it, JSON: large numbers, and members of
    /// one name, stay as they are. It can be read again, or it is refused.
    pub fn with_written(
        subjects: Vec<Subject>,
        predicate_type: String,
        predicate: &[u8],
    ) -> Result<Vec<u8>, StatementError> {
        let predicate: &RawValue =
            serde_json::from_slice(predicate).map_err(StatementError::Malformed)?;
        let kind = STATEMENT_TYPE.to_owned();
        let json = StatementJson { kind, subject: subjects, predicate_type, predicate };
        let bytes = serde_json::to_vec(&json).map_err(StatementError::Malformed)?;
        Self::parse(&bytes)?;
        Ok(bytes)
    }

    /// Whether it speaks of the file with this digest.
    pub fn is_about(&self, digest: &Digest) -> bool {
        let algorithm = digest.algorithm().as_str();
        self.subjects.iter().any(|subject| {
            let claimed = subject.digest.get(algorithm);
            claimed.is_some_and(|claimed| claimed.eq_ignore_ascii_case(digest.hex()))
        })
    }
}

impl Subject {
    /// A file by its name and the SHA-256 of its bytes.
    pub fn file(name: impl Into<String>, blob: BlobId) -> Self {
        Self::new(name, [("sha256".to_owned(), blob.to_hex())])
    }

    /// A file by its name and any digests.
    pub fn new(
        name: impl Into<String>,
        digest: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self { name: Some(name.into()), digest: digest.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests;
