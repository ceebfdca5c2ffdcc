use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{Lives, Repository, RoleKeys, TufError};
use crate::keys::{KeyAlgorithm, SigningKey};

const DAY: i64 = 86_400;

fn day(days: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + days * DAY).unwrap()
}

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::generate(KeyAlgorithm::Ed25519).unwrap())
}

fn keys() -> RoleKeys {
    RoleKeys { root: Some(key()), targets: key(), online: key() }
}

fn without_root(keys: &RoleKeys) -> RoleKeys {
    RoleKeys { root: None, ..keys.clone() }
}

fn open(directory: &TempDir, keys: &RoleKeys, days: i64) -> Result<Repository, TufError> {
    Repository::open(directory.path(), keys.clone(), Lives::default(), day(days))
}

fn folder() -> TempDir {
    tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .tempdir()
        .unwrap()
}

fn targets(text: &'static str) -> [(&'static str, Bytes); 2] {
    [
        ("trusted_root.json", Bytes::from_static(text.as_bytes())),
        ("signing_config.v0.2.json", Bytes::from_static(b"{\"config\":1}")),
    ]
}

/// A client that follows the specification's section 5 step by step and remembers what it saw. It shares no
/// code with the repository, but for hashes and the signature check of the library.
struct Client {
    root: Value,
    seen: BTreeMap<&'static str, u64>,
}

impl Client {
    fn new(root: &[u8]) -> Self {
        let root: Value = serde_json::from_slice(root).unwrap();
        Self { root, seen: BTreeMap::new() }
    }

    /// The targets, or the step that failed.
    fn refresh(
        &mut self,
        file: impl Fn(&str) -> Option<Bytes>,
        now: Timestamp,
    ) -> Result<BTreeMap<String, Bytes>, String> {
        self.follow_roots(&file)?;
        not_expired(&self.root["signed"], now)?;
        let timestamp = self.fetch(&file, "timestamp", "timestamp.json", None, now)?;
        let reference = &timestamp["meta"]["snapshot.json"];
        let path = format!("{}.snapshot.json", reference["version"]);
        let snapshot = self.fetch(&file, "snapshot", &path, Some(reference), now)?;
        let reference = &snapshot["meta"]["targets.json"];
        let path = format!("{}.targets.json", reference["version"]);
        let targets = self.fetch(&file, "targets", &path, Some(reference), now)?;
        let mut found = BTreeMap::new();
        for (name, entry) in targets["targets"].as_object().unwrap() {
            let hash = entry["hashes"]["sha256"].as_str().unwrap();
            let bytes = file(&format!("targets/{hash}.{name}")).ok_or("target missing")?;
            matches_reference(&bytes, entry)?;
            found.insert(name.clone(), bytes);
        }
        Ok(found)
    }

    fn follow_roots(&mut self, file: &impl Fn(&str) -> Option<Bytes>) -> Result<(), String> {
        loop {
            let version = self.root["signed"]["version"].as_u64().unwrap() + 1;
            let Some(bytes) = file(&format!("{version}.root.json")) else { return Ok(()) };
            let next: Value = serde_json::from_slice(&bytes).unwrap();
            verify(&next, &self.root["signed"], "root")?;
            verify(&next, &next["signed"], "root")?;
            if next["signed"]["version"] != version {
                return Err("root version".to_owned());
            }
            self.root = next;
        }
    }

    fn fetch(
        &mut self,
        file: &impl Fn(&str) -> Option<Bytes>,
        role: &'static str,
        path: &str,
        reference: Option<&Value>,
        now: Timestamp,
    ) -> Result<Value, String> {
        let bytes = file(path).ok_or_else(|| format!("{path} missing"))?;
        if let Some(reference) = reference {
            matches_reference(&bytes, reference)?;
        }
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        verify(&document, &self.root["signed"], role)?;
        let signed = document["signed"].clone();
        if signed["_type"] != role {
            return Err(format!("{role} type"));
        }
        let version = signed["version"].as_u64().unwrap();
        if self.seen.insert(role, version).is_some_and(|seen| seen > version) {
            return Err(format!("{role} rolled back"));
        }
        not_expired(&signed, now)?;
        Ok(signed)
    }
}

