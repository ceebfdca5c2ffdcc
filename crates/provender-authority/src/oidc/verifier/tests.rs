use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::jws::Algorithm;
use super::super::testing::{Documents, Foreign, NOW, at, issuer};
use super::super::{Issuer, IssuerUrl, JwkSet, San, TokenSubject, TrustedIssuer};
use super::{KeySource, KeySourceError, TokenError, VerifiedIdentity, Verifier};
use crate::keys::{KeyAlgorithm, SigningKey};

const CI: &str = "https://ci.example";

struct World {
    own: Arc<Issuer>,
    ci: Foreign,
    documents: Arc<Documents>,
    verifier: Verifier,
}

fn trusted(url: &str, rules: &Value) -> TrustedIssuer {
    serde_json::from_value(json!({
        "url": url, "rules": rules,
        "claims": {"subject": {"uri": "https://ci.example/jobs/{sub}"}, "extensions": {"build-trigger": "{cause}"}},
    }))
    .unwrap()
}

fn world() -> World {
    let (own, ci) = (issuer(), Foreign::new(CI, KeyAlgorithm::EcdsaP256));
    let documents = Arc::new(Documents::default());
    documents.put_issuer(CI, &ci.keys());
    let verifier = Verifier::new(Arc::clone(&own), "sigstore", Arc::clone(&documents) as _);
    verifier.trust(vec![trusted(CI, &json!([{"sub": "some*"}]))]);
    World { own, ci, documents, verifier }
}

impl World {
    fn verify_at(&self, token: &str, seconds: i64) -> Result<VerifiedIdentity, TokenError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.verifier.verify(token, at(seconds)))
    }

    /// The name of the condition, or of the identity.
    fn told(&self, token: &str, seconds: i64) -> String {
        match self.verify_at(token, seconds) {
            Ok(identity) => identity.san.to_string(),
            Err(error) => {
                let debug = format!("{error:?}");
                debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
            }
        }
    }
}

/// Claims with one changed; `null` removes it.
fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

#[test]
fn a_trusted_issuers_token_becomes_an_identity() {
    let world = world();
    let token = world.ci.token(&with(&world.ci.claims(), "cause", json!("push")));
    let identity = world.verify_at(&token, 0).unwrap();
    assert_eq!(identity.issuer.as_str(), CI);
    assert_eq!(identity.subject, "someone");
    assert_eq!(identity.san, San::Uri("https://ci.example/jobs/someone".to_owned()));
    assert_eq!(identity.extensions, [(super::Extension::BuildTrigger, "push".to_owned())]);
    assert_eq!(identity.expires, at(300));
    assert_eq!(identity.challenge(), "someone");
}

#[test]
fn each_claim_is_checked() {
    let world = world();
    let good = world.ci.claims();
    let check = |name: &str, value: Value, expected: &str| {
        let token = world.ci.token(&with(&good, name, value.clone()));
        assert_eq!(world.told(&token, 0), expected, "{name} {value}");
    };
    let fine = "https://ci.example/jobs/someone";
    check("aud", json!("sigstore"), fine);
    check("aud", json!(["other", "sigstore"]), fine);
    check("aud", json!("other"), "Audience");
    check("aud", json!(["other"]), "Audience");
    check("aud", json!("sigstore "), "Audience");
    check("aud", json!([["sigstore"]]), "Audience");
    check("aud", Value::Null, "Audience");
    check("exp", json!(NOW - 59), fine);
    check("exp", json!(NOW - 60), "Expired");
    check("exp", json!(NOW - 86_400), "Expired");
    check("exp", json!("tomorrow"), "Expired");
    check("exp", json!(-1), "Expired");
    check("exp", json!(1e300), "Expired");
    check("exp", Value::Null, "Expired");
    check("nbf", json!(NOW + 60), fine);
    check("nbf", json!(NOW + 61), "NotYetValid");
    check("nbf", json!("now"), "NotYetValid");
    check("iat", json!(NOW + 61), "NotYetValid");
    check("iat", Value::Null, fine);
    check("iss", json!("https://ci.example/"), "ForeignIssuer");
    check("iss", json!("https://CI.example"), "ForeignIssuer");
    check("iss", json!("https://other.example"), "ForeignIssuer");
    check("iss", json!(7), "ForeignIssuer");
    check("iss", Value::Null, "ForeignIssuer");
    check("sub", json!("other"), "NotAllowed");
    check("sub", json!(""), "NoSubject");
    check("sub", json!(["someone"]), "NoSubject");
    check("sub", Value::Null, "NoSubject");
    check("sub", json!("some".repeat(600)), "BadSubject");
    check("sub", json!("some one"), "BadSubject");
}

