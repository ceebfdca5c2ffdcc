use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use const_oid::AssociatedOid as _;
use der::{Decode as _, Encode as _};
use jiff::SignedDuration;
use provender_tlog::rekor;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use url::Url;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;

use super::*;
use crate::keys::{KeyAlgorithm, SigningKey};
use crate::oidc::{San, TokenSubject};
use crate::testing::{AdjustedClock, MemoryStores, Offline};

mod clients;
mod rotation;
mod trusting;

struct Setup {
    folder: TempDir,
    stores: Arc<MemoryStores>,
    clock: Arc<AdjustedClock>,
}

fn setup() -> Setup {
    let folder = tempfile::tempdir().expect("a folder");
    Setup { folder, stores: Arc::default(), clock: Arc::default() }
}

impl Setup {
    async fn open(&self, origin: &str) -> Authority {
        self.try_open(origin).await.expect("opens")
    }

    async fn try_open(&self, origin: &str) -> Result<Authority, OpenError> {
        self.open_with(origin, "{}").await
    }

    /// With the settings of this JSON.
    async fn open_with(&self, origin: &str, settings: &str) -> Result<Authority, OpenError> {
        let origin = PublicOrigin::try_from(&Url::parse(origin).expect("a URL")).expect("one");
        let directory = self.folder.path().join("data");
        let mut options =
            Options::new(directory, origin, Arc::clone(&self.stores) as _, Arc::new(Offline));
        options.clock = Arc::clone(&self.clock) as _;
        options.settings = serde_json::from_str(settings).expect("settings");
        Authority::open(options).await
    }
}

const ORIGIN: &str = "http://localhost:8080";

fn ada() -> TokenSubject {
    TokenSubject::Person {
        account: "ada".to_owned(),
        email: "ada@example.org".to_owned(),
        since_microseconds: 1,
    }
}

fn machine() -> TokenSubject {
    TokenSubject::Machine { uri: format!("{ORIGIN}/-/tokens/ci"), token: "0a1b".to_owned() }
}

fn token(authority: &Authority, subject: &TokenSubject) -> String {
    authority.issuer().mint(subject, "sigstore", None, authority.now()).expect("minted")
}

fn request(key: &SigningKey, token: Option<&str>, challenge: &str) -> SigningCertRequest {
    let proof = key.sign(challenge.as_bytes()).expect("signed");
    let request = json!({
        "credentials": { "oidcIdentityToken": token },
        "publicKeyRequest": {
            "publicKey": { "algorithm": "ECDSA", "content": key.public_key_pem() },
            "proofOfPossession": STANDARD.encode(proof),
        },
    });
    SigningCertRequest::from_json(request.to_string().as_bytes()).expect("a request")
}

fn new_key() -> SigningKey {
    SigningKey::generate(KeyAlgorithm::EcdsaP256).expect("generated")
}

fn alternative_name(certificate: &[u8]) -> String {
    let certificate = Certificate::from_der(certificate).expect("readable");
    let extensions = certificate.tbs_certificate.extensions.expect("extensions");
    let names = extensions.iter().find(|extension| extension.extn_id == SubjectAltName::OID);
    let names = names.expect("a name").extn_value.as_bytes();
    format!("{:?}", SubjectAltName::from_der(names).expect("readable").0)
}

#[tokio::test]
async fn certificates_for_own_tokens() {
    async fn check(subject: TokenSubject, challenge: &str, name: &str) {
        let setup = setup();
        let authority = setup.open(ORIGIN).await;
        let (key, token) = (new_key(), token(&authority, &subject));
        let in_body = request(&key, Some(&token), challenge);
        let issued = authority.sign_certificate(in_body, None).await.expect("issued");
        let found = alternative_name(issued.certificate());
        assert!(found.contains(name), "{found}");
        let in_head = request(&key, None, challenge);
        authority.sign_certificate(in_head, Some(&token)).await.expect("issued");
        let size = authority.ct_log().append(Entry::new("end")).await.expect("appended").index;
        assert_eq!(size, 2, "both certificates are logged");
        authority.close().await.expect("closes");
    }
    check(ada(), "ada@example.org", "ada@example.org").await;
    let uri = "http://localhost:8080/-/tokens/ci";
    check(machine(), uri, uri).await;
}

