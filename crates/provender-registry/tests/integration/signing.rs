//! What is signed about files: releases, first mirrors, and what publishers attest themselves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provender_attest::{
    Artifact, Bundle, Content, PREDICATE_RELEASE, PREDICATE_VERIFICATION_SUMMARY, Policy, Release,
    Statement, Subject, TrustRoot, VerificationSummary, Verified, Verifier,
};
use provender_authority::oidc::San;
use provender_domain::{
    BlobId, EventKind, NamePattern, ProblemCode, RepositoryPolicy, Scope, SignatureRule,
    TextPattern, Visibility,
};
use provender_ecosystem::Form;
use provender_registry::{Caller, FileEvidence, FileNamed, Published};
use provender_store::{Attestation, AttestationSource, FaultMode, Faults};
use provender_testing::python::{Distribution, PythonUpstream};
use serde_json::{Value, json};

use crate::client::{form, message, refused};
use crate::registry::{TestRegistry, wheel};
use crate::{Client, hours, minutes, seconds};

/// What the issuer of a registry that was never told its origin is called.
const MAIN: &str = "http://localhost:8080/main";
const ISSUER: &str = "http://localhost:8080/-/oidc";

/// Verifies an attestation as any client would: from the bundle and the trust root alone.
fn verified(registry: &TestRegistry, attestation: &Attestation, identity: &str) -> Verified {
    let root = registry.registry.authority().trusted_root().to_string();
    let verifier = Verifier::new(&TrustRoot::parse(root.as_bytes()).unwrap()).unwrap();
    let bundle = Bundle::parse(attestation.bundle.as_bytes()).unwrap();
    let digest = attestation.blob.digest();
    let policy = Policy::identity(identity, ISSUER);
    verifier.verify(&bundle, Artifact::Digest(&digest), &policy).unwrap()
}

async fn evidence(client: &Client, subject: &str) -> Vec<FileEvidence> {
    client.registry.evidence(&client.caller, subject, None).await.unwrap()
}

fn subject(distribution: &Distribution) -> String {
    format!("sha256:{}", distribution.sha256_hex())
}

