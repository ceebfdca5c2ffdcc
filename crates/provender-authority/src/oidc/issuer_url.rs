//! The name of an issuer, which is a URL and compared as a string.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The longest URL of an issuer.
const ISSUER_URL_LIMIT_BYTES: usize = 512;

/// The URL that an issuer goes by, exactly as it writes it in `iss`.
///
/// OIDC compares issuers byte by byte, so nothing is normalized: a slash at the end makes
/// another issuer. It is `https`, or `http` on this very machine, and has no query and no fragment
/// (OIDC Discovery, section 3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IssuerUrl(String);

/// Why a string is no issuer's URL.
#[derive(Debug, thiserror::Error)]
pub enum IssuerUrlError {
    /// It is longer than `ISSUER_URL_LIMIT_BYTES`.
    #[error("an issuer's URL has at most {ISSUER_URL_LIMIT_BYTES} bytes")]
    TooLong,
    /// It has characters that no URL has.
    #[error("an issuer's URL has no white space, control characters or letters outside ASCII")]
    NotPlain,
    /// It is no URL at all.
    #[error("an issuer is named by a URL")]
    Syntax(#[source] url::ParseError),
    /// Somebody on the way could answer in the issuer's place.
    #[error("an issuer's URL begins with https:// (http:// only on this machine)")]
    Insecure,
    /// It carries a user, a query or a fragment.
    #[error("an issuer's URL has no user, no query and no fragment")]
    Extra,
}

impl IssuerUrl {
    /// Reads the URL of an issuer that is to be trusted.
    pub fn new(url: impl Into<String>) -> Result<Self, IssuerUrlError> {
        Self::read(url.into(), is_secure)
    }

    /// Reads the URL of our own issuer. It may be `http` anywhere, as the operator decided for the whole
    /// server: we never fetch our own keys.
    pub fn of_this_server(url: impl Into<String>) -> Result<Self, IssuerUrlError> {
        Self::read(url.into(), |url| matches!(url.scheme(), "https" | "http"))
    }

    fn read(text: String, may_be: fn(&Url) -> bool) -> Result<Self, IssuerUrlError> {
        if text.len() > ISSUER_URL_LIMIT_BYTES {
            return Err(IssuerUrlError::TooLong);
        }
        // What parses besides is taken away by parsing, and this is compared as it is written.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(IssuerUrlError::NotPlain);
        }
        let parsed = Url::parse(&text).map_err(IssuerUrlError::Syntax)?;
        if !may_be(&parsed) {
            return Err(IssuerUrlError::Insecure);
        }
        let has_user = !parsed.username().is_empty() || parsed.password().is_some();
        if has_user || parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(IssuerUrlError::Extra);
        }
        Ok(Self(text))
    }

    /// The URL, exactly as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the issuer describes itself (OIDC Discovery, section 4).
    pub fn discovery(&self) -> String {
        self.endpoint(".well-known/openid-configuration")
    }

    /// A place below the issuer's URL.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}/{path}", self.0.trim_end_matches('/'))
    }
}

/// Whether nobody on the way can answer in this URL's place.
pub(super) fn is_secure(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Whether the URL names this very machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for IssuerUrl {
    type Error = IssuerUrlError;

    fn try_from(url: String) -> Result<Self, Self::Error> {
        Self::new(url)
    }
}

impl From<IssuerUrl> for String {
    fn from(url: IssuerUrl) -> Self {
        url.0
    }
}

#[cfg(test)]
mod tests {
    use super::IssuerUrl;

    #[test]
    fn only_urls_that_nobody_can_answer_for() {
        let check =
            |url: &str, expected: bool| assert_eq!(IssuerUrl::new(url).is_ok(), expected, "{url}");
        check("https://ci.example", true);
        check("https://ci.example/", true);
        check("https://ci.example/realms/one", true);
        check("http://localhost:8080/-/oidc", true);
        check("http://127.0.0.1:1", true);
        check("http://[::1]/x", true);
        check("http://ci.example", false);
        check("http://localhost.example", false);
        check("http://127.0.0.1.example", false);
        check("https://ci.example/\u{1b}[31m", false);
        check("https://ci.example/a\nb", false);
        check(" https://ci.example", false);
        check("ftp://ci.example", false);
        check("ci.example", false);
        check("", false);
        check("https://user@ci.example", false);
        check("https://ci.example?x=1", false);
        check("https://ci.example#x", false);
        check(&format!("https://ci.example/{}", "x".repeat(600)), false);
    }

    #[test]
    fn our_own_server_may_be_plain() {
        let check = |url: &str, expected: bool| {
            assert_eq!(IssuerUrl::of_this_server(url).is_ok(), expected, "{url}");
        };
        check("http://registry.corp.example:8080/-/oidc", true);
        check("https://registry.corp.example/-/oidc", true);
        check("ftp://registry.corp.example", false);
        check("http://registry.corp.example?x", false);
    }

    #[test]
    fn the_string_stays_as_it_was_given() {
        let check = |url: &str, discovery: &str| {
            let issuer = IssuerUrl::new(url).unwrap();
            assert_eq!(issuer.as_str(), url);
            assert_eq!(issuer.discovery(), discovery);
        };
        check("https://CI.example", "https://CI.example/.well-known/openid-configuration");
        check("https://ci.example/", "https://ci.example/.well-known/openid-configuration");
        check("https://ci.example/a", "https://ci.example/a/.well-known/openid-configuration");
    }
}
