use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use der::{Decode as _, Encode as _, Sequence};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use tempfile::TempDir;
use x509_tsp::{MessageImprint, TimeStampReq, TspVersion, TstInfo};

use super::*;
use crate::clock::{Clock, SystemClock};

struct Setup {
    folder: TempDir,
    authority: TimestampAuthority,
    clock: SteadyClock,
}

fn setup() -> Setup {
    let folder = tempfile::tempdir().expect("a folder");
    let ring = KeyRing::open(&folder.path().join("keys")).expect("opens");
    let certificates = folder.path().join("certificates");
    let authority =
        TimestampAuthority::open(&ring, &certificates, &Settings::default(), Timestamp::now())
            .expect("opens");
    Setup { folder, authority, clock: SteadyClock::new(Arc::new(SystemClock)) }
}

impl Setup {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new("openssl");
        let output = command.current_dir(self.folder.path()).args(arguments).output();
        let output = output.expect("openssl is there");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(text) } else { Err(format!("{text}{errors}")) }
    }

    /// Writes what `openssl ts` needs to verify.
    fn prepare(&self, data: &str) {
        std::fs::write(self.path("data"), data).expect("written");
        let [certificate, root] = self.authority.chain();
        std::fs::write(self.path("tsa.pem"), to_pem(&certificate)).expect("written");
        std::fs::write(self.path("root.pem"), to_pem(&root)).expect("written");
    }

    fn query(&self, arguments: &[&str]) -> Vec<u8> {
        let fixed = ["ts", "-query", "-data", "data", "-out", "query.tsq"];
        self.openssl(&[&fixed, arguments].concat()).expect("a query");
        std::fs::read(self.path("query.tsq")).expect("there")
    }

    fn answer(&self, request: &[u8]) -> TimestampResponse {
        let response = self.authority.respond(request, &self.clock);
        std::fs::write(self.path("response.tsr"), response.der()).expect("written");
        response
    }
}

const VERIFY: [&str; 6] = ["ts", "-verify", "-in", "response.tsr", "-CAfile", "root.pem"];

#[test]
fn openssl_verifies_timestamps() {
    fn check(query: &[&str], verify: &[&str]) {
        let setup = setup();
        setup.prepare("what was there");
        let response = setup.answer(&setup.query(query));
        assert_eq!(response.refusal(), None);
        let by_query = [&VERIFY, ["-queryfile", "query.tsq"].as_slice(), verify].concat();
        setup.openssl(&by_query).unwrap_or_else(|error| panic!("{query:?}: {error}"));
        let by_data = [&VERIFY, ["-data", "data"].as_slice(), verify].concat();
        setup.openssl(&by_data).unwrap_or_else(|error| panic!("{query:?}: {error}"));
        std::fs::write(setup.path("data"), "what was not").expect("written");
        setup.openssl(&by_data).expect_err("other data");
    }
    let untrusted = ["-untrusted", "tsa.pem"];
    check(&["-sha256", "-cert"], &[]);
    check(&["-sha384", "-cert"], &[]);
    check(&["-sha512", "-cert"], &[]);
    check(&["-sha256", "-no_nonce", "-cert"], &[]);
    check(&["-sha256"], &untrusted);
    check(&["-sha256", "-cert", "-tspolicy", "1.3.6.1.4.1.57264.2"], &[]);
}

/// RFC 3161 section 2.4.2: the imprint is the request's, to the byte.
#[test]
fn the_imprint_is_the_one_that_was_sent() {
    let setup = setup();
    let check = |parameters: Option<der::Any>| {
        let imprint = MessageImprint {
            hash_algorithm: spki::AlgorithmIdentifierOwned {
                oid: const_oid::db::rfc5912::ID_SHA_256,
                parameters,
            },
            hashed_message: der::asn1::OctetString::new([7; 32]).expect("short"),
        };
        let request = TimeStampReq {
            version: TspVersion::V1,
            message_imprint: imprint.clone(),
            req_policy: None,
            nonce: None,
            cert_req: false,
            extensions: None,
        };
        let response = setup.answer(&request.to_der().expect("der"));
        assert_eq!(response.refusal(), None);
        let imprint = imprint.to_der().expect("der");
        assert!(response.der().windows(imprint.len()).any(|part| part == imprint));
    };
    check(None);
    check(Some(der::asn1::Null.into()));
}