#[tokio::test]
async fn refused_requests_are_not_logged() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let token = token(&authority, &ada());
    let key = new_key();
    let refusal = async |request, bearer: Option<&str>| {
        let error = authority.sign_certificate(request, bearer).await.expect_err("refused");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        source.unwrap_or_else(|| error.to_string())
    };
    let check = |found: String, part: &str| assert!(found.contains(part), "{found}");
    let email = "ada@example.org";
    check(refusal(request(&key, None, email), None).await, "no identity token");
    check(refusal(request(&key, Some("x"), email), None).await, "no signed token");
    check(refusal(request(&key, Some(&token), "eve@example.org"), None).await, "proofOfPossession");
    check(refusal(request(&key, Some(&token), email), Some("x")).await, "no signed token");
    setup.clock.advance(-3600);
    check(refusal(request(&key, Some(&token), email), None).await, "not valid yet");
    setup.clock.advance(2 * 3600);
    check(refusal(request(&key, Some(&token), email), None).await, "expired");
    let end = authority.ct_log().append(Entry::new("end")).await.expect("appended");
    assert_eq!(end.index, 0, "nothing was logged");
}

#[tokio::test]
async fn a_clock_that_went_back_issues_nothing_until_it_caught_up() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let san = |name: &str| San::Uri(format!("{ORIGIN}/{name}"));
    setup.clock.advance(3600);
    authority.identity(&san("a")).await.expect("issued");
    setup.clock.advance(-3600);
    let error = authority.identity(&san("b")).await.expect_err("refused");
    assert!(matches!(error, CertificateError::Clock(_)), "{error}");
    assert!(authority.timestamp(b"").refusal().is_some());
    setup.clock.advance(3600 + 1);
    authority.identity(&san("b")).await.expect("issued");
}

#[tokio::test]
async fn a_clock_that_went_back_over_a_restart_dates_nothing_either() {
    async fn check(keep: impl AsyncFnOnce(&Authority)) {
        let setup = setup();
        let first = setup.open(ORIGIN).await;
        setup.clock.advance(1800);
        let san = San::Uri(format!("{ORIGIN}/a"));
        first.identity(&san).await.expect("issued");
        keep(&first).await;
        drop(first);
        setup.clock.advance(-1800);
        let second = setup.open(ORIGIN).await;
        let error = second.identity(&san).await.expect_err("refused");
        assert!(matches!(error, CertificateError::Clock(_)), "{error}");
        assert!(second.timestamp(b"").refusal().is_some());
        setup.clock.advance(1800 + 1);
        second.identity(&san).await.expect("issued");
    }
    check(async |authority| authority.close().await.expect("closes")).await;
    let renew = |authority: &Authority| authority.renew().expect("renewed");
    check(async |authority| assert!(!renew(authority).changed)).await;
}

#[tokio::test]
async fn renewing_tells_what_an_operator_must_know() {
    let setup = setup();
    let authority = Arc::new(setup.open(ORIGIN).await);
    let renew = async || {
        let authority = Arc::clone(&authority);
        let renewed = tokio::task::spawn_blocking(move || authority.renew()).await;
        renewed.expect("no panic").expect("renewed")
    };
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let first = renew().await;
    assert!(!first.changed && !first.needs_root_key);
    assert!(first.root_expires > authority.now() + days(700));
    let certificates_end = first.certificates_end.duration_since(authority.now());
    assert!(certificates_end > days(3640) && certificates_end <= days(3650));
    setup.clock.advance(24 * 3600 * 4);
    assert!(renew().await.changed, "the timestamp");
    std::fs::remove_dir_all(setup.folder.path().join("data/tuf")).expect("removed");
    setup.clock.advance(24 * 3600 * 4);
    let error = authority.renew().expect_err("refused");
    assert!(matches!(error, RenewError::Tuf(_)), "{error}");
}

