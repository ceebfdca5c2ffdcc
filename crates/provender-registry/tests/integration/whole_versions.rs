//! What is decided of all of a version: it holds for files that are not here yet.

use std::time::Duration;

use provender_domain::{EventKind, ProblemCode, Scope};
use provender_ecosystem::Change;
use provender_testing::Answer;
use provender_testing::python::{Distribution, PythonUpstream, SdistBuilder, WheelBuilder};

use crate::client::{message, refused};
use crate::containers::{Image, ImageUpstream};
use crate::{TestRegistry, minutes, wheel};

/// A wheel, and what clients take where they do not get it.
fn both(name: &str, version: &str) -> [Distribution; 2] {
    [wheel(name, version), SdistBuilder::new(name, version).build()]
}

fn quarantine() -> Change {
    Change::Quarantine { reason: Some("malware".to_owned()) }
}

/// An upstream with both of `victim` 1.0 and a wheel of 0.9, of which the wheels were installed.
async fn mirrored() -> (PythonUpstream, TestRegistry, [Distribution; 3]) {
    let upstream = PythonUpstream::start();
    let [new, sdist] = both("victim", "1.0");
    let all = [new, sdist, wheel("victim", "0.9")];
    for file in &all {
        upstream.add(file.clone());
    }
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.main().install(&all[0]).await;
    registry.main().install(&all[2]).await;
    (upstream, registry, all)
}

#[tokio::test]
async fn nothing_else_of_a_version_in_quarantine_is_served() {
    let (upstream, registry, [new, sdist, old]) = mirrored().await;
    let client = registry.main();
    assert_eq!(client.files("victim").await.len(), 3);
    client.change("victim", "1.0", quarantine()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(client.files("victim").await, [&*old.file_name]);
        for file in [&new, &sdist] {
            let told = message(client.file("victim", &file.file_name).await);
            assert!(told.contains("quarantine") && told.contains("malware"), "{told}");
        }
        // What its upstream has of it later is not served either.
        let later = WheelBuilder::new("victim", "1.0.0").tag("py3-none-linux_x86_64").build();
        upstream.add(later.clone());
        registry.clock.advance(minutes(20));
        assert_eq!(
            refused(client.file("victim", &later.file_name).await),
            ProblemCode::PolicyDenied
        );
    }
    assert_eq!(upstream.fake().hits(&upstream.file_path(&sdist.file_name)), 0);
    drop(client);
    let registry = registry.reopened().await;
    let client = registry.main();
    assert_eq!(client.files("victim").await, [&*old.file_name]);
    client.release("victim", "1.0").await;
    assert_eq!(client.files("victim").await.len(), 4);
    client.install(&sdist).await;
    registry.assert_sound().await;
}

#[tokio::test]
async fn one_file_in_quarantine_closes_no_other() {
    let (_upstream, registry, [new, sdist, _]) = mirrored().await;
    let client = registry.main();
    client.change("victim", &new.file_name, quarantine()).await.unwrap();
    client.install(&sdist).await;
    // Until it is said of all of it.
    client.change("victim", "1.0", quarantine()).await.unwrap();
    assert_eq!(client.files("victim").await.len(), 1);
    assert_eq!(refused(client.file("victim", &sdist.file_name).await), ProblemCode::PolicyDenied);
    // One that is let out is out; the rest stays.
    client.release("victim", &sdist.file_name).await;
    client.install(&sdist).await;
    assert_eq!(refused(client.file("victim", &new.file_name).await), ProblemCode::PolicyDenied);
    registry.assert_sound().await;
}

