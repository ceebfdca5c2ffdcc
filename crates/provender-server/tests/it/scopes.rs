//! The scopes that the API's document names are those that the server asks for.

use provender_domain::Scope;
use serde_json::{Value, json};

use crate::support::{Answer, TestServer};

/// What the document calls the rights of callers, the least first.
const RANKS: [&str; 6] = ["none", "read", "publish", "admin", "admin-everywhere", "operator"];

/// Those that tell who may not know of something that it is not there.
const SECRETIVE: [&str; 3] = ["showEvidence", "listAttestations", "revokeToken"];
/// No ecosystem of these tests reads references or has older signatures, of which nobody is told either
/// way: the tests with real ones ask these.
const ASKED_ELSEWHERE: [&str; 2] = ["findReference", "listSignatures"];

/// What is filled into a request: the private repository `secret` keeps a file.
struct Known {
    digest: String,
    token: String,
}

/// A request that whoever has the right may make, about something that is there if it is told of to some
/// alone: what stands in place of the path's parameters, the query, and the body.
fn sample(id: &str, known: &Known) -> (Vec<(&'static str, String)>, &'static str, Value) {
    let secret = || vec![("{repository}", "secret".to_owned())];
    let package = "?ecosystem=demo&package=pkg";
    let absent = json!({ "ecosystem": "demo", "package": "absent", "version": "1" });
    let ann = json!({ "name": "ann", "email": "ann@people.example", "password": "correct horse" });
    let ci = json!({ "url": "https://ci.example", "claims": { "preset": "email" }, "rules": [] });
    let new = json!({ "name": "ci", "repository": "secret", "scope": "read" });
    let bundle = json!({ "ecosystem": "demo", "package": "pkg", "file": "small", "bundle": {} });
    let upstream = json!({ "ecosystem": "demo", "from_repository": "main" });
    let pattern = json!({ "ecosystem": "demo", "pattern": "zzz" });
    match id {
        "collectGarbage" => (vec![], "", json!({ "dry_run": true })),
        "applyRetention" => (vec![], "", json!({ "repository": "secret", "dry_run": true })),
        "exportRootKeys" => (vec![], "", json!({ "to": "/absent/keys" })),
        "rotateRoot" => (vec![], "", json!({})),
        "rotateKey" => (vec![], "", json!({ "service": "ct" })),
        "createRepository" => (vec![], "", json!({ "name": "team" })),
        "changeRepository" => (secret(), "", json!({ "visibility": "private" })),
        "setPolicy" | "checkNames" => (secret(), "", json!({})),
        "listOwnedNames" | "listUpstreams" => (secret(), "", Value::Null),
        "own" => (secret(), "", pattern),
        "disown" => (secret(), "?ecosystem=demo&pattern=zzz", Value::Null),
        "addUpstream" => (secret(), "", upstream),
        "removeUpstream" => {
            let named = [("{ecosystem}", "demo".to_owned()), ("{upstream}", "absent".to_owned())];
            ([secret(), named.to_vec()].concat(), "", Value::Null)
        }
        "setOrigin" => (secret(), "", json!({ "ecosystem": "demo", "package": "pkg" })),
        "listPackages" => (secret(), "?ecosystem=demo", Value::Null),
        "showPackage" => (secret(), "?ecosystem=demo&name=pkg", Value::Null),
        "listTags" | "showTagHistory" => (secret(), package, Value::Null),
        "yank" | "unyank" | "delete" | "quarantine" | "release" => (secret(), "", absent),
        "showEvidence" => (vec![], "?subject=pkg:demo/pkg@1&repository=secret", Value::Null),
        "listAttestations" | "listSignatures" => {
            (vec![("{digest}", format!("sha256:{}", known.digest))], "", Value::Null)
        }
        "attest" => (secret(), "", bundle),
        "searchLog" => (vec![], "?identity=nobody", Value::Null),
        "searchCertificates" => (vec![], "?serial=01", Value::Null),
        "listQuarantine" | "listEvents" => (vec![], "?repository=secret", Value::Null),
        "createToken" => (vec![], "", new),
        "revokeToken" => (vec![("{token}", known.token.clone())], "", Value::Null),
        "createAccount" => (vec![], "", ann),
        "changeAccount" => {
            (vec![("{account}", "absent".to_owned())], "", json!({ "disabled": true }))
        }
        "removeAccount" => (vec![("{account}", "absent".to_owned())], "", Value::Null),
        "trustIssuer" => (vec![], "", ci),
        "removeIssuer" => (vec![], "?url=https%3A%2F%2Fabsent.example", Value::Null),
        "whoami" | "status" | "showTrust" | "trustStatus" | "listRepositories" | "listLogs"
        | "listTokens" | "listAccounts" | "listIssuers" => (vec![], "", Value::Null),
        other => panic!("no request of {other} is written down here"),
    }
}

async fn ask(
    server: &TestServer,
    (method, path): (&str, &str),
    id: &str,
    known: &Known,
    token: Option<&str>,
) -> Answer {
    let (filled, query, body) = sample(id, known);
    let path = filled.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    let path = format!("/-/api/v1{path}{query}");
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let bearer = bearer.unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: test.example\r\n{bearer}");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let of_body = "Content-Type: application/json\r\nContent-Length";
    let mut client = server.connect().await;
    client.send(format!("{head}{of_body}: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
    client.answer(true).await
}

/// A server that keeps a file in its private repository, and what it is known by.
async fn with_a_secret() -> (TestServer, Known) {
    let server = TestServer::start().await;
    let answer = server.publish("secret", "pkg", "small", b"0123456789").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let bearer = format!("Bearer {}", server.token);
    let file = server.get("/secret/demo/pkg/small", &[("Authorization", &bearer)]).await;
    let digest = file.field("etag").unwrap().trim_matches('"').to_owned();
    let token = server.token(Scope::Read, Some("secret")).await;
    let id = token.split('_').nth(1).unwrap().to_owned();
    (server, Known { digest, token: id })
}

#[tokio::test]
async fn every_endpoint_asks_for_the_scope_that_its_document_names() {
    let (server, known) = with_a_secret().await;
    let tokens = [
        None,
        Some(server.token(Scope::Read, Some("secret")).await),
        Some(server.token(Scope::Publish, Some("secret")).await),
        Some(server.token(Scope::Admin, Some("secret")).await),
        Some(server.token(Scope::Admin, None).await),
    ];
    let document = server.get("/-/api/v1/openapi.json", &[]).await;
    let document: Value = serde_json::from_slice(&document.body).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let scope = operation["x-provender-scope"].as_str().unwrap();
            let needed = RANKS.iter().position(|rank| *rank == scope).expect(scope);
            check_requirements(id, operation, scope);
            if ASKED_ELSEWHERE.contains(&id) {
                continue;
            }
            for (rank, token) in tokens.iter().enumerate() {
                let request = (&*method.to_uppercase(), path.as_str());
                let answer = ask(&server, request, id, &known, token.as_deref()).await;
                let (status, has) = (answer.status, RANKS[rank]);
                let is_as_told = match (rank >= needed, SECRETIVE.contains(&id)) {
                    (true, true) => status < 300 || status == 409,
                    (true, false) => !matches!(status, 401 | 403),
                    (false, true) => matches!(status, 401 | 403 | 404),
                    (false, false) => matches!(status, 401 | 403),
                };
                let text = answer.text();
                assert!(is_as_told, "{id} needs {scope}; with {has} it is {status}: {text}");
            }
        }
    }
    server.stop().await;
}

/// The word stands beside the schemes, and who needs no token is told so.
fn check_requirements(id: &str, operation: &Value, scope: &str) {
    let requirements = operation["security"].as_array().unwrap();
    let words = if scope == "none" { json!([]) } else { json!([scope]) };
    assert_eq!(requirements[..2], [json!({ "bearer": words }), json!({ "basic": words })], "{id}");
    let is_for_all = requirements.contains(&json!({}));
    assert_eq!(is_for_all, matches!(scope, "none" | "read"), "{id}");
}