#[tokio::test]
async fn identities_are_used_for_half_of_their_life() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let san = San::Uri(format!("{ORIGIN}/main"));
    let first = authority.identity(&san).await.expect("issued");
    assert!(alternative_name(first.certificate()).contains("http://localhost:8080/main"));
    assert_eq!(first.chain().len(), 3);
    let certificate = async || authority.identity(&san).await.expect("one").certificate().to_vec();
    assert_eq!(certificate().await, first.certificate());
    setup.clock.advance(299);
    assert_eq!(certificate().await, first.certificate());
    setup.clock.advance(2);
    let second = certificate().await;
    assert_ne!(second, first.certificate());
    assert_eq!(certificate().await, second);
    let other = authority.identity(&San::Uri(format!("{ORIGIN}/other"))).await.expect("issued");
    assert!(alternative_name(other.certificate()).contains("http://localhost:8080/other"));
}

#[tokio::test]
async fn what_the_server_signs_is_logged_and_found() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let uri = format!("{ORIGIN}/main");
    let identity = authority.identity(&San::Uri(uri.clone())).await.expect("issued");
    let message = b"a release";
    let signature = identity.sign(message).expect("signed");
    let entry = identity.hashedrekord(message, &signature);
    authority.log_hashedrekord(entry).await.expect("logged");
    let mut wrong = identity.hashedrekord(b"another release", &signature);
    let error = authority.log_hashedrekord(wrong.clone()).await.expect_err("refused");
    assert!(matches!(error, LogEntryError::Request(_)), "{error}");
    wrong.signature = Bytes::new();
    authority.log_hashedrekord(wrong).await.expect_err("refused");
    authority.log().close().await.expect("closes");
    let hits = async |key| authority.log().search(&key).await.expect("searched");
    assert_eq!(hits(rekor::identity_key(&uri)).await, [0]);
    assert_eq!(hits(rekor::digest_key(&Sha256::digest(message))).await, [0]);
    assert!(hits(rekor::identity_key("somebody")).await.is_empty());
}

#[tokio::test]
async fn the_log_of_certificates_is_searched_and_audited() {
    let setup = setup();
    let authority = setup.open(ORIGIN).await;
    let names = [format!("{ORIGIN}/a"), format!("{ORIGIN}/b")];
    let mut issued = Vec::new();
    for name in &names {
        issued.push(authority.identity(&San::Uri(name.clone())).await.expect("issued"));
    }
    let log = authority.ct_log();
    log.append(Entry::new("no certificate")).await.expect("appended");
    log.close().await.expect("closes");
    let hits = async |key| log.search(&key).await.expect("searched");
    for (index, (name, identity)) in (0..).zip(names.iter().zip(&issued)) {
        let certificate = Certificate::from_der(identity.certificate()).expect("readable");
        let tbs = certificate.tbs_certificate;
        let key = tbs.subject_public_key_info.to_der().expect("der");
        assert_eq!(hits(rekor::identity_key(name)).await, [index]);
        assert_eq!(hits(rekor::public_key_key(&key)).await, [index]);
        assert_eq!(hits(crate::ct::serial_key(tbs.serial_number.as_bytes())).await, [index]);
    }
    assert!(hits(rekor::identity_key("somebody")).await.is_empty());
    let published = log.checkpoint().await.expect("published");
    let verifier = authority.ct_log_verifier();
    assert_eq!(verifier.name(), "localhost/-/ct");
    let verifier = NoteVerifier::parse(&verifier.to_string()).expect("as an auditor is given it");
    verifier.verify(&published.checkpoint).expect("verifies");
}

#[test]
fn what_is_no_certificate_is_found_by_nothing() {
    let check = |entry: &[u8]| assert!(crate::ct::keys(entry).is_empty(), "{entry:?}");
    check(b"");
    check(&[0; 47]);
    check(&[0; 49]);
    check(&[0xff; 200]);
    let mut frame = [0; 49];
    frame[11] = 1;
    check(&frame);
    frame[44] = 0xff;
    check(&frame);
}

