//! Problems, as the distribution specification wants them ("Error Codes").
//!
//! Clients print code and message; docker and podman act on `UNAUTHORIZED`, `DENIED` and those that
//! say that something is not there.

use provender_domain::{Problem, ProblemCode};
use provender_ecosystem::{
    Change, Document, Operation, ProblemDocument, Selection, Subject, UploadStep,
};

use crate::file_name::{self, Kind};
use crate::reply;

pub(crate) const BLOB_UNKNOWN: &str = "BLOB_UNKNOWN";
pub(crate) const BLOB_UPLOAD_INVALID: &str = "BLOB_UPLOAD_INVALID";
pub(crate) const BLOB_UPLOAD_UNKNOWN: &str = "BLOB_UPLOAD_UNKNOWN";
pub(crate) const DIGEST_INVALID: &str = "DIGEST_INVALID";
pub(crate) const MANIFEST_BLOB_UNKNOWN: &str = "MANIFEST_BLOB_UNKNOWN";
pub(crate) const MANIFEST_INVALID: &str = "MANIFEST_INVALID";
pub(crate) const MANIFEST_UNKNOWN: &str = "MANIFEST_UNKNOWN";
pub(crate) const NAME_INVALID: &str = "NAME_INVALID";
pub(crate) const NAME_UNKNOWN: &str = "NAME_UNKNOWN";
pub(crate) const SIZE_INVALID: &str = "SIZE_INVALID";
pub(crate) const UNSUPPORTED: &str = "UNSUPPORTED";
/// For what is no client's fault the specification has no code; this one is what clients know.
const UNAVAILABLE: &str = "UNAVAILABLE";
/// As [`UNAVAILABLE`].
const UNKNOWN: &str = "UNKNOWN";

/// A request that is not understood, in the specification's terms.
pub(crate) fn invalid(term: &'static str, message: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::InvalidRequest, message).in_terms_of(term)
}

/// Renders [`Problem::public`] and a code, nothing else.
pub(crate) fn render(problem: &Problem, about: Option<&Operation>) -> ProblemDocument {
    let (status, code) = terms(problem.code, about);
    let code = problem.term.unwrap_or(code);
    let detail = serde_json::json!({ "reason": problem.code.as_str() });
    let error = serde_json::json!({ "code": code, "message": problem.public, "detail": detail });
    let body = serde_json::json!({ "errors": [error] });
    let mut document = Document::new("application/json", body.to_string());
    document.fields.push(reply::api_version());
    ProblemDocument { document, in_reason_phrase: false, status }
}

/// The status, where it is not the server's, and the code.
fn terms(code: ProblemCode, about: Option<&Operation>) -> (Option<u16>, &'static str) {
    match code {
        ProblemCode::NotFound | ProblemCode::Gone => (Some(404), unknown(about)),
        ProblemCode::AuthenticationRequired => (Some(401), "UNAUTHORIZED"),
        ProblemCode::PermissionDenied | ProblemCode::PolicyDenied => (Some(403), "DENIED"),
        ProblemCode::InvalidRequest => (Some(400), invalid_code(about)),
        ProblemCode::InvalidPackage => (Some(400), MANIFEST_INVALID),
        ProblemCode::DigestMismatch => (Some(400), DIGEST_INVALID),
        // The specification names the code and no status; distribution's own answers so.
        ProblemCode::MissingReference => (Some(400), MANIFEST_BLOB_UNKNOWN),
        ProblemCode::OutOfOrder => (Some(416), BLOB_UPLOAD_INVALID),
        // A tag that does not move, a name that is somebody else's.
        ProblemCode::Conflict => (None, "DENIED"),
        ProblemCode::TooLarge => (Some(413), SIZE_INVALID),
        ProblemCode::MethodNotAllowed => (Some(405), UNSUPPORTED),
        ProblemCode::RequestTimeout => (None, invalid_code(about)),
        ProblemCode::Busy => (Some(429), "TOOMANYREQUESTS"),
        ProblemCode::UpstreamFailed | ProblemCode::UpstreamTimeout | ProblemCode::StorageFull => {
            (None, UNAVAILABLE)
        }
        ProblemCode::Internal => (None, UNKNOWN),
    }
}

/// What it is that is not there.
fn unknown(about: Option<&Operation>) -> &'static str {
    let of_file = |file| match file_name::parse(file) {
        Some((Kind::Blob, _)) => BLOB_UNKNOWN,
        _ => MANIFEST_UNKNOWN,
    };
    match about {
        Some(
            Operation::File { file, .. }
            | Operation::Change { selection: Selection::File(file), .. },
        ) => of_file(file),
        Some(Operation::Tagged { .. } | Operation::Change { .. }) => MANIFEST_UNKNOWN,
        Some(Operation::Upload { step, .. }) => match step {
            UploadStep::Append { .. }
            | UploadStep::Finish { .. }
            | UploadStep::Status { .. }
            | UploadStep::Cancel { .. } => BLOB_UPLOAD_UNKNOWN,
            UploadStep::Begin | UploadStep::Whole { .. } | UploadStep::Mount { .. } => NAME_UNKNOWN,
        },
        Some(Operation::Index { .. } | Operation::Publish { .. } | Operation::Redirect { .. })
        | None => NAME_UNKNOWN,
    }
}

/// What it is that is malformed, where [`crate::route`] did not say.
fn invalid_code(about: Option<&Operation>) -> &'static str {
    match about {
        Some(Operation::Upload { .. }) => BLOB_UPLOAD_INVALID,
        Some(
            Operation::File { .. } | Operation::Index { subject: Subject::Referrers { .. }, .. },
        ) => DIGEST_INVALID,
        Some(Operation::Tagged { .. } | Operation::Publish { .. }) => MANIFEST_INVALID,
        Some(Operation::Change { change: Change::Remove, .. }) => UNSUPPORTED,
        _ => NAME_INVALID,
    }
}

#[cfg(test)]
mod tests;
