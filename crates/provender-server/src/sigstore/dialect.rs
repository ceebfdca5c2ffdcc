//! Refusals, in the words of the clients of each service.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use provender_domain::{Problem, ProblemCode};
use serde_json::json;

use crate::body::Body;
use crate::problem;

/// Whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Of a gRPC gateway: CA, log and timestamps (`google.rpc.Status` as JSON).
    Gateway,
    /// Of an authorization server (RFC 6749 section 5.2).
    OAuth,
    /// Of nobody: RFC 9457.
    Plain,
}

impl Dialect {
    /// The problem as a response, with the status and fields that it has everywhere.
    pub(crate) fn respond(self, problem: &Problem) -> Response<Body> {
        let document = match self {
            Self::Plain => return problem::respond(problem),
            Self::Gateway => {
                let code = gateway_code(problem.code);
                json!({ "code": code, "message": problem.public, "details": [] })
            }
            Self::OAuth => {
                let error = oauth_error(problem.code);
                json!({ "error": error, "error_description": printable(&problem.public) })
            }
        };
        let body = Body::from(format!("{document}\n"));
        problem::dress(problem, HeaderValue::from_static("application/json"), body)
    }
}

/// JSON, with a status.
pub(crate) fn json_response(
    status: StatusCode,
    document: impl Into<Body>,
    cache: &'static str,
) -> Response<Body> {
    bytes_response(status, "application/json", document, cache)
}

/// Bytes of some type, with a status.
pub(crate) fn bytes_response(
    status: StatusCode,
    content_type: &'static str,
    bytes: impl Into<Body>,
    cache: &'static str,
) -> Response<Body> {
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, crate::index::NO_SNIFFING);
    response
}

/// The codes of gRPC.
fn gateway_code(code: ProblemCode) -> u8 {
    match code {
        ProblemCode::InvalidRequest
        | ProblemCode::InvalidPackage
        | ProblemCode::DigestMismatch
        | ProblemCode::TooLarge => 3,
        ProblemCode::RequestTimeout | ProblemCode::UpstreamTimeout => 4,
        ProblemCode::NotFound | ProblemCode::Gone => 5,
        ProblemCode::Conflict => 6,
        ProblemCode::PermissionDenied | ProblemCode::PolicyDenied => 7,
        ProblemCode::MissingReference => 9,
        ProblemCode::OutOfOrder => 11,
        ProblemCode::MethodNotAllowed => 12,
        ProblemCode::Internal | ProblemCode::StorageFull => 13,
        ProblemCode::Busy | ProblemCode::UpstreamFailed => 14,
        ProblemCode::AuthenticationRequired => 16,
    }
}

/// The errors of RFC 6749 (section 5.2, and 4.1.2.1 for what it has no word for there).
fn oauth_error(code: ProblemCode) -> &'static str {
    match code {
        ProblemCode::AuthenticationRequired => "invalid_client",
        ProblemCode::PermissionDenied | ProblemCode::PolicyDenied => "access_denied",
        ProblemCode::Busy => "temporarily_unavailable",
        ProblemCode::Internal
        | ProblemCode::StorageFull
        | ProblemCode::UpstreamFailed
        | ProblemCode::UpstreamTimeout => "server_error",
        _ => "invalid_request",
    }
}

/// The characters that a description may have (RFC 6749 section 5.2).
fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '"' | '\\' => '\'',
            ' '..='~' => character,
            _ => '?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http_body_util::BodyExt as _;
    use provender_domain::{Problem, ProblemCode as Code};

    use super::Dialect;

    #[tokio::test]
    async fn refusals() {
        let check = async |dialect: Dialect, code, status: u16, expected: &str| {
            let response = dialect.respond(&Problem::new(code, "say \"why\"\n"));
            assert_eq!(response.status(), StatusCode::from_u16(status).unwrap(), "{expected}");
            assert_eq!(response.headers()["cache-control"], "no-store");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(String::from_utf8_lossy(&body).trim(), expected);
        };
        let gateway =
            |code: u8| format!(r#"{{"code":{code},"details":[],"message":"say \"why\"\n"}}"#);
        let oauth =
            |error: &str| format!(r#"{{"error":"{error}","error_description":"say 'why'?"}}"#);
        check(Dialect::Gateway, Code::InvalidRequest, 400, &gateway(3)).await;
        check(Dialect::Gateway, Code::AuthenticationRequired, 401, &gateway(16)).await;
        check(Dialect::Gateway, Code::PermissionDenied, 403, &gateway(7)).await;
        check(Dialect::Gateway, Code::NotFound, 404, &gateway(5)).await;
        check(Dialect::Gateway, Code::TooLarge, 413, &gateway(3)).await;
        check(Dialect::Gateway, Code::Busy, 503, &gateway(14)).await;
        check(Dialect::Gateway, Code::Internal, 500, &gateway(13)).await;
        check(Dialect::OAuth, Code::AuthenticationRequired, 401, &oauth("invalid_client")).await;
        check(Dialect::OAuth, Code::InvalidRequest, 400, &oauth("invalid_request")).await;
        check(Dialect::OAuth, Code::Busy, 503, &oauth("temporarily_unavailable")).await;
    }
}
