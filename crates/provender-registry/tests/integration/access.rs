//! Deny is the default.

use std::net::IpAddr;
use std::time::Duration;

use provender_domain::{EventKind, FileName, PackageName, Problem, ProblemCode, Scope, Visibility};
use provender_ecosystem::{Change, Operation, Rendition, Selection, Subject};
use provender_registry::{Caller, FilesWanted, NewToken, NewUpstream};
use provender_store::EventFilter;
use provender_testing::python::PythonUpstream;

use crate::client::{form, message, publication, refused};
use crate::{TestRegistry, hours, seconds, wheel};

use ProblemCode::{
    AuthenticationRequired as Unauthenticated, NotFound, PermissionDenied as Denied,
};

fn operations(package: &str) -> Vec<(&'static str, Operation)> {
    let package = PackageName::new(package).unwrap();
    let file = FileName::new("demo-1.0-py3-none-any.whl").unwrap();
    let index = |subject| Operation::Index { subject, rendition: Rendition(0) };
    let get =
        |companion| Operation::File { package: package.clone(), file: file.clone(), companion };
    let change = |change| {
        let selection = Selection::File(file.clone());
        Operation::Change { package: package.clone(), selection, change }
    };
    vec![
        ("catalogue", index(Subject::Catalogue)),
        ("index", index(Subject::Package(package.clone()))),
        ("file", get(None)),
        ("companion", get(Some("metadata"))),
        ("publish", publication()),
        ("yank", change(Change::Yank { reason: None })),
        ("unyank", change(Change::Unyank { reason: None })),
        ("delete", change(Change::Delete { reason: None })),
        ("release", change(Change::Release { reason: None })),
        ("redirect", Operation::Redirect { location: "simple/".to_owned() }),
    ]
}

/// What each operation, in the order above, is answered with.
type Row = [Option<ProblemCode>; 10];

const YES: Option<ProblemCode> = None;
const WHO: Option<ProblemCode> = Some(Unauthenticated);
const NO: Option<ProblemCode> = Some(Denied);
const HIDDEN: Option<ProblemCode> = Some(NotFound);

#[tokio::test]
async fn every_operation_by_every_caller() {
    let registry = TestRegistry::open().await;
    registry.repository("secret", Visibility::Private).await;
    registry.repository("other", Visibility::Private).await;
    let check = |who: &str, caller: &Caller, repository: &str, expected: Row| {
        for ((what, operation), expected) in operations("demo").into_iter().zip(expected) {
            let outcome = registry.registry.authorize(caller, repository, "pypi", operation);
            let found = outcome.err().map(|problem| problem.code);
            assert_eq!(found, expected, "{who}: {what} at {repository}");
        }
    };
    let reading = [YES, YES, YES, YES];
    let row = |read: [_; 4], publish, yank, unyank, delete, release, redirect| -> Row {
        let [catalogue, index, file, companion] = read;
        [catalogue, index, file, companion, publish, yank, unyank, delete, release, redirect]
    };
    let anonymous = registry.anonymous();
    check("nobody", &anonymous, "main", row(reading, WHO, WHO, WHO, WHO, WHO, YES));
    check("nobody", &anonymous, "secret", [WHO; 10]);
    check("nobody", &anonymous, "nowhere", [WHO; 10]);
    check("operator", &registry.operator(), "main", [YES; 10]);
    check("operator", &registry.operator(), "secret", [YES; 10]);
    check("operator", &registry.operator(), "nowhere", [HIDDEN; 10]);
    let can_read = row(reading, NO, NO, NO, NO, NO, YES);
    let can_publish = row(reading, YES, YES, YES, NO, NO, YES);
    for (scope, expected) in
        [(Scope::Read, can_read), (Scope::Publish, can_publish), (Scope::Admin, [YES; 10])]
    {
        let who = scope.as_str();
        let here = registry.bearer(Some("secret"), scope, None).await;
        check(who, &here, "secret", expected);
        check(who, &here, "main", can_read);
        check(who, &here, "other", [HIDDEN; 10]);
        check(who, &here, "nowhere", [HIDDEN; 10]);
        let everywhere = registry.bearer(None, scope, None).await;
        for repository in ["main", "secret", "other"] {
            check(who, &everywhere, repository, expected);
        }
        check(who, &everywhere, "nowhere", [HIDDEN; 10]);
        let ours = registry.bearer(Some("secret"), scope, Some("demo*")).await;
        let [_, rest @ ..] = expected;
        let mut narrow: Row = [NO; 10];
        narrow[1..].copy_from_slice(&rest);
        check(&format!("{who} of demo*"), &ours, "secret", narrow);
        let theirs = registry.bearer(Some("secret"), scope, Some("acme")).await;
        let hidden = [NO, HIDDEN, HIDDEN, HIDDEN, expected[4], HIDDEN, HIDDEN, HIDDEN, HIDDEN, YES];
        check(&format!("{who} of acme"), &theirs, "secret", hidden);
    }
    let unknown = registry.registry.authorize(
        &registry.operator(),
        "main",
        "npm",
        operations("demo").swap_remove(0).1,
    );
    assert_eq!(refused(unknown), NotFound);
}

