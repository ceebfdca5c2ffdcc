//! Why something could not be fetched.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::AddressKind;

/// Why something could not be fetched from an upstream.
///
/// The messages are for operators: they name URLs without credentials and queries.
/// [`class`](Self::class) sorts the conditions for callers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The URL's scheme is neither http nor https.
    #[error("refused to fetch {url}: only http and https are spoken")]
    Scheme {
        /// The URL.
        url: PublicUrl,
    },
    /// From https the upstream led to http.
    #[error("refused to go from https to {url}: anyone on the way could change what it serves")]
    Downgrade {
        /// Where it led.
        url: PublicUrl,
    },
    /// The address is not on the public internet, and the operator did not name it.
    #[error("refused to connect to {host}: {address} is {kind}, and nobody allowed that")]
    PrivateAddress {
        /// The host of the URL.
        host: String,
        /// The address that it has.
        address: IpAddr,
        /// Why the address is refused.
        kind: AddressKind,
    },
    /// The credentials hold characters that no header can.
    #[error("the credentials cannot be sent: they hold control characters or line breaks")]
    Credentials,
    /// The client cannot be set up, most likely for a proxy that it cannot use.
    #[error("the HTTP client cannot be set up; is the proxy in the environment an http one?")]
    Setup(#[source] reqwest::Error),
    /// The host has no address.
    #[error("cannot find an address for {origin}; is the name right, and does DNS work here?")]
    Resolve {
        /// Scheme, host and port.
        origin: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// No secure connection: most often a certificate that is not trusted here.
    #[error("cannot trust {origin}: {cause} (SSL_CERT_FILE and SSL_CERT_DIR name trusted roots)")]
    Tls {
        /// Scheme, host and port.
        origin: String,
        /// What the TLS library says.
        cause: rustls::Error,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// No connection.
    #[error("cannot connect to {origin}")]
    Connect {
        /// Scheme, host and port.
        origin: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The connection broke, or what came over it was not HTTP.
    #[error("the connection to {origin} broke")]
    Broken {
        /// Scheme, host and port.
        origin: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// No answer, or no next byte of it, in time.
    #[error("{url} was silent for {after:?}")]
    Stalled {
        /// The URL.
        url: PublicUrl,
        /// How long we waited.
        after: Duration,
    },
    /// Bytes came, but so slowly that the upstream may mean harm.
    #[error("{url} sent less than {bytes_per_second_min} bytes per second")]
    TooSlow {
        /// The URL.
        url: PublicUrl,
        /// The slowest rate allowed.
        bytes_per_second_min: u64,
    },
    /// The body ended before its announced or framed end.
    #[error("{url} was cut off after {got} bytes{}", of(*expected))]
    Truncated {
        /// The URL.
        url: PublicUrl,
        /// The announced length in bytes.
        expected: Option<u64>,
        /// What came, in bytes.
        got: u64,
    },
    /// The body is, or says that it is, larger than allowed, encoded or decoded.
    #[error("{url} is larger than the {limit_bytes} bytes that are allowed")]
    TooLarge {
        /// The URL.
        url: PublicUrl,
        /// The limit.
        limit_bytes: u64,
    },
    /// The upstream answered with a status that is no answer.
    #[error("{url} answered with status {status}")]
    Status {
        /// The URL.
        url: PublicUrl,
        /// The status.
        status: u16,
        /// When the upstream wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The file does not exist (404 or 410).
    #[error("{url} does not exist there (status {status})")]
    Missing {
        /// The URL.
        url: PublicUrl,
        /// 404 or 410.
        status: u16,
    },
    /// A redirect led to where it came from.
    #[error("{url} redirects in a circle")]
    RedirectLoop {
        /// The URL that was seen twice.
        url: PublicUrl,
    },
    /// Too many redirects.
    #[error("{url} was the last of {limit} redirects that are followed")]
    TooManyRedirects {
        /// The last URL.
        url: PublicUrl,
        /// How many are followed.
        limit: usize,
    },
    /// A redirect without a usable `Location`.
    #[error("{url} redirects to nowhere: its Location is missing or not a URL")]
    RedirectNowhere {
        /// The URL.
        url: PublicUrl,
    },
    /// A content encoding that was not asked for.
    #[error("{url} is encoded as {encoding:?}, which was not asked for")]
    Encoding {
        /// The URL.
        url: PublicUrl,
        /// The `Content-Encoding`.
        encoding: String,
    },
    /// The body is not the gzip stream that it says it is.
    #[error("{url} says that it is compressed by gzip, but cannot be read so")]
    Undecodable {
        /// The URL.
        url: PublicUrl,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The upstream asks for a token, and where it is to be had there was none.
    #[error("{realm}, where {upstream} says that tokens are to be had, gave none")]
    Token {
        /// Where it was asked for.
        realm: PublicUrl,
        /// The base URL of the upstream that wanted it.
        upstream: PublicUrl,
        /// The cause; others who wanted the same token have it too.
        #[source]
        source: Arc<FetchError>,
    },
    /// What was to be a token is none.
    #[error("{url} answered without a token that can be sent")]
    NoToken {
        /// Where it was asked for.
        url: PublicUrl,
    },
    /// The shared work for a token ended without a result: the server is most likely stopping.
    #[error("asking {url} for a token was broken off; is the server stopping?")]
    TokenLost {
        /// Where it was asked for.
        url: PublicUrl,
    },
    /// The upstream has been failing and is left alone for a while.
    #[error("{origin} has been failing; it is asked again in {retry_after:?}")]
    Suspended {
        /// Scheme, host and port.
        origin: String,
        /// How long it will still be left alone.
        retry_after: Duration,
    },
    /// As many requests as allowed are already waiting for this upstream.
    #[error("{origin} has {limit} requests under way, and none ended in time")]
    Congested {
        /// Scheme, host and port.
        origin: String,
        /// How many requests may be under way.
        limit: usize,
    },
}

/// What sort of condition a [`FetchError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// There was no connection, or it broke: DNS, TCP, TLS.
    Unreachable,
    /// The upstream was silent or too slow.
    Stalled,
    /// The upstream refused or failed, with this status.
    Status(u16),
    /// The upstream says that the file does not exist.
    Missing,
    /// A limit of ours was reached.
    Limit,
    /// We do not go there.
    Policy,
    /// What the upstream sent makes no sense.
    Protocol,
    /// We did not ask, because the upstream has been failing or is busy.
    Suspended,
    /// Our own set-up is wrong.
    Setup,
}

impl FetchError {
    /// What sort of condition this is.
    pub fn class(&self) -> Class {
        match self {
            Self::Resolve { .. }
            | Self::Tls { .. }
            | Self::Connect { .. }
            | Self::Broken { .. } => Class::Unreachable,
            Self::Stalled { .. } | Self::TooSlow { .. } => Class::Stalled,
            Self::Status { status, .. } => Class::Status(*status),
            Self::Missing { .. } => Class::Missing,
            Self::TooLarge { .. } => Class::Limit,
            Self::Scheme { .. } | Self::Downgrade { .. } | Self::PrivateAddress { .. } => {
                Class::Policy
            }
            Self::Truncated { .. }
            | Self::RedirectLoop { .. }
            | Self::TooManyRedirects { .. }
            | Self::RedirectNowhere { .. }
            | Self::Encoding { .. }
            | Self::Undecodable { .. }
            | Self::NoToken { .. } => Class::Protocol,
            Self::Token { source, .. } => source.class(),
            Self::Suspended { .. } | Self::Congested { .. } | Self::TokenLost { .. } => {
                Class::Suspended
            }
            Self::Credentials | Self::Setup(_) => Class::Setup,
        }
    }

    /// When it makes sense to ask again, where the upstream or the breaker said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Suspended { retry_after, .. } => Some(*retry_after),
            Self::Token { source, .. } => source.retry_after(),
            _ => None,
        }
    }

    /// Where the upstream led and we did not go: the host, or what stands for it in an address that
    /// has none. `None` for every other condition.
    pub fn refused_target(&self) -> Option<String> {
        match self {
            Self::Scheme { url } | Self::Downgrade { url } => Some(url.host_or_scheme()),
            Self::PrivateAddress { host, .. } => Some(host.clone()),
            Self::Token { source, .. } => source.refused_target(),
            _ => None,
        }
    }

    /// Whether this speaks against the upstream's health, so that its breaker should know.
    pub(crate) fn is_failure(&self) -> bool {
        match self.class() {
            Class::Unreachable | Class::Stalled => true,
            Class::Status(status) => is_failing_status(status),
            Class::Protocol => matches!(self, Self::Truncated { .. }),
            _ => false,
        }
    }

    /// What a failed attempt to get an answer from `origin` means.
    pub(crate) fn from_send(error: reqwest::Error, origin: &str) -> Self {
        let source = error.without_url();
        let origin = origin.to_owned();
        if let Some(refusal) = find::<crate::guard::Refusal>(&source) {
            let (host, address, kind) = (refusal.host.clone(), refusal.address, refusal.kind);
            return Self::PrivateAddress { host, address, kind };
        }
        if let Some(cause) = find::<rustls::Error>(&source).cloned() {
            return Self::Tls { origin, cause, source };
        }
        if source.is_dns() {
            return Self::Resolve { origin, source };
        }
        if source.is_connect() {
            return Self::Connect { origin, source };
        }
        Self::Broken { origin, source }
    }

    /// Whether the connection was refused or reset before any byte of an answer, so that asking
    /// once more is right.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        let (Self::Connect { source, .. } | Self::Broken { source, .. }) = self else {
            return false;
        };
        broke_off(source) || io_kind(source) == Some(io::ErrorKind::ConnectionRefused)
    }
}

/// Whether the other side hung up before it was done.
pub(crate) fn broke_off(error: &reqwest::Error) -> bool {
    find::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message)
        || matches!(
            io_kind(error),
            Some(
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::UnexpectedEof
            )
        )
}

fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    find::<io::Error>(error).map(io::Error::kind)
}

/// Statuses by which an upstream says that it cannot serve now.
pub(crate) fn is_failing_status(status: u16) -> bool {
    status == 429 || (status >= 500 && status != 501)
}

/// The first `T` in a chain of errors, also inside an [`io::Error`].
fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error hides the error that it wraps: its `source` is that error's source.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn of(expected: Option<u64>) -> String {
    expected.map(|bytes| format!(" of {bytes}")).unwrap_or_default()
}

/// A URL as it may be shown: without credentials, query and fragment, which may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    fn host_or_scheme(&self) -> String {
        let url = Url::parse(&self.0).ok();
        let host = url.as_ref().and_then(Url::host_str).filter(|host| !host.is_empty());
        let scheme = || self.0.split_inclusive(':').next().unwrap_or_default();
        host.unwrap_or_else(scheme).to_owned()
    }
}

impl From<&Url> for PublicUrl {
    fn from(url: &Url) -> Self {
        let mut shown = url.clone();
        crate::remote::strip(&mut shown);
        shown.set_query(None);
        Self(shown.into())
    }
}

impl From<Url> for PublicUrl {
    fn from(url: Url) -> Self {
        Self::from(&url)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
