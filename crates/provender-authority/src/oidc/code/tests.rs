use url::Url;

use super::super::TokenSubject;
use super::super::grant::{OAuthError, OAuthErrorCode, Secret};
use super::super::testing::at;
use super::{Authorization, AuthorizationRequest, CodeGrants};

const REDIRECT: &str = "http://localhost:4711/auth/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn request() -> AuthorizationRequest {
    let text = |text: &str| Some(text.to_owned());
    AuthorizationRequest {
        response_type: text("code"),
        client_id: text("sigstore"),
        redirect_uri: text(REDIRECT),
        scope: text("openid email"),
        state: text("a state&more"),
        nonce: text("n"),
        code_challenge: text("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        code_challenge_method: text("S256"),
    }
}

fn authorization() -> Authorization {
    request().check().unwrap()
}

fn ada() -> TokenSubject {
    TokenSubject::Person {
        account: "ada".to_owned(),
        email: "ada@corp.example".to_owned(),
        since_microseconds: 1,
    }
}

fn parameter(redirect: &str, name: &str) -> Option<String> {
    let url = Url::parse(redirect).unwrap();
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

fn code_of(redirect: &str) -> Secret {
    Secret::from(parameter(redirect, "code").unwrap())
}

#[test]
fn a_code_is_exchanged_once() {
    let grants = CodeGrants::default();
    let redirect = grants.approve(&authorization(), ada(), at(0)).unwrap();
    assert!(redirect.starts_with(REDIRECT));
    assert_eq!(parameter(&redirect, "state").as_deref(), Some("a state&more"));
    let verifier = Secret::from(VERIFIER.to_owned());
    let redeem = || grants.redeem("sigstore", &code_of(&redirect), REDIRECT, &verifier, at(1));
    let granted = redeem().unwrap();
    assert_eq!((granted.subject, granted.nonce.as_deref()), (ada(), Some("n")));
    assert_eq!(redeem().unwrap_err().error, OAuthErrorCode::InvalidGrant);
}

#[test]
fn a_code_is_of_no_use_to_others() {
    let check = |client: &str, redirect_uri: &str, verifier: &str, seconds: i64, expected: bool| {
        let grants = CodeGrants::default();
        let redirect = grants.approve(&authorization(), ada(), at(0)).unwrap();
        let verifier = Secret::from(verifier.to_owned());
        let found =
            grants.redeem(client, &code_of(&redirect), redirect_uri, &verifier, at(seconds));
        assert_eq!(found.is_ok(), expected, "{client} {redirect_uri} {seconds}");
    };
    check("sigstore", REDIRECT, VERIFIER, 59, true);
    check("sigstore", REDIRECT, VERIFIER, 60, false);
    check("sigstore", REDIRECT, VERIFIER, -3600, false);
    check("other", REDIRECT, VERIFIER, 1, false);
    check("sigstore", "http://localhost:4712/auth/callback", VERIFIER, 1, false);
    check("sigstore", REDIRECT, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXj", 1, false);
    check("sigstore", REDIRECT, "", 1, false);
}

#[test]
fn the_browser_is_sent_nowhere_else() {
    let check = |redirect: &str, expected: bool| {
        let request = AuthorizationRequest { redirect_uri: Some(redirect.to_owned()), ..request() };
        assert_eq!(request.check().is_ok(), expected, "{redirect}");
    };
    check("http://localhost:1/auth/callback", true);
    check("http://127.0.0.1:1/", true);
    check("http://[::1]:1/", true);
    check("http://localhost/?kept=1", true);
    check("http://evil.example/", false);
    check("http://a.localhost/", true);
    check("http://a;sandbox;b.localhost/", false);
    check("http://a,b.localhost/", false);
    check("http://*.localhost/", false);
    check("http://localhost.evil.example/", false);
    check("http://localhost@evil.example/", false);
    check("http://evil.example#@localhost", false);
    check("http://user@localhost/", false);
    check("https://evil.example/", false);
    check("javascript:alert(1)", false);
    check("/callback", false);
    check("", false);
}

#[test]
fn requests_that_prove_nothing_are_refused() {
    let check = |request: AuthorizationRequest, expected: OAuthErrorCode| {
        assert_eq!(request.check().unwrap_err().error, expected);
    };
    check(
        AuthorizationRequest { response_type: Some("token".to_owned()), ..request() },
        OAuthErrorCode::UnsupportedResponseType,
    );
    check(
        AuthorizationRequest { code_challenge: None, ..request() },
        OAuthErrorCode::InvalidRequest,
    );
    check(
        AuthorizationRequest { code_challenge_method: Some("plain".to_owned()), ..request() },
        OAuthErrorCode::InvalidRequest,
    );
    check(AuthorizationRequest { client_id: None, ..request() }, OAuthErrorCode::InvalidRequest);
    check(
        AuthorizationRequest { state: Some("x".repeat(2000)), ..request() },
        OAuthErrorCode::InvalidRequest,
    );
}

#[test]
fn a_refusal_goes_back_to_the_program() {
    let error = OAuthError::new(OAuthErrorCode::AccessDenied, "no, thanks");
    let redirect = authorization().refused(&error);
    assert_eq!(parameter(&redirect, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&redirect, "error_description").as_deref(), Some("no, thanks"));
    assert_eq!(parameter(&redirect, "state").as_deref(), Some("a state&more"));
    assert_eq!(parameter(&redirect, "code"), None);
}
