//! Several upstreams: the first that has a name wins, and keeps it.

use provender_domain::{EventKind, Origin, ProblemCode, Visibility};
use provender_registry::{FilesWanted, NewUpstream};
use provender_testing::Answer;
use provender_testing::python::{Distribution, PythonUpstream, WheelBuilder};

use crate::client::refused;
use crate::{TestRegistry, minutes, wheel};

/// The same file name with other bytes.
fn other_wheel(name: &str, version: &str) -> Distribution {
    WheelBuilder::new(name, version).entry("other.py", "other = True\n").build()
}

/// `main` asks `first`, then `second`.
async fn two(first: &PythonUpstream, second: &PythonUpstream) -> TestRegistry {
    let registry = TestRegistry::open().await;
    registry.add_upstream("main", "first", &first.index_url()).await;
    registry.add_upstream("main", "second", &second.index_url()).await;
    registry
}

#[tokio::test]
async fn the_first_that_has_it_wins() {
    let (first, second) = (PythonUpstream::start(), PythonUpstream::start());
    let (ours, theirs) = (wheel("demo", "1.0"), wheel("demo", "99.0"));
    first.add(ours.clone());
    second.add(theirs.clone());
    second.add(wheel("other", "1.0"));
    let registry = two(&first, &second).await;
    assert_eq!(registry.main().files("demo").await, [&*ours.file_name]);
    assert!(!second.fake().heard_of("demo"));
    assert_eq!(registry.main().files("other").await.len(), 1, "404 falls through");
    let foreign = registry.main().file("demo", &theirs.file_name).await;
    assert_eq!(refused(foreign), ProblemCode::NotFound);
}

#[tokio::test]
async fn an_upstream_that_fails_stops_the_search() {
    let check = async |answer: Answer, expected: ProblemCode| {
        let (first, second) = (PythonUpstream::start(), PythonUpstream::start());
        first.fake().on("/simple/demo/", answer.clone());
        let theirs = wheel("demo", "99.0");
        second.add(theirs.clone());
        let registry = two(&first, &second).await;
        let index = registry.main().index("demo").await;
        assert_eq!(refused(index), expected, "{answer:?}");
        let file = registry.main().file("demo", &theirs.file_name).await;
        assert_eq!(refused(file), expected, "{answer:?}");
        assert!(!second.fake().heard_of("demo"), "{answer:?} fell through");
    };
    let failed = ProblemCode::UpstreamFailed;
    for status in [301, 400, 401, 403, 418, 429, 500, 503] {
        check(Answer::status(status), failed).await;
    }
    check(Answer::ok("").header("Content-Type", "image/png"), failed).await;
    check(Answer::html("<a href=x>").truncated_after(3), failed).await;
    check(Answer::html("").stalling(), ProblemCode::UpstreamTimeout).await;
    check(Answer::raw("nonsense"), failed).await;
}

#[tokio::test]
async fn a_name_keeps_the_origin_that_it_first_had() {
    let (first, second) = (PythonUpstream::start(), PythonUpstream::start());
    let (ours, theirs) = (wheel("demo", "1.0"), wheel("demo", "99.0"));
    first.add(ours.clone());
    second.add(theirs.clone());
    second.add(other_wheel("demo", "1.0"));
    let registry = TestRegistry::open().await;
    registry.add_upstream("main", "first", &first.index_url()).await;
    registry.main().install(&ours).await;
    registry
        .add(NewUpstream {
            repository: "main".to_owned(),
            name: Some("second".to_owned()),
            url: Some(second.index_url()),
            position: Some(-1),
            ..NewUpstream::default()
        })
        .await;
    let check = async |state: &str| {
        assert_eq!(registry.main().files("demo").await, [&*ours.file_name], "{state}");
        registry.main().install(&ours).await;
        let file = registry.main().file("demo", &theirs.file_name).await;
        assert_eq!(refused(file), ProblemCode::NotFound, "{state}");
        assert!(!second.fake().heard_of("demo"), "{state}");
    };
    check("the other is first").await;
    registry.clock.advance(minutes(11));
    check("the other is first, and the index is asked for anew").await;
    first.remove("demo");
    registry.clock.advance(minutes(11));
    check("its upstream has lost it").await;
    first.fake().offline().await;
    registry.clock.advance(minutes(11));
    check("its upstream is down").await;
    let operator = registry.operator();
    registry.registry.remove_upstream(&operator, "main", "pypi", "first").await.unwrap();
    check("its upstream was removed").await;
}

