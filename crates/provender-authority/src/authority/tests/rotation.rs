//! New keys, and root keys that are kept elsewhere.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::error::{RootKeyError, RotateError};
use crate::tuf::{TRUSTED_ROOT, TufError};

const KINDS: [(RotatedService, &str); 3] = [
    (RotatedService::Ca, "certificateAuthorities"),
    (RotatedService::Tsa, "timestampAuthorities"),
    (RotatedService::Ct, "ctlogs"),
];

fn published(authority: &Authority) -> Value {
    let target = authority.tuf().target(TRUSTED_ROOT).expect("published");
    serde_json::from_slice(&target).expect("JSON")
}

/// The end of what is believed of the entry at this place.
fn end(root: &Value, kind: &str, at: usize) -> Option<Timestamp> {
    let entry = &root[kind][at];
    let valid = entry.get("validFor").unwrap_or(&entry["publicKey"]["validFor"]);
    valid["end"].as_str().map(|text| text.parse().expect("a moment"))
}

/// The moments from which on each of the newest entries is believed, and the first log.
fn starts(root: &Value) -> Vec<Timestamp> {
    let start = |kind: &str| {
        let entry = root[kind].as_array().and_then(|entries| entries.last()).expect("an entry");
        let valid = entry.get("validFor").unwrap_or(&entry["publicKey"]["validFor"]);
        valid["start"].as_str().expect("a start").parse().expect("a moment")
    };
    KINDS.iter().map(|(_, kind)| start(kind)).chain([start("tlogs")]).collect()
}

fn files(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("readable");
    entries.map(|entry| entry.expect("one").file_name().into_string().expect("UTF-8")).collect()
}

#[tokio::test]
async fn a_new_key_is_told_and_the_former_one_stays_until_it_ends() {
    for (service, kind) in KINDS {
        let setup = setup();
        let authority = setup.open(ORIGIN).await;
        let before = authority.trusted_root();
        let rotation = authority.rotate(service, CertifiedBy::RootHere).expect("rotated");
        assert_eq!(rotation.generation, 2);
        let after = authority.trusted_root();
        assert_eq!(after[kind].as_array().map(Vec::len), Some(2), "{kind}");
        assert_eq!(end(&after, kind, 0), Some(rotation.former_until));
        assert!(rotation.former_until > authority.now());
        assert_eq!(end(&after, kind, 1), None);
        let part = if service == RotatedService::Ct { "logId" } else { "certChain" };
        assert_eq!(after[kind][0][part], before[kind][0][part]);
        assert_ne!(after[kind][1][part], before[kind][0][part]);
        for (_, other) in KINDS.iter().filter(|(_, other)| *other != kind) {
            assert_eq!(after[other], before[other]);
        }
        assert_eq!(published(&authority), after, "TUF clients are told");
        let again = authority.rotate(service, CertifiedBy::RootHere).expect("rotated");
        assert_eq!(again.generation, 3);
        let last = authority.trusted_root();
        authority.close().await.expect("closes");
        drop(authority);
        let reopened = setup.open(ORIGIN).await;
        assert_eq!(reopened.trusted_root(), last, "{kind}");
    }
}

#[tokio::test]
async fn what_the_former_authority_certified_may_still_be_logged() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let san = San::Uri(format!("{ORIGIN}/a"));
    let old = authority.identity(&san).await.expect("issued");
    authority.rotate(RotatedService::Ca, CertifiedBy::NewRoot).expect("rotated");
    let new = authority.identity(&san).await.expect("issued");
    assert_ne!(old.certificate(), new.certificate(), "at once");
    assert_ne!(old.chain()[2], new.chain()[2], "another root");
    assert!(authority.admits(old.certificate()) && authority.admits(new.certificate()));
    setup.clock.advance(16 * 60);
    assert!(!authority.admits(old.certificate()));
    assert!(authority.has_issued(old.certificate()) && authority.has_issued(new.certificate()));
    // An authority of the same names is another all the same.
    let stranger = self::setup().open(ORIGIN).await.identity(&san).await.expect("issued");
    assert!(!authority.has_issued(stranger.certificate()) && !authority.has_issued(b"no DER"));
}

