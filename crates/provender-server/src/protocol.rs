//! Requests in an ecosystem's own protocol: whom they speak to, what that makes of them, and how
//! it is carried out.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{AUTHORIZATION, USER_AGENT, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use provender_domain::{Problem, ProblemCode};
use provender_ecosystem::{
    Ecosystem, Endpoint, Headers, Method as EcosystemMethod, Mount, Operation, Path, RequestHead,
    RootOperation,
};
use provender_registry::{Answer, Authorized, Extent, Registry};

use crate::accept::Connection;
use crate::body::Body;
use crate::drain::Unread;
use crate::exchange::Repeatable;
use crate::failure::{Failure, Words};
use crate::lane::at_home;
use crate::other_site::refuse_other_sites;
use crate::problem::BASIC_CHALLENGE;
use crate::receipt::Recipient;
use crate::root::{self, Asking};
use crate::route::{identify, known_method, origin};
use crate::server::Server;
use crate::{file, index, problem, publication, upload};

/// Whom a path speaks to, by its first segments. Nothing that it names need be there.
#[derive(Clone, Copy)]
pub(crate) enum Address<'a> {
    /// Below an ecosystem's root mount, with what is behind the mount's segment.
    Root(&'a Arc<dyn Ecosystem>, Rest<'a>),
    /// `/<repository>/<ecosystem>/…`
    Repository(Request<'a>),
    /// The same, of an ecosystem that this server does not have there.
    Unknown {
        /// What stands for a repository.
        repository: &'a str,
        /// What stands for an ecosystem.
        name: &'a str,
    },
}

/// The part of a path that is an ecosystem's to read.
#[derive(Clone, Copy)]
pub(crate) struct Rest<'a> {
    segments: &'a [Cow<'a, str>],
    trailing_slash: bool,
}

/// A request about a repository, as far as the server itself reads it.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    ecosystem: &'a Arc<dyn Ecosystem>,
    repository: &'a str,
    rest: Rest<'a>,
}

impl<'a> Address<'a> {
    /// Reads it; `None` for a path that is too short to speak to any ecosystem.
    pub(crate) fn read(registry: &'a Registry, path: &'a Path<'a>) -> Option<Self> {
        let trailing_slash = path.trailing_slash;
        let [first, segments @ ..] = path.segments.as_slice() else { return None };
        if let Some(ecosystem) = mounted(registry, first) {
            return Some(Self::Root(ecosystem, Rest { segments, trailing_slash }));
        }
        let [name, segments @ ..] = segments else { return None };
        let (repository, rest) = (&**first, Rest { segments, trailing_slash });
        let ecosystem = registry.ecosystem(name);
        Some(match ecosystem.filter(|found| found.mount() == Mount::UnderRepository) {
            Some(ecosystem) => Self::Repository(Request { ecosystem, repository, rest }),
            None => Self::Unknown { repository, name },
        })
    }
}

/// The ecosystem whose root mount this segment is.
fn mounted<'a>(registry: &'a Registry, first: &str) -> Option<&'a Arc<dyn Ecosystem>> {
    let is_mount = |ecosystem: &&Arc<dyn Ecosystem>| matches!(ecosystem.mount(), Mount::Root { segment } if segment == first);
    registry.ecosystems().iter().find(is_mount)
}

/// Why a path cannot be read, in the words of whose root mount it begins with all the same.
pub(crate) fn unreadable(registry: &Registry, parts: &Parts, problem: Problem) -> Failure {
    let first = parts.uri.path().split('/').nth(1).unwrap_or_default();
    match mounted(registry, first) {
        Some(ecosystem) => in_dialect(ecosystem, problem),
        None => problem.into(),
    }
}

/// What a request below a root mount is about.
enum Rooted<'a> {
    /// No repository.
    Server(Result<RootOperation, Failure>),
    /// One.
    Repository(Request<'a>),
    /// Nothing that the ecosystem knows.
    Nothing,
}

