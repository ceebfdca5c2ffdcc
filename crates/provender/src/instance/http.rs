//! One request and its answer, with or without TLS.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::header::{ACCEPT, HOST};
use http::uri::{PathAndQuery, Uri};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::exit::Failure;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
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

    let address = format!("{host}:{port}");
    let unreachable =
        |why: String| Failure::Unreachable(format!("cannot reach the server at {address}: {why}"));
    // An IPv6 address stands in brackets in a URL, and without them everywhere else.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let connecting = TcpStream::connect((name, port));
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| unreachable("it does not answer".to_owned()))?
        .map_err(|error| unreachable(error.to_string()))?;
    if !is_tls {
        return exchange(stream, request, &address).await;
    }
    let server_name = ServerName::try_from(name.to_owned()).context("the URL's host is no name")?;
    let connecting = TlsConnector::from(client_config()?).connect(server_name, stream);
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| unreachable("it does not answer".to_owned()))?
        .map_err(|error| unreachable(error.to_string()))?;
    exchange(stream, request, &address).await
}

/// The system's certificate authorities decide whom to believe.
fn client_config() -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(Arc::new(config))
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>, address: &str) -> Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
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
