//! Pages on which a person says who they are: `/-/oidc/device` and `/-/oidc/authorize`.
//!
//! Nothing is remembered between requests but a ticket, so a form from another site has nothing to
//! use; it is refused all the same.

use std::net::IpAddr;

use http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use provender_authority::oidc::TokenSubject;
use provender_authority::oidc::code::AuthorizationRequest;
use provender_authority::oidc::device::UserCodeError;
use provender_authority::oidc::grant::Secret;
use provender_domain::{Problem, ProblemCode};
use provender_registry::Password;
use serde_json::{Map, Value};

use super::oidc::{check_in_use, from_form, read_form};
use super::{Call, Refusal};
use crate::body::Body;
use crate::other_site::refuse_other_sites;
use crate::server::Server;
use crate::ui::sign_in::{Step, page};

/// Somebody who signed in and now looks at the device that asks.
pub(crate) struct SignedIn {
    account: String,
    subject: TokenSubject,
    user_code: String,
}

/// The fields of a request for authorization, which the form carries along.
const CARRIED: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
];

const WRONG: &str = "there is no account of this name with this password";

/// Whose password it is. `None`: it is wrong, or the account is not there or not in use, which look
/// alike. The registry limits guessing.
pub(super) async fn check_password(
    server: &Server,
    client: Option<IpAddr>,
    account: &str,
    password: &Secret,
) -> Result<Option<TokenSubject>, Problem> {
    let password = Password::new(password.expose());
    let account = server.registry().authenticate(account, &password, client).await?;
    Ok(account.map(|account| TokenSubject::Person {
        account: account.name,
        email: account.email,
        since_microseconds: account.sign_ins_since.microseconds(),
    }))
}

/// The form for a code, filled in as far as the address says.
pub(super) fn device_page(server: &Server, call: &Call) -> Result<Response<Body>, Refusal> {
    let query = call.query_pairs();
    let user_code = query.iter().find(|(name, _)| name == "user_code");
    let user_code = user_code.map_or("", |(_, value)| value.as_str());
    let step = Step::Code { user_code, account: "", message: None };
    show(server, &call.origin, StatusCode::OK, &step)
}

/// First who it is and the code; then, with a ticket, the answer.
pub(super) async fn device_form(server: &Server, call: Call) -> Result<Response<Body>, Refusal> {
    let (origin, client) = (call.origin.clone(), call.client);
    refuse_other_sites(&call.headers, &origin)?;
    let form = read_form(call).await?;
    if let Some(ticket) = field(&form, "ticket") {
        let approves = field(&form, "answer") == Some("approve");
        return answer_device(server, client, &origin, ticket, approves);
    }
    let user_code = field(&form, "user_code").unwrap_or_default();
    let account = field(&form, "account").unwrap_or_default();
    let password = Secret::from(field(&form, "password").unwrap_or_default().to_owned());
    let again = |status, message: &str| {
        let step = Step::Code { user_code, account, message: Some(message) };
        show(server, &origin, status, &step)
    };
    let subject = match check_password(server, client, account, &password).await {
        Ok(Some(subject)) => subject,
        Ok(None) => return again(StatusCode::FORBIDDEN, WRONG),
        Err(problem) if problem.code == ProblemCode::Busy => return too_many(&problem, again),
        Err(problem) => return Err(problem.into()),
    };
    let authority = server.authority();
    let device = match server.devices().waiting(user_code, account, authority.now()) {
        Ok(device) => device,
        Err(error @ UserCodeError::Unknown) => {
            return again(StatusCode::NOT_FOUND, &error.to_string());
        }
        Err(error @ UserCodeError::TooMany) => {
            return again(StatusCode::TOO_MANY_REQUESTS, &error.to_string());
        }
    };
    let signed_in =
        SignedIn { account: account.to_owned(), subject, user_code: user_code.to_owned() };
    let Some(ticket) = server.tickets().issue(signed_in) else {
        let message = "too many people are signing in; try again in a few minutes";
        return again(StatusCode::SERVICE_UNAVAILABLE, message);
    };
    let begun = device.begun.to_string();
    let step = Step::Confirm {
        client: &device.client_id,
        source: &device.source,
        begun: &begun,
        account,
        ticket: &ticket,
    };
    show(server, &origin, StatusCode::OK, &step)
}

