//! In from people: what is published is checked to the bottom, once, and for good.

use bytes::Bytes;
use provender_domain::{EventKind, FileState, ProblemCode, Scope, Version};
use provender_ecosystem::Change;
use provender_testing::archive::ZipBuilder;
use provender_testing::python::{
    Distribution, PythonUpstream, RecordFlaw, SdistBuilder, WheelBuilder,
};

use crate::client::{form, message, refused};
use crate::registry::tally;
use crate::{TestRegistry, wheel};

fn source(name: &str, version: &str) -> Distribution {
    SdistBuilder::new(name, version).build()
}

/// The same file name with other bytes.
fn other_wheel(name: &str, version: &str) -> Distribution {
    WheelBuilder::new(name, version).entry("other.py", "other = True\n").build()
}

/// For PEP 440 `1.0` and `1.0.0` are one version: who closes or takes away the one means both.
#[tokio::test]
async fn a_version_is_meant_however_it_is_written() {
    let registry = TestRegistry::open().await;
    let client = registry.main();
    let distributions = ["1.0", "1.0.0", "1.0.1"].map(|version| wheel("demo", version));
    for distribution in &distributions {
        client.publish(distribution).await.unwrap();
    }
    let left = [distributions[2].file_name.clone()];
    let reason = Some("stolen".to_owned());
    let changed = client.change("demo", "1.0", Change::Quarantine { reason }).await.unwrap();
    assert_eq!(changed.len(), 2, "{changed:?}");
    assert_eq!(client.files("demo").await, left);
    let purl = "pkg:pypi/demo@1.0.0.0";
    let found = registry.registry.evidence(&registry.operator(), purl, None).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(client.delete("demo", "1.0.0.0").await.len(), 2);
    assert_eq!(client.files("demo").await, left);
    registry.assert_sound().await;
}

#[tokio::test]
async fn wheels_and_source_distributions() {
    let registry = TestRegistry::open().await;
    let publisher = registry.bearer(Some("main"), Scope::Publish, None).await;
    let client = registry.client("main", publisher.clone());
    let wheel = WheelBuilder::new("De.mo", "1.0").requires_python(">=3.9").build();
    let source = source("De.mo", "1.0");
    for distribution in [&wheel, &source] {
        let outcome = client.publish(distribution).await.unwrap();
        assert_eq!(outcome.package.as_str(), "de-mo");
        assert_eq!(outcome.version.as_ref().unwrap().as_str(), "1.0");
        assert_eq!(outcome.blob.to_hex(), distribution.sha256_hex());
        assert!(!outcome.already_there);
        client.install(distribution).await;
    }
    let metadata = client.metadata("de-mo", &wheel.file_name).await.unwrap();
    assert_eq!(metadata, wheel.metadata.as_bytes());
    let page = client.index("de-mo").await.unwrap();
    let listed = page.file(&wheel.file_name);
    assert_eq!(listed["hashes"]["sha256"], wheel.sha256_hex());
    assert_eq!(listed["requires-python"], ">=3.9");
    assert_eq!(listed["size"], wheel.bytes.len());
    assert_eq!(page.files().len(), 2);
    assert_eq!(client.catalogue().await, ["de-mo"]);
    registry.assert_sound().await;

    let events = registry.events_of(EventKind::Published, 2).await;
    for (event, distribution) in events.iter().zip([&wheel, &source]) {
        let event = &event.event;
        assert_eq!(event.actor, publisher.actor());
        assert_eq!(event.package.as_ref().unwrap().as_str(), "de-mo");
        assert_eq!(event.version.as_ref().unwrap().as_str(), "1.0");
        assert_eq!(event.file.as_ref().unwrap().as_str(), distribution.file_name);
        assert_eq!(event.detail.text("sha256"), Some(&*distribution.sha256_hex()));
    }
    let kept = registry.kept().await;
    assert!(kept.iter().all(|kept| kept.publisher == Some(publisher.actor().to_string())));
}