fn not_expired(signed: &Value, now: Timestamp) -> Result<(), String> {
    let expires: Timestamp = signed["expires"].as_str().unwrap().parse().unwrap();
    if expires > now {
        Ok(())
    } else {
        Err(format!("{} expired", signed["_type"].as_str().unwrap()))
    }
}

fn matches_reference(bytes: &[u8], reference: &Value) -> Result<(), String> {
    let hash = hex::encode(Sha256::digest(bytes));
    let same = reference["length"] == bytes.len() && reference["hashes"]["sha256"] == hash;
    if same { Ok(()) } else { Err("length or hash".to_owned()) }
}

/// A threshold of valid signatures by distinct keys of the role.
fn verify(document: &Value, root: &Value, role: &str) -> Result<(), String> {
    let message = one_form(&document["signed"]);
    let role_ids = root["roles"][role]["keyids"].as_array().unwrap();
    let mut good = Vec::new();
    for signature in document["signatures"].as_array().unwrap() {
        let id = &signature["keyid"];
        if !role_ids.contains(id) || good.contains(&id) {
            continue;
        }
        let public = root["keys"][id.as_str().unwrap()]["keyval"]["public"].as_str().unwrap();
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(
            &aws_lc_rs::signature::ED25519,
            hex::decode(public).unwrap(),
        );
        let bytes = hex::decode(signature["sig"].as_str().unwrap()).unwrap();
        if key.verify(message.as_bytes(), &bytes).is_ok() {
            good.push(id);
        }
    }
    let enough = good.len() as u64 >= root["roles"][role]["threshold"].as_u64().unwrap();
    if enough { Ok(()) } else { Err(format!("{role} signature")) }
}

/// Canonical JSON for documents without escapes: members sorted, no spaces.
fn one_form(value: &Value) -> String {
    let text = value.to_string();
    assert!(!text.contains('\\'));
    text
}

#[test]
fn clients_follow_from_the_first_root_on() {
    let (directory, keys) = (folder(), keys());
    let repository = open(&directory, &keys, 0).unwrap();
    let mut client = Client::new(&repository.root_json());
    let refresh = |client: &mut Client, days| {
        client
            .refresh(|path| repository.file(path), day(days))
            .map(|found| found["trusted_root.json"].clone())
    };
    assert_eq!(refresh(&mut client, 0), Err("timestamp.json missing".to_owned()));
    assert!(repository.update(&targets("one"), day(0)).unwrap());
    assert_eq!(refresh(&mut client, 0).unwrap(), "one");
    assert!(!repository.update(&targets("one"), day(1)).unwrap());
    assert!(repository.update(&targets("two"), day(1)).unwrap());
    assert_eq!(refresh(&mut client, 1).unwrap(), "two");
    assert_eq!(repository.target("trusted_root.json").unwrap(), "two");
    assert_eq!(refresh(&mut client, 9), Err("timestamp expired".to_owned()));
}

#[test]
fn documents_are_renewed_before_they_expire() {
    let (directory, keys) = (folder(), keys());
    let repository = open(&directory, &keys, 0).unwrap();
    repository.update(&targets("one"), day(0)).unwrap();
    let mut client = Client::new(&repository.root_json());
    let mut versions_of_timestamp = 0;
    for days in 0..1200 {
        versions_of_timestamp += u64::from(repository.renew(day(days)).unwrap().changed);
        client.refresh(|path| repository.file(path), day(days)).unwrap();
    }
    assert!((250..350).contains(&versions_of_timestamp), "{versions_of_timestamp}");
    assert_eq!(client.root["signed"]["version"], 4);
    // The server was off for half a year.
    assert!(client.refresh(|path| repository.file(path), day(1400)).is_err());
    repository.renew(day(1400)).unwrap();
    client.refresh(|path| repository.file(path), day(1400)).unwrap();
}

