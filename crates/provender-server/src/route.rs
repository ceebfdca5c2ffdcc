//! The way of a request: its path is parsed once, its caller identified, its operation authorized
//! and carried out, its answer framed.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use provender_domain::{Problem, ProblemCode};
use provender_ecosystem::{
    Ecosystem, Headers, Method as EcosystemMethod, Operation, Path, RequestHead,
};
use provender_registry::{Answer, Authorized, Caller, Registry};

use crate::accept::{Connection, Peer};
use crate::body::Body;
use crate::credential::Credential;
use crate::lane::at_home;
use crate::limits::{API_BODY_TIMEOUT, TARGET_BYTES};
use crate::request::{ApiRequest, RequestBody};
use crate::server::Server;
use crate::{api, drain, file, health, index, problem, publication, sigstore, ui};

/// Answers one request. There is always an answer; the type is what hyper asks for.
pub(crate) async fn answer(
    server: &Server,
    connection: &Connection,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let _in_flight = server.metrics().in_flight();
    let (parts, body) = request.into_parts();
    let mut response = match route(server, connection, &parts, body).await {
        Ok(response) => response,
        Err(failure) => refuse(connection.peer, &parts, failure),
    };
    if parts.method == Method::HEAD {
        leave_body_out(&mut response);
    }
    if connection.is_wanted() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    server.metrics().answered(response.status());
    Ok(response)
}

/// A problem, with whose dialect it is to be told in.
struct Failure {
    problem: Problem,
    dialect: Words,
    /// The methods that the URL takes, where the problem is that it does not take this one.
    allow: Option<String>,
}

/// In whose words something is refused.
enum Words {
    /// Of nobody: RFC 9457.
    Plain,
    /// Of an ecosystem's clients.
    Ecosystem(Arc<dyn Ecosystem>),
    /// Of Sigstore's clients.
    Sigstore(sigstore::Dialect),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, dialect: Words::Plain, allow: None }
    }
}

async fn route(
    server: &Server,
    connection: &Connection,
    parts: &Parts,
    body: Incoming,
) -> Result<Response<Body>, Failure> {
    let path = parse_target(parts)?;
    let segments = path.segments.as_slice();
    if let Some((service, rest)) = sigstore::find(segments) {
        let answer = sigstore(server, connection, parts, service, rest, body).await;
        return answer.map_err(|refusal| Failure {
            problem: refusal.problem,
            dialect: Words::Sigstore(service.dialect()),
            allow: refusal.allow.map(str::to_owned),
        });
    }
    match segments {
        [] => own(server, connection, parts, segments, body).await,
        [first, ..] if first == "-" => own(server, connection, parts, segments, body).await,
        [_] => {
            let caller = identify(server, connection, &parts.headers)?;
            page(server, connection, &caller, parts, segments, body).await
        }
        _ => {
            let unread = drain::Unread::new(body, &parts.headers);
            ecosystem(server, connection, parts, &path, unread).await
        }
    }
}

