//! What is refused, and how the client is told.

use base64::Engine as _;
use provender_domain::Scope;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{TestServer, form};

#[tokio::test]
async fn problems_are_told_in_the_dialect_of_the_url() {
    let server = TestServer::start().await;
    let check = async |path: &str, status: u16, content_type: &str, text: &str| {
        let answer = server.get(path, &[]).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.field("content-type").as_deref(), Some(content_type), "{path}");
        assert!(answer.text().contains(text), "{path}: {}", answer.text());
        assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"), "{path}");
    };
    let json = "application/problem+json";
    check("/main/demo/a/b/c/d", 404, "text/plain", "demo: no such page").await;
    check("/main/demo/none/", 404, "text/plain", "demo: ").await;
    for path in ["/main/demo/pkg/", "/shelf/", "/shelf/main/pkg/tags"] {
        let answer = server.connect().await.request("OPTIONS", path, &[]).await;
        let dialect = if path.starts_with("/shelf") { "shelf: " } else { "demo: " };
        assert_eq!(answer.status, 405, "{path}: {}", answer.text());
        assert!(answer.text().starts_with(dialect), "{path}: {}", answer.text());
        assert!(answer.field("allow").is_some_and(|allow| allow.contains("PATCH")), "{path}");
    }
    check("/secret/demo/pkg/", 401, "text/plain", "demo: ").await;
    check("/nowhere/demo/pkg/", 401, "text/plain", "demo: ").await;
    check("/main/unknown/pkg/", 404, json, "\"code\":\"not-found\"").await;
    check("/secret/unknown/pkg/", 401, json, "\"code\":\"authentication-required\"").await;
    check("/main/demo/%2e%2e/x", 400, json, "\"code\":\"invalid-request\"").await;
    check("/main//demo/", 400, json, "\"status\":400").await;
    check("/shelf/main//tags", 422, "text/plain", "shelf: ").await;
    check("/shelf/main/%2e%2e/tags", 422, "text/plain", "shelf: ").await;
    check("/-/api/v1/nothing", 404, json, "\"code\":\"not-found\"").await;
    check(&format!("/main/demo/{}", "a".repeat(9_000)), 400, json, "longer than 8192 bytes").await;
    check(&format!("/main/demo/?{}", "a".repeat(17_000)), 413, json, "at most").await;
    server.stop().await;
}

#[tokio::test]
async fn the_status_line_says_why() {
    let server = TestServer::start().await;
    let answer = server.get("/main/demo/a/b/c/d", &[]).await;
    assert_eq!(answer.reason, "no such page in this demo");
    let answer = server.get("/main/unknown/a/", &[]).await;
    assert_eq!(answer.reason, "Not Found");
    server.stop().await;
}

