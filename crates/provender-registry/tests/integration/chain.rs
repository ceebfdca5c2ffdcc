//! Repositories as upstreams of each other: one set of bytes, each its own record.

use provender_domain::{EventKind, Origin, ProblemCode, Visibility};
use provender_ecosystem::Change;
use provender_registry::{FilesWanted, NewUpstream};
use provender_testing::python::PythonUpstream;

use crate::client::refused;
use crate::{TestRegistry, minutes, wheel};

/// `front` asks `middle`, which asks `main`, which mirrors this upstream.
async fn chain(upstream: &PythonUpstream) -> TestRegistry {
    let registry = TestRegistry::mirroring(upstream).await;
    registry.repository("middle", Visibility::Public).await;
    registry.repository("front", Visibility::Public).await;
    registry.put_behind("middle", "main").await;
    registry.put_behind("front", "middle").await;
    registry
}

#[tokio::test]
async fn a_file_goes_through_the_chain_once_and_is_one_blob() {
    let upstream = PythonUpstream::start();
    let (theirs, ours) = (wheel("theirs", "1.0"), wheel("ours", "1.0"));
    upstream.add(theirs.clone());
    let registry = chain(&upstream).await;
    let front = registry.client("front", registry.operator());
    registry.main().publish(&ours).await.unwrap();
    for distribution in [&theirs, &ours] {
        assert_eq!(front.files(&distribution.project).await, [&*distribution.file_name]);
        front.install(distribution).await;
        let metadata = front.metadata(&distribution.project, &distribution.file_name).await;
        assert_eq!(metadata.unwrap(), distribution.metadata.as_bytes());
    }
    assert_eq!(upstream.fake().hits(&upstream.file_path(&theirs.file_name)), 1);
    assert_eq!(registry.blobs().await.len(), 5, "two wheels, their metadata, and one provenance");
    let origins = registry.kept().await.into_iter().map(|kept| match kept.origin {
        Origin::Published => "here".to_owned(),
        Origin::Mirrored { upstream } => upstream.to_string(),
    });
    let origins: Vec<String> = origins.collect();
    assert_eq!(origins, ["middle", "middle", "here", "up", "main", "main"]);
    registry.assert_sound().await;
    registry.assert_recorded(&[(EventKind::Mirrored, 5), (EventKind::Published, 1)]).await;
}

#[tokio::test]
async fn metadata_comes_through_the_chain_before_its_file() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let registry = chain(&upstream).await;
    let front = registry.client("front", registry.operator());
    let metadata = front.metadata("demo", &demo.file_name).await.unwrap();
    assert_eq!(metadata, demo.metadata.as_bytes());
    front.install(&demo).await;
    registry.assert_sound().await;
}

#[tokio::test]
async fn what_is_deleted_in_one_repository_stays_in_the_others() {
    let upstream = PythonUpstream::start();
    let registry = chain(&upstream).await;
    let demo = wheel("demo", "1.0");
    registry.main().publish(&demo).await.unwrap();
    let front = registry.client("front", registry.operator());
    front.install(&demo).await;
    registry.main().delete("demo", "1.0").await;
    let middle = registry.client("middle", registry.operator());
    middle.delete("demo", "1.0").await;
    assert_eq!(refused(registry.main().file("demo", &demo.file_name).await), ProblemCode::Gone);
    assert_eq!(refused(middle.file("demo", &demo.file_name).await), ProblemCode::Gone);
    front.install(&demo).await;
    assert_eq!(front.files("demo").await, [&*demo.file_name]);
    registry.assert_sound().await;
}

