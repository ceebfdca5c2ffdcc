//! Which upstreams the clients installed on this machine are set up to use.
//!
//! No address is compiled in: what a client is configured with, or comes with, is what its user
//! already trusts.

mod choice;
mod look;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use provender_ecosystem::{Ecosystem, Probe};
use provender_server::api::types::{Items, NewUpstream, NoParameters, Upstream};
use serde::Serialize;
use tokio::task::JoinSet;
use url::{Host, Url};

use crate::api::{Api, Refusal};
use choice::Answer;
use look::look;

/// How long one client may take to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// An upstream that a client uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Discovered {
    /// Of which ecosystem.
    pub(crate) ecosystem: String,
    /// Whose configuration names it.
    pub(crate) client: &'static str,
    /// May carry a user and a password.
    pub(crate) url: Url,
    /// Whether the client asks it for packages alone that are pinned to it.
    pub(crate) is_pinned: bool,
}

/// What became of one discovery. Has no secrets.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    /// Of which ecosystem.
    pub(crate) ecosystem: String,
    /// Whose configuration named it.
    pub(crate) client: &'static str,
    /// Where it is, without user and password.
    pub(crate) url: String,
    /// What was done about it.
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// What was done about a discovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It is an upstream now.
    Adopted {
        /// Of this name.
        upstream: String,
    },
    /// It was one already.
    Known,
    /// It would be adopted.
    Proposed,
    /// It is this server itself: the client is set up to use it.
    Ourselves,
    /// The client asks it for packages alone that are pinned to it. An upstream is asked for all,
    /// so it becomes none.
    Pinned,
    /// It cannot be one.
    Refused {
        /// Why.
        reason: String,
    },
}

/// What to do with what is found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Adoption<'a> {
    /// The repository that gets the upstreams.
    pub(crate) repository: &'a str,
    /// Where this server is reached, so that it does not become its own upstream.
    pub(crate) own_origins: &'a [&'a str],
    /// Only say what would be done.
    pub(crate) dry_run: bool,
}

/// Asks every client of these ecosystems, all at once. A client that is missing, slow or broken
/// has nothing to say.
pub(crate) async fn ask_all_clients(ecosystems: &[Arc<dyn Ecosystem>]) -> Vec<Discovered> {
    let mut asking = JoinSet::new();
    for (place, ecosystem) in ecosystems.iter().cloned().enumerate() {
        asking.spawn(async move { (place, ask_clients(&ecosystem).await) });
    }
    let mut discovered = asking.join_all().await;
    discovered.sort_by_key(|(place, _)| *place);
    discovered.into_iter().flat_map(|(_, of_one)| of_one).collect()
}

