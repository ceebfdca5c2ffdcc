//! Nothing unverified gets in, and what was refused stays out.

use md5::Digest as _;
use provender_domain::{EventKind, FileState, ProblemCode, Severity, Visibility};
use provender_testing::Answer;
use provender_testing::archive::ZipBuilder;
use provender_testing::python::{Distribution, Formats, PythonUpstream, WheelBuilder};
use provender_testing::sha256_hex;

use crate::client::{bytes_of, message, refused};
use crate::{TestRegistry, hours, minutes, wheel};

/// Bytes that hash to something else than the index says.
const FORGED: &[u8] = b"these are other bytes";

#[tokio::test]
async fn bytes_that_the_index_did_not_promise_are_never_kept_and_never_tried_again() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    upstream.swap_bytes(&demo.file_name, FORGED);
    let path = upstream.file_path(&demo.file_name);
    upstream.change(&demo.file_name, |file| file.size_bytes = FORGED.len() as u64);
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    for _ in 0..3 {
        let told = message(client.file("demo", &demo.file_name).await);
        assert!(told.contains("quarantine") && told.contains(&demo.sha256_hex()), "{told}");
        let metadata = client.metadata("demo", &demo.file_name).await;
        assert_eq!(refused(metadata), ProblemCode::PolicyDenied);
        assert_eq!(client.files("demo").await, [""; 0]);
    }
    assert_eq!(upstream.fake().hits(&path), 1);
    assert!(!registry.has_blob(&sha256_hex(FORGED)).await, "none of it is kept");
    let events = registry.events_of(EventKind::DigestMismatch, 1).await;
    assert_eq!(events[0].severity, Some(Severity::High));

    // Back to the truth: only an administrator opens the file again.
    upstream.swap_bytes(&demo.file_name, demo.bytes.clone());
    upstream.change(&demo.file_name, |file| file.size_bytes = demo.bytes.len() as u64);
    registry.clock.advance(minutes(11));
    assert_eq!(refused(client.file("demo", &demo.file_name).await), ProblemCode::PolicyDenied);
    let quarantined = registry.registry.quarantined(&registry.operator(), Some("main")).await;
    assert_eq!(quarantined.unwrap().len(), 1);
    assert_eq!(client.release("demo", &demo.file_name).await, [&*demo.file_name]);
    client.install(&demo).await;
    assert_eq!(client.files("demo").await, [&*demo.file_name]);
    assert_eq!(upstream.fake().hits(&path), 2);
    registry.assert_sound().await;
    let kinds =
        [(EventKind::DigestMismatch, 1), (EventKind::Released, 1), (EventKind::Mirrored, 1)];
    registry.assert_recorded(&kinds).await;
}

#[tokio::test]
async fn forged_bytes_are_not_let_out_by_a_release_because_they_are_here_for_other_reasons() {
    let upstream = PythonUpstream::start();
    let (demo, other) = (wheel("demo", "1.0"), wheel("other", "1.0"));
    upstream.add(demo.clone());
    upstream.add(other.clone());
    upstream.swap_bytes(&demo.file_name, other.bytes.clone());
    upstream.change(&demo.file_name, |file| file.size_bytes = other.bytes.len() as u64);
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    client.install(&other).await;
    assert_eq!(refused(client.file("demo", &demo.file_name).await), ProblemCode::PolicyDenied);
    client.release("demo", &demo.file_name).await;
    assert_eq!(refused(client.file("demo", &demo.file_name).await), ProblemCode::PolicyDenied);
    registry.assert_recorded(&[(EventKind::DigestMismatch, 2)]).await;
}

/// A wheel of `demo` 1.0 with a surprise.
fn bent(archive: &ZipBuilder) -> Distribution {
    Distribution { bytes: archive.finish().into(), ..wheel("demo", "1.0") }
}

