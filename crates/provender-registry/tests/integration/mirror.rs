//! In from upstreams: fetched once, verified, recorded, kept for ever.

use provender_domain::{Actor, EventKind, ProblemCode, Scope, Visibility};
use provender_ecosystem::Change;
use provender_testing::Answer;
use provender_testing::python::{Distribution, PythonUpstream, SdistBuilder};
use serde_json::json;

use crate::client::{message, refused};
use crate::{TestRegistry, minutes, seconds, wheel};

/// What an index says of a project in quarantine (PEP 792): here one that lists its files still.
fn in_quarantine(upstream: &PythonUpstream, distributions: &[&Distribution]) -> Answer {
    let files = distributions.iter().map(|distribution| {
        json!({
            "filename": distribution.file_name,
            "url": upstream.fake().url(&upstream.file_path(&distribution.file_name)),
            "hashes": { "sha256": distribution.sha256_hex() },
        })
    });
    let page = json!({
        "meta": { "api-version": "1.4" },
        "project-status": { "status": "quarantined", "reason": "it steals" },
        "name": "demo",
        "versions": [],
        "files": files.collect::<Vec<_>>(),
    });
    let json = "application/vnd.pypi.simple.v1+json";
    Answer::ok(page.to_string()).header("Content-Type", json)
}

#[tokio::test]
async fn what_its_upstream_puts_in_quarantine_is_offered_no_more() {
    let upstream = PythonUpstream::start();
    let (kept, other) = (wheel("demo", "1.0"), wheel("demo", "2.0"));
    upstream.add(kept.clone());
    upstream.add(other.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.repository("front", Visibility::Public).await;
    registry.put_behind("front", "main").await;
    let client = registry.client("main", registry.anonymous());
    let front = registry.client("front", registry.anonymous());
    client.install(&kept).await;
    front.install(&kept).await;
    upstream.fake().on("/simple/demo/", in_quarantine(&upstream, &[&kept, &other]));
    registry.clock.advance(minutes(11));
    for client in [&client, &front] {
        assert_eq!(client.files("demo").await, [""; 0]);
        let told = message(client.file("demo", &kept.file_name).await);
        assert!(told.contains("it steals"), "{told}");
    }
    let told = message(client.file("demo", &other.file_name).await);
    assert!(told.contains("it steals"), "{told}");
    assert_eq!(refused(front.file("demo", &other.file_name).await), ProblemCode::NotFound);
    assert_eq!(upstream.fake().hits(&upstream.file_path(&other.file_name)), 0);
    let events = registry.events_of(EventKind::UpstreamQuarantined, 1).await;
    assert!(events[0].event.message.contains("1 files of demo"), "{:?}", events[0]);
    // It is told once; and an administrator who looked may let out what is kept.
    let reason = Some("looked at".to_owned());
    registry.main().change("demo", "1.0", Change::Release { reason }).await.unwrap();
    registry.clock.advance(minutes(11));
    for client in [&client, &front] {
        assert_eq!(client.files("demo").await, [&*kept.file_name]);
        client.install(&kept).await;
    }
    registry.events_of(EventKind::UpstreamQuarantined, 1).await;
    registry.assert_sound().await;
}

#[tokio::test]
async fn the_first_install_fetches_once_and_the_second_asks_nobody() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    let reader = registry.bearer(Some("main"), Scope::Read, None).await;
    let client = registry.client("main", reader.clone());
    for _ in 0..3 {
        assert_eq!(client.files("demo").await, [&*demo.file_name]);
        client.install(&demo).await;
        let metadata = client.metadata("demo", &demo.file_name).await.unwrap();
        assert_eq!(metadata, demo.metadata.as_bytes());
    }
    assert_eq!(upstream.fake().hits("/simple/demo/"), 1);
    assert_eq!(upstream.fake().hits(&upstream.file_path(&demo.file_name)), 1);
    assert_eq!(upstream.fake().total(), 2, "{:#?}", upstream.fake().requests());

    let events = registry.events_of(EventKind::Mirrored, 1).await;
    let event = &events[0].event;
    assert_eq!(event.actor, reader.actor());
    assert!(matches!(event.actor, Actor::Token { .. }));
    assert_eq!(event.repository.as_ref().unwrap().as_str(), "main");
    assert_eq!(event.file.as_ref().unwrap().as_str(), demo.file_name);
    assert_eq!(event.version.as_ref().unwrap().as_str(), "1.0");
    assert_eq!(event.detail.text("upstream"), Some("up"));
    assert_eq!(event.detail.text("sha256"), Some(&*demo.sha256_hex()));
    assert_eq!(
        event.detail.text("url"),
        Some(&*upstream.fake().url(&format!("/files/{}", demo.file_name)))
    );
    registry.assert_sound().await;
    registry.assert_recorded(&[(EventKind::Mirrored, 1)]).await;
}

