//! What is signed verifies, and says what it proves.

use provender_attest::{
    Artifact, Bundle, ExpectedSigner, Identity, Pattern, Policy, PrivateKey, SignedBy, Signer,
    TimeSource, TimestampRequest, Unproved,
};
use provender_domain::{Algorithm, Digest};

use crate::instance::{ARTIFACT, ISSUER, Instance, SIGNER, sha256, statement};

#[tokio::test]
async fn an_artifact_signed_with_a_certificate() {
    let instance = Instance::open().await;
    let bundle = instance.sign_artifact().await;
    let bundle = Bundle::parse(bundle.to_json().as_bytes()).unwrap();
    let verifier = instance.verifier();
    let policy = Policy::identity(SIGNER, ISSUER);
    let digest = Digest::from_bytes(Algorithm::Sha256, &sha256(ARTIFACT)).unwrap();

    let from_bytes = verifier.verify(&bundle, Artifact::Bytes(ARTIFACT), &policy).unwrap();
    let from_digest = verifier.verify(&bundle, Artifact::Digest(&digest), &policy).unwrap();
    let from_reader =
        verifier.verify(&bundle, Artifact::Reader(&mut &ARTIFACT[..]), &policy).unwrap();
    assert_eq!((&from_bytes, &from_bytes), (&from_digest, &from_reader));

    let SignedBy::Certificate { identity, issuer, not_before, not_after, .. } =
        &from_bytes.signed_by
    else {
        panic!("it was signed with a certificate")
    };
    assert_eq!(*identity, Identity::Uri(SIGNER.to_owned()));
    assert_eq!(issuer.as_deref(), Some(ISSUER));
    let at = from_bytes.signed_at().unwrap();
    assert_eq!(at.source, TimeSource::TimestampAuthority);
    assert!((*not_before..=*not_after).contains(&at.at));
    assert_eq!(from_bytes.log[0].log, "http://localhost:8080/-/log");
    assert!(from_bytes.log[0].is_proved && from_bytes.log[0].index < from_bytes.log[0].size);
    assert_eq!(from_bytes.statement, None);
    assert_eq!(from_bytes.unproved, [Unproved::SameLogForAll]);
}

#[tokio::test]
async fn authorities_of_every_kind() {
    for (certificates, timestamps) in [("256", "384"), ("384", "256"), ("384", "384")] {
        let settings = format!(
            r#"{{"certificates": {{"key": "ecdsa-p{certificates}", "organization": "Ünïts"}},
                "timestamps": {{"key": "ecdsa-p{timestamps}", "policy": "1.2.3.4", "accuracy_seconds": 2}},
                "log": {{"origin": "https://log.example"}}}}"#
        );
        let instance = Instance::open_with(&settings).await;
        let bundle = instance.sign_artifact().await;
        let policy = Policy::identity(SIGNER, ISSUER);
        let verified =
            instance.verifier().verify(&bundle, Artifact::Bytes(ARTIFACT), &policy).unwrap();
        assert_eq!(verified.signed_at().unwrap().source, TimeSource::TimestampAuthority);
        assert_eq!(verified.log[0].log, "https://log.example/-/log");
        let trust = instance.trust();
        assert_eq!(trust["certificateAuthorities"][0]["subject"]["organization"], "Ünïts");
    }
}

#[tokio::test]
async fn before_and_after_a_key_was_replaced() {
    use provender_authority::{CertifiedBy, RotatedService};
    let kinds = [
        (RotatedService::Ca, CertifiedBy::RootHere, "certificate-authority"),
        (RotatedService::Ca, CertifiedBy::NewRoot, "certificate-authority"),
        (RotatedService::Tsa, CertifiedBy::RootHere, "timestamp-authority"),
        (RotatedService::Tsa, CertifiedBy::NewRoot, "timestamp-authority"),
        (RotatedService::Ct, CertifiedBy::RootHere, "sct"),
    ];
    let policy = Policy::identity(SIGNER, ISSUER);
    for (service, by, link) in kinds {
        let instance = Instance::open().await;
        let old_verifier = instance.verifier();
        let old_signer = Signer::with_certificate(&instance).await.unwrap();
        let before = instance.sign_artifact().await;
        instance.authority().rotate(service, by).unwrap();
        let after = instance.sign_artifact().await;
        // Whoever had a certificate already signs on with it.
        let between = old_signer.sign_digest(&sha256(ARTIFACT)).await.unwrap();
        let verifier = instance.verifier();
        for bundle in [&before, &between, &after] {
            verifier.verify(bundle, Artifact::Bytes(ARTIFACT), &policy).unwrap();
        }
        old_verifier.verify(&before, Artifact::Bytes(ARTIFACT), &policy).unwrap();
        let refused = old_verifier.verify(&after, Artifact::Bytes(ARTIFACT), &policy);
        let told = refused.unwrap_err().link();
        assert!(told == link || told == "certificate-chain" || told == "timestamp", "{told}");
    }
}

