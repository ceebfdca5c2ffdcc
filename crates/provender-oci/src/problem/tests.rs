use provender_domain::{Problem, ProblemCode};
use provender_ecosystem::{Operation, SessionId, UploadStep};
use serde_json::Value;

use super::{DIGEST_INVALID, invalid, render};
use crate::file_name::{self, Kind};
use crate::{name, version};

fn about(what: &str) -> Option<Operation> {
    let package = name::normalize("team/app").unwrap();
    let digest = file_name::digest_of(&format!("sha256:{}", "a".repeat(64))).unwrap();
    let file = |kind| Operation::File {
        package: package.clone(),
        file: file_name::name(kind, &digest),
        companion: None,
    };
    let session = SessionId::from_bytes([1; 16]);
    let upload = |step| Operation::Upload { package: package.clone(), step };
    Some(match what {
        "blob" => file(Kind::Blob),
        "manifest" => file(Kind::Manifest),
        "tag" => Operation::Tagged { package: package.clone(), tag: version::tag("x").unwrap() },
        "begin" => upload(UploadStep::Begin),
        "status" => upload(UploadStep::Status { session }),
        _ => return None,
    })
}

#[test]
fn codes_and_statuses() {
    let check = |code: ProblemCode, what: &str, expected: (Option<u16>, &str)| {
        let rendered = render(&Problem::new(code, "words"), about(what).as_ref());
        let body: Value = serde_json::from_slice(&rendered.document.body).unwrap();
        let found = (rendered.status, body["errors"][0]["code"].as_str().unwrap());
        assert_eq!(found, expected, "{code:?} about {what:?}");
        assert_eq!(body["errors"][0]["message"], "words");
    };
    check(ProblemCode::NotFound, "blob", (Some(404), "BLOB_UNKNOWN"));
    check(ProblemCode::NotFound, "manifest", (Some(404), "MANIFEST_UNKNOWN"));
    check(ProblemCode::NotFound, "tag", (Some(404), "MANIFEST_UNKNOWN"));
    check(ProblemCode::NotFound, "status", (Some(404), "BLOB_UPLOAD_UNKNOWN"));
    check(ProblemCode::NotFound, "begin", (Some(404), "NAME_UNKNOWN"));
    check(ProblemCode::NotFound, "", (Some(404), "NAME_UNKNOWN"));
    check(ProblemCode::Gone, "manifest", (Some(404), "MANIFEST_UNKNOWN"));
    check(ProblemCode::Gone, "blob", (Some(404), "BLOB_UNKNOWN"));
    check(ProblemCode::DigestMismatch, "status", (Some(400), "DIGEST_INVALID"));
    check(ProblemCode::MissingReference, "", (Some(400), "MANIFEST_BLOB_UNKNOWN"));
    check(ProblemCode::OutOfOrder, "status", (Some(416), "BLOB_UPLOAD_INVALID"));
    check(ProblemCode::InvalidPackage, "", (Some(400), "MANIFEST_INVALID"));
    check(ProblemCode::InvalidRequest, "begin", (Some(400), "BLOB_UPLOAD_INVALID"));
    check(ProblemCode::InvalidRequest, "blob", (Some(400), "DIGEST_INVALID"));
    check(ProblemCode::InvalidRequest, "", (Some(400), "NAME_INVALID"));
    check(ProblemCode::AuthenticationRequired, "", (Some(401), "UNAUTHORIZED"));
    check(ProblemCode::PermissionDenied, "", (Some(403), "DENIED"));
    check(ProblemCode::PolicyDenied, "", (Some(403), "DENIED"));
    check(ProblemCode::Conflict, "", (None, "DENIED"));
    check(ProblemCode::TooLarge, "", (Some(413), "SIZE_INVALID"));
    check(ProblemCode::Busy, "", (Some(429), "TOOMANYREQUESTS"));
    check(ProblemCode::MethodNotAllowed, "", (Some(405), "UNSUPPORTED"));
    check(ProblemCode::Internal, "", (None, "UNKNOWN"));
}

#[test]
fn what_a_request_was_refused_for_is_said_in_its_own_terms() {
    let rendered = render(&invalid(DIGEST_INVALID, "words"), None);
    let body: Value = serde_json::from_slice(&rendered.document.body).unwrap();
    assert_eq!(body["errors"][0]["code"], DIGEST_INVALID);
    let version = rendered
        .document
        .fields
        .iter()
        .find(|(name, _)| *name == "docker-distribution-api-version");
    assert!(version.is_some(), "clients know a registry by it");
}
