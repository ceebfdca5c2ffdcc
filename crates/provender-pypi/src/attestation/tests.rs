use provender_domain::ProblemCode;
use provender_ecosystem::{ATTESTATION_LIMIT_BYTES, ATTESTATIONS_LIMIT, Attested};
use serde_json::{Value, json};

use super::{provenance, read};

fn attestation() -> Value {
    json!({
        "version": 1,
        "verification_material": {
            "certificate": "Y2VydGlm\naWNhdGU=\n",
            "transparency_entries": [{ "logIndex": "7" }],
        },
        "envelope": { "statement": "e30=", "signature": "c2ln" },
    })
}

/// The attestation with one part changed; `null` removes it.
fn changed(pointer: &str, value: Value) -> Value {
    let mut attestation = attestation();
    *attestation.pointer_mut(pointer).unwrap() = value;
    attestation
}

#[test]
fn fields() {
    let check = |field: &str, expected: Result<usize, &str>| match (read(field), expected) {
        (Ok(claims), Ok(count)) => assert_eq!(claims.len(), count, "{field}"),
        (Err(problem), Err(part)) => {
            assert!(problem.public.contains(part), "{field}: {}", problem.public);
            let is_refusal =
                matches!(problem.code, ProblemCode::InvalidRequest | ProblemCode::TooLarge);
            assert!(is_refusal, "{field}: {:?}", problem.code);
        }
        (found, expected) => panic!("{field}: {found:?} instead of {expected:?}"),
    };
    let one = |attestation: Value| json!([attestation]).to_string();
    check("", Ok(0));
    check(" \n", Ok(0));
    check("[]", Ok(0));
    check(&one(attestation()), Ok(1));
    check(&json!([attestation(), attestation()]).to_string(), Ok(2));
    check("{}", Err("no list of attestations"));
    check("[{}]", Err("missing field `version`"));
    check("[", Err("EOF while parsing"));
    check(&attestation().to_string(), Err("no list of attestations"));
    check(&one(changed("/version", json!(2))), Err("version 2 is not understood"));
    check(
        &one(changed("/verification_material/transparency_entries", json!([]))),
        Err("without a transparency log entry"),
    );
    check(
        &one(changed("/verification_material/certificate", json!("?"))),
        Err("the certificate is not base64"),
    );
    check(&one(changed("/envelope/statement", json!(""))), Err("the statement is not base64"));
    check(&one(changed("/envelope/signature", json!("a"))), Err("the signature is not base64"));
    let many = vec![attestation(); ATTESTATIONS_LIMIT + 1];
    check(&json!(many).to_string(), Err("at most 16 attestations"));
    let long = "QUFB".repeat(ATTESTATION_LIMIT_BYTES / 4);
    check(&one(changed("/envelope/statement", json!(long))), Err("bytes each"));
}

#[test]
fn an_attestation_becomes_a_bundle() {
    let claims = read(&json!([attestation()]).to_string()).unwrap();
    let bundle: Value = serde_json::from_str(&claims[0].bundle).unwrap();
    let expected = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": { "rawBytes": "Y2VydGlmaWNhdGU=" },
            "tlogEntries": [{ "logIndex": "7" }],
        },
        "dsseEnvelope": {
            "payload": "e30=",
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{ "sig": "c2ln" }],
        },
    });
    assert_eq!(bundle, expected);
}

#[test]
fn timestamps_go_both_ways() {
    let mut stamped = attestation();
    stamped["verification_material"]["timestamps"] = json!(["c3Rh\nbXA=\n"]);
    let claims = read(&json!([stamped]).to_string()).unwrap();
    let bundle: Value = serde_json::from_str(&claims[0].bundle).unwrap();
    let stamps = &bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"];
    assert_eq!(*stamps, json!([{ "signedTimestamp": "c3RhbXA=" }]));
    let attested = Attested {
        bundle: claims[0].bundle.clone(),
        identity: "somebody@packages.example".to_owned(),
        issuer: String::new(),
    };
    let rendered: Value = serde_json::from_slice(&provenance(&[attested]).unwrap()).unwrap();
    let material = &rendered["attestation_bundles"][0]["attestations"][0]["verification_material"];
    assert_eq!(material["timestamps"], json!(["c3RhbXA="]));
}

#[test]
fn verified_bundles_become_a_provenance() {
    let claims = read(&json!([attestation()]).to_string()).unwrap();
    let attested = |identity: &str| Attested {
        bundle: claims[0].bundle.clone(),
        identity: identity.to_owned(),
        issuer: "https://issuer.example".to_owned(),
    };
    let somebody = attested("somebody@packages.example");
    let rendered = provenance(&[somebody.clone(), somebody]).unwrap();
    let rendered: Value = serde_json::from_slice(&rendered).unwrap();
    let same = changed("/verification_material/certificate", json!("Y2VydGlmaWNhdGU="));
    let expected = json!({
        "version": 1,
        "attestation_bundles": [{
            "publisher": {
                "kind": "Sigstore",
                "identity": "somebody@packages.example",
                "issuer": "https://issuer.example",
                "claims": null,
            },
            "attestations": [same, same],
        }],
    });
    assert_eq!(rendered, expected);
    let mut signature = attested("somebody@packages.example");
    signature.bundle = signature.bundle.replace("dsseEnvelope", "messageSignature");
    assert_eq!(provenance(&[signature]), None);
}

#[test]
fn publishers() {
    let check = |identity: &str, kind: &str, repository: Value| {
        let found = super::publisher(identity, "https://issuer.example");
        assert_eq!(found["kind"], kind, "{identity}");
        assert_eq!(found["repository"], repository, "{identity}");
    };
    let workflow = "https://forge.example/acme/demo/.github/workflows/release.yml@refs/tags/v1";
    check(workflow, "GitHub", json!("acme/demo"));
    let nested = "https://forge.example/acme/group/demo//ci/release.yml@refs/heads/main";
    check(nested, "GitLab", json!("acme/group/demo"));
    check("somebody@packages.example", "Sigstore", Value::Null);
    check("https://packages.example/main", "Sigstore", Value::Null);
    check("https://packages.example/a/.github/workflows/x.yml@r", "Sigstore", Value::Null);
    check("https://packages.example", "Sigstore", Value::Null);
}
