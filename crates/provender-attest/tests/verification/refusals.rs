//! Each link of the chain, broken once.

use provender_attest::{
    Artifact, Bundle, Content, Policy, PrivateKey, SignError, Signer, Verifier,
};
use serde_json::Value;

use crate::instance::{ARTIFACT, ISSUER, Instance, SIGNER, sha256, verifier};

fn link(verifier: &Verifier, bundle: &Bundle, artifact: &[u8], policy: &Policy) -> &'static str {
    match verifier.verify(bundle, Artifact::Bytes(artifact), policy) {
        Ok(proved) => panic!("it verified: {proved:?}"),
        Err(error) => error.link(),
    }
}

#[tokio::test]
async fn a_part_that_is_not_what_was_signed() {
    let instance = Instance::open().await;
    let verifier = instance.verifier();
    let policy = Policy::identity(SIGNER, ISSUER);
    let (signed, other) = (instance.sign_artifact().await, instance.sign_artifact().await);
    let check = |change: &dyn Fn(&mut Bundle), expected: &str| {
        let mut bundle = signed.clone();
        change(&mut bundle);
        assert_eq!(link(&verifier, &bundle, ARTIFACT, &policy), expected);
    };
    check(&|bundle| bundle.timestamps.clear(), "time");
    check(&|bundle| bundle.timestamps.clone_from(&other.timestamps), "timestamp");
    check(&|bundle| bundle.timestamps.push(b"no timestamp".to_vec()), "timestamp");
    check(&|bundle| bundle.log_entries.clear(), "inclusion-proof");
    check(&|bundle| bundle.log_entries.clone_from(&other.log_entries), "log-entry");
    check(&|bundle| bundle.log_entries.push(other.log_entries[0].clone()), "log-entry");
    check(&|bundle| bundle.log_entries[0].inclusion_proof = None, "inclusion-proof");
    check(&|bundle| bundle.log_entries[0].log_id[0] ^= 1, "log");
    check(&|bundle| bundle.log_entries[0].index += 1, "inclusion-proof");
    check(&|bundle| bundle.log_entries[0].body.push(b' '), "inclusion-proof");
    check(&|bundle| bundle.log_entries[0].integrated_time = Some(1), "bundle");
    check(&|bundle| bundle.log_entries[0].kind_version = "0.0.3".to_owned(), "unsupported");
    check(&|bundle| proof(bundle).size += 1, "checkpoint");
    check(&|bundle| proof(bundle).size = 0, "checkpoint");
    check(&|bundle| proof(bundle).root[0] ^= 1, "checkpoint");
    check(&|bundle| proof(bundle).root.clear(), "checkpoint");
    check(&|bundle| proof(bundle).hashes.push(vec![0; 32]), "inclusion-proof");
    check(&|bundle| proof(bundle).checkpoint.clear(), "checkpoint");
    check(&|bundle| proof(bundle).checkpoint.insert(0, 'x'), "checkpoint");
    check(&|bundle| bundle.key.clone_from(&other.key), "signature");
    check(&|bundle| message(bundle).signature.clone_from(&other.signature().to_vec()), "timestamp");
    check(
        &|bundle| message(bundle).digest = Some(("SHA2_256".to_owned(), vec![0; 32])),
        "artifact",
    );
    assert_eq!(link(&verifier, &signed, b"hello World", &policy), "artifact");
    let key = PrivateKey::generate().unwrap().public_key();
    assert_eq!(link(&verifier, &signed, ARTIFACT, &Policy::Key(key)), "key-material");
}

fn proof(bundle: &mut Bundle) -> &mut provender_attest::InclusionProof {
    bundle.log_entries[0].inclusion_proof.as_mut().unwrap()
}

fn message(bundle: &mut Bundle) -> &mut provender_attest::MessageSignature {
    match &mut bundle.content {
        Content::Message(message) => message,
        Content::Envelope(_) => panic!("an artifact was signed"),
    }
}

#[tokio::test]
async fn a_statement_about_something_else() {
    let instance = Instance::open().await;
    let verifier = instance.verifier();
    let signed = instance.sign_statement().await;
    let check = |change: fn(&mut provender_attest::Envelope), expected: &str| {
        let mut bundle = signed.clone();
        let Content::Envelope(envelope) = &mut bundle.content else { panic!("a statement") };
        change(envelope);
        assert_eq!(link(&verifier, &bundle, ARTIFACT, &Policy::anybody()), expected);
    };
    check(|envelope| envelope.payload.push(b' '), "signature");
    check(|envelope| envelope.payload_type = "text/plain".to_owned(), "unsupported");
    check(|envelope| envelope.payload = b"{}".to_vec(), "bundle");
    assert_eq!(link(&verifier, &signed, b"hello World", &Policy::anybody()), "artifact");
}

