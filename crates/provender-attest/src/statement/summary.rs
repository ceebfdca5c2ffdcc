//! SLSA's verification summary: somebody says what was checked, by which policy, with what result.

use std::collections::BTreeMap;

use provender_domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Statement, StatementError, Subject};

/// The predicate's type.
pub const PREDICATE_VERIFICATION_SUMMARY: &str = "https://slsa.dev/verification_summary/v1";

/// The SLSA specification that the levels are of.
const SLSA_VERSION: &str = "1.0";

/// The predicate of a SLSA verification summary, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationSummary {
    verifier: Verifier,
    /// When it was checked.
    pub time_verified: Timestamp,
    /// Where the file was met: what a consumer would ask for.
    pub resource_uri: String,
    /// What it was checked against.
    pub policy: ResourceDescriptor,
    /// The statements that were looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_attestations: Vec<ResourceDescriptor>,
    /// With what result.
    pub verification_result: VerificationResult,
    /// Levels that were reached, one per track, or `FAILED`. Words of one's own do not begin with
    /// `SLSA_`.
    pub verified_levels: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slsa_version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Verifier {
    id: String,
}

/// Whether the policy was satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VerificationResult {
    /// It was.
    Passed,
    /// It was not.
    Failed,
}

/// A document, by address and digest (in-toto's `ResourceDescriptor`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResourceDescriptor {
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests by algorithm, in hexadecimal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
}

impl VerificationSummary {
    /// A summary without levels and inputs. `verifier` is the URI of who checked.
    pub fn new(
        verifier: impl Into<String>,
        time_verified: Timestamp,
        resource_uri: impl Into<String>,
        policy: ResourceDescriptor,
        verification_result: VerificationResult,
    ) -> Self {
        Self {
            verifier: Verifier { id: verifier.into() },
            time_verified,
            resource_uri: resource_uri.into(),
            policy,
            input_attestations: Vec::new(),
            verification_result,
            verified_levels: Vec::new(),
            slsa_version: Some(SLSA_VERSION.to_owned()),
        }
    }

    /// The URI of who checked.
    pub fn verifier(&self) -> &str {
        &self.verifier.id
    }

    /// The statement that these files were checked so.
    pub fn statement(&self, files: Vec<Subject>) -> Statement {
        Statement {
            subjects: files,
            predicate_type: PREDICATE_VERIFICATION_SUMMARY.to_owned(),
            predicate: serde_json::to_value(self).expect("texts and lists can be written"),
        }
    }

    /// Reads it from a statement of its type.
    pub fn of(statement: &Statement) -> Result<Self, StatementError> {
        if statement.predicate_type != PREDICATE_VERIFICATION_SUMMARY {
            return Err(StatementError::OtherPredicate(statement.predicate_type.clone()));
        }
        Self::deserialize(&statement.predicate).map_err(StatementError::Malformed)
    }
}
