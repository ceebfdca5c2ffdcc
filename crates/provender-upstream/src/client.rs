//! The client.

use std::sync::Arc;

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
    BreakerOptions, BreakerState, Document, Download, FetchError, OriginHealth, Proxies, Remote,
    Validators, document,
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
        Self { network: Arc::new(Network { transport, origins }) }
    }

    /// Fetches a document whole, or learns that it has not changed or does not exist.
    ///
    /// gzip is accepted; `max_bytes` holds for the body as sent and as decoded. A connection that
    /// is refused, or breaks before the first byte of an answer, is tried once more.
    ///
    /// # Errors
    /// Every status but 200, 304 and those of [`Document::Missing`] is one, and whatever else
    /// [`FetchError`] lists. An error never means that the document does not exist.
    pub async fn document(
        &self,
        remote: &Remote,
        url: &Url,
        accept: &str,
        validators: Option<&Validators>,
        max_bytes: u64,
    ) -> Result<Document, FetchError> {
        let timeouts = remote.limits();
        let deadline = Some(Instant::now() + timeouts.document);
        let headers = document_headers(accept, validators);
        let conditional =
            headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_MODIFIED_SINCE);
        let ask = Ask { remote, headers, retry: true, deadline };
        let arrived = self.network.fetch(&ask, url).await?;
        match arrived.response.status().as_u16() {
            200 => {
                let body = Body::new(arrived, timeouts, deadline, max_bytes)?;
                Ok(Document::Modified(Box::new(document::read(body, max_bytes).await?)))
            }
            304 if conditional => {
                arrived.pass.succeed();
                Ok(Document::NotModified)
            }
            status @ (404 | 410) => {
                arrived.pass.succeed();
                Ok(Document::Missing { status })
            }
            status => {
                arrived.pass.succeed();
                Err(FetchError::Status { url: arrived.url.into(), status, retry_after: None })
            }
        }
    }

    /// Begins to fetch a file of at most `max_bytes`, as it is, without content encoding.
    ///
    /// # Errors
    /// [`FetchError::Missing`] where it does not exist, and whatever else [`FetchError`] lists.
    pub async fn file(
        &self,
        remote: &Remote,
        url: &Url,
        max_bytes: u64,
    ) -> Result<Download, FetchError> {
        let headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("*/*")),
            (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        ]);
        let ask = Ask { remote, headers, retry: false, deadline: None };
        let arrived = self.network.fetch(&ask, url).await?;
        let status = arrived.response.status().as_u16();
        if status == 200 {
            return Download::new(arrived, remote.limits(), max_bytes);
        }
        arrived.pass.succeed();
        let url = arrived.url.into();
        Err(match status {
            404 | 410 => FetchError::Missing { url, status },
            _ => FetchError::Status { url, status, retry_after: None },
        })
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

fn document_headers(accept: &str, validators: Option<&Validators>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    let mut put = |name: HeaderName, value: Option<&str>| {
        // What came from a header fits one; anything else is not worth failing for.
        if let Some(value) = value.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(name, value);
        }
    };
    put(ACCEPT, Some(accept));
    if let Some(validators) = validators {
        put(IF_NONE_MATCH, validators.etag.as_deref());
        put(IF_MODIFIED_SINCE, validators.last_modified.as_deref());
    }
    headers
}