fn answer_device(
    server: &Server,
    client: Option<IpAddr>,
    origin: &str,
    ticket: &str,
    approves: bool,
) -> Result<Response<Body>, Refusal> {
    let refused = |status, message: &str| show(server, origin, status, &Step::Refused { message });
    let Some(signed_in) = server.tickets().redeem(ticket) else {
        return refused(StatusCode::BAD_REQUEST, "this page is too old, or was answered already");
    };
    let authority = server.authority();
    let SignedIn { account, subject, user_code } = signed_in;
    if let Err(ended) = check_in_use(server, client, &subject) {
        return refused(StatusCode::FORBIDDEN, ended);
    }
    let answered = match approves {
        true => server.devices().approve(&user_code, &account, subject, authority.now()),
        false => server.devices().deny(&user_code, &account, authority.now()),
    };
    match answered {
        Ok(()) => {
            tracing::info!(account, approves, "a device was answered");
            if !approves {
                server.registry().record_refused_device(&account, client);
            }
            show(server, origin, StatusCode::OK, &Step::Answered { approved: approves })
        }
        Err(error) => refused(StatusCode::NOT_FOUND, &error.to_string()),
    }
}

/// The form to sign in to a program on this machine.
pub(super) fn authorize_page(server: &Server, call: &Call) -> Result<Response<Body>, Refusal> {
    let mut request = Map::new();
    for (name, value) in call.query_pairs() {
        if CARRIED.contains(&name.as_str()) && request.insert(name, value.into()).is_some() {
            return stop(server, &call.origin, "a parameter stands twice in the address");
        }
    }
    authorize_step(server, &call.origin, StatusCode::OK, &request, "", None)
}

pub(super) async fn authorize_form(server: &Server, call: Call) -> Result<Response<Body>, Refusal> {
    let (origin, client) = (call.origin.clone(), call.client);
    refuse_other_sites(&call.headers, &origin)?;
    let form = read_form(call).await?;
    let account = field(&form, "account").unwrap_or_default().to_owned();
    let password = Secret::from(field(&form, "password").unwrap_or_default().to_owned());
    let request: Map<_, _> =
        form.into_iter().filter(|(name, _)| CARRIED.contains(&name.as_str())).collect();
    let checked = from_form::<AuthorizationRequest>(request.clone());
    let authorization = match checked.and_then(AuthorizationRequest::check) {
        Ok(authorization) => authorization,
        Err(error) => return stop(server, &origin, &error.to_string()),
    };
    let again = |status, message: &str| {
        authorize_step(server, &origin, status, &request, &account, Some(message))
    };
    let subject = match check_password(server, client, &account, &password).await {
        Ok(Some(subject)) => subject,
        Ok(None) => return again(StatusCode::FORBIDDEN, WRONG),
        Err(problem) if problem.code == ProblemCode::Busy => return too_many(&problem, again),
        Err(problem) => return Err(problem.into()),
    };
    let authority = server.authority();
    let location = server
        .codes()
        .approve(&authorization, subject, authority.now())
        .unwrap_or_else(|error| authorization.refused(&error));
    tracing::info!(account, "somebody signed in to a program");
    redirect(&location)
}

fn authorize_step(
    server: &Server,
    origin: &str,
    status: StatusCode,
    request: &Map<String, Value>,
    account: &str,
    message: Option<&str>,
) -> Result<Response<Body>, Refusal> {
    let checked = from_form::<AuthorizationRequest>(request.clone());
    let authorization = match checked.and_then(AuthorizationRequest::check) {
        Ok(authorization) => authorization,
        Err(error) => return stop(server, origin, &error.to_string()),
    };
    let destination = field(request, "redirect_uri").and_then(|text| url::Url::parse(text).ok());
    let destination = destination.map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let carried: Vec<(String, String)> = request
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let step = Step::Authorize {
        client: &authorization.client_id,
        destination: &destination,
        request: &carried,
        account,
        message,
    };
    show(server, origin, status, &step)
}

/// A request that is wrong is never answered to the address that it names: that may be the mistake.
fn stop(server: &Server, origin: &str, message: &str) -> Result<Response<Body>, Refusal> {
    show(server, origin, StatusCode::BAD_REQUEST, &Step::Refused { message })
}

fn too_many(
    problem: &Problem,
    again: impl Fn(StatusCode, &str) -> Result<Response<Body>, Refusal>,
) -> Result<Response<Body>, Refusal> {
    let mut response = again(StatusCode::TOO_MANY_REQUESTS, &problem.public)?;
    if let Some(wait) = problem.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    }
    Ok(response)
}

fn show(
    server: &Server,
    origin: &str,
    status: StatusCode,
    step: &Step<'_>,
) -> Result<Response<Body>, Refusal> {
    let stranger = server.registry().identify(None, None)?;
    Ok(page(server.registry(), &stranger, origin, status, step))
}

fn redirect(location: &str) -> Result<Response<Body>, Refusal> {
    let location = HeaderValue::from_str(location).map_err(|error| Problem::internal(&error))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn field<'a>(form: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    form.get(name).and_then(Value::as_str)
}
