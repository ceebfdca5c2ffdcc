//! Requests over a socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use provender_server::api::{BASE_PATH, types};
use tokio::net::UnixStream;
use url::Url;

use super::Refusal;
use crate::connect::{Stream, connect, within};
use crate::discovery::{SERVER_BEGINS, web_url};
use crate::exit::Failure;

/// How long an answer may take; the longest is a long poll for events, or a large collection.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(30);
/// Largest answer that is read, in bytes.
const ANSWER_LIMIT_BYTES: usize = 256 * 1024 * 1024;

/// What is encoded in a path segment and in a query: all but the unreserved (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A client of one server.
pub(crate) struct Client(Peer);

enum Peer {
    Control(PathBuf),
    Remote(Remote),
}

struct Remote {
    is_tls: bool,
    /// As URLs write it.
    host: String,
    port: u16,
    /// Host, and port where it is not the scheme's own.
    authority: HeaderValue,
    token: Option<String>,
}

impl Client {
    /// Whether somebody listens at this socket.
    pub(super) async fn is_answered(socket: &Path) -> bool {
        UnixStream::connect(socket).await.is_ok()
    }

    /// For the server whose control socket this is.
    pub(super) fn control(socket: PathBuf) -> Self {
        Self(Peer::Control(socket))
    }

    /// For a server elsewhere.
    pub(super) fn remote(server: &str, token: Option<String>) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::Usage(format!("--server {server}: {why}"));
        let url = web_url(server, SERVER_BEGINS).map_err(|why| wrong(&why))?;
        let is_tls = url.scheme() == "https";
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(wrong("only scheme, host and port are wanted"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("a token is taken from PROVENDER_TOKEN, not from the URL"));
        }
        let host = url.host_str().ok_or_else(|| wrong("it names no host"))?.to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        let authority = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let authority =
            HeaderValue::try_from(authority).map_err(|_| wrong("its host is no name"))?;
        Ok(Self(Peer::Remote(Remote { is_tls, host, port, authority, token })))
    }

    /// Where it is reached over the network, as a URL; nothing for a control socket.
    pub(super) fn address(&self) -> Option<String> {
        match &self.0 {
            Peer::Control(_) => None,
            Peer::Remote(Remote { is_tls, host, port, .. }) => {
                let scheme = if *is_tls { "https" } else { "http" };
                Some(format!("{scheme}://{host}:{port}"))
            }
        }
    }

    /// Sends one request and reads its answer; a problem becomes a [`Refusal`].
    pub(super) async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(String, String)],
        body: Bytes,
    ) -> Result<Bytes> {
        let request = self.request(method, path, query, body)?;
        let (response, whom) = match &self.0 {
            Peer::Control(socket) => {
                let whom = format!("the server at {}", socket.display());
                let stream = within(UnixStream::connect(socket), &whom).await?;
                (exchange(stream, request, &whom).await?, whom)
            }
            Peer::Remote(Remote { is_tls, host, port, .. }) => {
                let whom = format!("the server at {host}:{port}");
                let stream = connect(host, *port, *is_tls).await?;
                (exchange(stream, request, &whom).await?, whom)
            }
        };
        let late = |_| Failure::Unreachable(format!("the answer of {whom} takes too long"));
        tokio::time::timeout(ANSWER_TIMEOUT, read(response, &whom)).await.map_err(late)?
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(String, String)],
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::new(body));
        *request.uri_mut() = target(path, query).parse().context("cannot write this request")?;
        let takes_body = matches!(method, Method::POST | Method::PUT | Method::PATCH);
        *request.method_mut() = method;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if takes_body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let (host, token) = match &self.0 {
            Peer::Control(_) => (HeaderValue::from_static("localhost"), None),
            Peer::Remote(remote) => (remote.authority.clone(), remote.token.as_deref()),
        };
        headers.insert(HOST, host);
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Failure::Usage("PROVENDER_TOKEN is no token".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(request)
    }
}

fn target(path: &[&str], query: &[(String, String)]) -> String {
    let mut target = BASE_PATH.to_owned();
    for segment in path {
        target.push('/');
        target.extend(utf8_percent_encode(segment, RESERVED));
    }
    for (index, (name, value)) in query.iter().enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        target.extend(utf8_percent_encode(name, RESERVED));
        target.push('=');
        target.extend(utf8_percent_encode(value, RESERVED));
    }
    target
}

async fn exchange(
    stream: impl Stream,
    request: Request<Full<Bytes>>,
    whom: &str,
) -> Result<Response<Incoming>, Failure> {
    let broken = |error: hyper::Error| {
        let message = format!("the connection to {whom} broke before it answered: {error}");
        Failure::Unreachable(message)
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(connection);
    tokio::time::timeout(ANSWER_TIMEOUT, sender.send_request(request))
        .await
        .map_err(|_| Failure::Unreachable(format!("{whom} does not answer")))?
        .map_err(broken)
}

async fn read(response: Response<Incoming>, whom: &str) -> Result<Bytes> {
    let status = response.status();
    let elsewhere = response.headers().get(LOCATION).and_then(origin_of);
    let body = match Limited::new(response.into_body(), ANSWER_LIMIT_BYTES).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => {
            let message = format!("the answer of {whom} broke off: {error}");
            return Err(Failure::Unreachable(message).into());
        }
    };
    if status.is_success() {
        return Ok(body);
    }
    if let (true, Some(place)) = (status.is_redirection(), elsewhere) {
        let message =
            format!("{whom} answered {status}, and sends to another: use --server {place}");
        return Err(Failure::Usage(message).into());
    }
    match serde_json::from_slice::<types::Problem>(&body) {
        Ok(problem) => Err(Refusal { code: problem.code, message: problem.detail }.into()),
        Err(_) => bail!("{whom} answered {status}, and not as a Provender does"),
    }
}

/// The server that a redirect leads to; where it names none, nothing.
fn origin_of(location: &HeaderValue) -> Option<String> {
    let url = Url::parse(location.to_str().ok()?).ok()?;
    url.has_host().then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::{Client, target};

    #[test]
    fn targets() {
        let check = |path: &[&str], query: &[(&str, &str)], expected: &str| {
            let query: Vec<_> =
                query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            assert_eq!(target(path, &query), expected);
        };
        check(&["status"], &[], "/-/api/v1/status");
        check(&["tokens", "a/../b"], &[], "/-/api/v1/tokens/a%2F..%2Fb");
        check(
            &["events"],
            &[("a", "x y"), ("b", "&=#*")],
            "/-/api/v1/events?a=x%20y&b=%26%3D%23%2A",
        );
    }

    #[test]
    fn servers() {
        let check = |url: &str, expected: Option<&str>| {
            let refused = Client::remote(url, None).err().map(|error| error.to_string());
            match expected {
                None => assert_eq!(refused, None, "{url}"),
                Some(part) => assert!(refused.as_deref().unwrap().contains(part), "{refused:?}"),
            }
        };
        check("http://127.0.0.1:8080", None);
        check("http://localhost/", None);
        check("https://packages.example", None);
        check("https://[::1]:8443/", None);
        check("ftp://packages.example", Some("begins with http:// or https://"));
        check("https://packages.example/main", Some("only scheme, host and port"));
        check("packages.example", Some("begins with http:// or https://"));
        check("127.0.0.1:8080", Some("begins with http:// or https://"));
        check("http://packages.example/main", Some("only scheme, host and port"));
        check("http://u:p@packages.example/", Some("PROVENDER_TOKEN"));
    }
}
