//! Private names first: what is owned or published here is never asked for outside.

use provender_domain::{EventKind, ProblemCode, Visibility};
use provender_testing::python::PythonUpstream;

use crate::client::{message, refused};
use crate::{Client, TestRegistry, hours, minutes, wheel};

/// Asks for everything that a client can ask of a name: its index in two dialects, a file, the
/// file's metadata.
async fn ask_everything(client: &Client, package: &str) {
    let file = format!("{}-99.0-py3-none-any.whl", package.replace('-', "_"));
    let _ = client.index(package).await;
    let _ = client.html(package).await;
    assert_eq!(refused(client.file(package, &file).await), ProblemCode::NotFound, "{file}");
    assert_eq!(refused(client.metadata(package, &file).await), ProblemCode::NotFound, "{file}");
}

/// An upstream with a version 99 of each of these names.
fn squatter(names: &[&str]) -> PythonUpstream {
    let upstream = PythonUpstream::start();
    for name in names {
        upstream.add(wheel(name, "99.0"));
    }
    upstream
}

#[tokio::test]
async fn an_owned_name_never_leaves_the_building() {
    let check = async |pattern: &str, name: &str, is_owned: bool| {
        let upstream = squatter(&[name]);
        let registry = TestRegistry::mirroring(&upstream).await;
        registry.own(pattern).await;
        if !is_owned {
            assert_eq!(registry.main().files(name).await.len(), 1, "{pattern} on {name}");
            return;
        }
        assert_eq!(refused(registry.main().index(name).await), ProblemCode::NotFound);
        ask_everything(&registry.main(), name).await;
        registry.main().publish(&wheel(name, "1.0")).await.unwrap();
        ask_everything(&registry.main(), name).await;
        registry.clock.advance(hours(24));
        ask_everything(&registry.main(), name).await;
        let registry = registry.reopened().await;
        ask_everything(&registry.main(), name).await;
        assert_eq!(registry.main().files(name).await.len(), 1, "{pattern} on {name}");
        assert_eq!(upstream.fake().requests().len(), 0, "{pattern} on {name}");
    };
    check("acme", "acme", true).await;
    check("Acme", "acme", true).await;
    check("ac_me", "ac-me", true).await;
    check("acme-*", "acme-web", true).await;
    check("Acme.*", "acme-web", true).await;
    check("*", "anything", true).await;
    check("acme", "acme-web", false).await;
    check("acme-*", "acme", false).await;
}

#[tokio::test]
async fn a_published_name_never_leaves_the_building_and_its_namesake_never_shows() {
    let upstream = squatter(&["acme"]);
    let registry = TestRegistry::open().await;
    let ours = wheel("acme", "1.0");
    registry.main().publish(&ours).await.unwrap();
    registry.add_upstream("main", "up", &upstream.index_url()).await;
    ask_everything(&registry.main(), "acme").await;
    registry.clock.advance(hours(24));
    let registry = registry.reopened().await;
    ask_everything(&registry.main(), "acme").await;
    assert_eq!(registry.main().files("acme").await, [&*ours.file_name]);
    registry.main().yank("acme", "1.0").await;
    ask_everything(&registry.main(), "acme").await;
    registry.main().delete("acme", "1.0").await;
    ask_everything(&registry.main(), "acme").await;
    assert_eq!(registry.main().files("acme").await, [""; 0]);
    assert_eq!(upstream.fake().requests().len(), 0);
}

#[tokio::test]
async fn a_name_bound_to_here_by_word_alone_never_leaves_the_building() {
    let upstream = squatter(&["acme"]);
    let registry = TestRegistry::mirroring(&upstream).await;
    let operator = registry.operator();
    registry.registry.set_origin(&operator, "main", "pypi", "acme", None).await.unwrap();
    ask_everything(&registry.main(), "acme").await;
    let front = registry.repository("front", Visibility::Public).await;
    registry.put_behind("front", "main").await;
    registry.add_upstream("front", "up", &upstream.index_url()).await;
    ask_everything(&front, "acme").await;
    assert_eq!(upstream.fake().requests().len(), 0);
}

#[tokio::test]
async fn a_name_owned_behind_is_not_asked_for_further_outside() {
    let upstream = squatter(&["acme", "acme-web"]);
    let registry = TestRegistry::open().await;
    let front = registry.repository("front", Visibility::Public).await;
    registry.put_behind("front", "main").await;
    registry.add_upstream("front", "up", &upstream.index_url()).await;
    registry.own("acme-*").await;
    registry.main().publish(&wheel("acme", "1.0")).await.unwrap();
    for name in ["acme", "acme-web"] {
        ask_everything(&front, name).await;
    }
    assert_eq!(front.files("acme").await.len(), 1);
    assert_eq!(upstream.fake().requests().len(), 0);
}