#[tokio::test]
async fn yanks_and_staleness_show_through_the_chain() {
    let upstream = PythonUpstream::start();
    upstream.add(wheel("theirs", "1.0"));
    let registry = chain(&upstream).await;
    let front = registry.client("front", registry.operator());
    let demo = wheel("demo", "1.0");
    registry.main().publish(&demo).await.unwrap();
    front.install(&demo).await;
    registry.main().yank("demo", "1.0").await;
    let page = front.index("demo").await.unwrap();
    assert_eq!(page.file(&demo.file_name)["yanked"], "broken");
    assert_eq!(front.index("theirs").await.unwrap().stale, None);
    upstream.fake().offline().await;
    registry.clock.advance(minutes(11));
    assert_eq!(front.index("theirs").await.unwrap().stale.unwrap().upstream.as_str(), "up");
}

#[tokio::test]
async fn what_is_quarantined_behind_is_not_served_in_front() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    upstream.swap_bytes(&demo.file_name, vec![0; demo.bytes.len()]);
    let registry = chain(&upstream).await;
    let front = registry.client("front", registry.operator());
    assert_eq!(front.files("demo").await.len(), 1);
    let refusal = front.file("demo", &demo.file_name).await;
    assert_eq!(refused(refusal), ProblemCode::PolicyDenied);
    assert_eq!(front.files("demo").await, [""; 0]);
    registry.assert_recorded(&[(EventKind::DigestMismatch, 1), (EventKind::Mirrored, 0)]).await;
}

#[tokio::test]
async fn what_was_taken_over_is_closed_in_front_while_it_is_behind() {
    let upstream = PythonUpstream::start();
    let registry = chain(&upstream).await;
    let (demo, other) = (wheel("demo", "1.0"), wheel("demo", "2.0"));
    let fronts = ["middle", "front"].map(|name| registry.client(name, registry.anonymous()));
    for distribution in [&demo, &other] {
        registry.main().publish(distribution).await.unwrap();
        for front in &fronts {
            front.install(distribution).await;
        }
    }
    let reason = Some("looks wrong".to_owned());
    let quarantine = Change::Quarantine { reason };
    registry.main().change("demo", "1.0", quarantine.clone()).await.unwrap();
    let caller = registry.operator();
    let report = registry
        .registry
        .package(&caller, "front", "pypi", "demo", FilesWanted::ALL)
        .await
        .unwrap();
    for file in &report.files {
        let codes: Vec<&str> = file.verdict.reasons().iter().map(|reason| reason.code).collect();
        let is_closed = file.kept.file.name.as_str() == demo.file_name;
        assert_eq!(codes, if is_closed { vec!["refused-behind"] } else { vec![] });
    }
    for front in &fronts {
        let refusal = front.file("demo", &demo.file_name).await.unwrap_err();
        assert_eq!(refusal.code, ProblemCode::PolicyDenied);
        assert!(refusal.public.contains("looks wrong"), "{}", refusal.public);
        let refusal = front.metadata("demo", &demo.file_name).await;
        assert_eq!(refused(refusal), ProblemCode::PolicyDenied);
        assert_eq!(front.files("demo").await, [&*other.file_name]);
        front.install(&other).await;
    }
    registry.main().release("demo", "1.0").await;
    for front in &fronts {
        front.install(&demo).await;
        assert_eq!(front.files("demo").await.len(), 2);
    }
    // As well in the middle of the chain, and then in front of it alone.
    let middle = registry.client("middle", registry.operator());
    middle.change("demo", "1.0", quarantine.clone()).await.unwrap();
    assert_eq!(refused(fronts[1].file("demo", &demo.file_name).await), ProblemCode::PolicyDenied);
    assert_eq!(fronts[1].files("demo").await, [&*other.file_name]);
    registry.main().install(&demo).await;
    // Who deletes what is in quarantine does not open it in front.
    registry.main().change("demo", "2.0", quarantine).await.unwrap();
    registry.main().change("demo", "2.0", Change::Delete { reason: None }).await.unwrap();
    for front in &fronts {
        let refusal = front.file("demo", &other.file_name).await;
        assert_eq!(refused(refusal), ProblemCode::PolicyDenied);
        assert_eq!(front.files("demo").await, [""; 0]);
    }
    registry.assert_sound().await;
}

