use serde_json::{Value, json};

use super::{BUNDLE_LIMIT_BYTES, BUNDLE_MEDIA_TYPE, Bundle, BundleError, Content, KeyMaterial};

const HASH: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn entry() -> Value {
    json!({
        "logIndex": "7",
        "logId": {"keyId": HASH},
        "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
        "inclusionProof": {
            "logIndex": "7",
            "rootHash": HASH,
            "treeSize": "9",
            "hashes": [HASH],
            "checkpoint": {"envelope": "log.example\n9\n"},
        },
        "canonicalizedBody": "e30=",
    })
}

fn bundle() -> Value {
    json!({
        "mediaType": BUNDLE_MEDIA_TYPE,
        "verificationMaterial": {
            "certificate": {"rawBytes": "MAA="},
            "tlogEntries": [entry()],
            "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": "MAA="}]},
        },
        "dsseEnvelope": {
            "payload": "e30=",
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": "AAEC"}],
        },
    })
}

fn parse(json: &Value) -> Result<Bundle, BundleError> {
    Bundle::parse(json.to_string().as_bytes())
}

/// The bundle with the value at `pointer` replaced, or taken away.
fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut json = bundle();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = json.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => drop(parent.insert(name.to_owned(), value)),
        None => drop(parent.remove(name)),
    }
    json
}

#[test]
fn what_is_read_is_written() {
    let read = parse(&bundle()).unwrap();
    let written: Value = serde_json::from_str(&read.to_json()).unwrap();
    assert_eq!(written, bundle());
    assert_eq!(read.signature(), [0, 1, 2]);
    assert_eq!(read.certificate(), Some(&[0x30, 0][..]));
    assert_eq!(written["verificationMaterial"]["tlogEntries"][0], entry());
}

#[test]
fn other_ways_to_write_the_same() {
    let expected = parse(&bundle()).unwrap();
    let check = |json: Value| assert_eq!(parse(&json).unwrap(), expected, "{json}");
    let entries = |change: fn(&mut Value)| {
        let mut entry = entry();
        change(&mut entry);
        with("/verificationMaterial/tlogEntries", Some(json!([entry])))
    };
    check(entries(|entry| entry["logIndex"] = json!(7)));
    check(entries(|entry| entry["integratedTime"] = json!("0")));
    check(entries(|entry| entry["integratedTime"] = json!(0)));
    check(entries(|entry| entry["inclusionPromise"] = Value::Null));
    check(with("/dsseEnvelope/payload", Some(json!("e30"))));
    check(with("/dsseEnvelope/signatures", Some(json!([{"sig": "AAEC", "keyid": ""}]))));
    let early = "application/vnd.dev.sigstore.bundle+json;version=0.3";
    check(with("/mediaType", Some(json!(early))));
}

#[test]
fn keys_and_chains() {
    let material = |value: Value| {
        let mut json = with("/verificationMaterial/certificate", None);
        for (name, value) in value.as_object().unwrap() {
            json["verificationMaterial"][name] = value.clone();
        }
        json
    };
    let read = |value: Value| parse(&material(value)).map(|bundle| bundle.key);
    let hint = read(json!({"publicKey": {"hint": "me"}})).unwrap();
    assert_eq!(hint, KeyMaterial::PublicKeyHint("me".to_owned()));
    let chain = json!({"x509CertificateChain": {"certificates": [{"rawBytes": "AA=="}]}});
    assert_eq!(read(chain).unwrap(), KeyMaterial::Certificates(vec![vec![0]]));
    let none = json!({"x509CertificateChain": {"certificates": []}});
    assert!(matches!(read(none), Err(BundleError::NotOne(_))));
    let both = json!({"publicKey": {"hint": ""}, "certificate": {"rawBytes": ""}});
    assert!(matches!(read(both), Err(BundleError::NotOne(_))));
    let many = vec![json!({"rawBytes": "AA=="}); super::CERTIFICATES_LIMIT + 1];
    let many = json!({"x509CertificateChain": {"certificates": many}});
    assert!(matches!(read(many), Err(BundleError::TooMany { .. })));
}

#[test]
fn messages() {
    let message = json!({
        "messageDigest": {"algorithm": "SHA2_256", "digest": HASH},
        "signature": "AAEC",
    });
    let mut json = with("/dsseEnvelope", None);
    json["messageSignature"] = message;
    let read = parse(&json).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&read.to_json()).unwrap(), json);
    let Content::Message(message) = read.content else { panic!("a message was written") };
    assert_eq!(message.digest.unwrap().0, "SHA2_256");
}

#[test]
fn what_is_no_bundle() {
    let check = |json: &Value, expected: &str| {
        let refused = parse(json).unwrap_err();
        assert!(refused.to_string().contains(expected), "{json}: {refused}");
    };
    check(&json!({}), "no Sigstore bundle");
    check(&with("/mediaType", Some(json!("text/plain"))), "text/plain");
    check(&with("/mediaType", None), "no Sigstore bundle");
    check(&with("/more", Some(json!(1))), "no Sigstore bundle");
    check(&with("/dsseEnvelope", None), "exactly one message signature or envelope");
    check(&with("/dsseEnvelope/signatures", Some(json!([]))), "exactly one signature");
    let two = json!([{"sig": "AA=="}, {"sig": "AA=="}]);
    check(&with("/dsseEnvelope/signatures", Some(two)), "exactly one signature");
    check(&with("/dsseEnvelope/payload", Some(json!("e3"))), "no Sigstore bundle");
    let entries = vec![entry(); super::LOG_ENTRIES_LIMIT + 1];
    check(&with("/verificationMaterial/tlogEntries", Some(json!(entries))), "at most");
    let timestamps = vec![json!({"signedTimestamp": ""}); super::TIMESTAMPS_LIMIT + 1];
    let timestamps = json!({"rfc3161Timestamps": timestamps});
    check(&with("/verificationMaterial/timestampVerificationData", Some(timestamps)), "at most");
    let mut proof = entry();
    proof["inclusionProof"]["hashes"] = json!(["AA=="]);
    check(&with("/verificationMaterial/tlogEntries", Some(json!([proof]))), "inclusion proof");
    let mut negative = entry();
    negative["logIndex"] = json!("-1");
    check(&with("/verificationMaterial/tlogEntries", Some(json!([negative]))), "log index");

    let huge = vec![b' '; BUNDLE_LIMIT_BYTES + 1];
    assert!(matches!(Bundle::parse(&huge), Err(BundleError::TooLarge { .. })));
}

#[test]
fn who_signs_the_time() {
    let check = |stamped: bool, time: Option<i64>, promise: Option<Vec<u8>>, expected: bool| {
        let mut bundle = parse(&bundle()).unwrap();
        bundle.timestamps.truncate(usize::from(stamped));
        bundle.log_entries[0].integrated_time = time;
        bundle.log_entries[0].inclusion_promise = promise;
        assert_eq!(bundle.proves_time(), expected);
    };
    check(true, None, None, true);
    check(false, None, None, false);
    check(false, Some(1), None, false);
    check(false, None, Some(vec![1]), false);
    check(false, Some(1), Some(vec![1]), true);
}
