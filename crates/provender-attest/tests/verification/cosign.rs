//! Signatures in cosign's older form, with a log's promise.

use provender_attest::{
    Artifact, Bundle, Content, CosignSignature, Policy, TimeSource, Unproved, VerifyError,
    cosign_payload_digest,
};
use provender_authority::oidc::San;
use provender_authority::testing::{PromisingLog, simple_signing};
use serde_json::Value;

use crate::instance::{ISSUER, Instance, sha256, verifier};

const ANN: &str = "ann@packages.example";

/// A text, a person's signature over it, and the trust root that knows all that proves it.
async fn signed() -> (String, Bundle, Value) {
    let (instance, log) = (Instance::open().await, PromisingLog::default());
    let text = simple_signing(&format!("sha256:{}", hex::encode(sha256(b"manifest"))));
    let identity = instance.authority().identity(&San::Email(ANN.to_owned())).await.unwrap();
    let annotations = log.sign(&identity, text.as_bytes());
    let annotation = |name: &str| annotations[name].as_str();
    let signature = CosignSignature {
        signature: annotation("dev.cosignproject.cosign/signature").unwrap(),
        certificate: annotation("dev.sigstore.cosign/certificate"),
        log_entry: annotation("dev.sigstore.cosign/bundle"),
        timestamp: None,
    };
    let bundle = signature.to_bundle(text.as_bytes()).unwrap();
    let mut trust = instance.trust();
    trust["tlogs"].as_array_mut().unwrap().push(log.term());
    (text, bundle, trust)
}

#[tokio::test]
async fn a_promise_is_enough() {
    let (text, bundle, trust) = signed().await;
    let proved = verifier(&trust).verify(
        &bundle,
        Artifact::Bytes(text.as_bytes()),
        &Policy::identity(ANN, ISSUER),
    );
    let proved = proved.unwrap();
    assert_eq!(proved.times[0].source, TimeSource::TransparencyLog);
    assert!(proved.unproved.contains(&Unproved::Inclusion), "{proved:?}");
    let named = cosign_payload_digest(text.as_bytes()).unwrap();
    assert_eq!(named.hex(), hex::encode(sha256(b"manifest")));
}

#[tokio::test]
async fn a_part_that_is_not_what_was_promised() {
    // The other's first: its certificate is valid when this one is signed, whichever second begins
    // between.
    let (_, other, _) = signed().await;
    let (text, whole, trust) = signed().await;
    let verifier = verifier(&trust);
    let check = |change: &dyn Fn(&mut Bundle), expected: &str| {
        let mut bundle = whole.clone();
        change(&mut bundle);
        let artifact = Artifact::Bytes(text.as_bytes());
        let refused: VerifyError =
            verifier.verify(&bundle, artifact, &Policy::anybody()).unwrap_err();
        assert_eq!(refused.link(), expected, "{refused:?}");
    };
    check(&|bundle| bundle.log_entries.clear(), "inclusion-promise");
    check(&|bundle| bundle.log_entries.clone_from(&other.log_entries), "log");
    check(&|bundle| bundle.log_entries[0].inclusion_promise = None, "inclusion-proof");
    check(
        &|bundle| bundle.log_entries[0].inclusion_promise = Some(vec![0; 70]),
        "inclusion-promise",
    );
    check(&|bundle| bundle.log_entries[0].index += 1, "inclusion-promise");
    check(&|bundle| bundle.log_entries[0].body.push(b' '), "inclusion-promise");
    check(
        &|bundle| *bundle.log_entries[0].integrated_time.as_mut().unwrap() += 1,
        "inclusion-promise",
    );
    check(&|bundle| bundle.log_entries[0].integrated_time = None, "time");
    check(&|bundle| bundle.key.clone_from(&other.key), "certificate-authority");
    check(
        &|bundle| {
            let Content::Message(message) = &mut bundle.content else { panic!() };
            message.signature.clone_from(&other.signature().to_vec());
        },
        "signature",
    );
}
