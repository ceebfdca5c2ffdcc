//! Files: whole, at a pace, or an error.

use std::time::{Duration, Instant};

use provender_testing::Answer;
use provender_upstream::{Class, FetchError};

use crate::{Bench, PLENTY_BYTES, SHORT, assert_condition, url};

#[tokio::test]
async fn a_file_is_streamed_as_it_is() {
    let bench = Bench::new();
    let answer = Answer::zeros(300_000).header("Content-Type", "application/zip");
    bench.fake.on("/it", answer);
    let it = url(&bench.fake.url("/it"));
    let mut download = bench.client.file(&bench.remote, &it, "*/*", 300_000).await.expect("a file");
    assert_eq!(download.content_length(), Some(300_000));
    assert_eq!(download.content_type(), Some("application/zip"));
    assert_eq!(download.final_url(), &it);
    let mut got = 0;
    while let Some(chunk) = download.chunk().await.expect("a piece") {
        got += chunk.len();
    }
    assert_eq!(got, 300_000);
    assert!(download.chunk().await.expect("the end stays the end").is_none());
    let request = bench.fake.requests().remove(0);
    assert_eq!(request.header("Accept-Encoding"), Some("identity"));
}

#[tokio::test]
async fn refused_before_the_body() {
    let bench = Bench::new();
    let check = async |answer: Answer, expected, class| {
        bench.fake.on("/it", answer);
        let error = bench.file("/it").await.expect_err("no file");
        assert_condition(&error, expected);
        assert_eq!(error.class(), class);
    };
    check(Answer::status(404), "Missing", Class::Missing).await;
    check(Answer::status(410), "Missing", Class::Missing).await;
    check(Answer::status(403), "Status", Class::Status(403)).await;
    check(Answer::status(204), "Status", Class::Status(204)).await;
    check(Answer::status(206), "Status", Class::Status(206)).await;
    check(Answer::ok("hi").gzipped(), "Encoding", Class::Protocol).await;
    check(Answer::zeros(PLENTY_BYTES + 1), "TooLarge", Class::Limit).await;
}

#[tokio::test]
async fn lies_about_the_length() {
    let check = async |answer: Answer, expected: Option<u64>, got: u64| {
        let bench = Bench::new();
        bench.fake.on("/it", answer);
        match bench.file("/it").await {
            Err(FetchError::Truncated { expected: told, got: came, .. }) => {
                assert_eq!((told, came), (expected, got));
            }
            other => panic!("not cut off: {other:?}"),
        }
    };
    check(Answer::ok("hi").claiming_length(9), Some(9), 2).await;
    check(Answer::zeros(5000).truncated_after(1000), Some(5000), 1000).await;
    check(Answer::ok("hi there").chunked().truncated_after(3), None, 3).await;
}

#[tokio::test]
async fn an_error_is_never_followed_by_a_clean_end() {
    let bench = Bench::new();
    bench.fake.on("/it", Answer::ok("hi there").truncated_after(3));
    let it = url(&bench.fake.url("/it"));
    let mut download = bench.client.file(&bench.remote, &it, "*/*", 100).await.expect("a file");
    while let Ok(Some(_)) = download.chunk().await {}
    for _ in 0..3 {
        assert_condition(&download.chunk().await.expect_err("still cut off"), "Truncated");
    }
}

#[tokio::test]
async fn ten_gigabytes_stop_at_the_limit() {
    let bench = Bench::new();
    for answer in
        [Answer::zeros(10_000_000_000).chunked(), Answer::zeros(10_000_000_000).until_close()]
    {
        bench.fake.on("/it", answer);
        let began = Instant::now();
        assert_condition(&bench.file("/it").await.expect_err("too large"), "TooLarge");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn silence_is_bounded() {
    let check = async |answer: Answer, expected| {
        let bench = Bench::new();
        bench.fake.on("/it", answer);
        let began = Instant::now();
        let error = bench.file("/it").await.expect_err("silence");
        assert_condition(&error, expected);
        assert_eq!(error.class(), Class::Stalled);
        assert!(began.elapsed() < 4 * SHORT.stall, "{:?}", began.elapsed());
    };
    check(Answer::ok("hi").stalling(), "Stalled").await;
    check(Answer::ok("hi there").stalling_after(0), "Stalled").await;
    check(Answer::ok("hi there").stalling_after(3), "Stalled").await;
    // Never silent for long, never done either.
    check(Answer::zeros(100_000).dripping(1, Duration::from_millis(20)), "TooSlow").await;
}

#[tokio::test]
async fn a_slow_reader_is_not_the_upstreams_fault() {
    let bench = Bench::new();
    bench.fake.on("/it", Answer::zeros(100));
    let it = url(&bench.fake.url("/it"));
    let mut download = bench.client.file(&bench.remote, &it, "*/*", 100).await.expect("a file");
    tokio::time::sleep(3 * SHORT.rate_window.max(SHORT.stall)).await;
    while download.chunk().await.expect("a piece").is_some() {
        tokio::time::sleep(2 * SHORT.rate_window).await;
    }
}

#[tokio::test]
async fn a_document_has_a_deadline_of_its_own() {
    let bench = Bench::new();
    // Fast enough for the pace, quick enough for the stall, and too long for the whole.
    bench.fake.on("/it", Answer::zeros(900_000).dripping(1000, Duration::from_millis(10)));
    let began = Instant::now();
    assert_condition(&bench.refusal("/it").await, "Stalled");
    assert!(began.elapsed() < 2 * SHORT.document);
}

#[tokio::test]
async fn a_file_is_not_asked_for_twice() {
    let bench = Bench::new();
    bench.fake.on("/it", Answer::ok("hi there").reset_after(3));
    assert_condition(&bench.file("/it").await.expect_err("cut off"), "Truncated");
    bench.fake.on("/other", Answer::ok("hi").reset());
    assert_condition(&bench.file("/other").await.expect_err("reset"), "Broken");
    assert_eq!((bench.fake.hits("/it"), bench.fake.hits("/other")), (1, 1));
}