#[tokio::test]
async fn a_private_repository_is_indistinguishable_from_none() {
    let server = TestServer::start().await;
    server.publish("secret", "pkg", "file", b"x").await;
    let foreign = format!("Bearer {}", server.token(Scope::Publish, Some("main")).await);
    for fields in [vec![], vec![("Authorization", foreign.as_str())]] {
        for path in ["demo/pkg/", "demo/pkg/file", "demo/none/", "unknown/x/", "demo/a/b/c/d"] {
            let secret = server.get(&format!("/secret/{path}"), &fields).await;
            let none = server.get(&format!("/absent/{path}"), &fields).await;
            assert_eq!(secret.head(), none.head(), "{path}");
            assert_eq!(secret.text(), none.text(), "{path}");
            assert!(secret.status == 401 || secret.status == 404, "{path}");
            for spelling in
                ["s%65cret", "secret%2f", "%2fsecret", "secret/.", "SECRET", "secret%00"]
            {
                let answer = server.get(&format!("/{spelling}/{path}"), &fields).await;
                assert!(answer.status >= 400, "{spelling}/{path}: {}", answer.text());
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_token_publishes_nowhere_else_however_the_path_is_spelled() {
    let server = TestServer::start().await;
    let foreign = server.token(Scope::Publish, Some("main")).await;
    let body = form("pkg", "file", b"x");
    let spellings = [
        "secret",
        "s%65cret",
        "%73%65%63%72%65%74",
        "secret%2f",
        "%2fsecret",
        "secret%2fdemo",
        "secret/.",
        "secret/%2e",
        "main/../secret",
        "main/%2e%2e/secret",
        "main%2f..%2fsecret",
        "main%00/secret",
        "/secret",
        "SECRET",
        "secret;main",
        "secret?/main",
        "secret#/main",
    ];
    for spelling in spellings {
        let head = server.publication_head(spelling, body.len(), &foreign, "");
        let mut client = server.connect().await;
        // Some are refused before their body is read.
        let _ = client.try_send(&[head.as_bytes(), &body].concat()).await;
        let answer = client.answer(true).await;
        assert!((400..500).contains(&answer.status), "{spelling}: {}", answer.text());
    }
    for repository in ["secret", "main"] {
        let path = format!("/{repository}/demo/pkg/file");
        let bearer = format!("Bearer {}", server.token);
        let answer = server.get(&path, &[("Authorization", &bearer)]).await;
        assert_eq!(answer.status, 404, "{repository}");
    }
    server.stop().await;
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    const PUBLIC: &str = "https://packages.example";
    let server =
        TestServer::start_with(|options| options.public_origin = Some(PUBLIC.to_owned())).await;
    let admin = format!("Bearer {}", server.token(Scope::Admin, None).await);
    let body = form("pkg", "file", b"content");
    let publish = async |fields: &str, status: u16| {
        let head = server.publication_head("main", body.len(), &server.token, fields);
        let mut client = server.connect().await;
        client.send(&[head.as_bytes(), &body].concat()).await;
        let answer = client.answer(true).await;
        assert_eq!(answer.status, status, "{fields}: {}", answer.text());
    };
    let ask = async |fields: &[(&str, &str)], statuses: [u16; 3]| {
        let fields = [fields, &[("Authorization", admin.as_str())]].concat();
        let asked = [
            ("DELETE", "/main/demo/pkg/absent"),
            ("POST", "/shelf/main/pkg/uploads/"),
            ("DELETE", "/-/api/v1/tokens/absent"),
        ];
        for ((method, path), status) in asked.into_iter().zip(statuses) {
            let answer = server.connect().await.request(method, path, &fields).await;
            assert_eq!(answer.status, status, "{method} {path} {fields:?}: {}", answer.text());
        }
    };
    publish("Origin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\n", 403).await;
    publish("Sec-Fetch-Site: same-site\r\n", 403).await;
    publish("Origin: http://evil.example\r\n", 403).await;
    assert_eq!(server.get("/main/demo/pkg/file", &[]).await.status, 404);
    publish(&format!("Origin: {PUBLIC}\r\n"), 200).await;
    for refused in [("Sec-Fetch-Site", "cross-site"), ("Origin", "http://evil.example")] {
        ask(&[refused], [403; 3]).await;
    }
    // What the client's own Host field says is not the origin, where the operator said another.
    let host = format!("http://{}", server.address);
    ask(&[("Origin", &host)], [403; 3]).await;
    for taken in [&[][..], &[("Origin", PUBLIC)], &[("Sec-Fetch-Site", "same-origin")]] {
        ask(taken, [404, 202, 404]).await;
    }
    // Reading changes nothing, and no page of another site is shown the answer.
    let read = [("Sec-Fetch-Site", "cross-site")];
    assert_eq!(server.get("/main/demo/pkg/file", &read).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn credentials() {
    let server = TestServer::start().await;
    server.publish("secret", "pkg", "file", b"x").await;
    let basic =
        |text: String| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text));
    let token = server.token(Scope::Read, None).await;
    let check = async |field: String, status: u16| {
        let answer = server.get("/secret/demo/pkg/file", &[("Authorization", &field)]).await;
        assert_eq!(answer.status, status, "{field}");
        let challenge = answer.field("www-authenticate");
        assert_eq!(challenge.is_some_and(|c| c.starts_with("Basic realm=")), status == 401);
    };
    check(format!("Bearer {token}"), 200).await;
    check(basic(format!("anybody:{token}")), 200).await;
    check(basic(format!("{token}:")), 200).await;
    check(basic(format!("{token}x:")), 401).await;
    check("Bearer x".to_owned(), 401).await;
    check("Nonsense".to_owned(), 401).await;
    // A wrong credential is noticed also where none is needed.
    let answer = server.get("/main/demo/", &[("Authorization", "Bearer x")]).await;
    assert_eq!(answer.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn what_a_proxy_claims_is_not_believed() {
    let server = TestServer::start().await;
    let fields = [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Original-URL", "/main/demo/"),
        ("X-HTTP-Method-Override", "GET"),
    ];
    assert_eq!(server.get("/secret/demo/", &fields).await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn methods() {
    let server = TestServer::start().await;
    let check = async |method: &str, path: &str, allow: &str| {
        let answer = server.connect().await.request(method, path, &[]).await;
        assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text());
        assert_eq!(answer.field("allow").as_deref(), Some(allow), "{method} {path}");
    };
    check("PUT", "/main/demo/pkg/file", "GET, HEAD, DELETE").await;
    check("DELETE", "/main/demo/", "GET, HEAD, POST").await;
    check("TRACE", "/main/demo/", "GET, HEAD, POST, PUT, PATCH, DELETE").await;
    check("POST", "/-/health", "GET, HEAD").await;
    check("POST", "/", "GET, HEAD").await;
    check("DELETE", "/-/api/v1/whoami", "GET, HEAD").await;
    check("DELETE", "/-/api/v1/repositories", "GET, HEAD, POST").await;
    check("DELETE", "/-/api/v1/openapi.json", "GET, HEAD").await;
    check("DELETE", "/shelf/", "GET, HEAD").await;
    check("DELETE", "/shelf/token", "GET, HEAD, POST").await;
    check("TRACE", "/shelf/", "GET, HEAD, POST, PUT, PATCH, DELETE").await;
    check("POST", "/shelf/main/pkg/tags", "GET, HEAD").await;
    check("POST", "/shelf/main/pkg/heads/a", "GET, HEAD, PUT, DELETE").await;
    check("PUT", "/shelf/main/pkg/uploads/", "POST").await;
    server.stop().await;
}

#[tokio::test]
async fn malformed_heads_are_refused_and_the_connection_closed() {
    let server = TestServer::start().await;
    let check = async |head: &[u8], status: u16| {
        let mut client = server.connect().await;
        client.send(head).await;
        let answer = client.answer(true).await;
        assert_eq!(answer.status, status, "{:?}", String::from_utf8_lossy(&head[..20]));
        assert!(client.is_closed().await);
    };
    check(b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400).await;
    check(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello from TLS\r\n\r\n", 400).await;
    let many = "X-More: y\r\n".repeat(200);
    check(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes(), 431).await;
    let long = "x".repeat(40 * 1024);
    check(format!("GET /-/health HTTP/1.1\r\nX-Long: {long}\r\n\r\n").as_bytes(), 431).await;
    server.stop().await;
}

#[tokio::test]
async fn whoever_opens_the_control_socket_may_do_everything() {
    let server = TestServer::start().await;
    server.publish("secret", "pkg", "file", b"content").await;
    let stream = tokio::net::UnixStream::connect(&server.control_socket).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let request = "GET /secret/demo/pkg/file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    writer.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    reader.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("content"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait_and_then_have_their_turn() {
    let server = TestServer::start_with(|options| options.connections = 2).await;
    let mut first = server.connect().await;
    let answer = first.request("GET", "/-/health", &[]).await;
    assert_eq!((answer.status, answer.field("connection")), (200, None));
    // Now that all places are taken, a response ends its connection.
    let mut second = server.connect().await;
    let answer = second.request("GET", "/-/health", &[]).await;
    assert_eq!(answer.field("connection").as_deref(), Some("close"));
    assert!(second.is_closed().await);

    let _idle = server.connect().await;
    let mut waiting = server.connect().await;
    waiting.send(b"GET /-/health HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let answer = tokio::time::timeout(std::time::Duration::from_millis(200), waiting.answer(true));
    assert!(answer.await.is_err(), "no place is free yet");
    // The operator has places of their own.
    let control = tokio::net::UnixStream::connect(&server.control_socket).await.unwrap();
    let (mut reader, mut writer) = control.into_split();
    writer.write_all(b"GET /-/health HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    reader.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\"ok\""), "{answer}");

    let answer = first.request("GET", "/-/health", &[]).await;
    assert_eq!(answer.field("connection").as_deref(), Some("close"));
    assert_eq!(waiting.answer(true).await.status, 200);
    server.stop().await;
}
