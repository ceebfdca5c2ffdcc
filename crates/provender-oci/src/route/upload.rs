//! Uploads of blobs ("Pushing blobs"): whole, in chunks, or from another image.

use provender_domain::{PackageName, Problem};
use provender_ecosystem::{Method, MountSource, Operation, RequestHead, SessionId, UploadStep};

use super::{file_of_query, only};
use crate::problem::{
    BLOB_UPLOAD_INVALID, BLOB_UPLOAD_UNKNOWN, DIGEST_INVALID, SIZE_INVALID, invalid,
};
use crate::{name, query};

/// `POST <image>/blobs/uploads/`.
pub(super) fn begin(request: &RequestHead<'_>, package: PackageName) -> Result<Operation, Problem> {
    only(request, &[Method::Post])?;
    let step = if let Some(digest) = query::value(request, "mount") {
        let from = query::value(request, "from");
        UploadStep::Mount {
            file: file_of_query(&digest)?,
            from: from.and_then(|from| source(&from)),
        }
    } else if let Some(digest) = query::value(request, "digest") {
        UploadStep::Whole { file: file_of_query(&digest)? }
    } else {
        UploadStep::Begin
    };
    Ok(Operation::Upload { package, step })
}

/// Requests to `<image>/blobs/uploads/<session>`.
pub(super) fn go_on(
    request: &RequestHead<'_>,
    package: PackageName,
    session: &str,
) -> Result<Operation, Problem> {
    only(request, &[Method::Get, Method::Patch, Method::Put, Method::Delete])?;
    let session = SessionId::parse(session).ok_or_else(|| {
        Problem::not_found("there is no such upload; begin one with POST to blobs/uploads/")
            .in_terms_of(BLOB_UPLOAD_UNKNOWN)
    })?;
    let step = match request.method {
        Method::Patch => UploadStep::Append { session, offset_bytes: offset_bytes(request)? },
        Method::Put => {
            let digest = query::value(request, "digest").ok_or_else(|| {
                invalid(DIGEST_INVALID, "an upload is finished with ?digest=, the whole blob's")
            })?;
            let (offset_bytes, file) = (offset_bytes(request)?, file_of_query(&digest)?);
            UploadStep::Finish { session, offset_bytes, file }
        }
        Method::Delete => UploadStep::Cancel { session },
        _ => UploadStep::Status { session },
    };
    Ok(Operation::Upload { package, step })
}

/// `<repository>/<image>`. Where another is meant, an upload begins, as the specification wants it
/// where nothing can be mounted.
fn source(from: &str) -> Option<MountSource> {
    let (repository, image) = from.split_once('/')?;
    let package = name::normalize(image).ok()?;
    Some(MountSource { repository: repository.to_owned(), package })
}

/// Where a chunk begins, by its `Content-Range: <first>-<last>`, which is not RFC 9110's.
fn offset_bytes(request: &RequestHead<'_>) -> Result<Option<u64>, Problem> {
    let Some(field) = request.headers.field("content-range") else { return Ok(None) };
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    // RFC 9110's `bytes <first>-<last>/<length>` is what some clients send all the same.
    let range = field.trim();
    let range = range.strip_prefix("bytes ").unwrap_or(range).split('/').next().unwrap_or(range);
    let ends = range.split_once('-').map(|(first, last)| (number(first), number(last)));
    match ends {
        Some((Some(first), Some(last))) if first <= last => {
            let length = request.headers.field("content-length").and_then(number);
            // Some finish without bytes, and name the last chunk once more.
            let is_other = |length| length != 0 && length != (last - first).saturating_add(1);
            if length.is_some_and(is_other) {
                let message =
                    format!("the chunk is not as long as its Content-Range, {range}, says");
                return Err(invalid(SIZE_INVALID, message));
            }
            Ok(Some(first))
        }
        // What an empty chunk at the beginning comes with from some clients.
        Some((Some(0), None)) if range == "0--1" => Ok(Some(0)),
        _ => Err(invalid(BLOB_UPLOAD_INVALID, "Content-Range is written as <first>-<last>")),
    }
}