#[tokio::test]
async fn what_was_mirrored_is_there_after_a_restart_without_the_upstream() {
    let upstream = PythonUpstream::start();
    let (demo, source) = (wheel("demo", "1.0"), SdistBuilder::new("demo", "1.0").build());
    upstream.add(demo.clone());
    upstream.add(source.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.main().files("demo").await;
    registry.main().install(&demo).await;
    registry.main().install(&source).await;
    upstream.fake().offline().await;
    let registry = registry.reopened().await;
    registry.clock.advance(minutes(60));
    let page = registry.main().index("demo").await.unwrap();
    assert_eq!(page.stale.unwrap().upstream.as_str(), "up");
    registry.main().install(&demo).await;
    registry.main().install(&source).await;
    registry.main().metadata("demo", &demo.file_name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_readers_make_one_request() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let path = upstream.file_path(&demo.file_name);
    let slow = Answer::ok(demo.bytes.clone()).after(std::time::Duration::from_millis(200));
    upstream.fake().on(&path, slow);
    let registry = TestRegistry::mirroring(&upstream).await;
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (client, demo) = (registry.main(), demo.clone());
        readers.spawn(async move {
            client.files("demo").await;
            client.install(&demo).await;
        });
    }
    readers.join_all().await;
    assert_eq!(upstream.fake().hits("/simple/demo/"), 1);
    assert_eq!(upstream.fake().hits(&path), 1);
    registry.assert_sound().await;
    registry.assert_recorded(&[(EventKind::Mirrored, 1)]).await;
}

#[tokio::test]
async fn a_reader_who_leaves_does_not_take_the_file_along() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let path = upstream.file_path(&demo.file_name);
    let slow = Answer::ok(demo.bytes.clone()).after(std::time::Duration::from_millis(100));
    upstream.fake().on(&path, slow);
    let registry = TestRegistry::mirroring(&upstream).await;
    let impatient = std::time::Duration::from_millis(50);
    let client = registry.main();
    let left = tokio::time::timeout(impatient, client.install(&demo)).await;
    assert!(left.is_err(), "the upstream is slower than this reader");
    registry.events_of(EventKind::Mirrored, 1).await;
    client.install(&demo).await;
    assert_eq!(upstream.fake().hits(&path), 1);
}

#[tokio::test]
async fn an_upstream_that_fails_is_told_of_once_and_its_index_is_served_stale() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    let fresh = client.index("demo").await.unwrap();
    assert_eq!(fresh.stale, None);
    upstream.fake().offline().await;
    for _ in 0..3 {
        registry.clock.advance(minutes(11));
        let page = client.index("demo").await.unwrap();
        assert_eq!(page.files(), fresh.files());
        assert_eq!(page.stale.unwrap().upstream.as_str(), "up");
    }
    assert_eq!(registry.events_of(EventKind::UpstreamFailing, 1).await.len(), 1);
    upstream.fake().online().await;
    registry.clock.advance(seconds(31));
    assert_eq!(client.index("demo").await.unwrap().stale, None);
    assert_eq!(registry.events_of(EventKind::UpstreamRecovered, 1).await.len(), 1);
    let expected = [(EventKind::UpstreamFailing, 1), (EventKind::UpstreamRecovered, 1)];
    registry.assert_recorded(&expected).await;
}

