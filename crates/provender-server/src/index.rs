//! Indexes as responses.

use std::sync::Arc;

use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LOCATION, VARY,
    WARNING, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use provender_domain::Problem;
use provender_ecosystem::Document;
use provender_registry::RenderedIndex;
use tokio::runtime::Handle;

use crate::body::Body;
use crate::conditional::{self, Condition};
use crate::encoding;
use crate::fields;
use crate::limits::{COMPRESSED_ELSEWHERE_FROM_BYTES, COMPRESSED_FROM_BYTES};

/// A document of ours that may hold what strangers named: nothing in it may run or load anything.
pub(crate) const DOCUMENT_POLICY: HeaderValue =
    HeaderValue::from_static("sandbox; default-src 'none'");
/// What a document says it is, it is.
pub(crate) const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// Ends the tag of compressed bytes, which are other bytes and need another strong tag.
const GZIP_SUFFIX: &str = "-gzip\"";

/// An index, in the encoding that the client prefers, or 304 or 412 as it asks.
///
/// Its callers have authorized the request and decided what the index shows before any condition
/// is looked at, so that a 304 says no more than a 200 would have.
pub(crate) fn respond(
    request: &HeaderMap,
    rendered: &RenderedIndex,
    is_public: bool,
) -> Result<Response<Body>, Problem> {
    let gzip = wants_gzip(request, rendered);
    let tag = if gzip { gzip_tag(&rendered.etag) } else { rendered.etag.clone() };
    let condition = conditional::evaluate(request, &tag);
    let mut response = match condition {
        Condition::Holds => {
            let bytes = if gzip { rendered.gzip() } else { &rendered.identity };
            Response::new(Body::from(bytes.clone()))
        }
        Condition::NotModified => status(StatusCode::NOT_MODIFIED),
        Condition::Failed => return Ok(status(StatusCode::PRECONDITION_FAILED)),
    };
    let headers = response.headers_mut();
    headers.reserve(10);
    headers.insert(ETAG, text(&tag)?);
    headers.insert(CACHE_CONTROL, cache_control(is_public));
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding, Authorization"));
    if rendered.stale.is_some() {
        mark_stale(headers);
    }
    let chosen = rendered.fields.iter().map(|(name, value)| (*name, value.as_str().into()));
    fields::set(headers, chosen)?;
    if condition == Condition::Holds {
        headers.insert(CONTENT_TYPE, fields::media_type(&rendered.content_type));
        headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
        headers.insert(CONTENT_SECURITY_POLICY, DOCUMENT_POLICY);
        if gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    Ok(response)
}

/// Compresses a large index, where it has not been, without keeping its connection's thread busy.
pub(crate) async fn compress_elsewhere(
    request: &HeaderMap,
    rendered: &Arc<RenderedIndex>,
    home: &Handle,
) {
    let is_large = rendered.identity.len() >= COMPRESSED_ELSEWHERE_FROM_BYTES;
    if is_large && wants_gzip(request, rendered) {
        let rendered = Arc::clone(rendered);
        // If it fails, it is done, and fails, where it is used.
        let _ = home.spawn_blocking(move || rendered.gzip().len()).await;
    }
}

fn wants_gzip(request: &HeaderMap, rendered: &RenderedIndex) -> bool {
    rendered.is_compressible
        && rendered.identity.len() >= COMPRESSED_FROM_BYTES
        && encoding::accepts_gzip(request)
}

/// A document made for one caller, which nobody keeps.
pub(crate) fn document(document: Document) -> Result<Response<Body>, Problem> {
    let mut response = Response::new(Body::from(document.body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, fields::media_type(&document.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    headers.insert(CONTENT_SECURITY_POLICY, DOCUMENT_POLICY);
    let chosen = document.fields.into_iter().map(|(name, value)| (name, value.into()));
    fields::set(headers, chosen)?;
    Ok(response)
}

/// The way to a thing's one right name.
pub(crate) fn redirect(location: &str) -> Result<Response<Body>, Problem> {
    let mut response = status(StatusCode::MOVED_PERMANENTLY);
    response.headers_mut().insert(LOCATION, text(location)?);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Clients keep an index but ask each time, which costs a 304: what policy takes away, an owner
/// yanks or a colleague publishes is then seen at the next request. With a `max-age` uv would not
/// ask at all, and a quarantined version would go on being listed by every cache that has it.
fn cache_control(is_public: bool) -> HeaderValue {
    HeaderValue::from_static(if is_public { "no-cache" } else { "private, no-cache" })
}

/// RFC 9211, and for older clients the `Warning` of RFC 7234 section 5.5.1.
fn mark_stale(headers: &mut HeaderMap) {
    headers.insert(CACHE_STATUS, HeaderValue::from_static("provender; hit; detail=stale"));
    headers.insert(WARNING, HeaderValue::from_static("110 provender \"Response is Stale\""));
}

fn gzip_tag(tag: &str) -> String {
    let mut gzip = String::with_capacity(tag.len() + GZIP_SUFFIX.len());
    gzip.push_str(tag.strip_suffix('"').unwrap_or(tag));
    gzip.push_str(GZIP_SUFFIX);
    gzip
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn text(value: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(value).map_err(|error| Problem::internal(&error))
}
