//! What is wrong with a manifest, in words for who made it.

use provender_ecosystem::{InspectError, InspectErrorClass};

/// Why a manifest is refused. Each message names the field, what was found and what should be there;
/// texts from the manifest arrive here quoted and shortened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestFault {
    /// The bytes could not be read.
    #[error("the manifest could not be read")]
    Unreadable(#[source] std::io::Error),
    /// The file's name is none that this ecosystem knows.
    #[error("{file} is no name of a blob or manifest: blob@sha256:<hex> or manifest@sha256:<hex>")]
    ForeignName { file: String },
    /// A version was claimed.
    #[error("images have no versions, but version {version} is claimed")]
    Version { version: String },

    /// Over the limit of bytes.
    #[error("the manifest has more than {limit_bytes} bytes, the limit here")]
    TooLong { limit_bytes: u64 },
    /// Lists in lists in lists.
    #[error("the manifest's JSON is more than {limit} levels deep, the limit here")]
    TooDeep { limit: usize },
    /// More values than anybody needs.
    #[error("the manifest's JSON has more than {limit} values, the limit here")]
    TooManyValues { limit: usize },
    /// More descriptors than anybody needs.
    #[error("{field} has {count} entries, more than {limit}, the limit here")]
    TooManyEntries { field: &'static str, count: usize, limit: usize },
    /// Annotations that the referrers API would have to repeat in each answer.
    #[error(
        "the annotations have {bytes} bytes together; of a manifest with a subject at most {limit_bytes} are kept"
    )]
    AnnotationsTooLong { bytes: usize, limit_bytes: usize },

    /// Not JSON.
    #[error("the manifest is no JSON (RFC 8259, in UTF-8): see line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    /// One of them counts, but nobody knows which.
    #[error("the key {key} stands in one object twice, and clients differ in which one counts")]
    RepeatedKey { key: String },
    /// Go's clients take it for the known one, others do not.
    #[error("the key {key} is {known} to some clients and unknown to others; write {known}")]
    AmbiguousKey { key: String, known: &'static str },

    /// Schema 1, which nobody should use any more.
    #[error(
        "this is a Docker image manifest of schema 1, which is not taken: build the image with a current tool, or convert it to an OCI image manifest"
    )]
    Schema1,
    /// `schemaVersion` is not 2.
    #[error("schemaVersion must be 2")]
    SchemaVersion,
    /// The type is of no manifest that is understood here.
    #[error(
        "media type {found} is none of a manifest that is taken here: OCI image manifests and indexes are, and Docker's of schema 2"
    )]
    UnknownType { found: String },
    /// `mediaType` and `Content-Type` disagree.
    #[error(
        "the manifest says its mediaType is {found}, but it was sent as {sent}; both must agree"
    )]
    TypeDisagrees { found: String, sent: String },
    /// Has the fields of two types at once (CVE-2021-41190).
    #[error(
        "the manifest has {field}, which no {kind} has: a document that is an image to some clients and an index to others is not taken"
    )]
    TwoTypes { field: &'static str, kind: &'static str },
    /// A field that has to be there is not.
    #[error("{field} is missing")]
    Missing { field: &'static str },
    /// A field is of another form.
    #[error("{field} must be {wanted}")]
    Malformed { field: String, wanted: &'static str },
}

impl ManifestFault {
    pub(crate) fn malformed(field: impl Into<String>, wanted: &'static str) -> Self {
        Self::Malformed { field: field.into(), wanted }
    }

    fn class(&self) -> InspectErrorClass {
        match self {
            Self::Unreadable(_) => InspectErrorClass::Unreadable,
            Self::TooLong { .. }
            | Self::TooDeep { .. }
            | Self::TooManyValues { .. }
            | Self::TooManyEntries { .. }
            | Self::AnnotationsTooLong { .. } => InspectErrorClass::Limit,
            Self::RepeatedKey { .. } | Self::AmbiguousKey { .. } | Self::TwoTypes { .. } => {
                InspectErrorClass::Hostile
            }
            Self::ForeignName { .. } | Self::Version { .. } | Self::TypeDisagrees { .. } => {
                InspectErrorClass::Contradiction
            }
            Self::NotJson { .. }
            | Self::Schema1
            | Self::SchemaVersion
            | Self::UnknownType { .. }
            | Self::Missing { .. }
            | Self::Malformed { .. } => InspectErrorClass::Damaged,
        }
    }
}

impl From<ManifestFault> for InspectError {
    fn from(fault: ManifestFault) -> Self {
        Self { class: fault.class(), message: fault.to_string(), source: Some(Box::new(fault)) }
    }
}