/// Waits until nothing is left to sign.
pub(crate) async fn all_signed(registry: &TestRegistry) {
    for _ in 0..500 {
        if registry.registry.status().await.unwrap().signing_pending == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("something is never signed");
}

#[tokio::test]
async fn a_publication_is_answered_with_its_place_in_the_log() {
    let registry = TestRegistry::open().await;
    let client = registry.main();
    let demo = wheel("demo", "1.0");
    client.publish(&demo).await.unwrap();
    let found = evidence(&client, &subject(&demo)).await;
    let [found] = found.as_slice() else { panic!("one file: {found:?}") };
    assert_eq!(found.purl, format!("pkg:pypi/demo@1.0?file_name={}", demo.file_name));
    assert_eq!(
        found.events.iter().map(|event| event.kind).collect::<Vec<_>>(),
        [EventKind::Published]
    );
    let [attestation] = found.attestations.as_slice() else { panic!("one attestation") };
    assert_eq!(attestation.source, AttestationSource::Ours);
    assert_eq!(attestation.predicate_type, PREDICATE_RELEASE);
    assert_eq!(attestation.log_index, Some(0));
    let verified = verified(&registry, attestation, MAIN);
    assert!(verified.log[0].is_proved && !verified.times.is_empty());
    assert_eq!(verified.log[0].size, 1);
    let release = Release::of(&verified.statement.unwrap()).unwrap();
    assert_eq!(release.purl, "pkg:pypi/demo@1.0");

    client.publish(&demo).await.unwrap();
    assert_eq!(evidence(&client, &subject(&demo)).await[0].attestations.len(), 1);
}

#[tokio::test]
async fn a_first_mirror_is_summed_up_and_nobody_waits() {
    let upstream = PythonUpstream::start();
    let demo = wheel("demo", "1.0");
    upstream.add(demo.clone());
    let registry = TestRegistry::mirroring(&upstream).await;
    let client = registry.main();
    client.install(&demo).await;
    client.install(&demo).await;
    all_signed(&registry).await;
    let found = evidence(&client, &demo.file_name).await;
    let [attestation] = found[0].attestations.as_slice() else { panic!("one attestation") };
    assert_eq!(attestation.predicate_type, PREDICATE_VERIFICATION_SUMMARY);
    let verified = verified(&registry, attestation, MAIN);
    let summary = VerificationSummary::of(&verified.statement.unwrap()).unwrap();
    assert_eq!(summary.verifier(), "http://localhost:8080/main");
    assert_eq!(
        summary.verified_levels,
        [
            "SLSA_BUILD_LEVEL_UNEVALUATED",
            "PROVENDER_DIGEST_PROMISED_BY_INDEX",
            "PROVENDER_ARCHIVE_INSPECTED"
        ]
    );
}

#[tokio::test]
async fn one_certificate_serves_until_half_its_life_is_over() {
    let registry = TestRegistry::open().await;
    let client = registry.main();
    let mut serials = Vec::new();
    for (version, wait) in [("1.0", seconds(0)), ("1.1", minutes(1)), ("1.2", hours(1))] {
        registry.clock.advance(wait);
        let demo = wheel("demo", version);
        client.publish(&demo).await.unwrap();
        let found = evidence(&client, &subject(&demo)).await;
        let attestation = &found[0].attestations[0];
        verified(&registry, attestation, MAIN);
        let bundle = Bundle::parse(attestation.bundle.as_bytes()).unwrap();
        serials.push(bundle.certificate().unwrap().to_vec());
    }
    assert_eq!(serials[0], serials[1]);
    assert_ne!(serials[1], serials[2]);
}

/// What a person attests of a distribution, as the upload's field has it.
async fn attested(registry: &TestRegistry, distribution: &Distribution, name: &str) -> Value {
    let blob: BlobId = distribution.sha256_hex().parse().unwrap();
    let statement = Statement {
        subjects: vec![Subject::file(name, blob)],
        predicate_type: "https://predicates.example/publish/v1".to_owned(),
        predicate: Value::Null,
    };
    let authority = registry.registry.authority();
    let identity = authority.identity(&San::Email("ann@packages.example".to_owned())).await;
    let identity = identity.unwrap();
    let envelope = provender_attest::Envelope {
        payload_type: provender_attest::IN_TOTO_PAYLOAD_TYPE.to_owned(),
        payload: statement.to_json(),
        signature: Vec::new(),
    };
    let message = envelope.signed_bytes();
    let signature = identity.sign(&message).unwrap();
    let entry = authority.log_hashedrekord(identity.hashedrekord(&message, &signature)).await;
    let entry: Value = serde_json::from_slice(&entry.unwrap().to_json()).unwrap();
    json!([{
        "version": 1,
        "verification_material": {
            "certificate": STANDARD.encode(identity.certificate()),
            "transparency_entries": [entry],
        },
        "envelope": {
            "statement": STANDARD.encode(&envelope.payload),
            "signature": STANDARD.encode(signature),
        },
    }])
}

fn with_attestations(distribution: &Distribution, attestations: &Value) -> Form {
    let mut form = form(distribution);
    form.fields.push(("attestations".to_owned(), attestations.to_string()));
    form
}

#[tokio::test]
async fn what_publishers_attest_is_verified_and_passed_on() {
    let registry = TestRegistry::open().await;
    let client = registry.main();
    let demo = wheel("demo", "1.0");
    let attestations = attested(&registry, &demo, &demo.file_name).await;
    let form = with_attestations(&demo, &attestations);
    client.publish_form(form.clone(), demo.bytes.clone()).await.unwrap();

    let found = evidence(&client, &subject(&demo)).await;
    let by = |source| found[0].attestations.iter().find(|found| found.source == source).unwrap();
    assert_eq!(found[0].attestations.len(), 2);
    verified(&registry, by(AttestationSource::Ours), MAIN);
    verified(&registry, by(AttestationSource::Publisher), "ann@packages.example");

    let page = client.index("demo").await.unwrap();
    let url =
        format!("http://localhost:8080/main/pypi/integrity/demo/1.0/{}/provenance", demo.file_name);
    assert_eq!(page.file(&demo.file_name)["provenance"], url);
    let provenance = client.provenance("demo", &demo.file_name).await.unwrap();
    let bundle = &provenance["attestation_bundles"][0];
    assert_eq!(bundle["publisher"]["identity"], "ann@packages.example");
    assert_eq!(bundle["publisher"]["issuer"], ISSUER);
    let passed_on = &bundle["attestations"][0];
    assert_eq!(passed_on["envelope"], attestations[0]["envelope"]);
    let stamps = passed_on["verification_material"]["timestamps"].as_array().unwrap();
    assert_eq!(stamps.len(), 1, "the time of its arrival is ours");

    client.publish_form(form, demo.bytes.clone()).await.unwrap();
    let others = attested(&registry, &demo, &demo.file_name).await;
    let again = client.publish_form(with_attestations(&demo, &others), demo.bytes.clone()).await;
    assert_eq!(refused(again), ProblemCode::Conflict);
}

#[tokio::test]
async fn what_is_attested_later_is_verified_and_kept_once() {
    let registry = TestRegistry::open().await;
    let operator = registry.operator();
    let create = registry.registry.create_repository(&operator, "team", Visibility::Private);
    create.await.unwrap();
    let team = Client::new(registry.registry.clone(), "team", operator.clone());
    let (demo, other) = (wheel("demo", "1.0"), wheel("demo", "2.0"));
    let attestations = attested(&registry, &demo, &demo.file_name).await;
    let published = with_attestations(&demo, &attestations);
    registry.main().publish_form(published, demo.bytes.clone()).await.unwrap();
    team.publish(&demo).await.unwrap();
    team.publish(&other).await.unwrap();
    let found = registry.registry.evidence(&operator, &subject(&demo), Some("main")).await;
    let found = found.unwrap().remove(0).attestations;
    let by_ann = found.iter().find(|found| found.source == AttestationSource::Publisher).unwrap();

    let add = async |caller: &Caller, file: &str, bundle: &str| {
        let named = FileNamed { repository: "team", ecosystem: "pypi", package: "demo", file };
        registry.registry.add_attestation(caller, named, bundle.to_owned()).await
    };
    for is_there in [false, true] {
        let kept = add(&operator, &demo.file_name, &by_ann.bundle).await.unwrap();
        assert_eq!(
            (kept.already_there, kept.identity.as_str()),
            (is_there, "ann@packages.example")
        );
        verified(&registry, &kept.attestation, "ann@packages.example");
    }
    let kept = registry.registry.evidence(&operator, &subject(&demo), Some("team")).await.unwrap();
    assert_eq!(kept[0].attestations.len(), 2);

    let check = async |caller: &Caller, file: &str, bundle: &str, expected: ProblemCode| {
        assert_eq!(refused(add(caller, file, bundle).await), expected, "{file}");
    };
    let stranger = registry.registry.identify(None, None).unwrap();
    check(&operator, &other.file_name, &by_ann.bundle, ProblemCode::InvalidPackage).await;
    check(&operator, "demo-3.0.tar.gz", &by_ann.bundle, ProblemCode::NotFound).await;
    check(&operator, &demo.file_name, "{}", ProblemCode::InvalidPackage).await;
    let anonymous = ProblemCode::AuthenticationRequired;
    check(&stranger, &demo.file_name, &by_ann.bundle, anonymous).await;
    registry.assert_recorded(&[(EventKind::Attested, 1)]).await;
}

#[tokio::test]
async fn what_a_rule_refuses_is_not_listed_either() {
    let registry = TestRegistry::open().await;
    let (operator, client) = (registry.operator(), registry.main());
    let create = registry.registry.create_repository(&operator, "team", Visibility::Private);
    create.await.unwrap();
    let team = Client::new(registry.registry.clone(), "team", operator.clone());
    let (signed, unsigned) = (wheel("demo", "1.0"), wheel("demo", "2.0"));
    let publish_attested = async |client: &Client, wheel: &Distribution| {
        let attestations = attested(&registry, wheel, &wheel.file_name).await;
        let form = with_attestations(wheel, &attestations);
        client.publish_form(form, wheel.bytes.clone()).await.unwrap();
    };
    publish_attested(&client, &signed).await;
    client.publish(&unsigned).await.unwrap();
    assert_eq!(client.files("demo").await.len(), 2);
    let rule = SignatureRule {
        ecosystem: "pypi".to_owned(),
        packages: NamePattern::Prefix("demo".to_owned()),
        identity: TextPattern::new("ann@*").unwrap(),
        issuer: TextPattern::new(ISSUER).unwrap(),
        trust: None,
    };
    let policy = RepositoryPolicy { signatures: vec![rule], ..RepositoryPolicy::default() };
    registry.registry.set_policy(&operator, "main", policy).await.unwrap();
    assert_eq!(client.files("demo").await, [&*signed.file_name]);
    let denied = client.file("demo", &unsigned.file_name).await;
    assert_eq!(refused(denied), ProblemCode::PolicyDenied);
    // Signatures are about bytes, wherever those are kept.
    publish_attested(&team, &unsigned).await;
    assert_eq!(client.files("demo").await.len(), 2);
    client.install(&unsigned).await;
}

#[tokio::test]
async fn a_bad_attestation_refuses_the_publication() {
    let registry = TestRegistry::open().await;
    let client = registry.main();
    let demo = wheel("demo", "1.0");
    let other = wheel("demo", "2.0");
    let good = attested(&registry, &demo, &demo.file_name).await;
    let changed = |pointer: &str, value: Value| {
        let mut attestations = good.clone();
        *attestations.pointer_mut(pointer).unwrap() = value;
        attestations
    };
    let check = async |attestations: Value, part: &str| {
        let form = with_attestations(&demo, &attestations);
        let told = message(client.publish_form(form, demo.bytes.clone()).await);
        assert!(told.starts_with("attestation 1: ") && told.contains(part), "{told}");
        assert!(registry.kept().await.is_empty(), "nothing of it is kept");
    };
    check(attested(&registry, &demo, &other.file_name).await, "is not about").await;
    check(attested(&registry, &other, &demo.file_name).await, "").await;
    check(changed("/0/envelope/signature", json!(STANDARD.encode("wrong"))), "").await;
    check(changed("/0/envelope/statement", json!(STANDARD.encode("{}"))), "").await;
    let elsewhere = TestRegistry::open().await;
    check(attested(&elsewhere, &demo, &demo.file_name).await, "").await;
    registry.clock.advance(hours(1));
    check(good.clone(), "").await;
    registry.events_of(EventKind::PublicationRefused, 6).await;
}

#[tokio::test]
async fn without_a_publishers_attestation_our_own_is_passed_on() {
    let registry = TestRegistry::open().await;
    let client = registry.main();
    let demo = wheel("demo", "1.0");
    client.publish(&demo).await.unwrap();
    for _ in 0..2 {
        let provenance = client.provenance("demo", &demo.file_name).await.unwrap();
        let bundle = &provenance["attestation_bundles"][0];
        assert_eq!(bundle["publisher"]["identity"], "http://localhost:8080/main");
        let kept = evidence(&client, &subject(&demo)).await.remove(0).attestations.remove(0);
        let Content::Envelope(envelope) = Bundle::parse(kept.bundle.as_bytes()).unwrap().content
        else {
            panic!("a statement")
        };
        let signature = STANDARD.encode(envelope.signature);
        assert_eq!(bundle["attestations"][0]["envelope"]["signature"], signature);
    }
    registry.assert_sound().await;
}

#[tokio::test]
async fn evidence_is_told_to_those_who_may_read() {
    let registry = TestRegistry::open().await;
    let operator = registry.operator();
    let secret = registry.repository("secret", Visibility::Private).await;
    let demo = wheel("demo", "1.0");
    secret.publish(&demo).await.unwrap();
    let limited = registry.bearer(Some("secret"), Scope::Read, Some("other-*")).await;
    let subjects = [subject(&demo), demo.file_name.clone(), "pkg:pypi/demo@1.0".to_owned()];
    for subject in &subjects {
        let ask = async |caller| registry.registry.evidence(&caller, subject, None).await;
        assert_eq!(ask(operator.clone()).await.unwrap().len(), 1, "{subject}");
        assert_eq!(refused(ask(registry.anonymous()).await), ProblemCode::NotFound, "{subject}");
        assert_eq!(refused(ask(limited.clone()).await), ProblemCode::NotFound, "{subject}");
    }
    let unknown = format!("sha256:{}", "0a".repeat(32));
    let problem = registry.registry.evidence(&operator, &unknown, None).await.unwrap_err();
    assert!(problem.public.ends_with(&unknown), "a digest is shown whole: {problem:?}");
    let ask = async |caller| registry.registry.attestations(&caller, &subjects[0]).await;
    assert_eq!(ask(operator.clone()).await.unwrap().len(), 1);
    assert_eq!(refused(ask(registry.anonymous()).await), ProblemCode::NotFound);

    let public = registry.main();
    public.publish(&demo).await.unwrap();
    let found =
        registry.registry.evidence(&registry.anonymous(), &subjects[0], None).await.unwrap();
    assert_eq!(found.len(), 1, "the public one alone");
    assert_eq!(found[0].report.repository.as_str(), "main");
    assert_eq!(found[0].report.kept.publisher, None);
    assert!(found[0].events.iter().all(|event| event.actor.is_none()));
    let found = registry.registry.evidence(&operator, &subjects[0], Some("secret")).await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn subjects() {
    let registry = TestRegistry::open().await;
    let client = registry.main();
    for version in ["1.0", "2.0"] {
        client.publish(&wheel("demo", version)).await.unwrap();
    }
    let check = async |subject: &str, expected: Result<usize, ProblemCode>| {
        let found = registry.registry.evidence(&client.caller, subject, None).await;
        let found = found.map(|found| found.len()).map_err(|problem| problem.code);
        assert_eq!(found, expected, "{subject:?}");
    };
    let demo = wheel("demo", "1.0");
    check("pkg:pypi/demo", Ok(2)).await;
    check("pkg:pypi/De_Mo", Err(ProblemCode::NotFound)).await;
    check("pkg:pypi/DEMO@1.0", Ok(1)).await;
    check("pkg:pypi/demo@3.0", Err(ProblemCode::NotFound)).await;
    check(&format!("pkg:pypi/demo@1.0?file_name={}", demo.file_name), Ok(1)).await;
    check("pkg:generic/demo", Err(ProblemCode::InvalidRequest)).await;
    check("pkg:pypi", Err(ProblemCode::InvalidRequest)).await;
    check(&demo.file_name, Ok(1)).await;
    check(&demo.sha256_hex(), Ok(1)).await;
    check(&demo.sha256_hex().to_uppercase(), Ok(1)).await;
    check("demo.txt", Err(ProblemCode::NotFound)).await;
    check("sha256:abc", Err(ProblemCode::InvalidRequest)).await;
    check(&format!("sha256:{}", "00".repeat(32)), Err(ProblemCode::NotFound)).await;
    check("", Err(ProblemCode::InvalidRequest)).await;
    check("../etc/passwd", Err(ProblemCode::InvalidRequest)).await;
}

/// What follows after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Retried,
    Restarted,
}

/// Whatever step fails, a publication that is there is signed once: by the publisher's next try, or
/// by the next process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_step_fails_it_is_signed_once() {
    for mode in [FaultMode::BeforePersisted, FaultMode::AfterPersisted] {
        for then in [Then::Retried, Then::Restarted] {
            for step in 0.. {
                let faults = Faults::at(step, mode);
                is_signed_after(&faults, then).await;
                if !faults.fired() {
                    assert!(step > 0, "nothing durable was done");
                    break;
                }
            }
        }
    }
}

