//! What clients are told of what they changed.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use provender_domain::{Problem, RepositoryName};
use provender_ecosystem::{Ecosystem, Endpoint, Operation, Receipt};
use provender_registry::Authorized;

use crate::body::Body;
use crate::fields;

/// Who is to get a receipt, and in whose words.
pub(crate) struct Recipient {
    ecosystem: Arc<dyn Ecosystem>,
    repository: RepositoryName,
    /// As the client itself reaches the server.
    origin: String,
}

impl Recipient {
    /// Whoever asked for this, from this origin.
    pub(crate) fn new(authorized: &Authorized<Operation>, origin: String) -> Self {
        let (ecosystem, repository) = (authorized.ecosystem(), authorized.repository());
        Self { ecosystem: Arc::clone(ecosystem), repository: repository.clone(), origin }
    }

    /// The receipt in the ecosystem's terms, or, where it has none, `otherwise` as JSON.
    pub(crate) fn tell(
        &self,
        receipt: &Receipt<'_>,
        otherwise: impl FnOnce() -> (StatusCode, serde_json::Value),
    ) -> Result<Response<Body>, Problem> {
        let endpoint = Endpoint { origin: &self.origin, repository: self.repository.as_str() };
        let Some(reply) = self.ecosystem.reply(&endpoint, receipt) else {
            let (status, value) = otherwise();
            return Ok(json(status, &value));
        };
        let status = StatusCode::from_u16(reply.status);
        let mut response = Response::new(Body::from(reply.body));
        *response.status_mut() = status.map_err(|error| Problem::internal(&error))?;
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let chosen = reply.fields.into_iter().map(|(name, value)| (name, value.into()));
        fields::set(headers, chosen)?;
        Ok(response)
    }
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{value}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