#[test]
fn what_a_timestamp_says() {
    let setup = setup();
    setup.prepare("what was there");
    setup.answer(&setup.query(&["-sha256", "-cert"]));
    let text = setup.openssl(&["ts", "-reply", "-in", "response.tsr", "-text"]).expect("readable");
    for expected in [
        "Status: Granted.",
        "Policy OID: 1.3.6.1.4.1.57264.2",
        "Hash Algorithm: sha256",
        "Accuracy: 0x01 seconds",
        "Ordering: no",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing:\n{text}");
    }
}

#[test]
fn refusals() {
    fn check(query: &[&str], expected: &str) {
        let setup = setup();
        setup.prepare("what was there");
        check_refused(&setup, &setup.query(query), expected);
    }
    check(&["-sha1"], "unrecognized or unsupported algorithm identifier");
    check(&["-md5"], "unrecognized or unsupported algorithm identifier");
    for policy in ["1.2.3", "1.2.3.4", &format!("1.2{}", ".99999".repeat(20))] {
        check(&["-sha256", "-tspolicy", policy], "requested TSA policy is not supported");
    }
    let setup = setup();
    let format = "the data submitted has the wrong format";
    check_refused(&setup, b"", format);
    check_refused(&setup, b"{}", format);
    check_refused(&setup, &[0x30; 100], format);
    check_refused(&setup, &[0; REQUEST_BYTES_MAX + 1], "transaction not permitted or supported");
}

/// openssl reads the refusal.
fn check_refused(setup: &Setup, request: &[u8], expected: &str) {
    let response = setup.answer(request);
    assert!(response.refusal().is_some());
    let text = setup.openssl(&["ts", "-reply", "-in", "response.tsr", "-text"]).expect("readable");
    assert!(text.contains("Status: Rejected."), "{text}");
    assert!(text.contains(expected), "{expected:?} is missing:\n{text}");
}

/// The statement in a response.
fn statement(response: &TimestampResponse) -> TstInfo {
    #[derive(Sequence)]
    struct Response {
        status: der::Any,
        token: ContentInfo,
    }
    let response = Response::from_der(response.der()).expect("readable");
    assert_eq!(response.status.value(), [2, 1, 0], "granted");
    let signed: SignedData = response.token.content.decode_as().expect("readable");
    let content = signed.encap_content_info.econtent.expect("there");
    TstInfo::from_der(content.value()).expect("readable")
}