#[tokio::test]
async fn a_statement() {
    let instance = Instance::open().await;
    let bundle = instance.sign_statement().await;
    let verified =
        instance.verifier().verify(&bundle, Artifact::Bytes(ARTIFACT), &Policy::anybody()).unwrap();
    assert_eq!(verified.statement, Some(statement()));
    let expected =
        [Unproved::Identity, Unproved::Issuer, Unproved::SameLogForAll, Unproved::TruthOfStatement];
    assert_eq!(verified.unproved, expected);
}

#[tokio::test]
async fn one_certificate_signs_many() {
    let instance = Instance::open().await;
    let signer = Signer::with_certificate(&instance).await.unwrap();
    assert!(signer.expires_at().is_some());
    let verifier = instance.verifier();
    for text in [&b"one"[..], b"two"] {
        let bundle = signer.sign_digest(&sha256(text)).await.unwrap();
        let policy = Policy::identity(SIGNER, ISSUER);
        assert!(verifier.verify(&bundle, Artifact::Bytes(text), &policy).is_ok());
    }
}

#[tokio::test]
async fn a_key_that_somebody_keeps() {
    let instance = Instance::open().await;
    let key = PrivateKey::generate().unwrap();
    let public = key.public_key();
    let bundle = instance.sign_with(key).await;
    let bundle = Bundle::parse(bundle.to_json().as_bytes()).unwrap();
    let verified = instance
        .verifier()
        .verify(&bundle, Artifact::Bytes(ARTIFACT), &Policy::Key(public.clone()))
        .unwrap();
    assert_eq!(verified.signed_by, SignedBy::Key { fingerprint: public.fingerprint() });
    assert_eq!(verified.signed_at().unwrap().source, TimeSource::TimestampAuthority);
}

#[tokio::test]
async fn whom_a_policy_lets_through() {
    let instance = Instance::open().await;
    let bundle = instance.sign_artifact().await;
    let verifier = instance.verifier();
    let check = |identity: Option<Pattern>, issuer: Option<Pattern>, expected: Option<&str>| {
        let policy = Policy::Certificate(ExpectedSigner { identity, issuer });
        let outcome = verifier.verify(&bundle, Artifact::Bytes(ARTIFACT), &policy);
        assert_eq!(outcome.err().map(|error| error.link()), expected);
    };
    let exact = |text: &str| Some(Pattern::Exact(text.to_owned()));
    let wildcard = |text: &str| Some(Pattern::wildcard(text).unwrap());
    check(None, None, None);
    check(exact(SIGNER), exact(ISSUER), None);
    check(exact(SIGNER), None, None);
    check(wildcard("http://localhost:8080/-/tokens/*"), wildcard("*/-/oidc"), None);
    check(exact("http://localhost:8080/-/tokens/other"), exact(ISSUER), Some("identity"));
    check(wildcard("http://localhost:8080/-/tokens"), None, Some("identity"));
    check(exact(SIGNER), exact("http://localhost:8080"), Some("issuer"));
    check(None, wildcard("https://*"), Some("issuer"));
}

#[tokio::test]
async fn a_timestamp_alone() {
    use provender_attest::SigningBackend as _;
    let instance = Instance::open().await;
    let request = TimestampRequest::for_message(ARTIFACT).unwrap();
    let response = instance.timestamp(request.as_der()).await.unwrap();
    request.accept(&response).unwrap();
    let verifier = instance.verifier();
    assert!(verifier.verify_timestamp(&response, ARTIFACT).is_ok());
    let link = |response: &[u8], message: &[u8]| {
        verifier.verify_timestamp(response, message).unwrap_err().link()
    };
    assert_eq!(link(&response, b"hello World"), "timestamp");
    assert_eq!(link(b"", ARTIFACT), "timestamp");
    let other = Instance::open().await;
    let refused = other.verifier().verify_timestamp(&response, ARTIFACT).unwrap_err();
    assert_eq!(refused.link(), "timestamp-authority");
}
