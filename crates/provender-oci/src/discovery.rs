//! What the clients installed on this machine are configured with, and what they are told.
//!
//! No registry's address is written here: docker's daemon is asked for its mirrors and, last, for
//! the one that is compiled into it, which only a running daemon tells. podman and its kin read
//! `registries.conf`. containerd keeps a folder for each host it mirrors, whose names nobody can
//! guess; it is not asked.

mod registries_conf;

use provender_domain::{PackageName, Tag};
use provender_ecosystem::{ClientSetup, Endpoint, Named, Probe, ProbeSource};
use serde::Deserialize;
use url::Url;

/// Most URLs that are read out of one answer.
const URLS_LIMIT: usize = 16;

/// Where to look, in the order in which the answers are to be adopted.
pub(crate) fn probes() -> Vec<Probe> {
    let docker = |arguments, read| Probe {
        client: "docker",
        source: ProbeSource::Command { program: "docker", arguments },
        unless: &[],
        read,
    };
    let file = |client, path, read| {
        let source = ProbeSource::File { path };
        Probe { client, source, unless: &[], read }
    };
    vec![
        docker(
            &["info", "--format", "{{range .RegistryConfig.Mirrors}}{{println .}}{{end}}"],
            mirrors,
        ),
        file("docker", "/etc/docker/daemon.json", daemon_mirrors),
        file("docker", ".config/docker/daemon.json", daemon_mirrors),
        file("podman", ".config/containers/registries.conf", registries_conf::read),
        file("podman", "/etc/containers/registries.conf", registries_conf::read),
        docker(&["info", "--format", "{{.IndexServerAddress}}"], compiled_in),
    ]
}

/// One address a line.
fn mirrors(text: &str) -> Vec<Named> {
    extra(text.lines().map(|line| line.trim().to_owned()))
}

/// The mirrors in the settings of docker's daemon.
fn daemon_mirrors(text: &str) -> Vec<Named> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Settings {
        #[serde(default)]
        registry_mirrors: Vec<String>,
    }
    let settings = serde_json::from_str::<Settings>(text);
    extra(settings.map(|settings| settings.registry_mirrors).unwrap_or_default().into_iter())
}

/// The registry that docker asks where an image names none. Its address is given for version 1 of
/// the protocol, which nobody speaks any more; the host speaks version 2 as well.
fn compiled_in(text: &str) -> Vec<Named> {
    let address = text.trim();
    let address = address.trim_end_matches('/').trim_end_matches("/v1");
    let addresses = distinct(std::iter::once(address.to_owned()));
    addresses.into_iter().map(Named::BuiltIn).collect()
}

fn extra(candidates: impl Iterator<Item = String>) -> Vec<Named> {
    distinct(candidates).into_iter().map(Named::Extra).collect()
}

/// Those that are web addresses, in their normal form, each once, without a slash at the end, at
/// most [`URLS_LIMIT`].
fn distinct(candidates: impl Iterator<Item = String>) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for candidate in candidates {
        let Ok(url) = Url::parse(&candidate) else { continue };
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            continue;
        }
        let url = url.as_str().trim_end_matches('/');
        if urls.len() < URLS_LIMIT && urls.iter().all(|known| known != url) {
            urls.push(url.to_owned());
        }
    }
    urls
}

/// Commands that work when pasted, for each client.
pub(crate) fn client_setup(endpoint: &Endpoint<'_>) -> Vec<ClientSetup> {
    let host = endpoint.origin.split_once("://").map_or(endpoint.origin, |(_, host)| host);
    let image = format!("{host}/{}/NAME", endpoint.repository);
    let is_plain = endpoint.origin.starts_with("http://");
    // docker takes plain HTTP from this machine's own addresses alone, and has no option for others;
    // podman, skopeo and helm want to be told of any.
    let flag = |text: &'static str| if is_plain { text } else { "" };
    let setup = |client, purpose, command| ClientSetup { client, purpose, command };
    let tls = flag(" --tls-verify=false");
    vec![
        setup("docker", "pull", format!("docker pull {image}")),
        setup("docker", "push", format!("docker tag NAME {image} && docker push {image}")),
        setup("docker", "log in", format!("docker login --username __token__ {host}")),
        setup("podman", "pull", format!("podman pull{tls} {image}")),
        setup("podman", "push", format!("podman push{tls} NAME {image}")),
        setup("podman", "log in", format!("podman login{tls} --username __token__ {host}")),
        setup(
            "skopeo",
            "copy",
            format!("skopeo copy{} docker://{image} oci:NAME", flag(" --src-tls-verify=false")),
        ),
        setup(
            "helm",
            "push",
            format!(
                "helm push CHART.tgz oci://{host}/{}{}",
                endpoint.repository,
                flag(" --plain-http")
            ),
        ),
    ]
}

/// How to pull an image, or one tag of it.
pub(crate) fn client_fetch(
    endpoint: &Endpoint<'_>,
    package: &PackageName,
    tag: Option<&Tag>,
) -> Vec<ClientSetup> {
    let host = endpoint.origin.split_once("://").map_or(endpoint.origin, |(_, host)| host);
    let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
    let image = format!("{host}/{}/{package}{tag}", endpoint.repository);
    let is_plain = endpoint.origin.starts_with("http://");
    let tls = if is_plain { " --tls-verify=false" } else { "" };
    let setup = |client, command| ClientSetup { client, purpose: "pull", command };
    vec![
        setup("docker", format!("docker pull {image}")),
        setup("podman", format!("podman pull{tls} {image}")),
    ]
}

#[cfg(test)]
mod tests;
