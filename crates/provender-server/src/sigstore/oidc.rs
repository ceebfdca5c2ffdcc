//! `/-/oidc`: who somebody is, said in signed tokens.
//!
//! A token request has its credentials in the form, or the client's in `Authorization: Basic`
//! (RFC 6749 section 2.3.1).

use std::net::IpAddr;

use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use provender_authority::oidc::TokenSubject;
use provender_authority::oidc::device::DeviceRequest;
use provender_authority::oidc::grant::{
    Grant, Granted, OAuthError, OAuthErrorCode, Secret, TokenAnswer, TokenRequest,
};
use provender_domain::{Actor, Problem, ProblemCode, RepositoryName, Timestamp};
use provender_registry::SignInMethod;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::dialect::json_response;
use super::{Call, Refusal, nothing_here, pairs, sign_in};
use crate::body::Body;
use crate::limits::FORM_BYTES;
use crate::server::Server;

/// Documents that clients may keep for a while; keys are listed here long before they are used.
const FOR_A_WHILE: &str = "public, max-age=300";
const NO_STORE: &str = "no-store";
/// What is encoded of a name: all but the unreserved (RFC 3986 section 2.3).
const NOT_UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) async fn handle(server: &Server, call: Call) -> Result<Response<Body>, Refusal> {
    match *call.segments() {
        [".well-known", "openid-configuration"] => {
            call.takes(&Method::GET)?;
            document(&server.authority().issuer().discovery())
        }
        ["keys"] => {
            call.takes(&Method::GET)?;
            document(server.authority().issuer().keys())
        }
        ["token"] => {
            call.takes(&Method::POST)?;
            let answer = token(server, call).await?;
            Ok(answer.unwrap_or_else(|error| refused(&error)))
        }
        ["device", "code"] => {
            call.takes(&Method::POST)?;
            let answer = begin_device(server, call).await?;
            Ok(answer.unwrap_or_else(|error| refused(&error)))
        }
        ["device"] if call.method == Method::GET => sign_in::device_page(server, &call),
        ["device"] => {
            call.takes(&Method::POST)?;
            sign_in::device_form(server, call).await
        }
        ["authorize"] if call.method == Method::GET => sign_in::authorize_page(server, &call),
        ["authorize"] => {
            call.takes(&Method::POST)?;
            sign_in::authorize_form(server, call).await
        }
        _ => Err(nothing_here()),
    }
}

fn document(document: &impl serde::Serialize) -> Result<Response<Body>, Refusal> {
    let bytes = serde_json::to_vec(document).map_err(|error| Problem::internal(&error))?;
    Ok(json_response(StatusCode::OK, bytes, FOR_A_WHILE))
}

