use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Challenge, Grant, OAuthErrorCode, Secret, TokenAnswer, TokenRequest};

fn request(value: Value) -> TokenRequest {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_grant_is_read_with_all_that_belongs_to_it() {
    let check = |value: Value, expected: &str| {
        let found = match request(value.clone()).grant("sigstore") {
            Ok(Grant::Password { audience, .. }) => format!("password for {audience}"),
            Ok(Grant::DeviceCode { client_id, .. }) => format!("device code of {client_id}"),
            Ok(Grant::AuthorizationCode { client_id, .. }) => format!("code of {client_id}"),
            Ok(Grant::ServerToken { token, audience }) => {
                format!("token {} for {audience}", token.expose())
            }
            Err(error) => format!("{}: {error}", error.error.as_str()),
        };
        assert!(found.starts_with(expected), "{value}: {found}");
    };
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    check(
        json!({"grant_type": "password", "username": "a", "password": "b"}),
        "password for sigstore",
    );
    check(
        json!({"grant_type": "password", "username": "a", "password": "b", "audience": "x"}),
        "password for x",
    );
    check(json!({"grant_type": "password", "username": "a"}), "invalid_request: password");
    check(json!({"grant_type": device, "client_id": "c", "device_code": "d"}), "device code of c");
    check(json!({"grant_type": device, "device_code": "d"}), "invalid_request: client_id");
    check(
        json!({"grant_type": "authorization_code", "client_id": "c", "code": "x",
               "redirect_uri": "http://localhost/", "code_verifier": "v"}),
        "code of c",
    );
    check(
        json!({"grant_type": "authorization_code", "client_id": "c", "code": "x",
               "redirect_uri": "http://localhost/"}),
        "invalid_request: code_verifier",
    );
    check(
        json!({"grant_type": "client_credentials", "client_secret": "t"}),
        "token t for sigstore",
    );
    check(
        json!({"grant_type": exchange, "subject_token": "t", "audience": ""}),
        "token t for sigstore",
    );
    check(json!({"grant_type": exchange}), "invalid_request: subject_token");
    check(json!({"grant_type": "implicit"}), "unsupported_grant_type");
    check(json!({}), "invalid_request: grant_type");
    check(
        json!({"grant_type": "password", "username": "a".repeat(1025), "password": "b"}),
        "invalid_request: username",
    );
}

#[test]
fn secrets_do_not_show() {
    let request =
        request(json!({"password": "hunter2", "device_code": "hunter2", "code": "hunter2",
        "client_secret": "hunter2", "subject_token": "hunter2", "code_verifier": "hunter2"}));
    assert!(!format!("{request:?}").contains("hunter2"));
    assert!(
        !format!("{:?}", TokenAnswer::new("hunter2".to_owned(), SignedDuration::from_mins(5)))
            .contains("hunter2")
    );
}

#[test]
fn answers_are_written_as_clients_read_them() {
    let answer =
        serde_json::to_value(TokenAnswer::new("t".to_owned(), SignedDuration::from_mins(5)))
            .unwrap();
    assert_eq!(answer["access_token"], "t");
    assert_eq!(answer["id_token"], "t");
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 300);
    let error = request(json!({})).grant("sigstore").unwrap_err();
    let written = serde_json::to_value(&error).unwrap();
    assert_eq!(written["error"], "invalid_request");
    assert_eq!(written["error_description"], error.to_string());
    for code in [
        OAuthErrorCode::AuthorizationPending,
        OAuthErrorCode::SlowDown,
        OAuthErrorCode::ExpiredToken,
    ] {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}

#[test]
fn the_challenge_is_that_of_the_rfc() {
    // RFC 7636, appendix B.
    let challenge =
        Challenge::new("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", Some("S256")).unwrap();
    let check = |verifier: &str, expected: bool| {
        assert_eq!(
            challenge.was_made_of(&Secret::from(verifier.to_owned())),
            expected,
            "{verifier}"
        );
    };
    check("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", true);
    check("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXj", false);
    check("", false);
    assert!(Challenge::new("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", Some("plain")).is_err());
    assert!(Challenge::new("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", None).is_err());
    assert!(Challenge::new("short", Some("S256")).is_err());
}
