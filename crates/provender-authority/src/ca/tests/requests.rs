//! Good and hostile requests for a certificate.

use super::*;

const SUBJECT: &str = "ada@example.org";

/// Makes a key with openssl; gives the path of the private key.
fn openssl_key(folder: &TempDir, options: &[&str]) -> String {
    let path = folder.path().join("key.pem").to_str().expect("text").to_owned();
    openssl(&[&["genpkey", "-quiet", "-out", &path], options].concat());
    path
}

fn public_pem(key: &str) -> String {
    openssl(&["pkey", "-in", key, "-pubout"])
}

fn signing_request(key: &str, digest: &str) -> String {
    openssl(&["req", "-new", "-key", key, digest, "-subj", "/CN=anybody/emailAddress=eve@x.org"])
}

fn with_key(pem: &str, proof: &[u8]) -> Value {
    json!({
        "credentials": { "oidcIdentityToken": "a.b.c" },
        "publicKeyRequest": {
            "publicKey": { "algorithm": "ECDSA", "content": pem },
            "proofOfPossession": STANDARD.encode(proof),
        },
    })
}

fn with_signing_request(pem: &str) -> Value {
    json!({ "certificateSigningRequest": STANDARD.encode(pem) })
}

fn outcome(request: &Value) -> Result<ProvenKey, RequestError> {
    SigningCertRequest::from_json(request.to_string().as_bytes())?.prove(SUBJECT)
}

fn refusal(request: &Value) -> String {
    outcome(request).expect_err("refused").to_string()
}

/// A key of this curve signs the subject, as clients do.
fn check_curve(algorithm: &'static EcdsaSigningAlgorithm, curve: const_oid::ObjectIdentifier) {
    let pair = EcdsaKeyPair::generate(algorithm).expect("generated");
    let info = spki::SubjectPublicKeyInfoOwned {
        algorithm: spki::AlgorithmIdentifierOwned {
            oid: const_oid::db::rfc5912::ID_EC_PUBLIC_KEY,
            parameters: Some((&curve).into()),
        },
        subject_public_key: der::asn1::BitString::from_bytes(pair.public_key().as_ref())
            .expect("short"),
    };
    let der = info.to_der().expect("der");
    let pem = der::pem::encode_string("PUBLIC KEY", der::pem::LineEnding::LF, &der).expect("pem");
    let sign = |message: &str| {
        let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).expect("signed");
        signature.as_ref().to_vec()
    };
    let proven = outcome(&with_key(&pem, &sign(SUBJECT))).expect("accepted");
    assert_eq!(*proven.public_key(), info);
    assert!(refusal(&with_key(&pem, &sign("eve@example.org"))).contains("proofOfPossession"));
    assert!(refusal(&with_key(&pem, b"")).contains("proofOfPossession"));
}

#[test]
fn keys_on_curves_prove_themselves() {
    use aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
    use const_oid::db::rfc5912::{SECP_256_R_1, SECP_384_R_1, SECP_521_R_1};
    check_curve(&ECDSA_P256_SHA256_ASN1_SIGNING, SECP_256_R_1);
    check_curve(&ECDSA_P384_SHA384_ASN1_SIGNING, SECP_384_R_1);
    check_curve(&ECDSA_P521_SHA512_ASN1_SIGNING, SECP_521_R_1);
}

#[test]
fn an_ed25519_key_proves_itself() {
    let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("generated");
    let proof = key.sign(SUBJECT.as_bytes()).expect("signed");
    outcome(&with_key(&key.public_key_pem(), &proof)).expect("accepted");
    let other = SigningKey::generate(KeyAlgorithm::Ed25519).expect("generated");
    assert!(refusal(&with_key(&other.public_key_pem(), &proof)).contains("proofOfPossession"));
}

#[test]
fn both_spellings_of_names_and_base64_are_read() {
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256).expect("generated");
    let proof = key.sign(SUBJECT.as_bytes()).expect("signed");
    let request = json!({
        "credentials": { "oidc_identity_token": "a.b.c" },
        "public_key_request": {
            "public_key": { "content": key.public_key_pem() },
            "proof_of_possession": URL_SAFE_NO_PAD.encode(proof),
        },
    });
    let request = SigningCertRequest::from_json(request.to_string().as_bytes()).expect("read");
    assert_eq!(request.token(), Some("a.b.c"));
    assert!(!format!("{request:?}").contains("a.b.c"), "tokens are not shown");
    request.prove(SUBJECT).expect("proven");
}

