//! One request and its answer, with or without TLS.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::header::{ACCEPT, HOST};
use http::uri::{PathAndQuery, Uri};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::connect::{Stream, connect};
use crate::exit::Failure;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// Largest answer that is read, in bytes: a tile of entries of the largest size.
const ANSWER_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// What a server answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Sends one request to the absolute URL in it.
pub(super) async fn send(mut request: Request<Full<Bytes>>) -> Result<Answer> {
    let uri = request.uri().clone();
    let host = uri.host().context("the URL names no host")?.to_owned();
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let authority = uri.authority().context("the URL names no host")?;
    request.headers_mut().insert(HOST, HeaderValue::from_str(authority.as_str())?);
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
    let path = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);

    let stream = connect(&host, port, is_tls).await?;
    exchange(stream, request, &format!("{host}:{port}")).await
}

async fn exchange(
    stream: impl Stream,
    request: Request<Full<Bytes>>,
    address: &str,
) -> Result<Answer> {
    let failed = |what: &str| Failure::Unreachable(format!("the server at {address} {what}"));
    let no_http = |error: hyper::Error| failed(&format!("does not answer as servers do: {error}"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(no_http)?;
    tokio::spawn(connection);
    let answering = async {
        let response = sender.send_request(request).await.map_err(no_http)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT_BYTES).collect().await;
        let body = body.map_err(|error| failed(&format!("broke off its answer: {error}")))?;
        Ok(Answer { status, body: body.to_bytes() })
    };
    tokio::time::timeout(ANSWER_TIMEOUT, answering).await.map_err(|_| failed("does not answer"))?
}
