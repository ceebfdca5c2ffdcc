use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self as lc, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    Algorithm, HashedRekord, Material, Request, RequestError, TransparencyLogEntry, Verifier,
    VerifierError, digest_key, identity_key, keys, public_key_key,
};
use crate::note::{NoteVerifier, tests::key};
use crate::{Appended, Hash};

/// An entry of Sigstore's staging log, the digest of its leaf's neighbours, and its root: index 645
/// of 646.
const BODY: &str = include_str!("tests/body.json");
const PROOF: [&str; 4] = [
    "eTqr8nE8VGEREKQ2MDQeD+zKHTJERE6iNw0tG1G+WbQ=",
    "wzbEsO0X3AWHadlgJZx7yhJdRVEZ2dEY21okXQ6UIi4=",
    "QMesRTEZdIgthOEinYE/9J7wGv+VmArDZTICj9POmhY=",
    "UNUMG62rMwoqCqFKknh4R5Ubkf5Z6dj+Pk0m/1xu8uo=",
];
const ROOT: &str = "kNum4JmdViJPfZLMRB3xPi6flATj2JzJSiF+1pQDzNQ=";

fn body() -> &'static [u8] {
    BODY.trim_end().as_bytes()
}

#[test]
fn a_known_entry_is_rebuilt_to_the_last_byte() {
    let entry = HashedRekord::from_body(body()).unwrap();
    assert_eq!(entry.to_body(), body());
    let proof = PROOF.map(|hash| Hash::from_base64(hash).unwrap());
    let root = Hash::from_base64(ROOT).unwrap();
    crate::merkle::verify_inclusion(Hash::leaf(body()), 645, 646, &proof, root).unwrap();
    let verified = Request::new(entry.clone()).verify().unwrap();
    assert_eq!(verified.body(), body());
    assert_eq!(entry.verifier.identities().unwrap(), ["jku@goto.fi"]);
    let found = keys(body());
    assert_eq!(found, [digest_key(&entry.digest), identity_key("jku@goto.fi")]);
}

#[test]
fn every_body_is_what_jcs_makes_of_it() {
    for material in [Material::PublicKey("key".into()), Material::Certificate("der".into())] {
        for algorithm in ["PKIX_ECDSA_P384_SHA_384", "PKIX_ED25519", "PKIX_RSA_PSS_2048_SHA256"] {
            let verifier =
                Verifier { algorithm: algorithm.parse().unwrap(), material: material.clone() };
            let entry =
                HashedRekord { digest: "\u{ff}?>".into(), signature: "sig".into(), verifier };
            let body = entry.to_body();
            let value: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), body);
            assert_eq!(HashedRekord::from_body(&body), Ok(entry));
        }
    }
}

#[test]
fn another_spelling_is_no_body() {
    let text = std::str::from_utf8(body()).unwrap();
    let check = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert!(HashedRekord::from_body(changed.as_bytes()).is_err(), "{changed}");
        assert!(keys(changed.as_bytes()).is_empty());
    };
    check("{", "{ ");
    check("0.0.2", "0.0.1");
    check("hashedrekord", "dsse");
    check("SHA2_256", "SHA2_512");
    check("PKIX_ECDSA_P256_SHA_256", "PKIX_ED448");
    check("x509Certificate", "publicCertificate");
    check("\"spec\"", "\"more\":1,\"spec\"");
}

/// A message, its digest, and a key that signed it.
struct Signed {
    algorithm: Algorithm,
    digest: Vec<u8>,
    signature: Vec<u8>,
    spki: Vec<u8>,
}

impl Signed {
    fn ecdsa(algorithm: Algorithm, scheme: &'static EcdsaSigningAlgorithm, message: &[u8]) -> Self {
        let pair = EcdsaKeyPair::generate(scheme).unwrap();
        let signature = pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
        Self::with(algorithm, message, signature, spki(pair.public_key()))
    }

    fn rsa(algorithm: Algorithm, size: KeySize, message: &[u8]) -> Self {
        let pair = RsaKeyPair::generate(size).unwrap();
        let mut signature = vec![0; pair.public_modulus_len()];
        let rng = SystemRandom::new();
        pair.sign(&lc::RSA_PKCS1_SHA256, &rng, message, &mut signature).unwrap();
        Self::with(algorithm, message, signature, spki(pair.public_key()))
    }

    fn with(algorithm: Algorithm, message: &[u8], signature: Vec<u8>, spki: Vec<u8>) -> Self {
        let function = match algorithm {
            Algorithm::EcdsaP384 => &SHA384,
            Algorithm::EcdsaP521 | Algorithm::Ed25519 => &SHA512,
            _ => &SHA256,
        };
        Self { algorithm, digest: digest(function, message).as_ref().to_vec(), signature, spki }
    }

    fn request(&self) -> Value {
        json!({"hashedRekordRequestV002": {
            "digest": STANDARD.encode(&self.digest),
            "signature": {
                "content": STANDARD.encode(&self.signature),
                "verifier": {
                    "publicKey": {"rawBytes": STANDARD.encode(&self.spki)},
                    "keyDetails": self.algorithm.name(),
                },
            },
        }})
    }
}

