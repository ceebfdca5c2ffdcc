//! The in-toto release predicate: a registry says which files a version consists of.

use provender_domain::Purl;
use serde::{Deserialize, Serialize};

use super::{Statement, StatementError, Subject};

/// The predicate's type.
pub const PREDICATE_RELEASE: &str = "https://in-toto.io/attestation/release/v0.1";

/// The predicate `release` v0.1: these files belong to this version of this package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// The version, as a package URL.
    pub purl: String,
    /// What stays the same for the package from version to version, whatever it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_id: Option<String>,
}

impl Release {
    /// The version that the package URL names, without an identifier of the package.
    pub fn new(purl: &Purl) -> Result<Self, StatementError> {
        if purl.version.is_none() {
            return Err(StatementError::NoVersion);
        }
        Ok(Self { purl: purl.to_string(), package_id: None })
    }

    /// The statement that these files make up the version.
    pub fn statement(&self, files: Vec<Subject>) -> Statement {
        Statement {
            subjects: files,
            predicate_type: PREDICATE_RELEASE.to_owned(),
            predicate: serde_json::to_value(self).expect("two texts can be written"),
        }
    }

    /// Reads it from a statement of its type.
    pub fn of(statement: &Statement) -> Result<Self, StatementError> {
        if statement.predicate_type != PREDICATE_RELEASE {
            return Err(StatementError::OtherPredicate(statement.predicate_type.clone()));
        }
        Self::deserialize(&statement.predicate).map_err(StatementError::Malformed)
    }
}
