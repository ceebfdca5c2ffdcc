//! The pages on which people say who they are.

use provender_registry::{AccountChange, Password};

use super::*;

const PASSWORD: &str = "correct-horse";
/// Where a program on this machine waits for its code.
const PROGRAM: &str = "http://localhost:40000/auth/callback";

/// The value of the first field of this name on a page.
fn value(page: &str, name: &str) -> String {
    let field = page.split(&format!("name=\"{name}\"")).nth(1).expect("the field is there");
    let tag = field.split('>').next().unwrap();
    tag.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

async fn begin(server: &TestServer) -> Value {
    let answer = server.post_form("/-/oidc/device/code", &[("client_id", "sigstore")]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn poll(server: &TestServer, device: &Value) -> Value {
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", "sigstore"),
        ("device_code", device["device_code"].as_str().unwrap()),
    ];
    server.post_form("/-/oidc/token", &fields).await.json()
}

/// Signs in on the page; the page that asks for the answer.
async fn sign_in(server: &TestServer, user_code: &str, password: &str) -> Answer {
    let fields = [("user_code", user_code), ("account", "ada"), ("password", password)];
    server.post_form("/-/oidc/device", &fields).await
}

#[tokio::test]
async fn a_device_is_approved_or_refused() {
    let server = TestServer::start().await;
    server.account("ada", PASSWORD).await;
    for (answer, text, claim) in [("approve", "Approved", true), ("deny", "Refused", false)] {
        let device = begin(&server).await;
        let user_code = device["user_code"].as_str().unwrap();
        let page = server.get(&format!("/-/oidc/device?user_code={user_code}"), &[]).await;
        assert_eq!(value(&page.text(), "user_code"), user_code);
        let page = sign_in(&server, &user_code.to_lowercase(), PASSWORD).await;
        assert_eq!(page.status, 200, "{}", page.text());
        assert!(page.text().contains("127.0.0.1") && page.text().contains("sigstore"));
        let ticket = value(&page.text(), "ticket");
        let fields = [("ticket", ticket.as_str()), ("answer", answer)];
        let page = server.post_form("/-/oidc/device", &fields).await;
        assert!(page.status == 200 && page.text().contains(text), "{}", page.text());
        // A ticket is good once.
        assert_eq!(server.post_form("/-/oidc/device", &fields).await.status, 400);
        let answered = poll(&server, &device).await;
        match claim {
            true => {
                let claims = claims(answered["id_token"].as_str().unwrap());
                assert_eq!(claims["email"], "ada@people.example");
                assert_eq!(claims["email_verified"], true);
            }
            false => assert_eq!(answered["error"], "access_denied"),
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_approved_without_the_password() {
    let server = TestServer::start().await;
    server.account("ada", PASSWORD).await;
    let device = begin(&server).await;
    let user_code = device["user_code"].as_str().unwrap();
    let page = sign_in(&server, user_code, "wrong-horse").await;
    assert!(page.status == 403 && page.text().contains("no account"), "{}", page.text());
    assert!(!page.text().contains("wrong-horse") && !page.text().contains("ticket"));
    let page = sign_in(&server, "BBBB-BBBB", PASSWORD).await;
    assert!(page.status == 404 && page.text().contains("no device"), "{}", page.text());
    let guessed = [("ticket", "guessed"), ("answer", "approve")];
    assert_eq!(server.post_form("/-/oidc/device", &guessed).await.status, 400);
    assert_eq!(poll(&server, &device).await["error"], "authorization_pending");
    server.stop().await;
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let server = TestServer::start().await;
    server.account("ada", PASSWORD).await;
    let device = begin(&server).await;
    let user_code = device["user_code"].as_str().unwrap();
    let own = format!("http://{}", server.address);
    let check = async |fields: &[(&str, &str)], status: u16| {
        let form = [("user_code", user_code), ("account", "ada"), ("password", PASSWORD)];
        for path in ["/-/oidc/device", "/-/oidc/authorize"] {
            let body = encoded(&form);
            let answer = server.post_with(path, FORM, body.as_bytes(), fields).await;
            let expected = if path.ends_with("device") || status == 403 { status } else { 400 };
            assert_eq!(answer.status, expected, "{path} {fields:?}: {}", answer.text());
        }
    };
    check(&[("Sec-Fetch-Site", "cross-site")], 403).await;
    check(&[("Origin", "http://evil.example")], 403).await;
    check(&[("Origin", "null")], 403).await;
    check(&[("Origin", &own)], 200).await;
    check(&[("Origin", &own), ("Sec-Fetch-Site", "same-origin")], 200).await;
    server.stop().await;
}

#[tokio::test]
async fn pages_show_what_is_typed_and_run_nothing() {
    let server = TestServer::start().await;
    server.account("ada", PASSWORD).await;
    let path = "/-/oidc/device?user_code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    let page = server.get(path, &[]).await;
    assert!(page.status == 200 && !page.text().contains("<script"), "{}", page.text());
    let policy = page.field("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(page.field("cache-control").as_deref(), Some("no-store"));
    assert_eq!(page.field("referrer-policy").as_deref(), Some("same-origin"));
    assert!(page.field("set-cookie").is_none());
    server.stop().await;
}

/// A request for authorization, with its verifier's challenge.
fn authorization(verifier: &str, redirect_uri: &str) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    encoded(&[
        ("response_type", "code"),
        ("client_id", "sigstore"),
        ("redirect_uri", redirect_uri),
        ("state", "s t"),
        ("nonce", "n"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ])
}

#[tokio::test]
async fn a_program_on_this_machine_gets_a_code() {
    let server = TestServer::start().await;
    server.account("ada", PASSWORD).await;
    let verifier = "v".repeat(43);
    let redirect_uri = PROGRAM;
    let request = authorization(&verifier, redirect_uri);
    let page = server.get(&format!("/-/oidc/authorize?{request}"), &[]).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let policy = page.field("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' http://localhost:40000;"), "{policy}");
    let form = format!("{request}&{}", encoded(&[("account", "ada"), ("password", PASSWORD)]));
    let answer = server.post("/-/oidc/authorize", FORM, form.as_bytes()).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = url::Url::parse(&answer.field("location").unwrap()).unwrap();
    let pairs: Vec<(String, String)> = location.query_pairs().into_owned().collect();
    assert_eq!((pairs[1].0.as_str(), pairs[1].1.as_str()), ("state", "s t"));
    let redeem = async |code: &str| {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &verifier),
        ];
        let basic = format!("Basic {}", STANDARD.encode("sigstore:"));
        let head = [("Authorization", basic.as_str())];
        server.post_with("/-/oidc/token", FORM, encoded(&fields).as_bytes(), &head).await.json()
    };
    let answered = redeem(&pairs[0].1).await;
    let claims = claims(answered["id_token"].as_str().unwrap());
    assert_eq!((&claims["email"], &claims["nonce"]), (&json!("ada@people.example"), &json!("n")));
    assert_eq!(redeem(&pairs[0].1).await["error"], "invalid_grant");
    server.stop().await;
}

#[tokio::test]
async fn nobody_is_sent_elsewhere() {
    let server = TestServer::start().await;
    server.account("ada", PASSWORD).await;
    let who = encoded(&[("account", "ada"), ("password", PASSWORD)]);
    let check = async |redirect_uri: &str| {
        let request = authorization(&"v".repeat(43), redirect_uri);
        let page = server.get(&format!("/-/oidc/authorize?{request}"), &[]).await;
        assert_eq!(page.status, 400, "{redirect_uri}: {}", page.text());
        let form = format!("{request}&{who}");
        let answer = server.post("/-/oidc/authorize", FORM, form.as_bytes()).await;
        assert_eq!((answer.status, answer.field("location")), (400, None), "{redirect_uri}");
    };
    check("https://evil.example/").await;
    check("http://localhost.evil.example/").await;
    check("http://localhost@evil.example/").await;
    check("javascript:alert(1)").await;
    check("").await;
    let form = format!(
        "{}&account=ada&password=wrong",
        authorization(&"v".repeat(43), "http://127.0.0.1:1/")
    );
    let answer = server.post("/-/oidc/authorize", FORM, form.as_bytes()).await;
    assert_eq!((answer.status, answer.field("location")), (403, None));
    server.stop().await;
}

async fn change(server: &TestServer, change: AccountChange) {
    let operator = server.registry.operator();
    server.registry.change_account(&operator, "ada", change).await.unwrap();
}

fn disabled(disabled: bool) -> AccountChange {
    AccountChange { disabled: Some(disabled), ..Default::default() }
}

fn password(password: &str) -> AccountChange {
    AccountChange { password: Some(Password::new(password)), ..Default::default() }
}

fn email(email: &str) -> AccountChange {
    AccountChange { email: Some(email.to_owned()), ..Default::default() }
}

/// The page that asks ada for her answer, as its ticket.
async fn ticket(server: &TestServer, device: &Value) -> String {
    let page = sign_in(server, device["user_code"].as_str().unwrap(), PASSWORD).await;
    value(&page.text(), "ticket")
}

async fn approve(server: &TestServer, ticket: &str) -> u16 {
    let fields = [("ticket", ticket), ("answer", "approve")];
    server.post_form("/-/oidc/device", &fields).await.status
}

/// What ada, or somebody with her password, began before something happened to her account: an open
/// page, an approved device, a program's code, an identity token.
struct Begun {
    asked: Value,
    ticket: String,
    agreed: Value,
    code: String,
    identity: String,
}

impl Begun {
    async fn at(server: &TestServer) -> Self {
        let (asked, agreed, fetched) =
            (begin(server).await, begin(server).await, begin(server).await);
        for device in [&agreed, &fetched] {
            let ticket = ticket(server, device).await;
            assert_eq!(approve(server, &ticket).await, 200);
        }
        let identity = poll(server, &fetched).await["id_token"].as_str().unwrap().to_owned();
        Self {
            ticket: ticket(server, &asked).await,
            code: code(server).await,
            asked,
            agreed,
            identity,
        }
    }

    /// Nothing comes of any of it.
    async fn is_void(&self, server: &TestServer, what: &str) {
        let request = Key::new().certificate_request_of(&self.identity, "ada@people.example");
        let answer = server.post_json("/-/ca/api/v2/signingCert", &request).await;
        assert!(
            answer.status == 401 && answer.text().contains("has ended"),
            "{what}: {}",
            answer.text()
        );
        assert_eq!(approve(server, &self.ticket).await, 403, "{what}");
        assert_eq!(poll(server, &self.asked).await["error"], "authorization_pending", "{what}");
        assert_eq!(poll(server, &self.agreed).await["error"], "invalid_grant", "{what}");
        assert_eq!(redeem(server, &self.code).await["error"], "invalid_grant", "{what}");
    }
}

/// The code of a program that ada signed in to, not yet redeemed.
async fn code(server: &TestServer) -> String {
    let who = encoded(&[("account", "ada"), ("password", PASSWORD)]);
    let form = format!("{}&{who}", authorization(&"v".repeat(43), PROGRAM));
    let answer = server.post("/-/oidc/authorize", FORM, form.as_bytes()).await;
    let location = url::Url::parse(&answer.field("location").unwrap()).unwrap();
    let mut pairs = location.query_pairs();
    pairs.find(|(name, _)| name == "code").unwrap().1.into_owned()
}

async fn redeem(server: &TestServer, code: &str) -> Value {
    let verifier = "v".repeat(43);
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", "sigstore"),
        ("code", code),
        ("redirect_uri", PROGRAM),
        ("code_verifier", &verifier),
    ];
    server.post_form("/-/oidc/token", &fields).await.json()
}

#[tokio::test]
async fn what_an_account_agreed_to_is_void_at_once_and_for_ever() {
    let check = async |what: &str, changes: Vec<AccountChange>| {
        let server = TestServer::start().await;
        server.account("ada", PASSWORD).await;
        let begun = Begun::at(&server).await;
        for one in changes {
            change(&server, one).await;
        }
        begun.is_void(&server, what).await;
        server.stop().await;
    };
    check("disabled", vec![disabled(true)]).await;
    check("disabled, and enabled again", vec![disabled(true), disabled(false)]).await;
    check("another password", vec![password("another-horse")]).await;
    check("the same password, set again", vec![password(PASSWORD)]).await;
    let back = vec![email("ada@elsewhere.example"), email("ada@people.example")];
    check("another address and back", back).await;
}

#[tokio::test]
async fn who_signs_in_after_a_change_is_signed_in() {
    let server = TestServer::start().await;
    server.account("ada", PASSWORD).await;
    change(&server, password("another-horse")).await;
    change(&server, password(PASSWORD)).await;
    let begun = Begun::at(&server).await;
    // These end nothing: nobody else has had what opens the account.
    change(&server, disabled(false)).await;
    change(&server, email("ada@people.example")).await;
    assert_eq!(approve(&server, &begun.ticket).await, 200);
    assert!(poll(&server, &begun.agreed).await["id_token"].is_string());
    assert!(redeem(&server, &begun.code).await["id_token"].is_string());
    let request = Key::new().certificate_request_of(&begun.identity, "ada@people.example");
    let answer = server.post_json("/-/ca/api/v2/signingCert", &request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    server.stop().await;
}

#[tokio::test]
async fn whoever_gets_a_removed_accounts_name_is_somebody_else() {
    let server = TestServer::start().await;
    server.account("ada", PASSWORD).await;
    let begun = Begun::at(&server).await;
    let operator = server.registry.operator();
    server.registry.remove_account(&operator, "ada").await.unwrap();
    server.account("ada", PASSWORD).await;
    begun.is_void(&server, "removed, and made anew").await;
    server.stop().await;
}

/// A server that believes what comes from this machine about who its client is.
async fn behind_a_trusted_proxy() -> TestServer {
    TestServer::start_with(|options| {
        options.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    })
    .await
}

#[tokio::test]
async fn guesses_through_a_trusted_proxy_shut_out_nobody_else() {
    let server = behind_a_trusted_proxy().await;
    server.account("ada", PASSWORD).await;
    let sign_in = async |forwarded_for: &str, password: &str| {
        let form =
            encoded(&[("grant_type", "password"), ("username", "ada"), ("password", password)]);
        let fields = [("X-Forwarded-For", forwarded_for)];
        server.post_with("/-/oidc/token", FORM, form.as_bytes(), &fields).await.status
    };
    for _ in 0..5 {
        assert_eq!(sign_in("198.51.100.7", "wrong-horse").await, 400);
    }
    for forged in ["198.51.100.7", "203.0.113.9, 198.51.100.7", "127.0.0.1, 198.51.100.7"] {
        assert_eq!(sign_in(forged, PASSWORD).await, 503, "{forged}");
    }
    assert_eq!(sign_in("203.0.113.9", PASSWORD).await, 200);

    let told = server.events(2).await;
    let clients: Vec<_> = told.iter().map(|one| (&one["kind"], &one["client"])).collect();
    let expected = [
        (&json!("sign-in-refused"), &json!("198.51.100.7")),
        (&json!("signed-in"), &json!("203.0.113.9")),
    ];
    for one in expected {
        assert!(clients.contains(&one), "{one:?} {clients:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn devices_of_one_client_of_a_trusted_proxy_end_those_of_no_other() {
    let server = behind_a_trusted_proxy().await;
    let begin = async |forwarded_for: &str| {
        let form = encoded(&[("client_id", "sigstore")]);
        let fields = [("X-Forwarded-For", forwarded_for)];
        server.post_with("/-/oidc/device/code", FORM, form.as_bytes(), &fields).await.json()
    };
    let (device, other) = (begin("203.0.113.9").await, begin("198.51.100.7").await);
    for _ in 0..provender_authority::oidc::device::PENDING_PER_SOURCE_MAX {
        begin("198.51.100.7").await;
    }
    assert_eq!(poll(&server, &device).await["error"], "authorization_pending");
    assert_eq!(poll(&server, &other).await["error"], "invalid_grant");
    server.stop().await;
}

#[tokio::test]
async fn who_is_no_trusted_proxy_names_no_client() {
    let server = TestServer::start_with(|options| {
        options.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
    })
    .await;
    let form = encoded(&[("grant_type", "password"), ("username", "ada"), ("password", PASSWORD)]);
    let fields = [("X-Forwarded-For", "198.51.100.7")];
    server.post_with("/-/oidc/token", FORM, form.as_bytes(), &fields).await;
    assert_eq!(server.events(1).await[0]["client"], "127.0.0.1");
    server.stop().await;
}

#[tokio::test]
async fn who_signed_in_and_who_was_refused_is_told() {
    let server = TestServer::start().await;
    server.account("ada", PASSWORD).await;
    let password = |account: &'static str, password: &'static str| {
        [("grant_type", "password"), ("username", account), ("password", password)]
    };
    for _ in 0..3 {
        assert_eq!(
            server.post_form("/-/oidc/token", &password("ada", "wrong-horse")).await.status,
            400
        );
        assert_eq!(
            server.post_form("/-/oidc/token", &password("mallory", "wrong-horse")).await.status,
            400
        );
    }
    let answer = server.post_form("/-/oidc/token", &password("ada", PASSWORD)).await.json();
    let identity = answer["id_token"].as_str().unwrap().to_owned();
    let request = Key::new().certificate_request_of(&identity, "ada@people.example");
    let answer = server.post_json("/-/ca/api/v2/signingCert", &request).await.json();
    let chain = &answer["signedCertificateEmbeddedSct"]["chain"]["certificates"];
    assert_eq!(chain.as_array().unwrap().len(), 3);
    server.identity_token().await;
    let denied = begin(&server).await;
    let ticket = ticket(&server, &denied).await;
    let fields = [("ticket", ticket.as_str()), ("answer", "deny")];
    server.post_form("/-/oidc/device", &fields).await;

    let told = server.events(6).await;
    let of =
        |kind: &str| -> Vec<&Value> { told.iter().filter(|one| one["kind"] == kind).collect() };
    let refused = of("sign-in-refused");
    assert_eq!(refused.len(), 3, "once a minute for each: {told:?}");
    assert_eq!(refused[0]["detail"]["account"], "ada");
    assert!(refused.iter().any(|one| one["detail"].get("account").is_none()));
    assert!(
        !told
            .iter()
            .any(|one| one.to_string().contains("mallory") || one.to_string().contains("horse"))
    );
    let signed_in = of("signed-in");
    assert_eq!(
        signed_in[0]["detail"],
        json!({"account": "ada", "audience": "sigstore", "method": "password"})
    );
    let certificate = &of("certificate-issued")[0]["detail"];
    assert_eq!(certificate["identity"], "ada@people.example");
    assert_eq!(of("identity-issued")[0]["actor"]["kind"], "token");

    published(&server, "ct", 1).await;
    let by_serial = format!("serial={}", certificate["serial"].as_str().unwrap());
    for query in [by_serial.as_str(), "identity=ada%40people.example"] {
        let found = server.get(&format!("/-/api/v1/log/certificates?{query}"), &[]).await.json();
        assert_eq!(found["items"][0]["serial"], certificate["serial"], "{found}");
        assert_eq!(found["items"][0]["identities"], json!(["ada@people.example"]));
    }
    let nothing = server.get("/-/api/v1/log/certificates?identity=mallory", &[]).await.json();
    assert_eq!(nothing["items"], json!([]));
    for query in ["", "?serial=xyz", "?serial=1", "?serial=01&identity=ada"] {
        let path = format!("/-/api/v1/log/certificates{query}");
        assert_eq!(server.get(&path, &[]).await.status, 400, "{query}");
    }
    let logs = server.get("/-/api/v1/logs", &[]).await.json();
    let key = logs["items"][1]["key"].as_str().unwrap();
    assert!(key.starts_with("localhost/-/ct+"), "{key}");
    server.stop().await;
}