#[tokio::test]
async fn freshness_goes_by_the_clock_and_revalidates_without_downloading() {
    let upstream = PythonUpstream::start();
    upstream.add(wheel("demo", "1.0"));
    let registry = TestRegistry::mirroring(&upstream).await;
    let check = async |advance, hits, files: usize| {
        registry.clock.advance(advance);
        assert_eq!(registry.main().files("demo").await.len(), files);
        assert_eq!(upstream.fake().hits("/simple/demo/"), hits, "after {advance:?}");
    };
    check(seconds(0), 1, 1).await;
    check(minutes(9), 1, 1).await;
    check(minutes(2), 2, 1).await;
    let again = upstream.fake().requests().pop().unwrap();
    assert!(again.header("If-None-Match").is_some(), "a revalidation is conditional");
    check(minutes(9), 2, 1).await;
    upstream.add(wheel("demo", "2.0"));
    check(seconds(30), 2, 1).await;
    check(minutes(1), 3, 2).await;
}

#[tokio::test]
async fn freshness_survives_a_restart() {
    let upstream = PythonUpstream::start();
    upstream.add(wheel("demo", "1.0"));
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.main().files("demo").await;
    let registry = registry.reopened().await;
    registry.main().files("demo").await;
    assert_eq!(upstream.fake().hits("/simple/demo/"), 1);
    registry.clock.advance(minutes(11));
    registry.main().files("demo").await;
    let again = upstream.fake().requests().pop().unwrap();
    assert!(again.header("If-None-Match").is_some(), "a revalidation is conditional");
}

#[tokio::test]
async fn kept_files_go_on_when_the_package_is_gone_upstream() {
    let upstream = PythonUpstream::start();
    let (kept, other) = (wheel("demo", "1.0"), wheel("demo", "2.0"));
    upstream.add(kept.clone());
    upstream.add(other.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.main().install(&kept).await;
    upstream.remove("demo");
    registry.clock.advance(minutes(11));
    let page = registry.main().index("demo").await.unwrap();
    assert_eq!(page.files(), [&*kept.file_name]);
    assert_eq!(page.stale, None, "that it is gone is an answer");
    registry.main().install(&kept).await;
    let gone = registry.main().file("demo", &other.file_name).await;
    assert_eq!(refused(gone), ProblemCode::NotFound);
}

#[tokio::test]
async fn what_was_never_kept_is_a_clear_problem_when_the_upstream_is_down() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.main().files("demo").await;
    upstream.fake().offline().await;
    let problem = registry.main().file("demo", &demo.file_name).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::UpstreamFailed);
    assert_eq!(problem.public, "upstream up cannot be reached");
    let unheard_of = registry.main().index("other").await;
    assert_eq!(refused(unheard_of), ProblemCode::UpstreamFailed);
    registry.assert_sound().await;
    upstream.fake().online().await;
    registry.main().install(&demo).await;
}

#[tokio::test]
async fn what_is_nowhere_is_not_found_and_that_too_is_asked_anew_in_time() {
    let upstream = PythonUpstream::start();
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    for _ in 0..3 {
        assert_eq!(refused(client.index("demo").await), ProblemCode::NotFound);
        let file = client.file("demo", "demo-1.0-py3-none-any.whl").await;
        assert_eq!(refused(file), ProblemCode::NotFound);
    }
    assert_eq!(upstream.fake().hits("/simple/demo/"), 1);
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    registry.clock.advance(seconds(59));
    assert_eq!(refused(client.index("demo").await), ProblemCode::NotFound);
    registry.clock.advance(seconds(2));
    assert_eq!(client.files("demo").await, [&*demo.file_name]);
    client.install(&demo).await;
}

#[tokio::test]
async fn every_mirrored_package_is_in_the_catalogue() {
    let upstream = PythonUpstream::start();
    let (one, two) = (wheel("one", "1.0"), SdistBuilder::new("two", "1.0").build());
    upstream.add(one.clone());
    upstream.add(two.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    assert_eq!(client.catalogue().await, [""; 0]);
    client.install(&one).await;
    assert_eq!(client.catalogue().await, ["one"]);
    client.install(&two).await;
    assert_eq!(client.catalogue().await, ["one", "two"]);
}

#[tokio::test]
async fn upload_times_and_requirements_pass_through_and_yanks_follow_the_upstream() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    upstream.change(&demo.file_name, |file| file.requires_python = Some(">=3.9".to_owned()));
    let registry = TestRegistry::mirroring(&upstream).await;
    let check = async |yanked: serde_json::Value| {
        let page = registry.main().index("demo").await.unwrap();
        let file = page.file(&demo.file_name);
        assert_eq!(file["upload-time"], "2020-01-01T00:00:00.000000Z");
        assert_eq!(file["requires-python"], ">=3.9");
        assert_eq!(file["hashes"]["sha256"], demo.sha256_hex());
        assert_eq!(file["yanked"], yanked, "{file}");
    };
    check(false.into()).await;
    upstream.change(&demo.file_name, |file| file.yanked = Some("bad".to_owned()));
    registry.clock.advance(minutes(11));
    check("bad".into()).await;
    registry.main().install(&demo).await;
    check("bad".into()).await;
    upstream.change(&demo.file_name, |file| file.yanked = None);
    registry.clock.advance(minutes(11));
    check(false.into()).await;
}