#[tokio::test]
async fn a_trust_root_that_knows_somebody_else() {
    let (instance, other) = (Instance::open().await, Instance::open().await);
    let bundle = instance.sign_artifact().await;
    let check = |part: &str, expected: &str| {
        let mut trust = instance.trust();
        trust[part] = other.trust()[part].clone();
        let verifier = verifier(&trust);
        assert_eq!(link(&verifier, &bundle, ARTIFACT, &Policy::anybody()), expected);
    };
    check("tlogs", "log");
    check("certificateAuthorities", "certificate-authority");
    check("ctlogs", "sct");
    check("timestampAuthorities", "timestamp-authority");
    assert_eq!(link(&other.verifier(), &bundle, ARTIFACT, &Policy::anybody()), "log");
}

#[tokio::test]
async fn a_checkpoint_of_another_log_that_is_trusted_too() {
    let (instance, other) = (Instance::open().await, Instance::open().await);
    let (bundle, elsewhere) = (instance.sign_artifact().await, other.sign_artifact().await);
    let mut trust = instance.trust();
    for part in ["tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"] {
        let more = other.trust()[part].as_array().unwrap().clone();
        trust[part].as_array_mut().unwrap().extend(more);
    }
    let verifier = verifier(&trust);
    for signed in [&bundle, &elsewhere] {
        let policy = Policy::identity(SIGNER, ISSUER);
        assert!(verifier.verify(signed, Artifact::Bytes(ARTIFACT), &policy).is_ok());
    }
    let mut confused = bundle.clone();
    confused.log_entries[0].log_id.clone_from(&elsewhere.log_entries[0].log_id);
    assert_eq!(link(&verifier, &confused, ARTIFACT, &Policy::anybody()), "checkpoint");
}

#[tokio::test]
async fn a_certificate_that_had_ended() {
    let instance = Instance::open().await;
    let signer = Signer::with_certificate(&instance).await.unwrap();
    instance.put_clock(3600);
    let bundle = signer.sign_digest(&sha256(ARTIFACT)).await.unwrap();
    let refused = link(&instance.verifier(), &bundle, ARTIFACT, &Policy::anybody());
    assert_eq!(refused, "certificate-time");
}

#[tokio::test]
async fn another_key_than_the_one_that_signed() {
    let instance = Instance::open().await;
    let bundle = instance.sign_with(PrivateKey::generate().unwrap()).await;
    let verifier = instance.verifier();
    let other = Policy::Key(PrivateKey::generate().unwrap().public_key());
    assert_eq!(link(&verifier, &bundle, ARTIFACT, &other), "signature");
    assert_eq!(link(&verifier, &bundle, ARTIFACT, &Policy::anybody()), "key-material");
}

/// A backend of which one service fails or answers nonsense.
struct Broken<'a> {
    instance: &'a Instance,
    service: &'static str,
}

impl provender_attest::SigningBackend for Broken<'_> {
    async fn certificate(
        &self,
        request: &provender_attest::CertificateRequest,
    ) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>> {
        match self.service {
            "certificate" => Err("no".into()),
            "other-certificate" => {
                let signer = self.instance.sign_artifact().await;
                Ok(vec![signer.certificate().unwrap().to_vec()])
            }
            _ => self.instance.certificate(request).await,
        }
    }

    async fn timestamp(
        &self,
        request: &[u8],
    ) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        match self.service {
            "timestamp" => Err("no".into()),
            "refused-timestamp" => Ok(hex::decode("30053003020102").unwrap()),
            _ => self.instance.timestamp(request).await,
        }
    }

    async fn log(&self, entry: Value) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        match self.service {
            "log" => Err("no".into()),
            "no-entry" => Ok(Value::Null),
            _ => self.instance.log(entry).await,
        }
    }
}

#[tokio::test]
async fn what_keeps_a_signer_from_signing() {
    let instance = Instance::open().await;
    let check = async |service, is_expected: fn(&SignError) -> bool| {
        let backend = Broken { instance: &instance, service };
        let signed = match Signer::with_certificate(&backend).await {
            Ok(signer) => signer.sign_digest(&sha256(ARTIFACT)).await.err(),
            Err(error) => Some(error),
        };
        let error = signed.expect(service);
        assert!(is_expected(&error), "{service}: {error}");
    };
    check("certificate", |error| matches!(error, SignError::Certificate(_))).await;
    check("other-certificate", |error| matches!(error, SignError::WrongCertificate)).await;
    check("timestamp", |error| matches!(error, SignError::Timestamp(_))).await;
    check("refused-timestamp", |error| matches!(error, SignError::NoTimestamp(_))).await;
    check("log", |error| matches!(error, SignError::Log(_))).await;
    check("no-entry", |error| matches!(error, SignError::WrongLogEntry(_))).await;
}