/// Everything of Sigstore's, whose credentials are not those of packages.
async fn sigstore(
    server: &Server,
    connection: &Connection,
    parts: &Parts,
    service: sigstore::Service,
    path: &[Cow<'_, str>],
    body: Incoming,
) -> Result<Response<Body>, sigstore::Refusal> {
    let is_head = parts.method == Method::HEAD;
    let call = sigstore::Call {
        method: if is_head { Method::GET } else { parts.method.clone() },
        path: path.iter().map(|segment| segment.clone().into_owned()).collect(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers.clone(),
        client: connection.peer.address(),
        origin: origin(server, &parts.headers),
        body: RequestBody::new(body, API_BODY_TIMEOUT),
    };
    at_home(&connection.home, Box::pin(sigstore::handle(server, service, call))).await
}

fn parse_target(parts: &Parts) -> Result<Path<'_>, Problem> {
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    if target.len() > TARGET_BYTES {
        let message = format!("a URL has at most {TARGET_BYTES} bytes here");
        return Err(Problem::new(ProblemCode::TooLarge, message));
    }
    Path::parse(parts.uri.path())
        .map_err(|error| Problem::new(ProblemCode::InvalidRequest, error.to_string()))
}

fn identify(
    server: &Server,
    connection: &Connection,
    headers: &HeaderMap,
) -> Result<Caller, Problem> {
    match connection.peer {
        Peer::Operator => Ok(server.registry().operator()),
        Peer::Network(address) => {
            let credential = Credential::read(headers)?;
            let token = credential.as_ref().map(Credential::token);
            server.registry().identify(token, Some(address))
        }
    }
}

/// Everything under `/-/`, and `/` itself.
async fn own(
    server: &Server,
    connection: &Connection,
    parts: &Parts,
    segments: &[Cow<'_, str>],
    body: Incoming,
) -> Result<Response<Body>, Failure> {
    match segments {
        [_, word] if word == "health" => {
            only_reading(&parts.method)?;
            return Ok(at_home(&connection.home, health::health(server)).await);
        }
        [_, word] if word == "metrics" => {
            only_reading(&parts.method)?;
            return Ok(at_home(&connection.home, health::metrics(server)).await);
        }
        _ => {}
    }
    let caller = identify(server, connection, &parts.headers)?;
    match segments {
        [_, word, version, rest @ ..] if word == "api" && version == "v1" => {
            let request = own_request(server, parts, rest, body)?;
            let server = server.clone();
            // What was begun is finished, also for a caller who hangs up.
            let answering =
                connection.home.spawn(async move { api::handle(&server, &caller, request).await });
            Ok(answering.await.map_err(|error| Problem::internal(&error))??)
        }
        _ => page(server, connection, &caller, parts, segments, body).await,
    }
}

async fn page(
    server: &Server,
    connection: &Connection,
    caller: &Caller,
    parts: &Parts,
    segments: &[Cow<'_, str>],
    body: Incoming,
) -> Result<Response<Body>, Failure> {
    let request = own_request(server, parts, segments, body)?;
    let page = at_home(&connection.home, Box::pin(ui::handle(server, caller, request)));
    page.await.map_err(|problem| {
        let is_method = problem.code == ProblemCode::MethodNotAllowed;
        Failure { problem, dialect: Words::Plain, allow: is_method.then(|| READING.to_owned()) }
    })
}

fn only_reading(method: &Method) -> Result<(), Failure> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    Err(Failure {
        problem: Problem::new(ProblemCode::MethodNotAllowed, "this can only be read"),
        dialect: Words::Plain,
        allow: Some(READING.to_owned()),
    })
}

fn own_request(
    server: &Server,
    parts: &Parts,
    segments: &[Cow<'_, str>],
    body: Incoming,
) -> Result<ApiRequest, Failure> {
    let method = known_method(&parts.method)?;
    Ok(ApiRequest {
        method: if method == EcosystemMethod::Get { Method::GET } else { parts.method.clone() },
        segments: segments.iter().map(|segment| segment.clone().into_owned()).collect(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers.clone(),
        origin: origin(server, &parts.headers),
        body: RequestBody::new(body, API_BODY_TIMEOUT),
    })
}

/// The origin that the client itself used, if it is one; nothing that a proxy adds is believed.
fn origin(server: &Server, headers: &HeaderMap) -> String {
    if let Some(origin) = server.public_origin() {
        return origin.to_owned();
    }
    let host = headers.get(http::header::HOST).and_then(|value| value.to_str().ok());
    let authority = host.and_then(|host| host.parse::<http::uri::Authority>().ok());
    match authority {
        Some(authority) if !authority.as_str().contains('@') => format!("http://{authority}"),
        _ => server.origin(),
    }
}

const READING: &str = "GET, HEAD";
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

fn known_method(method: &Method) -> Result<EcosystemMethod, Failure> {
    match *method {
        Method::GET | Method::HEAD => Ok(EcosystemMethod::Get),
        Method::POST => Ok(EcosystemMethod::Post),
        Method::PUT => Ok(EcosystemMethod::Put),
        Method::PATCH => Ok(EcosystemMethod::Patch),
        Method::DELETE => Ok(EcosystemMethod::Delete),
        _ => Err(Failure {
            problem: Problem::new(ProblemCode::MethodNotAllowed, "this server has no such method"),
            dialect: Words::Plain,
            allow: Some(METHODS.to_owned()),
        }),
    }
}

struct Fields<'a>(&'a HeaderMap);

impl Headers for Fields<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }
}

/// `/<repository>/<ecosystem>/…`
async fn ecosystem(
    server: &Server,
    connection: &Connection,
    parts: &Parts,
    path: &Path<'_>,
    body: drain::Unread,
) -> Result<Response<Body>, Failure> {
    let registry = server.registry();
    let (repository, name) = (&*path.segments[0], &*path.segments[1]);
    let ecosystem = registry.ecosystem(name);
    let in_dialect = |problem| Failure {
        problem,
        dialect: ecosystem.cloned().map_or(Words::Plain, Words::Ecosystem),
        allow: None,
    };
    refuse_own_request(registry, &parts.headers).map_err(in_dialect)?;
    let caller = identify(server, connection, &parts.headers).map_err(in_dialect)?;
    let Some(known) = ecosystem else {
        // Whether the repository is there is told only to who may know it.
        registry.may_read(&caller, repository)?;
        return Err(Problem::not_found(format!("this server knows no ecosystem {name:?}")).into());
    };
    let operation = operation(parts, path, known).map_err(|failure| {
        let readable = registry.may_read(&caller, repository);
        readable.map_or_else(in_dialect, |()| failure)
    })?;
    let authorized =
        registry.authorize(&caller, repository, name, operation).map_err(in_dialect)?;
    let answer = match authorized.operation() {
        Operation::Index { .. } | Operation::File { .. } | Operation::Redirect { .. } => {
            read(server, connection, &parts.headers, authorized).await
        }
        Operation::Publish { framing } => {
            let framing = *framing;
            let headers = &parts.headers;
            let publishing = publication::publish(server, authorized, framing, headers, body);
            at_home(&connection.home, Box::pin(publishing)).await
        }
        Operation::Change { .. } => {
            at_home(&connection.home, Box::pin(publication::change(server, authorized))).await
        }
    };
    answer.map_err(in_dialect)
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

async fn read(
    server: &Server,
    connection: &Connection,
    headers: &HeaderMap,
    authorized: Authorized<Operation>,
) -> Result<Response<Body>, Problem> {
    let is_public = authorized.is_public();
    match at_home(&connection.home, server.registry().read(authorized)).await? {
        Answer::Index(rendered) => {
            index::compress_elsewhere(headers, &rendered, &connection.home).await;
            index::respond(headers, &rendered, is_public)
        }
        Answer::File(found) => file::respond(headers, found, is_public, &connection.announced),
        Answer::Redirect { location } => index::redirect(&location),
    }
}

/// Asks the ecosystem what the request means.
fn operation(
    parts: &Parts,
    path: &Path<'_>,
    ecosystem: &Arc<dyn Ecosystem>,
) -> Result<Operation, Failure> {
    let head = RequestHead {
        method: known_method(&parts.method)?,
        segments: &path.segments[2..],
        trailing_slash: path.trailing_slash,
        query: parts.uri.query(),
        headers: &Fields(&parts.headers),
    };
    ecosystem.route(&head).map_err(|problem| {
        let allow = allowed_methods(&**ecosystem, &head, &problem);
        Failure { problem, dialect: Words::Ecosystem(Arc::clone(ecosystem)), allow }
    })
}

/// Which methods a URL takes, for `Allow` (RFC 9110 section 15.5.6): the ecosystem is asked.
fn allowed_methods(
    ecosystem: &dyn Ecosystem,
    head: &RequestHead<'_>,
    problem: &Problem,
) -> Option<String> {
    if problem.code != ProblemCode::MethodNotAllowed {
        return None;
    }
    let takes = |method| {
        let asked = RequestHead { method, ..*head };
        match ecosystem.route(&asked) {
            Ok(_) => true,
            Err(problem) => {
                !matches!(problem.code, ProblemCode::MethodNotAllowed | ProblemCode::NotFound)
            }
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

/// Says no: logged once, here, and told in the dialect of whose URL it is.
fn refuse(peer: Peer, parts: &Parts, failure: Failure) -> Response<Body> {
    let Failure { problem, dialect, allow } = failure;
    problem::log(peer, parts, &problem);
    let mut response = match dialect {
        Words::Plain => problem::respond(&problem),
        Words::Ecosystem(ecosystem) => problem::respond_in_dialect(&problem, &*ecosystem),
        Words::Sigstore(dialect) => dialect.respond(&problem),
    };
    if let Some(allow) = allow.and_then(|methods| HeaderValue::try_from(methods).ok()) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

/// HEAD is decided exactly like GET; only the bytes are left out, not their number.
fn leave_body_out(response: &mut Response<Body>) {
    let length = response.body().size_hint().exact();
    *response.body_mut() = Body::empty();
    if let (Some(length), false) = (length, response.headers().contains_key(CONTENT_LENGTH)) {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}
