//! Registries of images: Provender, and the one that Debian brings. What is asked of both is the
//! distribution specification's, by plain HTTP.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{OURS, Provender, install};
use crate::http::{Answer, Connection};
use crate::images::{Blob, Image, MANIFEST};
use crate::machine::Workplace;
use crate::program::{Program, free_address};

/// What Debian's registry is called.
pub(crate) const DOCKER: &str = "docker-registry";

/// A running registry, and the right to push to it.
pub(crate) struct Registry {
    pub(crate) name: &'static str,
    pub(crate) server: Program,
    /// Where it keeps everything.
    pub(crate) data: PathBuf,
    /// The path in front of every image's name, with a slash at its end.
    root: &'static str,
    /// The lines that a request for pushing carries.
    authorization: String,
    /// The password, where one is needed.
    pub(crate) token: Option<String>,
}

impl Registry {
    /// Starts Provender on a new data directory, before `upstream` or none.
    ///
    /// # Errors
    /// Where it does not start, or is no registry of images.
    pub(crate) fn ours(
        workplace: &Workplace,
        name: &str,
        upstream: Option<&str>,
    ) -> anyhow::Result<Self> {
        let data = workplace.fresh(&format!("{OURS}-{name}"))?.join("data");
        let provender = Provender::new(workplace, &data, upstream).of("oci");
        let server = provender.start()?.server;
        let token = provender.token()?;
        let secret = BASE64_STANDARD.encode(format!("bench:{token}"));
        let authorization = format!("Authorization: Basic {secret}\r\n");
        let ours =
            Self { name: OURS, server, data, root: "/v2/main/", authorization, token: Some(token) };
        let answer = ours.connect()?.fetch("/v2/", &ours.authorization)?;
        ensure!(answer.status == 200, "/v2/ was answered {}", answer.status);
        Ok(ours)
    }

