//! The HTTP API under `/-/api/v1`.
//!
//! One table of endpoints (`table.rs`) is what requests are routed by and what the `OpenAPI` document
//! is made from. [`answer`] knows no framing, so the operator's own commands dispatch the same
//! requests to the same handlers without a server.
//!
//! Names of packages, which may have slashes in some ecosystems, stand in queries and bodies, never
//! in paths.

mod access;
mod accounts;
mod changes;
mod endpoint;
mod events;
mod evidence;
mod issuers;
mod log;
mod openapi;
mod packages;
mod parameters;
mod repositories;
mod server;
mod table;
mod tags;
mod tokens;
mod trust;
pub mod types;
mod upstreams;

pub use endpoint::Answer;
pub use events::end_waiting;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use provender_domain::{Problem, ProblemCode};
use provender_registry::{Caller, Registry};

use crate::body::Body;
use crate::other_site::refuse_other_sites;
use crate::request::ApiRequest;
use crate::server::Server;
use endpoint::{Context, Raw};

/// Where the API is, without a slash at the end.
pub const BASE_PATH: &str = "/-/api/v1";

/// Largest body of a request, in bytes.
pub const BODY_LIMIT_BYTES: usize = 64 * 1024;
/// Largest body of a request that carries a bundle, in bytes: bills of materials are large.
pub const BUNDLE_BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// A request to the API, free of any framing.
#[derive(Debug, Clone)]
pub struct Request {
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: Method,
    /// What is behind [`BASE_PATH`], decoded once.
    pub segments: Vec<String>,
    /// The query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// JSON, or nothing.
    pub body: Bytes,
}

/// Answers one request with its caller's rights.
pub async fn answer(
    registry: &Registry,
    caller: &Caller,
    request: Request,
) -> Result<Answer, Problem> {
    if request.method == Method::GET && request.segments == ["openapi.json"] {
        return Ok(Answer { status: StatusCode::OK, body: openapi::document().clone() });
    }
    let (endpoint, mut parameters) = table::find(&request.method, &request.segments)?;
    add_query(&mut parameters, request.query)?;
    let context = Context { registry: registry.clone(), caller: caller.clone() };
    endpoint.answer(context, Raw { parameters, body: request.body }).await
}

/// Answers one request, its caller already identified. A problem is logged and rendered by the server.
pub(crate) async fn handle(
    server: &Server,
    caller: &Caller,
    request: ApiRequest,
) -> Result<Response<Body>, Problem> {
    if request.method != Method::GET {
        refuse_other_sites(&request.headers, &request.origin)?;
    }
    let request = read(caller, request).await?;
    let answer = answer(server.registry(), caller, request).await?;
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if answer.status != StatusCode::NO_CONTENT {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(response)
}

/// The methods that a path behind [`BASE_PATH`] takes (RFC 9110 section 10.2.1).
pub(crate) fn allowed_methods(segments: &[String]) -> Option<String> {
    table::allowed_methods(segments)
}

async fn read(caller: &Caller, request: ApiRequest) -> Result<Request, Problem> {
    let query = request.query_pairs();
    if matches!(request.method, Method::POST | Method::PUT | Method::PATCH) {
        require_json(&request)?;
    }
    let (method, segments) = (request.method.clone(), request.segments.clone());
    // Nothing is read of what is refused anyway.
    let body = match table::find(&method, &segments) {
        Ok((endpoint, _)) if caller.is_anonymous() && endpoint.takes_a_credential() => {
            let message = "this request takes a credential";
            return Err(Problem::new(ProblemCode::AuthenticationRequired, message));
        }
        Ok((endpoint, _)) => request.body.bytes(endpoint.body_limit_bytes).await?,
        Err(_) => Bytes::new(),
    };
    Ok(Request { method, segments, query, body })
}

/// No page of another origin can send JSON without asking first, so that nobody's browser can be
/// made to change something here.
fn require_json(request: &ApiRequest) -> Result<(), Problem> {
    let content_type = request.headers.get(CONTENT_TYPE);
    let media_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = "the body has to be JSON, sent as Content-Type: application/json";
    Err(Problem::new(ProblemCode::InvalidRequest, message))
}

fn add_query(
    parameters: &mut BTreeMap<String, String>,
    query: Vec<(String, String)>,
) -> Result<(), Problem> {
    for (name, value) in query {
        if parameters.contains_key(&name) {
            let message = format!("the parameter {name:?} may be given only once");
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        parameters.insert(name, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