#[test]
fn signing_requests_of_openssl() {
    fn check(options: &[&str], digest: &str, expected: Result<(), &str>) {
        let folder = tempfile::tempdir().expect("a folder");
        let key = openssl_key(&folder, options);
        let result = outcome(&with_signing_request(&signing_request(&key, digest)));
        match (result, expected) {
            (Ok(_), Ok(())) => (),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (result, expected) => panic!("{options:?}: {result:?}, not {expected:?}"),
        }
    }
    let curve = |name| ["-algorithm", "EC", "-pkeyopt", name];
    check(&curve("ec_paramgen_curve:P-256"), "-sha256", Ok(()));
    check(&curve("ec_paramgen_curve:P-384"), "-sha384", Ok(()));
    check(&curve("ec_paramgen_curve:P-384"), "-sha256", Ok(()));
    check(&curve("ec_paramgen_curve:P-521"), "-sha512", Ok(()));
    check(&["-algorithm", "ED25519"], "-sha256", Ok(()));
    check(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "-sha256", Ok(()));
    check(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "-sha1", Err("not signed"));
    let small = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"];
    check(&small, "-sha256", Err("RSA keys of 1024 bits are not accepted"));
    let rsa = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"].as_slice();
    let exponent = ["-pkeyopt", "rsa_keygen_pubexp:3"].as_slice();
    check(&[rsa, exponent].concat(), "-sha256", Err("exponent"));
    check(&curve("ec_paramgen_curve:secp256k1"), "-sha256", Err("not accepted"));
    check(&curve("ec_paramgen_curve:P-224"), "-sha256", Err("not accepted"));
    check(&["-algorithm", "ED448"], "-sha256", Err("not accepted"));
}

#[test]
fn a_changed_signing_request_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = openssl_key(&folder, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let pem = signing_request(&key, "-sha256");
    let (_, der) = der::pem::decode_vec(pem.as_bytes()).expect("pem");
    for at in 0..der.len() {
        let mut changed = der.clone();
        changed[at] ^= 1;
        let pem =
            der::pem::encode_string("CERTIFICATE REQUEST", der::pem::LineEnding::LF, &changed);
        let outcome = outcome(&with_signing_request(&pem.expect("pem")));
        assert!(outcome.is_err(), "byte {at} was changed");
    }
}

#[test]
fn a_foreign_signature_on_a_signing_request_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let parts = |pem: String| {
        let (_, der) = der::pem::decode_vec(pem.as_bytes()).expect("pem");
        x509_cert::request::CertReq::from_der(&der).expect("readable")
    };
    let mut mine = parts(signing_request(&openssl_key(&folder, &options), "-sha256"));
    let theirs = parts(signing_request(&openssl_key(&folder, &options), "-sha256"));
    mine.info.public_key = theirs.info.public_key;
    let der = mine.to_der().expect("der");
    let pem = der::pem::encode_string("CERTIFICATE REQUEST", der::pem::LineEnding::LF, &der);
    let refusal = refusal(&with_signing_request(&pem.expect("pem")));
    assert!(refusal.contains("not signed by the key"), "{refusal}");
}