/// The entries of an honest wheel of `demo` 1.0.
fn honest() -> ZipBuilder {
    let metadata = wheel("demo", "1.0").metadata;
    ZipBuilder::new()
        .file("demo/__init__.py", "")
        .file("demo-1.0.dist-info/METADATA", metadata)
        .file(
            "demo-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        .file("demo-1.0.dist-info/RECORD", "")
}

#[tokio::test]
async fn an_archive_that_is_hostile_or_lies_is_kept_as_evidence_and_not_served() {
    let check = async |what: &str, found: Distribution| {
        let upstream = PythonUpstream::start();
        upstream.add(found.clone());
        let path = upstream.file_path(&found.file_name);
        let registry = TestRegistry::mirroring(&upstream).await;
        let client = registry.main();
        for _ in 0..2 {
            let file = client.file("demo", &found.file_name).await;
            assert_eq!(refused(file), ProblemCode::PolicyDenied, "{what}");
            let metadata = client.metadata("demo", &found.file_name).await;
            assert_eq!(refused(metadata), ProblemCode::PolicyDenied, "{what}");
            assert_eq!(client.files("demo").await, [""; 0], "{what}");
        }
        assert_eq!(upstream.fake().hits(&path), 1, "{what}");
        assert!(registry.has_blob(&found.sha256_hex()).await, "{what}");
        let event = &registry.events_of(EventKind::ArchiveRefused, 1).await[0];
        assert_eq!(event.severity, Some(Severity::High), "{what}");
        registry.assert_sound().await;

        client.release("demo", &found.file_name).await;
        client.install(&found).await;
        assert_eq!(upstream.fake().hits(&path), 1, "{what}: its bytes are here");
        registry.assert_sound().await;
        let kinds = [(EventKind::ArchiveRefused, 1), (EventKind::Released, 1)];
        registry.assert_recorded(&kinds).await;
    };
    check("zip bomb", bent(&honest().bomb("demo/zeros", 80 << 20))).await;
    check("dotted path", bent(&honest().file("../outside.py", ""))).await;
    check("absolute path", bent(&honest().file("/etc/passwd", ""))).await;
    check("double", bent(&honest().file("demo/__init__.py", "other"))).await;
    check("no archive", Distribution { bytes: "no zip".into(), ..wheel("demo", "1.0") }).await;
    let name = WheelBuilder::new("demo", "1.0").metadata_name("other").build();
    check("another name", Distribution { metadata: wheel("demo", "1.0").metadata, ..name }).await;
    check("another version", WheelBuilder::new("demo", "1.0").metadata_version("2.0").build())
        .await;
}

#[tokio::test]
async fn an_index_that_promises_other_metadata_than_the_archive_has_is_refused() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let harmless = format!("{}Requires-Dist: harmless\n", demo.metadata);
    upstream.change(&demo.file_name, |file| file.metadata = Some(harmless.clone()));
    let registry = TestRegistry::mirroring(&upstream).await;
    let told = message(registry.main().file("demo", &demo.file_name).await);
    assert!(told.contains("contradiction"), "{told}");
    assert!(registry.has_blob(&demo.sha256_hex()).await, "it is evidence");
    assert_eq!(registry.main().files("demo").await, [""; 0]);
    registry.assert_recorded(&[(EventKind::ArchiveRefused, 1)]).await;
}

#[tokio::test]
async fn metadata_that_is_not_what_the_index_promises_is_not_served() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let path = format!("{}.metadata", upstream.file_path(&demo.file_name));
    upstream.fake().on(&path, Answer::ok("Metadata-Version: 2.1\nName: other\n"));
    let registry = TestRegistry::mirroring(&upstream).await;
    let metadata = registry.main().metadata("demo", &demo.file_name).await;
    assert_eq!(refused(metadata), ProblemCode::UpstreamFailed);
    assert_eq!(registry.blobs().await, [""; 0]);
    // The file itself brings its metadata along.
    registry.main().install(&demo).await;
    let metadata = registry.main().metadata("demo", &demo.file_name).await.unwrap();
    assert_eq!(metadata, demo.metadata.as_bytes());
    registry.assert_sound().await;
}

