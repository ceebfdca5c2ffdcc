//! Proxies that the environment names.

use std::process::Command;

use provender_testing::{Answer, FakeUpstream};
use provender_upstream::{Client, ClientOptions, Document, FetchError, Remote};

use crate::{Bench, PLENTY_BYTES, SHORT, assert_condition, url};

/// Set where [`the_environments_proxy_is_used`] plays the client.
const CLIENT: &str = "PROVENDER_UPSTREAM_TEST_CLIENT";

/// The proxy is named, and its name has a private address: the operator's word is enough. The
/// environment of this process cannot be changed safely, so the same test in another one plays the
/// client.
#[tokio::test(flavor = "multi_thread")]
async fn the_environments_proxy_is_used() {
    if std::env::var_os(CLIENT).is_some() {
        return go_through_it().await;
    }
    let proxy = FakeUpstream::start();
    proxy.otherwise(|request| Answer::ok(format!("proxied {}", request.target())));
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "proxy::the_environments_proxy_is_used"]).env(CLIENT, "");
    command.env("HTTP_PROXY", format!("http://localhost:{}", proxy.address().port()));
    command.env("NO_PROXY", "direct.example").env_remove("http_proxy").env_remove("no_proxy");
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    let output = output.expect("a process");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    let targets: Vec<_> = proxy.requests().iter().map(|it| it.target().to_owned()).collect();
    assert_eq!(targets, ["http://upstream.example/it"]);
}

async fn go_through_it() {
    let client = Client::new(ClientOptions::default());
    let remote = Remote::new(url("http://upstream.example/")).expect("an upstream").timeouts(SHORT);
    let it = url("http://upstream.example/it");
    let Ok(Document::Modified(page)) =
        client.document(&remote, &it, "*/*", None, PLENTY_BYTES).await
    else {
        panic!("the proxy answers");
    };
    assert_eq!(page.body, "proxied http://upstream.example/it");
    // Addresses are still checked, the proxy's own included.
    for refused in ["http://10.0.0.1/", "http://127.0.0.1/", "http://[::1]/"] {
        let error = client.file(&remote, &url(refused), "*/*", 100).await.expect_err(refused);
        assert_condition(&error, "PrivateAddress");
    }
    // This host is reached directly.
    let bench = Bench { client, ..Bench::new() };
    bench.fake.on("/it", Answer::ok("direct"));
    assert_eq!(bench.page("/it").await.body, "direct");
    let direct = url("http://direct.example/");
    let error = bench.client.file(&remote, &direct, "*/*", 100).await.expect_err("nobody is there");
    assert!(!matches!(error, FetchError::PrivateAddress { .. }), "{error:?}");
}
