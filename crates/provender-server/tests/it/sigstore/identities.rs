//! The token endpoint.

use super::*;

#[tokio::test]
async fn a_token_becomes_an_identity() {
    let server = TestServer::start().await;
    let issuer = server.get("/-/oidc/.well-known/openid-configuration", &[]).await.json();
    let issuer = issuer["issuer"].as_str().unwrap().to_owned();
    let origin = issuer.strip_suffix("/-/oidc").unwrap();
    let check = async |fields: &[(&str, &str)], head: &[(&str, &str)], audience: &str| {
        let body = encoded(fields);
        let answer = server.post_with("/-/oidc/token", FORM, body.as_bytes(), head).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"));
        let said = answer.json();
        assert_eq!(said["id_token"], said["access_token"]);
        let claims = claims(said["id_token"].as_str().unwrap());
        assert_eq!(claims["iss"], issuer.as_str());
        assert_eq!(claims["sub"], format!("{origin}/-/tokens/test"));
        assert_eq!(claims["aud"], audience);
    };
    let token = server.token.as_str();
    let exchange = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", token),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
    ];
    check(&exchange, &[], "sigstore").await;
    check(&[&exchange[..], &[("audience", "other")]].concat(), &[], "other").await;
    let credentials = [("grant_type", "client_credentials")];
    let basic = format!("Basic {}", STANDARD.encode(format!("sigstore:{token}")));
    check(&credentials, &[("Authorization", &basic)], "sigstore").await;
    check(&[&credentials[..], &[("client_secret", token)]].concat(), &[], "sigstore").await;
    server.stop().await;
}

#[tokio::test]
async fn names_of_tokens_are_written_so_that_they_are_one_segment() {
    let server = TestServer::start().await;
    let request = provender_registry::NewToken {
        name: "ci/acme & co?".to_owned(),
        repository: None,
        scope: Scope::Publish,
        pattern: None,
        lifetime: None,
    };
    let created = server.registry.create_token(&server.registry.operator(), request).await;
    let secret = created.unwrap().secret;
    let fields = [("grant_type", "client_credentials"), ("client_secret", &secret)];
    let answer = server.post_form("/-/oidc/token", &fields).await.json();
    let subject = claims(answer["id_token"].as_str().unwrap())["sub"].as_str().unwrap().to_owned();
    assert!(subject.ends_with("/-/tokens/ci%2Facme%20%26%20co%3F"), "{subject}");
    server.stop().await;
}

#[tokio::test]
async fn an_identity_ends_with_the_token_that_it_is_of() {
    let server = TestServer::start().await;
    let token = server.identity_token().await;
    let request = Key::new().certificate_request(&token);
    let certify = async || server.post_json("/-/ca/api/v2/signingCert", &request).await;
    assert_eq!(certify().await.status, 200);
    let operator = server.registry.operator();
    let id = server.registry.tokens(&operator).unwrap().remove(0).id;
    assert_eq!(claims(&token)["provender_token"], id.0);
    server.registry.revoke_token(&operator, &id.0).await.unwrap();
    // Another of the same name has the same identity, and does not revive it.
    let follower = server.token(Scope::Publish, None).await;
    let fields = [("grant_type", "client_credentials"), ("client_secret", follower.as_str())];
    let answer = server.post_form("/-/oidc/token", &fields).await.json();
    assert_eq!(claims(answer["id_token"].as_str().unwrap())["sub"], claims(&token)["sub"]);
    let answer = certify().await;
    assert!(answer.status == 401 && answer.text().contains("has ended"), "{}", answer.text());
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_grant_gives_no_token() {
    let server = TestServer::start().await;
    server.account("ada", "correct-horse").await;
    let check = async |body: &str, status: u16, error: &str| {
        let answer = server.post("/-/oidc/token", FORM, body.as_bytes()).await;
        let said = answer.json();
        assert_eq!(
            (answer.status, said["error"].as_str()),
            (status, Some(error)),
            "{body}: {said}"
        );
        assert!(said["error_description"].is_string() && said["id_token"].is_null(), "{said}");
    };
    let reader = server.token(Scope::Read, None).await;
    let credentials = "grant_type=client_credentials";
    check("", 400, "invalid_request").await;
    check("grant_type=implicit", 400, "unsupported_grant_type").await;
    check(credentials, 400, "invalid_request").await;
    check(&format!("{credentials}&client_secret=pvd_a_b"), 401, "invalid_client").await;
    check(&format!("{credentials}&client_secret={reader}"), 403, "access_denied").await;
    check(&format!("{credentials}&{credentials}"), 400, "invalid_request").await;
    let password = "grant_type=password&username=ada&password";
    check(&format!("{password}=wrong-horse"), 400, "invalid_grant").await;
    check("grant_type=password&username=bob&password=x", 400, "invalid_grant").await;
    let device = "grant_type=urn:ietf:params:oauth:grant-type:device_code";
    check(&format!("{device}&client_id=a&device_code=b"), 400, "invalid_grant").await;
    let code = "grant_type=authorization_code&client_id=a&code=b&code_verifier=c";
    check(&format!("{code}&redirect_uri=http://localhost/"), 400, "invalid_grant").await;
    let answer = server.post("/-/oidc/token", JSON, b"{}").await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_request")));
    let large = format!("{password}={}", "a".repeat(70_000));
    check(&large, 413, "invalid_request").await;
    server.stop().await;
}

#[tokio::test]
async fn guessing_a_password_ends_soon() {
    let server = TestServer::start().await;
    server.account("ada", "correct-horse").await;
    let guess = async |password: &str| {
        let fields = [("grant_type", "password"), ("username", "ada"), ("password", password)];
        server.post_form("/-/oidc/token", &fields).await
    };
    assert_eq!(guess("correct-horse").await.status, 200);
    for _ in 0..100 {
        let answer = guess("wrong-horse").await;
        if answer.status == 503 {
            assert!(answer.field("retry-after").is_some());
            // Not even the right one is looked at now, or its answer would tell.
            assert_eq!(guess("correct-horse").await.status, 503);
            server.stop().await;
            return;
        }
        assert_eq!(answer.status, 400);
    }
    panic!("a hundred guesses were taken");
}
