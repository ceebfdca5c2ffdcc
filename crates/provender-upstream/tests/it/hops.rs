//! Redirects, private addresses, credentials.

use provender_testing::{Answer, FakeUpstream};
use provender_upstream::{Class, Credentials, FetchError, PrivateAddresses, Remote};

use crate::{Bench, PLENTY_BYTES, SHORT, assert_condition, url};

#[tokio::test]
async fn redirects_are_followed() {
    let bench = Bench::new();
    bench.fake.on("/end/", Answer::ok("here"));
    for status in [301, 302, 303, 307, 308] {
        bench.fake.on("/start", Answer::redirect("end/#part").with_status(status));
        let page = bench.page("/start").await;
        assert_eq!((page.body.as_ref(), page.final_url.path()), (b"here".as_slice(), "/end/"));
        assert_eq!(page.final_url.fragment(), None);
    }
    bench.fake.on("/start", Answer::redirect(bench.fake.url("/end/")));
    assert_eq!(bench.file("/start").await.expect("a file"), b"here");
}

#[tokio::test]
async fn redirects_have_limits() {
    let bench = Bench::new();
    let check = async |location: &str, expected| {
        bench.fake.on("/start", Answer::redirect(location));
        let error = bench.refusal("/start").await;
        assert_condition(&error, expected);
        assert_condition(&bench.file("/start").await.expect_err("no file"), expected);
    };
    bench.fake.on("/there", Answer::redirect("/start"));
    bench.fake.on_request("/count", |request| {
        let count: u32 =
            request.target().rsplit('=').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        Answer::redirect(format!("/count?n={}", count + 1))
    });
    check("/start", "RedirectLoop").await;
    check("/start#fragment", "RedirectLoop").await;
    check("/there", "RedirectLoop").await;
    bench.fake.forget();
    check("/count?n=0", "TooManyRedirects").await;
    assert_eq!(bench.fake.hits("/count"), 2 * 5, "the first is not a redirect");
    check("http://[nonsense/", "RedirectNowhere").await;
    check("ftp://127.0.0.1/", "Scheme").await;
    check("file:///etc/passwd", "Scheme").await;
    check("javascript:alert(1)", "Scheme").await;
    bench.fake.on("/start", Answer::status(302));
    assert_condition(&bench.refusal("/start").await, "RedirectNowhere");
}

/// An https upstream is played by a base URL alone: what matters is what comes after it.
#[tokio::test]
async fn never_from_https_to_http() {
    let bench = Bench::new();
    bench.fake.on("/it", Answer::ok("hi"));
    let secure = Remote::new(url("https://upstream.example/")).expect("an upstream");
    let secure = secure.private_addresses(PrivateAddresses::Anywhere).timeouts(SHORT);
    let it = url(&bench.fake.url("/it"));
    let error = bench.client.file(&secure, &it, "*/*", PLENTY_BYTES).await.expect_err("no file");
    assert_condition(&error, "Downgrade");
    assert_eq!(error.class(), Class::Policy);
    assert_eq!(bench.fake.total(), 0);
}

#[tokio::test]
async fn private_addresses_need_the_operator() {
    use PrivateAddresses::{Anywhere, Refused, ThisOrigin};
    let bench = Bench::new();
    let other = FakeUpstream::start();
    let port = bench.fake.address().port();
    let check = async |allowed, target: &str, refused: bool| {
        other.on("/", Answer::ok("other"));
        bench.fake.on("/", Answer::ok("own"));
        let remote = bench.remote.clone().private_addresses(allowed);
        let result = bench.client.file(&remote, &url(target), "*/*", PLENTY_BYTES).await;
        match result {
            Err(FetchError::PrivateAddress { .. }) => assert!(refused, "{target}"),
            Ok(_) => assert!(!refused, "{target}"),
            Err(error) => panic!("{target}: {error:?}"),
        }
    };
    check(Refused, &bench.fake.url("/"), true).await;
    check(ThisOrigin, &bench.fake.url("/"), false).await;
    check(ThisOrigin, &other.url("/"), true).await;
    check(ThisOrigin, &format!("http://localhost:{port}/"), true).await;
    check(ThisOrigin, &format!("http://[::ffff:127.0.0.1]:{port}/"), true).await;
    check(Anywhere, &other.url("/"), false).await;
    check(Anywhere, &format!("http://localhost:{port}/"), false).await;
    check(ThisOrigin, "http://169.254.169.254/latest/meta-data/", true).await;
}

