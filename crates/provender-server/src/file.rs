//! Files as responses: whole or in part, from the kernel's cache to the socket.

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, LINK, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Version};
use provender_domain::{BlobId, Problem, ProblemCode};
use provender_registry::{CutOff, FileAnswer, FileHead, FileStream};
use provender_store::Content;
use tokio::runtime::Handle;

use crate::accept::Connection;
use crate::api::BASE_PATH;
use crate::body::Body;
use crate::conditional::{self, Condition};
use crate::fields;
use crate::index::{DOCUMENT_POLICY, NO_SNIFFING};
use crate::limits::{FETCH_PAUSE, SMALL_FILE_BYTES};
use crate::mapping::Mapping;
use crate::range::Slice;

/// A file, or the part of it that is asked for, or 304, 412 or 416.
///
/// Its callers have authorized the request and decided upon the file before any range or condition
/// is looked at: a part of a file that is refused is refused.
pub(crate) fn respond(
    request: &HeaderMap,
    mut found: FileAnswer,
    is_public: bool,
    connection: &Connection,
) -> Result<Response<Body>, Problem> {
    let etag = format!("\"{}\"", found.blob.to_hex());
    let chosen = std::mem::take(&mut found.fields);
    let cache_control = match found.is_settled {
        true => cache_control(is_public),
        false => unsettled(is_public),
    };
    let mut response = match conditional::evaluate(request, &etag) {
        Condition::Failed => return Ok(status(StatusCode::PRECONDITION_FAILED)),
        Condition::NotModified => status(StatusCode::NOT_MODIFIED),
        Condition::Holds => content(request, &etag, found, connection)?,
    };
    let headers = response.headers_mut();
    let etag = HeaderValue::try_from(etag).map_err(|error| Problem::internal(&error))?;
    headers.insert(ETAG, etag);
    headers.insert(CACHE_CONTROL, cache_control);
    fields::set(headers, chosen.into_iter().map(|(name, value)| (name, value.into())))?;
    Ok(response)
}

/// A file that is still being fetched: whole, whatever part of it is asked for (RFC 9110 section
/// 14.2 lets a server ignore `Range`), under no condition, because it has no tag yet.
pub(crate) fn respond_while_fetched(
    mut found: FileStream,
    is_public: bool,
    version: Version,
    home: &Handle,
) -> Result<Response<Body>, Problem> {
    if found.size_bytes.is_none() && version < Version::HTTP_11 {
        // Its end would be that of the connection, and nobody could tell a cut from it.
        let message = "this file is still being fetched; ask for it by HTTP/1.1, or later";
        return Err(Problem::new(ProblemCode::Busy, message).retry_after(FETCH_PAUSE));
    }
    let chosen = std::mem::take(&mut found.fields);
    let content_type = fields::media_type(&found.content_type);
    let mut response = Response::new(Body::fetched(found, home.clone()));
    describe_unkept(response.headers_mut(), content_type, chosen, is_public)?;
    Ok(response)
}

