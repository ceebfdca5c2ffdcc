//! Files that come in by several requests, and documents that are whole bodies.

use std::time::Duration;

use provender_testing::sha256_hex;

use crate::shelf::HEAD_LIMIT_BYTES;
use crate::support::{Client, TestServer};

const UPLOADS: &str = "/shelf/main/team/pkg/uploads/";

fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0]).collect()
}

/// Begins an upload, and answers where it is.
async fn begin(server: &TestServer) -> String {
    let answer = server.ask("POST", UPLOADS, b"").await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.field("x-received").as_deref(), Some("0"));
    assert_eq!(answer.field("content-length").as_deref(), Some("0"));
    assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"));
    let location = answer.field("location").unwrap();
    assert!(location.starts_with(UPLOADS), "{location}");
    location
}

/// How many bytes of an upload are here.
async fn received(server: &TestServer, at: &str) -> String {
    let answer = server.ask("GET", at, b"").await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    answer.field("x-received").unwrap()
}

async fn content(server: &TestServer, digest: &str) -> Vec<u8> {
    let path = format!("/shelf/main/team/pkg/files/{digest}");
    let answer = server.get(&path, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.body
}

#[tokio::test]
async fn a_file_comes_in_step_by_step() {
    let server = TestServer::start().await;
    let file = noise(3_000_000);
    let digest = sha256_hex(&file);
    let at = begin(&server).await;
    let answer = server.ask("PATCH", &at, &file[..1_000_000]).await;
    assert_eq!((answer.status, answer.field("x-received")), (202, Some("1000000".into())));
    let path = format!("{at}?offset=1000000");
    let answer = server.ask("PATCH", &path, &file[1_000_000..2_500_000]).await;
    assert_eq!((answer.status, answer.field("x-received")), (202, Some("2500000".into())));
    assert_eq!(received(&server, &at).await, "2500000");
    let path = format!("{at}?offset=2500000&digest={digest}");
    let answer = server.ask("PUT", &path, &file[2_500_000..]).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let location = answer.field("location").unwrap();
    assert_eq!(location, format!("/shelf/main/team/pkg/files/{digest}"));
    assert!(content(&server, &digest).await == file);
    // It is over.
    let gone = server.ask("GET", &at, b"").await;
    assert_eq!(gone.status, 404);
    assert!(gone.text().starts_with("shelf: upload: not-found: "), "{}", gone.text());

    let whole = server.get(&location, &[]).await;
    assert_eq!(whole.field("x-digest"), Some(digest.clone()));
    assert_eq!(whole.field("content-type").as_deref(), Some("application/x-file"));
    assert_eq!(whole.field("etag"), Some(format!("\"{digest}\"")));
    let head = server.connect().await.request("HEAD", &location, &[]).await;
    assert_eq!(head.head(), whole.head());
    let part = server.get(&location, &[("Range", "bytes=10-19")]).await;
    assert_eq!((part.status, part.field("x-digest")), (206, Some(digest)));
    assert_eq!(part.body, file[10..20]);
    server.stop().await;
}

#[tokio::test]
async fn a_file_comes_in_at_once() {
    let server = TestServer::start().await;
    let file = noise(100_000);
    let digest = sha256_hex(&file);
    let answer = server.ask("POST", &format!("{UPLOADS}?digest={digest}"), &file).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert!(content(&server, &digest).await == file);
    // Without a body, the bytes having come before; and without any bytes.
    let at = begin(&server).await;
    server.ask("PATCH", &at, &file).await;
    let answer = server.ask("PUT", &format!("{at}?digest={digest}"), b"").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let empty = sha256_hex(b"");
    let answer = server.ask("POST", &format!("{UPLOADS}?digest={empty}"), b"").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(content(&server, &empty).await, b"");
    server.stop().await;
}

#[tokio::test]
async fn a_file_comes_in_chunks_of_unknown_number() {
    let server = TestServer::start().await;
    let file = noise(200_000);
    let at = begin(&server).await;
    let mut client = server.connect().await;
    let head = format!(
        "PATCH {at} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
        server.token
    );
    client.send(head.as_bytes()).await;
    assert_eq!(client.answer(false).await.status, 100);
    for chunk in file.chunks(70_000) {
        client.send(format!("{:x}\r\n", chunk.len()).as_bytes()).await;
        client.send(chunk).await;
        client.send(b"\r\n").await;
    }
    client.send(b"0\r\n\r\n").await;
    let answer = client.answer(true).await;
    assert_eq!((answer.status, answer.field("x-received")), (202, Some("200000".into())));
    let digest = sha256_hex(&file);
    let path = format!("{at}?digest={digest}");
    assert_eq!(client.ask("PUT", &path, &server.token, b"").await.status, 201);
    assert!(content(&server, &digest).await == file);
    server.stop().await;
}

/// Sends half of what it says it will send, and waits until that is surely there.
async fn hang_up_in_the_middle(server: &TestServer, at: &str, bytes: &[u8]) {
    let mut client = server.connect().await;
    client.begin("PATCH", at, &server.token, bytes.len() * 2).await;
    client.send(bytes).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(client);
}

#[tokio::test]
async fn a_client_that_hangs_up_goes_on_where_it_was() {
    let server = TestServer::start().await;
    let file = noise(5_000_000);
    let digest = sha256_hex(&file);
    let at = begin(&server).await;
    hang_up_in_the_middle(&server, &at, &file[..2_000_000]).await;
    let mut here = String::new();
    for _ in 0..100 {
        let answer = server.ask("GET", &at, b"").await;
        here = answer.field("x-received").unwrap_or_default();
        if here == "2000000" {
            break;
        }
        // While the server has not noticed, the upload is somebody's.
        assert!([204, 409, 503].contains(&answer.status), "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(here, "2000000");
    let path = format!("{at}?offset=2000000&digest={digest}");
    let answer = server.ask("PUT", &path, &file[2_000_000..]).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert!(content(&server, &digest).await == file);
    server.stop().await;
}

#[tokio::test]
async fn a_piece_that_begins_elsewhere_is_refused_and_changes_nothing() {
    let server = TestServer::start().await;
    let at = begin(&server).await;
    server.ask("PATCH", &at, b"01234").await;
    for offset in [0_u64, 4, 6, 1 << 40] {
        let mut client = server.connect().await;
        let path = format!("{at}?offset={offset}");
        let answer = client.ask("PATCH", &path, &server.token, b"56789").await;
        assert_eq!(answer.status, 416, "{offset}: {}", answer.text());
        assert!(answer.text().starts_with("shelf: upload: out-of-order: "), "{}", answer.text());
        // The body is out of the way.
        assert_eq!(client.request("GET", "/-/health", &[]).await.status, 200);
    }
    assert_eq!(received(&server, &at).await, "5");
    server.stop().await;
}

#[tokio::test]
async fn two_requests_do_not_write_to_one_upload() {
    let server = TestServer::start().await;
    let at = begin(&server).await;
    let mut first = server.connect().await;
    first.begin("PATCH", &at, &server.token, 10).await;
    first.send(b"01234").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    for method in ["PATCH", "GET", "DELETE"] {
        let second = server.ask(method, &at, b"").await;
        assert!([409, 503].contains(&second.status), "{method}: {}", second.text());
        assert!(second.text().starts_with("shelf: upload: "), "{}", second.text());
    }
    first.send(b"56789").await;
    assert_eq!(first.answer(true).await.field("x-received").as_deref(), Some("10"));
    let digest = sha256_hex(b"0123456789");
    let answer = server.ask("PUT", &format!("{at}?digest={digest}"), b"").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    server.stop().await;
}

#[tokio::test]
async fn bytes_that_are_not_what_their_name_says_are_nobodys() {
    let server = TestServer::start().await;
    let digest = sha256_hex(b"right");
    let at = begin(&server).await;
    let finish = format!("{at}?digest={digest}");
    let whole = format!("{UPLOADS}?digest={digest}");
    for (method, path) in [("PUT", &finish), ("POST", &whole)] {
        let answer = server.ask(method, path, b"wrong").await;
        assert_eq!(answer.status, 400, "{method}: {}", answer.text());
        assert!(answer.text().starts_with("shelf: upload: digest-mismatch: "), "{}", answer.text());
    }
    assert_eq!(server.ask("GET", &at, b"").await.status, 404);
    let path = format!("/shelf/main/team/pkg/files/{digest}");
    let answer = server.get(&path, &[]).await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().starts_with("shelf: file: not-found: "), "{}", answer.text());
    server.stop().await;
}

#[tokio::test]
async fn an_upload_is_cancelled_and_belongs_to_its_package() {
    let server = TestServer::start().await;
    let at = begin(&server).await;
    server.ask("PATCH", &at, b"01234").await;
    let session = at.rsplit('/').next().unwrap();
    for package in ["/shelf/main/other", "/shelf/secret/team/pkg"] {
        let path = format!("{package}/uploads/{session}");
        assert_eq!(server.ask("GET", &path, b"").await.status, 404, "{path}");
        assert_eq!(server.ask("DELETE", &path, b"").await.status, 404, "{path}");
    }
    let cancelled = server.ask("DELETE", &at, b"").await;
    assert_eq!((cancelled.status, cancelled.text().as_str()), (200, "{}\n"));
    for method in ["GET", "PATCH", "DELETE"] {
        assert_eq!(server.ask(method, &at, b"").await.status, 404, "{method}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_file_that_is_elsewhere_is_mounted() {
    let server = TestServer::start().await;
    let file = noise(1000);
    let digest = sha256_hex(&file);
    let uploads = "/shelf/secret/pkg/uploads/";
    let path = format!("{uploads}?mount={digest}&from=main/team");
    let answer = server.ask("POST", &path, b"").await;
    assert_eq!(answer.status, 202, "an upload begins: {}", answer.text());
    let whole = format!("/shelf/main/team/uploads/?digest={digest}");
    assert_eq!(server.ask("POST", &whole, &file).await.status, 201);
    let answer = server.ask("POST", &path, b"").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let location = format!("/shelf/secret/pkg/files/{digest}");
    assert_eq!(answer.field("location").as_deref(), Some(location.as_str()));
    assert!(server.ask("GET", &location, b"").await.body == file);
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_asked_for() {
    let server = TestServer::start().await;
    let at = begin(&server).await;
    let check = async |method: &str, path: &str, length: u64| {
        let mut client = server.connect().await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n",
            server.token
        );
        client.send(head.as_bytes()).await;
        let answer = client.answer(true).await;
        assert_eq!(answer.status, 413, "{method} {path}: {}", answer.text());
        assert!(answer.text().contains("too-large"), "{}", answer.text());
    };
    let digest = sha256_hex(b"");
    check("PATCH", &at, (512_u64 << 30) + 1).await;
    check("PUT", &format!("{at}?digest={digest}"), u64::MAX / 2).await;
    check("POST", &format!("{UPLOADS}?digest={digest}"), (512_u64 << 30) + 1).await;
    server.ask("PATCH", &at, b"0").await;
    check("PATCH", &at, 512_u64 << 30).await;
    check("PUT", "/shelf/main/team/pkg/heads/one", HEAD_LIMIT_BYTES + 1).await;
    assert_eq!(received(&server, &at).await, "1");
    server.stop().await;
}

#[tokio::test]
async fn a_document_is_published_as_a_whole_body() {
    let server = TestServer::start().await;
    let check = async |reference: &str, body: &[u8]| {
        let path = format!("/shelf/main/team/pkg/heads/{reference}");
        let answer = server.ask("PUT", &path, body).await;
        (answer.status, answer.field("location"), answer.field("x-tag"), answer.text())
    };
    let digest = sha256_hex(b"one");
    let location = Some(format!("/shelf/main/team/pkg/heads/{digest}"));
    let created = |tag: &str| (201, location.clone(), Some(tag.to_owned()), String::new());
    assert_eq!(check("latest", b"one").await, created("latest"));
    assert_eq!(check(&digest, b"one").await, created(""));
    let (status, .., text) = check(&digest, b"two").await;
    assert_eq!(status, 400);
    assert!(text.starts_with("shelf: other: digest-mismatch: "), "{text}");
    let largest = vec![b'x'; usize::try_from(HEAD_LIMIT_BYTES).unwrap()];
    assert_eq!(check("large", &largest).await.0, 201);
    assert_eq!(check("larger", &[&largest[..], b"x"].concat()).await.0, 413);
    // Also where nobody knows beforehand how long it is.
    let mut client = server.connect().await;
    send_in_chunks(&mut client, &server.token, &[&largest[..], b"x"]).await;
    assert_eq!(client.answer(true).await.status, 413);
    assert_eq!(client.request("GET", "/-/health", &[]).await.status, 200);
    assert_eq!(server.staged_files(), 0);
    assert_eq!(server.get("/shelf/main/team/pkg/tags", &[]).await.text(), "large\nlatest\n");
    server.stop().await;
}

async fn send_in_chunks(client: &mut Client, token: &str, chunks: &[&[u8]]) {
    let head = format!(
        "PUT /shelf/main/team/pkg/heads/larger HTTP/1.1\r\nHost: x\r\n\
         Authorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    client.send(head.as_bytes()).await;
    for chunk in chunks {
        client.send(format!("{:x}\r\n", chunk.len()).as_bytes()).await;
        client.send(chunk).await;
        client.send(b"\r\n").await;
    }
    client.send(b"0\r\n\r\n").await;
}

#[tokio::test]
async fn a_document_is_read_by_tag_and_by_digest() {
    let server = TestServer::start().await;
    // Long enough to be compressed, if it were to be.
    let document = b"document ".repeat(1000);
    let digest = sha256_hex(&document);
    server.ask("PUT", "/shelf/main/team/pkg/heads/latest", &document).await;
    let mut tags = Vec::new();
    for reference in ["latest", &digest] {
        let path = format!("/shelf/main/team/pkg/heads/{reference}");
        let whole = server.get(&path, &[("Accept-Encoding", "gzip")]).await;
        assert_eq!(whole.status, 200, "{reference}: {}", whole.text());
        assert!(whole.body == document, "{reference}");
        assert_eq!(whole.field("content-encoding"), None, "its digest is that of these bytes");
        assert_eq!(whole.field("x-digest"), Some(digest.clone()), "{reference}");
        assert_eq!(whole.field("content-type").as_deref(), Some("text/x-head"), "{reference}");
        let head = server.connect().await.request("HEAD", &path, &[]).await;
        assert_eq!(head.head(), whole.head(), "{reference}");
        let tag = whole.field("etag").unwrap();
        let fresh = server.get(&path, &[("If-None-Match", &tag)]).await;
        assert_eq!((fresh.status, fresh.field("etag")), (304, Some(tag.clone())), "{reference}");
        tags.push(tag);
    }
    assert_eq!(tags[0], tags[1]);
    server.ask("PUT", "/shelf/main/team/pkg/heads/latest", b"another").await;
    let fields = [("If-None-Match", tags[0].as_str())];
    let moved = server.get("/shelf/main/team/pkg/heads/latest", &fields);
    let moved = moved.await;
    assert_eq!((moved.status, moved.text().as_str()), (200, "another"));

    let removed = server.ask("DELETE", "/shelf/main/team/pkg/heads/latest", b"").await;
    assert_eq!((removed.status, removed.text().as_str()), (202, ""), "the ecosystem's reply");
    assert_eq!(server.get("/shelf/main/team/pkg/heads/latest", &[]).await.status, 404);
    assert_eq!(server.get(&format!("/shelf/main/team/pkg/heads/{digest}"), &[]).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn what_comes_in_is_counted() {
    let server = TestServer::start().await;
    let at = begin(&server).await;
    server.ask("PATCH", &at, &noise(1000)).await;
    server.ask("PUT", "/shelf/main/team/pkg/heads/one", &noise(24)).await;
    let metrics = server.get("/-/metrics", &[]).await.text();
    assert!(metrics.contains("\nprovender_received_bytes_total 1024\n"), "{metrics}");
    server.stop().await;
}
