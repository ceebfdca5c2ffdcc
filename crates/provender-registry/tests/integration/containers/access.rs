//! Access tokens, as docker asks for them.

use provender_domain::{ProblemCode, Scope, Visibility};
use provender_ecosystem::{TokenRequest, TokenScope};
use provender_registry::Caller;

use super::{Image, Shelf, digest};
use crate::TestRegistry;
use crate::client::refused;

/// The bearer of an access token that `caller` gets for these scopes, each
/// `repository/image:actions`.
pub(super) fn granted(registry: &TestRegistry, caller: &Caller, scopes: &[&str]) -> Caller {
    let scope = |text: &&str| {
        let (resource, actions) = text.rsplit_once(':').unwrap();
        let (repository, package) = resource.split_once('/').unwrap();
        TokenScope {
            repository: repository.to_owned(),
            package: package.to_owned(),
            pull: actions.contains("pull"),
            push: actions.contains("push"),
            delete: actions.contains("delete"),
        }
    };
    let request = TokenRequest { scopes: scopes.iter().map(scope).collect() };
    let ecosystem = registry.registry.ecosystem("oci").unwrap().id();
    let grant = registry.registry.grant(caller, ecosystem, &request).unwrap();
    registry.registry.identify(Some(&grant.token), None).unwrap()
}

/// Which kinds of operations a caller may carry out on `team/app`, as letters: index, tag, file,
/// upload, publish, delete, administer.
async fn opens(shelf: &Shelf, image: &Image) -> String {
    let mut opened = String::new();
    let name = "team/app";
    let mut note = |letter: char, outcome: Result<(), provender_domain::Problem>| match outcome {
        Ok(()) => opened.push(letter),
        Err(problem) => {
            let is_refusal = matches!(
                problem.code,
                ProblemCode::AuthenticationRequired
                    | ProblemCode::PermissionDenied
                    | ProblemCode::NotFound
            );
            assert!(is_refusal, "{letter}: {problem:?}");
        }
    };
    note('i', shelf.tags(name).await.map(drop));
    note('t', shelf.manifest(name, "v1").await.map(drop));
    note('f', shelf.blob(name, &digest(&image.config)).await.map(drop));
    note('u', shelf.upload(name, &image.config).await);
    note('p', shelf.put(name, "v2", &image.manifest).await.map(drop));
    note('d', shelf.remove(name, "manifests/v2").await.map(drop));
    let admin = shelf.registry.own(&shelf.caller, &shelf.repository, "oci", "x").await;
    note('a', admin.map(drop));
    opened
}

#[tokio::test]
async fn it_opens_what_was_asked_for_and_its_owner_may_have() {
    for visibility in [Visibility::Public, Visibility::Private] {
        let registry = TestRegistry::open().await;
        registry.repository("home", visibility).await;
        let image = Image::new("a");
        let home = registry.shelf_for("home", registry.operator());
        home.push("team/app", "v1", &image).await.unwrap();
        let is_public = visibility == Visibility::Public;
        let reads = if is_public { "itf" } else { "" };
        let tokens = [
            registry.anonymous(),
            registry.bearer(Some("home"), Scope::Read, None).await,
            registry.bearer(Some("home"), Scope::Publish, Some("team/app")).await,
            registry.bearer(Some("home"), Scope::Publish, Some("team/other")).await,
            registry.bearer(None, Scope::Admin, None).await,
            registry.bearer(Some("main"), Scope::Admin, None).await,
        ];
        // What each of them gets by asking for this: anonymous, reader, publisher, publisher of
        // another image, administrator, administrator of another repository.
        let all = "itfupd";
        let table: [(&[&str], [&str; 6]); 8] = [
            (&[], [reads; 6]),
            (&["home/team/app:pull"], [reads, "itf", "itf", reads, "itf", reads]),
            (&["home/team/app:pull,push"], [reads, "itf", all, reads, all, reads]),
            (&["home/team/app:push"], [reads, "itf", all, reads, all, reads]),
            (&["home/team/app:delete"], [reads, "itf", all, reads, all, reads]),
            (&["home/team/other:pull,push,delete"], [reads; 6]),
            (&["main/team/app:pull,push,delete"], [reads; 6]),
            (
                &["home/team/other:pull", "home/team/app:pull", "main/team/app:push"],
                [reads, "itf", "itf", reads, "itf", reads],
            ),
        ];
        for (scopes, expected) in table {
            for (at, (token, expected)) in tokens.iter().zip(expected).enumerate() {
                let shelf = home.by(granted(&registry, token, scopes));
                let found = opens(&shelf, &image).await;
                assert_eq!(found, expected, "{visibility:?} {scopes:?}, token {at}");
            }
        }
        registry.assert_sound().await;
    }
}

