use std::path::PathBuf;
use std::process::Command;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use der::{Decode as _, Encode as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use x509_cert::Certificate;

use super::*;
use crate::ct::{SCT_LIST, SctList, SctSigner};
use crate::keys::{KeyAlgorithm, SigningKey};
use crate::oidc::{Extension as Claim, San};

mod requests;
mod restart;

const ISSUER: &str = "https://packages.example/-/oidc";

struct Setup {
    folder: TempDir,
    authority: CertificateAuthority,
    ct: SctSigner,
}

fn setup() -> Setup {
    let folder = tempfile::tempdir().expect("a folder");
    let ring = KeyRing::open(&folder.path().join("keys")).expect("opens");
    let certificates = folder.path().join("certificates");
    let authority = CertificateAuthority::open(
        &ring,
        &certificates,
        &CertificateSettings::default(),
        Timestamp::now(),
    )
    .expect("opens");
    Setup { folder, authority, ct: SctSigner::open(&ring, 1).expect("opens") }
}

impl Setup {
    fn issue(&self, key: &ProvenKey, identity: &Identity) -> (Issued, crate::ct::LogEntry) {
        let now = Timestamp::now();
        let precertificate = self.authority.precertificate(key, identity, now).expect("made");
        let (sct, entry) = self.ct.sign(&precertificate, now).expect("signed");
        let scts = SctList::new(vec![sct]);
        (self.authority.finish(precertificate, &scts).expect("signed"), entry)
    }

    fn write_pem(&self, name: &str, der: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, certificate::to_pem(der)).expect("written");
        path
    }
}

fn uri(text: &str) -> Identity {
    Identity::new(&San::Uri(text.to_owned()), ISSUER, Vec::new()).expect("a name")
}

fn own_key() -> ProvenKey {
    ProvenKey::of(&SigningKey::generate(KeyAlgorithm::EcdsaP256).expect("generated"))
}

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().expect("openssl is there");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {text}{errors}");
    text
}

#[test]
fn openssl_verifies_the_chain() {
    let setup = setup();
    let (issued, _) = setup.issue(&own_key(), &uri("https://packages.example/main"));
    let [leaf, intermediate, root] = issued.chain() else { panic!("three certificates") };
    let leaf = setup.write_pem("leaf.pem", leaf);
    let intermediate = setup.write_pem("intermediate.pem", intermediate);
    let root = setup.write_pem("root.pem", root);
    let path = |path: &PathBuf| path.to_str().expect("text").to_owned();
    openssl(&[
        "verify",
        "-x509_strict",
        "-purpose",
        "any",
        "-CAfile",
        &path(&root),
        "-untrusted",
        &path(&intermediate),
        &path(&leaf),
    ]);
}

#[test]
fn what_a_certificate_says() {
    let setup = setup();
    let extensions = vec![
        (Claim::BuildTrigger, "push".to_owned()),
        (Claim::GithubWorkflowTrigger, "push".to_owned()),
        (Claim::BuildSignerUri, "https://ci.example/build.yml@v1".to_owned()),
        (Claim::TokenSubject, String::new()),
    ];
    let san = San::Email("ada@example.org".to_owned());
    let identity = Identity::new(&san, ISSUER, extensions).expect("an identity");
    let (issued, _) = setup.issue(&own_key(), &identity);
    let leaf = setup.write_pem("leaf.pem", issued.certificate());
    let text = openssl(&["x509", "-in", leaf.to_str().expect("text"), "-noout", "-text"]);
    for expected in [
        "Version: 3 (0x2)",
        "Signature Algorithm: ecdsa-with-SHA256",
        "Subject: \n",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Extended Key Usage: \n                Code Signing\n",
        "X509v3 Subject Alternative Name: critical\n                email:ada@example.org\n",
        "1.3.6.1.4.1.57264.1.1: \n                https://packages.example/-/oidc\n",
        "1.3.6.1.4.1.57264.1.2: \n                push\n",
        "1.3.6.1.4.1.57264.1.8: \n",
        "1.3.6.1.4.1.57264.1.9: \n",
        "1.3.6.1.4.1.57264.1.20: \n                ..push\n",
        "CT Precertificate SCTs: \n                Signed Certificate Timestamp:\n",
        "Signature : ecdsa-with-SHA256",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing:\n{text}");
    }
    assert!(!text.contains("57264.1.24"), "what is empty is left out:\n{text}");
    let certificate = Certificate::from_der(issued.certificate()).expect("readable");
    let validity = certificate.tbs_certificate.validity;
    let seconds = |time: x509_cert::time::Time| time.to_unix_duration().as_secs();
    assert_eq!(seconds(validity.not_after) - seconds(validity.not_before), 600);
}

