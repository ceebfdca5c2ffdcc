//! Upstreams that stall, cut off, lie, lead astray or send without end: each is a clear problem,
//! and nothing of it stays.

use std::time::Duration;

use provender_domain::{EventKind, Problem, ProblemCode, Severity};
use provender_registry::NewUpstream;
use provender_testing::python::{PythonFile, PythonUpstream};
use provender_testing::{Answer, FakeUpstream};

use crate::registry::{DOCUMENT_LIMIT_BYTES, FILE_LIMIT_BYTES};
use crate::{TestRegistry, minutes, wheel};

/// Nothing was recorded and nothing lies about; then the truth is told, and all is well.
async fn assert_harmless(registry: &TestRegistry, what: &str) {
    assert_eq!(registry.staged(), 0, "{what}");
    assert_eq!(registry.blobs().await, [""; 0], "{what}");
    assert!(registry.kept().await.is_empty(), "{what}");
}

#[track_caller]
fn assert_problem(problem: &Problem, code: ProblemCode, message: &str, what: &str) {
    assert_eq!(problem.code, code, "{what}: {problem:?}");
    assert!(problem.public.contains(message), "{what}: {:?}", problem.public);
    assert!(!problem.public.contains("127.0.0.1"), "{what}: {:?}", problem.public);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files() {
    use ProblemCode::{UpstreamFailed, UpstreamTimeout};
    let demo = wheel("demo", "1.0");
    let body = demo.bytes.clone();
    let length = body.len() as u64;
    let ok = || Answer::ok(body.clone());
    let silent = "did not answer in time";
    let more = "bytes that are taken of it";
    let forbidden = "leads to an address that this server does not go to";
    let cut = format!("cut its answer off after 10 bytes of {length}");
    let cases = [
        ("never answers", ok().stalling(), UpstreamTimeout, silent),
        ("stalls", ok().stalling_after(10), UpstreamTimeout, silent),
        ("cut off", ok().truncated_after(10), UpstreamFailed, &cut),
        (
            "cut off in chunks",
            ok().chunked().truncated_after(10),
            UpstreamFailed,
            "cut its answer off after 10 bytes, before its end",
        ),
        ("reset", ok().reset_after(10), UpstreamFailed, ""),
        ("reset at once", ok().reset(), UpstreamFailed, "cannot be reached: the connection broke"),
        ("says it is longer", ok().claiming_length(length + 9), UpstreamFailed, more),
        ("without end", Answer::zeros(10 << 30), UpstreamFailed, more),
        ("without end, in chunks", Answer::zeros(10 << 30).chunked(), UpstreamFailed, more),
        (
            "gzip, unasked",
            Answer::gzip_bomb(1 << 20),
            UpstreamFailed,
            "encoded its answer as nobody asked for",
        ),
        ("not found", Answer::status(404), ProblemCode::NotFound, "no longer has it"),
        ("gone", Answer::status(410), ProblemCode::NotFound, "no longer has it"),
        ("forbidden", Answer::status(403), UpstreamFailed, "status 403"),
        ("failing", Answer::status(500), UpstreamFailed, "status 500"),
        ("partial", ok().with_status(206), UpstreamFailed, "status 206"),
        ("no HTTP", Answer::raw("hello"), UpstreamFailed, ""),
        (
            "in a circle",
            Answer::redirect(format!("/files/{}", demo.file_name)),
            UpstreamFailed,
            "redirects in a circle",
        ),
        ("to nowhere", Answer::status(302), UpstreamFailed, "redirects to nowhere"),
        (
            "to a file",
            Answer::redirect("file:///etc/passwd"),
            UpstreamFailed,
            "leads to an address that is neither http nor https",
        ),
        ("to this machine", Answer::redirect("http://127.0.0.1:1/x"), UpstreamFailed, forbidden),
        (
            "by a name of it",
            Answer::redirect("http://[::ffff:127.0.0.1]:1/x"),
            UpstreamFailed,
            forbidden,
        ),
        ("to the network", Answer::redirect("http://169.254.169.254/"), UpstreamFailed, forbidden),
    ];
    for (what, answer, code, message) in cases {
        let upstream = PythonUpstream::start();
        upstream.add(demo.clone());
        let path = upstream.file_path(&demo.file_name);
        upstream.fake().on(&path, answer);
        let registry = TestRegistry::mirroring(&upstream).await;
        let problem = registry.main().file("demo", &demo.file_name).await.expect_err(what);
        assert_problem(&problem, code, message, what);
        assert_harmless(&registry, what).await;
        upstream.fake().remove(&path);
        registry.main().install(&demo).await;
        registry.assert_sound().await;
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_fetched_is_told_of_once_an_hour() {
    let upstream = PythonUpstream::start();
    let (demo, other) = (wheel("demo", "1.0"), wheel("demo", "2.0"));
    for distribution in [&demo, &other] {
        upstream.add(distribution.clone());
        upstream.fake().on(&upstream.file_path(&distribution.file_name), Answer::status(403));
    }
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    for _ in 0..3 {
        client.file("demo", &demo.file_name).await.expect_err("it is forbidden");
    }
    client.file("demo", &other.file_name).await.expect_err("so is the other");
    let told = registry.events_of(EventKind::FetchFailed, 2).await;
    let event = &told[0].event;
    assert_eq!(event.file.as_ref().map(AsRef::as_ref), Some(demo.file_name.as_str()));
    assert!(event.message.contains("status 403"), "{}", event.message);
    assert_eq!(event.detail.text("upstream"), Some("up"));
    registry.clock.advance(minutes(59));
    client.file("demo", &demo.file_name).await.expect_err("it still is");
    registry.clock.advance(minutes(2));
    client.file("demo", &demo.file_name).await.expect_err("and is told of anew");
    assert_eq!(registry.events_of(EventKind::FetchFailed, 3).await.len(), 3);
    registry.assert_recorded(&[(EventKind::FetchFailed, 3)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes() {
    use ProblemCode::{UpstreamFailed, UpstreamTimeout};
    let json = "application/vnd.pypi.simple.v1+json";
    let page = |body: &str| Answer::ok(body.to_owned()).header("Content-Type", json);
    let honest = || page(r#"{"meta":{"api-version":"1.0"},"name":"demo","files":[]}"#);
    let slow = Duration::from_millis(300);
    let nonsense = "makes no sense";
    let silent = "did not answer in time";
    let more = "sent more than the 262144 bytes that are taken of it";
    let forbidden = "leads to an address that this server does not go to";
    let cut = "cut its answer off after 10 bytes of 55";
    let cases = [
        ("never answers", honest().stalling(), UpstreamTimeout, silent),
        ("stalls", honest().stalling_after(10), UpstreamTimeout, silent),
        ("drips", honest().dripping(1, slow), UpstreamTimeout, silent),
        ("cut off", honest().truncated_after(10), UpstreamFailed, cut),
        ("says it is longer", honest().claiming_length(999), UpstreamFailed, "bytes of 999"),
        ("giant", Answer::zeros(DOCUMENT_LIMIT_BYTES + 1), UpstreamFailed, more),
        ("giant, in chunks", Answer::zeros(10 << 30).chunked(), UpstreamFailed, more),
        ("gzip bomb", Answer::gzip_bomb(1 << 30), UpstreamFailed, more),
        (
            "no gzip",
            honest().header("Content-Encoding", "gzip"),
            UpstreamFailed,
            "cannot be decompressed",
        ),
        (
            "brotli",
            honest().header("Content-Encoding", "br"),
            UpstreamFailed,
            "encoded its answer as nobody asked for",
        ),
        ("no JSON", page("{"), UpstreamFailed, nonsense),
        ("deep", page(&"[".repeat(200_000)), UpstreamFailed, nonsense),
        ("too new", page(r#"{"meta":{"api-version":"2.0"},"files":[]}"#), UpstreamFailed, nonsense),
        (
            "an image",
            Answer::ok("GIF89a").header("Content-Type", "image/gif"),
            UpstreamFailed,
            nonsense,
        ),
        ("no HTTP", Answer::raw("hello"), UpstreamFailed, ""),
        ("in a circle", Answer::redirect("/simple/demo/"), UpstreamFailed, "redirects in a circle"),
        ("to nowhere", Answer::status(301), UpstreamFailed, "redirects to nowhere"),
        ("to this machine", Answer::redirect("http://localhost:1/"), UpstreamFailed, forbidden),
        ("to the network", Answer::redirect("http://10.0.0.1/"), UpstreamFailed, forbidden),
        ("limits us", Answer::status(429).header("Retry-After", "7"), UpstreamFailed, "status 429"),
    ];
    for (what, answer, code, message) in cases {
        let upstream = PythonUpstream::start();
        let demo = wheel("demo", "1.0");
        upstream.add(demo.clone());
        upstream.fake().on("/simple/demo/", answer);
        let registry = TestRegistry::mirroring(&upstream).await;
        let problem = registry.main().index("demo").await.expect_err(what);
        assert_problem(&problem, code, message, what);
        assert_harmless(&registry, what).await;
        if what == "limits us" {
            assert_eq!(problem.retry_after, Some(Duration::from_secs(7)));
        } else {
            upstream.fake().remove("/simple/demo/");
            registry.main().install(&demo).await;
        }
        let refused = usize::from(message == forbidden);
        let told =
            [(EventKind::UpstreamFailing, 1 - refused), (EventKind::AddressRefused, refused)];
        registry.assert_recorded(&told).await;
    }
}

#[tokio::test]
async fn nobody_is_told_to_wait_for_years() {
    let upstream = PythonUpstream::start();
    upstream.fake().on("/simple/demo/", Answer::status(429).header("Retry-After", "99999999"));
    let registry = TestRegistry::mirroring(&upstream).await;
    // The second is told by what is remembered of the upstream.
    for _ in 0..2 {
        let problem = registry.main().index("demo").await.expect_err("it limits us");
        assert!(problem.retry_after.is_some_and(|wait| wait <= minutes(5)), "{problem:?}");
    }
}

#[tokio::test]
async fn each_address_that_is_not_gone_to_is_told_whatever_else_an_upstream_does() {
    let upstream = PythonUpstream::start();
    let fake = upstream.fake();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    fake.on(&upstream.file_path(&demo.file_name), Answer::redirect("http://localhost:1/x"));
    fake.on("/simple/circle/", Answer::redirect("/simple/circle/"));
    fake.on("/simple/cloud/", Answer::redirect("http://169.254.169.254/latest/"));
    fake.on("/simple/other/", Answer::redirect("http://169.254.169.254/latest/"));
    fake.on("/simple/file/", Answer::redirect("file:///etc/passwd"));
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    for package in ["circle", "cloud", "cloud", "other", "file"] {
        client.index(package).await.expect_err(package);
    }
    for _ in 0..2 {
        client.file("demo", &demo.file_name).await.expect_err("it is at this machine");
    }
    let status = registry.registry.status().await.unwrap();
    let local = status.upstreams.iter().find(|health| health.origin == "http://localhost:1");
    assert_eq!(local.map(|health| health.state), Some("refused"), "{:?}", status.upstreams);
    let told = registry.events_of(EventKind::AddressRefused, 4).await;
    let expected = [
        ("cloud", None, "169.254.169.254"),
        ("other", None, "169.254.169.254"),
        ("file", None, "file:"),
        ("demo", Some(&*demo.file_name), "localhost"),
    ];
    for (package, file, target) in expected {
        let is_it = |event: &&provender_domain::Event| {
            event.event.package.as_ref().is_some_and(|found| found.as_str() == package)
        };
        let event = told.iter().find(is_it).expect(package);
        assert_eq!(event.severity, Some(Severity::Medium), "{package}");
        let event = &event.event;
        assert_eq!(event.file.as_ref().map(AsRef::as_ref), file, "{package}");
        assert_eq!(event.detail.text("target"), Some(target), "{package}");
        assert_eq!(event.detail.text("upstream"), Some("up"), "{package}");
        assert!(event.message.contains(target), "{}", event.message);
    }
    registry.clock.advance(minutes(61));
    client.index("cloud").await.expect_err("an hour later it is told anew");
    let told = [
        (EventKind::AddressRefused, 5),
        (EventKind::UpstreamFailing, 1),
        (EventKind::FetchFailed, 1),
    ];
    registry.assert_recorded(&told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_was_good_once_is_served_on_whatever_comes_after() {
    let html = |text: &'static str| Answer::html(text);
    let cases = [
        ("stalls", html("").stalling()),
        ("fails", Answer::status(503)),
        ("limits us", Answer::status(429)),
        ("forbids", Answer::status(403)),
        ("giant", Answer::zeros(DOCUMENT_LIMIT_BYTES + 1)),
        ("no index", Answer::ok("{").header("Content-Type", "application/json")),
        ("cut off", html("<a href=x>x</a>").truncated_after(4)),
    ];
    for (what, answer) in cases {
        let upstream = PythonUpstream::start();
        upstream.add(wheel("demo", "1.0"));
        let registry = TestRegistry::mirroring(&upstream).await;
        let before = registry.main().files("demo").await;
        upstream.fake().on("/simple/demo/", answer);
        registry.clock.advance(minutes(11));
        let page = registry.main().index("demo").await.expect(what);
        assert_eq!(page.files(), before, "{what}");
        assert!(page.stale.is_some(), "{what}");
        registry.assert_recorded(&[(EventKind::UpstreamFailing, 1)]).await;
    }
}

#[tokio::test]
async fn hostile_html_is_never_passed_on() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let page = format!(
        r#"<!DOCTYPE html><html><head><base href="{files}"><script>alert(1)</script></head><body>
        <a href="{name}#sha256={sha}" onclick="alert(2)" data-requires-python="&gt;=3&quot;&gt;&lt;script&gt;alert(3)&lt;/script&gt;">{name}</a>
        <a href="javascript:alert(4)">demo-2.0-py3-none-any.whl</a>
        <a href="file:///etc/passwd">demo-3.0-py3-none-any.whl</a>
        <a href="../../../../etc/passwd">../../etc/passwd</a>
        <a href="x">demo-4.0<script>alert(5)</script>.whl</a>
        <a href="//user:password@elsewhere.example/x">demo-5.0-py3-none-any.whl</a>
        <img src=x onerror=alert(6)><iframe src="javascript:alert(7)"></iframe>"#,
        files = upstream.fake().url("/files/"),
        name = demo.file_name,
        sha = demo.sha256_hex(),
    );
    upstream.fake().on("/simple/demo/", Answer::html(page));
    let registry = TestRegistry::mirroring(&upstream).await;
    assert_eq!(registry.main().files("demo").await, [&*demo.file_name]);
    let html = registry.main().html("demo").await.unwrap();
    for foreign in ["<script", "onclick", "onerror", "iframe", "javascript", "127.0.0.1", "passwd"]
    {
        assert!(!html.contains(foreign), "{foreign} in {html}");
    }
    registry.main().install(&demo).await;
}

/// `main` mirrors an index whose files are at another server on this machine.
async fn elsewhere(allow: bool, redirected: bool) -> (FakeUpstream, TestRegistry) {
    let (upstream, other) = (PythonUpstream::start(), FakeUpstream::start());
    let demo = wheel("demo", "1.0");
    other.on("/demo.whl", Answer::ok(demo.bytes.clone()));
    let there = other.url("/demo.whl");
    let mut file = PythonFile::from(demo.clone());
    if redirected {
        upstream.fake().on(&upstream.file_path(&demo.file_name), Answer::redirect(there));
    } else {
        file.url = Some(there);
    }
    upstream.add(file);
    let registry = TestRegistry::open().await;
    registry
        .add(NewUpstream {
            repository: "main".to_owned(),
            name: Some("up".to_owned()),
            url: Some(upstream.index_url()),
            allow_private_addresses: allow,
            ..NewUpstream::default()
        })
        .await;
    let result = registry.main().file("demo", &demo.file_name).await;
    match result {
        Ok(bytes) if allow => assert_eq!(bytes, demo.bytes),
        Err(problem) if !allow => {
            let message = "leads to an address that this server does not go to";
            assert_problem(&problem, ProblemCode::UpstreamFailed, message, "elsewhere");
        }
        other => panic!("allowed: {allow}, redirected: {redirected}: {other:?}"),
    }
    (other, registry)
}

#[tokio::test]
async fn a_private_address_that_the_operator_did_not_name_is_not_gone_to() {
    for redirected in [false, true] {
        let (other, registry) = elsewhere(false, redirected).await;
        assert_eq!(other.connections(), 0);
        assert_harmless(&registry, "elsewhere").await;
        let (other, _registry) = elsewhere(true, redirected).await;
        assert_eq!(other.hits("/demo.whl"), 1);
    }
}

#[tokio::test]
async fn credentials_go_to_their_origin_alone() {
    let (upstream, other) = (PythonUpstream::start(), FakeUpstream::start());
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let path = upstream.file_path(&demo.file_name);
    other.on("/demo.whl", Answer::ok(demo.bytes.clone()));
    upstream.fake().on(&path, Answer::redirect(other.url("/demo.whl")));
    let registry = TestRegistry::open().await;
    registry
        .add(NewUpstream {
            repository: "main".to_owned(),
            url: Some(upstream.index_url().replace("http://", "http://user:p%40ss@")),
            allow_private_addresses: true,
            ..NewUpstream::default()
        })
        .await;
    registry.main().install(&demo).await;
    assert!(
        upstream
            .fake()
            .requests()
            .iter()
            .all(|request| { request.header("Authorization") == Some("Basic dXNlcjpwQHNz") })
    );
    assert!(other.requests().iter().all(|request| request.header("Authorization").is_none()));
    for event in registry.record().await {
        let text = serde_json::to_string(&event).unwrap();
        assert!(!text.contains("p@ss") && !text.contains("p%40ss"), "{text}");
    }
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_refused_before_it_is_fetched_where_its_size_is_known() {
    let upstream = PythonUpstream::start();
    let mut file = PythonFile::from(wheel("demo", "1.0"));
    file.bytes = vec![0; usize::try_from(FILE_LIMIT_BYTES).unwrap() + 1].into();
    file.size_bytes = FILE_LIMIT_BYTES + 1;
    upstream.add(file.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    let problem = registry.main().file("demo", &file.file_name).await.unwrap_err();
    assert_problem(&problem, ProblemCode::UpstreamFailed, "bytes that are taken of it", "large");
    assert_harmless(&registry, "large").await;
}

#[tokio::test]
async fn a_file_of_unlisted_size_that_is_too_large_is_not_pulled_again_for_an_hour() {
    let upstream = PythonUpstream::start();
    let (demo, other) = (wheel("demo", "1.0"), wheel("demo", "2.0"));
    for file in [&demo, &other] {
        upstream.add(file.clone());
    }
    // A page in HTML says no sizes.
    let links = [&demo, &other].map(|file| {
        let (name, sha) = (&file.file_name, file.sha256_hex());
        format!(r#"<a href="/files/{name}#sha256={sha}">{name}</a>"#)
    });
    upstream.fake().on("/simple/demo/", Answer::html(links.concat()));
    let path = upstream.file_path(&demo.file_name);
    upstream.fake().on(&path, Answer::zeros(FILE_LIMIT_BYTES + 1).chunked());
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    for _ in 0..3 {
        let problem = client.file("demo", &demo.file_name).await.unwrap_err();
        let message = format!("sent more than the {FILE_LIMIT_BYTES} bytes");
        assert_problem(&problem, ProblemCode::UpstreamFailed, &message, "unlisted");
        assert_eq!(problem.retry_after, None, "clients would sit and wait for it");
    }
    assert_eq!(upstream.fake().hits(&path), 1);
    assert_harmless(&registry, "unlisted").await;
    client.install(&other).await;
    upstream.fake().remove(&path);
    registry.clock.advance(minutes(59));
    client.file("demo", &demo.file_name).await.unwrap_err();
    registry.clock.advance(minutes(2));
    client.install(&demo).await;
}
