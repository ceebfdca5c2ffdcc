//! `/-/log`: Rekor's API v2, and what C2SP tlog-tiles has below a log's own path.
//!
//! Who appends needs no credential for what was signed under a certificate of this server: that
//! took an identity. What was signed by a key of somebody's own, or under another's certificate, is
//! taken from who may publish.

use std::str::FromStr as _;

use http::header::AUTHORIZATION;
use http::{Method, Response, StatusCode};
use provender_domain::{Problem, ProblemCode};
use provender_tlog::Log;
use provender_tlog::rekor::{Material, Request, TransparencyLogEntry, Verified};
use provender_tlog::tile::TilePath;

use super::dialect::{bytes_response, json_response};
use super::{Call, Refusal, nothing_here, problems};
use crate::body::Body;
use crate::credential::Credential;
use crate::limits::LOG_REQUEST_BYTES;
use crate::other_site::refuse_other_sites;
use crate::server::Server;

const TILE: &str = "application/octet-stream";
const CHECKPOINT: &str = "text/plain; charset=utf-8";
/// A tile never changes, not even a partial one: one that is wider has another path.
const UNCHANGING: &str = "public, max-age=31536000, immutable";

pub(super) async fn handle(server: &Server, call: Call) -> Result<Response<Body>, Refusal> {
    let log = server.authority().log();
    match *call.segments() {
        ["api", "v2", "log", "entries"] => {
            call.takes(&Method::POST)?;
            append(server, call).await
        }
        ["api", "v2", ref rest @ ..] | ref rest => read(log, &call, rest).await,
    }
}

/// The log of certificates, which nobody appends to over HTTP.
pub(super) async fn handle_certificates(
    server: &Server,
    call: &Call,
) -> Result<Response<Body>, Refusal> {
    read(server.authority().ct_log(), call, &call.segments()).await
}

async fn read(log: &Log, call: &Call, path: &[&str]) -> Result<Response<Body>, Refusal> {
    match path {
        ["checkpoint"] => {
            call.takes(&Method::GET)?;
            let published = log.checkpoint().await.map_err(|error| problems::of_log(&error))?;
            let text = published.checkpoint.clone();
            Ok(bytes_response(StatusCode::OK, CHECKPOINT, text, "no-cache"))
        }
        ["tile", ..] => {
            call.takes(&Method::GET)?;
            let path = TilePath::from_str(&path.join("/")).map_err(|_| nothing_here())?;
            let tile = log.tile(&path).await.map_err(|error| problems::of_log(&error))?;
            let tile = tile.ok_or_else(nothing_here)?;
            Ok(bytes_response(StatusCode::OK, TILE, tile, UNCHANGING))
        }
        _ => Err(nothing_here()),
    }
}

async fn append(server: &Server, call: Call) -> Result<Response<Body>, Refusal> {
    refuse_other_sites(&call.headers, &call.origin)?;
    let may_publish = may_publish(server, &call)?;
    let request = call.body.bytes(LOG_REQUEST_BYTES).await?;
    let verified = Request::parse(&request).and_then(Request::verify);
    let verified =
        verified.map_err(|error| Problem::new(ProblemCode::InvalidRequest, error.to_string()))?;
    if !may_publish {
        admit(server, &verified)?;
    }
    let log = server.authority().log();
    let appended = log.append(verified.to_entry()).await;
    let appended = appended.map_err(|error| problems::of_append(&error))?;
    let entry = TransparencyLogEntry::new(log.verifier(), verified.body(), &appended);
    Ok(json_response(StatusCode::CREATED, entry.to_json(), "no-store"))
}

/// Only identities that this server knows may fill its log.
fn admit(server: &Server, verified: &Verified) -> Result<(), Problem> {
    let material = &verified.entry().verifier.material;
    if matches!(material, Material::Certificate(der) if server.authority().admits(der)) {
        return Ok(());
    }
    let message = "this log takes entries of certificates of this server, and others from whoever \
                   shows a token that may publish";
    Err(Problem::new(ProblemCode::PermissionDenied, message))
}

/// Whether a credential came along that lets its bearer publish. A wrong one is refused.
fn may_publish(server: &Server, call: &Call) -> Result<bool, Problem> {
    if !call.headers.contains_key(AUTHORIZATION) {
        return Ok(call.client.is_none());
    }
    let credential = Credential::read(&call.headers)?;
    let token = credential.as_ref().map(Credential::token);
    let caller = server.registry().identify(token, call.client)?;
    Ok(caller.may_publish())
}