#[tokio::test]
async fn the_root_key_may_be_elsewhere() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let away = setup.folder.path().join("safe");
    let exported = authority.export_root_keys(&away, true).expect("exported");
    assert_eq!(exported.files.len(), 3);
    let refused = authority.rotate(RotatedService::Ca, CertifiedBy::RootHere);
    assert!(matches!(refused, Err(RotateError::Make(_))));
    assert_eq!(
        authority.trusted_root()["certificateAuthorities"].as_array().map(Vec::len),
        Some(1)
    );
    for service in [RotatedService::Ca, RotatedService::Tsa] {
        let done = authority.rotate(service, CertifiedBy::RootIn(&away)).expect("rotated");
        assert_eq!(done.generation, 2);
    }
    let chain = authority.trusted_root()["certificateAuthorities"].clone();
    let root_of = |at: usize| chain[at]["certChain"]["certificates"][1].clone();
    assert_eq!(root_of(0), root_of(1), "the same root");
    authority.rotate(RotatedService::Tsa, CertifiedBy::NewRoot).expect("rotated");
    assert_eq!(
        files(&setup.folder.path().join("data/keys/root")),
        ["tsa-root-3.pem".to_owned()].into()
    );
    authority.close().await.expect("closes");
    drop(authority);
    setup.open(ORIGIN).await;
}

#[tokio::test]
async fn root_keys_are_exported() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let here = setup.folder.path().join("data/keys/root");
    let away = setup.folder.path().join("safe/keys");
    let all: BTreeSet<_> =
        ["ca-root.pem", "tsa-root.pem", "tuf-root.pem"].map(str::to_owned).into();
    let copied = authority.export_root_keys(&away, false).expect("copied");
    assert!(!copied.is_removed && files(&here) == all && files(&away) == all);
    for file in &copied.files {
        let name = file.file_name().expect("a name");
        assert_eq!(
            std::fs::read(file).expect("there"),
            std::fs::read(here.join(name)).expect("there")
        );
        let mode = std::fs::metadata(file).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }
    // Another key of the same name is not lost, and nothing is removed then.
    std::fs::write(away.join("tsa-root.pem"), "another").expect("written");
    let refused = authority.export_root_keys(&away, true).expect_err("refused");
    assert!(matches!(refused, RootKeyError::OtherThere { .. }), "{refused}");
    for inside in [here.clone(), setup.folder.path().join("data/keys/safe")] {
        let refused = authority.export_root_keys(&inside, true).expect_err("refused");
        assert!(matches!(refused, RootKeyError::SameFolder { .. }), "{refused}");
    }
    assert_eq!(files(&here), all);
    std::fs::remove_file(away.join("tsa-root.pem")).expect("removed");
    assert!(authority.trust_status().expect("known").has_tuf_root_key);
    authority.export_root_keys(&away, true).expect("moved");
    assert!(files(&here).is_empty() && files(&away) == all);
    let status = authority.trust_status().expect("known");
    assert!(!status.has_tuf_root_key && status.root_keys.is_empty());
    assert!(matches!(authority.export_root_keys(&away, true), Err(RootKeyError::NoneHere { .. })));
    setup.clock.advance(400 * 24 * 3600);
    assert!(authority.renew().expect("renewed").needs_root_key);
    authority.identity(&San::Uri(format!("{ORIGIN}/a"))).await.expect("issued without them");
}

