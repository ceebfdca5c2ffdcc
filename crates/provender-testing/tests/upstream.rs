//! The fake upstream does what a script says, seen from a bare socket.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use provender_testing::{Answer, FakeUpstream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(1);

/// Everything until the server closes; `Err(TimedOut)` when it stays open.
async fn ask(upstream: &FakeUpstream, head: &str) -> Result<String, Error> {
    let mut stream = TcpStream::connect(upstream.address()).await?;
    stream.write_all(format!("{head}\r\nHost: here\r\n\r\n").as_bytes()).await?;
    let mut got = Vec::new();
    match timeout(SOON, stream.read_to_end(&mut got)).await {
        Ok(Ok(_)) => Ok(String::from_utf8_lossy(&got).into_owned()),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::new(ErrorKind::TimedOut, String::from_utf8_lossy(&got).into_owned())),
    }
}

/// Asks for `/it` with this answer on it, and returns what came within a moment.
async fn answered(answer: Answer) -> Result<String, Error> {
    let upstream = FakeUpstream::start();
    upstream.on("/it", answer);
    ask(&upstream, "GET /it HTTP/1.1").await
}

/// Checks an answer after which the server closes the connection.
async fn check(answer: Answer, expected: &str) {
    assert_eq!(answered(answer).await.expect("an answer"), expected);
}

/// Checks an answer after which the connection stays open.
async fn check_open(answer: Answer, expected: &str) {
    let error = answered(answer).await.expect_err("the connection stays open");
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::TimedOut, expected));
}

#[tokio::test]
async fn honest_answers_keep_the_connection() {
    check_open(Answer::ok("hi"), "HTTP/1.1 200 Scripted\r\nContent-Length: 2\r\n\r\nhi").await;
    check_open(Answer::status(404), "HTTP/1.1 404 Scripted\r\nContent-Length: 0\r\n\r\n").await;
    check_open(
        Answer::redirect("/there"),
        "HTTP/1.1 302 Scripted\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    check_open(
        Answer::ok("hi").chunked(),
        "HTTP/1.1 200 Scripted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    )
    .await;
    check_open(
        Answer::ok("abcd").dripping(1, Duration::from_millis(1)),
        "HTTP/1.1 200 Scripted\r\nContent-Length: 4\r\n\r\nabcd",
    )
    .await;
}

#[tokio::test]
async fn dishonest_answers() {
    check(Answer::ok("hi").until_close(), "HTTP/1.1 200 Scripted\r\nConnection: close\r\n\r\nhi")
        .await;
    check(
        Answer::ok("hi").claiming_length(9),
        "HTTP/1.1 200 Scripted\r\nContent-Length: 9\r\n\r\nhi",
    )
    .await;
    check(
        Answer::ok("hi there").truncated_after(3),
        "HTTP/1.1 200 Scripted\r\nContent-Length: 8\r\n\r\nhi ",
    )
    .await;
    check(Answer::raw("nonsense"), "nonsense").await;
    check_open(Answer::ok("hi").stalling(), "").await;
    check_open(
        Answer::ok("hi there").stalling_after(2),
        "HTTP/1.1 200 Scripted\r\nContent-Length: 8\r\n\r\nhi",
    )
    .await;
}

#[tokio::test]
async fn resets() {
    for answer in [Answer::ok("hi").reset(), Answer::zeros(1 << 20).reset_after(10)] {
        let error = answered(answer).await.expect_err("a reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn endless_bodies_are_made_while_they_are_sent() {
    let upstream = FakeUpstream::start();
    upstream.on("/big", Answer::zeros(10_000_000_000));
    let mut stream = TcpStream::connect(upstream.address()).await.expect("a connection");
    stream.write_all(b"GET /big HTTP/1.1\r\n\r\n").await.expect("sent");
    let mut got = vec![0; 1 << 20];
    stream.read_exact(&mut got).await.expect("a megabyte and more");
    assert!(got.starts_with(b"HTTP/1.1 200 Scripted\r\nContent-Length: 10000000000\r\n"));
}

#[tokio::test]
async fn validators_are_honoured() {
    let upstream = FakeUpstream::start();
    upstream.on("/it", Answer::ok("hi").etag("\"1\"").header("Last-Modified", "then"));
    let status = async |condition: &str| {
        let error = ask(&upstream, &format!("GET /it HTTP/1.1\r\n{condition}")).await;
        error.expect_err("the connection stays open").to_string()[9..12].to_owned()
    };
    assert_eq!(status("If-None-Match: \"1\"").await, "304");
    assert_eq!(status("If-None-Match: \"2\"").await, "200");
    assert_eq!(status("If-Modified-Since: then").await, "304");
    assert_eq!(status("If-None-Match: \"2\"\r\nIf-Modified-Since: then").await, "200");
}

#[tokio::test]
async fn remembers_what_it_was_asked() {
    let upstream = FakeUpstream::start();
    upstream.on_each("/it", [Answer::raw("one"), Answer::raw("two")]);
    for expected in ["one", "two", "two"] {
        assert_eq!(ask(&upstream, "GET /it?q=Secret HTTP/1.1").await.expect("bytes"), expected);
    }
    assert_eq!((upstream.hits("/it"), upstream.total(), upstream.connections()), (3, 3, 3));
    let request = upstream.requests().remove(0);
    assert_eq!((request.method(), request.target()), ("GET", "/it?q=Secret"));
    assert_eq!(request.header("host"), Some("here"));
    assert!(upstream.heard_of("secret") && !upstream.heard_of("other"));
    upstream.forget();
    assert_eq!(upstream.total(), 0);
}

#[tokio::test]
async fn goes_away_and_comes_back_on_the_same_port() {
    let upstream = FakeUpstream::start();
    upstream.on("/it", Answer::raw("here"));
    let mut open = TcpStream::connect(upstream.address()).await.expect("a connection");
    upstream.offline().await;
    let mut rest = Vec::new();
    let cut = open.read_to_end(&mut rest).await;
    assert!(cut.is_err() || rest.is_empty(), "open connections are cut");
    let refused = ask(&upstream, "GET /it HTTP/1.1").await.expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    upstream.online().await;
    assert_eq!(ask(&upstream, "GET /it HTTP/1.1").await.expect("an answer"), "here");
}