#[tokio::test]
async fn an_administrator_who_asks_to_delete_may_take_away_what_does_not_move() {
    let registry = TestRegistry::open().await;
    registry.shelf().push("team/app", "v1", &Image::new("a")).await.unwrap();
    super::tags::make_immutable(&registry).await;
    let administrator = registry.bearer(Some("main"), Scope::Admin, None).await;
    let publisher = registry.bearer(Some("main"), Scope::Publish, None).await;
    let remove = async |caller: &Caller, scope: &str| {
        let shelf = registry.shelf_for("main", granted(&registry, caller, &[scope]));
        shelf.remove("team/app", "manifests/v1").await
    };
    let denied = [
        remove(&publisher, "main/team/app:pull,push,delete").await,
        remove(&administrator, "main/team/app:pull,push").await,
    ];
    for denied in denied {
        assert_eq!(refused(denied), ProblemCode::PermissionDenied);
    }
    remove(&administrator, "main/team/app:delete").await.unwrap();
}

#[tokio::test]
async fn it_ends_with_its_time_and_with_its_token() {
    let registry = TestRegistry::open().await;
    let (api, operator) = (&registry.registry, registry.operator());
    registry.shelf().push("team/app", "v1", &Image::new("a")).await.unwrap();
    let ecosystem = api.ecosystem("oci").unwrap().id();
    let secret = registry.token(Some("main"), Scope::Publish, None).await;
    let token = api.identify(Some(&secret), None).unwrap();
    let request = TokenRequest {
        scopes: vec![TokenScope {
            repository: "main".to_owned(),
            package: "team/app".to_owned(),
            pull: true,
            push: true,
            delete: false,
        }],
    };
    let grant = || api.grant(&token, ecosystem, &request).unwrap();
    let access = grant();
    let caller = api.identify(Some(&access.token), None).unwrap();
    // It gives no other, and says who it is in the record.
    assert!(api.grant(&caller, ecosystem, &request).is_err());
    assert_eq!(caller.actor(), token.actor());
    registry.clock.advance(std::time::Duration::from_secs(access.expires_in_seconds - 1));
    api.identify(Some(&access.token), None).unwrap();
    registry.clock.advance(std::time::Duration::from_secs(1));
    let ended = api.identify(Some(&access.token), None);
    assert_eq!(refused(ended), ProblemCode::AuthenticationRequired);

    let access = grant();
    let shelf = registry.shelf_for("main", api.identify(Some(&access.token), None).unwrap());
    let session = shelf.begin("team/app").await.unwrap();
    let id = api.tokens(&operator).unwrap().remove(0).id;
    api.revoke_token(&operator, &id.0).await.unwrap();
    let ended = api.identify(Some(&access.token), None);
    assert_eq!(refused(ended), ProblemCode::AuthenticationRequired);
    // One who was let in before goes no further than what needs no token.
    let finished = shelf.finish("team/app", &session, b"x", &digest(b"x")).await;
    assert_eq!(refused(finished), ProblemCode::AuthenticationRequired);
    let published = shelf.put("team/app", "v2", &Image::new("a").manifest).await;
    assert_eq!(refused(published), ProblemCode::AuthenticationRequired);
    let another = api.grant(&token, ecosystem, &request).map(|grant| grant.token);
    let opens = another.and_then(|token| api.identify(Some(&token), None).map(drop));
    assert_eq!(refused(opens), ProblemCode::AuthenticationRequired);
}