async fn token(server: &Server, call: Call) -> Result<Result<Response<Body>, OAuthError>, Refusal> {
    let client = call.client;
    let basic = basic_credentials(&call.headers);
    let mut form = read_form(call).await?;
    if let Some((id, secret)) = basic {
        form.entry("client_id").or_insert(id.into());
        if !secret.is_empty() {
            form.entry("client_secret").or_insert(secret.into());
        }
    }
    let grant = match from_form::<TokenRequest>(form)
        .and_then(|request| request.grant(server.authority().audience()))
    {
        Ok(grant) => grant,
        Err(error) => return Ok(Err(error)),
    };
    let (method, granted) = match grant {
        Grant::ServerToken { token, audience } => {
            return server_token(server, client, &token, audience).map(Ok);
        }
        Grant::Password { username, password, audience } => {
            let subject = sign_in::check_password(server, client, &username, &password).await?;
            let granted =
                subject.map(|subject| Granted { subject, client_id: audience, nonce: None });
            let wrong = "there is no account of this name with this password";
            let granted = granted.ok_or(OAuthError::new(OAuthErrorCode::InvalidGrant, wrong));
            (SignInMethod::Password, granted)
        }
        Grant::DeviceCode { client_id, device_code, code_verifier } => {
            let (devices, now) = (server.devices(), server.authority().now());
            let granted = devices.poll(&client_id, &device_code, code_verifier.as_ref(), now);
            (SignInMethod::DeviceCode, granted)
        }
        Grant::AuthorizationCode { client_id, code, redirect_uri, code_verifier } => {
            let (codes, now) = (server.codes(), server.authority().now());
            let granted = codes.redeem(&client_id, &code, &redirect_uri, &code_verifier, now);
            (SignInMethod::AuthorizationCode, granted)
        }
    };
    match granted.and_then(|granted| still_in_use(server, client, granted)) {
        Ok(granted) => person_signed_in(server, client, method, &granted).map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

/// What a person agreed to is void once their account may not sign in any more, or has another
/// password.
fn still_in_use(
    server: &Server,
    client: Option<IpAddr>,
    granted: Granted,
) -> Result<Granted, OAuthError> {
    let checked = check_in_use(server, client, &granted.subject);
    checked.map_err(|ended| OAuthError::new(OAuthErrorCode::InvalidGrant, ended))?;
    Ok(granted)
}

/// Whether an identity may still be given to whom this is; if not, why.
pub(super) fn check_in_use(
    server: &Server,
    client: Option<IpAddr>,
    subject: &TokenSubject,
) -> Result<(), &'static str> {
    let registry = server.registry();
    match subject {
        TokenSubject::Person { account, email, since_microseconds } => {
            let since = Timestamp::from_microseconds(*since_microseconds);
            if registry.may_sign_in(account, email, since) {
                return Ok(());
            }
            registry.record_ended_sign_in(account, client);
            Err(
                "this sign-in has ended: the account was disabled, changed or removed since; sign in again",
            )
        }
        TokenSubject::Machine { token, .. } if registry.is_token_in_use(token) => Ok(()),
        TokenSubject::Machine { .. } => Err("the token that this identity is of has ended"),
    }
}

fn person_signed_in(
    server: &Server,
    client: Option<IpAddr>,
    method: SignInMethod,
    granted: &Granted,
) -> Result<Response<Body>, Refusal> {
    let answer = mint(server, granted)?;
    if let TokenSubject::Person { account, .. } = &granted.subject {
        server.registry().record_sign_in(account, &granted.client_id, method, client);
    }
    Ok(answer)
}

fn mint(server: &Server, granted: &Granted) -> Result<Response<Body>, Refusal> {
    let Granted { subject, client_id, nonce } = granted;
    let authority = server.authority();
    let minted = authority.issuer().mint(subject, client_id, nonce.as_deref(), authority.now());
    let token = minted.map_err(|error| {
        Problem::new(ProblemCode::InvalidRequest, error.to_string()).because(&error)
    })?;
    let answer = TokenAnswer::new(token, authority.issuer().token_life());
    let answer = serde_json::to_vec(&answer).map_err(|error| Problem::internal(&error))?;
    Ok(json_response(StatusCode::OK, answer, NO_STORE))
}

/// An identity token for whom a token of this server stands for.
fn server_token(
    server: &Server,
    client: Option<IpAddr>,
    token: &Secret,
    audience: String,
) -> Result<Response<Body>, Refusal> {
    let caller = server.registry().identify(Some(token.expose()), client)?;
    let Actor::Token { id, name } = caller.actor() else {
        let message = "this credential is no token";
        return Err(Problem::new(ProblemCode::AuthenticationRequired, message).into());
    };
    if !caller.may_publish() {
        let message =
            "this token may only read; an identity to sign with takes one that may publish";
        return Err(Problem::new(ProblemCode::PermissionDenied, message).into());
    }
    let uri = token_identity(server, caller.token_repository(), &name);
    let subject = TokenSubject::Machine { uri: uri.clone(), token: id.0 };
    let granted = Granted { subject, client_id: audience, nonce: None };
    let answer = mint(server, &granted)?;
    server.registry().record_identity(&caller, &uri, &granted.client_id);
    Ok(answer)
}

/// The identity of a token: its name, written so that it can stand in a URI, behind the name of
/// the repository that it is for. So whoever administers one repository cannot make a token that
/// signs as another repository's, and a token that replaces one keeps its identity.
fn token_identity(server: &Server, repository: Option<&RepositoryName>, name: &str) -> String {
    let name = utf8_percent_encode(name, NOT_UNRESERVED).to_string();
    let path = match repository {
        Some(repository) => format!("{repository}/{name}"),
        None => name,
    };
    server.authority().origin().token(&path)
}

async fn begin_device(
    server: &Server,
    call: Call,
) -> Result<Result<Response<Body>, OAuthError>, Refusal> {
    let source = call.client.map_or_else(|| "this machine".to_owned(), |from| from.to_string());
    let form = read_form(call).await?;
    let authority = server.authority();
    let begun = from_form::<DeviceRequest>(form)
        .and_then(|request| server.devices().begin(request, &source, authority.now()));
    match begun {
        Ok(answer) => {
            let answer = serde_json::to_vec(&answer).map_err(|error| Problem::internal(&error))?;
            Ok(Ok(json_response(StatusCode::OK, answer, NO_STORE)))
        }
        Err(error) => Ok(Err(error)),
    }
}

/// An error in OAuth's own words (RFC 6749 section 5.2).
fn refused(error: &OAuthError) -> Response<Body> {
    let status = match error.error {
        OAuthErrorCode::InvalidClient => StatusCode::UNAUTHORIZED,
        OAuthErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        OAuthErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    let body = serde_json::json!({
        "error": error.error.as_str(),
        "error_description": error.error_description,
    });
    let mut response = json_response(status, format!("{body}\n"), NO_STORE);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Basic realm=\"provender\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The fields of a form, each of which may stand there once (RFC 6749 section 3.2).
pub(super) async fn read_form(call: Call) -> Result<Map<String, Value>, Refusal> {
    let content_type = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    if !media_type.is_some_and(|it| it.eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
        let message = "the request is a form: application/x-www-form-urlencoded";
        return Err(Problem::new(ProblemCode::InvalidRequest, message).into());
    }
    let body = call.body.bytes(FORM_BYTES).await?;
    let mut form = Map::new();
    for (name, value) in pairs(&body) {
        if form.insert(name, value.into()).is_some() {
            let message = "a field stands twice in the form";
            return Err(Problem::new(ProblemCode::InvalidRequest, message).into());
        }
    }
    Ok(form)
}

/// What specifications name, of all that may stand in a form.
pub(super) fn from_form<T: DeserializeOwned>(form: Map<String, Value>) -> Result<T, OAuthError> {
    serde_json::from_value(Value::Object(form)).map_err(|_| {
        OAuthError::new(OAuthErrorCode::InvalidRequest, "a field of the form cannot be read")
    })
}

/// Client and secret of `Authorization: Basic`. Neither has a character that would be encoded.
fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    use base64::Engine as _;
    let field = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = field.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}