#[tokio::test]
async fn an_upstream_without_hashes_is_trusted_on_first_use_and_says_so() {
    let upstream = PythonUpstream::start();
    upstream.formats(Formats { hashes: false, metadata_files: false, ..Formats::default() });
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.main().install(&demo).await;
    let event = &registry.events_of(EventKind::Mirrored, 1).await[0].event;
    assert!(event.message.contains("promised no digest"), "{}", event.message);
    let page = registry.main().index("demo").await.unwrap();
    assert_eq!(page.file(&demo.file_name)["hashes"]["sha256"], demo.sha256_hex());
    // Other bytes are not noticed, but neither are they fetched.
    upstream.swap_bytes(&demo.file_name, FORGED);
    registry.clock.advance(minutes(11));
    registry.main().install(&demo).await;
}

/// A page that promises an MD5 alone of one file.
fn promising_md5(upstream: &PythonUpstream, demo: &Distribution, md5: &str) -> Answer {
    let url = upstream.fake().url(&upstream.file_path(&demo.file_name));
    Answer::html(format!("<a href=\"{url}#md5={md5}\">{}</a>", demo.file_name))
}

#[tokio::test]
async fn an_md5_alone_is_no_promise_and_must_be_right_all_the_same() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let md5 = hex::encode(md5::Md5::digest(&demo.bytes));
    upstream.fake().on("/simple/demo/", promising_md5(&upstream, &demo, &md5));
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.main().install(&demo).await;
    let event = &registry.events_of(EventKind::Mirrored, 1).await[0].event;
    assert!(event.message.contains("can be forged"), "{}", event.message);
    let checks = &event.detail.0["checks"];
    assert_eq!(checks[0], "PROVENDER_TRUSTED_ON_FIRST_USE", "{checks}");

    let upstream = PythonUpstream::start();
    upstream.add(demo.clone());
    upstream.fake().on("/simple/demo/", promising_md5(&upstream, &demo, &"0".repeat(32)));
    let registry = TestRegistry::mirroring(&upstream).await;
    assert_eq!(
        refused(registry.main().file("demo", &demo.file_name).await),
        ProblemCode::PolicyDenied
    );
    registry.assert_recorded(&[(EventKind::DigestMismatch, 1)]).await;
}

#[tokio::test]
async fn a_file_whose_bytes_change_upstream_is_told_of_once_and_the_kept_one_stays() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    let changed = WheelBuilder::new("demo", "1.0").entry("evil.py", "evil = True").build();
    upstream.add(demo.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.main().install(&demo).await;
    upstream.add(changed.clone());
    for _ in 0..3 {
        registry.clock.advance(minutes(11));
        let page = registry.main().index("demo").await.unwrap();
        assert_eq!(page.file(&demo.file_name)["hashes"]["sha256"], demo.sha256_hex());
        registry.main().install(&demo).await;
    }
    let events = registry.events_of(EventKind::UpstreamChanged, 1).await;
    let detail = &events[0].event.detail;
    assert_eq!(detail.text("kept"), Some(&*format!("sha256:{}", demo.sha256_hex())));
    assert_eq!(detail.text("promised"), Some(&*format!("sha256:{}", changed.sha256_hex())));
    registry.assert_recorded(&[(EventKind::UpstreamChanged, 1)]).await;
}

#[tokio::test]
async fn a_package_that_comes_back_with_other_bytes_is_told_of() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.main().install(&demo).await;
    upstream.remove("demo");
    registry.clock.advance(minutes(11));
    registry.main().files("demo").await;
    upstream.add(WheelBuilder::new("demo", "1.0").entry("evil.py", "evil = True").build());
    registry.clock.advance(minutes(11));
    registry.main().install(&demo).await;
    registry.main().files("demo").await;
    registry.assert_recorded(&[(EventKind::UpstreamChanged, 1)]).await;
}