#[tokio::test]
async fn a_yank_outlives_what_was_yanked() {
    let upstream = PythonUpstream::start();
    let (bad, good) = (wheel("demo", "1.0"), wheel("demo", "2.0"));
    for demo in [&bad, &good] {
        upstream.add(demo.clone());
    }
    let registry = TestRegistry::mirroring(&upstream).await;
    for demo in [&bad, &good] {
        registry.main().install(demo).await;
    }
    upstream.change(&bad.file_name, |file| file.yanked = Some("malware".to_owned()));
    registry.clock.advance(minutes(11));
    registry.main().files("demo").await;
    upstream.remove("demo");
    let check = async |registry: &TestRegistry| {
        let page = registry.main().index("demo").await.unwrap();
        assert_eq!(page.file(&bad.file_name)["yanked"], "malware");
        assert_eq!(page.file(&good.file_name)["yanked"], false);
    };
    registry.clock.advance(minutes(11));
    check(&registry).await;
    registry.clock.advance(minutes(11));
    check(&registry).await;
    check(&registry.reopened().await).await;
}

#[tokio::test]
async fn a_registry_knows_its_own_requests_and_no_others() {
    let upstream = PythonUpstream::start();
    upstream.add(wheel("demo", "1.0"));
    let (registry, other) = (TestRegistry::mirroring(&upstream).await, TestRegistry::open().await);
    registry.client("main", registry.anonymous()).files("demo").await;
    let requests = upstream.fake().requests();
    let user_agent = requests[0].header("user-agent").expect("it says who it is");
    assert!(registry.registry.is_own_request(user_agent));
    assert!(!other.registry.is_own_request(user_agent));
    assert!(!registry.registry.is_own_request("provender/0.1.0"));
}

#[tokio::test]
async fn metadata_that_is_not_what_the_index_promises_is_refused_and_told_of_once() {
    let upstream = PythonUpstream::start();
    let (demo, other) = (wheel("demo", "1.0"), wheel("demo", "2.0"));
    for file in [&demo, &other] {
        upstream.add(file.clone());
        let path = format!("{}.metadata", upstream.file_path(&file.file_name));
        upstream.fake().on(&path, Answer::ok("Metadata-Version: 2.1"));
    }
    let registry = TestRegistry::mirroring(&upstream).await;
    for file in [&demo, &demo, &other] {
        let told = message(registry.main().metadata("demo", &file.file_name).await);
        let expected = ["upstream up", "metadata", file.file_name.as_str()];
        assert!(expected.iter().all(|part| told.contains(part)), "{told}");
    }
    registry.clock.advance(minutes(99));
    let registry = registry.reopened().await;
    let again = registry.main().metadata("demo", &demo.file_name).await;
    assert_eq!(refused(again), ProblemCode::UpstreamFailed);
    let red = registry.events_of(EventKind::DigestMismatch, 2).await;
    let files: Vec<_> = red.iter().map(|red| red.event.file.as_ref().unwrap().as_str()).collect();
    assert_eq!(files, [&*demo.file_name, &*other.file_name]);
    assert_eq!(red[0].event.detail.text("upstream"), Some("up"));
    assert_eq!(red[0].event.detail.text("companion"), Some("metadata"));
    registry.assert_sound().await;
}

#[tokio::test]
async fn metadata_that_the_index_promises_can_be_no_other() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    let ask = async || registry.main().open("demo", &demo.file_name, Some("metadata")).await;
    let before = ask().await.unwrap();
    assert_eq!((before.is_settled, before.evidence), (true, None));
    registry.main().install(&demo).await;
    let after = ask().await.unwrap();
    assert!(after.is_settled && after.evidence.is_some());
    assert_eq!(after.blob, before.blob);
}
