//! Requests below `/v2` that are about no repository, and how clients learn to get a token.
//!
//! | request | operation |
//! |---|---|
//! | `GET /v2/` | whether this is a registry |
//! | `GET /v2/_catalog` | all images that the caller may see |
//! | `GET /v2/-/token` | a token (distribution's "Token Authentication Specification") |

use provender_domain::{Problem, ProblemCode};
use provender_ecosystem::{
    Change, Endpoint, Method, Operation, RequestHead, RootOperation, TokenRequest, TokenScope,
    UploadStep,
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

/// Clients that try OAuth's POST first fall back to GET when they are told so.
fn token(request: &RequestHead<'_>) -> Result<RootOperation, Problem> {
    only_get(request)?;
    let mut scopes = Vec::new();
    for value in query::values(request, "scope") {
        for text in value.split_ascii_whitespace() {
            if scopes.len() == SCOPES_LIMIT {
                let message = format!("a token is asked for at most {SCOPES_LIMIT} scopes");
                return Err(invalid(UNSUPPORTED, message));
            }
            scopes.extend(scope(text));
        }
    }
    Ok(RootOperation::Token(TokenRequest { scopes }))
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
pub(crate) fn challenge(endpoint: &Endpoint<'_>, about: Option<&Operation>) -> String {
    let origin = endpoint.origin;
    let service = origin.split_once("://").map_or(origin, |(_, host)| host);
    let scope = about.and_then(|operation| wanted_scope(endpoint, operation));
    let scope = scope.map(|scope| format!(",scope=\"{scope}\"")).unwrap_or_default();
    format!("Bearer realm=\"{origin}/{ROOT_SEGMENT}/-/token\",service=\"{service}\"{scope}")
}

fn wanted_scope(endpoint: &Endpoint<'_>, operation: &Operation) -> Option<String> {
    let package = operation.package()?;
    let actions = match operation {
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
