//! Publications and changes.

use std::time::Duration;

use provender_domain::Scope;

use crate::support::{TestServer, form};

#[tokio::test]
async fn a_publication_is_there_when_it_is_acknowledged() {
    let server = TestServer::start().await;
    let content = vec![7; 5 * 1024 * 1024];
    let answer = server.publish("main", "pkg", "file", &content).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("\"already_there\":false"), "{}", answer.text());
    assert!(server.get("/main/demo/pkg/file", &[]).await.body == content);
    let answer = server.publish("main", "pkg", "file", &content).await;
    assert!(answer.text().contains("\"already_there\":true"), "{}", answer.text());
    assert_eq!(server.publish("main", "pkg", "file", b"other").await.status, 409);
    assert_eq!(server.staged_files(), 0);
    server.stop().await;
}

#[tokio::test]
async fn a_connection_goes_on_after_a_publication() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    for number in 0..3 {
        let body = form("pkg", &format!("file-{number}"), b"content");
        let head = server.publication_head("main", body.len(), &server.token, "");
        client.send(head.as_bytes()).await;
        client.send(&body).await;
        assert_eq!(client.answer(true).await.status, 200);
        assert_eq!(client.request("GET", "/-/health", &[]).await.status, 200);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_refused_upload_is_answered_though_the_client_sends_all_of_it_first() {
    let server = TestServer::start().await;
    let reader = server.token(Scope::Read, None).await;
    let body = form("pkg", "file", &vec![7; 20 * 1024 * 1024]);
    let check = async |repository: &str, token: &str, status: u16| {
        let mut client = server.connect().await;
        let head = server.publication_head(repository, body.len(), token, "");
        client.send(head.as_bytes()).await;
        client.send(&body).await;
        let answer = client.answer(true).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        // What was not wanted is out of the way, so that the connection is still good.
        assert_eq!(client.request("GET", "/-/health", &[]).await.status, 200);
    };
    check("main", &reader, 403).await;
    check("main", "unknown", 401).await;
    check("absent", &reader, 404).await;
    assert_eq!(server.staged_files(), 0);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_asks_first_sends_nothing_in_vain() {
    let server = TestServer::start().await;
    let body = form("pkg", "file", b"content");
    let expect = "Expect: 100-continue\r\n";

    let mut client = server.connect().await;
    let head = server.publication_head("main", body.len(), &server.token, expect);
    client.send(head.as_bytes()).await;
    assert_eq!(client.answer(false).await.status, 100);
    client.send(&body).await;
    assert_eq!(client.answer(true).await.status, 200);

    let mut client = server.connect().await;
    let head = server.publication_head("main", body.len(), "unknown", expect);
    client.send(head.as_bytes()).await;
    assert_eq!(client.answer(true).await.status, 401);
    assert!(client.is_closed().await);
    server.stop().await;
}

#[tokio::test]
async fn a_malformed_form_is_refused_with_its_reason() {
    let server = TestServer::start().await;
    let check = async |body: &[u8], status: u16, text: &str| {
        let mut client = server.connect().await;
        let head = server.publication_head("main", body.len(), &server.token, "");
        client.send(head.as_bytes()).await;
        client.send(body).await;
        let answer = client.answer(true).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(text), "{}", answer.text());
    };
    check(b"no form at all, but some text", 400, "boundary").await;
    check(b"--b--", 400, "no file").await;
    let whole = form("pkg", "file", b"content");
    check(&whole[..whole.len() - 10], 400, "early").await;
    check(&form("pkg", "../file", b"content"), 400, "demo: ").await;
    let twice = [&whole[..whole.len() - 7], &whole[..]].concat();
    check(&twice, 400, "exactly one file").await;
    assert_eq!(server.staged_files(), 0);
    assert_eq!(server.get("/main/demo/pkg/", &[]).await.status, 404);
    assert_eq!(server.refusals(5).await, 5);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_disconnects_leaves_nothing() {
    let server = TestServer::start().await;
    let body = form("pkg", "file", &vec![7; 16 * 1024 * 1024]);
    let mut client = server.connect().await;
    let head = server.publication_head("main", body.len(), &server.token, "");
    client.send(head.as_bytes()).await;
    client.send(&body[..body.len() / 2]).await;
    for _ in 0..100 {
        if server.staged_files() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.staged_files(), 1, "the upload has begun");
    drop(client);
    for _ in 0..100 {
        if server.staged_files() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.staged_files(), 0);
    assert_eq!(server.get("/main/demo/pkg/", &[]).await.status, 404);
    assert_eq!(server.refusals(0).await, 0, "who hangs up was not refused");
    server.stop().await;
}

#[tokio::test]
async fn a_body_beyond_what_is_drained_is_cut_off() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    let head = server.publication_head("main", 1 << 40, "unknown", "");
    client.send(head.as_bytes()).await;
    let chunk = vec![0; 1024 * 1024];
    let mut sent = 0;
    while sent < 2048 && client.try_send(&chunk).await.is_ok() {
        sent += 1;
    }
    assert!((256..1024).contains(&sent), "{sent} MiB were taken");
    server.stop().await;
}

#[tokio::test]
async fn a_change_says_what_it_changed() {
    let server = TestServer::start().await;
    server.publish("main", "pkg", "file", b"content").await;
    let mut client = server.connect().await;
    let publisher = format!("Bearer {}", server.token);
    let answer =
        client.request("DELETE", "/main/demo/pkg/file", &[("Authorization", &publisher)]).await;
    assert_eq!(answer.status, 403);
    let admin = format!("Bearer {}", server.token(Scope::Admin, None).await);
    let answer =
        client.request("DELETE", "/main/demo/pkg/file", &[("Authorization", &admin)]).await;
    assert_eq!((answer.status, answer.text().trim()), (200, "{\"files\":[\"file\"]}"));
    let answer = server.get("/main/demo/pkg/file", &[]).await;
    assert!(answer.status == 404 || answer.status == 410, "{}", answer.status);
    server.stop().await;
}
