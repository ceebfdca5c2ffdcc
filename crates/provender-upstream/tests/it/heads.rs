//! Heads of answers, and the header fields that callers want.

use std::time::Duration;

use provender_testing::{Answer, FakeUpstream};
use provender_upstream::{Class, Document, FetchError, Head, Wanted};

use crate::{Bench, PLENTY_BYTES, assert_condition, url};

const FIELDS: &[&str] = &["Docker-Content-Digest", "Link"];

fn wanted() -> Wanted<'static> {
    Wanted { fields: FIELDS, ..Wanted::accepting("application/json") }
}

impl Bench {
    async fn head(&self, path: &str) -> Result<Head, FetchError> {
        self.client.head(&self.remote, &url(&self.fake.url(path)), wanted()).await
    }
}

fn answer() -> Answer {
    let answer = Answer::ok("hello").header("docker-content-digest", "sha256:abc");
    let answer = answer.header("Link", "</a>").header("Link", "</b>; rel=\"next\"");
    answer.header("Other", "not wanted").header("X-Binary", "x")
}

#[tokio::test]
async fn a_head_with_its_fields() {
    let bench = Bench::new();
    bench.fake.on("/it", answer());
    bench.fake.on("/start", Answer::redirect("/it"));
    for path in ["/it", "/start"] {
        let Ok(Head::Found { fields }) = bench.head(path).await else { panic!("no head") };
        assert_eq!(fields.first("Docker-Content-Digest"), Some("sha256:abc"));
        assert_eq!(fields.all("link").collect::<Vec<_>>(), ["</a>", "</b>; rel=\"next\""]);
        assert_eq!(fields.first("Other"), None);
    }
    let requests = bench.fake.requests();
    assert!(requests.iter().all(|request| request.method() == "HEAD"));
    assert_eq!(requests[0].header("Accept"), Some("application/json"));
    assert_eq!(bench.fake.connections(), 1, "nothing is left unread");
}

#[tokio::test]
async fn documents_and_files_have_fields_too() {
    let bench = Bench::new();
    bench.fake.on("/it", answer());
    let it = url(&bench.fake.url("/it"));
    let page = bench.client.document(&bench.remote, &it, wanted(), None, PLENTY_BYTES).await;
    let Ok(Document::Modified(page)) = page else { panic!("no page") };
    assert_eq!(page.fields.first("Docker-Content-Digest"), Some("sha256:abc"));
    assert_eq!(page.fields.all("Link").count(), 2);
    let file = bench.client.file(&bench.remote, &it, wanted(), PLENTY_BYTES).await;
    let file = file.expect("a file");
    assert_eq!(file.fields().first("Docker-Content-Digest"), Some("sha256:abc"));
    assert_eq!(file.fields().first("Other"), None);
    let accepted = bench.fake.requests().remove(1);
    assert_eq!(accepted.header("Accept"), Some("application/json"));
}

#[tokio::test]
async fn only_404_and_410_mean_missing() {
    let check = async |status: u16, missing: bool| {
        let bench = Bench::new();
        bench.fake.on("/it", Answer::status(status));
        match bench.head("/it").await {
            Ok(Head::Missing { status: told }) => assert!(missing && told == status),
            Err(error) => {
                assert!(!missing, "{status}");
                assert_eq!(error.class(), Class::Status(status));
            }
            Ok(other) => panic!("{status}: {other:?}"),
        }
    };
    check(404, true).await;
    check(410, true).await;
    for status in [204, 206, 300, 304, 400, 401, 403, 405, 429, 500, 501, 503] {
        check(status, false).await;
    }
}

/// That it does not know the method says nothing about how it is.
#[tokio::test]
async fn an_upstream_without_heads_is_not_left_alone() {
    let bench = Bench::new();
    bench.fake.on("/it", Answer::status(501));
    for _ in 0..20 {
        let refused = bench.head("/it").await.expect_err("no head");
        assert_eq!(refused.class(), Class::Status(501));
    }
}

#[tokio::test]
async fn heads_are_guarded_as_documents_are() {
    let bench = Bench::new();
    let other = FakeUpstream::start();
    let check = async |answer: Answer, expected| {
        bench.fake.on("/it", answer);
        assert_condition(&bench.head("/it").await.expect_err("no head"), expected);
    };
    check(Answer::redirect(other.url("/")), "PrivateAddress").await;
    check(Answer::redirect("/it"), "RedirectLoop").await;
    check(Answer::ok("hi").stalling(), "Stalled").await;
    check(Answer::raw("nonsense\r\n\r\n"), "Broken").await;
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_head_that_broke_is_asked_for_once_more() {
    let bench = Bench::new();
    bench.fake.on_each("/it", [Answer::ok("").reset(), answer()]);
    assert!(matches!(bench.head("/it").await, Ok(Head::Found { .. })));
    assert_eq!(bench.fake.hits("/it"), 2);
}

/// The quota of an upstream is one for all that is asked of it.
#[tokio::test]
async fn a_quota_that_is_used_up_is_honoured() {
    let bench = Bench::new();
    bench.fake.on("/it", Answer::status(429).header("Retry-After", "3"));
    let error = bench.head("/it").await.expect_err("no head");
    let told = (error.class(), error.retry_after());
    assert_eq!(told, (Class::Status(429), Some(Duration::from_secs(3))));
    for error in [bench.head("/other").await.err(), Some(bench.refusal("/other").await)] {
        let error = error.expect("no head");
        assert_eq!(error.class(), Class::Suspended);
        assert!(error.retry_after().is_some_and(|wait| wait > Duration::from_secs(2)));
    }
    assert_eq!(bench.fake.total(), 1);
}
