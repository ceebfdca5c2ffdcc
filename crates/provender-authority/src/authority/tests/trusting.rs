//! What clients are told.

use serde_json::Value;

use super::*;

fn strings(document: &Value, pointers: &[&str]) -> Vec<String> {
    let text = |pointer: &&str| match document.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        other => panic!("{pointer} is {other:?} in {document:#}"),
    };
    pointers.iter().map(text).collect()
}

#[tokio::test]
async fn the_trust_root() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let root = authority.trusted_root();
    let found = strings(
        &root,
        &[
            "/mediaType",
            "/tlogs/0/baseUrl",
            "/tlogs/0/hashAlgorithm",
            "/tlogs/0/publicKey/keyDetails",
            "/certificateAuthorities/0/uri",
            "/certificateAuthorities/0/subject/organization",
            "/ctlogs/0/baseUrl",
            "/ctlogs/0/publicKey/keyDetails",
            "/timestampAuthorities/0/uri",
        ],
    );
    let expected = [
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "http://localhost:8080/-/log",
        "SHA2_256",
        "PKIX_ED25519",
        "http://localhost:8080/-/ca",
        "Provender",
        "http://localhost:8080/-/ct",
        "PKIX_ECDSA_P256_SHA_256",
        "http://localhost:8080/-/tsa",
    ];
    assert_eq!(found, expected);
    let log_id = authority.log().verifier().id().to_base64();
    assert_eq!(strings(&root, &["/tlogs/0/logId/keyId"]), [log_id]);
    let ct_key = STANDARD.decode(&strings(&root, &["/ctlogs/0/publicKey/rawBytes"])[0]);
    let ct_id = STANDARD.encode(Sha256::digest(ct_key.expect("base64")));
    assert_eq!(strings(&root, &["/ctlogs/0/logId/keyId"]), [ct_id]);
    for kind in ["certificateAuthorities", "timestampAuthorities"] {
        let chain = root[kind][0]["certChain"]["certificates"].as_array().expect("a chain");
        assert_eq!(chain.len(), 2, "{kind}");
        let root_der = chain[1]["rawBytes"].as_str().expect("bytes");
        let root_der = STANDARD.decode(root_der).expect("base64");
        let certificate = Certificate::from_der(&root_der).expect("readable").tbs_certificate;
        assert_eq!(certificate.issuer, certificate.subject, "{kind}: the root is last");
        let name = root[kind][0]["subject"]["commonName"].as_str().expect("a name");
        assert!(certificate.subject.to_string().contains(name), "{kind}: {name}");
    }
}

#[tokio::test]
async fn the_signing_config() {
    let setup = setup();
    let config = setup.open("https://packages.example").await.signing_config();
    let service = |kind: &str| {
        let service = &config[kind][0];
        (service["url"].as_str().expect("a URL").to_owned(), service["majorApiVersion"].as_u64())
    };
    let at = |path: &str| format!("https://packages.example/-/{path}");
    assert_eq!(service("caUrls"), (at("ca"), Some(1)));
    assert_eq!(service("oidcUrls"), (at("oidc"), Some(1)));
    assert_eq!(service("rekorTlogUrls"), (at("log"), Some(2)));
    assert_eq!(service("tsaUrls"), (at("tsa/api/v1/timestamp"), Some(1)));
    assert_eq!(config["rekorTlogConfig"]["selector"], "ANY");
    assert_eq!(config["tsaConfig"]["selector"], "ANY");
    assert_eq!(config["caUrls"][0]["operator"], "packages.example");
    let start = config["caUrls"][0]["validFor"]["start"].as_str().expect("a moment");
    assert!(start.parse::<Timestamp>().expect("RFC 3339") <= Timestamp::now());
}

#[tokio::test]
async fn another_name_begins_another_log_and_both_are_trusted() {
    let setup = setup();
    let first = setup.open(ORIGIN).await;
    let first_id = first.log().verifier().id().to_base64();
    first.close().await.expect("closes");
    setup.clock.advance(60);
    let second = setup.open("https://packages.example").await;
    let logs = second.trusted_root()["tlogs"].clone();
    assert_eq!(logs.as_array().map(Vec::len), Some(2));
    assert_eq!(logs[0]["logId"]["keyId"], first_id);
    assert!(logs[0]["publicKey"]["validFor"]["end"].is_string());
    assert_eq!(logs[1]["baseUrl"], "https://packages.example/-/log");
    assert_eq!(logs[1]["publicKey"]["validFor"]["end"], Value::Null);
    assert_eq!(second.log().origin(), "packages.example");
    let target = second.tuf().target(crate::tuf::TRUSTED_ROOT).expect("published");
    let target: Value = serde_json::from_slice(&target).expect("JSON");
    assert_eq!(target, second.trusted_root(), "TUF clients are told");
}

#[tokio::test]
async fn both_in_one_file() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let config = authority.trust().client_trust_config();
    assert_eq!(config["mediaType"], "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json");
    assert_eq!(config["trustedRoot"], authority.trusted_root());
    assert_eq!(config["signingConfig"], authority.signing_config());
}

#[tokio::test]
async fn trusted_issuers_are_told() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let own = &authority.configuration()["issuers"];
    assert_eq!(own[0]["issuerUrl"], "http://localhost:8080/-/oidc");
    assert_eq!(own[1], Value::Null);
    let machines = r#"{"url":"https://ci.example","claims":{"preset":"kubernetes"}}"#;
    let people = r#"{"url":"https://people.example","claims":{"preset":"email"}}"#;
    let issuers = [machines, people].map(|json| serde_json::from_str(json).expect("an issuer"));
    authority.trust_issuers(issuers.into());
    let both = &authority.configuration()["issuers"];
    assert_eq!(both[0], own[0]);
    assert_eq!(both[1]["issuerUrl"], "https://ci.example");
    assert_eq!(both[1]["audience"], "sigstore");
    let challenges = [0, 1, 2].map(|index| both[index]["challengeClaim"].clone());
    assert_eq!(challenges, ["email", "sub", "email"]);
}
