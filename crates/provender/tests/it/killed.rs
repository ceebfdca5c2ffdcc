//! kill -9 of the server itself while it publishes, and so signs, as fast as it can.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use provender_attest::{Artifact, Bundle, Policy, TrustRoot, Verifier};
use provender_domain::{Algorithm, Digest};
use serde_json::Value;

use crate::support::{House, Upload};

/// How often the server is killed.
const ROUNDS: u64 = 8;
/// Publishers at once.
const PUBLISHERS: usize = 4;

/// A file whose publisher was told that it is published.
struct Acknowledged {
    file: String,
    sha256: String,
}

/// Publishes until nobody answers any more.
fn publish_until_killed(
    address: &str,
    token: &str,
    next: &AtomicUsize,
    told: &Mutex<Vec<Acknowledged>>,
) {
    loop {
        let name = format!("demo-{}", next.fetch_add(1, Ordering::Relaxed));
        let upload = Upload::new(token, &name, "1.0");
        match answered(address, &upload) {
            Some(200) => {
                let file = format!("{}-1.0-py3-none-any.whl", name.replace('-', "_"));
                told.lock().unwrap().push(Acknowledged { file, sha256: upload.sha256 });
            }
            Some(status) => panic!("{name} was refused with {status}"),
            None => return,
        }
    }
}

/// The status, if an answer came.
fn answered(address: &str, upload: &Upload) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!("{}Host: {address}\r\nConnection: close\r\n\r\n", upload.head);
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&upload.body).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

#[test]
fn what_was_acknowledged_is_signed_and_logged_whenever_the_server_is_killed() {
    let mut house = House::start(&[]);
    let token = house.first_token().unwrap().to_owned();
    let (next, told) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    for round in 0..ROUNDS {
        let address = house.url().strip_prefix("http://").unwrap().to_owned();
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|_| {
                let (address, token) = (address.clone(), token.clone());
                let (next, told) = (Arc::clone(&next), Arc::clone(&told));
                thread::spawn(move || publish_until_killed(&address, &token, &next, &told))
            })
            .collect();
        let before = told.lock().unwrap().len();
        while told.lock().unwrap().len() == before {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(round * 13));
        house.kill();
        for publisher in publishers {
            publisher.join().unwrap();
        }
        house.serve(&[]);
        let told = told.lock().unwrap();
        assert_proved(&house, &token, &told[before..]);
    }
    let told = told.lock().unwrap();
    assert!(told.len() >= usize::try_from(ROUNDS).unwrap());
    // What earlier rounds left is not undone by later ones.
    assert_proved(&house, &token, &told);
    let status = house.run(&["status", "--json"]).json();
    assert_eq!(status["signing_pending"], 0);
}

/// Each file has its attestation, which verifies and is in the log; and all of the log is sound.
fn assert_proved(house: &House, token: &str, files: &[Acknowledged]) {
    let read = |path: &str| -> Value {
        let (status, body) = house.visit(path, Some(token));
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    };
    let verifier = {
        let root = TrustRoot::parse(read("/-/api/v1/trust").to_string().as_bytes()).unwrap();
        Verifier::new(&root).unwrap()
    };
    let log = house.run_remotely("", &["log", "verify", "--json"]).json();
    assert_eq!((&log["sound"], &log["certificates"]["sound"]), (&true.into(), &true.into()));
    for Acknowledged { file, sha256 } in files {
        let found = read(&format!("/-/api/v1/attestations/sha256:{sha256}"));
        let attestation = found["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["source"] == "ours" && one["file"] == file.as_str());
        let attestation = attestation.unwrap_or_else(|| panic!("{file} is not signed: {found}"));
        let index = attestation["log_index"].as_u64().unwrap();
        assert!(index < log["size"].as_u64().unwrap(), "{file} is entry {index} of {log}");
        let bundle = Bundle::parse(attestation["bundle"].to_string().as_bytes()).unwrap();
        let bytes = sha256
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
        let digest = Digest::from_bytes(Algorithm::Sha256, &bytes.collect::<Vec<_>>()).unwrap();
        let policy = Policy::anybody();
        let proved = verifier.verify(&bundle, Artifact::Digest(&digest), &policy);
        let proved = proved.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(proved.log[0].is_proved && proved.log[0].index == index);
    }
    let Some(last) = files.last() else { return };
    let entries = read(&format!("/-/api/v1/log/entries?digest=sha256:{}", last.sha256));
    assert_eq!(entries["items"].as_array().unwrap().len(), 1, "{}", last.file);
}
