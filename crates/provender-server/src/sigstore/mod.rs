//! The server's own Sigstore: certificates, the log, timestamps, the trust root and identities.
//!
//! What answers is in `provender-authority`; here its answers are framed, as unmodified clients
//! expect it. Whoever signs shows an identity token; what signatures are checked by is for
//! everybody to read, without any credential.
//!
//! | path | module | protocol |
//! |---|---|---|
//! | `/-/ca` | `ca` | Fulcio's API v2 |
//! | `/-/log` | `log` | Rekor's API v2, C2SP tlog-tiles |
//! | `/-/ct` | `log` | C2SP tlog-tiles, over the certificates of `/-/ca` |
//! | `/-/tsa` | `tsa` | RFC 3161, Sigstore's timestamp authority |
//! | `/-/tuf` | `tuf` | The Update Framework |
//! | `/-/oidc` | `oidc`, `sign_in` | `OpenID` Connect, RFC 8628, RFC 8693 |
//!
//! sigstore-python drops the path of the CA's address and asks at the root of the host, so the CA
//! answers there too: `/api/v2/signingCert`. No ecosystem is called `v2`.

mod ca;
mod dialect;
mod log;
mod oidc;
mod problems;
mod sign_in;
mod tickets;
mod tsa;
mod tuf;

use std::borrow::Cow;
use std::net::IpAddr;

use http::{HeaderMap, Method, Response};
use provender_domain::{Problem, ProblemCode};

use crate::body::Body;
use crate::request::RequestBody;
use crate::server::Server;
pub(crate) use dialect::Dialect;
pub(crate) use sign_in::SignedIn;
pub(crate) use tickets::Tickets;

/// Whose URL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Ca,
    Log,
    Ct,
    Tsa,
    Tuf,
    Oidc,
}

/// The service that a path belongs to, and what is behind its own.
pub(crate) fn find<'a, 'b>(segments: &'a [Cow<'b, str>]) -> Option<(Service, &'a [Cow<'b, str>])> {
    match segments {
        [own, word, rest @ ..] if own == "-" => {
            let service = match &**word {
                "ca" => Service::Ca,
                "log" => Service::Log,
                "ct" => Service::Ct,
                "tsa" => Service::Tsa,
                "tuf" => Service::Tuf,
                "oidc" => Service::Oidc,
                _ => return None,
            };
            Some((service, rest))
        }
        [api, version, last]
            if api == "api"
                && version == "v2"
                && ["signingCert", "trustBundle", "configuration"].contains(&&**last) =>
        {
            Some((Service::Ca, segments))
        }
        _ => None,
    }
}

impl Service {
    /// In whose words its clients want to be refused.
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Ca | Self::Log | Self::Tsa => Dialect::Gateway,
            Self::Ct | Self::Tuf => Dialect::Plain,
            Self::Oidc => Dialect::OAuth,
        }
    }
}

/// One request to a service.
pub(crate) struct Call {
    /// HEAD already turned into GET.
    pub(crate) method: Method,
    /// What is behind the service's own path, decoded once.
    pub(crate) path: Vec<String>,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    /// Where it came from; `None`: from the operator's socket.
    pub(crate) client: Option<IpAddr>,
    /// Scheme, host and port by which this client reaches the server.
    pub(crate) origin: String,
    pub(crate) body: RequestBody,
}

impl Call {
    fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    fn query_pairs(&self) -> Vec<(String, String)> {
        pairs(self.query.as_deref().unwrap_or_default().as_bytes())
    }

    /// Checks the method of a URL that is there.
    fn takes(&self, method: &Method) -> Result<(), Refusal> {
        if self.method == *method {
            return Ok(());
        }
        let allow = if *method == Method::GET { "GET, HEAD" } else { "POST" };
        let problem = Problem::new(ProblemCode::MethodNotAllowed, format!("this takes {allow}"));
        Err(Refusal { problem, allow: Some(allow) })
    }
}

/// Why a request got no answer.
pub(crate) struct Refusal {
    pub(crate) problem: Problem,
    /// The methods that the URL takes, where it does not take this one.
    pub(crate) allow: Option<&'static str>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, allow: None }
    }
}

/// Answers one request.
pub(crate) async fn handle(
    server: &Server,
    service: Service,
    call: Call,
) -> Result<Response<Body>, Refusal> {
    match service {
        Service::Ca => ca::handle(server, call).await,
        Service::Log => log::handle(server, call).await,
        Service::Ct => log::handle_certificates(server, &call).await,
        Service::Tsa => tsa::handle(server, call).await,
        Service::Tuf => tuf::handle(server, &call),
        Service::Oidc => oidc::handle(server, call).await,
    }
}

fn nothing_here() -> Refusal {
    Problem::not_found("there is nothing at this path").into()
}

/// The pairs of a form or a query.
fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(encoded).into_owned().collect()
}

#[cfg(test)]
mod tests {
    use provender_ecosystem::Path;

    use super::{Service, find};

    #[test]
    fn paths() {
        let check = |path: &str, expected: Option<(Service, &str)>| {
            let path = Path::parse(path).unwrap();
            let found = find(&path.segments);
            let found = found.map(|(service, rest)| (service, rest.join("/")));
            assert_eq!(found, expected.map(|(service, rest)| (service, rest.to_owned())));
        };
        check("/-/ca/api/v2/signingCert", Some((Service::Ca, "api/v2/signingCert")));
        check("/api/v2/signingCert", Some((Service::Ca, "api/v2/signingCert")));
        check("/api/v2/trustBundle", Some((Service::Ca, "api/v2/trustBundle")));
        check("/-/log/checkpoint", Some((Service::Log, "checkpoint")));
        check("/-/ct/checkpoint", Some((Service::Ct, "checkpoint")));
        check("/-/tuf/1.root.json", Some((Service::Tuf, "1.root.json")));
        check("/-/oidc/token", Some((Service::Oidc, "token")));
        check("/-/tsa", Some((Service::Tsa, "")));
        check("/api/v2/log", None);
        check("/api/v2", None);
        check("/-/api/v1/status", None);
        check("/main/log/api", None);
        check("/", None);
    }
}
