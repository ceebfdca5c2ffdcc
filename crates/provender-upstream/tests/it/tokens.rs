//! Upstreams that ask for tokens: who is shown what, and how often anybody is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use provender_testing::{Answer, FakeUpstream, Request};
use provender_upstream::{
    BreakerState, Class, Client, ClientOptions, Credentials, Document, FetchError, Head,
    PrivateAddresses, Proxies, Remote, Wanted,
};

use crate::{Bench, PLENTY_BYTES, SHORT, assert_condition, url};

/// `user:a-password`, as Basic authentication has it.
const BASIC: &str = "Basic dXNlcjphLXBhc3N3b3Jk";

/// An upstream that wants a token for all but its realm, and the realm, which numbers tokens.
struct Guarded {
    bench: Bench,
    realm: FakeUpstream,
}

impl Guarded {
    /// The realm is at the upstream's own origin.
    fn at_home() -> Self {
        let bench = Bench::new();
        let realm = bench.fake.clone();
        Self::of(bench, realm)
    }

    /// The realm is elsewhere, where private addresses are allowed.
    fn elsewhere() -> Self {
        let mut bench = Bench::new();
        bench.remote = bench.remote.private_addresses(PrivateAddresses::Anywhere);
        Self::of(bench, FakeUpstream::start())
    }

    fn of(bench: Bench, realm: FakeUpstream) -> Self {
        realm.on_request("/token", numbered(300));
        let guarded = Self { bench, realm };
        guarded.accepting(|token| token.starts_with("token-"));
        guarded
    }

    /// From now on the upstream takes these tokens and no others.
    fn accepting(&self, accepts: impl Fn(&str) -> bool + Send + Sync + 'static) {
        let challenge = challenge(&self.realm.url("/token"));
        self.bench.fake.otherwise(move |request| {
            let token = request.header("Authorization").and_then(|it| it.strip_prefix("Bearer "));
            match token {
                Some(token) if accepts(token) => Answer::ok("hi").header("X-Fact", "true"),
                _ => Answer::status(401).header("WWW-Authenticate", challenge.clone()),
            }
        });
    }

    fn with_credentials(mut self) -> Self {
        self.bench.remote = with_credentials(&self.bench.remote);
        self
    }

    async fn ask(&self, path: &str, realm_key: Option<&str>) -> Result<Document, FetchError> {
        ask(&self.bench.client, &self.bench.remote, &self.bench.fake.url(path), realm_key).await
    }

    /// Asks for what must be there.
    async fn page(&self, path: &str) {
        self.ask(path, None).await.expect("a page");
    }

    /// Why there is nothing.
    async fn refusal(&self, path: &str) -> FetchError {
        self.ask(path, None).await.expect_err("no page")
    }

    /// What the realm was shown each time.
    fn shown_to_realm(&self) -> Vec<Option<String>> {
        let requests = self.realm.requests().into_iter();
        let asked = requests.filter(|request| request.path() == "/token");
        asked.map(|request| request.header("Authorization").map(str::to_owned)).collect()
    }
}

async fn ask(
    client: &Client,
    remote: &Remote,
    target: &str,
    realm_key: Option<&str>,
) -> Result<Document, FetchError> {
    let wanted = Wanted { realm_key, ..Wanted::accepting("*/*") };
    client.document(remote, &url(target), wanted, None, PLENTY_BYTES).await
}

fn challenge(realm: &str) -> String {
    format!("Bearer realm=\"{realm}\",service=\"upstream.example\",scope=\"thing:demo:pull\"")
}

fn with_credentials(remote: &Remote) -> Remote {
    let (user, password) = ("user".to_owned(), "a-password".to_owned());
    remote.clone().credentials(Credentials::Basic { user, password }).expect("credentials")
}

/// A realm whose tokens are `token-1`, `token-2` and so on.
fn numbered(expires_in: u64) -> impl Fn(&Request) -> Answer + Send + Sync {
    let count = AtomicUsize::new(0);
    move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        token_answer(&format!("token-{number}"), expires_in)
    }
}

