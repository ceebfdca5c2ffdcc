//! The way of a request: its path is parsed once, its caller identified, its operation authorized
//! and carried out, its answer framed.

use std::borrow::Cow;
use std::convert::Infallible;

use http::header::{CONNECTION, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use provender_domain::{Problem, ProblemCode};
use provender_ecosystem::{Method as EcosystemMethod, Path};
use provender_registry::Caller;

use crate::accept::{Connection, Peer};
use crate::body::Body;
use crate::credential::Credential;
use crate::drain::Unread;
use crate::failure::{Failure, Words};
use crate::lane::at_home;
use crate::limits::{API_BODY_TIMEOUT, TARGET_BYTES};
use crate::plain::make_plain;
use crate::protocol::{self, Address};
use crate::request::{ApiRequest, RequestBody};
use crate::server::Server;
use crate::{api, forwarded, health, sigstore, ui};

/// Answers one request. There is always an answer; the type is what hyper asks for.
pub(crate) async fn answer(
    server: &Server,
    connection: &Connection,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let _in_flight = server.metrics().in_flight();
    let (mut parts, body) = request.into_parts();
    connection.exchange.begin(!body.is_end_stream());
    server.look_for_misled(&parts.headers);
    let answered = match make_plain(&mut parts) {
        Ok(()) => route(server, connection, &parts, body).await,
        Err(problem) => Err(protocol::unreadable(server.registry(), &parts, problem)),
    };
    let mut response = match answered {
        Ok(response) => response,
        Err(failure) => failure.respond(server, peer(server, connection, &parts.headers), &parts),
    };
    if parts.method == Method::HEAD {
        leave_body_out(&mut response);
    }
    if connection.is_wanted() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.body_mut().give(connection.exchange.giving());
    server.metrics().answered(response.status());
    Ok(response)
}

async fn route(
    server: &Server,
    connection: &Connection,
    parts: &Parts,
    body: Incoming,
) -> Result<Response<Body>, Failure> {
    let path = parse_target(parts)
        .map_err(|problem| protocol::unreadable(server.registry(), parts, problem))?;
    let segments = path.segments.as_slice();
    if let Some((service, rest)) = sigstore::find(segments) {
        let answer = sigstore(server, connection, parts, service, rest, body).await;
        return answer.map_err(|refusal| {
            let failure = Failure::new(refusal.problem, Words::Sigstore(service.dialect()));
            failure.allowing(refusal.allow.map(str::to_owned))
        });
    }
    match segments {
        [] => own(server, connection, parts, segments, body).await,
        [first, ..] if first == "-" => own(server, connection, parts, segments, body).await,
        _ => {
            let address = match Address::read(server.registry(), &path) {
                Some(Address::Unknown { .. }) if is_visit(parts) => None,
                address => address,
            };
            let Some(address) = address else {
                let caller = identify(server, connection, &parts.headers)?;
                return page(server, connection, &caller, parts, segments, body).await;
            };
            let unread = Unread::new(body, &parts.headers);
            protocol::answer(server, connection, parts, address, unread).await
        }
    }
}

/// Whether somebody looks with a browser: at what they know by the name that clients use, maybe.
fn is_visit(parts: &Parts) -> bool {
    matches!(parts.method, Method::GET | Method::HEAD) && ui::wants_page(&parts.headers)
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
        client: peer(server, connection, &parts.headers).address(),
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

pub(crate) fn identify(
    server: &Server,
    connection: &Connection,
    headers: &HeaderMap,
) -> Result<Caller, Problem> {
    let credential = match connection.peer {
        Peer::Operator => None,
        Peer::Network(_) => Credential::read(headers)?,
    };
    identify_by(server, connection, headers, credential.as_ref().map(Credential::token))
}

/// Whom the server takes a caller for who shows this token.
pub(crate) fn identify_by(
    server: &Server,
    connection: &Connection,
    headers: &HeaderMap,
    token: Option<&str>,
) -> Result<Caller, Problem> {
    match peer(server, connection, headers) {
        Peer::Operator => Ok(server.registry().operator()),
        Peer::Network(address) => server.registry().identify(token, Some(address)),
    }
}

/// Whose request it is: of whoever is at the other end of the connection, or, if that is a proxy that
/// is believed, of whom that names.
fn peer(server: &Server, connection: &Connection, headers: &HeaderMap) -> Peer {
    match connection.peer {
        Peer::Operator => Peer::Operator,
        Peer::Network(address) => {
            Peer::Network(forwarded::client(server.trusted_proxies(), address, headers))
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
            let path = request.segments.clone();
            let server = server.clone();
            // What was begun is finished, also for a caller who hangs up.
            let answering =
                connection.home.spawn(async move { api::handle(&server, &caller, request).await });
            let answer = answering.await.map_err(|error| Problem::internal(&error))?;
            answer.map_err(|problem| {
                let is_method = problem.code == ProblemCode::MethodNotAllowed;
                let allow = is_method.then(|| api::allowed_methods(&path)).flatten();
                Failure::from(problem).allowing(allow)
            })
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
        Failure::from(problem).allowing(is_method.then(|| READING.to_owned()))
    })
}

fn only_reading(method: &Method) -> Result<(), Failure> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let problem = Problem::new(ProblemCode::MethodNotAllowed, "this can only be read");
    Err(Failure::from(problem).allowing(Some(READING.to_owned())))
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
pub(crate) fn origin(server: &Server, headers: &HeaderMap) -> String {
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

pub(crate) fn known_method(method: &Method) -> Result<EcosystemMethod, Failure> {
    match *method {
        Method::GET | Method::HEAD => Ok(EcosystemMethod::Get),
        Method::POST => Ok(EcosystemMethod::Post),
        Method::PUT => Ok(EcosystemMethod::Put),
        Method::PATCH => Ok(EcosystemMethod::Patch),
        Method::DELETE => Ok(EcosystemMethod::Delete),
        _ => {
            let message = "this server has no such method";
            let problem = Problem::new(ProblemCode::MethodNotAllowed, message);
            Err(Failure::from(problem).allowing(Some(METHODS.to_owned())))
        }
    }
}

/// HEAD is decided exactly like GET; only the bytes are left out, not their number, where there would
/// be any (RFC 9110 section 8.6).
fn leave_body_out(response: &mut Response<Body>) {
    let length = response.body().size_hint().exact();
    *response.body_mut() = Body::empty();
    if matches!(response.status(), StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT) {
        return;
    }
    if let (Some(length), false) = (length, response.headers().contains_key(CONTENT_LENGTH)) {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}
