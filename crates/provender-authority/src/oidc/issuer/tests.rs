use std::sync::Arc;

use jiff::SignedDuration;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use super::super::testing::{NOW, at, issuer};
use super::super::{Issuer, IssuerUrl, TokenSubject};
use super::MintError;
use crate::keys::{KeyAlgorithm, SigningKey};

fn person() -> TokenSubject {
    TokenSubject::Person {
        account: "ada".to_owned(),
        email: "ada@corp.example".to_owned(),
        since_microseconds: 1,
    }
}

/// The claims, as an implementation of somebody else's reads and checks the token.
fn as_others_read_it(issuer: &Issuer, token: &str) -> Value {
    let header = decode_header(token).unwrap();
    let keys: jsonwebtoken::jwk::JwkSet =
        serde_json::from_value(serde_json::to_value(issuer.keys()).unwrap()).unwrap();
    let key = keys.find(&header.kid.unwrap()).unwrap();
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.set_audience(&["sigstore"]);
    validation.set_issuer(&[issuer.url().as_str()]);
    decode(token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims
}

#[test]
fn others_read_what_it_says() {
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519] {
        let url = IssuerUrl::new("http://localhost:1234/-/oidc").unwrap();
        let issuer = Issuer::new(
            url,
            Arc::new(SigningKey::generate(algorithm).unwrap()),
            SignedDuration::from_mins(5),
        );
        let token = issuer.mint(&person(), "sigstore", Some("n"), at(0)).unwrap();
        let expected = json!({
            "iss": "http://localhost:1234/-/oidc", "sub": "ada", "aud": "sigstore",
            "iat": NOW, "nbf": NOW - 30, "exp": NOW + 300, "nonce": "n",
            "email": "ada@corp.example", "email_verified": true,
            "provender_account_since": 1,
        });
        assert_eq!(as_others_read_it(&issuer, &token), expected);
    }
}

#[test]
fn a_machine_has_no_address() {
    let issuer = issuer();
    let uri = "https://registry.example/-/tokens/ci".to_owned();
    let token = issuer.mint(
        &TokenSubject::Machine { uri: uri.clone(), token: "0a1b".to_owned() },
        "sigstore",
        None,
        at(0),
    );
    let claims = as_others_read_it(&issuer, &token.unwrap());
    assert_eq!((&claims["sub"], &claims["provender_token"]), (&json!(uri), &json!("0a1b")));
    assert!(claims.get("email").is_none() && claims.get("nonce").is_none());
}

#[test]
fn every_signature_has_its_full_length() {
    // Numbers that begin with zeros are shorter in ASN.1: one in 128 tokens shows whether they are filled up.
    let issuer = issuer();
    for second in 0..600 {
        let token = issuer.mint(&person(), "sigstore", None, at(second)).unwrap();
        as_others_read_it(&issuer, &token);
    }
}

#[test]
fn names_that_no_certificate_can_hold_are_refused() {
    let issuer = issuer();
    let check = |subject: TokenSubject| {
        let minted = issuer.mint(&subject, "sigstore", None, at(0));
        assert!(matches!(minted, Err(MintError::Subject)), "{subject:?}");
    };
    check(TokenSubject::Person {
        account: "ada".to_owned(),
        email: "ada".to_owned(),
        since_microseconds: 1,
    });
    check(TokenSubject::Person {
        account: String::new(),
        email: "ada@corp.example".to_owned(),
        since_microseconds: 1,
    });
    check(TokenSubject::Machine { uri: "no uri".to_owned(), token: "0a1b".to_owned() });
    check(TokenSubject::Machine { uri: String::new(), token: "0a1b".to_owned() });
    let long = "x".repeat(513);
    for (audience, nonce) in
        [("", None), (long.as_str(), None), ("a", Some("")), ("a", Some(&*long))]
    {
        assert!(matches!(issuer.mint(&person(), audience, nonce, at(0)), Err(MintError::Text)));
    }
}

#[test]
fn the_discovery_document_says_where_everything_is() {
    let issuer = issuer();
    let document = serde_json::to_value(issuer.discovery()).unwrap();
    let check = |name: &str, expected: Value| assert_eq!(document[name], expected, "{name}");
    check("issuer", json!("https://registry.example/-/oidc"));
    check("jwks_uri", json!("https://registry.example/-/oidc/keys"));
    check("token_endpoint", json!("https://registry.example/-/oidc/token"));
    check("authorization_endpoint", json!("https://registry.example/-/oidc/authorize"));
    check("device_authorization_endpoint", json!("https://registry.example/-/oidc/device/code"));
    check("id_token_signing_alg_values_supported", json!(["ES256"]));
    check("code_challenge_methods_supported", json!(["S256"]));
}

#[test]
fn the_key_set_holds_nothing_private() {
    let keys = serde_json::to_value(issuer().keys()).unwrap();
    let key = keys["keys"][0].as_object().unwrap();
    let mut names: Vec<&str> = key.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
}
