//! Requests below `/v2` that are about no repository, and how clients learn to get a token.
//!
//! | request | operation |
//! |---|---|
//! | `GET /v2/` | whether this is a registry |
//! | `GET /v2/_catalog` | all images that the caller may see |
//! | `GET /v2/-/token` | a token (distribution's "Token Authentication Specification") |
//! | `POST /v2/-/token` | the same by a form (distribution's "OAuth2 Token Authentication") |

use provender_domain::{Problem, ProblemCode, Scope};
use provender_ecosystem::{
    Change, Endpoint, Method, Operation, RequestHead, RootOperation, TokenForm, TokenRequest,
    TokenScope, UploadStep,
};

use crate::problem::{UNSUPPORTED, invalid};
use crate::reply::ROOT_SEGMENT;
use crate::{name, query};

/// Most scopes that one token is asked for; clients ask for two where they mount.
const SCOPES_LIMIT: usize = 32;

/// Reads a request; `None` where it is about a repository.
pub(crate) fn route(request: &RequestHead<'_>) -> Option<Result<RootOperation, Problem>> {
    let segments: Vec<&str> = request.segments.iter().map(AsRef::as_ref).collect();
    match segments.as_slice() {
        [] => Some(only_get(request).map(|()| RootOperation::Ping)),
        ["_catalog"] => Some(all_packages(request)),
        ["-", "token"] => Some(token(request)),
        _ => None,
    }
}

fn all_packages(request: &RequestHead<'_>) -> Result<RootOperation, Problem> {
    only_get(request)?;
    Ok(RootOperation::AllPackages { page: query::page(request)? })
}

fn token(request: &RequestHead<'_>) -> Result<RootOperation, Problem> {
    match request.method {
        Method::Get => scopes(query::values(request, "scope")).map(RootOperation::Token),
        Method::Post => Ok(RootOperation::TokenByForm),
        _ => {
            let message = "this URL takes GET and POST";
            Err(Problem::new(ProblemCode::MethodNotAllowed, message).in_terms_of(UNSUPPORTED))
        }
    }
}

/// The one grant that there is: the token that a client was given is its password, under any user
/// name. Refresh tokens are not given out, as that token is good for as many as are wanted.
const PASSWORD_GRANT: &str = "password";

/// Reads the form of a client that asks for a token by POST. The service is not asked for: this
/// server has one.
pub(crate) fn read_token_form(fields: &[(String, String)]) -> Result<TokenForm, Problem> {
    let values = |key: &'static str| {
        fields.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    };
    let one = |key: &'static str| {
        let mut values = values(key).filter(|value| !value.is_empty());
        let (first, second) = (values.next(), values.next());
        match second {
            Some(_) => Err(invalid(UNSUPPORTED, format!("the form has the field {key} twice"))),
            None => first.ok_or_else(|| invalid(UNSUPPORTED, format!("the form has no {key}"))),
        }
    };
    match one("grant_type")? {
        PASSWORD_GRANT => {}
        "refresh_token" => {
            let message = "this server gives no refresh tokens; ask with grant_type=password, and \
                           a token of this server as the password";
            return Err(invalid(UNSUPPORTED, message));
        }
        _ => {
            let message =
                "grant_type is password here, with a token of this server as the password";
            return Err(invalid(UNSUPPORTED, message));
        }
    }
    let credential = one("password")?.to_owned();
    Ok(TokenForm { request: scopes(values("scope"))?, credential })
}

/// The scopes of a request, each of which may stand alone or beside others.
fn scopes(values: impl Iterator<Item = impl AsRef<str>>) -> Result<TokenRequest, Problem> {
    let mut scopes = Vec::new();
    for value in values {
        let value = value.as_ref();
        for text in value.split_ascii_whitespace() {
            if scopes.len() == SCOPES_LIMIT {
                let message = format!("a token is asked for at most {SCOPES_LIMIT} scopes");
                return Err(invalid(UNSUPPORTED, message));
            }
            scopes.extend(scope(text));
        }
    }
    Ok(TokenRequest { scopes })
}

/// `repository:<repository>/<image>:<actions>`; any other opens nothing, and is no fault: clients
/// ask for what other registries have.
fn scope(text: &str) -> Option<TokenScope> {
    let (resource, actions) = text.strip_prefix("repository:")?.rsplit_once(':')?;
    let (repository, image) = resource.split_once('/')?;
    let package = name::normalize(image).ok()?.to_string();
    let has = |action: &str| actions.split(',').any(|word| word == action || word == "*");
    let (pull, push, delete) = (has("pull"), has("push"), has("delete"));
    let opens_something = pull || push || delete;
    let repository = repository.to_owned();
    opens_something.then_some(TokenScope { repository, package, pull, push, delete })
}

/// The challenge of a refusal: where to get a token, and which.
pub(crate) fn challenge(
    endpoint: &Endpoint<'_>,
    about: Option<&Operation>,
    needs: Option<Scope>,
) -> String {
    let origin = endpoint.origin;
    let service = origin.split_once("://").map_or(origin, |(_, host)| host);
    let scope = about.and_then(|operation| wanted_scope(endpoint, operation, needs));
    let scope = scope.map(|scope| format!(",scope=\"{scope}\"")).unwrap_or_default();
    format!("Bearer realm=\"{origin}/{ROOT_SEGMENT}/-/token\",service=\"{service}\"{scope}")
}

fn wanted_scope(
    endpoint: &Endpoint<'_>,
    operation: &Operation,
    needs: Option<Scope>,
) -> Option<String> {
    let package = operation.package()?;
    let actions = match operation {
        _ if needs == Some(Scope::Publish) => "pull,push",
        Operation::Index { .. }
        | Operation::File { .. }
        | Operation::Tagged { .. }
        | Operation::Redirect { .. } => "pull",
        Operation::Upload { .. } | Operation::Publish { .. } => "pull,push",
        Operation::Change { change: Change::Remove, .. } => "delete",
        Operation::Change { .. } => "pull,push,delete",
    };
    let scope = format!("repository:{}/{package}:{actions}", endpoint.repository);
    match operation {
        Operation::Upload { step: UploadStep::Mount { from: Some(from), .. }, .. }
            if is_plain(&from.repository) =>
        {
            Some(format!("{scope} repository:{}/{}:pull", from.repository, from.package))
        }
        _ => Some(scope),
    }
}

/// Whether a repository's name, as a client sent it, may be said back in a header.
fn is_plain(repository: &str) -> bool {
    provender_domain::RepositoryName::new(repository).is_ok()
}

fn only_get(request: &RequestHead<'_>) -> Result<(), Problem> {
    if request.method == Method::Get {
        return Ok(());
    }
    let message = "this URL takes GET";
    Err(Problem::new(ProblemCode::MethodNotAllowed, message).in_terms_of(UNSUPPORTED))
}

#[cfg(test)]
mod tests;
