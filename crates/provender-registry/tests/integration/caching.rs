//! A rendered index is served until it stops being true, and not a moment longer.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use provender_domain::{FileName, PackageName, ProblemCode, Scope};
use provender_ecosystem::{Change, Operation, Rendition, Subject};
use provender_registry::NewToken;
use provender_testing::python::{PythonUpstream, WheelBuilder};

use crate::client::refused;
use crate::{TestRegistry, minutes, wheel};

#[tokio::test]
async fn an_index_that_did_not_change_is_the_same_bytes_in_memory() {
    let registry = TestRegistry::open().await;
    let client = registry.main();
    client.publish(&wheel("demo", "1.0")).await.unwrap();
    let first = client.index("demo").await.unwrap().etag;
    client.publish(&wheel("other", "1.0")).await.unwrap();
    assert_eq!(client.index("demo").await.unwrap().etag, first);
    client.publish(&wheel("demo", "2.0")).await.unwrap();
    let second = client.index("demo").await.unwrap().etag;
    assert_ne!(second, first);
    client.yank("demo", "2.0").await;
    assert_ne!(client.index("demo").await.unwrap().etag, second);
    client.change("demo", "2.0", Change::Unyank { reason: None }).await.unwrap();
    assert_eq!(client.index("demo").await.unwrap().etag, second);
}

#[tokio::test]
async fn every_change_shows_at_once() {
    let upstream = PythonUpstream::start();
    let theirs = wheel("demo", "9.0");
    upstream.add(theirs.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    let (client, operator) = (registry.main(), registry.operator());
    let api = &registry.registry;
    let missing = async || refused(client.index("demo").await) == ProblemCode::NotFound;
    let shown = async || client.files("demo").await.join(" ");

    assert_eq!(shown().await, theirs.file_name);
    registry.own("demo").await;
    assert!(missing().await);
    api.disown(&operator, "main", "pypi", "demo").await.unwrap();
    assert_eq!(shown().await, theirs.file_name);
    api.remove_upstream(&operator, "main", "pypi", "up").await.unwrap();
    assert!(missing().await);
    registry.add_upstream("main", "again", &upstream.index_url()).await;
    assert_eq!(shown().await, theirs.file_name);
    api.set_origin(&operator, "main", "pypi", "demo", None).await.unwrap();
    assert!(missing().await);
    let ours = wheel("demo", "1.0");
    client.publish(&ours).await.unwrap();
    assert_eq!(shown().await, ours.file_name);
    client.delete("demo", "1.0").await;
    assert_eq!(shown().await, "");
}

#[tokio::test]
async fn a_file_that_was_asked_for_before_is_refused_at_once() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    let (client, operator) = (registry.main(), registry.operator());
    let file = async || client.file("demo", &demo.file_name).await.map_err(|problem| problem.code);
    let served = async || {
        for _ in 0..3 {
            assert_eq!(file().await, Ok(demo.bytes.to_vec()));
        }
    };

    served().await;
    registry.own("demo").await;
    assert_eq!(file().await, Err(ProblemCode::PolicyDenied));
    let api = &registry.registry;
    api.disown(&operator, "main", "pypi", "demo").await.unwrap();
    api.set_origin(&operator, "main", "pypi", "demo", Some("up")).await.unwrap();
    served().await;
    client.delete("demo", "1.0").await;
    assert_eq!(file().await, Err(ProblemCode::Gone));
    assert_eq!(upstream.fake().hits(&upstream.file_path(&demo.file_name)), 1);
}

#[tokio::test]
async fn a_change_behind_shows_in_front_at_once() {
    let upstream = PythonUpstream::start();
    upstream.add(wheel("theirs", "1.0"));
    let registry = TestRegistry::mirroring(&upstream).await;
    let front = registry.repository("front", provender_domain::Visibility::Public).await;
    registry.put_behind("front", "main").await;
    assert_eq!(refused(front.index("demo").await), ProblemCode::NotFound);
    registry.main().publish(&wheel("demo", "1.0")).await.unwrap();
    assert_eq!(front.files("demo").await.len(), 1);
    registry.main().publish(&wheel("demo", "2.0")).await.unwrap();
    assert_eq!(front.files("demo").await.len(), 2);
    registry.main().delete("demo", "2.0").await;
    assert_eq!(front.files("demo").await.len(), 1);
    assert_eq!(front.files("theirs").await.len(), 1);
    upstream.add(wheel("theirs", "2.0"));
    registry.clock.advance(minutes(11));
    assert_eq!(front.files("theirs").await.len(), 2);
}

