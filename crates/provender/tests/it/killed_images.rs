//! kill -9 of the server while images are pushed to it and pulled through it.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use provender_testing::{Answer, FakeUpstream, sha256_hex};
use serde_json::{Value, json};

use crate::support::House;

/// How often the server is killed.
const ROUNDS: u64 = 6;
/// Who push, and who pull, at once.
const CALLERS: u64 = 3;
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A small image: its blobs and its manifest.
struct Image {
    blobs: Vec<Vec<u8>>,
    manifest: Vec<u8>,
}

impl Image {
    /// The one of this name; one layer is in all of them.
    fn named(name: &str) -> Self {
        let config = json!({ "architecture": "amd64", "os": "linux", "name": name });
        let layer = format!("a layer of {name} ").repeat(5_000).into_bytes();
        let blobs = vec![config.to_string().into_bytes(), b"a layer of all".to_vec(), layer];
        let described = |kind: &str, blob: &Vec<u8>| json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest(blob), "size": blob.len() });
        let layers: Vec<Value> =
            blobs[1..].iter().map(|blob| described("layer.v1.tar", blob)).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described("config.v1+json", &blobs[0]),
            "layers": layers,
        });
        Self { blobs, manifest: manifest.to_string().into_bytes() }
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(bytes))
}

/// A server as one client sees it, until it is killed.
#[derive(Clone)]
struct Client {
    address: String,
    token: String,
}

impl Client {
    fn of(house: &House, token: &str) -> Self {
        let address = house.url().strip_prefix("http://").unwrap().to_owned();
        Self { address, token: token.to_owned() }
    }

    /// Status and body; an error where the answer does not come to its end.
    fn ask(&self, line: &str, fields: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(&self.address)?;
        let head = format!(
            "{line} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\
             {fields}Connection: close\r\n\r\n",
            self.address,
            self.token,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n").ok_or_else(cut)?;
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).ok_or_else(cut)?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let body = answer[end + 4..].to_vec();
        match length.and_then(|length| length.trim().parse::<usize>().ok()) {
            Some(length) if length != body.len() => Err(cut()),
            _ => Ok((status, body)),
        }
    }

    fn put(&self, line: &str, kind: &str, body: &[u8]) -> io::Result<()> {
        let (status, answer) = self.ask(line, &format!("Content-Type: {kind}\r\n"), body)?;
        assert_eq!(status, 201, "{line}: {}", String::from_utf8_lossy(&answer));
        Ok(())
    }

    fn push(&self, name: &str, image: &Image) -> io::Result<()> {
        for blob in &image.blobs {
            let line = format!("POST /v2/main/{name}/blobs/uploads/?digest={}", digest(blob));
            self.put(&line, "application/octet-stream", blob)?;
        }
        self.put(&format!("PUT /v2/main/{name}/manifests/v1"), MANIFEST, &image.manifest)
    }

    /// Pulls the image that this name should have; `false` where there is none.
    fn pull(&self, name: &str, image: &Image) -> io::Result<bool> {
        let (status, manifest) = self.ask(&format!("GET /v2/main/{name}/manifests/v1"), "", b"")?;
        if status == 404 {
            return Ok(false);
        }
        assert_eq!((status, &manifest), (200, &image.manifest), "{name}");
        for blob in &image.blobs {
            let line = format!("GET /v2/main/{name}/blobs/{}", digest(blob));
            let (status, bytes) = self.ask(&line, "", b"")?;
            assert_eq!(status, 200, "{line}");
            assert!(bytes == *blob, "{line}");
        }
        Ok(true)
    }
}

/// The upstream has whatever is called `theirs-…`.
fn upstream() -> FakeUpstream {
    let upstream = FakeUpstream::start();
    upstream.otherwise(|request| {
        let Some(rest) = request.path().strip_prefix("/v2/") else { return Answer::status(404) };
        let (name, rest) = rest.split_once('/').unwrap();
        if !name.starts_with("theirs-") {
            return Answer::status(404);
        }
        let image = Image::named(name);
        let found = image.blobs.iter().find(|blob| rest == format!("blobs/{}", digest(blob)));
        match found {
            Some(blob) => Answer::ok(blob.clone()),
            None if rest.starts_with("manifests/v1")
                || rest == format!("manifests/{}", digest(&image.manifest)) =>
            {
                Answer::ok(image.manifest.clone())
                    .header("Content-Type", MANIFEST)
                    .header("Docker-Content-Digest", digest(&image.manifest))
            }
            None => Answer::status(404),
        }
    });
    upstream
}

#[test]
fn what_was_acknowledged_before_kill_9_is_there_after_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let upstream = runtime.block_on(async { upstream() });
    let mut house = House::start(&[]);
    let token = house.first_token().unwrap().to_owned();
    house.run(&["upstream", "add", "oci", &upstream.url("/")]).ok();
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let begun = Arc::new(Mutex::new(BTreeSet::new()));
    for round in 0..ROUNDS {
        let client = Client::of(&house, &token);
        let before = acknowledged.lock().unwrap().len();
        let work = |kind: &'static str, caller: u64| {
            let (client, acknowledged) = (client.clone(), Arc::clone(&acknowledged));
            let begun = Arc::clone(&begun);
            std::thread::spawn(move || {
                for number in 0.. {
                    let name = format!("{kind}-{round}-{caller}-{number}");
                    let image = Image::named(&name);
                    begun.lock().unwrap().insert(name.clone());
                    let done = match kind {
                        "ours" => client.push(&name, &image),
                        _ => client.pull(&name, &image).map(|is_there| assert!(is_there)),
                    };
                    if done.is_err() {
                        return;
                    }
                    acknowledged.lock().unwrap().insert(name);
                }
            })
        };
        let callers: Vec<_> = (0..CALLERS)
            .flat_map(|caller| [work("ours", caller), work("theirs", caller)])
            .collect();
        // The first word of it, and then some time that differs.
        while acknowledged.lock().unwrap().len() == before {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(round * 37));
        house.kill();
        for caller in callers {
            caller.join().unwrap();
        }
        house.serve(&[]);
        let client = Client::of(&house, &token);
        // What was mirrored is here: nobody is asked for it again.
        runtime.block_on(upstream.offline());
        for name in acknowledged.lock().unwrap().iter() {
            assert!(client.pull(name, &Image::named(name)).unwrap(), "{name} is lost");
        }
        runtime.block_on(upstream.online());
        // What was not is there whole, or not at all, and can be had.
        let begun = std::mem::take(&mut *begun.lock().unwrap());
        for name in begun {
            let image = Image::named(&name);
            let is_there = client.pull(&name, &image).unwrap();
            if !is_there {
                client.push(&name, &image).unwrap();
            }
            assert!(client.pull(&name, &image).unwrap());
            acknowledged.lock().unwrap().insert(name);
        }
    }
    assert!(acknowledged.lock().unwrap().len() as u64 >= ROUNDS);
}
