//! Indexes and files.

use std::fmt::Write as _;
use std::time::Duration;

use provender_domain::Scope;
use provender_registry::NewUpstream;
use provender_testing::{Answer, FakeUpstream};

use crate::support::TestServer;

const LARGE_BYTES: usize = 3 * 1024 * 1024 + 7;

fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0]).collect()
}

async fn with_files() -> TestServer {
    let server = TestServer::start().await;
    for repository in ["main", "secret"] {
        for (file, content) in [("small", b"0123456789".to_vec()), ("large", noise(LARGE_BYTES))] {
            let answer = server.publish(repository, "pkg", file, &content).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    server
}

#[tokio::test]
async fn a_file_links_to_what_proves_it() {
    let server = TestServer::start().await;
    server.publish("main", "pkg", "small", b"0123456789").await;
    let whole = server.get("/main/demo/pkg/small", &[]).await;
    let link = whole.field("link").unwrap();
    let digest = whole.field("etag").unwrap().trim_matches('"').to_owned();
    let path = format!("/-/api/v1/attestations/sha256:{digest}");
    assert_eq!(link, format!("<{path}>; rel=\"describedby\"; type=\"application/json\""));
    let part = server.get("/main/demo/pkg/small", &[("Range", "bytes=0-1")]).await;
    assert_eq!(part.field("link"), Some(link));

    let attested = server.get(&path, &[]).await;
    assert_eq!(attested.status, 200, "{}", attested.text());
    let list: serde_json::Value = serde_json::from_slice(&attested.body).unwrap();
    let [attestation] = list["items"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!(attestation["source"], "ours");
    assert_eq!(attestation["sha256"], digest);
    let bundle = &attestation["bundle"];
    assert_eq!(bundle["mediaType"], "application/vnd.dev.sigstore.bundle.v0.3+json");
    let evidence = server.get("/-/api/v1/evidence?subject=pkg:demo/pkg@1", &[]).await;
    let evidence: serde_json::Value = serde_json::from_slice(&evidence.body).unwrap();
    assert_eq!(evidence["items"][0]["attestations"][0]["bundle"], *bundle);

    // The log is searched by what was signed, and by who signed it.
    let who = server.registry.authority().origin().repository("main");
    let found = async |query: &str| {
        let answer = server.get(&format!("/-/api/v1/log/entries?{query}"), &[]).await;
        let found: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        (answer.status, found["items"].clone())
    };
    let entry = attestation["log_index"].clone();
    for query in [format!("digest=sha256:{digest}"), format!("identity={who}")] {
        // Published within a fifth of a second.
        for _ in 0..50 {
            if found(&query).await.1 != serde_json::json!([]) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let (status, items) = found(&query).await;
        assert_eq!((status, &items[0]["index"]), (200, &entry), "{query}");
        assert_eq!(items[0]["identity"], who, "{query}");
    }
    assert_eq!(found("identity=nobody@upstream.example").await, (200, serde_json::json!([])));
    for wrong in ["", "digest=ab", "digest=ab&identity=b"] {
        assert_eq!(found(wrong).await.0, 400, "{wrong}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_index_is_revalidated_and_compressed() {
    let server = TestServer::start().await;
    for number in 0..20 {
        server.publish("main", "pkg", &format!("file-{number}"), b"x").await;
    }
    let plain = server.get("/main/demo/pkg/", &[]).await;
    assert_eq!((plain.status, plain.text().lines().count()), (200, 20));
    assert_eq!(plain.field("content-type").as_deref(), Some("text/plain"));
    assert_eq!(plain.field("cache-control").as_deref(), Some("no-cache"));
    assert_eq!(plain.field("vary").as_deref(), Some("Accept, Accept-Encoding, Authorization"));
    assert_eq!(plain.field("x-content-type-options").as_deref(), Some("nosniff"));
    assert!(plain.field("content-security-policy").unwrap().contains("sandbox"));
    assert_eq!(plain.field("cache-status"), None);

    let gzip = server.get("/main/demo/pkg/", &[("Accept-Encoding", "gzip")]).await;
    assert_eq!(gzip.field("content-encoding").as_deref(), Some("gzip"));
    assert!(gzip.body.starts_with(&[0x1f, 0x8b]) && gzip.body.len() < plain.body.len());
    let (plain_tag, gzip_tag) = (plain.field("etag").unwrap(), gzip.field("etag").unwrap());
    assert_ne!(plain_tag, gzip_tag);

    for (tag, encoding) in [(&plain_tag, "identity"), (&gzip_tag, "gzip")] {
        let fields = [("If-None-Match", tag.as_str()), ("Accept-Encoding", encoding)];
        let fresh = server.get("/main/demo/pkg/", &fields).await;
        assert_eq!((fresh.status, fresh.field("etag").as_ref()), (304, Some(tag)));
        assert_eq!(fresh.field("vary"), plain.field("vary"));
        assert_eq!(fresh.field("content-encoding"), None);
        let head = server.connect().await.request("HEAD", "/main/demo/pkg/", &fields).await;
        assert_eq!(head.head(), fresh.head());
        assert_eq!(head.field("content-length"), None);
    }
    server.publish("main", "pkg", "file-new", b"x").await;
    let changed = server.get("/main/demo/pkg/", &[("If-None-Match", &plain_tag)]).await;
    assert_eq!((changed.status, changed.text().lines().count()), (200, 21));
    server.stop().await;
}

#[tokio::test]
async fn a_file_is_served_whole_and_in_part() {
    let server = with_files().await;
    let large = noise(LARGE_BYTES);
    let whole = server.get("/main/demo/pkg/large", &[]).await;
    assert_eq!(whole.status, 200);
    assert!(whole.body == large);
    assert_eq!(
        whole.field("cache-control").as_deref(),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(whole.field("accept-ranges").as_deref(), Some("bytes"));
    let tag = whole.field("etag").unwrap();

    let check = async |range: &str, status: u16, content_range: Option<&str>, body: &[u8]| {
        let answer = server.get("/main/demo/pkg/large", &[("Range", range)]).await;
        assert_eq!(answer.status, status, "{range}");
        assert_eq!(answer.field("content-range").as_deref(), content_range, "{range}");
        assert!(answer.body == body, "{range}");
    };
    check("bytes=0-0", 206, Some("bytes 0-0/3145735"), &large[..1]).await;
    check("bytes=4097-2000000", 206, Some("bytes 4097-2000000/3145735"), &large[4097..=2_000_000])
        .await;
    check("bytes=-40000", 206, Some("bytes 3105735-3145734/3145735"), &large[3_105_735..]).await;
    check("bytes=3145735-", 416, Some("bytes */3145735"), b"").await;
    check("bytes=0-1,5-6", 200, None, &large).await;

    let fields = [("Range", "bytes=0-3"), ("If-Range", tag.as_str())];
    assert_eq!(server.get("/main/demo/pkg/large", &fields).await.body, large[..4]);
    let fields = [("Range", "bytes=0-3"), ("If-Range", "\"other\"")];
    assert!(server.get("/main/demo/pkg/large", &fields).await.body == large);
    let fields = [("Range", "bytes=0-3"), ("If-None-Match", tag.as_str())];
    assert_eq!(server.get("/main/demo/pkg/large", &fields).await.status, 304);
    assert_eq!(server.get("/main/demo/pkg/large", &[("If-Match", "\"x\"")]).await.status, 412);
    server.stop().await;
}

#[tokio::test]
async fn an_empty_file_has_no_bytes_and_all_its_fields() {
    let server = TestServer::start().await;
    assert_eq!(server.publish("main", "pkg", "empty", b"").await.status, 200);
    let answer = server.get("/main/demo/pkg/empty", &[]).await;
    assert_eq!((answer.status, answer.field("content-length").as_deref()), (200, Some("0")));
    let answer = server.get("/main/demo/pkg/empty", &[("Range", "bytes=0-")]).await;
    assert_eq!(answer.status, 416);
    server.stop().await;
}

#[tokio::test]
async fn head_is_decided_exactly_like_get() {
    let server = with_files().await;
    let mut client = server.connect().await;
    let bearer = format!("Bearer {}", server.token);
    let check = async |client: &mut crate::support::Client, path: &str, fields: &[(&str, &str)]| {
        let get = client.request("GET", path, fields).await;
        let head = client.request("HEAD", path, fields).await;
        assert_eq!(get.head(), head.head(), "{path} {fields:?}");
    };
    check(&mut client, "/main/demo/pkg/", &[]).await;
    check(&mut client, "/main/demo/pkg/large", &[]).await;
    // Ranges are for GET alone.
    let whole = client.request("HEAD", "/main/demo/pkg/small", &[]).await;
    for range in ["bytes=2-4", "bytes=99-"] {
        let head = client.request("HEAD", "/main/demo/pkg/small", &[("Range", range)]).await;
        assert_eq!(head.head(), whole.head(), "{range}");
    }
    check(&mut client, "/main/demo/pkg", &[]).await;
    check(&mut client, "/main/demo/pkg/none", &[]).await;
    check(&mut client, "/secret/demo/pkg/large", &[]).await;
    check(&mut client, "/secret/demo/pkg/large", &[("Authorization", &bearer)]).await;
    check(&mut client, "/-/health", &[]).await;
    server.stop().await;
}

#[tokio::test]
async fn a_quarantined_file_is_refused_however_it_is_asked_for() {
    let server = with_files().await;
    let admin = server.token(Scope::Admin, None).await;
    let asked = [
        ("GET", "", ""),
        ("HEAD", "", ""),
        ("GET", "Range", "bytes=2-4"),
        ("HEAD", "Range", "bytes=2-4"),
        ("GET", "Range", "bytes=99-"),
        ("GET", "If-None-Match", "*"),
        ("GET", "If-Range", "\"x\""),
    ];
    for file in ["small", "large"] {
        let path = format!("/main/demo/pkg/{file}");
        let mut client = server.connect().await;
        // Also one that was asked for before, and is remembered.
        assert_eq!(client.request("GET", &path, &[]).await.status, 200);
        let change = format!(r#"{{"ecosystem":"demo","package":"pkg","file":"{file}"}}"#);
        let request = format!(
            "POST /-/api/v1/repositories/main/changes/quarantine HTTP/1.1\r\nHost: test.example\r\n\
             Authorization: Bearer {admin}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{change}",
            change.len()
        );
        client.send(request.as_bytes()).await;
        let answer = client.answer(true).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        for (method, field, value) in asked {
            let fields: &[(&str, &str)] = if field.is_empty() { &[] } else { &[(field, value)] };
            let answer = client.request(method, &path, fields).await;
            assert_eq!(answer.status, 403, "{method} {file} {field}");
            assert_eq!(answer.field("etag"), None, "{method} {file} {field}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_package_is_reported_on_in_parts() {
    let server = with_files().await;
    let mut client = server.connect().await;
    let path = "/-/api/v1/repositories/main/package?ecosystem=demo&name=pkg";
    let mut check = async |more: &str, files: &[&str], next: Option<&str>| {
        let answer = client.request("GET", &format!("{path}{more}"), &[]).await;
        let report: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let found = report["files"].as_array().unwrap().iter();
        let found: Vec<_> = found.map(|file| file["name"].as_str().unwrap()).collect();
        assert_eq!((&*found, report["next"].as_str()), (files, next), "{more}");
    };
    check("", &["large", "small"], None).await;
    check("&limit=2", &["large", "small"], None).await;
    check("&limit=1", &["large"], Some("large")).await;
    check("&limit=0", &["large"], Some("large")).await;
    check("&limit=1&after=large", &["small"], None).await;
    check("&after=m", &["small"], None).await;
    check("&after=small", &[], None).await;
    server.stop().await;
}

#[tokio::test]
async fn one_connection_serves_files_and_indexes_in_turn_and_in_a_pipeline() {
    let server = with_files().await;
    let large = noise(LARGE_BYTES);
    let mut client = server.connect().await;
    let paths = ["/main/demo/pkg/large", "/main/demo/pkg/", "/main/demo/pkg/small", "/main/demo/"];
    for _ in 0..3 {
        for path in paths {
            let answer = client.request("GET", path, &[]).await;
            assert_eq!(answer.status, 200);
            assert!(!path.ends_with("large") || answer.body == large);
        }
    }
    let mut pipeline = String::new();
    for _ in 0..4 {
        for path in paths {
            let _ = write!(pipeline, "GET {path} HTTP/1.1\r\nHost: test.example\r\n\r\n");
        }
    }
    client.send(pipeline.as_bytes()).await;
    for _ in 0..4 {
        assert!(client.answer(true).await.body == large);
        assert_eq!(client.answer(true).await.text().lines().count(), 2);
        assert_eq!(client.answer(true).await.text(), "0123456789");
        assert_eq!(client.answer(true).await.text(), "pkg/\n");
    }
    server.stop().await;
}

#[tokio::test]
async fn private_answers_say_so() {
    let server = with_files().await;
    let bearer = format!("Bearer {}", server.token);
    let fields = [("Authorization", bearer.as_str())];
    let index = server.get("/secret/demo/pkg/", &fields).await;
    assert_eq!(index.field("cache-control").as_deref(), Some("private, no-cache"));
    let file = server.get("/secret/demo/pkg/small", &fields).await;
    assert_eq!(
        file.field("cache-control").as_deref(),
        Some("private, max-age=31536000, immutable")
    );
    // A tag that somebody learned elsewhere opens nothing.
    let tag = file.field("etag").unwrap();
    let answer = server.get("/secret/demo/pkg/small", &[("If-None-Match", &tag)]).await;
    assert_eq!((answer.status, answer.field("etag")), (401, None));
    server.stop().await;
}

#[tokio::test]
async fn a_name_leads_to_its_one_right_form() {
    let server = with_files().await;
    let answer = server.get("/main/demo/PKG", &[]).await;
    assert_eq!((answer.status, answer.field("location").as_deref()), (301, Some("pkg/")));
    server.stop().await;
}

#[tokio::test]
async fn the_server_says_how_it_is() {
    let server = with_files().await;
    let health = server.get("/-/health", &[]).await;
    assert_eq!((health.status, health.text().trim()), (200, "{\"status\":\"ok\"}"));
    let metrics = server.get("/-/metrics", &[]).await.text();
    assert!(metrics.contains("provender_files 4\n"), "{metrics}");
    assert!(metrics.contains("provender_store_up 1\n"), "{metrics}");
    assert!(metrics.contains("provender_requests_total{status=\"2xx\"} 5\n"), "{metrics}");
    server.stop().await;
}

#[tokio::test]
async fn stopping_lets_a_download_end_and_accepts_no_more() {
    let server = with_files().await;
    let address = server.address;
    let mut client = server.connect().await;
    client.send(b"GET /main/demo/pkg/large HTTP/1.1\r\nHost: x\r\n\r\n").await;
    client.answer_begun().await;
    let mut idle = server.connect().await;
    assert_eq!(idle.request("GET", "/-/health", &[]).await.status, 200);
    let control = server.control_socket.clone();
    let (_data, answer) = tokio::join!(server.stop(), client.answer(true));
    assert!(answer.body == noise(LARGE_BYTES));
    assert!(idle.is_closed().await);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert!(!control.exists());
}

/// An upstream with one file, and a server with it behind.
async fn mirroring() -> (FakeUpstream, TestServer) {
    let upstream = FakeUpstream::start();
    upstream.on("/mirrored", Answer::ok("file-1\n").header("Content-Type", "text/plain"));
    upstream.on("/file-1", Answer::ok("content"));
    let server = TestServer::start().await;
    let request = NewUpstream {
        repository: "main".to_owned(),
        ecosystem: "demo".to_owned(),
        url: Some(upstream.url("/")),
        ..NewUpstream::default()
    };
    server.registry.add_upstream(&server.registry.operator(), request).await.unwrap();
    (upstream, server)
}

#[tokio::test]
async fn what_an_upstream_said_before_it_failed_is_served_and_marked() {
    let (upstream, server) = mirroring().await;
    assert_eq!(server.get("/main/demo/mirrored/file-1", &[]).await.text(), "content");
    let fresh = server.get("/main/demo/mirrored/", &[]).await;
    assert_eq!((fresh.status, fresh.field("cache-status")), (200, None));
    upstream.offline().await;
    let stale = server.get("/main/demo/mirrored/", &[]).await;
    assert_eq!((stale.status, &stale.body), (200, &fresh.body));
    assert_eq!(stale.field("cache-status").as_deref(), Some("provender; hit; detail=stale"));
    assert!(stale.field("warning").unwrap().starts_with("110 "));
    let tag = stale.field("etag").unwrap();
    let unchanged = server.get("/main/demo/mirrored/", &[("If-None-Match", &tag)]).await;
    assert_eq!((unchanged.status, unchanged.field("warning")), (304, stale.field("warning")));
    server.stop().await;
}

#[tokio::test]
async fn what_stands_beside_a_file_may_change_until_the_file_is_kept() {
    let (upstream, server) = mirroring().await;
    let unchanging = "public, max-age=31536000, immutable";
    let check = async |file: &str, text: &str, expected: &str| {
        let answer = server.get(&format!("/main/demo/mirrored/{file}"), &[]).await;
        assert_eq!((answer.status, answer.text()), (200, text.to_owned()), "{file}");
        assert_eq!(answer.field("cache-control").as_deref(), Some(expected), "{file}");
    };
    for text in ["one", "two"] {
        upstream.on("/file-1.note", Answer::ok(text));
        check("file-1.note", text, "no-cache").await;
    }
    check("file-1", "content", unchanging).await;
    check("file-1.note", "two", unchanging).await;
    upstream.on("/file-1.note", Answer::ok("three"));
    check("file-1.note", "two", unchanging).await;
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_is_its_own_upstream_says_so_at_once() {
    let server = TestServer::start().await;
    let request = NewUpstream {
        repository: "main".to_owned(),
        ecosystem: "demo".to_owned(),
        url: Some(format!("http://{}/main/demo/", server.address)),
        ..NewUpstream::default()
    };
    server.registry.add_upstream(&server.registry.operator(), request).await.unwrap();
    let asked = server.get("/main/demo/missing/", &[]);
    let answer = tokio::time::timeout(Duration::from_secs(10), asked).await;
    let answer = answer.expect("it does not wait for itself");
    assert_eq!(answer.status, 502, "{}", answer.text());
    server.stop().await;
}
