//! The pages on which people say who they are.

use super::*;

const PASSWORD: &str = "correct-horse";

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
    let redirect_uri = "http://localhost:40000/auth/callback";
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
