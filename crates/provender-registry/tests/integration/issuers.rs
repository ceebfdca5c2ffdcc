//! Issuers whose identity tokens are believed.

use provender_domain::{EventKind, ProblemCode, Scope};
use serde_json::{Value, json};

use crate::TestRegistry;
use crate::client::refused;

fn definition(rules: &Value) -> Value {
    json!({ "url": "https://ci.example", "claims": { "preset": "email" }, "rules": rules })
}

#[tokio::test]
async fn an_issuer_is_believed_as_it_was_last_defined() {
    let registry = TestRegistry::open().await;
    let operator = registry.operator();
    let put = async |rules: &Value| {
        registry.registry.put_issuer(&operator, definition(rules)).await.unwrap()
    };
    assert!(registry.registry.trusted_issuers().is_empty());
    let first = put(&json!([])).await;
    assert!(first.issuer.rules.is_empty());
    let second = put(&json!([{ "sub": "a*" }, { "sub": "b*", "kind": "x" }])).await;
    assert_eq!(second.created_at, first.created_at);
    assert_eq!(registry.registry.trusted_issuers(), [(*second.issuer).clone()]);

    let registry = registry.reopened().await;
    let operator = registry.operator();
    assert_eq!(registry.registry.issuers(&operator).unwrap(), [second]);
    registry.registry.remove_issuer(&operator, "https://ci.example").await.unwrap();
    assert!(registry.registry.trusted_issuers().is_empty());
    let again = registry.registry.remove_issuer(&operator, "https://ci.example").await;
    assert_eq!(refused(again), ProblemCode::NotFound);
    let told = registry.events_of(EventKind::IssuerTrusted, 2).await;
    let messages: Vec<_> = told.iter().map(|event| event.event.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "issuer https://ci.example is trusted, for nobody: it has no rule",
            "issuer https://ci.example is trusted, by 2 rules",
        ]
    );
    registry.events_of(EventKind::IssuerRemoved, 1).await;
}

#[tokio::test]
async fn what_could_let_everybody_in_is_refused() {
    use ProblemCode::{InvalidRequest, TooLarge};

    let registry = TestRegistry::open().await;
    let operator = registry.operator();
    let check = async |change: fn(&mut Value), expected: ProblemCode| {
        let mut definition = definition(&json!([{ "sub": "a*" }]));
        change(&mut definition);
        let text = definition.to_string();
        let put = registry.registry.put_issuer(&operator, definition).await;
        assert_eq!(refused(put), expected, "{text}");
    };
    check(|issuer| issuer["url"] = json!("http://ci.example"), InvalidRequest).await;
    check(|issuer| issuer["url"] = json!("https://ci.example/?a"), InvalidRequest).await;
    check(|issuer| issuer["claims"] = json!({}), InvalidRequest).await;
    // This server's own, which such an entry would not change.
    let mut own = definition(&json!([{ "sub": "a*" }]));
    own["url"] = json!(registry.registry.authority().issuer().url());
    let put = registry.registry.put_issuer(&operator, own).await;
    assert_eq!(refused(put), InvalidRequest);
    check(|issuer| issuer["rules"] = json!([{}]), InvalidRequest).await;
    check(|issuer| issuer["rule"] = json!([]), InvalidRequest).await;
    check(|issuer| issuer["audiences"] = json!([]), InvalidRequest).await;
    check(|issuer| issuer["audiences"] = json!(["sigstore", ""]), InvalidRequest).await;
    check(|issuer| *issuer = json!("https://ci.example"), InvalidRequest).await;
    let many = |issuer: &mut Value| {
        let rule = json!({ "sub": "x".repeat(500) });
        issuer["rules"] = Value::Array(vec![rule; 100]);
    };
    check(many, TooLarge).await;
    assert!(registry.registry.trusted_issuers().is_empty());
}

#[tokio::test]
async fn there_are_not_too_many() {
    let registry = TestRegistry::open().await;
    let operator = registry.operator();
    let put = async |number: u32| {
        let mut definition = definition(&json!([]));
        definition["url"] = json!(format!("https://ci{number}.example"));
        registry.registry.put_issuer(&operator, definition).await
    };
    for number in 0..64 {
        put(number).await.unwrap();
    }
    assert_eq!(refused(put(64).await), ProblemCode::TooLarge);
    put(63).await.unwrap();
}

#[tokio::test]
async fn only_who_administers_everything_may() {
    let registry = TestRegistry::open().await;
    let of_one = registry.bearer(Some("main"), Scope::Admin, None).await;
    let cases = [
        (registry.anonymous(), ProblemCode::AuthenticationRequired),
        (of_one, ProblemCode::PermissionDenied),
    ];
    for (caller, expected) in cases {
        let put = registry.registry.put_issuer(&caller, definition(&json!([]))).await;
        assert_eq!(refused(put), expected);
        assert_eq!(refused(registry.registry.issuers(&caller)), expected);
        let removed = registry.registry.remove_issuer(&caller, "https://ci.example").await;
        assert_eq!(refused(removed), expected);
    }
}