#[test]
fn the_json_form() {
    fn check(algorithm: &str, digest: &[u8], more: &str, expected: Result<Option<&[u8]>, &str>) {
        use base64::Engine as _;
        let setup = setup();
        let digest_base64 = base64::engine::general_purpose::STANDARD.encode(digest);
        let request = format!(
            r#"{{"artifactHash": "{digest_base64}", "hashAlgorithm": "{algorithm}"{more}}}"#
        );
        let response = setup.authority.respond_to_json(request.as_bytes(), &setup.clock);
        match expected {
            Ok(nonce) => {
                assert_eq!(response.refusal(), None, "{request}");
                let statement = statement(&response);
                assert_eq!(statement.message_imprint.hashed_message.as_bytes(), digest);
                assert_eq!(statement.nonce.as_ref().map(der::asn1::Int::as_bytes), nonce);
            }
            Err(part) => {
                let refusal = response.refusal().expect("refused");
                assert!(refusal.contains(part), "{request}: {refusal}");
            }
        }
    }
    let (sha256, sha384, sha512) = (Sha256::digest("x"), Sha384::digest("x"), Sha512::digest("x"));
    check("sha256", &sha256, "", Ok(None));
    check("sha384", &sha384, r#", "certificates": true"#, Ok(None));
    check("sha512", &sha512, r#", "nonce": 1"#, Ok(Some(&[1])));
    check("sha256", &sha256, r#", "nonce": 0"#, Ok(Some(&[0])));
    check("sha256", &sha256, r#", "nonce": 128"#, Ok(Some(&[0, 128])));
    let largest = [[0].as_slice(), &[255; 8]].concat();
    check("sha256", &sha256, r#", "nonce": 18446744073709551615"#, Ok(Some(&largest)));
    check("sha256", &sha256, r#", "tsaPolicyOID": "1.3.6.1.4.1.57264.2""#, Ok(None));
    check("sha256", &sha256, r#", "tsaPolicyOID": "1.2.3""#, Err("policy"));
    check("sha256", &sha256, r#", "tsaPolicyOID": "x""#, Err("policy"));
    check("sha256", &sha256, r#", "nonce": -1"#, Err("JSON"));
    check("sha256", &sha384, "", Err("as long as"));
    check("sha1", &[0; 20], "", Err("SHA-256"));
    check("sha256", &sha256, r#", "certificates": "#, Err("JSON"));
}

#[test]
fn serial_numbers_differ_and_are_long() {
    let setup = setup();
    let request = TimestampRequest::sha256([7; 32]);
    let serial = || {
        let response = setup.authority.timestamp(&request, &setup.clock).expect("made");
        statement(&response).serial_number.as_bytes().to_vec()
    };
    let (first, second) = (serial(), serial());
    assert_ne!(first, second);
    assert_eq!((first.len(), second.len()), (16, 16));
}

struct Jumping(std::sync::Mutex<Vec<i64>>);

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now().as_second();
        let step = self.0.lock().expect("not poisoned").remove(0);
        Timestamp::from_second(now + step).expect("in range")
    }
}

#[test]
fn a_clock_that_jumps_never_makes_an_earlier_timestamp() {
    let setup = setup();
    let steps_s = [0, -2, 3600, 0, 3600 - 3, -10 * 365 * 24 * 3600, 11 * 365 * 24 * 3600];
    let granted = [true, true, true, false, true, false, false];
    let clock = SteadyClock::new(Arc::new(Jumping(std::sync::Mutex::new(steps_s.to_vec()))));
    let request = TimestampRequest::sha256([7; 32]);
    let mut previous = 0;
    for (step_s, is_granted) in steps_s.iter().zip(granted) {
        match setup.authority.timestamp(&request, &clock) {
            Ok(response) => {
                assert!(is_granted, "after {step_s}");
                let seconds = statement(&response).gen_time.to_unix_duration().as_secs();
                assert!(seconds >= previous, "after {step_s}");
                previous = seconds;
            }
            Err(error) => {
                assert!(!is_granted, "after {step_s}: {error}");
                assert_eq!(error.failure(), status::Failure::TimeNotAvailable);
            }
        }
    }
}

#[test]
fn a_restart_keeps_key_and_certificate() {
    let setup = setup();
    let ring = KeyRing::open(&setup.path("keys")).expect("opens");
    std::fs::remove_file(setup.path("keys/root/tsa-root.pem")).expect("removed");
    let again = TimestampAuthority::open(
        &ring,
        &setup.path("certificates"),
        &Settings::default(),
        Timestamp::now(),
    );
    assert_eq!(again.expect("opens").chain(), setup.authority.chain());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever a request's bytes become, there is an answer that can be read; and a timestamp is
    /// of what was asked for.
    #[test]
    fn no_change_of_a_request_does_harm(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        is_cut in prop::bool::weighted(0.2),
    ) {
        thread_local!(static SETUP: Setup = setup());
        SETUP.with(|setup| {
            let mut request = valid_request();
            for (at, byte) in changes {
                let at = at.index(request.len());
                request[at] = byte;
            }
            if is_cut {
                request.truncate(cut.index(request.len()));
            }
            let response = setup.authority.respond(&request, &setup.clock);
            if response.refusal().is_none() {
                let asked = x509_tsp::TimeStampReq::from_der(&request).expect("it was granted");
                let said = statement(&response);
                let digest = asked.message_imprint.hashed_message;
                prop_assert_eq!(said.message_imprint.hashed_message, digest);
                prop_assert_eq!(said.nonce, asked.nonce);
            }
            Ok(())
        })?;
    }
}

fn valid_request() -> Vec<u8> {
    let request = TimestampRequest::sha256([7; 32]);
    let request = x509_tsp::TimeStampReq {
        version: x509_tsp::TspVersion::V1,
        message_imprint: request.imprint,
        req_policy: Some(POLICY),
        nonce: Some(der::asn1::Int::new(&[0x31; 8]).expect("short")),
        cert_req: true,
        extensions: None,
    };
    request.to_der().expect("der")
}