/// The head of a file whose bytes are not to be had here, under no condition, because it has no tag
/// yet.
pub(crate) fn respond_by_head(found: FileHead, is_public: bool) -> Result<Response<Body>, Problem> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(found.size_bytes));
    let content_type = fields::media_type(&found.content_type);
    describe_unkept(headers, content_type, found.fields, is_public)?;
    if found.is_for_publisher {
        // Others who ask a cache between are refused here.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

/// What is said of a file that is not kept yet.
fn describe_unkept(
    headers: &mut HeaderMap,
    content_type: HeaderValue,
    chosen: Vec<(&'static str, String)>,
    is_public: bool,
) -> Result<(), Problem> {
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    headers.insert(CONTENT_SECURITY_POLICY, DOCUMENT_POLICY);
    headers.insert(CACHE_CONTROL, cache_control(is_public));
    fields::set(headers, chosen.into_iter().map(|(name, value)| (name, value.into())))
}

fn content(
    request: &HeaderMap,
    etag: &str,
    found: FileAnswer,
    connection: &Connection,
) -> Result<Response<Body>, Problem> {
    let size_bytes = found.size_bytes;
    let slice = match request.get(RANGE).and_then(|value| value.to_str().ok()) {
        Some(field) if conditional::range_applies(request, etag) => Slice::read(field, size_bytes),
        _ => Slice::Whole,
    };
    let content_type = fields::media_type(&found.content_type);
    let evidence = found.evidence.as_ref().map(evidence_link).transpose()?;
    let mut response = match slice {
        Slice::Whole => Response::new(body(found, 0, size_bytes, connection)?),
        Slice::Part { offset_bytes, length_bytes } => {
            let last = offset_bytes + length_bytes - 1;
            let body = body(found, offset_bytes, length_bytes, connection)?;
            partial(body, &format!("bytes {offset_bytes}-{last}/{size_bytes}"))?
        }
        Slice::Unsatisfiable => return unsatisfiable(size_bytes),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    headers.insert(CONTENT_SECURITY_POLICY, DOCUMENT_POLICY);
    if let Some(evidence) = evidence {
        headers.insert(LINK, evidence);
    }
    Ok(response)
}

/// Where what proves a file is to be had (RFC 8288).
fn evidence_link(blob: &BlobId) -> Result<HeaderValue, Problem> {
    let link = format!(
        "<{BASE_PATH}/attestations/sha256:{}>; rel=\"describedby\"; type=\"application/json\"",
        blob.to_hex()
    );
    HeaderValue::try_from(link).map_err(|error| Problem::internal(&error))
}

/// Bytes that are in memory as they are; reads a small file, maps a large one and announces it to
/// the connection. One that nobody has read since it was pushed comes from the disk.
fn body(
    found: FileAnswer,
    offset_bytes: u64,
    length_bytes: u64,
    connection: &Connection,
) -> Result<Body, Problem> {
    let file = match found.open.content {
        Content::File(file) => file,
        Content::Memory(bytes) => {
            let fits = |bytes: u64| usize::try_from(bytes).expect("it is in memory");
            let (first, end) = (fits(offset_bytes), fits(offset_bytes + length_bytes));
            return Ok(Body::from(bytes.into_inner().slice(first..end)));
        }
    };
    if let Some(unread) = found.open.unread
        && length_bytes == found.size_bytes
    {
        let chunks = unread.read(file, length_bytes).map_err(move |error| {
            tracing::warn!(file = %found.name, %error, "a file could not be read to its end");
            CutOff
        });
        return Ok(Body::streamed(chunks, Some(length_bytes), connection.home.clone()));
    }
    if length_bytes > SMALL_FILE_BYTES {
        let mapping = Mapping::new(file, offset_bytes, length_bytes);
        let mapping = Arc::new(mapping.map_err(|error| Problem::internal(&error))?);
        connection.exchange.announced.announce(Arc::clone(&mapping));
        return Ok(Body::from(mapping.bytes()));
    }
    let length = usize::try_from(length_bytes).expect("at most SMALL_FILE_BYTES");
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset_bytes).map_err(|error| Problem::internal(&error))?;
    Ok(Body::from(Bytes::from(bytes)))
}

fn partial(body: Body, range: &str) -> Result<Response<Body>, Problem> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let range = HeaderValue::from_str(range).map_err(|error| Problem::internal(&error))?;
    response.headers_mut().insert(CONTENT_RANGE, range);
    Ok(response)
}

/// RFC 9110 section 15.5.17.
fn unsatisfiable(size_bytes: u64) -> Result<Response<Body>, Problem> {
    let mut response = partial(Body::empty(), &format!("bytes */{size_bytes}"))?;
    *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    Ok(response)
}

/// A file's name never changes its bytes, so nobody need ask again.
fn cache_control(is_public: bool) -> HeaderValue {
    HeaderValue::from_static(if is_public {
        "public, max-age=31536000, immutable"
    } else {
        "private, max-age=31536000, immutable"
    })
}

/// What nobody promised is as the upstream has it now.
fn unsettled(is_public: bool) -> HeaderValue {
    HeaderValue::from_static(if is_public { "no-cache" } else { "private, no-cache" })
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
