//! References of images as people type them for docker, crane or cosign:
//! `localhost:8080/main/team/app:1.0`, `main/team/app@sha256:…`.
//!
//! The grammar is that of the distribution project's `reference` package
//! (`[host/]path[:tag][@digest]`); the path's first component is the repository, the rest the image.
//! Nothing is added that is not written: there is no host to fall back to, and `latest` is a tag
//! like any other.

use provender_ecosystem::{NamedFile, NamedTarget};

use crate::file_name::{self, Kind};
use crate::{name, version};

/// Longest reference, in bytes: the longest host, name, tag and digest together, rounded up.
const REFERENCE_LIMIT_BYTES: usize = 1024;

/// What a reference names; `None` for what is none, or names neither a tag nor a digest.
///
/// Where both are there the digest counts, as it does for every client.
pub(crate) fn read(text: &str) -> Option<NamedFile> {
    if text.len() > REFERENCE_LIMIT_BYTES {
        return None;
    }
    let (text, digest) = match text.split_once('@') {
        Some((text, digest)) => (text, Some(file_name::digest_of(digest)?)),
        None => (text, None),
    };
    let (host, path) = split_host(text);
    let host = match host {
        Some(host) => Some(host_of(host)?),
        None => None,
    };
    let (path, tag) = match path.split_once(':') {
        Some((path, tag)) => (path, Some(version::tag(tag).ok()?)),
        None => (path, None),
    };
    let (repository, image) = path.split_once('/')?;
    let target = match (digest, tag) {
        (Some(digest), _) => NamedTarget::File(file_name::name(Kind::Manifest, &digest)),
        (None, Some(tag)) => NamedTarget::Tag(tag),
        (None, None) => return None,
    };
    if repository.is_empty() {
        return None;
    }
    let package = name::normalize(image).ok()?;
    Some(NamedFile { host, repository: repository.to_owned(), package, target })
}

/// The first component is a host if it has a dot or a port, or is `localhost`: so clients tell.
fn split_host(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            (Some(first), rest)
        }
        _ => (None, text),
    }
}

/// Host and port in small letters; `None` for what is neither a name nor an address.
fn host_of(text: &str) -> Option<String> {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_label = |label: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && label.bytes().all(is_plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_host = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    (is_host && is_port).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