#[test]
fn each_part_of_a_token_is_checked() {
    let world = world();
    let token = world.ci.token(&world.ci.claims());
    let parts: Vec<&str> = token.split('.').collect();
    let [head, body, signature] = parts[..] else { panic!("three parts") };
    let (kid, claims) = (&world.ci.kid, world.ci.claims().to_string());
    let check =
        |token: String, expected: &str| assert_eq!(world.told(&token, 0), expected, "{token}");
    let with_head = |json: &str| format!("{}.{body}.{signature}", encoded(json));
    check(with_head(r#"{"alg":"none"}"#), "Unsigned");
    check(format!("{}.{body}.", encoded(r#"{"alg":"none"}"#)), "Unsigned");
    check(with_head(r#"{"alg":"nOnE"}"#), "Unsigned");
    check(with_head(r#"{"alg":"HS256"}"#), "SharedSecret");
    check(with_head(r#"{"alg":"ES256K"}"#), "Algorithm");
    check(with_head(r#"{"alg":""}"#), "Algorithm");
    check(with_head(r#"{"alg":["ES256"]}"#), "Syntax");
    check(with_head("{}"), "Syntax");
    check(
        with_head(&format!(r#"{{"alg":"ES256","kid":"{kid}","crit":["b64"],"b64":false}}"#)),
        "Syntax",
    );
    check(with_head(r#"{"alg":"none","alg":"ES256"}"#), "Duplicate");
    check(with_head(r#"{"alg":"ES256","kid":"other"}"#), "UnknownKey");
    check(with_head(&format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#)), "UnknownKey");
    check(with_head(&format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#)), "UnknownKey");
    check(with_head(&format!(r#"{{"alg":"ES256","kid":"{kid}","x":1}}"#)), "Signature");
    let twice = claims.replacen('{', r#"{"sub":"someone","#, 1);
    check(format!("{head}.{}.{signature}", encoded(&twice)), "Duplicate");
    check(
        format!("{head}.{}.{signature}", encoded(&claims.replace("someone", "someone2"))),
        "Signature",
    );
    check(format!("{head}.{}.{signature}", encoded("[]")), "Syntax");
    check(format!("{head}.{body}."), "Signature");
    check(format!("{head}.{body}.{signature}="), "Syntax");
    check(format!("{head}.{body}.{signature}.x"), "Syntax");
    check(format!("{head}.{body}"), "Syntax");
    check(format!(" {token}"), "Syntax");
    check("..".to_owned(), "Syntax");
    check(String::new(), "Syntax");
    check("x".repeat(20_000), "TooLong");
}

#[test]
fn any_one_bit_of_the_signature_counts() {
    let world = world();
    let token = world.ci.token(&world.ci.claims());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(changed));
        assert_eq!(world.told(&token, 0), "Signature", "{bit}");
    }
}

#[test]
fn any_one_letter_of_a_token_counts() {
    let world = world();
    let token = world.ci.token(&world.ci.claims());
    for at in 0..token.len() {
        for letter in ['A', 'e', '_', '.', '=', ' '] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, letter.encode_utf8(&mut [0; 4]));
            if changed != token {
                assert!(world.verify_at(&changed, 0).is_err(), "{at} {letter}");
            }
        }
    }
}

#[test]
fn an_address_that_nobody_verified_is_no_claim() {
    let world = world();
    let mut entry = trusted(CI, &json!([{"email": "*@corp.example"}]));
    entry.claims = serde_json::from_value(json!({"subject": {"uri": "mailto:{email}"}})).unwrap();
    world.verifier.trust(vec![entry]);
    let claims = with(&world.ci.claims(), "email", json!("ada@corp.example"));
    let check = |verified: Value, expected: &str| {
        let token = world.ci.token(&with(&claims, "email_verified", verified));
        assert_eq!(world.told(&token, 0), expected);
    };
    check(json!(true), "mailto:ada@corp.example");
    check(json!("true"), "mailto:ada@corp.example");
    check(json!(false), "NotAllowed");
    check(json!("yes"), "NotAllowed");
    check(json!([true]), "NotAllowed");
    check(Value::Null, "NotAllowed");
}

#[test]
fn another_issuers_key_does_not_sign_for_this_one() {
    let world = world();
    let other =
        Foreign { url: CI, kid: world.ci.kid.clone(), ..Foreign::new(CI, KeyAlgorithm::EcdsaP256) };
    assert_eq!(world.told(&other.token(&other.claims()), 0), "Signature");
    // Nor does ours, which is at hand.
    let claims = with(&world.ci.claims(), "iss", json!(world.own.url()));
    assert_eq!(world.told(&world.ci.token(&claims), 0), "UnknownKey");
}

#[test]
fn our_own_tokens_need_no_rule() {
    let world = world();
    let check = |subject: TokenSubject, audience: &str, seconds: i64, expected: &str| {
        let token = world.own.mint(&subject, audience, None, at(0)).unwrap();
        assert_eq!(world.told(&token, seconds), expected);
    };
    let ada = TokenSubject::Person {
        account: "ada".to_owned(),
        email: "ada@corp.example".to_owned(),
        since_microseconds: 1,
    };
    let uri = "https://registry.example/main";
    let machine = TokenSubject::Machine { uri: uri.to_owned(), token: "0a1b".to_owned() };
    check(ada.clone(), "sigstore", 0, "ada@corp.example");
    check(ada.clone(), "other", 0, "Audience");
    check(ada.clone(), "sigstore", 359, "ada@corp.example");
    check(ada.clone(), "sigstore", 360, "Expired");
    check(ada.clone(), "sigstore", -91, "NotYetValid");
    check(machine, "sigstore", 0, uri);
    assert_eq!(world.documents.requests(), 0);
    let token = world.own.mint(&ada, "sigstore", None, at(0)).unwrap();
    assert_eq!(world.verify_at(&token, 0).unwrap().challenge(), "ada@corp.example");
}

#[test]
fn nobody_elses_word_gives_a_name_of_ours() {
    let mut world = world();
    let former = "http://former.example:8080/-/log".to_owned();
    world.verifier = world.verifier.formerly_at(vec![former]);
    let mut entry: Value = serde_json::to_value(trusted(CI, &json!([{"sub": "**"}]))).unwrap();
    entry["claims"] = json!({"subject": {"uri": "{sub}"}});
    world.verifier.trust(vec![serde_json::from_value(entry).unwrap()]);
    let check = |subject: &str, expected: &str| {
        let claims = with(&world.ci.claims(), "sub", json!(subject));
        assert_eq!(world.told(&world.ci.token(&claims), 0), expected);
    };
    let origin = world.own.url().as_str().strip_suffix("/-/oidc").unwrap().to_owned();
    check(&format!("{origin}/main"), "OwnName");
    check(&format!("{origin}/-/tokens/ci"), "OwnName");
    check(&origin.replace("registry", "ReGistry"), "OwnName");
    check("http://former.example:8080/main", "OwnName");
    check(&format!("{}/main", origin.replace("://", "://ada@")), "OwnName");
    // As people read it, and as others look it up.
    let name = origin.strip_prefix("https://").unwrap();
    for scheme in ["http", "https", "ssh"] {
        check(&format!("{scheme}://{name}./main"), "OwnName");
        check(&format!("{scheme}://{name}/main"), "OwnName");
    }
    for other in [format!("{origin}.example/main"), "https://ci.example/main".to_owned()] {
        check(&other, &other);
    }
}

#[test]
fn an_entry_with_our_own_name_has_no_effect() {
    let world = world();
    let mut entry = trusted(world.own.url().as_str(), &json!([{"sub": "**"}]));
    entry.keys = Some(world.ci.keys());
    world.verifier.trust(vec![entry]);
    let claims = with(&world.ci.claims(), "iss", json!(world.own.url()));
    assert_eq!(world.told(&world.ci.token(&claims), 0), "UnknownKey");
}

#[test]
fn keys_are_fetched_once_and_again_when_a_new_one_appears() {
    let mut world = world();
    let fine = "https://ci.example/jobs/someone";
    let token = world.ci.token(&world.ci.claims());
    assert_eq!((world.told(&token, 0).as_str(), world.documents.requests()), (fine, 2));
    assert_eq!((world.told(&token, 10).as_str(), world.documents.requests()), (fine, 2));
    // The issuer changes its key. Too early to ask: the new one is unknown.
    world.ci = Foreign::new(CI, KeyAlgorithm::Ed25519);
    world.documents.put_issuer(CI, &world.ci.keys());
    let next = world.ci.token(&world.ci.claims());
    assert_eq!((world.told(&next, 20).as_str(), world.documents.requests()), ("UnknownKey", 2));
    assert_eq!((world.told(&next, 31).as_str(), world.documents.requests()), (fine, 4));
    // The old one is gone, and asking for it does not flood the issuer.
    for seconds in 32..60 {
        assert_eq!(world.told(&token, seconds), "UnknownKey");
    }
    assert_eq!(world.documents.requests(), 4);
}

#[test]
fn old_keys_go_on_for_a_while_when_the_issuer_is_silent() {
    let world = world();
    let claims = with(&world.ci.claims(), "exp", json!(NOW + 90_000));
    let token = world.ci.token(&claims);
    let fine = "https://ci.example/jobs/someone";
    assert_eq!(world.told(&token, 0), fine);
    world.documents.clear();
    assert_eq!(world.told(&token, 3599), fine);
    assert_eq!(world.documents.requests(), 2);
    assert_eq!(world.told(&token, 3601), fine);
    assert_eq!(world.told(&token, 3602), fine);
    assert_eq!(world.documents.requests(), 3);
    assert_eq!(world.told(&token, 6 * 3600 + 1), "Keys");
    world.documents.put_issuer(CI, &world.ci.keys());
    assert_eq!(world.told(&token, 6 * 3600 + 60), fine);
}

#[test]
fn what_an_issuer_publishes_is_not_believed_blindly() {
    let check = |discovery: Value, keys: &Value, expected: &str| {
        let world = world();
        world.documents.put(format!("{CI}/.well-known/openid-configuration"), &discovery);
        world.documents.put(format!("{CI}/keys"), keys);
        let error = world.verify_at(&world.ci.token(&world.ci.claims()), 0).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let told = source.unwrap_or_else(|| error.to_string());
        assert!(told.contains(expected), "{discovery}: {told}");
    };
    let keys = json!({"keys": []});
    check(
        json!({"issuer": "https://evil.example", "jwks_uri": format!("{CI}/keys")}),
        &keys,
        "evil.example",
    );
    check(json!({"issuer": CI, "jwks_uri": "http://ci.example/keys"}), &keys, "https://");
    check(json!({"issuer": CI, "jwks_uri": "file:///etc/passwd"}), &keys, "https://");
    check(json!({"issuer": CI, "jwks_uri": "http://127.0.0.1:80/keys"}), &keys, "https://");
    check(json!({"issuer": CI, "jwks_uri": "http://localhost/keys"}), &keys, "https://");
    check(json!({"issuer": CI}), &keys, "JSON");
    check(json!({"issuer": CI, "jwks_uri": format!("{CI}/keys")}), &keys, "no key");
    check(json!({"issuer": CI, "jwks_uri": format!("{CI}/keys")}), &json!({"keys": {}}), "JSON");
    let many = json!({"keys": vec![json!({"kty": "EC"}); 65]});
    check(json!({"issuer": CI, "jwks_uri": format!("{CI}/keys")}), &many, "too large");
    let long = json!({"keys": [{"kty": "x".repeat(300 * 1024)}]});
    check(json!({"issuer": CI, "jwks_uri": format!("{CI}/keys")}), &long, "too large");
}

#[test]
fn an_issuer_on_this_machine_may_have_its_keys_here() {
    let here = "http://localhost:1234";
    let (world, issuer) = (world(), Foreign::new(here, KeyAlgorithm::EcdsaP256));
    world.documents.put_issuer(here, &issuer.keys());
    world.verifier.trust(vec![trusted(here, &json!([{"sub": "some*"}]))]);
    let told = world.told(&issuer.token(&issuer.claims()), 0);
    assert_eq!(told, "https://ci.example/jobs/someone");
}

/// An issuer that answers only when it is told to.
struct Slow {
    documents: Arc<Documents>,
    may_answer: tokio::sync::Semaphore,
}

#[async_trait::async_trait]
impl KeySource for Slow {
    async fn document(&self, issuer: &str, url: &str) -> Result<bytes::Bytes, KeySourceError> {
        assert!(url.starts_with(issuer));
        let documents = Arc::clone(&self.documents);
        self.may_answer.acquire().await.unwrap().forget();
        documents.document(issuer, url).await
    }
}

#[tokio::test]
async fn who_leaves_while_keys_are_fetched_keeps_nobody_else_from_them() {
    let world = world();
    let may_answer = tokio::sync::Semaphore::new(0);
    let slow = Arc::new(Slow { documents: Arc::clone(&world.documents), may_answer });
    let verifier =
        Arc::new(Verifier::new(Arc::clone(&world.own), "sigstore", Arc::clone(&slow) as _));
    verifier.trust(vec![trusted(CI, &json!([{"sub": "some*"}]))]);
    let token = world.ci.token(&world.ci.claims());
    let ask = || {
        let (verifier, token) = (Arc::clone(&verifier), token.clone());
        tokio::spawn(async move { verifier.verify(&token, at(0)).await })
    };
    let (leaves, stays) = (ask(), ask());
    tokio::task::yield_now().await;
    leaves.abort();
    assert!(leaves.await.unwrap_err().is_cancelled());
    slow.may_answer.add_permits(2);
    stays.await.unwrap().unwrap();
    assert_eq!(world.documents.requests(), 2);
}

#[test]
fn keys_that_the_operator_gave_are_not_fetched() {
    let world = world();
    let mut entry = trusted(CI, &json!([{"sub": "**"}]));
    entry.keys = Some(world.ci.keys());
    world.verifier.trust(vec![entry]);
    let token = world.ci.token(&world.ci.claims());
    assert_eq!(world.told(&token, 0), "https://ci.example/jobs/someone");
    assert_eq!(world.documents.requests(), 0);
}

#[test]
fn who_is_no_longer_trusted_is_foreign() {
    let world = world();
    let token = world.ci.token(&world.ci.claims());
    assert_eq!(world.told(&token, 0), "https://ci.example/jobs/someone");
    world.verifier.trust(vec![]);
    assert_eq!(world.told(&token, 1), "ForeignIssuer");
    // Without rules, an issuer is trusted for nobody.
    world.verifier.trust(vec![trusted(CI, &json!([]))]);
    assert_eq!(world.told(&token, 2), "NotAllowed");
}

#[test]
fn signatures_of_the_rfcs_are_right() {
    // RFC 7515, appendix A.3, and RFC 8037, appendix A.4.
    let check = |key: Value, message: &str, signature: &str, algorithm| {
        let key: super::Jwk = serde_json::from_value(key).unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(key.verifies(algorithm, message.as_bytes(), &signature), "{algorithm:?}");
        assert!(!key.verifies(algorithm, b"another", &signature), "{algorithm:?}");
    };
    check(
        json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
               "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}),
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        Algorithm::Es256,
    );
    check(
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        Algorithm::EdDsa,
    );
}

#[test]
fn rsa_tokens_of_others_are_read_and_short_keys_are_not() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let jwk = |n: &[u8], e: &[u8]| super::Jwk {
        kty: "RSA".to_owned(),
        n: Some(URL_SAFE_NO_PAD.encode(n)),
        e: Some(URL_SAFE_NO_PAD.encode(e)),
        ..super::Jwk::default()
    };
    let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
    let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
    let key = jwk(n, e);
    let sign = |padding| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &SystemRandom::new(), b"message", &mut signature).unwrap();
        signature
    };
    let (pkcs1, pss) = (sign(&RSA_PKCS1_SHA256), sign(&RSA_PSS_SHA512));
    let check = |key: &super::Jwk, algorithm, signature: &[u8], expected: bool| {
        assert_eq!(key.verifies(algorithm, b"message", signature), expected, "{algorithm:?}");
    };
    check(&key, Algorithm::Rs256, &pkcs1, true);
    check(&key, Algorithm::Rs512, &pkcs1, false);
    check(&key, Algorithm::Ps256, &pkcs1, false);
    check(&key, Algorithm::Ps512, &pss, true);
    check(&jwk(&n[..128], e), Algorithm::Rs256, &pkcs1, false);
    check(&jwk(&[], &[]), Algorithm::Rs256, &pkcs1, false);
}

#[test]
fn a_set_without_names_serves_where_only_one_key_fits() {
    let world = world();
    let mut keys = world.ci.keys();
    keys.keys[0].kid = None;
    let mut entry = trusted(CI, &json!([{"sub": "**"}]));
    entry.keys = Some(JwkSet { keys: keys.keys.clone() });
    world.verifier.trust(vec![entry]);
    // A token that names a key of a set without names names none of them.
    assert_eq!(world.told(&world.ci.token(&world.ci.claims()), 0), "UnknownKey");
}

#[test]
fn the_url_of_the_verifiers_own_issuer_is_kept_as_given() {
    let key = Arc::new(SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap());
    let url = IssuerUrl::new("http://localhost:8080/-/oidc").unwrap();
    let own = Arc::new(Issuer::new(url, key, SignedDuration::from_mins(5)));
    let verifier = Verifier::new(Arc::clone(&own), "sigstore", Arc::new(Documents::default()));
    let machine = TokenSubject::Machine {
        uri: "http://localhost:8080/main".to_owned(),
        token: "0a1b".to_owned(),
    };
    let token = own.mint(&machine, "sigstore", None, at(0)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let identity = runtime.block_on(verifier.verify(&token, at(0))).unwrap();
    assert_eq!(identity.issuer.as_str(), "http://localhost:8080/-/oidc");
}