    /// Starts Debian's registry on a new folder, as a mirror of `upstream` or on its own.
    ///
    /// # Errors
    /// Where it cannot be had or does not start.
    pub(crate) fn docker(
        workplace: &Workplace,
        name: &str,
        upstream: Option<&str>,
    ) -> anyhow::Result<Self> {
        install::packaged(&[DOCKER])?;
        let own = workplace.fresh(&format!("{DOCKER}-{name}"))?;
        let (data, address) = (own.join("data"), free_address()?);
        let settings = own.join("settings.yml");
        fs::write(&settings, settings_of(&data, &address, upstream))?;
        let mut command = Command::new(DOCKER);
        command.arg("serve").arg(&settings);
        // It takes every variable that begins so for a setting.
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("REGISTRY_") {
                command.env_remove(variable);
            }
        }
        let server = Program::start(&mut command, &address, "/v2/", &own.join("log"))?;
        Ok(Self {
            name: DOCKER,
            server,
            data,
            root: "/v2/",
            authorization: String::new(),
            token: None,
        })
    }

    /// Both, each on its own and empty. One that cannot be had is said to be left out.
    pub(crate) fn both(workplace: &Workplace, name: &str) -> Vec<Self> {
        let started = [
            (OURS, Self::ours(workplace, name, None)),
            (DOCKER, Self::docker(workplace, name, None)),
        ];
        Self::able(started)
    }

    /// Those that could be started; the others are said to be left out.
    pub(crate) fn able<const COUNT: usize>(
        started: [(&str, anyhow::Result<Self>); COUNT],
    ) -> Vec<Self> {
        let there = |(name, started): (&str, anyhow::Result<Self>)| {
            started.inspect_err(|error| println!("{name} is left out: {error:#}")).ok()
        };
        started.into_iter().filter_map(there).collect()
    }

    pub(crate) fn connect(&self) -> anyhow::Result<Connection> {
        Ok(Connection::open(self.server.address())?)
    }

    /// Where it keeps the files of layers.
    pub(crate) fn blobs(&self) -> PathBuf {
        let inside = if self.name == OURS { "blobs" } else { "docker/registry/v2/blobs" };
        self.data.join(inside)
    }

    /// What clients call an image here.
    pub(crate) fn reference(&self, image: &str) -> String {
        let root = self.root.trim_start_matches("/v2/");
        format!("{}/{root}{image}", self.server.address())
    }

    /// The path of one thing of an image.
    pub(crate) fn path(&self, image: &str, rest: &str) -> String {
        format!("{}{image}/{rest}", self.root)
    }

    /// Uploads a blob in two requests, as most clients do.
    ///
    /// # Errors
    /// Where it is refused.
    pub(crate) fn push_blob(
        &self,
        connection: &mut Connection,
        image: &str,
        blob: &Blob,
    ) -> anyhow::Result<()> {
        let begun = connection.send(
            "POST",
            &self.path(image, "blobs/uploads/"),
            &self.authorization,
            &[],
        )?;
        let begun = expected(begun, 202, "an upload")?;
        self.finish_blob(connection, begun, blob)
    }

    fn finish_blob(
        &self,
        connection: &mut Connection,
        begun: Answer,
        blob: &Blob,
    ) -> anyhow::Result<()> {
        let location = begun.location.context("an upload has no location")?;
        let path = path_of(&location);
        let mark = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{mark}digest={}", blob.digest());
        let headers = format!("{}Content-Type: application/octet-stream\r\n", self.authorization);
        let ended = connection.send_parts("PUT", &path, &headers, &blob.parts())?;
        expected(ended, 201, "a blob").map(drop)
    }

    /// Takes a blob over from another image, or uploads it where it cannot be.
    ///
    /// # Errors
    /// Where it is refused.
    pub(crate) fn mount_blob(
        &self,
        connection: &mut Connection,
        image: &str,
        blob: &Blob,
        from: &str,
    ) -> anyhow::Result<()> {
        let from = format!("{}{from}", self.root.trim_start_matches("/v2/"));
        let rest = format!("blobs/uploads/?mount={}&from={from}", blob.digest());
        let answer = connection.send("POST", &self.path(image, &rest), &self.authorization, &[])?;
        if answer.status == 201 {
            return Ok(());
        }
        let begun = expected(answer, 202, "a mount")?;
        self.finish_blob(connection, begun, blob)
    }

    /// # Errors
    /// Where it is refused.
    pub(crate) fn push_manifest(
        &self,
        connection: &mut Connection,
        image: &str,
        reference: &str,
        manifest: &[u8],
    ) -> anyhow::Result<()> {
        let path = self.path(image, &format!("manifests/{reference}"));
        let headers = format!("{}Content-Type: {MANIFEST}\r\n", self.authorization);
        let answer = connection.send("PUT", &path, &headers, manifest)?;
        expected(answer, 201, "a manifest").map(drop)
    }

    /// Pushes one image, its blobs on `connections` connections. Gives the seconds that it took.
    ///
    /// # Errors
    /// Where something is refused.
    pub(crate) fn push(&self, image: &Image, connections: usize) -> anyhow::Result<f64> {
        let start = Instant::now();
        let blobs = image.blobs();
        self.each(blobs.len(), connections, |connection, index| {
            self.push_blob(connection, &image.name, blobs[index])
        })?;
        self.push_manifest(&mut self.connect()?, &image.name, &image.tag, &image.manifest())?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Pushes whole images, `at_once` at a time. Gives the seconds that it took.
    ///
    /// # Errors
    /// Where something is refused.
    pub(crate) fn push_all(&self, images: &[Image], at_once: usize) -> anyhow::Result<f64> {
        let start = Instant::now();
        self.each(images.len(), at_once, |connection, index| {
            let image = &images[index];
            image
                .blobs()
                .iter()
                .try_for_each(|blob| self.push_blob(connection, &image.name, blob))?;
            self.push_manifest(connection, &image.name, &image.tag, &image.manifest())
        })?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Does `count` things on `connections` connections, each taking the next one.
    ///
    /// # Errors
    /// The first that there is.
    pub(crate) fn each(
        &self,
        count: usize,
        connections: usize,
        work: impl Fn(&mut Connection, usize) -> anyhow::Result<()> + Sync,
    ) -> anyhow::Result<()> {
        let next = AtomicUsize::new(0);
        let until_done = || {
            let mut connection = self.connect()?;
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return Ok(());
                }
                work(&mut connection, index)
                    .with_context(|| format!("{} number {index}", self.name))?;
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..connections).map(|_| scope.spawn(until_done)).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().expect("a client thread does not panic"))
        })
    }
}

fn settings_of(data: &Path, address: &str, upstream: Option<&str>) -> String {
    let proxy = upstream.map(|url| format!("proxy:\n  remoteurl: {url}\n")).unwrap_or_default();
    format!(
        "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  \
         cache:\n    blobdescriptor: inmemory\n  filesystem:\n    rootdirectory: {}\n  \
         delete:\n    enabled: true\nhttp:\n  addr: {address}\n{proxy}",
        data.display()
    )
}

/// An answer that is what it has to be.
fn expected(answer: Answer, status: u16, what: &str) -> anyhow::Result<Answer> {
    let said = String::from_utf8_lossy(&answer.body);
    ensure!(answer.status == status, "{what} was answered {}: {said}", answer.status);
    Ok(answer)
}

/// The path that a location leads to, which may be a whole address.
fn path_of(location: &str) -> &str {
    let Some((_, rest)) = location.split_once("://") else { return location };
    rest.find('/').map_or("/", |at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn locations_are_paths_or_addresses() {
        let check = |location: &str, expected: &str| assert_eq!(path_of(location), expected);
        check("/v2/a/blobs/uploads/1?x=y", "/v2/a/blobs/uploads/1?x=y");
        check("http://127.0.0.1:5000/v2/a?x", "/v2/a?x");
        check("http://127.0.0.1:5000", "/");
    }
}