#[tokio::test]
async fn yanks_and_deletions_hold_for_all_of_a_version() {
    let (_upstream, registry, [_, sdist, old]) = mirrored().await;
    let client = registry.main();
    client.yank("victim", "1.0").await;
    let page = client.index("victim").await.unwrap();
    assert_eq!(
        page.file(&sdist.file_name)["yanked"],
        page.file(page.files()[1].as_str())["yanked"]
    );
    assert_ne!(page.file(&sdist.file_name)["yanked"], false);
    assert_eq!(page.file(&old.file_name)["yanked"], false);
    client.install(&sdist).await;
    let page = client.index("victim").await.unwrap();
    assert_ne!(page.file(&sdist.file_name)["yanked"], false, "also once it is here");
    let taking_back = Change::Unyank { reason: None };
    client.change("victim", &sdist.file_name, taking_back.clone()).await.unwrap();
    for not_yanked in [&sdist, &old] {
        let again = client.change("victim", &not_yanked.file_name, taking_back.clone()).await;
        assert_eq!(refused(again), ProblemCode::Conflict);
    }
    let page = client.index("victim").await.unwrap();
    assert_eq!(page.file(&sdist.file_name)["yanked"], false, "for this one alone");
    client.change("victim", "1.0", taking_back).await.unwrap();
    let page = client.index("victim").await.unwrap();
    assert!(page.files().iter().all(|name| page.file(name)["yanked"] == false));

    let (upstream, registry, [_, sdist, old]) = mirrored().await;
    let client = registry.main();
    client.delete("victim", "1.0").await;
    assert_eq!(client.files("victim").await, [&*old.file_name]);
    assert_eq!(refused(client.file("victim", &sdist.file_name).await), ProblemCode::Gone);
    assert_eq!(upstream.fake().hits(&upstream.file_path(&sdist.file_name)), 0);
}

#[tokio::test]
async fn no_publisher_adds_to_a_version_that_an_administrator_closed() {
    let registry = TestRegistry::open().await;
    let publisher = registry.bearer(Some("main"), Scope::Publish, None).await;
    let (client, publisher) = (registry.main(), registry.main().by(publisher));
    let [first, sdist] = both("acme", "1.0");
    publisher.publish(&first).await.unwrap();
    client.change("acme", "1.0", quarantine()).await.unwrap();
    let same = WheelBuilder::new("acme", "1.0.0").tag("py3-none-linux_x86_64").build();
    for added in [&sdist, &same] {
        let told = message(publisher.publish(added).await);
        assert!(told.contains("in quarantine: malware"), "{told}");
    }
    publisher.publish(&wheel("acme", "1.1")).await.unwrap();
    assert_eq!(client.files("acme").await.len(), 1);
    client.release("acme", "1.0").await;
    publisher.publish(&sdist).await.unwrap();
    // Whoever deleted a version may publish more of it.
    client.delete("acme", "1.1").await;
    publisher.publish(&SdistBuilder::new("acme", "1.1").build()).await.unwrap();
    registry.assert_sound().await;
    assert_eq!(registry.events_of(EventKind::PublicationRefused, 2).await.len(), 2);
}

#[tokio::test]
async fn what_nobody_asked_for_is_closed_before_it_comes_in() {
    let (upstream, registry, [_, _, old]) = mirrored().await;
    let client = registry.main();
    let [bad, sdist] = both("victim", "2.0");
    let [fresh, other] = both("stranger", "1.0");
    for file in [&bad, &sdist, &fresh, &other] {
        upstream.add(file.clone());
    }
    registry.clock.advance(minutes(20));
    for (package, version) in [("victim", "2.0"), ("stranger", "1")] {
        assert_eq!(client.change(package, version, quarantine()).await.unwrap().len(), 2);
        let again = client.change(package, version, quarantine()).await;
        assert_eq!(refused(again), ProblemCode::Conflict);
    }
    let later = WheelBuilder::new("victim", "2.0").tag("py3-none-linux_x86_64").build();
    upstream.add(later.clone());
    registry.clock.advance(minutes(20));
    drop(client);
    let registry = registry.reopened().await;
    let client = registry.main();
    assert_eq!(client.files("victim").await.len(), 3, "both of 1.0 and {}", old.file_name);
    assert_eq!(client.files("stranger").await.len(), 0);
    for (package, file) in
        [("victim", &bad), ("victim", &sdist), ("victim", &later), ("stranger", &fresh)]
    {
        let told = message(client.file(package, &file.file_name).await);
        assert!(told.contains("in quarantine: malware"), "{told}");
        assert_eq!(upstream.fake().hits(&upstream.file_path(&file.file_name)), 0);
    }
    let events = registry.events_of(EventKind::Quarantined, 4).await;
    assert!(
        events[0].event.message.ends_with(": malware (before anybody fetched it)"),
        "{events:?}"
    );
    // One of them alone would stay closed by the rest.
    let one = Change::Release { reason: None };
    let told = message(client.change("victim", &bad.file_name, one).await);
    assert!(told.ends_with("release the version"), "{told}");
    client.release("victim", "2.0").await;
    assert_eq!(client.files("victim").await.len(), 6);
    for file in [&bad, &sdist, &later] {
        client.install(file).await;
    }
    registry.assert_sound().await;
}

