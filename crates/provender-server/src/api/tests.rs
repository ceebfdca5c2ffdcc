//! The table, its document, and what the handlers make of requests. What needs packages is shown
//! with real ones in the command line's own tests.

use std::collections::HashSet;

use bytes::Bytes;
use http::Method;
use provender_domain::ProblemCode;
use provender_registry::{Caller, Options, Registry};
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::endpoint::Endpoint;
use super::table::ENDPOINTS;
use super::{Request, answer, openapi};

struct Api {
    registry: Registry,
    _data: tempfile::TempDir,
}

impl Api {
    async fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        let options = Options::new(data.path().join("data"), Vec::new());
        Self { registry: Registry::open(options).await.unwrap(), _data: data }
    }

    async fn ask(
        &self,
        caller: &Caller,
        request: &str,
        body: Value,
    ) -> Result<(u16, Value), ProblemCode> {
        let (method, target) = request.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request {
            method: method.parse::<Method>().unwrap(),
            segments: path.split('/').skip(1).map(str::to_owned).collect(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            body: if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) },
        };
        let answer =
            answer(&self.registry, caller, request).await.map_err(|problem| problem.code)?;
        let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        Ok((answer.status.as_u16(), body))
    }

    async fn operator(&self, request: &str, body: Value) -> Result<(u16, Value), ProblemCode> {
        self.ask(&self.registry.operator(), request, body).await
    }
}

#[test]
fn document() {
    let document = openapi::describe();
    let text = serde_json::to_string_pretty(&document).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    match (name.as_str(), field) {
                        ("$ref", Value::String(target)) => found.push(target.clone()),
                        _ => references(field, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = openapi::describe();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for target in found {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{target}");
    }
}

#[test]
fn endpoints_are_distinct_and_their_paths_have_parameters() {
    let mut seen = HashSet::new();
    for endpoint in ENDPOINTS.iter() {
        assert!(seen.insert(format!("{} {}", endpoint.method, endpoint.path)));
        assert!(seen.insert(endpoint.id.to_owned()), "{}", endpoint.id);
        let schema = (endpoint.parameters.0)(&mut SchemaGenerator::default());
        let fields = schema.get("properties").cloned().unwrap_or_else(|| json!({}));
        for part in endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')) {
            let name = part.strip_suffix('}').unwrap();
            assert!(fields.get(name).is_some(), "{} has no {name}", endpoint.path);
        }
    }
}

#[test]
fn the_reference_names_the_same_scopes() {
    let reference = include_str!("../../../../docs/reference/api.md");
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let (request, scope) = (cells.next()?.split(['?', '`']).next()?, cells.next()?);
        Some((request.to_owned(), scope.replace(", ", "-")))
    };
    let mut told: Vec<_> = reference.lines().filter_map(row).collect();
    let name = |endpoint: &Endpoint| format!("{} {}", endpoint.method, endpoint.path);
    let named = |endpoint: &Endpoint| (name(endpoint), endpoint.access.as_str().to_owned());
    let mut expected: Vec<_> = ENDPOINTS.iter().map(named).collect();
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
}

/// Where the document says that a query parameter must be there, its lack is refused, and nowhere
/// else.
#[tokio::test]
async fn parameters_are_required_where_the_document_says_so() {
    let api = Api::open().await;
    let document = openapi::describe();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().unwrap();
            let is_required = |one: &&Value| one["in"] == "query" && one["required"] == true;
            let required: Vec<&str> = parameters
                .iter()
                .filter(is_required)
                .map(|one| one["name"].as_str().unwrap())
                .collect();
            let segments = path.split('/').skip(1).map(|part| part.replace(['{', '}'], ""));
            let request = Request {
                method: method.to_uppercase().parse().unwrap(),
                segments: segments.collect(),
                query: Vec::new(),
                body: Bytes::new(),
            };
            let refused = answer(&api.registry, &api.registry.operator(), request).await.err();
            let refused = refused.map(|problem| problem.public).unwrap_or_default();
            let missing = refused
                .strip_prefix("the parameters are not as expected: missing field `")
                .and_then(|rest| rest.strip_suffix('`'));
            match missing {
                Some(name) => assert!(required.contains(&name), "{method} {path}: {name}"),
                None => assert!(required.is_empty(), "{method} {path}: {required:?}"),
            }
        }
    }
}