fn spki(
    key: &impl aws_lc_rs::encoding::AsDer<aws_lc_rs::encoding::PublicKeyX509Der<'static>>,
) -> Vec<u8> {
    key.as_der().unwrap().as_ref().to_vec()
}

fn p256(message: &[u8]) -> Signed {
    Signed::ecdsa(Algorithm::EcdsaP256, &lc::ECDSA_P256_SHA256_ASN1_SIGNING, message)
}

fn refused(request: &Value) -> RequestError {
    let parsed = Request::parse(&serde_json::to_vec(request).unwrap());
    parsed.and_then(Request::verify).unwrap_err()
}

fn accepted(request: &Value) -> HashedRekord {
    let parsed = Request::parse(&serde_json::to_vec(request).unwrap());
    parsed.and_then(Request::verify).unwrap().entry().clone()
}

#[test]
fn signatures_of_every_kind_are_checked() {
    let message = b"some artifact";
    for signed in [
        p256(message),
        Signed::ecdsa(Algorithm::EcdsaP384, &lc::ECDSA_P384_SHA384_ASN1_SIGNING, message),
        Signed::ecdsa(Algorithm::EcdsaP521, &lc::ECDSA_P521_SHA512_ASN1_SIGNING, message),
        Signed::rsa(Algorithm::Rsa2048, KeySize::Rsa2048, message),
        Signed::rsa(Algorithm::Rsa3072, KeySize::Rsa3072, message),
    ] {
        let entry = accepted(&signed.request());
        assert_eq!(entry.digest, signed.digest);
        let found = keys(&entry.to_body());
        assert_eq!(found, [digest_key(&signed.digest), public_key_key(&signed.spki)]);

        let mut wrong = signed.digest.clone();
        wrong[3] ^= 1;
        let wrong = Signed { digest: wrong, ..signed };
        assert!(matches!(
            refused(&wrong.request()),
            RequestError::Verifier(VerifierError::Signature)
        ));
    }
}

#[test]
fn a_key_of_another_kind_is_refused() {
    let check = |algorithm: &str, expected: VerifierError| {
        let mut signed = p256(b"artifact");
        signed.algorithm = algorithm.parse().unwrap();
        signed.digest.resize(signed.algorithm.hash().function().output_len(), 0);
        match refused(&signed.request()) {
            RequestError::Verifier(found) => assert_eq!(found, expected),
            error => panic!("{error}"),
        }
    };
    check("PKIX_ECDSA_P384_SHA_384", VerifierError::OtherKey(Algorithm::EcdsaP384));
    check("PKIX_RSA_PKCS1V15_2048_SHA256", VerifierError::OtherKey(Algorithm::Rsa2048));
    check("PKIX_ED25519", VerifierError::OtherKey(Algorithm::Ed25519));
    let mut larger = Signed::rsa(Algorithm::Rsa2048, KeySize::Rsa2048, b"artifact");
    larger.algorithm = Algorithm::Rsa4096;
    let found = refused(&larger.request());
    let expected = VerifierError::OtherKey(Algorithm::Rsa4096);
    assert!(matches!(found, RequestError::Verifier(found) if found == expected));
    let pair = Ed25519KeyPair::generate().unwrap();
    let signature = pair.sign(b"artifact").as_ref().to_vec();
    let pure = Signed::with(Algorithm::Ed25519, b"artifact", signature, spki(pair.public_key()));
    let found = refused(&pure.request());
    let expected = VerifierError::NeedsMessage(Algorithm::Ed25519);
    assert!(matches!(found, RequestError::Verifier(found) if found == expected));
}

#[test]
fn protojson_has_several_spellings() {
    let signed = p256(b"artifact");
    let expected = accepted(&signed.request());
    let text = signed.request().to_string();
    let check = |text: String| {
        let found = Request::parse(text.as_bytes()).unwrap().verify().unwrap();
        assert_eq!(found.entry(), &expected);
    };
    check(text.replace("hashedRekordRequestV002", "hashed_rekord_request_v002"));
    check(text.replace("publicKey", "public_key").replace("rawBytes", "raw_bytes"));
    check(text.replace("keyDetails", "key_details"));
    check(text.replace("\"PKIX_ECDSA_P256_SHA_256\"", "5"));
    check(text.replace("{\"digest\"", "{\"unknown\":[1],\"digest\""));
    check(text.replace("{\"hashed", "{\"dsseRequestV002\":null,\"hashed"));
    let url = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    check(text.replace(&STANDARD.encode(&signed.digest), &url(&signed.digest)));
}

