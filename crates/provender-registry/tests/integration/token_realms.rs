//! Upstreams that ask for tokens, and whom the operator lets give them.

use provender_domain::ProblemCode;
use provender_registry::NewUpstream;
use provender_testing::{Answer, FakeUpstream};

use crate::client::refused;
use crate::{TestRegistry, wheel};

/// `user:a-password`, as Basic authentication has it.
const BASIC: &str = "Basic dXNlcjphLXBhc3N3b3Jk";

#[tokio::test]
async fn credentials_go_to_the_named_realm_for_a_token() {
    let (upstream, realm) = (FakeUpstream::start(), FakeUpstream::start());
    let demo = wheel("demo", "1.0");
    let (index, bytes) = (
        format!("<a href=\"/files/{0}#sha256={1}\">{0}</a>", demo.file_name, demo.sha256_hex()),
        demo.bytes.clone(),
    );
    let challenge = format!("Bearer realm=\"{}\",scope=\"demo:pull\"", realm.url("/token"));
    upstream.otherwise(move |request| match request.header("Authorization") {
        Some("Bearer a-token") if request.path() == "/simple/demo/" => Answer::html(index.clone()),
        Some("Bearer a-token") => Answer::ok(bytes.clone()),
        _ => Answer::status(401).header("WWW-Authenticate", challenge.clone()),
    });
    realm.on_request("/token", |request| match request.header("Authorization") {
        Some(BASIC) => Answer::ok(r#"{"token": "a-token"}"#),
        _ => Answer::status(401),
    });
    let add = async |token_realm| {
        let registry = TestRegistry::open().await;
        let url = upstream.url("/simple/").replace("http://", "http://user:a-password@");
        let repository = "main".to_owned();
        let url = Some(url);
        registry.add(NewUpstream { repository, url, token_realm, ..NewUpstream::default() }).await;
        registry
    };
    let registry = add(Some(realm.url("/anything?at=all"))).await;
    registry.main().install(&demo).await;
    let summary = registry.registry.upstreams(&registry.operator(), "main").unwrap().remove(0);
    assert_eq!(summary.token_realm, Some(realm.url("/").trim_end_matches('/').to_owned()));
    let registry = registry.reopened().await;
    let summary = registry.registry.upstreams(&registry.operator(), "main").unwrap().remove(0);
    assert!(summary.token_realm.is_some(), "it is kept");
    // Not named: it is at a private address, and would be asked without credentials elsewhere.
    realm.forget();
    let registry = add(None).await;
    let refusal = registry.main().file("demo", &demo.file_name).await;
    assert_eq!(refused(refusal), ProblemCode::UpstreamFailed);
    assert_eq!(realm.total(), 0);
}

#[tokio::test]
async fn realms_that_make_no_sense() {
    let registry = TestRegistry::open().await;
    let check = async |url: &str, realm: &str, expected: Option<&str>| {
        let upstream = NewUpstream {
            repository: "main".to_owned(),
            ecosystem: "pypi".to_owned(),
            url: Some(url.to_owned()),
            token_realm: Some(realm.to_owned()),
            ..NewUpstream::default()
        };
        let added = registry.registry.add_upstream(&registry.operator(), upstream).await;
        match (added, expected) {
            (Ok(added), Some(origin)) => {
                assert_eq!(added.token_realm.as_deref(), Some(origin));
                let (operator, name) = (registry.operator(), added.name.as_str());
                let removed = registry.registry.remove_upstream(&operator, "main", "pypi", name);
                removed.await.unwrap();
            }
            (Err(problem), None) => assert_eq!(problem.code, ProblemCode::InvalidRequest),
            (other, _) => panic!("{url} {realm}: {other:?}"),
        }
    };
    let (secure, open) = ("https://upstream.example/", "http://upstream.example/");
    check(secure, "https://auth.example/token", Some("https://auth.example")).await;
    check(secure, "https://auth.example:8443", Some("https://auth.example:8443")).await;
    check(open, "http://auth.example/", Some("http://auth.example")).await;
    check(secure, "http://auth.example/", None).await;
    check(secure, "https://user:secret@auth.example/", None).await;
    check(secure, "ftp://auth.example/", None).await;
    check(secure, "auth.example", None).await;
    check(secure, "", None).await;
}
