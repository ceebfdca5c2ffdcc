//! What the operator said of one upstream.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use url::{Origin, Url};

use crate::FetchError;

/// How long an upstream may take to connect and answer with headers.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a body may bring no byte at all.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a whole document may take, with its redirects.
const DOCUMENT_TIMEOUT: Duration = Duration::from_mins(2);
/// Over how much waiting the rate of a body is averaged.
const RATE_WINDOW: Duration = Duration::from_mins(1);
/// The slowest average that a body may have, in bytes per second.
const RATE_BYTES_PER_SECOND_MIN: u64 = 1024;

/// One upstream: where it is, who we are there, and how far it is trusted.
#[derive(Clone, Debug)]
pub struct Remote {
    identity: Arc<Identity>,
    timeouts: Timeouts,
}

/// Where an upstream is, who we are there, and where it may send us: what is given to one of
/// these is nobody else's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    base: Url,
    credentials: Option<Credentials>,
    token_realm: Option<Origin>,
    private_addresses: PrivateAddresses,
}

/// Whether connections may go to addresses that are not on the public internet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PrivateAddresses {
    /// Never.
    #[default]
    Refused,
    /// At the upstream's own origin (scheme, host and port), because the operator named it.
    /// Redirects and files elsewhere are still refused.
    ThisOrigin,
    /// Anywhere that the upstream sends us: only for upstreams trusted like our own network.
    Anywhere,
}

/// How long an upstream may take. The defaults suit the public internet.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To connect and answer with headers, for each hop.
    pub response: Duration,
    /// For any next byte of a body.
    pub stall: Duration,
    /// For a whole document, redirects included.
    pub document: Duration,
    /// Over how much waiting the rate of a body is averaged.
    pub rate_window: Duration,
    /// The slowest average that a body may have, in bytes per second.
    pub rate_bytes_per_second_min: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            response: RESPONSE_TIMEOUT,
            stall: STALL_TIMEOUT,
            document: DOCUMENT_TIMEOUT,
            rate_window: RATE_WINDOW,
            rate_bytes_per_second_min: RATE_BYTES_PER_SECOND_MIN,
        }
    }
}

/// Who we are at an upstream. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// HTTP basic authentication (RFC 7617).
    Basic {
        /// The user name.
        user: String,
        /// The password.
        password: String,
    },
    /// A bearer token (RFC 6750).
    Bearer(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { user, .. } => write!(f, "Basic({user:?}, ****)"),
            Self::Bearer(_) => f.write_str("Bearer(****)"),
        }
    }
}

impl Remote {
    /// An upstream on the public internet. A user name and password in the URL become its
    /// credentials and are removed from it.
    ///
    /// # Errors
    /// [`FetchError::Scheme`] for anything but http and https;
    /// [`FetchError::Credentials`] where they cannot be put into a header.
    pub fn new(mut base: Url) -> Result<Self, FetchError> {
        if !matches!(base.scheme(), "http" | "https") {
            return Err(FetchError::Scheme { url: base.into() });
        }
        let credentials = credentials_in(&base);
        strip(&mut base);
        let identity = Identity {
            base,
            credentials: None,
            token_realm: None,
            private_addresses: PrivateAddresses::Refused,
        };
        let remote = Self { identity: Arc::new(identity), timeouts: Timeouts::default() };
        match credentials {
            Some(credentials) => remote.credentials(credentials),
            None => Ok(remote),
        }
    }

    /// Replaces the credentials.
    ///
    /// # Errors
    /// [`FetchError::Credentials`] where they cannot be put into a header.
    pub fn credentials(mut self, credentials: Credentials) -> Result<Self, FetchError> {
        credentials.header().ok_or(FetchError::Credentials)?;
        Arc::make_mut(&mut self.identity).credentials = Some(credentials);
        Ok(self)
    }

    /// Names an origin elsewhere that may be shown the credentials when the upstream says that
    /// tokens are to be had there. That origin may have a private address, as the upstream's own.
    ///
    /// # Errors
    /// [`FetchError::Scheme`] for anything but http and https.
    pub fn token_realm(mut self, realm: &Url) -> Result<Self, FetchError> {
        if !matches!(realm.scheme(), "http" | "https") {
            return Err(FetchError::Scheme { url: realm.into() });
        }
        Arc::make_mut(&mut self.identity).token_realm = Some(realm.origin());
        Ok(self)
    }

    /// Says where private addresses are allowed.
    #[must_use]
    pub fn private_addresses(mut self, allowed: PrivateAddresses) -> Self {
        Arc::make_mut(&mut self.identity).private_addresses = allowed;
        self
    }

    /// Replaces the timeouts.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// The base URL, without credentials.
    pub fn base(&self) -> &Url {
        &self.identity.base
    }

    pub(crate) fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    pub(crate) fn limits(&self) -> Timeouts {
        self.timeouts
    }

    pub(crate) fn may_be_private(&self, url: &Url) -> bool {
        match self.identity.private_addresses {
            PrivateAddresses::Refused => false,
            PrivateAddresses::ThisOrigin => self.is_own_origin(url),
            PrivateAddresses::Anywhere => true,
        }
    }

    /// Whether a token may be asked for at `url` although its address is private.
    pub(crate) fn realm_may_be_private(&self, url: &Url) -> bool {
        let is_named = self.identity.private_addresses != PrivateAddresses::Refused
            && self.is_token_realm(url);
        is_named || self.may_be_private(url)
    }

    /// The `Authorization` for a request to `url`: only at the base URL's own origin.
    pub(crate) fn authorization(&self, url: &Url) -> Option<HeaderValue> {
        self.header().filter(|_| self.is_own_origin(url))
    }

    /// The `Authorization` for asking for a token at `url`: at the base URL's own origin, and
    /// where the operator said so.
    pub(crate) fn realm_authorization(&self, url: &Url) -> Option<HeaderValue> {
        self.header().filter(|_| self.is_own_origin(url) || self.is_token_realm(url))
    }

    /// Whether we may ask for a token: who was given one by the operator has no other.
    pub(crate) fn may_ask_for_tokens(&self) -> bool {
        !matches!(self.identity.credentials, Some(Credentials::Bearer(_)))
    }

    pub(crate) fn is_own_origin(&self, url: &Url) -> bool {
        url.origin() == self.identity.base.origin()
    }

    fn is_token_realm(&self, url: &Url) -> bool {
        self.identity.token_realm.as_ref() == Some(&url.origin())
    }

    fn header(&self) -> Option<HeaderValue> {
        self.identity.credentials.as_ref()?.header()
    }
}

impl Credentials {
    fn header(&self) -> Option<HeaderValue> {
        let text = match self {
            Self::Basic { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
            }
            Self::Bearer(token) => format!("Bearer {token}"),
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Removes what is not sent as part of a request's target: user, password and fragment.
pub(crate) fn strip(url: &mut Url) {
    // These fail only for URLs without a host, which http and https do not have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
}

fn credentials_in(url: &Url) -> Option<Credentials> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let user = decoded(url.username());
    let password = decoded(url.password().unwrap_or_default());
    Some(Credentials::Basic { user, password })
}

/// Percent-decodes by way of the form encoding, in which a literal `+` must be kept.
fn decoded(text: &str) -> String {
    let pair = format!("v={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

#[cfg(test)]
mod tests;
