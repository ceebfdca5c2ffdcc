//! Problems as responses: in an ecosystem's dialect, or RFC 9457 for who has none of their own.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use hyper::ext::ReasonPhrase;
use provender_domain::{Problem, ProblemCode};
use provender_ecosystem::{Ecosystem, Operation, ProblemDocument};

use crate::accept::Peer;
use crate::body::Body;
use crate::fields;
use crate::index::{DOCUMENT_POLICY, NO_SNIFFING};
use crate::limits::REASON_BYTES;

/// A problem as `application/problem+json` (RFC 9457), with the fields its status asks for.
pub(crate) fn respond(problem: &Problem) -> Response<Body> {
    let status = status(problem.code);
    let document = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "code": problem.code.as_str(),
        "detail": problem.public,
    });
    let body = Body::from(format!("{document}\n"));
    dress(problem, HeaderValue::from_static("application/problem+json"), body)
}

/// A problem as this ecosystem's clients show it to their users; `about` is what they asked for,
/// where that was understood.
pub(crate) fn respond_in_dialect(
    problem: &Problem,
    ecosystem: &dyn Ecosystem,
    about: Option<&Operation>,
) -> Response<Body> {
    let ProblemDocument { document, in_reason_phrase, status: wanted } =
        ecosystem.render_problem(problem, about);
    let wanted = wanted.and_then(|wanted| StatusCode::from_u16(wanted).ok());
    let content_type = fields::media_type(&document.content_type);
    let wanted = wanted.unwrap_or_else(|| status(problem.code));
    let mut response = dress_as(wanted, problem, content_type, Body::from(document.body));
    // A problem is told also without what cannot be written.
    let owned = document.fields.into_iter().map(|(name, value)| (name, value.into()));
    let _ = fields::set(response.headers_mut(), owned);
    if let Some(reason) = reason(&problem.public).filter(|_| in_reason_phrase) {
        response.extensions_mut().insert(reason);
    }
    response
}

/// Sets status, `WWW-Authenticate` (RFC 9110 section 11.6.1) and `Retry-After` (section 10.2.3).
pub(crate) fn dress(problem: &Problem, content_type: HeaderValue, body: Body) -> Response<Body> {
    dress_as(status(problem.code), problem, content_type, body)
}

fn dress_as(
    status: StatusCode,
    problem: &Problem,
    content_type: HeaderValue,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    headers.insert(CONTENT_SECURITY_POLICY, DOCUMENT_POLICY);
    if status == StatusCode::UNAUTHORIZED {
        for challenge in [BASIC_CHALLENGE, BEARER_CHALLENGE] {
            headers.append(WWW_AUTHENTICATE, challenge);
        }
    }
    if let Some(delay) = problem.retry_after {
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A token as the password, whatever the user name. It stands before [`BEARER_CHALLENGE`]: the
/// clients that know both can do more with a password store.
pub(crate) const BASIC_CHALLENGE: HeaderValue =
    HeaderValue::from_static("Basic realm=\"provender\", charset=\"UTF-8\"");
const BEARER_CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"provender\"");

/// Some clients show nothing but the status line, so the message goes there, in the characters
/// that every client takes: visible ASCII and spaces, nothing that could end the line.
fn reason(message: &str) -> Option<ReasonPhrase> {
    let characters = message.chars().map(|character| match character {
        ' '..='~' => character,
        character if character.is_whitespace() => ' ',
        _ => '?',
    });
    let text: String = characters.take(REASON_BYTES).collect();
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    ReasonPhrase::try_from(text.as_bytes().to_vec()).ok()
}

/// Logs a problem, the operator's half of it. Neither the query nor a header field is logged: both
/// may carry secrets.
pub(crate) fn log(peer: Peer, parts: &Parts, problem: &Problem) {
    let status = status(problem.code).as_u16();
    let (code, cause) = (problem.code.as_str(), problem.internal.as_deref());
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    if problem.code == ProblemCode::Busy && cause.is_none() {
        // Nothing is broken: who asks is told to ask again.
        tracing::info!(status, code, method, path, ?peer, "{:?}", problem.public);
    } else if status >= 500 {
        tracing::error!(status, code, method, path, ?peer, cause, "{:?}", problem.public);
    } else if cause.is_some() {
        tracing::warn!(status, code, method, path, ?peer, cause, "{:?}", problem.public);
    } else {
        tracing::debug!(status, code, method, path, ?peer, "{:?}", problem.public);
    }
}

/// The status that each code means.
fn status(code: ProblemCode) -> StatusCode {
    match code {
        ProblemCode::NotFound => StatusCode::NOT_FOUND,
        ProblemCode::Gone => StatusCode::GONE,
        ProblemCode::AuthenticationRequired => StatusCode::UNAUTHORIZED,
        ProblemCode::PermissionDenied | ProblemCode::PolicyDenied => StatusCode::FORBIDDEN,
        ProblemCode::InvalidRequest
        | ProblemCode::InvalidPackage
        | ProblemCode::DigestMismatch
        | ProblemCode::MissingReference => StatusCode::BAD_REQUEST,
        ProblemCode::OutOfOrder => StatusCode::RANGE_NOT_SATISFIABLE,
        ProblemCode::Conflict => StatusCode::CONFLICT,
        ProblemCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ProblemCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ProblemCode::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        ProblemCode::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ProblemCode::UpstreamFailed => StatusCode::BAD_GATEWAY,
        ProblemCode::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        ProblemCode::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        ProblemCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests;