/// Asks every client of one ecosystem, all at once.
pub(crate) async fn ask_clients(ecosystem: &Arc<dyn Ecosystem>) -> Vec<Discovered> {
    let mut asking = JoinSet::new();
    for (place, probe) in ecosystem.probes().into_iter().enumerate() {
        asking.spawn(async move { (place, ask(probe).await) });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    let answers: Vec<Answer> = answers.into_iter().map(|(_, answer)| answer).collect();
    choice::choose(ecosystem.id().as_str(), &answers)
}

/// Makes upstreams of what was discovered, in that order.
pub(crate) async fn adopt(
    discovered: Vec<Discovered>,
    adoption: Adoption<'_>,
    api: &Api,
) -> Result<Vec<Finding>> {
    let existing = upstreams_of(adoption.repository, api).await?;
    let mut findings = Vec::new();
    for found in discovered {
        let is_at = |upstream: &Upstream| is_at(upstream, &found.ecosystem, &found.url);
        let outcome = if is_ours(&found.url, adoption.own_origins) {
            Outcome::Ourselves
        } else if found.is_pinned {
            Outcome::Pinned
        } else if existing.iter().any(is_at) {
            Outcome::Known
        } else if adoption.dry_run {
            Outcome::Proposed
        } else {
            add(&found, adoption.repository, api).await?
        };
        let url = without_credentials(&found.url).to_string();
        findings.push(Finding { ecosystem: found.ecosystem, client: found.client, url, outcome });
    }
    Ok(findings)
}

async fn add(found: &Discovered, repository: &str, api: &Api) -> Result<Outcome> {
    let new = NewUpstream {
        ecosystem: found.ecosystem.clone(),
        url: Some(found.url.to_string()),
        ..NewUpstream::default()
    };
    match api.post::<Upstream>(&["repositories", repository, "upstreams"], &new).await {
        Ok(added) => Ok(Outcome::Adopted { upstream: added.name }),
        Err(error) => match error.downcast::<Refusal>() {
            Ok(refusal) => Ok(Outcome::Refused { reason: refusal.message }),
            Err(error) => Err(error),
        },
    }
}

/// The upstreams of a repository.
pub(crate) async fn upstreams_of(repository: &str, api: &Api) -> Result<Vec<Upstream>> {
    let path = ["repositories", repository, "upstreams"];
    let upstreams: Items<Upstream> = api.get(&path, &NoParameters::default()).await?;
    Ok(upstreams.items)
}

/// Whether it is the address of something on the web.
pub(crate) fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

/// The address of something on the web; `begins` is what to say of what has no such scheme.
pub(crate) fn web_url(text: &str, begins: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if is_web(&url) => Ok(url),
        Ok(_) | Err(url::ParseError::RelativeUrlWithoutBase) => Err(begins.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// What to say of a server that is named in another way.
pub(crate) const SERVER_BEGINS: &str = "a server's URL begins with http:// or https://";

/// Whether this upstream is at that URL already, whoever's credentials are sent there.
pub(crate) fn is_at(upstream: &Upstream, ecosystem: &str, url: &Url) -> bool {
    let at = upstream.url.as_deref().and_then(|url| Url::parse(url).ok());
    upstream.ecosystem == ecosystem && at.is_some_and(|at| is_same(&at, url))
}

/// Whether two URLs are one place, whatever credentials they carry.
pub(crate) fn is_same(a: &Url, b: &Url) -> bool {
    let essence = |url: &Url| without_credentials(url).as_str().trim_end_matches('/').to_owned();
    essence(a) == essence(b)
}

/// The URL as it may be shown.
pub(crate) fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // Fails only for URLs that can have no credentials anyway.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// Whether a URL leads to one of these origins; all names of this machine's own loopback are one.
fn is_ours(url: &Url, own_origins: &[&str]) -> bool {
    let place = |url: &Url| {
        let host = match url.host() {
            Some(Host::Ipv4(address)) if address.is_loopback() => "localhost".to_owned(),
            Some(Host::Ipv6(address)) if address.is_loopback() => "localhost".to_owned(),
            host => host.map(|host| host.to_string()).unwrap_or_default(),
        };
        (url.scheme().to_owned(), host, url.port_or_known_default())
    };
    let mut own = own_origins.iter().filter_map(|origin| Url::parse(origin).ok());
    own.any(|own| place(&own) == place(url))
}

async fn ask(probe: Probe) -> Answer {
    let looking = look(probe.source);
    let text = match probe.unless.iter().any(|variable| look::is_on(variable)) {
        true => None,
        false => tokio::time::timeout(PROBE_TIMEOUT, looking).await.ok().flatten(),
    };
    let named = text.map(|text| (probe.read)(&text)).unwrap_or_default();
    Answer { client: probe.client, named }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{is_ours, is_same, without_credentials};

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn addresses() {
        let check = |a: &str, b: &str, same: bool| {
            assert_eq!(is_same(&url(a), &url(b)), same, "{a} and {b}");
        };
        check("https://upstream.example/simple", "https://upstream.example/simple/", true);
        check("https://u:p@upstream.example/simple", "https://upstream.example/simple", true);
        check("https://upstream.example/simple", "https://upstream.example/other", false);
        assert_eq!(
            without_credentials(&url("https://u:p@upstream.example/")).as_str(),
            "https://upstream.example/"
        );
        let ours = url("http://127.0.0.1:8080/main/x");
        assert!(is_ours(&ours, &["https://packages.example", "http://127.0.0.1:8080"]));
        assert!(is_ours(&ours, &["http://localhost:8080"]));
        assert!(is_ours(&url("http://[::1]:8080/main/"), &["http://localhost:8080"]));
        assert!(is_ours(&url("https://u:p@packages.example/"), &["https://packages.example:443"]));
        assert!(!is_ours(&ours, &["http://127.0.0.1:8081"]));
        assert!(!is_ours(&ours, &["https://127.0.0.1:8080"]));
        assert!(!is_ours(&ours, &[]));
    }
}
