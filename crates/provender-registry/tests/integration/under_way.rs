//! What is decided of a file while it is on its way in, and what only its bytes tell.

use std::time::Duration;

use provender_domain::{
    EventKind, NamePattern, ProblemCode, RepositoryPolicy, SignatureRule, TextPattern,
};
use provender_ecosystem::Change;
use provender_testing::Answer;
use provender_testing::python::{Distribution, PythonUpstream};
use serde_json::json;

use crate::client::{message, refused};
use crate::{TestRegistry, minutes, wheel};

/// How long a file comes in.
const STEPS: usize = 10;
const STEP: Duration = Duration::from_millis(200);
const DAY: Duration = Duration::from_hours(24);

/// What who asked for a file is told, about whose package `decide` decides while it comes in.
async fn told_after(
    upstream: &PythonUpstream,
    registry: &TestRegistry,
    file: &Distribution,
    decide: impl Future<Output = ()>,
) -> String {
    let path = upstream.file_path(&file.file_name);
    let step_bytes = file.bytes.len().div_ceil(STEPS);
    upstream.fake().on(&path, Answer::ok(file.bytes.clone()).dripping(step_bytes, STEP));
    let fetching = tokio::spawn({
        let (client, name) = (registry.main(), file.file_name.clone());
        async move { message(client.file("demo", &name).await) }
    });
    while upstream.fake().hits(&path) == 0 {
        tokio::task::yield_now().await;
    }
    decide.await;
    fetching.await.unwrap()
}

async fn mirroring(files: &[&Distribution]) -> (PythonUpstream, TestRegistry) {
    let upstream = PythonUpstream::start();
    for file in files {
        upstream.add(Distribution::clone(file));
    }
    let registry = TestRegistry::mirroring(&upstream).await;
    (upstream, registry)
}

#[tokio::test]
async fn a_file_that_is_closed() {
    let demo = wheel("demo", "1.0");
    let (upstream, registry) = mirroring(&[&demo]).await;
    let change = Change::Quarantine { reason: Some("malware".to_owned()) };
    let close = async {
        registry.main().change("demo", &demo.file_name, change).await.unwrap();
    };
    let told = told_after(&upstream, &registry, &demo, close).await;
    assert!(told.contains("in quarantine: malware"), "{told}");
    assert_eq!(
        refused(registry.main().file("demo", &demo.file_name).await),
        ProblemCode::PolicyDenied
    );
    upstream.add(demo.clone());
    registry.main().release("demo", &demo.file_name).await;
    registry.main().install(&demo).await;
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_name_that_is_claimed() {
    let demo = wheel("demo", "1.0");
    let (upstream, registry) = mirroring(&[&demo]).await;
    let told = told_after(&upstream, &registry, &demo, registry.own("demo")).await;
    assert!(told.contains("was claimed while"), "{told}");
    assert!(registry.kept().await.is_empty());
    let ours = wheel("demo", "2.0");
    registry.main().publish(&ours).await.unwrap();
    assert_eq!(registry.main().files("demo").await, [&*ours.file_name]);
    registry.assert_sound().await;
}

#[tokio::test]
async fn an_upstream_that_is_removed() {
    let demo = wheel("demo", "1.0");
    let (upstream, registry) = mirroring(&[&demo]).await;
    let operator = registry.operator();
    let remove = async {
        let removed = registry.registry.remove_upstream(&operator, "main", "pypi", "up");
        removed.await.unwrap();
    };
    let told = told_after(&upstream, &registry, &demo, remove).await;
    assert!(told.starts_with("no file demo-1.0"), "{told}");
    assert!(registry.kept().await.is_empty());
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_package_that_its_upstream_puts_in_quarantine() {
    let (demo, other) = (wheel("demo", "1.0"), wheel("demo", "2.0"));
    let (upstream, registry) = mirroring(&[&demo, &other]).await;
    let client = registry.main();
    client.install(&other).await;
    let page = json!({
        "meta": { "api-version": "1.4" }, "name": "demo", "versions": [], "files": [],
        "project-status": { "status": "quarantined", "reason": "it steals" },
    });
    let withhold = async {
        let json = "application/vnd.pypi.simple.v1+json";
        let answer = Answer::ok(page.to_string()).header("Content-Type", json);
        upstream.fake().on("/simple/demo/", answer);
        registry.clock.advance(minutes(11));
        assert_eq!(client.files("demo").await, [""; 0]);
    };
    let told = told_after(&upstream, &registry, &demo, withhold).await;
    assert!(told.contains("withholds it") && told.contains("it steals"), "{told}");
    assert_eq!(refused(client.file("demo", &demo.file_name).await), ProblemCode::NotFound);
    registry.events_of(EventKind::UpstreamQuarantined, 1).await;
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_rule_about_signatures_holds_for_who_asks_first() {
    let demo = wheel("demo", "1.0");
    let (_upstream, registry) = mirroring(&[&demo]).await;
    let rule = SignatureRule {
        ecosystem: "pypi".to_owned(),
        packages: NamePattern::Prefix(String::new()),
        identity: TextPattern::new("ann@*").unwrap(),
        issuer: TextPattern::new("*").unwrap(),
        trust: None,
    };
    let policy = RepositoryPolicy { signatures: vec![rule], ..RepositoryPolicy::default() };
    registry.registry.set_policy(&registry.operator(), "main", policy).await.unwrap();
    let client = registry.main();
    let (one, other, companion) = tokio::join!(
        client.file("demo", &demo.file_name),
        client.file("demo", &demo.file_name),
        client.metadata("demo", &demo.file_name),
    );
    for answer in [one, other, companion, client.file("demo", &demo.file_name).await] {
        assert_eq!(refused(answer), ProblemCode::PolicyDenied);
    }
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_clock_that_was_ahead_keeps_no_index_fresh() {
    let (demo, new) = (wheel("demo", "1.0"), wheel("demo", "2.0"));
    let (upstream, registry) = mirroring(&[&demo]).await;
    registry.clock.advance(400 * DAY);
    assert_eq!(registry.main().files("demo").await.len(), 1);
    registry.clock.go_back(400 * DAY);
    let registry = registry.reopened().await;
    upstream.add(new);
    assert_eq!(registry.main().files("demo").await.len(), 2);
}

#[tokio::test]
async fn nothing_is_kept_of_names_that_nobody_has() {
    let (upstream, registry) = mirroring(&[]).await;
    for _ in 0..2 {
        assert_eq!(refused(registry.main().index("typo").await), ProblemCode::NotFound);
    }
    assert_eq!(upstream.fake().hits("/simple/typo/"), 1, "it is remembered for a while");
    let registry = registry.reopened().await;
    assert_eq!(refused(registry.main().index("typo").await), ProblemCode::NotFound);
    assert_eq!(upstream.fake().hits("/simple/typo/"), 2, "and not written down");
}
