//! The HTTP clients below, made when they are first needed.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::redirect::Policy;

use crate::guard::PublicOnly;
use crate::roots::PlatformRoots;
use crate::{FetchError, Proxies};

/// How long an unused connection is kept.
pub(crate) const POOL_IDLE: Duration = Duration::from_mins(1);
/// Unused HTTP/1.1 connections kept for one origin.
const POOL_IDLE_CONNECTIONS_MAX: usize = 16;
/// What one HTTP/2 stream may have in flight, in bytes: a download at 1 Gbit/s over 100 ms.
const STREAM_WINDOW_BYTES: u32 = 16 * 1024 * 1024;
/// What all streams of one HTTP/2 connection may have in flight, in bytes.
const CONNECTION_WINDOW_BYTES: u32 = 32 * 1024 * 1024;
/// The largest header section of an HTTP/2 answer, in bytes.
const HEADERS_BYTES_MAX: u32 = 64 * 1024;
/// After how much silence a busy HTTP/2 connection is probed, and how long that may take.
const PROBE_AFTER: Duration = Duration::from_secs(20);
/// After how much silence the system probes a TCP connection.
const TCP_PROBE_AFTER: Duration = Duration::from_mins(1);

/// Two pools of connections: one that only ever goes to public addresses, and one for what the
/// operator named. A connection of the second is never used for a request of the first.
pub(crate) struct Transport {
    user_agent: String,
    proxies: Proxies,
    public: OnceLock<reqwest::Client>,
    anywhere: OnceLock<reqwest::Client>,
    tls: OnceLock<rustls::ClientConfig>,
}

impl Transport {
    pub(crate) fn new(user_agent: String, proxies: Proxies) -> Self {
        Self {
            user_agent,
            proxies,
            public: OnceLock::new(),
            anywhere: OnceLock::new(),
            tls: OnceLock::new(),
        }
    }

    /// The client for a request that may, or may not, go to a private address.
    pub(crate) fn client(&self, may_be_private: bool) -> Result<&reqwest::Client, FetchError> {
        let slot = if may_be_private { &self.anywhere } else { &self.public };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let client = self.build(may_be_private).map_err(FetchError::Setup)?;
        Ok(slot.get_or_init(|| client))
    }

    fn build(&self, may_be_private: bool) -> Result<reqwest::Client, reqwest::Error> {
        let chosen = self.proxies.choose()?;
        let mut builder = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .tls_backend_preconfigured(self.tls.get_or_init(tls).clone())
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_IDLE_CONNECTIONS_MAX)
            .tcp_nodelay(true)
            .tcp_keepalive(TCP_PROBE_AFTER)
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_max_header_list_size(HEADERS_BYTES_MAX)
            .http2_keep_alive_interval(PROBE_AFTER)
            .http2_keep_alive_timeout(PROBE_AFTER);
        for proxy in chosen.proxies {
            builder = builder.proxy(proxy);
        }
        if !may_be_private {
            builder = builder.dns_resolver(PublicOnly { exempt: chosen.hosts });
        }
        builder.build()
    }
}

fn tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = Arc::new(PlatformRoots::new(Arc::clone(&provider)));
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has a cipher suite for each default protocol version")
        .dangerous()
        .with_custom_certificate_verifier(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