#[tokio::test]
async fn a_name_that_is_ours_behind_is_not_asked_for_at_those_before_it() {
    let upstream = squatter(&["acme", "acme-web"]);
    let registry = TestRegistry::open().await;
    for (front, behind) in [("middle", "main"), ("front", "middle")] {
        registry.repository(front, Visibility::Public).await;
        registry.add_upstream(front, "up", &upstream.index_url()).await;
        registry.put_behind(front, behind).await;
    }
    registry.own("acme-*").await;
    let ours = wheel("acme", "1.0");
    registry.main().publish(&ours).await.unwrap();
    for name in ["front", "middle"] {
        let client = registry.client(name, registry.anonymous());
        assert_eq!(client.files("acme").await, [&*ours.file_name]);
        client.install(&ours).await;
        for package in ["acme", "acme-web"] {
            ask_everything(&client, package).await;
        }
        registry.clock.advance(hours(1));
        assert_eq!(client.files("acme").await, [&*ours.file_name]);
    }
    assert_eq!(upstream.fake().requests().len(), 0);
    // Another name goes its way.
    upstream.add(wheel("demo", "1.0"));
    let front = registry.client("front", registry.anonymous());
    assert_eq!(front.files("demo").await.len(), 1);
}

#[tokio::test]
async fn publishing_under_a_mirrored_name_asks_for_a_claim() {
    let upstream = squatter(&["demo"]);
    let registry = TestRegistry::mirroring(&upstream).await;
    let theirs = wheel("demo", "99.0");
    registry.main().install(&theirs).await;
    let ours = wheel("demo", "1.0");
    let told = message(registry.main().publish(&ours).await);
    let advice = "provender own add --repo main pypi demo";
    assert!(told.contains("upstream up") && told.contains(advice), "{told}");
    assert_eq!(registry.main().files("demo").await, [&*theirs.file_name]);
    registry.assert_sound().await;

    registry.own("demo").await;
    registry.main().publish(&ours).await.unwrap();
    assert_eq!(registry.main().files("demo").await, [&*ours.file_name]);
    let file = registry.main().file("demo", &theirs.file_name).await;
    assert_eq!(refused(file), ProblemCode::PolicyDenied);
    let metadata = registry.main().metadata("demo", &theirs.file_name).await;
    assert_eq!(refused(metadata), ProblemCode::PolicyDenied);
    registry.main().install(&ours).await;
    let kinds = [
        (EventKind::PublicationRefused, 1),
        (EventKind::NameOwned, 1),
        (EventKind::NameClaimed, 1),
        (EventKind::Published, 1),
    ];
    registry.assert_recorded(&kinds).await;
}

#[tokio::test]
async fn an_owned_name_is_bound_to_no_upstream() {
    let upstream = squatter(&["acme"]);
    let registry = TestRegistry::mirroring(&upstream).await;
    let operator = registry.operator();
    registry.own("ac*").await;
    let api = &registry.registry;
    let problem = api.set_origin(&operator, "main", "pypi", "acme", Some("up")).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::Conflict);
    assert_eq!(problem.public, "acme is owned by main; `provender own remove` first");
    api.set_origin(&operator, "main", "pypi", "acme", None).await.unwrap();
    ask_everything(&registry.main(), "acme").await;
    assert_eq!(upstream.fake().requests().len(), 0);
}

#[tokio::test]
async fn a_claimed_name_stays_here_when_its_pattern_is_given_up() {
    let upstream = squatter(&["demo"]);
    let registry = TestRegistry::mirroring(&upstream).await;
    let theirs = wheel("demo", "99.0");
    registry.main().install(&theirs).await;
    let operator = registry.operator();
    registry.own("de*").await;
    let claimed = registry.events_of(EventKind::NameClaimed, 1).await;
    assert!(!claimed[0].event.message.contains("tags"), "{}", claimed[0].event.message);
    registry.registry.disown(&operator, "main", "pypi", "de*").await.unwrap();
    upstream.fake().forget();
    ask_everything_but_files(&registry.main(), "demo").await;
    assert_eq!(upstream.fake().requests().len(), 0);

    registry.registry.set_origin(&operator, "main", "pypi", "demo", Some("up")).await.unwrap();
    registry.main().install(&theirs).await;
    assert_eq!(registry.main().files("demo").await, [&*theirs.file_name]);
}

async fn ask_everything_but_files(client: &Client, package: &str) {
    let _ = client.index(package).await;
    let _ = client.html(package).await;
}

#[tokio::test]
async fn a_name_that_nobody_ever_asked_for_goes_outside_again_when_it_is_given_up() {
    let upstream = squatter(&["acme"]);
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.own("acme").await;
    assert_eq!(refused(registry.main().index("acme").await), ProblemCode::NotFound);
    registry.registry.disown(&registry.operator(), "main", "pypi", "acme").await.unwrap();
    assert_eq!(registry.main().files("acme").await.len(), 1);
}

#[tokio::test]
async fn the_bytes_of_a_claimed_file_are_not_had_by_publishing_them_anew() {
    let upstream = squatter(&["demo"]);
    let registry = TestRegistry::mirroring(&upstream).await;
    let theirs = wheel("demo", "99.0");
    registry.main().install(&theirs).await;
    registry.own("demo").await;
    let told = message(registry.main().publish(&theirs).await);
    assert!(told.contains("File already exists"), "{told}");
    assert!(!told.contains("other bytes"), "its bytes are the same: {told}");
    registry.clock.advance(minutes(11));
    assert_eq!(refused(registry.main().index("demo").await), ProblemCode::NotFound);
}
