//! Answers that are sent again to whoever asks for the same: never when they might not be theirs.

use std::time::Duration;

use provender_domain::Visibility;

use crate::support::{Answer, TestServer};

/// As often as it takes until an answer can have been kept: made, seen again, seen once more.
const TIMES: usize = 4;
const INDEX: &str = "/main/demo/pkg/";
/// More answers than the sockets between a client that takes nothing and the server hold.
const REQUESTS: usize = 600;

async fn repeated(server: &TestServer) -> u64 {
    // An answer is counted when it has been sent, and its client may have it a moment before.
    let mut before = counted(server).await;
    loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let now = counted(server).await;
        if now == before {
            return now;
        }
        before = now;
    }
}

async fn counted(server: &TestServer) -> u64 {
    let metrics = server.get("/-/metrics", &[]).await.text();
    let line = metrics.lines().find(|line| line.starts_with("provender_repeated_answers_total "));
    line.unwrap().split_once(' ').unwrap().1.parse().unwrap()
}

/// Whether the last of some equal requests, on a connection each, was answered like an earlier one.
async fn is_repeated(server: &TestServer, path: &str, fields: &[(&str, &str)]) -> (Answer, bool) {
    for _ in 1..TIMES {
        server.get(path, fields).await;
    }
    let before = repeated(server).await;
    let answer = server.get(path, fields).await;
    (answer, repeated(server).await > before)
}