#[test]
fn what_is_fresh_is_left_alone() {
    let (directory, keys) = (folder(), keys());
    let repository = open(&directory, &keys, 0).unwrap();
    assert!(!repository.renew(day(0)).unwrap().changed);
    repository.update(&targets("one"), day(0)).unwrap();
    let check = |days: i64, expected: bool| {
        assert_eq!(repository.renew(day(days)).unwrap().changed, expected, "{days}");
    };
    check(0, false);
    check(3, false);
    check(4, true);
    check(7, false);
}

#[test]
fn a_root_key_that_is_kept_elsewhere_is_asked_for() {
    let (directory, keys) = (folder(), keys());
    open(&directory, &keys, 0).unwrap();
    let repository = open(&directory, &without_root(&keys), 1).unwrap();
    let renewed = repository.renew(day(300)).unwrap();
    assert!(!renewed.needs_root_key);
    let renewed = repository.renew(day(400)).unwrap();
    assert!(renewed.needs_root_key && !renewed.changed);
    assert_eq!(renewed.root_expires, day(730));
    let error = open(&folder(), &without_root(&keys), 0).unwrap_err();
    assert!(matches!(error, TufError::NoRootKey));
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let (directory, keys) = (folder(), keys());
    let first = open(&directory, &keys, 0).unwrap();
    let mut client = Client::new(&first.root_json());
    for text in ["one", "two", "three"] {
        first.update(&targets(text), day(0)).unwrap();
    }
    client.refresh(|path| first.file(path), day(0)).unwrap();
    drop(first);
    let second = open(&directory, &keys, 1).unwrap();
    assert!(!second.update(&targets("three"), day(1)).unwrap());
    assert_eq!(
        client.refresh(|path| second.file(path), day(1)).unwrap()["trusted_root.json"],
        "three"
    );
    second.update(&targets("four"), day(1)).unwrap();
    client.refresh(|path| second.file(path), day(1)).unwrap();
    assert_eq!(client.seen, BTreeMap::from([("timestamp", 4), ("snapshot", 4), ("targets", 4)]));
}

#[test]
fn versions_rise_whatever_the_clock_does() {
    let (directory, keys) = (folder(), keys());
    let repository = open(&directory, &keys, 0).unwrap();
    repository.update(&targets("one"), day(0)).unwrap();
    let mut client = Client::new(&repository.root_json());
    let mut last = 0;
    // Forth to the year 2100 and back, then into the past.
    for days in [0, 28_000, 1, -400, 2, 5] {
        let before = client.seen.get("timestamp").copied().unwrap_or(0);
        repository.renew(day(days)).unwrap();
        client.refresh(|path| repository.file(path), day(days)).unwrap();
        let after = client.seen["timestamp"];
        assert!(after >= before && after >= last, "{days}");
        last = after;
    }
    // What was signed in 2100 is not what clients see now: it would have been valid for decades.
    let timestamp: Value =
        serde_json::from_slice(&repository.file("timestamp.json").unwrap()).unwrap();
    let expires: Timestamp = timestamp["signed"]["expires"].as_str().unwrap().parse().unwrap();
    assert!(expires <= day(12));
}

#[test]
fn keys_are_rotated_without_losing_clients() {
    let (directory, old, new) = (folder(), keys(), keys());
    let repository = open(&directory, &old, 0).unwrap();
    repository.update(&targets("one"), day(0)).unwrap();
    let mut client = Client::new(&repository.root_json());
    client.refresh(|path| repository.file(path), day(0)).unwrap();
    let old_root = old.root.clone().unwrap();
    let wrong = repository.rotate_root(&key(), new.clone(), day(1));
    assert!(matches!(wrong, Err(TufError::OtherKey { role: "root" })));
    let none = repository.rotate_root(&old_root, without_root(&new), day(1));
    assert!(matches!(none, Err(TufError::NoRootKey)));
    repository.rotate_root(&old_root, new.clone(), day(1)).unwrap();
    client.refresh(|path| repository.file(path), day(1)).unwrap();
    assert_eq!(client.root["signatures"].as_array().unwrap().len(), 2);
    // A client that begins now needs only the newest root; one that slept follows the chain.
    let mut newcomer = Client::new(&repository.file("root.json").unwrap());
    newcomer.refresh(|path| repository.file(path), day(1)).unwrap();
    let mut sleeper = Client::new(&repository.file("1.root.json").unwrap());
    sleeper.refresh(|path| repository.file(path), day(1)).unwrap();
    repository.update(&targets("two"), day(2)).unwrap();
    client.refresh(|path| repository.file(path), day(2)).unwrap();
    drop(repository);
    assert!(matches!(open(&directory, &old, 3), Err(TufError::OtherKey { .. })));
    let repository = open(&directory, &new, 3).unwrap();
    client.refresh(|path| repository.file(path), day(3)).unwrap();
}

