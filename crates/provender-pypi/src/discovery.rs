//! What the clients installed on this machine are configured with, and what they are told.
//!
//! No index's address is written here: pip and uv are asked for theirs, the compiled-in ones too.
//! What counts is what `pip install` and `uv pip install` would use. Extra indexes come before
//! default ones, since an extra index is usually the organisation's own and private goes first.

mod help;
mod pip;
mod toml;
mod uv;

use provender_domain::PackageName;
use provender_ecosystem::{ClientSetup, Endpoint, Named, Probe, ProbeSource};
use url::{Host, Url};

/// Most upstreams that are read out of one answer.
const NAMED_LIMIT: usize = 16;

/// Set, it is the one file of settings that uv reads.
const UV_CONFIG_FILE: &str = "UV_CONFIG_FILE";
/// Where uv does not look for files of settings.
const UV_LOOKS_FOR_NONE: &[&str] = &[UV_CONFIG_FILE, "UV_NO_CONFIG"];

/// Where to look. Of each client what it prefers itself comes first.
pub(crate) fn probes() -> Vec<Probe> {
    let probe = |client, source, read| Probe { client, source, unless: &[], read };
    let variable =
        |client, variable, read| probe(client, ProbeSource::Environment { variable }, read);
    let uv_file =
        |source| Probe { client: "uv", source, unless: UV_LOOKS_FOR_NONE, read: uv::settings };
    vec![
        variable("uv", "UV_INDEX", extra),
        variable("uv", "UV_EXTRA_INDEX_URL", extra),
        variable("pip", "PIP_EXTRA_INDEX_URL", extra),
        variable("uv", "UV_DEFAULT_INDEX", default),
        variable("uv", "UV_INDEX_URL", default),
        probe("uv", ProbeSource::NamedFile { variable: UV_CONFIG_FILE }, uv::settings),
        uv_file(ProbeSource::Project { files: &[("uv.toml", ""), ("pyproject.toml", "[tool.uv")] }),
        uv_file(ProbeSource::UserSettings { path: "uv/uv.toml" }),
        uv_file(ProbeSource::SystemSettings { path: "uv/uv.toml" }),
        variable("pip", "PIP_INDEX_URL", default),
        probe("pip", ProbeSource::FirstOf(PIP_SETTINGS), pip::settings),
        probe("pip", ProbeSource::FirstOf(PIP_HELP), help::pip),
        probe("uv", UV_HELP, help::uv),
    ]
}

/// Whatever pip is called here.
const PIP_SETTINGS: &[ProbeSource] = &[
    ProbeSource::Command { program: "pip", arguments: &["config", "list"] },
    ProbeSource::Command { program: "pip3", arguments: &["config", "list"] },
    ProbeSource::Command { program: "python3", arguments: &["-m", "pip", "config", "list"] },
];
const PIP_HELP: &[ProbeSource] = &[
    ProbeSource::Command { program: "pip", arguments: &["install", "--help"] },
    ProbeSource::Command { program: "pip3", arguments: &["install", "--help"] },
    ProbeSource::Command { program: "python3", arguments: &["-m", "pip", "install", "--help"] },
];
const UV_HELP: ProbeSource =
    ProbeSource::Command { program: "uv", arguments: &["pip", "install", "--help"] };

fn extra(text: &str) -> Vec<Named> {
    limited(words(text).map(|url| Named::Extra(url.to_owned())))
}

fn default(text: &str) -> Vec<Named> {
    limited(words(text).take(1).map(|url| Named::Default(url.to_owned())))
}

/// URLs between white space; uv writes `name=` before an index that has a name.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().map(|word| match word.split_once('=') {
        Some((name, url)) if !name.contains(':') => url,
        _ => word,
    })
}

/// Those at web addresses, each once, at most [`NAMED_LIMIT`] and the first default: without it the
/// one that the client comes with would be taken. A default elsewhere, such as a folder, is none for
/// a server.
fn limited(candidates: impl Iterator<Item = Named>) -> Vec<Named> {
    let mut named: Vec<Named> = Vec::new();
    for candidate in candidates {
        let candidate = match candidate {
            Named::Default(url) if !is_web(&url) => Named::NoDefault,
            Named::Extra(url) | Named::Pinned(url) if !is_web(&url) => continue,
            other => other,
        };
        let is_default = |named: &Named| matches!(named, Named::Default(_) | Named::NoDefault);
        let has_room =
            named.len() < NAMED_LIMIT || (is_default(&candidate) && !named.iter().any(is_default));
        if has_room && !named.contains(&candidate) {
            named.push(candidate);
        }
    }
    named
}

fn is_web(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Commands that work when pasted, for each client.
pub(crate) fn client_setup(endpoint: &Endpoint<'_>) -> Vec<ClientSetup> {
    let root = root(endpoint);
    let pip_trust_always = plain_http_host(endpoint.origin)
        .map(|host| format!(" && pip config set global.trusted-host {host}"))
        .unwrap_or_default();
    let [pip, uv] = installing(endpoint, "NAME");
    vec![
        pip,
        setup(
            "pip",
            "configure",
            format!("pip config set global.index-url {root}/simple/{pip_trust_always}"),
        ),
        uv,
        setup("uv", "configure", format!("export UV_DEFAULT_INDEX={root}/simple/")),
        setup(
            "twine",
            "publish",
            format!("twine upload --repository-url {root}/legacy/ --username __token__ dist/*"),
        ),
        setup(
            "uv",
            "publish",
            format!("uv publish --publish-url {root}/legacy/ --token TOKEN dist/*"),
        ),
    ]
}

/// How to install a package.
pub(crate) fn client_fetch(endpoint: &Endpoint<'_>, package: &PackageName) -> Vec<ClientSetup> {
    installing(endpoint, package.as_str()).into()
}

fn installing(endpoint: &Endpoint<'_>, name: &str) -> [ClientSetup; 2] {
    let root = root(endpoint);
    let trust = plain_http_host(endpoint.origin);
    let trust = trust.map(|host| format!(" --trusted-host {host}")).unwrap_or_default();
    [
        setup("pip", "install", format!("pip install --index-url {root}/simple/{trust} {name}")),
        setup("uv", "install", format!("uv pip install --default-index {root}/simple/ {name}")),
    ]
}

fn root(endpoint: &Endpoint<'_>) -> String {
    format!("{}/{}/pypi", endpoint.origin, endpoint.repository)
}

fn setup(client: &'static str, purpose: &'static str, command: String) -> ClientSetup {
    ClientSetup { client, purpose, command }
}

/// The host and port that pip has to be told to trust: those of plain HTTP, but for this machine's
/// own addresses, which pip and uv trust by themselves.
fn plain_http_host(origin: &str) -> Option<String> {
    let url = Url::parse(origin).ok().filter(|url| url.scheme() == "http")?;
    let is_own = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let host = url.host_str()?;
    (!is_own).then(|| url.port().map_or(host.to_owned(), |port| format!("{host}:{port}")))
}

#[cfg(test)]
mod tests;
