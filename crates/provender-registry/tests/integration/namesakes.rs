//! Our names held against an upstream's complete list, without telling anybody.

use provender_domain::{EventKind, ProblemCode, Severity};
use provender_registry::{NewUpstream, Tuning};
use provender_testing::Answer;
use provender_testing::python::PythonUpstream;

use crate::client::refused;
use crate::{TestRegistry, wheel};

/// `main` holds its names against the complete list of this upstream.
async fn watching(upstream: &PythonUpstream, tune: impl FnOnce(&mut Tuning)) -> TestRegistry {
    let registry = TestRegistry::tuned(tune).await;
    registry
        .add(NewUpstream {
            repository: "main".to_owned(),
            name: Some("up".to_owned()),
            url: Some(upstream.index_url()),
            watch_names: true,
            ..NewUpstream::default()
        })
        .await;
    registry
}

#[tokio::test]
async fn each_collision_is_told_once() {
    let upstream = PythonUpstream::start();
    for name in ["acme", "acme-web", "published", "mirrored", "stranger"] {
        upstream.add(wheel(name, "99.0"));
    }
    let registry = watching(&upstream, |_| ()).await;
    registry.own("acme").await;
    registry.own("acme-*").await;
    registry.main().publish(&wheel("published", "1.0")).await.unwrap();
    registry.main().publish(&wheel("unnoticed", "1.0")).await.unwrap();
    registry.main().install(&wheel("mirrored", "99.0")).await;
    upstream.fake().forget();

    let operator = registry.operator();
    let check = async |is_new| {
        let found = registry.registry.check_names(&operator, "main").await.unwrap();
        let names: Vec<&str> = found.iter().map(|namesake| namesake.package.as_str()).collect();
        assert_eq!(names, ["acme", "acme-web", "published"]);
        assert!(found.iter().all(|namesake| namesake.is_new == is_new));
    };
    check(true).await;
    check(false).await;
    assert_eq!(upstream.fake().hits("/simple/"), 2);
    assert_eq!(upstream.fake().total(), 2, "nothing but the list is asked for");
    for name in ["acme", "published", "unnoticed"] {
        assert!(!upstream.fake().heard_of(name), "{name} was told");
    }
    let events = registry.events_of(EventKind::Namesake, 3).await;
    assert!(events.iter().all(|event| event.severity == Some(Severity::Medium)));
    // Nothing of it need be published.
    assert!(events.iter().all(|event| !event.event.message.contains("served")));
    registry.assert_recorded(&[(EventKind::Namesake, 3)]).await;
}

#[tokio::test]
async fn the_list_is_asked_for_only_where_the_operator_said_so() {
    let upstream = PythonUpstream::start();
    upstream.add(wheel("acme", "99.0"));
    let registry = TestRegistry::mirroring(&upstream).await;
    registry.own("acme").await;
    let found = registry.registry.check_names(&registry.operator(), "main").await.unwrap();
    assert_eq!(found, []);
    assert_eq!(upstream.fake().total(), 0);
}

#[tokio::test]
async fn names_are_watched_in_the_background() {
    let upstream = PythonUpstream::start();
    upstream.add(wheel("acme", "99.0"));
    let often = std::time::Duration::from_millis(20);
    let registry = watching(&upstream, |tuning| tuning.names_interval = often).await;
    registry.own("acme").await;
    registry.events_of(EventKind::Namesake, 1).await;
    registry.assert_recorded(&[(EventKind::Namesake, 1)]).await;
}

#[tokio::test]
async fn a_list_that_makes_no_sense_is_a_clear_problem() {
    let check = async |answer: Answer| {
        let upstream = PythonUpstream::start();
        upstream.fake().on("/simple/", answer.clone());
        let registry = watching(&upstream, |tuning| tuning.catalogue_limit_bytes = 4096).await;
        registry.own("acme").await;
        let found = registry.registry.check_names(&registry.operator(), "main").await;
        assert_eq!(refused(found), ProblemCode::UpstreamFailed, "{answer:?}");
        registry.assert_recorded(&[(EventKind::Namesake, 0)]).await;
    };
    check(Answer::status(404)).await;
    check(Answer::status(500)).await;
    check(Answer::zeros(4097).header("Content-Type", "text/html")).await;
    check(Answer::gzip_bomb(1 << 20).header("Content-Type", "text/html")).await;
    check(Answer::ok("{").header("Content-Type", "application/json")).await;
    check(Answer::ok("{}").header("Content-Type", "image/png")).await;
}