#[tokio::test]
async fn private_addresses_are_allowed_by_who_administers_everything() {
    let registry = TestRegistry::open().await;
    let (of_one, of_all) = (
        registry.bearer(Some("main"), Scope::Admin, None).await,
        registry.bearer(None, Scope::Admin, None).await,
    );
    let add = async |caller: &Caller, name: &str, allow_private_addresses| {
        let upstream = NewUpstream {
            repository: "main".to_owned(),
            ecosystem: "pypi".to_owned(),
            url: Some(format!("https://{name}.upstream.example/simple/")),
            allow_private_addresses,
            ..NewUpstream::default()
        };
        registry.registry.add_upstream(caller, upstream).await
    };
    let problem = add(&of_one, "a", true).await.unwrap_err();
    assert_eq!(problem.code, Denied);
    assert!(problem.public.contains("administrator of all"), "{problem:?}");
    add(&of_one, "a", false).await.unwrap();
    add(&of_all, "b", true).await.unwrap();
    add(&registry.operator(), "c", true).await.unwrap();
}

#[tokio::test]
async fn who_administers_one_repository_leads_the_server_to_public_addresses_alone() {
    let upstream = PythonUpstream::start();
    upstream.add(wheel("demo", "1.0"));
    for (repository, is_reached) in [(Some("main"), false), (None, true)] {
        let registry = TestRegistry::open().await;
        let administrator = registry.bearer(repository, Scope::Admin, None).await;
        let request = NewUpstream {
            repository: "main".to_owned(),
            ecosystem: "pypi".to_owned(),
            url: Some(upstream.fake().url("/simple/")),
            ..NewUpstream::default()
        };
        registry.registry.add_upstream(&administrator, request).await.unwrap();
        assert_eq!(registry.main().index("demo").await.is_ok(), is_reached);
        let registry = registry.reopened().await;
        assert_eq!(registry.main().index("demo").await.is_ok(), is_reached);
    }
    assert_eq!(upstream.fake().total(), 1);
}

