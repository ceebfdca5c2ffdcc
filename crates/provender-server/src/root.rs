//! Requests below a root mount that are about no repository.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use provender_domain::{Problem, ProblemCode};
use provender_ecosystem::{Document, Ecosystem, RootOperation, TokenRequest};
use provender_registry::{Caller, Registry};

use crate::accept::Connection;
use crate::body::Body;
use crate::drain::Unread;
use crate::index;
use crate::limits::FORM_BYTES;
use crate::route::identify_by;
use crate::server::Server;

/// Who asks, with what.
pub(crate) struct Asking<'a> {
    pub(crate) server: &'a Server,
    pub(crate) connection: &'a Connection,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) caller: &'a Caller,
    /// An access token for anybody is a credential too, though its bearer is anonymous.
    pub(crate) showed_credential: bool,
    pub(crate) body: Unread,
}

/// Carries one out.
pub(crate) async fn answer(
    asking: Asking<'_>,
    ecosystem: &Arc<dyn Ecosystem>,
    operation: RootOperation,
) -> Result<Response<Body>, Problem> {
    let Asking { server, caller, showed_credential, .. } = asking;
    let registry = server.registry();
    match operation {
        RootOperation::Ping => ping(showed_credential || !caller.is_anonymous()),
        RootOperation::AllPackages { page } => {
            index::document(registry.all_packages(caller, ecosystem.id(), &page).await?)
        }
        RootOperation::Token(request) => token(registry, caller, &**ecosystem, &request),
        RootOperation::TokenByForm => token_by_form(asking, &**ecosystem).await,
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

/// The credential in the form is the one that counts, whatever the request's head has.
async fn token_by_form(
    asking: Asking<'_>,
    ecosystem: &dyn Ecosystem,
) -> Result<Response<Body>, Problem> {
    let Asking { server, connection, headers, body, .. } = asking;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    if !media_type.is_some_and(|it| it.eq_ignore_ascii_case(FORM)) {
        let message = format!("a token is asked for by GET, or by a form: {FORM}");
        return Err(Problem::new(ProblemCode::InvalidRequest, message));
    }
    let bytes = body.take().bytes(FORM_BYTES).await?;
    let fields: Vec<_> = url::form_urlencoded::parse(&bytes).into_owned().collect();
    let form = ecosystem.read_token_form(&fields)?;
    let caller = identify_by(server, connection, headers, Some(&form.credential))?;
    token(server.registry(), &caller, ecosystem, &form.request)
}

const FORM: &str = "application/x-www-form-urlencoded";

/// An access token as clients expect it: under both names, the second being that of RFC 6749
/// section 5.1 (Docker Registry v2 authentication, "Token response fields"), and with what it opens,
/// in the words in which it is asked for ("`OAuth2` Token Authentication").
fn token(
    registry: &Registry,
    caller: &Caller,
    ecosystem: &dyn Ecosystem,
    request: &TokenRequest,
) -> Result<Response<Body>, Problem> {
    let grant = registry.grant(caller, ecosystem.id(), request)?;
    let document = serde_json::json!({
        "token": grant.token,
        "access_token": grant.token,
        "token_type": "Bearer",
        "scope": grant.opens.join(" "),
        "expires_in": grant.expires_in_seconds,
        "issued_at": grant.issued_at.to_string(),
    });
    index::document(Document::new("application/json", document.to_string()))
}