async fn is_signed_after(faults: &Faults, then: Then) {
    let registry = TestRegistry::open().await;
    let demo = wheel("demo", "1.0");
    registry.registry.inject_faults(faults);
    drop(registry.main().publish(&demo).await);
    registry.registry.inject_faults(&Faults::none());
    let is_kept = !registry.kept().await.is_empty();
    let registry = match then {
        Then::Retried => {
            registry.main().publish(&demo).await.unwrap();
            registry
        }
        Then::Restarted if is_kept => {
            registry.clock.advance(minutes(10));
            let registry = registry.reopened().await;
            all_signed(&registry).await;
            registry
        }
        Then::Restarted => return,
    };
    let found = evidence(&registry.main(), &subject(&demo)).await;
    assert_eq!(found[0].attestations.len(), 1, "{then:?}");
    verified(&registry, &found[0].attestations[0], MAIN);
    let audit = registry.registry.authority().log().verify().await.unwrap();
    assert!(audit.is_sound(), "{audit:?}");
}

/// Tries again as a client does: it may have joined an attempt that the background had begun when
/// nothing could be signed yet.
async fn published_at_last(client: &Client, wheel: &Distribution) -> Published {
    for _ in 0..500 {
        match client.publish(wheel).await {
            Err(problem) if problem.code == ProblemCode::Busy => {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            done => return done.unwrap(),
        }
    }
    panic!("it is not signed after all this time")
}

/// A clock that goes back makes nothing that could be believed.
#[tokio::test]
async fn failing_to_sign_is_told_once_and_so_is_its_end() {
    let registry = TestRegistry::open().await;
    let client = registry.main();
    client.publish(&wheel("demo", "1.0")).await.unwrap();
    registry.clock.go_back(hours(1));
    for version in ["1.1", "1.2"] {
        let problem = client.publish(&wheel("demo", version)).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::Busy);
        assert!(problem.retry_after.is_some());
        // It is kept, and whoever asks is told that nothing is said about it yet.
        let found = evidence(&client, &subject(&wheel("demo", version))).await;
        assert_eq!((found.len(), found[0].attestations.len()), (1, 0));
    }
    registry.clock.advance(hours(2));
    for version in ["1.1", "1.2"] {
        let demo = wheel("demo", version);
        assert!(published_at_last(&client, &demo).await.already_there);
        let found = evidence(&client, &subject(&demo)).await;
        assert_eq!(found[0].attestations.len(), 1);
        verified(&registry, &found[0].attestations[0], MAIN);
    }
    all_signed(&registry).await;
    let told = [(EventKind::SigningFailing, 1), (EventKind::SigningRecovered, 1)];
    drop(client);
    registry.assert_recorded(&told).await;
}

#[tokio::test]
async fn what_a_stopped_log_does_not_take_is_signed_after_the_next_start() {
    let registry = TestRegistry::open().await;
    registry.main().publish(&wheel("demo", "1.0")).await.unwrap();
    registry.registry.authority().log().close().await.unwrap();
    let problem = registry.main().publish(&wheel("demo", "1.1")).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::Busy);
    assert!(problem.retry_after.is_some());
    assert_eq!(registry.registry.status().await.unwrap().signing_pending, 1);
    let registry = registry.reopened().await;
    all_signed(&registry).await;
    let found = evidence(&registry.main(), &subject(&wheel("demo", "1.1"))).await;
    assert_eq!(found[0].attestations.len(), 1);
}
