//! Certificates, the log, timestamps, the trust root and identities, by bytes on sockets. That
//! unmodified clients understand all this is shown in `tests/clients/sigstore`.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use provender_domain::Scope;
use provender_registry::{NewAccount, Password};
use provender_store::EventFilter;
use serde_json::{Value, json};

use crate::support::{Answer, TestServer};

mod identities;
mod sign_in;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

impl TestServer {
    async fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        self.post_with(path, content_type, body, &[]).await
    }

    async fn post_with(
        &self,
        path: &str,
        content_type: &str,
        body: &[u8],
        fields: &[(&str, &str)],
    ) -> Answer {
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {content_type}\r\n\
             Content-Length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in fields {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let mut client = self.connect().await;
        client.send(format!("{head}\r\n").as_bytes()).await;
        // A body that is refused may not be read to its end.
        let _ = client.try_send(body).await;
        client.answer(true).await
    }

    async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, JSON, body.to_string().as_bytes()).await
    }

    async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post(path, FORM, encoded(fields).as_bytes()).await
    }

    /// An identity token of the server's own, for its publishing token.
    async fn identity_token(&self) -> String {
        let fields = [("grant_type", "client_credentials"), ("client_secret", &self.token)];
        let answer = self.post_form("/-/oidc/token", &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["id_token"].as_str().unwrap().to_owned()
    }

    /// Events about identities, as soon as there are so many.
    async fn events(&self, count: usize) -> Vec<Value> {
        use provender_domain::EventKind::{
            CertificateIssued, IdentityIssued, SignInRefused, SignedIn,
        };
        let kinds = vec![CertificateIssued, IdentityIssued, SignInRefused, SignedIn];
        let filter = EventFilter { kinds, limit: 100, ..EventFilter::default() };
        for _ in 0..300 {
            let found = self.registry.events(&self.registry.operator(), filter.clone()).await;
            let found = found.unwrap();
            if found.len() >= count {
                return found.iter().map(|event| serde_json::to_value(event).unwrap()).collect();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("there are no {count} events");
    }

    async fn account(&self, name: &str, password: &str) {
        let request = NewAccount {
            name: name.to_owned(),
            email: format!("{name}@people.example"),
            password: Password::new(password),
        };
        self.registry.create_account(&self.registry.operator(), request).await.unwrap();
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn claims(token: &str) -> Value {
    let body = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// A key of a client's.
struct Key(EcdsaKeyPair);

impl Key {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    /// `SubjectPublicKeyInfo` of an uncompressed point on P-256 (RFC 5480).
    fn spki(&self) -> Vec<u8> {
        const PREFIX: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\
            \x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
        [PREFIX, self.0.public_key().as_ref()].concat()
    }

    fn sign(&self, message: &[u8]) -> String {
        let signature = self.0.sign(&SystemRandom::new(), message).unwrap();
        STANDARD.encode(signature.as_ref())
    }

    /// A request for a certificate, with the proof for whom this token names.
    fn certificate_request(&self, token: &str) -> Value {
        let subject = claims(token)["sub"].as_str().unwrap().to_owned();
        self.certificate_request_of(token, &subject)
    }

    /// The same with the proof for this name: of people it is their address.
    fn certificate_request_of(&self, token: &str, subject: &str) -> Value {
        let spki = STANDARD.encode(self.spki());
        let (first, second) = spki.split_at(64);
        let pem =
            format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n");
        json!({
            "credentials": { "oidcIdentityToken": token },
            "publicKeyRequest": {
                "publicKey": { "algorithm": "ECDSA", "content": pem },
                "proofOfPossession": self.sign(subject.as_bytes()),
            },
        })
    }

    /// A request to log a signature of this message; `certificate` in DER, or else by the key alone.
    fn log_request(&self, message: &[u8], certificate: Option<&[u8]>) -> Value {
        let mut verifier = json!({ "keyDetails": "PKIX_ECDSA_P256_SHA_256" });
        match certificate {
            Some(der) => verifier["x509Certificate"] = json!({ "rawBytes": STANDARD.encode(der) }),
            None => verifier["publicKey"] = json!({ "rawBytes": STANDARD.encode(self.spki()) }),
        }
        json!({ "hashedRekordRequestV002": {
            "digest": STANDARD.encode(digest(&SHA256, message)),
            "signature": { "content": self.sign(message), "verifier": verifier },
        }})
    }
}

fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body).unwrap()
}

#[tokio::test]
async fn what_signatures_are_checked_by_is_for_everybody() {
    let server = TestServer::start().await;
    let check = async |path: &str, content_type: &str, cache: &str| {
        // A credential that is no token of packages is none of these services' business.
        let fields = [("Authorization", "Bearer a.b.c")];
        let answer = server.get(path, &fields).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.field("content-type").as_deref(), Some(content_type), "{path}");
        assert_eq!(answer.field("cache-control").as_deref(), Some(cache), "{path}");
        let head = server.connect().await.request("HEAD", path, &fields).await;
        assert_eq!(head.head(), answer.head(), "{path}");
        answer
    };
    let immutable = "public, max-age=31536000, immutable";
    let bundle = check("/-/ca/api/v2/trustBundle", JSON, "no-cache").await;
    assert_eq!(bundle.json()["chains"][0]["certificates"].as_array().unwrap().len(), 2);
    // Where sigstore-python looks for it, whatever the path of the CA's address is.
    let at_root = check("/api/v2/trustBundle", JSON, "no-cache").await;
    assert_eq!(at_root.body, bundle.body);
    check("/-/ca/api/v2/configuration", JSON, "no-cache").await;
    let checkpoint = "text/plain; charset=utf-8";
    check("/-/log/api/v2/checkpoint", checkpoint, "no-cache").await;
    check("/-/log/checkpoint", checkpoint, "no-cache").await;
    check("/-/ct/checkpoint", checkpoint, "no-cache").await;
    let chain = "application/pem-certificate-chain";
    check("/-/tsa/api/v1/timestamp/certchain", chain, "no-cache").await;
    check("/-/tuf/1.root.json", JSON, immutable).await;
    check("/-/tuf/root.json", JSON, "no-cache").await;
    check("/-/tuf/timestamp.json", JSON, "no-cache").await;
    check("/-/oidc/.well-known/openid-configuration", JSON, "public, max-age=300").await;
    check("/-/oidc/keys", JSON, "public, max-age=300").await;
    server.stop().await;
}

#[tokio::test]
async fn the_trust_config_is_what_the_repository_of_keys_says() {
    let server = TestServer::start().await;
    let trust = server.get("/-/api/v1/trust", &[]).await.json();
    assert_eq!(trust["mediaType"], "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json");
    let targets = server.get("/-/tuf/1.targets.json", &[]).await.json();
    for (name, half) in
        [("trusted_root.json", "trustedRoot"), ("signing_config.v0.2.json", "signingConfig")]
    {
        let sha256 = &targets["signed"]["targets"][name]["hashes"]["sha256"];
        let path = format!("/-/tuf/targets/{}.{name}", sha256.as_str().unwrap());
        assert_eq!(server.get(&path, &[]).await.json(), trust[half], "{name}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_the_words_of_the_service() {
    let server = TestServer::start().await;
    let check = async |method: &str, path: &str, status: u16, allow: Option<&str>, text: &str| {
        let answer = server.connect().await.request(method, path, &[]).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert_eq!(answer.field("allow").as_deref(), allow, "{method} {path}");
        assert!(answer.text().contains(text), "{method} {path}: {}", answer.text());
    };
    let nothing = "\"code\":5,\"details\":[]";
    check("GET", "/-/ca/api/v2/nothing", 404, None, nothing).await;
    check("GET", "/-/ca", 404, None, nothing).await;
    check("GET", "/-/log/api/v2/tile/0/nothing", 404, None, nothing).await;
    check("GET", "/-/log/tile/0/000", 404, None, nothing).await;
    check("GET", "/-/log/tile/0/000.p/0", 404, None, nothing).await;
    check("GET", "/-/log/tile/64/000", 404, None, nothing).await;
    check("GET", "/-/tsa/api/v1/nothing", 404, None, nothing).await;
    check("GET", "/-/ct/api/v2/log/entries", 404, None, "\"code\":\"not-found\"").await;
    check("GET", "/-/tuf/2.root.json", 404, None, "\"code\":\"not-found\"").await;
    check("GET", "/-/tuf/..%2froot.json", 400, None, "\"code\":\"invalid-request\"").await;
    check("GET", "/-/tuf/keys/root/tuf-root.pem", 404, None, "\"code\":\"not-found\"").await;
    check("GET", "/-/oidc/nothing", 404, None, "\"error\":\"invalid_request\"").await;
    let unimplemented = "\"code\":12";
    check("GET", "/-/ca/api/v2/signingCert", 405, Some("POST"), unimplemented).await;
    check("PUT", "/-/ca/api/v2/trustBundle", 405, Some("GET, HEAD"), unimplemented).await;
    check("GET", "/-/log/api/v2/log/entries", 405, Some("POST"), unimplemented).await;
    check("DELETE", "/-/log/checkpoint", 405, Some("GET, HEAD"), unimplemented).await;
    check("GET", "/-/tsa/api/v1/timestamp", 405, Some("POST"), unimplemented).await;
    check("GET", "/-/oidc/token", 405, Some("POST"), "\"error\"").await;
    check("DELETE", "/-/oidc/device", 405, Some("POST"), "\"error\"").await;
    server.stop().await;
}

#[tokio::test]
async fn a_signature_is_certified_and_logged_and_can_be_read() {
    let server = TestServer::start().await;
    let (key, token) = (Key::new(), server.identity_token().await);
    for path in ["/-/ca/api/v2/signingCert", "/api/v2/signingCert"] {
        let answer = server.post_json(path, &key.certificate_request(&token)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let chain = &answer.json()["signedCertificateEmbeddedSct"]["chain"]["certificates"];
        assert_eq!(chain.as_array().unwrap().len(), 3);
    }
    let answer =
        server.post_json("/-/ca/api/v2/signingCert", &key.certificate_request(&token)).await;
    let chain = &answer.json()["signedCertificateEmbeddedSct"]["chain"]["certificates"];
    let certificate = der(chain[0].as_str().unwrap());
    let request = key.log_request(b"hello", Some(&certificate));
    let answer = server.post_json("/-/log/api/v2/log/entries", &request).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let entry = answer.json();
    assert_eq!(
        (&entry["logIndex"], &entry["kindVersion"]["version"]),
        (&json!("0"), &json!("0.0.2"))
    );
    // The same again is the same entry.
    let again = server.post_json("/-/log/api/v2/log/entries", &request).await.json();
    assert_eq!(again["logIndex"], "0");
    published(&server, "log", 1).await;
    for path in ["/-/log/api/v2/tile/0/000.p/1", "/-/log/tile/entries/000.p/1"] {
        let tile = server.get(path, &[]).await;
        assert_eq!(tile.status, 200, "{path}");
        let cache = tile.field("cache-control");
        assert_eq!(cache.as_deref(), Some("public, max-age=31536000, immutable"), "{path}");
    }
    let entries = server.get("/-/log/tile/entries/000.p/1", &[]).await.body;
    let body = STANDARD.decode(entry["canonicalizedBody"].as_str().unwrap()).unwrap();
    assert_eq!(entries[2..], body);
    published(&server, "ct", 3).await;
    server.stop().await;
}

/// Waits until the log says that it has this many entries.
async fn published(server: &TestServer, log: &str, size: u64) {
    for _ in 0..300 {
        let checkpoint = server.get(&format!("/-/{log}/checkpoint"), &[]).await.text();
        if checkpoint.lines().nth(1) == Some(&size.to_string()) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{log} has not published {size} entries");
}

#[tokio::test]
async fn certificates_are_for_who_proves_it() {
    let server = TestServer::start().await;
    let (key, token) = (Key::new(), server.identity_token().await);
    let check = async |body: &Value, status: u16, code: u8, text: &str| {
        let answer = server.post_json("/-/ca/api/v2/signingCert", body).await;
        let said = answer.json();
        assert_eq!((answer.status, said["code"].as_u64()), (status, Some(code.into())), "{said}");
        assert!(said["message"].as_str().unwrap().contains(text), "{said}");
        assert_eq!(said["details"], json!([]));
    };
    let with = |name: &str, value: Value| {
        let mut request = key.certificate_request(&token);
        *request.pointer_mut(name).unwrap() = value;
        request
    };
    let proof = "/publicKeyRequest/proofOfPossession";
    check(&json!({}), 400, 3, "publicKeyRequest").await;
    check(&with("/credentials", Value::Null), 401, 16, "no identity token").await;
    check(&with(proof, json!(key.sign(b"somebody else"))), 400, 3, "proofOfPossession").await;
    check(&with(proof, json!("%")), 400, 3, "base64").await;
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"none"}"#);
    let unsigned = format!("{header}.{}.", token.split('.').nth(1).unwrap());
    let at = "/credentials/oidcIdentityToken";
    check(&with(at, json!(unsigned)), 401, 16, "not accepted").await;
    let mut cut = token.clone();
    cut.truncate(token.len() - 6);
    check(&with(at, json!(cut)), 401, 16, "not accepted").await;
    check(&with(at, json!(server.token)), 401, 16, "not accepted").await;
    let large = json!({ "credentials": { "oidcIdentityToken": "a".repeat(70_000) } });
    check(&large, 413, 3, "at most").await;
    let answer = server.post("/-/ca/api/v2/signingCert", JSON, b"{").await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    server.stop().await;
}

#[tokio::test]
async fn the_log_takes_what_is_signed_by_somebody_known() {
    let server = TestServer::start().await;
    let key = Key::new();
    let request = key.log_request(b"hello", None);
    let check = async |request: &Value, token: Option<&str>, status: u16, code: Option<u64>| {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let fields: Vec<_> = bearer.iter().map(|value| ("Authorization", value.as_str())).collect();
        let body = request.to_string();
        let path = "/-/log/api/v2/log/entries";
        let answer = server.post_with(path, JSON, body.as_bytes(), &fields).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.json()["code"].as_u64(), code, "{}", answer.text());
    };
    let reader = server.token(Scope::Read, None).await;
    let publisher = server.token(Scope::Publish, Some("main")).await;
    check(&request, None, 403, Some(7)).await;
    check(&request, Some(&reader), 403, Some(7)).await;
    check(&request, Some("pvd_a_b"), 401, Some(16)).await;
    check(&request, Some(&publisher), 201, None).await;
    let bearer = format!("Bearer {publisher}");
    let forged = [("Authorization", bearer.as_str()), ("Sec-Fetch-Site", "cross-site")];
    let (path, body) = ("/-/log/api/v2/log/entries", request.to_string());
    let answer = server.post_with(path, JSON, body.as_bytes(), &forged).await;
    assert!(answer.status == 403 && answer.text().contains("another site"), "{}", answer.text());
    // A certificate of another authority says nothing here.
    let other = TestServer::start().await;
    let token = other.identity_token().await;
    let answer =
        other.post_json("/-/ca/api/v2/signingCert", &key.certificate_request(&token)).await;
    let chain = &answer.json()["signedCertificateEmbeddedSct"]["chain"]["certificates"];
    let foreign = der(chain[0].as_str().unwrap());
    let own = key.log_request(b"hello", Some(&foreign));
    check(&own, None, 403, Some(7)).await;
    check(&own, Some(&publisher), 201, None).await;
    let mut wrong = request.clone();
    wrong["hashedRekordRequestV002"]["digest"] = json!(STANDARD.encode(digest(&SHA256, b"other")));
    check(&wrong, Some(&publisher), 400, Some(3)).await;
    check(&json!({}), None, 400, Some(3)).await;
    check(&json!({ "x": "a".repeat(1 << 20) }), None, 413, Some(3)).await;
    other.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn who_signed_is_told_where_our_authority_found_it_out() {
    let (server, other) = (TestServer::start().await, TestServer::start().await);
    let (key, publisher) = (Key::new(), format!("Bearer {}", server.token));
    let token = server.identity_token().await;
    let signer = claims(&token)["sub"].as_str().unwrap().to_owned();
    assert_eq!(claims(&other.identity_token().await)["sub"], signer.as_str());
    for (certifying, message) in [(&other, b"theirs"), (&server, b"ours!!")] {
        let token = certifying.identity_token().await;
        let request = key.certificate_request(&token);
        let answer = certifying.post_json("/-/ca/api/v2/signingCert", &request).await.json();
        let chain = &answer["signedCertificateEmbeddedSct"]["chain"]["certificates"];
        let body = key.log_request(message, Some(&der(chain[0].as_str().unwrap()))).to_string();
        let head = [("Authorization", publisher.as_str())];
        let path = "/-/log/api/v2/log/entries";
        let answer = server.post_with(path, JSON, body.as_bytes(), &head).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    published(&server, "log", 2).await;
    let search = async |query: &[(&str, &str)]| {
        let path = format!("/-/api/v1/log/entries?{}", encoded(query));
        let found = server.get(&path, &[]).await.json();
        let items = found["items"].as_array().unwrap().iter();
        items.map(|item| (item["index"].clone(), item["identity"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(search(&[("identity", &signer)]).await, [(json!(1), json!(signer))]);
    for (message, expected) in
        [(b"theirs", (json!(0), Value::Null)), (b"ours!!", (json!(1), json!(signer)))]
    {
        let digest = digest(&SHA256, message);
        let mut hexadecimal = String::new();
        for byte in digest.as_ref() {
            write!(hexadecimal, "{byte:02x}").unwrap();
        }
        assert_eq!(search(&[("digest", &hexadecimal)]).await, [expected]);
    }
    other.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn timestamps_in_both_forms() {
    const QUERY: &str = "application/timestamp-query";
    let server = TestServer::start().await;
    let path = "/-/tsa/api/v1/timestamp";
    let check = async |content_type: &str, body: &[u8], status: u16, reply: &str| {
        let answer = server.post(path, content_type, body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.field("content-type").as_deref(), Some(reply));
        answer.body
    };
    let reply = "application/timestamp-reply";
    let hash = STANDARD.encode(digest(&SHA256, b"hello"));
    let body = json!({ "artifactHash": hash, "hashAlgorithm": "sha256" }).to_string();
    let granted = check(JSON, body.as_bytes(), 201, reply).await;
    assert!(granted.len() > 500, "{} bytes", granted.len());
    // A refusal in DER is an answer; in JSON it is a status.
    let refused = check(QUERY, b"\x30\x00", 200, reply).await;
    assert!(refused.len() < 200, "{} bytes", refused.len());
    check(JSON, b"{}", 400, JSON).await;
    check("text/html", b"", 400, JSON).await;
    check(QUERY, &vec![0; 20_000], 413, JSON).await;
    server.stop().await;
}
