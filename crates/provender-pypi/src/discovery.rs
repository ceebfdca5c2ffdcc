//! What the clients installed on this machine are configured with, and what they are told.
//!
//! No index's address is written here: pip and uv are asked for theirs. Indexes that somebody named
//! come before the one that is compiled in, and extra indexes before the default one, since an extra
//! index is usually the organisation's own and private goes first.

use provender_ecosystem::{ClientSetup, Endpoint, Probe, ProbeSource};
use url::{Host, Url};

/// Most URLs that are read out of one answer.
const URLS_LIMIT: usize = 16;

/// Prints the index that is compiled into pip, unless something that was configured replaces it for
/// pip or for uv. pip's own option parser knows all places that pip is configured in.
const COMPILED_IN_DEFAULT: &str = "\
import os, pathlib, re
from pip._internal.commands import create_command
from pip._internal.models.index import PyPI
options, _ = create_command('download').parse_args([])
files = [pathlib.Path(os.environ.get('XDG_CONFIG_HOME') or '~/.config').expanduser() / 'uv/uv.toml', pathlib.Path('/etc/uv/uv.toml')]
texts = [path.read_text() for path in files if path.is_file()]
replaced = options.index_url.rstrip('/') != PyPI.simple_url.rstrip('/') or options.no_index
replaced |= any(os.environ.get(name) for name in ('UV_DEFAULT_INDEX', 'UV_INDEX_URL'))
replaced |= any(re.search(r'(?m)^\\s*(index-url\\s*=|default\\s*=\\s*true)', text) for text in texts)
if not replaced: print(PyPI.simple_url)";

/// Where to look, in the order in which the answers are to be adopted.
pub(crate) fn probes() -> Vec<Probe> {
    let environment = |client, variable| Probe {
        client,
        source: ProbeSource::Environment { variable },
        read: urls,
    };
    let pip_setting = |arguments| Probe {
        client: "pip",
        source: ProbeSource::Command { program: "pip", arguments },
        read: urls,
    };
    let uv_file =
        |path| Probe { client: "uv", source: ProbeSource::File { path }, read: uv_settings };
    vec![
        environment("uv", "UV_INDEX"),
        environment("uv", "UV_EXTRA_INDEX_URL"),
        environment("pip", "PIP_EXTRA_INDEX_URL"),
        pip_setting(&["config", "get", "global.extra-index-url"]),
        uv_file(".config/uv/uv.toml"),
        uv_file("/etc/uv/uv.toml"),
        environment("uv", "UV_DEFAULT_INDEX"),
        environment("uv", "UV_INDEX_URL"),
        environment("pip", "PIP_INDEX_URL"),
        pip_setting(&["config", "get", "global.index-url"]),
        Probe {
            client: "pip",
            source: ProbeSource::Command {
                program: "python3",
                arguments: &["-c", COMPILED_IN_DEFAULT],
            },
            read: urls,
        },
    ]
}

/// URLs between white space; uv writes `name=` before an index that has a name.
fn urls(text: &str) -> Vec<String> {
    distinct(text.split_whitespace().map(|word| match word.split_once('=') {
        Some((name, url)) if !name.contains(':') => url,
        _ => word,
    }))
}

/// The indexes of a `uv.toml`, read line by line: extra ones first, then the default one. uv knows
/// `[[index]]` with `url` and `default`, and the older `index-url` and `extra-index-url`.
fn uv_settings(text: &str) -> Vec<String> {
    let settings = settings(text);
    let is_default = |table: usize| {
        settings.iter().any(|other| other.table == table && other.key == "default" && other.is_true)
    };
    let of = |wanted: bool| {
        settings.iter().filter(move |setting| match setting.key {
            "url" => setting.is_in_index && is_default(setting.table) == wanted,
            "index" | "extra-index-url" => !wanted,
            "index-url" => wanted,
            _ => false,
        })
    };
    distinct(of(false).chain(of(true)).flat_map(|setting| setting.texts.iter().copied()))
}

/// One `key = value` of a TOML file.
struct Setting<'a> {
    /// Which table it is in, counted from the top.
    table: usize,
    is_in_index: bool,
    key: &'a str,
    /// The quoted texts of its value.
    texts: Vec<&'a str>,
    is_true: bool,
}

fn settings(text: &str) -> Vec<Setting<'_>> {
    let mut settings: Vec<Setting<'_>> = Vec::new();
    let (mut table, mut is_in_index, mut in_list) = (0, false, false);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if in_list {
            if let Some(setting) = settings.last_mut() {
                setting.texts.extend(quoted(line));
            }
            in_list = !has_unquoted(line, ']');
        } else if line.starts_with('[') {
            table += 1;
            is_in_index = line.starts_with("[[index]]");
        } else if let Some((key, value)) = line.split_once('=') {
            let (key, texts) = (key.trim(), quoted(value).collect());
            let is_true = value.trim_start().starts_with("true");
            settings.push(Setting { table, is_in_index, key, texts, is_true });
            in_list = has_unquoted(value, '[') && !has_unquoted(value, ']');
        }
    }
    settings
}

fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split(['"', '\'']).skip(1).step_by(2)
}

fn has_unquoted(line: &str, wanted: char) -> bool {
    line.split(['"', '\'']).step_by(2).any(|piece| piece.contains(wanted))
}

/// Those that are web addresses, each once, at most [`URLS_LIMIT`].
fn distinct<'a>(candidates: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for candidate in candidates {
        let is_web = Url::parse(candidate)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if is_web && urls.len() < URLS_LIMIT && urls.iter().all(|known| known != candidate) {
            urls.push(candidate.to_owned());
        }
    }
    urls
}

/// Commands that work when pasted, for each client.
pub(crate) fn client_setup(endpoint: &Endpoint<'_>) -> Vec<ClientSetup> {
    let root = format!("{}/{}/pypi", endpoint.origin, endpoint.repository);
    let trust = plain_http_host(endpoint.origin);
    let pip_trust = trust.as_deref().map(|host| format!(" --trusted-host {host}"));
    let pip_trust = pip_trust.unwrap_or_default();
    let pip_trust_always = trust
        .map(|host| format!(" && pip config set global.trusted-host {host}"))
        .unwrap_or_default();
    let setup = |client, purpose, command| ClientSetup { client, purpose, command };
    vec![
        setup("pip", "install", format!("pip install --index-url {root}/simple/{pip_trust} NAME")),
        setup(
            "pip",
            "configure",
            format!("pip config set global.index-url {root}/simple/{pip_trust_always}"),
        ),
        setup("uv", "install", format!("uv pip install --default-index {root}/simple/ NAME")),
        setup("uv", "configure", format!("export UV_DEFAULT_INDEX={root}/simple/")),
        setup(
            "twine",
            "publish",
            format!("twine upload --repository-url {root}/legacy/ --username __token__ dist/*"),
        ),
        setup(
            "uv",
            "publish",
            format!("uv publish --publish-url {root}/legacy/ --username __token__ dist/*"),
        ),
    ]
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