/// The log of certificates of one name is not the transparency log of another.
#[test]
fn stores_of_logs_are_kept_apart() {
    let origin = |text: &str| PublicOrigin::try_from(&Url::parse(text).expect("a URL"));
    let mut names = std::collections::HashSet::new();
    let mut stores = std::collections::HashSet::new();
    for host in ["example.org", "ct.example.org", "ct.ct.example.org", "[::1]", "127.0.0.1"] {
        let origin = origin(&format!("https://{host}")).expect("an origin");
        assert_eq!(origin.log_name(), origin.hostname());
        assert!(names.insert(origin.log_name().to_owned()) && names.insert(origin.ct_log_name()));
        assert!(stores.insert(origin.log_store().to_owned()));
        assert!(!origin.ct_log_store().contains('/') && stores.insert(origin.ct_log_store()));
    }
    origin("https://ct@example.org").expect_err("no host");
}

#[tokio::test]
async fn a_lost_key_of_the_certificates_log_is_not_replaced_silently() {
    let setup = setup();
    setup.open(ORIGIN).await.close().await.expect("closes");
    let key = setup.folder.path().join("data/keys/ct.pem");
    std::fs::remove_file(&key).expect("removed");
    let error = setup.try_open(ORIGIN).await.err().expect("refused").to_string();
    assert!(error.contains("keys/ct.pem is not there"), "{error}");
    assert!(!key.exists());
}

#[tokio::test]
async fn a_server_that_is_reached_by_plain_http_issues_too() {
    let setup = setup();
    let authority = setup.open("http://packages.example:8080").await;
    let token = token(&authority, &ada());
    let request = request(&new_key(), Some(&token), "ada@example.org");
    authority.sign_certificate(request, None).await.expect("issued");
}

/// What is set holds, and what was made under other settings stays as it is.
#[tokio::test]
async fn settings_hold() {
    let setup = setup();
    let first = setup.open(ORIGIN).await;
    let before = first.trusted_root();
    first.close().await.expect("closes");
    drop(first);
    let settings = r#"{
        "certificates": {"lifetime_minutes": 60, "key": "ecdsa-p384", "organization": "Units"},
        "timestamps": {"key": "ecdsa-p384"},
        "trust": {"timestamp_days": 1, "renew_after_percent": 75},
        "identity": {"audience": "ours", "token_minutes": 2}}"#;
    let authority = setup.open_with(ORIGIN, settings).await.expect("opens");
    let kept = ["certificateAuthorities", "timestampAuthorities", "ctlogs"];
    for part in kept {
        assert_eq!(authority.trusted_root()[part], before[part]);
    }
    let identity = authority.identity(&San::Uri(format!("{ORIGIN}/a"))).await.expect("issued");
    let left = identity.not_after().duration_since(authority.now());
    assert!(left > SignedDuration::from_mins(59), "{left}");

    assert_eq!(authority.configuration()["issuers"][0]["audience"], "ours");
    let asked = async |audience: &str| {
        let token = authority.issuer().mint(&ada(), audience, None, authority.now());
        let request = request(&new_key(), Some(&token.expect("minted")), "ada@example.org");
        authority.sign_certificate(request, None).await
    };
    asked("ours").await.expect("issued");
    asked("sigstore").await.expect_err("for another audience");

    let hours = |count: i64| setup.clock.advance(count * 3600);
    let renewed = || authority.renew().expect("renewed").changed;
    assert!(!renewed());
    hours(17);
    assert!(!renewed());
    hours(2);
    assert!(renewed());
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let setup = setup();
    let first = setup.open(ORIGIN).await;
    first.identity(&San::Uri(format!("{ORIGIN}/main"))).await.expect("issued");
    let trusted_root = first.trusted_root();
    let root_json = first.tuf_file("root.json");
    let token = token(&first, &ada());
    first.close().await.expect("closes");
    drop(first);
    setup.clock.advance(60);
    for root in ["ca-root.pem", "tsa-root.pem", "tuf-root.pem"] {
        let path = setup.folder.path().join("data/keys/root").join(root);
        std::fs::remove_file(path).expect("root keys may be kept elsewhere");
    }
    let second = setup.open(ORIGIN).await;
    assert_eq!(second.trusted_root(), trusted_root);
    assert_eq!(second.tuf_file("root.json"), root_json);
    let request = request(&new_key(), Some(&token), "ada@example.org");
    second.sign_certificate(request, None).await.expect("the token is still good");
    let end = second.ct_log().append(Entry::new("end")).await.expect("appended");
    assert_eq!(end.index, 2, "the log goes on");
}