#[tokio::test]
async fn what_was_published_is_there_after_a_restart() {
    let registry = TestRegistry::open().await;
    let demo = wheel("demo", "1.0");
    registry.main().publish(&demo).await.unwrap();
    let registry = registry.reopened().await;
    assert!(!registry.registry.is_new());
    registry.main().install(&demo).await;
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_file_name_never_changes_its_bytes() {
    let registry = TestRegistry::open().await;
    let client = registry.main();
    let demo = wheel("demo", "1.0");
    client.publish(&demo).await.unwrap();
    assert!(client.publish(&demo).await.unwrap().already_there);
    let other = other_wheel("demo", "1.0");
    let told = message(client.publish(&other).await);
    assert!(told.contains("File already exists") && told.contains("other bytes"), "{told}");
    client.install(&demo).await;
    client.delete("demo", &demo.file_name).await;
    for again in [&demo, &other] {
        let told = message(client.publish(again).await);
        assert!(told.contains("never reused"), "{told}");
    }
    assert_eq!(refused(client.file("demo", &demo.file_name).await), ProblemCode::Gone);
    let metadata = client.metadata("demo", &demo.file_name).await;
    assert_eq!(refused(metadata), ProblemCode::Gone);
    assert_eq!(client.files("demo").await, [""; 0]);
    registry.assert_sound().await;
    let kinds =
        [(EventKind::Published, 1), (EventKind::Deleted, 1), (EventKind::PublicationRefused, 3)];
    registry.assert_recorded(&kinds).await;
}

#[tokio::test]
async fn archives_that_contradict_themselves_are_refused() {
    use ProblemCode::{InvalidPackage, InvalidRequest};
    let demo = || WheelBuilder::new("demo", "1.0");
    let bent = |archive: ZipBuilder| Distribution {
        bytes: archive.finish().into(),
        ..wheel("demo", "1.0")
    };
    let renamed = |name: &str| Distribution { file_name: name.to_owned(), ..wheel("demo", "1.0") };
    let cases = [
        ("another name", demo().metadata_name("other").build(), InvalidPackage),
        ("another version", demo().metadata_version("1.1").build(), InvalidPackage),
        ("no metadata", bent(ZipBuilder::new().file("demo/__init__.py", "")), InvalidPackage),
        ("no archive", bent(ZipBuilder::new()), InvalidPackage),
        (
            "no zip",
            Distribution { bytes: Bytes::from("no"), ..wheel("demo", "1.0") },
            InvalidPackage,
        ),
        ("empty", Distribution { bytes: Bytes::new(), ..wheel("demo", "1.0") }, InvalidPackage),
        ("dotted", demo().entry("../evil.py", "").build(), InvalidPackage),
        ("absolute", demo().entry("/evil.py", "").build(), InvalidPackage),
        ("wrong hash", demo().record(RecordFlaw::WrongHash).build(), InvalidPackage),
        ("no record", demo().record(RecordFlaw::Absent).build(), InvalidPackage),
        ("unlisted", demo().record(RecordFlaw::Unlisted).build(), InvalidPackage),
        ("bad requirement", demo().requires("no requirement !").build(), InvalidPackage),
        (
            "another source",
            SdistBuilder::new("demo", "1.0").metadata_name("other").build(),
            InvalidPackage,
        ),
        (
            "dotted source",
            SdistBuilder::new("demo", "1.0").entry("../evil.py", "").build(),
            InvalidPackage,
        ),
        ("foreign name", renamed("other-1.0-py3-none-any.whl"), InvalidRequest),
        ("foreign version", renamed("demo-1.1-py3-none-any.whl"), InvalidRequest),
        ("path", renamed("../demo-1.0-py3-none-any.whl"), InvalidRequest),
        ("no name", renamed(""), InvalidRequest),
        ("egg", renamed("demo-1.0-py3.9.egg"), InvalidRequest),
        ("bomb", bent(ZipBuilder::new().bomb("demo/zeros", 80 << 20)), InvalidPackage),
    ];
    let registry = TestRegistry::open().await;
    let refusals = cases.len();
    for (what, found, code) in cases {
        let problem = registry.main().publish(&found).await.expect_err(what);
        assert_eq!(problem.code, code, "{what}: {problem:?}");
        assert_eq!(registry.staged(), 0, "{what}");
        assert_eq!(registry.blobs().await, [""; 0], "{what}");
    }
    assert!(registry.kept().await.is_empty());
    assert_eq!(registry.main().catalogue().await, [""; 0]);
    let told = registry.events_of(EventKind::PublicationRefused, refusals).await;
    let of_file = |name: &str| {
        let mut events = told.iter().map(|event| &event.event);
        events.find(|event| event.file.as_ref().is_some_and(|file| file.as_str() == name))
    };
    let event = of_file("other-1.0-py3-none-any.whl").expect("the form says another name");
    assert_eq!(event.detail.text("code"), Some("invalid-request"));
    assert_eq!(event.repository.as_ref().unwrap().as_str(), "main");
    assert!(event.message.starts_with("other-1.0-py3-none-any.whl was refused: "));
    registry.assert_recorded(&[(EventKind::PublicationRefused, refusals)]).await;
}

#[tokio::test]
async fn every_digest_of_the_form_is_checked() {
    let registry = TestRegistry::open().await;
    let demo = wheel("demo", "1.0");
    let check = async |field: &str, value: &str, expected: Option<ProblemCode>| {
        let mut form = form(&demo);
        form.fields.retain(|(key, _)| field != "sha256_digest" || key != field);
        form.fields.push((field.to_owned(), value.to_owned()));
        let outcome = registry.main().publish_form(form, demo.bytes.clone()).await;
        assert_eq!(outcome.err().map(|problem| problem.code), expected, "{field} {value}");
        assert_eq!(registry.staged(), 0);
    };
    let invalid = Some(ProblemCode::InvalidPackage);
    let malformed = Some(ProblemCode::InvalidRequest);
    check("sha256_digest", &"ab".repeat(32), invalid).await;
    check("md5_digest", &"ab".repeat(16), invalid).await;
    check("blake2_256_digest", &"ab".repeat(32), invalid).await;
    check("sha256_digest", "", malformed).await;
    check("sha256_digest", "abc", malformed).await;
    check("md5_digest", "", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_writers_of_one_file_one_wins() {
    for round in 0..8 {
        let registry = TestRegistry::open().await;
        let (one, other) = (wheel("demo", "1.0"), other_wheel("demo", "1.0"));
        let (first, second) = (registry.main(), registry.main());
        let (a, b) = tokio::join!(
            tokio::spawn({
                let one = one.clone();
                async move { first.publish(&one).await }
            }),
            tokio::spawn({
                let other = other.clone();
                async move { second.publish(&other).await }
            }),
        );
        let winner = match (a.unwrap(), b.unwrap()) {
            (Ok(_), Err(problem)) => (one, problem),
            (Err(problem), Ok(_)) => (other, problem),
            outcome => panic!("round {round}: {outcome:?}"),
        };
        assert_eq!(winner.1.code, ProblemCode::Conflict);
        registry.main().install(&winner.0).await;
        registry.assert_sound().await;
        registry
            .assert_recorded(&[(EventKind::Published, 1), (EventKind::PublicationRefused, 1)])
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_writers_of_the_same_bytes_are_one_publication() {
    let registry = TestRegistry::open().await;
    let demo = wheel("demo", "1.0");
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, demo) = (registry.main(), demo.clone());
        writers.spawn(
            async move { client.publish(&demo).await.expect("the same bytes").already_there },
        );
    }
    let outcomes = writers.join_all().await;
    assert_eq!(outcomes.iter().filter(|already_there| !**already_there).count(), 1);
    registry.assert_sound().await;
    registry.assert_recorded(&[(EventKind::Published, 1)]).await;
}

#[tokio::test]
async fn yanks_deletions_and_their_events() {
    let registry = TestRegistry::open().await;
    let client = registry.main();
    let files = [wheel("demo", "1.0"), source("demo", "1.0"), wheel("demo", "2.0")];
    for file in &files {
        client.publish(file).await.unwrap();
    }
    let yanked = async || {
        let page = client.index("demo").await.unwrap();
        let states = files.iter().map(|file| page.file(&file.file_name)["yanked"].clone());
        states.collect::<Vec<_>>()
    };
    let no = || serde_json::json!(false);
    let yes = || serde_json::json!("broken");
    assert_eq!(client.yank("demo", "1.0").await.len(), 2);
    assert_eq!(yanked().await, [yes(), yes(), no()]);
    client.install(&files[0]).await;
    let fine = Change::Unyank { reason: Some("it was fine".to_owned()) };
    assert_eq!(client.change("demo", &files[0].file_name, fine).await.unwrap().len(), 1);
    assert_eq!(yanked().await, [no(), yes(), no()]);
    assert_eq!(client.yank("demo", &files[2].file_name).await.len(), 1);
    assert_eq!(yanked().await, [no(), yes(), yes()]);
    assert_eq!(
        client.change("demo", "1.0", Change::Unyank { reason: None }).await.unwrap(),
        [&*files[1].file_name]
    );
    let nothing = client.change("demo", "1.0", Change::Unyank { reason: None }).await;
    assert_eq!(refused(nothing), ProblemCode::Conflict);
    assert_eq!(client.delete("demo", "1.0").await.len(), 2);
    assert_eq!(client.files("demo").await, [&*files[2].file_name]);
    let again = client.change("demo", "1.0", Change::Delete { reason: None }).await;
    assert_eq!(refused(again), ProblemCode::Conflict);
    for change in [
        Change::Unyank { reason: None },
        Change::Yank { reason: None },
        Change::Release { reason: None },
    ] {
        assert_eq!(refused(client.change("demo", "1.0", change).await), ProblemCode::Conflict);
    }
    let nowhere = client.change("demo", "3.0", Change::Unyank { reason: None }).await;
    assert_eq!(refused(nowhere), ProblemCode::NotFound);
    let told = message(client.file("demo", &files[0].file_name).await);
    assert!(told.contains("a secret in it"), "{told}");
    let record = registry.record().await;
    let of_kind = |kind| record.iter().filter(move |event| event.event.kind == kind);
    let taken_back: Vec<_> =
        of_kind(EventKind::Unyanked).map(|event| event.event.message.as_str()).collect();
    let [first, second] = taken_back[..] else { panic!("{taken_back:?}") };
    assert!(first.ends_with("was unyanked: it was fine") && second.ends_with("was unyanked"));
    let counted = tally(&record);
    let expected =
        [("deleted", 2), ("initialized", 1), ("published", 3), ("unyanked", 2), ("yanked", 3)];
    assert_eq!(counted, expected.into());
}

#[tokio::test]
async fn a_deletion_frees_the_bytes_unless_somebody_else_has_them() {
    let registry = TestRegistry::open().await;
    let other = registry.repository("other", provender_domain::Visibility::Public).await;
    let (shared, alone) = (wheel("demo", "1.0"), wheel("demo", "2.0"));
    for client in [&registry.main(), &other] {
        client.publish(&shared).await.unwrap();
    }
    registry.main().publish(&alone).await.unwrap();
    registry.main().delete("demo", "1.0").await;
    registry.main().delete("demo", "2.0").await;
    assert!(registry.has_blob(&shared.sha256_hex()).await);
    assert!(!registry.has_blob(&alone.sha256_hex()).await);
    other.install(&shared).await;
    other.delete("demo", "1.0").await;
    assert!(!registry.has_blob(&shared.sha256_hex()).await);
    registry.assert_sound().await;
    let tombstones = registry.kept().await;
    assert!(tombstones.iter().all(|kept| kept.state == FileState::Deleted));
}

#[tokio::test]
async fn a_deleted_mirrored_file_is_not_fetched_again() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.main().install(&demo).await;
    registry.main().delete("demo", "1.0").await;
    let file = registry.main().file("demo", &demo.file_name).await;
    assert_eq!(refused(file), ProblemCode::Gone);
    assert_eq!(registry.main().files("demo").await, [""; 0]);
    assert_eq!(upstream.fake().hits(&upstream.file_path(&demo.file_name)), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_yank_never_brings_back_what_is_being_deleted() {
    let registry = TestRegistry::open().await;
    let client = registry.main();
    for round in 0..24 {
        let version = format!("{round}.0");
        let demo = wheel("demo", &version);
        client.publish(&demo).await.unwrap();
        let (yanking, deleting) = (client.clone(), client.clone());
        let (file, version) = (demo.file_name.clone(), Version::new(&version).unwrap());
        let yank = tokio::spawn(async move {
            let change = Change::Yank { reason: Some("broken".to_owned()) };
            let _ = yanking.change("demo", version.as_str(), change).await;
        });
        let delete = tokio::spawn(async move { deleting.delete("demo", &file).await });
        delete.await.unwrap();
        yank.await.unwrap();
        let gone = client.file("demo", &demo.file_name).await;
        assert_eq!(refused(gone), ProblemCode::Gone, "round {round}");
    }
    registry.assert_sound().await;
}

#[tokio::test]
async fn local_versions_and_odd_names_are_published_and_found() {
    let registry = TestRegistry::open().await;
    let check = async |name: &str, version: &str| {
        let demo = wheel(name, version);
        registry.main().publish(&demo).await.unwrap_or_else(|problem| panic!("{problem:?}"));
        registry.main().install(&demo).await;
    };
    check("a", "0").await;
    check("Zope.Interface", "1.0+local.1").await;
    check("under_score", "1!2.0rc1.post2.dev3").await;
    check(&"n".repeat(100), "2026.11.22").await;
}