impl<'a> Rooted<'a> {
    fn read(parts: &Parts, ecosystem: &'a Arc<dyn Ecosystem>, rest: Rest<'a>) -> Self {
        let fields = Fields(&parts.headers);
        let known = method(parts, ecosystem);
        let method = *known.as_ref().unwrap_or(&EcosystemMethod::Get);
        let head = rest.head(parts, method, &fields);
        match (ecosystem.route_root(&head), rest.segments) {
            (Some(asked), _) => Self::Server(known.and(asked.map_err(|problem| {
                let refuses = |asked: &RequestHead<'_>| ecosystem.route_root(asked)?.err();
                let allow = allowed_methods(&problem, &head, refuses);
                in_dialect(ecosystem, problem).allowing(allow)
            }))),
            (None, [repository, segments @ ..]) => {
                let rest = Rest { segments, ..rest };
                Self::Repository(Request { ecosystem, repository, rest })
            }
            (None, []) => Self::Nothing,
        }
    }
}

/// Answers a request in an ecosystem's protocol.
pub(crate) async fn answer(
    server: &Server,
    connection: &Connection,
    parts: &Parts,
    address: Address<'_>,
    body: Unread,
) -> Result<Response<Body>, Failure> {
    match address {
        Address::Repository(request) => {
            of_repository(server, connection, parts, request, body).await
        }
        Address::Root(ecosystem, rest) => match Rooted::read(parts, ecosystem, rest) {
            Rooted::Repository(request) => {
                of_repository(server, connection, parts, request, body).await
            }
            Rooted::Server(asked) => {
                of_root(server, connection, parts, ecosystem, asked, body).await
            }
            Rooted::Nothing => {
                Err(in_dialect(ecosystem, Problem::not_found("there is nothing at this address")))
            }
        },
        Address::Unknown { repository, name } => {
            refuse_own_request(server.registry(), &parts.headers)?;
            let caller = identify(server, connection, &parts.headers)?;
            // Whether the repository is there is told only to who may know it.
            server.registry().may_read(&caller, repository)?;
            Err(Problem::not_found(format!("this server knows no ecosystem {name:?}")).into())
        }
    }
}

fn method(parts: &Parts, ecosystem: &Arc<dyn Ecosystem>) -> Result<EcosystemMethod, Failure> {
    let unknown = |failure: Failure| failure.in_words(Words::Ecosystem(Arc::clone(ecosystem)));
    known_method(&parts.method).map_err(unknown)
}

fn in_dialect(ecosystem: &Arc<dyn Ecosystem>, problem: Problem) -> Failure {
    Failure::new(problem, Words::Ecosystem(Arc::clone(ecosystem)))
}

async fn of_root(
    server: &Server,
    connection: &Connection,
    parts: &Parts,
    ecosystem: &Arc<dyn Ecosystem>,
    asked: Result<RootOperation, Failure>,
    body: Unread,
) -> Result<Response<Body>, Failure> {
    let in_dialect = |problem| in_dialect(ecosystem, problem);
    refuse_own_request(server.registry(), &parts.headers).map_err(in_dialect)?;
    let caller = identify(server, connection, &parts.headers).map_err(in_dialect)?;
    let showed_credential = parts.headers.contains_key(AUTHORIZATION);
    let (headers, caller) = (&parts.headers, &caller);
    let asking = Asking { server, connection, headers, caller, showed_credential, body };
    let answer = Box::pin(root::answer(asking, ecosystem, asked?));
    at_home(&connection.home, answer).await.map_err(in_dialect)
}

