//! No public registry's host stands anywhere in the project: no upstream is compiled in, none is
//! named in a test or a document, so none is contacted by surprise.
//!
//! The rule has to know the hosts without naming them. It knows the usual ones by their digests
//! (`xtask/host-digests.txt`), and asks the clients installed on this machine for theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

use super::{Finding, Tree};

const DIGESTS: &str = include_str!("../../host-digests.txt");

/// The line of a lock file that says where a crate was resolved, which Cargo writes itself.
const LOCK_FILE_SOURCE: &str = "source = \"registry+";

/// The longest chain of labels that is taken for a host name; longer ones are code.
const MAX_LABELS: usize = 8;

/// The rule.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    static HERE: LazyLock<Hosts> = LazyLock::new(Hosts::known_here);
    find(tree, &HERE)
}

fn find(tree: &Tree, hosts: &Hosts) -> Vec<Finding> {
    let mut judged = BTreeMap::new();
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (index, line) in std::iter::once(path).chain(text.lines()).enumerate() {
            if path.ends_with("Cargo.lock") && line.starts_with(LOCK_FILE_SOURCE) {
                continue;
            }
            for token in host_like(line) {
                if *judged.entry(token.clone()).or_insert_with(|| hosts.include(&token)) {
                    // The path itself was looked at first, so this already counts lines from 1.
                    let what = format!(
                        "the host that begins with `{}` must not stand here",
                        start(&token)
                    );
                    findings.push(Finding::line(path, index.saturating_sub(1), what));
                }
            }
        }
    }
    findings
}

/// Hosts to look for, known by their digests alone.
struct Hosts {
    digests: BTreeSet<[u8; 32]>,
}

impl Hosts {
    /// The usual ones, and those that this machine's clients are set up to use.
    fn known_here() -> Self {
        let listed = DIGESTS.lines().filter_map(parse_digest);
        let asked = asked_of_clients();
        let digests = listed.chain(asked.iter().map(|host| digest(host))).collect();
        Self { digests }
    }

    /// Whether the token is one of the hosts, or has one inside, between its dots.
    fn include(&self, token: &str) -> bool {
        let labels: Vec<&str> = token.split('.').collect();
        if labels.len() > MAX_LABELS {
            return false;
        }
        let starts = 0..labels.len() - 1;
        starts
            .flat_map(|from| (from + 2..=labels.len()).map(move |to| (from, to)))
            .any(|(from, to)| self.digests.contains(&digest(&labels[from..to].join("."))))
    }
}

/// What looks like a host name, in small letters: labels joined by dots.
fn host_like(line: &str) -> impl Iterator<Item = String> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-')
        .map(|token| token.trim_matches(['.', '-']))
        .filter(|token| token.contains('.') && token.bytes().any(|b| b.is_ascii_alphabetic()))
        .map(str::to_ascii_lowercase)
}

/// Enough of a host to recognise it, too little to be it.
fn start(host: &str) -> &str {
    &host[..host.len().min(6)]
}

fn digest(host: &str) -> [u8; 32] {
    Sha256::digest(host.as_bytes()).into()
}

/// One line of the list; comments are none.
fn parse_digest(line: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if line.len() != 64 {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(line.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Each client's question, whose answer has its registry's address in it.
const QUESTIONS: &[&[&str]] = &[
    &["python3", "-m", "pip", "config", "list"],
    &[
        "python3",
        "-c",
        "import pip._internal.models.index as known\n\
         for index in vars(known).values():\n\
         \tprint(getattr(index, 'netloc', ''), getattr(index, 'file_storage_domain', ''))",
    ],
    &["npm", "config", "get", "registry"],
    &["go", "env", "GOPROXY", "GOSUMDB"],
    &["sh", "-c", "cat /etc/apt/sources.list /etc/apt/sources.list.d/* | grep -E '^(deb|URIs)'"],
    &["sh", "-c", "ls \"${CARGO_HOME:-$HOME/.cargo}/registry/index\" | sed 's/-[0-9a-f]*$//'"],
];

/// The registries that the clients installed here use. A client that is missing knows none.
fn asked_of_clients() -> BTreeSet<String> {
    let ask = |question: &&[&str]| {
        Command::new("timeout")
            .arg("10")
            .args(*question)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned())
            .unwrap_or_default()
    };
    QUESTIONS.iter().map(ask).flat_map(|answer| hosts_in(&answer)).collect()
}

/// The hosts in a client's answer: of addresses, and of words that are a host alone.
fn hosts_in(answer: &str) -> Vec<String> {
    let words =
        answer.split(|c: char| c.is_whitespace() || matches!(c, ',' | '|' | '\'' | '"' | '='));
    words
        .filter_map(|word| match word.split_once("://") {
            Some((_, after)) => after.split('/').next()?.rsplit('@').next()?.split(':').next(),
            None => (!word.contains('/')).then_some(word),
        })
        .map(str::to_ascii_lowercase)
        .filter(|host| is_public_name(host))
        .collect()
}

/// Whether this can be a host on the public network: no file name, address, or reserved name.
fn is_public_name(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let well_formed = |label: &&str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let reserved = ["example", "invalid", "localhost", "local", "test", "internal", "whl"];
    labels.len() >= 2
        && labels.iter().all(well_formed)
        && labels.last().is_some_and(|last| {
            !reserved.contains(last)
                && last.len() >= 2
                && last.bytes().all(|b| b.is_ascii_alphabetic())
        })
}

#[cfg(test)]
mod tests;