#[tokio::test]
async fn requests_of_the_operator() {
    let api = Api::open().await;
    let check = async |request: &str, body: Value, expected: Result<u16, ProblemCode>| {
        let answered = api.operator(request, body).await.map(|(status, _)| status);
        assert_eq!(answered, expected, "{request}");
    };
    let none = Value::Null;
    check("GET /openapi.json", none.clone(), Ok(200)).await;
    check("GET /whoami", none.clone(), Ok(200)).await;
    check("GET /status", none.clone(), Ok(200)).await;
    check("POST /garbage-collections", json!({}), Ok(200)).await;
    check("GET /repositories", none.clone(), Ok(200)).await;
    check("POST /repositories", json!({ "name": "team" }), Ok(201)).await;
    check("POST /repositories", json!({ "name": "team" }), Err(ProblemCode::Conflict)).await;
    check("POST /repositories", json!({ "name": "Te am" }), Err(ProblemCode::InvalidRequest)).await;
    check("PATCH /repositories/team", json!({ "visibility": "public" }), Ok(200)).await;
    check(
        "PATCH /repositories/other",
        json!({ "visibility": "public" }),
        Err(ProblemCode::NotFound),
    )
    .await;
    check("GET /repositories/main/owned-names", none.clone(), Ok(200)).await;
    check("GET /repositories/main/upstreams", none.clone(), Ok(200)).await;
    check("GET /repositories/other/upstreams", none.clone(), Err(ProblemCode::NotFound)).await;
    check("POST /repositories/main/name-checks", json!({}), Ok(200)).await;
    check("GET /quarantine", none.clone(), Ok(200)).await;
    check("GET /events?limit=1&kind=initialized,published", none.clone(), Ok(200)).await;
    check("DELETE /tokens/abc", none.clone(), Err(ProblemCode::NotFound)).await;
}

#[tokio::test]
async fn policy_tags_and_references() {
    let api = Api::open().await;
    let check = async |request: &str, body: Value, expected: Result<u16, ProblemCode>| {
        let answered = api.operator(request, body).await.map(|(status, _)| status);
        assert_eq!(answered, expected, "{request}");
    };
    let (none, invalid) = (Value::Null, ProblemCode::InvalidRequest);
    let policy = "PUT /repositories/main/policy";
    check(policy, json!({ "tags": "immutable" }), Ok(200)).await;
    check(policy, json!({ "tags": "sticky" }), Err(invalid)).await;
    let rule = json!({ "ecosystem": "demo", "packages": "*", "identity": "a", "issuer": "b" });
    check(policy, json!({ "signatures": [rule] }), Err(invalid)).await;
    check("PUT /repositories/other/policy", json!({}), Err(ProblemCode::NotFound)).await;
    let (_, found) = api.operator("GET /repositories", Value::Null).await.unwrap();
    let expected = json!({ "tags": "immutable", "signatures": [], "retention": [] });
    assert_eq!(found["items"][0]["policy"], expected);
    let stranger = api.registry.identify(None, None).unwrap();
    let (_, found) = api.ask(&stranger, "GET /repositories", Value::Null).await.unwrap();
    assert_eq!(found["items"][0].get("policy"), None);

    check("POST /retentions", json!({}), Ok(200)).await;
    check("POST /retentions", json!({ "repository": "main", "dry_run": true }), Ok(200)).await;
    let elsewhere = json!({ "repository": "other" });
    check("POST /retentions", elsewhere, Err(ProblemCode::NotFound)).await;
    let tags = "GET /repositories/main/tags?ecosystem=demo&package=a";
    check(tags, none.clone(), Err(ProblemCode::NotFound)).await;
    let history = "GET /repositories/main/tag-history?ecosystem=demo&package=a&tag=1";
    check(history, none.clone(), Err(ProblemCode::NotFound)).await;
    check("GET /reference?reference=main/app:1.0", none.clone(), Err(invalid)).await;
    check("GET /reference", none, Err(invalid)).await;
    let new = json!({ "ecosystem": "demo", "package": "a", "file": "f", "bundle": {} });
    let attestations = "POST /repositories/main/attestations";
    check(attestations, new, Err(ProblemCode::NotFound)).await;
    for (request, body) in [(policy, json!({})), ("POST /retentions", json!({}))] {
        let answered = api.ask(&stranger, request, body).await;
        assert_eq!(answered, Err(ProblemCode::AuthenticationRequired), "{request}");
    }
}

