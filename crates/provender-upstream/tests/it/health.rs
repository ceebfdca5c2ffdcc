//! Breakers, retries, and how many connections there are.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use provender_testing::{Answer, FakeUpstream};
use provender_upstream::{
    BreakerOptions, BreakerState, Class, Client, ClientOptions, Document, PrivateAddresses, Proxies,
};

use crate::{Bench, PLENTY_BYTES, assert_condition, url};

const QUICK: BreakerOptions = BreakerOptions {
    failures_max: 3,
    pause_min: Duration::from_millis(200),
    pause_max: Duration::from_secs(5),
};

fn quick() -> Bench {
    let options =
        ClientOptions { breaker: QUICK, proxies: Proxies::None, ..ClientOptions::default() };
    Bench { client: Client::new(options), ..Bench::new() }
}

#[tokio::test]
async fn failures_open_the_breaker() {
    let check = async |answer: Answer, path: &str| {
        let bench = quick();
        bench.fake.on(path, answer);
        for _ in 0..3 {
            let error = bench.refusal(path).await;
            assert_ne!(error.class(), Class::Suspended, "{error}");
        }
        let (total, began) = (bench.fake.total(), Instant::now());
        let error = bench.refusal(path).await;
        assert_condition(&error, "Suspended");
        assert!(error.retry_after().is_some_and(|wait| wait <= QUICK.pause_min));
        assert_eq!(bench.fake.total(), total, "it was not asked");
        assert!(began.elapsed() < Duration::from_millis(50), "it failed fast");
        let base = bench.remote.base();
        assert!(matches!(bench.client.state(base), BreakerState::Open { .. }));
        assert_eq!(bench.client.health()[0].openings_total, 1);
    };
    check(Answer::status(500), "/a").await;
    check(Answer::status(503), "/b").await;
    check(Answer::status(429), "/c").await;
    check(Answer::ok("hi").stalling(), "/d").await;
    check(Answer::ok("hi").reset(), "/e").await;
}

/// Who was never gone to does not answer, whatever the breaker, which is for failures, thinks.
#[tokio::test]
async fn who_has_an_address_that_is_refused_is_not_told_as_answering() {
    let bench = quick();
    bench.fake.on("/", Answer::ok("hi"));
    let local = url(&format!("http://localhost:{}/", bench.fake.address().port()));
    let is_refused = || {
        let health = bench.client.health();
        let of = |origin: &str| health.iter().find(|it| it.origin.contains(origin)).cloned();
        (of("localhost").map(|it| it.is_refused), of("127.0.0.1").map(|it| it.is_refused))
    };
    bench.page("/").await;
    assert_eq!(is_refused(), (None, Some(false)));
    for _ in 0..QUICK.failures_max {
        let refused = bench.client.file(&bench.remote, &local, "*/*", 100).await;
        assert_condition(&refused.expect_err("it is private"), "PrivateAddress");
    }
    assert_eq!(is_refused(), (Some(true), Some(false)));
    assert_eq!(bench.client.state(&local), BreakerState::Closed { failures: 0 });
    // An upstream that may lead anywhere goes there.
    let anywhere = bench.remote.clone().private_addresses(PrivateAddresses::Anywhere);
    bench.client.file(&anywhere, &local, "*/*", 100).await.expect("a file");
    assert_eq!(is_refused(), (Some(false), Some(false)));
}

/// One file that breaks off is no reason to leave all others alone; many in a row are.
#[tokio::test]
async fn bodies_that_break_count_once_for_each_file() {
    let check = async |answer: Answer| {
        let bench = quick();
        bench.fake.on("/broken", answer.clone());
        bench.fake.on("/well", Answer::ok("hi"));
        for _ in 0..6 {
            assert_ne!(bench.refusal("/broken").await.class(), Class::Suspended);
            bench.file("/broken").await.expect_err("it is broken");
        }
        assert_eq!(bench.fake.hits("/broken"), 12);
        let base = bench.remote.base();
        assert_eq!(bench.client.state(base), BreakerState::Closed { failures: 1 });
        assert_eq!(bench.page("/well").await.body, "hi");
        assert_eq!(bench.client.state(base), BreakerState::Closed { failures: 0 });
        for path in ["/a", "/b", "/c"] {
            bench.fake.on(path, answer.clone());
            bench.file(path).await.expect_err("it is broken");
        }
        assert_condition(&bench.refusal("/well").await, "Suspended");
    };
    check(Answer::ok("hi there").truncated_after(2)).await;
    check(Answer::ok("hi there").chunked().truncated_after(2)).await;
    check(Answer::ok("hi there").reset_after(2)).await;
    check(Answer::ok("hi there").stalling_after(2)).await;
    check(Answer::zeros(100_000).dripping(1, Duration::from_millis(20))).await;
}

/// Upstreams that sign addresses send us to another one each time.
#[tokio::test]
async fn a_broken_file_behind_a_redirect_is_known_by_what_was_asked_for() {
    let bench = quick();
    let signatures = AtomicU32::new(0);
    bench.fake.on_request("/file", move |_| {
        let signature = signatures.fetch_add(1, Ordering::Relaxed);
        Answer::redirect(format!("/storage?signature={signature}"))
    });
    bench.fake.on("/storage", Answer::ok("hi there").truncated_after(2));
    for _ in 0..6 {
        assert_condition(&bench.file("/file").await.expect_err("it is broken"), "Truncated");
    }
    assert_eq!(bench.fake.hits("/storage"), 6);
}

