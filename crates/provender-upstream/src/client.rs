//! The client.

use std::sync::Arc;

use reqwest::Method;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
};
use tokio::time::Instant;
use url::Url;

use crate::body::Body;
use crate::hops::{Ask, Network};
use crate::origins::Origins;
use crate::transport::Transport;
use crate::{
    BreakerOptions, BreakerState, Document, Download, FetchError, Fields, Head, OriginHealth,
    Proxies, Remote, Validators, Wanted, document,
};

/// Requests that may be under way at one origin.
const REQUESTS_PER_ORIGIN_MAX: usize = 64;

/// How a [`Client`] behaves towards all upstreams.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The `User-Agent`.
    pub user_agent: String,
    /// Whether the environment's proxies are used.
    pub proxies: Proxies,
    /// How patient the breakers are.
    pub breaker: BreakerOptions,
    /// Requests that may be under way at one origin; more wait.
    pub requests_per_origin_max: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            user_agent: concat!("provender/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxies: Proxies::default(),
            breaker: BreakerOptions::default(),
            requests_per_origin_max: REQUESTS_PER_ORIGIN_MAX,
        }
    }
}

/// A client of remote registries. Clones share connections and what is known of origins.
///
/// Making one costs nothing: connections, roots of trust and proxies come with the first request.
#[derive(Clone)]
pub struct Client {
    network: Arc<Network>,
}

impl Client {
    /// A client that has not connected to anything yet.
    pub fn new(options: ClientOptions) -> Self {
        let transport = Transport::new(options.user_agent, options.proxies);
        let origins = Origins::new(options.breaker, options.requests_per_origin_max);
        Self { network: Arc::new(Network::new(transport, origins)) }
    }

    /// Fetches a document whole, or learns that it has not changed or does not exist.
    ///
    /// gzip is accepted; `max_bytes` holds for the body as sent and as decoded. A connection that
    /// is refused, or breaks before the first byte of an answer, is tried once more.
    ///
    /// # Errors
    /// Every status but 200, 304 and those of [`Document::Missing`] is one, and whatever else
    /// [`FetchError`] lists. An error never means that the document does not exist.
    pub async fn document<'a>(
        &self,
        remote: &Remote,
        url: &Url,
        wanted: impl Into<Wanted<'a>>,
        validators: Option<&Validators>,
        max_bytes: u64,
    ) -> Result<Document, FetchError> {
        let wanted = wanted.into();
        let timeouts = remote.limits();
        let deadline = Some(Instant::now() + timeouts.document);
        let headers = document_headers(wanted.accept, validators);
        let conditional =
            headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_MODIFIED_SINCE);
        let ask = Ask { retry: true, deadline, ..Ask::new(remote, headers) };
        let arrived = self.network.fetch(ask, wanted.realm_key, url).await?;
        match arrived.response.status().as_u16() {
            200 => {
                let body = Body::new(arrived, timeouts, deadline, max_bytes)?;
                let page = document::read(body, wanted.fields, max_bytes).await?;
                Ok(Document::Modified(Box::new(page)))
            }
            304 if conditional => {
                arrived.leave();
                Ok(Document::NotModified)
            }
            status @ (404 | 410) => {
                arrived.leave();
                Ok(Document::Missing { status })
            }
            _ => Err(arrived.refused()),
        }
    }

    /// Asks for the head of an answer alone: whether something exists, and what its header fields
    /// say of it. Where an upstream counts what it serves, this costs nothing.
    ///
    /// # Errors
    /// Every status but 200 and those of [`Head::Missing`] is one, and whatever else
    /// [`FetchError`] lists. An error never means that it does not exist.
    pub async fn head<'a>(
        &self,
        remote: &Remote,
        url: &Url,
        wanted: impl Into<Wanted<'a>>,
    ) -> Result<Head, FetchError> {
        let wanted = wanted.into();
        let deadline = Some(Instant::now() + remote.limits().document);
        let headers = identity_headers(wanted.accept);
        let ask = Ask { method: Method::HEAD, retry: true, deadline, ..Ask::new(remote, headers) };
        let arrived = self.network.fetch(ask, wanted.realm_key, url).await?;
        match arrived.response.status().as_u16() {
            200 => {
                let fields = Fields::of(arrived.response.headers(), wanted.fields);
                arrived.leave();
                Ok(Head::Found { fields })
            }
            status @ (404 | 410) => {
                arrived.leave();
                Ok(Head::Missing { status })
            }
            _ => Err(arrived.refused()),
        }
    }

    /// Begins to fetch a file of at most `max_bytes`, as it is, without content encoding.
    ///
    /// # Errors
    /// [`FetchError::Missing`] where it does not exist, and whatever else [`FetchError`] lists.
    pub async fn file<'a>(
        &self,
        remote: &Remote,
        url: &Url,
        wanted: impl Into<Wanted<'a>>,
        max_bytes: u64,
    ) -> Result<Download, FetchError> {
        let wanted = wanted.into();
        let ask = Ask::new(remote, identity_headers(wanted.accept));
        let arrived = self.network.fetch(ask, wanted.realm_key, url).await?;
        match arrived.response.status().as_u16() {
            200 => Download::new(arrived, remote.limits(), wanted.fields, max_bytes),
            status @ (404 | 410) => {
                let url = (&arrived.url).into();
                arrived.leave();
                Err(FetchError::Missing { url, status })
            }
            _ => Err(arrived.refused()),
        }
    }

    /// How each origin that was asked lately is doing.
    pub fn health(&self) -> Vec<OriginHealth> {
        self.network.origins.health()
    }

    /// What the breaker thinks of the origin of `url`.
    pub fn state(&self, url: &Url) -> BreakerState {
        self.network.origins.of(url).breaker.state()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("origins", &self.health()).finish_non_exhaustive()
    }
}

fn identity_headers(accept: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    put(&mut headers, ACCEPT, Some(accept));
    headers
}

fn document_headers(accept: &str, validators: Option<&Validators>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    put(&mut headers, ACCEPT, Some(accept));
    if let Some(validators) = validators {
        put(&mut headers, IF_NONE_MATCH, validators.etag.as_deref());
        put(&mut headers, IF_MODIFIED_SINCE, validators.last_modified.as_deref());
    }
    headers
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    // What came from a header fits one; anything else is not worth failing for.
    if let Some(value) = value.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(name, value);
    }
}
