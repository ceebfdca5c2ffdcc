//! The client against an upstream that misbehaves on demand.

mod documents;
mod files;
mod heads;
mod health;
mod hops;
mod proxy;
mod tls;
mod tokens;

use std::time::Duration;

use provender_testing::FakeUpstream;
use provender_upstream::{
    Client, ClientOptions, Document, FetchError, Page, PrivateAddresses, Proxies, Remote, Timeouts,
};
use url::Url;

/// A limit that no honest body of these tests reaches, in bytes.
const PLENTY_BYTES: u64 = 1 << 20;

/// Short enough for tests that wait for them to pass.
const SHORT: Timeouts = Timeouts {
    response: Duration::from_millis(300),
    stall: Duration::from_millis(300),
    document: Duration::from_millis(900),
    rate_window: Duration::from_millis(200),
    rate_bytes_per_second_min: 1024,
};

/// A fake upstream whose address the operator named, and a fresh client.
struct Bench {
    fake: FakeUpstream,
    client: Client,
    remote: Remote,
}

impl Bench {
    fn new() -> Self {
        let fake = FakeUpstream::start();
        let remote = Remote::new(url(&fake.url("/")))
            .expect("an upstream")
            .private_addresses(PrivateAddresses::ThisOrigin)
            .timeouts(SHORT);
        Self { fake, client: client(), remote }
    }

    async fn document(&self, path: &str) -> Result<Document, FetchError> {
        let url = url(&self.fake.url(path));
        self.client.document(&self.remote, &url, "text/html", None, PLENTY_BYTES).await
    }

    /// The page at `path`, which must be there.
    async fn page(&self, path: &str) -> Page {
        match self.document(path).await {
            Ok(Document::Modified(page)) => *page,
            other => panic!("no page at {path}: {other:?}"),
        }
    }

    /// Why there is no document at `path`.
    async fn refusal(&self, path: &str) -> FetchError {
        match self.document(path).await {
            Err(error) => error,
            Ok(document) => panic!("a document at {path}: {document:?}"),
        }
    }

    /// The whole file at `path`.
    async fn file(&self, path: &str) -> Result<Vec<u8>, FetchError> {
        let url = url(&self.fake.url(path));
        let mut download = self.client.file(&self.remote, &url, "*/*", PLENTY_BYTES).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = download.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn client() -> Client {
    Client::new(ClientOptions { proxies: Proxies::None, ..ClientOptions::default() })
}

fn url(text: &str) -> Url {
    text.parse().expect("a URL")
}

/// Checks a condition by the name of its variant.
#[track_caller]
fn assert_condition(error: &FetchError, expected: &str) {
    let name = format!("{error:?}");
    let name = name.split([' ', '(', '{']).next().unwrap_or_default();
    assert_eq!(name, expected, "{error}: {error:?}");
}