#[tokio::test]
async fn equal_requests_get_the_same_answer_until_it_changes() {
    let server = TestServer::start().await;
    server.publish("main", "pkg", "a", b"a").await;
    let mut made = server.get(INDEX, &[]).await;
    let (again, is_again) = is_repeated(&server, INDEX, &[]).await;
    assert!(is_again);
    assert_eq!((again.head(), &again.body), (made.head(), &made.body));
    assert!(again.field("date").unwrap().ends_with(" GMT"));

    // Larger ones are sent from a file.
    for number in 0..40 {
        let file = format!("{number:0>250}");
        assert_eq!(server.publish("main", "pkg", &file, b"a").await.status, 200);
        let answer = server.get(INDEX, &[]).await;
        assert!(answer.text().contains(&file), "what was published is listed at once");
    }
    made = server.get(INDEX, &[]).await;
    assert!(made.body.len() > 10_000);
    let (again, is_again) = is_repeated(&server, INDEX, &[]).await;
    assert!(is_again);
    assert_eq!((again.head(), &again.body), (made.head(), &made.body));

    // Every field counts.
    let (squeezed, is_again) = is_repeated(&server, INDEX, &[("Accept-Encoding", "gzip")]).await;
    assert!(is_again);
    assert_eq!(squeezed.field("content-encoding").as_deref(), Some("gzip"));
    let tag = made.field("etag").unwrap();
    let (known, is_again) = is_repeated(&server, INDEX, &[("If-None-Match", &tag)]).await;
    assert!(is_again);
    assert_eq!((known.status, known.field("etag")), (304, Some(tag)));
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_longer_public_is_refused_at_once() {
    let server = TestServer::start().await;
    server.publish("main", "pkg", "a", b"a").await;
    assert!(is_repeated(&server, INDEX, &[]).await.1);
    let operator = server.registry.operator();
    for _ in 0..3 {
        server.registry.set_visibility(&operator, "main", Visibility::Private).await.unwrap();
        let (refused, is_again) = is_repeated(&server, INDEX, &[]).await;
        assert_eq!((refused.status, is_again), (401, false));
        server.registry.set_visibility(&operator, "main", Visibility::Public).await.unwrap();
        assert_eq!(is_repeated(&server, INDEX, &[]).await.0.status, 200);
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_for_all_is_made_for_each() {
    let server = TestServer::start().await;
    server.publish("main", "pkg", "a", b"a").await;
    let bearer = format!("Bearer {}", server.token);
    for (path, fields) in [
        (INDEX, vec![("Authorization", bearer.as_str())]),
        (INDEX, vec![("Connection", "close")]),
        (INDEX, vec![("Content-Length", "0"), ("Padding", &"a".repeat(3000))]),
        ("/secret/demo/pkg/", vec![]),
        ("/main/demo/other/", vec![]),
        ("/main/demo/pkg/a", vec![]),
        ("/-/health", vec![]),
        ("/", vec![]),
    ] {
        let (answer, is_again) = is_repeated(&server, path, &fields).await;
        assert!(!is_again, "{path} {fields:?}: {answer:?}");
    }
    server.stop().await;
}

/// Sends and reads the answers; how many of them were repeated.
async fn converse(server: &TestServer, pieces: &[&str], answers: usize) -> (Vec<Answer>, u64) {
    let before = repeated(server).await;
    let mut client = server.connect().await;
    let mut read = Vec::new();
    for piece in pieces {
        client.send(piece.as_bytes()).await;
        // So that pieces arrive apart.
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    for _ in 0..answers {
        read.push(client.answer(true).await);
    }
    (read, repeated(server).await - before)
}

#[tokio::test]
async fn no_framing_confuses_one_request_with_another() {
    let server = TestServer::start().await;
    server.publish("main", "pkg", "a", b"a").await;
    let head = format!("GET {INDEX} HTTP/1.1\r\nHost: test.example\r\n\r\n");
    let index = is_repeated(&server, INDEX, &[]).await.0.text();
    let check = async |pieces: &[&str], statuses: &[u16], expected: u64| {
        let (answers, count) = converse(&server, pieces, statuses.len()).await;
        let found: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!((found.as_slice(), count), (statuses, expected), "{pieces:?}");
        for answer in answers.iter().filter(|answer| answer.status == 200) {
            assert_eq!(answer.text(), index, "{pieces:?}");
        }
    };
    check(&[&head, &head, &head], &[200, 200, 200], 3).await;
    // Others in between change nothing.
    let other = "GET /main/demo/other/ HTTP/1.1\r\nHost: test.example\r\n\r\n";
    check(&[&head, other, &head], &[200, 404, 200], 2).await;
    // Requests sent ahead are hyper's, and so is all that follows on their connection.
    let ahead = head.repeat(3);
    check(&[&head, &ahead, &head], &[200; 5], 1).await;
    check(&[&format!("{head}GET "), &head[4..], &head], &[200, 200, 200], 0).await;
    check(&[&head[..20], &head[20..], &head], &[200, 200], 0).await;
    // What looks like a request in another's body is none.
    let length = head.len();
    let with_body =
        format!("GET {INDEX} HTTP/1.1\r\nHost: test.example\r\nContent-Length: {length}\r\n\r\n");
    check(&[&with_body, &head, other], &[200, 404], 0).await;
    check(&[&with_body, &head, &with_body, &head, other], &[200, 200, 404], 0).await;
    let chunked =
        format!("GET {INDEX} HTTP/1.1\r\nHost: test.example\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("{length:x}\r\n{head}\r\n0\r\n\r\n");
    for _ in 0..TIMES {
        check(&[&chunked, &chunk, other], &[200, 404], 0).await;
    }
    // Two heads of which the first ends with bare line feeds.
    let bare = format!("GET {INDEX} HTTP/1.1\nHost: test.example\n\n");
    for _ in 0..TIMES {
        check(&[&format!("{bare}{head}"), &head], &[200, 200, 200], 0).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_slow_client_gets_all_of_it() {
    let server = TestServer::start().await;
    for number in 0..40 {
        server.publish("main", "pkg", &format!("{number:0>250}"), b"a").await;
    }
    let (index, is_again) = is_repeated(&server, INDEX, &[]).await;
    assert!(is_again);
    let before = repeated(&server).await;
    let mut client = server.connect_narrowly().await;
    let head = format!("GET {INDEX} HTTP/1.1\r\nHost: test.example\r\n\r\n");
    for _ in 0..REQUESTS {
        client.send(head.as_bytes()).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    for _ in 0..REQUESTS {
        assert_eq!(client.answer(true).await.body, index.body);
    }
    let count = repeated(&server).await - before;
    assert!((2..REQUESTS as u64).contains(&count), "{count} before the sockets were full");
    server.stop().await;
}

#[tokio::test]
async fn whoever_speaks_on_the_control_socket_is_answered_as_the_operator() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = TestServer::start().await;
    server.publish("main", "pkg", "a", b"a").await;
    assert!(is_repeated(&server, INDEX, &[]).await.1);
    let before = repeated(&server).await;
    let mut socket = tokio::net::UnixStream::connect(&server.control_socket).await.unwrap();
    let head = format!("GET {INDEX} HTTP/1.1\r\nHost: test.example\r\n\r\n");
    for _ in 0..TIMES {
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"]\n") {
            answer.push(socket.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(repeated(&server).await, before);
    server.stop().await;
}
