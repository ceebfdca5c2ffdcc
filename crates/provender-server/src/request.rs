//! Requests to the server itself (its API and its pages), as those who answer them see them.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use provender_domain::{Problem, ProblemCode};
use serde::de::DeserializeOwned;

/// Largest body of a request to the server itself.
pub(crate) const API_BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// A request to `/-/api/v1/…` or to a page, its path decoded once.
pub(crate) struct ApiRequest {
    /// The method, HEAD already turned into GET: the server leaves the body out.
    pub(crate) method: Method,
    /// What is behind `/-/api/v1/` or `/`, decoded once, neither empty nor with dot segments.
    pub(crate) segments: Vec<String>,
    /// The query, still encoded, without its `?`.
    pub(crate) query: Option<String>,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// Scheme, host and port by which this client reaches the server, without a slash at the end:
    /// what the operator configured, or else what the client's own Host field says, checked.
    pub(crate) origin: String,
    /// Where the client connects from; `None` on the control socket.
    pub(crate) client: Option<IpAddr>,
    /// Not yet read.
    pub(crate) body: Incoming,
}

impl ApiRequest {
    /// The path's segments, to be matched.
    pub(crate) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The query's first value of this name, decoded.
    pub(crate) fn query_value(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_deref()?.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Every pair of the query, decoded, in order.
    pub(crate) fn query_pairs(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_deref().unwrap_or_default().as_bytes())
            .into_owned()
            .collect()
    }

    /// Reads the whole body, at most [`API_BODY_LIMIT_BYTES`].
    pub(crate) async fn bytes(self) -> Result<Bytes, Problem> {
        match Limited::new(self.body, API_BODY_LIMIT_BYTES).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Problem::new(
                ProblemCode::TooLarge,
                format!("a request's body has at most {API_BODY_LIMIT_BYTES} bytes"),
            )),
            Err(error) => Err(Problem::new(
                ProblemCode::InvalidRequest,
                "the request's body ended early",
            )
            .because(&*error)),
        }
    }

    /// Reads the whole body as JSON. The content type has to be `application/json`: no page of
    /// another origin can send that without asking first.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, Problem> {
        let content_type = self.headers.get(http::header::CONTENT_TYPE);
        let media_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Problem::new(
                ProblemCode::InvalidRequest,
                "the body has to be JSON, sent as Content-Type: application/json",
            ));
        }
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Problem::new(ProblemCode::InvalidRequest, format!("the body is not as expected: {error}"))
        })
    }
}