async fn of_repository(
    server: &Server,
    connection: &Connection,
    parts: &Parts,
    request: Request<'_>,
    body: Unread,
) -> Result<Response<Body>, Failure> {
    let Request { ecosystem, repository, .. } = request;
    let registry = server.registry();
    let in_dialect = |problem| in_dialect(ecosystem, problem);
    refuse_own_request(registry, &parts.headers).map_err(in_dialect)?;
    let caller = identify(server, connection, &parts.headers).map_err(in_dialect)?;
    let (operation, host) = request.operation(parts).map_err(|failure| {
        let readable = registry.may_read(&caller, repository);
        readable.map_or_else(in_dialect, |()| failure)
    })?;
    let id = ecosystem.id();
    let authorized = registry.authorize(&caller, repository, id.as_str(), operation);
    let authorized = authorized.map_err(in_dialect)?.from_host(host.as_deref());
    carry_out(server, connection, parts, authorized, body).await.map_err(in_dialect)
}

async fn carry_out(
    server: &Server,
    connection: &Connection,
    parts: &Parts,
    authorized: Authorized<Operation>,
    body: Unread,
) -> Result<Response<Body>, Problem> {
    let home = &connection.home;
    match authorized.operation() {
        Operation::Index { .. }
        | Operation::File { .. }
        | Operation::Tagged { .. }
        | Operation::Redirect { .. } => read(server, connection, parts, authorized).await,
        Operation::Publish { framing, .. } => {
            let framing = *framing;
            let recipient = recipient(server, parts, &authorized)?;
            let headers = &parts.headers;
            let publishing =
                publication::publish(server, authorized, recipient, framing, headers, body);
            at_home(home, Box::pin(publishing)).await
        }
        Operation::Upload { step, .. } => {
            let step = step.clone();
            let recipient = recipient(server, parts, &authorized)?;
            at_home(home, Box::pin(upload::step(server, authorized, recipient, step, body))).await
        }
        Operation::Change { .. } => {
            let recipient = recipient(server, parts, &authorized)?;
            at_home(home, Box::pin(publication::change(server, authorized, recipient))).await
        }
    }
}

/// Who is told of a change, unless a page of another site had a browser ask for it.
fn recipient(
    server: &Server,
    parts: &Parts,
    authorized: &Authorized<Operation>,
) -> Result<Recipient, Problem> {
    let origin = origin(server, &parts.headers);
    refuse_other_sites(&parts.headers, &origin)?;
    Ok(Recipient::new(authorized, origin))
}

async fn read(
    server: &Server,
    connection: &Connection,
    parts: &Parts,
    authorized: Authorized<Operation>,
) -> Result<Response<Body>, Problem> {
    let headers = &parts.headers;
    let is_public = authorized.is_public();
    let extent = if parts.method == Method::HEAD { Extent::Head } else { Extent::Whole };
    let authorized = authorized.asking_for(extent);
    match at_home(&connection.home, server.registry().read(authorized)).await? {
        Answer::Index(rendered, truth) => {
            index::compress_elsewhere(headers, &rendered, &connection.home).await;
            let response = index::respond(headers, &rendered, is_public)?;
            if let (Some(truth), Some(body)) = (truth, response.body().whole()) {
                let body = body.clone();
                connection.exchange.may_repeat(Repeatable { body, truth });
            }
            Ok(response)
        }
        Answer::File(found) => file::respond(headers, found, is_public, connection),
        Answer::Stream(found) => {
            file::respond_while_fetched(found, is_public, parts.version, &connection.home)
        }
        Answer::Head(found) => file::respond_by_head(found, is_public),
        Answer::Redirect { location } => index::redirect(&location),
    }
}

/// A server that was made its own upstream would wait for itself.
fn refuse_own_request(registry: &Registry, headers: &HeaderMap) -> Result<(), Problem> {
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    if !user_agent.is_some_and(|user_agent| registry.is_own_request(user_agent)) {
        return Ok(());
    }
    let message = "this server asks itself: one of its upstreams is this server, remove that";
    tracing::error!("{message}");
    Err(Problem::new(ProblemCode::InvalidRequest, message))
}

