//! The pages under `/`: what is here, and how to use it.
//!
//! Rendered on the server, without scripts and without anything from elsewhere; `maud` escapes
//! whatever stands in them. A page shows what its caller may read: anonymous callers see public
//! repositories and no events.

mod contents;
mod file;
mod home;
mod package;
mod page;
mod problem;
mod repository;
pub(crate) mod sign_in;
mod tags;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use provender_domain::{Problem, ProblemCode};
use provender_registry::{Caller, FileNamed, Registry};

use crate::body::Body;
use crate::request::ApiRequest;
use crate::server::Server;

/// What a page is made from.
struct Visit<'a> {
    registry: &'a Registry,
    caller: &'a Caller,
    /// By which this visitor reaches the server, without a slash at the end.
    origin: &'a str,
    query: Vec<(String, String)>,
}

impl Visit<'_> {
    fn query_value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Answers one request, its caller already identified. A problem is logged and rendered by the
/// server, but for those that visitors run into, which are pages too.
pub(crate) async fn handle(
    server: &Server,
    caller: &Caller,
    request: ApiRequest,
) -> Result<Response<Body>, Problem> {
    if request.method != Method::GET {
        return Err(Problem::new(ProblemCode::MethodNotAllowed, "this can only be read"));
    }
    let visit = Visit {
        registry: server.registry(),
        caller,
        origin: &request.origin,
        query: request.query_pairs(),
    };
    match answer(&visit, &request.path()).await {
        Err(problem) if is_for_visitors(&problem) && wants_page(&request.headers) => {
            Ok(problem::page(&visit, &problem))
        }
        answered => answered,
    }
}

async fn answer(visit: &Visit<'_>, path: &[&str]) -> Result<Response<Body>, Problem> {
    match path {
        [] => home::page(visit).await.map(page::respond),
        ["-", "assets", "provender.css"] => Ok(asset("text/css; charset=utf-8", page::STYLE)),
        ["-", "assets", "icon.svg"] => Ok(asset("image/svg+xml", page::ICON)),
        ["-", "ui", repository] => repository::page(visit, repository).await.map(page::respond),
        ["-", "ui", repository, ecosystem, package @ ..] if !package.is_empty() => {
            let package = package.join("/");
            let page = match visit.query_value("file") {
                None => package::page(visit, repository, ecosystem, &package).await,
                Some(file) => {
                    file::page(visit, FileNamed { repository, ecosystem, package: &package, file })
                        .await
                }
            };
            page.map(page::respond)
        }
        ["-", ..] => Err(Problem::not_found("there is no such page")),
        [repository, name @ ..] => {
            visit.registry.may_read(visit.caller, repository)?;
            redirect(&match name {
                [] => page::repository_path(repository),
                name => page_of(visit, repository, &name.join("/")).await?,
            })
        }
    }
}

/// The page of what somebody names in a browser as clients of some ecosystem would: a package, or
/// a tag or a digest of it.
async fn page_of(visit: &Visit<'_>, repository: &str, name: &str) -> Result<String, Problem> {
    let untagged = name.split_once('@').map_or(name, |(package, _)| package);
    let untagged = match untagged.rsplit_once(':') {
        Some((package, tag)) if !tag.contains('/') => package,
        _ => untagged,
    };
    for ecosystem in visit.registry.ecosystems() {
        let id = ecosystem.id();
        let found = visit.registry.kept_package(visit.caller, repository, id.as_str(), untagged);
        if let Ok(found) = found.await {
            return Ok(page::package_path(repository, id.as_str(), found.name().as_str()));
        }
    }
    Err(Problem::not_found(format!("nothing in {repository} is called {untagged:?}")))
}

fn is_for_visitors(problem: &Problem) -> bool {
    matches!(problem.code, ProblemCode::NotFound | ProblemCode::AuthenticationRequired)
}

pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

fn asset(content_type: &'static str, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Its URL carries the version.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    page::protect(headers);
    response
}

fn redirect(location: &str) -> Result<Response<Body>, Problem> {
    let location = HeaderValue::from_str(location).map_err(|error| Problem::internal(&error))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

#[cfg(test)]
mod tests;