fn token_answer(token: &str, expires_in: u64) -> Answer {
    Answer::ok(format!(r#"{{"token": "{token}", "expires_in": {expires_in}}}"#))
}

#[tokio::test]
async fn a_token_is_asked_for_and_shown() {
    let guarded = Guarded::elsewhere();
    let bench = &guarded.bench;
    guarded.page("/it").await;
    let asked = guarded.realm.requests().remove(0);
    assert_eq!(asked.method(), "GET");
    assert_eq!(asked.target(), "/token?service=upstream.example&scope=thing%3Ademo%3Apull");
    assert_eq!(asked.header("Accept"), Some("application/json"));
    let shown: Vec<_> = bench.fake.requests().into_iter().collect();
    assert_eq!(shown[0].header("Authorization"), None);
    assert_eq!(shown[1].header("Authorization"), Some("Bearer token-1"));
    assert_eq!(shown.len(), 2);
    // Heads and files are no different.
    let it = url(&bench.fake.url("/it"));
    let wanted = Wanted { fields: &["X-Fact"], ..Wanted::accepting("*/*") };
    let Ok(Head::Found { fields }) = bench.client.head(&bench.remote, &it, wanted).await else {
        panic!("no head");
    };
    assert_eq!(fields.first("x-fact"), Some("true"));
    assert_eq!(bench.file("/it").await.expect("a file"), b"hi");
    assert_eq!(guarded.realm.hits("/token"), 1, "the token is kept");
}

#[tokio::test]
async fn nothing_is_asked_for_in_advance() {
    let guarded = Guarded::at_home();
    guarded.bench.fake.on("/open", Answer::ok("hi"));
    guarded.ask("/open", Some("demo")).await.expect("a page");
    assert_eq!(guarded.bench.fake.total(), 1);
}

#[tokio::test]
async fn a_name_spares_the_refusal() {
    let guarded = Guarded::at_home();
    guarded.ask("/it", Some("demo")).await.expect("a page");
    guarded.bench.fake.forget();
    guarded.ask("/other", Some("demo")).await.expect("a page");
    assert_eq!(guarded.bench.fake.total(), 1, "the token was shown at once");
    guarded.ask("/other", Some("another")).await.expect("a page");
    assert_eq!(guarded.bench.fake.total(), 3, "refused, but the token was there");
    guarded.ask("/other", Some("another")).await.expect("a page");
    guarded.ask("/other", None).await.expect("a page");
    assert_eq!(guarded.bench.fake.total(), 6);
    assert_eq!(guarded.realm.hits("/token"), 0);
}

#[tokio::test]
async fn many_who_want_a_token_ask_once() {
    let guarded = Arc::new(Guarded::elsewhere());
    let numbered = numbered(300);
    let slow = move |request: &Request| numbered(request).after(Duration::from_millis(100));
    guarded.realm.on_request("/token", slow);
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let guarded = Arc::clone(&guarded);
            tokio::spawn(async move { guarded.page(&format!("/{number}")).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("a page");
    }
    assert_eq!(guarded.realm.hits("/token"), 1);
}

#[tokio::test]
async fn a_token_that_ended_is_asked_for_anew() {
    let guarded = Guarded::at_home();
    guarded.realm.on_request("/token", numbered(1));
    for hits in [1, 1] {
        guarded.ask("/it", Some("demo")).await.expect("a page");
        assert_eq!(guarded.realm.hits("/token"), hits);
    }
    tokio::time::sleep(Duration::from_millis(800)).await;
    guarded.ask("/it", Some("demo")).await.expect("a page");
    assert_eq!(guarded.realm.hits("/token"), 2);
    let last = guarded.bench.fake.requests().pop().expect("a request");
    assert_eq!(last.header("Authorization"), Some("Bearer token-2"));
}

#[tokio::test]
async fn a_kept_token_that_is_refused_is_asked_for_anew_once() {
    let check = async |realm_key| {
        let guarded = Guarded::at_home();
        guarded.ask("/it", realm_key).await.expect("a page");
        guarded.accepting(|token| token == "token-2");
        guarded.ask("/it", realm_key).await.expect("a page");
        assert_eq!(guarded.realm.hits("/token"), 2);
        guarded.ask("/it", realm_key).await.expect("a page");
        assert_eq!(guarded.realm.hits("/token"), 2, "the new one is kept");
    };
    check(None).await;
    check(Some("demo")).await;
}

#[tokio::test]
async fn who_is_refused_with_a_fresh_token_is_refused() {
    let guarded = Guarded::at_home();
    guarded.accepting(|_| false);
    for round in 1..=3 {
        let error = guarded.ask("/it", Some("demo")).await.expect_err("refused");
        assert_condition(&error, "Status");
        assert_eq!(error.class(), Class::Status(401));
        assert_eq!(guarded.realm.hits("/token"), round, "a token that is refused is not kept");
        assert_eq!(guarded.bench.fake.hits("/it"), 2 * round);
    }
    let state = guarded.bench.client.state(guarded.bench.remote.base());
    assert_eq!(state, BreakerState::Closed { failures: 0 }, "a refusal is an answer");
}

/// A slot that a refusal kept would be waited for in vain.
#[tokio::test]
async fn one_request_at_a_time_is_enough() {
    let options = ClientOptions {
        requests_per_origin_max: 1,
        proxies: Proxies::None,
        ..ClientOptions::default()
    };
    let mut guarded = Guarded::at_home();
    guarded.bench.client = Client::new(options);
    guarded.page("/it").await;
}

#[tokio::test]
async fn credentials_are_for_the_own_realm_and_the_named_one() {
    let home = Guarded::at_home().with_credentials();
    home.page("/it").await;
    assert_eq!(home.shown_to_realm(), [Some(BASIC.to_owned())]);

    let named = Guarded::elsewhere().with_credentials();
    let realm = url(&named.realm.url("/"));
    let remote = named.bench.remote.clone().token_realm(&realm).expect("a realm");
    let named = Guarded { bench: Bench { remote, ..named.bench }, ..named };
    named.page("/it").await;
    assert_eq!(named.shown_to_realm(), [Some(BASIC.to_owned())]);

    let elsewhere = Guarded::elsewhere().with_credentials();
    elsewhere.page("/it").await;
    assert_eq!(elsewhere.shown_to_realm(), [None]);

    let other = Guarded::elsewhere().with_credentials();
    let realm = url(&FakeUpstream::start().url("/token"));
    let remote = other.bench.remote.clone().token_realm(&realm).expect("a realm");
    let other = Guarded { bench: Bench { remote, ..other.bench }, ..other };
    other.page("/it").await;
    assert_eq!(other.shown_to_realm(), [None]);
}

#[tokio::test]
async fn a_realm_that_redirects_does_not_pass_credentials_on() {
    let guarded = Guarded::at_home().with_credentials();
    let other = FakeUpstream::start();
    other.on("/token", token_answer("token-x", 60));
    guarded.realm.on("/token", Answer::redirect(other.url("/token")));
    let remote = guarded.bench.remote.clone().private_addresses(PrivateAddresses::Anywhere);
    let guarded = Guarded { bench: Bench { remote, ..guarded.bench }, ..guarded };
    guarded.page("/it").await;
    assert_eq!(other.total(), 1);
    assert!(!other.heard_of("authorization") && !other.heard_of("dXNlc"));
    assert_eq!(other.requests()[0].header("Authorization"), None);
}

#[tokio::test]
async fn a_token_stays_at_its_origin() {
    let guarded = Guarded::elsewhere();
    let other = FakeUpstream::start();
    let away = other.url("/file");
    let challenge = challenge(&guarded.realm.url("/token"));
    guarded.bench.fake.on_request("/away", move |request| match request.header("Authorization") {
        Some("Bearer token-1") => Answer::redirect(away.clone()),
        _ => Answer::status(401).header("WWW-Authenticate", challenge.clone()),
    });
    other.on("/file", Answer::ok("theirs"));
    for _ in 0..2 {
        guarded.ask("/away", Some("demo")).await.expect("a page");
    }
    assert_eq!(other.hits("/file"), 2);
    assert!(!other.heard_of("token-1"));
    assert!(!guarded.realm.heard_of("token-1"));
    // Nor to another origin that is asked directly under the same name.
    let (client, remote) = (&guarded.bench.client, &guarded.bench.remote);
    ask(client, remote, &other.url("/file"), Some("demo")).await.expect("a page");
    assert!(!other.heard_of("token-1"));
}

/// Where a redirect leads, nobody may ask for a token in the upstream's name.
#[tokio::test]
async fn a_challenge_elsewhere_is_not_followed() {
    let guarded = Guarded::elsewhere();
    let other = FakeUpstream::start();
    let challenge = challenge(&guarded.realm.url("/token"));
    other.on("/file", Answer::status(401).header("WWW-Authenticate", challenge));
    guarded.bench.fake.on("/away", Answer::redirect(other.url("/file")));
    assert_eq!(guarded.refusal("/away").await.class(), Class::Status(401));
    assert_eq!((guarded.realm.total(), other.total()), (0, 1));
}

#[tokio::test]
async fn nobody_is_given_the_token_of_another() {
    let guarded = Guarded::at_home();
    let (client, anonymous) = (&guarded.bench.client, &guarded.bench.remote);
    let somebody = with_credentials(anonymous);
    let it = guarded.bench.fake.url("/it");
    ask(client, &somebody, &it, Some("demo")).await.expect("a page");
    ask(client, anonymous, &it, Some("demo")).await.expect("a page");
    assert_eq!(guarded.shown_to_realm(), [Some(BASIC.to_owned()), None]);
    let requests = guarded.bench.fake.requests();
    let shown: Vec<_> = requests
        .iter()
        .filter(|request| request.path() == "/it")
        .map(|request| request.header("Authorization"))
        .collect();
    let (first, second) = (Some("Bearer token-1"), Some("Bearer token-2"));
    assert_eq!(shown, [Some(BASIC), first, None, second]);
}

#[tokio::test]
async fn realms_are_guarded_as_redirects_are() {
    let guarded = Guarded::elsewhere();
    let remote = guarded.bench.remote.clone().private_addresses(PrivateAddresses::ThisOrigin);
    let guarded = Guarded { bench: Bench { remote, ..guarded.bench }, ..guarded };
    let port = guarded.realm.address().port();
    let check = async |realm: &str, expected| {
        let answer = Answer::status(401).header("WWW-Authenticate", challenge(realm));
        guarded.bench.fake.on("/it", answer);
        let error = guarded.refusal("/it").await;
        assert_condition(&error, "Token");
        assert_condition(cause(&error), expected);
        assert_eq!(error.class(), Class::Policy);
    };
    check(&guarded.realm.url("/token"), "PrivateAddress").await;
    check(&format!("http://localhost:{port}/token"), "PrivateAddress").await;
    check("http://169.254.169.254/latest/meta-data/", "PrivateAddress").await;
    check("ftp://upstream.example/token", "Scheme").await;
    check("javascript:alert(1)", "Scheme").await;
    assert_eq!(guarded.realm.connections(), 0);
    // What the operator named may be private, for a token and for nothing else.
    let named = guarded.bench.remote.clone().token_realm(&url(&guarded.realm.url("/")));
    let remote = named.expect("a realm");
    let guarded = Guarded { bench: Bench { remote, ..guarded.bench }, ..guarded };
    guarded.page("/other").await;
    guarded.bench.fake.on("/it", Answer::redirect(guarded.realm.url("/token")));
    assert_condition(&guarded.refusal("/it").await, "PrivateAddress");
}

#[tokio::test]
async fn bad_realms() {
    let check = async |answer: Answer, expected: &str, class: Class| {
        let guarded = Guarded::at_home();
        guarded.realm.on("/token", answer);
        let error = guarded.refusal("/it").await;
        assert_condition(&error, "Token");
        assert_condition(cause(&error), expected);
        assert_eq!(error.class(), class);
        assert_eq!(guarded.bench.fake.hits("/it"), 1);
    };
    let json = |text: &'static str| Answer::ok(text);
    check(json("{}"), "NoToken", Class::Protocol).await;
    check(json("nonsense"), "NoToken", Class::Protocol).await;
    check(json(r#"{"token": "a\r\nb"}"#), "NoToken", Class::Protocol).await;
    check(json(r#"{"errors": []}"#), "NoToken", Class::Protocol).await;
    check(Answer::zeros(64 * 1024 + 1), "TooLarge", Class::Limit).await;
    check(Answer::zeros(10_000_000_000).chunked(), "TooLarge", Class::Limit).await;
    check(Answer::ok("{}").gzipped(), "NoToken", Class::Protocol).await;
    check(Answer::status(401), "Status", Class::Status(401)).await;
    check(Answer::status(404), "Status", Class::Status(404)).await;
    check(Answer::status(503), "Status", Class::Status(503)).await;
    check(Answer::redirect("/token"), "RedirectLoop", Class::Protocol).await;
    check(Answer::ok("{}").stalling(), "Stalled", Class::Stalled).await;
    check(Answer::ok("{}").reset(), "Broken", Class::Unreachable).await;
}

/// A realm that asks for tokens itself is asked for none: that has no end.
#[tokio::test]
async fn a_realm_that_wants_a_token_gives_none() {
    let guarded = Guarded::at_home();
    let challenge = challenge(&guarded.realm.url("/token"));
    guarded.realm.on("/token", Answer::status(401).header("WWW-Authenticate", challenge));
    assert_eq!(guarded.refusal("/it").await.class(), Class::Status(401));
    assert_eq!(guarded.realm.hits("/token"), 1);
}

#[tokio::test]
async fn a_realm_that_drips_meets_the_deadline() {
    let guarded = Guarded::at_home();
    let body = format!(r#"{{"token": "token-1"{}}}"#, " ".repeat(60_000));
    guarded.realm.on("/token", Answer::ok(body).dripping(500, Duration::from_millis(20)));
    let began = std::time::Instant::now();
    assert_eq!(guarded.refusal("/it").await.class(), Class::Stalled);
    assert!(began.elapsed() < 2 * SHORT.document);
}

#[tokio::test]
async fn a_realm_that_is_busy_is_left_alone_and_the_upstream_is_not() {
    let guarded = Guarded::elsewhere();
    guarded.realm.on("/token", Answer::status(429).header("Retry-After", "3"));
    let error = guarded.refusal("/it").await;
    let told = (error.class(), error.retry_after());
    assert_eq!(told, (Class::Status(429), Some(Duration::from_secs(3))));
    let error = guarded.refusal("/it").await;
    assert_eq!(error.class(), Class::Suspended);
    assert!(error.retry_after().is_some());
    assert_eq!(guarded.realm.hits("/token"), 1);
    guarded.bench.fake.on("/open", Answer::ok("hi"));
    guarded.page("/open").await;
}

#[tokio::test]
async fn what_cannot_be_followed_is_a_refusal() {
    let guarded = Guarded::at_home().with_credentials();
    let check = async |challenge: &str| {
        let answer = Answer::status(401).header("WWW-Authenticate", challenge);
        guarded.bench.fake.on("/it", answer);
        guarded.bench.fake.forget();
        let error = guarded.refusal("/it").await;
        assert_eq!(error.class(), Class::Status(401), "{challenge}");
        assert_eq!(guarded.bench.fake.total(), 1, "{challenge}");
        let shown = guarded.bench.fake.requests().remove(0);
        assert_eq!(shown.header("Authorization"), Some(BASIC));
    };
    check("Basic realm=\"demo\"").await;
    check("Bearer").await;
    check("Bearer realm=\"demo\"").await;
    check("Bearer realm=\"/token\"").await;
    check("Bearer realm=\"").await;
    check(&format!("Bearer realm=\"{}\"", "x".repeat(20_000))).await;
}

#[tokio::test]
async fn one_challenge_among_others() {
    let guarded = Guarded::at_home();
    let challenge = challenge(&guarded.realm.url("/token?a=b"));
    guarded.bench.fake.on_request("/it", move |request| match request.header("Authorization") {
        Some(_) => Answer::ok("hi"),
        None => Answer::status(401)
            .header("WWW-Authenticate", "Basic realm=\"a, b\"")
            .header("WWW-Authenticate", format!("Other, {challenge}, Negotiate")),
    });
    guarded.page("/it").await;
    let requests = guarded.realm.requests();
    let asked = requests.iter().find(|request| request.path() == "/token").expect("a request");
    assert!(asked.target().starts_with("/token?a=b&service="), "{}", asked.target());
}

/// Who was given a token by the operator is not known by any other.
#[tokio::test]
async fn a_token_of_the_operator_is_not_replaced() {
    let guarded = Guarded::at_home();
    let given = Credentials::Bearer("given".to_owned());
    let remote = guarded.bench.remote.clone().credentials(given).expect("a token");
    let guarded = Guarded { bench: Bench { remote, ..guarded.bench }, ..guarded };
    assert_eq!(guarded.refusal("/it").await.class(), Class::Status(401));
    assert_eq!(guarded.realm.hits("/token"), 0);
}

#[tokio::test]
async fn messages_keep_tokens() {
    let guarded = Guarded::at_home().with_credentials();
    guarded.realm.on("/token", token_answer("a-secret-token", 60));
    let error = guarded.refusal("/it").await;
    let shown = format!("{error} {error:?} {:?} {:?}", guarded.bench.client, guarded.bench.remote);
    assert!(!shown.contains("a-secret-token") && !shown.contains("a-password"), "{shown}");
    guarded.realm.on("/token", Answer::ok(r#"{"token": ["a-secret-token"], "a": "a-secret"}"#));
    let error = guarded.refusal("/it").await;
    let shown = format!("{error} {error:?} {:?}", cause(&error));
    assert!(!shown.contains("a-secret") && !shown.contains("a-password"), "{shown}");
}

fn cause(error: &FetchError) -> &FetchError {
    match error {
        FetchError::Token { source, .. } => source,
        other => panic!("not about a token: {other:?}"),
    }
}
