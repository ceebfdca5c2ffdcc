use serde_json::{Value, json};

use super::{COSIGN_PAYLOAD_LIMIT_BYTES, CosignError, CosignSignature, cosign_payload_digest};
use crate::bundle::{BundleVersion, Content, KeyMaterial};

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
const STAMP: &str = r#"{"SignedRFC3161Timestamp":"AQI="}"#;

fn payload() -> Value {
    let digest = format!("sha256:{}", "ab".repeat(32));
    json!({
        "critical": {
            "identity": { "docker-reference": "" },
            "image": { "docker-manifest-digest": digest },
            "type": "cosign container image signature",
        },
        "optional": { "creator": "somebody" },
    })
}

/// `{"apiVersion":"0.0.1","kind":"hashedrekord"}`, promised.
fn logged() -> Value {
    json!({
        "SignedEntryTimestamp": "AwQ=",
        "Payload": {
            "body": "eyJhcGlWZXJzaW9uIjoiMC4wLjEiLCJraW5kIjoiaGFzaGVkcmVrb3JkIn0=",
            "integratedTime": 1_700_000_000,
            "logIndex": 5,
            "logID": "c0de",
        },
    })
}

#[test]
fn a_text_names_a_manifest() {
    let check = |change: &dyn Fn(&mut Value), expected: Option<&str>| {
        let mut payload = payload();
        change(&mut payload);
        let found = cosign_payload_digest(payload.to_string().as_bytes());
        let hex = found.map(|digest| digest.hex()[..4].to_owned());
        assert_eq!(hex.as_deref(), expected, "{payload}");
    };
    check(&|_| {}, Some("abab"));
    check(&|payload| payload["more"] = 1.into(), Some("abab"));
    check(&|payload| payload["critical"]["type"] = "atomic container signature".into(), None);
    check(&|payload| payload["critical"]["image"]["docker-manifest-digest"] = "ab".into(), None);
    check(&|payload| payload["critical"]["image"] = Value::Null, None);
    check(&|payload| payload["critical"] = Value::Null, None);
    check(&|payload| *payload = json!([]), None);
    let long = "x".repeat(COSIGN_PAYLOAD_LIMIT_BYTES);
    check(&|payload| payload["more"] = long.as_str().into(), None);
    // Which of two counts, readers do not agree about.
    let text = payload().to_string();
    let twice = text.replacen(
        "{\"docker-manifest-digest\"",
        "{\"docker-manifest-digest\":\"sha256:00\",\"docker-manifest-digest\"",
        1,
    );
    assert_ne!(twice, text);
    assert_eq!(cosign_payload_digest(twice.as_bytes()), None);
    assert_eq!(cosign_payload_digest(format!("{text}{text}").as_bytes()), None);
}

#[test]
fn annotations_become_a_bundle() {
    let logged = logged().to_string();
    let signature = CosignSignature {
        signature: "BQY=",
        certificate: Some(CERTIFICATE),
        log_entry: Some(&logged),
        timestamp: Some(STAMP),
    };
    let bundle = signature.to_bundle(b"text").unwrap();
    assert_eq!(bundle.version, BundleVersion::V01);
    assert_eq!(bundle.key, KeyMaterial::Certificates(vec![vec![0x30, 0]]));
    assert_eq!(bundle.timestamps, [[1, 2]]);
    let [entry] = &bundle.log_entries[..] else { panic!("{bundle:?}") };
    assert_eq!((entry.index, entry.integrated_time), (5, Some(1_700_000_000)));
    assert_eq!((entry.kind.as_str(), entry.kind_version.as_str()), ("hashedrekord", "0.0.1"));
    assert_eq!(
        (&entry.log_id[..], entry.inclusion_promise.as_deref()),
        (&[0xc0, 0xde][..], Some(&[3, 4][..]))
    );
    assert_eq!(entry.inclusion_proof, None);
    let Content::Message(message) = &bundle.content else { panic!("{bundle:?}") };
    assert_eq!(message.signature, [5, 6]);
    assert_eq!(crate::Bundle::parse(bundle.to_json().as_bytes()).unwrap(), bundle);
    let less = CosignSignature { log_entry: None, timestamp: None, ..signature };
    let less = less.to_bundle(b"text").unwrap();
    assert!(less.log_entries.is_empty() && less.timestamps.is_empty());
}

#[test]
fn annotations_that_do_not_read_are_refused() {
    let logged = logged().to_string();
    let whole = CosignSignature {
        signature: "BQY=",
        certificate: Some(CERTIFICATE),
        log_entry: Some(&logged),
        timestamp: Some(STAMP),
    };
    let check = |signature: CosignSignature<'_>, expected: Option<&str>| {
        let refused = signature.to_bundle(b"text").unwrap_err();
        let found = match &refused {
            CosignError::Malformed(what) => Some(*what),
            CosignError::NoCertificate => None,
        };
        assert_eq!(found, expected, "{refused}");
    };
    check(CosignSignature { certificate: None, ..whole }, None);
    check(CosignSignature { signature: "!", ..whole }, Some("signature"));
    check(CosignSignature { certificate: Some("MAA="), ..whole }, Some("certificate"));
    let key = CERTIFICATE.replace("CERTIFICATE", "PUBLIC KEY");
    check(CosignSignature { certificate: Some(&key), ..whole }, Some("certificate"));
    check(CosignSignature { timestamp: Some("{}"), ..whole }, Some("rfc3161timestamp"));
    for (from, to) in [
        ("c0de", "c0d"),
        ("\"logIndex\":5", "\"logIndex\":-5"),
        ("1700000000", "\"1700000000\""),
        ("eyJhcGlWZXJzaW9uIjoiMC4wLjEiLCJraW5kIjoiaGFzaGVkcmVrb3JkIn0=", "e30="),
        ("SignedEntryTimestamp", "Signed"),
    ] {
        let broken = logged.replace(from, to);
        assert_ne!(broken, logged, "{from}");
        check(CosignSignature { log_entry: Some(&broken), ..whole }, Some("bundle"));
    }
}
