//! Publishing as a client does it: the upload form with every digest, many at a time.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use blake2::{Blake2b, digest::consts::U32};
use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::http::Connection;
use crate::wheel::Wheel;

/// What stands between the fields of a form.
const BOUNDARY: &str = "----provender-bench-7d1f";

/// Where to publish, and by which token.
pub(crate) struct Target {
    address: String,
    path: &'static str,
    authorization: String,
}

impl Target {
    pub(crate) fn new(address: &str, path: &'static str, token: &str) -> Self {
        let authorization = BASE64_STANDARD.encode(format!("__token__:{token}"));
        Self { address: address.to_owned(), path, authorization }
    }

    /// Sends every form, `at_once` at a time, each connection kept open. Gives the seconds that
    /// each one took, in the order in which they were begun.
    ///
    /// # Errors
    /// Where a publication is refused.
    pub(crate) fn publish(&self, forms: &[Vec<u8>], at_once: usize) -> anyhow::Result<Published> {
        let next = AtomicUsize::new(0);
        let start = Instant::now();
        let mut timed = std::thread::scope(|scope| {
            let workers: Vec<_> =
                (0..at_once).map(|_| scope.spawn(|| self.work(forms, &next))).collect();
            let mut timed = Vec::with_capacity(forms.len());
            for worker in workers {
                timed.extend(worker.join().expect("a worker does not panic")?);
            }
            anyhow::Ok(timed)
        })?;
        let elapsed_secs = start.elapsed().as_secs_f64();
        timed.sort_unstable_by_key(|(index, _)| *index);
        Ok(Published { elapsed_secs, each_secs: timed.into_iter().map(|(_, secs)| secs).collect() })
    }

    /// Takes one form after another until none is left.
    fn work(&self, forms: &[Vec<u8>], next: &AtomicUsize) -> anyhow::Result<Vec<(usize, f64)>> {
        let mut connection = Connection::open(&self.address)?;
        let headers = format!(
            "Authorization: Basic {}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n",
            self.authorization
        );
        let mut timed = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(form) = forms.get(index) else { return Ok(timed) };
            let start = Instant::now();
            let answer = connection
                .send("POST", self.path, &headers, form)
                .with_context(|| format!("publishing number {index}"))?;
            ensure!(
                answer.status == 200,
                "publishing number {index} was answered {}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
            timed.push((index, start.elapsed().as_secs_f64()));
        }
    }
}

/// How long publishing took.
pub(crate) struct Published {
    pub(crate) elapsed_secs: f64,
    pub(crate) each_secs: Vec<f64>,
}

/// The upload form of a small wheel, made before anything is timed.
pub(crate) fn form(name: &str, version: &str, bytes: usize) -> Vec<u8> {
    let wheel = Wheel::new(name, version, bytes);
    let sha256 = hex::encode(Sha256::digest(&wheel.bytes));
    let md5 = hex::encode(Md5::digest(&wheel.bytes));
    let blake2 = hex::encode(Blake2b::<U32>::digest(&wheel.bytes));
    let fields = [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("metadata_version", "2.1"),
        ("name", name),
        ("version", version),
        ("summary", "Measured"),
        ("requires_python", ">=3.9"),
        ("filetype", "bdist_wheel"),
        ("pyversion", "py3"),
        ("md5_digest", &md5),
        ("sha256_digest", &sha256),
        ("blake2_256_digest", &blake2),
    ];
    let mut head = String::new();
    for (field, value) in fields {
        let _ = write!(
            head,
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"
        );
    }
    let _ = write!(
        head,
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n",
        wheel.file
    );
    let mut form = head.into_bytes();
    form.extend_from_slice(&wheel.bytes);
    form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    form
}
