//! Requests below a root mount that are about no repository.

use http::Response;
use provender_domain::{EcosystemId, Problem, ProblemCode};
use provender_ecosystem::{Document, RootOperation, TokenRequest};
use provender_registry::{Caller, Registry};

use crate::body::Body;
use crate::index;

/// Carries one out. An access token for anybody is a credential too, though its bearer is anonymous.
pub(crate) async fn answer(
    registry: &Registry,
    caller: &Caller,
    showed_credential: bool,
    ecosystem: EcosystemId,
    operation: RootOperation,
) -> Result<Response<Body>, Problem> {
    match operation {
        RootOperation::Ping => ping(showed_credential || !caller.is_anonymous()),
        RootOperation::AllPackages { page } => {
            index::document(registry.all_packages(caller, ecosystem, &page).await?)
        }
        RootOperation::Token(request) => token(registry, caller, ecosystem, &request),
    }
}

/// Clients ask this first, and learn from the refusal how to get a token. Anybody may have one.
fn ping(is_known: bool) -> Result<Response<Body>, Problem> {
    if !is_known {
        let message = "this needs a token, which anybody can get for what is public";
        return Err(Problem::new(ProblemCode::AuthenticationRequired, message));
    }
    index::document(Document::new("application/json", "{}"))
}

/// An access token as clients expect it: under both names, the second being that of RFC 6749
/// section 5.1 (Docker Registry v2 authentication, "Token response fields").
fn token(
    registry: &Registry,
    caller: &Caller,
    ecosystem: EcosystemId,
    request: &TokenRequest,
) -> Result<Response<Body>, Problem> {
    let grant = registry.grant(caller, ecosystem, request)?;
    let document = serde_json::json!({
        "token": grant.token,
        "access_token": grant.token,
        "expires_in": grant.expires_in_seconds,
        "issued_at": grant.issued_at.to_string(),
    });
    index::document(Document::new("application/json", document.to_string()))
}