#[tokio::test]
async fn redirects_cannot_reach_private_addresses() {
    let bench = Bench::new();
    let other = FakeUpstream::start();
    other.on("/", Answer::ok("a secret of this host"));
    for target in [other.url("/"), format!("http://localhost:{}/", other.address().port())] {
        bench.fake.on("/start", Answer::redirect(target));
        let error = bench.refusal("/start").await;
        assert_condition(&error, "PrivateAddress");
        assert_eq!(error.class(), Class::Policy);
    }
    assert_eq!(other.connections(), 0);
}

/// A connection that was opened where private addresses are allowed must not serve a request
/// for which they are not.
#[tokio::test]
async fn pooled_connections_do_not_go_round_the_guard() {
    let bench = Bench::new();
    bench.fake.on("/", Answer::ok("hi"));
    let local = url(&format!("http://localhost:{}/", bench.fake.address().port()));
    let anywhere = bench.remote.clone().private_addresses(PrivateAddresses::Anywhere);
    let mut first = bench.client.file(&anywhere, &local, "*/*", 100).await.expect("a file");
    while first.chunk().await.expect("a piece").is_some() {}
    let error = bench.client.file(&bench.remote, &local, "*/*", 100).await.expect_err("refused");
    assert_condition(&error, "PrivateAddress");
}

#[tokio::test]
async fn credentials_stay_at_their_origin() {
    let bench = Bench::new();
    let other = FakeUpstream::start();
    other.on("/file", Answer::ok("theirs"));
    other.on("/back", Answer::redirect(bench.fake.url("/file")));
    bench.fake.on("/file", Answer::ok("ours"));
    bench.fake.on("/away", Answer::redirect(other.url("/file")));
    bench.fake.on("/round", Answer::redirect(other.url("/back")));
    let token = Credentials::Bearer("a-secret-token".to_owned());
    let remote = bench.remote.clone().credentials(token).expect("a token");
    let remote = remote.private_addresses(PrivateAddresses::Anywhere);
    let check = async |target: String| {
        bench.client.file(&remote, &url(&target), "*/*", 100).await.expect("a file");
        assert!(!other.heard_of("a-secret-token"), "{target}");
    };
    check(bench.fake.url("/file")).await;
    check(bench.fake.url("/away")).await;
    check(bench.fake.url("/round")).await;
    check(other.url("/file")).await;
    assert!(other.total() > 0);
    let own = bench.fake.requests();
    assert!(
        own.iter()
            .all(|request| { request.header("Authorization") == Some("Bearer a-secret-token") })
    );
}

#[tokio::test]
async fn credentials_in_a_redirect_are_not_used() {
    let bench = Bench::new();
    bench.fake.on("/file", Answer::ok("hi"));
    let address = bench.fake.address();
    bench.fake.on("/start", Answer::redirect(format!("http://user:secret@{address}/file")));
    assert_eq!(bench.page("/start").await.final_url.as_str(), bench.fake.url("/file"));
    assert!(bench.fake.requests().iter().all(|request| request.header("Authorization").is_none()));
}

#[tokio::test]
async fn messages_keep_secrets() {
    let bench = Bench::new();
    let address = bench.fake.address();
    let signed = format!("http://user:secret@{address}/file?signature=secret#secret");
    let error =
        bench.client.file(&bench.remote, &url(&signed), "*/*", 100).await.expect_err("missing");
    let (shown, debug) = (error.to_string(), format!("{error:?}"));
    assert!(!shown.contains("secret") && !debug.contains("secret"), "{debug}");
    assert!(shown.contains(&format!("http://{address}/file")), "{shown}");
    bench.fake.offline().await;
    let error =
        bench.client.file(&bench.remote, &url(&signed), "*/*", 100).await.expect_err("offline");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}