#[test]
fn requests_that_are_none() {
    fn check(request: &str, expected: &str) {
        let read = SigningCertRequest::from_json(request.as_bytes());
        let error = read.and_then(|request| request.prove(SUBJECT)).expect_err("refused");
        assert!(error.to_string().contains(expected), "{request}: {error}");
    }
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256).expect("generated").public_key_pem();
    let mut both = with_key(&key, b"proof");
    both["certificateSigningRequest"] = json!("AAAA");
    check("", "CreateSigningCertificateRequest");
    check("[]", "CreateSigningCertificateRequest");
    check("{}", "either publicKeyRequest or certificateSigningRequest");
    check(&both.to_string(), "either publicKeyRequest or certificateSigningRequest");
    check(&with_key("", b"").to_string(), "PEM form");
    check(&with_key(&key.replace("PUBLIC", "PRIVATE"), b"").to_string(), "PEM form");
    check(r#"{"certificateSigningRequest": "%"}"#, "certificateSigningRequest is not in base64");
    check(r#"{"certificateSigningRequest": ""}"#, "PKCS #10");
    check(&with_signing_request(&key).to_string(), "PKCS #10");
    check(&" ".repeat(REQUEST_BYTES_MAX + 1), "larger than");
}

#[test]
fn weak_keys_are_refused() {
    fn check(change: impl Fn(&mut Vec<u8>), expected: PublicKeyError) {
        let folder = tempfile::tempdir().expect("a folder");
        let rsa = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
        let pem = public_pem(&openssl_key(&folder, &rsa));
        let (_, mut der) = der::pem::decode_vec(pem.as_bytes()).expect("pem");
        change(&mut der);
        let info = spki::SubjectPublicKeyInfoOwned::from_der(&der).expect("readable");
        assert_eq!(SubjectKey::new(&info), Err(expected));
    }
    // The exponent's INTEGER (02 03 01 00 01) is at the end, the modulus before.
    check(|der| *der.last_mut().expect("bytes") = 3, PublicKeyError::RsaExponent);
    check(
        |der| {
            let last = der.len() - 6;
            der[last] &= 0xfe;
        },
        PublicKeyError::RsaModulus,
    );
    // Two primes of 1,024 bits that differ by little more than 2^505.
    let close = hex::decode(
        "c6874ca6231eceace02367167133560099e8d39d0fba43d263c9bec704ec63ab8a2b3d9b3c4394f0\
         2877a2fd062bed40ed44d35b41daecdd8a3d99be93458aa8402621205b42ac4f49244e303fac210c\
         3d848682f429b0b8681391fc74372143ee2056010e6cdf55b07aa9829fb278f953a657207fc5e075\
         7c07c2c99204b12373f95caf54b43f0acbfb05b6a7990ddd6a8b4bfa03ea7784ba299b35744726e1\
         c31ee951f7329f3a0af96b845b43b78f0a028c24a1ac3f367167e0ccd9b14d14bd17a67c710f75f0\
         ff370db55547558bd6e18f64ddc46e332234d93e97f25bf9493dd7b5abf39ef5fa7d15eb2ea665a1\
         23d1ceb2ff9909710746c5459d892165",
    );
    let close = close.expect("hex");
    check(
        |der| {
            let at = der.len() - 5 - close.len();
            der[at..at + close.len()].copy_from_slice(&close);
        },
        PublicKeyError::RsaModulus,
    );
    let compressed = [&[2], [7; 32].as_slice()].concat();
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256).expect("generated");
    let mut info = key.public_key().clone();
    info.subject_public_key = der::asn1::BitString::from_bytes(&compressed).expect("short");
    assert_eq!(SubjectKey::new(&info), Err(PublicKeyError::Malformed));
}

/// Under a point of small order, a signature of that point and of zero is right for messages that
/// anybody finds by trying.
#[test]
fn ed25519_points_of_small_order_are_refused() {
    fn check(y: &str, is_weak: bool) {
        let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("generated");
        for sign in [0, 0x80] {
            let mut bits = hex::decode(y).expect("hex");
            bits[31] |= sign;
            let mut info = key.public_key().clone();
            info.subject_public_key = der::asn1::BitString::from_bytes(&bits).expect("short");
            let expected = is_weak.then_some(PublicKeyError::SmallOrder);
            assert_eq!(SubjectKey::new(&info).err(), expected, "{y} {sign}");
        }
    }
    let filled =
        |first: &str, middle: &str, last: &str| format!("{first}{}{last}", middle.repeat(30));
    check(&filled("00", "00", "00"), true);
    check(&filled("01", "00", "00"), true);
    check("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", true);
    check("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", true);
    check(&filled("ec", "ff", "7f"), true);
    check(&filled("ed", "ff", "7f"), true);
    check(&filled("ee", "ff", "7f"), true);
    check(&filled("02", "00", "00"), false);
    check(&filled("eb", "ff", "7f"), false);
}

#[test]
fn a_point_off_the_curve_proves_nothing() {
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256).expect("generated");
    let mut info = key.public_key().clone();
    let mut bits = info.subject_public_key.raw_bytes().to_vec();
    bits[64] ^= 1;
    info.subject_public_key = der::asn1::BitString::from_bytes(&bits).expect("short");
    let proof = key.sign(SUBJECT.as_bytes()).expect("signed");
    let key = SubjectKey::new(&info).expect("looks like a key");
    assert_eq!(key.prove(SUBJECT.as_bytes(), &proof), None);
}