#[tokio::test]
async fn a_file_that_changes_before_it_was_kept_is_told_of_and_the_new_promise_holds() {
    let upstream = PythonUpstream::start();
    upstream.add(wheel("demo", "1.0"));
    let changed = WheelBuilder::new("demo", "1.0").entry("more.py", "more = True").build();
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.main().files("demo").await;
    upstream.add(changed.clone());
    registry.clock.advance(minutes(11));
    registry.main().install(&changed).await;
    let event = &registry.events_of(EventKind::UpstreamChanged, 1).await[0].event;
    assert!(event.message.contains("was not kept here before"), "{}", event.message);
    registry.assert_recorded(&[(EventKind::UpstreamChanged, 1), (EventKind::Mirrored, 1)]).await;
}

#[tokio::test]
async fn a_quarantined_file_may_be_deleted_for_good() {
    let upstream = PythonUpstream::start();
    let found = WheelBuilder::new("demo", "1.0").metadata_version("2.0").build();
    upstream.add(found.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    assert_eq!(refused(client.file("demo", &found.file_name).await), ProblemCode::PolicyDenied);
    client.delete("demo", &found.file_name).await;
    assert!(!registry.has_blob(&found.sha256_hex()).await);
    for _ in 0..2 {
        assert_eq!(refused(client.file("demo", &found.file_name).await), ProblemCode::Gone);
    }
    assert_eq!(registry.kept().await[0].state, FileState::Deleted);
    assert_eq!(upstream.fake().hits(&upstream.file_path(&found.file_name)), 1);
}

#[tokio::test]
async fn a_digest_that_an_upstream_lists_gives_no_right_to_the_bytes_of_another_repository() {
    let upstream = PythonUpstream::start();
    let (demo, ours) = (wheel("demo", "1.0"), wheel("secret", "1.0"));
    upstream.add(demo.clone());
    upstream.formats(Formats { metadata_files: false, ..Formats::default() });
    let registry = TestRegistry::mirroring(&upstream).await;
    let secret = registry.repository("secret", Visibility::Private).await;
    secret.publish(&ours).await.unwrap();
    let page = serde_json::json!({
        "meta": { "api-version": "1.0" },
        "name": "demo",
        "files": [{
            "filename": demo.file_name,
            "url": upstream.fake().url(&upstream.file_path(&demo.file_name)),
            "hashes": { "sha256": demo.sha256_hex() },
            "core-metadata": { "sha256": ours.sha256_hex() },
        }],
    });
    upstream.fake().on("/simple/demo/", Answer::json(&page));
    let stolen = registry.main().metadata("demo", &demo.file_name).await;
    assert_eq!(refused(stolen), ProblemCode::NotFound);
}

#[tokio::test]
async fn provenance_once_fetched_is_kept_with_its_file() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let page = serde_json::json!({
        "meta": { "api-version": "1.3" },
        "name": "demo",
        "files": [{
            "filename": demo.file_name,
            "url": upstream.fake().url(&upstream.file_path(&demo.file_name)),
            "hashes": { "sha256": demo.sha256_hex() },
            "provenance": upstream.fake().url("/provenance"),
        }],
    });
    upstream.fake().on("/simple/demo/", Answer::json(&page));
    upstream.fake().on("/provenance", Answer::ok("a statement"));
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    client.install(&demo).await;
    let provenance = async || {
        let answer = client.open("demo", &demo.file_name, Some("provenance")).await.unwrap();
        bytes_of(answer)
    };
    assert_eq!(provenance().await, b"a statement");
    upstream.fake().offline().await;
    registry.clock.advance(hours(48));
    registry.registry.collect_garbage(&registry.operator(), false).await.unwrap();
    assert_eq!(provenance().await, b"a statement");
    registry.assert_sound().await;
}