#[tokio::test]
async fn a_file_that_turns_out_bad_leaves_the_index_at_once() {
    let upstream = PythonUpstream::start();
    let (good, bad) = (wheel("demo", "1.0"), wheel("demo", "2.0"));
    upstream.add(good.clone());
    upstream.add(bad.clone());
    upstream.change(&bad.file_name, |file| file.bytes = WheelBuilder::new("x", "1").build().bytes);
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    assert_eq!(client.files("demo").await.len(), 2);
    let refusal = client.file("demo", &bad.file_name).await;
    assert_eq!(refused(refusal), ProblemCode::PolicyDenied);
    assert_eq!(client.files("demo").await, [&*good.file_name]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_publish_returns_every_read_shows_it() {
    const VERSIONS: usize = 60;
    let registry = TestRegistry::open().await;
    let published = Arc::new(AtomicUsize::new(0));
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (client, published) = (registry.main(), Arc::clone(&published));
        readers.spawn(async move {
            let mut reads = 0;
            loop {
                let before = published.load(Ordering::SeqCst);
                let shown = match client.index("demo").await {
                    Ok(page) => page.files().len(),
                    Err(_) => 0,
                };
                assert!(shown >= before, "{before} were published and {shown} are shown");
                reads += 1;
                if before == VERSIONS {
                    return reads;
                }
                tokio::task::yield_now().await;
            }
        });
    }
    for version in 1..=VERSIONS {
        registry.main().publish(&wheel("demo", &format!("{version}.0"))).await.unwrap();
        published.store(version, Ordering::SeqCst);
    }
    let reads: usize = readers.join_all().await.into_iter().sum();
    assert!(reads > VERSIONS, "only {reads} reads in all");
    registry.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_name_is_owned_no_read_shows_the_namesake() {
    let upstream = PythonUpstream::start();
    upstream.add(wheel("demo", "99.0"));
    let registry = TestRegistry::mirroring(&upstream).await;
    let (api, operator) = (registry.registry.clone(), registry.operator());
    for round in 0..20 {
        let client = registry.main();
        let reader = tokio::spawn(async move {
            for _ in 0..8 {
                let _ = client.index("demo").await;
            }
        });
        registry.own("demo").await;
        let shown = registry.main().index("demo").await;
        assert_eq!(refused(shown), ProblemCode::NotFound, "round {round}");
        reader.await.unwrap();
        let shown = registry.main().index("demo").await;
        assert_eq!(refused(shown), ProblemCode::NotFound, "round {round}, later");
        api.disown(&operator, "main", "pypi", "demo").await.unwrap();
        assert_eq!(registry.main().files("demo").await.len(), 1, "round {round}");
    }
}

/// Polls some work so many times and then drops it, as a server does when a client hangs up.
async fn hang_up_after<T>(polls: usize, work: impl Future<Output = T>) {
    let mut work = pin!(work);
    for _ in 0..polls {
        if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_leaves_no_index_behind_the_times() {
    for polls in 1..12 {
        let registry = TestRegistry::open().await;
        let client = registry.main();
        client.publish(&wheel("demo", "1.0")).await.unwrap();
        assert_eq!(client.files("demo").await.len(), 1);
        hang_up_after(polls, client.publish(&wheel("demo", "2.0"))).await;
        hang_up_after(polls, client.yank("demo", "1.0")).await;
        hang_up_after(polls, registry.registry.own(&registry.operator(), "main", "pypi", "demo"))
            .await;
        let registry = registry.settled().await;
        let kept = registry.kept().await;
        let page = registry.main().index("demo").await.unwrap();
        assert_eq!(page.files().len(), kept.len(), "after {polls} polls");
        let yanked = |kept: &provender_domain::KeptFile| kept.file.yank.is_some();
        let expected = kept.iter().find(|kept| yanked(kept)).map_or(0, |_| 1);
        let shown = page.files().iter().filter(|name| page.file(name)["yanked"] != false).count();
        assert_eq!(shown, expected, "after {polls} polls");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_holds_also_when_who_asked_for_it_hangs_up() {
    for polls in 1..8 {
        let registry = TestRegistry::open().await;
        let request = NewToken {
            name: "leaked".to_owned(),
            repository: None,
            scope: Scope::Admin,
            pattern: None,
            lifetime: None,
        };
        let operator = registry.operator();
        let made = registry.registry.create_token(&operator, request).await.unwrap();
        let id = made.token.id.0.clone();
        hang_up_after(polls, registry.registry.revoke_token(&operator, &id)).await;
        let registry = registry.settled().await;
        let in_memory = registry.registry.identify(Some(&made.secret), None).is_ok();
        let registry = registry.reopened().await;
        let on_disk = registry.registry.identify(Some(&made.secret), None).is_ok();
        assert_eq!(in_memory, on_disk, "after {polls} polls");
        assert!(!on_disk, "after {polls} polls: work that began is done");
    }
}

#[tokio::test]
async fn what_was_authorized_before_a_change_is_answered_after_it() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "99.0");
    upstream.add(demo.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    let package = PackageName::new("demo").unwrap();
    let file = FileName::new(&demo.file_name).unwrap();
    let operations = [
        Operation::Index { subject: Subject::Package(package.clone()), rendition: Rendition(0) },
        Operation::File { package: package.clone(), file: file.clone(), companion: None },
        Operation::File { package, file, companion: Some("metadata") },
    ];
    let authorized = operations.map(|operation| client.authorize(operation).unwrap());
    registry.own("demo").await;
    for authorized in authorized {
        let answer = registry.registry.read(authorized).await;
        assert_eq!(refused(answer), ProblemCode::NotFound);
    }
    assert_eq!(refused(client.index("demo").await), ProblemCode::NotFound);
    assert_eq!(upstream.fake().total(), 0);
}