#[tokio::test]
async fn people_and_issuers() {
    let api = Api::open().await;
    let check = async |request: &str, body: Value, expected: Result<u16, ProblemCode>| {
        let answered = api.operator(request, body).await.map(|(status, _)| status);
        assert_eq!(answered, expected, "{request}");
    };
    let none = Value::Null;
    let ann = json!({ "name": "ann", "email": "ann@people.example", "password": "correct horse" });
    check("POST /accounts", ann.clone(), Ok(201)).await;
    check("POST /accounts", ann, Err(ProblemCode::Conflict)).await;
    check("POST /accounts", json!({ "name": "bob" }), Err(ProblemCode::InvalidRequest)).await;
    check("GET /accounts", none.clone(), Ok(200)).await;
    check("PATCH /accounts/ann", json!({ "disabled": true }), Ok(200)).await;
    check("PATCH /accounts/ann", json!({}), Err(ProblemCode::InvalidRequest)).await;
    check("PATCH /accounts/bob", json!({ "disabled": true }), Err(ProblemCode::NotFound)).await;
    check("DELETE /accounts/ann", none.clone(), Ok(204)).await;
    check("DELETE /accounts/ann", none.clone(), Err(ProblemCode::NotFound)).await;
    let ci = json!({ "url": "https://ci.example", "claims": { "preset": "email" }, "rules": [] });
    check("POST /issuers", ci, Ok(201)).await;
    check("GET /issuers", none.clone(), Ok(200)).await;
    let typo = json!({ "url": "https://ci.example", "claims": {}, "rule": [] });
    check("POST /issuers", typo, Err(ProblemCode::InvalidRequest)).await;
    check("DELETE /issuers?url=https%3A%2F%2Fci.example", none.clone(), Ok(204)).await;
    check("DELETE /issuers", none, Err(ProblemCode::InvalidRequest)).await;
}

#[tokio::test]
async fn requests_that_are_wrong() {
    let api = Api::open().await;
    let check = async |request: &str, body: Value, expected: ProblemCode| {
        let answered = api.operator(request, body).await.map(|(status, _)| status);
        assert_eq!(answered, Err(expected), "{request}");
    };
    let invalid = ProblemCode::InvalidRequest;
    check("GET /", Value::Null, ProblemCode::NotFound).await;
    check("GET /nothing", Value::Null, ProblemCode::NotFound).await;
    check("DELETE /whoami", Value::Null, ProblemCode::MethodNotAllowed).await;
    check("GET /whoami?a=b", Value::Null, invalid).await;
    check("GET /whoami", json!({}), invalid).await;
    check("POST /repositories", Value::Null, invalid).await;
    check("POST /repositories", json!([]), invalid).await;
    check("POST /repositories", json!({ "name": "team", "colour": "red" }), invalid).await;
    check("POST /repositories", json!({ "name": "team", "visibility": "secret" }), invalid).await;
    check("POST /tokens", json!({ "name": "a", "scope": "root" }), invalid).await;
    check("GET /events?kind=published,party", Value::Null, invalid).await;
    check("GET /events?severity=dire", Value::Null, invalid).await;
    check("GET /events?limit=1&limit=2", Value::Null, invalid).await;
    check("GET /events?package=demo", Value::Null, invalid).await;
    check("GET /repositories/main/upstreams?repository=other", Value::Null, invalid).await;
    let neither = json!({ "ecosystem": "demo", "package": "a" });
    check("POST /repositories/main/changes/yank", neither, ProblemCode::NotFound).await;
}

