//! Files that reach their clients while they are fetched.

use std::time::Duration;

use provender_registry::NewUpstream;
use provender_testing::{Answer, FakeUpstream, sha256_hex};

use crate::support::TestServer;

const LENGTH: usize = 3_000_000;

fn noise() -> Vec<u8> {
    (0..LENGTH as u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0]).collect()
}

async fn with_upstream() -> (TestServer, FakeUpstream) {
    let (server, upstream) = (TestServer::start().await, FakeUpstream::start());
    let request = NewUpstream {
        repository: "main".to_owned(),
        ecosystem: "shelf".to_owned(),
        url: Some(upstream.url("/")),
        ..NewUpstream::default()
    };
    server.registry.add_upstream(&server.registry.operator(), request).await.unwrap();
    (server, upstream)
}

fn paths(file: &[u8]) -> (String, String) {
    let digest = sha256_hex(file);
    (format!("/team/pkg/files/{digest}"), format!("/shelf/main/team/pkg/files/{digest}"))
}

#[tokio::test]
async fn a_file_begins_before_its_end_is_here() {
    for is_length_known in [true, false] {
        let (server, upstream) = with_upstream().await;
        let file = noise();
        let (theirs, ours) = paths(&file);
        let answer = Answer::ok(file.clone()).dripping(300_000, Duration::from_millis(100));
        let answer = if is_length_known { answer } else { answer.chunked() };
        upstream.on(&theirs, answer);
        let mut client = server.connect().await;
        // A range is not kept to while nobody knows the whole.
        let head = format!("GET {ours} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9\r\n\r\n");
        client.send(head.as_bytes()).await;
        client.answer_begun().await;
        let answer = client.answer(true).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body == file);
        assert_eq!(answer.field("content-type").as_deref(), Some("application/x-file"));
        assert_eq!(answer.field("x-digest"), Some(sha256_hex(&file)));
        assert_eq!(answer.field("accept-ranges"), None);
        let length = answer.field("content-length");
        assert_eq!(length, is_length_known.then(|| LENGTH.to_string()));
        // Whole, so that the connection goes on; and kept.
        assert_eq!(client.request("GET", "/-/health", &[]).await.status, 200);
        let part = server.get(&ours, &[("Range", "bytes=5-9")]).await;
        assert_eq!((part.status, part.body.as_slice()), (206, &file[5..10]));
        server.stop().await;
    }
}

#[tokio::test]
async fn a_file_that_is_cut_off_is_not_taken_for_whole() {
    let file = noise();
    let wrong = [&file[..LENGTH - 1], b"?"].concat();
    let cases = [
        (true, Answer::ok(file.clone()).truncated_after(2_000_000)),
        (false, Answer::ok(file.clone()).chunked().truncated_after(2_000_000)),
        (true, Answer::ok(wrong.clone())),
        (false, Answer::ok(wrong).chunked()),
    ];
    for (number, (is_length_known, answer)) in cases.into_iter().enumerate() {
        let (server, upstream) = with_upstream().await;
        let (theirs, ours) = paths(&file);
        upstream.on(&theirs, answer.dripping(300_000, Duration::from_millis(20)));
        let mut client = server.connect().await;
        client.send(format!("GET {ours} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        let all = client.rest().await;
        let text = String::from_utf8_lossy(&all[..all.len().min(1000)]).to_lowercase();
        if text.starts_with("http/1.1 5") {
            continue; // Refused before it began.
        }
        assert!(text.starts_with("http/1.1 200 "), "{number}: {text}");
        assert_eq!(text.contains("content-length: 3000000"), is_length_known, "{number}");
        assert!(!all.ends_with(b"0\r\n\r\n"), "{number}: a last chunk");
        let head = text.find("\r\n\r\n").unwrap() + 4;
        assert!(!is_length_known || all.len() - head < LENGTH, "{number}: all of it");
        server.stop().await;
    }
}

#[tokio::test]
async fn old_clients_are_not_given_what_they_could_take_for_whole() {
    let (server, upstream) = with_upstream().await;
    let file = noise();
    let (theirs, ours) = paths(&file);
    let answer = Answer::ok(file.clone()).chunked().dripping(300_000, Duration::from_millis(50));
    upstream.on(&theirs, answer);
    let mut client = server.connect().await;
    client.send(format!("GET {ours} HTTP/1.0\r\n\r\n").as_bytes()).await;
    let all = String::from_utf8_lossy(&client.rest().await).to_lowercase();
    assert!(all.starts_with("http/1.0 503 "), "{}", &all[..all.len().min(200)]);
    assert!(all.contains("\r\nretry-after: 10\r\n"), "{all}");
    server.stop().await;
}

#[tokio::test]
async fn a_head_says_what_a_get_would() {
    let (server, upstream) = with_upstream().await;
    let file = noise();
    let (theirs, ours) = paths(&file);
    upstream.on(&theirs, Answer::ok(file.clone()).dripping(300_000, Duration::from_millis(20)));
    let mut client = server.connect().await;
    let head = client.request("HEAD", &ours, &[]).await;
    assert_eq!((head.status, head.field("content-length")), (200, Some(LENGTH.to_string())));
    assert_eq!(head.field("x-digest"), Some(sha256_hex(&file)));
    assert_eq!(client.request("GET", "/-/health", &[]).await.status, 200);
    let asked: Vec<_> = upstream.requests().iter().map(|one| one.method().to_owned()).collect();
    assert_eq!(asked, ["HEAD"], "nothing was fetched for it");
    server.stop().await;
}
