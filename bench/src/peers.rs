//! The programs that are measured, each started on a free port with an upstream of our own or the
//! real one. A peer that cannot be installed or started is said to be missing, and left out.

mod devpi;
mod install;
mod nginx;
mod nora;
mod provender;
mod proxpi;
mod registry;

use anyhow::{Context as _, ensure};

use crate::http::Connection;
use crate::machine::Workplace;
use crate::program::Program;

pub(crate) use install::{packaged, real_upstream, sigstore, uv};
pub(crate) use nginx::serve as serve_folder;
pub(crate) use provender::{Provender, UPLOADS};
pub(crate) use registry::{DOCKER, Registry};

/// What Provender is called in every table.
pub(crate) const OURS: &str = "provender";
/// What the static server is called.
pub(crate) const NGINX: &str = "nginx";
/// What the fastest peer is called.
pub(crate) const NORA: &str = "nora";

/// A running server that answers for a simple index.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) server: Program,
    /// The path under which packages are listed, with a slash at its end.
    index: &'static str,
}

impl Subject {
    /// The path of a package's index.
    pub(crate) fn index_path(&self, package: &str) -> String {
        format!("{}{package}/", self.index)
    }

    /// The address of the whole index, as a client is told it.
    pub(crate) fn index_url(&self) -> String {
        format!("http://{}{}", self.server.address(), self.index)
    }

    /// The path of a file, as the package's index links it.
    ///
    /// # Errors
    /// Where the index does not answer or does not list the file.
    pub(crate) fn file_path(&self, package: &str, file: &str) -> anyhow::Result<String> {
        let index = self.index_path(package);
        let answer =
            Connection::open(self.server.address())?.fetch(&index, "Accept: text/html\r\n")?;
        ensure!(answer.status == 200, "{}: {index} was answered {}", self.name, answer.status);
        let page = String::from_utf8_lossy(&answer.body);
        let link = page
            .split("href=\"")
            .filter_map(|rest| rest.split(['"', '#']).next())
            .find(|link| link.contains(file))
            .with_context(|| format!("{}: {index} does not list {file}", self.name))?;
        Ok(resolve(&index, link))
    }
}

/// Every peer that can be had, started with `upstream` (the address of a simple index).
pub(crate) fn all(workplace: &Workplace, upstream: &str) -> Vec<Subject> {
    let started = [
        (NORA, nora::start(workplace, upstream)),
        ("proxpi", proxpi::start(workplace, upstream)),
        ("devpi", devpi::start(workplace, upstream)),
    ];
    let mut peers = Vec::new();
    for (name, peer) in started {
        match peer {
            Ok(peer) => peers.push(peer),
            Err(error) => println!("{name} is left out: {error:#}"),
        }
    }
    peers
}

/// Those that pass a first try; the others are said to be left out.
pub(crate) fn able(
    peers: Vec<Subject>,
    first_try: impl Fn(&Subject) -> anyhow::Result<()>,
) -> Vec<Subject> {
    let passes = |peer: &Subject| {
        first_try(peer)
            .inspect_err(|error| println!("{} is left out: {error:#}", peer.name))
            .is_ok()
    };
    peers.into_iter().filter(passes).collect()
}

/// The path that a link in the page at `base` leads to.
fn resolve(base: &str, link: &str) -> String {
    if let Some((_, after)) = link.split_once("://") {
        return after.find('/').map_or_else(|| "/".to_owned(), |at| after[at..].to_owned());
    }
    if link.starts_with('/') {
        return link.to_owned();
    }
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn links_are_resolved() {
        let check = |link: &str, expected: &str| {
            assert_eq!(resolve("/root/simple/name/", link), expected, "{link}");
        };
        check("/files/a.whl", "/files/a.whl");
        check("http://127.0.0.1:80/files/a.whl", "/files/a.whl");
        check("../../files/a.whl", "/root/files/a.whl");
        check("a.whl", "/root/simple/name/a.whl");
        check("./a.whl", "/root/simple/name/a.whl");
    }
}
