//! Problems as responses: RFC 9457, for everybody who has no dialect of their own.

use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use provender_domain::{Problem, ProblemCode};

use crate::body::Body;

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
    let mut response = Response::new(Body::from(document.to_string()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    dress(&mut response, problem);
    response
}

/// Sets status, `WWW-Authenticate` (RFC 9110 section 11.6.1) and `Retry-After` (section 10.2.3).
pub(crate) fn dress(response: &mut Response<Body>, problem: &Problem) {
    *response.status_mut() = status(problem.code);
    if problem.code == ProblemCode::AuthenticationRequired {
        for challenge in ["Basic realm=\"provender\", charset=\"UTF-8\"", "Bearer realm=\"provender\""] {
            response.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
    }
    if let Some(delay) = problem.retry_after {
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// The status that each code means.
pub(crate) fn status(code: ProblemCode) -> StatusCode {
    match code {
        ProblemCode::NotFound => StatusCode::NOT_FOUND,
        ProblemCode::Gone => StatusCode::GONE,
        ProblemCode::AuthenticationRequired => StatusCode::UNAUTHORIZED,
        ProblemCode::PermissionDenied | ProblemCode::PolicyDenied => StatusCode::FORBIDDEN,
        ProblemCode::InvalidRequest | ProblemCode::InvalidPackage => StatusCode::BAD_REQUEST,
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