#[tokio::test]
async fn the_tuf_root_key_is_replaced() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let here = setup.folder.path().join("data/keys/root");
    let first = authority.rotate_root(None).expect("rotated");
    assert_eq!((first.version, &first.key), (2, &here.join("tuf-root-2.pem")));
    assert_eq!(first.former_key, here.join("tuf-root.pem"));
    let signatures = |version: u64| {
        let document = authority.tuf_file(&format!("{version}.root.json")).expect("published");
        let document: Value = serde_json::from_slice(&document).expect("JSON");
        document["signatures"].as_array().map(Vec::len)
    };
    assert_eq!(signatures(2), Some(2), "by the old key and the new one");
    // The old key is not needed any more, and in nobody's way.
    let away = setup.folder.path().join("safe");
    authority.export_root_keys(&away, true).expect("moved");
    assert!(matches!(authority.rotate_root(None), Err(RootKeyError::Tuf(TufError::NoRootKey))));
    let second = authority.rotate_root(Some(&away)).expect("rotated");
    assert_eq!((second.version, second.key), (3, away.join("tuf-root-3.pem")));
    assert!(files(&here).is_empty(), "what is kept elsewhere stays there");
    assert!(!authority.trust_status().expect("known").has_tuf_root_key);
    let documents = authority.trust_status().expect("known").documents;
    assert_eq!(
        documents.iter().map(|one| one.role).collect::<Vec<_>>(),
        ["root", "targets", "snapshot", "timestamp"]
    );
    assert_eq!(documents[0].version, 3);
    authority.close().await.expect("closes");
    drop(authority);
    // An old key that lies about is not taken for the present one.
    std::fs::copy(away.join("tuf-root.pem"), here.join("tuf-root.pem")).expect("copied");
    let reopened = setup.open(ORIGIN).await;
    assert!(!reopened.trust_status().expect("known").has_tuf_root_key);
    std::fs::copy(away.join("tuf-root-3.pem"), here.join("tuf-root-3.pem")).expect("copied");
    reopened.close().await.expect("closes");
    drop(reopened);
    assert!(setup.open(ORIGIN).await.trust_status().expect("known").has_tuf_root_key);
}

/// A first start, and a second one by a clock that was set back by so many seconds meanwhile.
async fn first_start_ahead(setup: &Setup, by_seconds: i64) -> Authority {
    setup.clock.advance(by_seconds);
    setup.open(ORIGIN).await.close().await.expect("closes");
    setup.clock.advance(-by_seconds);
    setup.open(ORIGIN).await
}

#[tokio::test]
async fn a_clock_that_was_a_day_ahead_at_the_first_start_does_no_harm() {
    let setup = setup();
    let authority = first_start_ahead(&setup, 23 * 3600).await;
    let starts = starts(&authority.trusted_root());
    assert!(starts.iter().all(|start| *start <= authority.now()), "{starts:?}");
    authority.rotate(RotatedService::Tsa, CertifiedBy::RootHere).expect("rotated");
}

#[tokio::test]
async fn a_root_that_is_not_valid_yet_certifies_nothing() {
    let setup = setup();
    let authority = first_start_ahead(&setup, 365 * 24 * 3600).await;
    let before = authority.trusted_root();
    for service in [RotatedService::Ca, RotatedService::Tsa] {
        let refused = authority.rotate(service, CertifiedBy::RootHere).expect_err("refused");
        let remedy = format!("provender trust rotate {service} --new-root");
        assert!(refused.to_string().contains(&remedy), "{refused}");
    }
    assert_eq!(authority.trusted_root(), before, "nothing changed");
    for service in [RotatedService::Ca, RotatedService::Tsa] {
        authority.rotate(service, CertifiedBy::NewRoot).expect("rotated");
    }
    let starts = starts(&authority.trusted_root());
    assert!(starts.iter().all(|start| *start <= authority.now()), "{starts:?}");
}

/// A key made by the time that was told would be good for nothing by the time that it is.
#[tokio::test]
async fn no_key_is_made_while_the_clock_cannot_be_believed() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    authority.identity(&San::Uri(format!("{ORIGIN}/a"))).await.expect("issued");
    setup.clock.advance(-3600);
    for by in [CertifiedBy::RootHere, CertifiedBy::NewRoot] {
        let refused = authority.rotate(RotatedService::Ca, by).expect_err("refused");
        assert!(refused.to_string().contains("latest-time.json"), "{refused}");
    }
}