#[tokio::test]
async fn tokens_end_by_time_and_by_word_at_once() {
    let registry = TestRegistry::open().await;
    let operator = registry.operator();
    let request = NewToken {
        name: "short".to_owned(),
        repository: Some("main".to_owned()),
        scope: Scope::Publish,
        pattern: None,
        lifetime: Some(hours(1)),
    };
    let ended = NewToken { lifetime: Some(Duration::ZERO), ..request.clone() };
    let ended = registry.registry.create_token(&operator, ended).await;
    assert_eq!(refused(ended), ProblemCode::InvalidRequest);
    let created = registry.registry.create_token(&operator, request).await.unwrap();
    let identify = |secret: &str| registry.registry.identify(Some(secret), None);
    assert!(identify(&created.secret).is_ok());
    registry.clock.advance(seconds(3599));
    assert!(identify(&created.secret).is_ok());
    registry.clock.advance(seconds(1));
    assert_eq!(message(identify(&created.secret)), "this token has expired");

    let secret = registry.token(Some("main"), Scope::Publish, None).await;
    let id = secret.split('_').nth(1).unwrap();
    registry.registry.revoke_token(&operator, id).await.unwrap();
    assert_eq!(message(identify(&secret)), "this token has been revoked");
    assert_eq!(message(identify(&secret)), "this token has been revoked");
    // Somebody should know, and once is enough: the retry adds nothing.
    let told = registry.events_of(EventKind::AccessDenied, 2).await;
    assert!(told[0].event.message.ends_with("this token has expired"), "{told:?}");
    assert!(told[1].event.message.ends_with("this token has been revoked"), "{told:?}");
    let again = registry.registry.revoke_token(&operator, id).await;
    assert_eq!(refused(again), ProblemCode::Conflict);
    let registry = registry.reopened().await;
    assert_eq!(refused(registry.registry.identify(Some(&secret), None)), Unauthenticated);
    assert_eq!(refused(registry.registry.identify(Some(&created.secret), None)), Unauthenticated);
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_refused_also_where_nobody_needs_one() {
    let (registry, stranger) = (TestRegistry::open().await, TestRegistry::open().await);
    let ours = registry.token(None, Scope::Admin, None).await;
    let (id, secret) = ours.strip_prefix("pvd_").unwrap().split_once('_').unwrap();
    let check = |credential: &str| {
        let identified = registry.registry.identify(Some(credential), None);
        assert_eq!(refused(identified), Unauthenticated, "{credential:?}");
    };
    for credential in
        ["", "pvd_", "pvd__", "pvd_x_y", "Bearer", "\0", "pvd_\u{1f600}_x", id, secret]
    {
        check(credential);
    }
    check(&ours[..ours.len() - 1]);
    check(&format!("{ours}x"));
    check(&format!(" {ours}"));
    check(&ours.to_uppercase());
    check(&format!("pvd_{id}_{}", "x".repeat(secret.len())));
    check(&"x".repeat(10_000));
    check(&format!("pvd_{}", "_".repeat(10_000)));
    check(&stranger.token(None, Scope::Admin, None).await);
}

#[tokio::test]
async fn secrets_are_kept_nowhere() {
    let registry = TestRegistry::open().await;
    let token = registry.token(None, Scope::Admin, None).await;
    // What stands behind the token's name; there may be underlines in it.
    let (_, secret) = token.strip_prefix("pvd_").unwrap().split_once('_').unwrap();
    registry.registry.close().await;
    for name in ["metadata.sqlite", "metadata.sqlite-wal"] {
        let bytes = std::fs::read(registry.data().join(name)).unwrap_or_default();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{name}");
    }
}

#[tokio::test]
async fn a_token_for_some_names_publishes_no_others() {
    let registry = TestRegistry::open().await;
    let caller = registry.bearer(Some("main"), Scope::Publish, Some("acme-*")).await;
    let client = registry.client("main", caller);
    client.publish(&wheel("acme-web", "1.0")).await.unwrap();
    client.publish(&wheel("Acme.Api", "1.0")).await.unwrap();
    for name in ["acme", "other", "acmeweb"] {
        assert_eq!(refused(client.publish(&wheel(name, "1.0")).await), Denied, "{name}");
    }
    assert_eq!(registry.staged(), 0);
    assert_eq!(client.catalogue().await, ["acme-api", "acme-web"]);
    registry.assert_recorded(&[(EventKind::Published, 2), (EventKind::AccessDenied, 1)]).await;
}

#[tokio::test]
async fn a_token_for_some_names_reads_no_others_of_a_private_repository() {
    let registry = TestRegistry::open().await;
    let secret = registry.repository("secret", Visibility::Private).await;
    let (ours, theirs) = (wheel("acme-web", "1.0"), wheel("other", "1.0"));
    secret.publish(&ours).await.unwrap();
    secret.publish(&theirs).await.unwrap();
    let caller = registry.bearer(Some("secret"), Scope::Read, Some("acme-*")).await;
    let client = secret.by(caller.clone());
    client.install(&ours).await;
    assert_eq!(refused(client.index("other").await), NotFound);
    assert_eq!(refused(client.file("other", &theirs.file_name).await), NotFound);
    assert_eq!(refused(client.index("acme-none").await), NotFound);
    let listed = registry.registry.packages(&caller, "secret", "pypi").await;
    let listed: Vec<_> = listed.unwrap().into_iter().map(|found| found.package).collect();
    assert_eq!(listed.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["acme-web"]);
    let known = registry.registry.repositories(&caller);
    assert!(known.iter().any(|found| found.name.as_str() == "secret"), "{known:?}");
    let report =
        registry.registry.package(&caller, "secret", "pypi", "other", FilesWanted::ALL).await;
    assert_eq!(refused(report), NotFound);
    assert!(
        registry
            .registry
            .package(&caller, "secret", "pypi", "acme-web", FilesWanted::ALL)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn whether_a_private_repository_exists_is_told_to_nobody() {
    let registry = TestRegistry::open().await;
    let secret = registry.repository("secret", Visibility::Private).await;
    secret.publish(&wheel("demo", "1.0")).await.unwrap();
    let stranger = registry.bearer(Some("main"), Scope::Admin, None).await;
    for caller in [registry.anonymous(), stranger] {
        let told = |name: &str| {
            let index = registry.registry.may_read(&caller, name);
            index.map_err(|problem: Problem| (problem.code, problem.public))
        };
        assert_eq!(told("secret"), told("nowhere"));
        assert!(told("secret").is_err());
        let names: Vec<_> = registry.registry.repositories(&caller);
        assert!(names.iter().all(|repository| repository.name.as_str() == "main"), "{names:?}");
    }
}

#[tokio::test]
async fn a_denial_is_an_event_with_who_and_where_and_told_once_a_while() {
    let registry = TestRegistry::open().await;
    registry.repository("secret", Visibility::Private).await;
    let token = registry.token(Some("main"), Scope::Read, None).await;
    let from: IpAddr = "192.0.2.7".parse().unwrap();
    let caller = registry.registry.identify(Some(&token), Some(from)).unwrap();
    let client = registry.client("secret", caller.clone());
    for _ in 0..5 {
        assert_eq!(refused(client.index("demo").await), NotFound);
    }
    let event = &registry.events_of(EventKind::AccessDenied, 1).await[0].event;
    assert_eq!(event.actor, caller.actor());
    assert_eq!(event.client.as_deref(), Some("192.0.2.7"));
    assert_eq!(event.repository.as_ref().unwrap().as_str(), "secret");
    registry.clock.advance(hours(1));
    assert_eq!(refused(client.index("demo").await), NotFound);
    registry.assert_recorded(&[(EventKind::AccessDenied, 2)]).await;
}

#[tokio::test]
async fn who_administers_one_repository_administers_no_other() {
    let registry = TestRegistry::open().await;
    registry.repository("other", Visibility::Public).await;
    let api = &registry.registry;
    let foreign_token = registry.token(Some("other"), Scope::Read, None).await;
    let foreign_id = foreign_token.split('_').nth(1).unwrap();
    let admin = registry.bearer(Some("main"), Scope::Admin, None).await;
    let publisher = registry.bearer(Some("main"), Scope::Publish, None).await;
    let narrow = registry.bearer(Some("main"), Scope::Admin, Some("demo*")).await;
    let token = |repository: Option<&str>, scope| NewToken {
        name: "new".to_owned(),
        repository: repository.map(str::to_owned),
        scope,
        pattern: None,
        lifetime: None,
    };
    let upstream = |repository: &str| NewUpstream {
        repository: repository.to_owned(),
        ecosystem: "pypi".to_owned(),
        url: Some("https://upstream.example/simple/".to_owned()),
        ..NewUpstream::default()
    };
    let main_events = || EventFilter {
        repository: Some("main".parse().unwrap()),
        limit: 10,
        ..EventFilter::default()
    };
    let anonymous = registry.anonymous();
    let others = [
        ("nobody", &anonymous, Unauthenticated),
        ("publisher", &publisher, Denied),
        ("narrow", &narrow, Denied),
    ];
    for (who, caller, code) in others {
        let check = |what: &str, found: ProblemCode| assert_eq!(found, code, "{who}: {what}");
        check("token", refused(api.create_token(caller, token(Some("main"), Scope::Read)).await));
        check("own", refused(api.own(caller, "main", "pypi", "x").await));
        check("disown", refused(api.disown(caller, "main", "pypi", "x").await));
        check("origin", refused(api.set_origin(caller, "main", "pypi", "x", None).await));
        check("add", refused(api.add_upstream(caller, upstream("main")).await));
        check("remove", refused(api.remove_upstream(caller, "main", "pypi", "x").await));
        check("upstreams", refused(api.upstreams(caller, "main")));
        check("owned", refused(api.owned_names(caller, "main")));
        check("visibility", refused(api.set_visibility(caller, "main", Visibility::Private).await));
        check("names", refused(api.check_names(caller, "main").await));
        check("quarantine", refused(api.quarantined(caller, Some("main")).await));
        check("events", refused(api.events(caller, main_events()).await));
        check("tokens", refused(api.tokens(caller)));
    }
    for (who, caller) in [("admin", &admin), ("narrow", &narrow)] {
        let check = |what: &str, found: ProblemCode| assert_eq!(found, Denied, "{who}: {what}");
        check("create", refused(api.create_repository(caller, "new", Visibility::Public).await));
        check("any token", refused(api.create_token(caller, token(None, Scope::Read)).await));
        let foreign = token(Some("other"), Scope::Read);
        check("foreign token", refused(api.create_token(caller, foreign).await));
        check("own", refused(api.own(caller, "other", "pypi", "x").await));
        check("add", refused(api.add_upstream(caller, upstream("other")).await));
        check(
            "visibility",
            refused(api.set_visibility(caller, "other", Visibility::Private).await),
        );
        check("quarantine", refused(api.quarantined(caller, None).await));
        check(
            "events",
            refused(api.events(caller, EventFilter { limit: 1, ..Default::default() }).await),
        );
        check("garbage", refused(api.collect_garbage(caller, true).await));
        assert_eq!(refused(api.revoke_token(caller, foreign_id).await), NotFound, "{who}");
    }
    assert!(api.identify(Some(&foreign_token), None).is_ok(), "the foreign token is untouched");
    assert!(api.create_token(&admin, token(Some("main"), Scope::Admin)).await.is_ok());
    let seen = api.tokens(&admin).unwrap();
    assert!(seen.iter().all(|token| token.repository.as_ref().unwrap().as_str() == "main"));
    let recorded = api.events(&admin, main_events()).await.unwrap();
    assert!(
        recorded.iter().all(|event| event.event.repository.as_ref().unwrap().as_str() == "main")
    );
}

#[tokio::test]
async fn a_private_repository_never_shows_through_a_public_one() {
    let registry = TestRegistry::open().await;
    let api = &registry.registry;
    let operator = registry.operator();
    registry.repository("secret", Visibility::Private).await;
    registry.repository("front", Visibility::Private).await;
    let behind = |front: &str, behind: &str| NewUpstream {
        repository: front.to_owned(),
        ecosystem: "pypi".to_owned(),
        from_repository: Some(behind.to_owned()),
        ..NewUpstream::default()
    };
    let exposed = api.add_upstream(&operator, behind("main", "secret")).await;
    assert_eq!(refused(exposed), ProblemCode::PolicyDenied);
    let front_admin = registry.bearer(Some("front"), Scope::Admin, None).await;
    let unknown = api.add_upstream(&front_admin, behind("front", "secret")).await;
    assert_eq!(refused(unknown), NotFound);
    api.add_upstream(&operator, behind("front", "secret")).await.unwrap();
    let opened = api.set_visibility(&operator, "front", Visibility::Public).await;
    assert_eq!(refused(opened), ProblemCode::PolicyDenied);
    registry.repository("public", Visibility::Public).await;
    api.add_upstream(&operator, behind("main", "public")).await.unwrap();
    let closed = api.set_visibility(&operator, "public", Visibility::Private).await;
    assert_eq!(refused(closed), ProblemCode::PolicyDenied);
    api.set_visibility(&operator, "main", Visibility::Private).await.unwrap();
    api.set_visibility(&operator, "public", Visibility::Private).await.unwrap();
}

#[tokio::test]
async fn a_token_revoked_during_an_upload_publishes_nothing() {
    let registry = TestRegistry::open().await;
    let secret = registry.token(Some("main"), Scope::Publish, None).await;
    let caller = registry.registry.identify(Some(&secret), None).unwrap();
    let operation = publication();
    let authorized = registry.client("main", caller).authorize(operation).unwrap();
    let demo = wheel("demo", "1.0");
    let mut staging = registry.registry.stage(&authorized).await.unwrap();
    staging.write(demo.bytes.clone()).await.unwrap();
    let id = secret.split('_').nth(1).unwrap();
    registry.registry.revoke_token(&registry.operator(), id).await.unwrap();
    let blob = staging.finish().await.unwrap();
    let published = registry.registry.publish(authorized, form(&demo), blob).await;
    assert_eq!(refused(published), Unauthenticated);
    assert!(registry.kept().await.is_empty());
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_tokens_pattern_is_one_that_can_match() {
    let registry = TestRegistry::open().await;
    let operator = registry.operator();
    for (pattern, expected) in [
        ("acme-*", None),
        ("*", None),
        ("Acme_*", Some("acme-*")),
        ("Acme.Demo", Some("acme-demo")),
        ("a*b", Some("a name pattern is")),
    ] {
        let request = NewToken {
            name: "ci".to_owned(),
            repository: Some("main".to_owned()),
            scope: Scope::Publish,
            pattern: Some(pattern.to_owned()),
            lifetime: None,
        };
        let outcome = registry.registry.create_token(&operator, request).await;
        let told = outcome.err().map(|problem| problem.public);
        match expected {
            None => assert_eq!(told, None, "{pattern}"),
            Some(words) => assert!(told.clone().unwrap().contains(words), "{pattern}: {told:?}"),
        }
    }
}