#[test]
fn a_rotation_that_was_interrupted_is_finished() {
    let (directory, old, new) = (folder(), keys(), keys());
    let repository = open(&directory, &old, 0).unwrap();
    repository.update(&targets("one"), day(0)).unwrap();
    let mut client = Client::new(&repository.root_json());
    client.refresh(|path| repository.file(path), day(0)).unwrap();
    // As if the process had ended after the root document: the rest is still signed by the old keys.
    let before = std::fs::read(directory.path().join("timestamp.json")).unwrap();
    repository.rotate_root(&old.root.clone().unwrap(), new.clone(), day(1)).unwrap();
    for path in ["2.targets.json", "2.snapshot.json"] {
        std::fs::remove_file(directory.path().join(path)).unwrap();
    }
    std::fs::write(directory.path().join("timestamp.json"), before).unwrap();
    drop(repository);
    let repository = open(&directory, &new, 1).unwrap();
    assert!(repository.update(&targets("one"), day(1)).unwrap());
    client.refresh(|path| repository.file(path), day(1)).unwrap();
    assert_eq!(client.seen["timestamp"], 3);
}

/// Every file of the folder, damaged or lost, one at a time.
#[test]
fn damage_is_mended_or_told() {
    let check = |path: &str, damage: fn(&Path), expected: &str| {
        let (directory, keys) = (folder(), keys());
        let repository = open(&directory, &keys, 0).unwrap();
        repository.update(&targets("one"), day(0)).unwrap();
        repository.update(&targets("two"), day(0)).unwrap();
        let mut client = Client::new(&repository.root_json());
        client.refresh(|path| repository.file(path), day(0)).unwrap();
        drop(repository);
        damage(&directory.path().join(path));
        let told = match open(&directory, &keys, 1) {
            Ok(repository) => {
                let renewed = repository.update(&targets("two"), day(1)).unwrap();
                client.refresh(|path| repository.file(path), day(1)).unwrap();
                if renewed { "mended" } else { "unharmed" }.to_owned()
            }
            Err(error) => format!("{error:?}").split([' ', '{']).next().unwrap().to_owned(),
        };
        assert_eq!(told, expected, "{path}");
    };
    let lose = |path: &Path| std::fs::remove_file(path).unwrap();
    let cut = |path: &Path| std::fs::write(path, b"{\"signed\":").unwrap();
    let flip = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let at = bytes.windows(3).position(|window| window == b"203" || window == b"202").unwrap();
        bytes[at + 2] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    check("timestamp.json", lose, "mended");
    check("timestamp.json", cut, "mended");
    check("timestamp.json", flip, "mended");
    check("2.snapshot.json", lose, "mended");
    check("2.snapshot.json", flip, "mended");
    check("2.targets.json", lose, "mended");
    check("2.targets.json", cut, "mended");
    check("1.targets.json", lose, "unharmed");
    check("versions.json", lose, "unharmed");
    check("versions.json", cut, "unharmed");
    check("1.root.json", lose, "RootChain");
    check("1.root.json", flip, "RootChain");
    check("1.root.json", cut, "RootChain");
}

#[test]
fn versions_that_nobody_knows_are_not_guessed() {
    let (directory, keys) = (folder(), keys());
    open(&directory, &keys, 0).unwrap().update(&targets("one"), day(0)).unwrap();
    for path in ["timestamp.json", "versions.json"] {
        std::fs::remove_file(directory.path().join(path)).unwrap();
    }
    assert!(matches!(open(&directory, &keys, 1), Err(TufError::VersionsLost)));
}

