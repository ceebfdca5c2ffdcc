//! Every durable step fails twice: once not persisted, once persisted with an error returned.
//! Whatever happens then, nothing that was acknowledged is lost, nothing half-done shows, and who
//! tries again succeeds.

use provender_domain::{Problem, Scope};
use provender_ecosystem::Change;
use provender_registry::NewToken;
use provender_store::{FaultMode, Faults};
use provender_testing::python::{Distribution, PythonUpstream};

use crate::registry::metadata_of;
use crate::{TestRegistry, wheel};

const MODES: [FaultMode; 2] = [FaultMode::BeforePersisted, FaultMode::AfterPersisted];

/// The most steps that one piece of work here takes.
const STEPS_MAX: u64 = 200;

/// Tries `work` with a fault at its first step, its second, and so on until none is hit.
async fn at_every_step<W, Fut>(
    prepare: impl AsyncFn() -> TestRegistry,
    work: W,
    check: impl AsyncFn(&TestRegistry, bool),
) where
    W: Fn(&TestRegistry) -> Fut,
    Fut: Future<Output = Result<(), Problem>>,
{
    for mode in MODES {
        for step in 0.. {
            assert!(step < STEPS_MAX, "{mode:?}: this takes more steps than a small thing should");
            let registry = prepare().await;
            let faults = Faults::at(step, mode);
            registry.registry.inject_faults(&faults);
            let outcome = work(&registry).await;
            let fired = faults.fired();
            registry.registry.inject_faults(&Faults::none());
            let registry = registry.settled().await;
            if let Err(problem) = &outcome {
                assert!(fired, "{mode:?} at {step}: {problem:?}");
            }
            registry.assert_sound().await;
            check(&registry, outcome.is_ok()).await;

            let registry = registry.reopened().await;
            registry.assert_sound().await;
            check(&registry, outcome.is_ok()).await;
            if let Err(problem) = work(&registry).await {
                assert_eq!(problem.code, provender_domain::ProblemCode::Conflict, "{problem:?}");
            }
            registry.assert_sound().await;
            check(&registry, true).await;
            if !fired {
                assert!(step > 0, "nothing durable was done");
                break;
            }
        }
    }
}

/// A file is there whole, or not at all; `is_certain` where it must be.
async fn assert_whole_or_absent(registry: &TestRegistry, demo: &Distribution, is_certain: bool) {
    let client = registry.main();
    let listed = match client.index(&demo.project).await {
        Ok(page) => page.files().contains(&demo.file_name),
        Err(_) => false,
    };
    assert!(listed || !is_certain, "{} is not listed", demo.file_name);
    let in_catalogue = client.catalogue().await.contains(&demo.project);
    assert_eq!(in_catalogue, !registry.kept().await.is_empty());
    if listed {
        client.install(demo).await;
        let metadata = client.metadata(&demo.project, &demo.file_name).await.unwrap();
        assert_eq!(metadata, demo.metadata.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publication() {
    let demo = wheel("demo", "1.0");
    at_every_step(
        TestRegistry::open,
        |registry| {
            let (client, demo) = (registry.main(), demo.clone());
            async move { client.publish(&demo).await.map(drop) }
        },
        async |registry: &TestRegistry, is_certain| {
            assert_whole_or_absent(registry, &demo, is_certain).await;
            let published = registry
                .events()
                .await
                .into_iter()
                .filter(|event| event.event.kind == provender_domain::EventKind::Published);
            assert_eq!(published.count(), registry.kept().await.len(), "each is recorded once");
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirroring() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    at_every_step(
        async || TestRegistry::mirroring(&upstream).await,
        |registry| {
            let client = registry.main();
            let demo = demo.clone();
            async move {
                client.index("demo").await?;
                client.file("demo", &demo.file_name).await.map(drop)
            }
        },
        async |registry: &TestRegistry, is_certain| {
            let kept = registry.kept().await;
            assert!(!is_certain || kept.len() == 1);
            let mirrored = registry
                .events()
                .await
                .into_iter()
                .filter(|event| event.event.kind == provender_domain::EventKind::Mirrored);
            assert_eq!(mirrored.count(), kept.len(), "each is recorded once");
            assert_eq!(registry.main().catalogue().await.len(), kept.len());
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_yank_and_a_deletion() {
    let demo = wheel("demo", "1.0");
    let changes =
        [Change::Yank { reason: Some("broken".to_owned()) }, Change::Delete { reason: None }];
    for change in changes {
        let is_deletion = matches!(change, Change::Delete { .. });
        at_every_step(
            async || {
                let registry = TestRegistry::open().await;
                registry.main().publish(&demo).await.unwrap();
                registry.main().files("demo").await;
                registry
            },
            |registry| {
                let (client, change) = (registry.main(), change.clone());
                async move { client.change("demo", "1.0", change).await.map(drop) }
            },
            async |registry: &TestRegistry, is_certain| {
                let page = registry.main().index("demo").await.unwrap();
                let is_done = match is_deletion {
                    true => page.files().is_empty(),
                    false => page.file(&demo.file_name)["yanked"] == "broken",
                };
                assert!(is_done || !is_certain);
                if !(is_done && is_deletion) {
                    registry.main().install(&demo).await;
                }
            },
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings() {
    let upstream = PythonUpstream::start();
    upstream.add(wheel("acme", "99.0"));
    at_every_step(
        async || TestRegistry::mirroring(&upstream).await,
        |registry| {
            let (api, operator) = (registry.registry.clone(), registry.operator());
            async move { api.own(&operator, "main", "pypi", "acme").await.map(drop) }
        },
        async |registry: &TestRegistry, is_certain| {
            let owned = registry.registry.owned_names(&registry.operator(), "main").unwrap();
            assert!(!is_certain || owned.len() == 1);
            let is_shown = registry.main().index("acme").await.is_ok();
            assert_eq!(is_shown, owned.is_empty(), "memory and disk agree");
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation() {
    for mode in MODES {
        let registry = TestRegistry::open().await;
        let operator = registry.operator();
        let request = NewToken {
            name: "leaked".to_owned(),
            repository: None,
            scope: Scope::Admin,
            pattern: None,
            lifetime: None,
        };
        let made = registry.registry.create_token(&operator, request).await.unwrap();
        registry.registry.inject_faults(&Faults::at(0, mode));
        let revoked = registry.registry.revoke_token(&operator, &made.token.id.0).await;
        assert!(revoked.is_err(), "{mode:?}");
        let in_memory = registry.registry.identify(Some(&made.secret), None).is_ok();
        let settings = metadata_of(registry.data()).await.settings().await.unwrap();
        assert_eq!(in_memory, settings.tokens[0].revoked_at.is_none(), "{mode:?}");
        assert_eq!(in_memory, mode == FaultMode::BeforePersisted);
    }
}
