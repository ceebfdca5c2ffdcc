//! Which upstreams the clients installed on this machine are set up to use.
//!
//! No address is compiled in: what a client is configured with, or comes with, is what its user
//! already trusts.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use provender_ecosystem::{Ecosystem, Probe, ProbeSource};
use provender_server::api::types::{Items, NewUpstream, NoParameters, Upstream};
use serde::Serialize;
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;
use url::{Host, Url};

use crate::api::{Api, Refusal};

/// How long one client may take to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// Most that is read of one answer, in bytes.
const ANSWER_LIMIT_BYTES: u64 = 1024 * 1024;

/// An upstream that a client uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Discovered {
    /// Of which ecosystem.
    pub(crate) ecosystem: String,
    /// Whose configuration names it.
    pub(crate) client: &'static str,
    /// May carry a user and a password.
    pub(crate) url: Url,
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
pub(crate) async fn ask_clients(ecosystems: &[Arc<dyn Ecosystem>]) -> Vec<Discovered> {
    let mut asking = JoinSet::new();
    for ecosystem in ecosystems {
        for probe in ecosystem.probes() {
            let place = asking.len();
            let ecosystem = ecosystem.id().to_string();
            asking.spawn(async move { (place, ecosystem, probe, ask(probe).await) });
        }
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(place, ..)| *place);
    let mut discovered: Vec<Discovered> = Vec::new();
    for (_, ecosystem, probe, urls) in answers {
        for url in urls {
            let known =
                |other: &Discovered| other.ecosystem == ecosystem && is_same(&other.url, &url);
            if !discovered.iter().any(known) {
                let ecosystem = ecosystem.clone();
                discovered.push(Discovered { ecosystem, client: probe.client, url });
            }
        }
    }
    discovered
}

/// Makes upstreams of what was discovered, in that order.
pub(crate) async fn adopt(
    discovered: Vec<Discovered>,
    adoption: Adoption<'_>,
    api: &Api,
) -> Result<Vec<Finding>> {
    let path = ["repositories", adoption.repository, "upstreams"];
    let existing: Items<Upstream> = api.get(&path, &NoParameters::default()).await?;
    let mut findings = Vec::new();
    for found in discovered {
        let outcome = if is_ours(&found.url, adoption.own_origins) {
            Outcome::Ourselves
        } else if existing.items.iter().any(|upstream| is_at(upstream, &found)) {
            Outcome::Known
        } else if adoption.dry_run {
            Outcome::Proposed
        } else {
            add(&found, &path, api).await?
        };
        let url = without_credentials(&found.url).to_string();
        findings.push(Finding { ecosystem: found.ecosystem, client: found.client, url, outcome });
    }
    Ok(findings)
}

async fn add(found: &Discovered, path: &[&str], api: &Api) -> Result<Outcome> {
    let new = NewUpstream {
        ecosystem: found.ecosystem.clone(),
        url: Some(found.url.to_string()),
        ..NewUpstream::default()
    };
    match api.post::<Upstream>(path, &new).await {
        Ok(added) => Ok(Outcome::Adopted { upstream: added.name }),
        Err(error) => match error.downcast::<Refusal>() {
            Ok(refusal) => Ok(Outcome::Refused { reason: refusal.message }),
            Err(error) => Err(error),
        },
    }
}

/// Whether this upstream is at that URL already, whoever's credentials are sent there.
pub(crate) fn is_at(upstream: &Upstream, found: &Discovered) -> bool {
    let at = upstream.url.as_deref().and_then(|url| Url::parse(url).ok());
    upstream.ecosystem == found.ecosystem && at.is_some_and(|at| is_same(&at, &found.url))
}

fn is_same(a: &Url, b: &Url) -> bool {
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

async fn ask(probe: Probe) -> Vec<Url> {
    let text = tokio::time::timeout(PROBE_TIMEOUT, look(probe.source)).await.ok().flatten();
    let urls = text.map(|text| (probe.read)(&text)).unwrap_or_default();
    let parsed = urls.iter().filter_map(|url| Url::parse(url).ok());
    parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).collect()
}

async fn look(source: ProbeSource) -> Option<String> {
    match source {
        ProbeSource::Command { program, arguments } => printed(program, arguments).await,
        ProbeSource::File { path } => {
            let path = match std::env::var_os("HOME") {
                Some(home) => PathBuf::from(home).join(path),
                None if Path::new(path).is_absolute() => PathBuf::from(path),
                None => return None,
            };
            read_limited(tokio::fs::File::open(path).await.ok()?).await
        }
        ProbeSource::Environment { variable } => {
            std::env::var(variable).ok().filter(|value| !value.is_empty())
        }
    }
}

async fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let text = read_limited(child.stdout.take()?).await?;
    // What it printed before failing is no answer.
    child.wait().await.ok()?.success().then_some(text)
}

async fn read_limited(source: impl tokio::io::AsyncRead + Unpin) -> Option<String> {
    let mut bytes = Vec::new();
    source.take(ANSWER_LIMIT_BYTES).read_to_end(&mut bytes).await.ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use provender_ecosystem::ProbeSource;
    use url::Url;

    use super::{is_ours, is_same, look, without_credentials};

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

    #[tokio::test]
    async fn programs() {
        let check = async |program, arguments, expected: Option<&str>| {
            let printed = look(ProbeSource::Command { program, arguments }).await;
            assert_eq!(printed.as_deref(), expected, "{program} {arguments:?}");
        };
        check("echo", &["a"], Some("a\n")).await;
        check("sh", &["-c", "echo a; exit 1"], None).await;
        check("no-such-program-anywhere", &[], None).await;
        let absent = look(ProbeSource::File { path: "/no/such/file" }).await;
        assert_eq!(absent, None);
    }
}