impl Request<'_> {
    /// Asks the ecosystem what the request means, and which upstream's host it would have asked.
    fn operation(&self, parts: &Parts) -> Result<(Operation, Option<String>), Failure> {
        let fields = Fields(&parts.headers);
        let head = self.rest.head(parts, method(parts, self.ecosystem)?, &fields);
        match self.ecosystem.route(&head) {
            Ok(operation) => Ok((operation, self.ecosystem.wanted_host(&head))),
            Err(problem) => {
                let refuses = |asked: &RequestHead<'_>| self.ecosystem.route(asked).err();
                let allow = allowed_methods(&problem, &head, refuses);
                Err(in_dialect(self.ecosystem, problem).allowing(allow))
            }
        }
    }
}

impl<'a> Rest<'a> {
    fn head(
        self,
        parts: &'a Parts,
        method: EcosystemMethod,
        headers: &'a Fields<'a>,
    ) -> RequestHead<'a> {
        let Self { segments, trailing_slash } = self;
        RequestHead { method, segments, trailing_slash, query: parts.uri.query(), headers }
    }
}

struct Fields<'a>(&'a HeaderMap);

impl Headers for Fields<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }
}

/// Which methods a URL takes, for `Allow` (RFC 9110 section 15.5.6): the ecosystem is asked.
fn allowed_methods(
    problem: &Problem,
    head: &RequestHead<'_>,
    refuses: impl Fn(&RequestHead<'_>) -> Option<Problem>,
) -> Option<String> {
    if problem.code != ProblemCode::MethodNotAllowed {
        return None;
    }
    let takes = |method| match refuses(&RequestHead { method, ..*head }) {
        None => true,
        Some(problem) => {
            !matches!(problem.code, ProblemCode::MethodNotAllowed | ProblemCode::NotFound)
        }
    };
    let methods = [
        ("GET, HEAD", EcosystemMethod::Get),
        ("POST", EcosystemMethod::Post),
        ("PUT", EcosystemMethod::Put),
        ("PATCH", EcosystemMethod::Patch),
        ("DELETE", EcosystemMethod::Delete),
    ];
    let all = methods.into_iter();
    let allowed: Vec<_> = all.filter(|(_, method)| takes(*method)).map(|(name, _)| name).collect();
    Some(allowed.join(", "))
}

/// A problem in the ecosystem's dialect. What was asked for is read out of the request once more,
/// so that no request that succeeds has to keep it.
pub(crate) fn refuse(
    server: &Server,
    parts: &Parts,
    ecosystem: &Arc<dyn Ecosystem>,
    problem: &Problem,
) -> Response<Body> {
    let path = Path::parse(parts.uri.path()).ok();
    let address = path.as_ref().and_then(|path| Address::read(server.registry(), path));
    let mut is_for_token = false;
    let request = match address {
        Some(Address::Repository(request)) => Some(request),
        Some(Address::Root(ecosystem, rest)) => match Rooted::read(parts, ecosystem, rest) {
            Rooted::Repository(request) => Some(request),
            Rooted::Server(asked) => {
                is_for_token =
                    matches!(asked, Ok(RootOperation::Token(_) | RootOperation::TokenByForm));
                None
            }
            Rooted::Nothing => None,
        },
        Some(Address::Unknown { .. }) | None => None,
    };
    let asked = request.and_then(|request| request.operation(parts).ok());
    let about = asked.as_ref().map(|(operation, _)| operation);
    let mut response = problem::respond_in_dialect(problem, &**ecosystem, about);
    if response.status() == StatusCode::UNAUTHORIZED {
        let challenge = if is_for_token {
            // Sending clients for a token to where they failed to get one would be a circle.
            Some(BASIC_CHALLENGE)
        } else {
            let repository = request.map_or("", |request| request.repository);
            let endpoint = Endpoint { origin: &origin(server, &parts.headers), repository };
            let challenge = ecosystem.challenge(&endpoint, about, problem.needs);
            challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok())
        };
        if let Some(challenge) = challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
    }
    response
}