/// The SCT verifies over the certificate as a client rebuilds it, and the log's entry is what it
/// signs.
#[test]
fn the_sct_is_over_the_certificate_without_it() {
    let setup = setup();
    let (certificate, entry) = setup.issue(&own_key(), &uri("https://packages.example/main"));
    let mut tbs =
        Certificate::from_der(certificate.certificate()).expect("readable").tbs_certificate;
    let extensions = tbs.extensions.as_mut().expect("extensions");
    let position = extensions.iter().position(|extension| extension.extn_id == SCT_LIST);
    let extension = extensions.remove(position.expect("an SCT"));
    let list = der::asn1::OctetString::from_der(extension.extn_value.as_bytes()).expect("octets");
    // The list's and the SCT's length, then version, log, time, extensions, algorithms, length.
    let sct = &list.as_bytes()[4..];
    assert_eq!(sct[1..33], setup.ct.log_id());
    let (timestamp, signature) = (&sct[33..41], &sct[47..]);
    let intermediate = Certificate::from_der(&certificate.chain()[1]).expect("readable");
    let issuer_key = intermediate.tbs_certificate.subject_public_key_info.to_der().expect("der");
    let tbs = tbs.to_der().expect("der");
    let length = u32::try_from(tbs.len()).expect("short").to_be_bytes();
    let signed = [
        &[0, 0],
        timestamp,
        &[0, 1],
        Sha256::digest(issuer_key).as_slice(),
        &length[1..],
        &tbs,
        &[0, 0],
    ]
    .concat();
    assert_eq!(entry.as_bytes(), signed);
    let key = &setup.ct.public_key_der()[26..];
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
        .verify(&signed, signature)
        .expect("verifies");
}

#[test]
fn certificates_of_ours_admit_to_the_log_until_shortly_after_their_end() {
    let (ours, other) = (setup(), setup());
    let identity = uri("https://packages.example/main");
    let issued_at = Timestamp::now();
    let (issued, _) = ours.issue(&own_key(), &identity);
    let after = |seconds| issued_at + SignedDuration::from_secs(seconds);
    let check = |authority: &Setup, certificate: &[u8], seconds, expected: bool| {
        let found = authority.authority.admits(certificate, after(seconds));
        assert_eq!(found, expected, "{seconds}");
    };
    let certificate = issued.certificate();
    check(&ours, certificate, 0, true);
    check(&ours, certificate, 600 + 299, true);
    check(&ours, certificate, 600 + 302, false);
    check(&ours, certificate, 365 * 24 * 3600, false);
    check(&other, certificate, 0, false);
    check(&ours, b"", 0, false);
    let mut changed = certificate.to_vec();
    *changed.last_mut().expect("bytes") ^= 1;
    check(&ours, &changed, 0, false);
}

/// Whatever is not signed in a certificate could be anything, and each would be another log entry.
#[test]
fn a_certificate_is_ours_as_it_was_written_and_no_other_way() {
    let ours = setup();
    let (issued, _) = ours.issue(&own_key(), &uri("https://packages.example/main"));
    let now = Timestamp::now();
    assert!(ours.authority.has_issued(issued.certificate()));
    let mut rewritten = Certificate::from_der(issued.certificate()).expect("readable");
    rewritten.signature_algorithm.parameters = Some(der::asn1::Null.into());
    let mut longer = issued.certificate().to_vec();
    longer.push(0);
    for other in [rewritten.to_der().expect("der"), longer] {
        assert!(!ours.authority.admits(&other, now));
        assert!(!ours.authority.has_issued(&other));
    }
}

/// A key may have been given up because somebody else has it.
#[test]
fn what_ends_later_than_a_given_up_key_is_not_ours() {
    let ours = setup();
    let (issued, _) = ours.issue(&own_key(), &uri("https://packages.example/main"));
    let (certificate, now) = (issued.certificate(), Timestamp::now());
    let read = Certificate::from_der(certificate).expect("readable");
    let end = certificate::timestamp(read.tbs_certificate.validity.not_after);
    let key = ours.authority.chain.key.public_key();
    for (until, expected) in [(end, true), (end - SignedDuration::from_secs(1), false)] {
        assert_eq!(has_issued(key, certificate, Some(until)), expected);
        assert_eq!(admits(key, certificate, now, Some(until)), expected);
    }
}

#[test]
fn names_that_no_certificate_holds() {
    fn check(san: &San, is_allowed: bool) {
        assert_eq!(Identity::new(san, ISSUER, Vec::new()).is_ok(), is_allowed, "{san}");
    }
    check(&San::Email("ada@example.org".to_owned()), true);
    check(&San::Uri("https://packages.example/main".to_owned()), true);
    check(&San::Uri(String::new()), false);
    check(&San::Email("ada@exämple.org".to_owned()), false);
    check(&San::Uri("https://packages.example/a b".to_owned()), false);
    check(&San::Uri("https://packages.example/\0".to_owned()), false);
    check(&San::Uri(format!("https://{}", "a".repeat(2048))), false);
    let claims = vec![(Claim::BuildTrigger, "x".repeat(16 * 1024))];
    let long = Identity::new(&San::Uri("urn:a:b".to_owned()), ISSUER, claims);
    assert_eq!(long, Err(IdentityError::TooLong));
}

#[test]
fn answers() {
    let setup = setup();
    let (certificate, _) = setup.issue(&own_key(), &uri("https://packages.example/main"));
    let answer = issued(&certificate);
    let pems = &answer["signedCertificateEmbeddedSct"]["chain"]["certificates"];
    assert_eq!(pems.as_array().map(Vec::len), Some(3));
    let bundle = trust_bundle(&setup.authority);
    let chain = bundle["chains"][0]["certificates"].as_array().expect("a chain");
    assert_eq!(chain.as_slice(), &pems.as_array().expect("a chain")[1..]);
    let summary = IssuerSummary {
        url: ISSUER.to_owned(),
        audience: "sigstore".to_owned(),
        challenge_claim: "sub".to_owned(),
    };
    let expected = json!({ "issuers": [
        { "issuerUrl": ISSUER, "audience": "sigstore", "challengeClaim": "sub" },
    ]});
    assert_eq!(configuration(&[summary]), expected);
}