#[tokio::test]
async fn no_repository_stands_behind_itself() {
    let registry = TestRegistry::open().await;
    for name in ["a", "b", "c"] {
        registry.repository(name, Visibility::Public).await;
    }
    registry.put_behind("a", "b").await;
    registry.put_behind("b", "c").await;
    let check = async |front: &str, behind: &str| {
        let upstream = NewUpstream {
            repository: front.to_owned(),
            ecosystem: "pypi".to_owned(),
            from_repository: Some(behind.to_owned()),
            ..NewUpstream::default()
        };
        let added = registry.registry.add_upstream(&registry.operator(), upstream).await;
        added.err().map(|problem| problem.code)
    };
    assert_eq!(check("a", "a").await, Some(ProblemCode::Conflict));
    assert_eq!(check("b", "a").await, Some(ProblemCode::Conflict));
    assert_eq!(check("c", "a").await, Some(ProblemCode::Conflict));
    assert_eq!(check("a", "nowhere").await, Some(ProblemCode::NotFound));
    assert_eq!(check("a", "c").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_circles_begun_at_once_do_not_close() {
    for _ in 0..10 {
        let registry = TestRegistry::open().await;
        registry.repository("a", Visibility::Public).await;
        registry.repository("b", Visibility::Public).await;
        let put = |front: &str, behind: &str| {
            let upstream = NewUpstream {
                repository: front.to_owned(),
                ecosystem: "pypi".to_owned(),
                from_repository: Some(behind.to_owned()),
                ..NewUpstream::default()
            };
            let (api, operator) = (registry.registry.clone(), registry.operator());
            tokio::spawn(async move { api.add_upstream(&operator, upstream).await.is_ok() })
        };
        let (one, other) = tokio::join!(put("a", "b"), put("b", "a"));
        assert!(!(one.unwrap() && other.unwrap()), "a stands behind b, and b behind a");
    }
}

#[tokio::test]
async fn a_long_chain_ends_with_a_clear_problem() {
    let registry = TestRegistry::open().await;
    let mut refusal = None;
    registry.repository("r0", Visibility::Public).await;
    for number in 1..12 {
        let (front, behind) = (format!("r{number}"), format!("r{}", number - 1));
        registry.repository(&front, Visibility::Public).await;
        let upstream = NewUpstream {
            repository: front,
            ecosystem: "pypi".to_owned(),
            from_repository: Some(behind),
            ..NewUpstream::default()
        };
        let added = registry.registry.add_upstream(&registry.operator(), upstream).await;
        if let Err(problem) = added {
            refusal = Some((number, problem.code));
            break;
        }
    }
    let (number, code) = refusal.expect("no chain goes on for ever");
    assert_eq!(code, ProblemCode::TooLarge);
    let demo = wheel("demo", "1.0");
    registry.client("r0", registry.operator()).publish(&demo).await.unwrap();
    let last = registry.client(&format!("r{}", number - 1), registry.operator());
    last.install(&demo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_while_it_is_taken_over_is_there_whole_or_not_at_all() {
    let registry = TestRegistry::open().await;
    let front = registry.repository("front", Visibility::Public).await;
    registry.put_behind("front", "main").await;
    for round in 0..40 {
        let demo = wheel(&format!("demo-{round}"), "1.0");
        registry.main().publish(&demo).await.unwrap();
        front.files(&demo.project).await;
        let (deleting, installing, copy) = (registry.main(), front.clone(), demo.clone());
        let delete = tokio::spawn(async move { deleting.delete(&copy.project, "1.0").await });
        let (project, file) = (demo.project.clone(), demo.file_name.clone());
        let install = tokio::spawn(async move { installing.file(&project, &file).await });
        delete.await.unwrap();
        match install.await.unwrap() {
            Ok(bytes) => assert_eq!(bytes, demo.bytes),
            Err(problem) => {
                let fit = [ProblemCode::NotFound, ProblemCode::Gone].contains(&problem.code);
                assert!(fit, "round {round}: {problem:?}");
            }
        }
        registry.assert_sound().await;
    }
}