#[tokio::test]
async fn an_administrator_may_give_a_name_another_origin() {
    let (first, second) = (PythonUpstream::start(), PythonUpstream::start());
    let (ours, theirs) = (wheel("demo", "1.0"), wheel("demo", "99.0"));
    first.add(ours.clone());
    second.add(theirs.clone());
    let registry = two(&first, &second).await;
    registry.main().install(&ours).await;
    let operator = registry.operator();
    let rebind =
        async |to| registry.registry.set_origin(&operator, "main", "pypi", "demo", to).await;
    rebind(Some("second")).await.unwrap();
    assert_eq!(registry.main().files("demo").await, [&*theirs.file_name]);
    registry.main().install(&theirs).await;
    let old = registry.main().file("demo", &ours.file_name).await;
    assert_eq!(refused(old), ProblemCode::PolicyDenied);
    assert_eq!(refused(rebind(Some("third")).await), ProblemCode::NotFound);
    rebind(Some("first")).await.unwrap();
    assert_eq!(registry.main().files("demo").await, [&*ours.file_name]);
    let report = registry
        .registry
        .package(&operator, "main", "pypi", "demo", FilesWanted::ALL)
        .await
        .unwrap();
    assert!(
        matches!(report.origin, Some(Origin::Mirrored { upstream }) if upstream.as_str() == "first")
    );
    registry.assert_recorded(&[(EventKind::NameClaimed, 2)]).await;
}

#[tokio::test]
async fn an_upstream_added_again_under_an_old_name_starts_afresh() {
    let (first, second) = (PythonUpstream::start(), PythonUpstream::start());
    first.add(wheel("demo", "1.0"));
    second.add(wheel("demo", "2.0"));
    let registry = TestRegistry::mirroring(&first).await;
    assert_eq!(registry.main().files("demo").await, ["demo-1.0-py3-none-any.whl"]);
    let operator = registry.operator();
    registry.registry.remove_upstream(&operator, "main", "pypi", "up").await.unwrap();
    assert_eq!(refused(registry.main().index("demo").await), ProblemCode::NotFound);
    registry.add_upstream("main", "up", &second.index_url()).await;
    assert_eq!(registry.main().files("demo").await, ["demo-2.0-py3-none-any.whl"]);
}

#[tokio::test]
async fn one_place_is_an_upstream_once() {
    let registry = TestRegistry::open().await;
    for name in ["front", "behind"] {
        registry.repository(name, Visibility::Public).await;
    }
    let add = async |ecosystem: &str, url: Option<&str>, from_repository: Option<&str>| {
        let upstream = NewUpstream {
            repository: "front".to_owned(),
            ecosystem: ecosystem.to_owned(),
            url: url.map(str::to_owned),
            from_repository: from_repository.map(str::to_owned),
            ..NewUpstream::default()
        };
        registry.registry.add_upstream(&registry.operator(), upstream).await
    };
    let check = async |ecosystem, url, from_repository, is_new: bool| {
        let added = add(ecosystem, url, from_repository).await;
        match is_new {
            true => assert!(added.is_ok(), "{added:?}"),
            false => assert_eq!(refused(added), ProblemCode::Conflict, "{url:?}"),
        }
    };
    check("pypi", Some("https://upstream.example/simple/"), None, true).await;
    check("pypi", Some("https://upstream.example/simple/"), None, false).await;
    check("pypi", Some("https://upstream.example/simple"), None, false).await;
    check("pypi", Some("https://upstream.example/a/../simple/"), None, false).await;
    check("pypi", Some("https://user:word@UPSTREAM.example:443/simple/"), None, false).await;
    check("pypi", Some("http://upstream.example/simple/"), None, true).await;
    check("pypi", Some("https://upstream.example/other/"), None, true).await;
    check("oci", Some("https://upstream.example/simple/"), None, true).await;
    check("pypi", None, Some("behind"), true).await;
    check("pypi", None, Some("behind"), false).await;
    check("oci", None, Some("behind"), true).await;
    // Once it is removed, it may come back.
    let (operator, name) = (registry.operator(), "upstream.example");
    registry.registry.remove_upstream(&operator, "front", "pypi", name).await.unwrap();
    check("pypi", Some("https://upstream.example/simple/"), None, true).await;
}