#[test]
fn an_envelope_becomes_an_entry_over_what_is_signed_of_it() {
    let pae = b"DSSEv1 28 application/vnd.in-toto+json 2 {}";
    let pair = Ed25519KeyPair::generate().unwrap();
    let ed25519 = Signed::with(
        Algorithm::Ed25519,
        pae,
        pair.sign(pae).as_ref().to_vec(),
        spki(pair.public_key()),
    );
    for signed in [p256(pae), ed25519] {
        let verifier = json!({
            "publicKey": {"rawBytes": STANDARD.encode(&signed.spki)},
            "keyDetails": signed.algorithm.name(),
        });
        let envelope = json!({
            "payload": STANDARD.encode("{}"),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": STANDARD.encode(&signed.signature), "keyid": ""}],
        });
        let request = json!({"dsseRequestV002": {"envelope": envelope, "verifiers": [verifier]}});
        assert_eq!(accepted(&request).digest, signed.digest);

        let mut changed = request.clone();
        changed["dsseRequestV002"]["envelope"]["payload"] = json!(STANDARD.encode("[]"));
        assert!(matches!(refused(&changed), RequestError::Verifier(VerifierError::Signature)));
        let mut twice = request.clone();
        twice["dsseRequestV002"]["envelope"]["signatures"] =
            json!([{"sig": "AAAA"}, {"sig": "AAAA"}]);
        assert!(matches!(refused(&twice), RequestError::Signatures(2)));
        let mut nobody = request;
        nobody["dsseRequestV002"]["verifiers"] = json!([]);
        assert!(matches!(refused(&nobody), RequestError::Missing("verifiers")));
    }
}

#[test]
fn what_is_no_request_is_refused() {
    let whole = p256(b"artifact").request();
    let check = |change: &dyn Fn(&mut Value), expected: &str| {
        let mut changed = whole.clone();
        change(&mut changed["hashedRekordRequestV002"]);
        assert_eq!(refused(&changed).to_string(), expected);
    };
    check(&|it| it["digest"] = json!(""), "the request has no digest");
    check(&|it| it["digest"] = json!("*"), "digest is not base64");
    check(
        &|it| it["digest"] = json!("AAAA"),
        "the digest has 3 bytes, and PKIX_ECDSA_P256_SHA_256 needs 32",
    );
    check(&|it| it["signature"] = json!(null), "the request has no signature");
    check(&|it| it["signature"]["content"] = json!(null), "the request has no signature.content");
    let key = |it: &mut Value, name: &str, value: Value| it["signature"]["verifier"][name] = value;
    check(
        &|it| key(it, "keyDetails", json!("PKIX_ED448")),
        "keyDetails is none of the known algorithms",
    );
    check(
        &|it| key(it, "x509Certificate", json!({"rawBytes": "AAAA"})),
        "the verifier must have either publicKey or x509Certificate",
    );
    check(&|it| key(it, "publicKey", json!({"rawBytes": "AAAA"})), "the public key cannot be read");
    for request in [json!({}), json!({"hashedRekordRequestV002": {}, "dsseRequestV002": {}})] {
        assert!(matches!(refused(&request), RequestError::Kind));
    }
    assert!(matches!(Request::parse(b"{"), Err(RequestError::Json(_))));
    let long = vec![b' '; super::REQUEST_MAX_BYTES + 1];
    assert!(matches!(Request::parse(&long), Err(RequestError::TooLong)));
}

#[test]
fn the_answer_is_a_transparency_log_entry() {
    let log = NoteVerifier::new("log.example", *key_bytes()).unwrap();
    let appended = Appended {
        index: 0,
        size: 2,
        root: Hash::leaf(b"root"),
        proof: vec![Hash::leaf(b"sibling")],
        checkpoint: Arc::from("log.example\n2\n"),
    };
    let entry = TransparencyLogEntry::new(&log, b"{}", &appended);
    let expected = json!({
        "logIndex": "0",
        "logId": {"keyId": log.id().to_base64()},
        "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
        "inclusionProof": {
            "logIndex": "0",
            "rootHash": Hash::leaf(b"root").to_base64(),
            "treeSize": "2",
            "hashes": [Hash::leaf(b"sibling").to_base64()],
            "checkpoint": {"envelope": "log.example\n2\n"},
        },
        "canonicalizedBody": "e30=",
    });
    assert_eq!(serde_json::from_slice::<Value>(&entry.to_json()).unwrap(), expected);
}

fn key_bytes() -> &'static [u8; 32] {
    static KEY: std::sync::OnceLock<[u8; 32]> = std::sync::OnceLock::new();
    KEY.get_or_init(|| key(1).public_key().as_ref().try_into().unwrap())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(place in 0_usize..4000, byte in any::<u8>()) {
        let mut bytes = p256(b"artifact").request().to_string().into_bytes();
        let place = place % bytes.len();
        bytes[place] = byte;
        let _ = Request::parse(&bytes).and_then(Request::verify);
        let mut bytes = body().to_vec();
        let place = place % bytes.len();
        bytes[place] ^= byte;
        if let Ok(entry) = HashedRekord::from_body(&bytes) {
            prop_assert_eq!(entry.to_body(), Bytes::from(bytes.clone()));
            let _ = keys(&bytes);
            let _ = Request::new(entry).verify();
        }
    }
}
