//! Documents: what is one, what is none, and what is neither.

use provender_testing::Answer;
use provender_upstream::{Class, Document, Validators};

use crate::{Bench, PLENTY_BYTES, assert_condition, url};

#[tokio::test]
async fn a_document_with_its_facts() {
    let bench = Bench::new();
    let answer = Answer::html("<p>hi</p>").etag("\"1\"").header("Cache-Control", "max-age=600");
    bench.fake.on("/it", answer.header("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"));
    let page = bench.page("/it").await;
    assert_eq!(page.body, "<p>hi</p>");
    assert_eq!(page.content_type.as_deref(), Some("text/html; charset=utf-8"));
    assert_eq!(page.validators.etag.as_deref(), Some("\"1\""));
    assert!(page.validators.last_modified.is_some());
    assert_eq!(page.max_age.map(|age| age.as_secs()), Some(600));
    assert_eq!(page.final_url, url(&bench.fake.url("/it")));
}

#[tokio::test]
async fn says_who_asks_and_what_for() {
    let bench = Bench::new();
    bench.fake.on("/it", Answer::ok("hi"));
    bench.page("/it").await;
    let request = bench.fake.requests().remove(0);
    let agent = concat!("provender/", env!("CARGO_PKG_VERSION"));
    let check = |name, expected| assert_eq!(request.header(name), expected, "{name}");
    check("User-Agent", Some(agent));
    check("Accept", Some("text/html"));
    check("Accept-Encoding", Some("gzip"));
    check("Authorization", None);
    check("Referer", None);
    check("If-None-Match", None);
}

#[tokio::test]
async fn revalidates() {
    let bench = Bench::new();
    bench.fake.on("/it", Answer::ok("hi").etag("\"1\""));
    let validators = bench.page("/it").await.validators;
    let again = |validators: Validators| {
        let (bench, it) = (&bench, url(&bench.fake.url("/it")));
        async move {
            bench.client.document(&bench.remote, &it, "*/*", Some(&validators), PLENTY_BYTES).await
        }
    };
    assert!(matches!(again(validators.clone()).await, Ok(Document::NotModified)));
    bench.fake.on("/it", Answer::ok("ho").etag("\"2\""));
    assert!(matches!(again(validators).await, Ok(Document::Modified(page)) if page.body == "ho"));
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let dated = Validators { etag: None, last_modified: Some(date.to_owned()) };
    bench.fake.on("/it", Answer::ok("hi").header("Last-Modified", date));
    assert!(matches!(again(dated).await, Ok(Document::NotModified)));
}

#[tokio::test]
async fn only_404_and_410_mean_missing() {
    let check = async |status: u16, missing: bool| {
        let bench = Bench::new();
        bench.fake.on("/it", Answer::status(status));
        match bench.document("/it").await {
            Ok(Document::Missing { status: told }) => assert!(missing && told == status),
            Err(error) => {
                assert!(!missing, "{status}");
                assert_eq!(error.class(), Class::Status(status));
            }
            Ok(other) => panic!("{status}: {other:?}"),
        }
    };
    check(404, true).await;
    check(410, true).await;
    // 304 was not asked for; 300 is a choice that nobody can make here.
    for status in [201, 204, 206, 300, 304, 305, 400, 401, 403, 405, 406, 418, 429, 451, 500, 503] {
        check(status, false).await;
    }
}

#[tokio::test]
async fn compressed_documents() {
    let bench = Bench::new();
    let text = "hello ".repeat(10_000);
    bench.fake.on("/it", Answer::ok(text.clone()).gzipped());
    assert_eq!(bench.page("/it").await.body, text);
    bench.fake.on("/it", Answer::ok(text.clone()).gzipped().chunked());
    assert_eq!(bench.page("/it").await.body, text);
}

#[tokio::test]
async fn bad_encodings() {
    let bench = Bench::new();
    let check = async |answer: Answer, expected| {
        bench.fake.on("/it", answer);
        assert_condition(&bench.refusal("/it").await, expected);
    };
    check(Answer::ok("hi").header("Content-Encoding", "br"), "Encoding").await;
    check(Answer::ok("hi").header("Content-Encoding", "gzip, gzip"), "Encoding").await;
    check(Answer::ok("hi").header("Content-Encoding", "gzip"), "Undecodable").await;
    // A gzip stream that ends in its middle although the body is whole.
    let half = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb].as_slice();
    check(Answer::ok(half).header("Content-Encoding", "gzip"), "Undecodable").await;
}

#[tokio::test]
async fn limits_hold_as_sent_and_as_decoded() {
    let bench = Bench::new();
    let check = async |answer: Answer, expected: Option<&str>| {
        bench.fake.on("/it", answer);
        match expected {
            Some(condition) => assert_condition(&bench.refusal("/it").await, condition),
            None => assert_eq!(bench.page("/it").await.body.len() as u64, PLENTY_BYTES),
        }
    };
    check(Answer::zeros(PLENTY_BYTES), None).await;
    check(Answer::zeros(PLENTY_BYTES + 1), Some("TooLarge")).await;
    check(Answer::zeros(PLENTY_BYTES + 1).chunked(), Some("TooLarge")).await;
    check(Answer::zeros(10_000_000_000), Some("TooLarge")).await;
    check(Answer::zeros(10_000_000_000).until_close(), Some("TooLarge")).await;
    check(Answer::gzip_bomb(PLENTY_BYTES), None).await;
    check(Answer::gzip_bomb(PLENTY_BYTES + 1), Some("TooLarge")).await;
    check(Answer::gzip_bomb(100_000_000), Some("TooLarge")).await;
}

#[tokio::test]
async fn broken_answers() {
    let check = async |answer: Answer, expected| {
        let bench = Bench::new();
        bench.fake.on("/it", answer);
        assert_condition(&bench.refusal("/it").await, expected);
    };
    check(Answer::ok("hi there").truncated_after(3), "Truncated").await;
    check(Answer::ok("hi there").reset_after(3), "Truncated").await;
    check(Answer::ok("hi there").chunked().truncated_after(3), "Truncated").await;
    check(Answer::ok("hi").claiming_length(9), "Truncated").await;
    check(Answer::raw("nonsense\r\n\r\n"), "Broken").await;
    check(Answer::raw(""), "Broken").await;
    check(Answer::ok("hi").reset(), "Broken").await;
    check(
        Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi"),
        "Broken",
    )
    .await;
    check(Answer::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhi"), "Broken")
        .await;
    let headers = "X-Long: 0123456789abcdef\r\n".repeat(100_000);
    check(Answer::raw(format!("HTTP/1.1 200 OK\r\n{headers}\r\n")), "Broken").await;
}

#[tokio::test]
async fn what_follows_the_announced_length_is_not_read() {
    let bench = Bench::new();
    bench.fake.on("/it", Answer::ok("hi there").claiming_length(2));
    assert_eq!(bench.page("/it").await.body, "hi");
}
