use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, UnparsedPublicKey,
};

use super::*;

const KEY: KeyName = KeyName::known("log");
const ROOT: KeyName = KeyName::known("root/ca-root");

#[test]
fn names() {
    fn check(name: &str, is_valid: bool) {
        assert_eq!(KeyName::new(name).is_ok(), is_valid, "{name}");
    }
    check("log", true);
    check("tuf-2", true);
    check("root/ca-root", true);
    check("", false);
    check("root/", false);
    check("root/root/x", false);
    check("../log", false);
    check("Log", false);
    check("log.pem", false);
    check(&"a".repeat(65), false);
}

#[test]
fn keys_survive_and_sign() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("keys");
    let large = KeyName::known("root/large");
    for (name, algorithm) in [
        (KEY, KeyAlgorithm::Ed25519),
        (ROOT, KeyAlgorithm::EcdsaP256),
        (large, KeyAlgorithm::EcdsaP384),
    ] {
        let ring = KeyRing::open(&directory).expect("opens");
        assert!(ring.load(&name, algorithm).expect("readable").is_none());
        let first = ring.load_or_generate(&name, algorithm).expect("generated");
        let again = KeyRing::open(&directory).expect("opens");
        let second = again.load_or_generate(&name, algorithm).expect("loaded");
        assert_eq!(first.public_key_der(), second.public_key_der());
        assert_eq!(first.algorithm(), algorithm);
        let signature = second.sign(b"message").expect("signed");
        verify(&first, b"message", &signature);
    }
}

fn verify(key: &SigningKey, message: &[u8], signature: &[u8]) {
    let bits = key.public_key().subject_public_key.raw_bytes();
    match key.algorithm() {
        KeyAlgorithm::EcdsaP256 => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, bits).verify(message, signature)
        }
        KeyAlgorithm::EcdsaP384 => {
            UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, bits).verify(message, signature)
        }
        KeyAlgorithm::Ed25519 => UnparsedPublicKey::new(&ED25519, bits).verify(message, signature),
    }
    .expect("verifies");
}

#[test]
fn files_are_private() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("keys");
    let ring = KeyRing::open(&directory).expect("opens");
    ring.load_or_generate(&ROOT, KeyAlgorithm::EcdsaP256).expect("generated");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&directory.join("root")), 0o700);
    assert_eq!(mode(&directory.join("root/ca-root.pem")), 0o600);
    let files = fs::read_dir(directory.join("root")).expect("readable").count();
    assert_eq!(files, 1, "nothing is left behind");
}

#[test]
fn what_others_can_read_is_refused() {
    fn check(file_mode: u32, directory_mode: u32, is_accepted: bool) {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = folder.path().join("keys");
        let ring = KeyRing::open(&directory).expect("opens");
        ring.load_or_generate(&KEY, KeyAlgorithm::Ed25519).expect("generated");
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("may be set");
        };
        set(&ring.path(&KEY), file_mode);
        set(&directory, directory_mode);
        let loaded = KeyRing::open(&directory)
            .and_then(|ring| ring.load_or_generate(&KEY, KeyAlgorithm::Ed25519));
        match loaded {
            Ok(_) => assert!(is_accepted, "{file_mode:o} in {directory_mode:o}"),
            Err(error) => {
                assert!(matches!(error, KeyError::OpenToOthers { .. }), "{error}");
                assert!(!is_accepted, "{error}");
            }
        }
    }
    check(0o600, 0o700, true);
    check(0o400, 0o700, true);
    check(0o640, 0o700, false);
    check(0o604, 0o700, false);
    check(0o660, 0o700, false);
    check(0o600, 0o750, false);
    check(0o600, 0o701, false);
}

#[test]
fn files_that_are_no_keys_are_refused_and_stay() {
    fn check(content: &[u8]) {
        let folder = tempfile::tempdir().expect("a folder");
        let ring = KeyRing::open(&folder.path().join("keys")).expect("opens");
        ring.load_or_generate(&KEY, KeyAlgorithm::Ed25519).expect("generated");
        fs::write(ring.path(&KEY), content).expect("written");
        let error = ring.load_or_generate(&KEY, KeyAlgorithm::Ed25519).expect_err("refused");
        assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
        assert_eq!(fs::read(ring.path(&KEY)).expect("there"), content);
    }
    check(b"");
    check(b"-----BEGIN PRIVATE KEY-----\n");
    check(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let other = SigningKey::generate(KeyAlgorithm::EcdsaP256).expect("generated");
    let der = other.to_pkcs8_der().expect("its bytes");
    let pem = |label| der::pem::encode_string(label, der::pem::LineEnding::LF, &der);
    check(pem("PRIVATE KEY").expect("pem").as_bytes());
    check(pem("PUBLIC KEY").expect("pem").as_bytes());
}

#[test]
fn a_key_that_must_be_there_is_not_made_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let ring = KeyRing::open(&folder.path().join("keys")).expect("opens");
    let error = ring.required(&KEY, KeyAlgorithm::Ed25519).expect_err("missing");
    assert!(matches!(error, KeyError::Missing { .. }), "{error}");
    assert!(!ring.path(&KEY).exists());
}

#[test]
fn no_key_is_shown() {
    let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("generated");
    let der = key.to_pkcs8_der().expect("its bytes");
    let shown = format!("{key:?}");
    let secret = &der[der.len() - 32..];
    assert!(!shown.contains(&hex::encode(secret)), "{shown}");
    assert!(!shown.contains(&format!("{:?}", &secret[..4]).replace(['[', ']'], "")), "{shown}");
}

#[test]
fn racing_starts_agree() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("keys");
    let keys: Vec<_> = std::thread::scope(|scope| {
        let start = || {
            let ring = KeyRing::open(&directory).expect("opens");
            ring.load_or_generate(&KEY, KeyAlgorithm::Ed25519).expect("a key").key_id()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
}

#[test]
fn what_a_crash_left_half_written_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("keys");
    let ring = KeyRing::open(&directory).expect("opens");
    ring.load_or_generate(&ROOT, KeyAlgorithm::EcdsaP256).expect("generated");
    let put = |name: &str, age_s: u64| {
        let path = directory.join(name);
        let file = fs::File::create(&path).expect("made");
        let age = std::time::Duration::from_secs(age_s);
        file.set_modified(std::time::SystemTime::now() - age).expect("may be set");
        path
    };
    let old = [put("log.0123.new", 61), put("root/ca-root.0123.new", 3600)];
    let young = put("root/ca-root.4567.new", 1);
    let foreign = put("root/notes.txt", 3600);
    let ring = KeyRing::open(&directory).expect("opens");
    assert!(old.iter().all(|path| !path.exists()));
    assert!(young.exists() && foreign.exists());
    ring.required(&ROOT, KeyAlgorithm::EcdsaP256).expect("keys stay");
}
