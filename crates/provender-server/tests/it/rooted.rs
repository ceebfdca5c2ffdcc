//! Ecosystems whose URLs begin at the root: who is asked for what credential, and told how.

use base64::Engine as _;
use provender_domain::{NamePattern, RepositoryPolicy, Scope, SignatureRule, TextPattern};

use crate::support::{Answer, TestServer};

const CHALLENGE: &str = "Bearer realm=\"http://test.example/shelf/token\",service=\"shelf\"";
const BASIC: &str = "Basic realm=\"provender\", charset=\"UTF-8\"";

fn basic(token: &str) -> String {
    let pair = format!("anybody:{token}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

async fn by(server: &TestServer, credential: &str, path: &str) -> Answer {
    server.get(path, &[("Authorization", credential)]).await
}

#[tokio::test]
async fn a_ping_asks_for_a_credential() {
    let server = TestServer::start().await;
    for path in ["/shelf", "/shelf/"] {
        let answer = server.get(path, &[]).await;
        assert_eq!(
            (answer.status, answer.field("www-authenticate")),
            (401, Some(CHALLENGE.into()))
        );
        assert!(answer.text().starts_with("shelf: nothing: authentication-required: "));
        assert_eq!(answer.field("x-shelf").as_deref(), Some("problem"));
        let head = server.connect().await.request("HEAD", path, &[]).await;
        assert_eq!(head.head(), answer.head());
        let reader = server.token(Scope::Read, Some("main")).await;
        for credential in [format!("Bearer {reader}"), basic(&reader)] {
            let answer = by(&server, &credential, path).await;
            assert_eq!((answer.status, answer.text().as_str()), (200, "{}"), "{path}");
            assert_eq!(answer.field("content-type").as_deref(), Some("application/json"));
        }
        let answer = by(&server, "Bearer pvd_wrong", path).await;
        assert_eq!(
            (answer.status, answer.field("www-authenticate")),
            (401, Some(CHALLENGE.into()))
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_refusal_says_what_token_to_get() {
    let server = TestServer::start().await;
    let reader = format!("Bearer {}", server.token(Scope::Read, Some("main")).await);
    let check = async |method: &str, path: &str, credential: &str, status, challenge: &str| {
        let fields = [("Authorization", credential)];
        let fields = if credential.is_empty() { &[][..] } else { &fields };
        let answer = server.connect().await.request(method, path, fields).await;
        let found = answer.field("www-authenticate").unwrap_or_default();
        let found = found.strip_prefix(CHALLENGE).unwrap_or(&found);
        assert_eq!((answer.status, found), (status, challenge), "{method} {path} {credential}");
    };
    let (pull, push) = (",scope=\"secret:a/b:pull\"", ",scope=\"secret:a/b:pull,push\"");
    for credential in ["", "Bearer pvd_wrong", "Nonsense"] {
        check("GET", "/shelf/secret/a/b/tags", credential, 401, pull).await;
        check("HEAD", "/shelf/secret/a/b/heads/x", credential, 401, pull).await;
        check("POST", "/shelf/secret/a/b/uploads/", credential, 401, push).await;
        // Not understood, so that there is nothing to ask a token for.
        check("GET", "/shelf/secret/a/b/c", credential, 401, "").await;
        check("GET", "/shelf/secret", credential, 401, "").await;
    }
    let push = push.replace("secret", "main");
    check("POST", "/shelf/main/a/b/uploads/", "", 401, &push).await;
    // A credential that is right is not asked for again.
    check("POST", "/shelf/main/a/b/uploads/", &reader, 403, "").await;
    check("GET", "/shelf/secret/a/b/tags", &reader, 404, "").await;
    server.stop().await;
}

/// Clients that send no credential before they are asked for one would take what they may not have
/// yet for missing.
#[tokio::test]
async fn what_publishers_are_told_before_it_is_signed_others_are_asked_a_credential_for() {
    let server = TestServer::start().await;
    let put = server.ask("PUT", "/shelf/main/a/b/heads/latest", b"a document").await;
    assert_eq!(put.status, 201, "{}", put.text());
    let operator = server.registry.operator();
    let rule = SignatureRule {
        ecosystem: "shelf".to_owned(),
        packages: NamePattern::Prefix(String::new()),
        identity: TextPattern::new("ann@packages.example").unwrap(),
        issuer: TextPattern::new("https://issuer.example").unwrap(),
        trust: None,
    };
    let policy = RepositoryPolicy { signatures: vec![rule], ..RepositoryPolicy::default() };
    server.registry.set_policy(&operator, "main", policy).await.unwrap();
    let anybody = server.get("/shelf/token?service=shelf&scope=main:a/b:pull", &[]).await;
    let grant: serde_json::Value = serde_json::from_slice(&anybody.body).unwrap();
    let anybody = format!("Bearer {}", grant["token"].as_str().unwrap());
    let publisher = format!("Bearer {}", server.token(Scope::Publish, Some("main")).await);
    let ask = async |method: &str, credential: &str| {
        let fields = [("Authorization", credential)];
        let fields = if credential.is_empty() { &[][..] } else { &fields };
        let path = "/shelf/main/a/b/heads/latest";
        server.connect().await.request(method, path, fields).await
    };
    let asked = ask("HEAD", "").await;
    let challenge = format!("{CHALLENGE},scope=\"main:a/b:pull,push\"");
    assert_eq!((asked.status, asked.field("www-authenticate")), (401, Some(challenge)));
    // Whoever has none is told what is missing, by HEAD as far as it can tell.
    for (method, credential) in [("GET", ""), ("GET", &anybody), ("HEAD", &anybody)] {
        let refused = ask(method, credential).await;
        assert_eq!((refused.status, refused.field("www-authenticate")), (403, None), "{method}");
        let says_why = refused.text().contains("asks for a signature by ann@packages.example");
        assert_eq!(says_why, method == "GET");
    }
    assert_eq!(ask("GET", &publisher).await.status, 403);
    let head = ask("HEAD", &publisher).await;
    let field = |name: &str| head.field(name).unwrap_or_default();
    assert_eq!((head.status, field("content-length").as_str()), (200, "10"));
    assert_eq!(
        (field("content-type"), field("cache-control")),
        ("text/x-head".into(), "no-store".into())
    );
    server.stop().await;
}

#[tokio::test]
async fn a_token_is_handed_out_for_another_and_for_none() {
    let server = TestServer::start().await;
    let token = async |credential: Option<&str>, scope: &str| {
        let fields = credential.map(|credential| ("Authorization", credential));
        let path = format!("/shelf/token?service=shelf&scope={scope}");
        server.get(&path, fields.as_slice()).await
    };
    let granted = |answer: &Answer| {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"));
        assert_eq!(answer.field("content-type").as_deref(), Some("application/json"));
        let grant: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(grant["token"], grant["access_token"]);
        assert!(grant["expires_in"].as_u64().unwrap() >= 60, "{grant}");
        assert!(grant["issued_at"].as_str().unwrap().ends_with('Z'), "{grant}");
        format!("Bearer {}", grant["token"].as_str().unwrap())
    };
    let anybody = granted(&token(None, "secret:pkg:pull").await);
    let mine = granted(&token(Some(&basic(&server.token)), "secret:pkg:pull,push").await);
    assert_eq!(by(&server, &anybody, "/shelf/").await.status, 200);
    assert_eq!(by(&server, &mine, "/shelf/").await.status, 200);

    let mut client = server.connect().await;
    let begun =
        client.request("POST", "/shelf/secret/pkg/uploads/", &[("Authorization", &mine)]).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    for (credential, path) in [
        (&anybody, "/shelf/secret/pkg/uploads/"),
        (&mine, "/shelf/secret/other/uploads/"),
        (&mine, "/shelf/main/pkg/uploads/"),
    ] {
        let answer = client.request("POST", path, &[("Authorization", credential)]).await;
        assert!([401, 403, 404].contains(&answer.status), "{path}: {}", answer.status);
    }
    // The same by a form, with the token as the password.
    let posted = async |kind: &str, body: &str| {
        let mut client = server.connect().await;
        let length = body.len();
        let head = format!(
            "POST /shelf/token HTTP/1.1\r\nHost: test.example\r\nContent-Type: {kind}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        client.send(head.as_bytes()).await;
        client.answer(true).await
    };
    let form = async |fields: &[(&str, &str)]| {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        posted("application/x-www-form-urlencoded", &body.extend_pairs(fields).finish()).await
    };
    let by_form = form(&[("password", &server.token), ("scope", "secret:pkg:pull,push")]).await;
    let scope = "repository:secret/pkg:pull,push,delete";
    assert!(by_form.text().contains(scope), "{}", by_form.text());
    let by_form = granted(&by_form);
    let begun =
        client.request("POST", "/shelf/secret/pkg/uploads/", &[("Authorization", &by_form)]).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    for (password, status) in [("pvd_wrong", 401), (&by_form[7..], 401), ("", 422)] {
        let answer = form(&[("password", password)]).await;
        assert_eq!(answer.status, status, "{password}: {}", answer.text());
        let circle = answer.field("www-authenticate");
        assert_eq!(circle.as_deref(), (status == 401).then_some(BASIC));
    }
    let no_form = posted("application/json", "password=x").await;
    assert_eq!(no_form.status, 422, "{}", no_form.text());
    let much = "x".repeat(70_000);
    assert_eq!(form(&[("password", &much)]).await.status, 413);
    // Whoever sends a wrong one is told so, and not to come here for a token.
    for credential in [basic("pvd_wrong"), "Bearer pvd_wrong".to_owned(), mine] {
        let answer = token(Some(&credential), "secret:pkg:pull").await;
        assert_eq!(answer.status, 401, "{credential}: {}", answer.text());
        assert_eq!(answer.field("www-authenticate").as_deref(), Some(BASIC));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_mount_at_the_root_is_the_only_one() {
    let server = TestServer::start().await;
    let check = async |path: &str, status: u16, text: &str| {
        let answer = server.get(path, &[]).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().contains(text), "{path}: {}", answer.text());
    };
    check("/main/shelf/pkg/tags", 404, "no ecosystem \\\"shelf\\\"").await;
    check("/main/shelf/", 404, "no ecosystem \\\"shelf\\\"").await;
    check("/secret/shelf/pkg/tags", 401, "\"code\":\"authentication-required\"").await;
    // Other ecosystems are not below it.
    check("/shelf/main/demo/", 404, "shelf: nothing: not-found: no such shelf").await;
    check("/shelf/main", 404, "shelf: nothing: not-found: no such shelf").await;
    // What is malformed has the status that the ecosystem wants.
    check("/shelf/main/pkg/heads/%20", 422, "shelf: nothing: invalid-request: ").await;
    server.stop().await;
}

#[tokio::test]
async fn a_private_repository_is_indistinguishable_from_none_at_the_root() {
    let server = TestServer::start().await;
    let digest = provender_testing::sha256_hex(b"x");
    server.ask("PUT", "/shelf/secret/pkg/heads/one", b"x").await;
    let foreign = format!("Bearer {}", server.token(Scope::Publish, Some("main")).await);
    for fields in [vec![], vec![("Authorization", foreign.as_str())]] {
        let paths = ["pkg/tags", "pkg/heads/one", &format!("pkg/heads/{digest}"), "none/tags", "x"];
        for path in paths {
            let secret = server.get(&format!("/shelf/secret/{path}"), &fields).await;
            let none = server.get(&format!("/shelf/absent/{path}"), &fields).await;
            let normal = |text: String| text.replace("absent", "secret");
            assert_eq!(secret.status, none.status, "{path}");
            assert_eq!(secret.text(), none.text(), "{path}");
            let challenges = (secret.field("www-authenticate"), none.field("www-authenticate"));
            assert_eq!(challenges.0, challenges.1.map(normal), "{path}");
            assert!(secret.status == 401 || secret.status == 404, "{path}");
            for spelling in [
                "/shelf/s%65cret",
                "/sh%65lf/secret",
                "/shelf/secret%2f",
                "/shelf/%2fsecret",
                "/shelf/secret%2fpkg",
                "//shelf/secret",
                "/shelf//secret",
                "/shelf/secret/",
                "/shelf/./secret",
                "/shelf/main/../secret",
                "/shelf/main/%2e%2e/secret",
                "/shelf/SECRET",
                "/shelf/secret%00",
                "/shelf%2fsecret",
                "/SHELF/secret",
                "/secret/shelf",
            ] {
                let answer = server.get(&format!("{spelling}/{path}"), &fields).await;
                assert!(answer.status >= 400, "{spelling}/{path}: {}", answer.text());
                let answer = server.get(&format!("{spelling}/{path}/"), &fields).await;
                assert!(answer.status >= 400, "{spelling}/{path}/: {}", answer.text());
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn all_packages_are_those_that_the_caller_may_read() {
    let server = TestServer::start().await;
    for path in ["/shelf/main/a/b/heads/one", "/shelf/secret/c/heads/one"] {
        let answer = server.ask("PUT", path, b"x").await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    assert_eq!(server.get("/shelf/all", &[]).await.text(), "main/a/b\n");
    let all = by(&server, &format!("Bearer {}", server.token), "/shelf/all").await;
    assert_eq!(all.text(), "main/a/b\nsecret/c\n");
    assert_eq!(all.field("cache-control").as_deref(), Some("no-store"));
    server.stop().await;
}
