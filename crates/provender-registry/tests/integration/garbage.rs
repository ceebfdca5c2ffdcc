//! Bytes that nothing refers to are removed; others never are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use provender_domain::Scope;
use provender_registry::Collected;
use provender_testing::python::{PythonUpstream, WheelBuilder};
use provender_testing::sha256_hex;

use crate::client::publication;
use crate::{TestRegistry, hours, minutes, wheel};

/// Puts bytes into the store as a crash between blob and row leaves them.
fn orphan(registry: &TestRegistry, bytes: &[u8]) -> String {
    let hex = sha256_hex(bytes);
    let path = registry.data().join("blobs/sha256").join(&hex[..2]).join(&hex);
    std::fs::write(path, bytes).unwrap();
    hex
}

/// The same for bytes that are few enough for the database.
async fn small_orphan(registry: &TestRegistry, bytes: &'static [u8]) -> String {
    let blobs = registry.registry.blobs();
    let mut staging = blobs.stage().await.unwrap();
    staging.write(Bytes::from_static(bytes)).await.unwrap();
    let blob = staging.finish().await.unwrap().verify(&[]).await.unwrap();
    blobs.commit(blob).await.unwrap().to_hex()
}

async fn collect(registry: &TestRegistry, dry_run: bool) -> Collected {
    let collected = registry.registry.collect_garbage(&registry.operator(), dry_run).await;
    collected.expect("the operator may")
}

#[tokio::test]
async fn an_orphan_goes_after_an_hour_and_nothing_else_ever() {
    let upstream = PythonUpstream::start();
    let (theirs, ours, gone) = (wheel("theirs", "1.0"), wheel("ours", "1.0"), wheel("ours", "2.0"));
    let bad = WheelBuilder::new("bad", "1.0").metadata_version("2.0").build();
    upstream.add(theirs.clone());
    upstream.add(bad.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    client.install(&theirs).await;
    client.publish(&ours).await.unwrap();
    client.publish(&gone).await.unwrap();
    client.delete("ours", "2.0").await;
    let _ = client.file("bad", &bad.file_name).await.unwrap_err();
    collect(&registry, false).await;
    let orphan = orphan(&registry, b"left behind by a crash");
    let small = small_orphan(&registry, b"left behind in the database").await;
    let before = registry.blobs().await;

    registry.clock.advance(minutes(59));
    assert_eq!(collect(&registry, false).await, Collected::default());
    registry.clock.advance(minutes(2));
    let found = collect(&registry, true).await;
    assert!(found.dry_run && found.blobs >= 1, "{found:?}");
    assert_eq!(registry.blobs().await, before, "a dry run removes nothing");
    let removed = collect(&registry, false).await;
    assert_eq!((removed.blobs, removed.bytes), (found.blobs, found.bytes));
    assert!(!registry.has_blob(&orphan).await);
    assert!(!registry.has_blob(&small).await);
    // The metadata of the deleted wheel had nobody else.
    assert!(!registry.has_blob(&sha256_hex(gone.metadata.as_bytes())).await);
    assert!(registry.has_blob(&bad.sha256_hex()).await, "evidence is kept");
    client.install(&theirs).await;
    client.install(&ours).await;
    client.metadata("theirs", &theirs.file_name).await.unwrap();
    registry.assert_sound().await;
    registry.clock.advance(hours(1000));
    assert_eq!(collect(&registry, false).await, Collected::default());
}

#[tokio::test]
async fn metadata_fetched_ahead_of_its_file_may_go_and_come_again() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    client.metadata("demo", &demo.file_name).await.unwrap();
    assert_eq!(collect(&registry, false).await.blobs, 0);
    registry.clock.advance(hours(2));
    assert_eq!(collect(&registry, false).await.blobs, 1);
    client.metadata("demo", &demo.file_name).await.unwrap();
    client.install(&demo).await;
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_publication_under_way_is_left_alone() {
    let registry = TestRegistry::open().await;
    let operation = publication();
    let authorized = registry.main().authorize(operation).unwrap();
    let demo = wheel("demo", "1.0");
    let mut staging = registry.registry.stage(&authorized).await.unwrap();
    staging.write(demo.bytes.clone()).await.unwrap();
    let blob = staging.finish().await.unwrap();
    registry.clock.advance(hours(2));
    collect(&registry, false).await;
    let form = crate::client::form(&demo);
    registry.registry.publish(authorized, form, blob).await.unwrap();
    registry.main().install(&demo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publications_of_what_is_being_collected_are_never_lost() {
    let registry = TestRegistry::open().await;
    // From here on every blob is old the moment it is committed.
    registry.clock.advance(hours(2));
    let done = Arc::new(AtomicBool::new(false));
    let collecting = {
        let (api, done) = (registry.registry.clone(), Arc::clone(&done));
        let operator = registry.operator();
        tokio::spawn(async move {
            let mut rounds = 0;
            while !done.load(Ordering::SeqCst) {
                api.collect_garbage(&operator, false).await.expect("a collection");
                rounds += 1;
            }
            rounds
        })
    };
    let mut publishing = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let client = registry.main();
        publishing.spawn(async move {
            for round in 0..12 {
                // Two versions share their bytes with nobody, one name's metadata is deleted and made again.
                let demo = wheel(&format!("demo-{writer}"), &format!("{round}.0"));
                client.publish(&demo).await.expect("a publication");
                client.install(&demo).await;
                if round % 3 == 0 {
                    client.delete(&demo.project, &demo.version).await;
                }
            }
        });
    }
    publishing.join_all().await;
    done.store(true, Ordering::SeqCst);
    assert!(collecting.await.unwrap() > 0);
    registry.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bytes_published_while_their_last_holder_lets_go_are_kept() {
    let registry = TestRegistry::open().await;
    let other = registry.repository("other", provender_domain::Visibility::Public).await;
    for round in 0..20 {
        let demo = wheel("demo", &format!("{round}.0"));
        registry.main().publish(&demo).await.unwrap();
        let (deleting, publishing, version) =
            (registry.main(), other.clone(), demo.version.clone());
        let copy = demo.clone();
        let delete = tokio::spawn(async move { deleting.delete("demo", &version).await });
        let publish = tokio::spawn(async move { publishing.publish(&copy).await });
        delete.await.unwrap();
        publish.await.unwrap().unwrap();
        other.install(&demo).await;
    }
    registry.assert_sound().await;
}

#[tokio::test]
async fn only_an_administrator_of_everything_collects() {
    let registry = TestRegistry::open().await;
    let callers = [
        registry.anonymous(),
        registry.bearer(Some("main"), Scope::Admin, None).await,
        registry.bearer(None, Scope::Publish, None).await,
    ];
    for caller in callers {
        assert!(registry.registry.collect_garbage(&caller, true).await.is_err());
    }
}