#[test]
fn an_older_state_that_was_restored_is_overtaken() {
    let (directory, keys) = (folder(), keys());
    let repository = open(&directory, &keys, 0).unwrap();
    repository.update(&targets("one"), day(0)).unwrap();
    let old = std::fs::read(directory.path().join("timestamp.json")).unwrap();
    repository.update(&targets("two"), day(0)).unwrap();
    let mut client = Client::new(&repository.root_json());
    client.refresh(|path| repository.file(path), day(0)).unwrap();
    drop(repository);
    std::fs::write(directory.path().join("timestamp.json"), old).unwrap();
    let repository = open(&directory, &keys, 0).unwrap();
    assert_eq!(
        client.refresh(|path| repository.file(path), day(0)),
        Err("timestamp rolled back".to_owned())
    );
    repository.update(&targets("two"), day(0)).unwrap();
    assert_eq!(
        client.refresh(|path| repository.file(path), day(0)).unwrap()["trusted_root.json"],
        "two"
    );
}

#[test]
fn a_write_that_fails_changes_nothing_for_clients() {
    let (directory, keys) = (folder(), keys());
    let repository = open(&directory, &keys, 0).unwrap();
    repository.update(&targets("one"), day(0)).unwrap();
    let mut client = Client::new(&repository.root_json());
    // A folder stands where the file should go.
    for blocked in ["2.targets.json", "3.snapshot.json", "versions.json"] {
        let path = directory.path().join(blocked);
        let aside = directory.path().join("aside");
        let was_there = std::fs::rename(&path, &aside).is_ok();
        std::fs::create_dir(&path).unwrap();
        assert!(
            matches!(repository.update(&targets("two"), day(0)), Err(TufError::Disk(_))),
            "{blocked}"
        );
        let found = client.refresh(|path| repository.file(path), day(0)).unwrap();
        assert_eq!(found["trusted_root.json"], "one", "{blocked}");
        std::fs::remove_dir(&path).unwrap();
        if was_there {
            std::fs::rename(&aside, &path).unwrap();
        }
    }
    repository.update(&targets("two"), day(0)).unwrap();
    assert_eq!(
        client.refresh(|path| repository.file(path), day(0)).unwrap()["trusted_root.json"],
        "two"
    );
}

#[test]
fn only_names_that_every_client_can_ask_for() {
    let (directory, keys) = (folder(), keys());
    let repository = open(&directory, &keys, 0).unwrap();
    let check = |name: &str, expected: bool| {
        let found = repository.update(&[(name, Bytes::from_static(b"{}"))], day(0));
        assert_eq!(found.is_ok(), expected, "{name}");
    };
    check("trusted_root.json", true);
    check("a/b.json", false);
    check("../a.json", false);
    check(".a.json", false);
    check("a%2fb.json", false);
    check("a", false);
    check("", false);
    check(&format!("{}.json", "x".repeat(130)), false);
    let twice = [("a.json", Bytes::new()), ("a.json", Bytes::new())];
    assert!(matches!(repository.update(&twice, day(0)), Err(TufError::Target { .. })));
}

#[test]
fn nothing_else_can_be_asked_for() {
    let (directory, keys) = (folder(), keys());
    let repository = open(&directory, &keys, 0).unwrap();
    repository.update(&targets("one"), day(0)).unwrap();
    for path in [
        "versions.json",
        "2.root.json",
        "",
        "/",
        "../keys/root/tuf.pem",
        "targets/trusted_root.json",
    ] {
        assert!(repository.file(path).is_none(), "{path}");
    }
}

/// Whoever publishes holds the state while files are written; readers do not wait for that.
#[test]
fn nobody_waits_for_a_publication_to_read_the_root() {
    let folder = folder();
    let repository = open(&folder, &keys(), 0).unwrap();
    let held = repository.state.lock().unwrap();
    assert_eq!(repository.file("root.json"), repository.file("1.root.json"));
    assert_eq!(Some(repository.root_json()), repository.file("1.root.json"));
    drop(held);
}
