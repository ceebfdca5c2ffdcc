//! Certificates and log entries over HTTP: each request proves a key, each answer is durable.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::http::Connection;
use crate::machine::Workplace;
use crate::peers::{OURS, Provender};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};

const CERTIFICATES: usize = 1000;
const CERTIFICATE_CLIENTS: usize = 8;
const ENTRIES: usize = 10_000;
/// An entry waits for its batch, so many clients make one.
const ENTRY_CLIENTS: usize = 128;
const CERTIFICATE_PATH: &str = "/-/ca/api/v2/signingCert";
const ENTRIES_PATH: &str = "/-/log/api/v2/log/entries";
/// `SubjectPublicKeyInfo` of an uncompressed point on P-256 (RFC 5480), but for the point.
const SPKI_PREFIX: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\
    \x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let (mut certified, mut logged) = (Series::default(), Series::default());
    let key = Key::new()?;
    for round in 0..ROUNDS {
        let data = workplace.fresh(&format!("authority-{round}"))?.join("data");
        let provender = Provender::new(workplace, &data, None);
        let server = provender.start()?;
        let address = server.server.address();
        let token = provender.token()?;
        let request = key.certificate_request(&identity(address, &token)?)?;
        let requests = vec![request; CERTIFICATES];
        let headers = "Content-Type: application/json\r\n".to_owned();
        let target = Target { address, path: CERTIFICATE_PATH, status: 200, headers };
        certified.push(target.send(&requests, CERTIFICATE_CLIENTS)?);

        let numbers = round * ENTRIES..(round + 1) * ENTRIES;
        let requests = numbers.map(|number| key.entry(number)).collect::<Result<Vec<_>, _>>()?;
        let headers =
            format!("Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n");
        let target = Target { address, path: ENTRIES_PATH, status: 201, headers };
        logged.push(target.send(&requests, ENTRY_CLIENTS)?);
    }
    let mut table = Table::default();
    let (certificates, entries) = (certified.median(), logged.median());
    table.row("certificates, 8 clients", OURS, "/s", certified);
    table.row("log entries, 128 clients", OURS, "/s", logged);
    table.target("certificates per second", certificates, Bound::AtLeast(300.0));
    table.target("log entries over HTTP per second", entries, Bound::AtLeast(4000.0));
    Ok(table)
}

/// An identity token for a token of the server.
fn identity(address: &str, token: &str) -> anyhow::Result<String> {
    let form = format!("grant_type=client_credentials&client_secret={token}");
    let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
    let answer =
        Connection::open(address)?.send("POST", "/-/oidc/token", headers, form.as_bytes())?;
    ensure!(answer.status == 200, "no identity: {}", String::from_utf8_lossy(&answer.body));
    let answer: Value = serde_json::from_slice(&answer.body)?;
    Ok(answer["id_token"].as_str().context("an answer without a token")?.to_owned())
}

/// Where requests go, and what each is to be answered with.
struct Target<'a> {
    address: &'a str,
    path: &'static str,
    status: u16,
    headers: String,
}

impl Target<'_> {
    /// Sends every request, so many at a time. Gives how many were answered in a second.
    fn send(&self, requests: &[Vec<u8>], at_once: usize) -> anyhow::Result<f64> {
        let next = AtomicUsize::new(0);
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let clients: Vec<_> =
                (0..at_once).map(|_| scope.spawn(|| self.work(requests, &next))).collect();
            clients.into_iter().try_for_each(|client| client.join().expect("it does not panic"))
        })?;
        let count = f64::from(u32::try_from(requests.len())?);
        Ok(count / begun.elapsed().as_secs_f64())
    }

    fn work(&self, requests: &[Vec<u8>], next: &AtomicUsize) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.address)?;
        while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
            let answer = connection.send("POST", self.path, &self.headers, request)?;
            let said = || String::from_utf8_lossy(&answer.body).into_owned();
            ensure!(answer.status == self.status, "{}: {} {}", self.path, answer.status, said());
        }
        Ok(())
    }
}

/// A client's key.
struct Key(EcdsaKeyPair);

impl Key {
    fn new() -> anyhow::Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
        Ok(Self(key.ok().context("making a key")?))
    }

    fn spki(&self) -> String {
        BASE64_STANDARD.encode([SPKI_PREFIX, self.0.public_key().as_ref()].concat())
    }

    fn sign(&self, message: &[u8]) -> anyhow::Result<String> {
        let signature = self.0.sign(&SystemRandom::new(), message).ok().context("signing")?;
        Ok(BASE64_STANDARD.encode(signature.as_ref()))
    }

    fn certificate_request(&self, identity: &str) -> anyhow::Result<Vec<u8>> {
        let claims = identity.split('.').nth(1).context("this is no token")?;
        let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims)?)?;
        let subject = claims["sub"].as_str().context("a token about nobody")?;
        let spki = self.spki();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n");
        let request = json!({
            "credentials": { "oidcIdentityToken": identity },
            "publicKeyRequest": {
                "publicKey": { "algorithm": "ECDSA", "content": pem },
                "proofOfPossession": self.sign(subject.as_bytes())?,
            },
        });
        Ok(request.to_string().into_bytes())
    }

    fn entry(&self, number: usize) -> anyhow::Result<Vec<u8>> {
        let message = number.to_be_bytes();
        let verifier = json!({
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "publicKey": { "rawBytes": self.spki() },
        });
        let request = json!({ "hashedRekordRequestV002": {
            "digest": BASE64_STANDARD.encode(digest(&SHA256, &message)),
            "signature": { "content": self.sign(&message)?, "verifier": verifier },
        }});
        Ok(request.to_string().into_bytes())
    }
}
