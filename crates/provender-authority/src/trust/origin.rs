//! Under which name the server is known, and where its services are.

use url::{Host, Url};

/// The server's public origin: a scheme and a host, with a port where it is not the usual one.
///
/// Everything that is signed depends on it: issuers, identities and the name of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicOrigin {
    /// Without a slash at the end.
    origin: String,
    hostname: String,
    log_origin: String,
    log_hostname: String,
}

/// The URL is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicOriginError {
    /// It is not of the web.
    #[error("the public origin must begin with https:// or http:// and name a host")]
    Scheme,
    /// It says more than an origin.
    #[error("the public origin must have no path, no query and no user")]
    Extra,
}

impl TryFrom<&Url> for PublicOrigin {
    type Error = PublicOriginError;

    fn try_from(url: &Url) -> Result<Self, PublicOriginError> {
        let is_web = matches!(url.scheme(), "https" | "http");
        let host = url.host().filter(|_| is_web).ok_or(PublicOriginError::Scheme)?;
        let has_user = !url.username().is_empty() || url.password().is_some();
        let has_more = url.query().is_some() || url.fragment().is_some();
        if url.path() != "/" || has_user || has_more {
            return Err(PublicOriginError::Extra);
        }
        let hostname = match host {
            Host::Ipv6(address) => address.to_string(),
            Host::Ipv4(address) => address.to_string(),
            Host::Domain(name) => name.to_owned(),
        };
        let origin = url.origin().ascii_serialization();
        let (log_origin, log_hostname) = (origin.clone(), hostname.clone());
        Ok(Self { origin, hostname, log_origin, log_hostname })
    }
}

impl PublicOrigin {
    /// The same, but for the transparency log, which clients reach at the other origin and which is
    /// named after its host.
    #[must_use]
    pub fn with_log_at(self, other: &Self) -> Self {
        let (log_origin, log_hostname) = (other.origin.clone(), other.hostname.clone());
        Self { log_origin, log_hostname, ..self }
    }

    /// The origin, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// The host alone, without port or brackets.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// The name of the transparency log: the first line of its checkpoints. It is the host of the
    /// log's URL, from which clients take it.
    pub fn log_name(&self) -> &str {
        &self.log_hostname
    }

    /// The name of the log of certificates: the first line of its checkpoints. No host is called
    /// so, thus no transparency log.
    pub fn ct_log_name(&self) -> String {
        format!("{}/-/ct", self.hostname)
    }

    /// What the tiles of the transparency log are stored under.
    pub fn log_store(&self) -> &str {
        &self.log_hostname
    }

    /// What the tiles of the log of certificates are stored under: a file name that is no host's,
    /// thus no transparency log's.
    pub fn ct_log_store(&self) -> String {
        format!("ct@{}", self.hostname)
    }

    /// Where the transparency log is.
    pub fn log(&self) -> String {
        format!("{}/-/log", self.log_origin)
    }

    /// Where the log of certificates is.
    pub fn ct(&self) -> String {
        self.service("ct")
    }

    /// Where the certificate authority is.
    pub fn ca(&self) -> String {
        self.service("ca")
    }

    /// Where the timestamp authority is.
    pub fn tsa(&self) -> String {
        self.service("tsa")
    }

    /// Where timestamps are asked for; clients take this URL as it is.
    pub fn tsa_timestamp(&self) -> String {
        format!("{}/api/v1/timestamp", self.tsa())
    }

    /// The issuer of identity tokens.
    pub fn oidc(&self) -> String {
        self.service("oidc")
    }

    /// Where the TUF repository is.
    pub fn tuf(&self) -> String {
        self.service("tuf")
    }

    /// The identity of a repository of packages.
    pub fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.origin)
    }

    /// The identity of a token of this server.
    pub fn token(&self, name: &str) -> String {
        format!("{}/-/tokens/{name}", self.origin)
    }

    fn service(&self, name: &str) -> String {
        format!("{}/-/{name}", self.origin)
    }
}
