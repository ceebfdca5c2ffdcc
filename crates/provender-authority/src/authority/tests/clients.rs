//! What the authority makes, verified by a client's own code.

use serde_json::Value;
use sigstore_verify::trust_root::{SigningConfig, TrustedRoot};
use sigstore_verify::types::Bundle;
use sigstore_verify::{VerificationPolicy, verify};

use super::*;

const MESSAGE: &[u8] = b"a release";

/// A bundle of version 0.3 over [`MESSAGE`], signed by the identity of a repository.
async fn bundle(authority: &Authority) -> Value {
    let san = San::Uri(authority.origin().repository("main"));
    let identity = authority.identity(&san).await.expect("issued");
    let signature = identity.sign(MESSAGE).expect("signed");
    let request = timestamp_request(&signature);
    let timestamp = authority.timestamp_json(request.to_string().as_bytes());
    assert_eq!(timestamp.refusal(), None);
    let entry = identity.hashedrekord(MESSAGE, &signature);
    let entry = authority.log_hashedrekord(entry).await.expect("logged");
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": { "rawBytes": STANDARD.encode(identity.certificate()) },
            "tlogEntries": [entry],
            "timestampVerificationData": {
                "rfc3161Timestamps": [{ "signedTimestamp": STANDARD.encode(timestamp.der()) }],
            },
        },
        "messageSignature": {
            "messageDigest": {
                "algorithm": "SHA2_256",
                "digest": STANDARD.encode(Sha256::digest(MESSAGE)),
            },
            "signature": STANDARD.encode(signature),
        },
    })
}

fn timestamp_request(signature: &[u8]) -> Value {
    json!({
        "artifactHash": STANDARD.encode(Sha256::digest(signature)),
        "hashAlgorithm": "sha256",
        "nonce": 4711,
        "certificates": true,
    })
}

fn trusted_root(authority: &Authority) -> TrustedRoot {
    TrustedRoot::from_json(&authority.trusted_root().to_string()).expect("a trust root")
}

#[tokio::test]
async fn a_client_verifies_what_the_server_signs() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let bundle = Bundle::from_json(&bundle(&authority).await.to_string()).expect("a bundle");
    let policy = |identity: &str| {
        VerificationPolicy::any_identity()
            .require_identity(identity)
            .require_issuer("http://localhost:8080/-/oidc")
    };
    let root = trusted_root(&authority);
    let main = policy("http://localhost:8080/main");
    let result = verify(MESSAGE, &bundle, &main, &root).expect("verifies");
    assert!(result.certificate_verified() && result.sct_verified() && result.tlog_verified());
    assert_eq!(result.verified_timestamps().len(), 1);
    verify(b"another release", &bundle, &main, &root).expect_err("another message");
    let other = policy("http://localhost:8080/other");
    verify(MESSAGE, &bundle, &other, &root).expect_err("another identity");
}

#[tokio::test]
async fn another_instance_trusts_nothing_of_it() {
    let (mine, theirs) = (setup(), setup());
    let authority = mine.open(ORIGIN).await;
    let bundle = Bundle::from_json(&bundle(&authority).await.to_string()).expect("a bundle");
    let foreign = trusted_root(&theirs.open(ORIGIN).await);
    let policy = VerificationPolicy::any_identity();
    verify(MESSAGE, &bundle, &policy, &foreign).expect_err("a foreign trust root");
}

#[tokio::test]
async fn after_a_change_of_name_older_bundles_still_verify() {
    let setup = setup();
    let first = setup.open(ORIGIN).await;
    let bundle = Bundle::from_json(&bundle(&first).await.to_string()).expect("a bundle");
    first.close().await.expect("closes");
    setup.clock.advance(60);
    let second = setup.open("https://packages.example").await;
    let policy = VerificationPolicy::any_identity();
    verify(MESSAGE, &bundle, &policy, &trusted_root(&second)).expect("verifies");
}

#[tokio::test]
async fn a_client_reads_the_signing_config() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let config = SigningConfig::from_json(&authority.signing_config().to_string());
    let config = config.expect("a signing config");
    let url = |endpoint: Option<&sigstore_verify::trust_root::ServiceEndpoint>| {
        endpoint.expect("one").url.clone()
    };
    assert_eq!(url(config.fulcio_url()), "http://localhost:8080/-/ca");
    assert_eq!(url(config.rekor_url(None)), "http://localhost:8080/-/log");
    assert_eq!(url(config.tsa_url()), "http://localhost:8080/-/tsa/api/v1/timestamp");
    assert_eq!(url(config.oidc_url()), "http://localhost:8080/-/oidc");
}