#[tokio::test]
async fn one_file_is_closed_before_it_comes_in() {
    let (upstream, registry, _) = mirrored().await;
    let client = registry.main();
    let [bad, sdist] = both("stranger", "1.0");
    upstream.add(bad.clone());
    upstream.add(sdist.clone());
    client.change("stranger", &bad.file_name, quarantine()).await.unwrap();
    assert_eq!(client.files("stranger").await, [&*sdist.file_name]);
    assert_eq!(refused(client.file("stranger", &bad.file_name).await), ProblemCode::PolicyDenied);
    client.install(&sdist).await;
    client.release("stranger", &bad.file_name).await;
    client.install(&bad).await;
    // What nobody has cannot be meant, and only quarantine is for what is not here.
    for (version, change) in [("3.0", quarantine()), ("3.0", Change::Yank { reason: None })] {
        let told = message(client.change("stranger", version, change).await);
        assert!(told.starts_with("no version 3.0 of stranger is kept in main"), "{told}");
    }
    registry.assert_sound().await;
}

#[tokio::test]
async fn an_image_is_closed_before_anybody_pulls_it() {
    let upstream = ImageUpstream::start();
    let (bad, good) = (Image::new("bad"), Image::new("good"));
    upstream.add("team/app", "bad", &bad);
    upstream.add("team/app", "good", &good);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let shelf = registry.shelf();
    let close = async |digest: String| {
        let change = quarantine();
        shelf.change("team/app", &format!("manifest@{digest}"), change).await
    };
    close(bad.digest()).await.unwrap();
    for reference in ["bad", &bad.digest()] {
        let refusal = shelf.manifest("team/app", reference).await.err().unwrap();
        assert!(refusal.public.contains("in quarantine: malware"), "{}", refusal.public);
    }
    shelf.pull("team/app", "good", &good).await;
    let unknown = close(Image::new("unknown").digest()).await.unwrap_err();
    assert_eq!(unknown.code, ProblemCode::NotFound);
    let manifest = format!("manifest@{}", bad.digest());
    shelf.change("team/app", &manifest, Change::Release { reason: None }).await.unwrap();
    shelf.pull("team/app", "bad", &bad).await;
    registry.assert_sound().await;
}

/// Files are on their way in while their version is closed.
#[tokio::test]
async fn what_is_under_way_while_its_version_is_closed_does_not_come_in() {
    let (upstream, registry, [new, sdist, _]) = mirrored().await;
    let client = registry.main();
    let path = upstream.file_path(&sdist.file_name);
    let slowly = Answer::ok(sdist.bytes.clone())
        .dripping(sdist.bytes.len().div_ceil(10), Duration::from_millis(200));
    upstream.fake().on(&path, slowly);
    let fetching = tokio::spawn({
        let (client, name) = (client.clone(), sdist.file_name.clone());
        async move { message(client.file("victim", &name).await) }
    });
    while upstream.fake().hits(&path) == 0 {
        tokio::task::yield_now().await;
    }
    client.change("victim", "1.0", quarantine()).await.unwrap();
    let told = fetching.await.unwrap();
    assert!(told.contains("in quarantine: malware"), "{told}");
    let kept = registry.kept().await;
    assert!(kept.iter().all(|kept| kept.file.name.as_str() != sdist.file_name), "{kept:?}");
    assert_eq!(refused(client.file("victim", &new.file_name).await), ProblemCode::PolicyDenied);
    registry.assert_sound().await;
}

/// Publications are under way while their version is closed.
#[tokio::test]
async fn no_publication_that_is_under_way_adds_to_a_version_that_is_closed() {
    let registry = TestRegistry::open().await;
    let client = registry.main();
    for round in 0..40 {
        let version = format!("1.{round}");
        let [first, sdist] = both("acme", &version);
        client.publish(&first).await.unwrap();
        let late = async {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            client.change("acme", &version, quarantine()).await.unwrap();
        };
        // It is refused, or in quarantine with the rest.
        let (_, ()) = tokio::join!(client.publish(&sdist), late);
        assert_eq!(client.files("acme").await, [""; 0], "round {round}");
    }
    registry.assert_sound().await;
}