#[tokio::test]
async fn answers_keep_it_closed() {
    let check = async |answer: Answer| {
        let bench = quick();
        bench.fake.on("/it", answer);
        for _ in 0..6 {
            let _ = bench.document("/it").await;
        }
        assert_eq!(bench.fake.hits("/it"), 6);
        let state = bench.client.state(bench.remote.base());
        assert_eq!(state, BreakerState::Closed { failures: 0 });
    };
    check(Answer::ok("hi")).await;
    check(Answer::status(404)).await;
    check(Answer::status(403)).await;
    check(Answer::status(304)).await;
    check(Answer::redirect("http://10.0.0.1/")).await;
    // Too large is our limit, not its failure.
    check(Answer::zeros(PLENTY_BYTES + 1)).await;
}

#[tokio::test]
async fn it_recovers_by_a_probe() {
    let bench = quick();
    bench.fake.offline().await;
    for _ in 0..3 {
        assert_condition(&bench.refusal("/it").await, "Connect");
    }
    assert_condition(&bench.refusal("/it").await, "Suspended");
    bench.fake.online().await;
    bench.fake.on("/it", Answer::ok("back"));
    assert_condition(&bench.refusal("/it").await, "Suspended");
    tokio::time::sleep(QUICK.pause_min).await;
    assert_eq!(bench.page("/it").await.body, "back");
    assert_eq!(bench.client.state(bench.remote.base()), BreakerState::Closed { failures: 0 });
}

#[tokio::test]
async fn retry_after_is_honoured_at_once() {
    let bench = quick();
    bench.fake.on("/it", Answer::status(429).header("Retry-After", "3"));
    let error = bench.refusal("/it").await;
    assert_eq!(
        (error.class(), error.retry_after()),
        (Class::Status(429), Some(Duration::from_secs(3)))
    );
    let error = bench.refusal("/it").await;
    assert_condition(&error, "Suspended");
    assert!(error.retry_after().is_some_and(|wait| wait > Duration::from_secs(2)));
    assert_eq!(bench.fake.total(), 1);
}

#[tokio::test]
async fn one_origin_does_not_pay_for_another() {
    let (bench, other) = (quick(), FakeUpstream::start());
    bench.fake.on("/it", Answer::status(500));
    for _ in 0..4 {
        bench.refusal("/it").await;
    }
    let theirs = Bench { client: bench.client.clone(), ..Bench::new() };
    theirs.fake.on("/it", Answer::ok("fine"));
    assert_eq!(theirs.page("/it").await.body, "fine");
    assert_eq!(bench.client.state(&url(&other.url("/"))), BreakerState::Closed { failures: 0 });
}

#[tokio::test]
async fn documents_are_tried_once_more() {
    let bench = quick();
    bench.fake.on_each("/it", [Answer::ok("").reset(), Answer::ok("hi")]);
    assert_eq!(bench.page("/it").await.body, "hi");
    bench.fake.on_each("/other", [Answer::raw(""), Answer::ok("hi")]);
    assert_eq!(bench.page("/other").await.body, "hi");
    assert_eq!((bench.fake.hits("/it"), bench.fake.hits("/other")), (2, 2));
    // Once, and only where no byte of an answer came.
    bench
        .fake
        .on_each("/twice", [Answer::ok("").reset(), Answer::ok("").reset(), Answer::ok("hi")]);
    assert_condition(&bench.refusal("/twice").await, "Broken");
    bench.fake.on_each("/body", [Answer::ok("hi there").reset_after(2), Answer::ok("hi")]);
    assert_condition(&bench.refusal("/body").await, "Truncated");
    bench.fake.on_each("/status", [Answer::status(503), Answer::ok("hi")]);
    assert_condition(&bench.refusal("/status").await, "Status");
    assert_eq!((bench.fake.hits("/twice"), bench.fake.hits("/body")), (2, 1));
}

#[tokio::test]
async fn an_unknown_host() {
    let bench = quick();
    // A name that by its registration never exists (RFC 6761).
    let nowhere = url("http://upstream.invalid/");
    let error = bench.client.file(&bench.remote, &nowhere, "*/*", 100).await.expect_err("no host");
    assert_eq!(error.class(), Class::Unreachable);
    // A resolver that does not answer leads to the timeout.
    assert!(
        ["Resolve", "Stalled"].iter().any(|name| format!("{error:?}").starts_with(name)),
        "{error:?}"
    );
}

#[tokio::test]
async fn connections_are_used_again() {
    let bench = Bench::new();
    bench.fake.on("/it", Answer::ok("hi"));
    for _ in 0..20 {
        bench.page("/it").await;
    }
    assert_eq!(bench.fake.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_went_stale_is_no_failure() {
    let bench = Bench::new();
    bench.fake.on("/it", Answer::ok("hi"));
    bench.page("/it").await;
    bench.fake.offline().await;
    bench.fake.online().await;
    assert!(matches!(bench.document("/it").await, Ok(Document::Modified(_))));
}

#[tokio::test]
async fn requests_at_one_origin_are_bounded() {
    let options = ClientOptions {
        requests_per_origin_max: 2,
        proxies: Proxies::None,
        ..ClientOptions::default()
    };
    let bench = Bench { client: Client::new(options), ..Bench::new() };
    bench.fake.on("/it", Answer::zeros(100));
    let it = url(&bench.fake.url("/it"));
    let one = bench.client.file(&bench.remote, &it, "*/*", 100).await.expect("a file");
    let two = bench.client.file(&bench.remote, &it, "*/*", 100).await.expect("a file");
    let error =
        bench.client.file(&bench.remote, &it, "*/*", 100).await.expect_err("two are under way");
    assert_condition(&error, "Congested");
    drop((one, two));
    bench.client.file(&bench.remote, &it, "*/*", 100).await.expect("a file");
}

#[tokio::test]
async fn starting_is_cheap() {
    let began = Instant::now();
    for _ in 0..1000 {
        std::hint::black_box(crate::client());
    }
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
}