#[tokio::test]
async fn strangers_learn_nothing() {
    let api = Api::open().await;
    api.operator("POST /repositories", json!({ "name": "team" })).await.unwrap();
    let stranger = api.registry.identify(None, None).unwrap();
    let (_, whoami) = api.ask(&stranger, "GET /whoami", Value::Null).await.unwrap();
    assert_eq!(whoami["actor"], json!({ "kind": "anonymous" }));
    assert_eq!(whoami["origin"], api.registry.origin());
    let (_, seen) = api.ask(&stranger, "GET /repositories", Value::Null).await.unwrap();
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    assert_eq!(seen["items"][0]["name"], "main");
    for request in [
        "GET /status",
        "GET /tokens",
        "GET /events",
        "GET /quarantine",
        "GET /repositories/main/upstreams",
        "GET /repositories/team/upstreams",
        "GET /repositories/nowhere/upstreams",
    ] {
        let answered = api.ask(&stranger, request, Value::Null).await;
        assert_eq!(answered, Err(ProblemCode::AuthenticationRequired), "{request}");
    }
}

#[tokio::test]
async fn tokens_are_shown_once_and_revoked_at_once() {
    let api = Api::open().await;
    let new =
        json!({ "name": "ci", "repository": "main", "scope": "admin", "lifetime_seconds": 60 });
    let (status, created) = api.operator("POST /tokens", new).await.unwrap();
    assert_eq!(status, 201);
    let secret = created["secret"].as_str().unwrap();
    let bearer = api.registry.identify(Some(secret), None).unwrap();
    let (_, listed) = api.ask(&bearer, "GET /tokens", Value::Null).await.unwrap();
    assert_eq!(listed["items"][0]["id"], created["token"]["id"]);
    assert!(!listed.to_string().contains(secret));
    let revoke = format!("DELETE /tokens/{}", created["token"]["id"].as_str().unwrap());
    api.operator(&revoke, Value::Null).await.unwrap();
    assert_eq!(
        api.registry.identify(Some(secret), None).unwrap_err().code,
        ProblemCode::AuthenticationRequired
    );
}

#[tokio::test]
async fn events_come_oldest_first_and_can_be_waited_for() {
    let api = Api::open().await;
    for name in ["a", "b", "c"] {
        api.operator("POST /repositories", json!({ "name": name })).await.unwrap();
    }
    let numbers = async |request: &str| -> Vec<i64> {
        let (_, found) = api.operator(request, Value::Null).await.unwrap();
        let items = found["items"].as_array().unwrap();
        items.iter().map(|event| event["number"].as_i64().unwrap()).collect()
    };
    assert_eq!(numbers("GET /events").await, [1, 2, 3, 4]);
    assert_eq!(numbers("GET /events?limit=2").await, [3, 4]);
    assert_eq!(numbers("GET /events?after=1&limit=2").await, [2, 3]);
    assert_eq!(numbers("GET /events?repository=b").await, [3]);
    assert_eq!(numbers("GET /events?after=4").await, Vec::<i64>::new());

    let waiting = numbers("GET /events?after=4&kind=repository-created&wait_seconds=60");
    let acting = async {
        // Of another kind, which is not what is waited for.
        let change = json!({ "visibility": "public" });
        api.operator("PATCH /repositories/a", change).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        api.operator("POST /repositories", json!({ "name": "d" })).await.unwrap();
    };
    let (waited, ()) = tokio::join!(waiting, acting);
    assert_eq!(waited, [6]);
}
